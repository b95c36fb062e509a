//! The engine's options in a cluster.

use super::catalog::Catalog;
use crate::features;
use gatewright_core::EngineOptions;
use gatewright_core::backend::BackendOptions;
use gatewright_core::graph::class::ClassProfile;
use gatewright_core::graph::parameters::ParametersKind;
use gatewright_core::snapshot::Kind;

/// Options for one controller name and what the API server serves.
pub fn engine(controller: &str, catalog: &Catalog, backends: BackendOptions) -> EngineOptions {
    let release = &catalog.release;
    EngineOptions {
        profiles: vec![ClassProfile {
            controller: controller.into(),
            features: features::claimed(release.bundle, release.channel),
            parameters: ParametersKind::Software,
        }],
        bundle: release.version.clone(),
        routability: features::routability(release.bundle, release.channel),
        backends,
        trust_bundles: catalog.kinds.contains_key(&Kind::ClusterTrustBundle),
    }
}
