//! GatewayClasses: which are ours, and whether they can be used.

use super::parameters::{self, ParametersKind, ParametersRef};
use crate::snapshot::View;
use crate::translate::Refusal;
use gatewright_crds::constants::gateway_class::reason;
use gatewright_crds::own::SoftwareGatewayParametersSpec;
use gatewright_model::Str;
use gatewright_model::key::ObjectName;

/// What the program serves under one controller name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassProfile {
    /// `spec.controllerName`.
    pub controller: Str,
    /// `status.supportedFeatures`, any order.
    pub features: Vec<Str>,
    /// What `parametersRef` of its classes and their Gateways may name.
    pub parameters: ParametersKind,
}

/// What is known of the installed CRDs (`SupportedVersion`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleVersion {
    /// A bundle that this program knows, by version.
    Known(Str),
    /// Missing annotation or unknown version: served on best effort.
    Unknown(Str),
}

/// A GatewayClass of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassNode {
    /// Controller name.
    pub controller: Str,
    /// What `parametersRef` may name.
    pub accepts: ParametersKind,
    /// Why it is not accepted.
    pub refused: Option<Refusal>,
    /// Supported features, sorted by name, at most 64 (`GatewayClassStatus.supportedFeatures`).
    pub features: Vec<Str>,
    /// Parameters, when it has valid ones.
    pub parameters: Option<SoftwareGatewayParametersSpec>,
}

/// Evaluates a class; `None` when it does not exist or names another controller.
///
/// Gateway API v1.7.0, `GatewayClassSpec.controllerName`: a controller must ignore classes of others.
pub fn evaluate(view: &View<'_>, name: &str, profiles: &[ClassProfile]) -> Option<ClassNode> {
    let class = view.gateway_class(&ObjectName::new("", name))?;
    let profile = profiles
        .iter()
        .find(|profile| *profile.controller == *class.spec.controller_name)?;
    // `GatewayClassReasonInvalidParameters`: "the parametersRef field is invalid, with more detail in the message".
    let parameters = class.spec.parameters_ref.as_ref().map(|reference| {
        let reference = ParametersRef {
            field: "spec.parametersRef",
            group: &reference.group,
            kind: &reference.kind,
            namespace: reference.namespace.as_deref().unwrap_or_default(),
            name: &reference.name,
        };
        parameters::resolve(view, (&profile.controller, profile.parameters), reference)
    });
    let (parameters, refused) = match parameters {
        None => (None, None),
        Some(Ok(parameters)) => (Some(parameters), None),
        Some(Err(message)) => (
            None,
            Some(Refusal {
                reason: reason::INVALID_PARAMETERS,
                message,
            }),
        ),
    };
    let mut features = profile.features.clone();
    features.sort();
    features.dedup();
    features.truncate(64);
    Some(ClassNode {
        controller: profile.controller.clone(),
        accepts: profile.parameters,
        refused,
        features,
        parameters,
    })
}
