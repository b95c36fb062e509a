//! One load balancer, compiled and kept up to date.

use super::backends::Backends;
use super::certificates::Certificates;
use super::diff::{Change, changes};
use super::listeners::{ListenerState, Parts, Traffic};
use super::routes::HttpRoutes;
use super::streams::Streams;
use super::{Gone, Refusals, Workshop};
use crate::listen::port::{Front, FrontKind, PortRuntime, TlsListener};
use crate::listen::socket::Transport;
use crate::observe::TracePolicy;
use crate::policy::ListenerFilters;
use crate::runtime::{HttpListener, HttpPort, ObjectRefusal};
use gatewright_model::LoadBalancer;
use gatewright_model::backend::BackendTarget;
use gatewright_model::key::{BackendKey, CertificateKey, ListenerKey};
use gatewright_model::listener::{Listener, ListenerTls, Protocol};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time that the first resolution of a backend's name may hold up a configuration: a route that is
/// published before would answer 503.
const FIRST_RESOLUTION: Duration = Duration::from_millis(1500);

/// A port of a load balancer: TCP and UDP ports of one number are two.
pub type PortKey = (u16, Transport);

/// A port with the listeners on it.
#[derive(Debug)]
pub struct PortState {
    /// What is bound.
    pub runtime: Arc<PortRuntime>,
    /// Listeners that can serve.
    pub listeners: Vec<ListenerKey>,
}

/// A load balancer in use.
#[derive(Debug, Default)]
pub struct GatewayState {
    balancer: Option<Arc<LoadBalancer>>,
    certificates: Certificates,
    backends: Backends,
    routes: HttpRoutes,
    streams: Streams,
    tracing: Option<Arc<TracePolicy>>,
    listeners: BTreeMap<ListenerKey, ListenerState>,
    /// Ports to bind.
    pub ports: BTreeMap<PortKey, PortState>,
    /// Listeners that cannot serve: why.
    pub failures: BTreeMap<ListenerKey, String>,
    /// Objects that could not be used.
    pub refusals: Vec<ObjectRefusal>,
}

/// What an update left behind.
#[derive(Debug, Default)]
pub struct Left {
    /// Listeners that are gone from ports that stay: their connections have to finish.
    pub retired: Retired,
    /// What the load balancer may have held last.
    pub gone: Gone,
}

type Retired = Vec<(Arc<PortRuntime>, ListenerKey)>;

impl GatewayState {
    /// The load balancer applied last.
    pub fn balancer(&self) -> Option<&Arc<LoadBalancer>> {
        self.balancer.as_ref()
    }

    /// Identities of the client validations in use.
    pub fn client_validations(&self) -> impl Iterator<Item = [u8; 32]> {
        self.listeners
            .values()
            .filter_map(ListenerState::client_validation)
    }

