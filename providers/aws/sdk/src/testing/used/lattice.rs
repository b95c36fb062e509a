//! Services of VPC Lattice.

use super::{Ground, wanted};
use crate::Account;
use crate::testing::lattice::{HOST, PLAIN, backend, edit, settle, take_away, target};
use gatewright_aws::cloud::Network as _;
use gatewright_aws::lattice::swept::Swept;
use gatewright_aws::lattice::{LatticeDriver, Settings};
use gatewright_aws::swept::Ages;
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::{Access, Action, Network, ServiceId};
use gatewright_core::graph::parameters::Parameters;
use gatewright_model::listener::Protocol;
use gatewright_provider_api::contract::Prepare as _;
use std::collections::BTreeSet;
use std::time::Duration;

/// A process that knows nothing.
fn process(ground: &Ground, vpc: &Str) -> LatticeDriver<Swept<Account>> {
    let ages = Ages {
        busy: Duration::from_millis(20),
        ..Ages::default()
    };
    let settings = Settings {
        cluster: "test".into(),
        vpc: Some(vpc.clone()),
    };
    LatticeDriver::new(Swept::new(ground.drivers.clone(), "test", ages), settings)
}

pub(super) async fn lives(ground: &Ground) {
    let users = &ground.users;
    let vpc = ground.vpc().await;
    let default = users
        .security_group_named(&vpc, "default")
        .await
        .unwrap()
        .unwrap();
    let mut target = target(&vpc, (backend("one").await, backend("two").await));
    let prepared = process(ground, &vpc)
        .prepare(&wanted(Protocol::Https, Parameters::None))
        .await;
    prepared.unwrap();

    ground.searches_lag(true);
    settle(&process(ground, &vpc), &target).await;
    let driver = process(ground, &vpc);
    settle(&driver, &target).await;
    ground.searches_lag(false);

    let shop = target.services.get_mut(&ServiceId(HOST.into())).unwrap();
    for rule in &mut shop.listeners.get_mut(&PLAIN).unwrap().rules {
        if let Action::Forward(groups) = &mut rule.action {
            groups.values_mut().for_each(|weight| *weight = 7);
        }
    }
    shop.access.policy = Some(r#"{"Statement":[]}"#.into());
    let link = target.vpc.as_mut().unwrap();
    link.security_groups = BTreeSet::from([default.id.0.clone()]);
    settle(&driver, &target).await;
    edit(&mut target);
    settle(&driver, &target).await;
    target.network = Network::Own {
        name: "gw-infra-edge".into(),
        access: Access::default(),
    };
    target.services.remove(&ServiceId(HOST.into()));
    target.target_groups.clear();
    target.certificates.clear();
    target.vpc = None;
    settle(&driver, &target).await;
    take_away(&driver, users, &target).await;
}
