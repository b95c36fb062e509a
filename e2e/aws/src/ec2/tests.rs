use super::*;
use crate::service::Settings;
use serde_json::json;

const NOW: u64 = 1_800_000_000_000;

struct World {
    account: Account,
    context: Context,
}

impl World {
    fn new() -> Self {
        let mut context = Context::for_test("123456789012", "eu-central-1", NOW);
        context.settings = Settings {
            interface_release_ms: 1000,
            security_group_visible_ms: 0,
            ..Settings::default()
        };
        let mut account = Account::default();
        account.ec2.ensure("123456789012", "eu-central-1");
        Self { account, context }
    }

    fn call(&mut self, operation: &str, input: Value) -> Result<Value, String> {
        let (_, handler) = OPERATIONS.iter().find(|(name, _)| *name == operation).unwrap();
        handler(&mut self.account, &self.context, &input).map_err(|error| error.code)
    }

    fn list(&mut self, operation: &str, member: &str, input: Value) -> Vec<Value> {
        let answer = self.call(operation, input).unwrap();
        answer.get(member).and_then(Value::as_array).unwrap().clone()
    }

    fn vpc(&mut self) -> String {
        first(&self.list("DescribeVpcs", "Vpcs", json!({})), "VpcId")
    }

    fn group(&mut self, name: &str) -> String {
        let vpc = self.vpc();
        let made = self.call(
            "CreateSecurityGroup",
            json!({"GroupName": name, "Description": "d", "VpcId": vpc}),
        );
        made.unwrap()["GroupId"].as_str().unwrap().to_owned()
    }
}

fn first(rows: &[Value], member: &str) -> String {
    rows[0][member].as_str().unwrap().to_owned()
}

