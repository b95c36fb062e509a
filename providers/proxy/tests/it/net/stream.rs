//! TCP routes.

use super::world::*;
use gatewright_model::key::RouteKind;
use gatewright_model::listener::Protocol;
use gatewright_proxy::listen::Proxy;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

fn tcp_world(port: u16, backends: &[(&str, &[SocketAddr])], weights: &[(&str, u32)]) -> World {
    let mut world = World::new("tcp");
    world.listen("tcp", Protocol::Tcp, port, "", None);
    for (name, endpoints) in backends {
        world.backend(name, endpoints, None);
    }
    world.stream(RouteKind::Tcp, ("route", 0), "tcp", "", weights);
    world
}

/// Reads everything up to the client's end of stream, then answers how much it was and ends.
fn counting_origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).unwrap();
                stream.write_all(all.len().to_string().as_bytes()).unwrap();
            });
        }
    });
    address
}

/// A client that has finished sending still gets the answer (TCP half-close, RFC 9293 section 3.6).
#[test]
fn half_close_is_passed_on() {
    let port = free_port();
    let _proxy = serve(&tcp_world(port, &[("be", &[counting_origin()])], &[("be", 1)]));
    let mut stream = connect(local(port));
    let block = vec![7; 3_000_000];
    stream.write_all(&block).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, block.len().to_string());
}

/// Bytes come through unchanged in both directions while the reader is slow.
#[test]
fn bytes_survive_back_pressure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // An echo.
            std::thread::spawn(move || std::io::copy(&mut stream.try_clone().unwrap(), &mut &stream));
        }
    });
    let port = free_port();
    let _proxy = serve(&tcp_world(port, &[("be", &[address])], &[("be", 1)]));
    let stream = connect(local(port));
    let sent: Vec<u8> = (0..8_000_000u32)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let (mut writer, data) = (stream.try_clone().unwrap(), sent.clone());
    let writing = std::thread::spawn(move || {
        writer.write_all(&data).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    let mut reader = stream;
    let mut buffer = [0; 10_007];
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => break,
            count => received.extend_from_slice(&buffer[..count]),
        }
    }
    writing.join().unwrap();
    assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
}

/// `TCPRouteRule.backendRefs`: weights are honoured, and the share of an invalid one is refused.
#[test]
fn weights_and_invalid_shares() {
    let (one, two) = (origin("one"), origin("two"));
    let port = free_port();
    let world = tcp_world(
        port,
        &[("one", &[one]), ("two", &[two])],
        &[("one", 2), ("two", 1), ("!gone", 1), ("one", 0)],
    );
    let _proxy = serve(&world);
    let (mut ones, mut twos, mut refused) = (0, 0, 0);
    for _ in 0..400 {
        let mut stream = connect(local(port));
        match try_get(&mut stream, "a", "/") {
            Ok((_, body)) if body == "one" => ones += 1,
            Ok(_) => twos += 1,
            Err(_) => refused += 1,
        }
    }
    // Standard deviations are 10, 8.7 and 8.7: these bounds are five of them.
    assert!((150..=250).contains(&ones), "{ones}");
    assert!((56..=144).contains(&twos), "{twos}");
    assert!((56..=144).contains(&refused), "{refused}");
}

/// An endpoint that refuses gives way to another; without any the connection is reset.
#[test]
fn a_dead_endpoint_gives_way() {
    let (dead, alive) = (local(free_port()), origin("alive"));
    let port = free_port();
    let mut world = tcp_world(port, &[("be", &[dead, alive])], &[("be", 1)]);
    let proxy = serve(&world);
    for _ in 0..20 {
        assert_eq!(get(&mut connect(local(port)), "a", "/").1, "alive");
    }
    world.backend("be", &[], None);
    assert_served(&proxy.apply(&[world.placement()]));
    assert!(try_get(&mut connect(local(port)), "a", "/").is_err());
    // Endpoints come back without any change of the route.
    world.backend("be", &[alive], None);
    assert_served(&proxy.apply(&[world.placement()]));
    assert_eq!(get(&mut connect(local(port)), "a", "/").1, "alive");
}

/// Of two TCPRoutes on one listener the oldest wins, then the first by name.
#[test]
fn the_oldest_route_wins() {
    let port = free_port();
    let mut world = World::new("oldest");
    world.listen("tcp", Protocol::Tcp, port, "", None);
    world.backend("old", &[origin("old")], None);
    world.backend("new", &[origin("new")], None);
    world.stream(RouteKind::Tcp, ("a-new", 20), "tcp", "", &[("new", 1)]);
    world.stream(RouteKind::Tcp, ("z-old", 10), "tcp", "", &[("old", 1)]);
    let _proxy = serve(&world);
    assert_eq!(get(&mut connect(local(port)), "a", "/").1, "old");
}

/// A silent connection ends after the idle timeout, one with traffic does not.
#[test]
fn idle_connections_end() {
    let port = free_port();
    let mut options = options();
    options.timeouts.tcp_idle = Duration::from_millis(400);
    let proxy = Proxy::start(options).unwrap();
    assert_served(&proxy.apply(&[tcp_world(port, &[("be", &[origin("be")])], &[("be", 1)]).placement()]));
    let mut stream = connect(local(port));
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(900) {
        assert_eq!(get(&mut stream, "a", "/").0, 200);
        std::thread::sleep(Duration::from_millis(100));
    }
    let start = Instant::now();
    assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0);
    assert!(
        start.elapsed() >= Duration::from_millis(250),
        "{:?}",
        start.elapsed()
    );
    eventually("no connection left", || (proxy.connections() == 0).then_some(()));
}
