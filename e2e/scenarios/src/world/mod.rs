//! A place for one scenario: a namespace of its own, a Gateway, backends, and means to wait and to ask.

mod class;
mod events;
mod load;
pub mod program;
mod proxies;

pub use events::{Told, says};
pub use load::{Load, Seen};
pub use proxies::{PARAMETERS, Proxy};

use crate::api::{APPLY, Api, JSON, MERGE};
use crate::http::{Answer, get, get_tls};
use ::http::{Method, StatusCode};
use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// `apiVersion` of the Gateway API's stable kinds.
pub const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";
/// GatewayClass of the chart.
pub const CLASS: &str = "gatewright";
/// Namespace of the controller.
pub const SYSTEM: &str = "gatewright-system";
/// An echo server that is in every test cluster.
const ECHO: &str = "registry.k8s.io/gateway-api/echo-basic:v1.5.1";

/// A condition may take so long to become true.
const LIMIT: Duration = Duration::from_secs(120);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// So many objects are written at a time.
const AT_A_TIME: usize = 16;

/// A namespace with what a scenario needs.
#[derive(Clone)]
pub struct World {
    /// The Kubernetes API.
    pub api: Api,
    /// The scenario's namespace.
    pub namespace: String,
}

impl World {
    /// A fresh namespace of this name; one of an earlier run is removed first.
    ///
    /// # Errors
    /// When the cluster refuses.
    pub async fn new(namespace: &str) -> Result<Self> {
        let world = Self {
            api: Api::connect().await?,
            namespace: namespace.to_owned(),
        };
        world.remove_namespace().await?;
        world
            .apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))
            .await?;
        Ok(world)
    }

    /// Another namespace of the same scenario.
    ///
    /// # Errors
    /// When the cluster refuses.
    pub async fn beside(&self, suffix: &str) -> Result<Self> {
        Self::new(&format!("{}-{suffix}", self.namespace)).await
    }

    /// Lets the namespace go without waiting for its pods to end.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn leave(&self) -> Result<()> {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        self.api
            .ask(Method::DELETE, &path, JSON, Vec::new())
            .await
            .map(drop)
    }

    /// Removes the namespace and waits until nothing of it is left.
    ///
    /// # Errors
    /// When something keeps it.
    pub async fn remove_namespace(&self) -> Result<()> {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        self.api.ask(Method::DELETE, &path, JSON, Vec::new()).await?;
        let gone = async || {
            let (status, found) = self.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
            Ok(if status == StatusCode::NOT_FOUND {
                Ok(())
            } else {
                Err(found.to_string())
            })
        };
        until(&format!("namespace {} to be gone", self.namespace), gone).await
    }

    /// Where an object is, from its `apiVersion` and kind.
    fn path(&self, api_version: &str, kind: &str, name: &str) -> Result<String> {
        let collection = self.api.collection(api_version, kind, &self.namespace);
        let collection =
            collection.with_context(|| format!("the API server has no kind {kind} in {api_version}"))?;
        Ok(format!("{collection}/{name}"))
    }

    /// Writes an object by server-side apply, in the scenario's namespace unless it names another.
    ///
    /// # Errors
    /// With the API server's words when it refuses.
    pub async fn apply(&self, object: &Value) -> Result<Value> {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let namespace = match text("/metadata/namespace") {
            "" => &self.namespace,
            namespace => namespace,
        };
        let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
        let collection = self
            .api
            .collection(api_version, kind, namespace)
            .with_context(|| format!("the API server has no kind {kind} in {api_version}"))?;
        let path = format!("{collection}/{name}?fieldManager=scenario&force=true&fieldValidation=Strict");
        let body = object.to_string().into_bytes();
        let (status, answer) = self.api.ask(Method::PATCH, &path, APPLY, body).await?;
        if !status.is_success() {
            bail!("{kind} {namespace}/{name}: {status}: {}", message(&answer));
        }
        Ok(answer)
    }

    /// Writes many objects, several at a time.
    ///
    /// # Errors
    /// With the first refusal.
    pub async fn apply_all(&self, objects: &[Value]) -> Result<()> {
        stream::iter(objects)
            .map(|object| self.apply(object))
            .buffer_unordered(AT_A_TIME)
            .try_for_each(async |_| Ok(()))
            .await
    }

    /// Changes a part of an object by a merge patch.
    ///
    /// # Errors
    /// With the API server's words when it refuses.
    pub async fn patch(&self, (api_version, kind, name): (&str, &str, &str), patch: &Value) -> Result<()> {
        let path = self.path(api_version, kind, name)?;
        let (status, answer) = self
            .api
            .ask(Method::PATCH, &path, MERGE, patch.to_string().into_bytes())
            .await?;
        if !status.is_success() {
            bail!("{kind} {name}: {status}: {}", message(&answer));
        }
        Ok(())
    }

    /// Removes an object.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn delete(&self, api_version: &str, kind: &str, name: &str) -> Result<()> {
        let path = self.path(api_version, kind, name)?;
        let (status, answer) = self.api.ask(Method::DELETE, &path, JSON, Vec::new()).await?;
        if !status.is_success() {
            bail!("{kind} {name}: {status}: {}", message(&answer));
        }
        Ok(())
    }

    /// Reads an object; `null` when it is not there.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn read(&self, api_version: &str, kind: &str, name: &str) -> Result<Value> {
        let path = self.path(api_version, kind, name)?;
        let (status, answer) = self.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
        match status {
            StatusCode::OK => Ok(answer),
            StatusCode::NOT_FOUND => Ok(Value::Null),
            status => bail!("{kind} {name}: {status}: {}", message(&answer)),
        }
    }

    /// Waits until an object's state satisfies `test`, and answers it.
    ///
    /// # Errors
    /// With the last state, after two minutes.
    pub async fn wait(
        &self,
        (api_version, kind, name): (&str, &str, &str),
        what: &str,
        test: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let look = async || {
            let found = self.read(api_version, kind, name).await?;
            Ok(if test(&found) {
                Ok(found)
            } else {
                Err(found.get("status").unwrap_or(&found).to_string())
            })
        };
        until(&format!("{kind} {}/{name}: {what}", self.namespace), look).await
    }

    /// One echo server, see [`World::backends`].
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn backend(&self, name: &str) -> Result<()> {
        self.backends(name, 1).await
    }

    /// Makes a Deployment of echo servers, its Service of the same name on port 80, and waits until all are ready.
    ///
    /// # Errors
    /// When they do not become ready.
    pub async fn backends(&self, name: &str, replicas: usize) -> Result<()> {
        let labels = json!({"app": name});
        let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
        let container = json!({
            "name": "echo", "image": ECHO, "ports": [{"containerPort": 3000}],
            "env": [{"name": "POD_NAME", "valueFrom": field("metadata.name")},
                    {"name": "NAMESPACE", "valueFrom": field("metadata.namespace")}],
            "readinessProbe": {"httpGet": {"path": "/", "port": 3000}, "periodSeconds": 1},
        });
        self.apply_all(&[
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                "spec": {
                    "replicas": replicas, "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}},
                },
            }),
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 3000}]},
            }),
        ])
        .await?;
        self.ready(name, replicas).await
    }

    /// Waits until a Deployment has so many ready pods, and no more.
    ///
    /// # Errors
    /// With its last state, after two minutes.
    pub async fn ready(&self, deployment: &str, replicas: usize) -> Result<()> {
        let what = format!("to have {replicas} ready pods");
        self.wait(("apps/v1", "Deployment", deployment), &what, |found| {
            let count = |field: &str| found["status"][field].as_u64().unwrap_or_default();
            found["status"]["observedGeneration"] == found["metadata"]["generation"]
                && ["replicas", "updatedReplicas", "readyReplicas"]
                    .iter()
                    .all(|field| count(field) == replicas as u64)
        })
        .await
        .map(drop)
    }

    /// Changes the number of pods of a Deployment and waits until it is right.
    ///
    /// # Errors
    /// As [`World::ready`].
    pub async fn scale(&self, deployment: &str, replicas: usize) -> Result<()> {
        let this = ("apps/v1", "Deployment", deployment);
        self.patch(this, &json!({"spec": {"replicas": replicas}})).await?;
        self.ready(deployment, replicas).await
    }

    /// Makes a Gateway of the chart's class with these listeners, and answers the address where it can be reached.
    ///
    /// # Errors
    /// When it is not programmed in time.
    pub async fn gateway(&self, name: &str, listeners: Value) -> Result<IpAddr> {
        self.apply(&json!({
            "apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": name},
            "spec": {"gatewayClassName": CLASS, "listeners": listeners},
        }))
        .await?;
        self.address(name).await
    }

    /// A world that serves: an echo server `web`, a Gateway `gw` and a route `web` for this host. Answers where.
    ///
    /// # Errors
    /// When it does not serve in time.
    pub async fn serving(&self, host: &str) -> Result<SocketAddr> {
        self.backend("web").await?;
        let address = self.gateway("gw", json!([http_listener("http", 80)])).await?;
        let at = SocketAddr::new(address, 80);
        self.apply(&http_route("web", "gw", host, "web")).await?;
        self.answers(at, (host, "/"), 200).await?;
        Ok(at)
    }

    /// The address of a Gateway, once it is programmed.
    ///
    /// # Errors
    /// When it is not programmed in time.
    pub async fn address(&self, name: &str) -> Result<IpAddr> {
        let gateway = self
            .wait((GATEWAY_API, "Gateway", name), "to be programmed", |found| {
                has_condition(found.get("status"), "Programmed", "True")
            })
            .await?;
        let address = gateway
            .pointer("/status/addresses/0/value")
            .and_then(Value::as_str);
        address
            .and_then(|address| address.parse().ok())
            .with_context(|| format!("Gateway {name} has no address: {gateway}"))
    }

    /// The address inside the cluster of the Service that a Gateway's address belongs to: for clients that make very many
    /// connections, and have nothing to do with load balancers.
    ///
    /// # Errors
    /// When the Gateway is not programmed in time, or no Service has its address.
    pub async fn inside(&self, name: &str) -> Result<IpAddr> {
        let address = self.address(name).await?.to_string();
        let (_, found) = self
            .api
            .ask(Method::GET, "/api/v1/services", JSON, Vec::new())
            .await?;
        let services = found["items"].as_array().into_iter().flatten();
        let service = services.into_iter().find(|service| {
            let ingress = service["status"]["loadBalancer"]["ingress"].as_array();
            ingress.is_some_and(|all| all.iter().any(|one| one["ip"] == address.as_str()))
        });
        service
            .and_then(|service| service["spec"]["clusterIP"].as_str())
            .and_then(|inside| inside.parse().ok())
            .with_context(|| format!("no Service has the address {address}"))
    }

    /// Waits until requests are answered as wanted.
    ///
    /// # Errors
    /// With the last answer, after two minutes.
    pub async fn answers(&self, at: SocketAddr, (host, path): (&str, &str), status: u16) -> Result<Answer> {
        let look = async || {
            Ok(match get(at, host, path, &[]).await {
                Ok(answer) if answer.status == status => Ok(answer),
                Ok(answer) => Err(format!("{answer:?}")),
                Err(error) => Err(format!("{error:#}")),
            })
        };
        until(&format!("http://{host}{path} at {at} to answer {status}"), look).await
    }

    /// As [`World::answers`], over TLS.
    ///
    /// # Errors
    /// With the last answer, after two minutes.
    pub async fn answers_tls(&self, at: SocketAddr, host: &str, status: u16) -> Result<Answer> {
        let look = async || {
            Ok(match get_tls(at, host, "/").await {
                Ok(answer) if answer.status == status => Ok(answer),
                Ok(answer) => Err(format!("{answer:?}")),
                Err(error) => Err(format!("{error:#}")),
            })
        };
        until(&format!("https://{host}/ at {at} to answer {status}"), look).await
    }

    /// How often containers of the controller have started again, and which pods there are: a crash would show.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn controller_restarts(&self) -> Result<Vec<(String, u64)>> {
        let path = format!(
            "/api/v1/namespaces/{SYSTEM}/pods?labelSelector=app.kubernetes.io/name%3Dgatewright-controller"
        );
        let (_, pods) = self.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
        let pods = pods
            .get("items")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let mut found = Vec::new();
        for pod in pods {
            let name = pod
                .pointer("/metadata/name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let restarts = pod
                .pointer("/status/containerStatuses/0/restartCount")
                .and_then(Value::as_u64);
            found.push((name.to_owned(), restarts.unwrap_or_default()));
        }
        if found.is_empty() {
            bail!("there is no controller in {SYSTEM}");
        }
        Ok(found)
    }
}

