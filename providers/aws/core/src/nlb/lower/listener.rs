//! The listener of a port.

use super::Context;
use super::forward::{self, Shares};
use super::groups::Groups;
use super::ports::{Losses, Port, Side, older};
use crate::alb::listener::{Certificate, CertificateId, Listener, ListenerTls, Transport};
use crate::alb::lower::groups::Groups as AlbGroups;
use crate::alb::lower::listener::Shared;
use crate::alb::lower::ports::{Member, Port as AlbPort, place};
use crate::alb::lower::report::{Consequence, Report};
use crate::alb::lower::{Waits, tls as shared};
use crate::alb::rule::{Action, Forward};
use crate::alb::settings::{ClientCertificates, Datagrams, PortSettings};
use gatewright_model::key::ObjectName;
use gatewright_model::listener as model;
use std::collections::BTreeMap;

/// What listeners share.
pub(super) struct Making<'r> {
    pub groups: Groups,
    pub certificates: BTreeMap<CertificateId, Certificate>,
    pub losses: &'r mut Losses,
    pub report: &'r mut Report,
    /// What may be otherwise the next time.
    pub waits: Waits,
}

/// The listener of a port; none when nothing is behind it, or when it cannot be, which is reported.
pub(super) fn lower(port: &Port<'_>, context: &Context<'_>, making: &mut Making<'_>) -> Option<Listener> {
    let settings = context.plain.settings.ports.get(&port.number);
    if let Some(gateway) = settings.and_then(|settings| settings.gateway.as_ref())
        && let Some(listener) = port.plain
    {
        return to_gateway((port, listener), gateway, context, making);
    }
    let mut connections = wanted(port.connections.as_ref(), context, making);
    let mut datagrams = wanted(port.datagrams.as_ref(), context, making);
    if let Some((side, _)) = &datagrams
        && let Some(why) = no_datagrams(port.number, context)
    {
        let _ = making.report.refuse(&forward::place(side.route), &why.0, why.1);
        datagrams = None;
    }
    if let (Some((first, one)), Some((second, other))) = (&connections, &datagrams)
        && let Some(why) = apart(first, (one, other), context)
    {
        // The older route has the port.
        let (keeper, loser) = if older(first.route, second.route).is_le() {
            (first.route, second.route)
        } else {
            (second.route, first.route)
        };
        let why = format!(
            "port {} has one listener {why}, and {} is older",
            port.number, keeper.key
        );
        making.losses.lose(&loser.key, why);
        if keeper.key == first.route.key {
            datagrams = None;
        } else {
            connections = None;
        }
    }
    let quic = is_quic(port.number, context);
    let (transport, (side, shares)) = match (&connections, &datagrams) {
        (Some(found), None) => (Transport::Tcp, found),
        (None, Some(found)) if quic => (Transport::Quic, found),
        (None, Some(found)) => (Transport::Udp, found),
        (Some(found), Some(_)) if quic => (Transport::TcpQuic, found),
        (Some(found), Some(_)) => (Transport::TcpUdp, found),
        (None, None) => return None,
    };
    let defaults = PortSettings::default();
    let settings = context
        .plain
        .settings
        .ports
        .get(&port.number)
        .unwrap_or(&defaults);
    let tls = if side.terminates {
        Some(tls((side, port.number), settings, context, making)?)
    } else {
        None
    };
    // TLS ends at the load balancer: targets get the plain connection.
    let default = forward::action(
        (side.route, shares),
        transport.protocol(false),
        context,
        (&mut making.groups, making.report),
    )?;
    for (side, _) in [&connections, &datagrams].into_iter().flatten() {
        making.losses.serve(&side.route.key);
    }
    Some(Listener {
        port: port.number,
        transport,
        tls,
        attributes: settings.attributes.clone(),
        default,
        rules: Vec::new(),
    })
}

