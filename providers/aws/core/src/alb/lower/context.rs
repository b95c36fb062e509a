//! What every part of one lowering looks at.

use super::redirect::Origin;
use crate::Str;
use crate::alb::settings::{Settings, Surroundings};
use gatewright_model::LoadBalancer;

/// The input of a lowering, and the name that follows from it.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The Gateway.
    pub balancer: &'a LoadBalancer,
    /// What users set.
    pub settings: &'a Settings,
    /// What is found.
    pub surroundings: &'a Surroundings,
    /// Name of the load balancer.
    pub name: &'a Str,
}

/// A rule of a route on the listener of a port.
#[derive(Clone, Copy)]
pub(crate) struct On<'a> {
    /// The rest of the input.
    pub context: Context<'a>,
    /// The listener's port.
    pub origin: Origin,
}
