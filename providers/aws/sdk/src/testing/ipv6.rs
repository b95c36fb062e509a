//! A dual-stack Network Load Balancer that takes datagrams, over the real wire, at the simulator.

use super::drive::{inventory, target, writes};
use super::network::{settle, target_group};
use super::simulator::simulator;
use super::until::until_gone;
use super::{Seen, Setup, account};
use crate::Account;
use crate::calls::{Grant, policy};
use crate::limiter::{Bucket, Figures};
use gatewright_aws::alb::{ElbDriver, Settings};
use gatewright_aws::cloud::{Balancer, Balancers as _, Network as _};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::{Listener, Transport};
use gatewright_aws_core::alb::rule::{Action, Forward};
use gatewright_aws_core::network::{
    BalancerKind, Ingress, IpAddressType, Ipv6, ManagedGroup, SecurityGroups,
};
use gatewright_aws_core::target_group::{TargetGroup, TargetGroupId};
use gatewright_aws_simulator::run::Running;
use gatewright_aws_simulator::state::{self, place};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const NAME: &str = "gw-shop-web";
const TCP: u16 = 8080;
const UDP: u16 = 5353;

/// Has all subnets have IPv6 addresses: `2001:db8:0:10::/64` and the next ones.
fn with_ipv6(running: &Running) {
    let mut inner = running.simulator.inner();
    let here = inner
        .world
        .accounts
        .get_mut(&place("123456789012", "eu-central-1"));
    let account: &mut state::Account = here.unwrap();
    let mut value = serde_json::to_value(&*account).unwrap();
    let subnets = value["ec2"]["subnets"].as_object_mut().unwrap();
    for (number, subnet) in subnets.values_mut().enumerate() {
        subnet["ipv6"] = json!(format!("2001:db8:0:{:x}::/64", number + 16));
    }
    *account = serde_json::from_value(value).unwrap();
}

fn group(protocol: &str, port: u16, at: &str) -> TargetGroup {
    let mut group = target_group(
        &format!("gw-web-{}", protocol.to_lowercase()),
        &[at.parse().unwrap()],
    );
    group.fixed.protocol = protocol.into();
    group.fixed.port = port;
    group.fixed.ipv6 = protocol == "UDP";
    group.attributes.clear();
    group
}

fn listener(port: u16, transport: Transport, group: &TargetGroupId) -> Listener {
    Listener {
        port,
        transport,
        tls: None,
        attributes: BTreeMap::new(),
        default: Action::Forward(Forward {
            groups: BTreeMap::from([(group.clone(), 1)]),
            stickiness_s: None,
        }),
        rules: Vec::new(),
    }
}

/// A dual-stack one of connections to IPv4 and of datagrams to IPv6.
async fn dual(cloud: &Account) -> Target {
    let mut target = target(cloud).await;
    let (tcp, udp) = (TargetGroupId("web/tcp".into()), TargetGroupId("dns/udp".into()));
    target.balancer.kind = BalancerKind::Network;
    target.balancer.ip_address_type = IpAddressType::Dualstack;
    target.balancer.attributes.clear();
    let ingress = |protocol: &str, port: u16| Ingress {
        protocol: protocol.into(),
        port,
        source: "::/0".into(),
    };
    target.balancer.security_groups = SecurityGroups::Managed(ManagedGroup {
        name: NAME.into(),
        ingress: [ingress("tcp", TCP), ingress("udp", UDP)].into(),
    });
    target.listeners = BTreeMap::from([
        (TCP, listener(TCP, Transport::Tcp, &tcp)),
        (UDP, listener(UDP, Transport::Udp, &udp)),
    ]);
    target.target_groups = BTreeMap::from([
        (tcp, group("TCP", TCP, "127.0.0.1:8080")),
        (udp, group("UDP", UDP, "[::1]:5353")),
    ]);
    target.certificates.clear();
    target.trust_stores.clear();
    target
}

async fn stands(cloud: &Account) -> Balancer {
    cloud.balancer_named(NAME).await.unwrap().unwrap()
}

