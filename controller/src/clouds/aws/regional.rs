//! One of AWS's services, wherever its classes want it.

use super::SERVED;
use super::homes::{Homes, Trace};
use super::places::{At, Places, locked};
use super::service::{Boxed, Service, account};
use gatewright_aws_sdk::Settings as Place;
use gatewright_core::graph::parameters::Parameters;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::{
    Action, Applied, Binding, Bound, BoxFuture, Leave, Ledger, Membership, Outcome, Pool, Preview,
    ProviderError, Reads, Reconcile, Request, Verdict,
};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// A service in all accounts and regions of its classes. Without credentials it says so wherever it is asked, and looks
/// for them again the next time.
pub struct Regional {
    service: Service,
    places: Arc<Places>,
    homes: Arc<Homes>,
    leave: Leave,
    /// Those that were worked in.
    works: Mutex<BTreeMap<Place, Arc<Work>>>,
    /// Places of the classes that exist.
    classes: Mutex<BTreeSet<Place>>,
}

/// Work in one account and region.
struct Work {
    at: Arc<At>,
    driver: OnceCell<Boxed>,
    /// Number of the last sweep that it used.
    used: AtomicU64,
}

impl Regional {
    /// Of this service. Services that remove each other's resources share their `homes`.
    pub fn new(service: Service, places: Arc<Places>, homes: Arc<Homes>, leave: Leave) -> Self {
        Self {
            service,
            places,
            homes,
            leave,
            works: Mutex::default(),
            classes: Mutex::default(),
        }
    }

    fn work(&self, place: &Place) -> Arc<Work> {
        let mut works = locked(&self.works);
        let work = works.entry(place.clone()).or_insert_with(|| {
            Arc::new(Work {
                at: self.places.at(place),
                driver: OnceCell::new(),
                used: AtomicU64::new(0),
            })
        });
        Arc::clone(work)
    }

    /// Everywhere: where classes want something, and where this process was. Without a class, where the controller's
    /// own credentials lead.
    fn everywhere(&self) -> BTreeSet<Place> {
        let mut wanted = locked(&self.classes).clone();
        let works = locked(&self.works);
        let reached = works.iter().filter(|(_, work)| work.driver.initialized());
        wanted.extend(reached.map(|(place, _)| place.clone()));
        drop(works);
        if wanted.is_empty() {
            wanted.insert(self.places.place(None));
        }
        wanted
    }

