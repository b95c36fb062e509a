//! Retries, mirrors and the sharing of upstream connections.

use crate::support::{Origin, Proxy, backend, options, refusing, rule};
use gatewright_model::backend::{BackendProtocol, BackendTarget};
use gatewright_model::filter::{HttpFilter, Mirror};
use gatewright_model::route::Retry;
use gatewright_proxy::policy::{FilterChain, RetryPolicy};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn retry(codes: &[u16], attempts: u32) -> Option<Box<RetryPolicy>> {
    let policy = RetryPolicy::compile(&Retry {
        codes: codes.to_vec(),
        attempts,
        backoff_ms: Some(10),
    });
    Some(Box::new(policy))
}

/// Answers 503 so many times, then 200 with the request's body.
fn flaky(failures: usize) -> Origin {
    let seen = Arc::new(AtomicUsize::new(0));
    Origin::new(move |request| {
        if seen.fetch_add(1, Ordering::Relaxed) < failures {
            return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy".to_vec();
        }
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            request.body.len()
        )
        .into_bytes();
        answer.extend_from_slice(&request.body);
        answer
    })
}

#[test]
fn statuses_of_the_policy_are_tried_again_with_the_body() {
    for (failures, attempts, status) in [(0, 2, 200), (2, 2, 200), (3, 2, 503), (1, 0, 503)] {
        let origin = flaky(failures);
        let mut retried = rule(vec![backend(&[origin.address], BackendProtocol::Http1)]);
        retried.retry = retry(&[503], attempts);
        let proxy = Proxy::start(retried, options());
        let mut client = proxy.connect();
        let body = "x".repeat(30_000);
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let response = client.response().unwrap();
        assert_eq!(
            response.status, status,
            "{failures} failures, {attempts} attempts"
        );
        if status == 200 {
            assert_eq!(response.body, body.as_bytes());
        }
        // Every try had the whole body.
        let seen = origin.pending();
        assert_eq!(seen.len(), failures.min(attempts as usize) + 1);
        assert!(seen.iter().all(|request| request.body == body.as_bytes()));
    }
}

#[test]
fn a_body_too_long_to_keep_is_sent_once() {
    let origin = flaky(1);
    let mut retried = rule(vec![backend(&[origin.address], BackendProtocol::Http1)]);
    retried.retry = retry(&[503], 3);
    let mut small = options();
    small.limits.replay_bytes = 1000;
    let proxy = Proxy::start(retried, small);
    for framing in [
        "Content-Length: 2000\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n7d0\r\n".to_owned(),
    ] {
        let chunked = framing.contains("chunked");
        let mut client = proxy.connect();
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{framing}{}",
            "x".repeat(2000)
        ));
        if chunked {
            client.send("\r\n0\r\n\r\n");
        }
        let status = client.response().unwrap().status;
        assert_eq!(status, if chunked { 200 } else { 503 });
        assert_eq!(origin.request().body.len(), 2000);
        assert!(origin.pending().is_empty());
    }
}

#[test]
fn attempts_of_zero_forbid_even_safe_retries() {
    let origin = Origin::hello();
    let endpoints = [refusing(), refusing(), refusing(), origin.address];
    let mut never = rule(vec![backend(&endpoints, BackendProtocol::Http1)]);
    never.retry = retry(&[503], 0);
    let proxy = Proxy::start(never, options());
    let mut statuses = Vec::new();
    for _ in 0..20 {
        let mut client = proxy.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        statuses.push(client.response().unwrap().status);
    }
    assert!(statuses.contains(&503), "{statuses:?}");
}

