//! Application Load Balancers.

use super::class::{Class, DRAIN};
use super::client::Question;
use super::place::{self, Place};
use crate::Account;
use crate::testing::drive;
use gatewright_aws::alb::{AlbDriver, Request, Settings};
use gatewright_aws::swept::{Ages, Swept};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::rule::Action;
use gatewright_aws_core::network::{BalancerKind, Scheme, SecurityGroups};
use gatewright_aws_core::target_group::{Target as Pod, TargetAddress};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::Outcome;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Alb;

/// The driver of a kind, over what is known already.
pub(super) fn driver(kind: BalancerKind, account: &Account, cluster: &str) -> AlbDriver<Swept<Account>> {
    // What AWS is busy with is read by each run: time passes otherwise here.
    let ages = Ages {
        busy: Duration::ZERO,
        ..Ages::default()
    };
    let settings = Settings {
        cluster: cluster.into(),
        drain: DRAIN,
        vpc: None,
    };
    let cloud = Swept::new(account.clone(), cluster, ages);
    AlbDriver::of(kind, cloud, settings, place::now)
}

pub(super) fn request(target: &Target) -> Request {
    Request {
        target: target.clone(),
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    }
}

pub(super) fn pod(at: &SocketAddr) -> Pod {
    Pod {
        id: TargetAddress::Ip(at.ip()),
        port: at.port(),
        zone: None,
        quic_server: None,
    }
}

/// The same behind another load balancer: a scheme cannot be changed.
pub(super) fn replaced(form: &Target) -> Target {
    let mut form = form.clone();
    form.balancer.scheme = Scheme::Internal;
    form.balancer.name = format!("{}-internal", form.balancer.name).into();
    for group in form.target_groups.values_mut() {
        group.name = format!("{}-internal", group.name).into();
    }
    form
}

/// The name that is told.
pub(super) fn name(outcome: &Outcome) -> Option<String> {
    let mut told = outcome.addresses.assigned.iter();
    let name = told.find(|address| &*address.kind == "Hostname");
    name.map(|address| address.value.to_string())
}

/// Whether a name is of this form: what follows the load balancer's is AWS's own number.
pub(super) fn is_own(target: &Target, name: &str) -> bool {
    let own = format!("{}-", target.balancer.name);
    let rest = name.strip_prefix("internal-").unwrap_or(name).strip_prefix(&own);
    rest.is_some_and(|rest| !rest.starts_with("internal"))
}

/// The same with names of another cluster.
pub(super) fn of_another_cluster(mut target: Target) -> Target {
    target.balancer.name = format!("green-{}", target.balancer.name).into();
    if let SecurityGroups::Managed(group) = &mut target.balancer.security_groups {
        group.name = format!("green-{}", group.name).into();
    }
    for group in target.target_groups.values_mut() {
        group.name = format!("green-{}", group.name).into();
    }
    for store in target.trust_stores.values_mut() {
        store.name = format!("green-{}", store.name).into();
        store.place.key = store.place.key.replace("/test/", "/green/").into();
    }
    target
}

impl Class for Alb {
    const NAME: &'static str = "Application Load Balancer";
    const BUCKET: f64 = 8.0;
    type Target = Target;
    type Driver = AlbDriver<Swept<Account>>;

    fn driver(account: &Account, cluster: &str) -> Self::Driver {
        driver(BalancerKind::Application, account, cluster)
    }

    async fn forms(place: &Place<'_>) -> Vec<Target> {
        let mut first = drive::target(&place.account(&Arc::default())).await;
        for store in first.trust_stores.values_mut() {
            store.place.bucket = format!("gatewright-trust-{}", place.number).into();
        }
        for group in first.target_groups.values_mut() {
            group.targets = place.pods[..2].iter().map(pod).collect();
        }
        let mut second = first.clone();
        let listener = second.listeners.get_mut(&8080).unwrap();
        if let Action::Forward(forward) = &mut listener.rules[0].action {
            forward.groups.values_mut().for_each(|weight| *weight = 5);
        }
        listener.rules.pop();
        listener.rules.reverse();
        second.listeners.remove(&8443);
        second.certificates.clear();
        second.trust_stores.clear();
        second.tags.insert("team".into(), "other".into());
        for group in second.target_groups.values_mut() {
            group.targets = place.pods[1..].iter().map(pod).collect();
        }
        // The port that a target group was made with cannot be changed.
        let group = second.target_groups.values_mut().next().unwrap();
        group.name = format!("{}-b", group.name).into();
        group.fixed.port = 9090;
        let third = replaced(&second);
        vec![first, second, third]
    }

    fn request(target: &Target) -> Request {
        request(target)
    }

    fn gateway(target: &Target) -> &ObjectName {
        &target.gateway
    }

    fn name(outcome: &Outcome) -> Option<String> {
        name(outcome)
    }

    fn is_own(target: &Target, name: &str) -> bool {
        is_own(target, name)
    }

    fn of_another_cluster(target: Target) -> Target {
        of_another_cluster(target)
    }

    const QUESTION: Question = Question {
        host: "shop.example.com",
        path: "/cart",
        port: 8080,
    };
}
