//! PROXY headers in front of HTTP, TLS and TCP.

use super::world::*;
use gatewright_model::key::RouteKind;
use gatewright_model::listener::Protocol;
use gatewright_proxy::listen::Proxy;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

fn options_with_proxy() -> gatewright_proxy::runtime::ProxyOptions {
    let mut options = options();
    options.proxy_protocol_from = vec!["127.0.0.0/8".parse().unwrap()];
    options.timeouts.handshake = Duration::from_millis(500);
    options
}

/// Both versions, in one piece or byte by byte, with the payload right behind.
#[test]
fn headers_are_taken_off() {
    let authority = Authority::new("ca");
    let (http, https, tcp) = (free_port(), free_port(), free_port());
    let mut world = World::new("pp");
    world.certificate("a", &authority.issue(&["a.test"]));
    world.http("http", http);
    world.https("https", https, "", &["a"]);
    world.listen("tcp", Protocol::Tcp, tcp, "", None);
    world.backend("be", &[origin("be")], None);
    world.route("http", "http", "", prefix("/"), &[("be", 1)]);
    world.route("https", "https", "", prefix("/"), &[("be", 1)]);
    world.stream(RouteKind::Tcp, ("tcp", 0), "tcp", "", &[("be", 1)]);
    let proxy = Proxy::start(options_with_proxy()).unwrap();
    assert_served(&proxy.apply(&[world.placement()]));

    let v1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 5555 80\r\n".to_vec();
    // Signature, version 2 and PROXY, TCP over IPv4, 12 bytes of addresses and ports (section 2.2).
    let v2 = [
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(),
        &[203, 0, 113, 7, 192, 0, 2, 1],
        &5555_u16.to_be_bytes(),
        &80_u16.to_be_bytes(),
    ]
    .concat();
    for header in [&v1, &v2] {
        for port in [http, tcp] {
            let mut whole = connect(local(port));
            whole
                .write_all(&[&header[..], b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"].concat())
                .unwrap();
            assert_eq!(read_response(&mut whole).unwrap().0, 200);
            let mut slow = connect(local(port));
            for byte in header {
                slow.write_all(&[*byte]).unwrap();
            }
            assert_eq!(get(&mut slow, "a.test", "/").1, "be");
        }
        let mut stream = connect(local(https));
        stream.write_all(header).unwrap();
        let name = rustls::pki_types::ServerName::try_from("a.test").unwrap();
        let config = client_config(&authority, &["http/1.1"], None);
        let client = rustls::ClientConnection::new(config, name).unwrap();
        assert_eq!(
            get(&mut rustls::StreamOwned::new(client, stream), "a.test", "/").0,
            200
        );
    }
    // Without a header, or with a broken one, nothing is served (section 2: the connection is closed).
    for bad in [
        &b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"[..],
        b"PROXY TCP4 1.2.3.4 5.6.7.8 99999 1\r\n",
        b"PROXY ",
    ] {
        let mut stream = connect(local(http));
        stream.write_all(bad).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    }
}

/// The client's address is the header's: the backend is told so.
#[test]
fn the_client_is_who_the_header_says() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
            head.push(byte[0]);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        String::from_utf8(head).unwrap().to_ascii_lowercase()
    });
    let port = free_port();
    let mut world = World::new("client");
    world.http("http", port);
    world.backend("be", &[address], None);
    world.route("r", "http", "", prefix("/"), &[("be", 1)]);
    let proxy = Proxy::start(options_with_proxy()).unwrap();
    assert_served(&proxy.apply(&[world.placement()]));
    let mut stream = connect(local(port));
    stream
        .write_all(b"PROXY TCP4 203.0.113.7 192.0.2.1 5555 80\r\n")
        .unwrap();
    assert_eq!(get(&mut stream, "a.test", "/").0, 200);
    let head = seen.join().unwrap();
    assert!(head.contains("x-forwarded-for: 203.0.113.7\r\n"), "{head}");
}
