//! The Kubernetes API, object by object, as JSON: what is tested here is as often wrong as right, and wrong objects fit
//! no type.

use anyhow::{Context, Result, bail};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where objects of a kind live.
#[derive(Clone, Debug)]
struct Resource {
    plural: String,
    namespaced: bool,
}

/// `application/json`.
pub const JSON: &str = "application/json";
/// `application/yaml`.
pub const YAML: &str = "application/yaml";
/// A server-side apply.
pub const APPLY: &str = "application/apply-patch+yaml";
/// A JSON merge patch (RFC 7386).
pub const MERGE: &str = "application/merge-patch+json";

/// One answer with all kinds of a group.
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// A connection to the API server, with what it serves.
#[derive(Clone)]
pub struct Api {
    client: kube::Client,
    /// By `apiVersion` and kind.
    resources: BTreeMap<(String, String), Resource>,
}

impl Api {
    /// Connects to the cluster of `KUBECONFIG` and asks what it serves.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub async fn connect() -> Result<Self> {
        let client = kube::Client::try_default()
            .await
            .context("connecting to the cluster")?;
        let mut api = Self {
            client,
            resources: BTreeMap::new(),
        };
        api.discover().await?;
        Ok(api)
    }

    /// Asks again what the server serves.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn discover(&mut self) -> Result<()> {
        self.resources.clear();
        for root in ["/api", "/apis"] {
            let (status, groups) = self.ask(Method::GET, root, DISCOVERY, Vec::new()).await?;
            if status != StatusCode::OK {
                bail!("{root} answered {status}: {groups}");
            }
            self.learn(&groups);
        }
        Ok(())
    }

    /// Reads an answer of aggregated discovery.
    fn learn(&mut self, groups: &Value) {
        let list = |value: &Value, name: &str| {
            value
                .get(name)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let text = |value: &Value, pointer: &str| {
            let found = value.pointer(pointer).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        for group in list(groups, "items") {
            let name = text(&group, "/metadata/name");
            for version in list(&group, "versions") {
                let version_name = text(&version, "/version");
                let api_version = match name.as_str() {
                    "" => version_name,
                    _ => format!("{name}/{version_name}"),
                };
                for resource in list(&version, "resources") {
                    let kind = text(&resource, "/responseKind/kind");
                    let found = Resource {
                        plural: text(&resource, "/resource"),
                        namespaced: text(&resource, "/scope") == "Namespaced",
                    };
                    self.resources.insert((api_version.clone(), kind), found);
                }
            }
        }
    }

    /// Whether the server has a resource of a group, in any version.
    pub fn serves(&self, group: &str, plural: &str) -> bool {
        self.resources.iter().any(|((api_version, _), resource)| {
            let of = api_version.split_once('/').map_or("", |(group, _)| group);
            of == group && resource.plural == plural
        })
    }

    /// Where objects of a kind live; `None` when the server has no such kind. Without a namespace, objects of namespaced
    /// kinds live in `default`.
    pub fn collection(&self, api_version: &str, kind: &str, namespace: &str) -> Option<String> {
        let resource = self.resources.get(&(api_version.to_owned(), kind.to_owned()))?;
        let root = if api_version.contains('/') {
            "/apis"
        } else {
            "/api"
        };
        let namespace = if namespace.is_empty() {
            "default"
        } else {
            namespace
        };
        Some(if resource.namespaced {
            format!("{root}/{api_version}/namespaces/{namespace}/{}", resource.plural)
        } else {
            format!("{root}/{api_version}/{}", resource.plural)
        })
    }

    /// Sends one request and answers its status and body; a body that is no JSON is the `message` of an object.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        format: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Value)> {
        let accept = if format == DISCOVERY { DISCOVERY } else { JSON };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", format)
            .header("accept", accept)
            .body(Body::from(body))
            .with_context(|| format!("no request can be made of {path}"))?;
        let response = self.client.send(request).await.with_context(|| path.to_owned())?;
        let status = response.status();
        let body = response
            .into_body()
            .collect()
            .await
            .with_context(|| path.to_owned())?
            .to_bytes();
        let value = serde_json::from_slice(&body)
            .unwrap_or_else(|_| json!({"message": String::from_utf8_lossy(&body)}));
        Ok((status, value))
    }
}
