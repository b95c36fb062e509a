//! Room in a region, and on a load balancer of others.

use super::*;

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
            control_port: None,
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
