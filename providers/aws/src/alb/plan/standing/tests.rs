//! What changes in place, and what leaves a subnet first.

use super::*;
use crate::cloud::{Arn, State};
use gatewright_aws_core::access::Access;
use gatewright_aws_core::network::{BalancerKind, Scheme, SecurityGroups, Subnet};

fn wanted(zones: &[&str], ip_address_type: IpAddressType, ipv6: Ipv6) -> Balancer {
    let subnet = |zone: &&str| Subnet {
        id: format!("subnet-{zone}").into(),
        zone: format!("eu-central-1{zone}").into(),
    };
    Balancer {
        name: "gw-net".into(),
        kind: BalancerKind::Network,
        scheme: Scheme::InternetFacing,
        vpc: "vpc-1".into(),
        ip_address_type,
        ipam_pool: None,
        customer_owned_pool: None,
        subnets: zones.iter().map(subnet).collect(),
        addresses: BTreeMap::new(),
        ipv6,
        security_groups: SecurityGroups::Given(BTreeSet::new()),
        access: Access::default(),
        attributes: BTreeMap::new(),
    }
}

/// One that stands as another is wanted.
fn seen(as_wanted: &Balancer) -> cloud::Balancer {
    cloud::Balancer {
        arn: Arn("arn:net".into()),
        name: as_wanted.name.clone(),
        kind: as_wanted.kind,
        scheme: as_wanted.scheme,
        vpc: as_wanted.vpc.clone(),
        ip_address_type: as_wanted.ip_address_type,
        ipam_pool: None,
        customer_owned_pool: None,
        subnets: as_wanted.subnets.iter().map(|subnet| subnet.id.clone()).collect(),
        addresses: as_wanted.addresses.clone(),
        ipv6: as_wanted.ipv6.clone(),
        security_groups: BTreeSet::new(),
        private_link: None,
        dns_name: "net.example".into(),
        state: State::Active,
    }
}

/// What AWS does with a call.
fn apply(seen: &mut cloud::Balancer, standing: Standing) {
    seen.ip_address_type = standing.ip_address_type.unwrap_or(seen.ip_address_type);
    seen.subnets = standing.subnets;
    seen.addresses = standing.addresses;
    seen.ipv6 = standing.ipv6;
}

fn ipv6(addresses: &[(&str, &str)], source_nat: bool, prefixes: &[(&str, &str)]) -> Ipv6 {
    let id = |zone: &str| -> Str { format!("subnet-{zone}").into() };
    Ipv6 {
        addresses: addresses
            .iter()
            .map(|(zone, ip)| (id(zone), ip.parse().unwrap()))
            .collect(),
        source_nat,
        prefixes: prefixes
            .iter()
            .map(|(zone, block)| (id(zone), block.parse().unwrap()))
            .collect(),
    }
}

const DUAL: IpAddressType = IpAddressType::Dualstack;

#[test]
fn what_aws_chose_stays() {
    let plain = wanted(&["a", "b"], DUAL, Ipv6::default());
    let mut stands = seen(&plain);
    stands.ipv6 = ipv6(&[("a", "2001:db8::a")], true, &[("a", "2001:db8:0:0:1::/80")]);
    assert_eq!(next(&plain, &stands), None);
    let with_datagrams = wanted(&["a", "b"], DUAL, ipv6(&[], true, &[]));
    assert_eq!(next(&with_datagrams, &stands), None);
    // One more zone: what it has in the other goes with it, and nothing is switched off.
    let third = wanted(&["a", "b", "c"], DUAL, Ipv6::default());
    let found = next(&third, &stands).unwrap();
    assert_eq!(found.subnets.len(), 3);
    assert_eq!((found.ipv6, found.ip_address_type), (stands.ipv6.clone(), None));
}

/// `SetSubnets` with `EnablePrefixForIpv6SourceNat` and `SourceNatIpv6Prefix`.
#[test]
fn blocks_for_datagrams_come_and_change_in_place() {
    let before = wanted(&["a", "b"], DUAL, ipv6(&[("a", "2001:db8::10")], false, &[]));
    let mut stands = seen(&before);
    let on = wanted(&["a", "b"], DUAL, ipv6(&[("a", "2001:db8::10")], true, &[]));
    let found = next(&on, &stands).unwrap();
    assert_eq!(found.subnets, stands.subnets);
    assert_eq!((&found.ipv6, found.ip_address_type), (&on.ipv6, None));
    apply(&mut stands, found);
    let chosen = [("a", "2001:db8:0:0:1::/80"), ("b", "2001:db8:0:1:1::/80")];
    stands.ipv6.prefixes = ipv6(&[], true, &chosen).prefixes;
    assert_eq!(next(&on, &stands), None);

    let other = wanted(
        &["a", "b"],
        DUAL,
        ipv6(&[("a", "2001:db8::10")], true, &[("b", "2001:db8:0:1:2::/80")]),
    );
    let found = next(&other, &stands).unwrap();
    let both = [("a", "2001:db8:0:0:1::/80"), ("b", "2001:db8:0:1:2::/80")];
    assert_eq!(found.ipv6, ipv6(&[("a", "2001:db8::10")], true, &both));
    let (changes, why) = words(&stands, &found);
    assert_eq!((changes.len(), why), (1, "what it has of IPv6 differs"));
    apply(&mut stands, found);
    assert_eq!(next(&other, &stands), None);
    // Nobody asks any more: it stays.
    assert_eq!(next(&before, &stands), None);
}

