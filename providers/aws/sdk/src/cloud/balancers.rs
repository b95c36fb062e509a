//! Load balancers.

use super::convert::{attributes, balancer, pairs, tags_to_elb, texts};
use super::{ELB, existing, failed, gone_is_fine, odd};
use crate::Account;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use aws_sdk_elasticloadbalancingv2::types::EnablePrefixForIpv6SourceNatEnum as Sources;
use aws_sdk_elasticloadbalancingv2::types::EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum as Enforced;
use gatewright_aws::cloud::{Answer, Arn, Attributes, Balancer, Balancers, NewBalancer, Standing};
use gatewright_aws_core::Str;
use gatewright_aws_core::network::{IpAddressType, Ipv6, StaticAddress};
use gatewright_provider_api::contract::ErrorKind;
use std::collections::{BTreeMap, BTreeSet};

const DESCRIBE: &str = "DescribeLoadBalancers";

fn read(balancers: &[sdk::LoadBalancer]) -> Answer<Vec<Balancer>> {
    let read = |one| {
        balancer::from_sdk(one).map_err(|field| odd(DESCRIBE, format_args!("{field} is missing or new")))
    };
    balancers.iter().map(read).collect()
}

/// What a load balancer has in its subnets.
type Has<'a> = (&'a BTreeMap<Str, StaticAddress>, &'a Ipv6);

/// A block that AWS chooses (`API_SubnetMapping`).
const AUTO_ASSIGNED: &str = "auto_assigned";

fn is_plain((addresses, ipv6): Has<'_>) -> bool {
    addresses.is_empty() && ipv6.is_unset()
}

/// `Subnets`: of which nothing else is said.
fn plain(subnets: &BTreeSet<Str>, has: Has<'_>) -> Option<Vec<String>> {
    is_plain(has).then(|| subnets.iter().map(ToString::to_string).collect())
}

/// `SubnetMappings`: of which it is. "You must specify either subnets or subnet mappings, but not both."
fn mapped(subnets: &BTreeSet<Str>, has: Has<'_>) -> Option<Vec<sdk::SubnetMapping>> {
    let (addresses, ipv6) = has;
    let mapping = |subnet: &Str| {
        let mapping = sdk::SubnetMapping::builder().subnet_id(&**subnet);
        let address = addresses.get(subnet);
        let mapping = match address.map(|address| (&address.allocation, address.ip)) {
            None => mapping,
            Some((Some(allocation), _)) => mapping.allocation_id(&**allocation),
            Some((None, ip)) => mapping.private_ipv4_address(ip.to_string()),
        };
        let prefix = ipv6.prefixes.get(subnet);
        let prefix = prefix.map_or_else(|| AUTO_ASSIGNED.to_owned(), ToString::to_string);
        mapping
            .set_ipv6_address(ipv6.addresses.get(subnet).map(ToString::to_string))
            .set_source_nat_ipv6_prefix(ipv6.source_nat.then_some(prefix))
            .build()
    };
    (!is_plain(has)).then(|| subnets.iter().map(mapping).collect())
}

/// `EnablePrefixForIpv6SourceNat`: "The IP address type must be dualstack. The default value is off." Where a load balancer gives blocks
/// back, that is said.
const fn sources(ipv6: &Ipv6, gives_back: bool) -> Option<Sources> {
    match (ipv6.source_nat, gives_back) {
        (true, _) => Some(Sources::On),
        (false, true) => Some(Sources::Off),
        (false, false) => None,
    }
}

fn pools(pool: &str) -> sdk::IpamPools {
    sdk::IpamPools::builder().ipv4_ipam_pool_id(pool).build()
}

impl Balancers for Account {
    async fn balancers(&self, arns: &[Arn]) -> Answer<Vec<Balancer>> {
        existing(&texts(arns), |arns| async move {
            let request = self
                .elb
                .describe_load_balancers()
                .set_load_balancer_arns(Some(arns));
            let items = request.into_paginator().items().send().try_collect().await;
            read(&items.map_err(failed(ELB, DESCRIBE))?)
        })
        .await
    }

