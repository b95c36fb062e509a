use super::{Bench, merge, text};
use serde_json::{Value, json};

fn create(bench: &Bench, more: Value) -> Value {
    let mut input = json!({"Name": "shop", "Subnets": bench.subnets()});
    merge(&mut input, more);
    input
}

/// `API_CreateLoadBalancer`: "If you attempt to create multiple load balancers with the same settings, each call
/// succeeds."
#[test]
fn creation_is_idempotent_for_the_same_settings_only() {
    let mut bench = Bench::new();
    let first = bench.ok("CreateLoadBalancer", create(&bench, json!({})));
    let mut reversed = bench.subnets();
    reversed.reverse();
    let again = bench.ok("CreateLoadBalancer", create(&bench, json!({"Subnets": reversed})));
    assert_eq!(
        first["LoadBalancers"][0]["LoadBalancerArn"],
        again["LoadBalancers"][0]["LoadBalancerArn"]
    );
    let internal = create(&bench, json!({"Scheme": "internal"}));
    assert_eq!(
        bench.code("CreateLoadBalancer", internal),
        "DuplicateLoadBalancerName"
    );
    assert_eq!(bench.account.elb.balancers().len(), 1);
}

#[test]
fn names_are_checked_as_documented() {
    let mut bench = Bench::new();
    for name in ["", "-a", "a-", "a_b", "internal-a", &"a".repeat(33), "a b"] {
        let input = create(&bench, json!({"Name": name}));
        assert_eq!(
            bench.code("CreateLoadBalancer", input),
            "ValidationError",
            "{name}"
        );
    }
    let input = create(&bench, json!({"Name": "a".repeat(32)}));
    bench.ok("CreateLoadBalancer", input);
}

#[test]
fn subnets_must_be_of_two_zones_one_in_each_and_exist() {
    let mut bench = Bench::new();
    let all: Vec<(String, String)> = bench
        .account
        .ec2
        .subnets()
        .map(|subnet| (subnet.id.clone(), subnet.zone.clone()))
        .collect();
    let twice: Vec<&String> = all
        .iter()
        .filter(|(_, zone)| *zone == all[0].1)
        .map(|(id, _)| id)
        .collect();
    let one = create(&bench, json!({"Subnets": [all[0].0]}));
    assert_eq!(bench.code("CreateLoadBalancer", one), "ValidationError");
    let same = create(&bench, json!({"Subnets": twice}));
    assert_eq!(
        bench.code("CreateLoadBalancer", same),
        "InvalidConfigurationRequest"
    );
    let unknown = create(&bench, json!({"Subnets": ["subnet-0", all[0].0]}));
    assert_eq!(bench.code("CreateLoadBalancer", unknown), "SubnetNotFound");
    let none = create(&bench, json!({"Subnets": null}));
    assert_eq!(bench.code("CreateLoadBalancer", none), "ValidationError");
    let both = create(&bench, json!({"SubnetMappings": [{"SubnetId": all[0].0}]}));
    assert_eq!(bench.code("CreateLoadBalancer", both), "ValidationError");
    let group = create(&bench, json!({"SecurityGroups": ["sg-0"]}));
    assert_eq!(bench.code("CreateLoadBalancer", group), "InvalidSecurityGroup");
    let dual = create(&bench, json!({"IpAddressType": "dualstack"}));
    assert_eq!(bench.code("CreateLoadBalancer", dual), "ValidationError");
    assert!(bench.account.elb.balancers().is_empty());
}

/// `API_LoadBalancerState`: "The initial state of the load balancer is provisioning. After the load balancer is fully
/// set up and ready to route traffic, its state is active."
#[test]
fn it_is_provisioning_then_active_and_has_its_dns_name_at_once() {
    let mut bench = Bench::new();
    bench.context.settings.load_balancer_provisioning_ms = 1000;
    let arn = bench.balancer("shop");
    let state = |bench: &mut Bench| {
        let told = bench.ok("DescribeLoadBalancers", json!({"LoadBalancerArns": [arn]}));
        text(&told["LoadBalancers"][0]["State"]["Code"])
    };
    assert_eq!(state(&mut bench), "provisioning");
    bench.context.now += 1000;
    assert_eq!(state(&mut bench), "active");
    let told = bench.ok("DescribeLoadBalancers", json!({"Names": ["shop"]}));
    let name = text(&told["LoadBalancers"][0]["DNSName"]);
    assert!(
        name.starts_with("shop-") && name.ends_with(".eu-central-1.elb.amazonaws.com"),
        "{name}"
    );
}

