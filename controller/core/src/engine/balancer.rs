//! Load balancers, kept current part by part.

use super::Engine;
use super::compact::{MANY, compact};
use super::delta::{BalancerChange, Parts};
use super::unit::Unit;
use crate::backend::{self, BackendOptions};
use crate::graph::gateway::GatewayNode;
use crate::graph::listener::ListenerNode;
use crate::graph::nodes::{self, NodeFacts};
use crate::graph::parameters::{AwsBackend, AwsRoute, Parameters, wants_nodes};
use crate::lookup::Lookup;
use crate::policy::{aws, target_group};
use crate::snapshot::View;
use crate::translate::{At, RouteFindings};
use gatewright_crds::own::AwsTargetGroupParametersSpec;
use gatewright_model::backend::Endpoint;
use gatewright_model::certificate::Certificate;
use gatewright_model::key::{BackendKey, BackendKind, CertificateKey, ListenerKey, ObjectName, RouteKey};
use gatewright_model::listener::Listener;
use gatewright_model::{LoadBalancer, Str};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Engine {
    /// Brings a Gateway's load balancer up to date and announces what changed.
    pub(super) fn build_balancer(&mut self, name: &ObjectName) {
        let Some(state) = self.gateways.get_mut(name) else {
            return;
        };
        // A Gateway that is not accepted is not served (checklist item 6).
        let node = state.node.clone().filter(|node| node.refused.is_none());
        let changed = std::mem::take(&mut state.changed);
        let node_changed = std::mem::take(&mut state.node_changed);
        let unit = Unit::Balancer(name.clone());
        let Some(node) = node else {
            if state.balancer.take().is_some() {
                self.delta.balancers.push(BalancerChange::Removed(name.clone()));
            }
            if state.is_empty() {
                self.gateways.remove(name);
            }
            self.tracker.forget(&unit);
            return;
        };
        let view = View::new(&self.snapshot);
        let extra: BTreeSet<&CertificateKey> = state.backend_certificates.values().collect();
        let extra: Vec<Arc<Certificate>> = extra
            .into_iter()
            .filter_map(|key| Some(Arc::clone(&view.certificate(&key.0)?.ok()?.certificate)))
            .collect();
        let target_groups = target_groups(&view, &node, &state.backends);
        let nodes = nodes(&view, &node, &target_groups);
        let warming = warming(&view, &node, (&state.backends, self.options.backends));
        let findings = state.http_routes.keys().filter_map(|key| {
            let rules = self.routes.get(key)?.rules.as_ref()?;
            Some((key, &rules.findings))
        });
        let (extensions, own_backends) = extensions(&view, &node, findings);
        let asked = view.asked();
        if asked.is_empty() {
            self.tracker.forget(&unit);
        } else {
            self.tracker.set(&unit, asked);
        }
        // The routes and backends of a Gateway that was not served before were never announced.
        let (mut balancer, mut parts, fresh) = match state.balancer.take() {
            Some(balancer) => (
                balancer,
                Parts {
                    settings: changed.settings,
                    ..Parts::default()
                },
                false,
            ),
            None => (
                Arc::new(settings(&node)),
                Parts {
                    settings: true,
                    ..Parts::default()
                },
                true,
            ),
        };
        if state.target_groups != target_groups {
            state.target_groups = target_groups;
            parts.settings = true;
        }
        if state.extensions != extensions {
            state.extensions = extensions;
            parts.settings = true;
        }
        if state.own_backends != own_backends {
            state.own_backends = own_backends;
            parts.settings = true;
        }
        if *state.nodes != nodes {
            state.nodes = Arc::new(nodes);
            parts.settings = true;
        }
        if *state.warming != warming {
            state.warming = Arc::new(warming);
            parts.settings = true;
        }
        let (http, stream, needed) = if fresh {
            (
                state.http_routes.keys().cloned().collect(),
                state.stream_routes.keys().cloned().collect(),
                state.backends.keys().cloned().collect(),
            )
        } else {
            (changed.http_routes, changed.stream_routes, changed.backends)
        };
        {
            let target = Arc::make_mut(&mut balancer);
            parts.http_routes = sync(&mut target.http_routes, &state.http_routes, http);
            parts.stream_routes = sync(&mut target.stream_routes, &state.stream_routes, stream);
            parts.backends = sync_backends(target, needed, |key| {
                let needed = state.backends.contains_key(key);
                self.backends.get(key).filter(|_| needed)?.backend.clone()
            });
            if parts.http_routes.len() >= MANY {
                compact(&mut target.http_routes);
            }
            if parts.backends.len() >= MANY {
                compact(&mut target.backends);
            }
            if node_changed || fresh {
                parts.settings |= replace_settings(target, &node);
                parts.listeners = replace(&mut target.listeners, listeners(&node));
            }
            parts.certificates = replace(&mut target.certificates, certificates(&node, extra));
        }
        state.balancer = Some(Arc::clone(&balancer));
        if !parts.is_empty() {
            self.delta
                .balancers
                .push(BalancerChange::Changed { balancer, parts });
        }
    }
}

