//! What a rule of a route does with the requests that it takes.

use super::context::On;
use super::groups::Groups;
use super::report::{Place, Report, Verdict};
use super::{extension, failure, forward, redirect, rewrite};
use crate::alb::before::Before;
use crate::alb::rule::{Action, Transforms};
use gatewright_model::filter::{HeaderModifier, HttpFilter, Redirect, UrlRewrite};
use gatewright_model::key::{RouteKey, RouteKind};
use gatewright_model::route::{HttpMatch, HttpRule, Timeouts};
use gatewright_provider_api::Feature;

/// What is done with the requests of one match of a rule.
pub(super) struct Done {
    /// What is asked before.
    pub before: Option<Before>,
    /// What is changed.
    pub transforms: Transforms,
    /// What serves.
    pub action: Action,
}

impl Done {
    /// What requests get that nothing can serve, whoever sends them. A proxy behind the load balancer that serves such
    /// rules would be forwarded to from here (ADR 0011).
    pub(super) fn failure() -> Self {
        Self {
            before: None,
            transforms: Transforms::default(),
            action: failure(),
        }
    }
}

/// What is done with the requests of one match of a rule; none when they cannot be expressed, which is reported at its place
/// below the rule. The requests are then to be answered with 500: without a rule in its place they would go to a less
/// specific one, which nobody asked for.
pub(super) fn lower(
    rule: &HttpRule,
    matched: &HttpMatch,
    route: &RouteKey,
    on: &On<'_>,
    (groups, place, report): (&mut Groups, &Place, &mut Report),
) -> Option<Done> {
    let kind = route.kind;
    let mut verdict = Verdict::Served;
    let mut before = None;
    let mut fixed = None;
    let mut own = None;
    let mut query = None;
    match extension::of(route, rule, on) {
        // The rule's fault is for those who do not know what it names.
        Some(settings) => {
            let object = format!("{} {}", kind.as_str(), route.object);
            (verdict, before) = extension::before(settings, &object, on, report);
            if let Some((fits, answer)) = extension::answer(settings, rule, place, report) {
                verdict = verdict.and(fits);
                fixed = Some(answer);
            }
            if let Some((fits, rewrites)) = extension::rewrites(settings, rule, place, report) {
                verdict = verdict.and(fits);
                own = Some(rewrites);
            }
            if let Some((fits, found)) = extension::redirect_query(settings, rule, place, report) {
                verdict = verdict.and(fits);
                query = Some(found);
            }
        }
        None if rule.fault.is_some() => return Some(Done::failure()),
        None => {}
    }
    // "The only supported listener protocol is HTTPS", of the protocol version gRPC
    // (load-balancer-target-groups.html).
    if kind == RouteKind::Grpc && !on.origin.https {
        verdict = verdict.and(report.refuse_feature(Feature::Grpc, place));
    }
    verdict = verdict.and(settings(rule, place, report));
    let mut answer: Option<(&Redirect, Place)> = None;
    let mut changes: Option<(&UrlRewrite, Place)> = None;
    for (index, filter) in rule.filters.iter().enumerate() {
        let place = place.at(&format!(".filters[{index}]"));
        match filter {
            HttpFilter::Redirect(found) => answer = answer.or(Some((&**found, place))),
            HttpFilter::UrlRewrite(found) => changes = changes.or(Some((&**found, place))),
            other => verdict = verdict.and(unsupported(other, &place, report)),
        }
    }
    for (index, share) in rule.backends.iter().enumerate() {
        if share.weight > 0 && !share.filters.is_empty() {
            let place = place.at(&format!(".backendRefs[{index}].filters"));
            verdict = verdict.and(report.uses(Feature::BackendFilters, &place));
        }
    }
    if let Some(answer) = fixed {
        return (!verdict.is_refused()).then(|| Done {
            before,
            transforms: Transforms::default(),
            action: Action::Fixed(answer.clone()),
        });
    }
    if let Some((wanted, place)) = &answer {
        // For every match of the rule: all or none of them are served.
        let found = rule
            .matches
            .iter()
            .map(|other| redirect::action(wanted, on.origin, other, place, report));
        if found.filter(Option::is_none).count() > 0 || verdict.is_refused() {
            return None;
        }
        let mut found = redirect::action(wanted, on.origin, matched, place, report)?;
        if let Some(query) = query {
            found.query.clone_from(query);
        }
        return Some(Done {
            before,
            transforms: Transforms::default(),
            action: Action::Redirect(found),
        });
    }
    let transforms = match &changes {
        None => Some(own.unwrap_or_default()),
        Some((wanted, place)) => rewrite::transforms(wanted, matched, place, report),
    };
    let action = forward::action(rule, route, on, groups, (place, report));
    if verdict.is_refused() {
        return None;
    }
    let (action, transforms) = (action?, transforms?);
    Some(Done {
        before,
        // Nothing is sent on that could be changed.
        transforms: if matches!(action, Action::Fixed(_)) {
            Transforms::default()
        } else {
            transforms
        },
        action,
    })
}

/// Timeouts and retries.
fn settings(rule: &HttpRule, place: &Place, report: &mut Report) -> Verdict {
    let Timeouts {
        request_ms,
        backend_request_ms,
    } = rule.timeouts;
    let mut verdict = Verdict::Served;
    if request_ms.is_some_and(|time| time > 0) {
        verdict = verdict.and(report.uses(Feature::RequestTimeout, &place.at(".timeouts.request")));
    }
    if backend_request_ms.is_some_and(|time| time > 0) {
        verdict = verdict.and(report.uses(Feature::BackendTimeout, &place.at(".timeouts.backendRequest")));
    }
    if rule.retry.as_ref().is_some_and(|retry| retry.attempts > 0) {
        verdict = verdict.and(report.uses(Feature::Retry, &place.at(".retry")));
    }
    verdict
}

/// Filters that an ALB has nothing for; one that does nothing is served.
fn unsupported(filter: &HttpFilter, place: &Place, report: &mut Report) -> Verdict {
    let changes = |modifier: &HeaderModifier| modifier.names().next().is_some();
    let feature = match filter {
        HttpFilter::RequestHeaders(modifier) if changes(modifier) => Feature::RequestHeaders,
        HttpFilter::ResponseHeaders(modifier) if changes(modifier) => Feature::ResponseHeaders,
        HttpFilter::Mirror(mirror) if mirror.numerator > 0 => Feature::Mirror,
        HttpFilter::Cors(_) => Feature::Cors,
        HttpFilter::ExternalAuth(_) => Feature::ExternalAuth,
        HttpFilter::RequestHeaders(_)
        | HttpFilter::ResponseHeaders(_)
        | HttpFilter::Mirror(_)
        | HttpFilter::Redirect(_)
        | HttpFilter::UrlRewrite(_) => return Verdict::Served,
    };
    report.uses(feature, place)
}
