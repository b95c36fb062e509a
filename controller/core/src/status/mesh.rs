//! Status of an XMesh: meshes are read, and not served yet.

use super::{Stamp, Wanted};
use gatewright_crds::api::XMeshStatus;
use gatewright_crds::constants::xmesh::condition;

/// Reason of `Accepted=False`: none of those that the API names says that meshes are not served at all
/// ("controllers may raise this condition with other reasons", `MeshConditionAccepted`).
const NOT_SUPPORTED: &str = "NotSupported";

/// What is said of an XMesh that names one of our controllers. Features are not claimed.
pub fn status(existing: Option<&XMeshStatus>, stamp: Stamp) -> XMeshStatus {
    let before = existing
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let wanted = Wanted::no(
        condition::ACCEPTED,
        NOT_SUPPORTED,
        "meshes are not served yet: routes whose parent is a Service have no effect; use a Gateway",
    );
    XMeshStatus {
        conditions: Some(stamp.merge(before, vec![wanted])),
        supported_features: None,
    }
}
