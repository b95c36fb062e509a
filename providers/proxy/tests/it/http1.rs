//! HTTP/1.x through the proxy.

use crate::support::{Client, Origin, Proxy, backend, options, refusing, rule};
use gatewright_model::backend::BackendProtocol;
use gatewright_proxy::runtime::DrainPhase;
use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

#[test]
fn small_requests_share_one_connection_to_the_backend() {
    let origin = Origin::hello();
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.connect();
    for _ in 0..5 {
        client.send("GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-Some: thing\r\n\r\n");
        let response = client.response().unwrap();
        assert_eq!(
            (response.status, response.body.as_slice()),
            (200, b"hello".as_slice())
        );
        // RFC 9110 section 6.6.1: a Date is added where the backend sends none.
        assert!(response.header("date").is_some());
        let seen = origin.request();
        assert_eq!(seen.line(), "GET /a?b=c HTTP/1.1");
        assert_eq!(seen.header("host"), Some("example.com"));
        assert_eq!(seen.header("x-some"), Some("thing"));
        // RFC 9110 section 7.6.3: a gateway says so towards the backend.
        assert_eq!(seen.header("via"), Some("1.1 gatewright"));
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn bodies_of_both_framings_arrive_whole() {
    let origin = Origin::new(|request| {
        let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in request.body.chunks(7777) {
            answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            answer.extend_from_slice(chunk);
            answer.extend_from_slice(b"\r\n");
        }
        answer.extend_from_slice(b"0\r\n\r\n");
        answer
    });
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.connect();
    for size in [0usize, 1, 100, 4096, 4097, 65_536, 300_000] {
        let body: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
        client.send(format!(
            "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"
        ));
        client.send(&body);
        assert_eq!(client.response().unwrap().body, body);
        assert_eq!(origin.request().body, body);
        client.send("POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for chunk in body.chunks(1000) {
            client.send(format!("{:X};ext=1\r\n", chunk.len()));
            client.send(chunk);
            client.send("\r\n");
        }
        client.send("0\r\n\r\n");
        assert_eq!(client.response().unwrap().body, body);
        let seen = origin.request();
        assert_eq!(seen.body, body);
        assert_eq!(seen.header("transfer-encoding"), Some("chunked"));
    }
}

#[test]
fn head_and_bodiless_statuses_keep_the_connection_in_step() {
    let origin = Origin::new(|request| match request.line() {
        line if line.starts_with("HEAD") => b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n".to_vec(),
        line if line.contains("/304") => b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n".to_vec(),
        line if line.contains("/204") => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        _ => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
    });
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head().unwrap();
    assert!(head.contains("content-length: 1234"), "{head}");
    for (path, status) in [("/304", 304), ("/204", 204), ("/", 200)] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let response = client.response().unwrap();
        assert_eq!(response.status, status);
        if status == 204 {
            // RFC 9110 section 8.6.
            assert_eq!(response.header("content-length"), None);
        }
    }
}

#[test]
fn hop_by_hop_fields_stay_on_their_hop() {
    let origin = Origin::new(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x-private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\nX-Public: 2\r\n\r\nok"
            .to_vec()
    });
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.connect();
    client.send(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\nTE: trailers, deflate\r\nX-Yours: 2\r\n\r\n",
    );
    let response = client.response().unwrap();
    assert_eq!(response.header("x-private"), None);
    assert_eq!(response.header("keep-alive"), None);
    assert_eq!(response.header("x-public"), Some("2"));
    let seen = origin.request();
    for gone in ["x-mine", "keep-alive", "proxy-connection"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
    assert_eq!(seen.header("x-yours"), Some("2"));
    assert_eq!(seen.header("te"), Some("trailers"));
}

#[test]
fn http10_clients_are_served_in_their_own_way() {
    let origin = Origin::new(|_| {
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec()
    });
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    let response = client.response().unwrap();
    assert_eq!(response.header("transfer-encoding"), None);
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(response.body, b"abc");
    assert!(client.closed());
}

#[test]
fn continue_is_asked_for_and_passed_on() {
    let origin = Origin::raw(|client, _, _| {
        let head = client.head().unwrap();
        assert!(head.to_ascii_lowercase().contains("expect: 100-continue"));
        client.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
        let body = client.exactly(4).unwrap();
        client.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ));
        client.send(body);
        client.closed();
    });
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.connect();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    let hints = client.response().unwrap();
    assert_eq!((hints.status, hints.header("link")), (103, Some("</a>")));
    assert_eq!(client.response().unwrap().status, 100);
    client.send("data");
    assert_eq!(client.response().unwrap().body, b"data");
}

#[test]
fn a_refused_body_closes_the_connection_of_a_client_that_waits() {
    let origin = Origin::raw(|client, _, _| {
        client.head().unwrap();
        client.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
        client.closed();
    });
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.connect();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    let response = client.response().unwrap();
    assert_eq!(
        (response.status, response.header("connection")),
        (401, Some("close"))
    );
    assert!(client.closed());
}

