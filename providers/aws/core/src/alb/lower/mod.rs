//! What a Gateway becomes as an Application Load Balancer.
//!
//! The order of [`gatewright_model::precedence`] is the order of the rules, and [`ports`] says how listeners of one port
//! are kept apart, so that an ALB and the router agree about every request, as far as an ALB can express what routes ask
//! for. What it cannot is never dropped silently, and never changes what other requests get:
//!
//! - **A condition that cannot be expressed** (an expression on a query, a value that is too long): the match is left out.
//!   A rule with the rest of its conditions would take requests of other rules as well, so that there is none; what
//!   matches next serves its requests. That is reported with these words.
//! - **What is done with requests cannot be expressed** (a filter, a timeout, a backend): the rule stays in its place and
//!   answers 500, so that no request of it falls to a less specific rule. That holds for all matches of the rule.
//! - **A listener's own settings cannot be expressed** (who may come in): nobody comes in.
//! - **What can be expressed roughly** is served and reported, or refused like the rest where users say so
//!   ([`super::settings::Approximations`]).

mod action;
pub(crate) mod certificates;
mod clients;
mod conditions;
pub(crate) mod context;
mod expression;
mod extension;
mod forward;
pub(crate) mod frame;
mod given;
pub(crate) mod groups;
pub(crate) mod listener;
mod literal;
pub(crate) mod misfits;
mod paths;
pub(crate) mod ports;
mod redirect;
pub(crate) mod report;
mod rewrite;
mod session;
pub(crate) mod tls;
pub(crate) mod unheeded;
pub(crate) mod weights;

pub use tls::needs_certificates;

use super::Target;
use super::listener::{CertificateId, ListenerTls};
use super::rule::{Action, FixedResponse, Forward};
use super::settings::{Settings, Surroundings};
use crate::names::{self, Shape};
use crate::target_group::TargetGroupId;
use crate::trust_store::TrustStoreId;
use context::Context;
use gatewright_model::LoadBalancer;
use gatewright_provider_api::contract::Lowered;
use groups::Groups;
use listener::Shared;
use report::Report;
use std::collections::{BTreeMap, BTreeSet};

/// What may be otherwise the next time although nothing of the Gateway is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// A certificate in ACM is missing, or not issued.
    pub certificates: bool,
}

/// The resources wanted for a Gateway, and what they do not express. Pure: equal inputs give equal results.
pub fn lower(balancer: &LoadBalancer, settings: &Settings, surroundings: &Surroundings) -> Lowered<Target> {
    lower_and_wait(balancer, settings, surroundings).0
}

/// The same, with what is worth another look soon.
pub fn lower_and_wait(
    balancer: &LoadBalancer,
    settings: &Settings,
    surroundings: &Surroundings,
) -> (Lowered<Target>, Waits) {
    let name = settings.name.clone().unwrap_or_else(|| {
        names::balancer(
            &settings.cluster,
            &balancer.gateway,
            &surroundings.vpc,
            Shape {
                customer_owned_pool: settings.customer_owned_pool.as_deref(),
                ..Shape::from(settings.scheme)
            },
        )
    });
    let context = Context {
        balancer,
        settings,
        surroundings,
        name: &name,
    };
    let mut report = Report::new(settings.approximations);
    frame::review(&context, &mut report);
    let ports = ports::ports(balancer, &mut report);
    let mut shared = Shared {
        groups: Groups::default(),
        certificates: BTreeMap::new(),
        trust_stores: BTreeMap::new(),
        verifying: 0,
        waits: Waits::default(),
        report: &mut report,
    };
    let listeners: BTreeMap<_, _> = ports
        .iter()
        .filter_map(|port| Some((port.number, listener::lower(port, &context, &mut shared)?)))
        .collect();
    let Shared {
        groups,
        mut certificates,
        mut trust_stores,
        waits,
        ..
    } = shared;
    // A rule that is refused in the end, or that another hides, may have asked for groups before.
    let used: BTreeSet<&TargetGroupId> = listeners
        .values()
        .flat_map(|listener| &listener.rules)
        .filter_map(|rule| match &rule.action {
            Action::Forward(Forward { groups, .. }) => Some(groups.keys()),
            Action::Redirect(_) | Action::Fixed(_) => None,
        })
        .flatten()
        .collect();
    let (mut target_groups, mut given_groups) = groups.into_maps();
    target_groups.retain(|id, _| used.contains(id));
    given_groups.retain(|id, _| used.contains(id));
    // Of a port that cannot be in the end, likewise.
    let tls = || listeners.values().filter_map(|listener| listener.tls.as_ref());
    let shown: BTreeSet<&CertificateId> = tls()
        .flat_map(|tls| tls.others.iter().chain([&tls.default]))
        .collect();
    certificates.retain(|id, _| shown.contains(id));
    let stores: BTreeSet<&TrustStoreId> = tls().filter_map(ListenerTls::trust_store).collect();
    trust_stores.retain(|id, _| stores.contains(id));
    let target = Target {
        gateway: balancer.gateway.clone(),
        balancer: frame::balancer(&context, listeners.keys().copied()),
        tags: frame::tags(&context, &mut report),
        listeners,
        target_groups,
        given_groups,
        web_acl: settings.web_acl.clone(),
        shield: settings.shield,
        capacity: settings.capacity,
        certificates,
        trust_stores,
    };
    let lowered = Lowered {
        target,
        unsupported: report.into_items(),
    };
    (lowered, waits)
}

/// A response of the load balancer's own, without a body: what it could say is in the conditions of the route.
fn answer(status: u16) -> Action {
    Action::Fixed(FixedResponse::bare(status))
}

/// What requests get that nothing can serve (Gateway API v1.7.0, `HTTPRouteRule.backendRefs`).
fn failure() -> Action {
    answer(500)
}
