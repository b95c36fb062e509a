use super::envoy::{
    BoolValue, CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValue, HeaderValueOption, HttpStatus,
    OkHttpResponse, QueryParameter, Status,
};
use super::{CompiledExternalAuth, Protocol, decide, grpc, http_protocol};
use crate::http::upstream::{Fetched, UpstreamError};
use crate::http::{Headers, LocalResponse, RequestHead, ResponseHead};
use crate::policy::chain::tests::{connection, request};
use crate::policy::{FilterState, Verdict};
use bytes::Bytes;
use gatewright_model::backend::BackendTarget;
use gatewright_model::filter::{ExternalAuth, ExternalAuthProtocol};
use http::StatusCode;
use prost::Message;
use std::time::Duration;

fn http(path: &str, request: &[&str], response: &[&str]) -> CompiledExternalAuth {
    let names = |list: &[&str]| list.iter().map(|name| (*name).into()).collect();
    compile(ExternalAuthProtocol::Http {
        path: path.into(),
        allowed_request_headers: names(request),
        allowed_response_headers: names(response),
    })
}

fn over_grpc(allowed: &[&str]) -> CompiledExternalAuth {
    compile(ExternalAuthProtocol::Grpc {
        allowed_request_headers: allowed.iter().map(|name| (*name).into()).collect(),
    })
}

fn compile(protocol: ExternalAuthProtocol) -> CompiledExternalAuth {
    let auth = ExternalAuth {
        backend: BackendTarget::Invalid("test".into()),
        protocol,
        forward_body_limit: 10,
    };
    CompiledExternalAuth::compile(&auth, None)
}

fn client_request() -> RequestHead {
    let mut head = request("POST", "shop.example:8080", "/cart?item=1&k=v");
    for (name, value) in [
        ("authorization", "Bearer x"),
        ("cookie", "a=b"),
        ("x-team", "blue"),
        ("x-request-id", "id-1"),
    ] {
        head.headers
            .append_raw(name.as_bytes(), value.as_bytes())
            .unwrap();
    }
    head
}

fn answer(status: u16, fields: &[(&str, &str)], body: &[u8]) -> Fetched {
    let mut head = ResponseHead::new(StatusCode::from_u16(status).unwrap());
    for (name, value) in fields {
        head.headers
            .append_raw(name.as_bytes(), value.as_bytes())
            .unwrap();
    }
    Fetched {
        head,
        body: Bytes::copy_from_slice(body),
        trailers: Headers::new(),
    }
}

fn check_answer(response: &CheckResponse) -> Fetched {
    let mut body = vec![0];
    body.extend((response.encoded_len() as u32).to_be_bytes());
    response.encode(&mut body).unwrap();
    let mut fetched = answer(200, &[], &body);
    fetched.trailers.append_raw(b"grpc-status", b"0").unwrap();
    fetched
}

fn run(
    auth: &CompiledExternalAuth,
    answer: Result<Fetched, UpstreamError>,
    head: &mut RequestHead,
) -> (Option<LocalResponse>, FilterState) {
    let mut state = FilterState::default();
    let verdict = decide(auth, answer, (head, &mut state), "test");
    match verdict {
        Verdict::Continue => (None, state),
        Verdict::Respond(response) => (Some(response), state),
    }
}

fn names(headers: &Headers) -> Vec<&str> {
    headers.iter().map(|(name, _)| name).collect()
}

fn option(key: &str, value: &str, append: bool) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: key.into(),
            value: value.into(),
            raw_value: vec![],
        }),
        append: append.then_some(BoolValue { value: true }),
        append_action: 0,
    }
}

/// `HTTPAuthConfig.allowedHeaders`: Host, method, path, Content-Length and Authorization always.
#[test]
fn http_requests_carry_the_fixed_set_and_what_is_allowed() {
    let head = client_request();
    let Protocol::Http(rules) = http("/auth/", &["X-Team"], &[]).protocol else {
        panic!("http");
    };
    let mut get = head.clone();
    get.method = http::Method::GET;
    let sent = http_protocol::request(&rules, &get, 0);
    assert_eq!(sent.method, "GET");
    assert_eq!(sent.authority, "shop.example:8080");
    assert_eq!(sent.target, "/auth/cart?item=1&k=v");
    assert_eq!(
        names(&sent.headers),
        ["authorization", "x-team", "content-length"]
    );
    assert_eq!(sent.headers.get_str("content-length"), Some("0"));
    assert!(
        !http_protocol::request(&rules, &head, 3)
            .headers
            .contains("content-length")
    );
}