    /// Brings everything up to date with `new`.
    pub fn update(&mut self, new: &Arc<LoadBalancer>, workshop: &mut Workshop) -> Left {
        let old = self.balancer.replace(Arc::clone(new));
        let pair = (old.as_deref(), &**new);
        let rotated = self.certificates.update(pair.0, new);
        let moved = self
            .backends
            .update(pair, (&self.certificates, &rotated), workshop);
        let deadline = Instant::now() + FIRST_RESOLUTION;
        self.backends.watches().for_each(|watch| watch.first(deadline));
        let mut gone = Gone {
            backends: moved.keys.iter().cloned().collect(),
            ..Gone::default()
        };
        let reroutes = self.routes.update(pair, (&self.backends, &moved), workshop);
        let streams_moved = streams_differ(pair) || (!moved.keys.is_empty() && !new.stream_routes.is_empty());
        if streams_moved {
            self.streams.update(new, &self.backends, |target| match target {
                BackendTarget::Backend(key) => moved.keys.contains(key),
                BackendTarget::Invalid(_) => false,
            });
        }

        let mut touched = Touched::default();
        let backends = &self.backends;
        let filters = |listener: &Listener| {
            ListenerFilters::compile(&listener.filters, &|key: &BackendKey| backends.get(key).cloned())
        };
        let renewed = changes(pair.0.map(|old| &old.listeners), &new.listeners);
        let renewed = renewed.filter_map(|change| match change {
            Change::Added(key, _) | Change::Changed(key, _) => Some(key),
            Change::Removed(..) => None,
        });
        let attached = self.routes.attached(&renewed.collect());
        let parts = Parts {
            certificates: &self.certificates,
            attached: &attached,
            streams: &self.streams,
            filters: &filters,
            workshop,
        };
        let mut fresh: BTreeSet<&ListenerKey> = BTreeSet::new();
        for change in changes(old.as_ref().map(|old| &old.listeners), &new.listeners) {
            match change {
                Change::Added(key, model) => {
                    self.listeners
                        .insert(key.clone(), ListenerState::new(model, &parts));
                    touched.members.insert(port_of(model));
                    fresh.insert(key);
                }
                Change::Changed(key, model) => {
                    if let Some(state) = self.listeners.get_mut(key) {
                        touched.members.insert(port_of(&state.model));
                        touched.members.insert(port_of(model));
                        state.change(model, &parts);
                    }
                }
                Change::Removed(key, model) => {
                    self.listeners.remove(key);
                    gone.listeners.push(key.clone());
                    touched.members.insert(port_of(model));
                }
            }
        }
        for (key, change) in reroutes {
            gone.routes.extend(change.removals.iter().cloned());
            if let Some(state) = self.listeners.get_mut(&key).filter(|_| !fresh.contains(&key)) {
                state.reroute(change);
                touched.routes.insert(port_of(&state.model));
            }
        }
        for state in self.listeners.values_mut() {
            let port = port_of(&state.model);
            if !moved.keys.is_empty() && !state.model.filters.is_empty() {
                state.refilter(&parts);
                touched.routes.insert(port);
            }
            if streams_moved && let Traffic::Stream(_) = &state.traffic {
                state.traffic = Traffic::Stream(Arc::new(parts.streams.of(&state.model.key)));
                touched.members.insert(port);
            }
            if names_any(&state.model, &rotated) {
                let served = state.failure().is_none();
                state.recertify(&parts);
                if served != state.failure().is_none() {
                    touched.members.insert(port);
                }
            }
        }
        if self.retrace(pair, &moved.keys, workshop) {
            let ports = self
                .listeners
                .values()
                .filter(|state| state.model.protocol.is_http());
            touched.routes.extend(ports.map(|state| port_of(&state.model)));
        }
        let retired = self.publish(new, &touched);
        self.report(new);
        Left { retired, gone }
    }

    /// Compiles the tracing settings when they or their collector changed; says whether they did.
    fn retrace(
        &mut self,
        (old, new): (Option<&LoadBalancer>, &LoadBalancer),
        moved: &BTreeSet<BackendKey>,
        workshop: &Workshop,
    ) -> bool {
        let key = new.tracing.as_ref().and_then(|tracing| match &tracing.collector {
            Some(BackendTarget::Backend(key)) => Some(key),
            _ => None,
        });
        let same = old.is_some_and(|old| old.tracing == new.tracing);
        if same && !key.is_some_and(|key| moved.contains(key)) {
            return false;
        }
        let collector = key.and_then(|key| self.backends.get(key).cloned());
        let default = workshop.options.otlp_endpoint.as_deref();
        let before = self.tracing.take();
        self.tracing = new
            .tracing
            .as_ref()
            .and_then(|tracing| TracePolicy::compile(tracing, collector, default))
            .map(Arc::new);
        before.is_some() || self.tracing.is_some()
    }

