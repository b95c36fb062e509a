//! Google Cloud load balancing (external and internal Application Load Balancers, proxy Network Load
//! Balancers).
//!
//! Sources: the Compute Engine v1 discovery document (revision 20261106): `UrlMap`, `HttpRouteAction`,
//! `HttpHeaderMatch`, `BackendService`; "Quotas and limits" of Cloud Load Balancing.

#![allow(
    clippy::match_same_arms,
    reason = "a table: one row per feature, in the order of the documentation"
)]

use crate::feature::Feature;
use crate::support::{Support, approximate, none};

const REGIONAL_REGEX: Support =
    approximate("regular expressions are served by regional and internal load balancers, not by global ones");

/// The table.
pub const fn support(feature: Feature) -> Support {
    match feature {
        Feature::HttpListener
        | Feature::HttpsListener
        | Feature::TcpListener
        | Feature::ClientValidation
        | Feature::StaticAddress
        | Feature::PathExact
        | Feature::PathPrefix
        | Feature::Method
        | Feature::HeaderExact
        | Feature::QueryExact
        | Feature::Grpc
        | Feature::RequestHeaders
        | Feature::ResponseHeaders
        | Feature::RewriteHost
        | Feature::RequestTimeout
        | Feature::BackendTimeout
        | Feature::Http2Backend
        | Feature::WebSocketBackend
        | Feature::BackendTls
        | Feature::BackendClientCertificate => Support::Full,
        Feature::TlsTerminateListener => {
            approximate("one TLSRoute for a listener, without regard to the server name")
        }
        Feature::TlsPassthroughListener | Feature::SniRouting => {
            none("the server name is not read without terminating TLS")
        }
        Feature::UdpListener => approximate("by a passthrough Network Load Balancer, regional only"),
        Feature::ClientValidationFallback => {
            none("client validation either fails the handshake or is not done")
        }
        Feature::ListenerFilters => none("authorization is attached to a load balancer by other means"),
        Feature::Tracing => none("load balancers log, they export no spans of one's own"),
        Feature::PathRegex | Feature::HeaderRegex | Feature::QueryRegex => REGIONAL_REGEX,
        Feature::Redirect => approximate("a redirect cannot name a port"),
        Feature::RedirectOtherStatus => {
            approximate("303, 307 and 308 are in the API; not every scheme is known to take them")
        }
        Feature::RedirectPrefix | Feature::RewritePath => approximate(
            "prefixes are replaced as text, so one rule becomes two: the prefix itself and what is below it",
        ),
        Feature::Mirror => approximate("one mirror per rule; `-shadow` is appended to the host of the copy"),
        Feature::MirrorShare => Support::Full,
        Feature::Cors => approximate("origins with a wildcard host cannot be expressed"),
        Feature::ExternalAuth => none("a URL map asks no external authorization server"),
        Feature::BackendFilters => {
            approximate("header modifiers only, and they run before those of the rule")
        }
        Feature::Weights => approximate("weights are 0 to 1000; larger ones are scaled down"),
        Feature::InvalidShare => approximate("an invalid share of a mixed rule answers 503"),
        Feature::Retry => {
            approximate("retries are by class of failure, not by listed status, and cannot be zero")
        }
        Feature::RetryBudget => none("retries have no budget"),
        Feature::SessionCookie => approximate("weighted backends override affinity"),
        Feature::SessionHeader => approximate("by hash of a header, not by an issued session"),
        Feature::ExternalBackend => approximate("by internet network endpoint groups"),
    }
}
