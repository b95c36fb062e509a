//! Header changes, redirects, rewrites, CORS, forwarding fields.

use super::stage::{Origin, Reply, Stage, nobody, route, set_request, set_response};
use crate::net::world::options;
use gatewright_model::filter::{Cors, HeaderModifier, HttpFilter, PathModifier, Redirect, UrlRewrite};
use gatewright_model::route::PathMatch;
use std::sync::Arc;

fn redirect() -> Redirect {
    Redirect {
        scheme: None,
        hostname: None,
        path: None,
        port: None,
        status: 302,
    }
}

/// `HTTPHeaderFilter`, on rules and on backend references.
#[test]
fn headers_are_changed_on_the_way_and_back() {
    let origin = Origin::new(|_, _| {
        Reply::Answer(
            200,
            vec![("x-gone", "1".into()), ("x-kept", "a".into())],
            String::new(),
        )
    });
    let address = origin.address;
    let stage = Stage::new(move |world| {
        route(world, &[("origin", address)], |rule| {
            rule.filters = vec![
                HttpFilter::RequestHeaders(
                    HeaderModifier {
                        set: vec![("x-set".into(), "new".into())],
                        add: vec![("x-add".into(), "two".into())],
                        remove: vec!["x-remove".into()],
                    }
                    .into(),
                ),
                HttpFilter::ResponseHeaders(
                    HeaderModifier {
                        add: vec![("x-kept".into(), "b".into())],
                        remove: vec!["x-gone".into()],
                        ..HeaderModifier::default()
                    }
                    .into(),
                ),
            ];
            rule.backends[0].filters = vec![set_request("x-backend", "1"), set_response("x-from", "backend")];
        });
    });
    let response = stage.send(
        "GET",
        "/",
        &[("x-set", "old"), ("x-add", "one"), ("x-remove", "1")],
        "",
    );
    let seen = origin.last();
    assert_eq!(seen.field("x-set").as_deref(), Some("new"));
    assert_eq!(seen.field("x-add").as_deref(), Some("one,two"));
    assert_eq!(seen.field("x-remove"), None);
    assert_eq!(seen.field("x-backend").as_deref(), Some("1"));
    assert_eq!(response.field("x-kept").as_deref(), Some("a,b"));
    assert_eq!(response.field("x-gone"), None);
    assert_eq!(response.field("x-from").as_deref(), Some("backend"));
}

/// `HTTPRequestRedirectFilter`: without a scheme the listener's port stays, with one it goes.
#[test]
fn redirects_name_the_port_that_the_specification_says() {
    let stage = Stage::new(|world| {
        world.route("plain", "http", "", PathMatch::Prefix("/plain".into()), &[]);
        world.route("secure", "http", "", PathMatch::Prefix("/secure".into()), &[]);
        for (name, scheme, path) in [
            ("plain", None, None),
            (
                "secure",
                Some("https"),
                Some(PathModifier::ReplacePrefixMatch("/new".into())),
            ),
        ] {
            for route in world.0.http_routes.values_mut() {
                if &*route.key.object.name == name {
                    let rule = Arc::make_mut(&mut Arc::make_mut(route).rules[0]);
                    rule.filters = vec![HttpFilter::Redirect(
                        Redirect {
                            scheme: scheme.map(Into::into),
                            path: path.clone(),
                            status: 308,
                            ..redirect()
                        }
                        .into(),
                    )];
                }
            }
        }
    });
    let port = stage.port;
    let plain = stage.get("/plain/a?b=c");
    assert_eq!(plain.status, 308);
    assert_eq!(
        plain.field("location"),
        Some(format!("http://shop.example:{port}/plain/a?b=c"))
    );
    let secure = stage.get("/secure/a?b=c");
    assert_eq!(
        secure.field("location").as_deref(),
        Some("https://shop.example/new/a?b=c")
    );
}

/// `HTTPURLRewriteFilter`.
#[test]
fn host_and_path_are_rewritten() {
    let origin = Origin::named("origin");
    let address = origin.address;
    let stage = Stage::new(move |world| {
        world.backend("origin", &[address], None);
        world.route(
            "route",
            "http",
            "",
            PathMatch::Prefix("/v1".into()),
            &[("origin", 1)],
        );
        super::stage::edit_rule(world, |rule| {
            rule.filters = vec![HttpFilter::UrlRewrite(
                UrlRewrite {
                    hostname: Some("inner.example".into()),
                    path: Some(PathModifier::ReplacePrefixMatch("/".into())),
                }
                .into(),
            )];
        });
    });
    for (target, expected) in [
        ("/v1/a/b?x=/v1", "GET /a/b?x=/v1"),
        ("/v1", "GET /"),
        ("/v1/", "GET /"),
    ] {
        assert_eq!(stage.get(target).status, 200);
        let seen = origin.last();
        assert_eq!(seen.line, expected);
        assert_eq!(seen.field("host").as_deref(), Some("inner.example"));
        assert_eq!(seen.field("x-forwarded-host").as_deref(), Some("shop.example"));
    }
    assert_eq!(stage.get("/v10").status, 404);
}

