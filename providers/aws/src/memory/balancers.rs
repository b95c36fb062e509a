//! Load balancers.

use super::check::{self, quota, valid};
use super::state::{Kept, State, found};
use super::{Connection, Outcome};
use crate::cloud::{Answer, Arn, Attributes, Balancer, Balancers, NewBalancer, Standing, State as Phase};
use gatewright_aws_core::Str;
use gatewright_aws_core::network::{BalancerKind, IpAddressType, Ipv6, Scheme, StaticAddress};
use gatewright_provider_api::contract::{Action, ErrorKind};
use ipnet::Ipv6Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

const MISSING: &str = "LoadBalancerNotFound";

impl State {
    fn create_balancer(&mut self, new: &NewBalancer) -> Outcome<Arn> {
        check::name(&new.name)?;
        check::tags(&new.tags)?;
        self.check_subnets(new.kind, &new.subnets)?;
        self.check_owned(new)?;
        self.check_addresses((&new.subnets, &new.addresses), None)?;
        self.check_ipv6(
            (new.kind, new.scheme, new.ip_address_type),
            (&new.subnets, &new.ipv6),
            None,
        )?;
        self.check_groups(&new.security_groups)?;
        check_pool((new.kind, new.scheme), new.ipam_pool.as_deref())?;
        if let Some(kept) = self.balancers.values().find(|kept| kept.of.name == new.name) {
            let same = kept.of.kind == new.kind
                && kept.of.scheme == new.scheme
                && kept.of.addresses == new.addresses
                && has(&kept.of.ipv6, &new.ipv6)
                && kept.of.ipam_pool == new.ipam_pool
                && kept.of.customer_owned_pool == new.customer_owned_pool
                && kept.of.subnets == new.subnets
                && kept.of.security_groups == new.security_groups
                && kept.of.ip_address_type == new.ip_address_type;
            return if same {
                Ok(kept.of.arn.clone())
            } else {
                Err((ErrorKind::NotOurs, "DuplicateLoadBalancerName"))
            };
        }
        let most = match new.kind {
            BalancerKind::Application => self.limits.balancers,
            BalancerKind::Network => self.network_limits.balancers,
        };
        let alike = self.balancers.values().filter(|kept| kept.of.kind == new.kind);
        quota(
            alike.count() < usize::try_from(most).unwrap_or(usize::MAX),
            "TooManyLoadBalancers",
        )?;
        let arn = self.make("loadbalancer", &new.tags);
        let active = self.delays.provisioning == 0;
        let of = Balancer {
            arn: arn.clone(),
            name: new.name.clone(),
            kind: new.kind,
            scheme: new.scheme,
            vpc: "vpc-1".into(),
            ip_address_type: new.ip_address_type,
            ipam_pool: new.ipam_pool.clone(),
            customer_owned_pool: new.customer_owned_pool.clone(),
            subnets: new.subnets.clone(),
            addresses: new.addresses.clone(),
            ipv6: self.with_blocks((&new.ipv6, &new.subnets), None),
            security_groups: new.security_groups.clone(),
            private_link: (new.kind == BalancerKind::Network && !new.security_groups.is_empty())
                .then_some(true),
            dns_name: format!("{}-{}.eu-central-1.elb.amazonaws.com", new.name, self.next).into(),
            state: if active {
                Phase::Active
            } else {
                Phase::Provisioning
            },
        };
        let mut defaults = vec![("deletion_protection.enabled", "false")];
        defaults.extend(match new.kind {
            BalancerKind::Application => [
                ("idle_timeout.timeout_seconds", "60"),
                ("routing.http2.enabled", "true"),
            ],
            BalancerKind::Network => [
                ("load_balancing.cross_zone.enabled", "false"),
                ("dns_record.client_routing_policy", "any_availability_zone"),
            ],
        });
        let attributes: Attributes = defaults
            .into_iter()
            .map(|(key, value)| (Str::from(key), Str::from(value)))
            .collect();
        self.balancers.insert(arn.clone(), Kept { of, attributes });
        Ok(arn)
    }

