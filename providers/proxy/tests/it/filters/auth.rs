//! External authorization over HTTP and gRPC, on rules and on listeners.

use super::grpc;
use super::stage::{Origin, Reply, Stage, nobody, route};
use crate::net::world::{World, options};
use gatewright_model::backend::BackendTarget;
use gatewright_model::filter::{ExternalAuth, ExternalAuthProtocol, HttpFilter};
use gatewright_model::listener::ListenerFilter;
use prost::Message;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn auth(name: &str, protocol: ExternalAuthProtocol, limit: u32) -> Arc<ExternalAuth> {
    let key = World::new("filters").backend(name, &[], None);
    Arc::new(ExternalAuth {
        backend: BackendTarget::Backend(key),
        protocol,
        forward_body_limit: limit,
    })
}

fn http() -> ExternalAuthProtocol {
    ExternalAuthProtocol::Http {
        path: "/check".into(),
        allowed_request_headers: vec!["x-team".into()],
        allowed_response_headers: vec!["x-user".into()],
    }
}

fn over_grpc() -> ExternalAuthProtocol {
    ExternalAuthProtocol::Grpc {
        allowed_request_headers: vec![],
    }
}

fn guarded(server: SocketAddr, origin: SocketAddr, auth: Arc<ExternalAuth>) -> Stage {
    Stage::new(move |world| {
        route(world, &[("origin", origin)], |rule| {
            rule.filters = vec![HttpFilter::ExternalAuth(Arc::clone(&auth))];
        });
        world.backend("auth", &[server], None);
    })
}

#[test]
fn an_http_server_decides() {
    let server = Origin::new(|seen, _| {
        if seen.field("authorization").as_deref() == Some("Bearer good") {
            Reply::Answer(
                200,
                vec![("x-user", "ann".into()), ("x-more", "1".into())],
                String::new(),
            )
        } else {
            Reply::Answer(
                401,
                vec![("www-authenticate", "Bearer".into())],
                "who are you?".into(),
            )
        }
    });
    let origin = Origin::named("origin");
    let stage = guarded(server.address, origin.address, auth("auth", http(), 0));

    let denied = stage.send("GET", "/cart?x=1", &[("x-team", "blue"), ("cookie", "a=b")], "");
    assert_eq!((denied.status, denied.body.as_str()), (401, "who are you?"));
    assert_eq!(denied.field("www-authenticate").as_deref(), Some("Bearer"));
    assert!(origin.seen().is_empty());
    let asked = server.last();
    assert_eq!(asked.line, "GET /check/cart?x=1");
    assert_eq!(asked.field("host").as_deref(), Some("shop.example"));
    assert_eq!(asked.field("x-team").as_deref(), Some("blue"));
    assert_eq!(asked.field("content-length").as_deref(), Some("0"));
    assert_eq!(asked.field("cookie"), None);

    let fields = [("authorization", "Bearer good"), ("x-user", "spoofed")];
    let allowed = stage.send("POST", "/", &fields, "body");
    assert_eq!(allowed.status, 200);
    let seen = origin.last();
    assert_eq!(seen.field("x-user").as_deref(), Some("ann"));
    assert_eq!(seen.field("x-more"), None);
    assert_eq!(seen.body, b"body");
    let asked = server.last();
    assert_eq!(
        (asked.body.len(), asked.field("content-length").as_deref()),
        (0, Some("0"))
    );
}

/// `ForwardBodyConfig.maxSize`.
#[test]
fn bodies_are_sent_along_up_to_the_limit() {
    let (server, origin) = (Origin::named("yes"), Origin::named("origin"));
    let stage = guarded(server.address, origin.address, auth("auth", http(), 8));
    assert_eq!(stage.send("POST", "/", &[], "12345678").status, 200);
    assert_eq!(server.last().body, b"12345678");
    assert_eq!(origin.last().body, b"12345678");
    assert_eq!(stage.send("POST", "/", &[], "123456789").status, 413);
    assert_eq!((server.seen().len(), origin.seen().len()), (1, 1));
}

/// "If there is any problem communicating with the external service, this filter MUST fail closed."
#[test]
fn no_answer_is_no() {
    let origin = Origin::named("origin");
    for server in [nobody(), Origin::new(|_, _| Reply::Close).address] {
        for protocol in [http(), over_grpc()] {
            let stage = guarded(server, origin.address, auth("auth", protocol, 0));
            assert_eq!(stage.get("/").status, 503);
        }
    }
    assert!(origin.seen().is_empty());
}

/// A server that keeps silent is waited for as long as the setting says.
#[test]
fn a_slow_server_is_not_waited_for() {
    let origin = Origin::named("origin").address;
    let server = Origin::new(|_, _| Reply::Hang).address;
    let mut short = options();
    short.timeouts.external_auth = Duration::from_millis(200);
    let stage = Stage::with(short, move |world| {
        route(world, &[("origin", origin)], |rule| {
            rule.filters = vec![HttpFilter::ExternalAuth(auth("auth", http(), 0))];
        });
        world.backend("auth", &[server], None);
    });
    let begun = Instant::now();
    assert_eq!(stage.get("/").status, 503);
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(200) && took < Duration::from_secs(4),
        "{took:?}"
    );
}

