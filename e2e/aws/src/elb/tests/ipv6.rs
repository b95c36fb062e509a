//! IPv6 of Network Load Balancers: addresses in their subnets, and prefixes for source NAT (`API_SubnetMapping`,
//! `API_SetSubnets`).

use super::{Bench, forward, merge, text};
use serde_json::{Value, json};

impl Bench {
    /// Two subnets with IPv6 ranges: `2001:db8:0:0::/64` and `2001:db8:0:1::/64`.
    fn dual_subnets(&mut self) -> [String; 2] {
        let mut subnets = self.subnets();
        for (number, id) in subnets.iter().enumerate() {
            let range = format!("2001:db8:0:{number:x}::/64").parse().ok();
            let id = id.clone();
            let change = crate::ec2::Change::SetIpv6 { id, range };
            self.account.ec2.change(change, &self.context).unwrap();
        }
        [subnets.remove(0), subnets.remove(0)]
    }

    /// A zone of a load balancer.
    fn zone_of(&mut self, arn: &str, subnet: &str) -> Value {
        let told = self.ok("DescribeLoadBalancers", json!({"LoadBalancerArns": [arn]}));
        let zones = told["LoadBalancers"][0]["AvailabilityZones"].clone();
        let mut zones = zones.as_array().unwrap().iter();
        zones.find(|zone| zone["SubnetId"] == subnet).unwrap().clone()
    }
}

fn mapping(subnet: &str, more: Value) -> Value {
    let mut mapping = json!({"SubnetId": subnet});
    merge(&mut mapping, more);
    mapping
}

fn address(subnet: &str, address: &str) -> Value {
    mapping(subnet, json!({"IPv6Address": address}))
}

fn prefix(subnet: &str, prefix: &str) -> Value {
    mapping(subnet, json!({"SourceNatIpv6Prefix": prefix}))
}

fn dual(name: &str, mappings: Value, more: Value) -> Value {
    let mut input =
        json!({"Name": name, "Type": "network", "IpAddressType": "dualstack", "SubnetMappings": mappings});
    merge(&mut input, more);
    input
}

fn made(answer: &Value) -> String {
    text(&answer["LoadBalancers"][0]["LoadBalancerArn"])
}

const ON: &str = "EnablePrefixForIpv6SourceNat";

#[test]
fn addresses_and_prefixes_are_of_the_subnets_of_a_dual_stack_load_balancer() {
    let mut bench = Bench::new();
    let [a, b] = bench.dual_subnets();
    let both = json!([address(&a, "2001:db8::10"), prefix(&b, "2001:db8:0:1:1::/80")]);
    let wanted = dual("net", both, json!({ON: "on"}));
    let answer = bench.ok("CreateLoadBalancer", wanted.clone());
    assert_eq!(answer["LoadBalancers"][0][ON], "on");
    let arn = made(&answer);
    assert_eq!(made(&bench.ok("CreateLoadBalancer", wanted)), arn);
    let zone = bench.zone_of(&arn, &a);
    assert_eq!(
        zone["LoadBalancerAddresses"],
        json!([{"IPv6Address": "2001:db8::10"}])
    );
    // AWS chooses what is not named.
    assert_eq!(zone["SourceNatIpv6Prefixes"], json!(["2001:db8:0:0:ffff::/80"]));
    let zone = bench.zone_of(&arn, &b);
    assert_eq!(zone["LoadBalancerAddresses"], json!([]));
    assert_eq!(zone["SourceNatIpv6Prefixes"], json!(["2001:db8:0:1:1::/80"]));

    // An entry for each family, IPv4 first; the block is one that nobody has.
    let (allocation, ip) = bench.elastic();
    let mut six = address(&a, "2001:db8::12");
    merge(&mut six, json!({"AllocationId": allocation}));
    let other = made(&bench.ok(
        "CreateLoadBalancer",
        dual("other", json!([six]), json!({ON: "on"})),
    ));
    let zone = bench.zone_of(&other, &a);
    assert_eq!(
        zone["LoadBalancerAddresses"],
        json!([{"IpAddress": ip, "AllocationId": allocation}, {"IPv6Address": "2001:db8::12"}])
    );
    assert_eq!(zone["SourceNatIpv6Prefixes"], json!(["2001:db8:0:0:fffe::/80"]));

    let one = || json!([address(&a, "2001:db8::11")]);
    for (code, refused) in [
        (
            "InvalidConfigurationRequest",
            dual("x", one(), json!({"IpAddressType": "ipv4"})),
        ),
        (
            "InvalidConfigurationRequest",
            dual("x", one(), json!({"Scheme": "internal"})),
        ),
        (
            "InvalidConfigurationRequest",
            dual("x", json!([address(&b, "2001:db8::11")]), json!({})),
        ),
        (
            "InvalidConfigurationRequest",
            dual("x", json!([prefix(&a, "2001:db8:0:0:1::/80")]), json!({})),
        ),
        (
            "InvalidConfigurationRequest",
            dual("x", json!([prefix(&a, "2001:db8:0:1:1::/80")]), json!({ON: "on"})),
        ),
        (
            "ValidationError",
            dual("x", json!([prefix(&a, "2001:db8::/64")]), json!({ON: "on"})),
        ),
        (
            "ValidationError",
            dual("x", json!([address(&a, "192.0.2.1")]), json!({})),
        ),
        (
            "ResourceInUse",
            dual("x", json!([address(&a, "2001:db8::10")]), json!({})),
        ),
        (
            "ResourceInUse",
            dual("x", json!([prefix(&b, "2001:db8:0:1:1::/80")]), json!({ON: "on"})),
        ),
        (
            "InvalidConfigurationRequest",
            json!({"Name": "x", "Type": "network", "Subnets": [a], ON: "on"}),
        ),
    ] {
        assert_eq!(
            bench.code("CreateLoadBalancer", refused.clone()),
            code,
            "{refused}"
        );
    }
}

