//! The pods behind a Gateway.

use super::{World, until};
use crate::api::JSON;
use ::http::Method;
use anyhow::Result;
use serde_json::Value;
use std::net::SocketAddr;

impl World {
    /// Where a proxy of a Gateway listens itself: past the node's address translation, whose own gaps while other
    /// Services come and go would look like the proxy's.
    ///
    /// # Errors
    /// When the Gateway's Service has no ready endpoint.
    pub async fn proxy(&self, gateway: &str) -> Result<SocketAddr> {
        let found = self.proxies(gateway, 1).await?;
        found
            .into_iter()
            .map(|(_, address)| address)
            .next()
            .ok_or_else(|| anyhow::anyhow!("Gateway {gateway} has no proxy"))
    }

    /// The pods of a Gateway's proxies, with where each listens itself, once at least so many are ready.
    ///
    /// # Errors
    /// When there are fewer.
    pub async fn proxies(&self, gateway: &str, least: usize) -> Result<Vec<(String, SocketAddr)>> {
        let path = format!(
            "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices?labelSelector=gateway.networking.k8s.io/gateway-name%3D{gateway}",
            self.namespace
        );
        let look = async || {
            let (_, slices) = self.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
            let items = slices["items"].as_array().into_iter().flatten();
            let found: Vec<(String, SocketAddr)> = items
                .filter(|slice| slice["addressType"] == "IPv4")
                .flat_map(endpoints)
                .collect();
            Ok(if found.len() >= least {
                Ok(found)
            } else {
                Err(slices.to_string())
            })
        };
        let what = format!("{least} endpoints of Gateway {}/{gateway}", self.namespace);
        until(&what, look).await
    }

    /// As [`World::proxy`], for the listeners of a port.
    ///
    /// # Errors
    /// When the Gateway's Service has no such port, or no ready endpoint.
    pub async fn proxy_on(&self, gateway: &str, port: u16) -> Result<SocketAddr> {
        let path = format!(
            "/api/v1/namespaces/{}/services?labelSelector=gateway.networking.k8s.io/gateway-name%3D{gateway}",
            self.namespace
        );
        let look = async || {
            let (_, services) = self.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
            let items = services["items"].as_array().into_iter().flatten();
            let target = items
                .flat_map(|service| service["spec"]["ports"].as_array().into_iter().flatten())
                .find(|found| found["port"] == port && found["protocol"] == "TCP")
                .and_then(|found| found["targetPort"].as_u64()?.try_into().ok());
            Ok(target.ok_or_else(|| services.to_string()))
        };
        let target = until(&format!("port {port} of Gateway {gateway}"), look).await?;
        let mut at = self.proxy(gateway).await?;
        at.set_port(target);
        Ok(at)
    }
}

/// Ready endpoints of a slice, with its first port.
fn endpoints(slice: &Value) -> Vec<(String, SocketAddr)> {
    let port = slice.pointer("/ports/0/port").and_then(Value::as_u64);
    let Some(port) = port.and_then(|port| port.try_into().ok()) else {
        return Vec::new();
    };
    let endpoints = slice["endpoints"].as_array().into_iter().flatten();
    endpoints
        .filter(|endpoint| endpoint["conditions"]["ready"] != false)
        .filter_map(|endpoint| {
            let address = endpoint.pointer("/addresses/0")?.as_str()?.parse().ok()?;
            let pod = endpoint["targetRef"]["name"].as_str()?.to_owned();
            Some((pod, SocketAddr::new(address, port)))
        })
        .collect()
}
