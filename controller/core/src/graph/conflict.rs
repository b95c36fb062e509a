//! Conflicts between listeners of one Gateway, its ListenerSets included.
//!
//! Within one object no conflicting listener wins (`GatewaySpec.listeners`); between a Gateway and its
//! ListenerSets precedence picks a winner: the Gateway, then the oldest set, then by name
//! (`ListenerSetSpec.listeners`, GEP-1713).

use super::class::Reach;
use super::listener::{ListenerNode, parse_protocol};
use crate::translate::Refusal;
use gatewright_crds::constants::listener::reason;
use gatewright_model::listener::Protocol;

/// What can share a port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    /// HTTP, told apart by Host.
    Http,
    /// HTTPS and TLS, told apart by SNI.
    Tls,
    /// TCP, not told apart.
    Tcp,
    /// UDP: another transport, never in the way of the others.
    Udp,
}

const fn family(protocol: Protocol) -> Family {
    match protocol {
        Protocol::Http => Family::Http,
        Protocol::Https | Protocol::Tls => Family::Tls,
        Protocol::Tcp => Family::Tcp,
        Protocol::Udp => Family::Udp,
    }
}

/// In what two listeners of a port differ that they should not, or the other way round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clash {
    Protocol,
    Hostname,
    /// Of two listeners of TLS one ends it and the other passes it on, which the class cannot tell apart.
    Mode,
}

impl Clash {
    const fn reason(self) -> &'static str {
        match self {
            Self::Protocol | Self::Mode => reason::PROTOCOL_CONFLICT,
            Self::Hostname => reason::HOSTNAME_CONFLICT,
        }
    }
}

/// How a listener conflicts with another, if it does. One whose protocol the class does not serve can lose, and is in
/// nobody's way.
fn conflict(one: &ListenerNode, other: &ListenerNode, reach: Reach) -> Option<Clash> {
    let wanted = one.protocol.or_else(|| parse_protocol(&one.protocol_text))?;
    let (first, second) = (family(wanted), family(other.protocol?));
    if one.port != other.port || ((first == Family::Udp) != (second == Family::Udp)) {
        return None;
    }
    if first != second {
        return Some(Clash::Protocol);
    }
    let is_tls = |node: &ListenerNode| node.protocol == Some(Protocol::Tls);
    if is_tls(one) && is_tls(other) && one.tls_mode != other.tls_mode && !reach.mixes_tls_modes() {
        return Some(Clash::Mode);
    }
    match first {
        Family::Http | Family::Tls => (one.hostname == other.hostname).then_some(Clash::Hostname),
        Family::Tcp | Family::Udp => Some(Clash::Protocol),
    }
}

/// Marks the losers. `groups` are the listeners of one object each, in order of precedence.
pub fn resolve(groups: &mut [Vec<ListenerNode>], reach: Reach) {
    type Mark = Option<(Clash, Refusal)>;
    let mut settled: Vec<ListenerNode> = Vec::new();
    for group in groups {
        let against = |one: &ListenerNode, other: &ListenerNode| {
            conflict(one, other, reach).map(|clash| (clash, refusal(clash, one, other)))
        };
        // Those that lose to an object of higher precedence are out of the way of their neighbours.
        let mut marks: Vec<Mark> = group
            .iter()
            .map(|one| settled.iter().find_map(|other| against(one, other)))
            .collect();
        let left: Vec<(usize, &ListenerNode)> = group
            .iter()
            .enumerate()
            .filter(|(at, _)| marks.get(*at).is_some_and(Option::is_none))
            .collect();
        let beside: Vec<(usize, (Clash, Refusal))> = left
            .iter()
            .filter_map(|(at, one)| {
                let mut others = left.iter().filter(|(other, _)| other != at);
                Some((*at, others.find_map(|(_, other)| against(one, other))?))
            })
            .collect();
        for (at, found) in beside {
            if let Some(mark) = marks.get_mut(at) {
                *mark = Some(found);
            }
        }
        for (node, mark) in group.iter_mut().zip(marks) {
            let Some((clash, refusal)) = mark else {
                if node.protocol.is_some() {
                    settled.push(node.clone());
                }
                continue;
            };
            if clash == Clash::Mode {
                // "the list of kinds [..] the implementation supports for that Listener configuration"
                // (`ListenerStatus.supportedKinds`): it supports none.
                node.kinds.clear();
            }
            node.refused = Some(refusal.clone());
            node.conflict = Some(refusal);
            node.model = None;
        }
    }
}

fn refusal(clash: Clash, one: &ListenerNode, other: &ListenerNode) -> Refusal {
    let (what, with) = match clash {
        Clash::Hostname => (format!("hostname {}", one.hostname), String::new()),
        Clash::Mode => (
            format!("protocol {}, mode {}", one.protocol_text, one.tls_mode),
            format!(
                " of mode {}; this class does one of both on a port",
                other.tls_mode
            ),
        ),
        Clash::Protocol => {
            let with = other
                .protocol
                .map(|_| format!(" of protocol {}", other.protocol_text));
            (
                format!("protocol {}", one.protocol_text),
                with.unwrap_or_default(),
            )
        }
    };
    Refusal {
        reason: clash.reason(),
        message: format!(
            "port {}, {what}: in conflict with listener {}{with}",
            one.port, other.key
        ),
    }
}
