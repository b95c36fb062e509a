//! Gateways that a cloud serves: their whole load balancer goes to the provider, no proxies are involved.
//!
//! ```text
//! hub -> Clouds -> line -> provider (lower, observe, plan, apply)
//!  ^       |                   |
//!  |       '-> finalizer       v
//!  '------------------------ Told: addresses, faults, what cannot be expressed
//! ```

mod keeper;
mod past;
mod plans;
mod state;
mod sweep;
mod work;

pub use keeper::Keeper;
pub use plans::Plans;
pub use state::{Existing, Judgement};
pub use work::{CloudWork, Revised, Told};

use super::gate::Reached;
use super::work::Line;
use crate::cluster::vital;
use gatewright_core::Engine;
use gatewright_core::status::programming::Programming;
use gatewright_model::key::ObjectName;
use gatewright_model::{LoadBalancer, Str};
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::Request;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use plans::{DRY_RUN, Mode};
use state::State;
use std::collections::BTreeMap;
use std::sync::Arc;
use sweep::Expected;
use tokio::sync::{mpsc, watch};

/// Whether changes of a Gateway are made or told.
fn mode(gateway: &ObjectMeta) -> Mode {
    let annotation = gateway.annotations.as_ref().and_then(|all| all.get(DRY_RUN));
    if annotation.is_some_and(|value| value == "true") {
        Mode::DryRun
    } else {
        Mode::Make
    }
}

/// The hub's side of the clouds.
pub struct Clouds {
    line: Line<CloudWork>,
    keeper: Keeper,
    expected: Expected,
    gateways: BTreeMap<ObjectName, State>,
    revision: u64,
}

impl Clouds {
    /// Nothing is known yet, and nothing done before [`Clouds::start`].
    pub fn new(line: Line<CloudWork>, keeper: Keeper) -> Self {
        Self {
            line,
            keeper,
            expected: Expected::default(),
            gateways: BTreeMap::new(),
            revision: 0,
        }
    }

    /// Starts the work; answers what it tells.
    pub fn start(
        &self,
        leads: watch::Receiver<bool>,
        synced: watch::Receiver<bool>,
        room: usize,
    ) -> mpsc::Receiver<Told> {
        let (out, told) = mpsc::channel(room);
        let (line, mut known) = (self.line.clone(), synced.clone());
        let leading = leads.clone();
        vital::spawn("cloud", async move {
            // Half of a load balancer would be served.
            if known.wait_for(|known| *known).await.is_ok() {
                line.run(leading, out).await;
            }
        });
        let work = self.line.provider();
        let line = self.line.clone();
        let sweeps = sweep::run(
            (work.registry().clone(), self.expected.clone()),
            Arc::clone(work.metrics()),
            move || line.hasten(),
            (leads, synced),
            work.resync(),
        );
        vital::spawn("sweep", sweeps);
        told
    }

    /// Whether a controller name is that of a cloud.
    pub fn serve(&self, controller: &str) -> bool {
        self.line.provider().registry().get(controller).is_some()
    }

    /// Controller names of the clouds, each with its provider.
    pub fn controllers(&self) -> Vec<(Str, Provider)> {
        let registry = self.line.provider().registry();
        registry
            .all()
            .map(|(name, cloud)| (name.clone(), cloud.provider()))
            .collect()
    }

    /// Takes a new state of a Gateway and answers its number. It waits until the Gateway has the finalizer.
    pub fn publish(&mut self, request: Request, existing: Existing<'_>) -> u64 {
        self.revision += 1;
        let gateway = request.balancer.gateway.clone();
        let registry = self.line.provider().registry();
        if let Some(cloud) = registry.get(&request.balancer.controller) {
            cloud.expect(&request);
        }
        let revised = Revised {
            request,
            revision: self.revision,
        };
        self.gateways.entry(gateway.clone()).or_default().publish(revised);
        self.look(&gateway, existing);
        self.revision
    }

