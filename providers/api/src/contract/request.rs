//! What the program knows of a Gateway, whatever its provider.

use gatewright_core::graph::parameters::Parameters;
use gatewright_model::{LoadBalancer, Str};
use std::sync::Arc;

/// A Gateway to provision.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its load balancer.
    pub balancer: Arc<LoadBalancer>,
    /// `metadata.uid` of the Gateway; empty for files.
    pub uid: Str,
    /// Settings of its provider.
    pub parameters: Parameters,
}
