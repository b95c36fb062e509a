//! Listeners of a Gateway by port: one of an ALB for all of a port's.
//!
//! **Isolation.** A host belongs to the Gateway listener with the most specific matching hostname and to no other
//! (Gateway API v1.7.0, `Gateway.spec.listeners`). An ALB has one list of rules for a port: the rules of more specific
//! listeners come first, and where rules of a less specific one could take hosts of a more specific one, a rule between
//! them answers those with 404. An ALB serves whatever host a connection's requests name, where
//! [`gatewright_model::router::dispatch`] answers 421 for hosts of other listeners than the connection's.

use super::report::{Consequence, Place, Report, Verdict};
use gatewright_model::LoadBalancer;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::ListenerParent;
use gatewright_model::listener::{Listener, ListenerTls, Protocol};
use gatewright_provider_api::Feature;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The listeners of one port that speak one protocol.
pub(crate) struct Port<'a> {
    /// Its number.
    pub number: u16,
    /// Whether it speaks HTTPS.
    pub https: bool,
    /// Most specific hostname first; the hosts of any two are nested or have nothing in common.
    pub listeners: Vec<Member<'a>>,
}

/// A listener of a port.
pub(crate) struct Member<'a> {
    /// The listener.
    pub listener: &'a Listener,
    /// Whether its requests cannot be served as it asks, so that they are answered with 500.
    pub closed: bool,
}

/// Where a listener is written down.
pub(crate) fn place(listener: &Listener, consequence: Consequence) -> Place {
    let object = match &listener.key.parent {
        ListenerParent::Gateway(object) => format!("Gateway {object}"),
        ListenerParent::ListenerSet(object) => format!("ListenerSet {object}"),
    };
    let field = format!("spec.listeners[name={}]", listener.key.name);
    Place::new(&object, &field, consequence)
}

/// The ports that an ALB serves. What it cannot is reported.
pub(crate) fn ports<'a>(balancer: &'a LoadBalancer, report: &mut Report) -> Vec<Port<'a>> {
    let mut found: BTreeMap<u16, Port<'a>> = BTreeMap::new();
    for listener in balancer.listeners.values().map(Arc::as_ref) {
        let place = place(listener, Consequence::ListenerLeftOut);
        if report
            .uses(protocol(listener), &place.at(".protocol"))
            .is_refused()
        {
            continue;
        }
        let https = listener.protocol == Protocol::Https;
        let port = found.entry(listener.port).or_insert_with(|| Port {
            number: listener.port,
            https,
            listeners: Vec::new(),
        });
        if port.https != https {
            let why = format!("port {} speaks another protocol already", listener.port);
            let _ = report.refuse(&place.at(".protocol"), &why, "use another port");
            continue;
        }
        port.listeners.push(Member {
            listener,
            closed: filters(listener, report).is_refused(),
        });
    }
    let mut ports: Vec<Port<'a>> = found.into_values().collect();
    for port in &mut ports {
        // Stable: equal specificity keeps the order of the keys.
        port.listeners
            .sort_by_key(|member| std::cmp::Reverse(member.listener.hostname.specificity()));
    }
    ports
}

/// Whether some host belongs to both.
pub(crate) fn overlap(a: &HostPattern, b: &HostPattern) -> bool {
    a.intersect(b).is_some()
}

pub(crate) fn protocol(listener: &Listener) -> Feature {
    match (listener.protocol, &listener.tls) {
        (Protocol::Http, _) => Feature::HttpListener,
        (Protocol::Https, _) => Feature::HttpsListener,
        (Protocol::Tls, Some(ListenerTls::Passthrough)) => Feature::TlsPassthroughListener,
        (Protocol::Tls, _) => Feature::TlsTerminateListener,
        (Protocol::Tcp, _) => Feature::TcpListener,
        (Protocol::Udp, _) => Feature::UdpListener,
    }
}

/// Filters that decide who may come in: without them nobody does.
fn filters(listener: &Listener, report: &mut Report) -> Verdict {
    if listener.filters.is_empty() {
        return Verdict::Served;
    }
    let place = place(listener, Consequence::Answers500);
    report.uses(Feature::ListenerFilters, &place.at(".filters"))
}
