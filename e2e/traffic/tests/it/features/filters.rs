//! Filters of rules, backends and listeners.

use super::{Site, route_to};
use anyhow::Result;
use gatewright_traffic::grpc::payload;
use gatewright_traffic::origin::{self, Reply};
use gatewright_traffic::{Origin, manifest};
use prost::Message;

#[tokio::test]
async fn headers_of_requests_and_responses() -> Result<()> {
    let backend =
        Origin::start(|_, _| origin::fields(&[("x-keep", "1"), ("x-drop", "2"), ("x-set", "old")])).await?;
    let objects = manifest::service("a", &[backend.address])
        + &manifest::http_route(
            "all",
            "gw",
            "  rules:
  - filters:
    - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Set, value: new}], add: [{name: X-Add, value: b}], remove: [X-Gone]}}
    - {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Set, value: new}], add: [{name: X-Add, value: c}], remove: [X-Drop]}}
    backendRefs:
    - name: a
      port: 80
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Backend, value: a}]}}]",
        );
    let site = Site::new(&objects).await?;
    let fields = [("x-set", "old"), ("x-add", "a"), ("x-gone", "1")];
    let answer = site.ask("GET", "/", &fields).await?;
    let seen = backend.last()?;
    for (name, value) in [("x-set", "new"), ("x-gone", ""), ("x-backend", "a")] {
        assert_eq!(seen.header(name), value, "{name}");
    }
    assert_eq!(seen.header("x-add").replace(' ', ""), "a,b");
    for (name, value) in [("x-set", "new"), ("x-add", "c"), ("x-drop", ""), ("x-keep", "1")] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn redirects_and_rewrites() -> Result<()> {
    let backend = Origin::named("a").await?;
    let objects = manifest::service("a", &[backend.address])
        + &manifest::http_route(
            "all",
            "gw",
            "  rules:
  - matches: [{path: {value: /moved}}]
    filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: new.test, port: 443, statusCode: 308, path: {type: ReplacePrefixMatch, replacePrefixMatch: /here}}}]
  - matches: [{path: {value: /prefix}}]
    filters: [{type: URLRewrite, urlRewrite: {hostname: inner.test, path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
    backendRefs: [{name: a, port: 80}]
  - matches: [{path: {value: /full}}]
    filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /other}}}]
    backendRefs: [{name: a, port: 80}]",
        );
    let site = Site::new(&objects).await?;
    let moved = site.get("/moved/a?b=c").await?;
    assert_eq!(
        (moved.status, moved.header("location").as_str()),
        (308, "https://new.test/here/a?b=c")
    );
    assert!(backend.seen().is_empty());
    for (asked, host, target) in [
        ("/prefix/a?b=c", "inner.test", "/a?b=c"),
        ("/prefix", "inner.test", "/"),
        ("/full/a?b=c", "any.test", "/other?b=c"),
    ] {
        assert_eq!(site.get(asked).await?.status, 200);
        let seen = backend.last()?;
        assert_eq!(
            (seen.host.as_str(), seen.target.as_str()),
            (host, target),
            "{asked}"
        );
    }
    Ok(())
}

