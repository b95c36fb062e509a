//! Statuses: computed from what the units found, merged with what is there, announced when different.

use super::Engine;
use super::delta::StatusChange;
use super::policies::has_ancestors;
use super::pool::hash_of_json;
use crate::backend::{BackendNotice, Location};
use crate::graph::gateway::GatewayNode;
use crate::graph::parameters::Parameters;
use crate::graph::route::ParentNode;
use crate::snapshot::{Kind, Object, ObjectKey};
use crate::status::gateway::GatewayContext;
use crate::status::policy::{MAX_BACKEND_ANCESTORS, MAX_POLICY_ANCESTORS, Shape, ancestors};
use crate::status::route::{ParentOutcome, RouteContext};
use crate::status::shortfall::RouteShortfall;
use crate::status::{Stamp, Status, class, gateway, listener_set, mesh, route};
use crate::translate::{Extensions, Refusal, RouteFindings};
use gatewright_crds::api::{PolicyStatus, XBackendStatus};
use gatewright_model::Str;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ObjectName, RouteKey};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Reason of `Accepted=False` of a route whose hostname an older route of another kind has.
const HOSTNAME_CONFLICT: &str = "HostnameConflict";

impl Engine {
    pub(super) fn publish(&mut self, key: ObjectKey, now: Timestamp) {
        let Some(object) = self.object(&key) else {
            self.statuses.remove(&key);
            self.silent.remove(&key);
            if key.kind == Kind::ListenerSet {
                self.adopted.remove(&key.name);
            }
            return;
        };
        let stamp = Stamp {
            generation: object.metadata().generation,
            at: now,
        };
        let Some(status) = self.computed(&key, stamp) else {
            if self.statuses.contains_key(&key) {
                self.silent.insert(key);
            }
            return;
        };
        self.silent.remove(&key);
        if key.kind == Kind::ListenerSet {
            self.adopted.insert(key.name.clone());
        }
        if self.statuses.get(&key).is_some_and(|known| **known == status) {
            return;
        }
        let status = self.shared_statuses.share(hash_of_json(&status), status);
        let before = self.statuses.insert(key.clone(), Arc::clone(&status));
        let before = before.filter(|before| !before.is_default());
        self.delta.statuses.push(StatusChange { key, status, before });
    }

    /// The status of an object; `None` when we have nothing to say about it.
    fn computed(&self, key: &ObjectKey, stamp: Stamp) -> Option<Status> {
        let existing = self.statuses.get(key).map(|status| &**status);
        match key.kind {
            Kind::GatewayClass => {
                let node = self.classes.get(&key.name.name)?;
                let before = match existing {
                    Some(Status::Class(status)) => Some(status),
                    _ => None,
                };
                Some(Status::Class(class::status(
                    before,
                    node,
                    &self.options.bundle,
                    stamp,
                )))
            }
            Kind::Gateway => {
                let node = self.gateways.get(&key.name)?.node.as_ref()?;
                let before = match existing {
                    Some(Status::Gateway(status)) => Some(status),
                    _ => None,
                };
                let attached = self.attached_counts(node);
                let context = self.gateway_context(&key.name, &attached);
                Some(Status::Gateway(gateway::status(before, node, context, stamp)))
            }
            Kind::ListenerSet => self.listener_set_status(key, existing, stamp),
            Kind::XMesh => self.mesh_status(key, existing, stamp),
            kind if has_ancestors(kind) => self.policy_status(key, existing, stamp),
            _ => self.route_status(&key.route()?, existing, stamp),
        }
    }

