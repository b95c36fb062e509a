//! A Secret of 1 MiB, the most that the API server stores. A certificate in it is served, whatever text stands around it
//! (RFC 7468 section 2 allows that, and whoever may write a Secret may write one of this size); what is no certificate is
//! refused, alone.

use anyhow::{Result, ensure};
use gatewright_scenarios::tls::{self, certificate_for};
use gatewright_scenarios::world::{
    GATEWAY_API, World, condition, http_listener, http_route, listener_is, listener_of, until,
};
use serde_json::json;
use std::net::SocketAddr;

/// Limit of the API server on all values together.
const MOST: usize = 1 << 20;

const GATEWAY: (&str, &str, &str) = (GATEWAY_API, "Gateway", "gw");

/// Waits until a handshake for this name shows this certificate.
async fn shows(at: SocketAddr, name: &str, wanted: &[u8]) -> Result<()> {
    let look = async || {
        Ok(match tls::served(at, name).await {
            Ok(seen) if seen == wanted => Ok(()),
            Ok(_) => Err("another certificate".to_owned()),
            Err(error) => Err(format!("{error:#}")),
        })
    };
    until(&format!("a handshake for {name}"), look).await
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_certificate_in_a_mebibyte_is_served() -> Result<()> {
    let world = World::new("large-secret").await?;
    world.backend("web").await?;
    let before = world.controller_restarts().await?;
    let padded = certificate_for("padded.example")?;
    let room = MOST - padded.key.len() - padded.chain.len();
    let line = format!("{}\n", "x".repeat(63));
    let text = format!("{}\n{}", line.repeat(room / 64 - 1), padded.chain);
    let tls = |name: &str, certificate: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": certificate, "tls.key": padded.key},
        })
    };
    ensure!(
        text.len() + padded.key.len() > MOST - 200,
        "the Secret is not full"
    );
    world.apply(&tls("padded", &text)).await?;
    world
        .apply(&tls("rubbish", &"y".repeat(MOST - padded.key.len())))
        .await?;
    let listener = |name: &str| {
        json!({
            "name": name, "port": 443, "protocol": "HTTPS", "hostname": format!("{name}.example"),
            "tls": {"certificateRefs": [{"name": name}]},
        })
    };
    let address = world
        .gateway(
            "gw",
            json!([http_listener("http", 80), listener("padded"), listener("rubbish")]),
        )
        .await?;
    let (plain, secure) = (SocketAddr::new(address, 80), SocketAddr::new(address, 443));
    for name in ["plain", "padded", "rubbish"] {
        world
            .apply(&http_route(name, "gw", &format!("{name}.example"), "web"))
            .await?;
    }
    world.answers(plain, ("plain.example", "/"), 200).await?;
    let gateway = world
        .wait(GATEWAY, "all listeners to be judged", |found| {
            let is = |name, kind, status| listener_is(found, name, kind, status);
            is("http", "Programmed", "True")
                && is("padded", "Programmed", "True")
                && is("padded", "ResolvedRefs", "True")
                && is("rubbish", "Programmed", "False")
                && is("rubbish", "ResolvedRefs", "False")
        })
        .await?;
    let why = condition(listener_of(&gateway, "rubbish"), "ResolvedRefs")
        .cloned()
        .unwrap_or_default();
    assert_eq!(why["reason"], "InvalidCertificateRef", "{why}");
    let message = why["message"].as_str().unwrap_or_default();
    assert!(message.contains("rubbish") && message.len() < 500, "{message}");
    shows(secure, "padded.example", &padded.der).await?;
    let answer = world.answers_tls(secure, "padded.example", 200).await?;
    assert!(answer.pod().starts_with("web-"), "{answer:?}");
    assert!(
        tls::served(secure, "rubbish.example").await.is_err(),
        "a handshake without a certificate"
    );

    // Mended, it serves too; the other stays as it is.
    world.apply(&tls("rubbish", &padded.chain)).await?;
    world
        .wait(GATEWAY, "all listeners to be programmed", |found| {
            ["padded", "rubbish"]
                .iter()
                .all(|name| listener_is(found, name, "Programmed", "True"))
        })
        .await?;
    for name in ["padded.example", "rubbish.example"] {
        shows(secure, name, &padded.der).await?;
    }
    assert_eq!(
        world.controller_restarts().await?,
        before,
        "the controller did not stay"
    );
    world.leave().await
}
