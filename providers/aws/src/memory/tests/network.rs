//! Network Load Balancers: the contract, and from any state to what is wanted.

use super::forms::{account, bare, certificate, end, now, pod, request, settle, subnet, tls, writes};
use crate::alb::{ElbDriver, Request, Settings, plan};
use crate::memory::{Connection, Delays, Memory};
use crate::owner::{CLUSTER, GATEWAY, RESOURCE, Tags};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::{Listener, Transport};
use gatewright_aws_core::alb::rule::{Action, Forward};
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::network::{
    BalancerKind, Ingress, ManagedGroup, Scheme, SecurityGroups, StaticAddress,
};
use gatewright_aws_core::target_group::{
    self as group, Fixed, HealthCheck, TargetGroup, TargetGroupId, TargetKind,
};
use gatewright_core::graph::parameters::Parameters;
use gatewright_model::LoadBalancer;
use gatewright_model::balancer::AddressRequest;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Prepare, Resource, converge};
use gatewright_provider_api::suite::{Calls, Injected, World, drive, run};
use gatewright_provider_api::{Provider, contract};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A load balancer without listeners.
pub fn net() -> Target {
    let mut target = bare();
    target.balancer.kind = BalancerKind::Network;
    target.balancer.name = "gw-net".into();
    target.balancer.subnets = [subnet("a")].into();
    target
}

/// With a listener that forwards to these backends.
pub fn with(mut target: Target, port: u16, transport: Transport, backends: &[(&str, u16)]) -> Target {
    let protocol = transport.protocol(false);
    let mut groups = BTreeMap::new();
    for (backend, weight) in backends {
        let id = TargetGroupId(format!("Service/shop/{backend}:80/{}", protocol.to_ascii_lowercase()).into());
        let name = format!(
            "{}-{backend}-{}",
            target.balancer.name,
            protocol.to_ascii_lowercase().replace('_', "-")
        );
        let made = || TargetGroup {
            name: name.clone().into(),
            fixed: Fixed {
                protocol: protocol.into(),
                version: None,
                port: 8080,
                kind: TargetKind::Ip,
                ipv6: false,
                control_port: None,
            },
            health: HealthCheck::default(),
            attributes: BTreeMap::from([("proxy_protocol_v2.enabled".into(), "true".into())]),
            targets: (1..=2)
                .map(pod)
                .map(|target| with_server(target, protocol))
                .collect(),
        };
        target.target_groups.entry(id.clone()).or_insert_with(made);
        groups.insert(id, *weight);
    }
    let listener = Listener {
        port,
        transport,
        tls: None,
        attributes: BTreeMap::new(),
        default: Action::Forward(Forward {
            groups,
            stickiness_s: None,
        }),
        rules: Vec::new(),
    };
    target.listeners.insert(port, listener);
    target
}

fn with_server(target: group::Target, protocol: &str) -> group::Target {
    let quic = protocol.contains("QUIC");
    group::Target {
        quic_server: quic.then(|| "0x00000000000000aa".into()),
        ..target
    }
}

pub(super) fn guarded(mut target: Target) -> Target {
    let ingress = target.listeners.values().map(|listener| Ingress {
        protocol: "tcp".into(),
        port: listener.port,
        source: "0.0.0.0/0".into(),
    });
    target.balancer.security_groups = SecurityGroups::Managed(ManagedGroup {
        name: "gw-clients".into(),
        ingress: ingress.collect(),
    });
    target
}

pub fn address(number: u8) -> StaticAddress {
    StaticAddress {
        ip: [203, 0, 113, number].into(),
        allocation: Some(format!("eipalloc-{number}").into()),
    }
}

/// The zones with these addresses.
pub fn standing(mut target: Target, at: &[(&str, u8)]) -> Target {
    target.balancer.scheme = Scheme::InternetFacing;
    target.balancer.name = "gw-net-public".into();
    target.balancer.subnets = at.iter().map(|(zone, _)| subnet(zone)).collect();
    target.balancer.addresses = at
        .iter()
        .map(|(zone, number)| (format!("subnet-{zone}").into(), address(*number)))
        .collect();
    target
}

