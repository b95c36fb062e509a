//! A provider in memory: the smallest that keeps the contract, and an example of how.
//!
//! Its infrastructure is like a cloud's: resources refer to each other by name, what is referred to
//! cannot be deleted, and everybody's resources are in one place, each with its owner's mark.

use super::{Answer, Calls, World};
use crate::Provider;
use crate::contract::{
    Action, Addresses, Change, Driver, ErrorKind, FieldChange, Lowered, Plan, Prepare, ProviderError,
    Request, Resource,
};
use gatewright_core::status::programming::AssignedAddress;
use gatewright_model::LoadBalancer;
use gatewright_model::backend::{BackendTarget, WeightedBackend};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{
    BackendKey, BackendKind, ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind,
};
use gatewright_model::listener::{Listener, Protocol};
use gatewright_model::route::{Attachment, StreamRoute};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Kinds, in order of creation.
const ORDER: [&str; 4] = ["balancer", "pool", "listener", "rule"];

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The Gateway it was made for; `None`: somebody else's.
    pub owner: Option<ObjectName>,
    /// Its settings.
    pub settings: String,
    /// What it refers to.
    pub uses: Vec<Resource>,
}

type Items = BTreeMap<Resource, Item>;

/// The infrastructure.
#[derive(Debug, Default)]
pub struct Cloud {
    items: Mutex<Items>,
    calls: Calls,
}

/// The driver.
#[derive(Clone, Debug)]
pub struct FakeDriver(Arc<Cloud>);

/// What is carried out: the resource as wanted, or its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is written.
    Put(Item),
    /// It is deleted.
    Delete,
}

impl Cloud {
    fn items(&self) -> MutexGuard<'_, Items> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, owner: &ObjectName) -> Items {
        let items = self.items();
        let found = items
            .iter()
            .filter(|(_, item)| item.owner.as_ref() == Some(owner));
        found.map(|(key, item)| (key.clone(), item.clone())).collect()
    }

    async fn list(&self, owner: &ObjectName) -> Result<Items, ErrorKind> {
        let reply = self.calls.enter(None);
        let found = self.of(owner);
        answer(reply.answer, Ok(found)).await
    }

    async fn put(&self, resource: &Resource, item: &Item) -> Result<(), ErrorKind> {
        let exists = self.items().contains_key(resource);
        let action = if exists { Action::Update } else { Action::Create };
        let reply = self.calls.enter(Some((action, resource.clone())));
        let result = if reply.carry_out {
            self.write(resource, item)
        } else {
            Ok(())
        };
        answer(reply.answer, result).await
    }

    fn write(&self, resource: &Resource, item: &Item) -> Result<(), ErrorKind> {
        let mut items = self.items();
        if item.uses.iter().any(|used| !items.contains_key(used)) {
            return Err(ErrorKind::NotFound);
        }
        if items.get(resource).is_some_and(|found| found.owner != item.owner) {
            return Err(ErrorKind::NotOurs);
        }
        items.insert(resource.clone(), item.clone());
        Ok(())
    }

    async fn delete(&self, resource: &Resource) -> Result<(), ErrorKind> {
        let reply = self.calls.enter(Some((Action::Delete, resource.clone())));
        let result = if reply.carry_out {
            self.erase(resource)
        } else {
            Ok(())
        };
        answer(reply.answer, result).await
    }

    fn erase(&self, resource: &Resource) -> Result<(), ErrorKind> {
        let mut items = self.items();
        if items.values().any(|item| item.uses.contains(resource)) {
            return Err(ErrorKind::InUse);
        }
        items.remove(resource).map(|_| ()).ok_or(ErrorKind::NotFound)
    }
}

async fn answer<T>(answer: Option<Answer>, usual: Result<T, ErrorKind>) -> Result<T, ErrorKind> {
    match answer {
        None => usual,
        Some(Answer::Error(kind)) => Err(kind),
        Some(Answer::Never) => std::future::pending().await,
    }
}

impl Driver for FakeDriver {
    type Input = Arc<LoadBalancer>;
    type Target = Items;
    type Observed = Items;
    type Step = Step;

    fn provider(&self) -> Provider {
        Provider::Software
    }

