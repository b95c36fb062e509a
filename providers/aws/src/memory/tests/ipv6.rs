//! IPv6 of dual-stack Network Load Balancers: addresses in their subnets, and blocks for datagrams.

use super::forms::{account, end, run, settle, writes};
use super::network::{net, with};
use crate::memory::Memory;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::Transport;
use gatewright_aws_core::network::{IpAddressType, Ipv6, Scheme};

/// A public one in two zones, of connections and, when it has blocks, of datagrams.
fn form(ip_address_type: IpAddressType, ipv6: Ipv6) -> Target {
    let mut target = net();
    target.balancer.scheme = Scheme::InternetFacing;
    target.balancer.name = "gw-net-public".into();
    target.balancer.subnets = ["a", "b"].map(super::forms::subnet).into();
    target.balancer.ip_address_type = ip_address_type;
    let mut target = with(target, 80, Transport::Tcp, &[("web", 1)]);
    if ipv6.source_nat {
        target = with(target, 53, Transport::Udp, &[("dns", 1)]);
        for group in target.target_groups.values_mut() {
            group.fixed.ipv6 = &*group.fixed.protocol == "UDP";
        }
    }
    target.balancer.ipv6 = ipv6;
    target
}

fn ipv6(addresses: &[(&str, &str)], source_nat: bool, blocks: &[(&str, &str)]) -> Ipv6 {
    let id = |zone: &str| format!("subnet-{zone}").into();
    Ipv6 {
        addresses: addresses
            .iter()
            .map(|(zone, ip)| (id(zone), ip.parse().unwrap()))
            .collect(),
        source_nat,
        prefixes: blocks
            .iter()
            .map(|(zone, block)| (id(zone), block.parse().unwrap()))
            .collect(),
    }
}

fn has(memory: &Memory) -> (IpAddressType, Ipv6) {
    let state = memory.state();
    let of = &state.balancers.values().next().unwrap().of;
    (of.ip_address_type, of.ipv6.clone())
}

const DUAL: IpAddressType = IpAddressType::Dualstack;

/// What AWS chooses in the subnets of these tests.
const CHOSEN: [(&str, &str); 2] = [("a", "2001:db8:0:61:ffff::/80"), ("b", "2001:db8:0:62:ffff::/80")];

#[test]
fn it_becomes_dual_stack_takes_datagrams_and_ends_both() {
    let memory = account();
    settle(&memory, &form(IpAddressType::Ipv4, Ipv6::default()));
    let at = [("a", "2001:db8::10"), ("b", "2001:db8:0:1::10")];

    // One call makes it so, with its addresses; datagrams take another.
    let dual = form(DUAL, ipv6(&at, false, &[]));
    assert_eq!(writes(&memory, &dual), ["SetSubnets"]);
    let datagrams = form(DUAL, ipv6(&at, true, &[]));
    settle(&memory, &datagrams);
    assert_eq!(has(&memory), (DUAL, ipv6(&at, true, &CHOSEN)));
    assert_eq!(writes(&memory, &datagrams), Vec::<&str>::new());

    // Another block is one call, and no listener is touched.
    let blocks = [("b", "2001:db8:0:1:1::/80")];
    let named = form(DUAL, ipv6(&at, true, &blocks));
    assert_eq!(writes(&memory, &named), ["SetSubnets"]);
    assert_eq!(has(&memory).1, ipv6(&at, true, &[CHOSEN[0], blocks[0]]));

    // Another address leaves its subnet, and comes back.
    let moved = form(DUAL, ipv6(&[("a", "2001:db8::11"), at[1]], true, &blocks));
    let left = run(&memory, &moved);
    assert!(
        left.is_converged() && left.again.is_some(),
        "not for long: {left:?}"
    );
    assert_eq!(has(&memory).1.addresses, ipv6(&at[1..], true, &[]).addresses);
    assert_eq!(writes(&memory, &moved), ["SetSubnets"]);
    assert_eq!(writes(&memory, &moved), Vec::<&str>::new());
    let outcome = settle(&memory, &moved);
    let shown: Vec<&str> = outcome
        .addresses
        .assigned
        .iter()
        .filter(|address| &*address.kind == "IPAddress")
        .map(|address| &*address.value)
        .collect();
    assert_eq!(shown, ["2001:db8::11", "2001:db8:0:1::10"]);

    // Datagrams end: the blocks stay, until it is dual-stack no more.
    let without = form(DUAL, ipv6(&[], false, &[]));
    settle(&memory, &without);
    assert!(has(&memory).1.source_nat);
    let single = form(IpAddressType::Ipv4, Ipv6::default());
    assert_eq!(writes(&memory, &single), ["SetSubnets", "SetIpAddressType"]);
    assert_eq!(has(&memory), (IpAddressType::Ipv4, Ipv6::default()));
    while !end(&memory, &single).changes.is_empty() {}
    assert_eq!(memory.contents(), account().contents());
}

