//! The pods behind a Gateway, its own or those that its class shares.

use super::{CLASS, GATEWAY_API, SYSTEM, World, until};
use crate::api::JSON;
use ::http::Method;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};

/// `apiVersion` and kind of the parameters of classes and Gateways.
pub const PARAMETERS: (&str, &str) = ("gatewright.dev/v1alpha1", "SoftwareGatewayParameters");

/// A proxy of a Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Namespace of its pod.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// Where it listens itself.
    pub at: SocketAddr,
}

impl World {
    /// Whether the Gateways of the chart's class share their proxies.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn is_shared(&self) -> Result<bool> {
        let found = self.system().read(PARAMETERS.0, PARAMETERS.1, CLASS).await?;
        Ok(found["spec"]["mode"] == "Shared")
    }

    /// The namespace of the controller, and of shared proxies.
    #[must_use]
    pub fn system(&self) -> Self {
        Self {
            namespace: SYSTEM.to_owned(),
            ..self.clone()
        }
    }

    /// Makes a Gateway of the chart's class with so many proxies, its own or all that the class shares, and answers the
    /// address where it can be reached. [`World::one_proxy`] takes those of the class back.
    ///
    /// # Errors
    /// When it is not programmed in time.
    pub async fn gateway_with_proxies(&self, name: &str, listeners: Value, count: usize) -> Result<IpAddr> {
        if self.is_shared().await? {
            self.scale_fleet(count).await?;
            return self.gateway(name, listeners).await;
        }
        let spec = json!({"deployment": {"replicas": count}});
        self.gateway_with_parameters(name, listeners, spec).await
    }

    /// As [`World::gateway`], for a Gateway with parameters of its own.
    ///
    /// # Errors
    /// When it is not programmed in time.
    pub async fn gateway_with_parameters(&self, name: &str, listeners: Value, spec: Value) -> Result<IpAddr> {
        self.apply(
            &json!({"apiVersion": PARAMETERS.0, "kind": PARAMETERS.1, "metadata": {"name": name}, "spec": spec}),
        )
        .await?;
        let reference = json!({"group": "gatewright.dev", "kind": PARAMETERS.1, "name": name});
        self.apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": name},
            "spec": {"gatewayClassName": CLASS, "listeners": listeners, "infrastructure": {"parametersRef": reference}},
        }))
        .await?;
        self.address(name).await
    }

    /// Leaves the proxies that are shared as they were.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn one_proxy(&self) -> Result<()> {
        if self.is_shared().await? {
            self.scale_fleet(1).await?;
        }
        Ok(())
    }

    async fn scale_fleet(&self, count: usize) -> Result<()> {
        let parameters = (PARAMETERS.0, PARAMETERS.1, CLASS);
        let patch = json!({"spec": {"deployment": {"replicas": count}}});
        self.system().patch(parameters, &patch).await
    }

    /// Where a proxy of a Gateway listens itself: past the node's address translation, whose own gaps while other
    /// Services come and go would look like the proxy's.
    ///
    /// # Errors
    /// When the Gateway's Service has no ready endpoint.
    pub async fn proxy(&self, gateway: &str) -> Result<SocketAddr> {
        let found = self.proxies(gateway, 1).await?;
        let first = found.first().map(|proxy| proxy.at);
        first.with_context(|| format!("Gateway {gateway} has no proxy"))
    }

    /// A Gateway's proxies, once at least so many are ready.
    ///
    /// # Errors
    /// When there are fewer.
    pub async fn proxies(&self, gateway: &str, least: usize) -> Result<Vec<Proxy>> {
        let look = async || {
            let Some(service) = self.service(gateway).await? else {
                return Ok(Err("no Service".to_owned()));
            };
            let found = self.endpoints_of(&service).await?;
            Ok(if found.len() >= least {
                Ok(found)
            } else {
                Err(format!("{found:?}"))
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
        let look = async || {
            let service = self.service(gateway).await?.unwrap_or_default();
            let ports = service["spec"]["ports"].as_array().into_iter().flatten();
            let target = ports
                .filter(|found| found["port"] == port && found["protocol"] == "TCP")
                .find_map(|found| found["targetPort"].as_u64()?.try_into().ok());
            Ok(target.ok_or_else(|| service.to_string()))
        };
        let target = until(&format!("port {port} of Gateway {gateway}"), look).await?;
        let mut at = self.proxy(gateway).await?;
        at.set_port(target);
        Ok(at)
    }

    /// Where a proxy behind a load balancer's address listens itself.
    ///
    /// # Errors
    /// When no Service has the address, or that has no ready endpoint.
    pub async fn proxy_behind(&self, address: IpAddr) -> Result<SocketAddr> {
        let wanted = json!(address);
        let look = async || {
            let (_, services) = self
                .api
                .ask(Method::GET, "/api/v1/services", JSON, Vec::new())
                .await?;
            let has = |service: &&Value| {
                let ingress = service["status"]["loadBalancer"]["ingress"].as_array();
                ingress.into_iter().flatten().any(|found| found["ip"] == wanted)
            };
            let mut services = services["items"].as_array().into_iter().flatten();
            let Some(service) = services.find(has) else {
                return Ok(Err("no Service".to_owned()));
            };
            let found = self.endpoints_of(service).await?;
            Ok(found
                .first()
                .map(|proxy| proxy.at)
                .ok_or_else(|| "no endpoint".to_owned()))
        };
        until(&format!("a proxy behind {address}"), look).await
    }

    /// Ready endpoints of a Service.
    async fn endpoints_of(&self, service: &Value) -> Result<Vec<Proxy>> {
        let text = |field: &str| service["metadata"][field].as_str().unwrap_or_default();
        let path = format!(
            "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices?labelSelector=kubernetes.io/service-name%3D{}",
            text("namespace"),
            text("name")
        );
        let (_, slices) = self.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
        let slices = slices["items"].as_array().into_iter().flatten();
        let slices = slices.filter(|slice| slice["addressType"] == "IPv4");
        Ok(slices.flat_map(endpoints).collect())
    }

    /// The Service that leads to a Gateway's proxies: the one beside it, or, where they are shared, the one that this
    /// is an alias of.
    async fn service(&self, gateway: &str) -> Result<Option<Value>> {
        let path = format!(
            "/api/v1/namespaces/{}/services?labelSelector=gateway.networking.k8s.io/gateway-name%3D{gateway}",
            self.namespace
        );
        let (_, services) = self.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
        let Some(found) = services["items"].get(0).cloned() else {
            return Ok(None);
        };
        let Some(alias) = found["spec"]["externalName"].as_str() else {
            return Ok(Some(found));
        };
        let mut parts = alias.split('.');
        let (name, namespace) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let there = Self {
            namespace: namespace.to_owned(),
            ..self.clone()
        };
        let found = there.read("v1", "Service", name).await?;
        Ok(Some(found).filter(|found| !found.is_null()))
    }

    /// Deletes the pod of a proxy.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn delete_proxy(&self, proxy: &Proxy) -> Result<()> {
        let there = Self {
            namespace: proxy.namespace.clone(),
            ..self.clone()
        };
        there.delete("v1", "Pod", &proxy.pod).await
    }
}

/// Ready endpoints of a slice, with its first port.
fn endpoints(slice: &Value) -> Vec<Proxy> {
    let port = slice.pointer("/ports/0/port").and_then(Value::as_u64);
    let Some(port) = port.and_then(|port| port.try_into().ok()) else {
        return Vec::new();
    };
    let endpoints = slice["endpoints"].as_array().into_iter().flatten();
    endpoints
        .filter(|endpoint| endpoint["conditions"]["ready"] != false)
        .filter_map(|endpoint| {
            let address: IpAddr = endpoint.pointer("/addresses/0")?.as_str()?.parse().ok()?;
            let text = |field: &str| endpoint["targetRef"][field].as_str().map(str::to_owned);
            Some(Proxy {
                namespace: text("namespace")?,
                pod: text("name")?,
                at: SocketAddr::new(address, port),
            })
        })
        .collect()
}
