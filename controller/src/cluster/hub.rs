//! The one loop that owns the engine: what watches, proxies and providers tell goes in; configurations,
//! provisioning and statuses come out.

use super::catalog::{Catalog, Release};
use super::clock::Clock;
use super::events::{About, Events, notices};
use super::gate::{Free, Gate, Reached};
use super::metrics::Metrics;
use super::options;
use super::protect::{self, Protector};
use super::provision::{Provisioned, Provisioner, Request};
use super::status::Writer;
use super::traces::{self, TRACES};
use super::watch::{Input, Source};
use gatewright_core::backend::BackendOptions;
use gatewright_core::engine::{BalancerChange, Delta, Engine, Parts, StatusChange};
use gatewright_core::snapshot::{Change, Kind, Object, ObjectKey};
use gatewright_core::status::Status;
use gatewright_core::status::programming::{ListenerOutcome, Programming, ProgrammingFault};
use gatewright_model::LoadBalancer;
use gatewright_model::key::{ListenerParent, ObjectName};
use gatewright_stream::server::{ConfigServer, GatewayOutcome};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Objects taken in one go: the engine computes what depends on them once.
const BATCH: usize = 4096;

/// How often statuses that depend on time alone (expiring certificates) are looked at.
const REFRESH: Duration = Duration::from_secs(3600);

/// How long proxies have to arrive at a process that begins to lead, before Gateways that were programmed are
/// said to have none: they find it within a few seconds, and take away nobody's address meanwhile.
const ARRIVAL: Duration = Duration::from_secs(15);

/// What the loop is told.
pub struct Inbox {
    /// From the watches.
    pub inputs: mpsc::Receiver<Input>,
    /// What the API server serves.
    pub catalog: watch::Receiver<Catalog>,
    /// From the provisioner.
    pub provisioned: mpsc::Receiver<Provisioned>,
    /// Whether this process leads.
    pub leads: watch::Receiver<bool>,
}

/// Whom the loop tells.
pub struct Outbox {
    /// Configurations of the proxies.
    pub server: ConfigServer,
    /// Infrastructure.
    pub provisioner: Provisioner,
    /// Statuses.
    pub writer: Writer,
    /// Events.
    pub events: Events,
    /// Finalizers of GatewayClasses.
    pub protector: Protector,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Whether everything that exists is known.
    pub synced: watch::Sender<bool>,
}

/// The loop's state.
pub struct Hub {
    engine: Engine,
    clock: Clock,
    controller: String,
    backends: BackendOptions,
    namespaces: Vec<String>,
    catalog: Catalog,
    out: Outbox,
    gate: Gate,
    /// Watches that have told everything once.
    told: BTreeSet<Source>,
    /// What came before everything was known.
    early: Vec<Input>,
    ready: bool,
    /// Versions of the objects with a status.
    versions: BTreeMap<ObjectKey, String>,
    leads: watch::Receiver<bool>,
    leading: bool,
    /// Until when proxies may arrive; `None`: they had their time.
    arrival: Option<Instant>,
    infrastructure: BTreeMap<ObjectName, Provisioned>,
    /// Gateways of ours that are not accepted: what serves them stays as it is.
    kept: BTreeSet<ObjectName>,
}

impl Hub {
    /// A loop that knows nothing yet.
    pub fn new(
        (controller, namespaces): (String, Vec<String>),
        backends: BackendOptions,
        (catalog, leads): (Catalog, watch::Receiver<bool>),
        (out, clock): (Outbox, Clock),
    ) -> Self {
        let engine = Engine::new(options::engine(&controller, &catalog, backends));
        out.writer.set_kinds(catalog.kinds.clone());
        let leading = *leads.borrow();
        Self {
            engine,
            clock,
            controller,
            backends,
            namespaces,
            catalog,
            out,
            gate: Gate::default(),
            told: BTreeSet::new(),
            early: Vec::new(),
            ready: false,
            versions: BTreeMap::new(),
            leading,
            leads,
            arrival: None,
            infrastructure: BTreeMap::new(),
            kept: BTreeSet::new(),
        }
    }