/// The Fetch standard's two kinds of requests; foreign origins get no permission.
#[tokio::test]
async fn cross_origin_requests() -> Result<()> {
    let backend = Origin::named("a").await?;
    let objects = manifest::service("a", &[backend.address])
        + &manifest::http_route(
            "all",
            "gw",
            "  rules:
  - filters: [{type: CORS, cors: {allowOrigins: [\"https://*.shop.test\"], allowCredentials: true, allowMethods: [GET, PUT], allowHeaders: [X-A], exposeHeaders: [X-B], maxAge: 60}}]
    backendRefs: [{name: a, port: 80}]",
        );
    let site = Site::new(&objects).await?;
    let preflight = |origin: &'static str| {
        let fields = [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "x-a"),
        ];
        let site = &site;
        async move { site.ask("OPTIONS", "/", &fields).await }
    };
    let allowed = preflight("https://a.shop.test").await?;
    assert!([200, 204].contains(&allowed.status));
    for (name, part) in [
        ("access-control-allow-origin", "https://a.shop.test"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "PUT"),
        ("access-control-max-age", "60"),
    ] {
        assert!(allowed.header(name).contains(part), "{name}: {allowed:?}");
    }
    let foreign = preflight("https://evil.test").await?;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
    assert!(backend.seen().is_empty(), "preflights end at the proxy");
    let simple = site.ask("GET", "/", &[("origin", "https://b.shop.test")]).await?;
    assert_eq!(
        simple.header("access-control-allow-origin"),
        "https://b.shop.test"
    );
    assert!(
        simple
            .header("access-control-expose-headers")
            .eq_ignore_ascii_case("x-b")
    );
    Ok(())
}

/// ExternalAuth over HTTP: the server's answer decides; what it says about the client goes on.
#[tokio::test]
async fn external_authorization_over_http() -> Result<()> {
    let backend = Origin::named("a").await?;
    let auth = Origin::start(|seen, _| {
        if seen.header("authorization") == "Bearer good" {
            origin::fields(&[("x-user", "ann"), ("x-private", "1")])
        } else {
            origin::status(401)
        }
    })
    .await?;
    let objects = manifest::service("a", &[backend.address])
        + &manifest::service("auth", &[auth.address])
        + &manifest::http_route(
            "all",
            "gw",
            "  rules:
  - filters:
    - type: ExternalAuth
      externalAuth: {protocol: HTTP, backendRef: {name: auth, port: 80}, http: {path: /check, allowedHeaders: [Authorization], allowedResponseHeaders: [X-User]}, forwardBody: {maxSize: 16}}
    backendRefs: [{name: a, port: 80}]",
        );
    let site = Site::new(&objects).await?;
    assert_eq!(site.get("/a").await?.status, 401);
    assert!(backend.seen().is_empty());
    let mut request =
        gatewright_traffic::client::request("POST", "any.test", "/a", &[("authorization", "Bearer good")])?;
    *request.body_mut() = "the body".into();
    assert_eq!(site.send(request).await?.status, 200);
    let (asked, seen) = (auth.last()?, backend.last()?);
    assert!(asked.target.starts_with("/check"), "{}", asked.target);
    assert_eq!(&asked.body[..], b"the body");
    assert_eq!(
        (seen.header("x-user").as_str(), seen.header("x-private").as_str()),
        ("ann", "")
    );
    assert_eq!(&seen.body[..], b"the body");
    Ok(())
}

/// The parts of `envoy.service.auth.v3` that the test server reads and writes, with their numbers.
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
        #[prost(map = "string, string", tag = "3")]
        pub headers: HashMap<String, String>,
        #[prost(string, tag = "4")]
        pub path: String,
    }
    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub struct CheckResponse {
        #[prost(message, optional, tag = "1")]
        pub status: Option<Status>,
    }
    #[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
    pub struct Status {
        #[prost(int32, tag = "1")]
        pub code: i32,
    }
}

/// ExternalAuth over gRPC, on a listener: it is asked before any route is looked for.
#[tokio::test]
async fn external_authorization_over_grpc_on_a_listener() -> Result<()> {
    let backend = Origin::named("a").await?;
    let auth = Origin::grpc(|seen, _| {
        let http = wire::CheckRequest::decode(payload(&seen.body))
            .ok()
            .and_then(|check| check.attributes?.request?.http)
            .unwrap_or_default();
        let good = http.headers.get("x-key").is_some_and(|key| key == "good") && http.path == "/a?b";
        // OK, or PERMISSION_DENIED.
        let status = Some(wire::Status {
            code: if good { 0 } else { 7 },
        });
        Reply::Call(wire::CheckResponse { status }.encode_to_vec().into())
    })
    .await?;
    let port = gatewright_traffic::ports::free()?;
    let text = manifest::class()
        + &manifest::gateway(
            "gw",
            &format!(
                "
  - name: http
    protocol: HTTP
    port: {port}
    filters: {{requests: [{{type: ExternalAuth, externalAuth: {{protocol: GRPC, grpc: {{allowedHeaders: [x-key]}}, backendRef: {{name: auth, port: 80}}}}}}]}}"
            ),
        )
        + &manifest::service("a", &[backend.address])
        + &manifest::service_with("auth", &[auth.address], ", appProtocol: kubernetes.io/h2c")
        + &route_to("a");
    let site = Site {
        gatewright: gatewright_traffic::Gatewright::start(&text).await?,
        address: super::local(port),
    };
    assert_eq!(site.get("/a?b").await?.status, 403);
    assert!(backend.seen().is_empty());
    assert_eq!(site.ask("GET", "/a?b", &[("x-key", "good")]).await?.text(), "a");
    assert_eq!(auth.last()?.target, "/envoy.service.auth.v3.Authorization/Check");
    assert!(!site.gatewright.said().contains("panicked"));
    Ok(())
}
