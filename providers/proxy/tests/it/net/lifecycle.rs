//! Listeners, load balancers and the whole proxy coming and going.

use super::world::*;
use gatewright_model::filter::{HttpFilter, Redirect};
use gatewright_model::route::PathMatch;
use gatewright_proxy::listen::Proxy;
use gatewright_proxy::listen::socket::Transport;
use gatewright_proxy::runtime::{ApplyReport, FailureReason};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn simple(gateway: &str, port: u16, body: &'static str) -> World {
    let mut world = World::new(gateway);
    world.http("http", port);
    world.backend("be", &[origin(body)], None);
    world.route("r", "http", "", prefix("/"), &[("be", 1)]);
    world
}

fn reasons(report: &ApplyReport) -> Vec<Option<FailureReason>> {
    report
        .listeners
        .iter()
        .map(|outcome| outcome.failure.as_ref().map(|failure| failure.reason.clone()))
        .collect()
}

/// A port that another process holds is named, the other listeners serve, and the port is taken as
/// soon as it is free.
#[test]
fn a_foreign_port_is_reported() {
    let foreign = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = foreign.local_addr().unwrap().port();
    let port = free_port();
    let mut world = simple("foreign", port, "be");
    world.http("taken", taken);
    let proxy = Proxy::start(options()).unwrap();
    let placement = world.placement();
    let report = proxy.apply(std::slice::from_ref(&placement));
    assert_eq!(
        reasons(&report),
        [None, Some(FailureReason::PortInUseByOtherProcess)]
    );
    let message = &report.listeners[1].failure.as_ref().unwrap().message;
    assert!(message.contains(&format!("127.0.0.1:{taken}")), "{message}");
    assert_eq!(get(&mut connect(local(port)), "a", "/").0, 200);
    drop(foreign);
    assert_served(&proxy.apply(&[placement]));
    assert_eq!(get(&mut connect(local(taken)), "a", "/").0, 404);
}

/// Two Gateways that need one address and port: the first keeps it, the other is told by whom it is
/// held and gets it when the first goes.
#[test]
fn the_first_gateway_keeps_a_port() {
    let (port, own) = (free_port(), free_port());
    let (one, mut two) = (simple("one", port, "one"), simple("two", port, "two"));
    two.http("own", own);
    two.route("own", "own", "", prefix("/"), &[("be", 1)]);
    let (first, second) = (one.placement(), two.placement());
    let proxy = Proxy::start(options()).unwrap();
    let held = Some(FailureReason::PortInUseByGateway(one.0.gateway.clone()));
    assert_eq!(
        reasons(&proxy.apply(&[first.clone(), second.clone()])),
        [None, held.clone(), None]
    );
    assert_eq!(get(&mut connect(local(port)), "a", "/").1, "one");
    assert_eq!(get(&mut connect(local(own)), "a", "/").1, "two");
    // Who has it keeps it, whatever the order.
    assert_eq!(
        reasons(&proxy.apply(&[second.clone(), first.clone()])),
        [held.clone(), None, None]
    );
    // All addresses overlap with one of them.
    let mut everywhere = two.placement();
    everywhere.addresses = vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
    assert_eq!(reasons(&proxy.apply(&[first, everywhere])), [None, held, None]);
    // The port changes hands without being closed in between.
    assert_served(&proxy.apply(&[second]));
    assert_eq!(get(&mut connect(local(port)), "a", "/").1, "two");
}

