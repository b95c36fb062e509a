//! XTelemetryPolicy: traces of a Gateway's data plane (GEP-4768).

use super::{PolicyVerdict, Precedence};
use crate::backend::BackendOptions;
use crate::lookup::{Lookup, Referrer};
use crate::translate::{EXPERIMENTAL_GROUP, Reference, Refusal, Resolver};
use gatewright_crds::api::{
    Fraction, ParentBasedSampling, Tracing as Spec, TracingAttribute, TracingAttributeSource, TracingMode,
    XTelemetryPolicy,
};
use gatewright_model::backend::BackendTarget;
use gatewright_model::key::{ObjectName, RouteKind};
use gatewright_model::telemetry::{AttributeSource, Tracing};
use std::sync::Arc;

/// The policy of a Gateway: of those that target it the oldest, then the first by name. "Only a single
/// TelemetryPolicy is permitted to apply to a specific Gateway."
pub fn winner<'a>(policies: &[&'a XTelemetryPolicy], gateway: &ObjectName) -> Option<&'a XTelemetryPolicy> {
    let selecting = policies.iter().filter(|policy| selects(policy, gateway));
    selecting
        .min_by_key(|policy| Precedence::of(&policy.metadata))
        .copied()
}

/// Whether a policy targets a Gateway.
pub fn selects(policy: &XTelemetryPolicy, gateway: &ObjectName) -> bool {
    targets(policy).any(|target| target == *gateway)
}

/// The Gateways that a policy targets, in the order written.
pub fn targets(policy: &XTelemetryPolicy) -> impl Iterator<Item = ObjectName> + '_ {
    let gateways = policy.spec.target_refs.iter();
    let gateways =
        gateways.filter(|target| target.group == "gateway.networking.k8s.io" && target.kind == "Gateway");
    gateways.map(|target| ObjectName::new(namespace_of(policy), &target.name))
}

/// What a policy means for one of its Gateways, whose policies are `policies`: the settings if it
/// applies, and its conditions for that ancestor.
pub fn evaluate<L: Lookup>(
    lookup: &L,
    policy: &XTelemetryPolicy,
    gateway: &ObjectName,
    policies: &[&XTelemetryPolicy],
    options: BackendOptions,
) -> (Option<Arc<Tracing>>, PolicyVerdict) {
    let mut verdict = PolicyVerdict::default();
    if let Some(first) = winner(policies, gateway)
        && Precedence::of(&first.metadata) < Precedence::of(&policy.metadata)
    {
        let other = ObjectName::new(
            namespace_of(first),
            first.metadata.name.as_deref().unwrap_or_default(),
        );
        let message = format!(
            "Gateway {gateway} is already targeted by XTelemetryPolicy {other}, which is older or first by name"
        );
        verdict.refused = Some(Refusal {
            reason: "Conflicted",
            message,
        });
        return (None, verdict);
    }
    let Some(spec) = &policy.spec.tracing else {
        return (None, verdict);
    };
    let referrer = Referrer {
        group: EXPERIMENTAL_GROUP,
        kind: "XTelemetryPolicy",
        namespace: namespace_of(policy),
    };
    // OTLP is spoken over gRPC or HTTP; either protocol of the collector's port will do.
    let resolver = Resolver {
        lookup,
        referrer,
        traffic: RouteKind::Http,
        options,
    };
    match tracing(spec, &resolver, &mut verdict) {
        Ok(tracing) => (tracing.map(Arc::new), verdict),
        Err(message) => {
            verdict.refused = Some(Refusal {
                reason: "Invalid",
                message,
            });
            (None, verdict)
        }
    }
}

