//! Malformed and ambiguous HTTP/1 requests against a real proxy with a backend that records what
//! it is sent (RFC 9110, RFC 9112, RFC 9931).
//!
//! After each case a marker request follows on the same connection. Whatever the case, the backend
//! must never see a request that the client did not clearly make: the marker arrives as a request
//! of its own, or not at all because the connection was closed.

use crate::smuggling_cases::{CASES, Case, Expect};
use crate::support::{Origin, Proxy, Request};
use std::collections::BTreeSet;

/// What follows each case. Its path shows up at the backend only as a request line.
const MARKER: &str = "GET /marker HTTP/1.1\r\nHost: marker.example\r\n\r\n";

fn run(case: &Case) -> Result<(), String> {
    let origin = Origin::new(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec());
    let proxy = Proxy::to(origin.address);
    let mut client = proxy.connect();
    client.send(case.bytes);
    client.send(MARKER);
    let first = client.response();
    let status = first.as_ref().map(|response| response.status);
    let fail = |what: String| Err(format!("{}: {what} ({})", case.name, case.rule));
    match case.expect {
        Expect::Refused(statuses) => {
            if !status.is_some_and(|status| statuses.contains(&status)) {
                return fail(format!("answered {status:?}, expected one of {statuses:?}"));
            }
            if !client.closed() {
                return fail("the connection went on".to_owned());
            }
            let seen = origin.pending();
            if !seen.is_empty() {
                return fail(format!("the backend saw {:?}", seen[0].line()));
            }
        }
        Expect::Closed => {
            if status.is_some() {
                return fail(format!("answered {status:?}, expected no answer"));
            }
            if let Some(seen) = origin.pending().first() {
                return fail(format!("the backend saw {:?}", seen.line()));
            }
        }
        Expect::Forwarded { line, body } => {
            if status != Some(200) {
                return fail(format!("answered {status:?}, expected 200"));
            }
            let seen = origin.request();
            check_forwarded(&seen).or_else(fail)?;
            if seen.line() != line || seen.body != body {
                return fail(format!("the backend saw {:?} with {:?}", seen.line(), seen.body));
            }
            // The marker must be the very next request, or the connection closed in order.
            if let Some(marker) = client.response() {
                let seen = origin.request();
                if marker.status != 200 || seen.line() != "GET /marker HTTP/1.1" {
                    return fail(format!("after it the backend saw {:?}", seen.line()));
                }
            }
            if let Some(more) = origin.pending().first() {
                return fail(format!("the backend also saw {:?}", more.line()));
            }
        }
        Expect::BodyRefused(statuses) => {
            // The head was forwarded before the fault showed; the backend must not take what it got
            // for a complete request, nor see anything after it.
            if !status.is_some_and(|status| statuses.contains(&status)) {
                return fail(format!("answered {status:?}, expected one of {statuses:?}"));
            }
            if !client.closed() {
                return fail("the connection went on".to_owned());
            }
            if let Some(seen) = origin
                .pending()
                .iter()
                .find(|seen| seen.line().contains("marker"))
            {
                return fail(format!("the backend saw {:?}", seen.line()));
            }
        }
    }
    Ok(())
}

/// What every forwarded request must look like, whatever came in.
fn check_forwarded(seen: &Request) -> Result<(), String> {
    let lower = seen.head.to_ascii_lowercase();
    let count = |name: &str| {
        lower
            .lines()
            .filter(|line| line.starts_with(&format!("{name}:")))
            .count()
    };
    if count("host") != 1 {
        return Err("the backend saw not exactly one Host".to_owned());
    }
    if count("content-length") + count("transfer-encoding") > 1 {
        return Err("the backend saw two framings".to_owned());
    }
    if lower.contains("smuggled") {
        return Err("the backend saw what was hidden".to_owned());
    }
    if seen.head.replace("\r\n", "").contains(['\r', '\n', '\0']) {
        return Err("the backend saw a bare line end".to_owned());
    }
    Ok(())
}

#[test]
fn malformed_requests_are_neither_forwarded_nor_desynchronise() {
    let failures: Vec<String> = CASES.iter().filter_map(|case| run(case).err()).collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases:\n{}",
        failures.len(),
        CASES.len(),
        failures.join("\n")
    );
}

#[test]
fn the_table_is_as_large_as_it_should_be() {
    let names: BTreeSet<&str> = CASES.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), CASES.len(), "two cases of one name");
    let malformed = CASES
        .iter()
        .filter(|case| !matches!(case.expect, Expect::Forwarded { .. }))
        .count();
    assert!(malformed >= 150, "{malformed} malformed cases");
}
