//! Gateway API manifests for the measured gatewright.

use super::peers::{Peer, Port};
use super::setup::{Bench, ORIGIN_PORT};
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::path::Path;

/// Path of route number `index` when there are several.
pub fn route_path(index: u32) -> String {
    format!("/api/v1/svc-{index:06}/")
}

/// Writes one Gateway with `routes` HTTPRoutes on one host; a single route matches everything.
pub fn write(folder: &Path, peer: &Peer, bench: &Bench, routes: u32) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let pem = |name: &str| -> Result<String> {
        let text = std::fs::read_to_string(bench.dir().join(name))?;
        Ok(text.lines().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "    {line}");
            text
        }))
    };
    let mut text = format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: gatewright}}
spec: {{controllerName: gatewright.dev/software}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: bench, namespace: default}}
spec:
  gatewayClassName: gatewright
  listeners:
  - {{name: plain, protocol: HTTP, port: {plain}}}
  - {{name: tls, protocol: HTTPS, port: {tls}, tls: {{certificateRefs: [{{name: bench}}]}}}}
  - {{name: tcp, protocol: TCP, port: {tcp}}}
---
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {{name: bench, namespace: default}}
stringData:
  tls.crt: |
{cert}
  tls.key: |
{key}
---
apiVersion: v1
kind: Service
metadata: {{name: origin, namespace: default}}
spec: {{ports: [{{name: http, port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: origin, namespace: default, labels: {{kubernetes.io/service-name: origin}}}}
addressType: IPv4
ports: [{{name: http, port: {ORIGIN_PORT}}}]
endpoints: [{{addresses: [\"127.0.0.1\"]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {{name: tcp, namespace: default}}
spec:
  parentRefs: [{{name: bench, sectionName: tcp}}]
  rules: [{{backendRefs: [{{name: origin, port: 80}}]}}]
",
        plain = peer.port(Port::Plain),
        tls = peer.port(Port::Tls),
        tcp = peer.port(Port::Tcp),
        cert = pem("cert.pem")?,
        key = pem("key.pem")?,
    );
    for index in 0..routes {
        let path = if routes == 1 {
            "/".to_owned()
        } else {
            route_path(index)
        };
        write!(
            text,
            "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r{index:06}, namespace: default}}
spec:
  parentRefs: [{{name: bench, sectionName: plain}}, {{name: bench, sectionName: tls}}]
  rules: [{{matches: [{{path: {{type: PathPrefix, value: \"{path}\"}}}}], backendRefs: [{{name: origin, port: 80}}]}}]
"
        )
        .context("writing to a string")?;
    }
    std::fs::write(folder.join("bench.yaml"), text)?;
    Ok(())
}
