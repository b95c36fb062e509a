//! Azure Application Gateway v2.
//!
//! Sources: the ARM schema of `Microsoft.Network/applicationGateways` 2024-03-01; "URL path-based routing
//! overview", "Rewrite HTTP headers and URL", "Application Gateway limits" (Azure documentation).

#![allow(
    clippy::match_same_arms,
    reason = "a table: one row per feature, in the order of the documentation"
)]

use crate::feature::Feature;
use crate::support::{Support, approximate, none, none_but};

const NO_CONDITION: Support = none("rules match host and path; there is no condition on anything else");

/// The table.
pub const fn support(feature: Feature) -> Support {
    match feature {
        Feature::HttpListener
        | Feature::HttpsListener
        | Feature::TcpListener
        | Feature::ClientValidation
        | Feature::StaticAddress
        | Feature::RewriteHost
        | Feature::WebSocketBackend => Support::Full,
        Feature::TlsTerminateListener => approximate("one TLSRoute for a listener"),
        Feature::TlsPassthroughListener | Feature::SniRouting => {
            none("the server name is not read without terminating TLS")
        }
        Feature::UdpListener => none_but(
            "an application gateway has no UDP listener",
            "use a class of gatewright.dev/azure-lb",
        ),
        Feature::ClientValidationFallback => none("client validation is on or off"),
        Feature::ListenerFilters | Feature::ExternalAuth => {
            none("no external authorization server can be asked")
        }
        Feature::Tracing => none("diagnostic logs only"),
        Feature::PathExact => {
            approximate("paths are compared without regard to case, and exactly `/` cannot be expressed")
        }
        Feature::PathPrefix => approximate("paths are compared without regard to case"),
        Feature::PathRegex => none("paths match by prefix and wildcard"),
        Feature::Method
        | Feature::HeaderExact
        | Feature::HeaderRegex
        | Feature::QueryExact
        | Feature::QueryRegex => NO_CONDITION,
        Feature::Grpc | Feature::Http2Backend => none("backends are spoken to in HTTP/1.1"),
        Feature::RequestHeaders => {
            approximate("a header can be set or removed; adding to an existing one joins the values")
        }
        Feature::ResponseHeaders => approximate(
            "not on redirects and own error answers; one of several equal headers drops the others",
        ),
        Feature::Redirect => approximate("host, path and port only as a constant address"),
        Feature::RedirectOtherStatus => approximate("303 and 307, not 308"),
        Feature::RedirectPrefix => none("a redirect target is constant"),
        Feature::RewritePath => approximate("by a regular expression over the path, without regard to case"),
        Feature::Mirror | Feature::MirrorShare => none("requests are not copied"),
        Feature::Cors => none("fixed response headers only; preflights are not answered"),
        Feature::BackendFilters => none("rewrites belong to the rule"),
        Feature::Weights => none("load distribution policies are not publicly available"),
        Feature::InvalidShare => none("there are no weighted shares"),
        Feature::RequestTimeout => approximate("whole seconds"),
        Feature::BackendTimeout => approximate("the same knob as the request timeout, whole seconds"),
        Feature::Retry | Feature::RetryBudget => none("no retries by policy"),
        Feature::SessionCookie => approximate("the cookie's attributes are those of the gateway"),
        Feature::SessionHeader => none("affinity is by cookie"),
        Feature::BackendTls => {
            approximate("by root certificate and one host name; no further subject alternative names")
        }
        Feature::BackendClientCertificate => none("no client certificate is presented to backends"),
        Feature::ExternalBackend => Support::Full,
    }
}
