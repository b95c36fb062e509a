//! Each feature of the proxy through manifests, on the real program: one test at least for each row of
//! `docs/development/traffic-tests.md`.

mod downstream;
mod filters;
mod grpc;
mod kinds;
mod observed;
mod resilience;
mod statuses;
mod streams;
mod upstream;

use anyhow::Result;
use bytes::Bytes;
use gatewright_traffic::echo::{Answer, Speaks};
use gatewright_traffic::{Gatewright, client, manifest, ports};
use http::Request;
use http_body_util::Full;
use std::net::SocketAddr;

/// A running program with a Gateway `gw` that has one HTTP listener.
struct Site {
    gatewright: Gatewright,
    address: SocketAddr,
}

fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

impl Site {
    /// With these further objects.
    async fn new(objects: &str) -> Result<Self> {
        Self::with(objects, "", &[]).await
    }

    /// With further fields in the Gateway's `spec`, and arguments.
    async fn with(objects: &str, spec: &str, arguments: &[&str]) -> Result<Self> {
        let port = ports::free()?;
        let listeners = format!("[{{name: http, protocol: HTTP, port: {port}}}]");
        let text = manifest::class() + &manifest::gateway_with("gw", &listeners, spec) + objects;
        Ok(Self {
            gatewright: Gatewright::start_with(&text, arguments).await?,
            address: local(port),
        })
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer> {
        client::send(self.address, Speaks::Http1, request).await
    }

    async fn get(&self, path: &str) -> Result<Answer> {
        self.send(client::get("any.test", path)?).await
    }

    async fn ask(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        self.send(client::request(method, "any.test", path, fields)?)
            .await
    }
}

/// A route for everything to one Service.
fn route_to(service: &str) -> String {
    manifest::http_route(
        "all",
        "gw",
        &format!("  rules: [{{backendRefs: [{{name: {service}, port: 80}}]}}]"),
    )
}
