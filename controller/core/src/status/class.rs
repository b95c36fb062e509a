//! Status of a GatewayClass.

use super::{Stamp, Wanted};
use crate::graph::class::{BundleVersion, ClassNode};
use gatewright_crds::api::{GatewayClassStatus, SupportedFeature};
use gatewright_crds::constants::gateway_class::{condition, reason};

/// Checklist items 4 and 5: `Accepted`, `SupportedVersion` whenever accepted, features by name.
pub fn status(
    existing: Option<&GatewayClassStatus>,
    class: &ClassNode,
    bundle: &BundleVersion,
    stamp: Stamp,
) -> GatewayClassStatus {
    let version = match bundle {
        BundleVersion::Known(version) => Wanted::yes(
            condition::SUPPORTED_VERSION,
            reason::SUPPORTED_VERSION,
            format!("the installed Gateway API CRDs are of version {version}"),
        ),
        BundleVersion::Unknown(found) => Wanted::no(
            condition::SUPPORTED_VERSION,
            reason::UNSUPPORTED_VERSION,
            format!("{found}; Gateways are served on a best-effort basis"),
        ),
    };
    let wanted = vec![
        Wanted::unless(
            condition::ACCEPTED,
            class.refused.as_ref(),
            (reason::ACCEPTED, "the GatewayClass is accepted"),
        ),
        version,
    ];
    let before = existing
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let features = class.features.iter().map(|name| SupportedFeature {
        name: name.to_string(),
    });
    GatewayClassStatus {
        conditions: Some(stamp.merge(before, wanted)),
        supported_features: Some(features.collect()),
    }
}
