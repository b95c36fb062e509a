//! What an Application Load Balancer depends on beside its Gateway: what users set, and what is found in the account.

use super::before::Before;
use super::rule::{FixedResponse, Transforms};
use crate::Str;
use crate::access::AccessSettings;
use crate::certificate::Found;
use crate::limits::{AlbLimits, Taken};
use crate::network::{IpAddressType, Scheme, Subnet};
use crate::target_group::{Fixed, HealthCheck, TargetKind};
use gatewright_model::key::{ObjectName, RouteKey};
use ipnet::{IpNet, Ipv6Net};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// Security policy of HTTPS listeners unless users choose another: TLS 1.2 and 1.3 with forward secrecy, and
/// post-quantum key exchange
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>).
pub const DEFAULT_SSL_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09";

/// What users set, merged over all levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Name of the cluster, in the tags and names of everything that is made.
    pub cluster: Str,
    /// Name of the load balancer, of one that was not made from here; else it follows from what cannot change.
    pub name: Option<Str>,
    /// Who can reach the load balancer.
    pub scheme: Scheme,
    /// Its address families.
    pub ip_address_type: IpAddressType,
    /// Pool of public IPv4 addresses that it has its own from; AWS's without.
    pub ipam_pool: Option<Str>,
    /// Pool of customer-owned addresses that it has its own from, on an AWS Outpost.
    pub customer_owned_pool: Option<Str>,
    /// Tags of Elastic IP addresses that a Network Load Balancer takes, each with the values that are accepted; an empty set
    /// accepts any value.
    pub elastic_tags: BTreeMap<Str, BTreeSet<Str>>,
    /// IPv6 of a dual-stack Network Load Balancer in single subnets, by their ids.
    pub ipv6: BTreeMap<Str, Ipv6Choice>,
    /// Attributes of the load balancer.
    pub attributes: BTreeMap<Str, Str>,
    /// Tags of everything that is made. Labels of the Gateway's `infrastructure` win.
    pub tags: BTreeMap<Str, Str>,
    /// Security groups; none for one that is managed.
    pub security_groups: Option<BTreeSet<Str>>,
    /// Networks that the managed security group lets in; empty for all.
    pub sources: BTreeSet<IpNet>,
    /// What else is asked of security groups.
    pub access: AccessSettings,
    /// Bucket in which bundles of authorities lie.
    pub trust_store_bucket: Option<Str>,
    /// Web ACL of AWS WAF, by ARN.
    pub web_acl: Option<Str>,
    /// Whether AWS Shield Advanced protects it.
    pub shield: bool,
    /// Units of capacity that are reserved for it.
    pub capacity: Option<u32>,
    /// Whether nodes of a Network Load Balancer send to targets of all zones; AWS's default without.
    pub cross_zone: Option<bool>,
    /// Settings of listeners, by port.
    pub ports: BTreeMap<u16, PortSettings>,
    /// Ports that the Gateway's own parameters have settings for, and no listener of it has.
    pub strays: BTreeSet<u16>,
    /// What the Gateway's own parameters set and those of its class overrule, by path.
    pub overruled: BTreeSet<Str>,
    /// What becomes of what can be served only roughly.
    pub approximations: Approximations,
    /// Address family of pods that have both, and of groups without any: each pod is registered once. Pods with addresses
    /// of the other family alone have a group of that family.
    pub family: Family,
    /// Target groups.
    pub targets: TargetSettings,
    /// Target groups of single Services (XBackends), in place of `targets`.
    pub services: BTreeMap<ObjectName, TargetSettings>,
    /// What rules of routes ask for, by route and position of the rule.
    pub routes: BTreeMap<(RouteKey, u32), RouteSettings>,
    /// Backends of rules that no Service stands for, by route, position of the rule and of the reference.
    pub backends: BTreeMap<(RouteKey, u32, u32), BackendSettings>,
}

impl Settings {
    /// All defaults.
    pub fn new(cluster: &str) -> Self {
        Self {
            cluster: cluster.into(),
            name: None,
            scheme: Scheme::default(),
            ip_address_type: IpAddressType::default(),
            ipam_pool: None,
            customer_owned_pool: None,
            elastic_tags: BTreeMap::new(),
            ipv6: BTreeMap::new(),
            attributes: BTreeMap::new(),
            tags: BTreeMap::new(),
            security_groups: None,
            sources: BTreeSet::new(),
            access: AccessSettings::default(),
            trust_store_bucket: None,
            web_acl: None,
            shield: false,
            capacity: None,
            cross_zone: None,
            ports: BTreeMap::new(),
            strays: BTreeSet::new(),
            overruled: BTreeSet::new(),
            approximations: Approximations::default(),
            family: Family::default(),
            targets: TargetSettings::default(),
            services: BTreeMap::new(),
            routes: BTreeMap::new(),
            backends: BTreeMap::new(),
        }
    }
}

/// What users choose of IPv6 in a subnet; AWS chooses the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ipv6Choice {
    /// The address of the load balancer.
    pub address: Option<Ipv6Addr>,
    /// The block from which datagrams come to targets.
    pub source_nat: Option<Ipv6Net>,
}

/// What becomes of what a load balancer can serve only roughly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approximations {
    /// It is served, and reported.
    #[default]
    Serve,
    /// It is refused like what cannot be served at all.
    Refuse,
}

/// Family of addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    #[default]
    V4,
    /// IPv6.
    V6,
}

