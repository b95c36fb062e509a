//! The load balancer itself: where it stands, who reaches it, its tags.

use super::context::Context;
use super::report::{Consequence, Place, Report};
use super::unheeded;
use super::{groups, misfits};
use crate::Str;
use crate::access::access;
use crate::alb::Balancer;
use crate::alb::settings::{Datagrams, Settings, TargetSettings};
use crate::network::{
    BalancerKind, Ingress, IpAddressType, Ipv6, ManagedGroup, Scheme, SecurityGroups, Subnet, TOO_LONG,
};
use crate::tags;
use gatewright_model::key::BackendKey;
use gatewright_provider_api::Feature;
use gatewright_provider_api::mapping::words::{NEARNESS, TLS_OPTIONS};
use std::collections::{BTreeMap, BTreeSet};

/// Reports what the Gateway as a whole asks for.
pub(crate) fn review(context: &Context<'_>, report: &mut Report) {
    let balancer = context.balancer;
    let gateway = format!("Gateway {}", balancer.gateway);
    let place = |field: &str| Place::new(&gateway, field, Consequence::Ignored);
    if balancer.addresses.iter().any(|address| address.value.is_some()) {
        let _ = report.uses(Feature::StaticAddress, &place("spec.addresses"));
    }
    if balancer.tracing.is_some() {
        let _ = report.uses(Feature::Tracing, &place("XTelemetryPolicy spec.tracing"));
    }
    if balancer.backend_client_certificate.is_some() {
        let place = place("spec.tls.backend.clientCertificateRef");
        let _ = report.uses(Feature::BackendClientCertificate, &place);
    }
    // "IPAM IP address pools" of application-load-balancers.html are of public IPv4 addresses.
    if pool(context.settings).is_none() && context.settings.ipam_pool.is_some() {
        let why = "ipamPool: the load balancer has no public IPv4 addresses";
        let instead =
            "set scheme to InternetFacing and ipAddressType to Ipv4 or Dualstack, or leave ipamPool out";
        let _ = report.refuse(&place("spec.infrastructure.parametersRef"), why, instead);
    }
    only_network(context, report, &place("spec.infrastructure.parametersRef"));
    only_lattice(
        context.settings,
        report,
        &place("spec.infrastructure.parametersRef"),
    );
    own_groups(
        context.settings,
        report,
        &place("spec.infrastructure.parametersRef"),
    );
    unheeded::review(balancer, TLS_OPTIONS, report);
    unheeded::overruled(balancer, &context.settings.overruled, report);
    let zonal = |key: &BackendKey| unheeded::zonal(groups::settings(key, context)) == Some(true);
    unheeded::distribution(balancer, zonal, NEARNESS, report);
    misfits::review(context, report);
    // "Subnets from at least two Availability Zones"
    // (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html).
    let zones: BTreeSet<&Str> = context
        .surroundings
        .subnets
        .iter()
        .map(|Subnet { zone, .. }| zone)
        .collect();
    // "\[Application Load Balancers on Outposts\] You must specify one Outpost subnet", likewise.
    if zones.len() < 2 && !context.surroundings.outpost {
        let why = format!(
            "a load balancer stands in at least two zones, and subnets of {} were found",
            zones.len()
        );
        let instead = "name subnets in AwsLoadBalancerParameters, or tag one in each zone";
        let _ = report.refuse(&place("spec.infrastructure.parametersRef"), &why, instead);
    }
}

/// Settings of the group that is managed, where there is none: those of a class and of a Gateway can come together so.
pub(crate) fn own_groups(settings: &Settings, report: &mut Report, place: &Place) {
    if settings.security_groups.is_none() {
        return;
    }
    let set = [
        ("access.prefixLists", !settings.access.prefix_lists.is_empty()),
        ("access.pathMtuDiscovery", settings.access.path_mtu),
    ];
    for (name, _) in set.into_iter().filter(|(_, set)| *set) {
        let why = format!("{name}: whom groups of yours let in is up to them");
        let _ = report.refuse(place, &why, "leave it out, or leave securityGroups out");
    }
}

/// Settings that only Network Load Balancers have.
fn only_network(context: &Context<'_>, report: &mut Report, place: &Place) {
    let settings = context.settings;
    let targets = || settings.services.values().chain([&settings.targets]);
    let tcp = |targets: &TargetSettings| targets.health.protocol.as_deref() == Some("TCP");
    let set = [
        // An Application Load Balancer always does.
        ("crossZone: false", settings.cross_zone == Some(false)),
        (
            "alpnPolicy",
            settings.ports.values().any(|port| port.alpn.is_some()),
        ),
        (
            "quic",
            settings
                .ports
                .values()
                .any(|port| port.datagrams == Datagrams::Quic),
        ),
        (
            "gateway",
            settings.ports.values().any(|port| port.gateway.is_some()),
        ),
        ("access.withoutSecurityGroups", settings.access.without),
        (
            "access.enforceOnPrivateLink",
            settings.access.private_link.is_some(),
        ),
        (
            "preserveClientIp",
            targets().any(|targets| targets.client_ip.is_some()),
        ),
        ("elasticIpTags", !settings.elastic_tags.is_empty()),
        ("ipv6", !settings.ipv6.is_empty()),
        (
            "proxyProtocol",
            targets().any(|targets| targets.proxy_protocol.is_some()),
        ),
        ("healthCheck.protocol: TCP", targets().any(tcp)),
    ];
    for (name, _) in set.into_iter().filter(|(_, set)| *set) {
        let why = format!("{name} is of Network Load Balancers");
        let _ = report.refuse(place, &why, "use it with a class of gatewright.dev/aws-nlb");
    }
}

