//! `AwsTargetGroupBinding`s: pods in target groups that somebody else made.
//!
//! ```text
//! hub -> Bindings -> line -> cloud (registers, deregisters)
//!                      |
//!                      '-> finalizer, status of the object: which targets are ours
//! ```
//!
//! The status is the ledger: it is written before anything is registered, and read from the API server at the beginning
//! of every run, never from a watch.

mod status;
#[cfg(test)]
mod tests;
mod work;

pub use work::{BindingWork, Wish, binding_cloud};

use super::gates::Book;
use super::work::Line;
use crate::cluster::vital;
use gatewright_core::Engine;
use gatewright_core::backend::BackendOptions;
use gatewright_core::graph::binding;
use gatewright_core::snapshot::{Kind, Object, ObjectKey, View};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Instances, Membership};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::{mpsc, watch};

/// The hub's side of bindings.
pub struct Bindings {
    line: Line<BindingWork>,
    options: BackendOptions,
    known: BTreeMap<ObjectName, Wish>,
}

/// Where something changed that bindings depend on.
#[derive(Default)]
pub struct Touched {
    namespaces: BTreeSet<gatewright_model::Str>,
    everywhere: bool,
}

impl Touched {
    /// An object is new, different or gone.
    pub fn note(&mut self, key: &ObjectKey) {
        match key.kind {
            Kind::AwsBinding | Kind::Service | Kind::EndpointSlice | Kind::Pod => {
                self.namespaces.insert(key.name.namespace.clone());
            }
            Kind::Node => self.everywhere = true,
            _ => {}
        }
    }

    fn holds(&self, name: &ObjectName) -> bool {
        self.everywhere || self.namespaces.contains(&name.namespace)
    }
}

impl Bindings {
    /// Nothing is done before [`Bindings::start`].
    pub fn new(line: Line<BindingWork>, options: BackendOptions) -> Self {
        Self {
            line,
            options,
            known: BTreeMap::new(),
        }
    }

    /// Works while everything is known and this process leads.
    pub fn start(&self, leads: watch::Receiver<bool>, mut synced: watch::Receiver<bool>) {
        let line = self.line.clone();
        // Nobody needs to be told: a run writes the status itself.
        let (out, mut told) = mpsc::channel(1);
        tokio::spawn(async move { while told.recv().await.is_some() {} });
        vital::spawn("binding", async move {
            if synced.wait_for(|synced| *synced).await.is_ok() {
                line.run(leads, out).await;
            }
        });
    }

    /// Looks at the bindings that changes may concern, and tells the book of pods that wait for load balancers.
    pub fn look(&mut self, engine: &Engine, touched: &Touched, book: &Book) {
        let snapshot = engine.snapshot();
        let exist: BTreeSet<&ObjectName> = snapshot.all(Kind::AwsBinding).map(|(name, _)| name).collect();
        let gone: Vec<ObjectName> = self
            .known
            .keys()
            .filter(|name| !exist.contains(name))
            .cloned()
            .collect();
        for name in gone {
            self.known.remove(&name);
            book.forget_binding(&name);
            self.line.remove(&name);
        }
        for (name, object) in snapshot
            .all(Kind::AwsBinding)
            .filter(|(name, _)| touched.holds(name))
        {
            let Object::AwsBinding(found) = &**object else {
                continue;
            };
            let view = View::new(snapshot);
            let instances = binding::instances(&view, found, self.options).map(|found| Instances {
                pods: found.pods,
                nodes: found.nodes,
                node_port: found.node_port,
            });
            let reference = &found.spec.target_group;
            let group = reference
                .arn
                .as_deref()
                .or(reference.name.as_deref())
                .unwrap_or_default();
            let wish = Wish {
                name: name.clone(),
                group: group.into(),
                going: found.metadata.deletion_timestamp.is_some(),
                generation: found.metadata.generation.unwrap_or_default(),
                uid: found.metadata.uid.clone().unwrap_or_default(),
                instances,
            };
            if wish.going {
                book.forget_binding(name);
            } else {
                book.note_binding(Membership {
                    binding: name.clone(),
                    service: ObjectName::new(&name.namespace, &found.spec.service.name),
                    group: wish.group.clone(),
                });
            }
            if self.known.get(name) != Some(&wish) {
                self.known.insert(name.clone(), wish.clone());
                self.line.put(name.clone(), wish);
            }
        }
    }
}