fn tracing<L: Lookup>(
    spec: &Spec,
    resolver: &Resolver<'_, L>,
    verdict: &mut PolicyVerdict,
) -> Result<Option<Tracing>, String> {
    let Spec {
        attributes,
        mode,
        parent_based_sampling,
        provider,
        sampling_rate,
        service_name,
        span_name,
    } = spec;
    let mode = mode.unwrap_or(TracingMode::ImplementationDefault);
    let mut collector = None;
    let mut headers = Vec::new();
    match (mode, provider) {
        (TracingMode::Enabled, None) => {
            return Err("spec.tracing.provider: is needed for mode Enabled".to_owned());
        }
        (TracingMode::Enabled, Some(provider)) => {
            let field = "spec.tracing.provider.backendRef";
            collector = Some(
                match resolver.resolve(Reference::from(&provider.backend_ref), field) {
                    Ok(key) => BackendTarget::Backend(key),
                    Err(fault) => {
                        let message = format!("{}: {}", fault.field, fault.why);
                        verdict.unresolved = Some(Refusal {
                            reason: fault.reason,
                            message,
                        });
                        BackendTarget::Invalid(fault.why.into())
                    }
                },
            );
            let list = provider.headers.iter().flatten();
            headers.extend(list.map(|header| {
                (
                    header.name.to_ascii_lowercase().into(),
                    header.value.as_str().into(),
                )
            }));
        }
        (_, Some(_)) => return Err(format!("spec.tracing.provider: must not be set for mode {mode}")),
        (_, None) => {}
    }
    let parent = parent_based_sampling.clone().unwrap_or_default();
    let ParentBasedSampling {
        mode: parent_mode,
        sampling_rate: parent_rate,
    } = parent;
    let mut named = Vec::new();
    for (index, attribute) in attributes.iter().flatten().enumerate() {
        let source = source(attribute).map_err(|why| format!("spec.tracing.attributes[{index}].{why}"))?;
        named.push((attribute.name.as_str().into(), source));
    }
    Ok(Some(Tracing {
        enabled: mode != TracingMode::Disabled,
        collector,
        headers,
        sampling: fraction("spec.tracing.samplingRate", sampling_rate.as_ref())?,
        parent_based: parent_mode != Some(TracingMode::Disabled),
        parent_sampling: fraction(
            "spec.tracing.parentBasedSampling.samplingRate",
            parent_rate.as_ref(),
        )?,
        service_name: service_name.as_deref().map(Into::into),
        span_name: span_name.as_deref().map(Into::into),
        attributes: named,
    }))
}

/// Absent rates are 100 %, as OpenTelemetry's default sampler does ("an implementation-defined default
/// is used", and for the parent's "a 100% sampling rate is used").
fn fraction(field: &str, rate: Option<&Fraction>) -> Result<(u32, u32), String> {
    let Some(Fraction {
        numerator,
        denominator,
    }) = rate
    else {
        return Ok((1, 1));
    };
    let pair = (
        u32::try_from(*numerator),
        u32::try_from(denominator.unwrap_or(100)),
    );
    match pair {
        (Ok(numerator), Ok(denominator)) if denominator > 0 && numerator <= denominator => {
            Ok((numerator, denominator))
        }
        _ => Err(format!(
            "{field}: the numerator must be from 0 to the denominator, and that at least 1"
        )),
    }
}

fn source(attribute: &TracingAttribute) -> Result<AttributeSource, String> {
    let TracingAttribute {
        attribute_key,
        header_name,
        literal_value,
        name: _,
        source_type,
    } = attribute;
    let needed = |field: &str, value: &Option<String>| {
        value
            .clone()
            .ok_or_else(|| format!("{field}: is needed for sourceType {source_type}"))
    };
    Ok(match source_type {
        TracingAttributeSource::Header => {
            AttributeSource::Header(needed("headerName", header_name)?.to_ascii_lowercase().into())
        }
        TracingAttributeSource::Literal => {
            AttributeSource::Literal(needed("literalValue", literal_value)?.into())
        }
        TracingAttributeSource::Attribute => {
            AttributeSource::Attribute(needed("attributeKey", attribute_key)?.into())
        }
    })
}

fn namespace_of(policy: &XTelemetryPolicy) -> &str {
    policy.metadata.namespace.as_deref().unwrap_or_default()
}