    /// "\[Application Load Balancers\] You must specify subnets from at least two Availability Zones", "\[Network Load
    /// Balancers\] You can specify subnets from one or more Availability Zones", "\[Application Load Balancers on Outposts\] You
    /// must specify one Outpost subnet" (`API_SetSubnets`).
    fn check_subnets(&self, kind: BalancerKind, subnets: &BTreeSet<Str>) -> Outcome<()> {
        let mut zones = BTreeSet::new();
        let mut outpost = false;
        for subnet in subnets {
            let subnet = found(self.subnets.get(subnet), "SubnetNotFound")?;
            outpost |= subnet.outpost;
            valid(zones.insert(&subnet.zone))?;
        }
        valid(match kind {
            BalancerKind::Application if outpost => zones.len() == 1,
            BalancerKind::Application => zones.len() >= 2,
            BalancerKind::Network => !zones.is_empty(),
        })
    }

    /// "\[Application Load Balancers on Outposts\] The ID of the customer-owned address pool (CoIP pool)"
    /// (`API_CreateLoadBalancer`).
    fn check_owned(&self, new: &NewBalancer) -> Outcome<()> {
        let Some(pool) = &new.customer_owned_pool else {
            return Ok(());
        };
        let mut subnets = new.subnets.iter().filter_map(|id| self.subnets.get(id));
        valid(
            new.kind == BalancerKind::Application
                && pool.starts_with("ipv4pool-coip-")
                && subnets.all(|subnet| subnet.outpost),
        )
    }

    /// Each address is for a subnet of the load balancer, exists, and no other load balancer has it. That of a subnet in
    /// which it stands already cannot change ("with their existing configurations", `API_SetSubnets`).
    fn check_addresses(
        &self,
        (subnets, addresses): (&BTreeSet<Str>, &BTreeMap<Str, StaticAddress>),
        of: Option<&Balancer>,
    ) -> Outcome<()> {
        if let Some(of) = of {
            let mut staying = subnets.intersection(&of.subnets);
            valid(staying.all(|id| of.addresses.get(id) == addresses.get(id)))?;
        }
        for (subnet, address) in addresses {
            valid(subnets.contains(subnet))?;
            if let Some(allocation) = &address.allocation {
                let known = self.elastic.get(&address.ip) == Some(allocation);
                if !known {
                    return Err((ErrorKind::NotFound, "AllocationIdNotFound"));
                }
            }
            let taken = self.balancers.values().any(|kept| {
                kept.of.addresses.iter().any(|(at, other)| {
                    other == address && (of.map(|of| &of.arn) != Some(&kept.of.arn) || at != subnet)
                })
            });
            if taken {
                return Err((ErrorKind::InUse, "ResourceInUse"));
            }
        }
        Ok(())
    }

    /// "For internet-facing load balancer, you can specify one IPv6 address per subnet", "The IP address type must be dualstack",
    /// "an IPv6 prefix (/80 netmask)" (`API_SetSubnets`, `API_SubnetMapping`).
    fn check_ipv6(
        &self,
        (kind, scheme, addresses): (BalancerKind, Scheme, IpAddressType),
        (subnets, ipv6): (&BTreeSet<Str>, &Ipv6),
        of: Option<&Arn>,
    ) -> Outcome<()> {
        if ipv6.is_unset() {
            return Ok(());
        }
        valid(kind == BalancerKind::Network && addresses == IpAddressType::Dualstack)?;
        valid(scheme == Scheme::InternetFacing || ipv6.addresses.is_empty())?;
        valid(ipv6.source_nat || ipv6.prefixes.is_empty())?;
        valid(ipv6.prefixes.values().all(|prefix| prefix.prefix_len() == 80))?;
        let mut named = ipv6.addresses.keys().chain(ipv6.prefixes.keys());
        valid(named.all(|id| subnets.contains(id)))?;
        let taken = self.balancers.values().any(|kept| {
            let mut its = kept.of.ipv6.addresses.iter();
            its.any(|(at, ip)| {
                let mut wanted = ipv6.addresses.iter();
                wanted.any(|(subnet, other)| other == ip && (of != Some(&kept.of.arn) || at != subnet))
            })
        });
        let of_others = self.blocks_of_others(of);
        if taken || ipv6.prefixes.values().any(|block| of_others.contains(block)) {
            return Err((ErrorKind::InUse, "ResourceInUse"));
        }
        Ok(())
    }

    /// Blocks for source NAT that other load balancers have.
    fn blocks_of_others(&self, of: Option<&Arn>) -> BTreeSet<Ipv6Net> {
        let others = self.balancers.values().filter(|kept| of != Some(&kept.of.arn));
        let blocks = others.flat_map(|kept| kept.of.ipv6.prefixes.values());
        blocks.copied().collect()
    }

