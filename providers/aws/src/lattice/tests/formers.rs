//! Services that get other names, and such as are in no network.

use super::super::memory::{Connection, Delays, Memory};
use super::{InMemory, OWN, Pod, Stages, add_host, bare, driver, request, settle};
use crate::cloud::Arn;
use crate::lattice::addresses::addresses;
use crate::lattice::cloud::{Networks as _, NewService};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::{Network, Service, ServiceId, Target};
use gatewright_provider_api::contract::{Driver as _, Outcome, Verdict, converge};
use gatewright_provider_api::suite::{drive, run};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const HOST: &str = "shop.example";

fn shop() -> Target {
    let mut target = bare();
    add_host(&mut target, HOST, &[("/a", &[("a", 1)]), ("/b", &[("b", 1)])]);
    target
}

fn name(target: &mut Target, id: &ServiceId, name: &str) {
    let service = target.services.get_mut(id).unwrap();
    let before = std::mem::replace(&mut service.name, name.into());
    // Names of target groups follow from that of their service.
    for group in target.target_groups.values_mut() {
        if let Some(rest) = group.name.strip_prefix(&*before) {
            group.name = format!("{name}{rest}").into();
        }
    }
}

/// All services have other names.
pub(super) fn renamed(mut target: Target) -> Target {
    name(&mut target, &ServiceId::own(), "edge");
    name(&mut target, &ServiceId(HOST.into()), "shop");
    target
}

/// Of each group a pod has gone, and another has come.
pub(super) fn rolled_out(mut target: Target) -> Target {
    for group in target.target_groups.values_mut() {
        let gone = group.targets.pop_first().unwrap();
        group.targets.insert(Pod { port: 9090, ..gone });
    }
    target
}

/// Targets of the groups of a service, by the rest of their names.
fn registered(memory: &Memory, service: &str) -> BTreeMap<Str, BTreeSet<Pod>> {
    let state = memory.state();
    let groups = state.groups.values();
    let of_service = groups.filter_map(|group| {
        let rest = group.new.name.strip_prefix(service)?;
        Some((rest.into(), group.targets.clone()))
    });
    of_service.collect()
}

/// Targets that groups of a service are to have, by the rest of their names.
fn wanted_of(target: &Target, service: &str) -> BTreeMap<Str, BTreeSet<Pod>> {
    let groups = target.target_groups.values();
    let of_service = groups.filter_map(|group| {
        let rest = group.name.strip_prefix(service)?;
        Some((rest.into(), group.targets.clone()))
    });
    of_service.collect()
}

/// Nothing is in a network.
pub(super) fn standalone(mut target: Target) -> Target {
    target.network = Network::None;
    target.vpc = None;
    for service in target.services.values_mut() {
        service.standalone = true;
    }
    target
}

/// Names come and go, and two services swap theirs.
struct Renamed;
impl Stages for Renamed {
    fn stages() -> Vec<Target> {
        let mut first = shop();
        add_host(&mut first, "pay.example", &[("/", &[("pay", 1)])]);
        let mut second = renamed(first.clone());
        second.tags.insert("team".into(), "net".into());
        let service = second.services.get_mut(&ServiceId(HOST.into())).unwrap();
        service.tags.insert("team".into(), "shop".into());
        let mut third = second.clone();
        name(&mut third, &ServiceId(HOST.into()), "gw-pay-example");
        name(&mut third, &ServiceId("pay.example".into()), "shop");
        vec![first, second, third]
    }
}

#[test]
fn names_that_change_keep_the_contract() {
    let report = run::<InMemory<Renamed>>();
    assert_eq!(report.failed, 0, "{report}");
}

/// One service leaves the network, all do, and they come back.
struct Alone;
impl Stages for Alone {
    fn stages() -> Vec<Target> {
        let first = shop();
        let mut second = first.clone();
        let service = second.services.get_mut(&ServiceId(HOST.into())).unwrap();
        service.standalone = true;
        vec![first.clone(), second, standalone(first)]
    }
}