/// Settings of the listener on one port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSettings {
    /// `SslPolicy`; [`DEFAULT_SSL_POLICY`] without.
    pub ssl_policy: Option<Str>,
    /// ARNs of certificates in ACM, beside those of the Gateway's listeners. The first is the default where the Gateway
    /// names none.
    pub certificates: Vec<Str>,
    /// Client certificates that the Gateway asks no validation for.
    pub clients: ClientCertificates,
    /// Whether client certificates that have run out are accepted.
    pub ignore_client_expiry: bool,
    /// Whether clients are told which authorities are known.
    pub advertise_authorities: bool,
    /// `ListenerAttributes`.
    pub attributes: BTreeMap<Str, Str>,
    /// `AlpnPolicy` of a TLS listener of a Network Load Balancer.
    pub alpn: Option<Str>,
    /// Whether datagrams of this port are QUIC.
    pub datagrams: Datagrams,
    /// Gateway whose Application Load Balancer gets the connections of this port of a Network Load Balancer.
    pub gateway: Option<ObjectName>,
}

/// What datagrams of a port are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Datagrams {
    /// Anything: those of one client's port go to one target.
    #[default]
    Any,
    /// QUIC: they go to the target whose id they hold.
    Quic,
}

/// What is done with client certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked for.
    #[default]
    Off,
    /// They are passed on in headers, unchecked.
    Passthrough,
    /// They are checked by the authorities of a trust store, by its ARN.
    Verify(Str),
}

/// What a rule of a route asks for beside its Gateway API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSettings {
    /// The field of the route that names it.
    pub field: Str,
    /// Networks that requests must come from; empty for all.
    pub sources: BTreeSet<IpNet>,
    /// What is asked of a request before its action, or why it cannot be.
    pub before: Option<Result<Before, Str>>,
    /// What is answered without any backend.
    pub answer: Option<FixedResponse>,
    /// What backends get otherwise than clients send it, in AWS's words.
    pub rewrites: Transforms,
    /// Query of the rule's redirect.
    pub redirect_query: Option<Str>,
}

/// A backend on AWS that no Service stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendSettings {
    /// The field of the route that names it.
    pub field: Str,
    /// The object that it names.
    pub object: ObjectName,
    /// What it is.
    pub what: GivenBackend,
}

/// What a backend on AWS is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GivenBackend {
    /// A target group that somebody else keeps, by ARN or name: a key of [`Surroundings::groups`].
    Existing(Str),
    /// A Lambda function.
    Lambda {
        /// ARN.
        function: Str,
        /// `lambda.multi_value_headers.enabled`.
        multi_value_headers: bool,
    },
    /// Neither, and why.
    Unusable(Str),
}

/// A target group that somebody else keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenGroup {
    /// `TargetGroupArn`.
    pub arn: Str,
    /// `TargetGroupName`.
    pub name: Str,
    /// What of it cannot change.
    pub fixed: Fixed,
}

/// Settings of target groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSettings {
    /// What is registered: `Ip` or `Instance`.
    pub kind: TargetKind,
    /// Whether an Application Load Balancer talks to targets by TLS, which it does not verify.
    pub tls: bool,
    /// Labels that nodes must have to be targets.
    pub node_labels: BTreeMap<Str, Str>,
    /// Health check.
    pub health: HealthCheck,
    /// Fields of the health check that are set and that VPC Lattice alone has.
    pub unfit: BTreeSet<Str>,
    /// `TargetGroupAttributes`.
    pub attributes: BTreeMap<Str, Str>,
    /// `TargetControlPort`: of AWS's agent at targets of an Application Load Balancer.
    pub control_port: Option<u16>,
    /// Whether targets of a Network Load Balancer see the client's address; AWS's default without.
    pub client_ip: Option<bool>,
    /// Whether a Network Load Balancer sends PROXY protocol version 2 in front; it does not by default.
    pub proxy_protocol: Option<bool>,
}

impl Default for TargetSettings {
    fn default() -> Self {
        Self {
            kind: TargetKind::Ip,
            tls: false,
            node_labels: BTreeMap::new(),
            health: HealthCheck::default(),
            unfit: BTreeSet::new(),
            attributes: BTreeMap::new(),
            control_port: None,
            client_ip: None,
            proxy_protocol: None,
        }
    }
}

/// A node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its instance: `i-…`.
    pub instance: Str,
    /// Its labels.
    pub labels: BTreeMap<Str, Str>,
}

/// What is found in the account and the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `vpc-…`.
    pub vpc: Str,
    /// CIDR blocks of the VPC. Targets outside of them are registered for all zones. Empty when they are not known.
    pub blocks: BTreeSet<IpNet>,
    /// The subnets chosen for the load balancer, one for each zone.
    pub subnets: BTreeSet<Subnet>,
    /// Whether they are of an AWS Outpost: there it is one.
    pub outpost: bool,
    /// Security groups of nodes and pods in the VPC that were given over to rules for load balancers, by id.
    pub node_groups: BTreeSet<Str>,
    /// Nodes that may take traffic, by name.
    pub nodes: BTreeMap<Str, Node>,
    /// Certificates in ACM; empty where nothing depends on them ([`super::lower::needs_certificates`]).
    pub certificates: Vec<Found>,
    /// Target groups that somebody else keeps, by the ARN or name that users gave, or why one cannot be used.
    pub groups: BTreeMap<Str, Result<GivenGroup, Str>>,
    /// Quotas.
    pub limits: AlbLimits,
    /// What others have of them.
    pub taken: Taken,
}
