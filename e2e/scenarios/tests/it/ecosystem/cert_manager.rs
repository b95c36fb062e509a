//! cert-manager makes the Secrets of an annotated Gateway: its listeners wait for them without hurting others, serve as
//! soon as they are there, and follow each renewal without a failed handshake.

use anyhow::{Context, Result, bail, ensure};
use gatewright_scenarios::api::{APPLY, MERGE};
use gatewright_scenarios::tls;
use gatewright_scenarios::world::program::{Program, folder};
use gatewright_scenarios::world::{
    CLASS, GATEWAY_API, Load, World, has_condition, http_listener, http_route, listener_is, until,
};
use http::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const API: &str = "cert-manager.io/v1";
const GATEWAY: (&str, &str, &str) = (GATEWAY_API, "Gateway", "gw");
const HOST: &str = "shop.issued.example";
const RENEWALS: usize = 5;

/// cert-manager's definitions, from its module.
async fn definitions(world: &mut World) -> Result<()> {
    let folder = folder()?.join("certmanager-definitions");
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let definition: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(&path)?)?;
        let name = definition["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
        let body = definition.to_string().into_bytes();
        let written = format!("{path}?fieldManager=scenario&force=true");
        let (status, answer) = world.api.ask(Method::PATCH, &written, APPLY, body).await?;
        ensure!(status.is_success(), "{name}: {status}: {answer}");
        let served = async || {
            let (_, found) = world.api.ask(Method::GET, &path, MERGE, Vec::new()).await?;
            let ready = has_condition(found.get("status"), "Established", "True");
            Ok(if ready {
                Ok(())
            } else {
                Err(found["status"].to_string())
            })
        };
        until(&format!("definition {name} to be served"), served).await?;
    }
    world.api.discover().await
}

/// A CA that signed itself, and an issuer that signs with it, as cert-manager's documentation shows.
async fn issuers(world: &World) -> Result<()> {
    let issuer = |name: &str, spec: Value| json!({"apiVersion": API, "kind": "Issuer", "metadata": {"name": name}, "spec": spec});
    world.apply(&issuer("root", json!({"selfSigned": {}}))).await?;
    world
        .apply(&json!({
            "apiVersion": API, "kind": "Certificate", "metadata": {"name": "ca"},
            "spec": {
                "isCA": true, "commonName": "scenario", "secretName": "ca", "privateKey": {"algorithm": "ECDSA"},
                "issuerRef": {"name": "root"},
            },
        }))
        .await?;
    world
        .apply(&issuer("ca", json!({"ca": {"secretName": "ca"}})))
        .await?;
    world
        .wait((API, "Issuer", "ca"), "to be ready", |found| {
            has_condition(found.get("status"), "Ready", "True")
        })
        .await
        .map(drop)
}

/// Asks for a renewal, as `cmctl renew` does.
async fn renew(world: &World, certificate: &str) -> Result<()> {
    let path = format!(
        "/apis/{API}/namespaces/{}/certificates/{certificate}",
        world.namespace
    );
    // Somebody else may write the status at the same time.
    for _ in 0..20 {
        let (_, mut found) = world.api.ask(Method::GET, &path, MERGE, Vec::new()).await?;
        let conditions = found["status"]["conditions"]
            .as_array_mut()
            .context("no conditions")?;
        conditions.retain(|condition| condition["type"] != "Issuing");
        conditions.push(json!({
            "type": "Issuing", "status": "True", "reason": "ManuallyTriggered",
            "message": "Certificate re-issuance manually triggered", "lastTransitionTime": "2026-01-01T00:00:00Z",
        }));
        let body = found.to_string().into_bytes();
        let written = format!("{path}/status");
        let (status, answer) = world
            .api
            .ask(Method::PUT, &written, gatewright_scenarios::api::JSON, body)
            .await?;
        match status.as_u16() {
            200 => return Ok(()),
            409 => {}
            _ => bail!("renewing {certificate}: {status}: {answer}"),
        }
    }
    bail!("the status of {certificate} changes all the time")
}

/// Handshakes until one shows another certificate than `old`.
async fn another(at: SocketAddr, old: &[u8]) -> Result<(Vec<u8>, Duration)> {
    let begun = Instant::now();
    loop {
        if let Ok(seen) = tls::served(at, HOST).await
            && seen != old
        {
            return Ok((seen, begun.elapsed()));
        }
        ensure!(
            begun.elapsed() < Duration::from_secs(60),
            "no other certificate after 60 s"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: cargo xtask scenarios --ecosystem"]
async fn certificates_come_and_are_renewed() -> Result<()> {
    let mut world = World::new("cert-manager").await?;
    definitions(&mut world).await?;
    world.backend("web").await?;
    let secure = json!({
        "name": "secure", "port": 443, "protocol": "HTTPS", "hostname": HOST,
        "tls": {"mode": "Terminate", "certificateRefs": [{"name": "shop"}]},
    });
    // Nobody issues anything yet: the Secret is late.
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "Gateway",
            "metadata": {"name": "gw", "annotations": {"cert-manager.io/issuer": "ca"}},
            "spec": {"gatewayClassName": CLASS, "listeners": [http_listener("http", 80), secure]},
        }))
        .await?;
    let address = world.address("gw").await?;
    let (plain, at) = (SocketAddr::new(address, 80), SocketAddr::new(address, 443));
    world.apply(&http_route("web", "gw", HOST, "web")).await?;
    world.answers(plain, (HOST, "/"), 200).await?;
    let gateway = world
        .wait(GATEWAY, "to miss the Secret", |found| {
            listener_is(found, "secure", "ResolvedRefs", "False")
        })
        .await?;
    assert!(
        listener_is(&gateway, "http", "Programmed", "True"),
        "{}",
        gateway["status"]
    );

    let _manager = Program::start("certmanager", &[]).await?;
    issuers(&world).await?;
    world
        .wait((API, "Certificate", "shop"), "to be issued", |found| {
            has_condition(found.get("status"), "Ready", "True")
        })
        .await?;
    let issued = Instant::now();
    world
        .wait(GATEWAY, "to serve the certificate", |found| {
            listener_is(found, "secure", "Programmed", "True")
                && listener_is(found, "secure", "ResolvedRefs", "True")
        })
        .await?;
    println!(
        "the listener was programmed {} ms after the certificate was ready",
        issued.elapsed().as_millis()
    );
    world.answers_tls(at, HOST, 200).await?;
    let mut shown = tls::served(at, HOST).await?;

    let proxy = world.proxy_on("gw", 443).await?;
    let load = Load::handshakes(proxy, HOST);
    let mut times = Vec::new();
    for _ in 0..RENEWALS {
        renew(&world, "shop").await?;
        let (next, took) = another(at, &shown).await?;
        shown = next;
        times.push(took.as_millis());
        world
            .wait((API, "Certificate", "shop"), "to be done", |found| {
                has_condition(found.get("status"), "Ready", "True")
                    && !has_condition(found.get("status"), "Issuing", "True")
            })
            .await?;
    }
    let count = load.end().await?;
    println!(
        "{RENEWALS} renewals, each shown after {times:?} ms, issuing included; {count} handshakes, none failed"
    );
    world.leave().await
}