#[test]
fn path_prefixes_are_sanitized() {
    for (path, expected) in [
        ("", ""),
        ("/", ""),
        ("/auth", "/auth"),
        ("auth//x/", "/auth/x"),
        ("/a/../../b", "/a/b"),
        ("/a b?c#d", "/a%20b%3Fc%23d"),
        ("/%2e", "/%2e"),
    ] {
        assert_eq!(http_protocol::prefix(path), expected, "{path}");
    }
}

#[test]
fn http_200_allows_and_copies_what_is_listed() {
    let fields = [
        ("x-user", "ann"),
        ("x-other", "1"),
        ("content-type", "text/plain"),
        ("host", "evil"),
        ("connection", "close"),
    ];
    let mut head = client_request();
    head.headers.append_raw(b"x-user", b"spoofed").unwrap();
    let (denied, _) = run(
        &http("", &[], &["x-user"]),
        Ok(answer(200, &fields, b"")),
        &mut head,
    );
    assert!(denied.is_none());
    assert_eq!(head.headers.get_all("x-user").collect::<Vec<_>>(), [b"ann"]);
    assert!(!head.headers.contains("x-other"));

    let mut head = client_request();
    let (denied, _) = run(&http("", &[], &[]), Ok(answer(200, &fields, b"")), &mut head);
    assert!(denied.is_none());
    assert!(head.headers.contains("x-other"));
    for name in ["host", "content-type", "connection"] {
        assert!(!head.headers.contains(name), "{name}");
    }
    assert_eq!(head.authority, "shop.example:8080");
}

#[test]
fn any_other_http_answer_is_the_clients() {
    for (status, seen) in [
        (401, 401),
        (302, 302),
        (403, 403),
        (500, 500),
        (204, 403),
        (201, 403),
    ] {
        let fields = [("www-authenticate", "Bearer"), ("transfer-encoding", "chunked")];
        let (denied, _) = run(
            &http("", &[], &[]),
            Ok(answer(status, &fields, b"no")),
            &mut client_request(),
        );
        let denied = denied.unwrap();
        assert_eq!(denied.head.status.as_u16(), seen, "{status}");
        assert_eq!(names(&denied.head.headers), ["www-authenticate"]);
        assert_eq!(&denied.body[..], b"no");
    }
}

/// `HTTPRouteFilter.externalAuth`: "this filter MUST fail closed".
#[test]
fn everything_unclear_refuses() {
    for auth in [http("", &[], &[]), over_grpc(&[])] {
        let (denied, _) = run(&auth, Err(UpstreamError::Timeout), &mut client_request());
        assert_eq!(denied.unwrap().head.status.as_u16(), 503);
    }
    let mut compressed = check_answer(&CheckResponse::default());
    let mut bytes = compressed.body.to_vec();
    bytes[0] = 1;
    compressed.body = bytes.into();
    let mut no_status = check_answer(&CheckResponse::default());
    no_status.trailers = Headers::new();
    let mut failed = check_answer(&CheckResponse::default());
    failed.trailers.set_raw("grpc-status", b"14").unwrap();
    let mut long = check_answer(&CheckResponse::default());
    long.body = [&long.body[..], b"x"].concat().into();
    let mut garbage = answer(200, &[("grpc-status", "0")], &[0, 0, 0, 0, 2, 0xff, 0xff]);
    garbage.trailers = Headers::new();
    for unclear in [
        compressed,
        no_status,
        failed,
        long,
        garbage,
        answer(200, &[], b""),
        answer(500, &[("grpc-status", "0")], b""),
    ] {
        let (denied, _) = run(&over_grpc(&[]), Ok(unclear), &mut client_request());
        assert_eq!(denied.unwrap().head.status.as_u16(), 503);
    }
}

