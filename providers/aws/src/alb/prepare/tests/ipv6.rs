//! Dual-stack Network Load Balancers, and datagrams.

use super::*;
use gatewright_model::backend::{Backend as Pods, BackendTarget, Endpoint, Endpoints, WeightedBackend};
use gatewright_model::hostname::HostPattern::Any;
use gatewright_model::key::{BackendKey, BackendKind, RouteKey, RouteKind};
use gatewright_model::route::{Attachment, RouteHost, StreamRoute};

/// A Gateway of one port, for pods with addresses of both families.
fn gateway(protocol: Protocol) -> LoadBalancer {
    let mut balancer = balancer();
    let object = ObjectName::new("n", "dns");
    let (route, kind) = match protocol {
        Protocol::Udp => (RouteKind::Udp, BackendKind::ServiceUdp),
        _ => (RouteKind::Tcp, BackendKind::Service),
    };
    let key = ListenerKey {
        parent: ListenerParent::Gateway(balancer.gateway.clone()),
        name: "dns".into(),
    };
    let listener = Listener {
        key: key.clone(),
        port: 53,
        protocol,
        hostname: Any,
        tls: None,
        filters: Vec::new(),
    };
    balancer.listeners.insert(key.clone(), Arc::new(listener));
    let backend = BackendKey {
        kind,
        object: object.clone(),
        port: 53,
    };
    let route = RouteKey { kind: route, object };
    let host = RouteHost {
        effective: Any,
        original: Any,
    };
    let of = StreamRoute {
        key: route.clone(),
        created: 0,
        attachments: vec![Attachment {
            listener: key,
            hosts: vec![host],
        }],
        backends: vec![WeightedBackend {
            target: BackendTarget::Backend(backend.clone()),
            weight: 1,
            filters: Vec::new(),
        }],
    };
    balancer.stream_routes.insert(route, Arc::new(of));
    let pods = ["10.0.0.5", "2001:db8::5"].map(|ip| Endpoint::at(ip.parse().unwrap(), 5353));
    let pods = Pods::bare(backend.clone(), Endpoints::Static(pods.into()));
    balancer.backends.insert(backend, Arc::new(pods));
    balancer
}

fn network(memory: &Arc<Memory>) -> ElbDriver<Connection> {
    let settings = crate::alb::Settings {
        cluster: "blue".into(),
        drain: std::time::Duration::ZERO,
        vpc: Some("vpc-1".into()),
    };
    ElbDriver::of(
        BalancerKind::Network,
        Connection(Arc::clone(memory)),
        settings,
        || 0,
    )
}

fn wanted(memory: &Arc<Memory>, protocol: Protocol, spec: &serde_json::Value) -> Request {
    let parameters = AwsAlb {
        balancer: serde_json::from_value(spec.clone()).unwrap(),
        ..AwsAlb::default()
    };
    let request = contract::Request {
        balancer: Arc::new(gateway(protocol)),
        uid: "".into(),
        parameters: Parameters::AwsAlb(Arc::new(parameters)),
    };
    drive(network(memory).prepare(&request)).unwrap().unwrap()
}

/// What converging does, change by change, until nothing is left; each time what is wanted is found out anew.
fn changes(memory: &Arc<Memory>, protocol: Protocol, spec: &serde_json::Value) -> Vec<String> {
    let mut found = Vec::new();
    for _ in 0..30 {
        let request = wanted(memory, protocol, spec);
        assert!(
            request.unsupported.is_empty() && request.fault.is_none(),
            "{request:?}"
        );
        let outcome = drive(contract::converge(&network(memory), &request)).unwrap();
        assert!(outcome.is_converged(), "{outcome:?}");
        if outcome.changes.is_empty() {
            return found;
        }
        found.extend(outcome.changes.iter().map(|change| change.summary.clone()));
    }
    panic!("it does not settle: {found:?}");
}

fn name(memory: &Arc<Memory>, protocol: Protocol, spec: &serde_json::Value) -> String {
    let request = wanted(memory, protocol, spec);
    request.target.balancer.name.to_string()
}

fn single() -> serde_json::Value {
    json!({"scheme": "InternetFacing", "subnets": subnets()})
}

fn dual() -> serde_json::Value {
    let mut spec = single();
    spec["ipAddressType"] = json!("Dualstack");
    spec["ipv6"] = json!([
        {"subnet": "subnet-a", "address": "2001:db8::10"},
        {"subnet": "subnet-b", "address": "2001:db8:0:1::10"},
    ]);
    spec
}

fn ground() -> Arc<Memory> {
    let memory = Arc::new(Memory::new(AlbLimits::default(), Delays::default()));
    memory.give_ipv6();
    memory
}