/// `API_DeleteLoadBalancer`: "You can't delete a load balancer if deletion protection is enabled. If the load balancer
/// does not exist or has already been deleted, the call succeeds."
#[test]
fn deletion_is_idempotent_takes_listeners_and_respects_protection() {
    let mut bench = Bench::new();
    let arn = bench.balancer("shop");
    let listener = bench.listener(&arn, 80);
    let group = bench.group("pods");
    let rule = json!({"ListenerArn": listener, "Priority": 1, "Conditions": [super::path("/")], "Actions": [super::forward(&group)]});
    bench.ok("CreateRule", rule);
    let protect = |value: &str| json!({"LoadBalancerArn": arn, "Attributes": [{"Key": "deletion_protection.enabled", "Value": value}]});
    bench.ok("ModifyLoadBalancerAttributes", protect("true"));
    assert_eq!(
        bench.code("DeleteLoadBalancer", json!({"LoadBalancerArn": arn})),
        "OperationNotPermitted"
    );
    bench.ok("ModifyLoadBalancerAttributes", protect("false"));
    assert_eq!(
        bench.code("DeleteTargetGroup", json!({"TargetGroupArn": group})),
        "ResourceInUse"
    );
    bench.ok("DeleteLoadBalancer", json!({"LoadBalancerArn": arn}));
    bench.ok("DeleteLoadBalancer", json!({"LoadBalancerArn": arn}));
    assert_eq!(
        bench.code("DescribeListeners", json!({"ListenerArns": [listener]})),
        "ListenerNotFound"
    );
    assert_eq!(
        bench.code("DescribeLoadBalancers", json!({"LoadBalancerArns": [arn]})),
        "LoadBalancerNotFound"
    );
    bench.ok("DeleteTargetGroup", json!({"TargetGroupArn": group}));
    assert_eq!(
        bench.code("DeleteLoadBalancer", json!({"LoadBalancerArn": "shop"})),
        "ValidationError"
    );
}

/// A load balancer holds network interfaces, so that its groups cannot be deleted, nor its subnets.
#[test]
fn it_holds_network_interfaces_until_a_while_after_its_deletion() {
    let mut bench = Bench::new();
    let arn = bench.balancer("shop");
    let held = |bench: &Bench| {
        bench
            .account
            .ec2
            .interfaces()
            .filter(|interface| interface.description.starts_with("ELB app/shop/"))
            .count()
    };
    assert_eq!(held(&bench), bench.subnets().len());
    bench.ok("DeleteLoadBalancer", json!({"LoadBalancerArn": arn}));
    bench.context.now += bench.context.settings.interface_release_ms + 1;
    bench.balancer("other");
    assert_eq!(held(&bench), 0);
}

