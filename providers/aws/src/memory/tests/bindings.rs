//! Pods of a Service in a target group of somebody else.

use super::forms::{driver, http, pod, rule, settle};
use crate::cloud::{Action, Arn, Forward, Health, Kind, NewTargetGroup, RuleSettings, Tagging, TargetGroups};
use crate::memory::{Connection, Delays, Memory};
use crate::owner::{BINDING, CLUSTER, GATEWAY, Tags};
use gatewright_aws_core::alb::rule::Transforms;
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::target_group::{
    Fixed, HealthCheck, ProtocolVersion, Target, TargetAddress, TargetKind,
};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{
    Binding, Bound, BoxFuture, Driver, ErrorKind, Instance, Instances, Leave, Ledger, Member, Membership,
    Pool, ProviderError, Resource,
};
use gatewright_provider_api::suite::{Injected, drive};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// What was written down.
#[derive(Default)]
struct Book {
    members: Mutex<BTreeSet<Member>>,
    /// Whether it can be written.
    broken: bool,
}

impl Ledger for Book {
    fn record<'a>(
        &'a self,
        _: &'a str,
        members: &'a BTreeSet<Member>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        let answer = if self.broken {
            Err(ProviderError {
                kind: ErrorKind::Unavailable,
                resource: Resource {
                    kind: "object",
                    id: "b".into(),
                },
                message: "away".to_owned(),
            })
        } else {
            *self.members.lock().unwrap() = members.clone();
            Ok(())
        };
        Box::pin(std::future::ready(answer))
    }
}

struct Place {
    memory: Arc<Memory>,
    book: Book,
    group: Arn,
}

fn allowed() -> Tags {
    Tags::from([
        (CLUSTER.into(), "blue".into()),
        (BINDING.into(), "shop/cart".into()),
    ])
}

/// Somebody's target group `theirs` with a target of theirs, pod 200.
fn place(kind: TargetKind, tags: &Tags) -> Place {
    let delays = Delays {
        draining: 5,
        ..Delays::default()
    };
    let memory = Arc::new(Memory::new(AlbLimits::default(), delays));
    let theirs = Connection(Arc::clone(&memory));
    let new = NewTargetGroup {
        name: "theirs".into(),
        fixed: Fixed {
            protocol: "HTTP".into(),
            version: Some(ProtocolVersion::Http1),
            port: 80,
            kind,
            ipv6: false,
            control_port: None,
        },
        vpc: "vpc-1".into(),
        health: HealthCheck::default(),
        tags: tags.clone(),
    };
    let group = drive(theirs.create_target_group(&new)).unwrap().unwrap();
    let foreign = if kind == TargetKind::Ip {
        pod(200)
    } else {
        node("i-0000000000000ffff", 80)
    };
    drive(theirs.register(&group, &[foreign].into()))
        .unwrap()
        .unwrap();
    Place {
        memory,
        book: Book::default(),
        group,
    }
}

fn node(id: &str, port: u16) -> Target {
    Target {
        id: TargetAddress::Id(id.into()),
        port,
        zone: None,
        quic_server: None,
    }
}

fn pods(numbers: &[u8]) -> Option<Instances> {
    let pods = numbers.iter().map(|number| ([10, 0, 0, *number].into(), 8080));
    Some(Instances {
        pods: pods.collect(),
        ..Instances::default()
    })
}

impl Place {
    /// A run of a new process, which knows what is written down. `None`: it was killed.
    fn run(&self, instances: Option<Instances>) -> Option<Bound> {
        let binding = Binding {
            name: Some(ObjectName::new("shop", "cart")),
            group: "theirs".into(),
            instances,
            known: self.book.members.lock().unwrap().clone(),
        };
        let leave = Leave::always();
        let driver = driver(&self.memory, 0);
        let bound = drive(driver.bind(&leave, &binding, &self.book))?;
        // Whoever asked writes down what is left.
        if bound.unread.is_none() {
            *self.book.members.lock().unwrap() = bound.members.clone();
        }
        Some(bound)
    }

    /// Last parts of the addresses that are registered.
    fn registered(&self) -> Vec<String> {
        let connection = Connection(Arc::clone(&self.memory));
        let targets = drive(connection.targets(&self.group)).unwrap().unwrap();
        let registered = targets
            .into_iter()
            .filter(|(_, health)| *health != Health::Draining);
        registered
            .map(|(target, _)| match target.id {
                TargetAddress::Ip(address) => address.to_string().rsplit('.').next().unwrap().to_owned(),
                TargetAddress::Id(id) => id.to_string(),
            })
            .collect()
    }
}

