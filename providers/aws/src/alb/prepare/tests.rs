use super::*;
use crate::cloud::{Arn, Balancers, Kind, NewBalancer, Tagging};
use crate::memory::{Connection, Delays, Memory};
use crate::owner::{CLUSTER, GATEWAY, Tags};
use gatewright_aws_core::access::Backend;
use gatewright_aws_core::alb::settings::Approximations;
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::network::{BalancerKind, IpAddressType, Scheme, SecurityGroups};
use gatewright_crds::own::AwsTargetGroupParametersSpec;
use gatewright_crds::own::aws::SubnetChoice;
use gatewright_model::LoadBalancer;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ListenerParent, ObjectName};
use gatewright_model::listener::{Listener, ListenerTls, Protocol, TlsTermination};
use gatewright_provider_api::suite::drive;
use serde_json::json;

fn subnet(id: &str, zone: &str, tags: &[(&str, &str)]) -> SubnetDetails {
    SubnetDetails {
        id: id.into(),
        vpc: "vpc-1".into(),
        zone: zone.into(),
        block: "10.0.0.0/24".into(),
        free_addresses: 100,
        ipv6: false,
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

fn balancer() -> LoadBalancer {
    LoadBalancer {
        gateway: ObjectName::new("n", "g"),
        class: "c".into(),
        controller: "gatewright.dev/aws-alb".into(),
        addresses: Vec::new(),
        infrastructure: gatewright_model::balancer::Infrastructure::default(),
        listeners: BTreeMap::new(),
        http_routes: BTreeMap::new(),
        stream_routes: BTreeMap::new(),
        backends: BTreeMap::new(),
        certificates: BTreeMap::new(),
        backend_client_certificate: None,
        tracing: None,
    }
}

/// The order of precedence that the reference of the parameters promises.
#[test]
fn settings_of_a_service_win_over_those_of_the_load_balancer() {
    let spec = serde_json::from_value(json!({
        "scheme": "InternetFacing",
        "sourceRanges": ["10.0.0.0/8"],
        "listeners": [{"port": 443, "sslPolicy": "ELBSecurityPolicy-X", "mutualTls": "Passthrough"}],
        "targetGroups": {"healthCheck": {"path": "/all", "codes": "200"}, "attributes": {"a": "1", "b": "1"}},
        "strict": true,
    }))
    .unwrap();
    let service: AwsTargetGroupParametersSpec = serde_json::from_value(json!({
        "targetRefs": [{"name": "cart"}],
        "settings": {"healthCheck": {"path": "/cart"}, "attributes": {"b": "2"}},
    }))
    .unwrap();
    let cart = ObjectName::new("shop", "cart");
    let parameters = AwsAlb {
        balancer: spec,
        target_groups: BTreeMap::from([(cart.clone(), Arc::new(service))]),
        ..AwsAlb::default()
    };
    let found = settings("blue", &balancer(), &parameters).unwrap();
    assert_eq!((found.scheme, &*found.cluster), (Scheme::InternetFacing, "blue"));
    assert_eq!(found.approximations, Approximations::Refuse);
    assert_eq!(found.sources.len(), 1);
    assert_eq!(found.targets.health.path.as_deref(), Some("/all"));
    let own = &found.services[&cart];
    assert_eq!(own.health.path.as_deref(), Some("/cart"));
    assert_eq!(
        own.health.codes.as_deref(),
        Some("200"),
        "what it does not set is the Gateway's"
    );
    let attributes: Vec<(&str, &str)> = own
        .attributes
        .iter()
        .map(|(key, value)| (&**key, &**value))
        .collect();
    assert_eq!(attributes, [("a", "1"), ("b", "2")]);
    assert_eq!(
        found.ports[&443].ssl_policy.as_deref(),
        Some("ELBSecurityPolicy-X")
    );
}

/// A policy for all listeners is one of those on which TLS ends: on others it is not there, so that nobody is told of it.
#[test]
fn a_policy_for_all_listeners_is_for_those_on_which_tls_ends() {
    let mut balancer = balancer();
    for (port, protocol) in [
        (80, Protocol::Http),
        (443, Protocol::Https),
        (8443, Protocol::Tls),
    ] {
        let key = ListenerKey {
            parent: ListenerParent::Gateway(balancer.gateway.clone()),
            name: port.to_string().into(),
        };
        let tls = match protocol {
            Protocol::Https => Some(ListenerTls::Terminate(TlsTermination {
                certificates: Vec::new(),
                client_validation: None,
                options: BTreeMap::new(),
            })),
            Protocol::Tls => Some(ListenerTls::Passthrough),
            _ => None,
        };
        let listener = Listener {
            key: key.clone(),
            port,
            protocol,
            hostname: HostPattern::Any,
            tls,
            filters: Vec::new(),
        };
        balancer.listeners.insert(key, Arc::new(listener));
    }
    let attributes = json!({"a": "b"});
    let spec = serde_json::from_value(json!({
        "sslPolicy": "ELBSecurityPolicy-X",
        "listeners": [
            {"port": 80, "attributes": attributes},
            {"port": 443, "attributes": attributes},
            {"port": 8443, "sslPolicy": "ELBSecurityPolicy-Y"},
        ],
    }))
    .unwrap();
    let parameters = AwsAlb {
        balancer: spec,
        strays: [9443].into(),
        ..AwsAlb::default()
    };
    let found = settings("blue", &balancer, &parameters).unwrap();
    let policy = |port: u16| found.ports[&port].ssl_policy.as_deref();
    assert_eq!(
        (policy(80), policy(443), policy(8443)),
        (None, Some("ELBSecurityPolicy-X"), Some("ELBSecurityPolicy-Y"))
    );
    assert_eq!(found.strays, [9443].into());
}

#[test]
fn a_value_that_the_crd_would_refuse_is_named() {
    let mut parameters = AwsAlb::default();
    parameters.balancer.source_ranges = Some(vec!["everybody".to_owned()]);
    let error = settings("blue", &balancer(), &parameters).unwrap_err();
    assert!(
        error.contains("everybody") && error.contains("10.0.0.0/8"),
        "{error}"
    );
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

/// kubernetes-sigs/aws-load-balancer-controller#228, #4482: load balancers that exist are to be taken over.
#[test]
fn a_load_balancer_is_taken_over_when_its_owner_gives_it() {
    let memory = Arc::new(Memory::new(AlbLimits::default(), Delays::default()));
    let theirs = Connection(Arc::clone(&memory));
    let new = NewBalancer {
        name: "theirs".into(),
        kind: BalancerKind::Application,
        scheme: Scheme::InternetFacing,
        ip_address_type: IpAddressType::Ipv4,
        ipam_pool: None,
        subnets: ["subnet-b".into(), "subnet-c".into()].into(),
        addresses: BTreeMap::new(),
        security_groups: [Arn("sg-given-1".into())].into(),
        tags: Tags::from([("team".into(), "web".into())]),
    };
    let arn = drive(theirs.create_balancer(&new)).unwrap().unwrap();
    let settings = crate::alb::Settings {
        cluster: "blue".into(),
        drain: std::time::Duration::ZERO,
        vpc: None,
    };
    let driver = ElbDriver::new(Connection(Arc::clone(&memory)), settings, || 0);
    let prepared = |spec: serde_json::Value| {
        let parameters = AwsAlb {
            balancer: serde_json::from_value(spec).unwrap(),
            ..AwsAlb::default()
        };
        let request = contract::Request {
            balancer: Arc::new(balancer()),
            uid: "".into(),
            parameters: Parameters::AwsAlb(Arc::new(parameters)),
        };
        drive(driver.prepare(&request)).unwrap()
    };
    let message = |spec| prepared(spec).unwrap_err().to_string();
    assert_eq!(
        message(json!({"adopt": "gone"})),
        "load balancer gone: adopt: it does not exist in this account and region"
    );
    assert_eq!(
        message(json!({"adopt": "theirs"})),
        "load balancer theirs: adopt: its owner has not given it over: it lacks the tags gatewright.dev/cluster=blue and \
         gatewright.dev/gateway=n/g"
    );
    let half = Tags::from([(CLUSTER.into(), "blue".into())]);
    let arns = [arn];
    drive(theirs.add_tags(Kind::Balancer, &arns, &half))
        .unwrap()
        .unwrap();
    assert!(message(json!({"adopt": "theirs"})).ends_with("it lacks the tags gatewright.dev/gateway=n/g"));
    let marks = Tags::from([(GATEWAY.into(), "n/g".into())]);
    drive(theirs.add_tags(Kind::Balancer, &arns, &marks))
        .unwrap()
        .unwrap();
    assert!(
        message(json!({"adopt": "theirs", "scheme": "Internal"})).contains("its scheme is InternetFacing")
    );
    let vpc = json!({"adopt": "theirs", "vpc": "vpc-0123456789abcdef0"});
    assert!(message(vpc).contains("it stands in vpc-1"));

    let request = prepared(json!({"adopt": "theirs"})).unwrap();
    let wanted = &request.target.balancer;
    assert_eq!((&*wanted.name, wanted.scheme), ("theirs", Scheme::InternetFacing));
    let subnets: Vec<&str> = wanted.subnets.iter().map(|subnet| &*subnet.id).collect();
    assert_eq!(subnets, ["subnet-b", "subnet-c"]);
    assert_eq!(
        wanted.security_groups,
        SecurityGroups::Given(["sg-given-1".into()].into())
    );
    // What is there is taken as it is: it gets the tag that says what it is, keeps those of others, and leaves hosts as
    // they come.
    let outcome = drive(contract::converge(&driver, &request)).unwrap();
    assert!(outcome.is_converged(), "{outcome:?}");
    let summaries: Vec<&str> = outcome
        .changes
        .iter()
        .map(|change| change.summary.as_str())
        .collect();
    assert_eq!(
        summaries,
        [
            "update load balancer attributes theirs: they differ; routing.http.preserve_host_header.enabled from nothing \
             to \"true\"",
            "update tags load balancer theirs: its tags differ; gatewright.dev/resource from nothing to \"load balancer\""
        ]
    );
    let tags = drive(theirs.tags(&arns)).unwrap().unwrap();
    assert_eq!(tags[&arns[0]].get("team").map(|team| &**team), Some("web"));
    let balancers = memory
        .contents()
        .into_keys()
        .filter(|found| found.kind == "load balancer");
    assert_eq!(
        balancers.map(|found| found.id.to_string()).collect::<Vec<_>>(),
        ["theirs"]
    );
    assert_eq!(drive(contract::converge(&driver, &request)).unwrap().changes, []);
}

fn driver(memory: &Arc<Memory>) -> ElbDriver<Connection> {
    let settings = crate::alb::Settings {
        cluster: "blue".into(),
        drain: std::time::Duration::ZERO,
        vpc: Some("vpc-1".into()),
    };
    ElbDriver::new(Connection(Arc::clone(memory)), settings, || 0)
}

fn prepared(memory: &Arc<Memory>, spec: serde_json::Value) -> Result<Request, ProviderError> {
    let parameters = AwsAlb {
        balancer: serde_json::from_value(spec).unwrap(),
        ..AwsAlb::default()
    };
    let request = contract::Request {
        balancer: Arc::new(balancer()),
        uid: "".into(),
        parameters: Parameters::AwsAlb(Arc::new(parameters)),
    };
    drive(driver(memory).prepare(&request)).unwrap()
}

fn subnets() -> serde_json::Value {
    json!({"ids": ["subnet-a", "subnet-b"]})
}

fn theirs(name: &str) -> NewBalancer {
    NewBalancer {
        name: name.into(),
        kind: BalancerKind::Application,
        scheme: Scheme::Internal,
        ip_address_type: IpAddressType::Ipv4,
        ipam_pool: None,
        subnets: ["subnet-b".into(), "subnet-c".into()].into(),
        addresses: BTreeMap::new(),
        security_groups: [Arn("sg-given-1".into())].into(),
        tags: Tags::from([("team".into(), "web".into())]),
    }
}

/// Before anything is made, not after target groups and a security group of it are there.
#[test]
fn a_region_without_room_is_told_before_the_first_call() {
    let limits = AlbLimits {
        balancers: 1,
        ..AlbLimits::default()
    };
    let memory = Arc::new(Memory::new(limits, Delays::default()));
    let others = Connection(Arc::clone(&memory));
    let arn = drive(others.create_balancer(&theirs("theirs"))).unwrap().unwrap();
    memory.calls().reset();
    let error = prepared(&memory, json!({"subnets": subnets()})).unwrap_err();
    assert_eq!(error.kind, ErrorKind::QuotaExceeded);
    assert_eq!(error.treatment().reason, "NoResources");
    let said = error.to_string();
    let told = "load balancer of n/g: the quota \"Application Load Balancers per Region\" is 1, the region has 1, the \
                Gateway needs 1 more; have the quota raised in Service Quotas";
    assert!(said.starts_with(told), "{said}");
    assert!(memory.calls().writes().is_empty());

    // Room again: it is counted again.
    drive(others.delete_balancer(&arn)).unwrap().unwrap();
    let request = prepared(&memory, json!({"subnets": subnets()})).unwrap();
    let quota = |request: &Request, name: &str| {
        let found = request
            .quotas
            .iter()
            .find(|quota| quota.name.starts_with(name))
            .unwrap();
        (found.used, found.others, found.limit, found.scope.to_string())
    };
    assert_eq!(
        quota(&request, "Application Load Balancers"),
        (1, 0, 1, "region".to_owned())
    );
    let outcome = drive(contract::converge(&driver(&memory), &request)).unwrap();
    assert!(outcome.is_converged(), "{outcome:?}");

    // What stands is edited at the limit, and stays where a second one would have to stand beside it for a while.
    let request = prepared(
        &memory,
        json!({"subnets": subnets(), "attributes": {"idle_timeout.timeout_seconds": "90"}}),
    )
    .unwrap();
    assert_eq!(request.fault, None);
    assert!(
        drive(contract::converge(&driver(&memory), &request))
            .unwrap()
            .is_converged()
    );
    let request = prepared(&memory, json!({"subnets": subnets(), "scheme": "InternetFacing"})).unwrap();
    assert_eq!(request.target.balancer.scheme, Scheme::Internal);
    let fault = request.fault.clone().unwrap();
    assert_eq!(&*fault.reason, "NoResources");
    assert!(
        fault.message.contains("it stays internal and serves all routes") && fault.message.contains("is 1"),
        "{}",
        fault.message
    );
    assert_eq!(request.look_again, Some(Duration::from_secs(60)));
    let outcome = drive(contract::converge(&driver(&memory), &request)).unwrap();
    assert!(outcome.is_converged(), "{outcome:?}");
    assert_eq!(outcome.fault(), Some(fault));
    assert!(!outcome.addresses.assigned.is_empty());
}

/// On a load balancer that was taken over, what its owner keeps there counts.
#[test]
fn what_others_have_on_a_load_balancer_counts() {
    use crate::cloud::{
        Action, Forward, ListenerSettings, Listeners, NewListener, NewRule, NewTargetGroup, RuleSettings,
        Rules, TargetGroups,
    };
    use gatewright_aws_core::alb::listener::Transport;
    use gatewright_aws_core::alb::rule::{Conditions, FixedResponse, Transforms, Values};
    use gatewright_aws_core::target_group::{Fixed, HealthCheck, ProtocolVersion, TargetKind};
    let memory = Arc::new(Memory::new(AlbLimits::default(), Delays::default()));
    let others = Connection(Arc::clone(&memory));
    let tags = Tags::from([(CLUSTER.into(), "blue".into()), (GATEWAY.into(), "n/g".into())]);
    let new = NewBalancer {
        tags,
        ..theirs("theirs")
    };
    let arn = drive(others.create_balancer(&new)).unwrap().unwrap();
    let group = NewTargetGroup {
        name: "theirs".into(),
        fixed: Fixed {
            kind: TargetKind::Ip,
            protocol: "HTTP".into(),
            version: Some(ProtocolVersion::Http1),
            port: 80,
            ipv6: false,
        },
        vpc: "vpc-1".into(),
        health: HealthCheck::default(),
        tags: Tags::new(),
    };
    let group = drive(others.create_target_group(&group)).unwrap().unwrap();
    let nothing = Action::Fixed(FixedResponse {
        content_type: FixedResponse::TEXT.into(),
        status: 404,
        body: "".into(),
    });
    let listener = NewListener {
        balancer: arn,
        port: 8080,
        settings: ListenerSettings {
            transport: Transport::Http,
            tls: None,
            default: nothing,
        },
        tags: Tags::new(),
    };
    let listener = drive(others.create_listener(&listener)).unwrap().unwrap();
    for (priority, path) in [(1, "/a"), (2, "/b")] {
        let rule = NewRule {
            listener: listener.clone(),
            priority,
            settings: RuleSettings {
                conditions: Conditions {
                    path: Some(Values::Wildcards([path.into()].into())),
                    ..Conditions::default()
                },
                transforms: Transforms::default(),
                before: None,
                action: Action::Forward(Forward {
                    groups: [(group.clone(), 1)].into(),
                    stickiness_s: None,
                }),
            },
            tags: Tags::new(),
        };
        drive(others.create_rule(&rule)).unwrap().unwrap();
    }
    let request = prepared(&memory, json!({"adopt": "theirs"})).unwrap();
    let found: Vec<(&str, u64, u64)> = request
        .quotas
        .iter()
        .map(|quota| (&*quota.name, quota.used, quota.others))
        .filter(|(.., others)| *others > 0)
        .collect();
    assert_eq!(
        found,
        [
            ("Listeners per Application Load Balancer", 1, 1),
            ("Rules per Application Load Balancer", 2, 2),
            ("Target Groups per Application Load Balancer", 1, 1),
            ("Target Groups per Region", 1, 1),
        ]
    );
}

#[test]
fn load_balancers_share_a_group_where_nodes_were_given_over() {
    let prepared = |given: bool, spec: serde_json::Value| {
        let memory = Memory::new(AlbLimits::default(), Delays::default());
        if given {
            memory.give_nodes("blue");
            memory.give_nodes_of("sg-given-1", "green");
        }
        let settings = crate::alb::Settings {
            cluster: "blue".into(),
            drain: std::time::Duration::ZERO,
            vpc: Some("vpc-1".into()),
        };
        let driver = ElbDriver::new(Connection(Arc::new(memory)), settings, || 0);
        let mut spec = serde_json::json!({"access": spec});
        spec["subnets"] = json!({"ids": ["subnet-a", "subnet-b"]});
        let parameters = AwsAlb {
            balancer: serde_json::from_value(spec).unwrap(),
            ..AwsAlb::default()
        };
        let request = contract::Request {
            balancer: Arc::new(balancer()),
            uid: "".into(),
            parameters: Parameters::AwsAlb(Arc::new(parameters)),
        };
        drive(driver.prepare(&request)).unwrap().unwrap()
    };
    let backend = |request: &Request| request.target.balancer.access.backend.clone();
    let shared = prepared(true, json!({}));
    let Some(Backend::Shared(group)) = backend(&shared) else {
        panic!("{shared:?}");
    };
    assert_eq!(group.nodes, BTreeSet::from(["sg-given-2".into()]));
    assert!(group.name.starts_with("gw-backends-"), "{}", group.name);
    assert_eq!(shared.fault, None);
    for (given, spec) in [(false, json!({})), (true, json!({"manageBackendRules": false}))] {
        let request = prepared(given, spec);
        assert_eq!((backend(&request), request.fault), (None, None));
    }
    let request = prepared(true, json!({"backendSecurityGroups": ["sg-0123456789abcdef0"]}));
    assert_eq!(
        backend(&request),
        Some(Backend::Given(["sg-0123456789abcdef0".into()].into()))
    );
    // Asked for, and nowhere to put rules: the Gateway says so, and serves.
    let request = prepared(false, json!({"manageBackendRules": true}));
    assert_eq!(backend(&request), None);
    let fault = request.fault.unwrap();
    assert!(
        fault.message.contains("tag gatewright.dev/nodes=blue"),
        "{fault:?}"
    );
}
