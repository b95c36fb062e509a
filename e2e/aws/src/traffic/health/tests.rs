//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>

use super::progress::{Found, Progress};
use super::{Codes, Reason, State};
use crate::traffic::config::HealthCheck;

fn check() -> HealthCheck {
    HealthCheck {
        version: None,
        enabled: true,
        protocol: "HTTP".to_owned(),
        port: None,
        path: "/".to_owned(),
        interval_ms: 10,
        timeout_ms: 10,
        healthy: 3,
        unhealthy: 2,
        http_codes: String::new(),
        grpc_codes: String::new(),
    }
}

/// States after each result; `None` where nothing changed.
fn run(progress: &mut Progress, results: &[Found]) -> Vec<Option<(State, Option<Reason>)>> {
    results
        .iter()
        .map(|found| {
            progress
                .take(found, &check())
                .map(|health| (health.state, health.reason))
        })
        .collect()
}

const HEALTHY: Option<(State, Option<Reason>)> = Some((State::Healthy, None));

fn unhealthy(reason: Reason) -> Option<(State, Option<Reason>)> {
    Some((State::Unhealthy, Some(reason)))
}

#[test]
fn one_success_after_registration() {
    // "After your target is registered, it must pass one health check to be considered healthy."
    let mut progress = Progress::new(State::Initial);
    let initial = Some((State::Initial, Some(Reason::InitialHealthChecking)));
    assert_eq!(
        run(&mut progress, &[Found::Error, Found::Success]),
        [initial, HEALTHY]
    );
}

#[test]
fn failures_in_a_row_take_it_out_and_successes_in_a_row_put_it_back() {
    let mut progress = Progress::new(State::Healthy);
    let (ok, bad) = (Found::Success, Found::Code(500));
    let mismatch = unhealthy(Reason::ResponseCodeMismatch);
    assert_eq!(
        run(&mut progress, &[bad.clone(), ok.clone(), bad.clone()]),
        [None, None, None]
    );
    assert_eq!(run(&mut progress, std::slice::from_ref(&bad)), [mismatch]);
    assert_eq!(
        run(&mut progress, &[ok.clone(), ok.clone(), bad]),
        [None, None, mismatch]
    );
    assert_eq!(
        run(&mut progress, &[ok.clone(), ok.clone(), ok]),
        [None, None, HEALTHY]
    );
}

#[test]
fn reasons() {
    let of = |found: Found| {
        let mut progress = Progress::new(State::Initial);
        progress.take(&found, &check());
        let health = progress.take(&found, &check()).unwrap();
        assert_eq!(health.state, State::Unhealthy);
        (health.reason.unwrap().as_str(), health.description.unwrap())
    };
    assert_eq!(
        of(Found::Code(404)),
        (
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [404]".to_owned()
        )
    );
    assert_eq!(
        of(Found::Timeout),
        ("Target.Timeout", "Request timed out".to_owned())
    );
    assert_eq!(
        of(Found::Error),
        ("Target.FailedHealthChecks", "Health checks failed".to_owned())
    );
}

#[test]
fn matchers() {
    let codes = Codes::new("200,202", 200);
    assert!(codes.contains(200) && codes.contains(202) && !codes.contains(201));
    let codes = Codes::new("200-299,404", 200);
    assert!(codes.contains(200) && codes.contains(299) && codes.contains(404) && !codes.contains(300));
    assert!(Codes::new("", 12).contains(12));
    assert!(!Codes::new("x", 12).contains(12));
}