#[test]
fn check_requests_describe_the_request() {
    let head = client_request();
    let (call, body) = grpc::request(
        &[],
        &head,
        b"hello",
        &connection("192.0.2.9:4711"),
        Duration::from_millis(750),
    );
    assert_eq!(call.headers.get_str("grpc-timeout"), Some("750m"));
    assert_eq!(call.method, "POST");
    assert_eq!(call.target, "/envoy.service.auth.v3.Authorization/Check");
    assert_eq!(call.headers.get_str("content-type"), Some("application/grpc"));
    assert_eq!(body[0], 0);
    assert_eq!(
        u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize,
        body.len() - 5
    );
    let attributes = CheckRequest::decode(&body[5..]).unwrap().attributes.unwrap();
    let source = attributes
        .source
        .unwrap()
        .address
        .unwrap()
        .socket_address
        .unwrap();
    assert_eq!(
        (source.address.as_str(), source.port_value),
        ("192.0.2.9", Some(4711))
    );
    let http = attributes.request.unwrap().http.unwrap();
    assert_eq!(
        (
            http.method.as_str(),
            http.path.as_str(),
            http.host.as_str(),
            http.scheme.as_str()
        ),
        ("POST", "/cart?item=1&k=v", "shop.example:8080", "http")
    );
    assert_eq!(http.protocol, "HTTP/1.1");
    assert_eq!(
        (http.body.as_str(), http.size, http.id.as_str()),
        ("hello", 5, "id-1")
    );
    assert_eq!(http.headers["authorization"], "Bearer x");
    assert_eq!(http.headers[":path"], "/cart?item=1&k=v");

    let (call, body) = grpc::request(
        &["x-team".into()],
        &head,
        b"\xff",
        &connection("192.0.2.9:1"),
        Duration::from_hours(100),
    );
    assert_eq!(call.headers.get_str("grpc-timeout"), Some("360000S"));
    let attributes = CheckRequest::decode(&body[5..]).unwrap().attributes.unwrap();
    let http = attributes.request.unwrap().http.unwrap();
    assert_eq!(
        http.headers.into_iter().collect::<Vec<_>>(),
        [("x-team".into(), "blue".into())]
    );
    assert_eq!((http.body.as_str(), http.raw_body.as_slice()), ("", &b"\xff"[..]));
}

#[test]
fn an_ok_check_changes_request_and_response() {
    let response = CheckResponse {
        status: Some(Status {
            code: 0,
            message: String::new(),
        }),
        denied: None,
        ok: Some(OkHttpResponse {
            headers: vec![
                option("X-User", "ann", false),
                option("x-team", "green", true),
                option("host", "evil", false),
                option(":path", "/evil", false),
                option("bad\r\nname", "x", false),
            ],
            headers_to_remove: vec!["Authorization".into(), "host".into()],
            response_headers_to_add: vec![option("x-seen", "1", false)],
            query_parameters_to_set: vec![QueryParameter {
                key: "k".into(),
                value: "a b".into(),
            }],
            query_parameters_to_remove: vec!["item".into()],
        }),
    };
    let mut head = client_request();
    let (denied, state) = run(&over_grpc(&[]), Ok(check_answer(&response)), &mut head);
    assert!(denied.is_none());
    assert_eq!(
        names(&head.headers),
        ["cookie", "x-team", "x-request-id", "x-user", "x-team"]
    );
    assert_eq!(head.authority, "shop.example:8080");
    assert_eq!(head.target, "/cart?k=a%20b");
    let mut client = ResponseHead::new(StatusCode::OK);
    state.finish(&mut client);
    assert_eq!(client.headers.get_str("x-seen"), Some("1"));
}

#[test]
fn a_denied_check_answers_the_client() {
    let denied_with = |status: Option<i32>| CheckResponse {
        status: Some(Status {
            code: 7,
            message: "no".into(),
        }),
        denied: Some(DeniedHttpResponse {
            status: status.map(|code| HttpStatus { code }),
            headers: vec![
                option("location", "https://login.example/", false),
                option("content-length", "9", false),
            ],
            body: "go away".into(),
        }),
        ok: None,
    };
    for (status, seen) in [
        (Some(302), 302),
        (Some(401), 401),
        (None, 403),
        (Some(200), 403),
        (Some(7), 403),
    ] {
        let (denied, _) = run(
            &over_grpc(&[]),
            Ok(check_answer(&denied_with(status))),
            &mut client_request(),
        );
        let denied = denied.unwrap();
        assert_eq!(denied.head.status.as_u16(), seen, "{status:?}");
        assert_eq!(names(&denied.head.headers), ["location"]);
        assert_eq!(&denied.body[..], b"go away");
    }
    let bare = CheckResponse {
        status: Some(Status {
            code: 16,
            message: String::new(),
        }),
        ..CheckResponse::default()
    };
    let (denied, _) = run(&over_grpc(&[]), Ok(check_answer(&bare)), &mut client_request());
    assert_eq!(denied.unwrap().head.status.as_u16(), 403);
}

#[test]
fn grpc_clients_get_grpc_denials() {
    let mut head = client_request();
    head.headers
        .append_raw(b"content-type", b"application/grpc+proto")
        .unwrap();
    let (denied, _) = run(&http("", &[], &[]), Ok(answer(401, &[], b"no")), &mut head);
    let denied = denied.unwrap();
    assert_eq!(denied.head.status.as_u16(), 200);
    assert_eq!(denied.head.headers.get_str("grpc-status"), Some("16"));
    assert!(denied.body.is_empty());
}

#[test]
fn one_byte_more_than_the_limit_is_asked_for() {
    assert_eq!(http("", &[], &[]).body_limit(), 11);
}
