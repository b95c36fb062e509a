//! A Secret of 1 MiB, the most that the API server stores.

use anyhow::Result;
use gatewright_scenarios::world::{
    GATEWAY_API, World, has_condition, http_listener, http_route, listener_of,
};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Limit of the API server on all values together.
const MOST: usize = 1 << 20;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_secret_of_a_mebibyte_hurts_nobody() -> Result<()> {
    let world = World::new("large-secret").await?;
    world.backend("web").await?;
    let before = world.controller_restarts().await?;
    let made = rcgen::generate_simple_self_signed(vec!["large.example".to_owned()])?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let room = MOST - key.len() - certificate.len();
    // Text before a PEM block is allowed (RFC 7468 section 2): a certificate that can be used in a Secret that is full.
    let padded = format!(
        "{}\n{certificate}",
        "x".repeat(63)
            .chars()
            .chain(['\n'])
            .collect::<String>()
            .repeat(room / 64 - 1)
    );
    let tls = |name: &str, certificate: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": certificate, "tls.key": key},
        })
    };
    world.apply(&tls("padded", &padded)).await?;
    world
        .apply(&tls("rubbish", &"y".repeat(MOST - key.len())))
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
    world
        .apply(&http_route("plain", "gw", "plain.example", "web"))
        .await?;
    world
        .answers(SocketAddr::new(address, 80), ("plain.example", "/"), 200)
        .await?;
    let gateway = world
        .wait(
            (GATEWAY_API, "Gateway", "gw"),
            "all listeners to be judged",
            |found| has_condition(listener_of(found, "rubbish"), "ResolvedRefs", "False"),
        )
        .await?;
    assert!(
        has_condition(listener_of(&gateway, "http"), "Programmed", "True"),
        "{}",
        gateway["status"]
    );
    // Whether so much text around a certificate is read is the program's choice; it says so either way.
    let padded = listener_of(&gateway, "padded");
    println!("padded: {}", padded.unwrap_or(&Value::Null));
    assert!(
        has_condition(padded, "Programmed", "True") || has_condition(padded, "ResolvedRefs", "False"),
        "{}",
        gateway["status"]
    );
    // Mended, both serve.
    for name in ["padded", "rubbish"] {
        world.apply(&tls(name, &certificate)).await?;
    }
    world
        .wait(
            (GATEWAY_API, "Gateway", "gw"),
            "all listeners to be programmed",
            |found| {
                ["padded", "rubbish"]
                    .iter()
                    .all(|name| has_condition(listener_of(found, name), "Programmed", "True"))
            },
        )
        .await?;
    assert_eq!(
        world.controller_restarts().await?,
        before,
        "the controller did not stay"
    );
    world.leave().await
}
