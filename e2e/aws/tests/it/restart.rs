use crate::client::{admin, balancer, call, element, free_port, simulator, until};
use std::net::SocketAddr;

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
