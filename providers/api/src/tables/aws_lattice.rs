//! VPC Lattice.
//!
//! Sources: "Listeners for your VPC Lattice service", "Quotas for Amazon VPC Lattice" (AWS documentation,
//! November 2026), and the reference of the VPC Lattice API.

#![allow(
    clippy::match_same_arms,
    reason = "a table: one row per feature, in the order of the documentation"
)]

use crate::feature::Feature;
use crate::support::{Support, approximate, none, none_but};

/// The table.
pub const fn support(feature: Feature) -> Support {
    match feature {
        Feature::HttpListener
        | Feature::HttpsListener
        | Feature::TlsPassthroughListener
        | Feature::PathExact
        | Feature::PathPrefix
        | Feature::Method
        | Feature::Weights => Support::Full,
        Feature::TlsTerminateListener => none("TLS listeners pass through only"),
        Feature::TcpListener | Feature::UdpListener => none_but(
            "services have HTTP, HTTPS and TLS listeners only",
            "use a class of gatewright.dev/aws-nlb",
        ),
        Feature::ClientValidation | Feature::ClientValidationFallback => {
            none("listeners do not ask for client certificates; IAM policies authorise clients")
        }
        Feature::ListenerFilters | Feature::ExternalAuth => none("only IAM authorises requests"),
        Feature::StaticAddress => none("a service has a DNS name, not an address of its own"),
        Feature::Tracing => none("Lattice exports access logs, not spans"),
        Feature::SniRouting => approximate("one hostname per TLS service"),
        Feature::PathRegex => none("path matches are exact or prefix"),
        Feature::HeaderExact => approximate("at most 5 header matches in a rule"),
        Feature::HeaderRegex => none("header matches are exact, prefix or contains"),
        Feature::QueryExact | Feature::QueryRegex => none("rules do not look at the query"),
        Feature::Grpc => approximate("on HTTPS listeners only"),
        Feature::RequestHeaders
        | Feature::ResponseHeaders
        | Feature::Redirect
        | Feature::RedirectOtherStatus
        | Feature::RedirectPrefix
        | Feature::RewriteHost
        | Feature::RewritePath
        | Feature::Mirror
        | Feature::MirrorShare
        | Feature::Cors
        | Feature::BackendFilters => none("rules forward or answer with a fixed status; they change nothing"),
        Feature::InvalidShare => approximate("an invalid share of a mixed rule answers 503"),
        Feature::RequestTimeout | Feature::BackendTimeout => none("timeouts are fixed"),
        Feature::Retry | Feature::RetryBudget => none("Lattice does not retry by policy"),
        Feature::SessionCookie | Feature::SessionHeader => none("there is no stickiness"),
        Feature::Http2Backend => approximate("HTTP/2 target groups behind HTTPS listeners only"),
        Feature::WebSocketBackend => none("connections are not upgraded"),
        Feature::BackendTls => none("the certificate of a target is not verified"),
        Feature::BackendClientCertificate => none("no client certificate is presented to targets"),
        Feature::ExternalBackend => none("targets are addresses, instances, functions or ALBs, not names"),
    }
}
