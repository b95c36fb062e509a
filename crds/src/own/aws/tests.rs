use super::*;
use serde_json::{Value, json};

fn balancer(value: Value) -> AwsLoadBalancerParametersSpec {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_gateways_settings_win_field_by_field_key_by_key_and_port_by_port() {
    let class = balancer(json!({
        "scheme": "Internal",
        "attributes": {"a": "1", "b": "1"},
        "listeners": [{"port": 80, "attributes": {"x": "1"}}, {"port": 443, "sslPolicy": "ELBSecurityPolicy-Old"}],
        "targetGroups": {"healthCheck": {"path": "/class", "codes": "200"}},
        "tags": {"team": "class"},
    }));
    let gateway = balancer(json!({
        "scheme": "InternetFacing",
        "attributes": {"b": "2"},
        "listeners": [{"port": 443, "attributes": {"y": "2"}}],
        "targetGroups": {"healthCheck": {"path": "/gateway"}},
    }));
    assert_eq!(
        serde_json::to_value(gateway.over(&class)).unwrap(),
        json!({
            "scheme": "InternetFacing",
            "attributes": {"a": "1", "b": "2"},
            "listeners": [
                {"port": 80, "attributes": {"x": "1"}},
                {"port": 443, "sslPolicy": "ELBSecurityPolicy-Old", "attributes": {"y": "2"}},
            ],
            "targetGroups": {"healthCheck": {"path": "/gateway", "codes": "200"}},
            "tags": {"team": "class"},
        })
    );
    assert_eq!(AwsLoadBalancerParametersSpec::default().over(&class), class);
}

/// The CRD refuses both at once, so both levels together must not come to that either.
#[test]
fn own_security_groups_and_source_ranges_replace_each_other() {
    let ranges = balancer(json!({"sourceRanges": ["10.0.0.0/8"]}));
    let groups = balancer(json!({"securityGroups": ["sg-0123456789abcdef0"]}));
    let found = groups.clone().over(&ranges);
    assert_eq!(
        (found.source_ranges, found.security_groups),
        (None, groups.security_groups.clone())
    );
    let found = ranges.clone().over(&groups);
    assert_eq!(
        (found.security_groups, found.source_ranges),
        (None, ranges.source_ranges)
    );
}

/// Likewise: addresses come from one pool.
#[test]
fn pools_of_addresses_replace_each_other() {
    let ipam = balancer(json!({"ipamPool": "ipam-pool-0123456789abcdef0"}));
    let owned = balancer(json!({"customerOwnedIpv4Pool": "ipv4pool-coip-0123456789abcdef0"}));
    let pools = |found: AwsLoadBalancerParametersSpec| (found.ipam_pool, found.customer_owned_ipv4_pool);
    assert_eq!(
        pools(owned.clone().over(&ipam)),
        (None, owned.customer_owned_ipv4_pool.clone())
    );
    assert_eq!(pools(ipam.clone().over(&owned)), (ipam.ipam_pool.clone(), None));
    assert_eq!(
        pools(AwsLoadBalancerParametersSpec::default().over(&owned)),
        (None, owned.customer_owned_ipv4_pool)
    );
}

#[test]
fn ipv6_is_merged_subnet_by_subnet() {
    let class = balancer(json!({"ipv6": [
        {"subnet": "subnet-0aaaaaaa", "sourceNatPrefix": "2001:db8:0:0:1::/80"},
        {"subnet": "subnet-0bbbbbbb", "address": "2001:db8:0:1::10"},
    ]}));
    let gateway = balancer(json!({"ipv6": [
        {"subnet": "subnet-0ccccccc", "address": "2001:db8:0:2::10"},
        {"subnet": "subnet-0aaaaaaa", "address": "2001:db8::10"},
    ]}));
    assert_eq!(
        serde_json::to_value(gateway.over(&class)).unwrap(),
        json!({"ipv6": [
            {"subnet": "subnet-0aaaaaaa", "address": "2001:db8::10", "sourceNatPrefix": "2001:db8:0:0:1::/80"},
            {"subnet": "subnet-0bbbbbbb", "address": "2001:db8:0:1::10"},
            {"subnet": "subnet-0ccccccc", "address": "2001:db8:0:2::10"},
        ]})
    );
}

/// What an administrator sets holds, also one of two that replace each other.
#[test]
fn a_class_wins_where_it_says_so() {
    let class = json!({
        "mergingMode": "PreferGatewayClass",
        "scheme": "Internal",
        "sourceRanges": ["10.0.0.0/8"],
        "listeners": [{"port": 443, "sslPolicy": "ELBSecurityPolicy-Class"}],
    });
    let gateway = json!({
        "scheme": "InternetFacing",
        "securityGroups": ["sg-0123456789abcdef0"],
        "ipAddressType": "Dualstack",
        "listeners": [{"port": 443, "sslPolicy": "ELBSecurityPolicy-Own", "attributes": {"a": "b"}}],
    });
    let found = balancer(gateway.clone()).with_class(&balancer(class));
    assert_eq!(
        serde_json::to_value(found).unwrap(),
        json!({
            "mergingMode": "PreferGatewayClass",
            "scheme": "Internal",
            "sourceRanges": ["10.0.0.0/8"],
            "ipAddressType": "Dualstack",
            "listeners": [{"port": 443, "sslPolicy": "ELBSecurityPolicy-Class", "attributes": {"a": "b"}}],
        })
    );
    let usual = balancer(json!({"mergingMode": "PreferGateway", "scheme": "Internal"}));
    assert_eq!(
        balancer(gateway).with_class(&usual).scheme,
        Some(Scheme::InternetFacing)
    );
    let own = balancer(json!({"mergingMode": "PreferGatewayClass"}));
    assert_eq!(own.class_only(), Some("spec.mergingMode"));
}

fn lattice(value: Value) -> AwsLatticeParametersSpec {
    serde_json::from_value(value).unwrap()
}

/// The CRD refuses a network for services that are in none, so both levels together must not come to that either.
#[test]
fn a_network_and_none_replace_each_other() {
    let merged = |mine: Value, base: Value| serde_json::to_value(lattice(mine).over(&lattice(base))).unwrap();
    let network = json!({"serviceNetwork": "sn-0123456789abcdef0", "vpc": "vpc-0123456789abcdef0"});
    assert_eq!(
        merged(json!({"standalone": true}), network.clone()),
        json!({"standalone": true, "vpc": "vpc-0123456789abcdef0"})
    );
    assert_eq!(merged(network.clone(), json!({"standalone": true})), network);
    let tags = json!({"tags": {"a": "b"}});
    assert_eq!(
        merged(tags, json!({"standalone": true})),
        json!({"tags": {"a": "b"}, "standalone": true})
    );
    let access = json!({"access": {"authPolicy": "{}"}, "securityGroups": ["sg-0123456789abcdef0"]});
    assert_eq!(
        merged(json!({"standalone": true}), access),
        json!({"standalone": true})
    );
}

#[test]
fn services_are_merged_host_by_host_and_their_tags_key_by_key() {
    let class = lattice(json!({"services": [
        {"hostname": "a.example", "name": "a-of-class", "tags": {"team": "x", "cost": "1"}},
        {"hostname": "b.example", "standalone": true},
    ]}));
    let own = lattice(json!({"services": [{"hostname": "a.example", "tags": {"cost": "2"}}]}));
    assert_eq!(
        serde_json::to_value(own.over(&class)).unwrap(),
        json!({"services": [
            {"hostname": "a.example", "name": "a-of-class", "tags": {"team": "x", "cost": "2"}},
            {"hostname": "b.example", "standalone": true},
        ]})
    );
}

/// The CRD refuses a name for a service that has one, so both levels together must not come to that either.
#[test]
fn a_name_and_a_service_that_exists_replace_each_other() {
    let arn = "arn:aws:vpc-lattice:eu-central-1:123456789012:service/svc-0123456789abcdef0";
    let service = |value: Value| lattice(json!({"services": [value]}));
    let named = service(json!({"hostname": "a.example", "name": "shop"}));
    let adopted = service(json!({"hostname": "a.example", "adopt": arn}));
    assert_eq!(named.clone().over(&adopted), named);
    assert_eq!(adopted.clone().over(&named), adopted);
    let tagged = service(json!({"hostname": "a.example", "tags": {"team": "x"}}));
    assert_eq!(
        tagged.over(&adopted),
        service(json!({"hostname": "a.example", "adopt": arn, "tags": {"team": "x"}}))
    );
}

/// Whoever checks nothing has none of what others say of checks.
#[test]
fn a_check_that_is_off_takes_nothing_over() {
    let class =
        lattice(json!({"targetGroups": {"healthCheck": {"path": "/class", "protocolVersion": "HTTP2"}}}));
    let off = lattice(json!({"targetGroups": {"healthCheck": {"enabled": false}}}));
    assert_eq!(
        serde_json::to_value(off.over(&class)).unwrap(),
        json!({"targetGroups": {"healthCheck": {"enabled": false}}})
    );
}
