//! Load balancers.

use super::addresses::{check_addresses, choose_ipv6, customer_owned, pools, source_nat, subnets};
use super::capacity::Capacity;
use super::surroundings::{self, Attached};
use super::wire::Tags;
use super::{arn, attributes, page, tags};
use crate::ec2::Fixed;
use crate::error::ApiError;
use crate::input::{seconds, text, texts, tidy};
use crate::service::Context;
use crate::state::Account;
use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most load balancers that a call names, `API_DescribeLoadBalancers`.
const MOST_NAMED: usize = 20;

/// `Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `application`.
    Application,
    /// `network`.
    Network,
}

impl Kind {
    /// In the API's words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Network => "network",
        }
    }

    fn short(self) -> &'static str {
        match self {
            Self::Application => "app",
            Self::Network => "net",
        }
    }
}

/// A zone that a load balancer is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// For example `eu-central-1a`.
    pub name: String,
    /// The subnet there.
    pub subnet: String,
    /// `AllocationId` of an Elastic IP address that it has there.
    #[serde(default)]
    pub allocation: Option<String>,
    /// That address.
    #[serde(default)]
    pub public: Option<Ipv4Addr>,
    /// A private address that was chosen.
    #[serde(default)]
    pub private: Option<Ipv4Addr>,
    /// An IPv6 address that was chosen.
    #[serde(default)]
    pub ipv6: Option<Ipv6Addr>,
    /// The block for source NAT, where it has one.
    #[serde(default)]
    pub source_nat: Option<Ipv6Net>,
}

impl Zone {
    /// `LoadBalancerAddresses` (`API_AvailabilityZone`, `API_LoadBalancerAddress`): those that were chosen, of Network Load
    /// Balancers. Others are not told (assumed). An entry for each family, IPv4 first: hashicorp/terraform-provider-aws#49861.
    fn addresses(&self) -> Vec<Value> {
        let four = json!({
            "IpAddress": self.public,
            "AllocationId": self.public.and(self.allocation.as_ref()),
            "PrivateIPv4Address": self.private,
        });
        let six = json!({"IPv6Address": self.ipv6});
        let is_any = |told: &Value| told.as_object().is_some_and(|members| !members.is_empty());
        [four, six].map(tidy).into_iter().filter(is_any).collect()
    }
}

/// A load balancer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Balancer {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its DNS name.
    pub dns_name: String,
    /// Its kind.
    pub kind: Kind,
    /// `internet-facing` or `internal`.
    pub scheme: String,
    /// Its VPC.
    pub vpc: String,
    /// Its zones and subnets.
    pub zones: Vec<Zone>,
    /// Its security groups.
    pub security_groups: Vec<String>,
    /// `EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic`, where somebody set it.
    #[serde(default)]
    pub private_link: Option<String>,
    /// `IpAddressType`.
    pub ip_address_type: String,
    /// `EnablePrefixForIpv6SourceNat`.
    #[serde(default)]
    pub source_nat: bool,
    /// `IpamPools`, as it came.
    pub pools: Option<Value>,
    /// `CustomerOwnedIpv4Pool`.
    #[serde(default)]
    pub customer_owned: Option<String>,
    /// `MinimumLoadBalancerCapacity`.
    #[serde(default)]
    pub capacity: Capacity,
    /// Attributes, all of them.
    pub attributes: BTreeMap<String, String>,
    /// When it was made, in milliseconds.
    pub created: u64,
    /// When it is active, in milliseconds.
    pub active_at: u64,
    /// Target groups that its rules name.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// Its place in lists.
    pub number: u64,
}

impl Balancer {
    /// Whether it serves.
    pub fn active(&self, now: u64) -> bool {
        now >= self.active_at
    }

