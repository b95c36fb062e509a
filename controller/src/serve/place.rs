//! Where a Gateway's listeners are bound.

use gatewright_model::key::ObjectName;
use gatewright_model::listener::Protocol;
use gatewright_model::{LoadBalancer, Str};
use gatewright_proxy::listen::bindings::{BindKey, overlap};
use gatewright_proxy::listen::socket::Transport;
use gatewright_proxy::runtime::Placement;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Default address and port shift of the standalone mode.
#[derive(Clone, Copy, Debug)]
pub struct Placing {
    /// For Gateways that name no address.
    pub address: IpAddr,
    /// Added to every listener port.
    pub port_offset: u16,
}

/// The routability that conformance tests ask for; it guarantees nothing (GEP-5093).
const SENTINEL: &str = "testing.x-k8s.io/sentinel";

/// An address that a Gateway gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// The address.
    pub ip: IpAddr,
    /// The routability asked for; empty for the default.
    pub routability: Str,
}

impl Placing {
    /// The addresses of a Gateway: the default one if it asks for none, else one for each request that can
    /// be satisfied. A request without a value asks for any address, which is the default one. Requests
    /// for a host name, or for a scope that a single machine does not have, are not satisfied: another
    /// scope "MUST NOT" be substituted (GEP-5093).
    pub fn assign(&self, balancer: &LoadBalancer) -> Vec<Assigned> {
        let mut assigned: Vec<Assigned> = Vec::new();
        let mut add = |ip: IpAddr, routability: &Str| {
            if assigned.iter().all(|known| known.ip != ip) {
                assigned.push(Assigned {
                    ip,
                    routability: routability.clone(),
                });
            }
        };
        if balancer.addresses.is_empty() {
            add(self.address, &Str::default());
        }
        let possible = balancer.addresses.iter().filter(|request| {
            &*request.kind == "IPAddress" && matches!(&*request.routability, "" | SENTINEL)
        });
        // Requests for a certain value choose first, so that a request for any address does not take it.
        let (fixed, open): (Vec<_>, Vec<_>) = possible.partition(|request| request.value.is_some());
        for request in fixed.into_iter().chain(open) {
            let wanted = request.value.as_deref().map(str::parse);
            if let Ok(ip) = wanted.unwrap_or(Ok(self.address)) {
                add(ip, &request.routability);
            }
        }
        assigned
    }

    /// Where a Gateway's listeners are bound.
    pub fn place(&self, balancer: &Arc<LoadBalancer>) -> Placement {
        let mut addresses: Vec<IpAddr> = self.assign(balancer).iter().map(|address| address.ip).collect();
        addresses.sort_unstable();
        Placement {
            balancer: Arc::clone(balancer),
            addresses,
            ports: Arc::default(),
            port_offset: self.port_offset,
            options: None,
        }
    }
}

/// The transport of a listener's port.
pub const fn transport(protocol: Protocol) -> Transport {
    match protocol {
        Protocol::Udp => Transport::Udp,
        Protocol::Http | Protocol::Https | Protocol::Tls | Protocol::Tcp => Transport::Tcp,
    }
}

/// A port of a Gateway.
type GatewayPort = (ObjectName, u16, Transport);

/// The ports that a Gateway cannot have because Gateways before it have them at all of its addresses, each with
/// one of these addresses and who has it. It is what a proxy that starts with these placements does: of two that
/// want the same the first gets it.
pub fn taken(placements: &[Placement]) -> BTreeMap<GatewayPort, (SocketAddr, ObjectName)> {
    let mut held: Vec<(BindKey, &ObjectName)> = Vec::new();
    let mut taken = BTreeMap::new();
    for placement in placements {
        let balancer = &placement.balancer;
        let ports: BTreeSet<(u16, Transport)> = balancer
            .listeners
            .values()
            .map(|listener| (listener.port, transport(listener.protocol)))
            .collect();
        for (port, transport) in ports {
            let Some(bound) = placement.bound(port, transport) else {
                continue;
            };
            let mut rival = None;
            let mut has_one = false;
            for ip in &placement.addresses {
                let key = (SocketAddr::new(*ip, bound), transport);
                let holder = held
                    .iter()
                    .find(|(other, owner)| **owner != balancer.gateway && overlap(other, &key));
                match holder {
                    Some((_, owner)) => rival = Some((key.0, (*owner).clone())),
                    None => {
                        has_one = true;
                        held.push((key, &balancer.gateway));
                    }
                }
            }
            if let Some(rival) = rival.filter(|_| !has_one) {
                taken.insert((balancer.gateway.clone(), port, transport), rival);
            }
        }
    }
    taken
}
