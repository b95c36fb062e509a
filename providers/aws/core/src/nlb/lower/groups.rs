//! Target groups: one for each distinct backend and protocol, however many listeners use it.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-target-groups.html>

use super::Context;
use crate::Str;
use crate::alb::lower::groups as shared;
use crate::alb::settings::{Family, TargetSettings};
use crate::names;
use crate::nlb::settings::Behind;
use crate::target_group::{
    Fixed, HealthCheck, Target, TargetAddress, TargetGroup, TargetGroupId, TargetKind,
};
use gatewright_model::backend::{Backend, Endpoints};
use gatewright_model::key::ObjectName;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Groups that listeners forward to.
#[derive(Default)]
pub(super) struct Groups(pub BTreeMap<TargetGroupId, TargetGroup>);

impl Groups {
    /// The group of a backend.
    pub(super) fn of_backend(
        &mut self,
        backend: &Backend,
        protocol: &'static str,
        context: &Context<'_>,
    ) -> TargetGroupId {
        let id = TargetGroupId(format!("{}/{}", backend.key, word(protocol)).into());
        self.0
            .entry(id.clone())
            .or_insert_with(|| group(&id, backend, protocol, context));
        id
    }

    /// The group that leads to the Application Load Balancer of a Gateway.
    ///
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/application-load-balancer-target.html>: one load
    /// balancer, of protocol TCP, with a listener on the port of the group.
    pub(super) fn of_gateway(
        &mut self,
        (gateway, behind): (&ObjectName, &Behind),
        port: u16,
        context: &Context<'_>,
    ) -> TargetGroupId {
        let id = TargetGroupId(format!("Gateway/{gateway}:{port}/tcp").into());
        self.0.entry(id.clone()).or_insert_with(|| {
            let fixed = Fixed {
                protocol: "TCP".into(),
                version: None,
                port,
                kind: TargetKind::Alb,
                ipv6: false,
                control_port: None,
            };
            let target = Target {
                id: TargetAddress::Id(behind.arn.clone()),
                port,
                zone: None,
                quic_server: None,
            };
            TargetGroup {
                name: names::target_group(context.plain.name, &id, None, &fixed),
                fixed,
                health: of_balancer(&context.plain.settings.targets.health, behind),
                attributes: BTreeMap::new(),
                targets: BTreeSet::from([target]),
            }
        });
        id
    }

    /// A group without targets: the share of invalid backends.
    pub(super) fn empty(&mut self, protocol: &'static str, context: &Context<'_>) -> TargetGroupId {
        let id = TargetGroupId(format!("empty/{}", word(protocol)).into());
        self.0.entry(id.clone()).or_insert_with(|| {
            let fixed = Fixed {
                protocol: protocol.into(),
                version: None,
                port: 80,
                kind: TargetKind::Ip,
                ipv6: context.wants_ipv6(protocol),
                control_port: None,
            };
            TargetGroup {
                name: names::target_group(context.plain.name, &id, None, &fixed),
                fixed,
                health: HealthCheck::default(),
                attributes: BTreeMap::new(),
                targets: BTreeSet::new(),
            }
        });
        id
    }
}

fn word(protocol: &str) -> String {
    protocol.to_ascii_lowercase().replace('_', "-")
}

fn group(
    id: &TargetGroupId,
    backend: &Backend,
    protocol: &'static str,
    context: &Context<'_>,
) -> TargetGroup {
    let settings = shared::settings(&backend.key, &context.plain);
    let kind = settings.kind;
    let family = context.family(protocol);
    let fixed = Fixed {
        protocol: protocol.into(),
        version: None,
        port: backend.key.port,
        kind,
        ipv6: match &backend.endpoints {
            Endpoints::Static(endpoints) => {
                kind == TargetKind::Ip && shared::family_of(endpoints, family) == Family::V6
            }
            Endpoints::Dns { .. } => false,
        },
        control_port: None,
    };
    let mut targets = shared::targets_of(backend, settings, (&context.plain, family));
    if protocol.contains("QUIC") {
        targets = targets.into_iter().map(with_server).collect();
    }
    TargetGroup {
        name: names::target_group(context.plain.name, id, Some(&backend.key), &fixed),
        fixed,
        health: health(settings),
        attributes: attributes(settings, protocol),
        targets,
    }
}

/// The health of an Application Load Balancer, as parameters have it. Whatever it answers, it serves: without a route 404 is
/// its answer. "The supported health check protocols are HTTP and HTTPS" (application-load-balancer-target.html).
fn of_balancer(given: &HealthCheck, behind: &Behind) -> HealthCheck {
    let mut health = given.clone();
    if health
        .protocol
        .as_deref()
        .is_none_or(|protocol| protocol == "TCP")
    {
        health.protocol = Some(if behind.https { "HTTPS" } else { "HTTP" }.into());
    }
    health.codes = health.codes.or_else(|| Some("200-499".into()));
    health
}

/// A path is asked for by HTTP; without one AWS's default for these protocols is a connection.
fn health(settings: &TargetSettings) -> HealthCheck {
    let mut health = settings.health.clone();
    if health.protocol.is_none() && (health.path.is_some() || health.codes.is_some()) {
        health.protocol = Some("HTTP".into());
    }
    health
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html>
fn attributes(settings: &TargetSettings, protocol: &str) -> BTreeMap<Str, Str> {
    let mut attributes = settings.attributes.clone();
    let mut set = |key: &str, value: Option<bool>| {
        if let Some(value) = value {
            attributes.insert(key.into(), value.to_string().into());
        }
    };
    // "Enabled (and can't be disabled)" of the others.
    if protocol == "TCP" {
        set("preserve_client_ip.enabled", settings.client_ip);
    }
    // "Proxy protocol" is of TCP: QUIC's datagrams have no place for it.
    if !protocol.contains("QUIC") {
        set("proxy_protocol_v2.enabled", settings.proxy_protocol);
    }
    attributes
}

/// The id by which datagrams of QUIC find a target: "the 0x prefix followed by 16 hexadecimal characters. Any letters must
/// be lowercase" (`API_TargetDescription`). It follows from the address, so that a server knows its own: of IPv4 the
/// address after four zero bytes, of IPv6 the last eight bytes.
fn with_server(target: Target) -> Target {
    let server = match &target.id {
        TargetAddress::Ip(IpAddr::V4(address)) => Some(u64::from(u32::from(*address))),
        TargetAddress::Ip(IpAddr::V6(address)) => {
            let low = u128::from(*address) & u128::from(u64::MAX);
            u64::try_from(low).ok()
        }
        TargetAddress::Id(_) => None,
    };
    Target {
        quic_server: server.map(|server| format!("{server:#018x}").into()),
        ..target
    }
}
