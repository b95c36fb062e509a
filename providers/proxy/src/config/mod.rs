//! Load balancers compiled into runtime snapshots, touching only what changed.
//!
//! A load balancer is compared with the one applied before, part by part: pointers first, values
//! where pointers differ. Endpoints, backend settings and certificates are replaced in place, behind
//! the routes and listeners that use them; a route changes the routers of its own listeners. What
//! cannot be compiled is reported, and its last good form stays in use; it hurts nothing else.
//!
//! Order matters: backends are ready before routes that name them, routes before the listeners that
//! serve them, so that no request ever meets a half-programmed route.

mod backends;
mod certificates;
mod diff;
mod gateway;
mod gone;
mod listeners;
mod routes;
mod streams;

pub use gateway::{GatewayState, Left, PortKey, PortState, port_of};
pub use gone::{Gone, names_in_use};

use crate::dns::Dns;
use crate::runtime::{ObjectRefusal, ProxyOptions};
use crate::tls::server::ServerConfigs;
use crate::tls::upstream::UpstreamConfigs;
use gatewright_model::key::ObjectName;
use std::sync::Arc;

/// What the compilation of all load balancers shares.
#[derive(Debug)]
pub struct Workshop {
    /// Options of the process.
    pub options: Arc<ProxyOptions>,
    /// Server configurations and their ticket keys.
    pub servers: ServerConfigs,
    /// Client configurations.
    pub upstream: UpstreamConfigs,
    /// Resolution of backends' names.
    pub dns: Dns,
}

impl Workshop {
    /// An empty workshop.
    pub fn new(options: Arc<ProxyOptions>) -> Self {
        Self {
            options,
            servers: ServerConfigs::default(),
            upstream: UpstreamConfigs::default(),
            dns: Dns::default(),
        }
    }
}

/// Collects what could not be compiled.
#[derive(Debug)]
struct Refusals {
    gateway: ObjectName,
    list: Vec<ObjectRefusal>,
}

impl Refusals {
    fn new(gateway: &ObjectName) -> Self {
        Self {
            gateway: gateway.clone(),
            list: Vec::new(),
        }
    }

    fn add(&mut self, object: impl std::fmt::Display, message: impl std::fmt::Display) {
        self.list.push(ObjectRefusal {
            gateway: self.gateway.clone(),
            object: object.to_string().into(),
            message: message.to_string(),
        });
    }
}
