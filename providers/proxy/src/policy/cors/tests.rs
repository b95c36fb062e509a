use super::{CompiledCors, is_preflight};
use crate::http::{Headers, RequestHead};
use crate::policy::chain::tests::request;
use gatewright_model::filter::Cors;

fn policy(origins: &[&str]) -> Cors {
    Cors {
        allow_origins: origins.iter().map(|text| (*text).into()).collect(),
        allow_credentials: false,
        allow_methods: vec![],
        allow_headers: vec![],
        expose_headers: vec![],
        max_age: 5,
    }
}

fn compiled(cors: &Cors) -> CompiledCors {
    let mut refused = Vec::new();
    let compiled = CompiledCors::compile(cors, &mut refused);
    assert!(refused.is_empty(), "{refused:?}");
    compiled
}

fn preflight_request(origin: &str, method: &str, headers: Option<&str>) -> RequestHead {
    let mut head = request("OPTIONS", "a.example", "/");
    head.headers.append_raw(b"origin", origin.as_bytes()).unwrap();
    head.headers
        .append_raw(b"access-control-request-method", method.as_bytes())
        .unwrap();
    if let Some(headers) = headers {
        head.headers
            .append_raw(b"access-control-request-headers", headers.as_bytes())
            .unwrap();
    }
    head
}

fn cors_fields(headers: &Headers) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| name.starts_with("access-control-"))
        .map(|(name, value)| {
            (
                name.trim_start_matches("access-control-").to_owned(),
                String::from_utf8_lossy(value).into_owned(),
            )
        })
        .collect()
}

fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// `HTTPCORSFilter.allowOrigins`: wildcards, default ports.
#[test]
fn origins() {
    let table: &[(&str, &str, bool)] = &[
        ("*", "https://anything.example", true),
        ("*", "null", true),
        ("https://www.foo.com", "https://www.foo.com", true),
        ("https://www.foo.com", "https://WWW.Foo.com", true),
        ("https://www.foo.com", "http://www.foo.com", false),
        ("https://www.foo.com", "https://www.foo.com:443", true),
        ("https://www.foo.com:443", "https://www.foo.com", true),
        ("https://www.foo.com", "https://www.foo.com:8443", false),
        ("http://www.foo.com", "http://www.foo.com:80", true),
        ("https://www.foo.com:8443", "https://www.foo.com:8443", true),
        ("https://*.bar.com", "https://www.bar.com", true),
        ("https://*.bar.com", "https://xpto.www.bar.com", true),
        ("https://*.bar.com", "https://bar.com", false),
        ("https://*.bar.com", "https://.bar.com", false),
        ("https://*.bar.com", "https://evilbar.com", false),
        ("https://*.bar.com", "https://www.bar.com.evil.example", false),
        ("https://*.bar.com", "https://evil.example/.bar.com", false),
        ("https://*.bar.com", "https://evil.example:1@x.bar.com", false),
        ("https://*", "https://any.host", true),
        ("https://*", "http://any.host", false),
        ("https://*:8443", "https://any.host:8443", true),
        ("https://*:8443", "https://any.host", false),
        ("https://a.*.b.*.c", "https://a.x.b.y.c", true),
        ("https://a.*.b.*.c", "https://a.b.c", false),
        ("https://*.bar.com", "null", false),
        ("https://www.foo.com", "", false),
    ];
    for (pattern, origin, expected) in table {
        assert_eq!(
            compiled(&policy(&[pattern])).allows(origin),
            *expected,
            "{pattern} {origin}"
        );
    }
    let mut refused = Vec::new();
    CompiledCors::compile(&policy(&["www.foo.com"]), &mut refused);
    assert_eq!(refused.len(), 1);
}