#[test]
fn only_our_own_targets_come_and_go() {
    let place = place(TargetKind::Ip, &allowed());
    let bound = place.run(pods(&[1, 2])).unwrap();
    assert_eq!((bound.refused, bound.unread), (None, None));
    assert_eq!(bound.group, Some(place.group.0.clone()));
    assert_eq!(place.registered(), ["1", "2", "200"]);
    // Nothing to do: nothing is written.
    place.memory.calls().reset();
    assert_eq!(place.run(pods(&[1, 2])).unwrap().changes, []);
    assert_eq!(place.memory.calls().writes(), []);
    // A rollout.
    let bound = place.run(pods(&[2, 3])).unwrap();
    let words: Vec<&str> = bound
        .changes
        .iter()
        .map(|change| change.summary.as_str())
        .collect();
    assert_eq!(
        words,
        [
            "targets theirs: registered 10.0.0.3 port 8080",
            "targets theirs: deregistered 10.0.0.1 port 8080"
        ]
    );
    assert_eq!(place.registered(), ["2", "3", "200"]);
    // Somebody deregisters one of ours: it comes back.
    let theirs = Connection(Arc::clone(&place.memory));
    drive(theirs.deregister(&place.group, &[pod(3)].into()))
        .unwrap()
        .unwrap();
    place.run(pods(&[2, 3])).unwrap();
    assert_eq!(place.registered(), ["2", "3", "200"]);
    // The object goes: theirs stays.
    let bound = place.run(None).unwrap();
    assert_eq!(
        (bound.members.len(), place.registered()),
        (0, vec!["200".to_owned()])
    );
}

/// What pods that wait are told: as soon as a load balancer of somebody else uses the group, and as long as its owner allows it.
#[test]
fn a_pod_waits_for_the_load_balancer_that_uses_the_group() {
    let place = place(TargetKind::Ip, &allowed());
    let pool = || -> Option<Pool> {
        let membership = Membership {
            binding: ObjectName::new("shop", "cart"),
            service: ObjectName::new("shop", "cart"),
            group: "theirs".into(),
        };
        let driver = driver(&place.memory, 0);
        drive(driver.bound_pool(&membership)).unwrap().unwrap()
    };
    place.run(pods(&[1])).unwrap();
    assert_eq!(pool(), None, "nothing leads to it: nobody would ever be healthy");
    let balancer = http(&[("/*", &[("front", 1)])]);
    settle(&place.memory, &balancer);
    let (_, wanted) = balancer.listeners.first_key_value().unwrap();
    let theirs = RuleSettings {
        conditions: rule("/theirs", wanted.default.clone()).conditions,
        transforms: Transforms::default(),
        before: None,
        action: Action::Forward(Forward {
            groups: BTreeMap::from([(place.group.clone(), 1)]),
            stickiness_s: None,
        }),
    };
    place
        .memory
        .add_foreign_rule((&balancer.balancer.name, 80), 7, theirs);
    let found = pool().unwrap();
    assert_eq!(&*found.name, "theirs");
    let of = |found: &Pool, last: u8| found.instances.get(&[10, 0, 0, last].into()).copied();
    assert_eq!(of(&found, 1), Some(Instance::Healthy));
    assert_eq!(of(&found, 2), None);
    let connection = Connection(Arc::clone(&place.memory));
    let key = BTreeSet::from([BINDING.into()]);
    let removed = connection.remove_tags(Kind::TargetGroup, std::slice::from_ref(&place.group), &key);
    drive(removed).unwrap().unwrap();
    assert_eq!(pool(), None, "its owner does not allow it any more");
}

#[test]
fn the_owner_of_the_target_group_says_who_may() {
    for (tags, missing) in [
        (
            Tags::new(),
            "the tags gatewright.dev/cluster=blue and gatewright.dev/binding=shop/cart",
        ),
        (
            Tags::from([(CLUSTER.into(), "blue".into())]),
            "the tag gatewright.dev/binding=shop/cart",
        ),
        (
            Tags::from([
                (CLUSTER.into(), "green".into()),
                (BINDING.into(), "shop/cart".into()),
            ]),
            "the tag gatewright.dev/cluster=blue",
        ),
        (
            allowed()
                .into_iter()
                .chain([(GATEWAY.into(), "shop/edge".into())])
                .collect(),
            "belongs to a Gateway",
        ),
    ] {
        let place = place(TargetKind::Ip, &tags);
        let (reason, message) = place.run(pods(&[1])).unwrap().refused.unwrap();
        assert_eq!(reason, "NotPermitted");
        assert!(message.contains(missing), "{message}");
        assert_eq!(place.registered(), ["200"]);
    }
    // Allowed no more: what is registered stays, theirs and ours.
    let place = place(TargetKind::Ip, &allowed());
    place.run(pods(&[1])).unwrap();
    let theirs = Connection(Arc::clone(&place.memory));
    let keys = [BINDING.into()].into();
    let arns = [place.group.clone()];
    drive(theirs.remove_tags(crate::cloud::Kind::TargetGroup, &arns, &keys))
        .unwrap()
        .unwrap();
    assert!(place.run(None).unwrap().refused.is_some());
    assert_eq!(place.registered(), ["1", "200"]);
}

