//! A listener whose Secret comes late: it says so, others work meanwhile, and it serves as soon as the Secret is there.
//! Each rotation is seen by the next handshakes, and none fails.

use anyhow::{Result, ensure};
use gatewright_scenarios::tls;
use gatewright_scenarios::world::{
    GATEWAY_API, Load, World, condition, http_listener, http_route, listener_is, listener_of,
};
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const GATEWAY: (&str, &str, &str) = (GATEWAY_API, "Gateway", "gw");
const HOST: &str = "late.example";
const ROTATIONS: usize = 10;
/// Between two rotations: time for handshakes of the load.
const BETWEEN: Duration = Duration::from_millis(300);
/// From the Secret's change to the first handshake with it: what a person would not notice.
const SOON: Duration = Duration::from_secs(1);

/// Handshakes until one shows this certificate; answers how long it took.
async fn until_served(at: SocketAddr, wanted: &[u8]) -> Result<Duration> {
    let begun = Instant::now();
    loop {
        let seen = tls::served(at, HOST).await;
        if seen.as_deref().is_ok_and(|seen| seen == wanted) {
            return Ok(begun.elapsed());
        }
        ensure!(
            begun.elapsed() < Duration::from_secs(30),
            "the certificate is not served after 30 s: {:?}",
            seen.map(|seen| seen.len())
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_secret_may_come_late_and_change() -> Result<()> {
    let world = World::new("late-secrets").await?;
    world.backend("web").await?;
    let address = world
        .gateway(
            "gw",
            json!([http_listener("http", 80), {
                "name": "late", "port": 443, "protocol": "HTTPS", "hostname": HOST,
                "tls": {"certificateRefs": [{"name": "late"}]},
            }]),
        )
        .await?;
    let (plain, at) = (SocketAddr::new(address, 80), SocketAddr::new(address, 443));
    world.apply(&http_route("web", "gw", HOST, "web")).await?;
    world.answers(plain, (HOST, "/"), 200).await?;
    let gateway = world
        .wait(GATEWAY, "to miss the Secret", |found| {
            listener_is(found, "late", "ResolvedRefs", "False")
        })
        .await?;
    let why = condition(listener_of(&gateway, "late"), "ResolvedRefs")
        .cloned()
        .unwrap_or_default();
    assert_eq!(why["reason"], "InvalidCertificateRef", "{why}");
    assert!(
        listener_is(&gateway, "late", "Programmed", "False"),
        "{}",
        gateway["status"]
    );
    assert!(
        listener_is(&gateway, "http", "Programmed", "True"),
        "{}",
        gateway["status"]
    );
    assert!(
        tls::served(at, HOST).await.is_err(),
        "a handshake without a certificate"
    );

    let first = tls::certificate_for(HOST)?;
    // Where the proxy will listen: its own ports below 1024 are bound 10,000 higher; of shared proxies, the Service
    // tells once it is there.
    let mut proxy = world.proxy_on("gw", 80).await?;
    proxy.set_port(10_443);
    world.apply(&first.secret("late")).await?;
    let begun = Instant::now();
    if world.is_shared().await? {
        proxy = world.proxy_on("gw", 443).await?;
    }
    let found = begun.elapsed();
    let took = found + until_served(proxy, &first.der).await?;
    let through = took + until_served(at, &first.der).await?;
    println!(
        "the first certificate was served by the proxy after {} ms, through the Service after {} ms",
        took.as_millis(),
        through.as_millis()
    );
    assert!(took < SOON, "served after {took:?}");
    world
        .wait(GATEWAY, "to be programmed as a whole", |found| {
            listener_is(found, "late", "Programmed", "True")
                && listener_is(found, "late", "ResolvedRefs", "True")
        })
        .await?;
    world.answers_tls(at, HOST, 200).await?;

    // Rotated, under handshakes without a pause.
    assert_eq!(world.proxy_on("gw", 443).await?, proxy);
    let load = Load::handshakes(proxy, HOST);
    let mut slowest = Duration::ZERO;
    for _ in 0..ROTATIONS {
        let next = tls::certificate_for(HOST)?;
        world.apply(&next.secret("late")).await?;
        slowest = slowest.max(until_served(at, &next.der).await?);
        tokio::time::sleep(BETWEEN).await;
    }
    let count = load.end().await?;
    println!(
        "{ROTATIONS} rotations, the slowest seen after {} ms; {count} handshakes, none failed",
        slowest.as_millis()
    );
    assert!(slowest < SOON, "a rotation was seen after {slowest:?}");

    // Without its Secret the listener ends, alone.
    world.delete("v1", "Secret", "late").await?;
    let gateway = world
        .wait(GATEWAY, "to miss the Secret again", |found| {
            listener_is(found, "late", "ResolvedRefs", "False")
                && listener_is(found, "late", "Programmed", "False")
        })
        .await?;
    assert!(
        listener_is(&gateway, "http", "Programmed", "True"),
        "{}",
        gateway["status"]
    );
    world.answers(plain, (HOST, "/"), 200).await?;
    world.leave().await
}