/// Listeners that take datagrams keep the type: where they go in the same edit, they go first.
#[test]
fn the_type_changes_after_the_last_datagrams() {
    let at = [("a", "2001:db8::10"), ("b", "2001:db8:0:1::10")];
    let single = form(IpAddressType::Ipv4, Ipv6::default());
    let with_datagrams = with(single.clone(), 53, Transport::Udp, &[("dns", 1)]);
    let dual = form(DUAL, ipv6(&at, false, &[]));
    for (before, after) in [(form(DUAL, ipv6(&at, true, &[])), single), (with_datagrams, dual)] {
        let memory = account();
        settle(&memory, &before);
        let calls = writes(&memory, &after);
        let place = |call: &str| calls.iter().position(|made| *made == call);
        let ended = place("DeleteListener");
        assert!(ended.is_some() && ended < place("SetSubnets"), "{calls:?}");
        let of = &after.balancer;
        assert_eq!(has(&memory), (of.ip_address_type, of.ipv6.clone()));
        settle(&memory, &after);
        assert_eq!(writes(&memory, &after), Vec::<&str>::new());
    }
}

#[test]
fn a_new_one_has_all_at_once() {
    let memory = account();
    let wanted = form(DUAL, ipv6(&[("b", "2001:db8:0:1::10")], true, &[]));
    let outcome = run(&memory, &wanted);
    assert!(outcome.is_converged(), "{outcome:?}");
    assert_eq!(has(&memory).1, ipv6(&[("b", "2001:db8:0:1::10")], true, &CHOSEN));
    settle(&memory, &wanted);
    assert_eq!(writes(&memory, &wanted), Vec::<&str>::new());
}

/// "You can't use an IPv4 target group with a UDP listener for a dualstack load balancer" (create-listener.html): no call makes one
/// with datagrams dual-stack. A load balancer of another name comes beside it, takes over, and has its IPv6 addresses from it.
#[test]
fn one_with_datagrams_is_replaced() {
    let memory = account();
    let at = [("a", "2001:db8::10"), ("b", "2001:db8:0:1::10")];
    let mut before = form(IpAddressType::Ipv4, Ipv6::default());
    before = with(before, 53, Transport::Udp, &[("dns", 1)]);
    settle(&memory, &before);
    // In place it is refused, and what serves goes on.
    let outcome = run(&memory, &form(DUAL, ipv6(&at, true, &[])));
    assert!(!outcome.is_converged());
    assert_eq!(has(&memory), (IpAddressType::Ipv4, Ipv6::default()));

    let renamed = |mut target: Target, name: &str| {
        let of = target.balancer.name.to_string();
        target.balancer.name = name.into();
        for group in target.target_groups.values_mut() {
            group.name = group.name.replace(&of, name).into();
        }
        target
    };
    let blocks = [("b", "2001:db8:0:1:1::/80")];
    let beside = renamed(form(DUAL, ipv6(&at, true, &blocks)), "gw-net-beside");
    settle(&memory, &beside);
    assert_eq!(has(&memory), (DUAL, ipv6(&at, true, &[CHOSEN[0], blocks[0]])));

    // The next takes its place in the same way: addresses go over zone by zone, and are never all away. It has another block until
    // the one that is wanted is free.
    let again = renamed(form(DUAL, ipv6(&at, true, &blocks)), "gw-net-again");
    for _ in 0..20 {
        let outcome = run(&memory, &again);
        assert!(outcome.is_converged(), "{outcome:?}");
        let state = memory.state();
        let held = state.balancers.values().map(|kept| kept.of.ipv6.addresses.len());
        assert!(held.sum::<usize>() > 0, "never all at once");
    }
    settle(&memory, &again);
    assert_eq!(has(&memory), (DUAL, ipv6(&at, true, &[CHOSEN[0], blocks[0]])));
    let name = memory.state().balancers.values().next().unwrap().of.name.clone();
    assert_eq!(&*name, "gw-net-again");
}
