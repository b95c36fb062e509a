use super::Pool;
use crate::Str;
use crate::backend::{BackendTarget, WeightedBackend};
use crate::filter::{HeaderModifier, HttpFilter};
use crate::hostname::HostPattern;
use crate::key::{BackendKey, BackendKind, ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind};
use crate::route::{Attachment, HttpMatch, HttpRoute, HttpRule, PathMatch, RouteHost, Timeouts};
use std::sync::Arc;

/// A route in which no two texts are one.
fn route(name: &str) -> HttpRoute {
    HttpRoute {
        key: RouteKey {
            kind: RouteKind::Http,
            object: ObjectName::new("shop", name),
        },
        created: 1,
        attachments: vec![Attachment {
            listener: ListenerKey {
                parent: ListenerParent::Gateway(ObjectName::new("infra", "edge")),
                name: "http".into(),
            },
            hosts: vec![RouteHost {
                effective: HostPattern::parse(&format!("{name}.example.com")),
                original: HostPattern::parse(&format!("{name}.example.com")),
            }],
        }],
        rules: vec![Arc::new(HttpRule {
            index: 0,
            name: Some("main".into()),
            matches: vec![HttpMatch {
                path: PathMatch::Prefix("/".into()),
                method: Some("GET".into()),
                headers: Vec::new(),
                query: Vec::new(),
            }],
            filters: vec![HttpFilter::RequestHeaders(Arc::new(HeaderModifier {
                set: vec![("x-route".into(), name.into())],
                ..HeaderModifier::default()
            }))],
            backends: vec![WeightedBackend {
                target: BackendTarget::Backend(BackendKey {
                    kind: BackendKind::Service,
                    object: ObjectName::new("shop", "web"),
                    port: 80,
                }),
                weight: 1,
                filters: Vec::new(),
            }],
            timeouts: Timeouts::default(),
            retry: None,
            session_persistence: None,
            fault: Some("broken".into()),
        })],
    }
}

/// Texts that two routes have in common.
fn common(route: &HttpRoute) -> Vec<&Str> {
    let rule = &route.rules[0];
    let listener = &route.attachments[0].listener;
    let ListenerParent::Gateway(parent) = &listener.parent else {
        panic!("a listener of a Gateway")
    };
    let BackendTarget::Backend(backend) = &rule.backends[0].target else {
        panic!("a backend")
    };
    let PathMatch::Prefix(path) = &rule.matches[0].path else {
        panic!("a prefix")
    };
    let HttpFilter::RequestHeaders(modifier) = &rule.filters[0] else {
        panic!("a header modifier")
    };
    vec![
        &route.key.object.namespace,
        &listener.name,
        &parent.namespace,
        &parent.name,
        &backend.object.namespace,
        &backend.object.name,
        path,
        &modifier.set[0].0,
        rule.matches[0].method.as_ref().unwrap(),
        rule.name.as_ref().unwrap(),
        rule.fault.as_ref().unwrap(),
    ]
}

#[test]
fn common_texts_are_one_and_nothing_else_changes() {
    let mut pool = Pool::default();
    let (mut first, mut second) = (route("a"), route("b"));
    pool.share(&mut first);
    pool.share(&mut second);
    assert_eq!((&first, &second), (&route("a"), &route("b")));
    for (one, other) in common(&first).into_iter().zip(common(&second)) {
        assert!(Arc::ptr_eq(one, other), "{one}");
    }
    let host = &first.attachments[0].hosts[0];
    let (HostPattern::Exact(effective), HostPattern::Exact(original)) = (&host.effective, &host.original)
    else {
        panic!("exact names")
    };
    assert!(Arc::ptr_eq(effective, original));
    // Its own name, hostname and header value are not remembered.
    assert_eq!(Arc::strong_count(&first.key.object.name), 1);
    assert_eq!(Arc::strong_count(effective), 2);
}

#[test]
fn what_nobody_holds_is_forgotten() {
    let mut pool = Pool::default();
    let mut kept = route("kept");
    pool.share(&mut kept);
    for number in 0..10_000 {
        let mut passing = route("passing");
        passing.key.object.namespace = format!("namespace-{number}").into();
        pool.share(&mut passing);
    }
    assert!(pool.len() < 3000, "{}", pool.len());
    let mut later = route("later");
    pool.share(&mut later);
    for (one, other) in common(&kept).into_iter().zip(common(&later)) {
        assert!(Arc::ptr_eq(one, other), "{one}");
    }
}
