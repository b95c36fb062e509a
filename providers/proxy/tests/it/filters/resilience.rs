//! Weights, retries, budgets, outliers, mirrors, timeouts, error pages.

use super::stage::{Origin, Reply, Stage, edit_rule, nobody, ok, route, status, until};
use crate::net::world::{World, prefix};
use gatewright_model::backend::{BackendTarget, RetryBudget};
use gatewright_model::filter::{HttpFilter, Mirror};
use gatewright_model::route::{Retry, Timeouts};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn retry(codes: &[u16], attempts: u32) -> Option<Arc<Retry>> {
    Some(Arc::new(Retry {
        codes: codes.to_vec(),
        attempts,
        backoff_ms: Some(1),
    }))
}

/// One backend with several endpoints.
fn pool(world: &mut World, endpoints: &[SocketAddr], policy: Option<Arc<Retry>>) {
    world.backend("pool", endpoints, None);
    world.route("route", "http", "", prefix("/"), &[("pool", 1)]);
    edit_rule(world, |rule| rule.retry = policy);
}

/// `BackendRef.weight`: shares within 5 points; an invalid reference answers 500 for its share.
#[test]
fn backends_share_by_weight_and_invalid_ones_fail_their_share() {
    let (one, two) = (Origin::named("one"), Origin::named("two"));
    let (a, b) = (one.address, two.address);
    let stage = Stage::new(move |world| {
        world.backend("one", &[a], None);
        world.backend("two", &[b], None);
        world.backend("none", &[b], None);
        world.route(
            "route",
            "http",
            "",
            prefix("/"),
            &[("one", 6), ("two", 2), ("!missing", 2), ("none", 0)],
        );
    });
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..600 {
        let response = stage.get("/");
        let name = if response.status == 500 {
            "500".to_owned()
        } else {
            response.body
        };
        *counts.entry(name).or_default() += 1;
    }
    for (name, share) in [("one", 360.0), ("two", 120.0), ("500", 120.0)] {
        let found = f64::from(counts.get(name).copied().unwrap_or(0));
        // Four standard deviations of a binomial distribution: fails once in 16,000 runs.
        let bound = 4.0 * (share * (1.0 - share / 600.0_f64)).sqrt();
        assert!((found - share).abs() < bound, "{name}: {counts:?}");
    }
    assert_eq!(counts.len(), 3, "{counts:?}");
}

/// conformance/tests/httproute-retry.go.
#[test]
fn listed_codes_are_retried_up_to_the_limit_and_the_last_answer_passes() {
    for (codes, attempts, good_after, expected, tries) in [
        (&[503][..], 3, 2, 200, 3),
        (&[503], 1, 2, 503, 2),
        (&[500], 3, 2, 503, 1),
        (&[503], 0, 2, 503, 1),
    ] {
        let origin = Origin::new(move |_, number| {
            if number < good_after {
                status(503)
            } else {
                ok("good")
            }
        });
        let address = origin.address;
        let stage = Stage::new(move |world| pool(world, &[address], retry(codes, attempts)));
        let response = stage.send("POST", "/", &[], "payload");
        assert_eq!(response.status, expected, "{codes:?} {attempts}");
        let seen = origin.seen();
        assert_eq!(seen.len(), tries, "{codes:?} {attempts}");
        assert!(seen.iter().all(|seen| seen.body == b"payload"));
    }
}

/// conformance/tests/httproute-retry-connection-error.go.
#[test]
fn refused_connections_are_retried_elsewhere() {
    let origin = Origin::named("alive");
    let (alive, dead) = (origin.address, nobody());
    let stage = Stage::new(move |world| pool(world, &[dead, alive], retry(&[], 100)));
    for _ in 0..20 {
        assert_eq!(stage.get("/").status, 200);
    }
}

#[test]
fn a_response_that_began_is_never_retried() {
    let origin = Origin::new(|_, _| Reply::Cut);
    let address = origin.address;
    let stage = Stage::new(move |world| pool(world, &[address], retry(&[500, 502, 503, 504], 5)));
    assert!(
        stage.try_send("GET", "/", &[], "").is_none(),
        "the client must notice the cut"
    );
    assert_eq!(origin.seen().len(), 1);
}

/// `HTTPRouteTimeouts.request` bounds all tries together and answers 504.
#[test]
fn the_request_timeout_bounds_all_tries() {
    let origin = Origin::new(|_, _| Reply::Hang);
    let address = origin.address;
    let stage = Stage::new(move |world| {
        pool(world, &[address], retry(&[504], 100));
        edit_rule(world, |rule| {
            rule.timeouts = Timeouts {
                request_ms: Some(400),
                backend_request_ms: Some(100),
            };
        });
    });
    let begun = Instant::now();
    assert_eq!(stage.get("/").status, 504);
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(350) && took < Duration::from_secs(3),
        "{took:?}"
    );
    let tries = origin.seen().len();
    assert!((2..=4).contains(&tries), "{tries}");
}