/// Looks until there is an answer.
///
/// # Errors
/// With what was seen last, after two minutes.
pub async fn until<T, F>(what: &str, look: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<Result<T, String>>>,
{
    let begun = Instant::now();
    loop {
        match look().await? {
            Ok(found) => return Ok(found),
            Err(seen) if begun.elapsed() > LIMIT => {
                let seen: String = seen.chars().take(2000).collect();
                bail!("waited {} s for {what}; last seen: {seen}", LIMIT.as_secs());
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Whether the `conditions` of a status, a listener or a parent have one of this type and status.
pub fn has_condition(holder: Option<&Value>, kind: &str, status: &str) -> bool {
    condition(holder, kind).is_some_and(|found| found["status"] == status)
}

/// The condition of this type.
pub fn condition<'a>(holder: Option<&'a Value>, kind: &str) -> Option<&'a Value> {
    let conditions = holder?.get("conditions")?.as_array()?;
    conditions.iter().find(|found| found["type"] == kind)
}

/// The status of a listener of a Gateway.
pub fn listener_of<'a>(gateway: &'a Value, name: &str) -> Option<&'a Value> {
    let listeners = gateway.pointer("/status/listeners")?.as_array()?;
    listeners.iter().find(|found| found["name"] == name)
}

/// Whether the status of a listener is that of the Gateway as it is now, with this condition.
pub fn listener_is(gateway: &Value, name: &str, kind: &str, status: &str) -> bool {
    condition(listener_of(gateway, name), kind).is_some_and(|found| {
        found["status"] == status && found["observedGeneration"] == gateway["metadata"]["generation"]
    })
}

/// The status that a route has for its first parent.
pub fn parent(route: &Value) -> Option<&Value> {
    route.pointer("/status/parents/0")
}

/// Whether the status of the first parent is that of the route as it is now, with this condition.
pub fn route_is(route: &Value, kind: &str, status: &str) -> bool {
    condition(parent(route), kind).is_some_and(|found| {
        found["status"] == status && found.get("observedGeneration") == route.pointer("/metadata/generation")
    })
}

fn message(answer: &Value) -> String {
    answer
        .get("message")
        .map_or_else(|| answer.to_string(), Value::to_string)
}

/// An HTTP listener for routes of all namespaces.
pub fn http_listener(name: &str, port: u16) -> Value {
    json!({"name": name, "port": port, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}})
}

/// An HTTPRoute of one rule: this hostname, everything, to this Service on port 80.
pub fn http_route(name: &str, gateway: &str, hostname: &str, service: &str) -> Value {
    json!({
        "apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": {"name": name},
        "spec": {
            "parentRefs": [{"name": gateway}], "hostnames": [hostname],
            "rules": [{"backendRefs": [{"name": service, "port": 80}]}],
        },
    })
}
