//! HTTP/2 through the proxy, on either side.

use crate::support::{Origin, Proxy, backend, options, rule};
use bytes::Bytes;
use gatewright_model::backend::BackendProtocol;
use gatewright_proxy::runtime::{DrainPhase, RouteProtocol};
use h2::client::SendRequest;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(crate::support::PATIENCE, future)
            .await
            .expect("took too long")
    })
}

async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (send, connection) = h2::client::Builder::new()
        .initial_connection_window_size(4 << 20)
        .handshake(stream)
        .await
        .unwrap();
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    send.ready().await.unwrap()
}

fn get(path: &str) -> Request<()> {
    Request::builder()
        .uri(format!("http://example.com{path}"))
        .version(Version::HTTP_2)
        .body(())
        .unwrap()
}

async fn body(recv: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut whole = Vec::new();
    while let Some(chunk) = recv.data().await {
        let chunk = chunk?;
        recv.flow_control().release_capacity(chunk.len())?;
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

async fn send_all(send: &mut SendStream<Bytes>, mut data: Bytes) {
    while !data.is_empty() {
        send.reserve_capacity(data.len());
        let room = poll_fn(|cx| send.poll_capacity(cx)).await.unwrap().unwrap();
        send.send_data(data.split_to(room.min(data.len())), false)
            .unwrap();
    }
}

/// An HTTP/2 backend: echoes bodies with trailers; `/early` answers before the body.
fn h2_origin() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default())
            .unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(async move {
                    let mut connection = h2::server::Builder::new()
                        .enable_connect_protocol()
                        .handshake::<_, Bytes>(stream)
                        .await
                        .unwrap();
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        tokio::task::spawn_local(async move {
                            let protocol = request.extensions().get::<h2::ext::Protocol>().cloned();
                            let path = request.uri().path().to_owned();
                            let te = request.headers().get("te").cloned();
                            let authority = request.uri().authority().unwrap().to_string();
                            let mut recv = request.into_body();
                            if path == "/reset" {
                                respond.send_reset(Reason::INTERNAL_ERROR);
                                return;
                            }
                            if path == "/trailers-only" {
                                let response =
                                    Response::builder().header("grpc-status", "12").body(()).unwrap();
                                respond.send_response(response, true).unwrap();
                                return;
                            }
                            let mut response = Response::builder().header("x-authority", authority);
                            if let Some(te) = te {
                                response = response.header("x-te", te);
                            }
                            if let Some(protocol) = &protocol {
                                response = response.header("x-protocol", protocol.as_str());
                            }
                            let mut send = respond.send_response(response.body(()).unwrap(), false).unwrap();
                            while let Some(Ok(chunk)) = recv.data().await {
                                recv.flow_control().release_capacity(chunk.len()).unwrap();
                                send_all(&mut send, chunk).await;
                            }
                            let mut trailers = recv.trailers().await.unwrap().unwrap_or_default();
                            trailers.insert("grpc-status", "0".parse().unwrap());
                            let _ = send.send_trailers(trailers);
                        });
                    }
                });
            }
        });
    });
    address
}

#[test]
fn many_streams_share_one_connection() {
    let origin = Origin::new(|request| {
        let path = request.line().split(' ').nth(1).unwrap().to_owned();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()).into_bytes()
    });
    let proxy = Proxy::to(origin.address);
    block_on(async {
        let mut send = connect(proxy.address).await;
        let mut answers = Vec::new();
        for index in 0..90 {
            let (response, _) = send.send_request(get(&format!("/{index}")), true).unwrap();
            answers.push((index, response));
        }
        for (index, response) in answers {
            let response = response.await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(
                response.headers()["content-length"],
                format!("/{index}").len().to_string()
            );
            assert_eq!(
                body(&mut response.into_body()).await.unwrap(),
                format!("/{index}").into_bytes()
            );
        }
    });
}

