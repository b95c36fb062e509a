//! Application Load Balancer.
//!
//! Sources: "Listener rules for your Application Load Balancer", "Condition types for listener rules",
//! "Quotas for your Application Load Balancers" (AWS documentation, November 2026), and the reference
//! of the Elastic Load Balancing v2 API.

#![allow(
    clippy::match_same_arms,
    reason = "a table: one row per feature, in the order of the documentation"
)]

use crate::feature::Feature;
use crate::support::{Support, approximate, none, none_but};

const L4: Support = none_but(
    "an ALB has HTTP and HTTPS listeners only",
    "use a class of gatewright.dev/aws-nlb",
);

/// The table.
pub const fn support(feature: Feature) -> Support {
    match feature {
        Feature::HttpListener
        | Feature::HttpsListener
        | Feature::ClientValidation
        | Feature::PathExact
        | Feature::PathPrefix
        | Feature::PathRegex
        | Feature::Method
        | Feature::Redirect
        | Feature::RewriteHost
        | Feature::RewritePath
        | Feature::WebSocketBackend => Support::Full,
        Feature::TlsTerminateListener
        | Feature::TlsPassthroughListener
        | Feature::SniRouting
        | Feature::TcpListener
        | Feature::UdpListener => L4,
        Feature::ClientValidationFallback => none(
            "mutual TLS is off, verify, or passthrough of an unverified certificate in a header; none falls back",
        ),
        Feature::ListenerFilters => none("an ALB asks no external authorization server"),
        Feature::StaticAddress => none_but(
            "the addresses of an ALB change",
            "put an NLB with Elastic IP addresses in front of it",
        ),
        Feature::Tracing => none("an ALB exports no spans"),
        Feature::HeaderExact => approximate("header values are compared without regard to case"),
        Feature::HeaderRegex => approximate("regular expressions on headers ignore case"),
        Feature::QueryExact => approximate("query values are compared without regard to case"),
        Feature::QueryRegex => none("query-string conditions have no regular expressions"),
        Feature::Grpc => {
            approximate("gRPC target groups need an HTTPS listener; on HTTP listeners it is not served")
        }
        Feature::RequestHeaders => none("listener rules cannot change request headers"),
        Feature::ResponseHeaders => none(
            "only a fixed set of response headers can be set, for a whole listener, by listener attributes",
        ),
        Feature::RedirectOtherStatus => none("redirect actions answer 301 or 302"),
        Feature::RedirectPrefix => none(
            "a redirect can insert the whole path, not a part of it, unless host, port or scheme change too",
        ),
        Feature::Mirror | Feature::MirrorShare => none("an ALB does not copy requests"),
        Feature::Cors => {
            none("only fixed CORS headers of a whole listener can be set, and preflights are not answered")
        }
        Feature::ExternalAuth => none("an ALB authenticates with OIDC, Cognito or JWT only"),
        Feature::BackendFilters => none("actions belong to the rule, not to one of its target groups"),
        Feature::Weights => {
            approximate("weights are 0 to 999 over at most 5 target groups; larger ones are scaled down")
        }
        Feature::InvalidShare => {
            approximate("an invalid share of a mixed rule answers 503, from an empty target group")
        }
        Feature::RequestTimeout | Feature::BackendTimeout => {
            none("the only timeout is the idle timeout of the whole load balancer")
        }
        Feature::Retry | Feature::RetryBudget => none("an ALB does not retry by policy"),
        Feature::SessionCookie => {
            approximate("the cookie's name and attributes are those of the load balancer")
        }
        Feature::SessionHeader => none("stickiness is by cookie"),
        Feature::Http2Backend => approximate("HTTP/2 target groups need an HTTPS listener"),
        Feature::BackendTls => none("an ALB does not verify the certificate of a target"),
        Feature::BackendClientCertificate => none("an ALB presents no client certificate to targets"),
        Feature::ExternalBackend => none("targets are addresses or instances, not names"),
    }
}
