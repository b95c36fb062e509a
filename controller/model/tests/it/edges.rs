//! What random route sets do not reach.

use crate::generate::{listener_key, model_route};
use crate::oracle::{Match, Path, Route};
use gatewright_model::key::{ListenerKey, RouteKind};
use gatewright_model::route::{Attachment, HttpMatch, HttpRoute, HttpRule, PathMatch};
use gatewright_model::router::{ListenerRouter, RequestView, RoutePayload, Router};
use http::HeaderMap;
use std::sync::Arc;

fn route(name: &str, path: Path) -> Arc<HttpRoute> {
    let conditions = Match {
        path,
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
    };
    let route = Route {
        namespace: "ns".to_owned(),
        name: name.to_owned(),
        created: 1,
        hostnames: Vec::new(),
        rules: vec![vec![conditions]],
    };
    model_route("", RouteKind::Http, &route).unwrap()
}

fn named(route: &Arc<HttpRoute>) -> RoutePayload<String> {
    RoutePayload::new(Arc::clone(route), |_| route.key.object.name.to_string())
}

fn router(routes: &[Arc<HttpRoute>]) -> ListenerRouter<String> {
    ListenerRouter::new(listener_key()).with_changes(routes.iter().map(named), [])
}

fn find<'a>(router: &'a ListenerRouter<String>, path: &str) -> Option<(&'a str, Option<&'a str>)> {
    let headers = HeaderMap::new();
    let view = RequestView {
        method: "GET",
        path,
        query: None,
        headers: &headers,
    };
    let found = router.find("example.com", &view)?;
    Some((found.payload.as_str(), found.prefix))
}

/// Paths of routes are read as those of requests are: `crate::path` normalises both.
#[test]
fn route_paths_are_compared_in_their_normal_form() {
    let router = router(&[
        route("exact", Path::Exact("/%7Euser/caf%c3%a9".to_owned())),
        route("prefix", Path::Prefix("/%7euser".to_owned())),
    ]);
    assert_eq!(find(&router, "/~user/caf%C3%A9"), Some(("exact", None)));
    // The prefix is given as it stands in the request, for `ReplacePrefixMatch`.
    assert_eq!(find(&router, "/~user/x"), Some(("prefix", Some("/~user"))));
    assert_eq!(find(&router, "/~users"), None);
}

/// More than 63 segments, and requests deeper and shallower than every route.
#[test]
fn deep_paths() {
    let deep = "/a".repeat(100);
    let router = router(&[
        route("deep", Path::Prefix(deep.clone())),
        route("exact", Path::Exact(format!("{deep}/b"))),
        route("regex", Path::Regex(format!("{deep}/c/.*"))),
        route("shallow", Path::Prefix("/a".to_owned())),
    ]);
    assert_eq!(find(&router, &format!("{deep}/b")).unwrap().0, "exact");
    assert_eq!(find(&router, &format!("{deep}/b/b")).unwrap().0, "deep");
    assert_eq!(find(&router, &format!("{deep}/c/d")).unwrap().0, "regex");
    assert_eq!(find(&router, &"/a".repeat(99)).unwrap().0, "shallow");
    assert_eq!(find(&router, &"/a".repeat(50_000)).unwrap().0, "deep");
    assert_eq!(find(&router, &"/".repeat(50_000)), None);
}

/// An expression that does not compile matches nothing and harms nobody; translation reports it.
#[test]
fn broken_expressions_never_match() {
    let mut routes = vec![route("broken", Path::Regex("(".to_owned()))];
    assert_eq!(find(&router(&routes), "/("), None);
    routes.push(route("any", Path::Prefix("/".to_owned())));
    assert_eq!(find(&router(&routes), "/("), Some(("any", Some("/"))));
    let without = router(&routes).with_changes([], [routes[0].key.clone(), routes[0].key.clone()]);
    assert_eq!(
        (without.len(), find(&without, "/")),
        (1, Some(("any", Some("/"))))
    );
}

/// A rule whose matches share one place is removed as a whole.
#[test]
fn several_matches_in_one_place() {
    let base = route("same", Path::Prefix("/a".to_owned()));
    let rule = HttpRule {
        matches: vec![
            HttpMatch {
                path: PathMatch::Prefix("/a".into()),
                method: Some("PUT".into()),
                headers: vec![],
                query: vec![],
            },
            HttpMatch {
                path: PathMatch::Prefix("/a".into()),
                method: None,
                headers: vec![],
                query: vec![],
            },
            HttpMatch {
                path: PathMatch::Exact("/a".into()),
                method: None,
                headers: vec![],
                query: vec![],
            },
        ],
        ..(*base.rules[0]).clone()
    };
    let same = Arc::new(HttpRoute {
        rules: vec![Arc::new(rule)],
        ..(*base).clone()
    });
    let full = router(&[Arc::clone(&same), route("other", Path::Prefix("/a".to_owned()))]);
    // "other" comes first in the alphabet, but the exact path counts more.
    assert_eq!(find(&full, "/a"), Some(("same", None)));
    assert_eq!(find(&full, "/a/b").unwrap().0, "other");
    let rest = full.with_changes([], [same.key.clone()]);
    assert_eq!(find(&rest, "/a"), Some(("other", Some("/a"))));
    assert_eq!(find(&full, "/a"), Some(("same", None)));
}

/// A route that moves from one listener to another leaves the first; one that stays is not touched.
#[test]
fn routes_move_between_listeners() {
    let key = |name: &str| ListenerKey {
        name: name.into(),
        ..listener_key()
    };
    let attached = |route: &Arc<HttpRoute>, listeners: &[&str]| {
        let hosts = route.attachments[0].hosts.clone();
        let attachments = listeners.iter().map(|name| Attachment {
            listener: key(name),
            hosts: hosts.clone(),
        });
        Arc::new(HttpRoute {
            attachments: attachments.collect(),
            ..(**route).clone()
        })
    };
    let a = route("a", Path::Prefix("/a".to_owned()));
    let b = route("b", Path::Prefix("/b".to_owned()));
    let before = Router::default()
        .with_listeners([key("one"), key("two")])
        .with_changes(
            [
                named(&attached(&a, &["one"])),
                named(&attached(&b, &["one", "two"])),
            ],
            [],
        );
    let after = before.with_changes([named(&attached(&a, &["two"]))], []);
    let at = |router: &Router<String>, listener: &str, path: &str| {
        find(router.listener(&key(listener)).unwrap(), path).map(|(name, _)| name.to_owned())
    };
    assert_eq!(at(&before, "one", "/a").as_deref(), Some("a"));
    assert_eq!(at(&before, "two", "/a"), None);
    assert_eq!(at(&after, "one", "/a"), None);
    assert_eq!(at(&after, "two", "/a").as_deref(), Some("a"));
    assert_eq!(at(&after, "one", "/b").as_deref(), Some("b"));
    assert_eq!(at(&after, "two", "/b").as_deref(), Some("b"));
    let gone = after
        .with_changes([], [b.key.clone()])
        .with_listeners([key("two"), key("three")]);
    assert_eq!(at(&gone, "two", "/b"), None);
    assert!(gone.listener(&key("three")).unwrap().is_empty());
    assert!(gone.listener(&key("one")).is_none());
}