#[test]
fn prefixes_change_in_place_and_addresses_do_not() {
    let mut bench = Bench::new();
    let [a, b] = bench.dual_subnets();
    let before = json!([address(&a, "2001:db8::10"), mapping(&b, json!({}))]);
    let arn = made(&bench.ok("CreateLoadBalancer", dual("net", before, json!({}))));
    let set = |mappings: Value, more: Value| {
        let mut input = json!({"LoadBalancerArn": arn, "SubnetMappings": mappings});
        merge(&mut input, more);
        input
    };
    let first = address(&a, "2001:db8::10");
    let told = bench.ok(
        "SetSubnets",
        set(json!([first, prefix(&b, "auto_assigned")]), json!({ON: "on"})),
    );
    assert_eq!(told[ON], "on");
    let other = json!([first, prefix(&b, "2001:db8:0:1:2::/80")]);
    bench.ok("SetSubnets", set(other, json!({ON: "on"})));
    assert_eq!(
        bench.zone_of(&arn, &b)["SourceNatIpv6Prefixes"],
        json!(["2001:db8:0:1:2::/80"])
    );
    // An address is of a subnet that it does not stand in yet.
    for changed in [
        json!([address(&a, "2001:db8::11"), mapping(&b, json!({}))]),
        json!([first, address(&b, "2001:db8:0:1::10")]),
    ] {
        assert_eq!(
            bench.code("SetSubnets", set(changed, json!({ON: "on"}))),
            "InvalidConfigurationRequest"
        );
    }
    bench.ok(
        "SetSubnets",
        set(json!([mapping(&b, json!({}))]), json!({ON: "on"})),
    );
    let back = json!([address(&a, "2001:db8::11"), mapping(&b, json!({}))]);
    bench.ok("SetSubnets", set(back, json!({ON: "on"})));
    assert_eq!(
        bench.zone_of(&arn, &a)["LoadBalancerAddresses"],
        json!([{"IPv6Address": "2001:db8::11"}])
    );
    // "The default value is off."
    let told = bench.ok("SetSubnets", json!({"LoadBalancerArn": arn, "Subnets": [a, b]}));
    assert_eq!(told[ON], "off");
    assert_eq!(bench.zone_of(&arn, &b).get("SourceNatIpv6Prefixes"), None);
}

/// One that becomes dual-stack had no IPv6 addresses; with listeners for datagrams it cannot become so, or end to be.
#[test]
fn datagrams_keep_the_type_of_addresses_and_the_prefixes() {
    let mut bench = Bench::new();
    let [a, b] = bench.dual_subnets();
    let single = json!({"Name": "net", "Type": "network", "Subnets": [a, b]});
    let arn = made(&bench.ok("CreateLoadBalancer", single));
    let group = bench.group_with("dns", json!({"Protocol": "UDP"}));
    let listener = |group: &str| json!({"LoadBalancerArn": arn, "Protocol": "UDP", "Port": 53, "DefaultActions": [forward(group)]});
    let answer = bench.ok("CreateListener", listener(&group));
    let on = text(&answer["Listeners"][0]["ListenerArn"]);
    let set = |more: Value| {
        let mut input = json!({"LoadBalancerArn": arn, "SubnetMappings": [address(&a, "2001:db8::10"), mapping(&b, json!({}))]});
        merge(&mut input, more);
        input
    };
    let becomes = json!({"IpAddressType": "dualstack", ON: "on"});
    assert_eq!(
        bench.code("SetSubnets", set(becomes.clone())),
        "InvalidConfigurationRequest"
    );
    let by_type = |addresses: &str| json!({"LoadBalancerArn": arn, "IpAddressType": addresses});
    assert_eq!(
        bench.code("SetIpAddressType", by_type("dualstack")),
        "InvalidConfigurationRequest"
    );
    bench.ok("DeleteListener", json!({"ListenerArn": on}));
    bench.ok("SetSubnets", set(becomes));

    let six = bench.group_with("dns6", json!({"Protocol": "UDP", "IpAddressType": "ipv6"}));
    assert_eq!(
        bench.code("CreateListener", listener(&group)),
        "InvalidConfigurationRequest"
    );
    let answer = bench.ok("CreateListener", listener(&six));
    let on = text(&answer["Listeners"][0]["ListenerArn"]);
    assert_eq!(
        bench.code("SetSubnets", set(json!({}))),
        "InvalidConfigurationRequest"
    );
    assert_eq!(
        bench.code("SetIpAddressType", by_type("ipv4")),
        "InvalidConfigurationRequest"
    );
    bench.ok("DeleteListener", json!({"ListenerArn": on}));
    bench.ok("SetSubnets", set(json!({})));
    assert_eq!(
        bench.code("CreateListener", listener(&six)),
        "InvalidConfigurationRequest"
    );
    // "The IP address type must be dualstack", also of the call that switches prefixes off.
    let ends = json!({"LoadBalancerArn": arn, "Subnets": [a, b], "IpAddressType": "ipv4", ON: "off"});
    assert_eq!(bench.code("SetSubnets", ends), "InvalidConfigurationRequest");
    bench.ok("SetIpAddressType", by_type("ipv4"));
    assert_eq!(bench.zone_of(&arn, &a)["LoadBalancerAddresses"], json!([]));
}
