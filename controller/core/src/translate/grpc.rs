//! GRPCRoutes: HTTP/2 requests with a path of service and method.

use super::extension::Holder;
use super::outcome::RouteFindings;
use super::reference::{Reference, Resolver};
use super::rules::{RuleContext, RuleFault, settle};
use super::{filters, matches, session};
use crate::lookup::Lookup;
use gatewright_crds::api::GrpcRouteRule;
use gatewright_model::route::{HttpRule, Timeouts};
use std::sync::Arc;

/// Reads the rules of a GRPCRoute, in the order written. Dropped rules leave gaps in the indexes.
pub fn grpc_rules<L: Lookup>(
    rules: &[GrpcRouteRule],
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
    rule: &GrpcRouteRule,
    index: usize,
    resolver: &Resolver<'_, L>,
) -> Result<(HttpRule, RouteFindings), RuleFault> {
    let GrpcRouteRule {
        backend_refs,
        filters: rule_filters,
        matches: alternatives,
        name,
        session_persistence,
    } = rule;
    let mut context = RuleContext::new(resolver, index);
    let path = context.path.clone();
    let mut found_matches = Vec::with_capacity(alternatives.as_ref().map_or(0, Vec::len).max(1));
    for (at, found) in alternatives.iter().flatten().enumerate() {
        found_matches.push(matches::grpc(found, &format!("{path}.matches[{at}]"))?);
    }
    if found_matches.is_empty() {
        found_matches.push(matches::everything());
    }
    let found_filters = filters::grpc(
        &mut context,
        rule_filters.as_deref().unwrap_or_default(),
        (&format!("{path}.filters"), Holder::Rule),
    )?;
    let references = backend_refs.as_deref().unwrap_or_default();
    let mut backends = Vec::with_capacity(references.len());
    for (at, backend) in references.iter().enumerate() {
        let field = format!("{path}.backendRefs[{at}]");
        let own = filters::grpc(
            &mut context,
            backend.filters.as_deref().unwrap_or_default(),
            (&format!("{field}.filters"), Holder::Backend),
        )?;
        backends.push(context.weighted((Reference::from(backend), backend.weight), &field, own));
    }
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
        timeouts: Timeouts::default(),
        retry: None,
        session_persistence,
        fault,
    };
    Ok((rule, findings))
}