    /// Runs until the watches are gone.
    pub async fn run(mut self, mut inbox: Inbox) {
        let mut batch = Vec::new();
        let mut refresh = tokio::time::interval(REFRESH);
        loop {
            let deadline = self.gate.deadline();
            tokio::select! {
                count = inbox.inputs.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.take(std::mem::take(&mut batch));
                }
                () = self.out.server.changed() => self.take_outcomes(),
                Ok(()) = inbox.leads.changed() => {
                    let leads = *inbox.leads.borrow_and_update();
                    self.take_leadership(leads);
                }
                () = sleep_until(self.arrival) => {
                    self.arrival = None;
                    self.take_absence();
                }
                Some(done) = inbox.provisioned.recv() => self.take_provisioned(done),
                Ok(()) = inbox.catalog.changed() => {
                    let catalog = inbox.catalog.borrow_and_update().clone();
                    self.take_catalog(catalog);
                }
                _ = refresh.tick() => {
                    let delta = self.engine.refresh(self.clock.now());
                    self.pass_on(delta);
                }
                () = sleep_until(deadline) => {
                    for free in self.gate.overdue(Instant::now()) {
                        tracing::warn!(object = %free.0, "status written before every proxy has answered");
                        self.write(free);
                    }
                }
            }
        }
    }

    fn take(&mut self, batch: Vec<Input>) {
        if self.ready {
            self.apply(batch);
            return;
        }
        for input in batch {
            if let Input::Synced(source) = input {
                self.told.insert(source);
            } else {
                self.early.push(input);
            }
        }
        self.begin_when_synced();
    }

    /// Statuses computed from half of the objects would be wrong: nothing is done before all watches have
    /// told everything.
    fn begin_when_synced(&mut self) {
        let sources = self.catalog.sources(&self.namespaces);
        if self.ready || !sources.iter().all(|source| self.told.contains(source)) {
            return;
        }
        self.ready = true;
        self.arrival = self.leading.then(|| Instant::now() + ARRIVAL);
        let early = std::mem::take(&mut self.early);
        let begun = Instant::now();
        let objects = early.len();
        self.apply(early);
        self.keep_refused();
        self.out.server.open();
        self.out.synced.send_replace(true);
        tracing::info!(
            objects,
            took_ms = begun.elapsed().as_millis() as u64,
            "all caches are synced"
        );
    }

    fn take_catalog(&mut self, catalog: Catalog) {
        if self.catalog == catalog {
            return;
        }
        let Release {
            version,
            bundle,
            channel,
        } = &catalog.release;
        tracing::info!(?version, %bundle, %channel, kinds = catalog.kinds.len(), "what the API server serves changed");
        // A kind that is gone takes its objects along.
        let gone: Vec<Change> = self
            .catalog
            .kinds
            .keys()
            .filter(|kind| !catalog.kinds.contains_key(kind))
            .flat_map(|kind| {
                let names = self.engine.snapshot().all(*kind);
                names.map(|(name, _)| {
                    Change::Delete(ObjectKey {
                        kind: *kind,
                        name: name.clone(),
                    })
                })
            })
            .collect();
        self.out.writer.set_kinds(catalog.kinds.clone());
        self.catalog = catalog;
        let now = self.clock.now();
        let options = options::engine(&self.controller, &self.catalog, self.backends);
        let mut delta = self.engine.reconfigure(options, now);
        let more = self.engine.update(gone, now);
        delta.balancers.extend(more.balancers);
        delta.statuses.extend(more.statuses);
        self.pass_on(delta);
        self.begin_when_synced();
    }

    fn apply(&mut self, batch: Vec<Input>) {
        let span = tracing::debug_span!(
            target: TRACES,
            "reconcile",
            objects = batch.len(),
            changed = tracing::field::Empty,
            gateways = tracing::field::Empty,
            statuses = tracing::field::Empty,
        );
        let _entered = span.enter();
        if !span.is_disabled() {
            span.record("changed", named(&batch));
        }
        let begun = Instant::now();
        let mut upserted = Vec::new();
        let mut classes = false;
        let mut changes = Vec::with_capacity(batch.len());
        for input in batch {
            match input {
                Input::Synced(_) => {}
                Input::Unreadable { key, message } => {
                    self.out.metrics.unreadable(key.kind);
                    tracing::warn!(object = %key, message, "cannot be read, what was known of it stays");
                }
                Input::Delete(key) => {
                    self.out.metrics.watched(key.kind);
                    classes |= matches!(key.kind, Kind::GatewayClass | Kind::Gateway);
                    self.versions.remove(&key);
                    self.out.writer.cancel(&key);
                    self.gate.cancel(&key);
                    changes.push(Change::Delete(key));
                }
                Input::Upsert { object, version } => {
                    let key = object.key();
                    self.out.metrics.watched(key.kind);
                    classes |= matches!(key.kind, Kind::GatewayClass | Kind::Gateway);
                    if key.kind.has_status() {
                        self.versions.insert(key.clone(), version);
                        self.engine.forget_status(&key);
                        upserted.push(key);
                    }
                    changes.push(Change::Upsert(object.into()));
                }
            }
        }
        let delta = self.engine.update(changes, self.clock.now());
        span.record("gateways", delta.balancers.len());
        span.record("statuses", delta.statuses.len());
        let wanted: BTreeSet<&ObjectKey> = delta.statuses.iter().map(|change| &change.key).collect();
        for key in upserted.iter().filter(|key| !wanted.contains(key)) {
            // It has the status it should have.
            self.out.writer.cancel(key);
            self.gate.cancel(key);
        }
        self.pass_on(delta);
        if classes {
            self.protect();
            self.release();
        }
        self.out.metrics.reconciled("engine", "success", begun.elapsed());
    }

    /// This process begins to lead, or leads no more: then others hear the proxies.
    fn take_leadership(&mut self, leads: bool) {
        self.leading = leads;
        self.arrival = leads.then(|| Instant::now() + ARRIVAL);
        if !leads {
            let delta = self.engine.forget_programming(self.clock.now());
            self.pass_on(delta);
        }
        self.protect();
    }

    /// The proxies had time to arrive: says of which Gateways there is none.
    fn take_absence(&mut self) {
        let gateways: Vec<ObjectName> = self.engine.balancers().map(|(name, _)| name.clone()).collect();
        let programmed = gateways.into_iter().filter_map(|gateway| {
            let outcome = self.out.server.outcome(&gateway);
            let programming = self.programming(&gateway, outcome.as_ref())?;
            Some((gateway, programming))
        });
        let programmed = programmed.collect();
        let delta = self.engine.set_programming(programmed, self.clock.now());
        self.pass_on(delta);
    }

    fn protect(&self) {
        let wanted = protect::wanted(&self.engine, &self.controller);
        self.out.protector.put(wanted, &self.versions);
    }

    /// Whether a Gateway exists and its class names our controller, accepted or not.
    fn is_ours(&self, gateway: &ObjectName) -> bool {
        let snapshot = self.engine.snapshot();
        let Some(Object::Gateway(gateway)) = snapshot.get(Kind::Gateway, gateway).map(|found| &**found)
        else {
            return false;
        };
        let class = ObjectName::new("", &gateway.spec.gateway_class_name);
        matches!(
            snapshot.get(Kind::GatewayClass, &class).map(|found| &**found),
            Some(Object::GatewayClass(class)) if class.spec.controller_name == self.controller
        )
    }

    /// What an earlier process made for Gateways that are not accepted now is no orphan.
    fn keep_refused(&mut self) {
        let gateways = self.engine.snapshot().all(Kind::Gateway);
        let refused: BTreeSet<ObjectName> = gateways
            .map(|(name, _)| name)
            .filter(|name| self.engine.balancer(name).is_none() && self.is_ours(name))
            .cloned()
            .collect();
        for gateway in &refused {
            self.out.provisioner.keep(gateway);
        }
        self.kept.extend(refused);
    }

    /// Lets go of kept Gateways that are gone or another controller's now.
    fn release(&mut self) {
        let gone: Vec<ObjectName> = self
            .kept
            .iter()
            .filter(|gateway| !self.is_ours(gateway))
            .cloned()
            .collect();
        for gateway in gone {
            self.kept.remove(&gateway);
            self.remove(&gateway);
        }
    }

    fn remove(&mut self, gateway: &ObjectName) {
        self.out.server.retract(gateway);
        self.out.provisioner.remove(gateway);
        self.infrastructure.remove(gateway);
    }

    /// Hands on what the engine found different.
    fn pass_on(&mut self, delta: Delta) {
        let mut needs: BTreeMap<ObjectName, (u64, Parts)> = BTreeMap::new();
        for change in delta.balancers {
            match change {
                BalancerChange::Changed { balancer, parts } => {
                    self.kept.remove(&balancer.gateway);
                    let revision = self.publish(&balancer, &parts);
                    needs.insert(balancer.gateway.clone(), (revision, parts));
                }
                // A mistake, even one of a moment while several objects change, must not take traffic down.
                BalancerChange::Removed(gateway) if self.is_ours(&gateway) => {
                    tracing::warn!(%gateway, "not accepted any more: its proxies keep their last good configuration");
                    self.kept.insert(gateway);
                }
                BalancerChange::Removed(gateway) => self.remove(&gateway),
            }
        }
        for StatusChange { key, status, before } in delta.statuses {
            self.announce(&key, before.as_deref(), &status);
            let concerned = concerned(&key, &needs);
            let server = &self.out.server;
            let reached = |gateway: &ObjectName| reached(server.outcome(gateway).as_ref());
            if let Some(free) = self.gate.hold(key, status, concerned, (&reached, Instant::now())) {
                self.write(free);
            }
        }
        let gateways = self.engine.balancers().count();
        self.out.metrics.served(gateways, self.out.server.connected());
    }

    /// Gives a load balancer to its proxies, and its outside to the provider.
    fn publish(&mut self, balancer: &Arc<LoadBalancer>, parts: &Parts) -> u64 {
        let gateway = &balancer.gateway;
        let request = self.request(balancer);
        let places = self.out.provisioner.place(&request);
        let revision = self.out.server.publish_for(&places, balancer);
        // Routes and backends are the proxies' business alone.
        if parts.settings || !parts.listeners.is_empty() || !self.infrastructure.contains_key(gateway) {
            self.out.provisioner.put(request);
        }
        revision.0
    }

    fn request(&self, balancer: &Arc<LoadBalancer>) -> Request {
        let key = ObjectKey {
            kind: Kind::Gateway,
            name: balancer.gateway.clone(),
        };
        let object = self.engine.snapshot().get(key.kind, &key.name);
        Request {
            balancer: Arc::clone(balancer),
            uid: object
                .and_then(|object| object.metadata().uid.clone())
                .unwrap_or_default(),
            class_uid: self.uid_of_class(&balancer.class),
            parameters: self.engine.parameters(&balancer.gateway).cloned(),
        }
    }

    fn uid_of_class(&self, class: &str) -> String {
        let class = self
            .engine
            .snapshot()
            .get(Kind::GatewayClass, &ObjectName::new("", class));
        class
            .and_then(|class| class.metadata().uid.clone())
            .unwrap_or_default()
    }

    fn take_outcomes(&mut self) {
        let mut programmed = BTreeMap::new();
        let mut free = Vec::new();
        for outcome in self.out.server.take_outcomes() {
            let gateway = outcome.gateway.clone();
            if let Some(programming) = self.programming(&gateway, Some(&outcome)) {
                programmed.insert(gateway.clone(), programming);
            }
            free.push((gateway, reached(Some(&outcome))));
        }
        let span = tracing::debug_span!(
            target: TRACES,
            "acknowledge",
            gateways = free.len(),
            statuses = tracing::field::Empty,
        );
        let _entered = span.enter();
        let delta = self.engine.set_programming(programmed, self.clock.now());
        span.record("statuses", delta.statuses.len());
        self.pass_on(delta);
        for (gateway, reached) in free {
            for free in self.gate.reached(&gateway, reached) {
                self.write(free);
            }
        }
    }

    fn take_provisioned(&mut self, done: Provisioned) {
        let gateway = done.gateway.clone();
        let Some(balancer) = self.engine.balancer(&gateway).cloned() else {
            return;
        };
        let span = tracing::debug_span!(target: TRACES, "provisioned", %gateway);
        traces::follow(&span, done.origin);
        let _entered = span.enter();
        let moved = done.moved;
        self.infrastructure.insert(gateway.clone(), done);
        if moved {
            self.publish(&balancer, &Parts::default());
        }
        let outcome = self.out.server.outcome(&gateway);
        if let Some(programming) = self.programming(&gateway, outcome.as_ref()) {
            let outcomes = BTreeMap::from([(gateway, programming)]);
            let delta = self.engine.set_programming(outcomes, self.clock.now());
            self.pass_on(delta);
        }
    }

    /// What the statuses say of the data plane; `None` leaves them as they are: while proxies take over a
    /// change, while somebody else leads, and while the proxies of a Gateway that was programmed may arrive.
    fn programming(&self, gateway: &ObjectName, outcome: Option<&GatewayOutcome>) -> Option<Programming> {
        let found = self.found(gateway, outcome)?;
        let good = found.fault.is_none() && self.infrastructure.contains_key(gateway);
        let awaited = self.arrival.is_some() && self.engine.is_programmed(gateway);
        (self.leading && (good || !awaited)).then_some(found)
    }

    /// What is known of the data plane; `None` while proxies take over a change.
    fn found(&self, gateway: &ObjectName, outcome: Option<&GatewayOutcome>) -> Option<Programming> {
        let balancer = self.engine.balancer(gateway)?;
        let infrastructure = self.infrastructure.get(gateway);
        let addresses = infrastructure
            .map(|found| found.addresses.clone())
            .unwrap_or_default();
        let fault = infrastructure.and_then(|found| found.fault.clone());
        let mut programming = Programming {
            listeners: BTreeMap::new(),
            addresses,
            fault,
        };
        let Some(outcome) = outcome.filter(|outcome| outcome.acked.is_some()) else {
            programming.fault.get_or_insert_with(|| ProgrammingFault {
                reason: "Pending".into(),
                message: "no proxy of the Gateway is ready yet".to_owned(),
            });
            return Some(programming);
        };
        if outcome.acked < Some(outcome.revision) {
            return None;
        }
        programming.listeners = balancer
            .listeners
            .keys()
            .map(|key| {
                let result = match outcome.listeners.get(key) {
                    None => ListenerOutcome::Programmed,
                    Some(fault) => ListenerOutcome::Failed {
                        reason: fault.reason.clone(),
                        message: fault.message.to_string(),
                    },
                };
                (key.clone(), result)
            })
            .collect();
        Some(programming)
    }

    fn write(&self, (key, status, origin): Free) {
        let version = self.versions.get(&key).cloned().unwrap_or_default();
        self.out.writer.put(key, (status, version), origin);
    }

    fn announce(&self, key: &ObjectKey, before: Option<&Status>, after: &Status) {
        let Some((resource, _)) = self.catalog.kinds.get(&key.kind).filter(|_| *self.leads.borrow()) else {
            return;
        };
        let object = self.engine.snapshot().get(key.kind, &key.name);
        let uid = object.and_then(|object: &Arc<Object>| object.metadata().uid.clone());
        for notice in notices(key.kind, before, after) {
            let about = About {
                key: key.clone(),
                uid: uid.clone(),
                resource: resource.clone(),
            };
            self.out.events.send(about, notice);
        }
    }
}

