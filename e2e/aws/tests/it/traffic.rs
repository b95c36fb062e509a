use crate::client::{admin, balancer, call, elb, element, free_port, simulator, subnets, until};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A backend that answers everything with its name.
async fn backend(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// What is created over the API serves: its default rule, a rule to a target once it is healthy, and nothing any more
/// once it is deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_balancer_serves_what_its_rules_say() {
    let running = simulator(None).await;
    let port = free_port().await;
    let (arn, at) = balancer(&running, "shop").await;
    let at = SocketAddr::new(at.ip(), port);
    let form = format!(
        "Action=CreateListener&LoadBalancerArn={arn}&Protocol=HTTP&Port={port}&DefaultActions.member.1.Type=fixed-response\
         &DefaultActions.member.1.FixedResponseConfig.StatusCode=404\
         &DefaultActions.member.1.FixedResponseConfig.MessageBody=nothing+here"
    );
    let listener = element(&call(&running, &form).await, "ListenerArn");
    assert_eq!(until(at, "/a", "404").await, "nothing here");
    let target = backend("pod").await;
    let vpc = {
        let inner = running.simulator.inner();
        inner.world.accounts["111122223333/eu-central-1"]
            .ec2
            .groups()
            .next()
            .unwrap()
            .vpc
            .clone()
    };
    let form = format!(
        "Action=CreateTargetGroup&Name=pods&Protocol=HTTP&Port=80&TargetType=ip&VpcId={vpc}\
         &HealthCheckIntervalSeconds=5&HealthCheckTimeoutSeconds=2&HealthyThresholdCount=2"
    );
    let group = element(&call(&running, &form).await, "TargetGroupArn");
    let form = format!(
        "TargetGroupArn={group}&Targets.member.1.Id=127.0.0.1&Targets.member.1.Port={}",
        target.port()
    );
    call(&running, &format!("Action=RegisterTargets&{form}")).await;
    let health = call(
        &running,
        &format!("Action=DescribeTargetHealth&TargetGroupArn={group}"),
    )
    .await;
    assert_eq!(element(&health, "State"), "unused");
    let rule = format!(
        "Action=CreateRule&ListenerArn={listener}&Priority=1&Conditions.member.1.Field=path-pattern\
         &Conditions.member.1.PathPatternConfig.Values.member.1=%2Fa%2A&Actions.member.1.Type=forward\
         &Actions.member.1.TargetGroupArn={group}"
    );
    call(&running, &rule).await;
    assert_eq!(until(at, "/a", "200").await, "pod");
    until(at, "/b", "404").await;
    let start = Instant::now();
    loop {
        let health = call(
            &running,
            &format!("Action=DescribeTargetHealth&TargetGroupArn={group}"),
        )
        .await;
        if element(&health, "State") == "healthy" {
            break;
        }
        assert!(start.elapsed() < crate::client::PATIENCE, "{health}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    call(
        &running,
        &format!("Action=DeleteLoadBalancer&LoadBalancerArn={arn}"),
    )
    .await;
    let start = Instant::now();
    while tokio::net::TcpStream::connect(at).await.is_ok() {
        assert!(
            start.elapsed() < crate::client::PATIENCE,
            "the listener is still there"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running.stop().await.unwrap();
}

/// Faults by the admin API: an error once, an effect without an answer, a stale answer, throttling, reset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_api_makes_faults_and_forgets_them() {
    let running = simulator(None).await;
    let subnets = subnets(&running);
    let describe = "Action=DescribeLoadBalancers";
    let create = |name: &str| {
        format!(
            "Action=CreateLoadBalancer&Name={name}&Subnets.member.1={}&Subnets.member.2={}",
            subnets[0], subnets[1]
        )
    };
    let once = |operation: &str, effect: &str| {
        format!("{{\"operation\": \"{operation}\", \"count\": 1, \"effect\": {effect}}}")
    };
    let error = once(
        "CreateLoadBalancer",
        r#"{"kind": "error", "code": "ServiceUnavailable", "status": 503}"#,
    );
    admin(&running, "POST", "/faults", &error).await;
    let (head, _) = elb(running.services, &create("one")).await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(!call(&running, describe).await.contains("<LoadBalancerName>"));

    let after = once(
        "CreateLoadBalancer",
        r#"{"kind": "timeout-after", "after_ms": 10}"#,
    );
    admin(&running, "POST", "/faults", &after).await;
    assert_eq!(
        elb(running.services, &create("two")).await,
        (String::new(), String::new())
    );
    assert!(
        call(&running, describe).await.contains("<LoadBalancerName>two<"),
        "the effect is there"
    );

    let stale = r#"{"operation": "Describe*", "count": 1, "effect": {"kind": "stale", "ms": 60000}}"#;
    admin(&running, "POST", "/faults", stale).await;
    call(&running, &create("three")).await;
    assert!(
        !call(&running, describe)
            .await
            .contains("<LoadBalancerName>three<"),
        "as a minute before"
    );
    assert!(
        call(&running, describe)
            .await
            .contains("<LoadBalancerName>three<")
    );

    admin(&running, "PUT", "/throttling", "\"documented\"").await;
    let mut throttled = 0;
    for _ in 0..45 {
        let (head, body) = elb(running.services, describe).await;
        throttled += usize::from(head.starts_with("HTTP/1.1 400 ") && body.contains("ThrottlingException"));
    }
    assert!((1..=5).contains(&throttled), "{throttled}");

    let inventory = admin(&running, "GET", "/inventory", "").await;
    assert!(inventory.contains("\"name\": \"two\""), "{inventory}");
    admin(&running, "POST", "/reset", "").await;
    assert!(!call(&running, describe).await.contains("<LoadBalancerName>"));
    running.stop().await.unwrap();
}