    fn gateway<'a>(&self, input: &'a Self::Input) -> &'a ObjectName {
        &input.gateway
    }

    fn lower(&self, input: &Self::Input) -> Lowered<Items> {
        Lowered {
            target: lower(input),
            unsupported: Vec::new(),
        }
    }

    async fn observe(&self, gateway: &ObjectName) -> Result<Items, ProviderError> {
        let resource = Resource {
            kind: "cloud",
            id: gateway.to_string().into(),
        };
        self.0.list(gateway).await.map_err(|kind| error(kind, resource))
    }

    fn plan(&self, target: Option<&Items>, observed: &Items) -> Plan<Step> {
        plan(target.unwrap_or(&Items::new()), observed)
    }

    async fn apply(&self, change: &Change<Step>) -> Result<(), ProviderError> {
        let result = match &change.step {
            Step::Put(item) => self.0.put(&change.resource, item).await,
            Step::Delete => match self.0.delete(&change.resource).await {
                // Carried out before.
                Err(ErrorKind::NotFound) => Ok(()),
                result => result,
            },
        };
        result.map_err(|kind| error(kind, change.resource.clone()))
    }

    async fn owners(&self) -> Result<BTreeSet<ObjectName>, ProviderError> {
        let items = self.0.items();
        Ok(items.values().filter_map(|item| item.owner.clone()).collect())
    }

    fn addresses(&self, _: &Self::Input, observed: &Items) -> Addresses {
        let there = observed.keys().any(|resource| resource.kind == "balancer");
        let address = AssignedAddress {
            kind: "IPAddress".into(),
            value: "192.0.2.1".into(),
            routability: "".into(),
        };
        Addresses {
            names: BTreeMap::new(),
            resources: BTreeMap::new(),
            assigned: there.then_some(address).into_iter().collect(),
            fault: None,
        }
    }
}

/// It needs nothing but the load balancer.
impl Prepare<Request> for FakeDriver {
    async fn prepare(&self, request: &Request) -> Result<Self::Input, ProviderError> {
        Ok(Arc::clone(&request.balancer))
    }
}

fn error(kind: ErrorKind, resource: Resource) -> ProviderError {
    ProviderError {
        kind,
        resource,
        message: kind.treatment().label.to_owned(),
    }
}

fn resource(kind: &'static str, owner: &ObjectName, part: &str) -> Resource {
    Resource {
        kind,
        id: format!("{owner}:{part}").into(),
    }
}

fn lower(balancer: &LoadBalancer) -> Items {
    let owner = &balancer.gateway;
    let item = |settings: String, uses: Vec<Resource>| Item {
        owner: Some(owner.clone()),
        settings,
        uses,
    };
    let root = resource("balancer", owner, "");
    let mut items = Items::from([(
        root.clone(),
        item(format!("{:?}", balancer.infrastructure.labels), Vec::new()),
    )]);
    for (key, listener) in &balancer.listeners {
        let settings = format!("{:?} {}", listener.protocol, listener.port);
        items.insert(
            resource("listener", owner, &key.name),
            item(settings, vec![root.clone()]),
        );
    }
    for (key, route) in &balancer.stream_routes {
        let listeners = route
            .attachments
            .iter()
            .map(|attachment| resource("listener", owner, &attachment.listener.name));
        let mut uses: Vec<Resource> = listeners.collect();
        let mut settings = String::new();
        for backend in &route.backends {
            if let BackendTarget::Backend(target) = &backend.target {
                let pool = resource("pool", owner, &target.to_string());
                items.insert(pool.clone(), item(String::new(), Vec::new()));
                let _ = write!(settings, "{target}={} ", backend.weight);
                uses.push(pool);
            }
        }
        items.insert(resource("rule", owner, &key.to_string()), item(settings, uses));
    }
    items
}

fn plan(target: &Items, observed: &Items) -> Plan<Step> {
    let mut changes = Vec::new();
    for kind in ORDER {
        for (resource, item) in target.iter().filter(|(resource, _)| resource.kind == kind) {
            let found = observed.get(resource);
            if found == Some(item) {
                continue;
            }
            changes.push(Change {
                action: if found.is_some() {
                    Action::Update
                } else {
                    Action::Create
                },
                resource: resource.clone(),
                fields: found.map(|found| differences(found, item)).unwrap_or_default(),
                why: if found.is_some() {
                    "it differs"
                } else {
                    "it is missing"
                }
                .to_owned(),
                needs: item.uses.clone(),
                step: Step::Put(item.clone()),
            });
        }
    }
    let order = |resource: &Resource| ORDER.iter().position(|kind| *kind == resource.kind);
    let mut unwanted: Vec<_> = observed
        .iter()
        .filter(|(key, _)| !target.contains_key(key))
        .collect();
    unwanted.sort_by_key(|(resource, _)| std::cmp::Reverse(order(resource)));
    for (resource, _) in unwanted {
        // Whatever refers to it lets go of it first.
        let users = observed.iter().filter(|(_, item)| item.uses.contains(resource));
        changes.push(Change {
            action: Action::Delete,
            resource: resource.clone(),
            fields: Vec::new(),
            why: "nothing wants it".to_owned(),
            needs: users.map(|(user, _)| user.clone()).collect(),
            step: Step::Delete,
        });
    }
    Plan { changes }
}

