//! Names that the Gateway API fixes: condition types and reasons, labels, annotations.

mod conditions;

pub use conditions::*;

/// Reasons of a listener's `Accepted` and `ResolvedRefs` for its filters. GEP-5224 names them; the Go
/// API has no constants for them yet.
pub mod listener_filter {
    /// `Accepted` is false: a filter is not valid.
    pub const INVALID_LISTENER_FILTER: &str = "InvalidListenerFilter";
    /// `Accepted` is false: the filters' order cannot be honoured.
    pub const INVALID_LISTENER_FILTER_ORDER: &str = "InvalidListenerFilterOrder";
    /// `ResolvedRefs` is false: a filter refers to something that is not there.
    pub const INVALID_LISTENER_FILTER_REF: &str = "InvalidListenerFilterRef";
}

/// Label of resources made for a Gateway: its name (GEP-1762).
pub const GATEWAY_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";

/// Label of resources made for a Gateway: its class' name (GEP-1762).
pub const GATEWAY_CLASS_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-class-name";

/// Finalizer that keeps a GatewayClass while Gateways use it.
pub const GATEWAY_CLASS_FINALIZER: &str = "gateway-exists-finalizer.gateway.networking.k8s.io";

/// Annotation of CRDs: the release they are from.
pub const BUNDLE_VERSION_ANNOTATION: &str = "gateway.networking.k8s.io/bundle-version";

/// Annotation of CRDs: the channel they are from.
pub const CHANNEL_ANNOTATION: &str = "gateway.networking.k8s.io/channel";

/// Prefix of a `PartiallyInvalid` message when invalid rules were dropped.
pub const PARTIALLY_INVALID_DROPPED: &str = "Dropped Rule";

/// Prefix of a `PartiallyInvalid` message when the last good state is kept.
pub const PARTIALLY_INVALID_FALL_BACK: &str = "Fall Back";
