//! Weights, sessions, timeouts, retries, budgets, mirrors, endpoints that fail.

use super::{Site, route_to};
use anyhow::Result;
use gatewright_traffic::origin::{self, Reply};
use gatewright_traffic::{Origin, manifest, wait};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

fn rule(fields: &str) -> String {
    manifest::http_route("all", "gw", &format!("  rules: [{{{fields}}}]"))
}

/// An address that refuses connections.
async fn nobody() -> Result<SocketAddr> {
    Ok(tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}

/// Shares by weight; a share without a backend answers 500, weight 0 gets nothing.
#[tokio::test]
async fn weights_and_invalid_backends() -> Result<()> {
    let (a, b, c) = (
        Origin::named("a").await?,
        Origin::named("b").await?,
        Origin::named("c").await?,
    );
    let objects = manifest::service("a", &[a.address])
        + &manifest::service("b", &[b.address])
        + &manifest::service("c", &[c.address])
        + &rule(
            "backendRefs: [{name: a, port: 80, weight: 6}, {name: b, port: 80, weight: 2}, {name: c, port: 80, weight: 0}, {name: missing, port: 80, weight: 2}]",
        );
    let site = Site::new(&objects).await?;
    let mut failed = 0;
    for _ in 0..200 {
        let answer = site.get("/").await?;
        failed += usize::from(answer.status == 500);
    }
    let shares = (a.seen().len(), b.seen().len(), c.seen().len(), failed);
    assert_eq!(shares.0 + shares.1 + failed, 200, "{shares:?}");
    // Five standard deviations of a share of 60 % and of 20 % of 200.
    assert!((85..=155).contains(&shares.0), "{shares:?}");
    assert!(
        (12..=68).contains(&shares.1) && (12..=68).contains(&failed),
        "{shares:?}"
    );
    assert_eq!(shares.2, 0);
    Ok(())
}

#[tokio::test]
async fn sessions_by_cookie_and_by_header() -> Result<()> {
    let (a, b) = (Origin::named("a").await?, Origin::named("b").await?);
    let objects = manifest::service("ab", &[a.address, b.address])
        + &manifest::http_route(
            "all",
            "gw",
            "  rules:
  - matches: [{path: {value: /cookie}}]
    sessionPersistence: {type: Cookie, cookie: {name: sid}}
    backendRefs: [{name: ab, port: 80}]
  - matches: [{path: {value: /header}}]
    sessionPersistence: {type: Header, header: {name: X-Session}}
    backendRefs: [{name: ab, port: 80}]",
        );
    let site = Site::new(&objects).await?;
    let mut homes = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let first = site.get("/cookie").await?;
        let cookie = first.header("set-cookie");
        let token = cookie.split(';').next().unwrap_or_default().to_owned();
        assert!(token.starts_with("sid="), "{cookie}");
        for _ in 0..4 {
            let next = site.ask("GET", "/cookie", &[("cookie", &token)]).await?;
            assert_eq!(next.text(), first.text());
        }
        let first_by_header = site.get("/header").await?;
        let token = first_by_header.header("x-session");
        assert!(!token.is_empty());
        for _ in 0..4 {
            let next = site.ask("GET", "/header", &[("x-session", &token)]).await?;
            assert_eq!(next.text(), first_by_header.text());
        }
        homes.extend([first.text(), first_by_header.text()]);
    }
    assert_eq!(homes.len(), 2, "new sessions go to both");
    Ok(())
}

/// `timeouts.request` bounds everything, `timeouts.backendRequest` one try.
#[tokio::test]
async fn timeouts_of_a_rule() -> Result<()> {
    let silent = Origin::start(|_, _| Reply::Hang).await?;
    let objects = manifest::service("a", &[silent.address])
        + &manifest::http_route(
            "all",
            "gw",
            "  rules:
  - {matches: [{path: {value: /request}}], timeouts: {request: 300ms}, backendRefs: [{name: a, port: 80}]}
  - matches: [{path: {value: /try}}]
    timeouts: {backendRequest: 200ms}
    retry: {attempts: 1, codes: [504], backoff: 10ms}
    backendRefs: [{name: a, port: 80}]",
        );
    let site = Site::new(&objects).await?;
    let begun = Instant::now();
    assert_eq!(site.get("/request").await?.status, 504);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(silent.seen().len(), 1);
    let begun = Instant::now();
    assert_eq!(site.get("/try").await?.status, 504);
    assert!(begun.elapsed() >= Duration::from_millis(400), "two tries");
    assert_eq!(silent.seen().len(), 3);
    Ok(())
}