fn tcp(port: u16, cidr: &str) -> Value {
    json!({"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]})
}

#[test]
fn a_fresh_account_is_as_eks_users_tag_theirs() {
    let mut world = World::new();
    for (role, public) in [
        ("kubernetes.io/role/elb", true),
        ("kubernetes.io/role/internal-elb", false),
    ] {
        let found = world.list(
            "DescribeSubnets",
            "Subnets",
            json!({"Filters": [
                {"Name": format!("tag:{role}"), "Values": ["", "1"]},
                {"Name": "tag-key", "Values": ["kubernetes.io/cluster/*"]},
            ]}),
        );
        let zones: Vec<_> = found
            .iter()
            .map(|s| s["AvailabilityZone"].as_str().unwrap().to_owned())
            .collect();
        let mut distinct = zones.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct, ["eu-central-1a", "eu-central-1b", "eu-central-1c"]);
        for subnet in &found {
            assert_eq!(subnet["MapPublicIpOnLaunch"], public);
            // /19 without the five that AWS keeps, and without the node of a private subnet.
            assert_eq!(
                subnet["AvailableIpAddressCount"],
                if public { 8187 } else { 8186 }
            );
            let id = subnet["SubnetId"].as_str().unwrap();
            let tables = world.list(
                "DescribeRouteTables",
                "RouteTables",
                json!({"Filters": [{"Name": "association.subnet-id", "Values": [id]}]}),
            );
            let to_gateway = tables[0]["Routes"].as_array().unwrap().iter().any(|route| {
                route["GatewayId"]
                    .as_str()
                    .is_some_and(|id| id.starts_with("igw-"))
            });
            assert_eq!(to_gateway, public);
            let subnet = world.account.ec2.subnet(id).unwrap().clone();
            assert_eq!(world.account.ec2.is_public(&subnet), public);
        }
    }
    let zone = world.list(
        "DescribeAvailabilityZones",
        "AvailabilityZones",
        json!({"Filters": [{"Name": "zone-id", "Values": ["euc1-az2"]}]}),
    );
    assert_eq!(first(&zone, "ZoneName"), "eu-central-1b");
    assert_eq!(
        world.list("DescribeInstances", "Reservations", json!({})).len(),
        3
    );
    assert_eq!(
        world
            .list("DescribeInternetGateways", "InternetGateways", json!({}))
            .len(),
        1
    );
}

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

#[test]
fn subnets_fill_up() {
    let mut world = World::new();
    let id = world.account.ec2.subnets.keys().next().unwrap().clone();
    let set = Change::SetFreeAddresses {
        subnet: id.clone(),
        free: 7,
    };
    world.account.ec2.change(set, &world.context).unwrap();
    let placement = Placement {
        owner: "app/x/1".into(),
        kind: BalancerKind::Application,
        internet_facing: false,
        subnets: vec![id.clone()],
        groups: vec![],
        fixed: BTreeMap::new(),
    };
    let refused = world
        .account
        .ec2
        .place_load_balancer(&placement, &world.context)
        .unwrap_err();
    assert_eq!(refused.code, "InvalidSubnet");
    world
        .account
        .ec2
        .change(Change::SetFreeAddresses { subnet: id, free: 8 }, &world.context)
        .unwrap();
    world
        .account
        .ec2
        .place_load_balancer(&placement, &world.context)
        .unwrap();
}

#[test]
fn tags_come_and_go() {
    let mut world = World::new();
    let id = world.group("web");
    let tag = |key: &str, value: Option<&str>| match value {
        Some(value) => json!({"Key": key, "Value": value}),
        None => json!({"Key": key}),
    };
    let on = |id: &str, tags: Vec<Value>| json!({"Resources": [id], "Tags": tags});
    world
        .call(
            "CreateTags",
            on(
                &id,
                vec![tag("a", Some("1")), tag("b", Some("2")), tag("c", Some(""))],
            ),
        )
        .unwrap();
    world
        .call(
            "DeleteTags",
            on(
                &id,
                vec![tag("a", Some("other")), tag("b", Some("2")), tag("c", None)],
            ),
        )
        .unwrap();
    let left = world.list(
        "DescribeTags",
        "Tags",
        json!({"Filters": [{"Name": "resource-id", "Values": [id]}]}),
    );
    assert_eq!(
        left,
        [json!({"ResourceId": id, "ResourceType": "security-group", "Key": "a", "Value": "1"})]
    );
    let many = |count: usize| (0..count).map(|n| tag(&format!("k{n}"), Some("v"))).collect();
    for (input, code) in [
        (on(&id, vec![tag("aws:x", Some("1"))]), "InvalidParameterValue"),
        (on(&id, vec![tag("AWS:x", Some("1"))]), "InvalidParameterValue"),
        (
            on(&id, vec![tag(&"k".repeat(129), None)]),
            "InvalidParameterValue",
        ),
        (
            on(&id, vec![tag("k", Some(&"v".repeat(257)))]),
            "InvalidParameterValue",
        ),
        (on(&id, many(50)), "TagLimitExceeded"),
        (on("sg-0123456789abcdef0", many(1)), "InvalidGroup.NotFound"),
        (on("what", many(1)), "InvalidID"),
    ] {
        assert_eq!(world.call("CreateTags", input), Err(code.to_owned()));
    }
    world.call("CreateTags", on(&id, many(49))).unwrap();
    // The group's name in AWS's scheme and its tags are what the tagging API tells.
    let arn = format!("arn:aws:ec2:eu-central-1:123456789012:security-group/{id}");
    assert!(
        world
            .account
            .ec2
            .tagged()
            .iter()
            .any(|(own, tags)| *own == arn && tags.len() == 50)
    );
}

#[test]
fn pages_go_on_behind_what_was_told() {
    let mut world = World::new();
    for n in 0..11 {
        world.group(&format!("g{n:02}"));
    }
    let input = |token: Option<&Value>| match token {
        Some(token) => json!({"MaxResults": 5, "NextToken": token}),
        None => json!({"MaxResults": 5}),
    };
    let mut told = Vec::new();
    let mut token = None;
    loop {
        let answer = world
            .call("DescribeSecurityGroups", input(token.as_ref()))
            .unwrap();
        let page = answer["SecurityGroups"].as_array().unwrap().clone();
        assert!(page.len() <= 5);
        told.extend(
            page.iter()
                .map(|group| group["GroupId"].as_str().unwrap().to_owned()),
        );
        // What is gone in between is no matter.
        if told.len() == 5 {
            world.account.ec2.groups.remove(&told[4]);
        }
        match answer.get("NextToken") {
            Some(next) => token = Some(next.clone()),
            None => break,
        }
    }
    let all: Vec<String> = world.account.ec2.groups.keys().cloned().collect();
    told.remove(4);
    assert_eq!(told, all);
    for (bad, code) in [
        (json!({"MaxResults": 4}), "InvalidParameterValue"),
        (json!({"MaxResults": 1001}), "InvalidParameterValue"),
        (json!({"NextToken": "nonsense"}), "InvalidNextToken"),
        (
            json!({"MaxResults": 5, "GroupIds": [all[0]]}),
            "InvalidParameterCombination",
        ),
        (
            json!({"Filters": [{"Name": "no-such", "Values": ["x"]}]}),
            "InvalidParameterValue",
        ),
        (
            json!({"GroupIds": ["sg-0123456789abcdef0"]}),
            "InvalidGroup.NotFound",
        ),
        (json!({"GroupIds": ["nonsense"]}), "InvalidGroupId.Malformed"),
    ] {
        assert_eq!(world.call("DescribeSecurityGroups", bad), Err(code.to_owned()));
    }
}

#[test]
fn addresses_are_had_by_one() {
    let mut world = World::new();
    let tags = json!([{"ResourceType": "elastic-ip", "Tags": [{"Key": "a", "Value": "b"}]}]);
    let made = world
        .call(
            "AllocateAddress",
            json!({"Domain": "vpc", "TagSpecifications": tags}),
        )
        .unwrap();
    let id = made["AllocationId"].as_str().unwrap().to_owned();
    let subnet = world.account.ec2.subnets.keys().next().unwrap().clone();
    let fixed = Fixed {
        allocation: Some(id.clone()),
        private: None,
    };
    let placement = Placement {
        owner: "net/x/1".into(),
        kind: BalancerKind::Network,
        internet_facing: true,
        subnets: vec![subnet.clone()],
        groups: vec![],
        fixed: BTreeMap::from([(subnet.clone(), fixed)]),
    };
    let placed = world
        .account
        .ec2
        .place_load_balancer(&placement, &world.context)
        .unwrap();
    assert_eq!(placed[&subnet].public.unwrap().to_string(), made["PublicIp"]);
    let other = Placement {
        owner: "net/y/2".into(),
        ..placement.clone()
    };
    let refused = world
        .account
        .ec2
        .place_load_balancer(&other, &world.context)
        .unwrap_err();
    assert_eq!(refused.code, "ResourceInUse");
    let release = json!({"AllocationId": id});
    assert_eq!(
        world.call("ReleaseAddress", release.clone()),
        Err("InvalidIPAddress.InUse".into())
    );
    let told = world.list("DescribeAddresses", "Addresses", json!({"AllocationIds": [id]}));
    assert_eq!(told[0]["NetworkInterfaceId"], placed[&subnet].interface.as_str());
    world.account.ec2.release_load_balancer("net/x/1", &world.context);
    world.call("ReleaseAddress", release.clone()).unwrap();
    assert_eq!(
        world.call("ReleaseAddress", release),
        Err("InvalidAllocationID.NotFound".into())
    );
    for _ in 0..5 {
        world.call("AllocateAddress", json!({})).unwrap();
    }
    assert_eq!(
        world.call("AllocateAddress", json!({})),
        Err("AddressLimitExceeded".into())
    );
}

#[test]
fn the_world_can_be_changed() {
    let mut world = World::new();
    let change = |text: Value| serde_json::from_value::<Change>(text).unwrap();
    let added = change(json!({"change": "add-vpc", "cidr": "10.0.0.0/16", "is_default": true}));
    let vpc = world.account.ec2.change(added, &world.context).unwrap()["id"].clone();
    let subnet = change(
        json!({"change": "add-subnet", "vpc": vpc, "zone": "eu-central-1a",
        "cidr": "10.0.1.0/24", "public": true, "tags": {"Name": "x"}}),
    );
    let id = world.account.ec2.change(subnet.clone(), &world.context).unwrap()["id"].clone();
    let again = world.account.ec2.change(subnet, &world.context).unwrap_err();
    assert_eq!(again.code, "InvalidSubnet.Conflict");
    let own = world.account.ec2.subnet(id.as_str().unwrap()).unwrap().clone();
    assert!(world.account.ec2.is_public(&own));
    // In a default VPC what is not there is only told.
    let made = world
        .call(
            "CreateSecurityGroup",
            json!({"GroupName": "x", "Description": "d"}),
        )
        .unwrap();
    let revoke = json!({"GroupId": made["GroupId"], "IpPermissions": [tcp(80, "0.0.0.0/0")]});
    let told = world.call("RevokeSecurityGroupIngress", revoke).unwrap();
    assert_eq!(told["UnknownIpPermissions"][0]["FromPort"], 80);
    let node = change(json!({"change": "add-instance", "subnet": id, "private": "127.0.0.5"}));
    let node = world.account.ec2.change(node, &world.context).unwrap()["id"].clone();
    let address = world
        .account
        .ec2
        .instance_address(node.as_str().unwrap())
        .unwrap();
    assert_eq!(address.to_string(), "127.0.0.5");
    let removed = change(json!({"change": "remove-subnet", "id": id}));
    let refused = world.account.ec2.change(removed, &world.context).unwrap_err();
    assert_eq!(refused.code, "DependencyViolation");
    let smaller = change(json!({"change": "rebuild", "cluster": "c", "range": "10.9.0.0/20", "zones": 2}));
    world.account.ec2.change(smaller, &world.context).unwrap();
    assert_eq!(world.list("DescribeSubnets", "Subnets", json!({})).len(), 4);
    // What is kept on disk is what was there.
    let kept = serde_json::to_string(&world.account.ec2).unwrap();
    let read: State = serde_json::from_str(&kept).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), kept);
}
