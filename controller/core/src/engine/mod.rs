//! The incremental engine: changes of objects in, changes of load balancers and statuses out.
//!
//! Everything that is computed is a [`unit::Unit`]. A unit reads objects through a
//! [`View`](crate::snapshot::View), which records what it asked; when an answer changes, the unit is
//! computed again, and what depends on it only if its result differs. A full computation is the same
//! thing with everything dirty, so that incremental and full results are equal by construction (and
//! tested to be).

mod attachment;
mod balancer;
mod compact;
mod delta;
mod evaluate;
mod policies;
mod pool;
mod publish;
mod rivals;
mod state;
mod tracker;
mod unit;

pub use delta::{BalancerChange, Delta, Parts, StatusChange};

use crate::backend::BackendOptions;
use crate::graph::class::{BundleVersion, ClassNode, ClassProfile};
use crate::graph::parameters::{AwsAlb, AwsLattice, Parameters};
use crate::graph::route::ParentNode;
use crate::snapshot::{Change, Kind, Object, ObjectKey, Snapshot};
use crate::status::policy::Ancestor;
use crate::status::{Programming, Shortfall, Status, standing};
use crate::translate::RouteFindings;
use gatewright_model::key::{BackendKey, ListenerKey, ObjectName, RouteKey};
use gatewright_model::{LoadBalancer, Str};
use jiff::Timestamp;
use pool::Pool;
use state::{BackendState, GatewayState, ListenerRoutes, Places, RouteState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tracker::Tracker;
use unit::Unit;

/// What an engine needs to know that is not in the objects.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The controller names that are ours, with the features that each claims.
    pub profiles: Vec<ClassProfile>,
    /// Version of the installed CRDs.
    pub bundle: BundleVersion,
    /// Whether addresses have a `routability` (GEP-5093; experimental channel, from v1.7.0 on).
    pub routability: bool,
    /// Decisions about backends.
    pub backends: BackendOptions,
    /// Whether ClusterTrustBundles exist at all (GEP-5075, "API Availability").
    pub trust_bundles: bool,
}

/// All objects and everything computed from them.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    controllers: Vec<Str>,
    snapshot: Snapshot,
    tracker: Tracker,
    dirty: BTreeSet<Unit>,
    classes: BTreeMap<Str, ClassNode>,
    gateways: BTreeMap<ObjectName, GatewayState>,
    routes: BTreeMap<RouteKey, RouteState>,
    listeners: BTreeMap<ListenerKey, ListenerRoutes>,
    backends: BTreeMap<BackendKey, BackendState>,
    policies: BTreeMap<ObjectKey, Vec<Ancestor>>,
    programming: BTreeMap<ObjectName, Programming>,
    /// Lists of parents that routes share.
    parents: Pool<Vec<ParentNode>>,
    places: Pool<Places>,
    shared_statuses: Pool<Status>,
    /// Texts that the rules of many routes have in common.
    texts: gatewright_model::share::Pool,
    /// Statuses as they are or as we last wanted them.
    statuses: BTreeMap<ObjectKey, Arc<Status>>,
    /// Objects whose status is known but no longer ours to say: kept, because it may become ours again.
    silent: BTreeSet<ObjectKey>,
    /// ListenerSets whose status is ours: a Gateway that goes must not leave its word behind.
    adopted: BTreeSet<ObjectName>,
    delta: Delta,
}

impl Engine {
    /// An engine without objects.
    pub fn new(options: EngineOptions) -> Self {
        Self {
            controllers: options
                .profiles
                .iter()
                .map(|profile| profile.controller.clone())
                .collect(),
            snapshot: Snapshot::new(options.trust_bundles),
            options,
            tracker: Tracker::default(),
            dirty: BTreeSet::new(),
            classes: BTreeMap::new(),
            gateways: BTreeMap::new(),
            routes: BTreeMap::new(),
            listeners: BTreeMap::new(),
            backends: BTreeMap::new(),
            policies: BTreeMap::new(),
            programming: BTreeMap::new(),
            parents: Pool::default(),
            places: Pool::default(),
            shared_statuses: Pool::default(),
            texts: gatewright_model::share::Pool::default(),
            statuses: BTreeMap::new(),
            silent: BTreeSet::new(),
            adopted: BTreeSet::new(),
            delta: Delta::default(),
        }
    }

    /// Applies changes and computes what depends on them. `now` is the time of conditions that change.
    ///
    /// An object that is given with a status has that status now: conditions and entries of others in
    /// it are preserved. One that is given without keeps the status that was computed last.
    pub fn update(&mut self, changes: impl IntoIterator<Item = Change>, now: Timestamp) -> Delta {
        let mut count = 0;
        for change in changes {
            self.apply(change);
            count += 1;
        }
        let delta = self.settle(now);
        if count >= compact::MANY {
            self.compact();
        }
        delta
    }

