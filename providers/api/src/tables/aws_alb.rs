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

/// What filters cannot say, since they belong to rules.
const LISTENER_WIDE: &str = "set them for the whole listener by listeners[].attributes of AwsLoadBalancerParameters, or use a class of gatewright.dev/software for this route";

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
        | Feature::WebSocketBackend
        // Never trying again stays within every budget.
        | Feature::RetryBudget => Support::Full,
        Feature::TlsTerminateListener
        | Feature::TlsPassthroughListener
        | Feature::SniRouting
        | Feature::TcpListener
        | Feature::UdpListener => L4,
        Feature::ClientValidationFallback => approximate(
            "no certificate is checked: whatever a client shows is passed on to targets in the header X-Amzn-Mtls-Clientcert",
        ),
        Feature::ListenerFilters => none("an ALB asks no external authorization server"),
        Feature::StaticAddress => none_but(
            "the addresses of an ALB change",
            "put an NLB with Elastic IP addresses in front of it",
        ),
        Feature::Tracing => none("an ALB exports no spans"),
        Feature::HeaderExact => approximate(
            "header values are compared without regard to case, and each field of a repeated header by itself",
        ),
        Feature::HeaderRegex => approximate(
            "whether expressions on headers heed case is not documented, and each field of a repeated header is compared by itself",
        ),
        Feature::QueryExact => approximate(
            "names and values of query parameters are compared without regard to case, and each of a repeated parameter counts",
        ),
        Feature::QueryRegex => none("query-string conditions have no regular expressions"),
        Feature::Grpc => {
            approximate("gRPC target groups need an HTTPS listener; on HTTP listeners it is not served")
        }
        Feature::RequestHeaders => none("listener rules cannot change request headers"),
        Feature::ResponseHeaders => none_but(
            "only a fixed set of response headers can be set, for a whole listener, by listener attributes",
            LISTENER_WIDE,
        ),
        Feature::RedirectOtherStatus => none("redirect actions answer 301 or 302"),
        Feature::RedirectPrefix => approximate(
            "a redirect can put text in front of the whole path, and only where host, port or scheme change too; it cannot replace a part of the path",
        ),
        Feature::Mirror | Feature::MirrorShare => none("an ALB does not copy requests"),
        Feature::Cors => none_but(
            "only fixed CORS headers of a whole listener can be set, and preflights are not answered",
            LISTENER_WIDE,
        ),
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
        Feature::Retry => none("an ALB does not retry by policy"),
        Feature::SessionCookie => approximate(
            "the cookie's name and attributes are those of the load balancer, and one duration of at most seven days stands for its timeouts",
        ),
        Feature::SessionHeader => none("stickiness is by cookie"),
        Feature::Http2Backend => approximate("HTTP/2 target groups need an HTTPS listener"),
        Feature::BackendTls => none("an ALB does not verify the certificate of a target"),
        Feature::BackendClientCertificate => none("an ALB presents no client certificate to targets"),
        Feature::ExternalBackend => none("targets are addresses or instances, not names"),
    }
}
