//! From one cluster with our controller to another.

use super::super::super::memory::Memory;
use super::super::formers::rolled_out;
use super::super::{add_host, bare, driver, request};
use super::{CART, HOST, Process, account, cloud, done, found, offer, picture, settle, wanted};
use crate::cloud::Arn;
use crate::lattice::cloud::{Auth, Networks as _, Services as _};
use crate::lattice::driver::{LatticeDriver, Settings};
use crate::owner::{Owner, Tags};
use gatewright_aws_core::lattice::{Network, ServiceId, Target};
use gatewright_provider_api::contract::{ErrorKind, converge, remove};
use gatewright_provider_api::suite::drive;
use std::sync::Arc;

/// A Gateway of the cluster "green", whose controller is ours as well.
fn of_green(network: &Arn) -> Target {
    let mut target = bare();
    target.network = Network::Given(network.0.clone());
    target.vpc = None;
    target.services.get_mut(&ServiceId::own()).unwrap().name = "gw-own-green".into();
    add_host(
        &mut target,
        HOST,
        &[("/cart", &[("cart", 1)]), ("/", &[("front", 1)])],
    );
    target
}

fn green(memory: &Arc<Memory>) -> Process {
    let settings = Settings {
        cluster: "green".into(),
        vpc: None,
    };
    LatticeDriver::new(cloud(memory), settings)
}

/// From the moment at which it is offered the former controller leaves it alone, whatever happens, and keeps its target groups.
#[test]
fn a_service_goes_from_one_cluster_to_another() {
    let memory = account();
    let network = done(cloud(&memory).create_network("shared", Auth::None, &Tags::new()));
    let target = of_green(&network);
    let former = green(&memory);
    for _ in 0..6 {
        drive(converge(&former, &request(target.clone()))).unwrap();
    }
    let service = done(cloud(&memory).service_named("gw-shop-example")).unwrap();
    let owner = Owner {
        cluster: "blue".into(),
        gateway: target.gateway.clone(),
    };
    let before = picture(&memory, &service, None);
    offer(&memory, &service, &owner.offer());
    let offered = picture(&memory, &service, None);
    assert_ne!(offered, before);

    // Pods, routes and the whole Gateway come and go.
    let mut later = rolled_out(target.clone());
    later.tags.insert("team".into(), "shop".into());
    for wanted in [&later, &bare_of(&later)] {
        let outcome = drive(converge(&former, &request(wanted.clone()))).unwrap();
        assert!(outcome.is_converged(), "{outcome:?}");
        assert_eq!(picture(&memory, &service, None), offered);
        check_groups(&memory, &service);
    }
    let outcome = drive(converge(&former, &request(later.clone()))).unwrap();
    let told = outcome.addresses.fault.unwrap();
    assert!(
        told.message
            .contains("is offered to blue/infra/edge and left as it is"),
        "{told:?}"
    );
    let gone = Arc::new(memory.copy());
    for _ in 0..6 {
        let outcome = drive(remove(&green(&gone), &target.gateway)).unwrap();
        assert!(outcome.is_converged(), "{outcome:?}");
    }
    assert_eq!(picture(&gone, &service, None), offered);
    check_groups(&gone, &service);

    let wanted = wanted(&service, "gw-shop-example", &network);
    settle(&driver(&memory), &wanted, || check_groups(&memory, &service)).unwrap();
    assert_eq!(found(&memory, &service, "/cart"), [CART.into()].into());
    let taken = picture(&memory, &service, None);

    // The former one finds that it is another's now, says so, and goes without it.
    let outcome = drive(converge(&former, &request(later))).unwrap();
    let mut errors = outcome.errors();
    assert!(
        errors.any(|error| error.kind == ErrorKind::NotOurs),
        "{outcome:?}"
    );
    for _ in 0..6 {
        drive(remove(&former, &target.gateway)).unwrap();
    }
    assert_eq!(picture(&memory, &service, None), taken);
    let contents = memory.contents();
    let left = contents
        .keys()
        .filter(|found| found.id.starts_with("gw-shop-example-"));
    assert_eq!(left.count(), 0, "{contents:?}");
    assert!(settle(&driver(&memory), &wanted, || ()).is_some());
}

/// Without routes.
fn bare_of(target: &Target) -> Target {
    let mut target = target.clone();
    target.services.retain(|id, _| *id == ServiceId::own());
    target.target_groups.clear();
    target
}

/// Whatever the service leads to has targets.
fn check_groups(memory: &Memory, service: &Arn) {
    for path in ["/cart", "/"] {
        assert_eq!(found(memory, service, path).len(), 1);
    }
}
