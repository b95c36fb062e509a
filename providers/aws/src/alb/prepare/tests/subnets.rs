//! Which subnets a load balancer stands in, and which VPC.

use super::*;

fn subnet(id: &str, zone: &str, tags: &[(&str, &str)]) -> SubnetDetails {
    SubnetDetails {
        id: id.into(),
        vpc: "vpc-1".into(),
        zone: zone.into(),
        block: "10.0.0.0/24".into(),
        free_addresses: 100,
        ipv6: false,
        block6: "".into(),
        outpost: id.starts_with("outpost"),
        public: id.starts_with("public"),
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
    }
}

fn place(scheme: Scheme, choice: Option<&SubnetChoice>) -> Place<'_> {
    Place {
        cluster: "blue",
        scheme,
        ip_address_type: IpAddressType::Ipv4,
        kind: BalancerKind::Application,
        choice,
        outpost: false,
        standing: &NOWHERE,
    }
}

static NOWHERE: BTreeSet<Str> = BTreeSet::new();

fn chosen(subnets: &[SubnetDetails], place: &Place<'_>) -> Vec<String> {
    let found = choose(subnets, place).unwrap();
    found.iter().map(|subnet| subnet.id.to_string()).collect()
}

#[test]
fn tagged_subnets_come_before_those_that_are_merely_reachable() {
    let role = [("kubernetes.io/role/internal-elb", "1")];
    let subnets = [
        subnet("private-1", "a", &[]),
        subnet("private-2", "b", &[]),
        subnet("tagged-1", "a", &role),
        subnet("tagged-2", "b", &role),
        subnet("public-1", "a", &[]),
        subnet("public-2", "b", &[]),
    ];
    assert_eq!(
        chosen(&subnets, &place(Scheme::Internal, None)),
        ["tagged-1", "tagged-2"]
    );
    let public = chosen(&subnets, &place(Scheme::InternetFacing, None));
    assert_eq!(public, ["public-1", "public-2"]);
}

#[test]
fn subnets_of_other_clusters_are_left_alone_and_our_own_come_first() {
    let ours = [("kubernetes.io/cluster/blue", "owned")];
    let theirs = [("kubernetes.io/cluster/green", "owned")];
    let alone = [subnet("b-0", "b", &theirs)];
    let error = choose(&alone, &place(Scheme::Internal, None)).unwrap_err();
    assert!(error.contains("1 of them tagged for other clusters"), "{error}");
    let subnets = [
        subnet("a-1", "a", &[]),
        subnet("a-2", "a", &ours),
        subnet("b-0", "b", &theirs),
        subnet("b-1", "b", &[]),
        subnet("b-2", "b", &[]),
    ];
    assert_eq!(chosen(&subnets, &place(Scheme::Internal, None)), ["a-2", "b-1"]);
}

/// "Subnets for your load balancer": two zones, eight free addresses.
#[test]
fn too_few_zones_are_told_with_what_there_is() {
    let mut subnets = [subnet("private-1", "a", &[]), subnet("private-2", "b", &[])];
    subnets[1].free_addresses = 7;
    let error = choose(&subnets, &place(Scheme::Internal, None)).unwrap_err();
    assert!(
        error.contains("zone a alone") && error.contains("spec.subnets.ids"),
        "{error}"
    );
    let dual = Place {
        ip_address_type: IpAddressType::Dualstack,
        ..place(Scheme::Internal, None)
    };
    let error = choose(&subnets, &dual).unwrap_err();
    assert!(error.contains("no zone") && error.contains("IPv6"), "{error}");
}

/// A load balancer that stands has its addresses, and pods use those that are left.
#[test]
fn a_load_balancer_stays_where_it_stands() {
    let role = [("kubernetes.io/role/internal-elb", "1")];
    let mut subnets = [
        subnet("a-2", "a", &role),
        subnet("b-2", "b", &role),
        subnet("c-2", "c", &role),
    ];
    let standing: BTreeSet<Str> = ["a-2", "b-2", "c-2"].map(Into::into).into();
    let standing_place = |choice| Place {
        standing: &standing,
        ..place(Scheme::Internal, choice)
    };
    // Its subnets fill up.
    subnets.iter_mut().for_each(|subnet| subnet.free_addresses = 0);
    assert!(choose(&subnets, &place(Scheme::Internal, None)).is_err());
    assert_eq!(chosen(&subnets, &standing_place(None)), ["a-2", "b-2", "c-2"]);
    // A tag is taken away, another subnet comes first by its tags and name.
    subnets[0].tags.clear();
    let mut more = subnets.to_vec();
    let ours = [
        ("kubernetes.io/role/internal-elb", "1"),
        ("kubernetes.io/cluster/blue", "owned"),
    ];
    more.push(subnet("a-1", "a", &ours));
    more.push(subnet("d-1", "d", &ours));
    assert_eq!(chosen(&more, &standing_place(None)), ["a-2", "b-2", "c-2", "d-1"]);
    // Who names others gets them.
    let ids = serde_json::from_value::<SubnetChoice>(json!({"ids": ["a-1", "b-2"]})).unwrap();
    assert_eq!(chosen(&more, &standing_place(Some(&ids))), ["a-1", "b-2"]);
}

