//! A cloud in memory, behind the seam that every provider of a cloud has.

use crate::clouds::{Cloud as Erasure, Registry};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{
    Binding, Bound, BoxFuture, Erased, Leave, Ledger, Member, Membership, Outcome, Pool, Preview,
    ProviderError, Reconcile, Request, Resource,
};
use gatewright_provider_api::suite::World;
use gatewright_provider_api::suite::fake::{Cloud, FakeDriver};
use gatewright_provider_api::{Provider, review};
use std::any::Any;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// Controller name of its classes.
pub const CLOUD: &str = "gatewright.dev/aws-alb";

/// The contract's provider in memory, which cannot express what an Application Load Balancer cannot. A clone is the
/// same cloud.
#[derive(Clone)]
pub struct TestCloud(pub Arc<Cloud>, Pools, Arc<Mutex<Bindings>>);

/// A target group of somebody else.
#[derive(Default)]
struct Bindings {
    members: BTreeSet<Member>,
    failing: Option<ProviderError>,
}

/// What it says of pods.
type Pools = Arc<Mutex<Result<Vec<Pool>, ProviderError>>>;

impl Default for TestCloud {
    fn default() -> Self {
        Self(
            Arc::default(),
            Arc::new(Mutex::new(Ok(Vec::new()))),
            Arc::default(),
        )
    }
}

impl TestCloud {
    /// It alone, without other processes.
    pub fn registry(&self) -> Registry {
        self.registry_under(Leave::always())
    }

    /// It alone, whose changes are made by this leave.
    pub fn registry_under(&self, leave: Leave) -> Registry {
        let mut registry = Registry::default();
        let cloud: Erasure = Arc::new(Limited(
            Erased::new(self.0.driver(), leave),
            Arc::clone(&self.1),
            Arc::clone(&self.2),
        ));
        registry.add(CLOUD, cloud);
        registry
    }

    /// What it says of pods from now on.
    pub fn set_pools(&self, pools: Result<Vec<Pool>, ProviderError>) {
        *self.1.lock().unwrap() = pools;
    }

    /// Addresses that are registered in somebody else's target group.
    pub fn bound(&self) -> Vec<String> {
        let bindings = self.2.lock().unwrap();
        let ids = bindings.members.iter().map(|member| member.id.to_string());
        ids.collect()
    }

    /// An address is registered there from before.
    pub fn bind_before(&self, address: &str) {
        self.2.lock().unwrap().members.insert(Member {
            id: address.into(),
            port: 8080,
        });
    }

    /// Bindings fail with this from now on.
    pub fn fail_bindings(&self, error: Option<ProviderError>) {
        self.2.lock().unwrap().failing = error;
    }

    /// What exists, each with its settings.
    pub fn resources(&self) -> Vec<Resource> {
        self.0.contents().into_keys().collect()
    }
}

struct Limited(Erased<FakeDriver>, Pools, Arc<Mutex<Bindings>>);

impl Limited {
    fn driver(&self) -> &dyn Reconcile<Request> {
        &self.0
    }
}

impl Reconcile<Request> for Limited {
    fn provider(&self) -> Provider {
        Provider::AwsAlb
    }

    fn reconcile<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let mut outcome = self.driver().reconcile(request).await;
            outcome.unsupported = review(Provider::AwsAlb, &request.balancer);
            outcome
        })
    }

    fn remove<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Outcome> {
        self.driver().remove(gateway)
    }

    fn preview<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Preview> {
        Box::pin(async move {
            let mut preview = self.driver().preview(request).await;
            preview.unsupported = review(Provider::AwsAlb, &request.balancer);
            preview
        })
    }

    fn preview_removal<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Preview> {
        self.driver().preview_removal(gateway)
    }

    fn forget(&self) {
        self.driver().forget();
    }

    fn pools<'a>(
        &'a self,
        _: &'a ObjectName,
        services: &'a BTreeSet<ObjectName>,
    ) -> BoxFuture<'a, Result<Vec<Pool>, ProviderError>> {
        let pools = self.1.lock().unwrap().clone();
        Box::pin(std::future::ready(pools.map(|pools| {
            let asked = pools.into_iter().filter(|pool| services.contains(&pool.service));
            asked.collect()
        })))
    }

    /// As those of a Gateway.
    fn bound_pool<'a>(
        &'a self,
        membership: &'a Membership,
    ) -> BoxFuture<'a, Result<Option<Pool>, ProviderError>> {
        let pools = self.1.lock().unwrap().clone();
        Box::pin(std::future::ready(pools.map(|pools| {
            let mut asked = pools
                .into_iter()
                .filter(|pool| pool.service == membership.service);
            asked.next()
        })))
    }

    fn bind<'a>(&'a self, binding: &'a Binding, ledger: &'a dyn Ledger) -> BoxFuture<'a, Bound> {
        Box::pin(async move {
            if let Some(error) = self.2.lock().unwrap().failing.clone() {
                return Bound {
                    members: binding.known.clone(),
                    unread: Some(error),
                    ..Bound::default()
                };
            }
            let pods = binding.instances.iter().flat_map(|instances| &instances.pods);
            let wanted: BTreeSet<Member> = pods
                .map(|(address, port)| Member {
                    id: address.to_string().into(),
                    port: *port,
                })
                .collect();
            if !wanted.is_subset(&binding.known) {
                let all = binding.known.union(&wanted).cloned().collect();
                ledger.record("arn:theirs", &all).await.unwrap();
            }
            let mut bound = self.2.lock().unwrap();
            bound.members.retain(|member| !binding.known.contains(member));
            bound.members.extend(wanted.iter().cloned());
            Bound {
                group: Some("arn:theirs".into()),
                members: wanted,
                ..Bound::default()
            }
        })
    }

    fn owners(&self) -> BoxFuture<'_, Result<BTreeSet<ObjectName>, ProviderError>> {
        self.driver().owners()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
