//! From a route's parents and rules to what it adds to load balancers.

use super::Engine;
use super::pool::hash_of;
use super::rivals::{Candidate, losers};
use super::state::{BackendState, Places, RouteState};
use super::unit::Unit;
use crate::graph::route::{RouteRules, Rules};
use crate::small_set::SmallSet;
use crate::snapshot::{Dep, Kind, ObjectKey, View};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{
    BackendKey, BackendKind, ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind,
};
use gatewright_model::route::{Attachment, HttpRoute, RouteHost, StreamRoute};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The attachments of a route by Gateway; of several parentRefs to one listener the union.
type ByGateway = BTreeMap<ObjectName, BTreeMap<ListenerKey, BTreeSet<RouteHost>>>;

impl Engine {
    /// Enters a route into the listeners that would accept it.
    pub(super) fn attachment(&mut self, key: &RouteKey) {
        let Some(state) = self.routes.get_mut(key) else {
            return;
        };
        let now: SmallSet<ListenerKey> = accepting(state)
            .flat_map(|(_, attachments)| attachments.iter().map(|attachment| attachment.listener.clone()))
            .collect();
        let before = Arc::clone(&state.places);
        let (before, now) = (&before.listeners, &now);
        if before != now {
            let places = Places {
                listeners: now.clone(),
                gateways: state.places.gateways.clone(),
            };
            state.places = self.places.share(hash_of(&places), places);
        }
        for listener in before.difference(now) {
            if let Some(known) = self.listeners.get_mut(listener) {
                known.routes.remove(key);
            }
        }
        for listener in now.difference(before) {
            self.listeners
                .entry(listener.clone())
                .or_default()
                .routes
                .insert(key.clone());
        }
        for listener in before.union(now) {
            let differs = before.contains(listener) != now.contains(listener);
            if differs {
                self.dirty.insert(Unit::Status(declaring(listener)));
            }
            // Hostnames may differ although the listener is the same one.
            self.dirty.insert(Unit::Rivals(listener.clone()));
        }
        self.dirty.insert(Unit::Contribution(key.clone()));
    }

    /// Decides between HTTPRoutes and GRPCRoutes of one listener.
    pub(super) fn rivals(&mut self, listener: &ListenerKey) {
        let Some(known) = self.listeners.get_mut(listener) else {
            return;
        };
        if known.routes.is_empty() {
            self.listeners.remove(listener);
            return;
        }
        // HTTP routes sort before gRPC routes, so one look at each end tells whether there are both.
        let mixed = known
            .routes
            .first()
            .is_some_and(|key| key.kind == RouteKind::Http)
            && known.routes.last().is_some_and(|key| key.kind == RouteKind::Grpc);
        if !mixed && known.losers.is_empty() {
            return;
        }
        let candidates = known.routes.iter().filter_map(|key| {
            let state = self.routes.get(key)?;
            Some(Candidate {
                key,
                created: state.parents.created,
                hosts: hosts_on(state, listener),
            })
        });
        let now = if mixed {
            losers(candidates.collect())
        } else {
            BTreeMap::new()
        };
        let before = std::mem::replace(&mut known.losers, now.clone());
        if before == now {
            return;
        }
        self.dirty.insert(Unit::Status(declaring(listener)));
        for key in before.keys().chain(now.keys()) {
            if before.get(key) != now.get(key) {
                self.dirty.insert(Unit::Status(ObjectKey::of_route(key)));
                self.dirty.insert(Unit::Contribution(key.clone()));
            }
        }
    }

    /// Whether a route lost its place on a listener, and the hostname it lost.
    pub(super) fn lost(&self, listener: &ListenerKey, key: &RouteKey) -> Option<&HostPattern> {
        self.listeners.get(listener)?.losers.get(key)
    }