/// Blocks for source NAT change in place and addresses by leaving a subnet, under the policy that users install.
#[tokio::test]
async fn a_dual_stack_load_balancer_takes_datagrams() {
    let running = simulator(Some(&policy(Grant::ALL, "aws", Some("test")))).await;
    let wide = Figures {
        burst: 10_000,
        per_second: 10_000.0,
    };
    let setup = Setup {
        raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
        ..Setup::default()
    };
    let (cloud, seen): (Account, Arc<Seen>) = account(&format!("http://{}", running.services), setup);
    let mut target = dual(&cloud).await;
    with_ipv6(&running);
    let subnets = cloud.subnets(&target.balancer.vpc).await.unwrap();
    let networks: BTreeMap<Str, String> = subnets
        .iter()
        .map(|subnet| {
            let network = subnet.block6.strip_suffix("::/64").unwrap().to_owned();
            (subnet.id.clone(), network)
        })
        .collect();
    let ids: Vec<Str> = target
        .balancer
        .subnets
        .iter()
        .map(|subnet| subnet.id.clone())
        .collect();
    assert!(ids.len() > 1, "{ids:?}");
    let address = |id: &Str, last: &str| (id.clone(), format!("{}::{last}", networks[id]).parse().unwrap());
    let block = |id: &Str| (id.clone(), format!("{}:1::/80", networks[id]).parse().unwrap());

    target.balancer.ipv6 = Ipv6 {
        addresses: ids.iter().map(|id| address(id, "10")).collect(),
        source_nat: true,
        prefixes: BTreeMap::new(),
    };
    let settings = Settings {
        cluster: "test".into(),
        drain: Duration::ZERO,
        vpc: None,
    };
    let driver = ElbDriver::of(BalancerKind::Network, cloud.clone(), settings, || 1);
    let outcome = settle(&driver, &target).await;
    let made = stands(&cloud).await;
    assert_eq!(made.ip_address_type, IpAddressType::Dualstack);
    assert_eq!(made.ipv6.addresses, target.balancer.ipv6.addresses);
    // AWS chose a block for each.
    assert_eq!(
        (made.ipv6.source_nat, made.ipv6.prefixes.len()),
        (true, ids.len())
    );
    let assigned = outcome.addresses.assigned.iter();
    let shown = assigned.filter(|address| &*address.kind == "IPAddress").count();
    assert_eq!(shown, ids.len(), "{outcome:?}");
    let before = writes(&seen).len();
    settle(&driver, &target).await;
    assert_eq!(writes(&seen).len(), before);

    target.balancer.ipv6.prefixes = BTreeMap::from([block(&ids[0])]);
    settle(&driver, &target).await;
    assert_eq!(writes(&seen)[before..], ["SetSubnets"]);
    let named = stands(&cloud).await.ipv6.prefixes;
    assert_eq!(named.get(&ids[0]), target.balancer.ipv6.prefixes.get(&ids[0]));
    assert_eq!(named.get(&ids[1]), made.ipv6.prefixes.get(&ids[1]));

    let before = writes(&seen).len();
    target.balancer.ipv6.addresses.extend([address(&ids[0], "11")]);
    settle(&driver, &target).await;
    assert_eq!(writes(&seen)[before..], ["SetSubnets", "SetSubnets"]);
    assert_eq!(
        stands(&cloud).await.ipv6.addresses,
        target.balancer.ipv6.addresses
    );

    // Without datagrams it can end to be dual-stack, and its blocks go with that.
    target.listeners.remove(&UDP);
    target.target_groups.retain(|_, group| !group.fixed.ipv6);
    target.balancer.ipv6 = Ipv6::default();
    settle(&driver, &target).await;
    let before = writes(&seen).len();
    target.balancer.ip_address_type = IpAddressType::Ipv4;
    settle(&driver, &target).await;
    assert_eq!(writes(&seen)[before..], ["SetSubnets", "SetIpAddressType"]);
    let left = stands(&cloud).await;
    assert_eq!(
        (left.ip_address_type, left.ipv6),
        (IpAddressType::Ipv4, Ipv6::default())
    );

    until_gone(&driver, &target.gateway).await;
    assert_eq!(inventory(&cloud).await, [0; 5]);
    running.stop().await.unwrap();
}