#[test]
fn websockets_are_tunnelled_after_101_only() {
    let origin = Origin::raw(|client, _, _| {
        let head = client.head().unwrap().to_ascii_lowercase();
        if !head.contains("upgrade: websocket") || head.contains("/refuse") {
            client.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
            assert!(client.closed(), "bytes behind a refused upgrade were forwarded");
            return;
        }
        client.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nfirst");
        while let Some(bytes) = client.exactly(4) {
            client.send(bytes);
        }
    });
    let proxy = Proxy::to(origin.address);
    let upgrade = |path| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: k\r\n\r\n"
        )
    };
    let mut client = proxy.connect();
    client.send(upgrade("/"));
    let response = client.response().unwrap();
    assert_eq!(response.status, 101);
    assert_eq!(response.header("upgrade"), Some("websocket"));
    assert_eq!(response.header("sec-websocket-accept"), Some("x"));
    assert_eq!(client.exactly(5).unwrap(), b"first");
    for message in [b"ping", b"pong"] {
        client.send(message);
        assert_eq!(client.exactly(4).unwrap(), message);
    }
    // RFC 9931: what follows a request for an upgrade that is refused is neither tunnelled nor
    // taken for a request.
    let mut client = proxy.connect();
    client.send(upgrade("/refuse"));
    client.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = client.response().unwrap();
    assert_eq!(
        (response.status, response.header("connection")),
        (403, Some("close"))
    );
    assert!(client.closed());
}

#[test]
fn failing_backends_are_named_by_status() {
    let garbage = Origin::new(|_| b"SSH-2.0-nothing\r\n\r\n".to_vec());
    let silent = Origin::new(|_| Vec::new());
    let folded = Origin::new(|_| b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n".to_vec());
    let both = Origin::new(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec()
    });
    for (name, origin, status) in [
        ("refused", refusing(), 503),
        ("garbage", garbage.address, 502),
        ("silent", silent.address, 502),
        ("folded", folded.address, 502),
        ("both", both.address, 502),
    ] {
        let proxy = Proxy::to(origin);
        let mut client = proxy.connect();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.response().unwrap().status, status, "{name}");
    }
}

#[test]
fn a_refused_connection_is_tried_elsewhere() {
    let origin = Origin::hello();
    let backends = vec![backend(
        &[refusing(), origin.address, refusing()],
        BackendProtocol::Http1,
    )];
    let proxy = Proxy::start(rule(backends), options());
    let mut client = proxy.connect();
    for _ in 0..20 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        assert_eq!(client.response().unwrap().status, 200);
        assert_eq!(origin.request().body, b"abc");
    }
}

#[test]
fn a_connection_closed_by_the_backend_while_idle_is_not_noticed_by_the_client() {
    let origin = Origin::raw(|client, connection, seen| {
        if let Some(head) = client.head() {
            let _ = seen.send(crate::support::Request {
                head,
                body: Vec::new(),
                connection,
            });
            client.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.connect();
    for round in 1..=20 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().unwrap().status, 200);
        assert_eq!(origin.request().connection, round);
    }
}

#[test]
fn timeouts_of_a_rule_are_kept() {
    let origin = Origin::raw(|client, _, _| {
        client.head();
        client.closed();
    });
    let mut slow = rule(vec![backend(&[origin.address], BackendProtocol::Http1)]);
    slow.request_timeout = Some(Duration::from_millis(100));
    let proxy = Proxy::start(slow, options());
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().unwrap().status, 504);
    let mut slow = rule(vec![backend(&[origin.address], BackendProtocol::Http1)]);
    slow.backend_request_timeout = Some(Duration::from_millis(100));
    let proxy = Proxy::start(slow, options());
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().unwrap().status, 504);
}

#[test]
fn slow_heads_and_bodies_are_ended() {
    let origin = Origin::hello();
    let mut short = options();
    short.timeouts.head = Duration::from_millis(200);
    short.timeouts.body = Duration::from_millis(200);
    short.timeouts.idle = Duration::from_millis(200);
    let proxy = Proxy::start(
        rule(vec![backend(&[origin.address], BackendProtocol::Http1)]),
        short,
    );
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHo");
    assert_eq!(client.response().unwrap().status, 408);
    let mut client = proxy.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    assert_eq!(client.response().unwrap().status, 408);
    assert!(client.closed());
    // A connection without a request is closed without a word.
    assert!(proxy.connect().closed());
}

