//! GRPCRoute, TLSRoute, TCPRoute and UDPRoute at the limits of their schemas.

use anyhow::{Context, Result, ensure};
use gatewright_scenarios::http::{get, get_tls};
use gatewright_scenarios::tls::certificate_for;
use gatewright_scenarios::world::{GATEWAY_API, World, http_listener, parent, route_is, until};
use gatewright_traffic::client;
use gatewright_traffic::echo::Speaks;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// Longest name of a Kubernetes object, a rule, a section.
const NAME: usize = 253;
/// Longest service or method of a GRPCRoute.
const METHOD: usize = 1024;
/// The most hostnames of a TLSRoute.
const TLS_HOSTS: usize = 1024;

/// A hostname of 253 characters.
fn host(index: usize) -> String {
    format!("h{index:04}{}.abc", format!(".{}", "l".repeat(60)).repeat(4))
}

/// 32 parents, of which one section exists.
fn parents(section: &str) -> Value {
    let mut parents = vec![json!({"name": "gw", "sectionName": section})];
    parents.extend((1..32).map(|index| {
        json!({
            "name": format!("absent-{index:02}-{}", "n".repeat(NAME - 10)), "namespace": "n".repeat(63),
            "sectionName": "s".repeat(NAME), "port": 65_535,
        })
    }));
    json!(parents)
}

/// 16 backends with the largest weight.
fn backends(service: &Value) -> Value {
    let one = |_| {
        let mut backend = service.clone();
        backend["weight"] = json!(1_000_000);
        backend
    };
    json!((0..16).map(one).collect::<Vec<Value>>())
}

fn stream(kind: &str, section: &str, service: &Value) -> Value {
    json!({
        "apiVersion": GATEWAY_API, "kind": kind, "metadata": {"name": "limits"},
        "spec": {"parentRefs": parents(section), "rules": [{"name": "r".repeat(NAME), "backendRefs": backends(service)}]},
    })
}

/// A GRPCRoute of 16 rules with 128 matches, the longest of them with 16 headers.
fn calls(service: &Value) -> Value {
    let short = |rule: usize, index: usize| json!({"method": {"service": format!("r{rule}.Service"), "method": format!("M{index}")}});
    let headers: Vec<Value> = (0..16)
        .map(|index| json!({"name": format!("{index:02}{}", "n".repeat(254)), "value": "v".repeat(if index == 0 { 4096 } else { 1 })}))
        .collect();
    let rules: Vec<Value> = (0..16)
        .map(|rule| {
            let matches: Vec<Value> = match rule {
                0 => (0..64).map(|index| short(rule, index)).collect(),
                1 => vec![
                    json!({"method": {"service": "s".repeat(METHOD), "method": "m".repeat(METHOD)}, "headers": headers}),
                ],
                2 => (0..50).map(|index| short(rule, index)).collect(),
                _ => vec![short(rule, 0)],
            };
            json!({"name": format!("{rule:02}{}", "r".repeat(NAME - 2)), "matches": matches, "backendRefs": backends(service)})
        })
        .collect();
    let hostnames: Vec<String> = (0..16).map(host).collect();
    json!({
        "apiVersion": GATEWAY_API, "kind": "GRPCRoute", "metadata": {"name": "limits"},
        "spec": {"parentRefs": parents("http"), "hostnames": hostnames, "rules": rules},
    })
}

