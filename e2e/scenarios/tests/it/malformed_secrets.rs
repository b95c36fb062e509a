//! Secrets that the API server stores and that are no certificate: each listener says what is wrong with its own, without
//! a word of what is in it; the others serve, and the listener does once its Secret is mended.

use anyhow::{Context, Result};
use gatewright_scenarios::api::JSON;
use gatewright_scenarios::tls::{self, Identity, certificate_for};
use gatewright_scenarios::world::{
    GATEWAY_API, World, condition, http_listener, listener_is, listener_of, until,
};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;

const GATEWAY: (&str, &str, &str) = (GATEWAY_API, "Gateway", "gw");
const SOUND: &[&str] = &["sound", "expired"];

/// What the Secrets of the broken listeners hold: name, type, and the field with chain and key.
fn broken(sound: &Identity, other: &Identity) -> Vec<(&'static str, &'static str, Value)> {
    let tls = "kubernetes.io/tls";
    let pair = |chain: &str, key: &str| json!({"stringData": {"tls.crt": chain, "tls.key": key}});
    let half = |text: &str| text.get(..text.len() / 2).unwrap_or_default().to_owned();
    let encrypted = sound.key.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE");
    let encrypted = encrypted.replace("END PRIVATE", "END ENCRYPTED PRIVATE");
    vec![
        ("rubbish-chain", tls, pair("no certificate", &sound.key)),
        ("rubbish-key", tls, pair(&sound.chain, "no key")),
        ("empty-chain", tls, pair("", &sound.key)),
        ("cut-chain", tls, pair(&half(&sound.chain), &sound.key)),
        ("cut-key", tls, pair(&sound.chain, &half(&sound.key))),
        ("other-key", tls, pair(&sound.chain, &other.key)),
        (
            "two-keys",
            tls,
            pair(&sound.chain, &format!("{}{}", sound.key, other.key)),
        ),
        ("encrypted-key", tls, pair(&sound.chain, &encrypted)),
        ("swapped", tls, pair(&sound.key, &sound.chain)),
        // Bytes that are no text: NUL, and a start of text that nothing follows.
        (
            "bytes",
            tls,
            json!({"data": {"tls.crt": "AAF/gP//", "tls.key": "77u/AA=="}}),
        ),
        ("nothing", "Opaque", json!({"stringData": {"other": "value"}})),
        (
            "password",
            "kubernetes.io/basic-auth",
            json!({"stringData": {"username": "a", "password": "b"}}),
        ),
    ]
}

fn secret(name: &str, kind: &str, content: &Value) -> Value {
    let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind});
    for field in ["data", "stringData"] {
        if content[field].is_object() {
            secret[field] = content[field].clone();
        }
    }
    secret
}

/// A certificate whose time is over.
fn expired(name: &str) -> Result<Identity> {
    let mut parameters = rcgen::CertificateParams::new(vec![name.to_owned()])?;
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = rcgen::KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    Ok(Identity {
        chain: certificate.pem(),
        key: key.serialize_pem(),
        der: certificate.der().to_vec(),
    })
}

/// Waits until a handshake for this name shows this certificate.
async fn shows(at: SocketAddr, name: &str, wanted: &Identity) -> Result<()> {
    let look = async || {
        Ok(match tls::served(at, name).await {
            Ok(seen) if seen == wanted.der => Ok(()),
            Ok(_) => Err("another certificate".to_owned()),
            Err(error) => Err(format!("{error:#}")),
        })
    };
    until(&format!("a handshake for {name}"), look).await
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn a_malformed_secret_hurts_its_listener_alone() -> Result<()> {
    let world = World::new("malformed-secrets").await?;
    let before = world.controller_restarts().await?;
    let (sound, other) = (
        certificate_for("sound.example")?,
        certificate_for("other.example")?,
    );
    let old = expired("expired.example")?;
    let broken = broken(&sound, &other);

    // What is no base64 is refused by the API server.
    let path = format!("/api/v1/namespaces/{}/secrets", world.namespace);
    let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "text"}, "data": {"tls.crt": "no base64!"}});
    let body = body.to_string().into_bytes();
    let (status, _) = world.api.ask(Method::POST, &path, JSON, body).await?;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    world.apply(&sound.secret("sound")).await?;
    world.apply(&old.secret("expired")).await?;
    for (name, kind, data) in &broken {
        world.apply(&secret(name, kind, data)).await?;
    }
    let listener = |name: &str| {
        json!({
            "name": name, "port": 443, "protocol": "HTTPS", "hostname": format!("{name}.example"),
            "tls": {"certificateRefs": [{"name": name}]},
        })
    };
    let names = SOUND.iter().copied().chain(broken.iter().map(|(name, ..)| *name));
    let mut listeners: Vec<Value> = names.map(listener).collect();
    listeners.push(http_listener("http", 80));
    let at = SocketAddr::new(world.gateway("gw", json!(listeners)).await?, 443);
    let gateway = world
        .wait(GATEWAY, "every listener to be judged", |found| {
            let all = |names: &[&str], status: &str| {
                names.iter().all(|name| {
                    ["ResolvedRefs", "Programmed"]
                        .iter()
                        .all(|kind| listener_is(found, name, kind, status))
                })
            };
            let wrong: Vec<&str> = broken.iter().map(|(name, ..)| *name).collect();
            all(SOUND, "True") && all(&wrong, "False") && listener_is(found, "http", "Programmed", "True")
        })
        .await?;
    let status = gateway["status"].to_string();
    for (name, ..) in &broken {
        let why = condition(listener_of(&gateway, name), "ResolvedRefs").context("a condition")?;
        assert_eq!(why["reason"], "InvalidCertificateRef", "{name}: {why}");
        let message = why["message"].as_str().unwrap_or_default();
        println!("{message}");
        assert!(
            message.contains(&format!("{}/{name}", world.namespace)),
            "{message}"
        );
        assert!(
            tls::served(at, &format!("{name}.example")).await.is_err(),
            "{name}: a handshake"
        );
    }
    // No line of a key, and nothing of another Secret, is in the status.
    for key in [&sound.key, &other.key] {
        for line in key.lines().filter(|line| !line.starts_with("--")) {
            assert!(!status.contains(line), "a part of a key is in the status");
        }
    }
    shows(at, "sound.example", &sound).await?;
    shows(at, "expired.example", &old).await?;

    // Mended, each serves. The type of a Secret cannot be changed: those of another type are made anew.
    for (name, kind, _) in &broken {
        if *kind != "kubernetes.io/tls" {
            world.delete("v1", "Secret", name).await?;
        }
        world.apply(&sound.secret(name)).await?;
    }
    for (name, ..) in &broken {
        shows(at, &format!("{name}.example"), &sound).await?;
    }
    assert_eq!(
        world.controller_restarts().await?,
        before,
        "the controller did not stay"
    );
    world.leave().await
}
