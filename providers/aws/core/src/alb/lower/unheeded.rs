//! What a Gateway may say and nothing on AWS heeds. Traffic flows without it, and each is told.

use super::ports::place;
use super::report::{Consequence, Place, Report};
use gatewright_model::LoadBalancer;
use gatewright_model::listener::ListenerTls;
use gatewright_provider_api::mapping::words::{ANNOTATIONS, Words};
use std::sync::Arc;

/// Annotations of `spec.infrastructure`, and options of TLS, with what is said of those.
///
/// Annotations stand for whatever an implementation has of that kind, and options of TLS are each implementation's own
/// (Gateway API v1.7.0, `GatewayInfrastructure.annotations`, `ListenerTLSConfig.options`): none of either is ours.
pub(crate) fn review(balancer: &LoadBalancer, options: Words, report: &mut Report) {
    let gateway = format!("Gateway {}", balancer.gateway);
    for key in balancer.infrastructure.annotations.keys() {
        let field = format!("spec.infrastructure.annotations[{key}]");
        let place = Place::new(&gateway, &field, Consequence::Ignored);
        let _ = report.refuse(&place, ANNOTATIONS.why, ANNOTATIONS.instead);
    }
    for listener in balancer.listeners.values().map(Arc::as_ref) {
        let Some(ListenerTls::Terminate(tls)) = &listener.tls else {
            continue;
        };
        for key in tls.options.keys() {
            let place = place(listener, Consequence::Ignored).at(&format!(".tls.options[{key}]"));
            let _ = report.refuse(&place, options.why, options.instead);
        }
    }
}