/// The status of one call's response, and the pod that answered.
async fn call(at: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<(u16, String)> {
    let mut fields = vec![("content-type", "application/grpc"), ("te", "trailers")];
    fields.extend(headers);
    let request = client::request("POST", &host(15), path, &fields)?;
    let answer = client::send(at, Speaks::Http2, request).await?;
    let echo: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok((answer.status, echo["pod"].as_str().unwrap_or_default().to_owned()))
}

/// A question for the address of `kubernetes.default.svc.cluster.local` (RFC 1035 section 4), and whether it is answered.
async fn resolves(at: SocketAddr) -> Result<()> {
    let mut question = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in ["kubernetes", "default", "svc", "cluster", "local", ""] {
        question.push(u8::try_from(label.len())?);
        question.extend(label.as_bytes());
    }
    question.extend([0, 1, 0, 1]);
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    socket.connect(at).await?;
    socket.send(&question).await?;
    let mut answer = [0; 512];
    let length = timeout(Duration::from_secs(1), socket.recv(&mut answer))
        .await
        .context("no answer in a second")??;
    let answer = answer.get(..length).unwrap_or_default();
    // The same question, without an error, with an answer.
    ensure!(
        answer.starts_with(&[0x12, 0x34])
            && answer.get(3).is_some_and(|byte| byte % 16 == 0)
            && answer.get(7) == Some(&1),
        "{answer:?}"
    );
    Ok(())
}

/// Waits until a route is accepted, by the one parent that there is.
async fn accepted(world: &World, kind: &str) -> Result<()> {
    let found = world
        .wait((GATEWAY_API, kind, "limits"), "to be accepted", |found| {
            route_is(found, "Accepted", "True") && route_is(found, "ResolvedRefs", "True")
        })
        .await?;
    ensure!(
        parent(&found).is_some() && found["status"]["parents"].as_array().map(Vec::len) == Some(1),
        "{kind}: {}",
        found["status"]
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask scenarios"]
async fn other_routes_at_every_limit_are_served() -> Result<()> {
    let world = World::new("limits-of-other-routes").await?;
    world.backend("web").await?;
    // The echo server's other port, for HTTP/2 without TLS.
    world
        .apply(&json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "calls"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 3001, "appProtocol": "kubernetes.io/h2c"}]},
        }))
        .await?;
    // The cluster's DNS is what answers UDP here.
    world
        .apply(&json!({
            "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant",
            "metadata": {"name": world.namespace, "namespace": "kube-system"},
            "spec": {
                "from": [{"group": "gateway.networking.k8s.io", "kind": "UDPRoute", "namespace": world.namespace}],
                "to": [{"group": "", "kind": "Service", "name": "kube-dns"}],
            },
        }))
        .await?;
    world
        .apply(&certificate_for("tls.example")?.secret("tls"))
        .await?;
    let address = world
        .gateway(
            "gw",
            json!([
                http_listener("http", 80),
                {"name": "tcp", "port": 9000, "protocol": "TCP"},
                {"name": "udp", "port": 9053, "protocol": "UDP"},
                {"name": "tls", "port": 9443, "protocol": "TLS", "tls": {"mode": "Terminate", "certificateRefs": [{"name": "tls"}]}},
            ]),
        )
        .await?;
    let at = |port: u16| SocketAddr::new(address, port);
    let web = json!({"name": "web", "port": 80});

    let route = calls(&json!({"name": "calls", "port": 80}));
    let matches = (0..16).filter_map(|rule| route["spec"]["rules"][rule]["matches"].as_array());
    assert_eq!(matches.map(Vec::len).sum::<usize>(), 128);
    assert_eq!(host(15).len(), NAME);
    world.apply(&route).await?;
    accepted(&world, "GRPCRoute").await?;
    let look = async || {
        Ok(match call(at(80), "/r0.Service/M0", &[]).await {
            Ok((200, _)) => Ok(()),
            Ok((status, _)) => Err(status.to_string()),
            Err(error) => Err(format!("{error:#}")),
        })
    };
    until("the first call to be answered", look).await?;
    let longest = format!("/{}/{}", "s".repeat(METHOD), "m".repeat(METHOD));
    let headers: Vec<(String, String)> = (0..16)
        .map(|index| {
            (
                format!("{index:02}{}", "n".repeat(254)),
                "v".repeat(if index == 0 { 4096 } else { 1 }),
            )
        })
        .collect();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let none: &[(&str, &str)] = &[];
    for (path, headers) in [
        ("/r0.Service/M63", none),
        ("/r15.Service/M0", none),
        (longest.as_str(), headers.as_slice()),
    ] {
        let (status, pod) = call(at(80), path, headers).await?;
        assert!(
            status == 200 && pod.starts_with("web-"),
            "{path}: {status} {pod:?}"
        );
    }
    let (_, pod) = call(at(80), &longest, headers.get(1..).unwrap_or_default()).await?;
    assert_eq!(pod, "", "a call without the first header");

    let mut route = stream("TLSRoute", "tls", &web);
    let hostnames: Vec<String> = (0..TLS_HOSTS).map(host).collect();
    route["spec"]["hostnames"] = json!(hostnames);
    world.apply(&route).await?;
    accepted(&world, "TLSRoute").await?;
    for index in [0, TLS_HOSTS - 1] {
        let name = host(index);
        let look = async || {
            Ok(match get_tls(at(9443), &name, "/").await {
                Ok(answer) if answer.pod().starts_with("web-") => Ok(()),
                Ok(answer) => Err(format!("{answer:?}")),
                Err(error) => Err(format!("{error:#}")),
            })
        };
        until(&format!("TLS for host {index}"), look).await?;
    }

    world.apply(&stream("TCPRoute", "tcp", &web)).await?;
    accepted(&world, "TCPRoute").await?;
    let answer = world.answers(at(9000), ("any.example", "/"), 200).await?;
    assert!(answer.pod().starts_with("web-"), "{answer:?}");
    assert_eq!(get(at(9000), "other.example", "/", &[]).await?.status, 200);

    let dns = json!({"name": "kube-dns", "namespace": "kube-system", "port": 53});
    world.apply(&stream("UDPRoute", "udp", &dns)).await?;
    accepted(&world, "UDPRoute").await?;
    let look = async || Ok(resolves(at(9053)).await.map_err(|error| format!("{error:#}")));
    until("a name to be resolved", look).await?;

    let grants = format!(
        "/apis/gateway.networking.k8s.io/v1beta1/namespaces/kube-system/referencegrants/{}",
        world.namespace
    );
    world
        .api
        .ask(
            http::Method::DELETE,
            &grants,
            gatewright_scenarios::api::JSON,
            Vec::new(),
        )
        .await?;
    world.leave().await
}
