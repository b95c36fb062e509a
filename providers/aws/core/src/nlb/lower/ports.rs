//! Which route has which port.
//!
//! A listener of a Network Load Balancer reads no server names: all connections to a port go to one route. Of several
//! TLSRoutes that the router would tell apart by their hosts the oldest has it (Gateway API v1.7.0,
//! `TLSRouteSpec.hostnames`: precedence by age), and the others say so.

use crate::alb::lower::misfits;
use crate::alb::lower::ports::{place, protocol};
use crate::alb::lower::report::{Consequence, Place, Report, Verdict};
use crate::alb::settings::Settings;
use gatewright_model::LoadBalancer;
use gatewright_model::key::{RouteKey, RouteKind};
use gatewright_model::listener::{ClientValidationMode, Listener, ListenerTls, Protocol};
use gatewright_model::precedence::compare_hosts;
use gatewright_model::route::{RouteHost, StreamRoute};
use gatewright_provider_api::Feature;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What goes on one port.
pub(super) struct Port<'a> {
    /// Its number.
    pub number: u16,
    /// The first of its listeners that takes plain connections, with or without a route.
    pub plain: Option<&'a Listener>,
    /// Connections.
    pub connections: Option<Side<'a>>,
    /// Datagrams.
    pub datagrams: Option<Side<'a>>,
}

/// The route of connections or datagrams.
pub(super) struct Side<'a> {
    /// Listeners of the port that speak this way.
    pub listeners: Vec<&'a Listener>,
    /// Whether TLS ends here.
    pub terminates: bool,
    /// The route.
    pub route: &'a StreamRoute,
}

/// Routes that do not get a port, each with the reason, and those that get one.
#[derive(Default)]
pub(super) struct Losses {
    lost: Vec<(RouteKey, String)>,
    served: BTreeSet<RouteKey>,
}

impl Losses {
    /// A route does not get a port.
    pub(super) fn lose(&mut self, route: &RouteKey, why: String) {
        self.lost.push((route.clone(), why));
    }

    /// A route gets a port.
    pub(super) fn serve(&mut self, route: &RouteKey) {
        self.served.insert(route.clone());
    }

    /// Reports them: a route that is served on another port is served roughly.
    pub(super) fn tell(self, report: &mut Report) {
        for (route, why) in &self.lost {
            let object = format!("{} {}", route.kind.as_str(), route.object);
            let field = if route.kind == RouteKind::Tls {
                "spec.hostnames"
            } else {
                "spec.rules[0]"
            };
            let place = Place::new(&object, field, Consequence::RouteLeftOut);
            let _ = if self.served.contains(route) {
                report.approximate(&place, &format!("{why}; it is served on its other ports"))
            } else {
                report.refuse(&place, why, INSTEAD)
            };
        }
    }
}

const INSTEAD: &str = "give it a port of its own, or use a class of gatewright.dev/software";

/// The ports that lead somewhere. What cannot be is reported.
pub(super) fn ports<'a>(
    (balancer, settings): (&'a LoadBalancer, &Settings),
    losses: &mut Losses,
    report: &mut Report,
) -> Vec<Port<'a>> {
    let mut found: BTreeMap<u16, Vec<&'a Listener>> = BTreeMap::new();
    for listener in balancer.listeners.values().map(Arc::as_ref) {
        if is_served(listener, settings, report) == Verdict::Served {
            found.entry(listener.port).or_default().push(listener);
        }
    }
    let port = |(number, listeners): (u16, Vec<&'a Listener>)| {
        let (datagrams, connections): (Vec<_>, Vec<_>) = listeners
            .into_iter()
            .partition(|listener| listener.protocol == Protocol::Udp);
        Port {
            number,
            plain: connections
                .iter()
                .find(|listener| listener.protocol == Protocol::Tcp)
                .copied(),
            connections: side(balancer, one_way(connections, report), losses, report),
            datagrams: side(balancer, datagrams, losses, report),
        }
    };
    found.into_iter().map(port).collect()
}