pub fn driver(memory: &Arc<Memory>) -> ElbDriver<Connection> {
    let settings = Settings {
        cluster: "blue".into(),
        vpc: Some("vpc-1".into()),
        drain: Duration::ZERO,
    };
    ElbDriver::of(
        BalancerKind::Network,
        Connection(Arc::clone(memory)),
        settings,
        now,
    )
}

/// Forms of one Gateway.
trait Stages: Send + Sync + 'static {
    fn stages() -> Vec<Target>;
}

struct InMemory<S>(Arc<Memory>, PhantomData<S>);

impl<S: Stages> World for InMemory<S> {
    type Driver = ElbDriver<Connection>;

    fn empty() -> Self {
        let memory = Memory::new(AlbLimits::default(), Delays::default());
        Self(Arc::new(memory), PhantomData)
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
                (RESOURCE.into(), "load balancer".into()),
            ])
        };
        self.0.plant("nobodys", &Tags::new());
        self.0.plant("other-gateway", &marks("blue", "infra/edge-2"));
        self.0.plant("other-cluster", &marks("green", "infra/edge"));
    }

    fn lose(&self, resource: &Resource) {
        // A security group that a load balancer uses cannot be deleted, and a Network Load Balancer is never without.
        if resource.kind != "security group" {
            self.0.lose(resource);
        }
    }

    fn damage(&self, resource: &Resource) -> bool {
        // What the memory changes by hand are settings of Application Load Balancers where they are of load balancers
        // and listeners.
        let own = ["targetgroup", "target group", "security group"];
        own.contains(&resource.kind) && !resource.id.starts_with("sg-given") && self.0.damage(resource)
    }

    fn order() -> &'static [&'static str] {
        &plan::ORDER
    }
}

/// Listeners, weights, protocols and certificates change.
struct Growing;
impl Stages for Growing {
    fn stages() -> Vec<Target> {
        let small = guarded(with(net(), 80, Transport::Tcp, &[("a", 1)]));
        let mut large = with(net(), 80, Transport::Tcp, &[("a", 3), ("b", 1)]);
        large = with(large, 53, Transport::TcpUdp, &[("dns", 1)]);
        large = with(large, 443, Transport::Tcp, &[("web", 1)]);
        let shop = certificate(&mut large, "shop", "RSA-1");
        let help = certificate(&mut large, "help", "RSA-1");
        let mut secure = tls(shop, &[help]);
        secure.alpn = Some("HTTP2Preferred".into());
        large.listeners.get_mut(&443).unwrap().tls = Some(secure);
        large.balancer.subnets.insert(subnet("b"));
        large.tags.insert("team".into(), "net".into());
        // The port has another protocol, and the connection's TLS ends elsewhere.
        let mut other = with(net(), 53, Transport::Udp, &[("dns", 1)]);
        other = with(other, 443, Transport::Tcp, &[("web", 1)]);
        let mut forms = vec![small, guarded(large), guarded(other), guarded(net())];
        for (form, value) in forms.iter_mut().zip(["false", "true", "false", "false"]) {
            form.balancer
                .attributes
                .insert("load_balancing.cross_zone.enabled".into(), value.into());
        }
        forms
    }
}

#[test]
fn growing_and_shrinking_keeps_the_contract() {
    let report = run::<InMemory<Growing>>();
    assert_eq!(report.failed, 0, "{report}");
    assert!(report.checks > 600, "{report}");
}

/// Another kind of load balancer, another scheme with addresses, and no security groups for QUIC.
struct Replaced;
impl Stages for Replaced {
    fn stages() -> Vec<Target> {
        let application = super::forms::http(&[("/*", &[("front", 1)])]);
        let network = guarded(with(net(), 80, Transport::Tcp, &[("a", 1)]));
        let mut public = net();
        public = standing(public, &[("a", 1), ("b", 2)]);
        let public = with(public, 80, Transport::Tcp, &[("a", 1)]);
        let mut quic = net();
        quic.balancer.name = "gw-net-quic".into();
        quic.balancer.security_groups = SecurityGroups::Given(BTreeSet::new());
        let quic = with(quic, 443, Transport::TcpQuic, &[("web", 1)]);
        // With the same addresses: they go over.
        let mut again = standing(net(), &[("a", 1), ("b", 2)]);
        again.balancer.name = "gw-net-again".into();
        let again = with(again, 80, Transport::Tcp, &[("a", 1)]);
        vec![application, network, public, again, quic]
    }
}

