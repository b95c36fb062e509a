//! A Gateway on a Network Load Balancer: plain connections are passed on, and TLS ends at it with the certificate of a
//! Secret, which is rotated meanwhile.

use anyhow::{Result, ensure};
use gatewright_scenarios::aws::{NETWORK_CLASS, Place, web};
use gatewright_scenarios::tls;
use gatewright_scenarios::world::{GATEWAY_API, until};
use serde_json::{Value, json};
use std::net::SocketAddr;

const HOST: &str = "network.example";

/// A route of a listener to a Service of the same name.
fn route(kind: &str, listener: &str, hosts: Option<Value>) -> Value {
    let mut spec = json!({
        "parentRefs": [{"name": "gw", "sectionName": listener}],
        "rules": [{"backendRefs": [{"name": listener, "port": 80}]}],
    });
    if let Some(hosts) = hosts {
        spec["hostnames"] = hosts;
    }
    json!({"apiVersion": GATEWAY_API, "kind": kind, "metadata": {"name": listener}, "spec": spec})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn connections_pass_and_tls_ends_at_the_load_balancer() -> Result<()> {
    let place = Place::new("aws-network").await?;
    let world = &place.world;
    web(world, "plain", 1).await?;
    web(world, "ended", 1).await?;
    let identity = tls::certificate_for(HOST)?;
    let listeners = json!([
        {"name": "plain", "port": 80, "protocol": "TCP"},
        {
            "name": "ended", "port": 443, "protocol": "TLS", "hostname": HOST,
            "tls": {"mode": "Terminate", "certificateRefs": [{"name": "own"}]},
        },
    ]);
    world
        .apply_all(&[
            identity.secret("own"),
            json!({
                "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": "gw"},
                "spec": {"gatewayClassName": NETWORK_CLASS, "listeners": listeners},
            }),
            route("TCPRoute", "plain", None),
            route("TLSRoute", "ended", Some(json!([HOST]))),
        ])
        .await?;
    let at = place.address("gw").await?;
    let (plain, ended) = (SocketAddr::new(at, 80), SocketAddr::new(at, 443));
    let body = world.answers(plain, (HOST, "/"), 200).await?.body;
    ensure!(body.contains("plain-"), "{body}");
    // The pod speaks HTTP without TLS.
    let body = world.answers_tls(ended, HOST, 200).await?.body;
    ensure!(body.contains("ended-"), "{body}");
    ensure!(
        tls::served(ended, HOST).await? == identity.der,
        "another certificate"
    );

    let next = tls::certificate_for(HOST)?;
    world.apply(&next.secret("own")).await?;
    let served = async || {
        let seen = tls::served(ended, HOST).await;
        Ok(if seen.as_deref().is_ok_and(|seen| seen == next.der) {
            Ok(())
        } else {
            Err("another certificate".to_owned())
        })
    };
    until("the new certificate", served).await?;
    let body = world.answers_tls(ended, HOST, 200).await?.body;
    ensure!(body.contains("ended-"), "{body}");
    place.delete("gw").await?;
    world.leave().await
}
