//! UDP routes.

use super::world::*;
use gatewright_model::key::RouteKind;
use gatewright_model::listener::Protocol;
use gatewright_proxy::listen::Proxy;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Answers every datagram with its name, a colon and the datagram.
fn echo(name: &'static str) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_535];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let answer = [name.as_bytes(), b":", &buffer[..length]].concat();
            let _ = socket.send_to(&answer, from);
        }
    });
    address
}

fn udp_world(port: u16, endpoints: &[SocketAddr]) -> World {
    let mut world = World::new("udp");
    world.listen("udp", Protocol::Udp, port, "", None);
    world.backend("be", endpoints, None);
    world.stream(RouteKind::Udp, ("route", 0), "udp", "", &[("be", 1)]);
    world
}

fn client(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(to).unwrap();
    socket
}

fn ask(socket: &UdpSocket, text: &str) -> String {
    socket.send(text.as_bytes()).unwrap();
    let mut buffer = vec![0; 65_535];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

/// Datagrams keep their boundaries, each client its endpoint, and replies find their client.
#[test]
fn sessions_by_client() {
    let port = free_port();
    let _proxy = serve(&udp_world(port, &[echo("one"), echo("two")]));
    let clients: Vec<UdpSocket> = (0..40).map(|_| client(local(port))).collect();
    let mut names = std::collections::BTreeMap::new();
    for round in 0..5 {
        for (number, client) in clients.iter().enumerate() {
            let text = format!("{round}-{number}-{}", "x".repeat(round * 300));
            let answer = ask(client, &text);
            let (name, rest) = answer.split_once(':').unwrap();
            assert_eq!(rest, text);
            assert_eq!(
                names.entry(number).or_insert_with(|| name.to_owned()),
                name,
                "client {number} moved"
            );
        }
    }
    let ones = names.values().filter(|name| *name == "one").count();
    // Balanced by sessions in use: both get a fair share.
    assert!((10..=30).contains(&ones), "{ones}");
    // The empty datagram is one, and the largest passes.
    assert!(ask(&clients[0], "").ends_with(':'));
    let large = "y".repeat(60_000);
    assert_eq!(ask(&clients[0], &large).len(), large.len() + 4);
}

/// On a socket bound to all addresses the reply comes from the address that was asked.
#[test]
fn replies_come_from_the_address_asked() {
    let port = free_port();
    let proxy = Proxy::start(options()).unwrap();
    let mut placement = udp_world(port, &[echo("be")]).placement();
    placement.addresses = vec![
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    ];
    assert_served(&proxy.apply(&[placement]));
    for target in ["127.0.0.1", "127.0.0.2", "127.7.8.9"] {
        // A connected socket takes datagrams from its peer's address only.
        let socket = client(SocketAddr::new(target.parse().unwrap(), port));
        assert_eq!(ask(&socket, "x"), "be:x", "{target}");
    }
    let socket = UdpSocket::bind("[::1]:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
        .connect(SocketAddr::new("::1".parse().unwrap(), port))
        .unwrap();
    assert_eq!(ask(&socket, "six"), "be:six");
}

/// Sessions leave an endpoint that is gone, and the table is bounded.
#[test]
fn sessions_follow_endpoints_and_are_bounded() {
    let port = free_port();
    let mut options = options();
    options.workers = 1.try_into().unwrap();
    options.limits.udp_sessions = 10;
    options.timeouts.udp_idle = Duration::from_millis(300);
    let proxy = Proxy::start(options).unwrap();
    let (one, two) = (echo("one"), echo("two"));
    let mut world = udp_world(port, &[one]);
    assert_served(&proxy.apply(&[world.placement()]));
    let first = client(local(port));
    assert_eq!(ask(&first, "a"), "one:a");
    world.backend("be", &[two], None);
    assert_served(&proxy.apply(&[world.placement()]));
    assert_eq!(ask(&first, "b"), "two:b");

    let others: Vec<UdpSocket> = (0..9).map(|_| client(local(port))).collect();
    for other in &others {
        assert_eq!(ask(other, "x"), "two:x");
    }
    let late = client(local(port));
    late.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    late.send(b"late").unwrap();
    assert!(late.recv(&mut [0; 100]).is_err(), "an eleventh session");
    // Idle sessions give their places back.
    eventually("a place", || {
        late.send(b"late").unwrap();
        late.recv(&mut [0; 100]).ok()
    });
}