/// An address is of a subnet that it does not stand in yet.
#[test]
fn another_address_takes_two_calls() {
    let chosen = [("a", "2001:db8:0:0:1::/80"), ("b", "2001:db8:0:1:1::/80")];
    let addresses = [("a", "2001:db8::10"), ("b", "2001:db8:0:1::10")];
    let mut stands = seen(&wanted(&["a", "b"], DUAL, ipv6(&addresses, true, &chosen)));
    let other = wanted(&["a", "b"], DUAL, ipv6(&[("a", "2001:db8::11")], true, &[]));
    let first = next(&other, &stands).unwrap();
    assert_eq!(first.subnets, BTreeSet::from(["subnet-b".into()]));
    assert_eq!(first.ipv6, ipv6(&addresses[1..], true, &chosen[1..]));
    apply(&mut stands, first);
    let second = next(&other, &stands).unwrap();
    assert_eq!(second.subnets.len(), 2);
    let both = [("a", "2001:db8::11"), ("b", "2001:db8:0:1::10")];
    assert_eq!(second.ipv6, ipv6(&both, true, &chosen[1..]));
    apply(&mut stands, second);
    assert_eq!(next(&other, &stands), None);

    // All at once: one stays as it is until another is there.
    let all = wanted(
        &["a", "b"],
        DUAL,
        ipv6(&[("a", "2001:db8::12"), ("b", "2001:db8:0:1::12")], true, &[]),
    );
    let mut calls = 0;
    while let Some(standing) = next(&all, &stands) {
        assert!(!standing.subnets.is_empty() && calls < 5, "{standing:?}");
        let stay = standing.subnets.intersection(&stands.subnets);
        for id in stay {
            assert_eq!(
                standing.ipv6.addresses.get(id),
                stands.ipv6.addresses.get(id),
                "{id}"
            );
        }
        apply(&mut stands, standing);
        calls += 1;
    }
    assert_eq!((calls, &stands.ipv6.addresses), (4, &all.ipv6.addresses));
}

#[test]
fn it_becomes_dual_stack_with_its_addresses() {
    let stands = seen(&wanted(&["a", "b"], IpAddressType::Ipv4, Ipv6::default()));
    // `SetIpAddressType` is enough.
    assert_eq!(next(&wanted(&["a", "b"], DUAL, Ipv6::default()), &stands), None);
    for has in [ipv6(&[("a", "2001:db8::10")], false, &[]), ipv6(&[], true, &[])] {
        let found = next(&wanted(&["a", "b"], DUAL, has.clone()), &stands).unwrap();
        assert_eq!((found.ipv6, found.ip_address_type), (has, Some(DUAL)));
        assert_eq!(found.subnets, stands.subnets);
    }
}

/// Blocks first, as long as it is dual-stack; subnets last, which may have no IPv6.
#[test]
fn it_gives_blocks_back_before_it_ends_to_be_dual_stack() {
    let ends = wanted(&["a", "c"], IpAddressType::Ipv4, Ipv6::default());
    let chosen = [("a", "2001:db8:0:0:1::/80"), ("b", "2001:db8:0:1:1::/80")];
    let addresses = [("a", "2001:db8::10")];
    let mut stands = seen(&wanted(&["a", "b"], DUAL, ipv6(&addresses, true, &chosen)));
    let found = next(&ends, &stands).unwrap();
    assert_eq!((&found.subnets, found.ip_address_type), (&stands.subnets, None));
    assert_eq!(
        (&found.ipv6, found.gives_back),
        (&ipv6(&addresses, false, &[]), true)
    );
    let (changes, _) = words(&stands, &found);
    let fields: Vec<&str> = changes.iter().map(|change| &*change.field).collect();
    assert_eq!(fields, ["ipv6"]);
    apply(&mut stands, found);
    // `SetIpAddressType` is next.
    assert_eq!(next(&ends, &stands), None);
    stands.ip_address_type = IpAddressType::Ipv4;
    stands.ipv6 = Ipv6::default();
    let found = next(&ends, &stands).unwrap();
    assert_eq!(found.subnets, ["subnet-a".into(), "subnet-c".into()].into());
    assert_eq!((found.ip_address_type, found.gives_back), (None, false));
}
