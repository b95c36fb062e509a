//! `AwsLoadBalancerParameters`.

use super::access::AccessParameters;
use super::account::AwsAccount;
use super::ipv6::Ipv6Parameters;
use super::listener::ListenerParameters;
use super::merged;
use super::merging::MergingMode;
use super::target_group::TargetGroupSettings;
use crate::own::merge::both;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of Application and Network Load Balancers for a GatewayClass (`spec.parametersRef`) or one Gateway
/// (`spec.infrastructure.parametersRef`). A Gateway's settings win over its class', field by field, maps key by
/// key, listeners port by port, IPv6 subnet by subnet; what neither sets has the default.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "gatewright.dev",
    version = "v1alpha1",
    kind = "AwsLoadBalancerParameters",
    plural = "awsloadbalancerparameters",
    namespaced,
    category = "gatewright",
    doc = "Settings of AWS load balancers, for a GatewayClass or for one Gateway.",
    derive = "Default",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.securityGroups) && has(self.sourceRanges))")
        .message("securityGroups and sourceRanges exclude each other: whom your own groups let in is up to them"),
    validation = Rule::new("!(has(self.securityGroups) && has(self.access) && (has(self.access.prefixLists) || has(self.access.pathMtuDiscovery)))")
        .message("securityGroups and access.prefixLists or access.pathMtuDiscovery exclude each other: whom your own groups let in is up to them"),
    validation = Rule::new("!((has(self.securityGroups) || has(self.sourceRanges)) && has(self.access) && has(self.access.withoutSecurityGroups) && self.access.withoutSecurityGroups)")
        .message("access.withoutSecurityGroups and securityGroups or sourceRanges exclude each other"),
    validation = Rule::new("!(has(self.ipamPool) && has(self.customerOwnedIpv4Pool))")
        .message("ipamPool and customerOwnedIpv4Pool exclude each other: a load balancer has its IPv4 addresses from one pool"),
    validation = Rule::new("!has(self.sourceRanges) || self.sourceRanges.all(c, isCIDR(c))")
        .message("sourceRanges must hold IP networks such as 10.0.0.0/8 or 2001:db8::/32"),
    validation = Rule::new("!has(self.tags) || self.tags.all(k, !k.startsWith('aws:') && !k.startsWith('gatewright.dev/'))")
        .message("tags: keys that begin with aws: or gatewright.dev/ are not yours to set"),
    validation = Rule::new("!has(self.tags) || self.tags.all(k, size(k) <= 128 && size(self.tags[k]) <= 256)")
        .message("tags: a key has at most 128 characters, a value at most 256"),
    validation = Rule::new("!has(self.attributes) || self.attributes.all(k, size(k) <= 256 && size(self.attributes[k]) <= 1024)")
        .message("attributes: a key has at most 256 characters, a value at most 1024")
)]
pub struct AwsLoadBalancerParametersSpec {
    /// Account and region; only for a GatewayClass. What was made in another one goes once the new one serves, as long as
    /// a class leads there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AwsAccount>,
    /// Whose settings win where the GatewayClass and a Gateway both have some; only for a GatewayClass. With `PreferGatewayClass` a
    /// Gateway sets what the class leaves open, and is told what else it tried. `AwsTargetGroupParameters` of Services and labels of the
    /// Gateway's `infrastructure` win in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merging_mode: Option<MergingMode>,
    /// VPC. That of the controller's `--aws-vpc-id` by default. A change makes a new load balancer beside the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 21), regex(pattern = "^vpc-[0-9a-f]{8,17}$"))]
    pub vpc: Option<String>,
    /// Who can reach the load balancer. `Internal` by default: only the VPC and what is connected with it. A change
    /// makes a new load balancer beside the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// Address families. `Ipv4` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<IpAddressType>,
    /// Pool of Amazon VPC IPAM that an internet-facing Application Load Balancer has its public IPv4 addresses from, by id. When
    /// the pool is used up AWS takes others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = "^ipam-pool-[0-9a-f]{8,17}$"))]
    pub ipam_pool: Option<String>,
    /// Pool of customer-owned IPv4 addresses that an Application Load Balancer on an AWS Outpost has its addresses from, by id.
    /// It stands in one subnet then, of the Outpost. A change makes a new load balancer beside the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = "^ipv4pool-coip-[A-Za-z0-9]+$"))]
    pub customer_owned_ipv4_pool: Option<String>,
    /// Tags of the Elastic IP addresses that an internet-facing Network Load Balancer takes, each with the values that are
    /// accepted; an empty list accepts any value. Of those that have all the tags it takes one for each zone: what it has
    /// already, then free ones, the lowest allocation first. Addresses in `spec.addresses` of the Gateway win.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 16))]
    pub elastic_ip_tags: Option<BTreeMap<String, Vec<String>>>,
    /// IPv6 of a dual-stack Network Load Balancer in single subnets, by their ids. What is not named here AWS chooses, out of the
    /// blocks of the subnets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 12), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["subnet"]))]
    pub ipv6: Option<Vec<Ipv6Parameters>>,
    /// Name of an Application Load Balancer that exists and becomes the Gateway's, in place of one that is made. Its owner
    /// gives it over by the tags `gatewright.dev/cluster` (name of the cluster) and `gatewright.dev/gateway` (namespace
    /// and name of the Gateway). What these parameters do not name stays as it is, and so do listeners and rules without these tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 32),
        regex(pattern = "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$")
    )]
    pub adopt: Option<String>,
    /// Where it stands. By default one subnet for each zone, found by the tags `kubernetes.io/role/elb` (internet-facing)
    /// or `kubernetes.io/role/internal-elb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnets: Option<SubnetChoice>,
    /// Security groups of yours in place of the one that is managed for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 5),
        inner(length(max = 24), regex(pattern = "^sg-[0-9a-f]{8,17}$"))
    )]
    pub security_groups: Option<Vec<String>>,
    /// Networks that the managed security group lets in. All by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 60), inner(length(min = 1, max = 43)))]
    pub source_ranges: Option<Vec<String>>,
    /// What else its security groups let in, and what the load balancer gets into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessParameters>,
    /// Attributes of the load balancer, in AWS's words, for example `idle_timeout.timeout_seconds: "120"`. Those that
    /// are not named here stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub attributes: Option<BTreeMap<String, String>>,
    /// Whether nodes of a Network Load Balancer send to targets of all zones. Off by default, as on AWS. An Application
    /// Load Balancer always does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_zone: Option<bool>,
    /// Security policy of HTTPS and TLS listeners, in AWS's words: TLS versions and ciphers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = "^ELBSecurityPolicy-[A-Za-z0-9-]{1,100}$"))]
    pub ssl_policy: Option<String>,
    /// Bucket in S3, in the load balancer's region, in which the authorities of clients lie while a trust store is made of
    /// them (`spec.tls.frontend` of the Gateway). Keys begin with `gatewright/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 3, max = 63),
        regex(pattern = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    )]
    pub trust_store_bucket: Option<String>,
    /// Web ACL of AWS WAF in front of an Application Load Balancer, by ARN, in place of any other. Without it none is touched
    /// but one that was put there for this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 256),
        regex(
            pattern = "^arn:aws[a-z-]*:wafv2:[a-z0-9-]+:[0-9]{12}:regional/webacl/[A-Za-z0-9_-]{1,128}/[0-9a-f-]{36}$"
        )
    )]
    pub web_acl: Option<String>,
    /// Whether AWS Shield Advanced protects an Application Load Balancer. The account must have subscribed to it, which costs. Off by
    /// default: a protection that others made is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shield_advanced: Option<bool>,
    /// Capacity that AWS reserves for the load balancer, in load balancer capacity units: it never scales down below it.
    /// It costs as long as it is reserved. Without it none is reserved, and what others reserved is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub minimum_capacity_units: Option<u32>,
    /// Settings of single listeners, by port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["port"]))]
    pub listeners: Option<Vec<ListenerParameters>>,
    /// Target groups of all backends. `AwsTargetGroupParameters` of a Service win over them, field by field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_groups: Option<TargetGroupSettings>,
    /// Tags of everything that is made. Labels of the Gateway's `infrastructure` become tags as well and win.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether what could be served only roughly is refused instead. Off by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

