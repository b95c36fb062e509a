//! Security groups.

use super::*;

#[test]
fn groups_are_unique_by_name_and_named_well() {
    let mut world = World::new();
    let vpc = world.vpc();
    let id = world.group("web");
    let create = |name: &str, description: &str, vpc: &str| json!({"GroupName": name, "Description": description, "VpcId": vpc});
    for (input, code) in [
        (create("WEB", "d", &vpc), "InvalidGroup.Duplicate"),
        (create("sg-web", "d", &vpc), "InvalidParameterValue"),
        (create("default", "d", &vpc), "InvalidParameterValue"),
        (create("snow\u{2603}", "d", &vpc), "InvalidParameterValue"),
        (create("x", "", &vpc), "InvalidParameterValue"),
        (create(&"x".repeat(256), "d", &vpc), "InvalidParameterValue"),
        (create("x", "d", "vpc-0123456789abcdef0"), "InvalidVpcID.NotFound"),
        (create("x", "d", "vpc-nonsense"), "InvalidVpcID.Malformed"),
        (json!({"GroupName": "x", "Description": "d"}), "VPCIdNotSpecified"),
        (
            json!({"GroupName": "x", "Description": "d", "VpcId": vpc, "DryRun": true}),
            "DryRunOperation",
        ),
        (
            json!({"GroupName": "x", "Description": "d", "VpcId": vpc,
                   "TagSpecifications": [{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "b"}]}]}),
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(
            world.call("CreateSecurityGroup", input.clone()),
            Err(code.to_owned()),
            "{input}"
        );
    }
    let found = world.list(
        "DescribeSecurityGroups",
        "SecurityGroups",
        json!({"GroupIds": [id]}),
    );
    assert_eq!(found[0]["IpPermissionsEgress"][0]["IpProtocol"], "-1");
    assert_eq!(found[0]["IpPermissions"], json!([]));
}