    pub(super) fn told(&self, now: u64) -> Value {
        let zones: Vec<Value> = self
            .zones
            .iter()
            .map(|zone| {
                json!({
                    "ZoneName": zone.name,
                    "SubnetId": zone.subnet,
                    "LoadBalancerAddresses": zone.addresses(),
                    "SourceNatIpv6Prefixes": zone.source_nat.map(|block| [block]),
                })
            })
            .collect();
        let state = if self.active(now) {
            "active"
        } else {
            "provisioning"
        };
        tidy(json!({
            "LoadBalancerArn": self.arn,
            "DNSName": self.dns_name,
            "CanonicalHostedZoneId": hosted_zone(self.kind),
            "CreatedTime": seconds(self.created),
            "LoadBalancerName": self.name,
            "Scheme": self.scheme,
            "VpcId": self.vpc,
            "State": {"Code": state},
            "Type": self.kind.as_str(),
            "AvailabilityZones": zones,
            "SecurityGroups": self.security_groups,
            "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic": self.enforced(),
            "IpAddressType": self.ip_address_type,
            "EnablePrefixForIpv6SourceNat": self.sources(),
            "IpamPools": self.pools,
            "CustomerOwnedIpv4Pool": self.customer_owned,
        }))
    }

    /// Elastic IP addresses that it has.
    pub fn kept(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.zones.iter().filter_map(|zone| zone.public)
    }

    /// `EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic`: "on" unless somebody says otherwise (`API_SetSecurityGroups`:
    /// "The default is `on`"), of Network Load Balancers with security groups.
    pub(super) fn enforced(&self) -> Option<&str> {
        let has = self.kind == Kind::Network && !self.security_groups.is_empty();
        has.then(|| self.private_link.as_deref().unwrap_or("on"))
    }

    /// `EnablePrefixForIpv6SourceNat` of Network Load Balancers.
    fn sources(&self) -> Option<&'static str> {
        (self.kind == Kind::Network).then_some(if self.source_nat { "on" } else { "off" })
    }

    fn owner(&self) -> &str {
        arn::short_name(&self.arn)
    }
}

/// Hosted zones of us-east-1, for all regions: <https://docs.aws.amazon.com/general/latest/gr/elb.html>.
fn hosted_zone(kind: Kind) -> &'static str {
    match kind {
        Kind::Application => "Z35SXDOTRQ7X7K",
        Kind::Network => "Z26RNL4JYFTOTI",
    }
}

pub(super) fn missing(arn: &str) -> ApiError {
    ApiError::new("LoadBalancerNotFound", format!("Load balancer '{arn}' not found"))
}

/// `API_CreateLoadBalancer`: "can have a maximum of 32 characters, must contain only alphanumeric characters or
/// hyphens, must not begin or end with a hyphen, and must not begin with \"internal-\"".
fn check_name(name: &str) -> Result<(), ApiError> {
    let fault = if name.is_empty() || name.chars().count() > 32 {
        "cannot be longer than '32' characters or empty"
    } else if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        "can only contain characters that are alphanumeric characters and hyphens(-)"
    } else if name.starts_with('-') || name.ends_with('-') {
        "cannot begin or end with a hyphen(-)"
    } else if name.starts_with("internal-") {
        "cannot begin with 'internal-'"
    } else {
        return Ok(());
    };
    Err(ApiError::validation(format!(
        "The load balancer name '{name}' {fault}"
    )))
}

