//! The contract suite of providers, and what it does not show.

mod adopt;
mod certificates;
mod formers;
mod places;
mod swept;
mod told;

use super::driver::{LatticeDriver, Request, Settings};
use super::memory::{Connection, Delays, Memory};
use super::plan;
use crate::owner::{CLUSTER, GATEWAY, RESOURCE, Tags};
use gatewright_aws_core::Secret;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::{Certificate, CertificateId, Import};
use gatewright_aws_core::lattice::settings::Limits;
use gatewright_aws_core::lattice::{
    Access, Action, CheckVersion, Health, Listener, Match, Network, PathMatch, Protocol, Rule, Service,
    ServiceId, Target, TargetGroup, VpcAssociation,
};
use gatewright_aws_core::target_group::{
    Fixed, HealthCheck, ProtocolVersion, Target as Pod, TargetAddress, TargetGroupId, TargetKind,
};
use gatewright_model::key::{CertificateKey, ObjectName};
use gatewright_provider_api::contract::{
    Driver, ErrorKind, Instance, Outcome, Resource, Verdict, converge, remove,
};
use gatewright_provider_api::suite::{Calls, World, drive, run};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

const OWN: &str = "gw-own";

/// A Gateway without routes.
fn bare() -> Target {
    Target {
        gateway: ObjectName::new("infra", "edge"),
        network: Network::Own {
            name: "gw-network".into(),
            access: Access::default(),
        },
        vpc: Some(VpcAssociation {
            vpc: "vpc-1".into(),
            security_groups: BTreeSet::new(),
        }),
        home: "vpc-1".into(),
        services: BTreeMap::from([(ServiceId::own(), service(OWN, None, &[80]))]),
        target_groups: BTreeMap::new(),
        certificates: BTreeMap::new(),
        tags: BTreeMap::new(),
    }
}

fn service(name: &str, domain: Option<&str>, ports: &[u16]) -> Service {
    let listener = |port: &u16| {
        let listener = Listener {
            name: format!("gw-http-{port}").into(),
            protocol: Protocol::Http,
            default: Action::Fixed(404),
            rules: Vec::new(),
        };
        (*port, listener)
    };
    Service {
        name: name.into(),
        domain: domain.map(Into::into),
        certificate: None,
        access: Access::default(),
        listeners: ports.iter().map(listener).collect(),
        standalone: false,
        tags: BTreeMap::new(),
        adopt: None,
    }
}

/// A service of a host with these rules on port 80: a path, and backends with weights.
fn add_host(target: &mut Target, host: &str, rules: &[(&str, &[(&str, u16)])]) {
    let name = format!("gw-{}", host.replace('.', "-"));
    let mut service = service(&name, Some(host), &[80]);
    let mut found = Vec::new();
    for (path, backends) in rules {
        let groups = backends
            .iter()
            .map(|(backend, weight)| (group(target, &name, backend, "HTTP"), *weight));
        found.push(Rule {
            origin: None,
            conditions: Match {
                path: Some(PathMatch::Exact((*path).into())),
                ..Match::default()
            },
            action: Action::Forward(groups.collect()),
        });
    }
    service.listeners.get_mut(&80).unwrap().rules = found;
    target.services.insert(ServiceId(host.into()), service);
}

fn group(target: &mut Target, service: &str, backend: &str, protocol: &str) -> TargetGroupId {
    let id = TargetGroupId(format!("{service} {backend}").into());
    let pod = |number: u8| Pod {
        id: TargetAddress::Ip([10, 0, backend.len() as u8, number].into()),
        port: 8080,
        zone: None,
        quic_server: None,
    };
    let wanted = TargetGroup {
        name: format!("{service}-{backend}-{}", protocol.to_ascii_lowercase()).into(),
        fixed: Fixed {
            protocol: protocol.into(),
            version: (protocol == "HTTP").then_some(ProtocolVersion::Http1),
            port: 8080,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        },
        health: if protocol == "HTTP" {
            Health::On(HealthCheck::default(), CheckVersion::Http1)
        } else {
            Health::Off
        },
        targets: [pod(1), pod(2)].into(),
        tags: BTreeMap::new(),
    };
    target.target_groups.insert(id.clone(), wanted);
    id
}