    async fn driver<'a>(&self, work: &'a Work) -> Result<&'a dyn Reconcile<Request>, ProviderError> {
        let make = || self.service.driver(&self.places, &work.at, self.leave.clone());
        let driver = work.driver.get_or_try_init(make).await?;
        Ok(&**driver)
    }

    /// Where a Gateway is to be, and where else something of it may be.
    fn settle(&self, request: &Request) -> (Arc<Work>, Vec<(Place, Trace)>) {
        let place = self.places.place(account(&request.parameters));
        let gateway = &request.balancer.gateway;
        let others = self.homes.settle(gateway, &place, || self.everywhere());
        (self.work(&place), others)
    }

    /// Where something of a Gateway may be.
    fn traces(&self, gateway: &ObjectName) -> Vec<(Place, Trace)> {
        self.homes.of(gateway).unwrap_or_else(|| {
            let everywhere = self.everywhere().into_iter();
            everywhere.map(|place| (place, Trace::Perhaps)).collect()
        })
    }

    /// Those of these places that can be reached, and why one cannot: that is told where something is known to be there,
    /// or where none can be reached at all.
    async fn reachable(
        &self,
        gateway: &ObjectName,
        traces: &[(Place, Trace)],
    ) -> (Vec<Arc<Work>>, Option<ProviderError>) {
        let mut reached = Vec::new();
        let (mut failed, mut skipped) = (None, None);
        for (place, trace) in traces {
            let work = self.work(place);
            match (self.driver(&work).await.err(), trace) {
                (None, _) => reached.push(work),
                (Some(error), Trace::Certain) => failed = failed.or(Some(error)),
                (Some(error), Trace::Perhaps) => {
                    tracing::debug!(%gateway, %error, "an account is not looked through");
                    skipped = skipped.or(Some(error));
                }
            }
        }
        if reached.is_empty() {
            failed = failed.or(skipped);
        }
        (reached, failed)
    }

    /// Those of other places, where the Gateway's own can be reached. The same one under another role is no other place.
    async fn elsewhere(
        &self,
        gateway: &ObjectName,
        here: &Work,
        others: &[(Place, Trace)],
    ) -> (Vec<Arc<Work>>, Option<ProviderError>) {
        let (mut reached, failed) = self.reachable(gateway, others).await;
        reached.retain(|other| {
            let same = here.at.is_same(&other.at);
            if same {
                self.homes.left(gateway, &other.at.place);
            }
            !same
        });
        let certain = others.iter().any(|(_, trace)| *trace == Trace::Certain);
        (reached, failed.filter(|_| certain))
    }

    async fn remove_at(&self, gateway: &ObjectName, work: &Work) -> Outcome {
        let outcome = match self.driver(work).await {
            Ok(driver) => driver.remove(gateway).await,
            Err(error) => unread(error),
        };
        if outcome.is_converged() && outcome.changes.is_empty() && outcome.again.is_none() {
            self.homes.left(gateway, &work.at.place);
        }
        outcome
    }

    /// In the place of its class; what it had in another goes once it is served there and clients know.
    async fn reconcile_all(&self, request: &Request) -> Outcome {
        let gateway = &request.balancer.gateway;
        let (work, others) = self.settle(request);
        let mut outcome = match self.driver(&work).await {
            Ok(driver) => {
                self.homes.found(gateway, &work.at.place);
                driver.reconcile(request).await
            }
            Err(error) => unread(error),
        };
        let serves = outcome.is_converged() && outcome.addresses.fault.is_none();
        if !serves {
            return outcome;
        }
        let served = self.homes.serves(gateway, Instant::now());
        if others.is_empty() {
            return outcome;
        }
        let (reached, failed) = self.elsewhere(gateway, &work, &others).await;
        outcome.changes.extend(failed.map(not_removed));
        for other in reached {
            self.clear(gateway, &other, served, &mut outcome).await;
        }
        outcome
    }

    /// Removes what a Gateway has in another place than its own, where it is `served` since this time. What becomes of
    /// that says nothing about its own: that is served all the same.
    async fn clear(&self, gateway: &ObjectName, other: &Work, served: Duration, outcome: &mut Outcome) {
        let mut there = Preview::default();
        self.preview_removal_at(gateway, other, &mut there).await;
        if let Some(error) = there.unread {
            outcome.changes.push(not_removed(error));
            return;
        }
        if there.changes.is_empty() {
            self.homes.left(gateway, &other.at.place);
            return;
        }
        self.homes.found(gateway, &other.at.place);
        let wait = self.places.drain().saturating_sub(served);
        if !wait.is_zero() {
            outcome.again = outcome.again.into_iter().chain([wait]).min();
            return;
        }
        let removed = self.remove_at(gateway, other).await;
        outcome.changes.extend(removed.changes);
        outcome.changes.extend(removed.unread.map(not_removed));
        outcome.again = outcome.again.into_iter().chain(removed.again).min();
    }

    /// From all places. One that cannot be reached keeps only a Gateway that was meant for there: what is left of
    /// another is found when everything is looked through, once that can be done.
    async fn remove_all(&self, gateway: &ObjectName) -> Outcome {
        let (reached, failed) = self.reachable(gateway, &self.traces(gateway)).await;
        let mut all = Outcome {
            unread: failed,
            ..Outcome::default()
        };
        for work in reached {
            let outcome = self.remove_at(gateway, &work).await;
            all.changes.extend(outcome.changes);
            all.unread = all.unread.or(outcome.unread);
            all.again = all.again.into_iter().chain(outcome.again).min();
        }
        all
    }

    async fn preview_all(&self, request: &Request) -> Preview {
        let gateway = &request.balancer.gateway;
        let (work, others) = self.settle(request);
        let mut preview = match self.driver(&work).await {
            Ok(driver) => driver.preview(request).await,
            Err(error) => return unknown(error),
        };
        let (reached, failed) = self.elsewhere(gateway, &work, &others).await;
        preview.unread = preview.unread.or(failed);
        for other in reached {
            self.preview_removal_at(gateway, &other, &mut preview).await;
        }
        preview
    }

    async fn preview_removal_at(&self, gateway: &ObjectName, work: &Work, all: &mut Preview) {
        let preview = match self.driver(work).await {
            Ok(driver) => driver.preview_removal(gateway).await,
            Err(error) => unknown(error),
        };
        all.changes.extend(preview.changes);
        all.unread = all.unread.take().or(preview.unread);
    }

    /// Of all accounts that can be read; one that cannot be does not keep what is left in the others.
    async fn owners_of_all(&self) -> Result<BTreeSet<ObjectName>, ProviderError> {
        let mut owners = BTreeSet::new();
        let (mut failed, mut read) = (None, false);
        for place in self.everywhere() {
            let work = self.work(&place);
            let found = match self.driver(&work).await {
                Ok(driver) => driver.owners().await,
                Err(error) => Err(error),
            };
            match found {
                Ok(found) => {
                    read = true;
                    for gateway in &found {
                        self.homes.found(gateway, &place);
                    }
                    owners.extend(found);
                }
                Err(error) => {
                    tracing::warn!(provider = ?self.service.provider(), %error, "an account cannot be read");
                    failed = failed.or(Some(error));
                }
            }
        }
        match failed {
            Some(error) if !read => Err(error),
            _ => Ok(owners),
        }
    }

    async fn sweep_all(&self, every: Duration) -> Result<Reads, ProviderError> {
        let mut cost = Reads::default();
        let mut failed = None;
        for place in self.everywhere() {
            let work = self.work(&place);
            let swept = match self.service {
                // Nothing else is read with it.
                Service::Lattice => Box::pin(self.places.sweep_lattice(&work.at, every)).await,
                Service::Application | Service::Network => {
                    let sweep = Box::pin(self.places.sweep(&work.at, every));
                    work.at.sweeps.share(&work.used, sweep).await
                }
            };
            match swept {
                Ok(reads) => cost = cost.and(reads),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(cost), Err)
    }

    /// Whatever is called meanwhile is called for this class.
    fn serving<'a, T: Send>(&'a self, work: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
        Box::pin(SERVED.scope(self.service.provider(), work))
    }
}