#[test]
fn replacing_keeps_the_contract() {
    let report = run::<InMemory<Replaced>>();
    assert_eq!(report.failed, 0, "{report}");
}

/// `API_SetSubnets`: the address of a subnet cannot change while it is enabled.
#[test]
fn addresses_change_in_place_and_one_zone_always_serves() {
    let served = |at: &[(&str, u8)]| with(standing(net(), at), 80, Transport::Tcp, &[("a", 1)]);
    let memory = account();
    settle(&memory, &served(&[("a", 1)]));
    for (at, calls) in [
        // One more zone.
        (&[("a", 1), ("b", 2)][..], 1),
        // One address is another: its zone is left first.
        (&[("a", 1), ("b", 3)], 2),
        // All are others.
        (&[("a", 2), ("b", 4)], 4),
        // A zone less.
        (&[("b", 4)], 1),
        // Another zone with another address.
        (&[("c", 1)], 1),
    ] {
        let wanted = served(at);
        let mut counted = 0;
        for _ in 0..8 {
            let calls = writes(&memory, &wanted);
            assert!(calls.iter().all(|call| *call == "SetSubnets"), "{calls:?}");
            counted += calls.len();
        }
        assert_eq!(counted, calls, "{at:?}");
        let outcome = settle(&memory, &wanted);
        let mut shown: Vec<Str> = outcome
            .addresses
            .assigned
            .iter()
            .filter(|address| &*address.kind == "IPAddress")
            .map(|address| address.value.clone())
            .collect();
        shown.sort();
        let mut expected: Vec<Str> = at
            .iter()
            .map(|(_, number)| format!("203.0.113.{number}").into())
            .collect();
        expected.sort();
        assert_eq!(shown, expected);
    }
    // A load balancer in one zone alone cannot change its address there: it says so and keeps serving.
    let outcome = drive(converge(&driver(&memory), &request(served(&[("c", 3)])))).unwrap();
    assert!(!outcome.is_converged());
    assert!(!outcome.addresses.assigned.is_empty());
    while !end(&memory, &net()).changes.is_empty() {}
    assert_eq!(memory.contents(), account().contents());
}

/// A weight is one call.
#[test]
fn a_weight_is_one_call() {
    let memory = account();
    settle(&memory, &with(net(), 80, Transport::Tcp, &[("a", 9), ("b", 1)]));
    let writes = writes(&memory, &with(net(), 80, Transport::Tcp, &[("a", 1), ("b", 9)]));
    assert_eq!(writes, ["ModifyListener"]);
}

/// From the model to the request, with addresses that can be had and one that cannot.
#[test]
fn a_gateway_asks_for_addresses() {
    let memory = account();
    let driver = driver(&memory);
    let mut balancer = LoadBalancer::bare(ObjectName::new("infra", "edge"), "nlb", "gatewright.dev/aws-nlb");
    balancer.addresses = ["203.0.113.1", "198.51.100.9"]
        .map(|value| AddressRequest {
            kind: "IPAddress".into(),
            value: Some(value.into()),
            routability: "".into(),
        })
        .into();
    let mut parameters = gatewright_core::graph::parameters::AwsAlb::default();
    parameters.balancer.scheme = Some(gatewright_crds::own::aws::Scheme::InternetFacing);
    let asked = contract::Request {
        balancer: Arc::new(balancer),
        uid: "".into(),
        parameters: Parameters::AwsAlb(Arc::new(parameters)),
    };
    let prepared = drive(driver.prepare(&asked)).unwrap().unwrap();
    let wanted = &prepared.target.balancer;
    assert_eq!(wanted.kind, BalancerKind::Network);
    assert_eq!(wanted.subnets.len(), 1);
    assert_eq!(
        wanted.addresses.values().cloned().collect::<Vec<_>>(),
        [address(1)]
    );
    let fault = prepared.fault.as_ref().unwrap();
    assert_eq!(&*fault.reason, "AddressNotUsable");
    assert!(fault.message.contains("198.51.100.9"), "{}", fault.message);
    let outcome = drive(converge(&driver, &prepared)).unwrap();
    assert!(outcome.is_converged(), "{outcome:?}");
    use gatewright_provider_api::contract::Driver as _;
    assert_eq!(driver.provider(), Provider::AwsNlb);
}

