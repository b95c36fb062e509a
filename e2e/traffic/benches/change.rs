//! From a changed object to routers in use, through engine and proxy as `gatewright run` joins them.
//!
//! `cargo bench -p gatewright-traffic --bench change`

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use gatewright_core::backend::BackendOptions;
use gatewright_core::graph::class::{BundleVersion, ClassProfile, Reach};
use gatewright_core::graph::parameters::ParametersKind;
use gatewright_core::snapshot::{Change, Kind, Object};
use gatewright_core::{Engine, EngineOptions};
use gatewright_proxy::listen::Proxy;
use gatewright_proxy::runtime::{Placement, ProxyOptions};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;

const GROUP: &str = "gateway.networking.k8s.io/v1";
const ROUTES: usize = 10_000;
/// The route that changes.
const CHANGING: usize = 4321;

fn upsert(kind: Kind, value: Value) -> Change {
    Change::Upsert(Arc::new(Object::read(kind, value).unwrap()))
}

fn metadata(name: &str, generation: usize) -> Value {
    json!({"namespace": "shop", "name": name, "generation": generation, "creationTimestamp": "2026-01-01T00:00:00Z"})
}

fn route(number: usize, gateways: usize, generation: usize) -> Change {
    let service = format!("service-{}", number % 1000);
    upsert(
        Kind::HttpRoute,
        json!({
            "apiVersion": GROUP, "kind": "HTTPRoute", "metadata": metadata(&format!("route-{number}"), generation),
            "spec": {
                "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": format!("gateway-{}", number % gateways)}],
                "hostnames": [format!("host-{number}.example.com")],
                "rules": [{
                    "matches": [{"path": {"type": "PathPrefix", "value": format!("/api/{generation}")}}],
                    "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-route", "value": "api"}]}}],
                    "backendRefs": [{"group": "", "kind": "Service", "name": service, "port": 80, "weight": 1}]
                }]
            }
        }),
    )
}

fn world(gateways: usize, first_port: u16) -> Vec<Change> {
    let mut changes = vec![upsert(
        Kind::GatewayClass,
        json!({"apiVersion": GROUP, "kind": "GatewayClass", "metadata": {"name": "software", "generation": 1}, "spec": {"controllerName": "gatewright.dev/software"}}),
    )];
    for number in 0..gateways {
        changes.push(upsert(
            Kind::Gateway,
            json!({
                "apiVersion": GROUP, "kind": "Gateway", "metadata": metadata(&format!("gateway-{number}"), 1),
                "spec": {"gatewayClassName": "software", "listeners": [{"name": "http", "port": usize::from(first_port) + number, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Same"}}}]}
            }),
        ));
    }
    for number in 0..1000 {
        let name = format!("service-{number}");
        changes.push(upsert(
            Kind::Service,
            json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata(&name, 1), "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}),
        ));
        changes.push(upsert(
            Kind::EndpointSlice,
            json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                "metadata": {"namespace": "shop", "name": format!("{name}-x"), "labels": {"kubernetes.io/service-name": name}},
                "ports": [{"name": "http", "port": 9}], "endpoints": [{"addresses": ["127.0.0.1"]}]
            }),
        ));
    }
    changes.extend((0..ROUTES).map(|number| route(number, gateways, 1)));
    changes
}

/// Engine and proxy, joined as `gatewright run` joins them.
struct Site {
    engine: Engine,
    proxy: Proxy,
}

impl Site {
    fn new() -> Self {
        let engine = Engine::new(EngineOptions {
            profiles: vec![ClassProfile {
                controller: "gatewright.dev/software".into(),
                features: Vec::new(),
                parameters: ParametersKind::Software,
                reach: Reach::Everything,
            }],
            bundle: BundleVersion::Known("v1.7.0".into()),
            routability: true,
            backends: BackendOptions::default(),
            trust_bundles: true,
        });
        let options = ProxyOptions {
            workers: NonZeroUsize::MIN,
            ..ProxyOptions::default()
        };
        let proxy = Proxy::start(options).unwrap();
        Self { engine, proxy }
    }

    /// When this returns, requests that arrive are served by the changed routes.
    fn apply(&mut self, changes: Vec<Change>) {
        black_box(self.engine.update(changes, Timestamp::UNIX_EPOCH));
        let placements: Vec<Placement> = self
            .engine
            .balancers()
            .map(|(_, balancer)| Placement {
                balancer: Arc::clone(balancer),
                addresses: vec![Ipv4Addr::LOCALHOST.into()],
                port_offset: 0,
                ports: Arc::default(),
                options: None,
            })
            .collect();
        let report = self.proxy.apply(&placements);
        let failed = report.listeners.iter().find(|outcome| outcome.failure.is_some());
        assert!(failed.is_none(), "{failed:?}");
    }
}

/// The status of a request for a path of the changing route.
fn ask(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: host-{CHANGING}.example.com\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

fn one_change(c: &mut Criterion) {
    let mut group = c.benchmark_group("object-to-live-router-one-of-10000");
    for (gateways, first_port) in [(100_usize, 21_000), (1, 21_500)] {
        let mut site = Site::new();
        site.apply(world(gateways, first_port));
        let mut generation = 1;
        group.bench_function(BenchmarkId::from_parameter(format!("{gateways}-gateways")), |b| {
            b.iter_batched(
                || {
                    generation += 1;
                    vec![route(CHANGING, gateways, generation)]
                },
                |changes| site.apply(changes),
                BatchSize::PerIteration,
            );
        });
        // What was measured is what is served: the newest path leads to the backend, which nobody is, and
        // the one before leads nowhere.
        let port = first_port + (CHANGING % gateways) as u16;
        assert_eq!(ask(port, &format!("/api/{generation}")), "503");
        assert_eq!(ask(port, &format!("/api/{}", generation - 1)), "404");
    }
    group.finish();
}

criterion_group!(benches, one_change);
criterion_main!(benches);
