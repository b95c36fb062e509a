//! gRPC through a load balancer, on HTTPS: methods, headers and weights choose backends, as GRPCRoute says.

use anyhow::{Result, ensure};
use gatewright_scenarios::aws::{Call, Place, call};
use gatewright_scenarios::tls;
use gatewright_scenarios::world::{GATEWAY_API, until};
use serde_json::{Value, json};
use std::net::SocketAddr;

const HOST: &str = "grpc.example";
const SERVICE: &str = "gateway_api_conformance.echo_basic.grpcecho.GrpcEcho";

fn rule(matches: Value, backends: &[(&str, u64)]) -> Value {
    let backends: Vec<Value> = backends
        .iter()
        .map(|(name, weight)| json!({"name": name, "port": 8080, "weight": weight}))
        .collect();
    json!({"matches": matches, "backendRefs": backends})
}

/// Calls until the answer is as wanted.
async fn answers(
    at: SocketAddr,
    method: &str,
    headers: &[(&str, &str)],
    test: impl Fn(&Call) -> bool,
) -> Result<Call> {
    let path = format!("/{SERVICE}/{method}");
    let look = async || {
        Ok(match call(at, HOST, &path, headers).await {
            Ok(answer) if test(&answer) => Ok(answer),
            Ok(answer) => Err(format!("{answer:?}")),
            Err(error) => Err(format!("{error:#}")),
        })
    };
    until(&format!("{method} with {headers:?}"), look).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster with AWS: cargo xtask scenarios --provider aws"]
async fn a_grpc_route_is_served_over_https() -> Result<()> {
    let place = Place::new("aws-grpc").await?;
    let world = &place.world;
    for name in ["one", "two", "three"] {
        world.grpc_backend(name).await?;
    }
    world.apply(&tls::certificate_for(HOST)?.secret("own")).await?;
    let listener = json!({
        "name": "https", "port": 443, "protocol": "HTTPS", "hostname": HOST,
        "tls": {"certificateRefs": [{"name": "own"}]},
    });
    place.write("gw", json!([listener]), None).await?;
    let method = |name: &str| json!([{"method": {"service": SERVICE, "method": name}}]);
    let header =
        json!([{"method": {"service": SERVICE}, "headers": [{"name": "version", "value": "three"}]}]);
    world
        .apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "GRPCRoute", "metadata": {"name": "calls"},
            "spec": {"parentRefs": [{"name": "gw"}], "hostnames": [HOST], "rules": [
                rule(header, &[("three", 1)]),
                rule(method("Echo"), &[("one", 1), ("two", 0)]),
            ]},
        }))
        .await?;
    let at = SocketAddr::new(place.address("gw").await?, 443);
    answers(at, "Echo", &[], |answer| answer.is_from("one")).await?;
    // A method alone is more specific than a header beside the service.
    answers(at, "Echo", &[("version", "three")], |answer| {
        answer.is_from("one")
    })
    .await?;
    answers(at, "EchoTwo", &[("version", "three")], |answer| {
        answer.is_from("three")
    })
    .await?;
    let none = answers(at, "EchoTwo", &[], |answer| answer.grpc != Some(0)).await?;
    println!("a method without a rule: {none:?}");

    // Weights, by requests on connections of their own.
    world
        .patch(
            (GATEWAY_API, "GRPCRoute", "calls"),
            &json!({"spec": {"rules": [rule(method("Echo"), &[("one", 1), ("two", 3)])]}}),
        )
        .await?;
    answers(at, "Echo", &[], |answer| answer.is_from("two")).await?;
    let mut two = 0;
    let path = format!("/{SERVICE}/Echo");
    for _ in 0..200 {
        let answer = call(at, HOST, &path, &[]).await?;
        ensure!(answer.grpc == Some(0), "{answer:?}");
        two += usize::from(answer.is_from("two"));
    }
    println!("{two} of 200 calls with weights 1 and 3 went to the second backend");
    ensure!((110..=190).contains(&two), "{two} of 200");
    place.delete("gw").await?;
    world.leave().await
}
