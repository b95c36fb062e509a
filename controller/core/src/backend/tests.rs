use super::*;
use gatewright_model::backend::{Endpoints, TrafficDistribution};
use gatewright_model::key::{BackendKind, RouteKind};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

const IN_CLUSTER: BackendOptions = BackendOptions {
    external_names: ExternalNames::Refuse,
    location: Location::Cluster,
};
const STANDALONE: BackendOptions = BackendOptions {
    external_names: ExternalNames::Refuse,
    location: Location::Standalone,
};

fn service(spec: Value) -> Service {
    serde_json::from_value(json!({"metadata": {"namespace": "shop", "name": "web"}, "spec": spec})).unwrap()
}

fn slice(ports: Value, endpoints: Value) -> EndpointSlice {
    slice_of("IPv4", ports, endpoints)
}

fn slice_of(family: &str, ports: Value, endpoints: Value) -> EndpointSlice {
    serde_json::from_value(json!({
        "metadata": {"namespace": "shop", "name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": family, "ports": ports, "endpoints": endpoints,
    }))
    .unwrap()
}

fn one_port() -> Service {
    service(json!({"ports": [{"port": 80, "targetPort": 8080}]}))
}

fn addresses(service: &Service, slices: &[EndpointSlice]) -> Vec<String> {
    let backend = resolve(service, slices, (80, Transport::Tcp), IN_CLUSTER).unwrap();
    let Endpoints::Static(endpoints) = backend.endpoints else {
        panic!("static endpoints expected")
    };
    endpoints
        .iter()
        .map(|endpoint| format!("{}:{}", endpoint.address, endpoint.port))
        .collect()
}

fn fault(service: &Service, port: u16, transport: Transport) -> (String, &'static str) {
    let fault = resolve(service, [], (port, transport), IN_CLUSTER).unwrap_err();
    (fault.to_string(), fault.reason())
}

#[test]
fn ready_serving_and_terminating_decide_as_kubernetes_documents() {
    // (conditions of endpoints 10.0.0.1 and 10.0.0.2, expected)
    let cases = [
        (
            json!({"ready": true}),
            json!({"ready": false}),
            vec!["10.0.0.1:8080"],
        ),
        // nil ready means ready, nil serving serving, nil terminating not terminating.
        (
            json!({}),
            json!({"ready": false, "serving": true, "terminating": true}),
            vec!["10.0.0.1:8080"],
        ),
        // None ready: those that serve while they terminate.
        (
            json!({"ready": false, "serving": true, "terminating": true}),
            json!({"ready": false, "serving": false, "terminating": true}),
            vec!["10.0.0.1:8080"],
        ),
        (
            json!({"ready": false, "terminating": true}),
            json!({"ready": false, "serving": true}),
            vec!["10.0.0.1:8080"],
        ),
        // Not ready and not terminating never takes traffic.
        (
            json!({"ready": false, "serving": false}),
            json!({"ready": false}),
            vec![],
        ),
    ];
    for (one, two, expected) in cases {
        let slices = [slice(
            json!([{"port": 8080}]),
            json!([{"addresses": ["10.0.0.1"], "conditions": one}, {"addresses": ["10.0.0.2"], "conditions": two}]),
        )];
        assert_eq!(addresses(&one_port(), &slices), expected, "{one} {two}");
    }
}

#[test]
fn publish_not_ready_addresses_disregards_readiness() {
    let service = service(json!({"ports": [{"port": 80}], "publishNotReadyAddresses": true}));
    let slices = [slice(
        json!([{"port": 8080}]),
        json!([{"addresses": ["10.0.0.1"], "conditions": {"ready": false, "serving": false}}, {"addresses": ["10.0.0.2"]}]),
    )];
    assert_eq!(addresses(&service, &slices), ["10.0.0.1:8080", "10.0.0.2:8080"]);
}

#[test]
fn slice_ports_are_found_by_name_and_protocol() {
    let service = service(json!({"ports": [
        {"name": "http", "port": 80, "targetPort": "web"}, {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53},
    ]}));
    // A named target port differs between pods, so slices differ in number.
    let slices = [
        slice(
            json!([{"name": "http", "port": 8080}, {"name": "dns", "port": 5353, "protocol": "UDP"}]),
            json!([{"addresses": ["10.0.0.1"]}]),
        ),
        slice(
            json!([{"name": "http", "port": 9090}, {"name": "dns-tcp", "port": 5354}]),
            json!([{"addresses": ["10.0.0.2"]}]),
        ),
    ];
    assert_eq!(addresses(&service, &slices), ["10.0.0.1:8080", "10.0.0.2:9090"]);
    let udp = resolve(&service, &slices, (53, Transport::Udp), IN_CLUSTER).unwrap();
    assert_eq!(udp.key.kind, BackendKind::ServiceUdp);
    assert_eq!(udp.key.to_string(), "Service/shop/web:53/UDP");
    assert!(matches!(&udp.endpoints, Endpoints::Static(found) if found.len() == 1 && found[0].port == 5353));
    let tcp = resolve(&service, &slices, (53, Transport::Tcp), IN_CLUSTER).unwrap();
    assert_eq!(&*tcp.port_name, "dns-tcp");
    assert!(matches!(&tcp.endpoints, Endpoints::Static(found) if found.len() == 1 && found[0].port == 5354));
}

#[test]
fn endpoints_are_sorted_and_unique() {
    let slices = [
        slice(
            json!([{"port": 8080}]),
            json!([{"addresses": ["10.0.0.9", "10.0.0.1"]}]),
        ),
        slice(json!([{"port": 8080}]), json!([{"addresses": ["10.0.0.1"]}])),
    ];
    assert_eq!(
        addresses(&one_port(), &slices),
        ["10.0.0.1:8080", "10.0.0.9:8080"]
    );
}

#[test]
fn dual_stack_instances_count_once_in_the_first_family_of_the_service() {
    let both = [
        slice_of(
            "IPv4",
            json!([{"port": 8080}]),
            json!([{"addresses": ["10.0.0.1"]}]),
        ),
        slice_of(
            "IPv6",
            json!([{"port": 8080}]),
            json!([{"addresses": ["fd00::1"]}]),
        ),
    ];
    let families = |list: Value| service(json!({"ports": [{"port": 80}], "ipFamilies": list}));
    assert_eq!(
        addresses(&families(json!(["IPv4", "IPv6"])), &both),
        ["10.0.0.1:8080"]
    );
    assert_eq!(
        addresses(&families(json!(["IPv6", "IPv4"])), &both),
        ["fd00::1:8080"]
    );
    // The other family serves when the first has nobody ready (one empty slice per family exists).
    let half = [
        slice_of("IPv4", json!([{"port": 8080}]), json!([])),
        both[1].clone(),
    ];
    assert_eq!(
        addresses(&families(json!(["IPv4", "IPv6"])), &half),
        ["fd00::1:8080"]
    );
    // Without families (a Service from a file) nothing says that the two are the same instance.
    assert_eq!(addresses(&one_port(), &both).len(), 2);
}

#[test]
fn references_that_lead_nowhere_have_the_documented_reason() {
    let service = service(json!({"ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}));
    assert_eq!(
        fault(&service, 81, Transport::Tcp),
        (
            "Service shop/web has no port 81; it has 80, 53".to_owned(),
            "BackendNotFound"
        )
    );
    assert_eq!(
        fault(&service, 53, Transport::Tcp),
        (
            "Service shop/web port 53 speaks UDP; TCP is needed".to_owned(),
            "UnsupportedProtocol"
        )
    );
    assert_eq!(fault(&service, 80, Transport::Udp).1, "UnsupportedProtocol");
}

fn notices(slices: &[EndpointSlice], options: BackendOptions) -> Vec<(&'static str, String)> {
    let backend = resolve(&one_port(), slices, (80, Transport::Tcp), options).unwrap();
    backend
        .notices
        .iter()
        .map(|notice| (notice.reason(), notice.to_string()))
        .collect()
}

#[test]
fn a_service_without_slices_or_with_other_port_names_is_noticed() {
    let none = notices(&[], IN_CLUSTER);
    assert_eq!(none[0].0, "NoEndpointSlices");
    assert!(none[0].1.contains("kubernetes.io/service-name: web"), "{none:?}");
    let other = notices(
        &[slice(
            json!([{"name": "http", "port": 8080}]),
            json!([{"addresses": ["10.0.0.1"]}]),
        )],
        IN_CLUSTER,
    );
    assert_eq!(other[0].0, "NoMatchingEndpointPort");
    // A Service without pods has a placeholder slice: nothing to notice.
    assert_eq!(notices(&[slice(Value::Null, json!([]))], IN_CLUSTER), []);
}

#[test]
fn special_addresses_are_used_on_a_persons_machine_and_refused_in_a_cluster() {
    let slices = [slice(
        json!([{"port": 8080}]),
        json!([{"addresses": ["127.0.0.1"]}, {"addresses": ["169.254.169.254"]}]),
    )];
    assert_eq!(addresses(&one_port(), &slices), Vec::<String>::new());
    let noticed = notices(&slices, IN_CLUSTER);
    assert_eq!(noticed[0].0, "EndpointAddressesRefused");
    assert!(noticed[0].1.contains("127.0.0.1, 169.254.169.254"), "{noticed:?}");
    assert_eq!(notices(&slices, STANDALONE), []);
}

#[test]
fn hints_count_only_when_every_endpoint_has_them() {
    let hinted = |zone: &str| json!({"forZones": [{"name": zone}]});
    let all = [slice(
        json!([{"port": 8080}]),
        json!([{"addresses": ["10.0.0.1"], "zone": "a", "nodeName": "n1", "hints": hinted("a")}, {"addresses": ["10.0.0.2"], "hints": hinted("b")}]),
    )];
    let zones = |slices: &[EndpointSlice]| {
        let Endpoints::Static(found) = resolve(&one_port(), slices, (80, Transport::Tcp), IN_CLUSTER)
            .unwrap()
            .endpoints
        else {
            panic!("static endpoints expected")
        };
        found
            .iter()
            .map(|endpoint| endpoint.for_zones.join(","))
            .collect::<Vec<_>>()
    };
    assert_eq!(zones(&all), ["a", "b"]);
    let some = [
        all[0].clone(),
        slice(json!([{"port": 8080}]), json!([{"addresses": ["10.0.0.3"]}])),
    ];
    assert_eq!(zones(&some), ["", "", ""]);
}

#[test]
fn traffic_distribution_and_the_older_annotation() {
    let of = |spec: Value| {
        resolve(&service(spec), [], (80, Transport::Tcp), IN_CLUSTER)
            .unwrap()
            .distribution
    };
    let with = |value: &str| of(json!({"ports": [{"port": 80}], "trafficDistribution": value}));
    assert_eq!(with("PreferClose"), TrafficDistribution::PreferSameZone);
    assert_eq!(with("PreferSameZone"), TrafficDistribution::PreferSameZone);
    assert_eq!(with("PreferSameNode"), TrafficDistribution::PreferSameNode);
    assert_eq!(with("SomethingNew"), TrafficDistribution::Any);
    let mut annotated = one_port();
    annotated.metadata.annotations = Some(
        [(
            "service.kubernetes.io/topology-mode".to_owned(),
            "Auto".to_owned(),
        )]
        .into(),
    );
    let backend = resolve(&annotated, [], (80, Transport::Tcp), IN_CLUSTER).unwrap();
    assert_eq!(backend.distribution, TrafficDistribution::PreferSameZone);
}

#[test]
fn external_names_need_an_opt_in_and_stay_outside() {
    let external = |name: &str| service(json!({"type": "ExternalName", "externalName": name}));
    let refused = fault(&external("api.example.com"), 443, Transport::Tcp);
    assert_eq!(refused.1, "InvalidKind");
    assert!(refused.0.contains("CVE-2021-25740"), "{}", refused.0);

    let allow = |location| BackendOptions {
        external_names: ExternalNames::Allow,
        location,
    };
    let get = |name: &str, location| resolve(&external(name), [], (443, Transport::Tcp), allow(location));
    let outside = get("API.example.com.", Location::Cluster).unwrap();
    assert_eq!(
        outside.endpoints,
        Endpoints::Dns {
            hostname: "api.example.com".into(),
            port: 443,
            allow_local: false
        }
    );
    for name in [
        "db.other.svc.cluster.local",
        "db.other.svc",
        "db",
        "localhost",
        "x.localhost",
        "127.0.0.1",
        "::1",
        "",
    ] {
        assert!(get(name, Location::Cluster).is_err(), "{name}");
    }
    // A person's own files may name the machine.
    let local = get("localhost", Location::Standalone).unwrap();
    assert_eq!(
        local.endpoints,
        Endpoints::Dns {
            hostname: "localhost".into(),
            port: 443,
            allow_local: true
        }
    );
    assert!(get("127.0.0.1", Location::Standalone).is_err());
    // Ports, when listed, are those that may be used.
    let listed =
        service(json!({"type": "ExternalName", "externalName": "a.example.com", "ports": [{"port": 80}]}));
    assert_eq!(
        resolve(&listed, [], (443, Transport::Tcp), allow(Location::Cluster))
            .unwrap_err()
            .reason(),
        "BackendNotFound"
    );
}

#[test]
fn app_protocols_and_the_routes_that_can_use_them() {
    // (appProtocol, without TLS: HTTPRoute, GRPCRoute; with a BackendTLSPolicy: HTTPRoute, GRPCRoute)
    let cases = [
        (None, [true, true], [true, true]),
        (Some("http"), [true, true], [true, true]),
        // BackendTLSPolicy conformance manifests write it in upper case.
        (Some("HTTPS"), [false, false], [true, true]),
        (Some("kubernetes.io/h2c"), [true, true], [true, true]),
        (Some("grpc"), [true, true], [true, true]),
        // GEP-1911: ws for HTTPRoute; wss only with a BackendTLSPolicy.
        (Some("kubernetes.io/ws"), [true, false], [true, false]),
        (Some("kubernetes.io/wss"), [false, false], [true, false]),
        (Some("mysql"), [false, false], [false, false]),
        (Some("example.com/own"), [false, false], [false, false]),
    ];
    for (name, plain, tls) in cases {
        let protocol = AppProtocol::parse(name);
        let of = |with_tls| {
            [RouteKind::Http, RouteKind::Grpc].map(|kind| protocol.supports(kind, with_tls).is_ok())
        };
        assert_eq!(of(false), plain, "{name:?} in cleartext");
        assert_eq!(of(true), tls, "{name:?} with TLS");
        for kind in [RouteKind::Tls, RouteKind::Tcp, RouteKind::Udp] {
            assert_eq!(protocol.supports(kind, false), Ok(()), "streams carry {name:?}");
        }
    }
    let words = AppProtocol::parse(Some("mysql"))
        .supports(RouteKind::Http, false)
        .unwrap_err();
    assert!(
        words.contains("\"mysql\"") && words.contains("kubernetes.io/h2c"),
        "{words}"
    );
}

#[test]
fn the_node_port_is_kept_for_load_balancers_outside_the_pod_network() {
    let of = |port: Value| {
        resolve(
            &service(json!({"ports": [port]})),
            [],
            (80, Transport::Tcp),
            IN_CLUSTER,
        )
        .unwrap()
        .node_port
    };
    assert_eq!(of(json!({"port": 80, "nodePort": 30080})), Some(30080));
    assert_eq!(of(json!({"port": 80})), None);
    assert_eq!(of(json!({"port": 80, "nodePort": 0})), None);
}
