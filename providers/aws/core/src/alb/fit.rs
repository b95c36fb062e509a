//! What a load balancer has room for.
//!
//! Quotas are known before the first call. Over them routes are left out by their precedence, the oldest are served
//! first (Gateway API v1.7.0, `HTTPRouteSpec.rules`: "the oldest Route based on creation timestamp"), and each one left
//! out is told which quota, what is needed and what there is. So a Gateway at its limit keeps working, and what is
//! edited or removed in it is carried out.
//!
//! What others have counts as well: rules, listeners and target groups of theirs on the load balancer, and target groups of
//! the region.
//!
//! A route that is left out has no rules: its requests meet what matches next, as if it did not exist.

mod frame;

use super::Target;
use super::compact::compact;
use super::listener::Listener;
use super::rule::{Action, Rule};
use crate::limits::{AlbLimits, Taken};
use gatewright_model::LoadBalancer;
use gatewright_model::key::RouteKey;
use gatewright_model::unsupported::Unsupported;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Routes in a row that did not fit, after which no further one is tried.
const TRIES: usize = 100;

/// A quota of the load balancer or its region, and what is needed of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// Name, as AWS's documentation has it.
    pub quota: &'static str,
    /// What it counts over.
    pub scope: &'static str,
    /// What everything asked for would take.
    pub needed: u64,
    /// What others have of it.
    pub others: u64,
    /// What the Gateway has of it already, in a region: that stays, however low the quota is.
    pub own: u64,
    /// What there is.
    pub limit: u64,
}

/// Scope of quotas of a load balancer.
pub(crate) const OF_BALANCER: &str = "load balancer";

/// Scope of quotas of a region.
pub(crate) const OF_REGION: &str = "region";

impl Need {
    /// Of a load balancer.
    pub(crate) fn of_balancer(quota: &'static str, needed: usize, limit: u32) -> Self {
        Self {
            quota,
            scope: OF_BALANCER,
            needed: needed as u64,
            others: 0,
            own: 0,
            limit: limit.into(),
        }
    }

    /// The same, of which others have some.
    pub(crate) const fn beside(self, others: usize) -> Self {
        Self {
            others: others as u64,
            ..self
        }
    }

    /// Whether there is not enough.
    pub const fn exceeded(&self) -> bool {
        self.needed > self.own && self.used() > self.limit
    }

    /// What is used of it once everything asked for is there.
    pub const fn used(&self) -> u64 {
        self.needed.saturating_add(self.others)
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

/// Compacts the rules, and leaves out what there is no room for beside what is `taken`. `target` is what `balancer` was
/// lowered to.
pub fn fit(target: Target, balancer: &LoadBalancer, limits: &AlbLimits, taken: &Taken) -> Fitted {
    let whole = with(&target, limits, |_| true);
    let needs = needs(&whole, limits, taken);
    let (whole, mut left_out) = frame::trim(whole, balancer, (limits, taken));
    if within(&whole, limits, taken) {
        return Fitted {
            target: whole,
            needs,
            left_out,
        };
    }
    let (target, _) = frame::trim(target, balancer, (limits, taken));
    let mut kept: BTreeSet<&RouteKey> = BTreeSet::new();
    let mut fitting = with(&target, limits, |_| false);
    let mut failures = 0;
    for route in in_precedence(balancer) {
        if failures < TRIES {
            kept.insert(route);
            let tried = with(&target, limits, |rule| of_any(rule, &kept));
            if within(&tried, limits, taken) {
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
const REGION_TARGET_GROUPS: &str = "Target Groups per Region";

/// Quotas that fewer routes need less of.
const BY_ROUTES: [&str; 4] = [RULES, TARGET_GROUPS, TARGETS, REGION_TARGET_GROUPS];

/// What a target needs
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>).
pub fn needs(target: &Target, limits: &AlbLimits, taken: &Taken) -> Vec<Need> {
    let certificates = target
        .listeners
        .values()
        .filter_map(|listener| listener.tls.as_ref());
    let rules = target.listeners.values().map(|listener| listener.rules.len());
    let groups = target.target_groups.len() + target.given_groups.len();
    let targets = target.target_groups.values().map(|group| group.targets.len());
    let mut needs = vec![
        Need::of_balancer(LISTENERS, target.listeners.len(), limits.listeners)
            .beside(others_ports(target, taken).count()),
        Need::of_balancer(RULES, rules.sum(), limits.rules).beside(taken.rules),
        Need::of_balancer(TARGET_GROUPS, groups, limits.target_groups).beside(others_groups(target, taken)),
        Need::of_balancer(TARGETS, targets.sum(), limits.targets),
        // Default certificates do not count.
        Need::of_balancer(
            CERTIFICATES,
            certificates.map(|tls| tls.others.len()).sum(),
            limits.certificates,
        ),
    ];
    needs.extend(region_groups(target, limits, taken));
    needs
}

/// Target groups of the region, where they were counted.
pub(crate) fn region_groups(target: &Target, limits: &AlbLimits, taken: &Taken) -> Option<Need> {
    let region = taken.region?;
    Some(Need {
        scope: OF_REGION,
        own: region.own as u64,
        ..Need::of_balancer(
            REGION_TARGET_GROUPS,
            target.target_groups.len(),
            limits.region_target_groups,
        )
        .beside(region.others)
    })
}

/// Ports on which others alone listen. AWS refuses a second listener on a port, which is told when it does.
pub(crate) fn others_ports<'a>(target: &'a Target, taken: &'a Taken) -> impl Iterator<Item = u16> + 'a {
    let ports = taken.ports.iter().copied();
    ports.filter(move |port| !target.listeners.contains_key(port))
}

/// Target groups that others alone forward to: each counts once.
fn others_groups(target: &Target, taken: &Taken) -> usize {
    let given: BTreeSet<_> = target.given_groups.values().collect();
    let others = taken.target_groups.iter();
    others.filter(|arn| !given.contains(arn)).count()
}

fn within(target: &Target, limits: &AlbLimits, taken: &Taken) -> bool {
    needs(target, limits, taken)
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
            let others = match need.others {
                0 => String::new(),
                others => format!(" others have {others} of it,"),
            };
            format!(
                "\"{}\" is {},{others} all routes of the Gateway need {}",
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