#[test]
fn nodes_are_bound_to_a_target_group_of_instances() {
    let place = place(TargetKind::Instance, &allowed());
    let nodes = |port| {
        let nodes = [
            ("a", "aws:///eu-central-1a/i-0123456789abcdef0"),
            ("fargate", "aws:///x/fargate-1"),
        ];
        Some(Instances {
            nodes: nodes
                .iter()
                .map(|(name, id)| ((*name).into(), (*id).into()))
                .collect::<BTreeMap<_, _>>(),
            node_port: port,
            ..Instances::default()
        })
    };
    let (reason, message) = place.run(nodes(None)).unwrap().refused.unwrap();
    assert!(
        reason == "NoNodePort" && message.contains("NodePort or LoadBalancer"),
        "{message}"
    );
    place.run(nodes(Some(30080))).unwrap();
    assert_eq!(place.registered(), ["i-0000000000000ffff", "i-0123456789abcdef0"]);
}

#[test]
fn a_target_group_that_is_not_there_is_named() {
    let place = place(TargetKind::Ip, &allowed());
    let binding = Binding {
        name: Some(ObjectName::new("shop", "cart")),
        group: "gone".into(),
        instances: pods(&[1]),
        known: BTreeSet::new(),
    };
    let bound = drive(driver(&place.memory, 0).bind(&Leave::always(), &binding, &place.book)).unwrap();
    assert_eq!(
        bound.refused.unwrap(),
        (
            "TargetGroupNotFound",
            "target group gone does not exist in this account and region".to_owned()
        )
    );
}

/// Whoever is not written down would never be deregistered.
#[test]
fn nothing_is_registered_that_is_not_written_down() {
    let mut place = place(TargetKind::Ip, &allowed());
    place.book.broken = true;
    let bound = place.run(pods(&[1])).unwrap();
    assert!(bound.unread.is_some());
    assert_eq!(place.registered(), ["200"]);
}

/// After a kill at any call, before or after it took effect, the next process gets there, and nothing of ours is left
/// when the object goes.
#[test]
fn a_process_that_dies_leaves_nothing_behind() {
    for carried_out in [false, true] {
        for at in 0..12 {
            let place = place(TargetKind::Ip, &allowed());
            place.run(pods(&[1, 2])).unwrap();
            place.memory.calls().inject(at, Injected::Kill { carried_out });
            let first = place.run(pods(&[2, 3]));
            place.memory.calls().reset();
            if first.is_some() {
                assert!(at >= 4, "call {at} was not made");
            }
            place.run(pods(&[2, 3])).unwrap();
            assert_eq!(place.registered(), ["2", "3", "200"], "after call {at}");
            place.memory.calls().inject(at, Injected::Kill { carried_out });
            let _ = place.run(None);
            place.memory.calls().reset();
            let bound = place.run(None).unwrap();
            assert_eq!(
                (place.registered(), bound.members.len()),
                (vec!["200".to_owned()], 0)
            );
        }
    }
}

/// A failure leaves what is not done in the ledger.
#[test]
fn what_could_not_be_deregistered_stays_ours() {
    let place = place(TargetKind::Ip, &allowed());
    place.run(pods(&[1, 2])).unwrap();
    for at in 0..8 {
        let failing = Injected::Error {
            kind: ErrorKind::Forbidden,
            carried_out: false,
        };
        place.memory.calls().inject(at, failing);
        let bound = place.run(pods(&[2])).unwrap();
        place.memory.calls().reset();
        let left = place.registered().contains(&"1".to_owned());
        let known = bound.members.iter().any(|member| &*member.id == "10.0.0.1");
        assert!(known || !left, "call {at}: {bound:?}");
    }
    place.run(pods(&[2])).unwrap();
    assert_eq!(place.registered(), ["2", "200"]);
}