    /// `auto_assigned` blocks are chosen: the last of a subnet that is free.
    fn with_blocks(&self, (ipv6, subnets): (&Ipv6, &BTreeSet<Str>), of: Option<&Arn>) -> Ipv6 {
        let taken = self.blocks_of_others(of);
        let mut found = ipv6.clone();
        for subnet in subnets.iter().filter(|_| ipv6.source_nat) {
            let last = subnet.bytes().last().unwrap_or_default();
            let block = |number: u16| {
                let network = Ipv6Addr::new(0x2001, 0xdb8, 0, last.into(), number, 0, 0, 0);
                Ipv6Net::new(network, 80).unwrap_or_default()
            };
            let mut free = (0..=u16::MAX)
                .rev()
                .map(block)
                .filter(|block| !taken.contains(block));
            let chosen = || free.next().unwrap_or_default();
            found.prefixes.entry(subnet.clone()).or_insert_with(chosen);
        }
        found
    }

    /// What may change of one that stands. In a subnet that it stays in it keeps its IPv6 address ("with their existing
    /// configurations", `API_SetSubnets`), which it gets when it becomes dual-stack. While listeners take datagrams its type stays as
    /// it is: "You can't use an IPv4 target group with a UDP listener for a dualstack load balancer" (create-listener.html), and no
    /// IPv6 one for another; and a dual-stack one needs blocks for them, whose "default value is off".
    fn check_change(&self, of: &Balancer, standing: &Standing) -> Outcome<()> {
        let becomes = standing.ip_address_type.unwrap_or(of.ip_address_type);
        let dual = |addresses: IpAddressType| addresses != IpAddressType::Ipv4;
        if dual(of.ip_address_type) && dual(becomes) {
            let mut staying = standing.subnets.intersection(&of.subnets);
            let same = |id: &Str| of.ipv6.addresses.get(id) == standing.ipv6.addresses.get(id);
            valid(staying.all(same))?;
        }
        let datagrams = self.takes_datagrams(&of.arn);
        valid(!datagrams || becomes == of.ip_address_type)?;
        // "The IP address type must be dualstack": blocks are switched off by a call of their own.
        valid(!standing.gives_back || becomes == IpAddressType::Dualstack)?;
        valid(becomes != IpAddressType::Ipv4 || !of.ipv6.source_nat)?;
        valid(!datagrams || !dual(becomes) || standing.ipv6.source_nat)
    }

    fn takes_datagrams(&self, balancer: &Arn) -> bool {
        let mut own = self.listeners.values().filter(|kept| kept.balancer == *balancer);
        own.any(|kept| kept.of.transport.is_udp())
    }

    fn check_groups(&self, groups: &BTreeSet<Arn>) -> Outcome<()> {
        let missing = groups
            .iter()
            .any(|group| !self.security_groups.contains_key(group));
        if missing {
            return Err((ErrorKind::NotFound, "InvalidSecurityGroup"));
        }
        Ok(())
    }

    fn balancer(&mut self, arn: &Arn) -> Outcome<&mut Kept<Balancer>> {
        found(self.balancers.get_mut(arn), MISSING)
    }
}

/// "\[Application Load Balancers\] The IPAM pools to use" (`API_CreateLoadBalancer`), of public addresses.
fn check_pool((kind, scheme): (BalancerKind, Scheme), pool: Option<&str>) -> Outcome<()> {
    let fits = kind == BalancerKind::Application && scheme == Scheme::InternetFacing;
    valid(pool.is_none_or(|pool| fits && pool.starts_with("ipam-pool-")))
}

/// Whether one that stands has what is asked for.
fn has(stands: &Ipv6, asked: &Ipv6) -> bool {
    let mut blocks = asked.prefixes.iter();
    stands.addresses == asked.addresses
        && stands.source_nat == asked.source_nat
        && blocks.all(|(subnet, block)| stands.prefixes.get(subnet) == Some(block))
}

impl Balancers for Connection {
    async fn balancers(&self, arns: &[Arn]) -> Answer<Vec<Balancer>> {
        self.read_many("DescribeLoadBalancers", (20, arns.len()), |state| {
            let kept = arns.iter().filter_map(|arn| state.balancers.get(arn));
            Ok(kept.map(|kept| kept.of.clone()).collect())
        })
        .await
    }

