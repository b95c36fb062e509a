//! Files that change while traffic flows.

use anyhow::Result;
use gatewright_traffic::{Echo, Gatewright, echo, manifest, ports, wait};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const ROUTE: &str = "  rules: [{backendRefs: [{name: BACKEND, port: 80}]}]";

fn world(port: u16, a: &Echo, b: &Echo) -> String {
    manifest::class()
        + &manifest::gateway("gw", &format!("[{{name: http, protocol: HTTP, port: {port}}}]"))
        + &manifest::service("a", &[a.address])
        + &manifest::service("b", &[b.address])
        + &manifest::http_route(
            "steady",
            "gw",
            &format!("  hostnames: [steady.test]\n{}", ROUTE.replace("BACKEND", "a")),
        )
}

fn flipping(backend: &str) -> String {
    manifest::http_route(
        "flip",
        "gw",
        &format!("  hostnames: [flip.test]\n{}", ROUTE.replace("BACKEND", backend)),
    )
}

#[tokio::test]
async fn routes_come_flip_and_go_without_a_failed_request() -> Result<()> {
    let (a, b) = (Echo::start("a").await?, Echo::start("b").await?);
    let port = ports::free()?;
    let gatewright = Gatewright::start(&world(port, &a, &b)).await?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));

    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load = {
        let (stop, count) = (Arc::clone(&stop), Arc::clone(&count));
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let answer = echo::get(address, "steady.test", "/").await?;
                anyhow::ensure!(answer.status == 200 && answer.backend() == "a", "{answer:?}");
                count.fetch_add(1, Ordering::SeqCst);
            }
            anyhow::Ok(())
        })
    };
    for round in 0..20 {
        let backend = if round % 2 == 0 { "a" } else { "b" };
        gatewright.write("flip.yaml", &flipping(backend))?;
        wait::until("the flipped route", || async {
            let answer = echo::get(address, "flip.test", "/").await.ok()?;
            // Before the route is programmed only 404 is right, never a server error.
            assert!(
                answer.status == 200 || (round == 0 && answer.status == 404),
                "{answer:?}"
            );
            (answer.backend() == backend).then_some(())
        })
        .await?;
    }
    gatewright.remove("flip.yaml")?;
    wait::until("the removed route", || async {
        let answer = echo::get(address, "flip.test", "/").await.ok()?;
        (answer.status == 404).then_some(())
    })
    .await?;
    stop.store(true, Ordering::SeqCst);
    load.await??;
    assert!(count.load(Ordering::SeqCst) > 20, "the load must have run");
    Ok(())
}

#[tokio::test]
async fn a_broken_file_keeps_the_last_good_configuration_and_is_reported() -> Result<()> {
    let (a, b) = (Echo::start("a").await?, Echo::start("b").await?);
    let port = ports::free()?;
    let gatewright = Gatewright::start(&world(port, &a, &b)).await?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    gatewright.write("flip.yaml", &flipping("a"))?;
    wait::until("the route", || async {
        (echo::get(address, "flip.test", "/").await.ok()?.status == 200).then_some(())
    })
    .await?;
    gatewright.write("broken.yaml", "apiVersion: v1\nkind: [")?;
    wait::until("the message", || async {
        gatewright.said().contains("broken.yaml:").then_some(())
    })
    .await?;
    assert_eq!(echo::get(address, "flip.test", "/").await?.status, 200);
    assert_eq!(echo::get(address, "steady.test", "/").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn sigterm_ends_the_program_with_success() -> Result<()> {
    let (a, b) = (Echo::start("a").await?, Echo::start("b").await?);
    let port = ports::free()?;
    let mut gatewright = Gatewright::start(&world(port, &a, &b)).await?;
    gatewright.signal("TERM").await?;
    assert_eq!(gatewright.ended().await?, Some(0), "{}", gatewright.said());
    Ok(())
}
