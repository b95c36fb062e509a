//! Backends of one load balancer: settings and endpoints replaced in place.

use super::certificates::Certificates;
use super::diff::{Change, changes, compact};
use super::{Refusals, Workshop};
use crate::dns::{Name, Watch};
use crate::runtime::{BackendRuntime, BackendSettings, EndpointRuntime, EndpointSet};
use gatewright_model::LoadBalancer;
use gatewright_model::backend::{Backend, Endpoint, Endpoints, TrafficDistribution};
use gatewright_model::key::{BackendKey, CertificateKey};
use gatewright_model::route::SessionPersistence;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

/// A backend in use.
#[derive(Debug)]
struct Entry {
    model: Arc<Backend>,
    runtime: Arc<BackendRuntime>,
    /// Certificate that is shown to it.
    client: Option<CertificateKey>,
    /// Why its newest settings are not in use.
    fault: Option<String>,
    /// Keeps its name resolved.
    watch: Option<Watch>,
}

/// Backends that their routes have to look at again.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// New or gone.
    pub(super) keys: BTreeSet<BackendKey>,
    /// With another session persistence.
    pub(super) sessions: BTreeSet<BackendKey>,
}

/// Backends by key.
#[derive(Debug, Default)]
pub(super) struct Backends {
    entries: BTreeMap<BackendKey, Entry>,
}

impl Backends {
    /// The backend for a key.
    pub(super) fn get(&self, key: &BackendKey) -> Option<&Arc<BackendRuntime>> {
        self.entries.get(key).map(|entry| &entry.runtime)
    }

    /// Session persistence that belongs to a backend.
    pub(super) fn session(&self, key: &BackendKey) -> Option<&SessionPersistence> {
        self.entries
            .get(key)
            .and_then(|entry| entry.model.session_persistence.as_deref())
    }

    /// Names that are being resolved for the first time.
    pub(super) fn watches(&self) -> impl Iterator<Item = &Watch> {
        self.entries.values().filter_map(|entry| entry.watch.as_ref())
    }

    /// Brings settings and endpoints up to date. Answers which keys' routes have to look again.
    pub(super) fn update(
        &mut self,
        (old, new): (Option<&LoadBalancer>, &LoadBalancer),
        (certificates, rotated): (&Certificates, &BTreeSet<CertificateKey>),
        workshop: &mut Workshop,
    ) -> Moved {
        let default_client = new.backend_client_certificate.as_ref();
        let mut moved = Moved::default();
        let known = self.entries.len();
        for change in changes(old.map(|old| &old.backends), &new.backends) {
            match change {
                Change::Added(key, model) => {
                    self.entries.insert(
                        key.clone(),
                        Entry::new(model, default_client, certificates, workshop),
                    );
                    moved.keys.insert(key.clone());
                }
                Change::Changed(key, model) => {
                    if let Some(entry) = self.entries.get_mut(key) {
                        if entry.model.session_persistence != model.session_persistence {
                            moved.sessions.insert(key.clone());
                        }
                        entry.change(model, default_client, certificates, workshop);
                    }
                }
                Change::Removed(key, _) => {
                    self.entries.remove(key);
                    moved.keys.insert(key.clone());
                }
            }
        }
        compact(known, &mut self.entries);
        let default_moved = old.is_some_and(|old| old.backend_client_certificate.as_ref() != default_client);
        if default_moved || !rotated.is_empty() {
            for entry in self
                .entries
                .values_mut()
                .filter(|entry| entry.model.tls.is_some())
            {
                let client = client_key(&entry.model, default_client);
                let concerned = client.as_ref() != entry.client.as_ref()
                    || client.as_ref().is_some_and(|client| rotated.contains(client));
                if concerned {
                    entry.client = client;
                    entry.renew(certificates, workshop);
                }
            }
        }
        moved
    }

    /// Says what is not in use and why.
    pub(super) fn report(&self, refusals: &mut Refusals) {
        for (key, entry) in &self.entries {
            if let Some(fault) = &entry.fault {
                refusals.add(key, fault);
            }
        }
    }
}

impl Entry {
    fn new(
        model: &Arc<Backend>,
        default_client: Option<&CertificateKey>,
        certificates: &Certificates,
        workshop: &mut Workshop,
    ) -> Self {
        let client = client_key(model, default_client);
        let (settings, fault) = match settings(model, client.as_ref(), certificates, workshop) {
            Ok(settings) => (settings, None),
            Err(fault) => {
                let refused = BackendSettings {
                    protocol: model.protocol,
                    tls: None,
                    retry_budget: model.retry_budget,
                    fault: Some(fault.as_str().into()),
                };
                (refused, Some(fault))
            }
        };
        let known: &[Endpoint] = match &model.endpoints {
            Endpoints::Static(endpoints) => endpoints,
            Endpoints::Dns { .. } => &[],
        };
        let endpoints = endpoint_set(&EndpointSet::default(), known, model.distribution);
        let runtime = Arc::new(BackendRuntime::new(model.key.clone(), settings, endpoints));
        let watch = watch(model, &runtime, workshop);
        Self {
            model: Arc::clone(model),
            runtime,
            client,
            fault,
            watch,
        }
    }