/// Whether a listener can be at all.
fn is_served(listener: &Listener, settings: &Settings, report: &mut Report) -> Verdict {
    let place = place(listener, Consequence::ListenerLeftOut);
    let mut verdict = report.uses(protocol(listener), &place.at(".protocol"));
    if !listener.filters.is_empty() {
        verdict = verdict.and(report.uses(Feature::ListenerFilters, &place.at(".filters")));
    }
    if let Some(ListenerTls::Terminate(tls)) = &listener.tls
        && let Some(validation) = &tls.client_validation
    {
        let feature = match validation.mode {
            ClientValidationMode::AllowValidOnly => Feature::ClientValidation,
            ClientValidationMode::AllowInsecureFallback => Feature::ClientValidationFallback,
        };
        verdict = verdict.and(report.uses(feature, &place.at(".tls")));
    }
    verdict.and(misfits::unchecked(listener, settings, report))
}

/// TCP and TLS do not go together.
fn one_way<'a>(listeners: Vec<&'a Listener>, report: &mut Report) -> Vec<&'a Listener> {
    let (plain, tls): (Vec<_>, Vec<_>) = listeners
        .into_iter()
        .partition(|listener| listener.protocol == Protocol::Tcp);
    if plain.is_empty() {
        return tls;
    }
    for listener in tls {
        let place = place(listener, Consequence::ListenerLeftOut);
        let why = format!("port {} speaks another protocol already", listener.port);
        let _ = report.refuse(&place.at(".protocol"), &why, "use another port");
    }
    plain
}

/// The route that gets the connections or datagrams of some listeners of one port.
fn side<'a>(
    balancer: &'a LoadBalancer,
    listeners: Vec<&'a Listener>,
    losses: &mut Losses,
    report: &mut Report,
) -> Option<Side<'a>> {
    let mut wanted: Vec<(&'a StreamRoute, &'a Listener)> = Vec::new();
    for listener in &listeners {
        wanted.extend(
            served(balancer, listener)
                .into_iter()
                .map(|route| (route, *listener)),
        );
    }
    let (route, through) = wanted
        .iter()
        .copied()
        .min_by(|(one, _), (other, _)| older(one, other))?;
    let terminates = matches!(through.tls, Some(ListenerTls::Terminate(_)));
    let (same, others): (Vec<_>, Vec<_>) = listeners
        .into_iter()
        .partition(|listener| matches!(listener.tls, Some(ListenerTls::Terminate(_))) == terminates);
    for listener in others {
        let place = place(listener, Consequence::ListenerLeftOut);
        let why = format!(
            "port {} {} TLS for {}, and a port does one of both",
            listener.port,
            if terminates {
                "terminates"
            } else {
                "passes through"
            },
            route.key
        );
        let _ = report.refuse(&place.at(".tls.mode"), &why, "use another port");
    }
    let losers: BTreeSet<&RouteKey> = wanted
        .iter()
        .map(|(other, _)| &other.key)
        .filter(|key| **key != route.key)
        .collect();
    for loser in losers {
        losses.lose(
            loser,
            format!(
                "all connections to port {} go to one route, as the server name is not read, and {} is older",
                through.port, route.key
            ),
        );
    }
    Some(Side {
        listeners: same,
        terminates,
        route,
    })
}

/// Routes that get something of a listener where hosts are told apart: of each host the first by precedence.
fn served<'a>(balancer: &'a LoadBalancer, listener: &Listener) -> Vec<&'a StreamRoute> {
    let mut entries: Vec<(&RouteHost, &'a StreamRoute)> = Vec::new();
    for route in balancer.stream_routes.values().map(Arc::as_ref) {
        let here = route
            .attachments
            .iter()
            .filter(|attachment| attachment.listener == listener.key);
        entries.extend(
            here.flat_map(|attachment| &attachment.hosts)
                .map(|host| (host, route)),
        );
    }
    entries
        .sort_by(|(host, route), (other, than)| compare_hosts(host, other).then_with(|| older(route, than)));
    let mut hosts = BTreeSet::new();
    entries.retain(|(host, _)| hosts.insert(&host.effective));
    let mut keys = BTreeSet::new();
    entries
        .into_iter()
        .filter(|(_, route)| keys.insert(&route.key))
        .map(|(_, route)| route)
        .collect()
}

/// "The oldest Route based on creation timestamp", then "the Route appearing first in alphabetical order by
/// {namespace}/{name}".
pub(super) fn older(one: &StreamRoute, other: &StreamRoute) -> std::cmp::Ordering {
    one.created
        .cmp(&other.created)
        .then_with(|| one.key.object.alphabetical(&other.key.object))
        .then_with(|| one.key.kind.cmp(&other.key.kind))
}
