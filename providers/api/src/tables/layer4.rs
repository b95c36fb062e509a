//! Network Load Balancer and Azure Standard Load Balancer: they forward connections and datagrams and
//! look at nothing inside.
//!
//! Sources: "Quotas for your Network Load Balancers", "Listeners for your Network Load Balancers" (AWS
//! documentation); the ARM schema of `Microsoft.Network/loadBalancers` 2024-03-01.

#![allow(
    clippy::match_same_arms,
    reason = "a table: one row per feature, in the order of the documentation"
)]

use crate::feature::Feature;
use crate::support::{Support, approximate, none, none_but};

const NLB_NO_HTTP: Support = none_but(
    "a Network Load Balancer does not look into HTTP",
    "use a class of gatewright.dev/aws-alb",
);
const AZURE_NO_HTTP: Support = none_but(
    "a Standard Load Balancer does not look into HTTP",
    "use a class of gatewright.dev/azure-appgw",
);

/// Network Load Balancer.
pub const fn aws_nlb(feature: Feature) -> Support {
    match feature {
        Feature::TcpListener | Feature::UdpListener | Feature::StaticAddress => Support::Full,
        Feature::TlsTerminateListener => {
            approximate("one TLSRoute for a listener, without regard to the server name")
        }
        Feature::TlsPassthroughListener => {
            approximate("one TLSRoute for a listener, as plain TCP: the server name is not read")
        }
        Feature::SniRouting => none("the server name is not read"),
        Feature::Weights => approximate("by weighted target groups, weights 0 to 999"),
        Feature::InvalidShare => approximate(
            "the share of invalid backends goes to a target group without targets: its connections are closed",
        ),
        Feature::Tracing => none("it records no traces"),
        Feature::BackendTls => none("certificates of targets are not verified"),
        Feature::BackendClientCertificate => none("targets are shown no certificate"),
        Feature::ExternalBackend => none("targets are addresses, instances or an ALB, not names"),
        _ => NLB_NO_HTTP,
    }
}

/// Standard Load Balancer.
pub const fn azure_lb(feature: Feature) -> Support {
    match feature {
        Feature::TcpListener | Feature::UdpListener | Feature::StaticAddress => Support::Full,
        Feature::TlsPassthroughListener => {
            approximate("one TLSRoute for a listener, as plain TCP: the server name is not read")
        }
        Feature::TlsTerminateListener => none("TLS is not terminated"),
        Feature::SniRouting => none("the server name is not read"),
        Feature::Weights => none("a rule has one pool, and a pool has no weights"),
        Feature::ExternalBackend => none("pools hold addresses, not names"),
        _ => AZURE_NO_HTTP,
    }
}
