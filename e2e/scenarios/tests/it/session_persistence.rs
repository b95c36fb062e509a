//! Session persistence (GEP-1619), by cookie and by header: a session stays with its pod through every proxy of the
//! Gateway, also after a proxy was replaced; what a client makes up is harmless.

use anyhow::{Context, Result, ensure};
use gatewright_scenarios::http::{Answer, get};
use gatewright_scenarios::world::{GATEWAY_API, Proxy, World, http_listener, route_is, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;

const HOST: &str = "session.example";
/// Pods of the backend: by chance, 40 requests in a row meet one of four once in 10^23 times.
const PODS: usize = 4;
const REQUESTS: usize = 40;

/// `sessionPersistence` as the installed release has it.
fn persistence(bundle: &str, kind: &str, name: &str) -> Value {
    let old = bundle.starts_with("v1.5") || bundle.starts_with("v1.6");
    match (old, kind) {
        (true, _) => json!({"type": kind, "sessionName": name}),
        (false, "Header") => json!({"type": kind, "header": {"name": name}}),
        (false, _) => json!({"type": kind, "cookie": {"name": name}}),
    }
}

/// Pods that answer so many requests with these fields, through all proxies in turn.
async fn pods(proxies: &[Proxy], path: &str, fields: &[String]) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for proxy in proxies.iter().cycle().take(REQUESTS) {
        let answer = get(proxy.at, HOST, path, fields).await?;
        ensure!(answer.status == 200, "{answer:?}");
        found.insert(answer.pod());
    }
    Ok(found)
}

/// The field that carries the session on, from the answer that began it.
fn session(kind: &str, answer: &Answer) -> Result<String> {
    if kind == "Header" {
        let value = answer.field("x-session").context("no session in the answer")?;
        return Ok(format!("x-session: {value}"));
    }
    let cookie = answer.field("set-cookie").context("no cookie in the answer")?;
    ensure!(cookie.contains("HttpOnly"), "{cookie}");
    let pair = cookie.split(';').next().unwrap_or_default();
    ensure!(pair.starts_with("sid="), "{cookie}");
    Ok(format!("cookie: other=1; {pair}"))
}

/// What a client may send in place of a session.
fn made_up(kind: &str, real: &str) -> Vec<String> {
    let token = real.rsplit(['=', ' ']).next().unwrap_or_default();
    let mut changed = token.to_owned().into_bytes();
    if let Some(byte) = changed.get_mut(token.len() / 2) {
        *byte = if *byte == b'A' { b'B' } else { b'A' };
    }
    let values = [
        String::new(),
        "10.0.0.1:80".to_owned(),
        String::from_utf8_lossy(&changed).into_owned(),
        token.chars().take(token.len() / 2).collect(),
        "A".repeat(8000),
    ];
    let name = if kind == "Header" {
        "x-session: "
    } else {
        "cookie: sid="
    };
    values.iter().map(|value| format!("{name}{value}")).collect()
}

async fn sticks(world: &World, kind: &str, path: &str) -> Result<()> {
    let proxies = world.proxies("gw", 2).await?;
    let spread = pods(&proxies, path, &[]).await?;
    ensure!(
        spread.len() > 1,
        "without a session one pod answers everything: {spread:?}"
    );
    let gone = proxies.first().context("two proxies")?;
    let begun = get(gone.at, HOST, path, &[]).await?;
    let field = session(kind, &begun)?;
    let home = BTreeSet::from([begun.pod()]);
    let found = pods(&proxies, path, std::slice::from_ref(&field)).await?;
    ensure!(found == home, "{kind}: begun at {home:?}, then at {found:?}");

    for wrong in made_up(kind, &field) {
        let answer = get(gone.at, HOST, path, std::slice::from_ref(&wrong)).await?;
        let shown: String = wrong.chars().take(80).collect();
        ensure!(answer.status == 200, "{shown}: {answer:?}");
        session(kind, &answer).with_context(|| format!("{shown}: no new session"))?;
    }

    // A proxy that never saw the session takes over.
    world.delete_proxy(gone).await?;
    let replaced = async || {
        let now = world.proxies("gw", 2).await?;
        let replaced = now.iter().all(|proxy| proxy.pod != gone.pod);
        Ok(if replaced {
            Ok(now)
        } else {
            Err(format!("{now:?}"))
        })
    };
    let proxies = until("a proxy to be replaced", replaced).await?;
    let found = pods(&proxies, path, &[field]).await?;
    ensure!(
        found == home,
        "{kind}: begun at {home:?}, after a new proxy at {found:?}"
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_session_stays_with_its_pod() -> Result<()> {
    let world = World::new("session-persistence").await?;
    world.backends("web", PODS).await?;
    let address = world
        .gateway_with_proxies("gw", json!([http_listener("http", 80)]), 2)
        .await?;
    let at = SocketAddr::new(address, 80);
    let bundle = world.bundle("httproutes").await?;
    let rule = |path: &str, kind: &str, name: &str| {
        json!({
            "matches": [{"path": {"type": "PathPrefix", "value": path}}],
            "sessionPersistence": persistence(&bundle, kind, name),
            "backendRefs": [{"name": "web", "port": 80}],
        })
    };
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"name": "sessions"},
            "spec": {
                "parentRefs": [{"name": "gw"}], "hostnames": [HOST],
                "rules": [rule("/cookie", "Cookie", "sid"), rule("/header", "Header", "x-session")],
            },
        }))
        .await?;
    world
        .wait(
            (GATEWAY_API, "HTTPRoute", "sessions"),
            "to be accepted",
            |found| route_is(found, "Accepted", "True"),
        )
        .await?;
    world.answers(at, (HOST, "/cookie"), 200).await?;
    sticks(&world, "Cookie", "/cookie").await?;
    sticks(&world, "Header", "/header").await?;

    // A session of one rule means nothing in the other.
    let proxies = world.proxies("gw", 2).await?;
    let begun = get(at, HOST, "/cookie", &[]).await?;
    let token = session("Cookie", &begun)?;
    let token = token.rsplit('=').next().unwrap_or_default();
    let found = pods(&proxies, "/header", &[format!("x-session: {token}")]).await?;
    assert!(
        found.len() > 1,
        "a cookie of one rule works as the header of another: {found:?}"
    );

    // A session whose pod ends goes on elsewhere, and stays there.
    let field = session("Cookie", &begun)?;
    world.delete("v1", "Pod", &begun.pod()).await?;
    world.ready("web", PODS).await?;
    let moved = async || {
        let answer = get(at, HOST, "/cookie", std::slice::from_ref(&field)).await?;
        let elsewhere = answer.status == 200 && answer.pod() != begun.pod();
        Ok(if elsewhere {
            Ok(answer)
        } else {
            Err(format!("{answer:?}"))
        })
    };
    let answer = until("the session to go on elsewhere", moved).await?;
    let found = pods(&proxies, "/cookie", &[session("Cookie", &answer)?]).await?;
    assert_eq!(found, BTreeSet::from([answer.pod()]));
    world.one_proxy().await?;
    world.leave().await
}