fn certificate(target: &mut Target, host: &str, material: &str) {
    let id = CertificateId::Imported(CertificateKey(ObjectName::new("infra", host)));
    let import = Import {
        certificate: format!("{host} {material}").into(),
        chain: "".into(),
        key: Secret::new(format!("{} key", &material[..2])),
        fingerprint: material.into(),
    };
    target
        .certificates
        .insert(id.clone(), Certificate::Import(import));
    let service = target.services.get_mut(&ServiceId(host.into())).unwrap();
    service.certificate = Some(id);
    let mut listener = service.listeners.remove(&80).unwrap();
    listener.protocol = Protocol::Https;
    listener.name = "gw-https-443".into();
    service.listeners.insert(443, listener);
}

fn request(target: Target) -> Request {
    Request {
        target,
        unsupported: Vec::new(),
        quotas: Vec::new(),
        fault: None,
    }
}

fn driver(memory: &Arc<Memory>) -> LatticeDriver<Connection> {
    let settings = Settings {
        cluster: "blue".into(),
        vpc: None,
    };
    LatticeDriver::new(Connection(Arc::clone(memory)), settings)
}

trait Stages: Send + Sync + 'static {
    fn stages() -> Vec<Target>;
}

struct InMemory<S>(Arc<Memory>, PhantomData<S>);

impl<S: Stages> World for InMemory<S> {
    type Driver = LatticeDriver<Connection>;

    fn empty() -> Self {
        Self(Arc::new(Memory::new(Delays::default())), PhantomData)
    }

    fn copy(&self) -> Self {
        Self(Arc::new(self.0.copy()), PhantomData)
    }

    fn is_like(&self, other: &Self) -> bool {
        self.0.is_like(&other.0)
    }

    fn driver(&self) -> Self::Driver {
        driver(&self.0)
    }

    fn stages() -> Vec<Request> {
        S::stages().into_iter().map(request).collect()
    }

    fn calls(&self) -> &Calls {
        self.0.calls()
    }

    fn contents(&self) -> BTreeMap<Resource, String> {
        self.0.contents()
    }

    fn plant_foreign(&self) {
        let marks = |cluster: &str, gateway: &str| {
            Tags::from([
                (CLUSTER.into(), cluster.into()),
                (GATEWAY.into(), gateway.into()),
                (RESOURCE.into(), "service network".into()),
            ])
        };
        self.0.plant("nobodys", &Tags::new());
        self.0.plant("other-gateway", &marks("blue", "infra/edge-2"));
        self.0.plant("other-namespace", &marks("blue", "shop/edge"));
        self.0.plant("other-cluster", &marks("green", "infra/edge"));
        let half = Tags::from([(GATEWAY.into(), "infra/edge".into())]);
        self.0.plant("half-marked", &half);
    }

    fn lose(&self, resource: &Resource) {
        self.0.lose(resource);
    }

    fn damage(&self, resource: &Resource) -> bool {
        self.0.damage(resource)
    }

    fn order() -> &'static [&'static str] {
        &plan::ORDER
    }
}

