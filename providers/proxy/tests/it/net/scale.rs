//! Many routes and many connections: what a change and an idle connection cost.
//!
//! The figures mean something in an optimised build only:
//! `cargo test --profile quick-release -p gatewright-proxy --test it scale -- --ignored --nocapture`.

use super::world::*;
use gatewright_proxy::listen::Proxy;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A load balancer with so many routes on one host, each with a backend of its own.
fn many(gateway: &str, routes: usize, port: u16, backend: std::net::SocketAddr) -> World {
    let mut world = World::new(gateway);
    world.http("http", port);
    for number in 0..routes {
        let name = format!("be-{number}");
        world.backend(&name, &[backend], None);
        let route = format!("route-{number:05}");
        world.route(
            &route,
            "http",
            "shop.example.com",
            prefix(&format!("/api/v1/svc-{number:05}")),
            &[(&name, 1)],
        );
    }
    world
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// The target: a changed route among 10,000 is live within 2 ms (100 Gateways) or 10 ms (one).
#[test]
#[ignore = "a measurement"]
fn scale_one_route_changes_among_ten_thousand() {
    let backend = origin("be");
    for (gateways, bound) in [(100, 2), (1, 10)] {
        let proxy = Proxy::start(options()).unwrap();
        let before = resident();
        let mut ports = std::collections::BTreeSet::new();
        while ports.len() < gateways {
            ports.insert(free_port());
        }
        let mut ports = ports.into_iter();
        let mut worlds: Vec<World> = (0..gateways)
            .map(|number| {
                many(
                    &format!("gw-{number}"),
                    10_000 / gateways,
                    ports.next().unwrap(),
                    backend,
                )
            })
            .collect();
        let mut placements: Vec<_> = worlds.iter().map(World::placement).collect();
        let start = Instant::now();
        assert_served(&proxy.apply(&placements));
        let first = start.elapsed();
        let port = worlds[0].0.listeners.values().next().unwrap().port;
        let mut stream = connect(local(port));
        let mut times = Vec::new();
        for round in 0..30 {
            let path = format!("/changed-{round}");
            worlds[0].route(
                "route-00007",
                "http",
                "shop.example.com",
                prefix(&path),
                &[("be-7", 1)],
            );
            placements[0] = worlds[0].placement();
            let start = Instant::now();
            let report = proxy.apply(&placements);
            times.push(start.elapsed());
            assert_served(&report);
            assert_eq!(get(&mut stream, "shop.example.com", &path).0, 200);
        }
        let time = median(times);
        println!(
            "{gateways} gateways, 10,000 routes: first {first:?}, one route changed {time:?} (target {bound} ms), \
             resident +{} MiB with models",
            (resident() - before) / 1024
        );
        assert!(
            cfg!(debug_assertions) || time <= Duration::from_millis(bound),
            "{time:?}"
        );
    }
}

/// Anonymous memory of the process, KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Idle keep-alive connections, each after one request: at most 8 KiB. Run it alone: memory that
/// another test has given back would hide some.
#[test]
#[ignore = "a measurement; opens 18,000 files"]
fn scale_idle_plain_connections() {
    idle("plain", (9_000, 8), |ports, _| {
        let mut stream = connect(local(ports.0));
        assert_eq!(get(&mut stream, "a.test", "/").0, 200);
        stream
    });
}

/// The same with TLS: at most 16 KiB.
#[test]
#[ignore = "a measurement; opens 8,000 files"]
fn scale_idle_tls_connections() {
    idle("TLS", (4_000, 16), |ports, config| {
        let mut tls = tls(local(ports.1), "a.test", config).unwrap();
        assert_eq!(get(&mut tls, "a.test", "/").0, 200);
        // The client's side of the session is not what is measured.
        tls.into_parts().1
    });
}

/// Opens connections on an HTTP and an HTTPS port, and says how much memory each takes.
fn idle(
    what: &str,
    (count, bound): (u64, u64),
    open: impl Fn((u16, u16), &Arc<rustls::ClientConfig>) -> TcpStream,
) {
    let authority = Authority::new("ca");
    let ports = (free_port(), free_port());
    let mut world = World::new("idle");
    world.certificate("a", &authority.issue(&["a.test"]));
    world.http("http", ports.0);
    world.https("https", ports.1, "", &["a"]);
    world.backend("be", &[origin("be")], None);
    world.route("plain", "http", "", prefix("/"), &[("be", 1)]);
    world.route("tls", "https", "", prefix("/"), &[("be", 1)]);
    let mut options = options();
    options.timeouts.idle = Duration::from_mins(10);
    let proxy = Proxy::start(options).unwrap();
    assert_served(&proxy.apply(&[world.placement()]));
    let config = client_config(&authority, &["http/1.1"], None);
    let mut held: Vec<TcpStream> = (0..200).map(|_| open(ports, &config)).collect();
    let before = resident();
    held.extend((0..count).map(|_| open(ports, &config)));
    let each = (resident() - before) * 1024 / count;
    println!(
        "{what}: {each} bytes per idle connection (target {})",
        bound * 1024
    );
    assert!(each <= bound * 1024, "{what}: {each}");
    // A new client is served as if there were no others, and nobody was closed.
    let start = Instant::now();
    held.push(open(ports, &config));
    println!("{what}: one more client served in {:?}", start.elapsed());
    assert_eq!(proxy.connections(), held.len());
    drop(held);
    eventually("all closed", || (proxy.connections() == 0).then_some(()));
}
