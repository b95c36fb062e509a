//! The verdict of the API server.

use super::documents::{Document, Head};
use crate::api::{Api, JSON, YAML};
use anyhow::{Context, Result, bail};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
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

/// A connection to the API server, with what it serves.
pub struct Server {
    api: Api,
    /// Objects made for the sake of their status.
    made: AtomicUsize,
}

const DRY: &str = "dryRun=All&fieldValidation=Strict";

impl Server {
    /// Connects to the cluster of `KUBECONFIG` and asks what it serves.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub async fn connect() -> Result<Self> {
        Ok(Self {
            api: Api::connect().await?,
            made: AtomicUsize::new(0),
        })
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
            self.api
                .ask(
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
                .api
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
            .api
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
            .api
            .ask(Method::PUT, &update, JSON, object.to_string().into_bytes())
            .await?;
        self.api.ask(Method::DELETE, &one, JSON, Vec::new()).await?;
        match status {
            StatusCode::OK => Ok(Verdict::Accepted(Vec::new())),
            status if status.is_client_error() => Ok(Verdict::Refused(text(&answer, "message"))),
            status => bail!("{document}: the API server answered {status}: {answer}"),
        }
    }

    fn path(&self, head: &Head) -> Option<String> {
        self.api
            .collection(&head.api_version, &head.kind, &head.namespace)
    }
}

fn text(value: &Value, name: &str) -> String {
    let found = value.get(name).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}