#[test]
fn services_in_no_network_keep_the_contract() {
    let report = run::<InMemory<Alone>>();
    assert_eq!(report.failed, 0, "{report}");
}

fn services(memory: &Memory) -> BTreeSet<Str> {
    memory
        .state()
        .services
        .values()
        .map(|new| new.name.clone())
        .collect()
}

fn told(outcome: &Outcome) -> (Option<Str>, Option<Str>) {
    let own = outcome
        .addresses
        .assigned
        .first()
        .map(|found| found.value.clone());
    (own, outcome.addresses.names.get(&Str::from(HOST)).cloned())
}

/// Until a service with the new name serves, the former one does, and it is what is told; then it goes.
#[test]
fn a_service_with_another_name_is_made_before_the_former_one_goes() {
    let delays = Delays {
        status: 40,
        draining: 20,
        search: 5,
    };
    let memory = Arc::new(Memory::new(delays));
    let first = shop();
    let before = told(&settle(&memory, Some(&first)));
    assert_eq!(
        before,
        (
            Some("gw-own.on.aws".into()),
            Some("gw-shop-example.on.aws".into())
        )
    );
    let wanted = renamed(first);
    let mut both = false;
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let driver = driver(&memory);
        let outcome = drive(converge(&driver, &request(wanted.clone()))).unwrap();
        let (own, host) = told(&outcome);
        assert!(outcome.addresses.fault.is_none(), "{:?}", outcome.addresses);
        assert!(own.is_some() && host.is_some(), "{:?}", outcome.addresses);
        seen.insert((own, host));
        let names = services(&memory);
        both |= [OWN, "edge", "gw-shop-example", "shop"]
            .iter()
            .all(|name| names.contains(*name));
        if outcome.is_converged() && outcome.changes.is_empty() && outcome.again.is_none() {
            break;
        }
    }
    assert!(both, "{seen:?}");
    assert_eq!(services(&memory), ["edge".into(), "shop".into()].into());
    assert!(
        seen.contains(&(Some("edge.on.aws".into()), Some("shop.on.aws".into()))),
        "{seen:?}"
    );
}

/// Pods come and go while a service waits for its successor: they do in its groups too.
#[test]
fn pods_come_and_go_while_a_service_waits_for_its_successor() {
    let delays = Delays {
        status: 40,
        draining: 20,
        search: 5,
    };
    let memory = Arc::new(Memory::new(delays));
    settle(&memory, Some(&shop()));
    let renamed = renamed(shop());
    let later = rolled_out(renamed.clone());
    drive(converge(&driver(&memory), &request(renamed))).unwrap();
    let mut checked = 0;
    let mut last = Outcome::default();
    for _ in 0..200 {
        last = drive(converge(&driver(&memory), &request(later.clone()))).unwrap();
        if told(&last).1 == Some("gw-shop-example.on.aws".into()) {
            let found = registered(&memory, "gw-shop-example");
            assert_eq!(found, wanted_of(&later, "shop"), "{last:?}");
            checked += 1;
        }
        if last.is_converged() && last.changes.is_empty() && last.again.is_none() {
            break;
        }
    }
    assert!(checked > 1, "{last:?}");
    assert!(last.is_converged() && last.changes.is_empty(), "{last:?}");
    assert_eq!(told(&last).1, Some("shop.on.aws".into()));
    assert_eq!(registered(&memory, "gw-shop-example"), BTreeMap::new());
    assert_eq!(registered(&memory, "shop"), wanted_of(&later, "shop"));
}