/// `API_CreateLoadBalancer`.
pub(super) fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let name = text(input, "Name").unwrap_or_default();
    check_name(name)?;
    let kind = match text(input, "Type") {
        None | Some("application") => Kind::Application,
        Some("network") => Kind::Network,
        Some(other) => {
            return Err(ApiError::validation(format!(
                "Load balancer type '{other}' is not served by the simulator"
            )));
        }
    };
    let scheme = text(input, "Scheme").unwrap_or("internet-facing");
    let addresses = text(input, "IpAddressType").unwrap_or("ipv4");
    let chosen = subnets(input, kind, scheme)?;
    let mut place = surroundings::place(account, context, kind, &chosen.subnets)?;
    check_addresses(kind, scheme, addresses, &place)?;
    surroundings::choose(account, &mut place.zones, &chosen.fixed);
    let source_nat = source_nat(input, kind, addresses)?;
    let six = (&mut place.zones[..], &chosen);
    let own = (named(account, name), false);
    choose_ipv6(account, six, (scheme, addresses, source_nat), own)?;
    let asked: Vec<String> = texts(input, "SecurityGroups")
        .into_iter()
        .map(ToOwned::to_owned)
        .collect();
    let groups = match (kind, asked.is_empty()) {
        // "If you don't associate a security group when you create a Network Load Balancer, you can't associate one later"
        // (network/load-balancer-security-groups).
        (Kind::Network, true) => Vec::new(),
        _ => surroundings::groups(account, context, &place.vpc, &asked)?,
    };
    let labels = tags::read(input)?;
    let pools = pools(input, kind, scheme)?;
    let customer_owned = customer_owned(input, kind, &place)?;
    if let Some(there) = named(account, name) {
        let same = there.kind == kind
            && there.scheme == scheme
            && there.ip_address_type == addresses
            && there.zones == place.zones
            && there.security_groups == groups
            && there.source_nat == source_nat
            && there.pools == pools
            && there.customer_owned == customer_owned
            && account.elb.tags_of(&there.arn) == labels;
        if same {
            return Ok(json!({"LoadBalancers": [there.told(context.now)]}));
        }
        let message =
            format!("A load balancer with the same name '{name}' exists, but with different settings");
        return Err(ApiError::new("DuplicateLoadBalancerName", message));
    }
    let count = account
        .elb
        .balancers
        .values()
        .filter(|there| there.kind == kind)
        .count();
    let most = account.elb.limits.get(match kind {
        Kind::Application => "application-load-balancers",
        Kind::Network => "network-load-balancers",
    });
    if count as u64 >= most {
        let message = "You have reached the limit on the number of load balancers";
        return Err(ApiError::new("TooManyLoadBalancers", message));
    }
    let number = account.elb.made + 1;
    let id = arn::id(context, number);
    let made = arn::balancer(context, kind.short(), name, &id);
    let attached = Attached {
        owner: arn::short_name(&made),
        kind,
        internet_facing: scheme == "internet-facing",
        zones: &place.zones,
        groups: &groups,
        fixed: &chosen.fixed,
    };
    surroundings::attach(account, context, attached)?;
    account.elb.next();
    let balancer = Balancer {
        arn: made.clone(),
        name: name.to_owned(),
        dns_name: match kind {
            Kind::Application => dns_name(context, name, scheme, number),
            Kind::Network => network_name(context, name, &id),
        },
        kind,
        scheme: scheme.to_owned(),
        vpc: place.vpc,
        zones: place.zones,
        security_groups: groups,
        ip_address_type: addresses.to_owned(),
        source_nat,
        pools,
        customer_owned,
        capacity: Capacity::default(),
        private_link: None,
        attributes: attributes::of_balancer(kind, scheme),
        created: context.now,
        active_at: context
            .now
            .saturating_add(context.settings.load_balancer_provisioning_ms),
        groups: BTreeSet::new(),
        number,
    };
    let told = balancer.told(context.now);
    set_tags(account, &made, labels);
    account.elb.changed.balancers.insert(made.clone());
    account.elb.balancers.insert(made, balancer);
    Ok(json!({"LoadBalancers": [told]}))
}

fn named<'a>(account: &'a Account, name: &str) -> Option<&'a Balancer> {
    account.elb.balancers.values().find(|there| there.name == name)
}

fn set_tags(account: &mut Account, arn: &str, labels: Tags) {
    if !labels.is_empty() {
        account.elb.tags.insert(arn.to_owned(), labels);
    }
}