/// Where the data plane of a Gateway is.
fn reached(outcome: Option<&GatewayOutcome>) -> Reached {
    match outcome.and_then(|outcome| outcome.acked) {
        None => Reached::Nobody,
        Some(revision) => Reached::Revision(revision.0),
    }
}

/// The revisions that a status depends on: those of load balancers that changed because of its object.
fn concerned(key: &ObjectKey, needs: &BTreeMap<ObjectName, (u64, Parts)>) -> BTreeMap<ObjectName, u64> {
    let touches = |gateway: &ObjectName, parts: &Parts| match (key.kind, key.route()) {
        (Kind::Gateway, _) => *gateway == key.name,
        (Kind::ListenerSet, _) => parts
            .listeners
            .iter()
            .any(|listener| listener.parent == ListenerParent::ListenerSet(key.name.clone())),
        (_, Some(route)) => parts.http_routes.contains(&route) || parts.stream_routes.contains(&route),
        _ => false,
    };
    needs
        .iter()
        .filter(|(gateway, (_, parts))| touches(gateway, parts))
        .map(|(gateway, (revision, _))| (gateway.clone(), *revision))
        .collect()
}

/// What changed, for a person: the first few objects.
fn named(batch: &[Input]) -> String {
    const SHOWN: usize = 5;
    let keys = batch.iter().filter_map(|input| match input {
        Input::Synced(_) => None,
        Input::Unreadable { key, .. } | Input::Delete(key) => Some(key.to_string()),
        Input::Upsert { object, .. } => Some(object.key().to_string()),
    });
    let mut text = keys.take(SHOWN).collect::<Vec<_>>().join(", ");
    if batch.len() > SHOWN {
        text += ", ...";
    }
    text
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
