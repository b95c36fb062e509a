//! The one loop that owns the engine: what watches, proxies and providers tell goes in; configurations,
//! provisioning and statuses come out.

mod begin;
mod lane;
mod serving;
mod told;

use super::bindings::{Bindings, Touched};
use super::catalog::{Catalog, Release};
use super::clock::Clock;
use super::cloud::{self, Clouds};
use super::events::{About, Events, Notice, notices};
use super::finalizers::Finalizers;
use super::gate::{self, Free, Gate, Reached, Waits};
use super::gates::Book;
use super::metrics::{Metrics, WorkQueue};
use super::options;
use super::provision::{Provisioned, Provisioner};
use super::status::{Basis, Writer, Written};
use super::traces::TRACES;
use super::watch::Input;
use begin::Beginning;
use gatewright_core::backend::BackendOptions;
use gatewright_core::engine::{BalancerChange, Delta, Engine, Parts, StatusChange};
use gatewright_core::snapshot::{Change, Kind, Object, ObjectKey};
use gatewright_core::status::Status;
use gatewright_model::key::{ListenerParent, ObjectName};
use gatewright_stream::server::ConfigServer;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use told::reached;

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
    /// From the clouds.
    pub clouds: mpsc::Receiver<cloud::Told>,
    /// Whether this process leads.
    pub leads: watch::Receiver<bool>,
}

/// Whom the loop tells.
pub struct Outbox {
    /// Configurations of the proxies.
    pub server: ConfigServer,
    /// Infrastructure of proxies.
    pub provisioner: Provisioner,
    /// Load balancers of clouds.
    pub clouds: Clouds,
    /// Statuses.
    pub writer: Writer,
    /// Events.
    pub events: Events,
    /// Finalizers of GatewayClasses.
    pub finalizers: Finalizers,
    /// Pods that wait for load balancers of clouds.
    pub book: Book,
    /// Pods in target groups of others; `None` where no cloud is reached.
    pub bindings: Option<Bindings>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Whether everything that exists is known.
    pub synced: watch::Sender<bool>,
    /// What is waited for until then.
    pub waits: watch::Sender<String>,
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
    /// What is known of the watches.
    beginning: Beginning,
    /// What came before everything was known.
    early: Vec<Input>,
    ready: bool,
    /// Versions of the objects with a status.
    versions: BTreeMap<ObjectKey, String>,
    /// Of those that cannot be read any more, versions by now.
    unread: BTreeMap<ObjectKey, String>,
    /// Of those, entries of the status that our types do not say whole.
    written: BTreeMap<ObjectKey, Written>,
    leads: watch::Receiver<bool>,
    leading: bool,
    /// Until when proxies may arrive; `None`: they had their time.
    arrival: Option<Instant>,
    infrastructure: BTreeMap<ObjectName, Provisioned>,
    /// Gateways of ours that are not accepted: what serves them stays as it is.
    kept: BTreeSet<ObjectName>,
    /// Metrics of the runs of the engine, one at a time.
    work: WorkQueue,
}