/// IPv6, shifted ports, and the report for a port beyond the range.
#[test]
fn addresses_and_shifted_ports() {
    let port = free_port();
    let mut world = simple("shift", port - 1000, "be");
    world.http("high", 65_000);
    let mut placement = world.placement();
    placement.port_offset = 1000;
    placement.addresses = vec![IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let proxy = Proxy::start(options()).unwrap();
    let report = proxy.apply(&[placement]);
    assert_eq!(
        reasons(&report),
        [Some(FailureReason::Invalid), None],
        "{report:?}"
    );
    for address in ["127.0.0.1", "::1"] {
        let mut stream = connect((address.parse::<IpAddr>().unwrap(), port).into());
        assert_eq!(get(&mut stream, "a", "/").0, 200);
    }
}

/// A port that is mapped is bound where the map says, without the offset; redirects and what backends are
/// told name the listener's port.
#[test]
fn mapped_ports_are_bound_and_never_told() {
    let port = free_port();
    let mut world = simple("mapped", 81, "be");
    world.http("other", 82);
    world.route("away", "http", "", prefix("/away"), &[]);
    for route in world
        .0
        .http_routes
        .values_mut()
        .filter(|route| &*route.key.object.name == "away")
    {
        let rule = Arc::make_mut(&mut Arc::make_mut(route).rules[0]);
        rule.filters = vec![HttpFilter::Redirect(
            Redirect {
                scheme: None,
                hostname: None,
                path: None,
                port: None,
                status: 302,
            }
            .into(),
        )];
    }
    let mut placement = world.placement();
    placement.port_offset = 65_500;
    placement.ports = Arc::new([((81, Transport::Tcp), port)].into());
    let proxy = Proxy::start(options()).unwrap();
    let report = proxy.apply(&[placement]);
    assert_eq!(
        reasons(&report),
        [None, Some(FailureReason::Invalid)],
        "only the port that is not mapped is shifted: {report:?}"
    );
    let mut stream = connect(local(port));
    assert_eq!(get(&mut stream, "a", "/").0, 200);
    write!(stream, "GET /away HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let (status, head, _) = read_response(&mut stream).unwrap();
    assert_eq!(status, 302);
    assert!(
        head.to_ascii_lowercase().contains("location: http://a:81/away"),
        "{head}"
    );
}

/// A privileged port without the right (skipped where the right is there).
#[test]
fn a_privileged_port_without_the_right_is_reported() {
    if TcpListener::bind("127.0.0.1:81").is_ok() {
        return;
    }
    let proxy = Proxy::start(options()).unwrap();
    let report = proxy.apply(&[simple("low", 81, "be").placement()]);
    assert_eq!(reasons(&report), [Some(FailureReason::PermissionDenied)]);
}

/// Listeners come and go while another one is under constant load: not one request fails there, a
/// kept-alive connection is never closed, and connections of the removed listener finish first.
#[test]
fn listeners_come_and_go_under_traffic() {
    let port = free_port();
    let mut world = simple("steady", port, "be");
    let proxy = serve(&world);
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (stop, served) = (Arc::clone(&stop), Arc::clone(&served));
            std::thread::spawn(move || {
                let mut stream = connect(local(port));
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(get(&mut stream, "a", "/").0, 200);
                    assert_eq!(get(&mut connect(local(port)), "a", "/").0, 200);
                    served.fetch_add(2, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let other = free_port();
    for round in 0..20 {
        world.http("extra", other);
        world.route("extra", "extra", "", prefix("/"), &[("be", 1)]);
        assert_served(&proxy.apply(&[world.placement()]));
        let mut stream = connect(local(other));
        assert_eq!(get(&mut stream, "a", "/").0, 200, "{round}");
        let key = world.key("extra");
        world.0.listeners.remove(&key);
        world
            .0
            .http_routes
            .retain(|_, route| route.attachments[0].listener != key);
        assert_served(&proxy.apply(&[world.placement()]));
        // The idle connection ends; new ones are refused.
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
        eventually("refused", || TcpStream::connect(local(other)).err());
    }
    stop.store(true, Ordering::Relaxed);
    for thread in load {
        thread.join().unwrap();
    }
    assert!(served.load(Ordering::Relaxed) > 100);
}

/// A request in flight on a removed listener is answered within the grace period.
#[test]
fn a_removed_listener_finishes_its_requests() {
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = slow.local_addr().unwrap();
    let (arrived, has_arrived) = std::sync::mpsc::channel();
    let (go, may_go) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let (mut stream, _) = slow.accept().unwrap();
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).unwrap();
        arrived.send(()).unwrap();
        may_go.recv().unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
            .unwrap();
    });
    let (port, stays) = (free_port(), free_port());
    let mut world = World::new("finish");
    world.http("http", port);
    world.http("stays", stays);
    world.backend("be", &[address], None);
    world.route("r", "http", "", prefix("/"), &[("be", 1)]);
    let proxy = serve(&world);
    let mut stream = connect(local(port));
    write!(stream, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    has_arrived.recv_timeout(PATIENCE).unwrap();
    let key = world.key("http");
    world.0.listeners.remove(&key);
    world.0.http_routes.clear();
    assert_served(&proxy.apply(&[world.placement()]));
    // Once the port is closed its connections have been told.
    eventually("refused", || TcpStream::connect(local(port)).err());
    go.send(()).unwrap();
    let (status, head, body) = read_response(&mut stream).unwrap();
    assert_eq!((status, body.as_str()), (200, "slow"));
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "{head}");
}

/// `drain`: requests in flight are answered, idle connections closed, the listener gone, and what
/// does not finish is cut after the grace period.
#[test]
fn drain_finishes_then_cuts() {
    let hang = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = hang.local_addr().unwrap();
    let (port, other) = (free_port(), free_port());
    let mut world = simple("drain", port, "be");
    world.http("hang", other);
    world.backend("hang", &[hanging], None);
    world.route("hang", "hang", "", prefix("/"), &[("hang", 1)]);
    let proxy = Arc::new(serve(&world));
    let mut idle = connect(local(port));
    assert_eq!(get(&mut idle, "a", "/").0, 200);
    let mut stuck = connect(local(other));
    write!(stuck, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let (_held, _) = hang.accept().unwrap();
    let start = Instant::now();
    let draining = Arc::clone(&proxy);
    let drained = std::thread::spawn(move || draining.drain(Duration::from_millis(500)));
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    assert!(
        start.elapsed() < Duration::from_millis(450),
        "{:?}",
        start.elapsed()
    );
    assert!(!proxy.accepting());
    assert_eq!(drained.join().unwrap(), 1);
    assert!(start.elapsed() >= Duration::from_millis(500));
    assert!(TcpStream::connect(local(port)).is_err());
}

/// A drain can go on accepting until everybody else knows; such a connection is served. So is one request more
/// on each connection that is kept: its client may have sent it already (RFC 9112 section 9.3.1).
#[test]
fn drain_may_accept_for_a_while() {
    let port = free_port();
    let mut options = options();
    options.timeouts.drain_accept = Duration::from_millis(400);
    let proxy = Arc::new(Proxy::start(options).unwrap());
    assert_served(&proxy.apply(&[simple("late", port, "be").placement()]));
    let [mut used, mut idle] = [connect(local(port)), connect(local(port))];
    for kept in [&mut used, &mut idle] {
        assert_eq!(get(kept, "a", "/").0, 200);
    }
    let draining = Arc::clone(&proxy);
    let start = Instant::now();
    let drained = std::thread::spawn(move || draining.drain(Duration::from_secs(2)));
    eventually("told to go", || {
        write!(used, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let (status, head, _) = read_response(&mut used).unwrap();
        assert_eq!(status, 200);
        head.to_ascii_lowercase()
            .contains("connection: close")
            .then_some(())
    });
    assert_eq!(used.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(get(&mut connect(local(port)), "a", "/").0, 200);
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    assert!(
        start.elapsed() >= Duration::from_millis(400),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(drained.join().unwrap(), 0);
}

/// A part that cannot be compiled is reported; its last good form, and all others, stay in use.
#[test]
fn a_broken_route_hurts_only_itself() {
    let port = free_port();
    let mut world = simple("routes", port, "be");
    world.route("good", "http", "", prefix("/good"), &[("be", 1)]);
    let proxy = serve(&world);
    world.route(
        "good",
        "http",
        "",
        PathMatch::Regex("/(unclosed".into()),
        &[("be", 1)],
    );
    let report = proxy.apply(&[world.placement()]);
    assert_eq!(report.refusals.len(), 1, "{report:?}");
    assert!(
        report.refusals[0]
            .message
            .contains("spec.rules[0].matches[0].path"),
        "{report:?}"
    );
    assert_eq!(get(&mut connect(local(port)), "a", "/good").0, 200);
    world.route("good", "http", "", prefix("/good"), &[("be", 1)]);
    assert_served(&proxy.apply(&[world.placement()]));
}

/// Bounds on connections, of all clients and of one.
#[test]
fn connections_are_bounded() {
    let port = free_port();
    let mut options = options();
    options.workers = 1.try_into().unwrap();
    options.limits.connections_per_client = Some(3);
    let proxy = Proxy::start(options).unwrap();
    assert_served(&proxy.apply(&[simple("bounded", port, "be").placement()]));
    let mut held: Vec<TcpStream> = (0..3).map(|_| connect(local(port))).collect();
    held.iter_mut()
        .for_each(|stream| assert_eq!(get(stream, "a", "/").0, 200));
    assert!(try_get(&mut connect(local(port)), "a", "/").is_err());
    // A place that is given back can be taken.
    held.pop();
    eventually("a place", || try_get(&mut connect(local(port)), "a", "/").ok());
}

/// A few long connections are spread over the workers, whatever the kernel's hash says.
#[test]
fn few_connections_are_spread_over_workers() {
    let port = free_port();
    let proxy = serve(&simple("spread", port, "be"));
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut stream = connect(local(port));
        assert_eq!(get(&mut stream, "a", "/").0, 200);
        held.push(stream);
    }
    let loads = proxy.loads();
    assert_eq!(loads.iter().sum::<usize>(), 8, "{loads:?}");
    assert!(loads.iter().all(|load| (3..=5).contains(load)), "{loads:?}");
}

/// Options of one Gateway count for its connections only, also when they change under way.
#[test]
fn gateways_have_options_of_their_own() {
    let (port, other) = (free_port(), free_port());
    let (world, neighbour) = (
        simple("own", port, "own"),
        simple("neighbour", other, "neighbour"),
    );
    let proxy = Proxy::start(options()).unwrap();
    let mut small = options();
    small.limits.target_bytes = 64;
    let mut placements = [world.placement(), neighbour.placement()];
    placements[0].options = Some(Arc::new(small));
    assert_served(&proxy.apply(&placements));
    let long = format!("/{}", "x".repeat(100));
    assert_eq!(get(&mut connect(local(port)), "a", &long).0, 414);
    assert_eq!(get(&mut connect(local(port)), "a", "/").0, 200);
    assert_eq!(get(&mut connect(local(other)), "a", &long).0, 200);
    placements[0].options = None;
    assert_served(&proxy.apply(&placements));
    assert_eq!(get(&mut connect(local(port)), "a", &long).0, 200);
}