/// GEP-5224: a listener's filters run before routing, for every route.
#[test]
fn a_listener_can_be_guarded() {
    let server = Origin::new(|seen, _| {
        if seen.line.ends_with("/open") {
            Reply::Answer(200, vec![], String::new())
        } else {
            Reply::Answer(403, vec![], String::new())
        }
    });
    let origin = Origin::named("origin");
    let (a, b) = (server.address, origin.address);
    let stage = Stage::new(move |world| {
        route(world, &[("origin", b)], |_| {});
        world.backend("auth", &[a], None);
        for listener in world.0.listeners.values_mut() {
            Arc::make_mut(listener).filters = vec![ListenerFilter::ExternalAuth(auth("auth", http(), 0))];
        }
    });
    assert_eq!(stage.get("/open").status, 200);
    assert_eq!(stage.get("/closed").status, 403);
    assert_eq!(origin.seen().len(), 1);
}

/// The parts of the messages that the test server reads and writes, with the numbers of the
/// published definitions of `envoy.service.auth.v3`.
mod wire {
    use std::collections::HashMap;

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct CheckRequest {
        #[prost(message, optional, tag = "1")]
        pub attributes: Option<Attributes>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Attributes {
        #[prost(message, optional, tag = "4")]
        pub request: Option<Request>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Request {
        #[prost(message, optional, tag = "2")]
        pub http: Option<Http>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Http {
        #[prost(string, tag = "2")]
        pub method: String,
        #[prost(map = "string, string", tag = "3")]
        pub headers: HashMap<String, String>,
        #[prost(string, tag = "4")]
        pub path: String,
        #[prost(string, tag = "11")]
        pub body: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct CheckResponse {
        #[prost(message, optional, tag = "1")]
        pub status: Option<Number>,
        #[prost(message, optional, tag = "2")]
        pub denied: Option<Denied>,
        #[prost(message, optional, tag = "3")]
        pub ok: Option<Changes>,
    }
    #[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
    pub struct Number {
        #[prost(int32, tag = "1")]
        pub code: i32,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Denied {
        #[prost(message, optional, tag = "1")]
        pub status: Option<Number>,
        #[prost(string, tag = "3")]
        pub body: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Changes {
        #[prost(message, repeated, tag = "2")]
        pub headers: Vec<Setting>,
        #[prost(string, repeated, tag = "5")]
        pub remove: Vec<String>,
        #[prost(message, repeated, tag = "6")]
        pub response: Vec<Setting>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Setting {
        #[prost(message, optional, tag = "1")]
        pub header: Option<Header>,
    }
    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub struct Header {
        #[prost(string, tag = "1")]
        pub key: String,
        #[prost(string, tag = "2")]
        pub value: String,
    }
}

fn setting(key: &str, value: &str) -> wire::Setting {
    wire::Setting {
        header: Some(wire::Header {
            key: key.into(),
            value: value.into(),
        }),
    }
}

fn decide(request: &wire::CheckRequest) -> wire::CheckResponse {
    let http = request
        .attributes
        .as_ref()
        .unwrap()
        .request
        .as_ref()
        .unwrap()
        .http
        .as_ref()
        .unwrap();
    let headers: &HashMap<String, String> = &http.headers;
    if headers
        .get("authorization")
        .is_some_and(|value| value == "Bearer good")
    {
        return wire::CheckResponse {
            status: Some(wire::Number { code: 0 }),
            denied: None,
            ok: Some(wire::Changes {
                headers: vec![
                    setting("x-user", "ann"),
                    setting("x-asked", &format!("{} {} {}", http.method, http.path, http.body)),
                ],
                remove: vec!["authorization".into()],
                response: vec![setting("x-policy", "7")],
            }),
        };
    }
    wire::CheckResponse {
        status: Some(wire::Number { code: 7 }),
        denied: Some(wire::Denied {
            status: Some(wire::Number { code: 402 }),
            body: "pay first".into(),
        }),
        ok: None,
    }
}

/// A gRPC authorization server.
fn grpc_server() -> SocketAddr {
    grpc::server("/envoy.service.auth.v3.Authorization/Check", |_, message| {
        decide(&wire::CheckRequest::decode(message).unwrap()).encode_to_vec()
    })
}

#[test]
fn a_grpc_server_decides() {
    let origin = Origin::named("origin");
    let stage = guarded(grpc_server(), origin.address, auth("auth", over_grpc(), 16));
    let denied = stage.get("/");
    assert_eq!((denied.status, denied.body.as_str()), (402, "pay first"));
    assert!(origin.seen().is_empty());
    for _ in 0..3 {
        let allowed = stage.send("POST", "/a?b=c", &[("authorization", "Bearer good")], "hello");
        assert_eq!(allowed.status, 200);
        assert_eq!(allowed.field("x-policy").as_deref(), Some("7"));
        let seen = origin.last();
        assert_eq!(seen.field("x-user").as_deref(), Some("ann"));
        assert_eq!(seen.field("x-asked").as_deref(), Some("POST /a?b=c hello"));
        assert_eq!(seen.field("authorization"), None);
        assert_eq!(seen.body, b"hello");
    }
}
