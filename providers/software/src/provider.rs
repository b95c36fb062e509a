//! The provider as the controller uses it.

use crate::cluster::live::LiveCluster;
use crate::cluster::store::Store;
use crate::driver::SoftwareDriver;
use crate::kind::{Key, Kind};
use crate::lower::{Network, Part, Request, network};
use crate::moving::{self, Move, Phase};
use crate::names;
use crate::ports::{self, Port, Ports};
use crate::settings::{Input, Place, Served, Settings};
use futures_util::Stream;
use gatewright_crds::own::parameters::Mode;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Around, Leave, Outcome};
use gatewright_stream::Scope;
use gatewright_stream::settings::GatewaySettings;
use kube::Client;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::{Notify, mpsc, watch};

/// Gateways as proxies in a cluster.
pub struct SoftwareProvider {
    driver: SoftwareDriver<LiveCluster>,
    served: Served,
    changes: Mutex<Option<mpsc::Receiver<ObjectName>>>,
    /// Ports of fleets that were given and may not be in a Service yet.
    given: Mutex<BTreeMap<ObjectName, Ports>>,
    /// One run at a time for the fleets: several tenants need the same one.
    fleets: tokio::sync::Mutex<()>,
    /// Gateways that change over from one mode to the other.
    moves: Mutex<BTreeMap<ObjectName, Move>>,
    again: Again,
    leave: Leave,
}

impl SoftwareProvider {
    /// Starts watching what exists.
    pub fn new(client: Client, settings: Settings, served: Served, around: Around) -> Self {
        let mut namespaces: BTreeSet<String> = settings.namespaces.iter().cloned().collect();
        if !namespaces.is_empty() {
            namespaces.insert(settings.namespace.clone());
        }
        let (cluster, changes) =
            LiveCluster::start(client, (&settings.controller, &namespaces), around.clone());
        Self {
            driver: SoftwareDriver { cluster, settings },
            served,
            changes: Mutex::new(Some(changes)),
            given: Mutex::new(BTreeMap::new()),
            fleets: tokio::sync::Mutex::new(()),
            moves: Mutex::new(BTreeMap::new()),
            again: Again::default(),
            leave: around.leave,
        }
    }

    /// Waits until everything that exists is known.
    pub async fn synced(&self) {
        self.driver.cluster.synced().await;
    }

    /// Decides which proxies serve a Gateway, and on which ports: those that its Service has, once it has
    /// them. To be called after [`SoftwareProvider::synced`], else ports are given that others have. The first
    /// ones are those that count; others follow while the Gateway changes over to other proxies.
    pub fn place(&self, input: &Input) -> Vec<Place> {
        let mode = input.mode();
        let modes: &[Mode] = match self.way(input) {
            None => &[mode],
            Some(phase) if phase.is_preparing() => &[moving::former(mode), mode],
            Some(_) => &[mode, moving::former(mode)],
        };
        modes.iter().map(|mode| self.place_in(input, *mode)).collect()
    }

    /// Whether the Gateway changes over from one mode to the other.
    pub fn is_moving(&self, gateway: &ObjectName) -> bool {
        self.moves().contains_key(gateway)
    }

    /// How far a Gateway has come that changes over.
    fn way(&self, input: &Input) -> Option<Phase> {
        let gateway = &input.balancer.gateway;
        let observed = self.driver.cluster.store().of(gateway);
        let mut moves = self.moves();
        let known = moves.get(gateway).copied();
        let found = moving::find(known, input, (&observed, &self.driver.settings), Instant::now());
        match found {
            Some(found) => moves.insert(gateway.clone(), found),
            None => moves.remove(gateway),
        };
        found.map(|found| found.phase)
    }

    fn place_in(&self, input: &Input, mode: Mode) -> Place {
        let parameters = input.parameters.as_ref();
        let settings = GatewaySettings {
            parameters: parameters
                .and_then(|parameters| serde_json::to_string(parameters).ok())
                .map(|text| text.as_str().into()),
            ports: ports::mappings(&self.ports(input, mode)),
            addresses: Vec::new(),
            session_key: Some(
                self.driver
                    .settings
                    .sessions
                    .key_of(&input.balancer.gateway, &input.uid),
            ),
        };
        let balancer = &input.balancer;
        let service_account = match mode {
            Mode::Dedicated => ObjectName::new(
                &balancer.gateway.namespace,
                &names::object_name(&balancer.gateway.name, &balancer.class),
            ),
            Mode::Shared => ObjectName::new(
                &self.driver.settings.namespace,
                &names::fleet_name(&balancer.class),
            ),
        };
        Place {
            scope: scope(input, mode),
            settings: Arc::new(settings),
            service_account,
        }
    }