/// conformance/tests/httproute-cors.go, route cors-multiple-origins-methods-headers.
#[test]
fn preflight_of_a_listed_origin() {
    let cors = Cors {
        allow_credentials: true,
        allow_methods: vec!["GET".into(), "OPTIONS".into()],
        allow_headers: vec!["x-header-1".into(), "x-header-2".into()],
        expose_headers: vec!["x-header-3".into(), "x-header-4".into()],
        max_age: 3600,
        ..policy(&["https://www.foo.com", "https://*.bar.com"])
    };
    let cors = compiled(&cors);
    for origin in ["https://www.foo.com", "https://xpto.www.bar.com"] {
        let response = cors.preflight(&preflight_request(origin, "GET", Some("x-header-1, x-header-2")));
        assert_eq!(response.head.status.as_u16(), 204);
        assert_eq!(
            cors_fields(&response.head.headers),
            pairs(&[
                ("allow-origin", origin),
                ("allow-credentials", "true"),
                ("expose-headers", "x-header-3, x-header-4"),
                ("allow-methods", "GET, OPTIONS"),
                ("allow-headers", "x-header-1, x-header-2"),
                ("max-age", "3600"),
            ])
        );
    }
    let denied = cors.preflight(&preflight_request("https://foobar.com", "GET", None));
    assert_eq!(denied.head.status.as_u16(), 204);
    assert!(cors_fields(&denied.head.headers).is_empty());
    assert!(denied.head.headers.get_str("vary").unwrap().contains("origin"));
}

/// conformance/tests/httproute-cors.go, routes with wildcards.
#[test]
fn wildcards_echo_with_and_without_credentials() {
    for allow_credentials in [false, true] {
        let cors = compiled(&Cors {
            allow_credentials,
            allow_methods: vec!["*".into()],
            allow_headers: vec!["*".into()],
            expose_headers: vec!["*".into()],
            ..policy(&["*"])
        });
        let response = cors.preflight(&preflight_request(
            "https://other.foo.com",
            "PUT",
            Some("x-header-1, x-header-2"),
        ));
        let fields = cors_fields(&response.head.headers);
        let get = |name: &str| {
            fields
                .iter()
                .find(|(field, _)| field == name)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(get("allow-origin"), Some("https://other.foo.com"));
        assert_eq!(get("allow-methods"), Some("PUT"));
        assert_eq!(get("allow-headers"), Some("x-header-1, x-header-2"));
        assert_eq!(get("allow-credentials"), allow_credentials.then_some("true"));
        assert_eq!(get("expose-headers"), (!allow_credentials).then_some("*"));
        assert_eq!(get("max-age"), Some("5"));
        let bare = cors.preflight(&preflight_request("https://other.foo.com", "PUT", None));
        assert!(!bare.head.headers.contains("access-control-allow-headers"));
    }
}

#[test]
fn responses_get_the_gateways_fields_and_lose_the_backends() {
    let cors = compiled(&Cors {
        expose_headers: vec!["x-a".into()],
        ..policy(&["https://a.example"])
    });
    let mut headers = Headers::new();
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("vary", "accept-encoding"),
    ] {
        headers.append_raw(name.as_bytes(), value.as_bytes()).unwrap();
    }
    let mut denied = headers.clone();
    cors.response(Some(b"https://a.example"), &mut headers);
    assert_eq!(
        cors_fields(&headers),
        pairs(&[("allow-origin", "https://a.example"), ("expose-headers", "x-a")])
    );
    assert_eq!(
        headers.list("vary").collect::<Vec<_>>(),
        [&b"accept-encoding"[..], b"origin"]
    );
    cors.response(Some(b"https://b.example"), &mut denied);
    assert!(cors_fields(&denied).is_empty());
    cors.response(None, &mut denied);
    assert_eq!(denied.list("vary").filter(|name| *name == b"origin").count(), 1);
}

/// Fetch section 3.2.2: OPTIONS with `Origin` and `Access-Control-Request-Method`.
#[test]
fn only_preflights_are_preflights() {
    let preflight = preflight_request("https://a.example", "PUT", None);
    assert!(is_preflight(&preflight));
    let mut other = preflight.clone();
    other.method = http::Method::GET;
    assert!(!is_preflight(&other));
    let mut other = preflight.clone();
    other.headers.remove("origin");
    assert!(!is_preflight(&other));
    let mut other = preflight;
    other.headers.remove("access-control-request-method");
    assert!(!is_preflight(&other));
}
