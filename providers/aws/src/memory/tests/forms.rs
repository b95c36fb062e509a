//! Wanted load balancers.

use crate::alb::{AlbDriver, Request, Settings};
use crate::cloud::Cloud;
use crate::memory::{Connection, Delays, Memory};
use crate::swept::{Ages, Swept};
use gatewright_aws_core::access::Access;
use gatewright_aws_core::alb::before::{Before, Login, Oidc};
use gatewright_aws_core::alb::listener::{
    Certificate, CertificateId, Import, Listener, ListenerTls, MutualAuthentication, Transport, Verification,
};
use gatewright_aws_core::alb::rule::{Action, Conditions, FixedResponse, Forward, Rule, Transforms, Values};
use gatewright_aws_core::alb::{Balancer, Target};
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::network::{
    BalancerKind, Ingress, IpAddressType, ManagedGroup, Scheme, SecurityGroups, Subnet,
};
use gatewright_aws_core::target_group::{
    self as group, Fixed, HealthCheck, ProtocolVersion, TargetAddress, TargetGroup, TargetGroupId, TargetKind,
};
use gatewright_aws_core::trust_store::{Place, TrustStore, TrustStoreId};
use gatewright_aws_core::{Secret, Str};
use gatewright_model::key::{CertificateKey, ObjectName};
use gatewright_provider_api::contract::{Outcome, converge, remove};
use gatewright_provider_api::suite::drive;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// An empty internal load balancer.
pub fn bare() -> Target {
    Target {
        gateway: ObjectName::new("infra", "edge"),
        balancer: Balancer {
            name: "gw-internal".into(),
            kind: BalancerKind::Application,
            scheme: Scheme::Internal,
            vpc: "vpc-1".into(),
            ip_address_type: IpAddressType::Ipv4,
            ipam_pool: None,
            customer_owned_pool: None,
            subnets: [subnet("a"), subnet("b")].into(),
            addresses: BTreeMap::new(),
            ipv6: gatewright_aws_core::network::Ipv6::default(),
            security_groups: SecurityGroups::Given(["sg-given-1".into()].into()),
            access: Access::default(),
            attributes: BTreeMap::new(),
        },
        listeners: BTreeMap::new(),
        target_groups: BTreeMap::new(),
        given_groups: BTreeMap::new(),
        web_acl: None,
        shield: false,
        capacity: None,
        certificates: BTreeMap::new(),
        trust_stores: BTreeMap::new(),
        tags: BTreeMap::new(),
    }
}

/// ARN of a web ACL.
pub fn web_acl(name: &str) -> Str {
    format!(
        "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/{name}/00000000-0000-4000-8000-000000000000"
    )
    .into()
}

/// One that has a listener on port 80 with these rules: a path, and backends with weights.
pub fn http(rules: &[(&str, &[(&str, u16)])]) -> Target {
    let mut target = managed(bare(), &[80]);
    add_listener(&mut target, 80, rules);
    target
}

pub fn subnet(zone: &str) -> Subnet {
    Subnet {
        id: format!("subnet-{zone}").into(),
        zone: format!("eu-central-1{zone}").into(),
    }
}

pub fn managed(mut target: Target, ports: &[u16]) -> Target {
    let ingress = ports.iter().map(|port| Ingress {
        protocol: "tcp".into(),
        port: *port,
        source: "0.0.0.0/0".into(),
    });
    target.balancer.security_groups = SecurityGroups::Managed(ManagedGroup {
        name: "gw-clients".into(),
        ingress: ingress.collect(),
    });
    target
}

pub fn add_listener(target: &mut Target, port: u16, rules: &[(&str, &[(&str, u16)])]) {
    let mut listener = Listener {
        port,
        transport: Transport::Http,
        tls: None,
        attributes: BTreeMap::new(),
        default: fixed(404),
        rules: Vec::new(),
    };
    for (path, backends) in rules {
        let rule = forward(target, path, backends);
        listener.rules.push(rule);
    }
    target.listeners.insert(port, listener);
}

pub fn fixed(status: u16) -> Action {
    Action::Fixed(FixedResponse::bare(status))
}

pub fn forward(target: &mut Target, path: &str, backends: &[(&str, u16)]) -> Rule {
    let mut groups = BTreeMap::new();
    for (backend, weight) in backends {
        let id = TargetGroupId(format!("Service/shop/{backend}:80/http1").into());
        let name = format!("{}-{backend}", target.balancer.name).into();
        target
            .target_groups
            .entry(id.clone())
            .or_insert_with(|| target_group(name, 2));
        groups.insert(id, *weight);
    }
    rule(
        path,
        Action::Forward(Forward {
            groups,
            stickiness_s: None,
        }),
    )
}

pub fn rule(path: &str, action: Action) -> Rule {
    Rule {
        origins: BTreeSet::new(),
        conditions: Conditions {
            path: Some(Values::Wildcards([path.into()].into())),
            ..Conditions::default()
        },
        transforms: Transforms::default(),
        before: None,
        action,
        parts: Vec::new(),
    }
}

/// The rule with a host of its own: rules that differ in two conditions are never one.
pub fn alone(mut rule: Rule) -> Rule {
    let Some(Values::Wildcards(paths)) = &rule.conditions.path else {
        panic!("{rule:?}");
    };
    let host: String = paths
        .iter()
        .flat_map(|path| path.chars())
        .filter(char::is_ascii_alphanumeric)
        .collect();
    rule.conditions.host = Some(Values::Wildcards([format!("{host}.example").into()].into()));
    rule
}