/// Settings of single Services, where the provider takes such.
fn target_groups(
    view: &View<'_>,
    node: &GatewayNode,
    backends: &BTreeMap<BackendKey, usize>,
) -> BTreeMap<ObjectName, Arc<AwsTargetGroupParametersSpec>> {
    if !node
        .parameters
        .as_ref()
        .is_some_and(Parameters::takes_target_groups)
    {
        return BTreeMap::new();
    }
    let services: BTreeSet<&ObjectName> = backends
        .keys()
        .filter(|key| key.kind == BackendKind::Service)
        .map(|key| &key.object)
        .collect();
    let found = services.into_iter();
    found
        .filter_map(|service| Some((service.clone(), target_group::effective(view, service)?)))
        .collect()
}

/// What rules of routes name in filters of type ExtensionRef, by route and rule.
type Filters = BTreeMap<(RouteKey, u32), AwsRoute>;
/// What their backend references name of our own kinds, by route, rule and position.
type OwnBackends = BTreeMap<(RouteKey, u32, u32), AwsBackend>;

/// What rules of routes name of our own kinds, where the provider takes such.
fn extensions<'a>(
    view: &View<'_>,
    node: &GatewayNode,
    routes: impl Iterator<Item = (&'a RouteKey, &'a RouteFindings)>,
) -> (Filters, OwnBackends) {
    let (mut filters, mut backends) = (Filters::new(), OwnBackends::new());
    if !matches!(node.parameters, Some(Parameters::AwsAlb(_))) {
        return (filters, backends);
    }
    for (key, findings) in routes {
        for found in &findings.extensions {
            match found.at {
                At::Filter => {
                    let settings = aws::route(view, found);
                    filters.extend(settings.map(|settings| ((key.clone(), found.rule), settings)));
                }
                At::Backend(position) => {
                    let settings = aws::backend(view, found);
                    let of = (key.clone(), found.rule, position);
                    backends.extend(settings.map(|settings| (of, settings)));
                }
            }
        }
    }
    (filters, backends)
}

/// Nodes that may take traffic, where a setting makes them targets.
fn nodes(
    view: &View<'_>,
    node: &GatewayNode,
    services: &BTreeMap<ObjectName, Arc<AwsTargetGroupParametersSpec>>,
) -> BTreeMap<Str, NodeFacts> {
    match &node.parameters {
        Some(Parameters::AwsAlb(found))
            if wants_nodes(&found.balancer, services.values().map(Arc::as_ref)) =>
        {
            nodes::serving(view)
        }
        _ => BTreeMap::new(),
    }
}

/// Instances that wait for the load balancer to find them healthy, where the provider says so of its own.
fn warming(
    view: &View<'_>,
    node: &GatewayNode,
    (backends, options): (&BTreeMap<BackendKey, usize>, BackendOptions),
) -> BTreeMap<BackendKey, Vec<Endpoint>> {
    if !matches!(node.parameters, Some(Parameters::AwsAlb(_))) {
        return BTreeMap::new();
    }
    let services = backends.keys().filter(|key| key.kind != BackendKind::XBackend);
    let found = services.map(|key| (key.clone(), backend::warming(view, key, options)));
    found.filter(|(_, endpoints)| !endpoints.is_empty()).collect()
}

