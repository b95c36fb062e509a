//! Which port of a pod stands for which listener port.
//!
//! Pods are restricted: ports below 1024 exist on the Service alone.

use gatewright_model::LoadBalancer;
use gatewright_model::listener::Protocol;
use gatewright_stream::settings::{PortMapping, Transport};
use std::collections::BTreeSet;

/// First port that needs no privilege.
const UNPRIVILEGED: u16 = 1024;

/// What privileged ports are moved by.
const SHIFT: u16 = 10_000;

/// Ports that the proxy uses itself.
pub const ADMIN: u16 = 19_001;

/// Listener ports of a load balancer.
pub fn listeners(balancer: &LoadBalancer) -> BTreeSet<(u16, Transport)> {
    let ports = balancer.listeners.values().map(|listener| {
        let transport = match listener.protocol {
            Protocol::Udp => Transport::Udp,
            Protocol::Http | Protocol::Https | Protocol::Tls | Protocol::Tcp => Transport::Tcp,
        };
        (listener.port, transport)
    });
    ports.collect()
}

/// The ports that a pod of one Gateway binds. A port's own number unless it is privileged or the proxy's; a
/// moved port makes room for a listener of that number, whose place depends on nothing else.
pub fn dedicated(balancer: &LoadBalancer) -> Vec<PortMapping> {
    let wanted = listeners(balancer);
    let moved = |port: u16| port < UNPRIVILEGED || port == ADMIN;
    let mut taken: BTreeSet<(u16, Transport)> =
        wanted.iter().copied().filter(|(port, _)| !moved(*port)).collect();
    let mut mappings = Vec::new();
    for (listener, transport) in wanted.into_iter().filter(|(port, _)| moved(*port)) {
        let mut bound = listener.wrapping_add(SHIFT);
        while bound < UNPRIVILEGED || bound == ADMIN || !taken.insert((bound, transport)) {
            bound = bound.wrapping_add(1);
        }
        mappings.push(PortMapping {
            listener,
            transport,
            bound,
        });
    }
    mappings
}

/// The pod's port for a listener port.
pub fn bound(mappings: &[PortMapping], port: u16, transport: Transport) -> u16 {
    mappings
        .iter()
        .find(|mapping| (mapping.listener, mapping.transport) == (port, transport))
        .map_or(port, |mapping| mapping.bound)
}