/// `name-number.region.elb.amazonaws.com`, with `internal-` before the name of an internal one:
/// `guide/application-load-balancers#dns-name`.
fn dns_name(context: &Context, name: &str, scheme: &str, number: u64) -> String {
    let id = arn::id(context, number);
    let digits = u64::from_str_radix(&id, 16).unwrap_or(number) % 1_000_000_000;
    let internal = if scheme == "internal" { "internal-" } else { "" };
    let suffix = if context.partition() == "aws-cn" {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!("{internal}{name}-{digits}.{}.elb.{suffix}", context.region)
}

/// `name-id.elb.region.amazonaws.com` (network/network-load-balancers#dns-name).
fn network_name(context: &Context, name: &str, id: &str) -> String {
    let suffix = if context.partition() == "aws-cn" {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    format!("{name}-{id}.elb.{}.{suffix}", context.region)
}

/// `API_DescribeLoadBalancers`.
pub(super) fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let (arns, names) = (texts(input, "LoadBalancerArns"), texts(input, "Names"));
    if !arns.is_empty() && !names.is_empty() {
        return Err(ApiError::validation(
            "Load balancer names and load balancer ARNs cannot be specified at the same time",
        ));
    }
    if arns.len() > MOST_NAMED || names.len() > MOST_NAMED {
        return Err(ApiError::validation(format!(
            "Up to {MOST_NAMED} load balancers can be specified in a single call"
        )));
    }
    let mut found = Vec::new();
    for arn in &arns {
        arn::check(arn, "loadbalancer")?;
        found.push(account.elb.balancer(arn)?);
    }
    for name in &names {
        let named = account
            .elb
            .balancers
            .values()
            .find(|balancer| balancer.name == *name);
        found.push(named.ok_or_else(|| {
            ApiError::new(
                "LoadBalancerNotFound",
                format!("Load balancers '[{name}]' not found"),
            )
        })?);
    }
    if arns.is_empty() && names.is_empty() {
        found = account.elb.balancers.values().collect();
    }
    found.sort_by_key(|balancer| balancer.number);
    found.dedup_by_key(|balancer| balancer.number);
    let told = found
        .into_iter()
        .map(|balancer| balancer.told(context.now))
        .collect();
    page::answer("LoadBalancers", told, context, input)
}

/// `API_DeleteLoadBalancer`: "Deleting a load balancer also deletes its listeners. You can't delete a load balancer
/// if deletion protection is enabled. If the load balancer does not exist or has already been deleted, the call
/// succeeds."
pub(super) fn delete(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "LoadBalancerArn").unwrap_or_default();
    arn::check(arn, "loadbalancer")?;
    let Some(balancer) = account.elb.balancers.get(arn) else {
        return Ok(json!({}));
    };
    if balancer
        .attributes
        .get("deletion_protection.enabled")
        .is_some_and(|value| value == "true")
    {
        let message =
            format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
        return Err(ApiError::new("OperationNotPermitted", message));
    }
    let owner = balancer.owner().to_owned();
    let listeners: Vec<String> = account
        .elb
        .listeners_of(arn)
        .map(|listener| listener.arn.clone())
        .collect();
    listeners
        .iter()
        .for_each(|listener| account.elb.drop_listener(listener));
    account.elb.recount(arn);
    account.elb.balancers.remove(arn);
    account.elb.tags.remove(arn);
    account.waf.forget(arn);
    account.elb.changed.balancers.insert(arn.to_owned());
    surroundings::use_certificates(account, arn);
    surroundings::release(account, context, &owner);
    Ok(json!({}))
}

pub(super) fn attach(
    account: &mut Account,
    context: &Context,
    (balancer, fixed): (&Balancer, &BTreeMap<String, Fixed>),
) -> Result<(), ApiError> {
    let attached = Attached {
        owner: balancer.owner(),
        kind: balancer.kind,
        internet_facing: balancer.scheme == "internet-facing",
        zones: &balancer.zones,
        groups: &balancer.security_groups,
        fixed,
    };
    surroundings::attach(account, context, attached)
}