/// While it takes datagrams it cannot become dual-stack, or end to be: another one comes first, then the one before goes.
#[test]
fn datagrams_take_another_load_balancer_for_addresses_of_another_type() {
    let memory = ground();
    let cloud = Connection(Arc::clone(&memory));
    let there = |name: &str| drive(cloud.balancer_named(name)).unwrap().unwrap();
    changes(&memory, Protocol::Udp, &single());
    let first = name(&memory, Protocol::Udp, &single());
    let second = name(&memory, Protocol::Udp, &dual());
    assert_ne!(first, second);
    for (old, new, spec) in [(&first, &second, dual()), (&second, &first, single())] {
        let done = changes(&memory, Protocol::Udp, &spec);
        let at = |beginning: String| {
            let found = done.iter().position(|summary| summary.starts_with(&beginning));
            found.unwrap_or_else(|| panic!("no {beginning} in {done:#?}"))
        };
        let created = at(format!("create load balancer {new}"));
        assert!(created < at(format!("delete load balancer {old}")), "{done:#?}");
        assert_eq!(there(old), None);
        let standing = there(new).unwrap();
        let is_dual = spec == dual();
        assert_eq!(standing.ip_address_type == IpAddressType::Dualstack, is_dual);
        assert_eq!(
            (standing.ipv6.source_nat, standing.ipv6.addresses.len()),
            (is_dual, if is_dual { 2 } else { 0 })
        );
        // It stays where it is.
        assert_eq!(&name(&memory, Protocol::Udp, &spec), new);
        assert_eq!(changes(&memory, Protocol::Udp, &spec), Vec::<String>::new());
    }
}

/// Without datagrams it is the same load balancer, whichever name it has.
#[test]
fn connections_alone_keep_the_load_balancer() {
    let memory = ground();
    changes(&memory, Protocol::Udp, &single());
    changes(&memory, Protocol::Udp, &dual());
    let second = name(&memory, Protocol::Udp, &dual());
    changes(&memory, Protocol::Tcp, &dual());
    for spec in [single(), dual(), single()] {
        assert_eq!(name(&memory, Protocol::Tcp, &spec), second);
        let done = changes(&memory, Protocol::Tcp, &spec);
        let other = |summary: &String| summary.starts_with("create load balancer");
        assert!(!done.iter().any(other), "{done:#?}");
    }
}

/// Nothing is replaced for datagrams that go in the same edit.
#[test]
fn datagrams_that_go_keep_the_load_balancer() {
    for (before, after) in [(single(), dual()), (dual(), single())] {
        let memory = ground();
        changes(&memory, Protocol::Udp, &before);
        let standing = name(&memory, Protocol::Udp, &before);
        assert_eq!(name(&memory, Protocol::Tcp, &after), standing);
        let done = changes(&memory, Protocol::Tcp, &after);
        let other = |summary: &String| summary.starts_with("create load balancer");
        assert!(!done.iter().any(other), "{done:#?}");
        let found = drive(Connection(Arc::clone(&memory)).balancer_named(&standing));
        let is_dual = found.unwrap().unwrap().unwrap().ip_address_type == IpAddressType::Dualstack;
        assert_eq!(is_dual, after == dual());
    }
}

/// The kind without public IPv4 is of Application Load Balancers: one of IPv4 is made, in subnets without IPv6, and stays.
#[test]
fn a_type_that_it_cannot_have_is_refused() {
    let memory = Arc::new(Memory::new(AlbLimits::default(), Delays::default()));
    let mut spec = single();
    spec["ipAddressType"] = json!("DualstackWithoutPublicIpv4");
    for _ in 0..2 {
        let request = wanted(&memory, Protocol::Udp, &spec);
        assert_eq!(request.target.balancer.ip_address_type, IpAddressType::Ipv4);
        let told: Vec<&str> = request.unsupported.iter().map(|item| &*item.why).collect();
        let [told] = told[..] else { panic!("{told:?}") };
        assert!(told.starts_with("ipAddressType: DualstackWithoutPublicIpv4 is of Application"));
        assert_eq!(request.fault, None);
        let outcome = drive(contract::converge(&network(&memory), &request)).unwrap();
        assert!(outcome.is_converged(), "{outcome:?}");
    }
    let names = [&spec, &single()].map(|spec| name(&memory, Protocol::Udp, spec));
    assert_eq!(names[0], names[1]);
}

/// The Gateway says what it cannot have, and AWS chooses.
#[test]
fn an_address_that_is_not_of_the_subnet_is_a_fault() {
    let memory = ground();
    let mut spec = dual();
    spec["ipv6"][0]["address"] = json!("2001:db8:0:1::11");
    let request = wanted(&memory, Protocol::Udp, &spec);
    let fault = request.fault.unwrap();
    assert_eq!(&*fault.reason, "AddressNotUsable");
    assert!(
        fault.message.contains("2001:db8:0:1::11 is not in 2001:db8::/64"),
        "{fault:?}"
    );
    let ipv6 = request.target.balancer.ipv6;
    assert_eq!((ipv6.source_nat, ipv6.addresses.len()), (true, 1));
}