    /// Looks at a Gateway object that is new or different, or whose class is.
    pub fn look(&mut self, gateway: &ObjectName, existing: Existing<'_>) {
        match existing.controller {
            Some(controller) if self.serve(controller) => self.expected.insert(gateway, controller.into()),
            _ => self.expected.remove(gateway),
        }
        let ours = existing
            .controller
            .is_some_and(|controller| self.serve(controller));
        let kept = keeper::is_kept(existing.meta);
        if !ours && !kept {
            // Its resources, if there were any, are gone: nobody else takes the finalizer away.
            self.drop(gateway);
            self.keeper.is_right(gateway);
            return;
        }
        let state = self.gateways.entry(gateway.clone()).or_default();
        let going = !ours || existing.meta.deletion_timestamp.is_some();
        let about = (existing.meta, existing.version);
        let changed = self.line.provider().set_mode(gateway, mode(existing.meta));
        if changed {
            state.again();
        }
        if going {
            if state.leave() || changed {
                self.line.remove(gateway);
            }
            if state.is_removed() && kept {
                self.keeper.release(gateway, about);
            } else {
                self.keeper.is_right(gateway);
            }
            return;
        }
        state.stay();
        if !kept {
            // Nothing is made without the finalizer.
            self.line.provider().known().is_new(gateway);
            self.keeper.keep(gateway, about);
            return;
        }
        self.keeper.is_right(gateway);
        if let Some(request) = state.take_waiting() {
            self.line.put(gateway.clone(), request);
        }
    }

    /// The classes that exist have these controller names.
    pub fn set_classes<'a>(&self, controllers: impl Iterator<Item = &'a str>) {
        let ours = controllers.filter(|name| self.serve(name)).map(Into::into);
        self.expected.set_controllers(ours.collect());
    }

    /// The classes that exist are those of this engine.
    pub fn know(&self, engine: &Engine) {
        self.line.provider().registry().know(engine);
    }

    /// Looks at all Gateways again.
    pub fn resume(&self) {
        for gateway in self.gateways.keys() {
            self.line.look(gateway.clone());
        }
    }

    /// The Gateway object is gone.
    pub fn forget(&mut self, gateway: &ObjectName) {
        self.expected.remove(gateway);
        self.keeper.is_right(gateway);
        // Somebody took the finalizer away: nothing must be left all the same.
        if self.drop(gateway).is_some_and(|state| !state.is_removed()) {
            self.line.remove(gateway);
        }
    }

    /// Nothing is known of a Gateway any more.
    fn drop(&mut self, gateway: &ObjectName) -> Option<State> {
        let work = self.line.provider();
        work.set_mode(gateway, Mode::Make);
        work.plans().forget(gateway);
        work.known().forget(gateway);
        self.gateways.remove(gateway)
    }

    /// Another process begins to work, or worked until now: what was read in this one is out of date, and so is what it
    /// saw in place.
    pub fn forget_read(&self) {
        self.line.provider().known().forget_all();
        for (_, cloud) in self.line.provider().registry().all() {
            cloud.forget();
        }
    }

    /// Takes in what became of a Gateway; `None` when nobody knows it any more.
    pub fn take(&mut self, told: Told) -> Option<Judgement> {
        Some(self.gateways.get_mut(&told.gateway)?.take(told))
    }

    /// What the statuses say of a Gateway; `None` before its cloud had a word.
    pub fn programming(&self, balancer: &LoadBalancer) -> Option<Programming> {
        self.gateways.get(&balancer.gateway)?.programming(balancer)
    }

    /// How far a Gateway's cloud is; `None` when no cloud serves it.
    pub fn reached(&self, gateway: &ObjectName) -> Option<Reached> {
        self.gateways.get(gateway).map(State::reached)
    }

    /// How many things the clouds cannot express: not served, and served roughly.
    pub fn shortfalls(&self) -> (usize, usize) {
        let items = || self.gateways.values().flat_map(State::unsupported);
        let rough = items().filter(|item| item.approximated).count();
        (items().count() - rough, rough)
    }
}

#[cfg(test)]
mod tests;