/// A service that is renamed twice has two former ones, of which the later never came into the network.
#[test]
fn of_two_former_services_the_one_that_is_reached_is_told() {
    let memory = Arc::new(Memory::new(Delays::default()));
    settle(&memory, Some(&shop()));
    let host = ServiceId(HOST.into());
    let (mut second, mut third) = (shop(), shop());
    name(&mut second, &host, "shop");
    name(&mut third, &host, "shop-2");
    let driver = driver(&memory);
    drive(converge(&driver, &request(second))).unwrap();
    let mut observed = drive(driver.observe(&third.gateway)).unwrap().unwrap();
    let later = observed.service("shop").unwrap();
    assert!(later.associations.is_empty(), "{later:?}");
    // Whichever has the lower ARN.
    for first in ["shop", "gw-shop-example"] {
        let all = std::mem::take(&mut observed.services).into_values();
        let placed = all.map(|mut seen| {
            let place = u8::from(*seen.service.name != *first);
            seen.service.arn = Arn(format!("service/{place}-{}", seen.service.name).into());
            (seen.service.arn.clone(), seen)
        });
        observed.services = placed.collect();
        let found = addresses(&third, &observed);
        let told = found.names.get(HOST).map(|name| &**name);
        assert_eq!(told, Some("gw-shop-example.on.aws"), "{first} is the first");
    }
}

#[test]
fn names_that_are_swapped_come_to_an_end() {
    let memory = Arc::new(Memory::new(Delays::default()));
    for stage in Renamed::stages() {
        let outcome = settle(&memory, Some(&stage));
        assert!(
            outcome.is_converged() && outcome.changes.is_empty(),
            "{outcome:?}"
        );
        let wanted: BTreeSet<Str> = stage
            .services
            .values()
            .map(|service| service.name.clone())
            .collect();
        assert_eq!(services(&memory), wanted);
    }
}

/// Names that move on in a row: each service goes when its successor serves, and none before, as none waits for itself.
#[test]
fn names_that_move_on_in_a_row_leave_no_hostname_alone() {
    let delays = Delays {
        status: 40,
        draining: 20,
        search: 5,
    };
    let memory = Arc::new(Memory::new(delays));
    let target = |hosts: &[(&str, &str)]| {
        let mut target = bare();
        for (host, own) in hosts {
            // A backend of its own, so that no two groups have one name.
            let (backend, _) = host.split_once('.').unwrap();
            add_host(&mut target, host, &[("/", &[(backend, 1)])]);
            name(&mut target, &ServiceId((*host).into()), own);
        }
        target
    };
    settle(
        &memory,
        Some(&target(&[("a.example", "one"), ("b.example", "two")])),
    );
    let wanted = target(&[("a.example", "two"), ("b.example", "three"), ("c.example", "one")]);
    let mut last = Outcome::default();
    for _ in 0..400 {
        last = drive(converge(&driver(&memory), &request(wanted.clone()))).unwrap();
        let names = &last.addresses.names;
        for host in ["a.example", "b.example"] {
            assert!(names.contains_key(host), "nothing serves {host}: {last:?}");
        }
        if last.is_converged() && last.changes.is_empty() && last.again.is_none() {
            break;
        }
    }
    assert!(last.is_converged() && last.changes.is_empty(), "{last:?}");
    let told: Vec<&str> = last.addresses.names.values().map(|name| &**name).collect();
    assert_eq!(told, ["two.on.aws", "three.on.aws", "one.on.aws"]);
    assert_eq!(
        services(&memory),
        [OWN.into(), "one".into(), "two".into(), "three".into()].into()
    );
}

/// Somebody else has a service of this name.
fn plant_service(memory: &Memory, name: &str) -> (Arn, NewService) {
    let theirs = Arn("service/theirs".into());
    let new = NewService {
        name: name.into(),
        domain: None,
        certificate: None,
        auth: crate::lattice::cloud::Auth::None,
        tags: Tags::new(),
    };
    memory.state().services.insert(theirs.clone(), new.clone());
    memory.state().tags.insert(theirs.clone(), Tags::new());
    (theirs, new)
}