/// Settings that only VPC Lattice has. "If the target type is instance, ip, or alb, health checks are always enabled and can't be
/// disabled" (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>).
pub(crate) fn only_lattice(settings: &Settings, report: &mut Report, place: &Place) {
    let targets = settings.services.values().chain([&settings.targets]);
    let set: BTreeSet<&Str> = targets.flat_map(|targets| &targets.unfit).collect();
    for name in set {
        let why = format!("{name} is of VPC Lattice: load balancers check all targets, in their own way");
        let _ = report.refuse(place, &why, "leave it out");
    }
}

/// The load balancer, for listeners on some ports.
pub(crate) fn balancer(context: &Context<'_>, ports: impl Iterator<Item = u16>) -> Balancer {
    let Context {
        settings,
        surroundings,
        name,
        ..
    } = context;
    let security_groups = match &settings.security_groups {
        Some(given) => SecurityGroups::Given(given.clone()),
        None => SecurityGroups::Managed(ManagedGroup {
            name: Str::clone(name),
            ingress: ingress(settings, ports.map(|port| ("tcp", port))),
        }),
    };
    Balancer {
        name: Str::clone(name),
        kind: BalancerKind::Application,
        scheme: settings.scheme,
        vpc: surroundings.vpc.clone(),
        ip_address_type: settings.ip_address_type,
        ipam_pool: pool(settings),
        customer_owned_pool: settings.customer_owned_pool.clone(),
        subnets: surroundings.subnets.clone(),
        addresses: BTreeMap::new(),
        ipv6: Ipv6::default(),
        access: access(
            &settings.access,
            (&settings.cluster, &surroundings.vpc),
            (&security_groups, &surroundings.node_groups),
        ),
        security_groups,
        attributes: attributes(&settings.attributes),
    }
}

/// The pool of its public IPv4 addresses, where it has any.
fn pool(settings: &Settings) -> Option<Str> {
    let public = settings.scheme == Scheme::InternetFacing
        && settings.ip_address_type != IpAddressType::DualstackWithoutPublicIpv4;
    settings.ipam_pool.clone().filter(|_| public)
}

/// Targets get the host as it came unless users want it otherwise: a route that names no rewrite changes nothing. Without
/// this attribute an ALB takes a port away on ports 80 and 443, and adds one on others ("Host header preservation",
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>).
fn attributes(given: &BTreeMap<Str, Str>) -> BTreeMap<Str, Str> {
    let mut attributes =
        BTreeMap::from([("routing.http.preserve_host_header.enabled".into(), "true".into())]);
    attributes.extend(given.clone());
    attributes
}

/// Every port from every source; without sources from everywhere, in the families that the load balancer has.
pub(crate) fn ingress<'p>(
    settings: &Settings,
    ports: impl Iterator<Item = (&'p str, u16)>,
) -> BTreeSet<Ingress> {
    let mut sources: Vec<Str> = settings
        .sources
        .iter()
        .map(|net| net.trunc().to_string().into())
        .collect();
    sources.extend(settings.access.prefix_lists.iter().cloned());
    let ipv6 = settings.ip_address_type != IpAddressType::Ipv4;
    if sources.is_empty() {
        sources.push("0.0.0.0/0".into());
        if ipv6 {
            sources.push("::/0".into());
        }
    }
    let of_port = |(protocol, port): (&str, u16)| {
        let protocol: Str = protocol.into();
        sources.iter().map(move |source| Ingress {
            protocol: protocol.clone(),
            port,
            source: source.clone(),
        })
    };
    let mut ingress: BTreeSet<Ingress> = ports.flat_map(of_port).collect();
    if settings.access.path_mtu {
        for source in &sources {
            // A list holds networks of one family, and does not tell here which.
            let list = source.starts_with("pl-");
            for (protocol, of_family) in TOO_LONG.into_iter().zip([false, true]) {
                if source.contains(':') == of_family || (list && (ipv6 || !of_family)) {
                    ingress.insert(Ingress {
                        protocol: protocol.into(),
                        port: 0,
                        source: source.clone(),
                    });
                }
            }
        }
    }
    ingress
}

/// Tags that users ask for: those of the parameters, and the labels of the Gateway's `infrastructure`, which win.
pub(crate) fn tags(context: &Context<'_>, report: &mut Report) -> BTreeMap<Str, Str> {
    let gateway = format!("Gateway {}", context.balancer.gateway);
    let mut found: BTreeMap<Str, Str> = BTreeMap::new();
    let labels = &context.balancer.infrastructure.labels;
    let settings = context
        .settings
        .tags
        .iter()
        .filter(|(key, _)| !labels.contains_key(*key));
    let labels = labels.iter().map(|tag| (tag, "spec.infrastructure.labels"));
    let settings = settings.map(|tag| (tag, "spec.infrastructure.parametersRef tags"));
    for ((key, value), field) in labels.chain(settings) {
        let place = Place::new(&gateway, &format!("{field}[{key}]"), Consequence::Ignored);
        if let Err(why) = tags::check(key, value) {
            let _ = report.refuse(&place, &why, "use another key or value");
        } else if found.len() == tags::room() {
            let why = format!("a resource has at most {} tags", tags::MAX);
            let _ = report.refuse(&place, &why, "use fewer tags");
        } else {
            found.insert(key.clone(), value.clone());
        }
    }
    found
}