/// A log-in with a secret.
pub fn oidc(secret: &str) -> Before {
    let url = |path: &str| format!("https://login.example/{path}").into();
    Before::Oidc(Oidc {
        issuer: url(""),
        authorization_endpoint: url("authorize"),
        token_endpoint: url("token"),
        user_info_endpoint: url("user"),
        client_id: "shop".into(),
        client_secret: Some(Secret::new(secret.to_owned())),
        login: Login::default(),
    })
}

pub fn target_group(name: Str, targets: u8) -> TargetGroup {
    TargetGroup {
        name,
        fixed: Fixed {
            protocol: "HTTP".into(),
            version: Some(ProtocolVersion::Http1),
            port: 8080,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        },
        health: HealthCheck {
            path: Some("/healthz".into()),
            ..HealthCheck::default()
        },
        attributes: [("deregistration_delay.timeout_seconds".into(), "30".into())].into(),
        targets: (1..=targets).map(pod).collect(),
    }
}

pub fn pod(number: u8) -> group::Target {
    group::Target {
        id: TargetAddress::Ip([10, 0, 0, number].into()),
        port: 8080,
        zone: None,
        quic_server: None,
    }
}

pub fn certificate(target: &mut Target, name: &str, version: &str) -> CertificateId {
    let id = CertificateId::Imported(CertificateKey(ObjectName::new("infra", name)));
    let import = Import {
        certificate: format!("{name} {version}").into(),
        chain: "".into(),
        key: Secret::new(format!("{} of {name}", version.split('-').next().unwrap())),
        fingerprint: format!("{name}-{version}").into(),
    };
    target
        .certificates
        .insert(id.clone(), Certificate::Import(import));
    id
}

pub fn tls(default: CertificateId, others: &[CertificateId]) -> ListenerTls {
    ListenerTls {
        policy: "ELBSecurityPolicy-TLS13-1-2-2021-06".into(),
        default,
        others: others.iter().cloned().collect(),
        alpn: None,
        clients: None,
    }
}

/// A trust store of these authorities, and what checks by it.
pub fn verified(target: &mut Target, authorities: &str) -> MutualAuthentication {
    let id = TrustStoreId::Made(authorities.into());
    let store = TrustStore {
        name: format!("gw-{authorities}").into(),
        place: Place {
            bucket: "trust".into(),
            key: format!("gatewright/blue/infra/edge/{authorities}.pem").into(),
        },
        bundle: authorities.into(),
    };
    target.trust_stores.insert(id.clone(), store);
    MutualAuthentication::Verify(Verification {
        store: id,
        ignore_expiry: false,
        advertise: false,
    })
}

pub fn request(target: Target) -> Request {
    Request {
        target,
        unsupported: Vec::new(),
        quotas: Vec::new(),
        look_again: None,
        fault: None,
    }
}

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(1_000) };
}

/// Seconds since 1970, as far as this thread is concerned.
pub fn now() -> u64 {
    NOW.get()
}

pub fn pass(seconds: u64) {
    NOW.set(now() + seconds);
}

/// A new process' driver.
pub fn driver(memory: &Arc<Memory>, drain: u64) -> AlbDriver<Connection> {
    driver_on(Connection(Arc::clone(memory)), drain)
}

/// An account of which everything that was read is known. Nothing is taken for settled for long that AWS is busy with,
/// because here time is the number of calls.
pub fn swept(memory: &Arc<Memory>) -> Swept<Connection> {
    let ages = Ages {
        busy: Duration::ZERO,
        ..Ages::default()
    };
    Swept::new(Connection(Arc::clone(memory)), "blue", ages)
}

/// A new process' driver that knows what it read.
pub fn swept_driver(memory: &Arc<Memory>) -> AlbDriver<Swept<Connection>> {
    driver_on(swept(memory), 0)
}

/// A driver on an account.
pub fn driver_on<C: Cloud>(cloud: C, drain: u64) -> AlbDriver<C> {
    let settings = Settings {
        cluster: "blue".into(),
        vpc: None,
        drain: Duration::from_secs(drain),
    };
    AlbDriver::new(cloud, settings, now)
}

pub fn account() -> Arc<Memory> {
    Arc::new(Memory::new(AlbLimits::default(), Delays::default()))
}

/// One run towards a target.
pub fn run(memory: &Arc<Memory>, target: &Target) -> Outcome {
    drive(converge(&driver(memory, 0), &request(target.clone()))).expect("nobody is killed")
}

/// Runs until nothing is left to do.
pub fn settle(memory: &Arc<Memory>, target: &Target) -> Outcome {
    for _ in 0..60 {
        let outcome = run(memory, target);
        if outcome.is_converged() && outcome.changes.is_empty() {
            return outcome;
        }
    }
    panic!("it does not settle: {:?}", run(memory, target));
}

/// The Gateway goes.
pub fn end(memory: &Arc<Memory>, target: &Target) -> Outcome {
    drive(remove(&driver(memory, 0), &target.gateway)).expect("nobody is killed")
}

/// Operations that one run writes with.
pub fn writes(memory: &Arc<Memory>, target: &Target) -> Vec<&'static str> {
    memory.calls().reset();
    let outcome = run(memory, target);
    assert!(outcome.is_converged(), "{outcome:?}");
    let writes = memory.calls().writes();
    writes.into_iter().map(|(_, resource)| resource.kind).collect()
}
