//! What a Gateway becomes as a Network Load Balancer.
//!
//! Nothing is dropped silently. A listener has one route: what the server name would decide, and what connections and
//! datagrams of one port cannot share, is refused for the younger route, with the reason. A port that nothing is behind is
//! not listened on, so that clients are refused (Gateway API v1.7.0, `TCPRouteRule.backendRefs`: connections to invalid
//! backends "MUST" be rejected).

mod addresses;
mod forward;
mod groups;
mod ipv6;
mod listener;
mod ports;

use super::settings::Surroundings;
use crate::Str;
use crate::access::access;
use crate::alb::listener::{Listener, Transport};
use crate::alb::lower::Waits;
use crate::alb::lower::context::Context as Plain;
use crate::alb::lower::frame;
use crate::alb::lower::groups as shared;
use crate::alb::lower::misfits;
use crate::alb::lower::report::{Consequence, Place, Report};
use crate::alb::lower::unheeded::{self, CROSS_ZONE};
use crate::alb::rule::{Action, Forward};
use crate::alb::settings::{Datagrams, Family, Settings};
use crate::alb::{Balancer, Target};
use crate::names::{self, Shape};
use crate::network::{BalancerKind, Ipv6, ManagedGroup, SecurityGroups};
use crate::target_group::TargetGroupId;
use addresses::Stand;
use gatewright_model::LoadBalancer;
use gatewright_model::key::BackendKey;
use gatewright_provider_api::contract::Lowered;
use gatewright_provider_api::mapping::words::{NEARNESS, TLS_OPTIONS};
use gatewright_provider_api::{Feature, Provider};
use groups::Groups;
use listener::Making;
use ports::{Losses, Port};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The input of a lowering, and what follows from it.
#[derive(Clone, Copy)]
struct Context<'a> {
    /// What lowering of Application Load Balancers looks at as well.
    plain: Plain<'a>,
    /// What is found.
    surroundings: &'a Surroundings,
    /// The port that takes QUIC.
    quic: Option<u16>,
}

impl Context<'_> {
    /// Whether it has addresses of both families.
    fn is_dual(&self) -> bool {
        self.plain.settings.ip_address_type.is_dual()
    }

    /// Whether target groups of a protocol must be of IPv6.
    fn wants_ipv6(&self, protocol: &str) -> bool {
        self.is_dual() && ["UDP", "TCP_UDP"].contains(&protocol)
    }

    /// The family of target groups of a protocol, of pods that have both.
    fn family(&self, protocol: &str) -> Family {
        if self.wants_ipv6(protocol) {
            Family::V6
        } else {
            self.plain.settings.family
        }
    }
}

/// What tells which of the load balancers that stand is a Gateway's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The two names that it can have ([`Surroundings::beside`]).
    pub names: [Str; 2],
    /// Whether it is to take datagrams of which nothing is known ([`Transport::is_udp`]).
    pub datagrams: bool,
}

/// What of a Gateway's load balancer is known before it is known which one it is.
pub fn outline(balancer: &LoadBalancer, settings: &Settings, vpc: &str) -> Outline {
    let mut report = Report::of(Provider::AwsNlb, settings.approximations);
    let ports = ports::ports((balancer, settings), &mut Losses::default(), &mut report);
    let quic = quic(&ports, settings);
    let mut others = ports.iter().filter(|port| Some(port.number) != quic);
    Outline {
        names: [false, true].map(|beside| name((balancer, settings), vpc, (quic, beside))),
        datagrams: others.any(|port| port.datagrams.is_some()),
    }
}