/// Sends a body of 40 bytes in pieces of `piece`, one every 50 ms, and answers the response.
fn upload(proxy: &Proxy, fields: &str, piece: usize) -> u16 {
    let mut client = proxy.connect();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n{fields}\r\n"
    ));
    let mut writer = client.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        for _ in 0..40 / piece {
            if std::io::Write::write_all(&mut writer, &vec![b'x'; piece]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let status = client.response().unwrap().status;
    sending.join().unwrap();
    status
}

/// A body that drips is ended although no single pause is long; who keeps up the rate, and gRPC, whose
/// messages come when there is something to say, are not.
#[test]
fn bodies_that_drip_are_ended() {
    let origin = Origin::hello();
    let mut options = options();
    options.timeouts.body = Duration::from_millis(500);
    options.limits.body_rate = 40;
    let backends = || vec![backend(&[origin.address], BackendProtocol::Http1)];
    let proxy = Proxy::start(rule(backends()), options.clone());
    let begun = std::time::Instant::now();
    // 20 bytes a second earn half of the time they take: over after about one second.
    assert_eq!(upload(&proxy, "", 1), 408);
    assert!(begun.elapsed() >= Duration::from_millis(500));
    // 80 bytes a second are enough.
    assert_eq!(upload(&proxy, "", 4), 200);
    assert_eq!(upload(&proxy, "Content-Type: application/grpc\r\n", 1), 200);
    // A client that waits to be asked for its body is not what takes time.
    let thinking = Origin::raw(|client, _, _| {
        client.head();
        std::thread::sleep(Duration::from_millis(1500));
        client.send("HTTP/1.1 100 Continue\r\n\r\n");
        client.exactly(4);
        client.send("HTTP/1.1 204 No Content\r\n\r\n");
    });
    let patient = Proxy::start(
        rule(vec![backend(&[thinking.address], BackendProtocol::Http1)]),
        options.clone(),
    );
    let mut client = patient.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.response().unwrap().status, 100);
    client.send("body");
    assert_eq!(client.response().unwrap().status, 204);
    options.limits.body_rate = 0;
    let unbounded = Proxy::start(rule(backends()), options);
    assert_eq!(upload(&unbounded, "", 1), 200);
}

/// RFC 9110 sections 9.3.7 and 7.6.2: `*` is about the proxy itself; a request that may not be
/// forwarded any more is answered by who has it.
#[test]
fn options_about_the_proxy_are_answered_by_it() {
    let origin = Origin::hello();
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.connect();
    for request in [
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS /path HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n",
    ] {
        client.send(request);
        let response = client.response().unwrap();
        assert_eq!(response.status, 204, "{request}");
        assert!(response.header("allow").unwrap().contains("OPTIONS"), "{request}");
    }
    assert!(origin.pending().is_empty());
    client.send("OPTIONS /path HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\n\r\n");
    assert_eq!(client.response().unwrap().status, 200);
    assert_eq!(origin.request().header("max-forwards"), Some("2"));
    // Other methods have no asterisk form (RFC 9112 section 3.2.4).
    client.send("GET * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().unwrap().status, 400);
    assert!(client.closed());
}

#[test]
fn limits_are_answered_with_their_statuses() {
    let origin = Origin::new(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec());
    let mut small = options();
    small.limits.body_bytes = Some(10);
    small.limits.head_bytes = 4096;
    small.limits.target_bytes = 1024;
    small.limits.head_fields = 20;
    let proxy = Proxy::start(
        rule(vec![backend(&[origin.address], BackendProtocol::Http1)]),
        small,
    );
    let cases = [
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(2000)),
            414,
        ),
        (format!("GET /{}", "x".repeat(5000)), 414),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(5000)),
            431,
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(30)),
            431,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n12345678901".to_owned(),
            413,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n"
                .to_owned(),
            413,
        ),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), 505),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n".to_owned(), 405),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405),
    ];
    for (request, status) in cases {
        let mut client = proxy.connect();
        client.send(&request);
        let response = client
            .response()
            .unwrap_or_else(|| panic!("no answer to {request:.80}"));
        assert_eq!(response.status, status, "{request:.80}");
        assert_eq!(response.header("connection"), Some("close"));
        assert!(client.closed());
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::new(|request| {
        let path = request.line().split(' ').nth(1).unwrap().to_owned();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()).into_bytes()
    });
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.connect();
    let mut all = String::new();
    for index in 0..50 {
        write!(all, "GET /{index} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    client.send(all);
    for index in 0..50 {
        assert_eq!(client.response().unwrap().body, format!("/{index}").into_bytes());
    }
}

#[test]
fn draining_finishes_what_is_in_flight_and_closes_what_is_idle() {
    let origin = Origin::raw(|client, _, _| {
        while client.head().is_some() {
            std::thread::sleep(Duration::from_millis(200));
            client.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let proxy = Proxy::to(origin.address);
    let mut idle = proxy.connect();
    idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(idle.response().unwrap().status, 200);
    let mut busy = proxy.connect();
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    proxy.drain(DrainPhase::Draining);
    assert!(idle.closed());
    let response = busy.response().unwrap();
    assert_eq!(response.body, b"ok");
    // The head was not sent when the drain began: it tells the client not to come again on this
    // connection (RFC 9112 section 9.6).
    assert_eq!(response.header("connection"), Some("close"));
    assert!(busy.closed());
}

#[test]
fn a_response_that_breaks_off_is_not_made_to_look_complete() {
    let closing = Origin::raw(move |client, _, _| {
        let head = client.head().unwrap();
        let answer: &[u8] = if head.contains("/chunked") {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nhe"
        } else {
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
        };
        client.stream.write_all(answer).unwrap();
    });
    let proxy = Proxy::to(closing.address);
    for path in ["/chunked", "/length"] {
        let mut client: Client = proxy.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.response(), None, "{path}");
    }
}