#[test]
fn bodies_are_relayed_both_ways_between_versions() {
    let h1 = Origin::new(|request| {
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            request.body.len()
        )
        .into_bytes();
        answer.extend_from_slice(&request.body);
        answer
    });
    for (origin, protocol) in [
        (h1.address, BackendProtocol::Http1),
        (h2_origin(), BackendProtocol::Http2),
    ] {
        let proxy = Proxy::start(rule(vec![backend(&[origin], protocol)]), options());
        block_on(async {
            let mut send = connect(proxy.address).await;
            for size in [1usize, 65_535, 65_536, 700_000] {
                let data: Bytes = (0..size)
                    .map(|index| (index % 251) as u8)
                    .collect::<Vec<_>>()
                    .into();
                let mut request = get("/echo");
                *request.method_mut() = Method::POST;
                let (response, mut stream) = send.send_request(request, false).unwrap();
                let copy = data.clone();
                let sending = async {
                    send_all(&mut stream, copy).await;
                    stream.send_data(Bytes::new(), true).unwrap();
                };
                let receiving = async {
                    let response = response.await.unwrap();
                    assert_eq!(response.status(), StatusCode::OK);
                    body(&mut response.into_body()).await.unwrap()
                };
                let ((), received) = tokio::join!(sending, receiving);
                assert!(received == data, "{size} bytes over {protocol:?}");
            }
        });
        // The same from an HTTP/1.1 client.
        let mut client = proxy.connect();
        let data: Vec<u8> = (0..200_000).map(|index| (index % 249) as u8).collect();
        client.send(format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            data.len()
        ));
        client.send(&data);
        assert_eq!(client.response().unwrap().body, data, "{protocol:?}");
    }
}

