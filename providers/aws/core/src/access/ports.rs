//! Ports that load balancers need at their targets.

use crate::Str;
use crate::target_group::{Fixed, HealthCheck, Target, TargetGroup, TargetKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Most rules that let load balancers into one security group, of the 60 that one can have by default
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>).
pub const MOST: usize = 16;

/// Ports of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ports {
    /// `tcp` or `udp`.
    pub protocol: Str,
    /// `FromPort`.
    pub first: u16,
    /// `ToPort`.
    pub last: u16,
}

impl Ports {
    /// One port.
    pub fn one(protocol: &str, port: u16) -> Self {
        Self {
            protocol: protocol.into(),
            first: port,
            last: port,
        }
    }

    /// From its words: `tcp/8080`, `udp/30000-32767`.
    pub fn parse(text: &str) -> Option<Self> {
        let (protocol, ports) = text.split_once('/')?;
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (matches!(protocol, "tcp" | "udp") && first <= last).then(|| Self {
            protocol: protocol.into(),
            first,
            last,
        })
    }

    fn holds(&self, other: &Self) -> bool {
        self.protocol == other.protocol && self.first <= other.first && other.last <= self.last
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            protocol,
            first,
            last,
        } = self;
        if first == last {
            write!(f, "{protocol}/{first}")
        } else {
            write!(f, "{protocol}/{first}-{last}")
        }
    }
}

/// The ports as they are, as long as they are few; else of each protocol all from the lowest to the highest: the number of
/// rules of a security group is bounded.
pub fn condense(ports: BTreeSet<Ports>) -> BTreeSet<Ports> {
    let apart: BTreeSet<Ports> = ports
        .iter()
        .filter(|one| !ports.iter().any(|other| other != *one && other.holds(one)))
        .cloned()
        .collect();
    if apart.len() <= MOST {
        return apart;
    }
    let mut hulls: BTreeMap<Str, Ports> = BTreeMap::new();
    for one in apart {
        let hull = hulls.entry(one.protocol.clone()).or_insert_with(|| one.clone());
        hull.first = hull.first.min(one.first);
        hull.last = hull.last.max(one.last);
    }
    hulls.into_values().collect()
}

/// Ports of everything that is registered in some target groups, and of its health checks: the least that lets them work.
pub fn needs<'a>(groups: impl IntoIterator<Item = &'a TargetGroup>) -> BTreeSet<Ports> {
    let groups = groups.into_iter();
    groups
        .flat_map(|group| of_group(&group.fixed, &group.health, &group.targets))
        .collect()
}

/// The same of one group. Functions and load balancers have no security group that lets anybody in by it.
pub fn of_group<'a>(
    fixed: &Fixed,
    health: &HealthCheck,
    targets: impl IntoIterator<Item = &'a Target>,
) -> BTreeSet<Ports> {
    let mut ports = BTreeSet::new();
    if !matches!(fixed.kind, TargetKind::Ip | TargetKind::Instance) {
        return ports;
    }
    let check = health.port.as_deref().and_then(|port| port.parse().ok());
    let ways: &[&str] = match &*fixed.protocol {
        "UDP" | "QUIC" => &["udp"],
        "TCP_UDP" | "TCP_QUIC" => &["tcp", "udp"],
        _ => &["tcp"],
    };
    for target in targets {
        ports.extend(ways.iter().map(|way| Ports::one(way, target.port)));
        // "Health checks for UDP services": by TCP or HTTP, on the port of the traffic unless another is named
        // (https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html).
        ports.insert(Ports::one("tcp", check.unwrap_or(target.port)));
        // "The port on which the target control agent and application load balancer exchange management traffic"
        // (`API_CreateTargetGroup`).
        ports.extend(fixed.control_port.map(|port| Ports::one("tcp", port)));
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_group::TargetAddress;

    fn group(protocol: &str, kind: TargetKind, ports: &[u16], check: Option<&str>) -> TargetGroup {
        let target = |port: &u16| Target {
            id: TargetAddress::Ip([10, 0, 0, 1].into()),
            port: *port,
            zone: None,
            quic_server: None,
        };
        TargetGroup {
            name: "g".into(),
            fixed: Fixed {
                protocol: protocol.into(),
                version: None,
                port: 80,
                kind,
                ipv6: false,
                control_port: None,
            },
            health: HealthCheck {
                port: check.map(Into::into),
                ..HealthCheck::default()
            },
            attributes: BTreeMap::new(),
            targets: ports.iter().map(target).collect(),
        }
    }

    fn words(ports: &BTreeSet<Ports>) -> Vec<String> {
        ports.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ports_of_targets_and_of_their_checks_are_needed_and_no_others() {
        let found = needs([
            &group("HTTP", TargetKind::Ip, &[8080, 8081], Some("traffic-port")),
            &group("HTTPS", TargetKind::Instance, &[30443], Some("9000")),
            &group("UDP", TargetKind::Ip, &[53], Some("8090")),
            &group("TCP_UDP", TargetKind::Ip, &[5353], None),
            &group("TCP", TargetKind::Alb, &[443], None),
            &group("HTTP", TargetKind::Ip, &[], Some("7000")),
        ]);
        let wanted = [
            "tcp/5353",
            "tcp/8080",
            "tcp/8081",
            "tcp/8090",
            "tcp/9000",
            "tcp/30443",
            "udp/53",
            "udp/5353",
        ];
        assert_eq!(words(&found), wanted);
        // Health checks of datagrams are of TCP.
        let found = needs([&group("UDP", TargetKind::Ip, &[53], None)]);
        assert_eq!(words(&found), ["tcp/53", "udp/53"]);
        // An agent at each target is talked to on a port of its own.
        let mut controlled = group("HTTP", TargetKind::Ip, &[8080], None);
        controlled.fixed.control_port = Some(3000);
        assert_eq!(words(&needs([&controlled])), ["tcp/3000", "tcp/8080"]);
        controlled.targets.clear();
        assert!(needs([&controlled]).is_empty());
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for ports in [
            Ports::one("tcp", 1),
            Ports {
                last: 65_535,
                ..Ports::one("udp", 30_000)
            },
        ] {
            assert_eq!(Ports::parse(&ports.to_string()), Some(ports));
        }
        for wrong in ["", "tcp", "tcp/", "icmp/1", "tcp/2-1", "tcp/65536", "tcp/a"] {
            assert_eq!(Ports::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn many_ports_become_few_rules() {
        let few: BTreeSet<Ports> = (1..=16).map(|port| Ports::one("tcp", port * 3)).collect();
        assert_eq!(condense(few.clone()), few);
        let mut many = few;
        many.insert(Ports::one("tcp", 9000));
        many.insert(Ports::one("udp", 53));
        assert_eq!(words(&condense(many.clone())), ["tcp/3-9000", "udp/53"]);
        // What a range holds needs no rule of its own.
        many.insert(Ports {
            last: 9100,
            ..Ports::one("tcp", 1)
        });
        assert_eq!(words(&condense(many)), ["tcp/1-9100", "udp/53"]);
    }
}
