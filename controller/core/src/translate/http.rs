//! HTTPRoutes.

use super::extension::Holder;
use super::outcome::RouteFindings;
use super::reference::{Reference, Resolver};
use super::rules::{RuleContext, RuleFault, settle};
use super::{duration, filters, matches, session};
use crate::lookup::Lookup;
use gatewright_crds::api::{HttpRouteRetry, HttpRouteRule, HttpRouteTimeouts};
use gatewright_model::filter::HttpFilter;
use gatewright_model::route::{HttpRule, Retry, Timeouts};
use std::sync::Arc;

/// Reads the rules of an HTTPRoute, in the order written. Dropped rules leave gaps in the indexes.
pub fn http_rules<L: Lookup>(
    rules: &[HttpRouteRule],
    resolver: &Resolver<'_, L>,
) -> (Vec<Arc<HttpRule>>, RouteFindings) {
    let mut findings = RouteFindings {
        rules: rules.len(),
        ..RouteFindings::default()
    };
    let mut kept = Vec::with_capacity(rules.len());
    for (index, rule) in rules.iter().enumerate() {
        let read = read(rule, index, resolver);
        if let Some(rule) = settle(&mut findings, (index, rule.name.as_deref()), read) {
            kept.push(Arc::new(rule));
        }
    }
    (kept, findings)
}

fn read<L: Lookup>(
    rule: &HttpRouteRule,
    index: usize,
    resolver: &Resolver<'_, L>,
) -> Result<(HttpRule, RouteFindings), RuleFault> {
    let HttpRouteRule {
        backend_refs,
        filters: rule_filters,
        matches: alternatives,
        name,
        retry,
        session_persistence,
        timeouts,
    } = rule;
    let mut context = RuleContext::new(resolver, index);
    let path = context.path.clone();
    let mut found_matches = Vec::with_capacity(alternatives.as_ref().map_or(0, Vec::len).max(1));
    for (at, found) in alternatives.iter().flatten().enumerate() {
        found_matches.push(matches::http(found, &format!("{path}.matches[{at}]"))?);
    }
    if found_matches.is_empty() {
        found_matches.push(matches::everything());
    }
    let found_filters = filters::http(
        &mut context,
        rule_filters.as_deref().unwrap_or_default(),
        (&format!("{path}.filters"), Holder::Rule),
        &found_matches,
    )?;
    let references = backend_refs.as_deref().unwrap_or_default();
    let redirects = found_filters
        .iter()
        .any(|filter| matches!(filter, HttpFilter::Redirect(_)));
    if redirects && !references.is_empty() {
        let why = "RequestRedirect answers by itself, so backendRefs must be empty";
        return Err(RuleFault::filters(format!("{path}.filters"), why));
    }
    let mut backends = Vec::with_capacity(references.len());
    for (at, backend) in references.iter().enumerate() {
        let field = format!("{path}.backendRefs[{at}]");
        let own = filters::http(
            &mut context,
            backend.filters.as_deref().unwrap_or_default(),
            (&format!("{field}.filters"), Holder::Backend),
            &found_matches,
        )?;
        backends.push(context.weighted((Reference::from(backend), backend.weight), &field, own));
    }
    let timeouts = timeouts
        .as_ref()
        .map(|timeouts| read_timeouts(timeouts, &path))
        .transpose()?
        .unwrap_or_default();
    let retry = retry.as_ref().map(|retry| read_retry(retry, &path)).transpose()?;
    let session_persistence = session_persistence
        .as_deref()
        .map(session)
        .transpose()
        .map_err(|(field, why)| RuleFault::value(format!("{path}.sessionPersistence.{field}"), why))?;
    let (fault, findings) = context.finish();
    let rule = HttpRule {
        index: index as u32,
        name: name.as_deref().map(Into::into),
        matches: found_matches,
        filters: found_filters,
        backends,
        timeouts,
        retry,
        session_persistence,
        fault,
    };
    Ok((rule, findings))
}

/// `HTTPRouteTimeouts`: the zero duration disables a timeout; `backendRequest` must not exceed
/// `request`.
fn read_timeouts(timeouts: &HttpRouteTimeouts, path: &str) -> Result<Timeouts, RuleFault> {
    let HttpRouteTimeouts {
        backend_request,
        request,
    } = timeouts;
    let read = |name: &str, text: &Option<String>| {
        let value = text.as_deref().map(duration::milliseconds).transpose();
        value.map_err(|error| RuleFault::value(format!("{path}.timeouts.{name}"), error.to_string()))
    };
    let found = Timeouts {
        request_ms: read("request", request)?,
        backend_request_ms: read("backendRequest", backend_request)?,
    };
    if let Timeouts {
        request_ms: Some(request @ 1..),
        backend_request_ms: Some(backend),
    } = found
        && (backend > request)
    {
        let why = format!("{backend} ms must not be longer than timeouts.request ({request} ms)");
        return Err(RuleFault::value(format!("{path}.timeouts.backendRequest"), why));
    }
    Ok(found)
}

/// `HTTPRouteRetry` (GEP-1731): one further attempt by default, an explicit 0 disables.
fn read_retry(retry: &HttpRouteRetry, path: &str) -> Result<Arc<Retry>, RuleFault> {
    let HttpRouteRetry {
        attempts,
        backoff,
        codes,
    } = retry;
    let mut found = Vec::new();
    for (at, code) in codes.iter().flatten().enumerate() {
        let accepted = u16::try_from(*code)
            .ok()
            .filter(|code| (400..=599).contains(code));
        found.push(accepted.ok_or_else(|| {
            let why = format!("{code} is not supported; accepted are 400 to 599");
            RuleFault::value(format!("{path}.retry.codes[{at}]"), why)
        })?);
    }
    found.sort_unstable();
    found.dedup();
    let attempts = u32::try_from(attempts.unwrap_or(1))
        .map_err(|_| RuleFault::value(format!("{path}.retry.attempts"), "must not be negative"))?;
    let backoff_ms = backoff
        .as_deref()
        .map(duration::milliseconds)
        .transpose()
        .map_err(|error| RuleFault::value(format!("{path}.retry.backoff"), error.to_string()))?;
    Ok(Arc::new(Retry {
        codes: found,
        attempts,
        backoff_ms,
    }))
}
