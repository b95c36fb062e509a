//! Backends as a forward action.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ForwardActionConfig.html>

use super::context::On;
use super::given;
use super::groups::{self, Groups, Unfit, Way};
use super::report::{Place, Report, Verdict};
use super::weights::scale;
use super::{failure, session};
use crate::alb::rule::{Action, Forward};
use crate::target_group::{ProtocolVersion, TargetGroupId};
use gatewright_model::backend::{Backend, BackendTarget, WeightedBackend};
use gatewright_model::key::{RouteKey, RouteKind};
use gatewright_model::route::HttpRule;
use gatewright_provider_api::Feature;
use gatewright_provider_api::support::USE_SOFTWARE;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a rule's backends become; none when it cannot be expressed, which is reported at its place below the rule.
pub(super) fn action(
    rule: &HttpRule,
    route: &RouteKey,
    on: &On<'_>,
    groups: &mut Groups,
    (place, report): (&Place, &mut Report),
) -> Option<Action> {
    let kind = route.kind;
    let own_session = match &rule.session_persistence {
        None => None,
        Some(wanted) => Some(session::seconds(
            wanted,
            &place.at(".sessionPersistence"),
            report,
        )?),
    };
    let mut verdict = Verdict::Served;
    let mut shares: BTreeMap<TargetGroupId, u64> = BTreeMap::new();
    let mut invalid = 0u64;
    let mut versions: Option<ProtocolVersion> = None;
    for (index, share) in rule
        .backends
        .iter()
        .enumerate()
        .filter(|(_, share)| share.weight > 0)
    {
        let weight = u64::from(share.weight);
        if let Some(given) = given::of(route, rule.index, index, on) {
            let place = place.at(&format!(".backendRefs[{index}]"));
            match given::group(given, kind, own_session, (on, &mut *groups)) {
                Ok((id, version)) => {
                    versions = versions.or(Some(version));
                    *shares.entry(id).or_default() += weight;
                }
                Err(unfit) => {
                    let name = format!("AwsBackend {}", given.object);
                    verdict = verdict.and(refuse(unfit, (&name, OTHER_BACKEND), &place, report));
                }
            }
            continue;
        }
        let Some(backend) = backend(share, on) else {
            invalid += weight;
            continue;
        };
        let place = place.at(&format!(".backendRefs[{index}]"));
        let version = match fit(backend, kind, on) {
            Ok(version) => version,
            Err(unfit) => {
                verdict = verdict.and(refuse(
                    unfit,
                    (&backend.key.to_string(), OTHER_PARAMETERS),
                    &place,
                    report,
                ));
                continue;
            }
        };
        if groups::settings(&backend.key, &on.context).tls {
            verdict = verdict.and(report.approximate(&place, UNVERIFIED));
        }
        let sticky_s = match (own_session, &backend.session_persistence) {
            (Some(seconds), _) => Some(seconds),
            (None, Some(wanted)) => match session::seconds(wanted, &place, report) {
                Some(seconds) => Some(seconds),
                None => {
                    verdict = Verdict::Refused;
                    continue;
                }
            },
            (None, None) => None,
        };
        versions = versions.or(Some(version));
        let id = groups.of_backend(backend, Way { version, sticky_s }, &on.context);
        *shares.entry(id).or_default() += weight;
    }
    if verdict.is_refused() {
        return None;
    }
    let Some(version) = versions else {
        // Nothing takes traffic, or all that would is invalid: 500 (Gateway API v1.7.0, `HTTPRouteRule.backendRefs`).
        return Some(failure());
    };
    let place = place.at(".backendRefs");
    if invalid > 0 {
        if report.uses(Feature::InvalidShare, &place).is_refused() {
            return None;
        }
        *shares.entry(groups.empty(version, &on.context)).or_default() += invalid;
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
    let several = shares.len() > 1;
    let weights: Vec<u64> = shares.values().copied().collect();
    let scaled = scale(if several { weights.as_slice() } else { &[1] });
    if !scaled.exact && report.uses(Feature::Weights, &place).is_refused() {
        return None;
    }
    let mut found: BTreeMap<TargetGroupId, u16> = shares.into_keys().zip(scaled.weights).collect();
    // What takes no traffic yet is kept ready where there is room, so that giving it some changes one rule alone.
    for share in rule.backends.iter().filter(|share| share.weight == 0) {
        if found.len() >= most {
            break;
        }
        if let Some(backend) = backend(share, on)
            && let Ok(version) = fit(backend, kind, on)
            && !(groups::settings(&backend.key, &on.context).tls && report.is_strict())
            && (own_session.is_some() || backend.session_persistence.is_none())
        {
            let way = Way {
                version,
                sticky_s: own_session,
            };
            found
                .entry(groups.of_backend(backend, way, &on.context))
                .or_insert(0);
        }
    }
    Some(Action::Forward(Forward {
        groups: found,
        stickiness_s: own_session.filter(|_| several),
    }))
}

/// The backend of a share; none when it is invalid.
fn backend<'a>(share: &WeightedBackend, on: &On<'a>) -> Option<&'a Backend> {
    let BackendTarget::Backend(key) = &share.target else {
        return None;
    };
    let found = on.context.balancer.backends.get(key).map(Arc::as_ref);
    found.filter(|backend| backend.fault.is_none())
}

fn fit(backend: &Backend, kind: RouteKind, on: &On<'_>) -> Result<ProtocolVersion, Unfit> {
    groups::check(backend, &on.context)?;
    groups::version(kind, backend, on)
}

/// "The load balancer does not validate these certificates" (load-balancer-target-groups.html).
const UNVERIFIED: &str =
    "protocol HTTPS: the certificate of a target is not verified, whoever has its address is talked to";

/// What to do instead about a backend that a Service stands for.
const OTHER_PARAMETERS: &str = "change the parameters of the load balancer or its target groups";
/// And about another.
const OTHER_BACKEND: &str =
    "name another target group or function in the AwsBackend, or another backend in the route";

fn refuse(unfit: Unfit, (backend, instead): (&str, &str), place: &Place, report: &mut Report) -> Verdict {
    match unfit {
        Unfit::Feature(feature) => report.refuse_feature(feature, place),
        Unfit::Because(why) => {
            let why = format!("{backend}: {why}");
            report.refuse(place, &why, instead)
        }
    }
}
