//! The certificate of a listener is rotated in its Secret under handshakes and requests: none fails, the next handshakes see
//! it, and AWS has one certificate before and after.

use anyhow::{Result, ensure};
use gatewright_scenarios::aws::{Place, web};
use gatewright_scenarios::tls;
use gatewright_scenarios::world::{Load, http_route, until};
use serde_json::json;
use std::net::SocketAddr;

const HOST: &str = "rotated.example";
const ROTATIONS: usize = 5;

/// Certificates that AWS has for the Gateway.
async fn certificates(place: &Place) -> Result<usize> {
    let owned = place.aws.owned(&place.tag("gw")).await?;
    Ok(owned.iter().filter(|path| path.starts_with("acm")).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn a_certificate_is_rotated_under_load() -> Result<()> {
    let place = Place::new("aws-certificates").await?;
    let world = &place.world;
    web(world, "web", 2).await?;
    let mut identity = tls::certificate_for(HOST)?;
    world.apply(&identity.secret("own")).await?;
    let listener = json!({
        "name": "https", "port": 443, "protocol": "HTTPS", "hostname": HOST,
        "tls": {"certificateRefs": [{"name": "own"}]},
    });
    place.write("gw", json!([listener]), None).await?;
    world.apply(&http_route("web", "gw", HOST, "web")).await?;
    let at = SocketAddr::new(place.address("gw").await?, 443);
    world.answers_tls(at, HOST, 200).await?;
    let load = Load::handshakes(at, HOST);
    for _ in 0..ROTATIONS {
        let next = tls::certificate_for(HOST)?;
        ensure!(next.der != identity.der, "a new certificate is another one");
        identity = next;
        world.apply(&identity.secret("own")).await?;
        let served = async || {
            let seen = tls::served(at, HOST).await;
            Ok(if seen.as_deref().is_ok_and(|seen| seen == identity.der) {
                Ok(())
            } else {
                Err("another certificate".to_owned())
            })
        };
        until("the new certificate", served).await?;
        world.answers_tls(at, HOST, 200).await?;
    }
    let count = load.end().await?;
    let left = certificates(&place).await?;
    println!("{count} handshakes through {ROTATIONS} rotations, none failed");
    ensure!(left == 1, "AWS has {left} certificates of the Gateway");
    place.delete("gw").await?;
    world.leave().await
}
