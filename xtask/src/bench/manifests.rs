//! Gateway API manifests for the measured gatewright.

use super::peers::{Peer, Port};
use super::setup::{Bench, ECHO_PORT, ORIGIN_PORT};
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
  - {{name: udp, protocol: UDP, port: {udp}}}
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
---
apiVersion: v1
kind: Service
metadata: {{name: echo, namespace: default}}
spec: {{ports: [{{name: udp, port: 80, protocol: UDP}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: echo, namespace: default, labels: {{kubernetes.io/service-name: echo}}}}
addressType: IPv4
ports: [{{name: udp, port: {ECHO_PORT}, protocol: UDP}}]
endpoints: [{{addresses: [\"127.0.0.1\"]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {{name: udp, namespace: default}}
spec:
  parentRefs: [{{name: bench, sectionName: udp}}]
  rules: [{{backendRefs: [{{name: echo, port: 80}}]}}]
",
        plain = peer.port(Port::Plain),
        tls = peer.port(Port::Tls),
        tcp = peer.port(Port::Tcp),
        udp = peer.port(Port::Udp),
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

/// First port of the Gateways of a [`Spread`].
pub const SPREAD_PORT: u16 = 25_000;
/// The file that holds the one route that [`Spread::write_one`] changes.
const ONE: &str = "one.yaml";

/// Many HTTPRoutes, spread evenly over Gateways with one port each and over backends.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// HTTPRoutes with one rule, one path and one backend each.
    pub routes: u32,
    /// Gateways.
    pub gateways: u32,
    /// Services, each with an EndpointSlice.
    pub backends: u32,
}

impl Spread {
    /// Writes everything; the last route is alone in its file, so that a change of it reads no other again.
    pub fn write(self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut text = "apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: gatewright}
spec: {controllerName: gatewright.dev/software}
"
        .to_owned();
        for number in 0..self.gateways {
            write!(
                text,
                "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw-{number}, namespace: default}}
spec: {{gatewayClassName: gatewright, listeners: [{{name: http, protocol: HTTP, port: {}}}]}}
",
                u32::from(SPREAD_PORT) + number
            )?;
        }
        for number in 0..self.backends {
            write!(
                text,
                "---
apiVersion: v1
kind: Service
metadata: {{name: s-{number}, namespace: default}}
spec: {{ports: [{{name: http, port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: s-{number}, namespace: default, labels: {{kubernetes.io/service-name: s-{number}}}}}
addressType: IPv4
ports: [{{name: http, port: {ORIGIN_PORT}}}]
endpoints: [{{addresses: [\"127.0.0.1\"]}}]
"
            )?;
        }
        for number in 0..self.routes - 1 {
            text.push_str("---\n");
            text.push_str(&self.route(number, &route_path(number)));
        }
        std::fs::write(folder.join("many.yaml"), text)?;
        self.write_one(folder, &route_path(self.routes - 1))
    }

    /// Rewrites the last route, in one step, so that it matches `path`.
    pub fn write_one(self, folder: &Path, path: &str) -> Result<()> {
        let hidden = folder.join(".one.new");
        std::fs::write(&hidden, self.route(self.routes - 1, path))?;
        std::fs::rename(&hidden, folder.join(ONE)).context("renaming")
    }

    /// The port of the last route's Gateway.
    pub fn last_port(self) -> u32 {
        u32::from(SPREAD_PORT) + (self.routes - 1) % self.gateways
    }

    fn route(self, number: u32, path: &str) -> String {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r-{number}, namespace: default}}
spec:
  parentRefs: [{{name: gw-{}}}]
  rules: [{{matches: [{{path: {{type: PathPrefix, value: \"{path}\"}}}}], backendRefs: [{{name: s-{}, port: 80}}]}}]
",
            number % self.gateways,
            number % self.backends
        )
    }
}
