//! The security group that load balancers share, and the rules of nodes' groups.

use super::forms::{
    add_listener, bare, driver, end, http, managed, pod, request, run, settle, swept_driver, writes,
};
use super::partial::slow;
use crate::alb::{AlbDriver, Request, plan};
use crate::cloud::{Arn, Network};
use crate::memory::{Connection, Delays, Memory};
use crate::owner::{CLUSTER, GATEWAY, PORTS, RESOURCE, Tags, shared};
use crate::swept::Swept;
use gatewright_aws_core::Str;
use gatewright_aws_core::access::{Access, Backend, Ports, SharedGroup};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::network::{BalancerKind, Scheme, SecurityGroups};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Driver, ErrorKind, Resource, remove};
use gatewright_provider_api::suite::{Calls, Injected, World, drive, run as run_suite};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NODES: &str = "sg-given-2";

/// With the shared group.
pub(super) fn sharing(mut target: Target) -> Target {
    target.balancer.access.backend = Some(Backend::Shared(SharedGroup {
        name: "gw-backends".into(),
        nodes: [NODES.into()].into(),
    }));
    target
}

/// Targets at this port.
pub(super) fn at(mut target: Target, port: u16) -> Target {
    for group in target.target_groups.values_mut() {
        group.targets = group
            .targets
            .iter()
            .map(|target| gatewright_aws_core::target_group::Target {
                port,
                ..target.clone()
            })
            .collect();
    }
    target
}

/// Of another Gateway.
pub(super) fn named(mut target: Target, name: &str) -> Target {
    target.gateway = ObjectName::new("infra", name);
    target.balancer.name = format!("gw-{name}").into();
    if let SecurityGroups::Managed(group) = &mut target.balancer.security_groups {
        group.name = format!("gw-{name}-clients").into();
    }
    for group in target.target_groups.values_mut() {
        group.name = format!("{}-{name}", group.name).into();
    }
    target
}

pub(super) fn given() -> Arc<Memory> {
    let memory = Memory::new(AlbLimits::default(), Delays::default());
    memory.give_nodes("blue");
    Arc::new(memory)
}

/// What the group of nodes lets in of other groups.
fn let_in(memory: &Arc<Memory>) -> Vec<String> {
    let nodes = drive(Connection(Arc::clone(memory)).node_groups("blue"));
    let nodes = nodes.unwrap().unwrap();
    let ports = nodes.iter().flat_map(|group| &group.from_groups);
    ports.map(|(_, ports)| ports.to_string()).collect()
}

fn exists(memory: &Arc<Memory>, name: &str) -> bool {
    memory.contents().keys().any(|resource| &*resource.id == name)
}

/// The group of nodes is its owner's, rules in it that name the shared one are not: told as a thing of their own.
fn apart(mut contents: BTreeMap<Resource, String>) -> BTreeMap<Resource, String> {
    let nodes = contents.iter_mut().find(|(resource, _)| &*resource.id == NODES);
    let rules = nodes.map(|(_, text)| std::mem::replace(text, "given over".to_owned()));
    if let Some(rules) = rules.filter(|rules| rules.contains(" from ")) {
        let resource = Resource {
            kind: "rules",
            id: NODES.into(),
        };
        contents.insert(resource, rules);
    }
    contents
}

struct Sharing(Arc<Memory>);

impl World for Sharing {
    type Driver = AlbDriver<Connection>;

    fn empty() -> Self {
        Self(given())
    }

    fn copy(&self) -> Self {
        Self(Arc::new(self.0.copy()))
    }

    fn is_like(&self, other: &Self) -> bool {
        self.0.is_like(&other.0)
    }

    fn driver(&self) -> Self::Driver {
        driver(&self.0, 0)
    }

    fn stages() -> Vec<Request> {
        let first = sharing(http(&[("/*", &[("front", 1)])]));
        // Another port, groups of users instead, none at all, and another load balancer.
        let second = at(first.clone(), 9090);
        let mut third = http(&[("/*", &[("front", 1)])]);
        third.balancer.access.backend = Some(Backend::Given(["sg-given-1".into()].into()));
        let mut public = bare();
        public.balancer.name = "gw-public".into();
        public.balancer.scheme = Scheme::InternetFacing;
        let mut public = managed(public, &[80]);
        add_listener(&mut public, 80, &[("/*", &[("front", 1)])]);
        [first, second, third, sharing(public), bare()]
            .map(request)
            .into()
    }

    fn calls(&self) -> &Calls {
        self.0.calls()
    }

    fn contents(&self) -> BTreeMap<Resource, String> {
        apart(self.0.contents())
    }

    fn plant_foreign(&self) {
        let marks = |cluster: &str, gateway: &str, ports: &str| {
            Tags::from([
                (CLUSTER.into(), cluster.into()),
                (GATEWAY.into(), gateway.into()),
                (RESOURCE.into(), "load balancer".into()),
                (PORTS.into(), ports.into()),
            ])
        };
        self.0.plant("nobodys", &Tags::new());
        self.0
            .plant("other-vpc", &marks("blue", "infra/edge-2", "vpc-2 tcp/1"));
        self.0
            .plant("other-cluster", &marks("green", "infra/edge", "vpc-1 tcp/2"));
    }

