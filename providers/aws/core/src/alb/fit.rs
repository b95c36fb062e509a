//! What a load balancer has room for.
//!
//! Quotas are known before the first call. Over them routes are left out by their precedence, the oldest are served
//! first (Gateway API v1.7.0, `HTTPRouteSpec.rules`: "the oldest Route based on creation timestamp"), and each one left
//! out is told which quota, what is needed and what there is. So a Gateway at its limit keeps working, and what is
//! edited or removed in it is carried out.
//!
//! A route that is left out has no rules: its requests meet what matches next, as if it did not exist.

mod frame;

use super::Target;
use super::compact::compact;
use super::listener::Listener;
use super::rule::{Action, Rule};
use crate::limits::AlbLimits;
use gatewright_model::LoadBalancer;
use gatewright_model::key::RouteKey;
use gatewright_model::unsupported::Unsupported;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Routes in a row that did not fit, after which no further one is tried.
const TRIES: usize = 100;

/// A quota of the load balancer, and what is needed of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// Name, as AWS's documentation has it.
    pub quota: &'static str,
    /// What everything asked for would take.
    pub needed: u64,
    /// What there is.
    pub limit: u64,
}

impl Need {
    /// Whether there is not enough.
    pub const fn exceeded(&self) -> bool {
        self.needed > self.limit
    }
}

/// A target that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// What is made, its rules compacted.
    pub target: Target,
    /// What everything asked for needs, also what was left out.
    pub needs: Vec<Need>,
    /// What was left out: routes, ports and certificates.
    pub left_out: Vec<Unsupported>,
}

/// Compacts the rules, and leaves out what there is no room for. `target` is what `balancer` was lowered to.
pub fn fit(target: Target, balancer: &LoadBalancer, limits: &AlbLimits) -> Fitted {
    let whole = with(&target, limits, |_| true);
    let needs = needs(&whole, limits);
    let (whole, mut left_out) = frame::trim(whole, balancer, limits);
    if within(&whole, limits) {
        return Fitted {
            target: whole,
            needs,
            left_out,
        };
    }
    let (target, _) = frame::trim(target, balancer, limits);
    let mut kept: BTreeSet<&RouteKey> = BTreeSet::new();
    let mut fitting = with(&target, limits, |_| false);
    let mut failures = 0;
    for route in in_precedence(balancer) {
        if failures < TRIES {
            kept.insert(route);
            let tried = with(&target, limits, |rule| of_any(rule, &kept));
            if within(&tried, limits) {
                fitting = tried;
                failures = 0;
                continue;
            }
            kept.remove(route);
            failures += 1;
        }
        let exceeded: Vec<Need> = needs
            .iter()
            .filter(|need| BY_ROUTES.contains(&need.quota) && need.exceeded())
            .copied()
            .collect();
        left_out.push(refusal(route, &exceeded));
    }
    Fitted {
        target: fitting,
        needs,
        left_out,
    }
}

const RULES: &str = "Rules per Application Load Balancer";
const TARGET_GROUPS: &str = "Target Groups per Application Load Balancer";
const TARGETS: &str = "Targets per Application Load Balancer";
const LISTENERS: &str = "Listeners per Application Load Balancer";
const CERTIFICATES: &str = "Certificates per Application Load Balancer";

/// Quotas that fewer routes need less of.
const BY_ROUTES: [&str; 3] = [RULES, TARGET_GROUPS, TARGETS];

/// What a target needs
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>).
pub fn needs(target: &Target, limits: &AlbLimits) -> Vec<Need> {
    let certificates = target
        .listeners
        .values()
        .filter_map(|listener| listener.tls.as_ref());
    let need = |quota, needed: usize, limit: u32| Need {
        quota,
        needed: needed as u64,
        limit: limit.into(),
    };
    vec![
        need(LISTENERS, target.listeners.len(), limits.listeners),
        need(
            RULES,
            target
                .listeners
                .values()
                .map(|listener| listener.rules.len())
                .sum(),
            limits.rules,
        ),
        need(
            TARGET_GROUPS,
            target.target_groups.len() + target.given_groups.len(),
            limits.target_groups,
        ),
        need(
            TARGETS,
            target
                .target_groups
                .values()
                .map(|group| group.targets.len())
                .sum(),
            limits.targets,
        ),
        // Default certificates do not count.
        need(
            CERTIFICATES,
            certificates.map(|tls| tls.others.len()).sum(),
            limits.certificates,
        ),
    ]
}

fn within(target: &Target, limits: &AlbLimits) -> bool {
    needs(target, limits)
        .iter()
        .all(|need| !BY_ROUTES.contains(&need.quota) || !need.exceeded())
}

/// The routes, the one that is served first in front.
fn in_precedence(balancer: &LoadBalancer) -> Vec<&RouteKey> {
    let mut routes: Vec<(i64, &RouteKey)> = balancer
        .http_routes
        .values()
        .map(|route| (route.created, &route.key))
        .collect();
    routes.sort_by(|(one, a), (other, b)| {
        let names = || a.object.alphabetical(&b.object);
        one.cmp(other).then_with(names).then_with(|| a.kind.cmp(&b.kind))
    });
    routes.into_iter().map(|(_, key)| key).collect()
}

fn of_any(rule: &Rule, routes: &BTreeSet<&RouteKey>) -> bool {
    rule.origins.iter().any(|origin| routes.contains(&origin.route))
}

/// The target with some of the rules of routes, and with those that no route asked for: they keep listeners apart.
fn with(target: &Target, limits: &AlbLimits, kept: impl Fn(&Rule) -> bool) -> Target {
    let listeners: BTreeMap<u16, Listener> = target
        .listeners
        .iter()
        .map(|(port, listener)| {
            let rules = listener
                .rules
                .iter()
                .filter(|rule| rule.origins.is_empty() || kept(rule));
            let listener = Listener {
                rules: compact(rules.cloned().collect(), limits),
                ..listener.clone()
            };
            (*port, listener)
        })
        .collect();
    let actions = listeners.values().flat_map(|listener| {
        listener
            .rules
            .iter()
            .map(|rule| &rule.action)
            .chain([&listener.default])
    });
    let used: BTreeSet<_> = actions
        .filter_map(|action| match action {
            Action::Forward(forward) => Some(forward.groups.keys()),
            Action::Redirect(_) | Action::Fixed(_) => None,
        })
        .flatten()
        .cloned()
        .collect();
    let groups = target.target_groups.iter().filter(|(id, _)| used.contains(id));
    let given = target.given_groups.iter().filter(|(id, _)| used.contains(id));
    Target {
        given_groups: given.map(|(id, arn)| (id.clone(), arn.clone())).collect(),
        target_groups: groups.map(|(id, group)| (id.clone(), group.clone())).collect(),
        listeners,
        ..target.clone()
    }
}

/// What is told of a route that is left out for these quotas.
pub(crate) fn refusal(route: &RouteKey, exceeded: &[Need]) -> Unsupported {
    let exceeded: Vec<String> = exceeded
        .iter()
        .map(|need| {
            format!(
                "\"{}\" is {}, all routes of the Gateway need {}",
                need.quota, need.limit, need.needed
            )
        })
        .collect();
    Unsupported {
        object: format!("{} {}", route.kind.as_str(), route.object).into(),
        field: "spec.rules".into(),
        why: format!("the quota {}; older routes come first", exceeded.join(", and ")).into(),
        alternative: "attach the route to another Gateway, or have the quota raised where AWS allows it"
            .into(),
        approximated: false,
    }
}
