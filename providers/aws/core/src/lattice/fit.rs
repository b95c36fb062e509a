//! What is wanted, within the quotas: the oldest routes are served, and each one left out says why.

use super::settings::Limits;
use super::{Listener, ServiceId, Target};
use gatewright_model::LoadBalancer;
use gatewright_model::key::RouteKey;
use gatewright_model::unsupported::Unsupported;
use std::collections::{BTreeMap, BTreeSet};

/// A target that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// What is wanted.
    pub target: Target,
    /// Routes that found no room.
    pub left_out: Vec<Unsupported>,
    /// What is needed of each quota, before anything was left out: of the listener or service that needs most.
    pub needs: Vec<Need>,
}

/// What is needed of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// For example `rules`.
    pub quota: &'static str,
    /// What it counts over.
    pub scope: &'static str,
    /// What is needed.
    pub needed: u64,
    /// What there is.
    pub limit: u64,
}

/// Leaves out routes that quotas have no room for. Target groups that nothing forwards to any more go too.
pub fn fit(mut target: Target, balancer: &LoadBalancer, limits: &Limits) -> Fitted {
    let needs = needs(&target, limits);
    let mut left_out: BTreeSet<Unsupported> = BTreeSet::new();
    for (id, service) in &mut target.services {
        for (port, listener) in &mut service.listeners {
            let most = limits.rules as usize;
            if listener.rules.len() > most {
                left_out.extend(shorten(listener, balancer, most, (id, *port)));
            }
        }
    }
    if !left_out.is_empty() {
        let used: BTreeSet<_> = target.groups_in_use().cloned().collect();
        target.target_groups.retain(|id, _| used.contains(id));
    }
    Fitted {
        target,
        left_out: left_out.into_iter().collect(),
        needs,
    }
}

/// Keeps the rules of the oldest routes.
fn shorten(
    listener: &mut Listener,
    balancer: &LoadBalancer,
    most: usize,
    (id, port): (&ServiceId, u16),
) -> Vec<Unsupported> {
    let mut rules: BTreeMap<RouteKey, usize> = BTreeMap::new();
    for origin in listener.rules.iter().filter_map(|rule| rule.origin.as_ref()) {
        *rules.entry(origin.route.clone()).or_default() += 1;
    }
    let needed = listener.rules.len();
    let created = |key: &RouteKey| {
        balancer
            .http_routes
            .get(key)
            .map_or(i64::MAX, |route| route.created)
    };
    let mut routes: Vec<(RouteKey, usize)> = rules.into_iter().collect();
    routes.sort_by(|(one, _), (other, _)| {
        created(one)
            .cmp(&created(other))
            .then_with(|| one.object.alphabetical(&other.object))
            .then_with(|| one.kind.cmp(&other.kind))
    });
    let mut room = most;
    let mut out: BTreeSet<RouteKey> = BTreeSet::new();
    for (route, count) in routes {
        if count <= room {
            room -= count;
        } else {
            out.insert(route);
        }
    }
    listener.rules.retain(|rule| {
        rule.origin
            .as_ref()
            .is_none_or(|origin| !out.contains(&origin.route))
    });
    let whose = match &*id.0 {
        "*" => "the Gateway's own service".to_owned(),
        host => format!("the service of {host}"),
    };
    let item = |route: RouteKey| {
        Unsupported {
        object: format!("{} {}", route.kind.as_str(), route.object).into(),
        field: "spec.rules".into(),
        why: format!(
            "a listener has at most {most} rules (quota \"Rules per listener\"), and that of port {port} of {whose} needs \
             {needed}: older routes are served"
        )
        .into(),
        alternative: "ask AWS for a higher quota, or use fewer matches: a path prefix takes two rules".into(),
        approximated: false,
    }
    };
    out.into_iter().map(item).collect()
}

fn needs(target: &Target, limits: &Limits) -> Vec<Need> {
    let listeners = || {
        target
            .services
            .values()
            .flat_map(|service| service.listeners.values())
    };
    let most = |counts: &mut dyn Iterator<Item = usize>| counts.max().unwrap_or(0) as u64;
    let need = |quota, scope, needed, limit: u32| Need {
        quota,
        scope,
        needed,
        limit: u64::from(limit),
    };
    vec![
        need(
            "services",
            "service network",
            target
                .services
                .values()
                .filter(|service| !service.standalone)
                .count() as u64,
            limits.services,
        ),
        need(
            "listeners",
            "service",
            most(&mut target.services.values().map(|service| service.listeners.len())),
            limits.listeners,
        ),
        need(
            "rules",
            "listener",
            most(&mut listeners().map(|listener| listener.rules.len())),
            limits.rules,
        ),
        need(
            "targets",
            "target group",
            most(&mut target.target_groups.values().map(|group| group.targets.len())),
            limits.targets,
        ),
    ]
}