/// Listed codes are tried again with the body; a refused connection always is, on another endpoint.
#[tokio::test]
async fn retries() -> Result<()> {
    let flaky = Origin::start(|_, number| {
        if number % 3 < 2 {
            origin::status(503)
        } else {
            origin::ok("third")
        }
    })
    .await?;
    let good = Origin::named("good").await?;
    let objects = manifest::service("flaky", &[flaky.address])
        + &manifest::service("half", &[nobody().await?, good.address])
        + &manifest::http_route(
            "all",
            "gw",
            "  rules:
  - matches: [{path: {value: /flaky}}]
    retry: {attempts: 3, codes: [503], backoff: 10ms}
    backendRefs: [{name: flaky, port: 80}]
  - matches: [{path: {value: /none}}]
    retry: {attempts: 0, codes: [503]}
    backendRefs: [{name: flaky, port: 80}]
  - {matches: [{path: {value: /half}}], backendRefs: [{name: half, port: 80}]}",
        );
    let site = Site::new(&objects).await?;
    let mut request = gatewright_traffic::client::request("POST", "any.test", "/flaky", &[])?;
    *request.body_mut() = "the body".into();
    let answer = site.send(request).await?;
    assert_eq!((answer.status, answer.text().as_str()), (200, "third"));
    let seen = flaky.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|one| &one.body[..] == b"the body"));
    assert_eq!(site.get("/none").await?.status, 503);
    assert_eq!(flaky.seen().len(), 4);
    for _ in 0..20 {
        assert_eq!(site.get("/half").await?.text(), "good");
    }
    Ok(())
}

/// XBackendTrafficPolicy: beyond the budget no try is made, and the client gets 503.
#[tokio::test]
async fn retry_budgets() -> Result<()> {
    let broken = Origin::start(|_, _| origin::status(500)).await?;
    let objects = manifest::service("a", &[broken.address])
        + &rule("retry: {attempts: 3, codes: [500], backoff: 1ms}, backendRefs: [{name: a, port: 80}]")
        + "---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: {name: budget, namespace: default}
spec:
  targetRefs: [{group: \"\", kind: Service, name: a}]
  retryConstraint: {budget: {percent: 10, interval: 1h}, minRetryRate: {count: 2, interval: 1h}}
";
    let site = Site::new(&objects).await?;
    let mut refused = 0;
    for _ in 0..20 {
        refused += usize::from(site.get("/").await?.status == 503);
    }
    // 20 requests, 10 % of them once more, the minimum of 2: without the budget it would be 80 tries.
    let tries = broken.seen().len();
    assert!((22..=24).contains(&tries), "{tries} tries");
    assert!(refused >= 15, "{refused} refused");
    Ok(())
}

/// A copy goes to the mirror, which can neither delay nor fail the request.
#[tokio::test]
async fn mirrors() -> Result<()> {
    let main = Origin::named("main").await?;
    let mirror = Origin::start(|_, _| Reply::Hang).await?;
    let objects = manifest::service("main", &[main.address])
        + &manifest::service("copy", &[mirror.address])
        + &rule(
            "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: copy, port: 80}}}], backendRefs: [{name: main, port: 80}]",
        );
    let site = Site::new(&objects).await?;
    let mut request = gatewright_traffic::client::request("POST", "any.test", "/x?y", &[])?;
    *request.body_mut() = "the body".into();
    let begun = Instant::now();
    assert_eq!(site.send(request).await?.text(), "main");
    assert!(begun.elapsed() < Duration::from_secs(10));
    let copy = wait::until("the copy", || async { mirror.last().ok() }).await?;
    assert_eq!((copy.method.as_str(), copy.target.as_str()), ("POST", "/x?y"));
    assert_eq!(&copy.body[..], b"the body");
    Ok(())
}

/// An endpoint that keeps failing is left out after a few requests.
#[tokio::test]
async fn failing_endpoints_are_left_out() -> Result<()> {
    let (good, bad) = (
        Origin::named("good").await?,
        Origin::start(|_, _| origin::status(503)).await?,
    );
    let objects = manifest::service("a", &[good.address, bad.address]) + &route_to("a");
    let site = Site::with(&objects, "", &[]).await?;
    for _ in 0..60 {
        site.get("/").await?;
    }
    let before = bad.seen().len();
    assert!(before < 20, "{before} of 60 went to the failing endpoint");
    for _ in 0..20 {
        assert_eq!(site.get("/").await?.status, 200);
    }
    Ok(())
}
