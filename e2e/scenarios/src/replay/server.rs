//! The verdict of the API server.

use super::documents::{Document, Head};
use anyhow::{Context, Result, bail};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the API server says about a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It would store this: nothing where an object of the name exists already.
    Accepted(Vec<Value>),
    /// It refuses, with this message.
    Refused(String),
    /// It serves no such kind.
    NotServed(String),
}

/// Where objects of a kind live.
#[derive(Clone, Debug)]
struct Resource {
    plural: String,
    namespaced: bool,
}

/// A connection to the API server, with what it serves.
pub struct Server {
    client: kube::Client,
    /// By `apiVersion` and kind.
    resources: BTreeMap<(String, String), Resource>,
    /// Objects made for the sake of their status.
    made: AtomicUsize,
}

const DRY: &str = "dryRun=All&fieldValidation=Strict";
const YAML: &str = "application/yaml";
const JSON: &str = "application/json";

impl Server {
    /// Connects to the cluster of `KUBECONFIG` and asks what it serves.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub async fn connect() -> Result<Self> {
        let client = kube::Client::try_default()
            .await
            .context("connecting to the cluster")?;
        let mut server = Self {
            client,
            resources: BTreeMap::new(),
            made: AtomicUsize::new(0),
        };
        for root in ["/api", "/apis"] {
            let (status, groups) = server.ask(Method::GET, root, DISCOVERY, Vec::new()).await?;
            if status != StatusCode::OK {
                bail!("{root} answered {status}: {groups}");
            }
            server.learn(&groups);
        }
        Ok(server)
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

    /// Makes the namespaces that the documents live in.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn prepare(&self, documents: &[Document]) -> Result<()> {
        let names: BTreeSet<String> = documents
            .iter()
            .flat_map(Document::heads)
            .map(|head| head.namespace)
            .filter(|name| !name.is_empty())
            .collect();
        for name in names {
            let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            // A namespace that cannot be made has objects that are refused.
            self.ask(
                Method::POST,
                "/api/v1/namespaces",
                JSON,
                body.to_string().into_bytes(),
            )
            .await?;
        }
        Ok(())
    }

    /// Asks for the verdict on a document.
    ///
    /// # Errors
    /// When the server answers neither yes nor no.
    pub async fn judge(&self, document: &Document) -> Result<Verdict> {
        if document.status {
            return self.judge_status(document).await;
        }
        let mut stored = Vec::new();
        let bodies: Vec<(Head, &str, Vec<u8>)> = match document.items() {
            Some(items) => items
                .iter()
                .map(|item| (Head::of(item), JSON, item.to_string().into_bytes()))
                .collect(),
            None => {
                let body = document.text.clone().into_bytes();
                document
                    .heads()
                    .into_iter()
                    .map(|head| (head, YAML, body.clone()))
                    .collect()
            }
        };
        for (head, format, body) in bodies {
            if head.api_version.is_empty() || head.kind.is_empty() {
                return Ok(Verdict::Refused("apiVersion or kind is not set".to_owned()));
            }
            let Some(path) = self.path(&head) else {
                return Ok(Verdict::NotServed(format!(
                    "no kind {} in {}",
                    head.kind, head.api_version
                )));
            };
            let (status, answer) = self
                .ask(Method::POST, &format!("{path}?{DRY}"), format, body)
                .await?;
            match status {
                StatusCode::CREATED => stored.push(answer),
                // Names are compared after everything else.
                StatusCode::CONFLICT if text(&answer, "reason") == "AlreadyExists" => {}
                status if status.is_client_error() => return Ok(Verdict::Refused(text(&answer, "message"))),
                status => bail!("{document}: the API server answered {status}: {answer}"),
            }
        }
        Ok(Verdict::Accepted(stored))
    }

    /// The verdict on an update of the status of an object that exists.
    async fn judge_status(&self, document: &Document) -> Result<Verdict> {
        let mut object = document
            .value
            .clone()
            .with_context(|| format!("{document}: cannot be read"))?;
        let head = Head::of(&object);
        let Some(path) = self.path(&head) else {
            return Ok(Verdict::NotServed(format!(
                "no kind {} in {}",
                head.kind, head.api_version
            )));
        };
        // Names of several files are the same, and those are with the server at once.
        let name = format!("status-{}", self.made.fetch_add(1, Ordering::Relaxed));
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("name".to_owned(), Value::from(name.as_str()));
        }
        let mut bare = object.clone();
        if let Value::Object(fields) = &mut bare {
            fields.remove("status");
        }
        let (status, stored) = self
            .ask(Method::POST, &path, JSON, bare.to_string().into_bytes())
            .await?;
        if status != StatusCode::CREATED {
            bail!("{document}: the object without its status: {status}: {stored}");
        }
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            let version = stored.pointer("/metadata/resourceVersion").cloned();
            metadata.insert("resourceVersion".to_owned(), version.unwrap_or_default());
        }
        let one = format!("{path}/{name}");
        let update = format!("{one}/status?{DRY}");
        let (status, answer) = self
            .ask(Method::PUT, &update, JSON, object.to_string().into_bytes())
            .await?;
        self.ask(Method::DELETE, &one, JSON, Vec::new()).await?;
        match status {
            StatusCode::OK => Ok(Verdict::Accepted(Vec::new())),
            status if status.is_client_error() => Ok(Verdict::Refused(text(&answer, "message"))),
            status => bail!("{document}: the API server answered {status}: {answer}"),
        }
    }

    /// Where objects like this are created.
    fn path(&self, head: &Head) -> Option<String> {
        let resource = self
            .resources
            .get(&(head.api_version.clone(), head.kind.clone()))?;
        let root = if head.api_version.contains('/') {
            "/apis"
        } else {
            "/api"
        };
        let base = format!("{root}/{}", head.api_version);
        let namespace = match head.namespace.as_str() {
            "" => "default",
            namespace => namespace,
        };
        Some(if resource.namespaced {
            format!("{base}/namespaces/{namespace}/{}", resource.plural)
        } else {
            format!("{base}/{}", resource.plural)
        })
    }

    async fn ask(
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

/// One answer with all kinds of a group.
const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

fn text(value: &Value, name: &str) -> String {
    let found = value.get(name).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}
