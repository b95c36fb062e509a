//! VPC Lattice.
//!
//! Sources, by what they rule (AWS documentation below <https://docs.aws.amazon.com/vpc-lattice/latest/>, November 2026, and
//! the reference of the API):
//!
//! - matches, and the two actions that there are: `ug/listener-rules.html`, `APIReference/API_HttpMatch.html`,
//!   `APIReference/API_RuleAction.html`, `APIReference/API_FixedResponseAction.html`;
//! - TLS listeners: `ug/tls-listeners.html`; certificates: `ug/https-listeners.html`, `ug/service-byoc.html`;
//! - one custom domain for a service: `ug/service-custom-domain-name.html`;
//! - "VPC Lattice does not support WebSockets", and that listeners and target groups need not speak the same version:
//!   `ug/listeners.html`;
//! - targets and checks: `ug/target-groups.html`, `APIReference/API_HealthCheckConfig.html`;
//! - authorization: `ug/auth-policies.html`.

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
        | Feature::Weights
        | Feature::Http2Backend
        // Never trying again stays within every budget.
        | Feature::RetryBudget => Support::Full,
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
        Feature::SniRouting => {
            approximate("a service has one custom domain, which is a name and no wildcard")
        }
        Feature::PathRegex => none("path matches are exact or prefix"),
        Feature::HeaderExact => approximate(
            "at most 5 header matches in a rule; whether the case of a header's name counts where that of its value does is not documented",
        ),
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
        Feature::InvalidShare => {
            approximate("an invalid share of a mixed rule answers 503, from an empty target group")
        },
        Feature::RequestTimeout | Feature::BackendTimeout => none("only the idle timeout of a whole service can be set"),
        Feature::Retry => none("Lattice does not retry by policy"),
        Feature::SessionCookie | Feature::SessionHeader => none("there is no stickiness"),
        Feature::WebSocketBackend => none("connections are not upgraded"),
        Feature::BackendTls => none("the certificate of a target is not verified"),
        Feature::BackendClientCertificate => none("no client certificate is presented to targets"),
        Feature::ExternalBackend => none("targets are addresses, instances, functions or ALBs, not names"),
    }
}