    async fn balancer_named(&self, name: &str) -> Answer<Option<Balancer>> {
        let answer = self
            .elb
            .describe_load_balancers()
            .names(name)
            .send()
            .await
            .map_err(failed(ELB, DESCRIBE));
        match answer {
            Ok(answer) => Ok(read(answer.load_balancers())?.into_iter().next()),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn balancer_attributes(&self, arn: &Arn) -> Answer<Attributes> {
        let request = self
            .elb
            .describe_load_balancer_attributes()
            .load_balancer_arn(&*arn.0);
        let answer = request
            .send()
            .await
            .map_err(failed(ELB, "DescribeLoadBalancerAttributes"))?;
        Ok(pairs(
            answer.attributes().iter().map(|one| (one.key(), one.value())),
        ))
    }

    async fn create_balancer(&self, new: &NewBalancer) -> Answer<Arn> {
        let operation = "CreateLoadBalancer";
        let NewBalancer {
            name,
            kind,
            scheme,
            ip_address_type,
            ipam_pool,
            customer_owned_pool,
            subnets,
            addresses,
            ipv6,
            security_groups,
            tags,
        } = new;
        let request = self
            .elb
            .create_load_balancer()
            .name(&**name)
            .r#type(balancer::kind_to_sdk(*kind))
            .scheme(balancer::scheme_to_sdk(*scheme))
            .ip_address_type(balancer::addresses_to_sdk(*ip_address_type))
            .set_ipam_pools(ipam_pool.as_deref().map(pools))
            .set_customer_owned_ipv4_pool(customer_owned_pool.as_deref().map(ToOwned::to_owned))
            .set_subnets(plain(subnets, (addresses, ipv6)))
            .set_subnet_mappings(mapped(subnets, (addresses, ipv6)))
            .set_enable_prefix_for_ipv6_source_nat(sources(ipv6, false))
            .set_security_groups(Some(texts(security_groups)).filter(|groups| !groups.is_empty()))
            .set_tags(tags_to_elb(tags));
        let answer = request.send().await.map_err(failed(ELB, operation))?;
        let made = answer
            .load_balancers()
            .first()
            .and_then(sdk::LoadBalancer::load_balancer_arn);
        made.map(|arn| Arn(arn.into()))
            .ok_or_else(|| odd(operation, "no ARN in the answer"))
    }

    async fn set_balancer_attributes(&self, arn: &Arn, wanted: &Attributes) -> Answer<()> {
        let mut request = self
            .elb
            .modify_load_balancer_attributes()
            .load_balancer_arn(&*arn.0);
        for (key, value) in attributes(wanted) {
            request = request.attributes(
                sdk::LoadBalancerAttribute::builder()
                    .key(key)
                    .value(value)
                    .build(),
            );
        }
        request
            .send()
            .await
            .map_err(failed(ELB, "ModifyLoadBalancerAttributes"))?;
        Ok(())
    }

    async fn set_subnets(&self, arn: &Arn, standing: &Standing) -> Answer<()> {
        let Standing {
            subnets,
            addresses,
            ipv6,
            ip_address_type,
            gives_back,
        } = standing;
        let request = self.elb.set_subnets().load_balancer_arn(&*arn.0);
        request
            .set_subnets(plain(subnets, (addresses, ipv6)))
            .set_subnet_mappings(mapped(subnets, (addresses, ipv6)))
            .set_enable_prefix_for_ipv6_source_nat(sources(ipv6, *gives_back))
            .set_ip_address_type(ip_address_type.map(balancer::addresses_to_sdk))
            .send()
            .await
            .map_err(failed(ELB, "SetSubnets"))?;
        Ok(())
    }

    async fn set_security_groups(
        &self,
        arn: &Arn,
        groups: &BTreeSet<Arn>,
        private_link: Option<bool>,
    ) -> Answer<()> {
        let request = self.elb.set_security_groups().load_balancer_arn(&*arn.0);
        let enforced = private_link.map(|on| if on { Enforced::On } else { Enforced::Off });
        let request = request
            .set_security_groups(Some(texts(groups)))
            .set_enforce_security_group_inbound_rules_on_private_link_traffic(enforced);
        request.send().await.map_err(failed(ELB, "SetSecurityGroups"))?;
        Ok(())
    }

    async fn set_ip_address_type(&self, arn: &Arn, wanted: IpAddressType) -> Answer<()> {
        let request = self.elb.set_ip_address_type().load_balancer_arn(&*arn.0);
        let request = request.ip_address_type(balancer::addresses_to_sdk(wanted));
        request.send().await.map_err(failed(ELB, "SetIpAddressType"))?;
        Ok(())
    }

    async fn set_ipam_pool(&self, arn: &Arn, pool: Option<&str>) -> Answer<()> {
        let request = self.elb.modify_ip_pools().load_balancer_arn(&*arn.0);
        let request = match pool {
            Some(pool) => request.ipam_pools(pools(pool)),
            None => request.remove_ipam_pools(sdk::RemoveIpamPoolEnum::Ipv4),
        };
        request.send().await.map_err(failed(ELB, "ModifyIpPools"))?;
        Ok(())
    }

    async fn delete_balancer(&self, arn: &Arn) -> Answer<()> {
        let request = self.elb.delete_load_balancer().load_balancer_arn(&*arn.0);
        let answer = request.send().await.map_err(failed(ELB, "DeleteLoadBalancer"));
        gone_is_fine(answer, || self.elb_exists(arn)).await
    }
}