/// The port that takes QUIC.
fn quic(ports: &[Port<'_>], settings: &Settings) -> Option<u16> {
    let mut numbers = ports
        .iter()
        .filter(|port| port.datagrams.is_some())
        .map(|port| port.number);
    numbers.find(|port| {
        let settings = settings.ports.get(port);
        settings.is_some_and(|port| port.datagrams == Datagrams::Quic)
    })
}

fn name(
    (balancer, settings): (&LoadBalancer, &Settings),
    vpc: &str,
    (quic, beside): (Option<u16>, bool),
) -> Str {
    let shape = Shape {
        kind: BalancerKind::Network,
        scheme: settings.scheme,
        // "QUIC and TCP_QUIC listeners are not allowed on load balancers with associated security groups"
        // (create-listener.html).
        open: quic.is_some() || settings.access.without,
        customer_owned_pool: None,
        beside,
    };
    names::balancer(&settings.cluster, &balancer.gateway, vpc, shape)
}

/// The resources wanted for a Gateway, and what they do not express. Pure: equal inputs give equal results.
pub fn lower(balancer: &LoadBalancer, settings: &Settings, surroundings: &Surroundings) -> Lowered<Target> {
    lower_and_wait(balancer, settings, surroundings).0
}

/// The same, and what may be otherwise the next time.
pub fn lower_and_wait(
    balancer: &LoadBalancer,
    settings: &Settings,
    surroundings: &Surroundings,
) -> (Lowered<Target>, Waits) {
    let mut report = Report::of(Provider::AwsNlb, settings.approximations);
    let settings = &*possible((balancer, settings), &mut report);
    let mut losses = Losses::default();
    let ports = ports::ports((balancer, settings), &mut losses, &mut report);
    let quic = quic(&ports, settings);
    let name = name(
        (balancer, settings),
        &surroundings.place.vpc,
        (quic, surroundings.beside),
    );
    let context = Context {
        plain: Plain {
            balancer,
            settings,
            surroundings: &surroundings.place,
            name: &name,
        },
        surroundings,
        quic,
    };
    review(&context, &mut report);
    let stand = addresses::stand(&context, &mut report);
    let mut making = Making {
        groups: Groups::default(),
        certificates: BTreeMap::new(),
        losses: &mut losses,
        report: &mut report,
        waits: Waits::default(),
    };
    let listeners: BTreeMap<u16, Listener> = ports
        .iter()
        .filter_map(|port| Some((port.number, listener::lower(port, &context, &mut making)?)))
        .collect();
    let Making {
        groups: Groups(mut target_groups),
        certificates,
        waits,
        ..
    } = making;
    let used: BTreeSet<&TargetGroupId> = listeners
        .values()
        .filter_map(|listener| match &listener.default {
            Action::Forward(Forward { groups, .. }) => Some(groups.keys()),
            Action::Redirect(_) | Action::Fixed(_) => None,
        })
        .flatten()
        .collect();
    target_groups.retain(|id, _| used.contains(id));
    losses.tell(&mut report);
    let datagrams = listeners.values().any(|listener| listener.transport.is_udp());
    let ipv6 = ipv6::ipv6(&context, (&stand.subnets, datagrams), &mut report);
    let target = Target {
        gateway: balancer.gateway.clone(),
        balancer: of(&context, (stand, ipv6), &listeners),
        tags: frame::tags(&context.plain, &mut report),
        listeners,
        target_groups,
        given_groups: BTreeMap::new(),
        web_acl: None,
        shield: false,
        capacity: settings.capacity,
        certificates,
        trust_stores: BTreeMap::new(),
    };
    let lowered = Lowered {
        target,
        unsupported: report.into_items(),
    };
    (lowered, waits)
}

/// The settings with a type of addresses that it can have.
fn possible<'a>(
    (balancer, settings): (&LoadBalancer, &'a Settings),
    report: &mut Report,
) -> Cow<'a, Settings> {
    let ip_address_type = settings.ip_address_type.of(BalancerKind::Network);
    if ip_address_type == settings.ip_address_type {
        return Cow::Borrowed(settings);
    }
    let gateway = format!("Gateway {}", balancer.gateway);
    let place = Place::new(
        &gateway,
        "spec.infrastructure.parametersRef",
        Consequence::Ignored,
    );
    let why = "ipAddressType: DualstackWithoutPublicIpv4 is of Application Load Balancers, and this one has IPv4 alone";
    let _ = report.refuse(&place, why, "use Dualstack or Ipv4");
    Cow::Owned(Settings {
        ip_address_type,
        ..settings.clone()
    })
}

