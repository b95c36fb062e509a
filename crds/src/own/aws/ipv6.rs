//! IPv6 of load balancers in single subnets.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// IPv6 of a dual-stack Network Load Balancer in one of its subnets.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.address) || has(self.sourceNatPrefix)")
        .message("at least one of address and sourceNatPrefix must be set"),
    validation = Rule::new("!has(self.address) || (isIP(self.address) && ip(self.address).family() == 6)")
        .message("address must be an IPv6 address such as 2001:db8::10"),
    validation = Rule::new("!has(self.sourceNatPrefix) || (isCIDR(self.sourceNatPrefix) && cidr(self.sourceNatPrefix).prefixLength() == 80)")
        .message("sourceNatPrefix must be a block of 80 bits such as 2001:db8:0:0:1::/80")
)]
pub struct Ipv6Parameters {
    /// Id of the subnet.
    #[schemars(length(max = 24), regex(pattern = "^subnet-[0-9a-f]{8,17}$"))]
    pub subnet: String,
    /// Address that clients of IPv6 reach it by, out of the block of the subnet; of an internet-facing load balancer. AWS chooses
    /// one by default. To another one it goes by leaving the subnet, while it stays in others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 39))]
    pub address: Option<String>,
    /// Block of 80 bits, out of that of the subnet, from which datagrams of clients with IPv4 come to targets. AWS chooses one by
    /// default when a listener takes datagrams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 5, max = 42))]
    pub source_nat_prefix: Option<String>,
}

impl Ipv6Parameters {
    /// These settings where set, else `base`'s.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let Self {
            subnet,
            address,
            source_nat_prefix,
        } = self;
        Self {
            subnet,
            address: address.or_else(|| base.address.clone()),
            source_nat_prefix: source_nat_prefix.or_else(|| base.source_nat_prefix.clone()),
        }
    }

    /// `mine` over `base`, subnet by subnet.
    pub(super) fn all_over(mine: Vec<Self>, base: &[Self]) -> Vec<Self> {
        let known = base.iter().map(|found| (found.subnet.clone(), found.clone()));
        let mut all: BTreeMap<String, Self> = known.collect();
        for own in mine {
            let settings = match all.remove(&own.subnet) {
                Some(base) => own.over(&base),
                None => own,
            };
            all.insert(settings.subnet.clone(), settings);
        }
        all.into_values().collect()
    }
}
