//! What plans of edits say, word by word (`goldens/plans/lattice-…`), and what Events say when others changed something
//! (`goldens/drift/lattice`).

use super::super::memory::{Delays, Memory};
use super::super::step::{Call, Step};
use super::{add_host, bare, certificate, driver, formers, request, settle};
use crate::goldens;
use crate::lattice::cloud::Action as Seen;
use crate::owner::FINGERPRINT;
use gatewright_aws_core::lattice::{Access, CheckVersion, Health, Network, PathMatch, ServiceId, Target};
use gatewright_aws_core::target_group::HealthCheck;
use gatewright_provider_api::contract::Resource;
use std::sync::Arc;

type Edit = fn(Target) -> Option<Target>;
type Deed = fn(&Memory);

fn shop(rules: &[(&str, &[(&str, u16)])]) -> Target {
    let mut target = bare();
    add_host(&mut target, "shop.example", rules);
    target
}

const RULES: &[(&str, &[(&str, u16)])] = &[
    ("/a", &[("a", 9), ("b", 1)]),
    ("/b", &[("b", 1)]),
    ("/c", &[("c", 1)]),
];

const EDITS: &[(&str, Edit)] = &[
    ("nothing", Some),
    ("weight", |_| {
        let mut rules = RULES.to_vec();
        rules[0].1 = &[("a", 1), ("b", 9)];
        Some(shop(&rules))
    }),
    ("route-to-a-known-backend", |_| {
        let mut rules = RULES.to_vec();
        rules.insert(1, ("/new", &[("c", 1)]));
        Some(shop(&rules))
    }),
    ("route-to-a-new-backend", |_| {
        let mut rules = RULES.to_vec();
        rules.push(("/new", &[("new", 1)]));
        Some(shop(&rules))
    }),
    ("rules-in-another-order", |_| {
        let mut rules = RULES.to_vec();
        rules.rotate_left(1);
        Some(shop(&rules))
    }),
    ("route-gone", |_| Some(shop(&RULES[..2]))),
    ("host", |mut target| {
        add_host(&mut target, "pay.example", &[("/", &[("pay", 1)])]);
        certificate(&mut target, "pay.example", "RSA-1");
        Some(target)
    }),
    ("host-gone", |_| Some(bare())),
    ("access", |mut target| {
        target.network = Network::Own {
            name: "gw-network".into(),
            access: Access {
                policy: Some(r#"{"Version":"2012-10-17"}"#.into()),
                logs: ["arn:aws:logs:::log-group:a".into()].into(),
            },
        };
        Some(target)
    }),
    ("service-renamed", |target| Some(formers::renamed(target))),
    ("tags-of-a-service", |mut target| {
        let id = ServiceId("shop.example".into());
        let tags = [("team".into(), "shop".into())];
        target.services.get_mut(&id).unwrap().tags = tags.clone().into();
        for group in target.target_groups.values_mut() {
            group.tags = tags.clone().into();
        }
        Some(target)
    }),
    ("standalone", |target| Some(formers::standalone(target))),
    ("checks", |mut target| {
        for (number, group) in target.target_groups.values_mut().enumerate() {
            group.health = match number {
                0 => Health::Off,
                _ => Health::On(HealthCheck::default(), CheckVersion::Http2),
            };
        }
        Some(target)
    }),
    ("gone", |_| None),
];

fn priority(step: &Step) -> Option<u16> {
    match step.call {
        Call::CreateRule { priority, .. } => Some(priority),
        _ => None,
    }
}

fn account() -> Arc<Memory> {
    Arc::new(Memory::new(Delays::default()))
}

#[test]
fn edits_are_planned_as_their_goldens_say() {
    let first = shop(RULES);
    let mut wrong = Vec::new();
    let mut compare = |name: &str, memory: &Arc<Memory>, wanted: Option<&Target>| {
        let found = goldens::plan(&driver(memory), (&first.gateway, wanted), priority);
        goldens::compare(&format!("plans/lattice-{name}"), &found, &mut wrong);
    };
    compare("new", &account(), Some(&first));
    for (name, edit) in EDITS {
        let memory = account();
        settle(&memory, Some(&first));
        compare(name, &memory, edit(first.clone()).as_ref());
    }
    goldens::none(&wrong);
}

const DEEDS: &[(&str, Deed)] = &[
    ("weights of a rule are changed", |memory| {
        for (_, rule) in memory.state().rules.values_mut() {
            // One group alone gets all, whatever its weight.
            if let Seen::Forward(groups) = &mut rule.action
                && groups.len() > 1
            {
                groups.values_mut().for_each(|weight| *weight = 5);
            }
        }
    }),
    ("a rule takes other paths", |memory| {
        let mut state = memory.state();
        let (_, rule) = state.rules.values_mut().next().unwrap();
        rule.conditions.path = Some(PathMatch::Prefix("/theirs".into()));
    }),
    ("rules change places", |memory| {
        let mut state = memory.state();
        let mut rules = state.rules.values_mut();
        let (one, other) = (&mut rules.next().unwrap().1, &mut rules.next().unwrap().1);
        std::mem::swap(&mut one.priority, &mut other.priority);
    }),
    ("a listener answers otherwise", |memory| {
        let mut state = memory.state();
        for (_, listener) in state.listeners.values_mut() {
            if listener.port == 80 {
                listener.default = Seen::Fixed(500);
            }
        }
    }),
    ("the value of a tag is changed", |memory| {
        let mut state = memory.state();
        let own = state.services.iter().find(|(_, new)| *new.name == *super::OWN);
        let arn = own.unwrap().0.clone();
        state
            .tags
            .get_mut(&arn)
            .unwrap()
            .insert("team".into(), "theirs".into());
    }),
    ("the auth policy is another", |memory| {
        for policy in memory.state().policies.values_mut() {
            *policy = r#"{"Version":"2008-10-17"}"#.into();
        }
    }),
    ("access is not logged any more", |memory| {
        memory.state().logs.clear();
    }),
    ("security groups of the VPC's association are changed", |memory| {
        for link in memory.state().vpcs.values_mut() {
            link.groups = ["sg-theirs".into()].into();
        }
    }),
    ("a service has another certificate", |memory| {
        let mut state = memory.state();
        for new in state.services.values_mut() {
            if new.certificate.is_some() {
                new.certificate = Some(crate::cloud::Arn("certificate/theirs".into()));
            }
        }
    }),
    (
        "the tag of a certificate is changed, by which it is compared",
        |memory| {
            let mut state = memory.state();
            let arn = state.certificates.keys().next().unwrap().clone();
            let tags = state.tags.get_mut(&arn).unwrap();
            tags.insert(FINGERPRINT.into(), "theirs".into());
        },
    ),
    ("targets are changed", |memory| {
        for group in memory.state().groups.values_mut() {
            group.targets.pop_first();
        }
    }),
    ("a service is deleted", |memory| {
        memory.lose(&Resource {
            kind: "service",
            id: "gw-shop-example".into(),
        });
    }),
];

fn all() -> Target {
    let mut target = shop(&RULES[..2]);
    add_host(&mut target, "pay.example", &[]);
    certificate(&mut target, "pay.example", "RSA-1");
    target.tags.insert("team".into(), "net".into());
    target.network = Network::Own {
        name: "gw-network".into(),
        access: Access {
            policy: Some(r#"{"Version":"2012-10-17"}"#.into()),
            logs: ["arn:aws:logs:::log-group:a".into()].into(),
        },
    };
    target.vpc.as_mut().unwrap().security_groups = ["sg-1".into()].into();
    target
}

#[test]
fn events_say_what_others_changed() {
    let wanted = all();
    let mut text = String::new();
    for (what, deed) in DEEDS {
        let memory = account();
        settle(&memory, Some(&wanted));
        let before = memory.contents();
        deed(&memory);
        let process = driver(&memory);
        goldens::mended(&mut text, what, (&process, &request(wanted.clone())));
        settle(&memory, Some(&wanted));
        assert_eq!(memory.contents(), before, "{what}");
    }
    let mut wrong = Vec::new();
    goldens::compare("drift/lattice", &text, &mut wrong);
    goldens::none(&wrong);
}
