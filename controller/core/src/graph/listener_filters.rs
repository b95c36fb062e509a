//! Filters of a listener, which run before routes are matched (GEP-5224).

use crate::backend::BackendOptions;
use crate::lookup::Referrer;
use crate::snapshot::View;
use crate::translate::{Reference, Refusal, Resolver, external_auth};
use gatewright_crds::api::{ExternalAuth, ExternalAuthProtocol, ListenerFilter as Spec, ListenerFilterType};
use gatewright_crds::constants::listener::reason;
use gatewright_crds::constants::listener_filter;
use gatewright_model::backend::BackendTarget;
use gatewright_model::key::{BackendKey, RouteKind};
use gatewright_model::listener::{ListenerFilter, Protocol};
use std::sync::Arc;

/// What the filters of a listener became.
#[derive(Debug, Default)]
pub struct ListenerFilters {
    /// In the order written, which is the order of execution.
    pub filters: Vec<ListenerFilter>,
    /// Backends they need.
    pub backends: Vec<BackendKey>,
}

/// Why a listener cannot be programmed for its filters. To leave one out could let requests pass that it
/// would have stopped.
#[derive(Debug)]
pub enum Fault {
    /// `Accepted=False`.
    Unusable(Refusal),
    /// `ResolvedRefs=False`.
    Unresolved(Refusal),
}

/// Reads the filters of a listener.
///
/// # Errors
/// The first filter that cannot be used.
pub fn read<'a>(
    view: &View<'_>,
    referrer: Referrer<'_>,
    specs: impl Iterator<Item = &'a Spec>,
    (protocol, options): (Protocol, BackendOptions),
) -> Result<ListenerFilters, Fault> {
    let mut read = ListenerFilters::default();
    let unusable = |reason, message| Fault::Unusable(Refusal { reason, message });
    for (index, spec) in specs.enumerate() {
        let field = format!("filters.requests[{index}]");
        // The kind ListenerSet has no CEL rule that ties filters to HTTP, so it is checked here.
        if !protocol.is_http() {
            let message = format!(
                "{field}: filters need protocol HTTP or HTTPS, found {}",
                protocol.as_str()
            );
            return Err(unusable(reason::UNSUPPORTED_VALUE, message));
        }
        let auth = match (spec.r#type, &spec.external_auth) {
            (ListenerFilterType::ExternalAuth, Some(auth)) => auth,
            (ListenerFilterType::ExternalAuth, None) => {
                let message = format!("{field}.externalAuth is missing although the type is ExternalAuth");
                return Err(unusable(listener_filter::INVALID_LISTENER_FILTER, message));
            }
            (ListenerFilterType::ExtensionRef, _) => {
                let message =
                    format!("{field}.type: ExtensionRef is not supported; accepted is ExternalAuth");
                return Err(unusable(reason::UNSUPPORTED_VALUE, message));
            }
        };
        let resolver = Resolver {
            lookup: view,
            referrer,
            traffic: traffic(auth),
            options,
        };
        let reference = Reference::from(&auth.backend_ref);
        let backend = resolver
            .resolve(reference, &format!("{field}.externalAuth.backendRef"))
            .map_err(|fault| {
                let reason = match fault.reason {
                    reason::REF_NOT_PERMITTED => reason::REF_NOT_PERMITTED,
                    _ => listener_filter::INVALID_LISTENER_FILTER_REF,
                };
                let message = format!("{}: {}", fault.field, fault.why);
                Fault::Unresolved(Refusal { reason, message })
            })?;
        read.backends.push(backend.clone());
        let auth = external_auth(auth, BackendTarget::Backend(backend));
        read.filters.push(ListenerFilter::ExternalAuth(Arc::new(auth)));
    }
    Ok(read)
}

/// What is spoken to an authorization server (`HTTPExternalAuthFilter.protocol`).
const fn traffic(auth: &ExternalAuth) -> RouteKind {
    match auth.protocol {
        ExternalAuthProtocol::Http => RouteKind::Http,
        ExternalAuthProtocol::Grpc => RouteKind::Grpc,
    }
}