    /// Takes note of what the data plane made of load balancers. A Gateway that is not in `outcomes`
    /// keeps its outcome.
    pub fn set_programming(&mut self, outcomes: BTreeMap<ObjectName, Programming>, now: Timestamp) -> Delta {
        for (name, outcome) in outcomes {
            if self.programming.get(&name) == Some(&outcome) {
                continue;
            }
            self.mark_statuses(&name);
            let before = self.programming.insert(name.clone(), outcome);
            self.mark_judged(&name, before.as_ref());
        }
        self.settle(now)
    }

    /// Forgets what the data plane made of load balancers, because somebody else hears it from now on. What the
    /// statuses say of it stands.
    pub fn forget_programming(&mut self, now: Timestamp) -> Delta {
        for (name, before) in std::mem::take(&mut self.programming) {
            self.mark_statuses(&name);
            self.mark_judged(&name, Some(&before));
        }
        self.settle(now)
    }

    /// Whether the status of a Gateway says that it is programmed.
    pub fn is_programmed(&self, gateway: &ObjectName) -> bool {
        let key = ObjectKey {
            kind: Kind::Gateway,
            name: gateway.clone(),
        };
        match self.statuses.get(&key).map(|status| &**status) {
            Some(Status::Gateway(status)) => {
                standing::is_programmed(status.conditions.as_deref().unwrap_or_default())
            }
            _ => false,
        }
    }

    /// Computes the statuses of all Gateways again, which name certificates that expire as time passes.
    pub fn refresh(&mut self, now: Timestamp) -> Delta {
        let names: Vec<ObjectName> = self.gateways.keys().cloned().collect();
        for name in names {
            self.mark_statuses(&name);
        }
        self.settle(now)
    }

    /// Takes other options, for instance because other CRDs were installed.
    pub fn reconfigure(&mut self, options: EngineOptions, now: Timestamp) -> Delta {
        self.controllers = options
            .profiles
            .iter()
            .map(|profile| profile.controller.clone())
            .collect();
        self.snapshot.trust_bundles = options.trust_bundles;
        self.options = options;
        let keys = |kind: Kind| {
            let names = self.snapshot.all(kind).map(|(name, _)| name.clone());
            names
                .map(move |name| ObjectKey { kind, name })
                .collect::<Vec<_>>()
        };
        let all: Vec<ObjectKey> = Kind::ALL.iter().copied().flat_map(keys).collect();
        for key in &all {
            self.mark_own(key);
        }
        self.settle(now)
    }

    /// Forgets the status of an object: its next version says what the status is, also when it says nothing.
    /// For sources in which an object without status has none, as in a cluster.
    pub fn forget_status(&mut self, key: &ObjectKey) {
        if self.statuses.remove(key).is_some() {
            self.dirty.insert(Unit::Status(key.clone()));
        }
    }

    /// The load balancers, by Gateway.
    pub fn balancers(&self) -> impl Iterator<Item = (&ObjectName, &Arc<LoadBalancer>)> {
        self.gateways
            .iter()
            .filter_map(|(name, state)| Some((name, state.balancer.as_ref()?)))
    }

    /// The load balancer of a Gateway.
    pub fn balancer(&self, gateway: &ObjectName) -> Option<&Arc<LoadBalancer>> {
        self.gateways.get(gateway)?.balancer.as_ref()
    }

    /// The statuses of all objects that we have something to say about.
    pub fn statuses(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<Status>)> {
        self.statuses.iter().filter(|(key, _)| !self.silent.contains(key))
    }

    /// The status of an object.
    pub fn status(&self, key: &ObjectKey) -> Option<&Arc<Status>> {
        self.statuses.get(key).filter(|_| !self.silent.contains(key))
    }

    /// The input objects.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What translating a route found; `None` when it leads to no Gateway of ours.
    pub fn findings(&self, route: &RouteKey) -> Option<&RouteFindings> {
        Some(&self.routes.get(route)?.rules.as_ref()?.findings)
    }

    /// The settings of a Gateway's provider: its own over those of its class. `None` when the Gateway
    /// is not ours or not accepted.
    pub fn parameters(&self, gateway: &ObjectName) -> Option<Parameters> {
        let state = self.gateways.get(gateway)?;
        let found = state.node.as_ref()?.parameters.clone()?;
        Some(match found {
            Parameters::AwsAlb(found) if state.has_surroundings() => Parameters::AwsAlb(Arc::new(AwsAlb {
                balancer: found.balancer.clone(),
                strays: found.strays.clone(),
                overruled: found.overruled.clone(),
                target_groups: state.target_groups.clone(),
                routes: state.extensions.clone(),
                backends: state.own_backends.clone(),
                nodes: Arc::clone(&state.nodes),
                warming: Arc::clone(&state.warming),
            })),
            Parameters::AwsLattice(found) if !state.target_groups.is_empty() => {
                Parameters::AwsLattice(Arc::new(AwsLattice {
                    lattice: found.lattice.clone(),
                    overruled: found.overruled.clone(),
                    target_groups: state.target_groups.clone(),
                }))
            }
            found => found,
        })
    }