    /// Gateways to look at again, because their objects or the controller's authorities changed. Can be taken
    /// once. A change of a fleet concerns all its Gateways.
    pub fn changes(&self) -> impl Stream<Item = ObjectName> + use<> {
        let receiver = self.changes.lock().unwrap_or_else(PoisonError::into_inner).take();
        let follower = receiver.map(|receiver| Follower {
            receiver,
            store: Arc::clone(self.driver.cluster.store()),
            namespace: self.driver.settings.namespace.clone(),
            authorities: self.driver.settings.authorities.clone(),
            again: self.again.clone(),
            waiting: VecDeque::new(),
        });
        futures_util::stream::unfold(follower, async |follower| {
            let mut follower = follower?;
            let gateway = follower.next().await?;
            Some((gateway, Some(follower)))
        })
    }

    /// Gateways that something is left of although nobody knows them.
    pub fn orphans(&self, known: &BTreeSet<ObjectName>) -> Vec<ObjectName> {
        let owners = self.driver.cluster.store().owners();
        let gateways = owners
            .difference(known)
            .filter(|owner| !owner.namespace.is_empty());
        gateways.cloned().collect()
    }

    /// Makes what is missing or different, and removes what is too much; writes and reads nothing when all
    /// is as it should be. A Gateway that changes over to other proxies is taken one step further.
    pub async fn reconcile(&self, input: &Input) -> Outcome {
        let gateway = &input.balancer.gateway;
        let mode = input.mode();
        let part = moving::part(mode);
        let mut outcome = Outcome::default();
        if part == Part::Tenant {
            let _one = self.fleets.lock().await;
            outcome = self
                .leave
                .converge(&self.driver, &self.request(input, Part::Fleet))
                .await;
        }
        let request = self.request(input, part);
        let own = match self.way(input) {
            None => self.leave.converge(&self.driver, &request).await,
            Some(phase) => {
                let serves = outcome.is_converged()
                    && self.served.by_proxies_of(&scope(input, mode), gateway)
                    && self.has_ready(input, mode);
                let now = Instant::now();
                let (own, next) =
                    moving::step(&self.driver, request, (phase, serves), (now, &self.leave)).await;
                self.go_on(input, (phase, next), now);
                own
            }
        };
        outcome.changes.extend(own.changes);
        outcome.unread = outcome.unread.or(own.unread);
        outcome.addresses = own.addresses;
        if part == Part::Dedicated {
            self.leave_fleet(input, &mut outcome).await;
        }
        outcome
    }

    /// Whether proxies that a mode means are ready.
    fn has_ready(&self, input: &Input, mode: Mode) -> bool {
        let owner = match mode {
            Mode::Dedicated => input.balancer.gateway.clone(),
            Mode::Shared => ObjectName::new("", &input.balancer.class),
        };
        moving::has_ready(&self.driver.cluster.store().of(&owner))
    }

    /// Notes how far a Gateway that changes over has come, and when to look at it again.
    fn go_on(&self, input: &Input, (before, next): (Phase, Option<Phase>), now: Instant) {
        let gateway = &input.balancer.gateway;
        if Some(before) != next {
            let phase = next.map_or("done", Phase::as_str);
            tracing::info!(%gateway, to = ?input.mode(), phase, "changing over to other proxies");
        }
        match next {
            Some(phase) => {
                let to = input.mode();
                self.moves().insert(gateway.clone(), Move { to, phase });
                self.again.at(phase.look(now), gateway);
            }
            None => {
                self.moves().remove(gateway);
            }
        }
    }

    /// Removes everything that was made for a Gateway.
    pub async fn remove(&self, gateway: &ObjectName) -> Outcome {
        self.given().remove(gateway);
        self.moves().remove(gateway);
        self.leave.remove(&self.driver, gateway).await
    }

    /// A fleet that the last Gateway left, because the class gives each its own proxies now, goes.
    async fn leave_fleet(&self, input: &Input, outcome: &mut Outcome) {
        let class = &input.balancer.class;
        let owner = ObjectName::new("", class);
        let store = self.driver.cluster.store();
        let empty = store.tenants(&self.driver.settings.namespace, class).is_empty();
        if empty && outcome.is_converged() && !store.of(&owner).objects.is_empty() {
            let _one = self.fleets.lock().await;
            let left = self.leave.remove(&self.driver, &owner).await;
            outcome.changes.extend(left.changes);
        }
    }

    fn request(&self, input: &Input, part: Part) -> Request {
        let owner = match part {
            Part::Fleet => ObjectName::new("", &input.balancer.class),
            Part::Dedicated | Part::Tenant => input.balancer.gateway.clone(),
        };
        Request {
            owner,
            ports: if part == Part::Fleet {
                Ports::new()
            } else {
                self.ports(input, input.mode())
            },
            input: input.clone(),
            part,
            authorities: self.driver.settings.authorities.borrow().clone(),
            held: BTreeSet::new(),
        }
    }

