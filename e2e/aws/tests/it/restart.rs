use crate::client::{PATIENCE, admin, balancer, call, elb, element, free_port, send, simulator, until};
use gatewright_aws_simulator::run::Running;
use std::net::SocketAddr;
use std::time::Instant;

/// A restart with the state kept: the same resources, the same address, and it serves again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let port = free_port().await;
    let running = simulator(Some(file.clone())).await;
    let (arn, at) = balancer(&running, "shop").await;
    let at = SocketAddr::new(at.ip(), port);
    let form = format!(
        "Action=CreateListener&LoadBalancerArn={arn}&Protocol=HTTP&Port={port}&DefaultActions.member.1.Type=fixed-response\
         &DefaultActions.member.1.FixedResponseConfig.StatusCode=418"
    );
    // 418 is of the 4XX that a fixed response may have.
    call(&running, &form).await;
    until(at, "/", "418").await;
    running.stop().await.unwrap();

    let running = simulator(Some(file)).await;
    let told = call(&running, "Action=DescribeLoadBalancers").await;
    assert_eq!(element(&told, "LoadBalancerArn"), arn);
    until(at, "/", "418").await;
    let config = admin(&running, "GET", "/config", "").await;
    assert!(config.contains(&at.ip().to_string()), "{config}");
    running.stop().await.unwrap();
}

/// What the admin API was told is kept with it, before what the command line says; and what was not told is the command line's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_admin_api_was_told_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    let running = simulator(Some(file.clone())).await;
    let before = admin(&running, "GET", "/settings", "").await;
    running.stop().await.unwrap();
    let running = simulator(Some(file.clone())).await;
    assert_eq!(admin(&running, "GET", "/settings", "").await, before);
    let fault = r#"{"operation": "DescribeRules", "skip": 1, "count": 1, "effect": {"kind": "error", "code": "ServiceUnavailable", "status": 503}}"#;
    admin(&running, "POST", "/faults", fault).await;
    admin(
        &running,
        "PUT",
        "/settings",
        r#"{"load_balancer_provisioning_ms": 4711}"#,
    )
    .await;
    admin(&running, "PUT", "/throttling", r#""documented""#).await;
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["elasticloadbalancing:DescribeLoadBalancers"], "Resource": ["*"]}]}"#;
    admin(&running, "PUT", "/policy", policy).await;
    admin(&running, "POST", "/clock", r#"{"advance_ms": 3600000}"#).await;
    let told = async |running: &Running| {
        let mut told = Vec::new();
        for of in ["/faults", "/settings", "/throttling"] {
            told.push(admin(running, "GET", of, "").await);
        }
        told
    };
    let (all, time) = (told(&running).await, running.simulator.clock.now());
    assert!(all[1].contains("4711"), "{all:?}");
    // It is in the file before the process ends in an orderly way.
    let begun = Instant::now();
    while !std::fs::read_to_string(&file).is_ok_and(|text| text.contains("4711") && text.contains("3600000"))
    {
        assert!(begun.elapsed() < PATIENCE, "it is not written");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    drop(running);

    let running = simulator(Some(file)).await;
    assert_eq!(told(&running).await, all);
    assert!(running.simulator.clock.now() >= time);
    let (head, _) = elb(running.services, "Action=DescribeTargetGroups").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    call(&running, "Action=DescribeLoadBalancers").await;
    running.stop().await.unwrap();
}

/// The same on demand: away until it is told otherwise, then as before, with what the admin API was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_away_and_comes_back_as_it_was() {
    let port = free_port().await;
    let running = simulator(None).await;
    let (arn, at) = balancer(&running, "shop").await;
    let at = SocketAddr::new(at.ip(), port);
    let form = format!(
        "Action=CreateListener&LoadBalancerArn={arn}&Protocol=HTTP&Port={port}&DefaultActions.member.1.Type=fixed-response\
         &DefaultActions.member.1.FixedResponseConfig.StatusCode=418"
    );
    call(&running, &form).await;
    until(at, "/", "418").await;
    let fault = r#"{"operation": "DescribeRules", "count": 1, "effect": {"kind": "error", "code": "ServiceUnavailable", "status": 503}}"#;
    admin(&running, "POST", "/faults", fault).await;
    let settings = admin(&running, "GET", "/settings", "").await;

    admin(&running, "POST", "/restart", r#"{"away_ms": 3600000}"#).await;
    let (head, _) = elb(running.services, "Action=DescribeLoadBalancers").await;
    assert_eq!(head, "", "nobody answers");
    let request = "GET / HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n";
    let begun = Instant::now();
    while send(at, request).await.is_ok() {
        assert!(begun.elapsed() < PATIENCE, "the load balancer goes on serving");
    }

    admin(&running, "POST", "/restart", "{}").await;
    until(at, "/", "418").await;
    let told = call(&running, "Action=DescribeLoadBalancers").await;
    assert_eq!(element(&told, "LoadBalancerArn"), arn);
    assert_eq!(admin(&running, "GET", "/settings", "").await, settings);
    let listeners = call(
        &running,
        &format!("Action=DescribeListeners&LoadBalancerArn={arn}"),
    )
    .await;
    let listener = element(&listeners, "ListenerArn");
    let rules = format!("Action=DescribeRules&ListenerArn={listener}");
    let (head, _) = elb(running.services, &rules).await;
    assert!(
        head.starts_with("HTTP/1.1 503"),
        "the fault is still to come: {head}"
    );
    call(&running, &rules).await;
    running.stop().await.unwrap();
}