impl Reconcile<Request> for Regional {
    fn provider(&self) -> Provider {
        self.service.provider()
    }

    fn reconcile<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Outcome> {
        self.serving(self.reconcile_all(request))
    }

    fn remove<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Outcome> {
        self.serving(self.remove_all(gateway))
    }

    fn preview<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Preview> {
        self.serving(self.preview_all(request))
    }

    fn preview_removal<'a>(&'a self, gateway: &'a ObjectName) -> BoxFuture<'a, Preview> {
        self.serving(async move {
            let (reached, failed) = self.reachable(gateway, &self.traces(gateway)).await;
            let mut all = Preview {
                unread: failed,
                ..Preview::default()
            };
            for work in reached {
                self.preview_removal_at(gateway, &work, &mut all).await;
            }
            all
        })
    }

    /// Where the Gateway's class wants it: instances wait for nothing that is about to go.
    fn pools<'a>(
        &'a self,
        gateway: &'a ObjectName,
        services: &'a BTreeSet<ObjectName>,
    ) -> BoxFuture<'a, Result<Vec<Pool>, ProviderError>> {
        self.serving(async move {
            let places = match self.homes.at(gateway) {
                Some(place) => vec![place],
                None => self.everywhere().into_iter().collect(),
            };
            let mut pools = Vec::new();
            for place in places {
                let work = self.work(&place);
                pools.extend(self.driver(&work).await?.pools(gateway, services).await?);
            }
            Ok(pools)
        })
    }

    /// In the controller's own account and region.
    fn bound_pool<'a>(
        &'a self,
        membership: &'a Membership,
    ) -> BoxFuture<'a, Result<Option<Pool>, ProviderError>> {
        self.serving(async move {
            let work = self.work(&self.places.place(None));
            self.driver(&work).await?.bound_pool(membership).await
        })
    }

    /// In the controller's own account and region.
    fn bind<'a>(&'a self, binding: &'a Binding, ledger: &'a dyn Ledger) -> BoxFuture<'a, Bound> {
        self.serving(async move {
            let work = self.work(&self.places.place(None));
            match self.driver(&work).await {
                Ok(driver) => driver.bind(binding, ledger).await,
                Err(error) => Bound {
                    members: binding.known.clone(),
                    unread: Some(error),
                    ..Bound::default()
                },
            }
        })
    }

    fn owners(&self) -> BoxFuture<'_, Result<BTreeSet<ObjectName>, ProviderError>> {
        self.serving(self.owners_of_all())
    }

    fn sweep(&self, every: Duration) -> BoxFuture<'_, Result<Reads, ProviderError>> {
        self.serving(self.sweep_all(every))
    }

    fn know(&self, classes: &[Option<&Parameters>]) {
        let places = classes
            .iter()
            .map(|parameters| self.places.place(parameters.and_then(account)));
        *locked(&self.classes) = places.collect();
    }

    fn expect(&self, request: &Request) {
        self.settle(request);
    }

    fn forget(&self) {
        let everywhere = self.everywhere();
        for place in &everywhere {
            let work = self.work(place);
            work.at.forget();
            if let Some(driver) = work.driver.get() {
                driver.forget();
            }
        }
        self.homes.doubt(&everywhere);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn not_removed(error: ProviderError) -> Applied {
    Applied {
        action: Action::Delete,
        resource: error.resource.clone(),
        summary: "remove what the Gateway had in another account or region".to_owned(),
        verdict: Verdict::Failed(error),
    }
}

fn unread(error: ProviderError) -> Outcome {
    Outcome {
        unread: Some(error),
        ..Outcome::default()
    }
}

fn unknown(error: ProviderError) -> Preview {
    Preview {
        unread: Some(error),
        ..Preview::default()
    }
}
