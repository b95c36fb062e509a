//! Cost of the router: lookups by number of routes, changes, memory.
//!
//! `cargo bench -p gatewright-model`

#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind};
use gatewright_model::path::{Policy, split_target};
use gatewright_model::route::{
    Attachment, HeaderMatch, HttpMatch, HttpRoute, HttpRule, PathMatch, RouteHost, Timeouts, ValueMatch,
};
use gatewright_model::router::{ListenerRouter, RequestView, RoutePayload};
use http::{HeaderMap, HeaderValue};
use std::hint::black_box;
use std::sync::Arc;

type Router = ListenerRouter<Arc<HttpRule>>;

fn listener() -> ListenerKey {
    ListenerKey {
        parent: ListenerParent::Gateway(ObjectName::new("infra", "gateway")),
        name: "http".into(),
    }
}

fn route(number: usize, hostname: &str, path: PathMatch, headers: Vec<HeaderMatch>) -> Arc<HttpRoute> {
    let pattern = HostPattern::parse(hostname);
    Arc::new(HttpRoute {
        key: RouteKey {
            kind: RouteKind::Http,
            object: ObjectName::new("shop", &format!("route-{number}")),
        },
        created: 1_700_000_000,
        attachments: vec![Attachment {
            listener: listener(),
            hosts: vec![RouteHost {
                effective: pattern.clone(),
                original: pattern,
            }],
        }],
        rules: vec![Arc::new(HttpRule {
            index: 0,
            name: None,
            matches: vec![HttpMatch {
                path,
                method: None,
                headers,
                query: Vec::new(),
            }],
            filters: Vec::new(),
            backends: Vec::new(),
            timeouts: Timeouts::default(),
            retry: None,
            session_persistence: None,
            fault: None,
        })],
    })
}

/// `/team-3/service-27/v1`: as many siblings as real tables have, on every level.
fn path(number: usize) -> String {
    format!("/team-{}/service-{number}/v1", number % 10)
}

fn prefixes(count: usize) -> Vec<Arc<HttpRoute>> {
    let one = |number| {
        route(
            number,
            "shop.example.com",
            PathMatch::Prefix(path(number).into()),
            Vec::new(),
        )
    };
    (0..count).map(one).collect()
}

fn payload(route: &Arc<HttpRoute>) -> RoutePayload<Arc<HttpRule>> {
    RoutePayload::new(Arc::clone(route), Arc::clone)
}

fn build(routes: &[Arc<HttpRoute>]) -> Router {
    ListenerRouter::new(listener()).with_changes(routes.iter().map(payload), [])
}

fn find(router: &Router, host: &str, path: &str, headers: &HeaderMap) -> bool {
    let view = RequestView {
        method: "GET",
        path,
        query: None,
        headers,
    };
    router.find(black_box(host), black_box(&view)).is_some()
}

