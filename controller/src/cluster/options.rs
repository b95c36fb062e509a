//! The engine's options in a cluster.

use super::catalog::Catalog;
use crate::features;
use gatewright_core::EngineOptions;
use gatewright_core::backend::BackendOptions;
use gatewright_core::graph::class::{ClassProfile, Reach};
use gatewright_core::graph::parameters::ParametersKind;
use gatewright_core::snapshot::Kind;
use gatewright_model::Str;
use gatewright_provider_api::Provider;

/// Options for the controller name of the bundled proxy, those of clouds, and what the API server serves.
pub fn engine(
    (proxy, clouds): (&str, &[(Str, Provider)]),
    catalog: &Catalog,
    backends: BackendOptions,
) -> EngineOptions {
    let release = &catalog.release;
    let proxy = ClassProfile {
        controller: proxy.into(),
        features: features::claimed(release.bundle, release.channel),
        parameters: ParametersKind::Software,
        reach: Reach::Everything,
    };
    let clouds = clouds
        .iter()
        .map(|(name, provider)| features::cloud(name, *provider, (release.bundle, release.channel)));
    EngineOptions {
        profiles: std::iter::once(proxy).chain(clouds).collect(),
        bundle: release.version.clone(),
        routability: features::routability(release.bundle, release.channel),
        backends,
        trust_bundles: catalog.kinds.contains_key(&Kind::ClusterTrustBundle),
    }
}
