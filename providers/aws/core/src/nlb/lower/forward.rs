//! Backends of a route as the forward action of a listener.

use super::Context;
use super::groups::Groups;
use crate::alb::listener::Transport;
use crate::alb::lower::groups::{self as shared, Unfit};
use crate::alb::lower::report::{Consequence, Place, Report};
use crate::alb::lower::weights::scale;
use crate::alb::rule::{Action, Forward};
use crate::target_group::{Target, TargetGroupId, TargetKind};
use gatewright_model::backend::{Backend, BackendTarget, Endpoints, WeightedBackend};
use gatewright_model::key::RouteKind;
use gatewright_model::route::StreamRoute;
use gatewright_provider_api::Feature;
use gatewright_provider_api::support::USE_SOFTWARE;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a route's backends are.
pub(super) struct Shares<'a> {
    /// Those that take traffic, each with its weight.
    pub backends: Vec<(&'a Backend, u64)>,
    /// Those of weight 0: they are kept ready.
    pub idle: Vec<&'a Backend>,
    /// Weight of those that are invalid.
    pub invalid: u64,
}

/// Where a route is written down.
pub(super) fn place(route: &StreamRoute) -> Place {
    let object = format!("{} {}", route.key.kind.as_str(), route.key.object);
    Place::new(&object, "spec.rules[0]", Consequence::RouteLeftOut)
}

/// The backends of a route; none when nothing can take its traffic, which is reported unless the route is written so.
pub(super) fn shares<'a>(
    route: &StreamRoute,
    context: &Context<'a>,
    report: &mut Report,
) -> Option<Shares<'a>> {
    let place = place(route);
    let mut found = Shares {
        backends: Vec::new(),
        idle: Vec::new(),
        invalid: 0,
    };
    let mut refused = false;
    for (index, share) in route.backends.iter().enumerate() {
        let Some(backend) = backend(share, context) else {
            found.invalid += u64::from(share.weight);
            continue;
        };
        match check(backend, route, context) {
            Ok(()) if share.weight > 0 => found.backends.push((backend, share.weight.into())),
            Ok(()) => found.idle.push(backend),
            Err(_) if share.weight == 0 => {}
            Err(unfit) => {
                refused = true;
                refuse(
                    unfit,
                    backend,
                    &place.at(&format!(".backendRefs[{index}]")),
                    report,
                );
            }
        }
    }
    if refused || found.backends.is_empty() {
        return None;
    }
    // A share of nothing would be a share of the others: it goes to a group without targets.
    if found.invalid > 0
        && report
            .uses(Feature::InvalidShare, &place.at(".backendRefs"))
            .is_refused()
    {
        return None;
    }
    Some(found)
}

fn backend<'a>(share: &WeightedBackend, context: &Context<'a>) -> Option<&'a Backend> {
    let BackendTarget::Backend(key) = &share.target else {
        return None;
    };
    let found = context.plain.balancer.backends.get(key).map(Arc::as_ref);
    found.filter(|backend| backend.fault.is_none())
}

fn check(backend: &Backend, route: &StreamRoute, context: &Context<'_>) -> Result<(), Unfit> {
    shared::check(backend, &context.plain)?;
    let Some(why) = no_datagrams(backend, context).filter(|_| route.key.kind == RouteKind::Udp) else {
        return Ok(());
    };
    Err(Unfit::Because(format!(
        "a dual-stack load balancer takes datagrams for IPv6 targets alone, and {why}"
    )))
}

/// Why a backend has no targets for datagrams of a dual-stack load balancer: "You can't use an IPv4 target group with a UDP listener
/// for a dualstack load balancer"
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/create-listener.html>, "Prerequisites").
fn no_datagrams(backend: &Backend, context: &Context<'_>) -> Option<&'static str> {
    if !context.is_dual() {
        return None;
    }
    if shared::settings(&backend.key, &context.plain).kind == TargetKind::Instance {
        return Some("nodes are registered by their IPv4 addresses");
    }
    let Endpoints::Static(endpoints) = &backend.endpoints else {
        return None;
    };
    let none = !endpoints.is_empty() && endpoints.iter().all(|endpoint| endpoint.address.is_ipv4());
    none.then_some("these pods have IPv4 addresses: IPv6 must be the first of ipFamilies of the Service")
}

fn refuse(unfit: Unfit, backend: &Backend, place: &Place, report: &mut Report) {
    let _ = match unfit {
        Unfit::Feature(feature) => report.refuse_feature(feature, place),
        Unfit::Because(why) => report.refuse(
            place,
            &format!("{}: {why}", backend.key),
            "change the parameters of the load balancer or its target groups",
        ),
    };
}

/// Whether two routes send the same shares to the same places, so that one group can take both.
pub(super) fn alike(one: &Shares<'_>, other: &Shares<'_>, context: &Context<'_>) -> bool {
    let places = |shares: &Shares<'_>| -> Vec<(String, u64, BTreeSet<Target>)> {
        let each = shares.backends.iter().map(|(backend, weight)| {
            let settings = shared::settings(&backend.key, &context.plain);
            let both = Transport::TcpUdp.protocol(false);
            let targets = shared::targets_of(backend, settings, (&context.plain, context.family(both)));
            (backend.key.object.to_string(), *weight, targets)
        });
        let mut all: Vec<_> = each.collect();
        all.sort();
        all
    };
    one.invalid == other.invalid && places(one) == places(other)
}

/// The action for the backends of a route, with groups of a protocol; none when it cannot be, which is reported.
pub(super) fn action(
    (route, shares): (&StreamRoute, &Shares<'_>),
    protocol: &'static str,
    context: &Context<'_>,
    (groups, report): (&mut Groups, &mut Report),
) -> Option<Action> {
    let place = place(route).at(".backendRefs");
    let mut weights: BTreeMap<TargetGroupId, u64> = BTreeMap::new();
    for (backend, weight) in &shares.backends {
        *weights
            .entry(groups.of_backend(backend, protocol, context))
            .or_default() += weight;
    }
    if shares.invalid > 0 {
        *weights.entry(groups.empty(protocol, context)).or_default() += shares.invalid;
    }
    let most = context.surroundings.limits.target_groups_per_action as usize;
    if weights.len() > most {
        let why = format!(
            "a listener forwards to at most {most} target groups, this route has {}",
            weights.len()
        );
        let _ = report.refuse(&place, &why, USE_SOFTWARE);
        return None;
    }
    let given: Vec<u64> = weights.values().copied().collect();
    let scaled = scale(if weights.len() > 1 { given.as_slice() } else { &[1] });
    if !scaled.exact && report.uses(Feature::Weights, &place).is_refused() {
        return None;
    }
    let mut found: BTreeMap<TargetGroupId, u16> = weights.into_keys().zip(scaled.weights).collect();
    for backend in &shares.idle {
        if found.len() >= most {
            break;
        }
        found
            .entry(groups.of_backend(backend, protocol, context))
            .or_insert(0);
    }
    Some(Action::Forward(Forward {
        groups: found,
        stickiness_s: None,
    }))
}