    fn change(
        &mut self,
        model: &Arc<Backend>,
        default_client: Option<&CertificateKey>,
        certificates: &Certificates,
        workshop: &mut Workshop,
    ) {
        let before = std::mem::replace(&mut self.model, Arc::clone(model));
        if before.endpoints != model.endpoints || before.distribution != model.distribution {
            match &model.endpoints {
                Endpoints::Static(endpoints) => {
                    self.watch = None;
                    let next = endpoint_set(&self.runtime.endpoints(), endpoints, model.distribution);
                    self.runtime.set_endpoints(next);
                }
                // The former endpoints stay until the first answer.
                Endpoints::Dns { .. } => self.watch = watch(model, &self.runtime, workshop),
            }
        }
        let client = client_key(model, default_client);
        let same = before.protocol == model.protocol
            && before.tls == model.tls
            && before.retry_budget == model.retry_budget
            && before.fault == model.fault
            && client == self.client;
        if !same {
            self.client = client;
            self.renew(certificates, workshop);
        }
    }

    /// Settings anew; the last good ones stay when the newest cannot be used.
    fn renew(&mut self, certificates: &Certificates, workshop: &mut Workshop) {
        match settings(&self.model, self.client.as_ref(), certificates, workshop) {
            Ok(settings) => {
                self.fault = None;
                self.runtime.set_settings(settings);
            }
            Err(fault) => self.fault = Some(format!("{fault}; its last good settings stay in use")),
        }
    }
}

fn client_key(model: &Backend, default_client: Option<&CertificateKey>) -> Option<CertificateKey> {
    let tls = model.tls.as_ref()?;
    tls.client_certificate.as_ref().or(default_client).cloned()
}

fn settings(
    model: &Backend,
    client: Option<&CertificateKey>,
    certificates: &Certificates,
    workshop: &mut Workshop,
) -> Result<BackendSettings, String> {
    let tls = match &model.tls {
        None => None,
        Some(tls) => {
            let identity = match client {
                None => None,
                Some(key) => Some(
                    certificates
                        .client(key)
                        .ok_or_else(|| format!("the client certificate {key} cannot be used"))?,
                ),
            };
            Some(
                workshop
                    .upstream
                    .get(tls, identity.as_ref())
                    .map_err(|error| error.to_string())?,
            )
        }
    };
    Ok(BackendSettings {
        protocol: model.protocol,
        tls,
        retry_budget: model.retry_budget,
        fault: model.fault.clone(),
    })
}

fn watch(model: &Backend, runtime: &Arc<BackendRuntime>, workshop: &Workshop) -> Option<Watch> {
    let Endpoints::Dns {
        hostname,
        port,
        allow_local,
    } = &model.endpoints
    else {
        return None;
    };
    let (runtime, distribution, port) = (Arc::clone(runtime), model.distribution, *port);
    let name = Name {
        hostname: Arc::clone(hostname),
        allow_local: *allow_local,
    };
    Some(workshop.dns.watch(name, move |addresses| {
        let endpoints: Vec<Endpoint> = addresses
            .iter()
            .map(|address| Endpoint::at(*address, port))
            .collect();
        let next = endpoint_set(&runtime.endpoints(), &endpoints, distribution);
        runtime.set_endpoints(next);
    }))
}

/// The endpoints, sorted; one that was there before keeps its load and health.
fn endpoint_set(
    before: &EndpointSet,
    endpoints: &[Endpoint],
    distribution: TrafficDistribution,
) -> EndpointSet {
    let mut next: Vec<Arc<EndpointRuntime>> = endpoints
        .iter()
        .map(|endpoint| {
            let address = SocketAddr::new(endpoint.address, endpoint.port);
            let known = before
                .endpoints
                .binary_search_by_key(&address, |known| known.address)
                .ok();
            match known.and_then(|at| before.endpoints.get(at)) {
                Some(known) if known.endpoint == *endpoint => Arc::clone(known),
                _ => Arc::new(EndpointRuntime::new(endpoint.clone())),
            }
        })
        .collect();
    next.sort_by_key(|endpoint| endpoint.address);
    next.dedup_by_key(|endpoint| endpoint.address);
    EndpointSet::new(next, distribution)
}