    /// Adds a route to its load balancers and takes it out of those that it left.
    pub(super) fn contribution(&mut self, key: &RouteKey) {
        let Some(state) = self.routes.get(key) else { return };
        let attached = self.attached(state, key);
        let rules = state.rules.clone();
        let created = state.parents.created;
        let (places, contributed) = (Arc::clone(&state.places), state.contributed.clone());
        let before = &places.gateways;
        let after: SmallSet<ObjectName> = attached.keys().cloned().collect();
        let none = SmallSet::default();
        for (gateway, listeners) in attached {
            if let Some(rules) = &rules {
                self.place(&gateway, model(key, created, listeners, rules));
            }
        }
        for gateway in before.difference(&after) {
            self.withdraw(gateway, key);
        }
        let backends = |rules: Option<&Arc<RouteRules>>| {
            rules
                .map(|rules| rules.findings.backends.clone())
                .unwrap_or_default()
        };
        let (old, new) = (backends(contributed.as_ref()), backends(rules.as_ref()));
        for gateway in before.union(&after) {
            let old = if before.contains(gateway) { &old } else { &none };
            let new = if after.contains(gateway) { &new } else { &none };
            self.exchange_backends(gateway, old, new);
        }
        let old = if before.is_empty() { &none } else { &old };
        let new = if after.is_empty() { &none } else { &new };
        self.exchange_users(key, old, new);
        let Some(state) = self.routes.get_mut(key) else {
            return;
        };
        state.contributed = if after.is_empty() { None } else { rules };
        let nowhere = after.is_empty();
        if *before != after {
            let places = Places {
                listeners: state.places.listeners.clone(),
                gateways: after,
            };
            state.places = self.places.share(hash_of(&places), places);
        }
        if state.parents.parents.is_empty() && nowhere {
            self.routes.remove(key);
        }
    }

    fn attached(&self, state: &RouteState, key: &RouteKey) -> ByGateway {
        let mut attached = ByGateway::new();
        for (gateway, attachments) in accepting(state) {
            for Attachment { listener, hosts } in attachments {
                if self.lost(listener, key).is_none() {
                    let entry = attached.entry(gateway.clone()).or_default();
                    entry
                        .entry(listener.clone())
                        .or_default()
                        .extend(hosts.iter().cloned());
                }
            }
        }
        attached
    }

    fn place(&mut self, gateway: &ObjectName, model: Model) {
        let state = self.gateways.entry(gateway.clone()).or_default();
        match model {
            Model::Http(route) => {
                if state
                    .http_routes
                    .get(&route.key)
                    .is_some_and(|known| **known == route)
                {
                    return;
                }
                state.changed.http_routes.insert(route.key.clone());
                state.http_routes.insert(route.key.clone(), Arc::new(route));
            }
            Model::Stream(route) => {
                if state
                    .stream_routes
                    .get(&route.key)
                    .is_some_and(|known| **known == route)
                {
                    return;
                }
                state.changed.stream_routes.insert(route.key.clone());
                state.stream_routes.insert(route.key.clone(), Arc::new(route));
            }
        }
        self.dirty.insert(Unit::Balancer(gateway.clone()));
    }

    fn withdraw(&mut self, gateway: &ObjectName, key: &RouteKey) {
        let Some(state) = self.gateways.get_mut(gateway) else {
            return;
        };
        if state.http_routes.remove(key).is_some() {
            state.changed.http_routes.insert(key.clone());
        }
        if state.stream_routes.remove(key).is_some() {
            state.changed.stream_routes.insert(key.clone());
        }
        self.dirty.insert(Unit::Balancer(gateway.clone()));
    }

    /// Counts which backends a Gateway needs.
    pub(super) fn exchange_backends(
        &mut self,
        gateway: &ObjectName,
        before: &SmallSet<BackendKey>,
        after: &SmallSet<BackendKey>,
    ) {
        for key in after.difference(before) {
            let count = self
                .gateways
                .entry(gateway.clone())
                .or_default()
                .backends
                .entry(key.clone())
                .or_default();
            *count += 1;
            if *count == 1 {
                self.need_backend(gateway, key);
            }
        }
        for key in before.difference(after) {
            let Some(state) = self.gateways.get_mut(gateway) else {
                continue;
            };
            let Some(count) = state.backends.get_mut(key) else {
                continue;
            };
            *count = count.saturating_sub(1);
            if *count == 0 {
                state.backends.remove(key);
                state.backend_certificates.remove(key);
                state.changed.backends.insert(key.clone());
                self.dirty.insert(Unit::Balancer(gateway.clone()));
                if let Some(backend) = self.backends.get_mut(key) {
                    backend.gateways.remove(gateway);
                }
                self.dirty.insert(Unit::Backend(key.clone()));
                self.mark_policies_of(key);
            }
        }
    }