fn cors() -> HttpFilter {
    HttpFilter::Cors(
        Cors {
            allow_origins: vec!["https://*.shop.example".into()],
            allow_credentials: true,
            allow_methods: vec!["*".into()],
            allow_headers: vec!["*".into()],
            expose_headers: vec!["x-total".into()],
            max_age: 60,
        }
        .into(),
    )
}

/// `HTTPCORSFilter`: preflights never reach the backend, unknown origins get no permission.
#[test]
fn cross_origin_requests() {
    let origin = Origin::new(|_, _| {
        Reply::Answer(
            200,
            vec![("access-control-allow-origin", "*".into())],
            String::new(),
        )
    });
    let address = origin.address;
    let stage = Stage::new(move |world| {
        route(world, &[("origin", address)], |rule| rule.filters = vec![cors()]);
    });
    let preflight = |from: &str| {
        stage.send(
            "OPTIONS",
            "/",
            &[
                ("origin", from),
                ("access-control-request-method", "PUT"),
                ("access-control-request-headers", "x-a, x-b"),
            ],
            "",
        )
    };
    let allowed = preflight("https://www.shop.example");
    assert_eq!(allowed.status, 204);
    for (name, value) in [
        ("allow-origin", "https://www.shop.example"),
        ("allow-credentials", "true"),
        ("allow-methods", "PUT"),
        ("allow-headers", "x-a, x-b"),
        ("max-age", "60"),
    ] {
        let name = format!("access-control-{name}");
        assert_eq!(allowed.field(&name).as_deref(), Some(value), "{name}");
    }
    let denied = preflight("https://evil.example");
    assert_eq!(denied.status, 204);
    assert!(
        !denied
            .fields
            .iter()
            .any(|(name, _)| name.starts_with("access-control-"))
    );
    assert!(origin.seen().is_empty());

    let actual = stage.send("GET", "/", &[("origin", "https://a.shop.example")], "");
    assert_eq!(
        actual.field("access-control-allow-origin").as_deref(),
        Some("https://a.shop.example")
    );
    assert_eq!(
        actual.field("access-control-expose-headers").as_deref(),
        Some("x-total")
    );
    let foreign = stage.send("GET", "/", &[("origin", "https://evil.example")], "");
    assert_eq!(
        (foreign.status, foreign.field("access-control-allow-origin")),
        (200, None)
    );
    // An OPTIONS request that is no preflight is the application's.
    stage.send("OPTIONS", "/", &[("origin", "https://a.shop.example")], "");
    assert_eq!(origin.last().line, "OPTIONS /");
}

#[test]
fn scripts_can_read_errors_of_the_proxy() {
    let stage = Stage::new(|world| {
        route(world, &[("gone", nobody())], |rule| rule.filters = vec![cors()]);
    });
    let response = stage.send("GET", "/", &[("origin", "https://a.shop.example")], "");
    assert_eq!(response.status, 503);
    assert_eq!(
        response.field("access-control-allow-origin").as_deref(),
        Some("https://a.shop.example")
    );
}

#[test]
fn claims_about_the_client_are_overwritten_unless_trusted() {
    let origin = Origin::named("origin");
    let address = origin.address;
    let spoofed = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "admin"),
        ("forwarded", "for=6.6.6.6"),
        ("x-request-id", "mine"),
    ];
    let build = move |world: &mut crate::net::world::World| route(world, &[("origin", address)], |_| {});
    let stage = Stage::new(build);
    stage.send("GET", "/", &spoofed, "");
    let seen = origin.last();
    assert_eq!(seen.field("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(seen.field("x-forwarded-proto").as_deref(), Some("http"));
    assert_eq!(seen.field("x-forwarded-host").as_deref(), Some("shop.example"));
    assert_eq!(seen.field("x-forwarded-port"), Some(stage.port.to_string()));
    assert_eq!(seen.field("forwarded"), None);
    assert_eq!(seen.field("x-request-id").unwrap().len(), 36);

    let mut trusting = options();
    trusting.forwarding.trusted_peers = vec!["127.0.0.0/8".parse().unwrap()];
    trusting.forwarding.send_forwarded = true;
    let stage = Stage::with(trusting, build);
    stage.send("GET", "/", &spoofed, "");
    let seen = origin.last();
    assert_eq!(
        seen.field("x-forwarded-for").as_deref(),
        Some("6.6.6.6, 127.0.0.1")
    );
    assert_eq!(seen.field("x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(
        seen.field("forwarded").as_deref(),
        Some("for=6.6.6.6, for=127.0.0.1;host=\"shop.example\";proto=http")
    );
    assert_eq!(seen.field("x-request-id").as_deref(), Some("mine"));
}