#[test]
fn what_users_choose_counts() {
    let subnets = [
        subnet("s-1", "a", &[("tier", "edge")]),
        subnet("s-2", "b", &[("tier", "core")]),
        subnet("s-3", "b", &[("tier", "edge")]),
    ];
    let choice = |value| serde_json::from_value::<SubnetChoice>(value).unwrap();
    let ids = choice(json!({"ids": ["s-1", "s-2"]}));
    assert_eq!(
        chosen(&subnets, &place(Scheme::Internal, Some(&ids))),
        ["s-1", "s-2"]
    );
    let tags = choice(json!({"tags": {"tier": ["edge"]}}));
    assert_eq!(
        chosen(&subnets, &place(Scheme::Internal, Some(&tags))),
        ["s-1", "s-3"]
    );
    let any = choice(json!({"tags": {"tier": []}}));
    assert_eq!(
        chosen(&subnets, &place(Scheme::Internal, Some(&any))),
        ["s-1", "s-2"]
    );
    let error = |value| {
        let choice = choice(value);
        choose(&subnets, &place(Scheme::Internal, Some(&choice))).unwrap_err()
    };
    assert!(error(json!({"ids": ["s-1", "s-9"]})).contains("s-9 is not in the VPC"));
    assert!(error(json!({"ids": ["s-2", "s-3"]})).contains("both in zone b"));
}

/// "\[Application Load Balancers on Outposts\] You must specify one Outpost subnet" (`API_CreateLoadBalancer`).
#[test]
fn on_an_outpost_it_is_one_subnet() {
    let role = [("kubernetes.io/role/internal-elb", "1")];
    let subnets = [
        subnet("a-1", "a", &role),
        subnet("b-1", "b", &role),
        subnet("outpost-1", "b", &role),
        subnet("outpost-2", "c", &[]),
    ];
    let on_it = |choice| Place {
        outpost: true,
        ..place(Scheme::Internal, choice)
    };
    // Who asks for nothing stands in the region, and who asks for a pool of the Outpost on the Outpost.
    assert_eq!(chosen(&subnets, &place(Scheme::Internal, None)), ["a-1", "b-1"]);
    assert_eq!(chosen(&subnets, &on_it(None)), ["outpost-1"]);
    let choice = |ids| serde_json::from_value::<SubnetChoice>(json!({"ids": ids})).unwrap();
    let one = choice(json!(["outpost-2"]));
    for place in [place(Scheme::Internal, Some(&one)), on_it(Some(&one))] {
        assert_eq!(chosen(&subnets, &place), ["outpost-2"]);
    }
    let two = choice(json!(["outpost-1", "outpost-2"]));
    let mixed = choice(json!(["a-1", "outpost-1"]));
    for ids in [&two, &mixed] {
        let error = choose(&subnets, &place(Scheme::Internal, Some(ids))).unwrap_err();
        assert!(error.contains("stands in one subnet"), "{error}");
    }
    let region = choice(json!(["a-1"]));
    let error = choose(&subnets, &on_it(Some(&region))).unwrap_err();
    assert!(error.contains("a-1 is of no AWS Outpost"), "{error}");
    let error = choose(&subnets[..2], &on_it(None)).unwrap_err();
    assert!(error.contains("no subnet of an AWS Outpost"), "{error}");
    // A Network Load Balancer has no such rule.
    let network = Place {
        kind: BalancerKind::Network,
        ..place(Scheme::Internal, Some(&two))
    };
    assert_eq!(chosen(&subnets, &network), ["outpost-1", "outpost-2"]);
}

#[test]
fn a_vpc_that_is_not_there_or_not_named_is_told() {
    let memory = Arc::new(Memory::default());
    let prepared = |vpc: Option<&str>| {
        let settings = crate::alb::Settings {
            cluster: "blue".into(),
            drain: std::time::Duration::ZERO,
            vpc: vpc.map(Into::into),
        };
        let driver = ElbDriver::new(Connection(Arc::clone(&memory)), settings, || 0);
        let request = contract::Request {
            balancer: Arc::new(balancer()),
            uid: "".into(),
            parameters: Parameters::None,
        };
        drive(driver.prepare(&request)).unwrap()
    };
    let error = prepared(Some("vpc-0123456789abcdef0")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert_eq!(
        error.to_string(),
        "VPC vpc-0123456789abcdef0: does not exist in this account and region"
    );
    let error = prepared(None).unwrap_err();
    assert!(
        error.message.contains("set vpc in AwsLoadBalancerParameters"),
        "{error}"
    );
    // One that is there is not complained of, but what it lacks is.
    let error = prepared(Some("vpc-1")).unwrap_err();
    assert!(error.to_string().starts_with("subnets of vpc-1: "), "{error}");
}
