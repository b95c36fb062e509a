//! TLSRoutes, TCPRoutes and UDPRoutes.

use super::outcome::RouteFindings;
use super::reference::{Reference, Resolver};
use super::rules::{RuleContext, settle};
use crate::lookup::Lookup;
use gatewright_crds::api::L4RouteRule;
use gatewright_model::backend::WeightedBackend;

/// Reads the rules of a stream route. The API allows one rule; should there be more, their backends
/// share the traffic by weight. A reference that does not resolve keeps its share, whose connections
/// are refused ("if unspecified or invalid, the underlying implementation MUST actively reject
/// connection attempts to this backend", `TCPRouteRule.backendRefs`).
pub fn stream_backends<L: Lookup>(
    rules: &[L4RouteRule],
    resolver: &Resolver<'_, L>,
) -> (Vec<WeightedBackend>, RouteFindings) {
    let mut findings = RouteFindings {
        rules: rules.len(),
        ..RouteFindings::default()
    };
    let mut backends = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let L4RouteRule { backend_refs, name } = rule;
        let mut context = RuleContext::new(resolver, index);
        let mut found = Vec::with_capacity(backend_refs.len());
        for (at, backend) in backend_refs.iter().enumerate() {
            let field = format!("{}.backendRefs[{at}]", context.path);
            found.push(context.weighted((Reference::from(backend), backend.weight), &field, Vec::new()));
        }
        let kept = settle(
            &mut findings,
            (index, name.as_deref()),
            Ok((found, context.findings)),
        );
        backends.extend(kept.unwrap_or_default());
    }
    (backends, findings)
}
