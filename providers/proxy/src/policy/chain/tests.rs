use super::{FilterChain, FilterContext, FilterState, Verdict};
use crate::http::{Headers, RequestHead, ResponseHead, Scheme, Version};
use crate::runtime::{ConnInfo, HttpPort};
use gatewright_model::filter::{Cors, HeaderModifier, HttpFilter, PathModifier, Redirect, UrlRewrite};
use gatewright_model::key::ObjectName;
use http::StatusCode;
use std::time::Instant;

pub(crate) fn request(method: &str, authority: &str, target: &str) -> RequestHead {
    RequestHead {
        method: method.parse().unwrap(),
        version: Version::H11,
        scheme: Scheme::Http,
        authority: authority.to_owned(),
        target: target.to_owned(),
        headers: Headers::new(),
        upgrade: None,
        asked: None,
    }
}

pub(crate) fn connection(client: &str) -> ConnInfo {
    let client = client.parse().unwrap();
    ConnInfo {
        peer: client,
        client,
        local: "127.0.0.1:80".parse().unwrap(),
        listener_port: 80,
        tls: None,
        accepted: Instant::now(),
    }
}

pub(crate) fn port(number: u16) -> HttpPort {
    HttpPort::new(ObjectName::new("default", "gateway"), number, false, Vec::new())
}

fn modifier(set: &str, value: &str) -> HeaderModifier {
    HeaderModifier {
        set: vec![(set.into(), value.into())],
        ..HeaderModifier::default()
    }
}

fn run(chain: &FilterChain, head: &mut RequestHead, state: &mut FilterState) -> Verdict {
    let (conn, port) = (connection("192.0.2.1:1"), port(8080));
    let context = FilterContext {
        conn: &conn,
        port: &port,
        matched_prefix: Some("/a"),
    };
    chain.request(head, state, &context)
}

fn compile(filters: &[HttpFilter]) -> FilterChain {
    FilterChain::compile(filters, &|_| None)
}

/// conformance/tests/httproute-rewrite-path.go: a rewrite and a header modifier in one rule.
#[test]
fn request_filters_run_in_order() {
    let chain = compile(&[
        HttpFilter::RequestHeaders(modifier("x-set", "1").into()),
        HttpFilter::UrlRewrite(
            UrlRewrite {
                hostname: Some("h.example".into()),
                path: Some(PathModifier::ReplacePrefixMatch("/b".into())),
            }
            .into(),
        ),
    ]);
    let mut head = request("GET", "o.example", "/a/c?q");
    assert!(matches!(
        run(&chain, &mut head, &mut FilterState::default()),
        Verdict::Continue
    ));
    assert_eq!(head.target, "/b/c?q");
    assert_eq!(head.authority, "h.example");
    assert_eq!(head.headers.get_str("x-set"), Some("1"));
}

#[test]
fn a_redirect_answers_and_passes_the_response_filters() {
    let chain = compile(&[
        HttpFilter::ResponseHeaders(modifier("x-answer", "1").into()),
        HttpFilter::Cors(cors().into()),
        HttpFilter::Redirect(
            Redirect {
                scheme: Some("https".into()),
                hostname: None,
                path: None,
                port: None,
                status: 308,
            }
            .into(),
        ),
    ]);
    let mut head = request("GET", "o.example", "/a");
    head.headers.append_raw(b"origin", b"https://a.example").unwrap();
    let Verdict::Respond(response) = run(&chain, &mut head, &mut FilterState::default()) else {
        panic!("no redirect");
    };
    assert_eq!(response.head.status.as_u16(), 308);
    assert_eq!(
        response.head.headers.get_str("location"),
        Some("https://o.example/a")
    );
    assert_eq!(response.head.headers.get_str("x-answer"), Some("1"));
    assert_eq!(
        response.head.headers.get_str("access-control-allow-origin"),
        Some("https://a.example")
    );
}

fn cors() -> Cors {
    Cors {
        allow_origins: vec!["https://a.example".into()],
        allow_credentials: false,
        allow_methods: vec![],
        allow_headers: vec![],
        expose_headers: vec![],
        max_age: 5,
    }
}

#[test]
fn cors_remembers_the_origin_for_the_response() {
    let chain = compile(&[HttpFilter::Cors(cors().into())]);
    assert!(!chain.is_empty());
    let mut head = request("GET", "o.example", "/a");
    head.headers.append_raw(b"origin", b"https://a.example").unwrap();
    let mut state = FilterState::default();
    assert!(matches!(run(&chain, &mut head, &mut state), Verdict::Continue));
    let mut response = ResponseHead::new(StatusCode::OK);
    chain.response(&mut response, &state);
    assert_eq!(
        response.headers.get_str("access-control-allow-origin"),
        Some("https://a.example")
    );
    assert!(chain.preflight(&head).is_none());
    head.method = http::Method::OPTIONS;
    head.headers
        .append_raw(b"access-control-request-method", b"PUT")
        .unwrap();
    assert!(chain.preflight(&head).is_some());
}

#[test]
fn host_set_by_a_header_modifier_becomes_the_authority() {
    let chain = compile(&[HttpFilter::RequestHeaders(
        modifier("Host", "inner.example").into(),
    )]);
    let mut head = request("GET", "o.example", "/a");
    run(&chain, &mut head, &mut FilterState::default());
    assert_eq!(head.authority, "inner.example");
    assert!(!head.headers.contains("host"));
}

#[test]
fn an_empty_chain_is_empty() {
    assert!(compile(&[]).is_empty());
}