/// `RetryConstraint`: beyond the budget clients get 503.
#[test]
fn a_spent_budget_answers_503() {
    let origin = Origin::new(|_, _| status(502));
    let address = origin.address;
    let stage = Stage::new(move |world| {
        pool(world, &[address], retry(&[502], 1));
        for backend in world.0.backends.values_mut() {
            Arc::make_mut(backend).retry_budget = Some(RetryBudget {
                percent: 0,
                interval_ms: 10_000,
                min_count: 3,
                min_interval_ms: 60_000,
            });
        }
    });
    let answers: Vec<u16> = (0..6).map(|_| stage.get("/").status).collect();
    assert_eq!(answers, [502, 502, 502, 503, 503, 503]);
    assert_eq!(origin.seen().len(), 6 + 3);
    until("three refusals counted", || {
        stage.metric("gatewright_responses_by_reason_total{reason=\"retry_budget\"}") == 3
    });
}

#[test]
fn an_endpoint_that_keeps_failing_is_left_out() {
    let (good, bad) = (Origin::named("good"), Origin::new(|_, _| status(503)));
    let (a, b) = (good.address, bad.address);
    let third = Origin::named("good");
    let c = third.address;
    let stage = Stage::new(move |world| pool(world, &[a, b, c], None));
    for _ in 0..200 {
        stage.get("/");
    }
    assert_eq!(bad.seen().len(), 5, "five failures in a row eject it");
    assert_eq!(good.seen().len() + third.seen().len(), 195);
}

fn mirror(name: &str, numerator: u32, denominator: u32) -> HttpFilter {
    let key = World::new("filters").backend(name, &[], None);
    HttpFilter::Mirror(
        Mirror {
            backend: BackendTarget::Backend(key),
            numerator,
            denominator,
        }
        .into(),
    )
}

/// `HTTPRequestMirrorFilter`: several mirrors, shares, and no influence on the request.
#[test]
fn mirrors_get_copies_and_never_disturb() {
    let (origin, all, never) = (
        Origin::named("origin"),
        Origin::new(|_, _| status(500)),
        Origin::named("never"),
    );
    let hanging = Origin::new(|_, _| Reply::Hang);
    let (a, b, c, d) = (origin.address, all.address, never.address, hanging.address);
    let dead = nobody();
    let stage = Stage::new(move |world| {
        route(world, &[("origin", a)], |rule| {
            rule.filters = vec![
                mirror("all", 100, 100),
                mirror("never", 0, 100),
                mirror("dead", 1, 1),
                mirror("hanging", 1, 1),
            ];
        });
        for (name, address) in [("all", b), ("never", c), ("dead", dead), ("hanging", d)] {
            world.backend(name, &[address], None);
        }
    });
    let begun = Instant::now();
    for number in 0..10 {
        let response = stage.send("POST", &format!("/{number}?q"), &[("x-a", "b")], "copy me");
        assert_eq!((response.status, response.body.as_str()), (200, "origin"));
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    until("copies", || all.seen().len() == 10);
    let mut lines: Vec<String> = all.seen().into_iter().map(|seen| seen.line).collect();
    lines.sort();
    assert_eq!(
        lines,
        (0..10)
            .map(|number| format!("POST /{number}?q"))
            .collect::<Vec<_>>()
    );
    assert!(
        all.seen()
            .iter()
            .all(|seen| seen.body == b"copy me" && seen.field("x-a").is_some())
    );
    assert!(never.seen().is_empty());
    assert_eq!(origin.seen().len(), 10);
}

#[test]
fn errors_of_the_proxy_come_in_the_form_the_client_reads() {
    let stage = Stage::new(|world| route(world, &[("gone", nobody())], |_| {}));
    let text = stage.get("/");
    assert_eq!(
        (text.status, text.body.as_str()),
        (503, "503 Service Unavailable\n")
    );
    let json = stage.send("GET", "/", &[("accept", "application/json")], "");
    assert_eq!(
        json.body,
        "{\"status\":503,\"message\":\"Service Unavailable\"}\n"
    );
    let grpc = stage.send("POST", "/s/m", &[("content-type", "application/grpc")], "x");
    assert_eq!(
        (grpc.status, grpc.field("grpc-status").as_deref()),
        (200, Some("14"))
    );
}
