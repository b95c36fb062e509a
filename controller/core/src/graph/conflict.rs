//! Conflicts between listeners of one Gateway, its ListenerSets included.
//!
//! Within one object no conflicting listener wins (`GatewaySpec.listeners`); between a Gateway and its
//! ListenerSets precedence picks a winner: the Gateway, then the oldest set, then by name
//! (`ListenerSetSpec.listeners`, GEP-1713).

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

/// How a listener conflicts with another, if it does. One whose protocol the class does not serve can lose, and is in
/// nobody's way.
fn conflict(one: &ListenerNode, other: &ListenerNode) -> Option<&'static str> {
    let wanted = one.protocol.or_else(|| parse_protocol(&one.protocol_text))?;
    let (first, second) = (family(wanted), family(other.protocol?));
    if one.port != other.port || ((first == Family::Udp) != (second == Family::Udp)) {
        return None;
    }
    if first != second {
        return Some(reason::PROTOCOL_CONFLICT);
    }
    match first {
        Family::Http | Family::Tls => (one.hostname == other.hostname).then_some(reason::HOSTNAME_CONFLICT),
        Family::Tcp | Family::Udp => Some(reason::PROTOCOL_CONFLICT),
    }
}

/// Marks the losers. `groups` are the listeners of one object each, in order of precedence.
pub fn resolve(groups: &mut [Vec<ListenerNode>]) {
    let mut settled: Vec<ListenerNode> = Vec::new();
    for group in groups {
        let against = |one: &ListenerNode, other: &ListenerNode| {
            conflict(one, other).map(|reason| refusal(reason, one, other))
        };
        // Those that lose to an object of higher precedence are out of the way of their neighbours.
        let mut marks: Vec<Option<Refusal>> = group
            .iter()
            .map(|one| settled.iter().find_map(|other| against(one, other)))
            .collect();
        let left: Vec<(usize, &ListenerNode)> = group
            .iter()
            .enumerate()
            .filter(|(at, _)| marks.get(*at).is_some_and(Option::is_none))
            .collect();
        let beside: Vec<(usize, Refusal)> = left
            .iter()
            .filter_map(|(at, one)| {
                let mut others = left.iter().filter(|(other, _)| other != at);
                Some((*at, others.find_map(|(_, other)| against(one, other))?))
            })
            .collect();
        for (at, refusal) in beside {
            if let Some(mark) = marks.get_mut(at) {
                *mark = Some(refusal);
            }
        }
        for (node, mark) in group.iter_mut().zip(marks) {
            if mark.is_some() {
                node.refused.clone_from(&mark);
                node.conflict = mark;
                node.model = None;
            } else if node.protocol.is_some() {
                settled.push(node.clone());
            }
        }
    }
}

fn refusal(reason: &'static str, one: &ListenerNode, other: &ListenerNode) -> Refusal {
    let what = if reason == reason::HOSTNAME_CONFLICT {
        format!("hostname {}", one.hostname)
    } else {
        format!("protocol {}", one.protocol_text)
    };
    let with = match other.protocol {
        Some(_) if reason == reason::PROTOCOL_CONFLICT => format!(" of protocol {}", other.protocol_text),
        _ => String::new(),
    };
    Refusal {
        reason,
        message: format!(
            "port {}, {what}: in conflict with listener {}{with}",
            one.port, other.key
        ),
    }
}