    fn need_backend(&mut self, gateway: &ObjectName, key: &BackendKey) {
        let known: &mut BackendState = self.backends.entry(key.clone()).or_default();
        known.gateways.insert(gateway.clone());
        let Some(state) = self.gateways.get_mut(gateway) else {
            return;
        };
        match &known.backend {
            Some(backend) => {
                let certificate = backend
                    .tls
                    .as_ref()
                    .and_then(|tls| tls.client_certificate.clone());
                if let Some(certificate) = certificate {
                    state.backend_certificates.insert(key.clone(), certificate);
                }
                state.changed.backends.insert(key.clone());
                self.dirty.insert(Unit::Balancer(gateway.clone()));
            }
            None => {
                self.dirty.insert(Unit::Backend(key.clone()));
            }
        }
        self.mark_policies_of(key);
    }

    fn exchange_users(
        &mut self,
        route: &RouteKey,
        before: &SmallSet<BackendKey>,
        after: &SmallSet<BackendKey>,
    ) {
        for key in before.difference(after) {
            if let Some(backend) = self.backends.get_mut(key) {
                backend.routes.remove(route);
            }
            self.dirty.insert(Unit::Backend(key.clone()));
        }
        for key in after.difference(before) {
            let backend = self.backends.entry(key.clone()).or_default();
            backend.routes.insert(route.clone());
            if backend.backend.is_none() {
                self.dirty.insert(Unit::Backend(key.clone()));
            }
        }
        if before != after {
            // Notices of the backends are part of the route's status.
            self.dirty.insert(Unit::Status(ObjectKey::of_route(route)));
        }
    }

    /// Marks the policies that take effect through a backend, whose Gateways changed.
    fn mark_policies_of(&mut self, key: &BackendKey) {
        let object = &key.object;
        let (kind, tls) = match key.kind {
            BackendKind::Service => ("Service", Some(Dep::TlsPoliciesOf(object.clone()))),
            BackendKind::ServiceUdp => ("Service", None),
            BackendKind::XBackend => ("XBackend", None),
        };
        let traffic = Dep::TrafficPoliciesOf(kind.into(), object.clone());
        let groups = (kind == "Service").then(|| Dep::TargetGroupsOf(object.clone()));
        let view = View::new(&self.snapshot);
        let deps = tls.into_iter().chain(groups).chain([traffic]);
        let policies = deps.flat_map(|dep| view.listed(dep));
        let units: Vec<Unit> = policies.map(|policy| Unit::Policy(policy.key())).collect();
        self.dirty.extend(units);
        if key.kind == BackendKind::XBackend {
            self.dirty.insert(Unit::Policy(ObjectKey {
                kind: Kind::XBackend,
                name: object.clone(),
            }));
        }
    }
}

/// The parents that accept a route, rules considered.
fn accepting(state: &RouteState) -> impl Iterator<Item = (&ObjectName, &Vec<Attachment>)> {
    let refused = state
        .rules
        .as_ref()
        .is_none_or(|rules| rules.findings.refused().is_some());
    let parents = state.parents.parents.iter().filter(move |_| !refused);
    parents.filter_map(|parent| Some((&parent.gateway, parent.outcome.as_ref().ok()?)))
}

fn hosts_on<'a>(state: &'a RouteState, listener: &ListenerKey) -> Vec<&'a HostPattern> {
    let attachments = accepting(state).flat_map(|(_, attachments)| attachments);
    let here = attachments.filter(|attachment| attachment.listener == *listener);
    here.flat_map(|attachment| attachment.hosts.iter().map(|host| &host.effective))
        .collect()
}

/// The object that declares a listener, whose status counts its routes.
fn declaring(listener: &ListenerKey) -> ObjectKey {
    match &listener.parent {
        ListenerParent::Gateway(name) => ObjectKey {
            kind: Kind::Gateway,
            name: name.clone(),
        },
        ListenerParent::ListenerSet(name) => ObjectKey {
            kind: Kind::ListenerSet,
            name: name.clone(),
        },
    }
}

enum Model {
    Http(HttpRoute),
    Stream(StreamRoute),
}

fn model(
    key: &RouteKey,
    created: i64,
    listeners: BTreeMap<ListenerKey, BTreeSet<RouteHost>>,
    rules: &RouteRules,
) -> Model {
    let attachments = listeners
        .into_iter()
        .map(|(listener, hosts)| Attachment {
            listener,
            hosts: hosts.into_iter().collect(),
        })
        .collect();
    match &rules.rules {
        Rules::Http(rules) => Model::Http(HttpRoute {
            key: key.clone(),
            created,
            attachments,
            rules: rules.clone(),
        }),
        Rules::Stream(backends) => Model::Stream(StreamRoute {
            key: key.clone(),
            created,
            attachments,
            backends: backends.clone(),
        }),
    }
}