    fn lose(&self, resource: &Resource) {
        if !resource.id.starts_with("sg-given") {
            self.0.lose(resource);
        }
    }

    fn damage(&self, resource: &Resource) -> bool {
        !resource.id.starts_with("sg-given") && self.0.damage(resource)
    }

    fn order() -> &'static [&'static str] {
        &plan::ORDER
    }
}

#[test]
fn sharing_a_group_keeps_the_contract() {
    let report = run_suite::<Sharing>();
    assert_eq!(report.failed, 0, "{report}");
    assert!(report.checks > 1000, "{report}");
}

/// The same, with a driver that reads through what it knows already.
struct Remembered(Sharing);

impl World for Remembered {
    type Driver = AlbDriver<Swept<Connection>>;

    fn empty() -> Self {
        Self(Sharing::empty())
    }

    fn copy(&self) -> Self {
        Self(self.0.copy())
    }

    fn is_like(&self, other: &Self) -> bool {
        self.0.is_like(&other.0)
    }

    fn driver(&self) -> Self::Driver {
        swept_driver(&self.0.0)
    }

    fn stages() -> Vec<Request> {
        let mut stages = Sharing::stages();
        stages.truncate(2);
        stages
    }

    fn calls(&self) -> &Calls {
        self.0.calls()
    }

    fn contents(&self) -> BTreeMap<Resource, String> {
        self.0.contents()
    }

    fn plant_foreign(&self) {
        self.0.plant_foreign();
    }

    fn lose(&self, resource: &Resource) {
        self.0.lose(resource);
    }

    fn damage(&self, resource: &Resource) -> bool {
        self.0.damage(resource)
    }

    fn order() -> &'static [&'static str] {
        Sharing::order()
    }
}

#[test]
fn what_is_known_already_keeps_the_contract() {
    let report = run_suite::<Remembered>();
    assert_eq!(report.failed, 0, "{report}");
}

#[test]
fn the_group_and_each_rule_stay_as_long_as_a_load_balancer_needs_them() {
    let memory = given();
    let before = memory.contents();
    let one = named(sharing(at(http(&[("/*", &[("front", 1)])]), 8080)), "one");
    let two = named(sharing(at(http(&[("/*", &[("front", 1)])]), 9090)), "two");
    settle(&memory, &one);
    assert_eq!(let_in(&memory), ["tcp/8080"]);
    settle(&memory, &two);
    assert_eq!(let_in(&memory), ["tcp/8080", "tcp/9090"]);
    // The first has nothing left to do.
    assert_eq!(writes(&memory, &one), Vec::<&str>::new());
    // Another port: it is let in before the one before goes.
    let moved = at(one.clone(), 7070);
    settle(&memory, &moved);
    assert_eq!(let_in(&memory), ["tcp/7070", "tcp/9090"]);
    end(&memory, &moved);
    assert_eq!(let_in(&memory), ["tcp/9090"]);
    assert!(exists(&memory, "gw-backends"));
    end(&memory, &two);
    assert_eq!(let_in(&memory), Vec::<String>::new());
    assert_eq!(memory.contents(), before);
}

/// A port that both need stays when one goes.
#[test]
fn a_rule_that_another_needs_stays() {
    let memory = given();
    let one = named(sharing(http(&[("/*", &[("front", 1)])])), "one");
    let two = named(sharing(http(&[("/*", &[("front", 1)])])), "two");
    settle(&memory, &one);
    settle(&memory, &two);
    let rules = let_in(&memory);
    memory.calls().reset();
    end(&memory, &one);
    let writes = memory.calls().writes();
    let writes: Vec<&str> = writes.iter().map(|(_, resource)| resource.kind).collect();
    assert!(!writes.contains(&"RevokeSecurityGroupIngress"), "{writes:?}");
    assert_eq!(let_in(&memory), rules);
    // Nor does it go when the other does not want the group any more, but after it.
    let mut without = two.clone();
    without.balancer.access = Access::default();
    settle(&memory, &without);
    assert_eq!(let_in(&memory), Vec::<String>::new());
    assert!(!exists(&memory, "gw-backends"));
}

/// Another process' load balancer comes to need a port while this one is about to take its rule away.
#[test]
fn what_is_needed_by_now_does_not_go() {
    let memory = given();
    let one = named(sharing(at(http(&[("/*", &[("front", 1)])]), 8080)), "one");
    let two = named(sharing(at(http(&[("/*", &[("front", 1)])]), 9090)), "two");
    settle(&memory, &one);
    settle(&memory, &two);
    let driver = driver(&memory, 0);
    let observed = drive(driver.observe(&one.gateway)).unwrap().unwrap();
    let planned = driver.plan(Some(&at(one, 7070)), &observed).changes;
    settle(&memory, &at(two, 8080));
    for change in planned {
        drive(driver.apply(&change)).unwrap().unwrap();
    }
    assert_eq!(let_in(&memory), ["tcp/7070", "tcp/8080"]);
}