impl Hub {
    /// A loop that knows nothing yet.
    pub fn new(
        (controller, namespaces): (String, Vec<String>),
        backends: BackendOptions,
        (catalog, leads): (Catalog, watch::Receiver<bool>),
        (out, clock): (Outbox, Clock),
    ) -> Self {
        let engine = Engine::new(options::engine(
            (&controller, &out.clouds.controllers()),
            &catalog,
            backends,
        ));
        out.writer.set_kinds(catalog.kinds.clone());
        let leading = *leads.borrow();
        let work = out.metrics.queue("engine", 1);
        Self {
            engine,
            work,
            clock,
            controller,
            backends,
            namespaces,
            catalog,
            out,
            gate: Gate::default(),
            beginning: Beginning::default(),
            early: Vec::new(),
            ready: false,
            versions: BTreeMap::new(),
            unread: BTreeMap::new(),
            written: BTreeMap::new(),
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
            let patience = self.beginning.until.filter(|_| !self.ready);
            tokio::select! {
                count = inbox.inputs.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.work.added();
                    self.work.depth(inbox.inputs.len());
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
                Some(told) = inbox.clouds.recv() => self.take_cloud(told),
                Ok(()) = inbox.catalog.changed() => {
                    let catalog = inbox.catalog.borrow_and_update().clone();
                    self.take_catalog(catalog);
                }
                () = sleep_until(patience.map(Into::into)) => self.begin_when_synced(),
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
            match input {
                Input::Synced(source) => self.take_synced(source),
                Input::Failed { source, message } => self.take_failure(source, message),
                input => self.early.push(input),
            }
        }
        self.begin_when_synced();
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
        let controllers = self.out.clouds.controllers();
        let options = options::engine((&self.controller, &controllers), &self.catalog, self.backends);
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
        let _running = self.work.taken(Duration::ZERO);
        let mut upserted = Vec::new();
        let mut classes = false;
        let mut gateways = BTreeSet::new();
        let mut bound = Touched::default();
        let mut changes = Vec::with_capacity(batch.len());
        for input in batch {
            match input {
                Input::Synced(source) => self.take_synced(source),
                Input::Failed { .. } => {}
                Input::Unreadable {
                    key,
                    version,
                    message,
                } => {
                    self.out.metrics.unreadable(key.kind);
                    tracing::warn!(object = %key, message, "cannot be read, what was known of it stays");
                    self.take_unread(key, version);
                }
                Input::Delete(key) => {
                    self.out.metrics.watched(key.kind);
                    classes |= matches!(key.kind, Kind::GatewayClass | Kind::Gateway);
                    self.touched(&key, &mut gateways);
                    self.out.book.forget(&key);
                    bound.note(&key);
                    self.versions.remove(&key);
                    self.unread.remove(&key);
                    self.written.remove(&key);
                    self.out.writer.cancel(&key);
                    self.out.finalizers.are_right(&key);
                    self.gate.cancel(&key);
                    changes.push(Change::Delete(key));
                }
                Input::Upsert { object, from } => {
                    let key = object.key();
                    self.out.metrics.watched(key.kind);
                    classes |= matches!(key.kind, Kind::GatewayClass | Kind::Gateway);
                    self.touched(&key, &mut gateways);
                    self.out.book.note(&object);
                    bound.note(&key);
                    if key.kind.has_status() {
                        self.versions.insert(key.clone(), from.version);
                        self.unread.remove(&key);
                        match from.written {
                            Some(written) => self.written.insert(key.clone(), written),
                            None => self.written.remove(&key),
                        };
                        self.engine.forget_status(&key);
                        upserted.push(key);
                    }
                    changes.push(Change::Upsert(object.into()));
                }
            }
        }
        let delta = self.engine.update(changes, self.clock.now());
        self.out.clouds.know(&self.engine);
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
        for gateway in &gateways {
            self.look_at_cloud(gateway);
        }
        if let Some(bindings) = &mut self.out.bindings {
            bindings.look(&self.engine, &bound, &self.out.book);
        }
        self.out.metrics.reconciled("engine", "success", begun.elapsed());
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
            let (server, clouds) = (&self.out.server, &self.out.clouds);
            let reached = |gateway: &ObjectName| match clouds.reached(gateway) {
                // Who does not lead hears no cloud and writes nothing.
                Some(reached) if self.leading => reached,
                Some(_) => Reached::Nobody,
                None => reached(server.outcome(gateway).as_ref()),
            };
            let judged = key.route().is_some() && concerned.keys().any(|name| clouds.reached(name).is_some());
            let patience = if judged { gate::JUDGED } else { gate::PATIENCE };
            let waits = Waits {
                reached: &reached,
                now: Instant::now(),
                patience,
            };
            if let Some(free) = self.gate.hold(key, status, concerned, waits) {
                self.write(free);
            }
        }
        let gateways = self.engine.balancers().count();
        self.out.metrics.served(gateways, self.out.server.connected());
    }

    /// Notes the version of an object that cannot be read any more. A write under way may be refused because of it: where
    /// a status is applied, what is wanted is written again, by whoever leads.
    fn take_unread(&mut self, key: ObjectKey, version: String) {
        if !key.kind.has_status() {
            return;
        }
        self.unread.insert(key.clone(), version);
        let wanted = self.engine.status(&key).cloned();
        let again = self.leading && !self.gate.holds(&key);
        if let Some(status) = wanted.filter(|status| again && status.applied().is_some()) {
            self.write((key, status, None));
        }
    }

    fn write(&self, (key, status, origin): Free) {
        let from = Basis {
            version: self.versions.get(&key).cloned().unwrap_or_default(),
            unread: self.unread.get(&key).cloned(),
            written: self.written.get(&key).cloned(),
        };
        let lane = self.lane(&key, &status);
        self.out.writer.put((key, lane), (status, from), origin);
    }

    /// Sends an Event about a Gateway that no condition says.
    fn announce_of(&self, gateway: &ObjectName, notice: Notice) {
        let key = ObjectKey {
            kind: Kind::Gateway,
            name: gateway.clone(),
        };
        if let Some(about) = self.about(&key) {
            self.out.events.send(about, notice);
        }
    }

    /// Where an Event about an object belongs; `None` when it is not ours to send.
    fn about(&self, key: &ObjectKey) -> Option<About> {
        let (resource, _) = self
            .catalog
            .kinds
            .get(&key.kind)
            .filter(|_| *self.leads.borrow())?;
        let object = self.engine.snapshot().get(key.kind, &key.name);
        Some(About {
            key: key.clone(),
            uid: object.and_then(|object: &Arc<Object>| object.metadata().uid.clone()),
            resource: resource.clone(),
        })
    }

    fn announce(&self, key: &ObjectKey, before: Option<&Status>, after: &Status) {
        let Some(about) = self.about(key) else { return };
        for notice in notices(key.kind, before, after) {
            self.out.events.send(about.clone(), notice);
        }
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
        Input::Synced(_) | Input::Failed { .. } => None,
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
