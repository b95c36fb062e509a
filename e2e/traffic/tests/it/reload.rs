//! Files that change while traffic flows.

use anyhow::Result;
use gatewright_traffic::{Echo, Gatewright, echo, manifest, ports, wait};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

/// A backend that answers one request when it is told to.
async fn held_backend() -> Result<(SocketAddr, tokio::sync::oneshot::Sender<()>)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (answer, told) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.read_buf(&mut Vec::with_capacity(4096)).await?;
        let _ = told.await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nheld")
            .await
    });
    Ok((address, answer))
}

/// Files that change after SIGTERM do not cut short the time that requests have to finish.
#[tokio::test]
async fn sigterm_lets_a_request_finish_although_files_change() -> Result<()> {
    let (backend, answer) = held_backend().await?;
    let port = ports::free()?;
    let mut gatewright = Gatewright::start(
        &(manifest::class()
            + &manifest::gateway("gw", &format!("[{{name: http, protocol: HTTP, port: {port}}}]"))
            + &manifest::service("a", &[backend])
            + &manifest::http_route("held", "gw", &ROUTE.replace("BACKEND", "a"))),
    )
    .await?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let request = tokio::spawn(async move { echo::get(address, "held.test", "/").await });
    wait::until("the request under way", || async {
        let (_, metrics) = gatewright.admin("/metrics").await.ok()?;
        metrics.contains("gatewright_connections_active 1").then_some(())
    })
    .await?;
    gatewright.signal("TERM").await?;
    let draining = || async {
        gatewright
            .admin("/readyz")
            .await
            .ok()
            .filter(|(status, _)| *status == 503)
    };
    wait::until("the draining", draining).await?;
    for round in 0..20 {
        gatewright.write("noise.yaml", &flipping(if round % 2 == 0 { "a" } else { "b" }))?;
        anyhow::ensure!(draining().await.is_some(), "it ended: {}", gatewright.said());
    }
    let _ = answer.send(());
    let answer = request.await??;
    assert_eq!((answer.status, answer.text()), (200, "held".to_owned()));
    assert_eq!(gatewright.ended().await?, Some(0), "{}", gatewright.said());
    Ok(())
}

/// A port that another process held is taken when it is free, and the status says so.
#[tokio::test]
async fn a_port_that_becomes_free_is_served() -> Result<()> {
    let (a, b) = (Echo::start("a").await?, Echo::start("b").await?);
    let port = ports::free()?;
    let holder = std::net::TcpListener::bind(("127.0.0.1", port))?;
    let gatewright = Gatewright::start(&world(port, &a, &b)).await?;
    let reason = || async {
        let gateway = gatewright.status("Gateway", "gw").await.ok()?;
        let listener = gateway.pointer("/status/listeners/0/conditions/0/reason")?;
        Some(listener.as_str()?.to_owned())
    };
    assert_eq!(reason().await.as_deref(), Some("PortUnavailable"));
    drop(holder);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    wait::until("the listener", || async {
        (echo::get(address, "steady.test", "/").await.ok()?.status == 200).then_some(())
    })
    .await?;
    wait::until("the status", || async {
        (reason().await? == "Accepted").then_some(())
    })
    .await
}

/// GEP-5093: exactly one status address for each request that is satisfied, and no other scope in the
/// place of one that is not.
#[tokio::test]
async fn addresses_that_cannot_be_had_are_named_and_not_replaced() -> Result<()> {
    let gateway = |name: &str, port: u16, addresses: &str| {
        manifest::gateway(
            name,
            &format!("[{{name: http, protocol: HTTP, port: {port}}}]\n  addresses: {addresses}"),
        )
    };
    let port = ports::free()?;
    let gatewright = Gatewright::start(
        &(manifest::class()
            // 192.0.2.0/24 is documentation space (RFC 5737): no machine has it.
            + &gateway("some", port, "[{value: 127.0.0.2}, {value: 192.0.2.7}]")
            + &gateway("scope", port, "[{value: 127.0.0.3, routability: example.com/vpc}]")
            + &gateway("sentinel", port, "[{value: 127.0.0.4, routability: testing.x-k8s.io/sentinel}]")),
    )
    .await?;
    let status = |name: &'static str| {
        let gatewright = &gatewright;
        async move {
            let status = gatewright.status("Gateway", name).await?["status"].take();
            let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
            let reason = |kind: &str| {
                let found = conditions.iter().find(|condition| condition["type"] == kind);
                found.map(|condition| condition["reason"].as_str().unwrap_or_default().to_owned())
            };
            let listener = status["listeners"][0]["conditions"][1].clone();
            anyhow::ensure!(listener["type"] == "Programmed", "{listener}");
            anyhow::Ok((
                status["addresses"].to_string(),
                reason("Programmed").unwrap_or_default(),
                reason("AddressesAssigned").unwrap_or_default(),
                listener["status"].as_str().unwrap_or_default().to_owned(),
            ))
        }
    };
    let (addresses, programmed, assigned, _) = status("some").await?;
    assert!(
        addresses.contains("127.0.0.2") && !addresses.contains("192.0.2.7"),
        "{addresses}"
    );
    assert_eq!(
        (&*programmed, &*assigned),
        ("AddressNotUsable", "PartiallyAssigned")
    );
    let (addresses, _, assigned, listener) = status("scope").await?;
    assert_eq!(
        (&*addresses, &*assigned, &*listener),
        ("[]", "NotAssigned", "False")
    );
    assert!(std::net::TcpStream::connect(("127.0.0.3", port)).is_err());
    let (addresses, programmed, assigned, _) = status("sentinel").await?;
    assert!(
        addresses.contains("\"routability\":\"testing.x-k8s.io/sentinel\""),
        "{addresses}"
    );
    assert_eq!((&*programmed, &*assigned), ("Programmed", "AddressesAssigned"));
    assert_eq!(
        echo::get(([127, 0, 0, 4], port).into(), "x.test", "/")
            .await?
            .status,
        404
    );
    Ok(())
}