    fn gateway_context<'a>(
        &'a self,
        gateway: &ObjectName,
        attached: &'a BTreeMap<ListenerKey, usize>,
    ) -> GatewayContext<'a> {
        GatewayContext {
            programming: self.programming.get(gateway),
            attached,
            stands: self.options.backends.location == Location::Cluster,
            routability: self.options.routability,
        }
    }

    /// Routes that are attached to each listener and accepted, by the Gateway's provider as well.
    fn attached_counts(&self, node: &GatewayNode) -> BTreeMap<ListenerKey, usize> {
        let shortfall = self.programming.get(&node.name).map(|found| &found.shortfall);
        let judged = shortfall.into_iter().flat_map(|shortfall| {
            let routes = shortfall.routes().filter(|route| {
                let rules = self.routes.get(route).and_then(|state| state.rules.as_ref());
                let found = shortfall.route(route, rules.map(|rules| &rules.rules));
                found.refused.is_some()
            });
            routes.collect::<Vec<_>>()
        });
        let refused: Vec<&RouteKey> = judged.collect();
        let listeners = node.listeners.iter().map(|listener| &listener.key);
        let counts = listeners.filter_map(|key| {
            let known = self.listeners.get(key)?;
            Some((key.clone(), known.attached_without(&refused)))
        });
        counts.collect()
    }

    fn listener_set_status(
        &self,
        key: &ObjectKey,
        existing: Option<&Status>,
        stamp: Stamp,
    ) -> Option<Status> {
        let Object::ListenerSet(object) = self.object(key)? else {
            return None;
        };
        let parent = &object.spec.parent_ref;
        let namespace = parent.namespace.as_deref().unwrap_or(&key.name.namespace);
        let gateway = ObjectName::new(namespace, &parent.name);
        let before = match existing {
            Some(Status::ListenerSet(status)) => Some(status),
            _ => None,
        };
        // What was said while the Gateway was there would be wrong without it. What others said is theirs.
        if self.adopted.contains(&key.name) && self.snapshot.get(Kind::Gateway, &gateway).is_none() {
            return Some(Status::ListenerSet(listener_set::orphaned(
                before, &gateway, stamp,
            )));
        }
        let node = self.gateways.get(&gateway)?.node.as_ref()?;
        let set = node.sets.iter().find(|set| set.name == key.name)?;
        let attached = self.attached_counts(node);
        let context = self.gateway_context(&gateway, &attached);
        Some(Status::ListenerSet(listener_set::status(
            before,
            (node, set),
            context,
            stamp,
        )))
    }

    /// Only of meshes that name one of our controllers.
    fn mesh_status(&self, key: &ObjectKey, existing: Option<&Status>, stamp: Stamp) -> Option<Status> {
        let Object::XMesh(object) = self.object(key)? else {
            return None;
        };
        let ours = |name: &gatewright_model::Str| **name == *object.spec.controller_name;
        if !self.controllers.iter().any(ours) {
            return None;
        }
        let before = match existing {
            Some(Status::Mesh(status)) => Some(status),
            _ => None,
        };
        Some(Status::Mesh(mesh::status(before, stamp)))
    }

    fn policy_status(&self, key: &ObjectKey, existing: Option<&Status>, stamp: Stamp) -> Option<Status> {
        let wanted = self.policies.get(key).map(Vec::as_slice).unwrap_or_default();
        if wanted.is_empty() && existing.is_none() {
            return None;
        }
        let ours = (self.controllers.as_slice(), stamp);
        if key.kind == Kind::XBackend {
            let before = match existing {
                Some(Status::Backend(status)) => status.ancestors.as_deref().unwrap_or_default(),
                _ => &[],
            };
            let merged = ancestors(before, wanted, (Shape::Accepted, MAX_BACKEND_ANCESTORS), ours);
            return Some(Status::Backend(XBackendStatus {
                ancestors: Some(merged),
            }));
        }
        let shape = match key.kind {
            Kind::XBackendTrafficPolicy | Kind::AwsTargetGroup => Shape::Accepted,
            _ => Shape::WithReferences,
        };
        let before = match existing {
            Some(Status::Policy(status)) => status.ancestors.as_slice(),
            _ => &[],
        };
        let merged = ancestors(before, wanted, (shape, MAX_POLICY_ANCESTORS), ours);
        Some(Status::Policy(PolicyStatus { ancestors: merged }))
    }

    fn route_status(&self, key: &RouteKey, existing: Option<&Status>, stamp: Stamp) -> Option<Status> {
        let before = match existing {
            Some(Status::Route(status)) => Some(status),
            _ => None,
        };
        let state = self.routes.get(key);
        let parents = state
            .map(|state| state.parents.parents.as_slice())
            .unwrap_or_default();
        if parents.is_empty() && before.is_none() {
            return None;
        }
        let nothing = RouteFindings::default();
        let findings = state
            .and_then(|state| state.rules.as_ref())
            .map_or(&nothing, |rules| &rules.findings);
        let whole = findings.refused();
        let lost: Vec<Option<Refusal>> = parents
            .iter()
            .map(|parent| self.lost_everywhere(parent, key))
            .collect();
        let judged: Vec<Option<RouteShortfall>> =
            parents.iter().map(|parent| self.judged(parent, key)).collect();
        let served = RouteShortfall::default();
        let told: Vec<[Vec<(Str, Str)>; 2]> = parents.iter().map(|parent| self.told(parent)).collect();
        let outcomes: Vec<ParentOutcome<'_>> = parents
            .iter()
            .zip(lost.iter().zip(&judged))
            .zip(&told)
            .map(|((parent, (lost, judged)), [names, resources])| ParentOutcome {
                parent,
                refused: parent.outcome.as_ref().err().or(whole.as_ref()).or(lost.as_ref()),
                shortfall: judged.as_ref().unwrap_or(&served),
                names,
                resources,
                pending: judged.is_none(),
                extensions: self.extensions(parent),
            })
            .collect();
        let used = state.and_then(|state| state.contributed.as_ref());
        let notices: Vec<&BackendNotice> = used
            .into_iter()
            .flat_map(|rules| &rules.findings.backends)
            .filter_map(|backend| self.backends.get(backend))
            .flat_map(|backend| &backend.notices)
            .collect();
        let context = RouteContext {
            findings,
            notices: &notices,
            ours: &self.controllers,
        };
        Some(Status::Route(route::status(before, &outcomes, context, stamp)))
    }

    /// Whether a parent's provider knows our own kinds of filters. Of a Gateway with invalid parameters nothing is said.
    fn extensions(&self, parent: &ParentNode) -> Extensions {
        let state = self.gateways.get(&parent.gateway);
        match state.and_then(|state| state.node.as_ref()?.parameters.as_ref()) {
            None | Some(Parameters::AwsAlb(_)) => Extensions::Served,
            Some(Parameters::None | Parameters::Software(_) | Parameters::AwsLattice(_)) => {
                Extensions::Unknown
            }
        }
    }

    /// What a parent's provider cannot express of a route; `None` before it had a word.
    fn judged(&self, parent: &ParentNode, key: &RouteKey) -> Option<RouteShortfall> {
        let node = self
            .gateways
            .get(&parent.gateway)
            .and_then(|state| state.node.as_ref());
        if !node.is_some_and(|node| node.judged) {
            return Some(RouteShortfall::default());
        }
        let programming = self.programming.get(&parent.gateway)?;
        let rules = self.routes.get(key).and_then(|state| state.rules.as_ref());
        Some(programming.shortfall.route(key, rules.map(|rules| &rules.rules)))
    }

    /// Hostnames that a route has at a parent, in order: with the names that they are reached by there, and with what serves them.
    fn told(&self, parent: &ParentNode) -> [Vec<(Str, Str)>; 2] {
        let Some(programming) = self.programming.get(&parent.gateway) else {
            return [Vec::new(), Vec::new()];
        };
        let any = Str::from("*");
        let attachments = parent.outcome.iter().flatten();
        let hosts: BTreeSet<&Str> = attachments
            .flat_map(|attachment| &attachment.hosts)
            .filter_map(|host| match &host.effective {
                HostPattern::Exact(host) => Some(host),
                HostPattern::Any => Some(&any),
                HostPattern::Wildcard(_) => None,
            })
            .collect();
        [&programming.names, &programming.resources].map(|known| {
            let found = hosts.iter().filter_map(|host| known.get_key_value(*host));
            found.map(|(host, name)| (host.clone(), name.clone())).collect()
        })
    }

    /// `Accepted=False` when rivals took every listener that a parent attaches to.
    fn lost_everywhere(&self, parent: &ParentNode, key: &RouteKey) -> Option<Refusal> {
        let attachments = parent.outcome.as_ref().ok()?;
        let mut first = None;
        for attachment in attachments {
            let host = self.lost(&attachment.listener, key)?;
            first.get_or_insert((&attachment.listener.name, host));
        }
        let (listener, host) = first?;
        Some(Refusal {
            reason: HOSTNAME_CONFLICT,
            message: format!(
                "spec.hostnames: on listener {listener} an older route of another kind serves hostname {host}; one \
                 hostname of a listener is served either by HTTPRoutes or by GRPCRoutes"
            ),
        })
    }
}
