//! Cost of translation: everything at once, and one object changed among many.
//!
//! `cargo bench -p gatewright-core`

#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use gatewright_core::backend::BackendOptions;
use gatewright_core::graph::class::{BundleVersion, ClassProfile, Reach};
use gatewright_core::graph::parameters::ParametersKind;
use gatewright_core::snapshot::{Change, Kind, Object};
use gatewright_core::{Engine, EngineOptions};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::hint::black_box;
use std::sync::Arc;

const GROUP: &str = "gateway.networking.k8s.io/v1";

fn object(kind: Kind, value: Value) -> Object {
    Object::read(kind, value).unwrap()
}

fn metadata(name: &str, generation: usize) -> Value {
    json!({"namespace": "shop", "name": name, "generation": generation, "creationTimestamp": "2026-01-01T00:00:00Z"})
}

fn route(number: usize, gateways: usize, generation: usize) -> Object {
    object(
        Kind::HttpRoute,
        json!({
            "apiVersion": GROUP, "kind": "HTTPRoute", "metadata": metadata(&format!("route-{number}"), generation),
            "spec": {
                "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": format!("gateway-{}", number % gateways)}],
                "hostnames": [format!("host-{number}.example.com")],
                "rules": [
                    {
                        "matches": [{"path": {"type": "PathPrefix", "value": format!("/api/{generation}")}, "headers": [{"type": "Exact", "name": "x-version", "value": "2"}]}],
                        "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-route", "value": "api"}]}}],
                        "backendRefs": [{"group": "", "kind": "Service", "name": format!("service-{}", number % 1000), "port": 80, "weight": 1}]
                    },
                    {
                        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                        "backendRefs": [{"group": "", "kind": "Service", "name": format!("service-{}", number % 1000), "port": 80, "weight": 1}]
                    }
                ]
            }
        }),
    )
}

fn slice(number: usize, address: usize) -> Object {
    let name = format!("service-{number}");
    object(
        Kind::EndpointSlice,
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"namespace": "shop", "name": format!("{name}-x"), "labels": {"kubernetes.io/service-name": name}},
            "ports": [{"name": "http", "port": 8080}],
            "endpoints": (0..3).map(|at| json!({"addresses": [format!("10.{address}.{}.{}", number % 250, at + 1)]})).collect::<Vec<_>>()
        }),
    )
}

fn world(routes: usize, gateways: usize) -> Vec<Object> {
    let mut objects = vec![object(
        Kind::GatewayClass,
        json!({"apiVersion": GROUP, "kind": "GatewayClass", "metadata": {"name": "software", "generation": 1}, "spec": {"controllerName": "gatewright.dev/software"}}),
    )];
    for number in 0..gateways {
        let name = format!("gateway-{number}");
        objects.push(object(
            Kind::Gateway,
            json!({
                "apiVersion": GROUP, "kind": "Gateway", "metadata": metadata(&name, 1),
                "spec": {"gatewayClassName": "software", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Same"}}}]}
            }),
        ));
    }
    for number in 0..1000 {
        objects.push(object(
            Kind::Service,
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": metadata(&format!("service-{number}"), 1),
                "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
            }),
        ));
        objects.push(slice(number, 0));
    }
    objects.extend((0..routes).map(|number| route(number, gateways, 1)));
    objects
}

fn engine() -> Engine {
    Engine::new(EngineOptions {
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
    })
}

fn upserts(objects: Vec<Object>) -> Vec<Change> {
    objects
        .into_iter()
        .map(|object| Change::Upsert(Arc::new(object)))
        .collect()
}

fn full(c: &mut Criterion) {
    let mut group = c.benchmark_group("full-translation");
    group.sample_size(10);
    for (routes, gateways) in [(1000, 100), (10_000, 100), (10_000, 1)] {
        let objects = world(routes, gateways);
        let id = BenchmarkId::from_parameter(format!("{routes}-routes-{gateways}-gateways"));
        group.bench_function(id, |b| {
            b.iter_batched(
                || upserts(objects.clone()),
                |changes| {
                    let mut engine = engine();
                    black_box(engine.update(changes, Timestamp::UNIX_EPOCH));
                    engine
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn one_change(c: &mut Criterion) {
    let mut group = c.benchmark_group("one-change-of-10000-routes");
    for gateways in [100, 1] {
        let mut engine = engine();
        engine.update(upserts(world(10_000, gateways)), Timestamp::UNIX_EPOCH);
        let mut generation = 1;
        group.bench_function(BenchmarkId::new("route", format!("{gateways}-gateways")), |b| {
            b.iter_batched(
                || {
                    generation += 1;
                    upserts(vec![route(4321, gateways, generation)])
                },
                |changes| black_box(engine.update(changes, Timestamp::UNIX_EPOCH)),
                BatchSize::PerIteration,
            );
        });
        group.bench_function(
            BenchmarkId::new("endpoints", format!("{gateways}-gateways")),
            |b| {
                b.iter_batched(
                    || {
                        generation += 1;
                        upserts(vec![slice(321, generation % 250)])
                    },
                    |changes| black_box(engine.update(changes, Timestamp::UNIX_EPOCH)),
                    BatchSize::PerIteration,
                );
            },
        );
    }
    group.finish();
}

criterion_group!(benches, full, one_change);
criterion_main!(benches);