#[test]
fn rules_are_canonical_and_not_twice() {
    let mut world = World::new();
    let id = world.group("web");
    let other = world.group("other");
    let permissions = json!([
        tcp(80, "10.0.0.9/8"),
        {"IpProtocol": "6", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "2001:db8::1/32"}],
         "UserIdGroupPairs": [{"GroupId": other, "Description": "from the other"}]},
    ]);
    let input = json!({"GroupId": id, "IpPermissions": permissions});
    let made = world
        .call("AuthorizeSecurityGroupIngress", input.clone())
        .unwrap();
    let rules = made["SecurityGroupRules"].as_array().unwrap();
    assert_eq!(rules.len(), 3);
    assert_eq!(rules[0]["CidrIpv4"], "10.0.0.0/8");
    assert_eq!(rules[1]["CidrIpv6"], "2001:db8::/32");
    assert_eq!(
        world.call("AuthorizeSecurityGroupIngress", input),
        Err("InvalidPermission.Duplicate".into())
    );
    // A new rule beside an old one: nothing is added.
    let mixed = json!({"GroupId": id, "IpPermissions": [tcp(81, "0.0.0.0/0"), tcp(80, "10.1.2.3/8")]});
    assert_eq!(
        world.call("AuthorizeSecurityGroupIngress", mixed),
        Err("InvalidPermission.Duplicate".into())
    );
    let held = world.list(
        "DescribeSecurityGroupRules",
        "SecurityGroupRules",
        json!({"Filters": [{"Name": "group-id", "Values": [id]}]}),
    );
    assert_eq!(held.len(), 4, "three and the one for what goes out");
    for (permission, code) in [
        (json!([tcp(80, "1.2.3.4/33")]), "InvalidParameterValue"),
        (
            json!([tcp(1, "1.2.3.4/32"), tcp(1, "1.2.3.4/32")]),
            "InvalidParameterValue",
        ),
        (
            json!([{"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]),
            "InvalidParameterValue",
        ),
        (
            json!([{"IpProtocol": "tcp", "FromPort": 9, "ToPort": 8, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]),
            "InvalidParameterValue",
        ),
        (
            json!([{"IpProtocol": "tcp", "FromPort": 9, "ToPort": 9}]),
            "MissingParameter",
        ),
        (
            json!([{"IpProtocol": "what", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]),
            "InvalidParameterValue",
        ),
        (
            json!([{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-0123456789abcdef0"}]}]),
            "InvalidGroup.NotFound",
        ),
        (
            json!([{"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0"}]}]),
            "InvalidPrefixListID.NotFound",
        ),
    ] {
        let input = json!({"GroupId": id, "IpPermissions": permission});
        assert_eq!(
            world.call("AuthorizeSecurityGroupIngress", input.clone()),
            Err(code.into()),
            "{input}"
        );
    }
}

#[test]
fn a_group_holds_as_many_rules_as_its_quota_for_each_family() {
    let mut world = World::new();
    let id = world.group("web");
    let many: Vec<Value> = (0..60).map(|n| tcp(n, "0.0.0.0/0")).collect();
    let input = json!({"GroupId": id, "IpPermissions": many});
    world.call("AuthorizeSecurityGroupIngress", input).unwrap();
    let one = |permission: Value| json!({"GroupId": id, "IpPermissions": [permission]});
    assert_eq!(
        world.call("AuthorizeSecurityGroupIngress", one(tcp(99, "0.0.0.0/0"))),
        Err("RulesPerSecurityGroupLimitExceeded".into())
    );
    let v6 = json!({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]});
    world.call("AuthorizeSecurityGroupIngress", one(v6)).unwrap();
    crate::quotas::set(&mut world.account, "L-0EA8095F", 61).unwrap();
    world
        .call("AuthorizeSecurityGroupIngress", one(tcp(99, "0.0.0.0/0")))
        .unwrap();
    // A prefix list counts as often as it has entries.
    let list = world.account.ec2.prefix_lists.keys().next().unwrap().clone();
    let prefixes = json!({"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": list}]});
    assert_eq!(
        world.call("AuthorizeSecurityGroupIngress", one(prefixes.clone())),
        Err("RulesPerSecurityGroupLimitExceeded".into())
    );
    crate::quotas::set(&mut world.account, "L-0EA8095F", 116).unwrap();
    world
        .call("AuthorizeSecurityGroupIngress", one(prefixes))
        .unwrap();
}

#[test]
fn revoking_needs_an_exact_match() {
    let mut world = World::new();
    let id = world.group("web");
    let permission = json!({"GroupId": id, "IpPermissions": [tcp(80, "0.0.0.0/0")]});
    let made = world
        .call("AuthorizeSecurityGroupIngress", permission.clone())
        .unwrap();
    let wrong = json!({"GroupId": id, "IpPermissions": [tcp(81, "0.0.0.0/0")]});
    assert_eq!(
        world.call("RevokeSecurityGroupIngress", wrong),
        Err("InvalidPermission.NotFound".into())
    );
    let gone = world
        .call("RevokeSecurityGroupIngress", permission.clone())
        .unwrap();
    assert_eq!(gone["RevokedSecurityGroupRules"][0]["CidrIpv4"], "0.0.0.0/0");
    assert_eq!(
        world.call("RevokeSecurityGroupIngress", permission),
        Err("InvalidPermission.NotFound".into())
    );
    let by_id = |id: &str, rule: &Value| json!({"GroupId": id, "SecurityGroupRuleIds": [rule]});
    assert_eq!(
        world.call(
            "RevokeSecurityGroupIngress",
            by_id(&id, &made["SecurityGroupRules"][0]["SecurityGroupRuleId"])
        ),
        Err("InvalidSecurityGroupRuleId.NotFound".into())
    );
    let egress = world.list(
        "DescribeSecurityGroupRules",
        "SecurityGroupRules",
        json!({"Filters": [{"Name": "group-id", "Values": [id]}]}),
    );
    world
        .call(
            "RevokeSecurityGroupEgress",
            by_id(&id, &egress[0]["SecurityGroupRuleId"]),
        )
        .unwrap();
    let empty = json!({"GroupId": id});
    assert_eq!(
        world.call("RevokeSecurityGroupIngress", empty),
        Err("MissingParameter".into())
    );
}

#[test]
fn a_group_in_use_stays() {
    let mut world = World::new();
    let (id, other) = (world.group("web"), world.group("other"));
    let names = json!({"GroupId": other, "IpPermissions": [
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": id}]}]});
    world
        .call("AuthorizeSecurityGroupIngress", names.clone())
        .unwrap();
    let delete = json!({"GroupId": id});
    assert_eq!(
        world.call("DeleteSecurityGroup", delete.clone()),
        Err("DependencyViolation".into())
    );
    world.call("RevokeSecurityGroupIngress", names).unwrap();
    let subnets: Vec<String> = world.account.ec2.subnets.keys().take(2).cloned().collect();
    let before = world
        .account
        .ec2
        .free_addresses(&world.account.ec2.subnets[&subnets[0]]);
    let mut placement = Placement {
        owner: "app/web/50dc6c495c0c9188".into(),
        kind: BalancerKind::Application,
        internet_facing: true,
        subnets: subnets.clone(),
        groups: vec![id.clone()],
        fixed: BTreeMap::new(),
    };
    let placed = world
        .account
        .ec2
        .place_load_balancer(&placement, &world.context)
        .unwrap();
    assert!(placed.values().all(|placed| placed.public.is_some()));
    // Doing it again changes nothing.
    assert_eq!(
        world
            .account
            .ec2
            .place_load_balancer(&placement, &world.context)
            .unwrap(),
        placed
    );
    assert_eq!(
        world
            .account
            .ec2
            .free_addresses(&world.account.ec2.subnets[&subnets[0]]),
        before - 1
    );
    let filters = json!({"Filters": [{"Name": "description", "Values": ["ELB app/web/50dc6c495c0c9188"]}]});
    let interfaces = world.list("DescribeNetworkInterfaces", "NetworkInterfaces", filters.clone());
    assert_eq!(interfaces.len(), 2);
    assert_eq!(interfaces[0]["RequesterManaged"], true);
    assert_eq!(interfaces[0]["Groups"][0]["GroupName"], "web");
    assert_eq!(
        world.call("DeleteSecurityGroup", delete.clone()),
        Err("DependencyViolation".into())
    );
    // Another group, one subnet less: the interface that is given up lingers, and so does its group.
    placement.groups = vec![other.clone()];
    placement.subnets.pop();
    world
        .account
        .ec2
        .place_load_balancer(&placement, &world.context)
        .unwrap();
    assert_eq!(
        world.call("DeleteSecurityGroup", delete.clone()),
        Err("DependencyViolation".into())
    );
    world.context.now += 1000;
    world.call("DeleteSecurityGroup", delete.clone()).unwrap();
    assert_eq!(
        world.call("DeleteSecurityGroup", delete),
        Err("InvalidGroup.NotFound".into())
    );
    world
        .account
        .ec2
        .release_load_balancer(&placement.owner, &world.context);
    assert_eq!(
        world
            .list("DescribeNetworkInterfaces", "NetworkInterfaces", filters.clone())
            .len(),
        1
    );
    world.context.now += 1000;
    assert!(
        world
            .list("DescribeNetworkInterfaces", "NetworkInterfaces", filters)
            .is_empty()
    );
    let default = world.list(
        "DescribeSecurityGroups",
        "SecurityGroups",
        json!({"Filters": [{"Name": "group-name", "Values": ["default"]}]}),
    );
    assert_eq!(
        world.call("DeleteSecurityGroup", json!({"GroupId": default[0]["GroupId"]})),
        Err("CannotDelete".into())
    );
}

#[test]
fn a_new_group_is_unknown_for_a_while() {
    let mut world = World::new();
    world.context.settings.security_group_visible_ms = 500;
    let id = world.group("web");
    let by_id = json!({"GroupIds": [id]});
    assert_eq!(
        world.call("DescribeSecurityGroups", by_id.clone()),
        Err("InvalidGroup.NotFound".into())
    );
    let rule = json!({"GroupId": id, "IpPermissions": [tcp(80, "0.0.0.0/0")]});
    assert_eq!(
        world.call("AuthorizeSecurityGroupIngress", rule.clone()),
        Err("InvalidGroup.NotFound".into())
    );
    assert!(world.account.ec2.group(&id, &world.context).is_none());
    let vpc = world.vpc();
    let again = json!({"GroupName": "web", "Description": "d", "VpcId": vpc});
    assert_eq!(
        world.call("CreateSecurityGroup", again),
        Err("InvalidGroup.Duplicate".into())
    );
    world.context.now += 500;
    world.call("AuthorizeSecurityGroupIngress", rule).unwrap();
    assert_eq!(
        world
            .list("DescribeSecurityGroups", "SecurityGroups", by_id)
            .len(),
        1
    );
}