#[test]
fn grpc_keeps_trailers_and_streams_both_ways() {
    let mut grpc = rule(vec![backend(&[h2_origin()], BackendProtocol::Auto)]);
    grpc.protocol = RouteProtocol::Grpc;
    let proxy = Proxy::start(grpc, options());
    block_on(async {
        let mut send = connect(proxy.address).await;
        let mut request = get("/echo");
        *request.method_mut() = Method::POST;
        request.headers_mut().insert("te", "trailers".parse().unwrap());
        request
            .headers_mut()
            .insert("content-type", "application/grpc".parse().unwrap());
        let (response, mut stream) = send.send_request(request, false).unwrap();
        // The answer's head comes while the request is still open.
        let response = response.await.unwrap();
        assert_eq!(response.headers()["x-te"], "trailers");
        assert_eq!(response.headers()["x-authority"], "example.com");
        let mut recv = response.into_body();
        for message in ["one", "two", "three"] {
            send_all(&mut stream, Bytes::from(message)).await;
            let mut received = Vec::new();
            while received.len() < message.len() {
                let chunk = recv.data().await.unwrap().unwrap();
                recv.flow_control().release_capacity(chunk.len()).unwrap();
                received.extend_from_slice(&chunk);
            }
            assert_eq!(received, message.as_bytes());
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("x-client", "1".parse().unwrap());
        stream.send_trailers(trailers).unwrap();
        assert!(body(&mut recv).await.unwrap().is_empty());
        let trailers = recv.trailers().await.unwrap().unwrap();
        assert_eq!(trailers["grpc-status"], "0");
        assert_eq!(trailers["x-client"], "1");
        // Trailers-only responses are a head that ends the stream.
        let (response, _) = send.send_request(get("/trailers-only"), true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "12");
        assert!(response.body().is_end_stream());
    });
}

#[test]
fn a_reset_of_the_backend_is_a_bad_gateway() {
    let proxy = Proxy::start(
        rule(vec![backend(&[h2_origin()], BackendProtocol::Http2)]),
        options(),
    );
    let mut client = proxy.connect();
    client.send("POST /reset HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.response().unwrap().status, 502);
}

#[test]
fn a_client_that_resets_ends_the_exchange_with_the_backend() {
    let (closed, was_closed) = std::sync::mpsc::channel();
    let origin = Origin::raw(move |client, _, _| {
        client.head().unwrap();
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        while client.exactly(1).is_some() {}
        closed.send(()).unwrap();
    });
    let proxy = Proxy::to(origin.address);
    block_on(async {
        let mut send = connect(proxy.address).await;
        let (response, mut stream) = send.send_request(get("/"), true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        stream.send_reset(Reason::CANCEL);
        drop(response);
    });
    was_closed
        .recv_timeout(crate::support::PATIENCE)
        .expect("the backend was not told");
}

#[test]
fn a_stalled_stream_holds_up_no_other() {
    let origin = Origin::new(|request| {
        let size = if request.line().contains("/large") {
            2_000_000
        } else {
            2
        };
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + size, b'x');
        answer
    });
    let proxy = Proxy::to(origin.address);
    block_on(async {
        let mut send = connect(proxy.address).await;
        // Never read: its stream window runs dry, the connection's does not.
        let (stalled, _) = send.send_request(get("/large"), true).unwrap();
        let stalled = stalled.await.unwrap();
        for _ in 0..20 {
            let (response, _) = send.send_request(get("/"), true).unwrap();
            let response = response.await.unwrap();
            assert_eq!(body(&mut response.into_body()).await.unwrap(), b"xx");
        }
        assert_eq!(body(&mut stalled.into_body()).await.unwrap().len(), 2_000_000);
    });
}

#[test]
fn websockets_cross_versions() {
    let h1 = Origin::raw(|client, _, _| {
        let head = client.head().unwrap();
        assert!(head.starts_with("GET /chat HTTP/1.1"), "{head}");
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("sec-websocket-key: "))
            .unwrap();
        let accept = accept(key);
        client.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        ));
        while let Some(bytes) = client.exactly(4) {
            client.send(bytes);
        }
    });
    for (origin, protocol) in [
        (h1.address, BackendProtocol::Http1),
        (h2_origin(), BackendProtocol::Http2),
    ] {
        let proxy = Proxy::start(rule(vec![backend(&[origin], protocol)]), options());
        block_on(async {
            let mut send = connect(proxy.address).await;
            // The peer's settings say whether extended CONNECT is spoken (RFC 8441 section 3).
            while !send.is_extended_connect_protocol_enabled() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let mut request = get("/chat");
            *request.method_mut() = Method::CONNECT;
            request
                .extensions_mut()
                .insert(h2::ext::Protocol::from_static("websocket"));
            request
                .headers_mut()
                .insert("sec-websocket-version", "13".parse().unwrap());
            let (response, mut stream) = send.send_request(request, false).unwrap();
            let response = response.await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{protocol:?}");
            assert!(response.headers().get("sec-websocket-accept").is_none());
            let mut recv = response.into_body();
            for message in ["ping", "pong"] {
                send_all(&mut stream, Bytes::from(message)).await;
                let chunk = recv.data().await.unwrap().unwrap();
                recv.flow_control().release_capacity(chunk.len()).unwrap();
                assert_eq!(chunk, message.as_bytes());
            }
        });
    }
    // An HTTP/1.1 client and an HTTP/2 backend.
    let proxy = Proxy::start(
        rule(vec![backend(&[h2_origin()], BackendProtocol::Http2)]),
        options(),
    );
    let mut client = proxy.connect();
    client.send("GET /warm HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().unwrap().status, 200);
    client.send("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    let response = client.response().unwrap();
    assert_eq!(response.status, 101);
    // RFC 6455 section 1.3.
    assert_eq!(
        response.header("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(response.header("x-protocol"), Some("websocket"));
    client.send("ping");
    assert_eq!(client.exactly(4).unwrap(), b"ping");
}

fn accept(key: &str) -> String {
    use base64::Engine;
    use sha1::{Digest, Sha1};
    let hash = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    base64::engine::general_purpose::STANDARD.encode(hash)
}

#[test]
fn heads_that_contradict_themselves_are_refused() {
    let origin = Origin::hello();
    let proxy = Proxy::to(origin.address);
    block_on(async {
        let mut send = connect(proxy.address).await;
        for (name, value, status) in [
            // RFC 9113 section 8.3.1.
            ("host", "other.example", 400),
            ("transfer_encoding", "chunked", 400),
            ("expect", "the-unexpected", 417),
        ] {
            let mut request = get("/");
            request.headers_mut().insert(name, value.parse().unwrap());
            let (response, _) = send.send_request(request, true).unwrap();
            assert_eq!(response.await.unwrap().status(), status, "{name}");
        }
        let mut request = get("/");
        *request.method_mut() = Method::TRACE;
        let (response, _) = send.send_request(request, true).unwrap();
        assert_eq!(response.await.unwrap().status(), 405);
        // Crumbs of a cookie are put together for HTTP/1.1 (RFC 9113 section 8.2.3).
        let mut request = get("/cookie");
        request.headers_mut().append("cookie", "a=1".parse().unwrap());
        request.headers_mut().append("cookie", "b=2".parse().unwrap());
        let (response, _) = send.send_request(request, true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
    });
    assert_eq!(origin.request().header("cookie"), Some("a=1; b=2"));
}

#[test]
fn interim_responses_reach_http2_clients() {
    let origin = Origin::new(|_| {
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()
    });
    let proxy = Proxy::to(origin.address);
    block_on(async {
        let mut send = connect(proxy.address).await;
        let (mut response, _) = send.send_request(get("/"), true).unwrap();
        let interim = poll_fn(|cx| response.poll_informational(cx))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (interim.status().as_u16(), &interim.headers()["link"]),
            (103, &"</a>".parse().unwrap())
        );
        assert_eq!(response.await.unwrap().status(), 200);
    });
}

/// A body that drips is ended on HTTP/2 as on HTTP/1.1; a gRPC call that says little is not.
#[test]
fn bodies_that_drip_are_ended() {
    let mut options = options();
    options.timeouts.body = Duration::from_millis(400);
    options.limits.body_rate = 40;
    let origin = Origin::hello();
    let backend = || vec![backend(&[origin.address], BackendProtocol::Http1)];
    let proxy = Proxy::start(rule(backend()), options);
    block_on(async {
        for (kind, status) in [("text/plain", 408), ("application/grpc", 200)] {
            let mut send = connect(proxy.address).await;
            let mut request = get("/");
            *request.method_mut() = Method::POST;
            let fields = request.headers_mut();
            fields.insert("content-type", kind.parse().unwrap());
            fields.insert("content-length", "30".parse().unwrap());
            let (response, mut stream) = send.send_request(request, false).unwrap();
            let dripping = async {
                for number in 0..30 {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    if stream.send_data(Bytes::from_static(b"x"), number == 29).is_err() {
                        break;
                    }
                }
            };
            let (response, ()) = tokio::join!(response, dripping);
            assert_eq!(response.unwrap().status(), status, "{kind}");
        }
    });
}

#[test]
fn draining_says_goaway_and_finishes_streams() {
    let origin = Origin::raw(|client, _, _| {
        client.head().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        client.closed();
    });
    let proxy = Proxy::to(origin.address);
    block_on(async {
        let mut send = connect(proxy.address).await;
        let (response, _) = send.send_request(get("/"), true).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.drain(DrainPhase::Draining);
        let response = response.await.unwrap();
        assert_eq!(body(&mut response.into_body()).await.unwrap(), b"ok");
        // No new stream is taken up after the GOAWAY.
        let refused = async {
            loop {
                let mut ready = send.clone().ready().await?;
                ready.send_request(get("/"), true)?.0.await?;
            }
            #[allow(unreachable_code)]
            Ok::<(), h2::Error>(())
        };
        assert!(refused.await.is_err());
    });
}
