//! Target groups.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>

use gatewright_model::Str;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// What a target group is for, within its Gateway: one for each distinct backend and way to talk to it, however
/// many routes use it. For example `Service/shop/cart:80/http1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TargetGroupId(pub Str);

impl fmt::Display for TargetGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A target group that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// `Name`: at most 32 letters, digits and hyphens, unique in the account and region. It follows from what
    /// cannot change, so that a replacement has another.
    pub name: Str,
    /// What cannot change: a difference here needs a new group.
    pub fixed: Fixed,
    /// Health check.
    pub health: HealthCheck,
    /// `TargetGroupAttributes` that are set; others are left as they are.
    pub attributes: BTreeMap<Str, Str>,
    /// Who is registered.
    pub targets: BTreeSet<Target>,
}

/// What of a target group cannot change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fixed {
    /// `Protocol`: `HTTP`, `HTTPS`, `TCP`, `UDP`, `TCP_UDP`, `TLS`, `QUIC`, `TCP_QUIC`.
    pub protocol: Str,
    /// `ProtocolVersion`; none for protocols below HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<ProtocolVersion>,
    /// `Port`, the default of targets that name none.
    pub port: u16,
    /// `TargetType`.
    pub kind: TargetKind,
    /// `IpAddressType`: of the targets.
    pub ipv6: bool,
    /// `TargetControlPort`: where the load balancer talks to AWS's agent at each target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_port: Option<u16>,
}

/// `ProtocolVersion`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ProtocolVersion {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// gRPC.
    Grpc,
}

/// `TargetType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// Addresses of pods.
    Ip,
    /// Nodes, by their NodePort.
    Instance,
    /// A Lambda function.
    Lambda,
    /// An Application Load Balancer, of a Network Load Balancer.
    Alb,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// `Id`.
    pub id: TargetAddress,
    /// `Port`.
    pub port: u16,
    /// `AvailabilityZone`; `all` for addresses outside of the VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Str>,
    /// `QuicServerId`, of protocols with QUIC alone: `0x` and 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quic_server: Option<Str>,
}

/// `Id` of a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TargetAddress {
    /// A pod.
    Ip(IpAddr),
    /// A node's instance, or the ARN of a function or load balancer.
    Id(Str),
}

/// Health check. `None` leaves AWS's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `HealthCheckProtocol`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Str>,
    /// `HealthCheckPort`: a number or `traffic-port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Str>,
    /// `HealthCheckPath`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Str>,
    /// `Matcher`: `HttpCode` or `GrpcCode`, by the version of the protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codes: Option<Str>,
    /// `HealthCheckIntervalSeconds`, 5 to 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_s: Option<u16>,
    /// `HealthCheckTimeoutSeconds`, 2 to 120.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u16>,
    /// `HealthyThresholdCount`, 2 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<u8>,
    /// `UnhealthyThresholdCount`, 2 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unhealthy: Option<u8>,
}