    fn moves(&self) -> std::sync::MutexGuard<'_, BTreeMap<ObjectName, Move>> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ports(&self, input: &Input, mode: Mode) -> Ports {
        let wanted = ports::listeners(&input.balancer);
        let gateway = &input.balancer.gateway;
        let store = self.driver.cluster.store();
        if mode == Mode::Dedicated {
            let observed = store.of(gateway);
            // Proxies that are to be replaced are where they are, whatever is wanted now.
            let on_nodes = if input.mode() == mode {
                network(input) == Network::Host
            } else {
                let workload = moving::workload(input, &observed);
                let host = workload.and_then(|found| found.pointer("/spec/template/spec/hostNetwork"));
                host == Some(&serde_json::Value::Bool(true))
            };
            if on_nodes {
                return wanted.into_iter().map(|port| (port, port.0)).collect();
            }
            let home = names::object_name(&gateway.name, &input.balancer.class);
            let front = observed
                .objects
                .get(&Key::new(Kind::Service, &gateway.namespace, &home));
            let recorded = front.map(|service| ports::recorded(service)).unwrap_or_default();
            return ports::dedicated(&wanted, &recorded);
        }
        let mut given = self.given();
        let mut recorded = Ports::new();
        let mut taken: BTreeSet<Port> = BTreeSet::new();
        let bound =
            |ports: &Ports| -> Vec<Port> { ports.iter().map(|(port, bound)| (*bound, port.1)).collect() };
        for (owner, service) in store.tenants(&self.driver.settings.namespace, &input.balancer.class) {
            let ports = ports::recorded(&service);
            if owner == *gateway {
                recorded = ports;
            } else {
                taken.extend(bound(&ports));
            }
        }
        for (_, ports) in given.iter().filter(|(owner, _)| *owner != gateway) {
            taken.extend(bound(ports));
        }
        for (port, bound) in given.get(gateway).into_iter().flatten() {
            recorded.entry(*port).or_insert(*bound);
        }
        let ports = ports::shared(&gateway.to_string(), &wanted, &recorded, &taken);
        given.insert(gateway.clone(), ports.clone());
        ports
    }

    fn given(&self) -> std::sync::MutexGuard<'_, BTreeMap<ObjectName, Ports>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose proxies a mode means.
fn scope(input: &Input, mode: Mode) -> Scope {
    match mode {
        Mode::Dedicated => Scope::Gateway(input.balancer.gateway.clone()),
        Mode::Shared => Scope::Class(input.balancer.class.clone()),
    }
}

/// Gateways to look at again at a time.
#[derive(Clone, Default)]
struct Again(Arc<(Mutex<BTreeMap<ObjectName, Instant>>, Notify)>);

impl Again {
    fn at(&self, when: Instant, gateway: &ObjectName) {
        self.times().insert(gateway.clone(), when);
        self.0.1.notify_one();
    }

    fn times(&self) -> std::sync::MutexGuard<'_, BTreeMap<ObjectName, Instant>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next one.
    async fn next(&self) -> ObjectName {
        loop {
            let first = {
                let times = self.times();
                times
                    .iter()
                    .min_by_key(|(_, when)| **when)
                    .map(|(name, when)| (name.clone(), *when))
            };
            match first {
                Some((gateway, when)) if when <= Instant::now() => {
                    self.times().remove(&gateway);
                    return gateway;
                }
                Some((_, when)) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(when.into()) => {}
                        () = self.0.1.notified() => {}
                    }
                }
                None => self.0.1.notified().await,
            }
        }
    }
}

/// Turns changes of objects into Gateways.
struct Follower {
    receiver: mpsc::Receiver<ObjectName>,
    store: Arc<Store>,
    namespace: String,
    authorities: watch::Receiver<String>,
    again: Again,
    waiting: VecDeque<ObjectName>,
}

impl Follower {
    async fn next(&mut self) -> Option<ObjectName> {
        loop {
            if let Some(gateway) = self.waiting.pop_front() {
                return Some(gateway);
            }
            tokio::select! {
                owner = self.receiver.recv() => {
                    let owner = owner?;
                    if owner.namespace.is_empty() {
                        let tenants = self.store.tenants(&self.namespace, &owner.name);
                        self.waiting.extend(tenants.into_iter().map(|(gateway, _)| gateway));
                    } else {
                        return Some(owner);
                    }
                }
                gateway = self.again.next() => return Some(gateway),
                // Every ConfigMap with the authorities is written anew.
                Ok(()) = self.authorities.changed() => {
                    let owners = self.store.owners().into_iter();
                    self.waiting.extend(owners.filter(|owner| !owner.namespace.is_empty()));
                }
            }
        }
    }
}
