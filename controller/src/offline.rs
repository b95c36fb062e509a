//! The pure pipeline on files: load, translate, and assume that everything could be programmed.

use crate::cli::options::InputOptions;
use crate::features;
use crate::input::dangling::Dangling;
use crate::input::key_of;
use crate::input::world::{Problem, World};
use crate::objects;
use crate::serve::{place::Placing, program};
use anyhow::Result;
use gatewright_core::Engine;
use gatewright_core::backend::ExternalNames;
use gatewright_crds::bundle::{Bundle, Channel};
use gatewright_crds::convert;
use gatewright_model::LoadBalancer;
use gatewright_proxy::runtime::Placement;
use gatewright_validation::Mode;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// A translated world.
pub struct Offline {
    engine: Engine,
    /// The release and channel that the input is for, and so what is shown.
    schema: (Bundle, Channel),
    /// Everything wrong with the input.
    pub problems: Vec<Problem>,
    /// Where one process would serve the Gateways.
    pub placements: Vec<Placement>,
}

impl Offline {
    /// Loads and translates.
    pub fn load(input: &InputOptions, external_names: ExternalNames, now: jiff::Timestamp) -> Result<Self> {
        let mut world = World::new(
            input.paths.clone(),
            input.schema.validator(Mode::Lenient),
            input.schema.bounds(),
        );
        let look = world.look();
        let mut engine = Engine::new(features::standalone(
            input.schema.bundle,
            input.schema.channel,
            external_names,
        ));
        let changed = look.changes.iter().map(key_of).collect();
        engine.update(look.changes, now);
        let mut problems = look.diagnostics;
        problems.extend(Dangling::default().follow(engine.snapshot(), &world, &changed));
        let placing = Placing {
            address: Ipv4Addr::LOCALHOST.into(),
            port_offset: 0,
        };
        let placements: Vec<_> = engine
            .balancers()
            .map(|(_, balancer)| placing.place(balancer))
            .collect();
        engine.set_programming(program::assumed(placing, &placements), now);
        Ok(Self {
            engine,
            schema: (input.schema.bundle, input.schema.channel),
            problems,
            placements,
        })
    }

    /// Every Gateway API object with its computed status, sorted, as the release and channel know it.
    pub fn objects(&self) -> impl Iterator<Item = Value> {
        let (bundle, channel) = self.schema;
        objects::shown(&self.engine).map(move |object| convert::present(object, bundle, channel))
    }

    /// The load balancers.
    pub fn balancers(&self) -> impl Iterator<Item = &Arc<LoadBalancer>> {
        self.engine.balancers().map(|(_, balancer)| balancer)
    }
}

#[cfg(test)]
mod tests;