    /// The controller names of the classes of ours, each with the parameters of the class itself.
    pub fn class_parameters(&self) -> impl Iterator<Item = (&Str, Option<&Parameters>)> {
        self.classes
            .values()
            .map(|class| (&class.controller, class.parameters.as_ref()))
    }

    fn apply(&mut self, change: Change) {
        let (key, status) = match change {
            Change::Upsert(mut object) => {
                let key = object.key();
                // Whoever else holds the object keeps it as it came.
                let status = if object.has_status() {
                    Arc::make_mut(&mut object).take_status()
                } else {
                    None
                };
                let recreated = self
                    .snapshot
                    .get(key.kind, &key.name)
                    .is_some_and(|old| old.metadata().uid != object.metadata().uid);
                if recreated {
                    self.statuses.remove(&key);
                }
                let deps = self.snapshot.apply(Change::Upsert(object));
                if !deps.is_empty() {
                    self.mark_own(&key);
                }
                self.mark_users(&deps);
                (key, status)
            }
            Change::Delete(key) => {
                let deps = self.snapshot.apply(Change::Delete(key.clone()));
                self.mark_own(&key);
                self.mark_users(&deps);
                self.statuses.remove(&key);
                self.silent.remove(&key);
                (key, None)
            }
        };
        // Defaults of the CRD say nothing: files have them at every look, clusters once.
        let known = self.statuses.contains_key(&key);
        if let Some(status) = status.filter(|status| !(known && status.is_default())) {
            if self.statuses.get(&key).is_none_or(|known| **known != status) {
                self.statuses.insert(key.clone(), Arc::new(status));
            }
            self.dirty.insert(Unit::Status(key));
        }
    }

    /// Marks the units that an object stands for.
    fn mark_own(&mut self, key: &ObjectKey) {
        if let Some(route) = key.route() {
            self.dirty.insert(Unit::Parents(route));
        }
        match key.kind {
            Kind::GatewayClass => {
                self.dirty.insert(Unit::Class(key.name.name.clone()));
            }
            Kind::Gateway => {
                self.dirty.insert(Unit::Gateway(key.name.clone()));
            }
            Kind::BackendTlsPolicy
            | Kind::XBackendTrafficPolicy
            | Kind::XTelemetryPolicy
            | Kind::XBackend
            | Kind::AwsTargetGroup => {
                self.dirty.insert(Unit::Policy(key.clone()));
            }
            _ => {}
        }
        // The generation is part of every condition.
        if key.kind.has_status() {
            self.dirty.insert(Unit::Status(key.clone()));
        }
    }

    fn mark_users<'a>(&mut self, deps: impl IntoIterator<Item = &'a crate::snapshot::Dep>) {
        for dep in deps {
            self.dirty.extend(self.tracker.users(dep).cloned());
        }
    }

    /// Marks the statuses of a Gateway and of its ListenerSets.
    fn mark_statuses(&mut self, gateway: &ObjectName) {
        let sets = self.gateways.get(gateway).and_then(|state| state.node.as_ref());
        for set in sets.iter().flat_map(|node| &node.sets) {
            self.dirty.insert(Unit::Status(ObjectKey {
                kind: Kind::ListenerSet,
                name: set.name.clone(),
            }));
        }
        self.dirty.insert(Unit::Status(ObjectKey {
            kind: Kind::Gateway,
            name: gateway.clone(),
        }));
    }

    /// Marks the statuses of routes of which a Gateway's provider says something else than before.
    fn mark_judged(&mut self, gateway: &ObjectName, before: Option<&Programming>) {
        let state = self.gateways.get(gateway);
        let judged = state
            .and_then(|state| state.node.as_ref())
            .is_some_and(|node| node.judged);
        if !judged {
            return;
        }
        let nothing = Shortfall::default();
        let after = self.programming.get(gateway);
        let routes: Vec<Unit> = match (before, after) {
            (Some(before), Some(after))
                if before.names == after.names && before.resources == after.resources =>
            {
                let differ = before.shortfall.routes_that_differ(&after.shortfall);
                differ.map(ObjectKey::of_route).map(Unit::Status).collect()
            }
            // The first and the last word are about all routes; names and resources may be of any of them.
            _ => {
                let state = self.gateways.get(gateway).into_iter();
                let routes =
                    state.flat_map(|state| state.http_routes.keys().chain(state.stream_routes.keys()));
                let named = before.map_or(&nothing, |before| &before.shortfall).routes();
                let all = routes.chain(named);
                all.map(ObjectKey::of_route).map(Unit::Status).collect()
            }
        };
        self.dirty.extend(routes);
    }

    fn settle(&mut self, now: Timestamp) -> Delta {
        while let Some(unit) = self.dirty.pop_first() {
            self.evaluate(unit, now);
        }
        std::mem::take(&mut self.delta)
    }

    fn object(&self, key: &ObjectKey) -> Option<&Object> {
        self.snapshot.get(key.kind, &key.name).map(|object| &**object)
    }
}

#[cfg(test)]
mod tests;