    /// Makes the touched ports' snapshots and puts them in place.
    fn publish(&mut self, new: &LoadBalancer, touched: &Touched) -> Retired {
        let mut retired = Retired::new();
        for port in touched.members.union(&touched.routes) {
            let members: Vec<&ListenerState> = self
                .listeners
                .values()
                .filter(|state| port_of(&state.model) == *port)
                .collect();
            let Some(first) = members.first() else {
                self.ports.remove(port);
                continue;
            };
            let kind = kind_of(&first.model);
            let members: Vec<&ListenerState> = members
                .into_iter()
                .filter(|state| kind_of(&state.model) == kind)
                .collect();
            let listeners: Vec<Arc<HttpListener>> = members
                .iter()
                .filter_map(|state| match &state.traffic {
                    Traffic::Http(listener) => Some(Arc::clone(listener)),
                    Traffic::Stream(_) => None,
                })
                .collect();
            let http = HttpPort::new(new.gateway.clone(), port.0, kind == FrontKind::Tls, listeners)
                .with_tracing(self.tracing.clone());
            let keys: Vec<ListenerKey> = members.iter().map(|state| state.model.key.clone()).collect();
            match self
                .ports
                .get_mut(port)
                .filter(|known| known.runtime.front.load().kind() == kind)
            {
                Some(known) => {
                    // Routes first: a connection that the new front lets in finds them.
                    known.runtime.http.store(Arc::new(http));
                    if touched.members.contains(port) {
                        known.runtime.front.store(Arc::new(front(kind, &members)));
                        let gone = known.listeners.iter().filter(|key| !keys.contains(key)).cloned();
                        retired.extend(gone.map(|key| (Arc::clone(&known.runtime), key)));
                        known.listeners = keys;
                    }
                }
                None => {
                    let runtime = PortRuntime::new(new.gateway.clone(), port.0, front(kind, &members), http);
                    self.ports.insert(
                        *port,
                        PortState {
                            runtime,
                            listeners: keys,
                        },
                    );
                }
            }
        }
        retired
    }

    fn report(&mut self, new: &LoadBalancer) {
        let mut refusals = Refusals::new(&new.gateway);
        self.certificates.report(&mut refusals);
        self.backends.report(&mut refusals);
        self.routes.report(&mut refusals);
        self.failures.clear();
        for (key, state) in &self.listeners {
            state.report(&mut refusals);
            if let Some(failure) = state.failure() {
                self.failures.insert(key.clone(), failure.to_owned());
            } else if let Some(port) = self.ports.get(&port_of(&state.model)) {
                let (own, kind) = (kind_of(&state.model), port.runtime.front.load().kind());
                if own != kind {
                    let failure = format!(
                        "port {} serves {kind:?} for another listener of this Gateway, this one wants {own:?}",
                        state.model.port
                    );
                    self.failures.insert(key.clone(), failure);
                }
            }
        }
        self.refusals = refusals.list;
    }
}

/// Ports whose snapshots have to be made anew.
#[derive(Debug, Default)]
struct Touched {
    /// Listeners came, went or changed.
    members: BTreeSet<PortKey>,
    /// Only routes of HTTP listeners changed.
    routes: BTreeSet<PortKey>,
}

/// The port that a listener is on.
pub fn port_of(listener: &Listener) -> PortKey {
    let transport = if listener.protocol == Protocol::Udp {
        Transport::Udp
    } else {
        Transport::Tcp
    };
    (listener.port, transport)
}

fn kind_of(listener: &Listener) -> FrontKind {
    match listener.protocol {
        Protocol::Http => FrontKind::Http,
        Protocol::Https | Protocol::Tls => FrontKind::Tls,
        Protocol::Tcp => FrontKind::Tcp,
        Protocol::Udp => FrontKind::Udp,
    }
}

fn front(kind: FrontKind, members: &[&ListenerState]) -> Front {
    match (kind, members.first()) {
        (FrontKind::Tcp, Some(first)) => Front::Tcp(first.stream()),
        (FrontKind::Udp, Some(first)) => Front::Udp(first.stream()),
        (FrontKind::Tls, _) => {
            let listeners = members.iter().map(|state| {
                let listener = TlsListener {
                    key: state.model.key.clone(),
                    action: state.action(),
                };
                (state.model.hostname.clone(), listener)
            });
            Front::Tls(listeners.collect())
        }
        _ => Front::Http,
    }
}

fn names_any(listener: &Listener, keys: &BTreeSet<CertificateKey>) -> bool {
    match &listener.tls {
        Some(ListenerTls::Terminate(settings)) if !keys.is_empty() => {
            settings.certificates.iter().any(|key| keys.contains(key))
        }
        _ => false,
    }
}

fn streams_differ((old, new): (Option<&LoadBalancer>, &LoadBalancer)) -> bool {
    changes(old.map(|old| &old.stream_routes), &new.stream_routes)
        .next()
        .is_some()
}