/// Rules of others in the group, also from other groups.
#[test]
fn rules_of_others_stay() {
    let memory = given();
    let connection = Connection(Arc::clone(&memory));
    let theirs = BTreeSet::from([Ports::one("tcp", 8080), Ports::one("tcp", 10_250)]);
    let group = |id: &str| Arn(id.into());
    drive(connection.admit(&group(NODES), &group("sg-given-1"), &theirs))
        .unwrap()
        .unwrap();
    let before = memory.contents();
    let target = sharing(http(&[("/*", &[("front", 1)])]));
    settle(&memory, &target);
    assert_eq!(let_in(&memory).len(), 3);
    end(&memory, &target);
    assert_eq!(memory.contents(), before);
}

/// Two Gateways go at the same time, and each sees the other's load balancer: nothing of theirs is left, but the group.
#[test]
fn what_is_left_by_a_race_is_found_as_a_gateway_that_is_gone() {
    let memory = given();
    let before = memory.contents();
    let gateways = ["one", "two"].map(|name| named(sharing(http(&[("/*", &[("front", 1)])])), name));
    for target in &gateways {
        settle(&memory, target);
    }
    let driver = driver(&memory, 0);
    assert!(!drive(driver.owners()).unwrap().unwrap().contains(&shared()));
    let plans = gateways.each_ref().map(|target| {
        let observed = drive(driver.observe(&target.gateway)).unwrap().unwrap();
        driver.plan(None, &observed).changes
    });
    for change in plans.into_iter().flatten() {
        drive(driver.apply(&change)).unwrap().unwrap();
    }
    assert!(exists(&memory, "gw-backends"));
    let owners = drive(driver.owners()).unwrap().unwrap();
    assert_eq!(owners, BTreeSet::from([shared()]));
    let outcome = drive(remove(&driver, &shared())).unwrap();
    assert!(outcome.is_converged(), "{outcome:?}");
    assert_eq!(memory.contents(), before);
}

/// AWS lets go of a deleted load balancer's groups only after some time, and searches by tags lag behind.
#[test]
fn nothing_is_left_where_aws_is_slow() {
    let memory = slow();
    memory.give_nodes("blue");
    let before = memory.contents();
    let target = sharing(http(&[("/*", &[("front", 1)])]));
    for at in [3, 7, 12, 18, 25] {
        memory.calls().inject(at, Injected::Kill { carried_out: true });
        drive(gatewright_provider_api::contract::converge(
            &driver(&memory, 0),
            &request(target.clone()),
        ));
        memory.calls().reset();
        let error = Injected::Error {
            kind: ErrorKind::Timeout,
            carried_out: true,
        };
        memory.calls().inject(at, error);
        run(&memory, &at_port(&target));
        memory.calls().reset();
    }
    // What was made a moment ago may not be seen yet.
    let mut quiet = 0;
    for _ in 0..200 {
        let outcome = end(&memory, &target);
        quiet = if outcome.changes.is_empty() { quiet + 1 } else { 0 };
        if quiet == 12 {
            break;
        }
    }
    assert_eq!(memory.contents(), before);
}

fn at_port(target: &Target) -> Target {
    at(target.clone(), 9999)
}

/// No more than the rules of one security group have room for.
#[test]
fn many_ports_are_one_range() {
    let memory = given();
    let mut target = sharing(http(&[("/*", &[("front", 1)])]));
    for group in target.target_groups.values_mut() {
        group.targets = (1..=40)
            .map(|number| gatewright_aws_core::target_group::Target {
                port: 30_000 + u16::from(number),
                ..pod(number)
            })
            .collect();
    }
    settle(&memory, &target);
    assert_eq!(let_in(&memory), ["tcp/30001-30040"]);
    let few = at(target, 8080);
    settle(&memory, &few);
    assert_eq!(let_in(&memory), ["tcp/8080"]);
}

/// `API_SetSecurityGroups`, and `load-balancer-security-groups.html`: one that is made without groups gets none.
#[test]
fn a_network_load_balancer_without_groups_is_another_one() {
    let memory = given();
    let net = |name: &str| {
        let mut target = bare();
        target.balancer.kind = BalancerKind::Network;
        target.balancer.name = Str::from(name);
        target
    };
    let mut guarded = managed(net("gw-net"), &[80]);
    guarded.balancer.access.private_link = Some(false);
    settle(&memory, &guarded);
    let told = |memory: &Arc<Memory>| {
        memory
            .contents()
            .values()
            .any(|text| text.contains("Some(false)"))
    };
    assert!(told(&memory));
    guarded.balancer.access.private_link = Some(true);
    assert_eq!(writes(&memory, &guarded), ["SetSecurityGroups"]);
    assert!(!told(&memory));
    let mut open = net("gw-net-open");
    open.balancer.security_groups = SecurityGroups::Given(BTreeSet::new());
    settle(&memory, &open);
    assert!(exists(&memory, "gw-net-open") && !exists(&memory, "gw-net") && !exists(&memory, "gw-clients"));
}
