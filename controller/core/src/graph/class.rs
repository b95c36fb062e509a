//! GatewayClasses: which are ours, and whether they can be used.

use super::parameters::{self, Parameters, ParametersKind, ParametersRef};
use crate::snapshot::View;
use crate::translate::Refusal;
use gatewright_crds::constants::gateway_class::reason;
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use gatewright_model::listener::Protocol;

/// What the program serves under one controller name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassProfile {
    /// `spec.controllerName`.
    pub controller: Str,
    /// `status.supportedFeatures`, any order.
    pub features: Vec<Str>,
    /// What `parametersRef` of its classes and their Gateways may name.
    pub parameters: ParametersKind,
    /// What its Gateways may ask for.
    pub reach: Reach,
}

/// What the Gateways of a class may ask for, as far as it does not depend on anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Listeners of all protocols, addresses of all types.
    #[default]
    Everything,
    /// HTTP and HTTPS listeners. Addresses are names that the provider gives: none can be asked for by value.
    HttpByName,
    /// TLS, TCP and UDP listeners. Addresses are names that the provider gives, or IP addresses that are at hand.
    Streams,
    /// HTTP, HTTPS and TLS listeners, addresses by name.
    TlsByName,
}

impl Reach {
    /// Whether the provider judges what routes ask for, and so has the last word on their statuses.
    pub const fn is_judged(self) -> bool {
        match self {
            Self::Everything => false,
            Self::HttpByName | Self::Streams | Self::TlsByName => true,
        }
    }

    /// Whether listeners of one port may pass TLS on and end it (the feature `TLSRouteModeMixed`). They are told apart by
    /// the server name of a connection, which not every load balancer reads.
    pub const fn mixes_tls_modes(self) -> bool {
        !matches!(self, Self::Streams)
    }

    /// Protocols of listeners.
    pub const fn protocols(self) -> &'static [Protocol] {
        match self {
            Self::Everything => &[
                Protocol::Http,
                Protocol::Https,
                Protocol::Tls,
                Protocol::Tcp,
                Protocol::Udp,
            ],
            Self::Streams => &[Protocol::Tls, Protocol::Tcp, Protocol::Udp],
            Self::HttpByName => &[Protocol::Http, Protocol::Https],
            Self::TlsByName => &[Protocol::Http, Protocol::Https, Protocol::Tls],
        }
    }
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
    /// What its Gateways may ask for.
    pub reach: Reach,
    /// Why it is not accepted.
    pub refused: Option<Refusal>,
    /// Supported features, sorted by name, at most 64 (`GatewayClassStatus.supportedFeatures`).
    pub features: Vec<Str>,
    /// Parameters, when it has valid ones.
    pub parameters: Option<Parameters>,
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
        reach: profile.reach,
        refused,
        features,
        parameters,
    })
}
