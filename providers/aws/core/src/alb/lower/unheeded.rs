//! What a Gateway or a Service may say and nothing on AWS heeds. Traffic flows without it, and each is told.

use super::ports::place;
use super::report::{Consequence, Place, Report};
use crate::Str;
use crate::alb::settings::TargetSettings;
use gatewright_model::LoadBalancer;
use gatewright_model::backend::TrafficDistribution;
use gatewright_model::key::BackendKey;
use gatewright_model::listener::ListenerTls;
use gatewright_provider_api::mapping::words::{ANNOTATIONS, NEARNESS_BY_ZONE, Words};
use std::collections::BTreeSet;
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

/// Parameters of the Gateway that those of its class overrule.
pub(crate) fn overruled(balancer: &LoadBalancer, paths: &BTreeSet<Str>, report: &mut Report) {
    let gateway = format!("Gateway {}", balancer.gateway);
    for path in paths {
        let field = format!("spec.infrastructure.parametersRef {path}");
        let place = Place::new(&gateway, &field, Consequence::Ignored);
        let why = format!(
            "the parameters of GatewayClass {} win (mergingMode: PreferGatewayClass)",
            balancer.class
        );
        let _ = report.refuse(&place, &why, "leave it out, or ask whoever keeps the class");
    }
}

/// Attribute of load balancers and target groups
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>).
pub(crate) const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";

/// Whether targets get traffic of their own zone alone, by the attribute of their group; none where the load balancer's counts.
pub(crate) fn zonal(settings: &TargetSettings) -> Option<bool> {
    match settings.attributes.get(CROSS_ZONE).map(|value| &**value) {
        Some("false") => Some(true),
        Some("true") => Some(false),
        _ => None,
    }
}

/// Services that want traffic to stay near where it comes from (`trafficDistribution`, a hint by Kubernetes' own words), with
/// what is said where it does not.
pub(crate) fn distribution(
    balancer: &LoadBalancer,
    zonal: impl Fn(&BackendKey) -> bool,
    words: Words,
    report: &mut Report,
) {
    let backends = balancer.backends.values().map(Arc::as_ref);
    for backend in backends.filter(|backend| backend.distribution != TrafficDistribution::Any) {
        let object = format!("Service {}", backend.key.object);
        let place = Place::new(&object, "spec.trafficDistribution", Consequence::Ignored);
        let _ = if zonal(&backend.key) {
            report.approximate(&place, NEARNESS_BY_ZONE)
        } else {
            report.refuse(&place, words.why, words.instead)
        };
    }
}
