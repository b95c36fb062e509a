//! The provider as the controller uses it.

use crate::cluster::live::LiveCluster;
use crate::cluster::store::Store;
use crate::driver::SoftwareDriver;
use crate::lower::{Network, Part, Request, network};
use crate::names;
use crate::ports::{self, Port, Ports};
use crate::settings::{Input, Placed, Settings};
use futures_util::Stream;
use gatewright_crds::own::parameters::Mode;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Outcome, converge, remove};
use gatewright_stream::Scope;
use gatewright_stream::settings::GatewaySettings;
use kube::Client;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, watch};

/// Gateways as proxies in a cluster.
pub struct SoftwareProvider {
    driver: SoftwareDriver<LiveCluster>,
    changes: Mutex<Option<mpsc::Receiver<ObjectName>>>,
    /// Ports of fleets that were given and may not be in a Service yet.
    given: Mutex<BTreeMap<ObjectName, Ports>>,
    /// One run at a time for the fleets: several tenants need the same one.
    fleets: tokio::sync::Mutex<()>,
}

impl SoftwareProvider {
    /// Starts watching what exists.
    pub fn new(client: Client, settings: Settings) -> Self {
        let mut namespaces: BTreeSet<String> = settings.namespaces.iter().cloned().collect();
        if !namespaces.is_empty() {
            namespaces.insert(settings.namespace.clone());
        }
        let (cluster, changes) = LiveCluster::start(client, &settings.controller, &namespaces);
        Self {
            driver: SoftwareDriver { cluster, settings },
            changes: Mutex::new(Some(changes)),
            given: Mutex::new(BTreeMap::new()),
            fleets: tokio::sync::Mutex::new(()),
        }
    }

    /// Waits until everything that exists is known.
    pub async fn synced(&self) {
        self.driver.cluster.synced().await;
    }

    /// Decides which proxies serve a Gateway, and on which ports: those that its Service has, once it has
    /// them. To be called after [`SoftwareProvider::synced`], else ports are given that others have.
    pub fn place(&self, input: &Input) -> Placed {
        let balancer = &input.balancer;
        let parameters = input.parameters.as_ref();
        let settings = GatewaySettings {
            parameters: parameters
                .and_then(|parameters| serde_json::to_string(parameters).ok())
                .map(|text| text.as_str().into()),
            ports: ports::mappings(&self.ports(input)),
            addresses: Vec::new(),
        };
        let (scope, service_account) = match input.mode() {
            Mode::Dedicated => (
                Scope::Gateway(balancer.gateway.clone()),
                ObjectName::new(
                    &balancer.gateway.namespace,
                    &names::object_name(&balancer.gateway.name, &balancer.class),
                ),
            ),
            Mode::Shared => (
                Scope::Class(balancer.class.clone()),
                ObjectName::new(
                    &self.driver.settings.namespace,
                    &names::fleet_name(&balancer.class),
                ),
            ),
        };
        Placed {
            scope,
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
    /// is as it should be.
    pub async fn reconcile(&self, input: &Input) -> Outcome {
        let part = match input.mode() {
            Mode::Dedicated => Part::Dedicated,
            Mode::Shared => Part::Tenant,
        };
        let mut outcome = Outcome::default();
        if part == Part::Tenant {
            let _one = self.fleets.lock().await;
            outcome = converge(&self.driver, &self.request(input, Part::Fleet)).await;
        }
        let own = converge(&self.driver, &self.request(input, part)).await;
        outcome.changes.extend(own.changes);
        outcome.unread = outcome.unread.or(own.unread);
        outcome.addresses = own.addresses;
        if part == Part::Dedicated {
            self.leave_fleet(input, &mut outcome).await;
        }
        outcome
    }

    /// Removes everything that was made for a Gateway.
    pub async fn remove(&self, gateway: &ObjectName) -> Outcome {
        self.given().remove(gateway);
        remove(&self.driver, gateway).await
    }

    /// A fleet that the last Gateway left, because the class gives each its own proxies now, goes.
    async fn leave_fleet(&self, input: &Input, outcome: &mut Outcome) {
        let class = &input.balancer.class;
        let owner = ObjectName::new("", class);
        let store = self.driver.cluster.store();
        let empty = store.tenants(&self.driver.settings.namespace, class).is_empty();
        if empty && outcome.is_converged() && !store.of(&owner).objects.is_empty() {
            let _one = self.fleets.lock().await;
            outcome.changes.extend(remove(&self.driver, &owner).await.changes);
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
                self.ports(input)
            },
            input: input.clone(),
            part,
            authorities: self.driver.settings.authorities.borrow().clone(),
        }
    }

    fn ports(&self, input: &Input) -> Ports {
        let wanted = ports::listeners(&input.balancer);
        let gateway = &input.balancer.gateway;
        let store = self.driver.cluster.store();
        if input.mode() == Mode::Dedicated {
            if network(input) == Network::Host {
                return wanted.into_iter().map(|port| (port, port.0)).collect();
            }
            let observed = store.of(gateway);
            let front = observed.objects.iter().find(|(key, _)| {
                key.name.namespace == gateway.namespace && key.kind == crate::kind::Kind::Service
            });
            let recorded = front
                .map(|(_, service)| ports::recorded(service))
                .unwrap_or_default();
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

/// Turns changes of objects into Gateways.
struct Follower {
    receiver: mpsc::Receiver<ObjectName>,
    store: Arc<Store>,
    namespace: String,
    authorities: watch::Receiver<String>,
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
                // Every ConfigMap with the authorities is written anew.
                Ok(()) = self.authorities.changed() => {
                    let owners = self.store.owners().into_iter();
                    self.waiting.extend(owners.filter(|owner| !owner.namespace.is_empty()));
                }
            }
        }
    }
}
