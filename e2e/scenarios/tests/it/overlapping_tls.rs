//! HTTPS listeners whose hostnames or certificates overlap: they say so while they do, and a request that a client sends
//! over the connection to another listener is misdirected (421, RFC 9110 section 15.5.20).

use anyhow::{Context, Result};
use bytes::Bytes;
use gatewright_scenarios::tls;
use gatewright_scenarios::world::{GATEWAY_API, World, condition, http_route, listener_is, listener_of};
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::net::SocketAddr;

const GATEWAY: (&str, &str, &str) = (GATEWAY_API, "Gateway", "gw");
const OVERLAP: &str = "OverlappingTLSConfig";

fn listener(name: &str, hostname: &str, certificate: &str) -> Value {
    json!({
        "name": name, "port": 443, "protocol": "HTTPS", "hostname": hostname,
        "tls": {"certificateRefs": [{"name": certificate}]},
    })
}

/// An HTTP/2 connection for this server name.
async fn connect(at: SocketAddr, name: &str) -> Result<SendRequest<Empty<Bytes>>> {
    let stream = tls::connect(at, name, &["h2"]).await?;
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Status of a request for a host on that connection, and the pod that answered.
async fn ask(connection: &mut SendRequest<Empty<Bytes>>, host: &str) -> Result<u16> {
    let request = Request::get(format!("https://{host}/"))
        .version(Version::HTTP_2)
        .body(Empty::new())?;
    let response = connection.send_request(request).await.context(host.to_owned())?;
    let status = response.status().as_u16();
    response.into_body().collect().await?;
    Ok(status)
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn overlaps_are_told_and_requests_stay_with_their_listener() -> Result<()> {
    let world = World::new("overlapping-tls").await?;
    world.backend("web").await?;
    for (secret, name) in [
        ("wide", "*.shop.example"),
        ("one", "one.shop.example"),
        ("other", "other.example"),
    ] {
        world.apply(&tls::certificate_for(name)?.secret(secret)).await?;
    }
    // Three listeners: two overlap, the third does not.
    let address = world
        .gateway(
            "gw",
            json!([
                listener("one", "one.shop.example", "one"),
                listener("wide", "*.shop.example", "wide"),
                listener("other", "other.example", "other"),
            ]),
        )
        .await?;
    let at = SocketAddr::new(address, 443);
    for (name, host) in [
        ("one", "one.shop.example"),
        ("wide", "two.shop.example"),
        ("other", "other.example"),
    ] {
        let mut route = http_route(name, "gw", host, "web");
        route["spec"]["parentRefs"][0]["sectionName"] = json!(name);
        world.apply(&route).await?;
    }
    let gateway = world
        .wait(GATEWAY, "to tell the overlap", |found| {
            ["one", "wide"]
                .iter()
                .all(|name| listener_is(found, name, OVERLAP, "True"))
        })
        .await?;
    for name in ["one", "wide"] {
        let found = condition(listener_of(&gateway, name), OVERLAP)
            .cloned()
            .unwrap_or_default();
        // `*.shop.example` in a certificate covers the name of the other one.
        assert_eq!(found["reason"], "OverlappingCertificates", "{found}");
        assert!(
            listener_is(&gateway, name, "Accepted", "True"),
            "{}",
            gateway["status"]
        );
        assert!(
            listener_is(&gateway, name, "Programmed", "True"),
            "{}",
            gateway["status"]
        );
    }
    assert_eq!(
        condition(listener_of(&gateway, "other"), OVERLAP),
        None,
        "{}",
        gateway["status"]
    );

    // One connection that is kept: its own host works before and after the misdirected ones.
    for host in ["one.shop.example", "two.shop.example", "other.example"] {
        world.answers_tls(at, host, 200).await?;
    }
    let mut kept = connect(at, "two.shop.example").await?;
    assert_eq!(ask(&mut kept, "two.shop.example").await?, 200);
    assert_eq!(ask(&mut kept, "one.shop.example").await?, 421);
    assert_eq!(ask(&mut kept, "other.example").await?, 421);
    assert_eq!(ask(&mut kept, "two.shop.example").await?, 200);
    let mut fresh = connect(at, "one.shop.example").await?;
    assert_eq!(ask(&mut fresh, "one.shop.example").await?, 200);
    assert_eq!(ask(&mut fresh, "two.shop.example").await?, 421);

    // Other certificates, the same hostnames: they overlap in another way.
    world
        .apply(&tls::certificate_for("two.shop.example")?.secret("wide"))
        .await?;
    world
        .wait(GATEWAY, "to tell the overlap of hostnames", |found| {
            ["one", "wide"].iter().all(|name| {
                condition(listener_of(found, name), OVERLAP).is_some_and(|found| {
                    found["status"] == "True" && found["reason"] == "OverlappingHostnames"
                })
            })
        })
        .await?;
    // "MUST NOT be present when False".
    world
        .patch(
            GATEWAY,
            &json!({"spec": {"listeners": [
                listener("one", "one.shop.example", "one"),
                listener("wide", "two.shop.example", "wide"),
                listener("other", "other.example", "other"),
            ]}}),
        )
        .await?;
    world
        .wait(GATEWAY, "to tell of no overlap", |found| {
            ["one", "wide", "other"].iter().all(|name| {
                let listener = listener_of(found, name);
                listener.is_some() && condition(listener, OVERLAP).is_none()
            })
        })
        .await?;
    world.answers_tls(at, "two.shop.example", 200).await?;
    assert_eq!(ask(&mut kept, "one.shop.example").await.unwrap_or(421), 421);
    world.leave().await
}