/// Reports what the Gateway as a whole asks for.
fn review(context: &Context<'_>, report: &mut Report) {
    let balancer = context.plain.balancer;
    let gateway = format!("Gateway {}", balancer.gateway);
    let place = |field: &str| Place::new(&gateway, field, Consequence::Ignored);
    if balancer.tracing.is_some() {
        let _ = report.uses(Feature::Tracing, &place("XTelemetryPolicy spec.tracing"));
    }
    if balancer.backend_client_certificate.is_some() {
        let place = place("spec.tls.backend.clientCertificateRef");
        let _ = report.uses(Feature::BackendClientCertificate, &place);
    }
    unheeded::review(balancer, TLS_OPTIONS, report);
    unheeded::overruled(balancer, &context.plain.settings.overruled, report);
    let settings = context.plain.settings;
    let attribute = settings.attributes.get(CROSS_ZONE).map(|value| &**value);
    let everywhere = settings.cross_zone.unwrap_or(attribute == Some("true"));
    let zonal =
        |key: &BackendKey| unheeded::zonal(shared::settings(key, &context.plain)).unwrap_or(!everywhere);
    unheeded::distribution(balancer, zonal, NEARNESS, report);
    misfits::review_network(&context.plain, report);
    if context.surroundings.place.subnets.is_empty() {
        let why = "a load balancer stands in at least one zone, and no subnet was found";
        let instead = "name subnets in AwsLoadBalancerParameters, or tag one in each zone";
        let _ = report.refuse(&place("spec.infrastructure.parametersRef"), why, instead);
    }
    if context.plain.settings.web_acl.is_some() {
        let why = "webAcl: AWS WAF stands in front of Application Load Balancers alone";
        let instead = "use a class of gatewright.dev/aws-alb, or leave webAcl out";
        let _ = report.refuse(&place("spec.infrastructure.parametersRef"), why, instead);
    }
    if context.plain.settings.ipam_pool.is_some() {
        let why = "ipamPool: a Network Load Balancer has its addresses from AWS, or Elastic IP addresses";
        let instead = "allocate Elastic IP addresses from the pool, and name them in spec.addresses";
        let _ = report.refuse(&place("spec.infrastructure.parametersRef"), why, instead);
    }
    if context.plain.settings.customer_owned_pool.is_some() {
        let why = "customerOwnedIpv4Pool: pools of AWS Outposts are of Application Load Balancers alone";
        let instead = "use a class of gatewright.dev/aws-alb, or leave customerOwnedIpv4Pool out";
        let _ = report.refuse(&place("spec.infrastructure.parametersRef"), why, instead);
    }
    if context.plain.settings.shield {
        let why = "shieldAdvanced: Shield Advanced protects a Network Load Balancer by its Elastic IP addresses, which are yours";
        let instead = "protect the addresses, and leave shieldAdvanced out";
        let _ = report.refuse(&place("spec.infrastructure.parametersRef"), why, instead);
    }
    let place_of_parameters = place("spec.infrastructure.parametersRef");
    frame::only_lattice(context.plain.settings, report, &place_of_parameters);
    if is_open(context) {
        open(context, report, &place_of_parameters);
    } else {
        frame::own_groups(context.plain.settings, report, &place_of_parameters);
    }
    for route in balancer.http_routes.values() {
        let object = format!("{} {}", route.key.kind.as_str(), route.key.object);
        let place = Place::new(&object, "spec", Consequence::RouteLeftOut);
        let _ = report.refuse_feature(Feature::HttpListener, &place);
    }
    for backend in balancer.backends.values().map(Arc::as_ref) {
        let place = |field: &str| Place::new(&backend.key.to_string(), field, Consequence::Ignored);
        if let Some(session) = &backend.session_persistence {
            let feature = match session.carrier {
                gatewright_model::route::SessionCarrier::Cookie { .. } => Feature::SessionCookie,
                gatewright_model::route::SessionCarrier::Header => Feature::SessionHeader,
            };
            let _ = report.uses(feature, &place("sessionPersistence"));
        }
        if backend.retry_budget.is_some() {
            let _ = report.uses(
                Feature::RetryBudget,
                &place("XBackendTrafficPolicy spec.retryConstraint"),
            );
        }
    }
    let services = context.plain.settings.services.values();
    let targets = || services.clone().chain([&context.plain.settings.targets]);
    if targets().any(|settings| settings.tls) {
        let why = "protocol: HTTPS is of Application Load Balancers: targets get what is in TLS that ends here in plain, \
                   and all else as clients send it";
        let instead = "use a TLS listener of mode Passthrough, and let targets end TLS";
        let _ = report.refuse(&place("spec.infrastructure.parametersRef"), why, instead);
    }
    if targets().any(|settings| settings.control_port.is_some()) {
        let why = "targetControlPort: the target optimizer is of Application Load Balancers";
        let instead = "use a class of gatewright.dev/aws-alb, or leave targetControlPort out";
        let _ = report.refuse(&place("spec.infrastructure.parametersRef"), why, instead);
    }
    if targets().any(|settings| settings.client_ip == Some(false))
        && balancer
            .stream_routes
            .values()
            .any(|route| route.key.kind == gatewright_model::key::RouteKind::Udp)
    {
        let why = "preserveClientIp: targets of datagrams always see the client's address";
        let _ = report.refuse(&place("spec.infrastructure.parametersRef"), why, "");
    }
}