/// Hosts, rules, weights, certificates, tags and access come, change and go.
struct Growing;
impl Stages for Growing {
    fn stages() -> Vec<Target> {
        let mut small = bare();
        add_host(
            &mut small,
            "shop.example",
            &[("/cart", &[("cart", 1)]), ("/", &[("front", 1)])],
        );
        let mut large = bare();
        add_host(
            &mut large,
            "shop.example",
            &[("/", &[("front", 9), ("cart", 1)]), ("/cart", &[("cart", 1)])],
        );
        add_host(&mut large, "pay.example", &[]);
        certificate(&mut large, "pay.example", "RSA-1");
        large.tags.insert("team".into(), "net".into());
        let access = Access {
            policy: Some(r#"{"Version":"2012-10-17"}"#.into()),
            logs: ["arn:aws:logs:::log-group:a".into()].into(),
        };
        large.network = Network::Own {
            name: "gw-network".into(),
            access: access.clone(),
        };
        large.vpc.as_mut().unwrap().security_groups = ["sg-1".into()].into();
        let mut other = bare();
        add_host(&mut other, "pay.example", &[("/b", &[("b", 1)])]);
        certificate(&mut other, "pay.example", "EC-2");
        let pay = other.services.get_mut(&ServiceId("pay.example".into())).unwrap();
        pay.access = access;
        pay.listeners.get_mut(&443).unwrap().default = Action::Fixed(500);
        other.vpc.as_mut().unwrap().security_groups = ["sg-2".into()].into();
        vec![small, large, other]
    }
}

#[test]
fn growing_and_shrinking_keeps_the_contract() {
    let report = run::<InMemory<Growing>>();
    assert_eq!(report.failed, 0, "{report}");
    assert!(report.checks > 1000, "{report}");
}

/// TLS that is passed through, another version to a backend, another network.
struct Replaced;
impl Stages for Replaced {
    fn stages() -> Vec<Target> {
        let mut first = bare();
        add_host(&mut first, "a.example", &[("/", &[("a", 1)])]);
        let mut second = first.clone();
        for group in second.target_groups.values_mut() {
            group.name = format!("{}-h2", group.name).into();
            group.fixed.version = Some(ProtocolVersion::Http2);
        }
        let tcp = group(&mut second, "gw-a-example", "tls", "TCP");
        let service = second.services.get_mut(&ServiceId("a.example".into())).unwrap();
        service.listeners.insert(
            443,
            Listener {
                name: "gw-tls-443".into(),
                protocol: Protocol::TlsPassthrough,
                default: Action::Forward(BTreeMap::from([(tcp, 1)])),
                rules: Vec::new(),
            },
        );
        let mut third = first.clone();
        third.network = Network::Own {
            name: "gw-network-2".into(),
            access: Access::default(),
        };
        third.vpc = None;
        vec![first, second, third]
    }
}

#[test]
fn replacing_keeps_the_contract() {
    let report = run::<InMemory<Replaced>>();
    assert_eq!(report.failed, 0, "{report}");
}

fn settle(memory: &Arc<Memory>, target: Option<&Target>) -> Outcome {
    let mut last = Outcome::default();
    for _ in 0..80 {
        let driver = driver(memory);
        last = match target {
            Some(target) => drive(converge(&driver, &request(target.clone()))).unwrap(),
            None => drive(remove(&driver, &ObjectName::new("infra", "edge"))).unwrap(),
        };
        if last.is_converged() && last.changes.is_empty() && last.again.is_none() {
            break;
        }
    }
    last
}

/// States take their time, targets drain, searches lag: nothing is refused for long, and nothing is left.
#[test]
fn it_waits_for_what_aws_does_in_its_own_time() {
    let delays = Delays {
        status: 25,
        draining: 30,
        search: 10,
    };
    let memory = Arc::new(Memory::new(delays));
    for target in Growing::stages() {
        let outcome = settle(&memory, Some(&target));
        assert!(
            outcome.is_converged() && outcome.changes.is_empty(),
            "{outcome:?}"
        );
        assert_eq!(&*outcome.addresses.assigned[0].value, "gw-own.on.aws");
        let hosts: BTreeSet<&Str> = outcome.addresses.names.keys().collect();
        let wanted: BTreeSet<&Str> = target
            .services
            .keys()
            .map(|id| &id.0)
            .filter(|id| ***id != *"*")
            .collect();
        assert_eq!(hosts, wanted);
    }
    for _ in 0..80 {
        settle(&memory, None);
    }
    assert_eq!(memory.contents(), BTreeMap::new());
}

/// Whoever waits for the end of a Gateway waits until AWS has ended everything: it may give up half-way.
#[test]
fn the_end_of_a_gateway_is_not_told_before_everything_has_gone() {
    let memory = Arc::new(Memory::new(Delays {
        status: 60,
        draining: 0,
        search: 0,
    }));
    settle(&memory, Some(&Growing::stages()[0]));
    let gateway = ObjectName::new("infra", "edge");
    let ends = |memory| drive(remove(&driver(memory), &gateway)).unwrap().is_converged();
    let runs = (0..80).take_while(|_| !ends(&memory)).count();
    assert!((1..80).contains(&runs), "{runs}");
    assert_eq!(memory.contents(), BTreeMap::new());
}

/// A live Gateway is not told of errors while something that nobody wants any more comes to its end.
#[test]
fn what_goes_is_no_error_of_the_gateway() {
    let memory = Arc::new(Memory::new(Delays {
        status: 0,
        draining: 40,
        search: 0,
    }));
    let stages = Growing::stages();
    settle(&memory, Some(&stages[1]));
    for _ in 0..40 {
        let outcome = drive(converge(&driver(&memory), &request(bare()))).unwrap();
        assert!(
            outcome.is_converged(),
            "{:?}",
            outcome.errors().collect::<Vec<_>>()
        );
    }
    let left = memory.contents();
    assert!(
        left.keys().all(|resource| resource.kind != "target group"),
        "{left:?}"
    );
}

/// Rules of others on our listeners stay, and their priorities are left alone.
#[test]
fn rules_of_others_stay() {
    let memory = Arc::new(Memory::new(Delays::default()));
    let stages = Growing::stages();
    settle(&memory, Some(&stages[0]));
    memory.add_foreign_rule("gw-shop-example", 30);
    for target in [&stages[1], &stages[0]] {
        let outcome = settle(&memory, Some(target));
        assert!(
            outcome.is_converged() && outcome.changes.is_empty(),
            "{outcome:?}"
        );
        let theirs = Resource {
            kind: "rule",
            id: "theirs-30 of 80 of gw-shop-example".into(),
        };
        assert!(memory.contents().contains_key(&theirs));
    }
}

fn writes(memory: &Memory) -> Vec<&'static str> {
    memory
        .calls()
        .writes()
        .into_iter()
        .map(|(_, resource)| resource.kind)
        .collect()
}

