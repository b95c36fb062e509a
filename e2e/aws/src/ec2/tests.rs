mod groups;

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
