//! What a proxy needs to know of a Gateway beyond its load balancer.

use gatewright_model::Str;
use gatewright_model::certificate::Secret;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Where and how one Gateway is served by its proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewaySettings {
    /// The proxy's share of the Gateway's parameters, JSON of a `SoftwareGatewayParameters` spec;
    /// `None` when there are none. Opaque to the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Str>,
    /// Ports that are bound in place of a listener's own; a listener port without entry is bound as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortMapping>,
    /// Addresses to bind; empty for all, IPv4 and IPv6.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// Seals session tokens, 32 bytes: with it every proxy of the Gateway reads what another one made. `None`
    /// leaves each proxy its own, and sessions end with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<Secret>,
}

/// The port that a listener's port is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortMapping {
    /// `listeners[].port`.
    pub listener: u16,
    /// TCP and UDP ports of one number are two.
    pub transport: Transport,
    /// What is bound.
    pub bound: u16,
}

/// Transport of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Transport {
    /// TCP, with or without TLS or HTTP.
    Tcp,
    /// UDP.
    Udp,
}
