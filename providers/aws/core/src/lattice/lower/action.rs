//! What a rule of a route does with the requests that it takes.

use super::backends::{Groups, Unfit, Way};
use super::service::On;
use crate::alb::lower::report::{Place, Report, Verdict};
use crate::alb::lower::weights::scale;
use crate::lattice::Action;
use crate::target_group::TargetGroupId;
use gatewright_model::backend::{Backend, BackendTarget, WeightedBackend};
use gatewright_model::filter::HttpFilter;
use gatewright_model::key::RouteKind;
use gatewright_model::route::{HttpRule, SessionCarrier, SessionPersistence, StreamRoute, Timeouts};
use gatewright_provider_api::Feature;
use gatewright_provider_api::support::USE_SOFTWARE;
use std::collections::BTreeMap;
use std::sync::Arc;

type Into<'a> = (&'a mut Groups, &'a Place, &'a mut Report);

/// The action of a rule; none when it cannot be expressed, which is reported at its place below the rule.
pub(super) fn lower(rule: &HttpRule, kind: RouteKind, on: &On<'_>, into: Into<'_>) -> Option<Action> {
    let (groups, place, report) = into;
    if rule.fault.is_some() {
        return Some(Action::Fixed(500));
    }
    let mut verdict = Verdict::Served;
    // gRPC is HTTP/2, which clients agree on by ALPN (https-listeners.html).
    if kind == RouteKind::Grpc && !on.https {
        verdict = verdict.and(report.refuse_feature(Feature::Grpc, place));
    }
    let Timeouts {
        request_ms,
        backend_request_ms,
    } = rule.timeouts;
    if request_ms.is_some_and(|time| time > 0) {
        verdict = verdict.and(report.uses(Feature::RequestTimeout, &place.at(".timeouts.request")));
    }
    if backend_request_ms.is_some_and(|time| time > 0) {
        verdict = verdict.and(report.uses(Feature::BackendTimeout, &place.at(".timeouts.backendRequest")));
    }
    if rule.retry.as_ref().is_some_and(|retry| retry.attempts > 0) {
        verdict = verdict.and(report.uses(Feature::Retry, &place.at(".retry")));
    }
    if let Some(session) = &rule.session_persistence {
        verdict = verdict.and(report.uses(of_session(session), &place.at(".sessionPersistence")));
    }
    for (index, filter) in rule.filters.iter().enumerate() {
        if let Some(feature) = of_filter(filter) {
            verdict = verdict.and(report.uses(feature, &place.at(&format!(".filters[{index}]"))));
        }
    }
    for (index, share) in rule.backends.iter().enumerate() {
        if share.weight > 0 && !share.filters.is_empty() {
            let at = place.at(&format!(".backendRefs[{index}].filters"));
            verdict = verdict.and(report.uses(Feature::BackendFilters, &at));
        }
    }
    let forward = forward(&rule.backends, Kind::Http(kind), on, (groups, place, report));
    if verdict.is_refused() {
        return None;
    }
    forward
}

/// The action of a TLS listener: "The default action for a TLS listener must be a forward action to a TCP target group"
/// (tls-listeners.html). None when there is nothing to forward to.
pub(super) fn stream(route: &StreamRoute, on: &On<'_>, into: Into<'_>) -> Option<Action> {
    let (groups, place, report) = into;
    match forward(&route.backends, Kind::Stream, on, (groups, place, &mut *report))? {
        forward @ Action::Forward(_) => Some(forward),
        // Nothing is valid: connections end at a group without targets.
        Action::Fixed(_) => {
            let id = groups.empty(Way::Tcp, on);
            Some(Action::Forward(BTreeMap::from([(id, 1)])))
        }
    }
}

/// What is forwarded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http(RouteKind),
    Stream,
}