/// Copies the entries of some keys and returns those that differed.
fn sync<K: Ord + Clone, V: PartialEq>(
    target: &mut BTreeMap<K, Arc<V>>,
    source: &BTreeMap<K, Arc<V>>,
    keys: BTreeSet<K>,
) -> BTreeSet<K> {
    let differs = |key: &K, target: &mut BTreeMap<K, Arc<V>>| match source.get(key) {
        Some(value) if target.get(key).is_some_and(|known| **known == **value) => false,
        Some(value) => {
            target.insert(key.clone(), Arc::clone(value));
            true
        }
        None => target.remove(key).is_some(),
    };
    keys.into_iter().filter(|key| differs(key, target)).collect()
}

fn sync_backends(
    target: &mut LoadBalancer,
    keys: BTreeSet<BackendKey>,
    find: impl Fn(&BackendKey) -> Option<Arc<gatewright_model::backend::Backend>>,
) -> BTreeSet<BackendKey> {
    let source = keys
        .iter()
        .filter_map(|key| Some((key.clone(), find(key)?)))
        .collect();
    sync(&mut target.backends, &source, keys)
}

/// Replaces a map, keeping allocations of equal entries, and returns the keys that differed.
fn replace<K: Ord + Clone, V: PartialEq>(
    target: &mut BTreeMap<K, Arc<V>>,
    source: BTreeMap<K, Arc<V>>,
) -> BTreeSet<K> {
    let keys = target.keys().chain(source.keys()).cloned().collect();
    sync(target, &source, keys)
}

fn listeners(node: &GatewayNode) -> BTreeMap<ListenerKey, Arc<Listener>> {
    let programmable = node
        .listeners
        .iter()
        .filter_map(|listener| listener.model.as_ref());
    programmable
        .map(|listener| (listener.key.clone(), Arc::clone(listener)))
        .collect()
}

fn certificates(
    node: &GatewayNode,
    extra: Vec<Arc<Certificate>>,
) -> BTreeMap<CertificateKey, Arc<Certificate>> {
    let served = node.listeners.iter().filter(|listener| listener.model.is_some());
    let served = served.flat_map(ListenerNode::model_certificates).cloned();
    let client = node
        .client_certificate
        .iter()
        .filter_map(|found| found.as_ref().ok());
    let client = client.map(|checked| Arc::clone(&checked.certificate));
    served
        .chain(client)
        .chain(extra)
        .map(|certificate| (certificate.key.clone(), certificate))
        .collect()
}

/// A load balancer without any parts.
fn settings(node: &GatewayNode) -> LoadBalancer {
    LoadBalancer {
        gateway: node.name.clone(),
        class: node.class.clone(),
        controller: node.controller.clone(),
        addresses: node.addresses.clone(),
        infrastructure: node.infrastructure.clone(),
        listeners: BTreeMap::new(),
        http_routes: BTreeMap::new(),
        stream_routes: BTreeMap::new(),
        backends: BTreeMap::new(),
        certificates: BTreeMap::new(),
        backend_client_certificate: client_certificate(node),
        tracing: node.tracing.clone(),
    }
}

fn client_certificate(node: &GatewayNode) -> Option<CertificateKey> {
    let found = node.client_certificate.as_ref()?.as_ref().ok()?;
    Some(found.certificate.key.clone())
}

/// Replaces everything outside of the maps; whether it differed.
fn replace_settings(target: &mut LoadBalancer, node: &GatewayNode) -> bool {
    let LoadBalancer {
        gateway: _,
        class,
        controller,
        addresses,
        infrastructure,
        listeners: _,
        http_routes: _,
        stream_routes: _,
        backends: _,
        certificates: _,
        backend_client_certificate,
        tracing,
    } = target;
    let client = client_certificate(node);
    let same = *class == node.class
        && *controller == node.controller
        && *addresses == node.addresses
        && *infrastructure == node.infrastructure
        && *backend_client_certificate == client
        && *tracing == node.tracing;
    class.clone_from(&node.class);
    controller.clone_from(&node.controller);
    addresses.clone_from(&node.addresses);
    infrastructure.clone_from(&node.infrastructure);
    *backend_client_certificate = client;
    tracing.clone_from(&node.tracing);
    !same
}
