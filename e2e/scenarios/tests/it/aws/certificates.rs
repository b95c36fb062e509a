//! The certificate of a listener is rotated in its Secret under handshakes and requests, on new connections and on kept
//! ones: none fails, the next handshakes see it, and AWS has one certificate before and after. So also where ACM cannot
//! replace it in place: a key of another kind makes it another certificate, which listeners go over to.

use anyhow::{Result, ensure};
use gatewright_scenarios::aws::{Place, web};
use gatewright_scenarios::tls::{self, Identity, KeyKind};
use gatewright_scenarios::world::{Load, World, http_route, until};
use serde_json::json;
use std::net::SocketAddr;

const HOST: &str = "rotated.example";
const ROTATIONS: usize = 5;

/// Paths of the certificates that AWS has for the Gateway, by which they are known.
async fn certificates(place: &Place) -> Result<Vec<String>> {
    let owned = place.aws.owned(&place.tag("gw")).await?;
    Ok(owned.into_iter().filter(|path| path.starts_with("acm")).collect())
}

/// A Gateway with an HTTPS listener that shows this certificate.
async fn serve(place: &Place, identity: &Identity) -> Result<SocketAddr> {
    let world = &place.world;
    web(world, "web", 2).await?;
    world.apply(&identity.secret("own")).await?;
    let listener = json!({
        "name": "https", "port": 443, "protocol": "HTTPS", "hostname": HOST,
        "tls": {"certificateRefs": [{"name": "own"}]},
    });
    place.write("gw", json!([listener]), None).await?;
    world.apply(&http_route("web", "gw", HOST, "web")).await?;
    let at = SocketAddr::new(place.address("gw").await?, 443);
    world.answers_tls(at, HOST, 200).await?;
    Ok(at)
}

/// Handshakes alone, requests on new connections, requests on one that is kept.
fn loads(at: SocketAddr) -> [(&'static str, Load); 3] {
    [
        ("handshakes", Load::handshakes(at, HOST)),
        ("requests on new connections", Load::start_tls(at, HOST, "/")),
        ("requests on a kept connection", Load::kept_tls(at, HOST, "/")),
    ]
}

/// Puts a certificate into the Secret, and waits until it is served.
async fn rotate(world: &World, at: SocketAddr, next: &Identity) -> Result<()> {
    world.apply(&next.secret("own")).await?;
    let served = async || {
        let seen = tls::served(at, HOST).await;
        Ok(if seen.as_deref().is_ok_and(|seen| seen == next.der) {
            Ok(())
        } else {
            Err("another certificate".to_owned())
        })
    };
    until("the new certificate", served).await?;
    world.answers_tls(at, HOST, 200).await?;
    Ok(())
}

async fn end(loads: [(&'static str, Load); 3], what: &str) -> Result<()> {
    for (of, load) in loads {
        let count = load.end().await?;
        println!("{count} {of} through {what}, none failed");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn a_certificate_is_rotated_under_load() -> Result<()> {
    let place = Place::new("aws-certificates").await?;
    let mut identity = tls::certificate_for(HOST)?;
    let at = serve(&place, &identity).await?;
    let before = certificates(&place).await?;
    let loads = loads(at);
    for _ in 0..ROTATIONS {
        let next = tls::certificate_for(HOST)?;
        ensure!(next.der != identity.der, "a new certificate is another one");
        identity = next;
        rotate(&place.world, at, &identity).await?;
    }
    end(loads, &format!("{ROTATIONS} rotations in place")).await?;
    let left = certificates(&place).await?;
    ensure!(
        left == before && left.len() == 1,
        "AWS had {before:?} and has {left:?} for the Gateway"
    );
    place.delete("gw").await?;
    place.world.leave().await
}

/// "The key type and size ... cannot be changed" (`API_ImportCertificate`, re-import): the next one is made beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn a_key_of_another_kind_is_rotated_in_under_load() -> Result<()> {
    let place = Place::new("aws-certificates-keys").await?;
    let at = serve(&place, &tls::certificate_for(HOST)?).await?;
    let mut before = certificates(&place).await?;
    let loads = loads(at);
    for kind in [KeyKind::P384, KeyKind::P256] {
        rotate(&place.world, at, &tls::certificate_of(kind, HOST)?).await?;
        let alone = async || {
            let left = certificates(&place).await?;
            let other = left.len() == 1 && left.iter().all(|one| !before.contains(one));
            Ok(if other {
                Ok(left)
            } else {
                Err(format!("{left:?} after {before:?}"))
            })
        };
        before = until("the former certificate to be gone", alone).await?;
    }
    end(loads, "two changes of the key's kind").await?;
    place.delete("gw").await?;
    place.world.leave().await
}