/// A change of weights is one call, an order of up to ten rules one, a rule to a known backend one, to a new one three.
#[test]
fn changes_take_as_few_calls_as_they_can() {
    let memory = Arc::new(Memory::new(Delays::default()));
    let target = |rules: &[(&str, &[(&str, u16)])]| {
        let mut target = bare();
        add_host(&mut target, "a.example", rules);
        target
    };
    let first = target(&[("/a", &[("a", 9), ("b", 1)]), ("/b", &[("b", 1)])]);
    settle(&memory, Some(&first));
    let after = |target: &Target| {
        memory.calls().reset();
        let outcome = drive(converge(&driver(&memory), &request(target.clone()))).unwrap();
        assert!(outcome.is_converged(), "{outcome:?}");
        writes(&memory)
    };
    assert_eq!(after(&first), Vec::<&str>::new());
    let weights = target(&[("/a", &[("a", 1), ("b", 9)]), ("/b", &[("b", 1)])]);
    assert_eq!(after(&weights), ["UpdateRule"]);
    let turned = target(&[("/b", &[("b", 1)]), ("/a", &[("a", 1), ("b", 9)])]);
    assert_eq!(after(&turned), ["BatchUpdateRule"]);
    let more = target(&[
        ("/b", &[("b", 1)]),
        ("/c", &[("b", 1)]),
        ("/a", &[("a", 1), ("b", 9)]),
    ]);
    assert_eq!(after(&more), ["CreateRule"]);
    let new = target(&[
        ("/b", &[("b", 1)]),
        ("/c", &[("b", 1)]),
        ("/a", &[("a", 1), ("b", 9)]),
        ("/new", &[("new", 1)]),
    ]);
    assert_eq!(
        after(&new),
        ["CreateTargetGroup", "RegisterTargets", "CreateRule"]
    );
}

/// At the quota of rules an edit goes through: rules change in place.
#[test]
fn edits_go_through_at_the_quota_of_rules() {
    let limits = Limits {
        rules: 2,
        ..Limits::default()
    };
    let memory = Arc::new(Memory::with(limits, Delays::default()));
    let target = |paths: [&str; 2]| {
        let mut target = bare();
        let rules = paths.map(|path| (path, &[("a", 1)][..]));
        add_host(&mut target, "a.example", &rules);
        target
    };
    settle(&memory, Some(&target(["/a", "/b"])));
    let outcome = drive(converge(&driver(&memory), &request(target(["/c", "/d"])))).unwrap();
    assert!(outcome.is_converged(), "{outcome:?}");
}