fn differences(found: &Item, wanted: &Item) -> Vec<FieldChange> {
    let pairs = [
        ("settings", found.settings.clone(), wanted.settings.clone()),
        ("uses", format!("{:?}", found.uses), format!("{:?}", wanted.uses)),
    ];
    let differ = pairs.into_iter().filter(|(_, from, to)| from != to);
    differ
        .map(|(field, from, to)| FieldChange {
            field: field.to_owned(),
            from: Some(from),
            to: Some(to),
        })
        .collect()
}

impl World for Arc<Cloud> {
    type Driver = FakeDriver;

    fn empty() -> Self {
        Self::default()
    }

    fn copy(&self) -> Self {
        Self::new(Cloud {
            items: Mutex::new(self.items().clone()),
            calls: Calls::default(),
        })
    }

    fn is_like(&self, other: &Self) -> bool {
        *self.items() == *other.items()
    }

    fn driver(&self) -> FakeDriver {
        FakeDriver(Self::clone(self))
    }

    fn stages() -> Vec<Arc<LoadBalancer>> {
        stages()
    }

    fn calls(&self) -> &Calls {
        &self.calls
    }

    fn contents(&self) -> BTreeMap<Resource, String> {
        let items = self.items();
        items
            .iter()
            .map(|(key, item)| (key.clone(), format!("{item:?}")))
            .collect()
    }

    fn plant_foreign(&self) {
        let ours = ObjectName::new("infra", "edge");
        let others = ObjectName::new("infra", "edge-2");
        for (owner, name) in [(None, &ours), (Some(others.clone()), &others)] {
            let item = Item {
                owner,
                settings: "theirs".to_owned(),
                uses: Vec::new(),
            };
            self.items().insert(resource("pool", name, "theirs"), item);
        }
    }

    fn lose(&self, resource: &Resource) {
        self.items().remove(resource);
    }

    fn damage(&self, resource: &Resource) -> bool {
        let mut items = self.items();
        let Some(item) = items.get_mut(resource) else {
            return false;
        };
        item.settings.push('!');
        true
    }

    fn order() -> &'static [&'static str] {
        &ORDER
    }
}

/// Forms of a Gateway for [`World::stages`]: one listener and route; two of each with other weights and
/// labels; and none at all.
pub fn stages() -> Vec<Arc<LoadBalancer>> {
    let gateway = ObjectName::new("infra", "edge");
    let bare = LoadBalancer::bare(gateway, "gatewright", "gatewright.dev/software");
    let small = with_port(bare.clone(), 80, Protocol::Tcp, &[("a", 1)]);
    let mut large = with_port(small.clone(), 53, Protocol::Udp, &[("b", 1)]);
    large = with_port(large, 80, Protocol::Tcp, &[("a", 2), ("c", 1)]);
    large.infrastructure.labels.insert("team".into(), "net".into());
    let moved = with_port(bare.clone(), 8080, Protocol::Tcp, &[("c", 1)]);
    [small, large, moved, bare].map(Arc::new).to_vec()
}

/// `balancer` with one more listener, and a route from it to these Services by weight.
fn with_port(
    mut balancer: LoadBalancer,
    port: u16,
    protocol: Protocol,
    targets: &[(&str, u32)],
) -> LoadBalancer {
    let key = ListenerKey {
        parent: ListenerParent::Gateway(balancer.gateway.clone()),
        name: format!("port-{port}").into(),
    };
    let listener = Listener {
        key: key.clone(),
        port,
        protocol,
        hostname: HostPattern::Any,
        tls: None,
        filters: Vec::new(),
    };
    let route = RouteKey {
        kind: RouteKind::Tcp,
        object: ObjectName::new("apps", &format!("to-{port}")),
    };
    let backends = targets.iter().map(|(name, weight)| WeightedBackend {
        target: BackendTarget::Backend(BackendKey {
            kind: BackendKind::Service,
            object: ObjectName::new("apps", name),
            port: 1,
        }),
        weight: *weight,
        filters: Vec::new(),
    });
    let route = StreamRoute {
        key: route,
        created: 0,
        attachments: vec![Attachment {
            listener: key.clone(),
            hosts: Vec::new(),
        }],
        backends: backends.collect(),
    };
    balancer.listeners.insert(key, Arc::new(listener));
    balancer.stream_routes.insert(route.key.clone(), Arc::new(route));
    balancer
}