#[test]
fn lists_are_paged() {
    let mut bench = Bench::new();
    for number in 0..5 {
        bench.balancer(&format!("lb-{number}"));
    }
    let mut names = Vec::new();
    let mut marker = None;
    loop {
        let mut input = json!({"PageSize": 2});
        if let Some(marker) = &marker {
            merge(&mut input, json!({"Marker": marker}));
        }
        let page = bench.ok("DescribeLoadBalancers", input);
        names.extend(
            page["LoadBalancers"]
                .as_array()
                .unwrap()
                .iter()
                .map(|told| text(&told["LoadBalancerName"])),
        );
        marker = page.get("NextMarker").map(text);
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(names, ["lb-0", "lb-1", "lb-2", "lb-3", "lb-4"]);
    assert_eq!(
        bench.code("DescribeLoadBalancers", json!({"Marker": "x"})),
        "ValidationError"
    );
    let arns: Vec<String> = (0..21)
        .map(|_| "arn:aws:elasticloadbalancing:r:111122223333:loadbalancer/app/a/b".to_owned())
        .collect();
    assert_eq!(
        bench.code("DescribeLoadBalancers", json!({"LoadBalancerArns": arns})),
        "ValidationError"
    );
}

#[test]
fn subnets_and_security_groups_can_be_set() {
    let mut bench = Bench::new();
    let arn = bench.balancer("shop");
    let two: Vec<String> = bench.subnets().into_iter().take(2).collect();
    let told = bench.ok("SetSubnets", json!({"LoadBalancerArn": arn, "Subnets": two}));
    assert_eq!(told["AvailabilityZones"].as_array().unwrap().len(), 2);
    assert_eq!(
        bench.code("SetSubnets", json!({"LoadBalancerArn": arn, "Subnets": [two[0]]})),
        "ValidationError"
    );
    assert_eq!(
        bench.code(
            "SetSecurityGroups",
            json!({"LoadBalancerArn": arn, "SecurityGroups": []})
        ),
        "ValidationError"
    );
    let group = bench.account.ec2.groups().next().unwrap().id.clone();
    let told = bench.ok(
        "SetSecurityGroups",
        json!({"LoadBalancerArn": arn, "SecurityGroups": [group]}),
    );
    assert_eq!(told["SecurityGroupIds"], json!([group]));
}

/// `API_CreateLoadBalancer`, `API_SetSubnets`: "\[Application Load Balancers on Outposts\] You must specify one Outpost subnet",
/// `CustomerOwnedIpv4Pool` is of these.
#[test]
fn on_an_outpost_it_has_one_subnet_and_may_have_a_pool() {
    let mut bench = Bench::new();
    let subnets = bench.subnets();
    let pool = "ipv4pool-coip-0123456789abcdef0";
    let outpost = "arn:aws:outposts:eu-central-1:111122223333:outpost/op-0123456789abcdef0".to_owned();
    let change = crate::ec2::Change::SetOutpost {
        subnet: subnets[2].clone(),
        outpost: Some(outpost.clone()),
    };
    bench.account.ec2.change(change, &bench.context).unwrap();
    let asked = json!({"SubnetIds": [subnets[2]]});
    let mut of_ec2 = crate::ec2::OPERATIONS.iter();
    let (_, describe) = of_ec2.find(|(name, _)| *name == "DescribeSubnets").unwrap();
    let told = describe(&mut bench.account, &bench.context, &asked).unwrap();
    assert_eq!(told["Subnets"][0]["OutpostArn"], outpost);

    let with = |name: &str, ids: &[String], pool: Option<&str>| {
        let mut input = json!({"Name": name, "Subnets": ids});
        if let Some(pool) = pool {
            input["CustomerOwnedIpv4Pool"] = json!(pool);
        }
        input
    };
    let mixed = with("x", &subnets[1..3], None);
    assert_eq!(bench.code("CreateLoadBalancer", mixed), "ValidationError");
    let region = with("x", &subnets[..2], Some(pool));
    assert_eq!(
        bench.code("CreateLoadBalancer", region),
        "InvalidConfigurationRequest"
    );
    let odd = with("x", &subnets[2..3], Some("coip-1"));
    assert_eq!(bench.code("CreateLoadBalancer", odd), "ValidationError");
    let mut network = with("x", &subnets[2..3], Some(pool));
    network["Type"] = json!("network");
    assert_eq!(
        bench.code("CreateLoadBalancer", network),
        "InvalidConfigurationRequest"
    );

    let wanted = with("edge", &subnets[2..3], Some(pool));
    let made = bench.ok("CreateLoadBalancer", wanted.clone());
    assert_eq!(made["LoadBalancers"][0]["CustomerOwnedIpv4Pool"], pool);
    let again = bench.ok("CreateLoadBalancer", wanted);
    let arn = &again["LoadBalancers"][0]["LoadBalancerArn"];
    assert_eq!(*arn, made["LoadBalancers"][0]["LoadBalancerArn"]);
    assert_eq!(
        bench.code("CreateLoadBalancer", with("edge", &subnets[2..3], None)),
        "DuplicateLoadBalancerName"
    );
    assert_eq!(
        bench.code(
            "SetSubnets",
            json!({"LoadBalancerArn": arn, "Subnets": [subnets[1], subnets[2]]})
        ),
        "ValidationError"
    );
}

/// `guide/load-balancer-tags`: no key twice, none of AWS's, at most 50; `API_DescribeTags`: at most 20 resources.
#[test]
fn tags_follow_the_rules() {
    let mut bench = Bench::new();
    let arn = bench.balancer("shop");
    let add = |tags: Value| json!({"ResourceArns": [arn], "Tags": tags});
    bench.ok("AddTags", add(json!([{"Key": "a", "Value": "1"}, {"Key": "b"}])));
    bench.ok("AddTags", add(json!([{"Key": "a", "Value": "2"}])));
    let told = bench.ok("DescribeTags", json!({"ResourceArns": [arn]}));
    assert_eq!(
        told["TagDescriptions"][0]["Tags"],
        json!([{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}])
    );
    assert_eq!(
        bench.code("AddTags", add(json!([{"Key": "a"}, {"Key": "a"}]))),
        "DuplicateTagKeys"
    );
    assert_eq!(
        bench.code("AddTags", add(json!([{"Key": "aws:x"}]))),
        "ValidationError"
    );
    let many: Vec<Value> = (0..49)
        .map(|number| json!({"Key": format!("k{number}")}))
        .collect();
    assert_eq!(bench.code("AddTags", add(json!(many))), "TooManyTags");
    bench.ok(
        "RemoveTags",
        json!({"ResourceArns": [arn], "TagKeys": ["a", "nothing"]}),
    );
    assert_eq!(bench.account.elb.tags_of(&arn).len(), 1);
    assert_eq!(
        bench.code("DescribeTags", json!({"ResourceArns": vec![arn.clone(); 21]})),
        "ValidationError"
    );
    assert_eq!(
        bench.code("DescribeTags", json!({"ResourceArns": [format!("{arn}x")]})),
        "LoadBalancerNotFound"
    );
}
