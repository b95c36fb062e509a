//! SoftwareGatewayParameters: each Gateway with its own.

use anyhow::Result;
use gatewright_traffic::echo::{self, Answer};
use gatewright_traffic::{Echo, Gatewright, manifest, ports};
use http::Request;
use http_body_util::Full;
use std::net::SocketAddr;

async fn with_large_header(port: u16) -> Result<Answer> {
    let request = Request::get("/")
        .header("host", "any.test")
        .header("x-large", "x".repeat(3000))
        .body(Full::default())?;
    echo::send(SocketAddr::from(([127, 0, 0, 1], port)), request).await
}

#[tokio::test]
async fn limits_hold_for_the_gateway_that_names_them_and_for_no_other() -> Result<()> {
    let echo = Echo::start("echo").await?;
    let (strict, free) = (ports::free()?, ports::free()?);
    let text = manifest::class()
        + &format!(
            "---
apiVersion: gatewright.dev/v1alpha1
kind: SoftwareGatewayParameters
metadata: {{name: small, namespace: default}}
spec: {{limits: {{headerBytes: 2048}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: strict, namespace: default}}
spec:
  gatewayClassName: gatewright
  infrastructure: {{parametersRef: {{group: gatewright.dev, kind: SoftwareGatewayParameters, name: small}}}}
  listeners: [{{name: http, protocol: HTTP, port: {strict}}}]
"
        )
        + &manifest::gateway("free", &format!("[{{name: http, protocol: HTTP, port: {free}}}]"))
        + &manifest::service("echo", &[echo.address])
        + &manifest::http_route(
            "a",
            "strict",
            "  rules: [{backendRefs: [{name: echo, port: 80}]}]",
        )
        + &manifest::http_route("b", "free", "  rules: [{backendRefs: [{name: echo, port: 80}]}]");
    let _gatewright = Gatewright::start(&text).await?;
    assert_eq!(with_large_header(free).await?.status, 200);
    assert_eq!(with_large_header(strict).await?.status, 431);
    Ok(())
}
