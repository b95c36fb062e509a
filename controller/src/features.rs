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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The extended features that the official suite ran with, as its report lists them under each profile.
    fn of_report(channel: Channel) -> BTreeSet<String> {
        let path = format!(
            "{}/../docs/conformance/v1.6.3-dedicated-{channel}.yaml",
            env!("CARGO_MANIFEST_DIR")
        );
        let report = std::fs::read_to_string(path).unwrap();
        let listed = report.lines().scan(false, |listing, line| {
            let word = line.trim();
            *listing = word == "supportedFeatures:" || *listing && word.starts_with("- ");
            Some(listing.then(|| word.strip_prefix("- ")).flatten())
        });
        listed.flatten().map(str::to_owned).collect()
    }

    /// A feature that is claimed no more would be skipped by the suite, and its run would still be green.
    #[test]
    fn what_is_claimed_is_what_the_official_suite_has_tried() {
        // The suite lists what is beyond the core of its profiles, and this is in none.
        let unlisted = ["GRPCRouteNamedRouteRule"];
        for (channel, many) in [(Channel::Standard, 38), (Channel::Experimental, 42)] {
            let listed = of_report(channel);
            assert_eq!(listed.len(), many, "{channel}");
            let claimed = claimed(Bundle::V1_6_3, channel);
            let claimed: BTreeSet<&str> = claimed.iter().map(|name| &**name).collect();
            let lost: Vec<&String> = listed
                .iter()
                .filter(|name| !claimed.contains(name.as_str()))
                .collect();
            assert_eq!(lost, Vec::<&String>::new(), "{channel}");
            let core = |name: &str| {
                gatewright_crds::features::find(Bundle::V1_6_3, name)
                    .is_some_and(gatewright_crds::features::Feature::is_core)
            };
            let more: Vec<&str> = claimed
                .into_iter()
                .filter(|name| !listed.contains(*name) && !core(name))
                .collect();
            assert_eq!(more, unlisted, "{channel}");
        }
    }

    #[test]
    fn no_mesh_feature_is_claimed() {
        for bundle in [Bundle::V1_6_3, Bundle::V1_7_0] {
            let all = gatewright_crds::features::all(bundle);
            let mesh = all
                .iter()
                .filter(|feature| feature.name.starts_with("Mesh"))
                .count();
            assert!(mesh > 0);
            assert_eq!(claimed(bundle, Channel::Experimental).len(), all.len() - mesh);
        }
    }
}