    async fn balancer_named(&self, name: &str) -> Answer<Option<Balancer>> {
        self.read("DescribeLoadBalancers", |state| {
            let kept = state.balancers.values().find(|kept| &*kept.of.name == name);
            Ok(kept.map(|kept| kept.of.clone()))
        })
        .await
    }

    async fn balancer_attributes(&self, arn: &Arn) -> Answer<Attributes> {
        self.read("DescribeLoadBalancerAttributes", |state| {
            Ok(state.balancer(arn)?.attributes.clone())
        })
        .await
    }

    async fn create_balancer(&self, new: &NewBalancer) -> Answer<Arn> {
        let what = (Action::Create, new.name.clone());
        self.write("CreateLoadBalancer", what, |state| state.create_balancer(new))
            .await
    }

    async fn set_balancer_attributes(&self, arn: &Arn, attributes: &Attributes) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        self.write("ModifyLoadBalancerAttributes", what, |state| {
            let kept = state.balancer(arn)?;
            kept.attributes.extend(attributes.clone());
            Ok(())
        })
        .await
    }

    async fn set_subnets(&self, arn: &Arn, standing: &Standing) -> Answer<()> {
        let Standing {
            subnets,
            addresses,
            ipv6,
            ip_address_type,
            ..
        } = standing;
        let what = (Action::Update, arn.0.clone());
        self.write("SetSubnets", what, |state| {
            let of = state.balancer(arn)?.of.clone();
            state.check_subnets(of.kind, subnets)?;
            state.check_addresses((subnets, addresses), Some(&of))?;
            let becomes = ip_address_type.unwrap_or(of.ip_address_type);
            state.check_ipv6((of.kind, of.scheme, becomes), (subnets, ipv6), Some(arn))?;
            state.check_change(&of, standing)?;
            let ipv6 = state.with_blocks((ipv6, subnets), Some(arn));
            let kept = &mut state.balancer(arn)?.of;
            kept.subnets.clone_from(subnets);
            kept.addresses.clone_from(addresses);
            kept.ipv6 = ipv6;
            kept.ip_address_type = becomes;
            Ok(())
        })
        .await
    }

    async fn set_security_groups(
        &self,
        arn: &Arn,
        groups: &BTreeSet<Arn>,
        private_link: Option<bool>,
    ) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        self.write("SetSecurityGroups", what, |state| {
            state.check_groups(groups)?;
            let kept = state.balancer(arn)?;
            // "You can't associate a security group with an NLB that was made without" (load-balancer-security-groups.html).
            let without = kept.of.security_groups.is_empty() || groups.is_empty();
            valid(kept.of.kind == BalancerKind::Application || !without)?;
            valid(kept.of.kind == BalancerKind::Network || private_link.is_none())?;
            kept.of.security_groups.clone_from(groups);
            kept.of.private_link = private_link.or(kept.of.private_link);
            Ok(())
        })
        .await
    }

    async fn set_ip_address_type(&self, arn: &Arn, wanted: IpAddressType) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        self.write("SetIpAddressType", what, |state| {
            let of = state.balancer(arn)?.of.clone();
            valid(wanted == of.ip_address_type || !state.takes_datagrams(arn))?;
            if wanted == IpAddressType::Ipv4 {
                // Blocks are of dual-stack load balancers: they are given back first.
                valid(!of.ipv6.source_nat)?;
                state.balancer(arn)?.of.ipv6 = Ipv6::default();
            }
            state.balancer(arn)?.of.ip_address_type = wanted;
            Ok(())
        })
        .await
    }

    async fn set_ipam_pool(&self, arn: &Arn, pool: Option<&str>) -> Answer<()> {
        let what = (Action::Update, arn.0.clone());
        let pool: Option<Str> = pool.map(Into::into);
        self.write("ModifyIpPools", what, |state| {
            let of = &mut state.balancer(arn)?.of;
            check_pool((of.kind, of.scheme), pool.as_deref())?;
            of.ipam_pool = pool;
            Ok(())
        })
        .await
    }

    async fn delete_balancer(&self, arn: &Arn) -> Answer<()> {
        let what = (Action::Delete, arn.0.clone());
        self.write("DeleteLoadBalancer", what, |state| {
            let protection = state
                .balancers
                .get(arn)
                .and_then(|kept| kept.attributes.get("deletion_protection.enabled"));
            if protection.is_some_and(|on| &**on == "true") {
                return Err((ErrorKind::Protected, "OperationNotPermitted"));
            }
            state.delete_balancer(arn);
            Ok(())
        })
        .await
    }
}
