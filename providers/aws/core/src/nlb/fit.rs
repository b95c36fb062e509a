//! What a Network Load Balancer has room for.
//!
//! As for Application Load Balancers, quotas are known before the first call, the oldest routes are served, and each one
//! left out is told which quota, what is needed and what there is.

use super::lower::lower;
use super::settings::Surroundings;
use crate::alb::Target;
use crate::alb::fit::{Fitted, Need, others_ports, refusal, region_groups};
use crate::alb::settings::Settings;
use crate::target_group::{TargetGroup, TargetKind};
use gatewright_model::LoadBalancer;
use gatewright_model::key::RouteKey;
use gatewright_model::route::StreamRoute;
use gatewright_model::unsupported::Unsupported;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Routes in a row that did not fit, after which no further one is tried.
const TRIES: usize = 100;

const LISTENERS: &str = "Listeners per Network Load Balancer";
const CERTIFICATES: &str = "Certificates per Network Load Balancer";
const TARGETS: &str = "Targets per Network Load Balancer";
const TARGETS_PER_ZONE: &str = "Targets per Availability Zone per Network Load Balancer";

/// Lowers as many routes as there is room for. Answers the target, and what could not be expressed.
pub fn fit(
    balancer: &LoadBalancer,
    settings: &Settings,
    surroundings: &Surroundings,
) -> (Fitted, Vec<Unsupported>) {
    let whole = lower(balancer, settings, surroundings);
    let needs = needs(&whole.target, settings, surroundings);
    if !needs.iter().any(Need::exceeded) {
        let fitted = Fitted {
            target: whole.target,
            needs,
            left_out: Vec::new(),
        };
        return (fitted, whole.unsupported);
    }
    let mut kept: BTreeMap<RouteKey, Arc<StreamRoute>> = BTreeMap::new();
    let with = |kept: &BTreeMap<RouteKey, Arc<StreamRoute>>| {
        let fewer = LoadBalancer {
            stream_routes: kept.clone(),
            ..balancer.clone()
        };
        lower(&fewer, settings, surroundings)
    };
    let mut fitting = with(&kept);
    let mut left_out = Vec::new();
    let mut failures = 0;
    for route in in_precedence(balancer) {
        if failures < TRIES {
            kept.insert(route.key.clone(), Arc::clone(route));
            let tried = with(&kept);
            let within = self::needs(&tried.target, settings, surroundings)
                .iter()
                .all(|need| !need.exceeded());
            if within {
                fitting = tried;
                failures = 0;
                continue;
            }
            kept.remove(&route.key);
            failures += 1;
        }
        let exceeded: Vec<Need> = needs.iter().filter(|need| need.exceeded()).copied().collect();
        left_out.push(refusal(&route.key, &exceeded));
    }
    let fitted = Fitted {
        target: fitting.target,
        needs,
        left_out,
    };
    (fitted, fitting.unsupported)
}

fn in_precedence(balancer: &LoadBalancer) -> Vec<&Arc<StreamRoute>> {
    let mut routes: Vec<&Arc<StreamRoute>> = balancer.stream_routes.values().collect();
    routes.sort_by(|one, other| {
        one.created
            .cmp(&other.created)
            .then_with(|| one.key.object.alphabetical(&other.key.object))
            .then_with(|| one.key.kind.cmp(&other.key.kind))
    });
    routes
}

/// What a target needs
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-limits.html>).
pub fn needs(target: &Target, settings: &Settings, surroundings: &Surroundings) -> Vec<Need> {
    let Surroundings { limits, place, .. } = surroundings;
    let need = Need::of_balancer;
    let cross_zone = target
        .balancer
        .attributes
        .get("load_balancing.cross_zone.enabled")
        .is_some_and(|value| **value == *"true")
        || settings.cross_zone == Some(true);
    let targets: usize = target
        .target_groups
        .values()
        .map(|group| targets(group, cross_zone))
        .sum();
    let certificates = target
        .listeners
        .values()
        .filter_map(|listener| listener.tls.as_ref())
        .map(|tls| tls.others.len())
        .sum();
    let mut needs = vec![
        need(LISTENERS, target.listeners.len(), limits.listeners)
            .beside(others_ports(target, &place.taken).count()),
        // Default certificates do not count.
        need(CERTIFICATES, certificates, limits.certificates),
        need(TARGETS, targets, limits.targets),
    ];
    needs.extend(region_groups(target, &place.limits, &place.taken));
    // "If cross-zone load balancing is enabled, the maximum number of targets per load balancer is 500, regardless of
    // the number of Availability Zones." Without it a zone has those that stand in it, which is known to AWS alone.
    if cross_zone {
        needs.push(need(TARGETS_PER_ZONE, targets, limits.targets_per_zone));
    }
    needs
}

/// "Each Application Load Balancer that is a target of the Network Load Balancer counts as 50 targets if cross-zone load
/// balancing is off or 100 targets if it is on."
fn targets(group: &TargetGroup, cross_zone: bool) -> usize {
    let weight = match (group.fixed.kind, cross_zone) {
        (TargetKind::Alb, true) => 100,
        (TargetKind::Alb, false) => 50,
        _ => 1,
    };
    group.targets.len() * weight
}