const BACKENDS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
struct Form {
    /// 0: internal, 1: with addresses, 2: an Application Load Balancer.
    kind: u8,
    listeners: BTreeMap<u8, (u8, Vec<(u8, u16)>)>,
    addresses: (u8, u8),
    pods: u8,
}

fn form() -> impl Strategy<Value = Form> {
    let backends = proptest::collection::vec((0..3_u8, 0..4_u16), 1..4);
    let listeners = proptest::collection::btree_map(0..3_u8, (0..3_u8, backends), 0..4);
    (0..3_u8, listeners, (1..3_u8, 1..3_u8), 0..3_u8).prop_map(|(kind, listeners, addresses, pods)| Form {
        kind,
        listeners,
        addresses,
        pods,
    })
}

fn target(form: &Form) -> Target {
    if form.kind == 2 {
        return super::forms::http(&[("/*", &[("front", 1)])]);
    }
    let mut target = net();
    if form.kind == 1 {
        let (zones, first) = form.addresses;
        let at: Vec<(&str, u8)> = ["a", "b"]
            .into_iter()
            .take(zones.into())
            .zip([first, 3])
            .collect();
        target = standing(target, &at);
        if zones == 1 {
            // An address in one zone alone cannot change.
            target.balancer.addresses = BTreeMap::from([("subnet-a".into(), address(1))]);
        }
    }
    for (port, (transport, backends)) in &form.listeners {
        let transport = [Transport::Tcp, Transport::Udp, Transport::TcpUdp][usize::from(*transport)];
        let backends: Vec<(&str, u16)> = backends
            .iter()
            .map(|(backend, weight)| (BACKENDS[usize::from(*backend)], *weight))
            .collect();
        target = with(target, 80 + u16::from(*port), transport, &backends);
    }
    for group in target.target_groups.values_mut() {
        group.targets = (1..=form.pods).map(pod).collect();
    }
    target
}

fn slow() -> Arc<Memory> {
    let delays = Delays {
        provisioning: 25,
        healthy: 15,
        draining: 40,
        release: 30,
        search: 12,
    };
    Arc::new(Memory::new(AlbLimits::default(), delays))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was left behind by runs towards other forms that ended anywhere leads to what is wanted, then nothing is
    /// written, and what is removed leaves nothing.
    #[test]
    fn any_partial_state_leads_to_what_is_wanted(
        history in proptest::collection::vec((form(), 0..60_usize, 0..4_u8), 0..4),
        last in form(),
    ) {
        use gatewright_provider_api::contract::ErrorKind;
        let wanted = target(&last);
        let ideal = account();
        settle(&ideal, &wanted);
        let memory = slow();
        for (form, at, how) in &history {
            let injected = match how {
                0 => Injected::Kill { carried_out: false },
                1 => Injected::Kill { carried_out: true },
                2 => Injected::Error { kind: ErrorKind::Timeout, carried_out: true },
                _ => Injected::Error { kind: ErrorKind::Unavailable, carried_out: false },
            };
            memory.calls().inject(*at, injected);
            drive(converge(&driver(&memory), &request(target(form))));
            memory.calls().reset();
        }
        let mut quiet = 0;
        for _ in 0..240 {
            let outcome = drive(converge(&driver(&memory), &request(wanted.clone()))).unwrap();
            quiet = if outcome.is_converged() && outcome.changes.is_empty() { quiet + 1 } else { 0 };
            if quiet == 12 {
                break;
            }
        }
        prop_assert_eq!(quiet, 12);
        prop_assert_eq!(memory.contents(), ideal.contents());
        prop_assert_eq!(writes(&memory, &wanted), Vec::<&str>::new());
        for _ in 0..60 {
            if end(&memory, &wanted).changes.is_empty() {
                break;
            }
        }
        prop_assert_eq!(memory.contents(), account().contents());
    }
}