fn forward(backends: &[WeightedBackend], kind: Kind, on: &On<'_>, into: Into<'_>) -> Option<Action> {
    let (groups, place, report) = into;
    let mut verdict = Verdict::Served;
    let mut shares: BTreeMap<TargetGroupId, u64> = BTreeMap::new();
    let mut invalid = 0u64;
    let mut ways: Option<Way> = None;
    for (index, share) in backends.iter().enumerate().filter(|(_, share)| share.weight > 0) {
        let weight = u64::from(share.weight);
        let Some(backend) = backend(share, on) else {
            invalid += weight;
            continue;
        };
        let at = place.at(&format!(".backendRefs[{index}]"));
        if let Some(session) = &backend.session_persistence {
            verdict = verdict.and(report.uses(of_session(session), &at));
        }
        match way_to(backend, kind) {
            Ok(way) => {
                ways = ways.or(Some(way));
                let id = groups.of_backend(backend, way, on, (&at, &mut *report));
                *shares.entry(id).or_default() += weight;
            }
            Err(Unfit(feature)) => verdict = verdict.and(report.refuse_feature(feature, &at)),
        }
    }
    if verdict.is_refused() {
        return None;
    }
    let Some(way) = ways else {
        // Nothing takes traffic, or all that would is invalid: 500 (Gateway API v1.7.0, `HTTPRouteRule.backendRefs`).
        return Some(Action::Fixed(500));
    };
    let place = place.at(".backendRefs");
    if invalid > 0 {
        if report.uses(Feature::InvalidShare, &place).is_refused() {
            return None;
        }
        *shares.entry(groups.empty(way, on)).or_default() += invalid;
    }
    let most = on.context.surroundings.limits.target_groups_per_action as usize;
    if shares.len() > most {
        let why = format!(
            "a rule forwards to at most {most} target groups, this one has {}",
            shares.len()
        );
        let _ = report.refuse(&place, &why, USE_SOFTWARE);
        return None;
    }
    let weights: Vec<u64> = shares.values().copied().collect();
    let several = shares.len() > 1;
    let scaled = scale(if several { weights.as_slice() } else { &[1] });
    if !scaled.exact {
        let difference = "weights are 0 to 999; larger ones are scaled down";
        if report.approximate(&place, difference).is_refused() {
            return None;
        }
    }
    let mut found: BTreeMap<TargetGroupId, u16> = shares.into_keys().zip(scaled.weights).collect();
    // What takes no traffic yet is kept ready where there is room, so that giving it some changes one rule alone.
    for share in backends.iter().filter(|share| share.weight == 0) {
        if found.len() >= most {
            break;
        }
        if let Some(backend) = backend(share, on)
            && backend.session_persistence.is_none()
            && let Ok(way) = way_to(backend, kind)
        {
            let id = groups.of_backend(backend, way, on, (&place, &mut *report));
            found.entry(id).or_insert(0);
        }
    }
    Some(Action::Forward(found))
}

/// The backend of a share; none when it is invalid.
fn backend<'a>(share: &WeightedBackend, on: &On<'a>) -> Option<&'a Backend> {
    let BackendTarget::Backend(key) = &share.target else {
        return None;
    };
    let found = on.context.balancer.backends.get(key).map(Arc::as_ref);
    found.filter(|backend| backend.fault.is_none())
}

fn way_to(backend: &Backend, kind: Kind) -> Result<Way, Unfit> {
    match kind {
        Kind::Stream => Way::stream(backend),
        Kind::Http(kind) => Way::http(backend, kind),
    }
}

const fn of_session(session: &SessionPersistence) -> Feature {
    match session.carrier {
        SessionCarrier::Cookie { .. } => Feature::SessionCookie,
        SessionCarrier::Header => Feature::SessionHeader,
    }
}

/// What a filter takes; none for one that does nothing.
fn of_filter(filter: &HttpFilter) -> Option<Feature> {
    match filter {
        HttpFilter::RequestHeaders(modifier) => modifier.names().next().map(|_| Feature::RequestHeaders),
        HttpFilter::ResponseHeaders(modifier) => modifier.names().next().map(|_| Feature::ResponseHeaders),
        HttpFilter::Mirror(mirror) => (mirror.numerator > 0).then_some(Feature::Mirror),
        HttpFilter::Cors(_) => Some(Feature::Cors),
        HttpFilter::ExternalAuth(_) => Some(Feature::ExternalAuth),
        HttpFilter::Redirect(_) => Some(Feature::Redirect),
        HttpFilter::UrlRewrite(rewrite) if rewrite.path.is_some() => Some(Feature::RewritePath),
        HttpFilter::UrlRewrite(_) => Some(Feature::RewriteHost),
    }
}
