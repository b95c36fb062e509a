//! The service network, its association, and tags.

use super::Context;
use crate::Str;
use crate::alb::lower::report::{Consequence, Place, Report};
use crate::alb::lower::unheeded;
use crate::lattice::settings::{Association, Settings};
use crate::lattice::{Network, VpcAssociation, names};
use crate::tags;
use gatewright_model::LoadBalancer;
use gatewright_provider_api::Feature;
use gatewright_provider_api::mapping::words::{NEARNESS_OF_LATTICE, TLS_OPTIONS_OF_LATTICE};
use std::collections::BTreeMap;

/// Reports what the Gateway as a whole asks for.
pub(super) fn review(balancer: &LoadBalancer, settings: &Settings, report: &mut Report) {
    let gateway = format!("Gateway {}", balancer.gateway);
    let place = |field: &str| Place::new(&gateway, field, Consequence::Ignored);
    if balancer.addresses.iter().any(|address| address.value.is_some()) {
        let _ = report.uses(Feature::StaticAddress, &place("spec.addresses"));
    }
    if balancer.tracing.is_some() {
        let _ = report.uses(Feature::Tracing, &place("XTelemetryPolicy spec.tracing"));
    }
    if balancer.backend_client_certificate.is_some() {
        let place = place("spec.tls.backend.clientCertificateRef");
        let _ = report.uses(Feature::BackendClientCertificate, &place);
    }
    unheeded::review(balancer, TLS_OPTIONS_OF_LATTICE, report);
    unheeded::overruled(balancer, &settings.overruled, report);
    unheeded::distribution(balancer, |_| false, NEARNESS_OF_LATTICE, report);
    for found in &settings.unfit {
        let place = Place::new(&found.object, &found.field, Consequence::Ignored);
        let _ = report.refuse(&place, found.why, found.instead);
    }
}

pub(super) fn network(context: &Context<'_>) -> Network {
    let Settings {
        cluster,
        network,
        access,
        ..
    } = context.settings;
    match network {
        _ if context.settings.standalone => Network::None,
        Some(given) => Network::Given(given.clone()),
        None => Network::Own {
            name: names::network(cluster, &context.balancer.gateway),
            access: access.clone(),
        },
    }
}

pub(super) fn association(context: &Context<'_>) -> Option<VpcAssociation> {
    let settings = context.settings;
    (settings.association == Association::Vpc && !settings.standalone).then(|| VpcAssociation {
        vpc: context.surroundings.vpc.clone(),
        security_groups: settings.security_groups.clone(),
    })
}

/// Tags that users ask for: those of the parameters, and the labels of the Gateway's `infrastructure`, which win.
pub(super) fn tags(context: &Context<'_>, report: &mut Report) -> BTreeMap<Str, Str> {
    let gateway = format!("Gateway {}", context.balancer.gateway);
    let mut found: BTreeMap<Str, Str> = BTreeMap::new();
    let labels = &context.balancer.infrastructure.labels;
    let settings = context
        .settings
        .tags
        .iter()
        .filter(|(key, _)| !labels.contains_key(*key));
    let labels = labels.iter().map(|tag| (tag, "spec.infrastructure.labels"));
    let settings = settings.map(|tag| (tag, "spec.infrastructure.parametersRef tags"));
    for ((key, value), field) in labels.chain(settings) {
        let place = Place::new(&gateway, &format!("{field}[{key}]"), Consequence::Ignored);
        if let Err(why) = tags::check(key, value) {
            let _ = report.refuse(&place, &why, "use another key or value");
        } else if found.len() == tags::room() {
            let why = format!("a resource has at most {} tags", tags::MAX);
            let _ = report.refuse(&place, &why, "use fewer tags");
        } else {
            found.insert(key.clone(), value.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::settings::Unfit;
    use gatewright_model::key::ObjectName;
    use gatewright_provider_api::Provider;

    #[test]
    fn settings_of_load_balancers_are_told_where_they_are_set() {
        let gateway = ObjectName::new("shop", "public");
        let balancer = LoadBalancer::bare(gateway, "lattice", "gatewright.dev/aws-lattice");
        let mut settings = Settings::new("blue");
        let field = "AwsTargetGroupParameters attributes";
        settings.unfit.insert(Unfit {
            object: "Service shop/web".into(),
            field: field.into(),
            why: "accepted is healthCheck",
            instead: "leave it out",
        });
        settings.overruled.insert("serviceNetwork".into());
        let mut report = Report::of(Provider::AwsLattice, settings.approximations);
        review(&balancer, &settings, &mut report);
        let items = report.into_items();
        let [overruled, item] = items.as_slice() else {
            panic!("{items:?}");
        };
        assert!(
            overruled.field.ends_with(" serviceNetwork")
                && overruled.why.contains("GatewayClass lattice win"),
            "{overruled}"
        );
        assert_eq!((&*item.object, &*item.field), ("Service shop/web", field));
        assert!(
            !item.approximated && item.why.contains("accepted is healthCheck"),
            "{item}"
        );
    }
}