/// A port whose connections go to the Application Load Balancer of another Gateway.
fn to_gateway(
    (port, listener): (&Port<'_>, &model::Listener),
    gateway: &ObjectName,
    context: &Context<'_>,
    making: &mut Making<'_>,
) -> Option<Listener> {
    for side in [&port.connections, &port.datagrams].into_iter().flatten() {
        let why = format!("connections of port {} go to Gateway {gateway}", port.number);
        making.losses.lose(&side.route.key, why);
    }
    let key = (gateway.clone(), port.number);
    let Some(behind) = context.surroundings.gateways.get(&key) else {
        let place = place(listener, Consequence::ListenerLeftOut).at(".port");
        let why = format!(
            "Gateway {gateway} has no Application Load Balancer with a listener on port {}",
            port.number
        );
        let _ = making.report.refuse(
            &place,
            &why,
            "name a Gateway of a class of gatewright.dev/aws-alb with a listener on that port",
        );
        return None;
    };
    let id = making.groups.of_gateway((gateway, behind), port.number, context);
    let settings = context.plain.settings.ports.get(&port.number);
    Some(Listener {
        port: port.number,
        transport: Transport::Tcp,
        tls: None,
        attributes: settings
            .map(|settings| settings.attributes.clone())
            .unwrap_or_default(),
        default: Action::Forward(Forward {
            groups: BTreeMap::from([(id, 1)]),
            stickiness_s: None,
        }),
        rules: Vec::new(),
    })
}

fn wanted<'s, 'a>(
    side: Option<&'s Side<'a>>,
    context: &Context<'a>,
    making: &mut Making<'_>,
) -> Option<(&'s Side<'a>, Shares<'a>)> {
    let side = side?;
    Some((side, forward::shares(side.route, context, making.report)?))
}

pub(super) fn is_quic(port: u16, context: &Context<'_>) -> bool {
    let settings = context.plain.settings.ports.get(&port);
    settings.is_some_and(|settings| settings.datagrams == Datagrams::Quic)
}

/// Why a port cannot take datagrams, and what helps
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/create-listener.html>, "Prerequisites").
fn no_datagrams(port: u16, context: &Context<'_>) -> Option<(String, &'static str)> {
    if is_quic(port, context) && context.is_dual() {
        let why = "a dual-stack load balancer takes no QUIC".to_owned();
        return Some((why, "use ipAddressType Ipv4"));
    }
    if is_quic(port, context) && context.quic != Some(port) {
        return Some((
            "only one listener of a load balancer takes QUIC".to_owned(),
            "use a Gateway for each such port",
        ));
    }
    if !is_quic(port, context)
        && let Some(quic) = context.quic
    {
        return Some((
            format!("the load balancer takes QUIC on port {quic}, and then no other datagrams"),
            "use another Gateway for one of them",
        ));
    }
    None
}

/// Why the connections and datagrams of a port cannot be served together.
fn apart(
    first: &Side<'_>,
    (one, other): (&Shares<'_>, &Shares<'_>),
    context: &Context<'_>,
) -> Option<&'static str> {
    if first.terminates {
        return Some("that terminates TLS or takes datagrams, not both");
    }
    (!forward::alike(one, other, context))
        .then_some("for connections and datagrams, which go to the same backends, ports and shares")
}

fn tls(
    (side, port): (&Side<'_>, u16),
    settings: &PortSettings,
    context: &Context<'_>,
    making: &mut Making<'_>,
) -> Option<ListenerTls> {
    // What the parameters want of clients was looked at with the port.
    let settings = PortSettings {
        clients: ClientCertificates::Off,
        ..settings.clone()
    };
    let port = AlbPort {
        number: port,
        https: true,
        listeners: side
            .listeners
            .iter()
            .map(|listener| Member {
                listener,
                closed: false,
            })
            .collect(),
    };
    let mut shared = Shared {
        groups: AlbGroups::default(),
        certificates: std::mem::take(&mut making.certificates),
        trust_stores: BTreeMap::new(),
        verifying: 0,
        report: &mut *making.report,
        waits: making.waits,
    };
    let found = shared::tls(&port, &settings, &context.plain, &mut shared);
    making.certificates = shared.certificates;
    making.waits = shared.waits;
    Some(ListenerTls {
        alpn: settings.alpn,
        ..found?
    })
}