/// Who can reach a load balancer. `Internal` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Only the VPC and what is connected with it.
    #[default]
    Internal,
    /// The internet.
    InternetFacing,
}

/// Address families of a load balancer. `Ipv4` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpAddressType {
    /// IPv4.
    #[default]
    Ipv4,
    /// IPv4 and IPv6.
    Dualstack,
    /// IPv6 in public, IPv4 inside; for internet-facing load balancers.
    DualstackWithoutPublicIpv4,
}

/// Subnets: by id, or by tags.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.ids) != has(self.tags)").message("exactly one of ids and tags must be set")
)]
pub struct SubnetChoice {
    /// Ids, one for each zone, at least two; for a Network Load Balancer one is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 12),
        inner(length(max = 24), regex(pattern = "^subnet-[0-9a-f]{8,17}$"))
    )]
    pub ids: Option<Vec<String>>,
    /// Tags that a subnet must have, each with the values that are accepted; an empty list accepts any value. Of several
    /// subnets in one zone the first by id is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 16))]
    pub tags: Option<BTreeMap<String, Vec<String>>>,
}

impl AwsLoadBalancerParametersSpec {
    /// The field set here that only a GatewayClass may set: whose account it is, is not for the Gateway's namespace to
    /// say.
    pub const fn class_only(&self) -> Option<&'static str> {
        if self.account.is_some() {
            Some("spec.account")
        } else if self.merging_mode.is_some() {
            Some("spec.mergingMode")
        } else {
            None
        }
    }

    /// A Gateway's settings and those of its class, whichever win.
    #[must_use]
    pub fn with_class(self, class: &Self) -> Self {
        if class.wins() {
            class.clone().over(&self)
        } else {
            self.over(class)
        }
    }

    /// Whether these, of a class, win over those of its Gateways.
    pub fn wins(&self) -> bool {
        self.merging_mode == Some(MergingMode::PreferGatewayClass)
    }

    /// These settings where set, else `base`'s: `gateway.over(&class)`.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let Self {
            account,
            merging_mode,
            vpc,
            scheme,
            ip_address_type,
            ipam_pool,
            customer_owned_ipv4_pool,
            elastic_ip_tags,
            ipv6,
            adopt,
            subnets,
            security_groups,
            source_ranges,
            access,
            attributes,
            cross_zone,
            ssl_policy,
            trust_store_bucket,
            web_acl,
            shield_advanced,
            minimum_capacity_units,
            listeners,
            target_groups,
            tags,
            strict,
        } = self;
        // One of two replaces the other: together they would contradict each other.
        let (security_groups, source_ranges) = match (security_groups, source_ranges) {
            (None, None) => (base.security_groups.clone(), base.source_ranges.clone()),
            own => own,
        };
        let (ipam_pool, customer_owned_ipv4_pool) = match (ipam_pool, customer_owned_ipv4_pool) {
            (None, None) => (base.ipam_pool.clone(), base.customer_owned_ipv4_pool.clone()),
            own => own,
        };
        Self {
            account: account.or_else(|| base.account.clone()),
            merging_mode: merging_mode.or(base.merging_mode),
            vpc: vpc.or_else(|| base.vpc.clone()),
            scheme: scheme.or(base.scheme),
            ip_address_type: ip_address_type.or(base.ip_address_type),
            ipam_pool,
            customer_owned_ipv4_pool,
            elastic_ip_tags: elastic_ip_tags.or_else(|| base.elastic_ip_tags.clone()),
            ipv6: both(ipv6, base.ipv6.as_ref(), |mine, base| {
                Ipv6Parameters::all_over(mine, base)
            }),
            adopt: adopt.or_else(|| base.adopt.clone()),
            subnets: subnets.or_else(|| base.subnets.clone()),
            security_groups,
            source_ranges,
            access: both(access, base.access.as_ref(), AccessParameters::over),
            attributes: merged(attributes, base.attributes.as_ref()),
            cross_zone: cross_zone.or(base.cross_zone),
            ssl_policy: ssl_policy.or_else(|| base.ssl_policy.clone()),
            trust_store_bucket: trust_store_bucket.or_else(|| base.trust_store_bucket.clone()),
            web_acl: web_acl.or_else(|| base.web_acl.clone()),
            shield_advanced: shield_advanced.or(base.shield_advanced),
            minimum_capacity_units: minimum_capacity_units.or(base.minimum_capacity_units),
            listeners: both(listeners, base.listeners.as_ref(), |mine, base| {
                ListenerParameters::all_over(mine, base)
            }),
            target_groups: both(
                target_groups,
                base.target_groups.as_ref(),
                TargetGroupSettings::over,
            ),
            tags: merged(tags, base.tags.as_ref()),
            strict: strict.or(base.strict),
        }
    }
}