/// Whether it has no security groups.
const fn is_open(context: &Context<'_>) -> bool {
    context.quic.is_some() || context.plain.settings.access.without
}

/// Settings of security groups, where there are none.
fn open(context: &Context<'_>, report: &mut Report, place: &Place) {
    let settings = context.plain.settings;
    let access = &settings.access;
    let what = if context.quic.is_some() {
        "that takes QUIC"
    } else {
        "with access.withoutSecurityGroups"
    };
    let set = [
        ("securityGroups", settings.security_groups.is_some()),
        ("sourceRanges", !settings.sources.is_empty()),
        ("access.prefixLists", !access.prefix_lists.is_empty()),
        ("access.pathMtuDiscovery", access.path_mtu),
        ("access.enforceOnPrivateLink", access.private_link.is_some()),
        ("access.backendSecurityGroups", !access.backend_groups.is_empty()),
        ("access.manageBackendRules", access.backend_rules == Some(true)),
    ];
    for (name, _) in set.into_iter().filter(|(_, set)| *set) {
        let why = format!(
            "{name}: a load balancer {what} has no security groups; everybody who reaches it comes in"
        );
        let _ = report.refuse(place, &why, "filter at the targets");
    }
}

/// The load balancer.
fn of(context: &Context<'_>, (stand, ipv6): (Stand, Ipv6), listeners: &BTreeMap<u16, Listener>) -> Balancer {
    let Plain {
        settings,
        surroundings,
        name,
        ..
    } = context.plain;
    let mut attributes = settings.attributes.clone();
    if let Some(cross_zone) = settings.cross_zone {
        let value: Str = cross_zone.to_string().into();
        attributes.insert("load_balancing.cross_zone.enabled".into(), value);
    }
    let security_groups = match &settings.security_groups {
        _ if is_open(context) => SecurityGroups::Given(BTreeSet::new()),
        Some(given) => SecurityGroups::Given(given.clone()),
        None => {
            let ports = listeners.values().flat_map(|listener| {
                let ways: &[&str] = match listener.transport {
                    Transport::Http | Transport::Tcp => &["tcp"],
                    Transport::Udp | Transport::Quic => &["udp"],
                    Transport::TcpUdp | Transport::TcpQuic => &["tcp", "udp"],
                };
                ways.iter().map(|way| (*way, listener.port))
            });
            SecurityGroups::Managed(ManagedGroup {
                name: Str::clone(name),
                ingress: frame::ingress(settings, ports),
            })
        }
    };
    Balancer {
        name: Str::clone(name),
        kind: BalancerKind::Network,
        scheme: settings.scheme,
        vpc: surroundings.vpc.clone(),
        ip_address_type: settings.ip_address_type,
        ipam_pool: None,
        customer_owned_pool: None,
        subnets: stand.subnets,
        addresses: stand.addresses,
        ipv6,
        access: access(
            &settings.access,
            (&settings.cluster, &surroundings.vpc),
            (&security_groups, &surroundings.node_groups),
        ),
        security_groups,
        attributes,
    }
}