/// The former one goes on to serve, with the pods that there are, and nothing of the other is touched.
#[test]
fn a_name_that_somebody_else_has_is_told_and_left_to_them() {
    let memory = Arc::new(Memory::new(Delays::default()));
    settle(&memory, Some(&shop()));
    let (theirs, new) = plant_service(&memory, "shop");
    let mut wanted = shop();
    name(&mut wanted, &ServiceId(HOST.into()), "shop");
    let outcome = settle(&memory, Some(&wanted));
    let failed = outcome.changes.iter().find_map(|change| match &change.verdict {
        Verdict::Failed(error) => Some(error.message.clone()),
        Verdict::Done | Verdict::Skipped(_) => None,
    });
    assert!(
        failed
            .as_deref()
            .is_some_and(|why| why.contains("services[].name")),
        "{outcome:?}"
    );
    assert_eq!(told(&outcome).1, Some("gw-shop-example.on.aws".into()));
    let later = rolled_out(wanted);
    let outcome = settle(&memory, Some(&later));
    assert_eq!(told(&outcome).1, Some("gw-shop-example.on.aws".into()));
    let found = registered(&memory, "gw-shop-example");
    assert_eq!(found, wanted_of(&later, "shop"), "{outcome:?}");
    let kinds: BTreeSet<&str> = outcome
        .changes
        .iter()
        .map(|change| change.resource.kind)
        .collect();
    assert!(!kinds.contains("targets"), "{outcome:?}");
    assert_eq!(memory.state().services.get(&theirs), Some(&new));
    assert_eq!(memory.state().tags.get(&theirs), Some(&Tags::new()));
}

/// A group takes no targets of another VPC, and it has no use for them.
#[test]
fn a_former_group_of_another_vpc_keeps_its_targets() {
    let memory = Arc::new(Memory::new(Delays::default()));
    settle(&memory, Some(&shop()));
    let before = registered(&memory, "gw-shop-example");
    plant_service(&memory, "shop");
    let mut wanted = rolled_out(shop());
    name(&mut wanted, &ServiceId(HOST.into()), "shop");
    wanted.home = "vpc-2".into();
    settle(&memory, Some(&wanted));
    assert_eq!(registered(&memory, "gw-shop-example"), before);
    assert_eq!(registered(&memory, "shop"), wanted_of(&wanted, "shop"));
}

/// Whoever associates it with a network of theirs is left alone.
#[test]
fn a_network_of_somebody_else_keeps_a_service_that_is_in_none_of_ours() {
    let memory = Arc::new(Memory::new(Delays::default()));
    let mut wanted = shop();
    wanted
        .services
        .get_mut(&ServiceId(HOST.into()))
        .unwrap()
        .standalone = true;
    settle(&memory, Some(&wanted));
    memory.plant("theirs", &Tags::new());
    let (network, service) = {
        let state = memory.state();
        let mut networks = state.networks.iter();
        let (network, _) = networks.find(|(_, (name, _))| **name == *"theirs").unwrap();
        let mut services = state.services.iter();
        let (service, _) = services.find(|(_, new)| *new.name == *"gw-shop-example").unwrap();
        (network.clone(), service.clone())
    };
    let tags = Tags::new();
    drive(Connection(Arc::clone(&memory)).associate_service(&network, &service, &tags))
        .unwrap()
        .unwrap();
    let before = memory.contents();
    let outcome = settle(&memory, Some(&wanted));
    assert!(
        outcome.is_converged() && outcome.changes.is_empty(),
        "{outcome:?}"
    );
    assert_eq!(memory.contents(), before);
}

/// Whoever associates it later finds it by its ARN.
#[test]
fn a_service_in_no_network_tells_its_name_and_arn() {
    let memory = Arc::new(Memory::new(Delays::default()));
    let wanted = standalone(shop());
    let outcome = settle(&memory, Some(&wanted));
    assert!(
        outcome.is_converged() && outcome.changes.is_empty(),
        "{outcome:?}"
    );
    assert_eq!(
        told(&outcome),
        (
            Some("gw-own.on.aws".into()),
            Some("gw-shop-example.on.aws".into())
        )
    );
    let arns: BTreeMap<Str, Str> = wanted
        .services
        .iter()
        .map(|(id, Service { name, .. })| {
            let state = memory.state();
            let mut found = state.services.iter();
            let (arn, _) = found.find(|(_, new)| new.name == *name).unwrap();
            (id.0.clone(), arn.0.clone())
        })
        .collect();
    assert_eq!(outcome.addresses.resources, arns);
    assert!(memory.state().vpcs.is_empty());
}
