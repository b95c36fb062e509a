//! Listeners of a Gateway, and to which of them a host belongs.

use crate::alb::lower::report::{Consequence, Place, Report};
use crate::lattice::Protocol;
use gatewright_model::LoadBalancer;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::ListenerParent;
use gatewright_model::listener::{self, ClientValidationMode, Listener, ListenerTls};
use gatewright_provider_api::Feature;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A listener that is served.
pub(super) struct Member<'a> {
    pub listener: &'a Listener,
    pub protocol: Protocol,
    /// Whether its requests cannot be served as it asks, so that they are answered with 500.
    pub closed: bool,
}

/// Where a listener is written down.
pub(super) fn place(listener: &Listener, consequence: Consequence) -> Place {
    let object = match &listener.key.parent {
        ListenerParent::Gateway(object) => format!("Gateway {object}"),
        ListenerParent::ListenerSet(object) => format!("ListenerSet {object}"),
    };
    let field = format!("spec.listeners[name={}]", listener.key.name);
    Place::new(&object, &field, consequence)
}

/// The listeners that Lattice serves, the most specific hostname first. What it cannot is reported.
pub(super) fn members<'a>(balancer: &'a LoadBalancer, report: &mut Report) -> Vec<Member<'a>> {
    let mut found = Vec::new();
    for listener in balancer.listeners.values().map(Arc::as_ref) {
        let at = place(listener, Consequence::ListenerLeftOut);
        let (feature, protocol) = match (listener.protocol, &listener.tls) {
            (listener::Protocol::Http, _) => (Feature::HttpListener, Protocol::Http),
            (listener::Protocol::Https, _) => (Feature::HttpsListener, Protocol::Https),
            (listener::Protocol::Tls, Some(ListenerTls::Passthrough)) => {
                (Feature::TlsPassthroughListener, Protocol::TlsPassthrough)
            }
            (listener::Protocol::Tls, _) => (Feature::TlsTerminateListener, Protocol::TlsPassthrough),
            (listener::Protocol::Tcp, _) => (Feature::TcpListener, Protocol::TlsPassthrough),
            (listener::Protocol::Udp, _) => (Feature::UdpListener, Protocol::TlsPassthrough),
        };
        if report.uses(feature, &at.at(".protocol")).is_refused() || !validated(listener, &at, report) {
            continue;
        }
        let filters = place(listener, Consequence::Answers500).at(".filters");
        let closed =
            !listener.filters.is_empty() && report.uses(Feature::ListenerFilters, &filters).is_refused();
        found.push(Member {
            listener,
            protocol,
            closed,
        });
    }
    // Stable: equal specificity keeps the order of the keys.
    found.sort_by_key(|member| std::cmp::Reverse(member.listener.hostname.specificity()));
    found
}

/// Whether clients come in as the listener wants: where they should be validated and cannot be, nobody does.
fn validated(listener: &Listener, at: &Place, report: &mut Report) -> bool {
    let Some(ListenerTls::Terminate(tls)) = &listener.tls else {
        return true;
    };
    let Some(validation) = &tls.client_validation else {
        return true;
    };
    let feature = match validation.mode {
        ClientValidationMode::AllowValidOnly => Feature::ClientValidation,
        ClientValidationMode::AllowInsecureFallback => Feature::ClientValidationFallback,
    };
    !report.refuse_feature(feature, &at.at(".tls")).is_refused()
}

/// Ports, in order.
pub(super) fn ports(members: &[Member<'_>]) -> BTreeSet<u16> {
    members.iter().map(|member| member.listener.port).collect()
}

/// The listener of a port that a host belongs to (Gateway API v1.7.0, `Gateway.spec.listeners`).
pub(super) fn owner<'m, 'a>(members: &'m [Member<'a>], port: u16, host: &str) -> Option<&'m Member<'a>> {
    members
        .iter()
        .find(|member| member.listener.port == port && member.listener.hostname.matches(host))
}

/// The listener of a port for requests that name no host of others.
pub(super) fn nobodys<'m, 'a>(members: &'m [Member<'a>], port: u16) -> Option<&'m Member<'a>> {
    members
        .iter()
        .find(|member| member.listener.port == port && member.listener.hostname == HostPattern::Any)
}