fn lookups(c: &mut Criterion) {
    let none = HeaderMap::new();
    let mut group = c.benchmark_group("lookup/prefix_one_host_last");
    for count in [1, 100, 1_000, 10_000, 100_000] {
        let router = build(&prefixes(count));
        let target = format!("{}/items/4711", path(count - 1));
        assert!(find(&router, "shop.example.com", &target, &none));
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| find(&router, "shop.example.com", &target, &none));
        });
        // Different routes one after the other, so that the tables do not sit in the first cache.
        let targets: Vec<String> = (0..count)
            .map(|n| format!("{}/items", path(n * 7919 % count)))
            .collect();
        let mut next = targets.iter().cycle();
        group.bench_function(BenchmarkId::new("scattered", count), |b| {
            b.iter(|| find(&router, "shop.example.com", next.next().unwrap(), &none));
        });
    }
    group.finish();

    let mut group = c.benchmark_group("lookup/10000");
    let router = build(&prefixes(10_000));
    group.bench_function("miss", |b| {
        b.iter(|| find(&router, "shop.example.com", "/nobody/is/here", &none));
    });
    let slashes = "/a".repeat(2000);
    group.bench_function("miss_2000_segments", |b| {
        b.iter(|| find(&router, "shop.example.com", &slashes, &none));
    });
    let hosts: Vec<_> = (0..10_000)
        .map(|n| {
            route(
                n,
                &format!("h{n}.example.com"),
                PathMatch::Prefix("/".into()),
                Vec::new(),
            )
        })
        .collect();
    let router = build(&hosts);
    group.bench_function("hosts", |b| {
        b.iter(|| find(&router, "h9999.example.com", "/a/b/c", &none));
    });
    let wildcards: Vec<_> = (0..10_000)
        .map(|n| {
            route(
                n,
                &format!("*.h{n}.example.com"),
                PathMatch::Prefix("/".into()),
                Vec::new(),
            )
        })
        .collect();
    let router = build(&wildcards);
    group.bench_function("wildcard_hosts", |b| {
        b.iter(|| find(&router, "a.b.h9999.example.com", "/a/b/c", &none));
    });
    let headers: Vec<_> = (0..100)
        .map(|n| {
            let value = ValueMatch::Exact(format!("tenant-{n:03}").into());
            let header = HeaderMatch {
                name: "x-tenant".into(),
                value,
            };
            route(n, "shop.example.com", PathMatch::Prefix("/".into()), vec![header])
        })
        .collect();
    let router = build(&headers);
    let mut tenant = HeaderMap::new();
    tenant.insert("x-tenant", HeaderValue::from_static("tenant-099"));
    group.bench_function("100_header_matches_last", |b| {
        b.iter(|| find(&router, "shop.example.com", "/a/b/c", &tenant));
    });
    let regexes: Vec<_> = (0..1_000)
        .map(|n| {
            route(
                n,
                "shop.example.com",
                PathMatch::Regex(format!("/team-{n}/[a-z]+/v[0-9]+").into()),
                vec![],
            )
        })
        .collect();
    let router = build(&regexes);
    assert!(find(&router, "shop.example.com", "/team-999/service/v2", &none));
    group.bench_function("1000_regexes_last", |b| {
        b.iter(|| find(&router, "shop.example.com", "/team-999/service/v2", &none));
    });
    group.finish();
}

fn changes(c: &mut Criterion) {
    let mut group = c.benchmark_group("change");
    for count in [1_000, 10_000, 100_000] {
        let routes = prefixes(count);
        let router = build(&routes);
        let changed = Arc::clone(routes.get(count / 2).unwrap());
        group.bench_function(BenchmarkId::new("one_on_one_host", count), |b| {
            b.iter(|| router.with_changes([payload(&changed)], []));
        });
    }
    let same: Vec<_> = (0..10_000)
        .map(|n| {
            let value = ValueMatch::Exact(format!("tenant-{n}").into());
            let header = HeaderMatch {
                name: "x-tenant".into(),
                value,
            };
            route(n, "shop.example.com", PathMatch::Prefix("/".into()), vec![header])
        })
        .collect();
    let router = build(&same);
    let changed = Arc::clone(same.get(5_000).unwrap());
    group.bench_function("one_of_10000_with_one_path", |b| {
        b.iter(|| router.with_changes([payload(&changed)], []));
    });
    group.sample_size(20);
    let routes = prefixes(10_000);
    group.bench_function("build_10000", |b| {
        b.iter_batched(|| (), |()| build(&routes), BatchSize::LargeInput);
    });
    group.finish();
}

fn paths(c: &mut Criterion) {
    let mut group = c.benchmark_group("path");
    for (name, target) in [
        ("plain", "/team-3/service-27/v1/items?page=2"),
        ("escaped", "/caf%c3%a9/%7euser/a%20b"),
        ("dots", "/a/b/../c/./d//e"),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| split_target(black_box(target.as_bytes()), &Policy::default()).is_ok());
        });
    }
    group.finish();
}

/// Resident memory in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|text| text.trim().trim_end_matches("kB").trim().parse().ok())
        .unwrap_or(0)
}

fn memory(_: &mut Criterion) {
    for (name, count, hosts) in [
        ("one host", 5_000, 1),
        ("a host each", 5_000, 5_000),
        ("one host", 100_000, 1),
    ] {
        let routes: Vec<_> = (0..count)
            .map(|n| {
                route(
                    n,
                    &format!("h{}.example.com", n % hosts),
                    PathMatch::Prefix(path(n).into()),
                    vec![],
                )
            })
            .collect();
        let before = resident();
        let router = build(&routes);
        println!(
            "memory of the index: {count} routes, {name}: {} KiB",
            resident().saturating_sub(before)
        );
        black_box(&router);
        // Kept, so that the next measurement does not reuse freed pages.
        std::mem::forget((router, routes));
    }
}

criterion_group!(benches, memory, lookups, changes, paths);
criterion_main!(benches);
