//! Services of VPC Lattice.

use super::alb::pod;
use super::class::Class;
use super::client::Question;
use super::place::Place;
use crate::Account;
use crate::ec2::Filter;
use crate::testing::lattice::{self, HOST, PLAIN, SECURE};
use gatewright_aws::lattice::swept::Swept;
use gatewright_aws::lattice::{LatticeDriver, Request, Settings};
use gatewright_aws::swept::Ages;
use gatewright_aws_core::lattice::{Access, Action, Health, Network, ServiceId, Target};
use gatewright_aws_core::target_group::TargetGroupId;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::Outcome;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Lattice;

/// Rules, checks, targets, tags, listeners and who may call.
fn edited(first: &Target, place: &Place<'_>) -> Target {
    let mut form = first.clone();
    let shop = form.services.get_mut(&ServiceId(HOST.into())).unwrap();
    let plain = shop.listeners.get_mut(&PLAIN).unwrap();
    for rule in &mut plain.rules {
        if let Action::Forward(groups) = &mut rule.action {
            groups.values_mut().for_each(|weight| *weight = 5);
        }
    }
    plain.rules.pop();
    plain.rules.reverse();
    plain.default = Action::Fixed(500);
    shop.listeners.remove(&SECURE);
    let group = form.target_groups.get_mut(&TargetGroupId("two".into())).unwrap();
    if let Health::On(check, _) = &mut group.health {
        check.path = Some("/healthz".into());
    }
    for group in form.target_groups.values_mut() {
        group.targets = place.pods[1..].iter().map(pod).collect();
    }
    // The port that a target group was made with cannot be changed.
    let group = form.target_groups.get_mut(&TargetGroupId("one".into())).unwrap();
    group.name = "gw-infra-edge-one-b".into();
    group.fixed.port = 9090;
    form.tags.insert("team".into(), "other".into());
    let anybody = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
    form.network = Network::Own {
        name: "gw-infra-edge".into(),
        access: Access {
            policy: Some(anybody.into()),
            logs: ["arn:aws:s3:::shop-logs".into()].into(),
        },
    };
    form
}

impl Class for Lattice {
    const NAME: &'static str = "VPC Lattice";
    const BUCKET: f64 = 24.0;
    type Target = Target;
    type Driver = LatticeDriver<Swept<Account>>;

    fn driver(account: &Account, cluster: &str) -> Self::Driver {
        // What AWS is busy with is read by each run: time passes otherwise here.
        let ages = Ages {
            busy: Duration::ZERO,
            ..Ages::default()
        };
        let settings = Settings {
            cluster: cluster.into(),
            vpc: None,
        };
        LatticeDriver::new(Swept::new(account.clone(), cluster, ages), settings)
    }

    async fn forms(place: &Place<'_>) -> Vec<Target> {
        let cloud = place.account(&Arc::default());
        let vpcs = cloud.ec2().vpcs(&[] as &[Filter]).await.unwrap();
        let mut first = lattice::target(&vpcs[0].id.as_str().into(), (place.pods[0], place.pods[1]));
        for group in first.target_groups.values_mut() {
            group.targets = place.pods[..2].iter().map(pod).collect();
        }
        let second = edited(&first, place);
        // Another network: a VPC has one at a time, so that it cannot have both meanwhile.
        let mut third = second.clone();
        third.network = Network::Own {
            name: "gw-infra-edge-2".into(),
            access: Access::default(),
        };
        third.vpc = None;
        vec![first, second, third]
    }

    fn request(target: &Target) -> Request {
        Request {
            target: target.clone(),
            unsupported: Vec::new(),
            quotas: Vec::new(),
            fault: None,
        }
    }

    fn gateway(target: &Target) -> &ObjectName {
        &target.gateway
    }

    fn name(outcome: &Outcome) -> Option<String> {
        let mut names = outcome.addresses.names.iter();
        let told = names.find(|(host, _)| &***host == HOST);
        told.map(|(_, name)| name.to_string())
    }

    fn is_own(_: &Target, _: &str) -> bool {
        true
    }

    fn of_another_cluster(mut target: Target) -> Target {
        if let Network::Own { name, .. } = &mut target.network {
            *name = format!("green-{name}").into();
        }
        // A VPC has one service network.
        target.vpc = None;
        for service in target.services.values_mut() {
            service.name = format!("green-{}", service.name).into();
        }
        for group in target.target_groups.values_mut() {
            group.name = format!("green-{}", group.name).into();
        }
        target
    }

    const QUESTION: Question = Question {
        host: HOST,
        path: "/one",
        port: PLAIN,
    };
}
