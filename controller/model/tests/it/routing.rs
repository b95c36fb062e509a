//! The router answers what the oracle answers.

use crate::config;
use crate::generate::{LISTENERS, grpc_routes, header_map, http_routes, listener_key, model_route, request};
use crate::oracle::{self, Request, Route, Winner};
use gatewright_model::key::RouteKind;
use gatewright_model::route::PathMatch;
use gatewright_model::router::{ListenerRouter, RequestView, RoutePayload};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Indexes routes; the payload is the position of route and rule.
pub fn index(listener: &str, kind: RouteKind, routes: &[Route]) -> ListenerRouter<(usize, usize)> {
    let attached = routes.iter().enumerate().filter_map(|(i, route)| {
        let route = model_route(listener, kind, route)?;
        Some(RoutePayload::new(route, |rule| (i, rule.index as usize)))
    });
    ListenerRouter::new(listener_key()).with_changes(attached, [])
}

pub fn answer(router: &ListenerRouter<(usize, usize)>, request: &Request) -> Option<Winner> {
    let headers = header_map(request);
    let view = RequestView {
        method: &request.method,
        path: &request.path,
        query: request.query.as_deref(),
        headers: &headers,
    };
    let found = router.find(&request.host, &view)?;
    if let PathMatch::Prefix(value) = &found.matched().unwrap().path {
        assert_eq!(found.prefix, Some(&**value));
        assert!(request.path.starts_with(&**value));
    } else {
        assert_eq!(found.prefix, None);
    }
    assert_eq!(found.payload.1, found.rule.index as usize);
    assert!(found.host.effective.matches(&request.host));
    Some((found.payload.0, found.payload.1, found.match_index as usize))
}

fn compare(
    kind: RouteKind,
    listener: &str,
    routes: &[Route],
    requests: &[Request],
) -> Result<(), TestCaseError> {
    let router = index(listener, kind, routes);
    for request in requests {
        if oracle::host_matches(listener, &request.host) {
            let expected = oracle::winner(listener, routes, request);
            prop_assert_eq!(answer(&router, request), expected, "{:?}", request);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn http_routes_follow_the_specification(
        listener in select(LISTENERS.to_vec()),
        routes in http_routes(),
        requests in vec(request(), 12),
    ) {
        compare(RouteKind::Http, listener, &routes, &requests)?;
    }

    #[test]
    fn grpc_routes_follow_the_specification(
        listener in select(LISTENERS.to_vec()),
        routes in grpc_routes(),
        requests in vec(request(), 12),
    ) {
        compare(RouteKind::Grpc, listener, &routes, &requests)?;
    }
}

/// The generator must reach what the comparison is about, or it would prove nothing.
#[test]
fn random_requests_are_decided_in_every_way() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::new(config(1));
    let strategy = (select(LISTENERS.to_vec()), http_routes(), request());
    let (mut unmatched, mut exact, mut regex, mut prefix, mut contested) = (0, 0, 0, 0, 0);
    for _ in 0..6000 {
        let (listener, routes, request) = strategy.new_tree(&mut runner).unwrap().current();
        if !oracle::host_matches(listener, &request.host) {
            continue;
        }
        let Some((route, rule, index)) = oracle::winner(listener, &routes, &request) else {
            unmatched += 1;
            continue;
        };
        match routes[route].rules[rule][index].path {
            oracle::Path::Exact(_) => exact += 1,
            oracle::Path::Regex(_) => regex += 1,
            _ => prefix += 1,
        }
        let mut others = routes.clone();
        others.remove(route);
        contested += usize::from(oracle::winner(listener, &others, &request).is_some());
    }
    for (what, count) in [
        ("unmatched", unmatched),
        ("exact", exact),
        ("regex", regex),
        ("prefix", prefix),
        ("contested", contested),
    ] {
        assert!(count >= 100, "{what}: {count}");
    }
}
