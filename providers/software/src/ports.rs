//! Which port of a pod stands for which listener port.
//!
//! Pods are restricted: ports below 1024 exist on the Service alone. What a Service says counts: a port that
//! was given once stays, whatever comes and goes beside it, and whichever process asks.

use crate::kind::text;
use gatewright_model::LoadBalancer;
use gatewright_model::listener::Protocol;
use gatewright_stream::settings::{PortMapping, Transport};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// First port that needs no privilege.
const UNPRIVILEGED: u16 = 1024;

/// What privileged ports are moved by.
const SHIFT: u16 = 10_000;

/// Port of a pod for health and metrics.
pub const ADMIN: u16 = 19_001;

/// Ports of a shared fleet: below those that Linux gives to outgoing connections (32768 to 60999).
const FLEET: std::ops::Range<u16> = 10_000..32_000;

/// A port that a listener, or a pod, has.
pub type Port = (u16, Transport);

/// Pod port by listener port.
pub type Ports = BTreeMap<Port, u16>;

/// Listener ports of a load balancer.
pub fn listeners(balancer: &LoadBalancer) -> BTreeSet<Port> {
    let ports = balancer.listeners.values().map(|listener| {
        let transport = match listener.protocol {
            Protocol::Udp => Transport::Udp,
            Protocol::Http | Protocol::Https | Protocol::Tls | Protocol::Tcp => Transport::Tcp,
        };
        (listener.port, transport)
    });
    ports.collect()
}

/// The ports that a Service says were given.
pub fn recorded(service: &Value) -> Ports {
    let ports = service.pointer("/spec/ports").and_then(Value::as_array);
    ports
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let number = |name: &str| entry.get(name)?.as_u64()?.try_into().ok();
            let transport = match text(entry, "/protocol") {
                "UDP" => Transport::Udp,
                _ => Transport::Tcp,
            };
            Some(((number("port")?, transport), number("targetPort")?))
        })
        .collect()
}

/// The ports that pods of one Gateway bind: a listener's own number where that is possible.
pub fn dedicated(wanted: &BTreeSet<Port>, recorded: &Ports) -> Ports {
    let preferred = |(port, _): Port| match port {
        ..UNPRIVILEGED => port + SHIFT,
        ADMIN => ADMIN + 1,
        port => port,
    };
    assign(
        wanted,
        recorded,
        (UNPRIVILEGED..u16::MAX, &BTreeSet::new()),
        preferred,
    )
}

/// The ports that the pods of a fleet bind for one of its Gateways. `name` is the Gateway's, `taken` are the
/// ports of the others.
pub fn shared(name: &str, wanted: &BTreeSet<Port>, recorded: &Ports, taken: &BTreeSet<Port>) -> Ports {
    let preferred = |(port, transport): Port| {
        let mut hash: u32 = 0x811c_9dc5;
        for byte in format!("{name} {port} {transport:?}").bytes() {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
        // Spread the last byte over all bits, so that neighbours do not share a neighbourhood.
        hash ^= hash >> 15;
        let width = u32::from(FLEET.end - FLEET.start);
        FLEET.start + (hash.wrapping_mul(0x2c1b_3c6d) % width) as u16
    };
    assign(wanted, recorded, (FLEET, taken), preferred)
}

fn assign(
    wanted: &BTreeSet<Port>,
    recorded: &Ports,
    (range, taken): (std::ops::Range<u16>, &BTreeSet<Port>),
    preferred: impl Fn(Port) -> u16,
) -> Ports {
    let mut ports = Ports::new();
    let mut taken = taken.clone();
    let usable = |port: u16| range.contains(&port) && port != ADMIN;
    for port in wanted {
        if let Some(given) = recorded.get(port).copied()
            && usable(given)
            && taken.insert((given, port.1))
        {
            ports.insert(*port, given);
        }
    }
    // Those that can have their own number come first.
    let mut left: Vec<Port> = wanted
        .iter()
        .copied()
        .filter(|port| !ports.contains_key(port))
        .collect();
    left.sort_by_key(|port| (preferred(*port) != port.0, *port));
    for port in left {
        let start = preferred(port);
        let free = (start..range.end)
            .chain(range.start..start)
            .find(|candidate| usable(*candidate) && !taken.contains(&(*candidate, port.1)));
        // Without a free port among thousands the listener has none, and the proxy says so.
        if let Some(free) = free {
            taken.insert((free, port.1));
            ports.insert(port, free);
        }
    }
    ports
}

/// As the stream tells proxies.
pub fn mappings(ports: &Ports) -> Vec<PortMapping> {
    let moved = ports.iter().filter(|((listener, _), bound)| listener != *bound);
    moved
        .map(|((listener, transport), bound)| PortMapping {
            listener: *listener,
            transport: *transport,
            bound: *bound,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Transport::{Tcp, Udp};

    #[test]
    fn a_port_keeps_its_number_unless_it_is_privileged_or_the_proxys() {
        let wanted = [(80, Tcp), (443, Tcp), (8443, Tcp), (53, Udp), (ADMIN, Tcp)].into();
        let ports = dedicated(&wanted, &Ports::new());
        let bound: Vec<u16> = ports.values().copied().collect();
        assert_eq!(bound, [10_053, 10_080, 10_443, 8443, ADMIN + 1]);
        assert_eq!(mappings(&ports).len(), 4);
    }

    #[test]
    fn what_was_given_stays_when_others_come() {
        let before = dedicated(&[(80, Tcp)].into(), &Ports::new());
        let after = dedicated(&[(80, Tcp), (10_080, Tcp), (10_080, Udp)].into(), &before);
        assert_eq!(after[&(80, Tcp)], 10_080);
        assert_eq!(after[&(10_080, Tcp)], 10_081);
        assert_eq!(after[&(10_080, Udp)], 10_080, "UDP ports are others");
        let fresh = dedicated(&[(80, Tcp), (10_080, Tcp)].into(), &Ports::new());
        assert_eq!(fresh[&(10_080, Tcp)], 10_080, "its own number where it is free");
    }

    #[test]
    fn gateways_of_a_fleet_never_share_a_port_and_keep_theirs() {
        let wanted: BTreeSet<Port> = [(80, Tcp), (443, Tcp), (53, Udp)].into();
        let mut taken = BTreeSet::new();
        let mut all = Vec::new();
        for number in 0..2000 {
            let name = format!("ns/gateway-{number}");
            let ports = shared(&name, &wanted, &Ports::new(), &taken);
            assert_eq!(ports.len(), 3);
            for (port, bound) in &ports {
                assert!(FLEET.contains(bound) && *bound != ADMIN);
                assert!(taken.insert((*bound, port.1)), "{bound} twice");
            }
            all.push((name, ports));
        }
        // Another process reads the same from the Services.
        for (name, ports) in all {
            let own: BTreeSet<Port> = ports.iter().map(|(port, bound)| (*bound, port.1)).collect();
            let others = taken.difference(&own).copied().collect();
            assert_eq!(shared(&name, &wanted, &ports, &others), ports);
        }
    }

    #[test]
    fn a_service_is_read_back() {
        let service = serde_json::json!({"spec": {"ports": [
            {"port": 80, "protocol": "TCP", "targetPort": 10_080, "nodePort": 30_001},
            {"port": 53, "protocol": "UDP", "targetPort": 10_053},
            {"port": 1, "targetPort": "named"},
        ]}});
        assert_eq!(
            recorded(&service),
            Ports::from([((80, Tcp), 10_080), ((53, Udp), 10_053)])
        );
    }
}
