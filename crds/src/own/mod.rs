//! Our own kinds, group `gatewright.dev`.
//!
//! Types come first; their CRDs are derived from them. `crds/gatewright/*.yaml` holds the same CRDs for
//! `kubectl apply`.

pub mod aws;
pub mod document;
mod merge;
pub mod parameters;
#[cfg(test)]
mod tests;

pub use aws::{
    AwsBackend, AwsBackendSpec, AwsLatticeParameters, AwsLatticeParametersSpec, AwsLoadBalancerParameters,
    AwsLoadBalancerParametersSpec, AwsRouteParameters, AwsRouteParametersSpec, AwsTargetGroupBinding,
    AwsTargetGroupBindingSpec, AwsTargetGroupParameters, AwsTargetGroupParametersSpec,
};
pub use parameters::{SoftwareGatewayParameters, SoftwareGatewayParametersSpec};

use crate::bundle::{CrdText, CrdVersion};
use crate::kinds::{KindInfo, Scope};
use kube::CustomResourceExt;
use serde_json::Value;
use std::sync::OnceLock;

/// Group of our own kinds.
pub const GROUP: &str = "gatewright.dev";

/// Our own kinds.
pub const KINDS: &[KindInfo] = &[
    kind("SoftwareGatewayParameters", "softwaregatewayparameters"),
    kind("AwsLoadBalancerParameters", "awsloadbalancerparameters"),
    kind("AwsLatticeParameters", "awslatticeparameters"),
    kind("AwsTargetGroupParameters", "awstargetgroupparameters"),
    kind("AwsRouteParameters", "awsrouteparameters"),
    kind("AwsBackend", "awsbackends"),
    kind("AwsTargetGroupBinding", "awstargetgroupbindings"),
];

const fn kind(kind: &'static str, plural: &'static str) -> KindInfo {
    KindInfo {
        group: GROUP,
        kind,
        plural,
        scope: Scope::Namespaced,
        version: "v1alpha1",
    }
}

/// Our own CRDs, in the form of [`crate::bundle::crds`].
pub fn crds() -> &'static [CrdText] {
    static CRDS: OnceLock<Vec<CrdText>> = OnceLock::new();
    CRDS.get_or_init(|| {
        vec![
            text(SoftwareGatewayParameters::crd()),
            text(AwsLoadBalancerParameters::crd()),
            text(AwsLatticeParameters::crd()),
            text(AwsTargetGroupParameters::crd()),
            text(AwsRouteParameters::crd()),
            text(AwsBackend::crd()),
            text(AwsTargetGroupBinding::crd()),
        ]
    })
}

fn text(
    crd: k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
) -> CrdText {
    // A CRD holds nothing but JSON values with string keys, which always serialise.
    let mut json = serde_json::to_value(&crd).unwrap_or_default();
    if let Some(versions) = json.pointer_mut("/spec/versions").and_then(Value::as_array_mut) {
        for version in versions {
            if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
                tidy(schema);
            }
        }
    }
    CrdText {
        group: crd.spec.group,
        kind: crd.spec.names.kind,
        plural: crd.spec.names.plural,
        scope: if crd.spec.scope == "Cluster" {
            Scope::Cluster
        } else {
            Scope::Namespaced
        },
        versions: crd
            .spec
            .versions
            .into_iter()
            .map(|version| CrdVersion {
                name: version.name,
                served: version.served,
                storage: version.storage,
                deprecated: version.deprecated.unwrap_or_default(),
                deprecation_warning: version.deprecation_warning,
            })
            .collect(),
        json: json.to_string(),
    }
}

/// Removes what the derive adds and Kubernetes has no use for: `nullable` (an absent field is absent,
/// which keeps `has()` in rules simple), formats the API server does not know, titles; and writes
/// whole-number bounds without a fraction.
fn tidy(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    schema.shift_remove("nullable");
    schema.shift_remove("title");
    if schema
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(|format| format.starts_with("uint"))
    {
        schema.shift_remove("format");
    }
    for bound in ["minimum", "maximum"] {
        if let Some(value) = schema.get_mut(bound)
            && let Some(number) = value.as_f64()
            && number.fract() == 0.0
            && number.abs() < 9.0e15
        {
            *value = Value::from(number as i64);
        }
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(tidy);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(inner) {
            tidy(inner);
        }
    }
}
