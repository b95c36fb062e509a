//! The contract of providers, for proxies in a cluster.

use crate::addresses;
use crate::cluster::Cluster;
use crate::kind::{Key, Objects, Observed, text};
use crate::lower::{self, Request};
use crate::names::{FLEET, GATEWAY};
use crate::plan::{self, Step, is_going};
use crate::settings::Settings;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::{Addresses, Change, Driver, ErrorKind, Lowered, Plan, ProviderError};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The driver.
pub struct SoftwareDriver<C> {
    /// The API server.
    pub cluster: C,
    /// What does not depend on a Gateway.
    pub settings: Settings,
}

/// What is wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target {
    /// The objects.
    pub objects: Objects,
    /// Objects that stay as they are for now.
    pub held: BTreeSet<Key>,
}

impl<C: Cluster> Driver for SoftwareDriver<C> {
    type Input = Request;
    type Target = Target;
    type Observed = Observed;
    type Step = Step;

    fn provider(&self) -> Provider {
        Provider::Software
    }

    fn gateway<'a>(&self, request: &'a Request) -> &'a ObjectName {
        &request.owner
    }

    fn lower(&self, request: &Request) -> Lowered<Target> {
        Lowered {
            target: Target {
                objects: lower::lower(request, &self.settings),
                held: request.held.clone(),
            },
            // The proxy serves the whole model.
            unsupported: Vec::new(),
        }
    }

    async fn observe(&self, owner: &ObjectName) -> Result<Observed, ProviderError> {
        self.cluster.observe(owner).await
    }

    fn plan(&self, target: Option<&Target>, observed: &Observed) -> Plan<Step> {
        let nothing = Target::default();
        let target = target.unwrap_or(&nothing);
        let mut plan = plan::plan(&target.objects, &observed.objects);
        plan.changes
            .retain(|change| !target.held.contains(change.step.key()));
        plan
    }

    async fn apply(&self, change: &Change<Step>) -> Result<(), ProviderError> {
        match &change.step {
            Step::Apply {
                key,
                object,
                uid,
                leave_replicas,
            } => {
                if *leave_replicas {
                    self.cluster.leave_replicas(key).await?;
                }
                self.write(key, object, uid.as_deref()).await
            }
            Step::Replace { key, object, uid } => {
                if self.cluster.delete(key, uid).await? {
                    self.write(key, object, None).await
                } else {
                    Err(going(key))
                }
            }
            Step::Delete { key, uid } => self.cluster.delete(key, uid).await.map(|_| ()),
        }
    }

    fn addresses(&self, request: &Request, observed: &Observed) -> Addresses {
        addresses::read(request, &self.settings, observed)
    }
}

impl<C: Cluster> SoftwareDriver<C> {
    async fn write(&self, key: &Key, object: &Arc<Value>, uid: Option<&str>) -> Result<(), ProviderError> {
        let uid = match uid {
            Some(uid) => Some(uid.to_owned()),
            None => self.unclaimed(key, object).await?,
        };
        let Some(uid) = uid else {
            return self.cluster.apply(key, object).await;
        };
        let mut object = Value::clone(object);
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("uid".to_owned(), json!(uid));
        }
        self.cluster.apply(key, &object).await
    }

    /// Before an object is made: what stands in its place. Nothing, or one of the same owner that lost its
    /// label or was not seen yet: then its uid. Server-side apply would take over anybody's.
    async fn unclaimed(&self, key: &Key, object: &Value) -> Result<Option<String>, ProviderError> {
        let Some(found) = self.cluster.get(key).await? else {
            return Ok(None);
        };
        if is_going(&found) {
            return Err(going(key));
        }
        if owner_of(&found) != owner_of(object) {
            return Err(ProviderError {
                kind: ErrorKind::NotOurs,
                resource: key.resource(),
                message: "it exists and was not made for this Gateway: rename it, or the Gateway".to_owned(),
            });
        }
        Ok(Some(text(&found, "/metadata/uid").to_owned()))
    }
}

fn going(key: &Key) -> ProviderError {
    ProviderError {
        kind: ErrorKind::InUse,
        resource: key.resource(),
        message: "the one before it is still being deleted".to_owned(),
    }
}

/// Whose an object is, by its annotations: a Gateway's, or (without namespace) a class'.
pub fn owner_of(object: &Value) -> Option<ObjectName> {
    let annotations = object.pointer("/metadata/annotations")?;
    let named = |name: &str| annotations.get(name).and_then(Value::as_str);
    match named(GATEWAY) {
        Some(gateway) => {
            let (namespace, name) = gateway.split_once('/')?;
            Some(ObjectName::new(namespace, name))
        }
        None => Some(ObjectName::new("", named(FLEET)?)),
    }
}
