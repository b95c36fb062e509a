//! What all objects of one request have in common: names, labels, annotations, owner.

use super::{Part, Request};
use crate::kind::Kind;
use crate::names::{self, CLASS_NAME, FLEET, GATEWAY, GATEWAY_NAMESPACE};
use crate::settings::Settings;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Texts by name.
pub type Texts = BTreeMap<String, String>;

/// What all objects of one request have in common.
pub struct Frame<'a> {
    pub request: &'a Request,
    pub settings: &'a Settings,
    namespace: &'a str,
    name: String,
    owned: bool,
}

impl<'a> Frame<'a> {
    pub fn new(request: &'a Request, settings: &'a Settings) -> Self {
        let balancer = &request.input.balancer;
        let (namespace, name) = match request.part {
            Part::Dedicated => (
                &*balancer.gateway.namespace,
                names::object_name(&balancer.gateway.name, &balancer.class),
            ),
            Part::Tenant => (
                settings.namespace.as_str(),
                names::tenant_name(&balancer.gateway, &balancer.class),
            ),
            Part::Fleet => (settings.namespace.as_str(), names::fleet_name(&balancer.class)),
        };
        Self {
            request,
            settings,
            namespace,
            name,
            // Garbage collection follows owners within a namespace, and to objects without one.
            owned: request.part != Part::Tenant,
        }
    }

    /// The frame of a tenant's name in the Gateway's own namespace.
    pub fn alias(request: &'a Request, settings: &'a Settings) -> Self {
        let balancer = &request.input.balancer;
        Self {
            request,
            settings,
            namespace: &balancer.gateway.namespace,
            name: names::object_name(&balancer.gateway.name, &balancer.class),
            owned: true,
        }
    }

    pub fn namespace(&self) -> &str {
        self.namespace
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Labels that select the pods.
    pub fn selector(&self) -> Texts {
        let balancer = &self.request.input.balancer;
        match self.request.part {
            Part::Dedicated => names::selector(&balancer.gateway, &balancer.class),
            Part::Tenant | Part::Fleet => names::fleet_selector(&balancer.class),
        }
    }

    /// Labels of every object: ours win over those of `infrastructure`.
    pub fn labels(&self) -> Texts {
        let balancer = &self.request.input.balancer;
        let mut labels = Texts::new();
        if self.request.part == Part::Fleet {
            labels.insert(CLASS_NAME.to_owned(), names::label_value(&balancer.class));
            labels.extend(self.selector());
        } else {
            let given = balancer.infrastructure.labels.iter();
            labels.extend(given.map(|(key, value)| (key.to_string(), value.to_string())));
            labels.extend(names::selector(&balancer.gateway, &balancer.class));
            let namespace = names::label_value(&balancer.gateway.namespace);
            labels.insert(GATEWAY_NAMESPACE.to_owned(), namespace);
        }
        labels.extend(names::marks(&self.settings.controller));
        labels.insert("app.kubernetes.io/name".to_owned(), "gatewright-proxy".to_owned());
        labels
    }

    /// Annotations of every object: what a Gateway's `infrastructure` says, and whose it is.
    pub fn annotations(&self) -> Texts {
        let balancer = &self.request.input.balancer;
        let mut annotations = Texts::new();
        if self.request.part != Part::Fleet {
            let given = balancer.infrastructure.annotations.iter();
            annotations.extend(given.map(|(key, value)| (key.to_string(), value.to_string())));
            annotations.insert(GATEWAY.to_owned(), balancer.gateway.to_string());
        }
        if self.request.part != Part::Dedicated {
            annotations.insert(FLEET.to_owned(), balancer.class.to_string());
        }
        annotations
    }

    /// A whole object.
    pub fn object(&self, kind: Kind, body: Value) -> Value {
        let mut annotations = self.annotations();
        if kind == Kind::Service && self.request.part != Part::Fleet {
            let service = super::Choice::of(&self.request.input).service;
            for (key, value) in service
                .into_iter()
                .flat_map(|found| found.annotations.iter().flatten())
            {
                annotations.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        let mut metadata = Map::new();
        metadata.insert("name".to_owned(), json!(self.name));
        metadata.insert("namespace".to_owned(), json!(self.namespace));
        metadata.insert("labels".to_owned(), json!(self.labels()));
        metadata.insert("annotations".to_owned(), json!(annotations));
        if self.owned {
            metadata.insert("ownerReferences".to_owned(), json!([self.owner()]));
        }
        let mut object = Map::new();
        object.insert("apiVersion".to_owned(), json!(kind.version()));
        object.insert("kind".to_owned(), json!(kind.as_str()));
        object.insert("metadata".to_owned(), Value::Object(metadata));
        if let Value::Object(body) = body {
            object.extend(body);
        }
        Value::Object(object)
    }

    /// Garbage collection takes everything along with its owner, also while the controller is away.
    fn owner(&self) -> Value {
        let balancer = &self.request.input.balancer;
        let (kind, name, uid) = match self.request.part {
            Part::Fleet => ("GatewayClass", &balancer.class, &self.request.input.class_uid),
            Part::Dedicated | Part::Tenant => ("Gateway", &balancer.gateway.name, &self.request.input.uid),
        };
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": kind,
            "name": &**name,
            "uid": uid,
            "controller": true,
        })
    }
}