/// What has our name and is not ours is left alone, and the Gateway says so.
#[test]
fn a_name_that_is_taken_is_told() {
    let memory = Arc::new(Memory::new(Delays::default()));
    memory.plant(OWN, &Tags::new());
    let before = memory.contents();
    let outcome = settle(&memory, Some(&bare()));
    let failed: Vec<&Verdict> = outcome
        .changes
        .iter()
        .map(|change| &change.verdict)
        .filter(|verdict| matches!(verdict, Verdict::Failed(error) if error.kind == ErrorKind::NotOurs))
        .collect();
    assert_eq!(failed.len(), 1, "{outcome:?}");
    for (resource, text) in &before {
        assert_eq!(memory.contents().get(resource), Some(text));
    }
}

/// Two processes that both lead for a while end where one does.
#[test]
fn two_at_once_do_no_harm() {
    let delays = Delays {
        status: 3,
        draining: 3,
        search: 6,
    };
    let memory = Arc::new(Memory::new(delays));
    let stages = Growing::stages();
    for round in 0..30usize {
        let driver = driver(&memory);
        let target = stages.get(round % 2).unwrap();
        let observed = drive(driver.observe(&target.gateway)).unwrap().unwrap();
        let plan = driver.plan(Some(target), &observed);
        let other = self::driver(&memory);
        let _ = drive(converge(&other, &request(stages[(round + 1) % 2].clone())));
        for change in &plan.changes {
            let _ = drive(driver.apply(change));
        }
    }
    settle(&memory, Some(&stages[1]));
    let alone = Arc::new(Memory::new(delays));
    settle(&alone, Some(&stages[1]));
    let keys = |memory: &Memory| memory.contents().into_keys().collect::<BTreeSet<_>>();
    assert_eq!(keys(&memory), keys(&alone));
}

/// Pods that wait for a load balancer's word: of the target groups of their Service, once a rule leads there.
#[test]
fn pods_are_told_of_by_the_target_groups_of_their_service() {
    let memory = Arc::new(Memory::new(Delays::default()));
    let mut target = bare();
    add_host(&mut target, "a.example.com", &[("/cart", &[("cart", 1)])]);
    // What groups are for, as lowering has it; one that no rule leads to.
    let renamed: BTreeMap<TargetGroupId, TargetGroup> = std::mem::take(&mut target.target_groups)
        .into_values()
        .map(|group| {
            (
                TargetGroupId("a.example.com Service/shop/cart:80/http1".into()),
                group,
            )
        })
        .collect();
    target.target_groups = renamed;
    let id = target.target_groups.keys().next().unwrap().clone();
    let host = target
        .services
        .get_mut(&ServiceId("a.example.com".into()))
        .unwrap();
    host.listeners.get_mut(&80).unwrap().rules[0].action = Action::Forward([(id.clone(), 1)].into());
    let spare = TargetGroup {
        name: "gw-spare".into(),
        ..target.target_groups[&id].clone()
    };
    target.target_groups.insert(
        TargetGroupId("b.example.com Service/shop/cart:80/http1".into()),
        spare,
    );
    let driver = driver(&memory);
    let told = |service: &str| {
        let services = BTreeSet::from([ObjectName::new("shop", service)]);
        drive(driver.pools(&target.gateway, &services)).unwrap().unwrap()
    };
    assert_eq!(told("cart"), [], "there is nothing that a pod could wait for");
    for _ in 0..8 {
        drive(converge(&driver, &request(target.clone()))).unwrap();
    }
    let pools = told("cart");
    assert_eq!(pools.len(), 1, "{pools:?}");
    assert_eq!(&*pools[0].name, &*target.target_groups[&id].name);
    let instances: Vec<_> = pools[0].instances.values().collect();
    assert_eq!(instances, [&Instance::Healthy, &Instance::Healthy]);
    assert_eq!(told("cart-2"), []);
    assert_eq!(told("other"), []);
}