#[test]
fn mirrors_get_a_copy_and_cannot_hurt() {
    let origin = Origin::hello();
    let copied = Origin::hello();
    // Accepts and never answers.
    let hanging = Origin::raw(|client, _, seen| {
        let head = client.head().unwrap_or_default();
        let _ = seen.send(crate::support::Request {
            head,
            body: Vec::new(),
            connection: 0,
        });
        client.closed();
    });
    for (target, answers) in [(Some(&copied), true), (Some(&hanging), false), (None, false)] {
        let address = target.map_or_else(refusing, |target| target.address);
        let mirror = backend(&[address], BackendProtocol::Http1).backend.unwrap();
        let filter = HttpFilter::Mirror(
            Mirror {
                backend: BackendTarget::Backend(mirror.key.clone()),
                numerator: 1,
                denominator: 1,
            }
            .into(),
        );
        let mut mirrored = rule(vec![backend(&[origin.address], BackendProtocol::Http1)]);
        mirrored.filters = FilterChain::compile(&[filter], &|_| Some(Arc::clone(&mirror)));
        let proxy = Proxy::start(mirrored, options());
        let begun = Instant::now();
        let mut client = proxy.connect();
        for _ in 0..3 {
            client.send("POST /m HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ndata");
            let response = client.response().unwrap();
            assert_eq!(
                (response.status, response.body.as_slice()),
                (200, b"hello".as_slice())
            );
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
        if let Some(target) = target {
            let copy = target.request();
            assert_eq!(copy.line(), "POST /m HTTP/1.1");
            if answers {
                assert_eq!(copy.body, b"data");
            }
        }
    }
}

/// RFC 9110 section 9.2.2, Gateway API v1.7.0 `HTTPRouteRetry`: what the backend may have processed is
/// only sent again when that can do no harm, whatever codes the policy lists.
#[test]
fn a_request_that_was_lost_on_the_way_is_only_repeated_when_harmless() {
    for (method, status, tries) in [
        ("GET", 200, 2),
        ("PUT", 200, 2),
        ("POST", 502, 1),
        ("PATCH", 502, 1),
    ] {
        // Every first request is read and its connection closed without an answer.
        let lost = AtomicUsize::new(0);
        let origin = Origin::new(move |_| {
            if lost.fetch_add(1, Ordering::Relaxed) == 0 {
                return Vec::new();
            }
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()
        });
        let mut retried = rule(vec![backend(&[origin.address], BackendProtocol::Http1)]);
        retried.retry = retry(&[502, 503], 3);
        let proxy = Proxy::start(retried, options());
        let mut client = proxy.connect();
        client.send(format!(
            "{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
        ));
        assert_eq!(client.response().unwrap().status, status, "{method}");
        assert_eq!(origin.pending().len(), tries, "{method}");
    }
}

#[test]
fn a_reused_connection_that_breaks_is_tried_once_more_only_when_harmless() {
    let make = || {
        Origin::raw(|client, connection, seen| {
            // The first request of each connection is answered, the second one cut off.
            let head = client.head().unwrap_or_default();
            let _ = seen.send(crate::support::Request {
                head,
                body: Vec::new(),
                connection,
            });
            client.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            let _ = client.head();
        })
    };
    for (method, status) in [("GET", 200), ("PUT", 200), ("POST", 502)] {
        let origin = make();
        let proxy = Proxy::to(origin.address);
        let mut client = proxy.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().unwrap().status, 200);
        client.send(format!(
            "{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        ));
        assert_eq!(client.response().unwrap().status, status, "{method}");
    }
}

#[test]
fn idle_connections_to_a_backend_are_closed_in_time() {
    let (closed, was_closed) = std::sync::mpsc::channel();
    let origin = Origin::raw(move |client, _, _| {
        client.head().unwrap();
        client.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        if client.closed() {
            closed.send(Instant::now()).unwrap();
        }
    });
    let mut short = options();
    short.timeouts.upstream_idle = Duration::from_millis(100);
    let proxy = Proxy::start(
        rule(vec![backend(&[origin.address], BackendProtocol::Http1)]),
        short,
    );
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().unwrap().status, 200);
    // No other request makes the proxy look at it.
    was_closed
        .recv_timeout(crate::support::PATIENCE / 2)
        .expect("the connection stayed open");
}
