//! VPC Lattice.
//!
//! A Gateway becomes a service network, a service of its own, whose generated name is its address, and one service for
//! each hostname: a service has one custom domain at most, and it cannot change
//! (<https://docs.aws.amazon.com/vpc-lattice/latest/ug/service-custom-domain-name.html>).

pub mod fit;
pub mod lower;
pub mod names;
pub mod settings;

use crate::alb::listener::{Certificate, CertificateId};
use crate::alb::rule::Origin;
use crate::target_group::{Fixed, HealthCheck, Target as Registered, TargetGroupId};
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What one Gateway becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The Gateway.
    pub gateway: ObjectName,
    /// Its service network.
    pub network: Network,
    /// The VPC whose clients reach the network; none when others associate theirs.
    pub vpc: Option<VpcAssociation>,
    /// VPC of the target groups.
    pub home: Str,
    /// Services.
    pub services: BTreeMap<ServiceId, Service>,
    /// Groups that their rules forward to: each belongs to one service (`CreateTargetGroup`: "A target group can only be
    /// used by a single service").
    pub target_groups: BTreeMap<TargetGroupId, TargetGroup>,
    /// Certificates of custom domains.
    pub certificates: BTreeMap<CertificateId, Certificate>,
    /// Tags of everything made for it, beside those that mark ownership.
    pub tags: BTreeMap<Str, Str>,
}

impl Target {
    /// Target groups that rules and default actions forward to.
    pub fn groups_in_use(&self) -> impl Iterator<Item = &TargetGroupId> {
        let listeners = self
            .services
            .values()
            .flat_map(|service| service.listeners.values());
        let actions = listeners.flat_map(|listener| {
            listener
                .rules
                .iter()
                .map(|rule| &rule.action)
                .chain([&listener.default])
        });
        let groups = actions.filter_map(|action| match action {
            Action::Forward(groups) => Some(groups.keys()),
            Action::Fixed(_) => None,
        });
        groups.flatten()
    }
}

/// The service network that services are associated with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// One of our own.
    Own {
        /// `name`: 3 to 63 characters, unique in the account and region.
        name: Str,
        /// Who may call, and what is logged.
        access: Access,
    },
    /// One of somebody else, of this account or shared with it: its id or ARN. Nothing of it is changed.
    Given(Str),
    /// None: all services are [`Service::standalone`].
    None,
}

/// Who may call, and what is logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Auth policy, JSON in one line; with it callers are authenticated (`authType` `AWS_IAM`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Str>,
    /// ARNs that access logs are sent to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub logs: BTreeSet<Str>,
}

/// A VPC whose clients reach a service network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcAssociation {
    /// `vpc-…`; cannot change.
    pub vpc: Str,
    /// Security groups: who in the VPC may. Once there are some, at least one must stay.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub security_groups: BTreeSet<Str>,
}

/// Which service of a Gateway: a hostname, or `*` for its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceId(pub Str);

impl ServiceId {
    /// The Gateway's own: it serves what names no host.
    pub fn own() -> Self {
        Self("*".into())
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A service that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// `name`: 3 to 40 characters, unique in the account and region.
    pub name: Str,
    /// `customDomainName`; cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Str>,
    /// Certificate of the custom domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateId>,
    /// Who may call, and what is logged.
    pub access: Access,
    /// Listeners by port.
    pub listeners: BTreeMap<u16, Listener>,
    /// Whether it is in no network.
    #[serde(default, skip_serializing_if = "is_false")]
    pub standalone: bool,
    /// Tags of its own, over those of the [`Target`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<Str, Str>,
    /// One that exists is to be it: none is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<Adoption>,
}

/// A service that exists and is to be one of a Gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// `arn`.
    pub arn: Str,
    /// How it becomes the Gateway's. None where that is not to happen: it is the Gateway's already, or nobody offers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<Take>,
}

/// What is marked when a service becomes a Gateway's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// ARNs of its listeners by port.
    pub listeners: BTreeMap<u16, Str>,
    /// ARNs of its associations with networks.
    pub associations: BTreeSet<Str>,
    /// Tags that it gets beside those of a service that is made.
    pub tags: BTreeMap<Str, Str>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde gives a reference to what it may leave out"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// A listener that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// `name`: from what cannot change.
    pub name: Str,
    /// `protocol`; cannot change.
    pub protocol: Protocol,
    /// What no rule matches.
    pub default: Action,
    /// Rules, the first that matches serves; their priorities follow from the order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// `protocol` of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    /// `HTTP`.
    #[serde(rename = "HTTP")]
    Http,
    /// `HTTPS`.
    #[serde(rename = "HTTPS")]
    Https,
    /// `TLS_PASSTHROUGH`.
    #[serde(rename = "TLS_PASSTHROUGH")]
    TlsPassthrough,
}

impl Protocol {
    /// AWS's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::TlsPassthrough => "TLS_PASSTHROUGH",
        }
    }
}

/// A rule: its match holds, then the action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Conditions.
    pub conditions: Match,
    /// What is done.
    pub action: Action,
}

/// `httpMatch`: all of it must hold
/// (<https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_HttpMatch.html>).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Match {
    /// `method`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Str>,
    /// `pathMatch`, case-sensitive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathMatch>,
    /// `headerMatches`, at most five.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub headers: BTreeSet<HeaderMatch>,
}

/// `pathMatch.match`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PathMatch {
    /// `exact`.
    Exact(Str),
    /// `prefix`.
    Prefix(Str),
}

/// `HeaderMatch`, `exact` and case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeaderMatch {
    /// `name`.
    pub name: Str,
    /// `match.exact`.
    pub value: Str,
}

/// What is done with a request or connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// `forward`: groups, each with a weight of at most 999; at most ten.
    Forward(BTreeMap<TargetGroupId, u16>),
    /// `fixedResponse`: 404 or 500
    /// (<https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_FixedResponseAction.html>).
    Fixed(u16),
}

/// A target group that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// `name`: 3 to 128 characters, unique in the account and region; from what cannot change.
    pub name: Str,
    /// What cannot change.
    pub fixed: Fixed,
    /// Health check.
    pub health: Health,
    /// Who is registered.
    pub targets: BTreeSet<Registered>,
    /// Tags of its service's own, over those of the [`Target`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<Str, Str>,
}

/// Health check of a target group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    /// Targets are not checked: the default of gRPC and TCP, whose checks Lattice does not know.
    Off,
    /// They are, by this version of HTTP; what is not set has AWS's default.
    On(HealthCheck, CheckVersion),
}

/// `protocolVersion` of a health check
/// (<https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_HealthCheckConfig.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckVersion {
    /// `HTTP1`.
    #[serde(rename = "HTTP1")]
    Http1,
    /// `HTTP2`.
    #[serde(rename = "HTTP2")]
    Http2,
}

impl CheckVersion {
    /// AWS's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP1",
            Self::Http2 => "HTTP2",
        }
    }
}
