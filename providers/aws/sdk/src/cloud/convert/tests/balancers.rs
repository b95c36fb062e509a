//! Load balancers as they are read.

use super::super::balancer;
use super::set;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::BalancerKind;
use gatewright_aws::cloud::State;
use gatewright_aws_core::network::{IpAddressType, Ipv6, Scheme};

#[test]
fn load_balancers_read_with_their_state() {
    let state = |code, reason: Option<&str>| {
        sdk::LoadBalancerState::builder()
            .code(code)
            .set_reason(reason.map(str::to_owned))
            .build()
    };
    let described = |state| {
        sdk::LoadBalancer::builder()
            .load_balancer_arn("arn:b")
            .load_balancer_name("b")
            .r#type(sdk::LoadBalancerTypeEnum::Network)
            .scheme(balancer::scheme_to_sdk(Scheme::InternetFacing))
            .ip_address_type(balancer::addresses_to_sdk(
                IpAddressType::DualstackWithoutPublicIpv4,
            ))
            .availability_zones(sdk::AvailabilityZone::builder().subnet_id("subnet-2").build())
            .availability_zones(sdk::AvailabilityZone::builder().subnet_id("subnet-1").build())
            .security_groups("sg-1")
            .state(state)
            .build()
    };
    let read = balancer::from_sdk(&described(state(sdk::LoadBalancerStateEnum::Active, None))).unwrap();
    assert_eq!(
        (read.scheme, read.ip_address_type),
        (Scheme::InternetFacing, IpAddressType::DualstackWithoutPublicIpv4)
    );
    assert_eq!(read.kind, BalancerKind::Network);
    assert_eq!(
        (read.state, read.subnets),
        (State::Active, set(&["subnet-1", "subnet-2"]))
    );
    let failed = described(state(sdk::LoadBalancerStateEnum::Failed, Some("no addresses")));
    assert_eq!(
        balancer::from_sdk(&failed).unwrap().state,
        State::Failed("no addresses".into())
    );
    let new = described(state(sdk::LoadBalancerStateEnum::from("hibernating"), None));
    assert_eq!(balancer::from_sdk(&new), Err("State"));
}

#[test]
fn load_balancers_read_with_what_they_have_in_subnets() {
    // An entry for each family, or one for both.
    for apart in [true, false] {
        check_what_they_have(apart);
    }
}

fn check_what_they_have(apart: bool) {
    let zone = |subnet: &str, ipv6: Option<&str>, block: Option<&str>| {
        let four = || {
            sdk::LoadBalancerAddress::builder()
                .ip_address("203.0.113.1")
                .allocation_id("eipalloc-1")
        };
        let addresses = match ipv6 {
            Some(six) if apart => {
                let six = sdk::LoadBalancerAddress::builder().ipv6_address(six);
                vec![four().build(), six.build()]
            }
            six => vec![four().set_ipv6_address(six.map(str::to_owned)).build()],
        };
        sdk::AvailabilityZone::builder()
            .subnet_id(subnet)
            .set_load_balancer_addresses(Some(addresses))
            .set_source_nat_ipv6_prefixes(block.map(|block| vec![block.to_owned()]))
            .build()
    };
    let described = |sources: Option<sdk::EnablePrefixForIpv6SourceNatEnum>, pool: Option<&str>| {
        sdk::LoadBalancer::builder()
            .load_balancer_arn("arn:b")
            .load_balancer_name("b")
            .r#type(sdk::LoadBalancerTypeEnum::Network)
            .scheme(balancer::scheme_to_sdk(Scheme::InternetFacing))
            .ip_address_type(balancer::addresses_to_sdk(IpAddressType::Dualstack))
            .availability_zones(zone(
                "subnet-1",
                Some("2001:db8::10"),
                Some("2001:db8:0:0:1::/80"),
            ))
            .availability_zones(zone("subnet-2", None, None))
            .set_enable_prefix_for_ipv6_source_nat(sources)
            .set_customer_owned_ipv4_pool(pool.map(str::to_owned))
            .state(
                sdk::LoadBalancerState::builder()
                    .code(sdk::LoadBalancerStateEnum::Active)
                    .build(),
            )
            .build()
    };
    let on = described(
        Some(sdk::EnablePrefixForIpv6SourceNatEnum::On),
        Some("ipv4pool-coip-1"),
    );
    let read = balancer::from_sdk(&on).unwrap();
    assert_eq!(read.addresses.len(), 2);
    assert_eq!(
        read.ipv6,
        Ipv6 {
            addresses: [("subnet-1".into(), "2001:db8::10".parse().unwrap())].into(),
            source_nat: true,
            prefixes: [("subnet-1".into(), "2001:db8:0:0:1::/80".parse().unwrap())].into(),
        }
    );
    assert_eq!(read.customer_owned_pool.as_deref(), Some("ipv4pool-coip-1"));
    for sources in [Some(sdk::EnablePrefixForIpv6SourceNatEnum::Off), None] {
        let read = balancer::from_sdk(&described(sources, None)).unwrap();
        assert_eq!((read.ipv6.source_nat, read.customer_owned_pool), (false, None));
    }
}
