//! What this program claims to support, per class.

use gatewright_core::EngineOptions;
use gatewright_core::backend::{BackendOptions, ExternalNames, Location};
use gatewright_core::graph::class::{BundleVersion, ClassProfile, Reach};
use gatewright_core::graph::parameters::ParametersKind;
use gatewright_crds::bundle::{Bundle, Channel};
use gatewright_model::Str;
use gatewright_provider_api::Provider;

/// Terminated and passed through TLS on one port: experimental in v1.6, standard since v1.7.0. It takes no
/// field of the experimental channel, and who does not claim it must refuse such listeners
/// (conformance test TLSRouteListenerMixedTerminationNotSupported): served and claimed in either channel.
const MIXED_TLS: &str = "TLSRouteModeMixed";

/// What the bundled proxy supports of a release and channel, for `status.supportedFeatures`.
pub fn claimed(bundle: Bundle, channel: Channel) -> Vec<Str> {
    gatewright_crds::features::all(bundle)
        .iter()
        .filter(|feature| {
            feature.channel == Channel::Standard
                || channel == Channel::Experimental
                || feature.name == MIXED_TLS
        })
        // `status.supportedFeatures` of a GatewayClass holds no mesh features.
        .filter(|feature| !feature.name.starts_with("Mesh"))
        .map(|feature| feature.name.into())
        .collect()
}

/// Whether a release and channel declare `routability` of addresses (GEP-5093).
pub fn routability(bundle: Bundle, channel: Channel) -> bool {
    bundle >= Bundle::V1_7_0 && channel == Channel::Experimental
}

/// What a class of a cloud claims, takes as parameters, and lets its Gateways ask for.
#[cfg(feature = "controller")]
pub fn cloud(controller: &str, provider: Provider, (bundle, channel): (Bundle, Channel)) -> ClassProfile {
    let mut features = claimed(bundle, channel);
    features.retain(|feature| gatewright_provider_api::claims(provider, feature));
    ClassProfile {
        controller: controller.into(),
        features,
        parameters: parameters(provider),
        reach: match provider {
            Provider::AwsAlb => Reach::HttpByName,
            Provider::AwsNlb => Reach::Streams,
            Provider::AwsLattice => Reach::TlsByName,
            _ => Reach::Everything,
        },
    }
}

const fn parameters(provider: Provider) -> ParametersKind {
    match provider {
        Provider::Software => ParametersKind::Software,
        Provider::AwsAlb | Provider::AwsNlb => ParametersKind::AwsAlb,
        Provider::AwsLattice => ParametersKind::AwsLattice,
        _ => ParametersKind::None,
    }
}

/// Options of the standalone mode's engine: all classes of ours, objects from files that their owner wrote.
pub fn standalone(bundle: Bundle, channel: Channel, external_names: ExternalNames) -> EngineOptions {
    let mut features = claimed(bundle, channel);
    // One machine has no addresses that only a cluster reaches (GEP-5093).
    features.retain(|feature| &**feature != "GatewayAddressRoutabilityCluster");
    EngineOptions {
        profiles: Provider::ALL
            .into_iter()
            .map(|provider| ClassProfile {
                controller: provider.controller_name().into(),
                // The standalone mode serves every class with the bundled proxy.
                features: if provider == Provider::Software {
                    features.clone()
                } else {
                    Vec::new()
                },
                parameters: parameters(provider),
                reach: Reach::Everything,
            })
            .collect(),
        bundle: BundleVersion::Known(bundle.as_str().into()),
        routability: routability(bundle, channel),
        backends: BackendOptions {
            external_names,
            location: Location::Standalone,
        },
        trust_bundles: true,
    }
}
