//! The way of a configuration, from publication to acknowledgement.

use crate::harness::*;
use gatewright_stream::server::ServerOptions;
use std::sync::Arc;

#[tokio::test]
async fn a_gateway_reaches_its_proxy_and_is_acknowledged() {
    let pki = Pki::new();
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let first = Arc::new(balancer("gw", 3));
    let scope = scope_of("gw");
    let revision = controller.server.publish(&scope, &first, &settings());
    controller.server.open();
    let outcome = controller.server.outcome(&first.gateway).unwrap();
    assert_eq!((outcome.acked, outcome.ready), (None, 0), "no proxy is there yet");

    let proxy = Proxy::start(&pki, controller.address, &scope, "one");
    let served = proxy
        .recorder
        .serves("the Gateway", |served| !served.is_empty())
        .await;
    assert_eq!(served[0].balancer, first, "equal, private key included");
    until("the acknowledgement", async || {
        controller.server.changed().await;
        let outcomes = controller.server.take_outcomes();
        let outcome = outcomes.iter().find(|outcome| outcome.gateway == first.gateway)?;
        (outcome.has(revision) && outcome.is_current() && outcome.ready == 1).then_some(())
    })
    .await;

    let mut second = (*first).clone();
    put_route(&mut second, "gw", "route-1", "/changed");
    second.http_routes.remove(&route_key("route-2"));
    let second = Arc::new(second);
    assert!(controller.server.publish(&scope, &second, &settings()) > revision);
    let now = proxy
        .recorder
        .serves("the change", |served| {
            path_of(served, "route-1").as_deref() == Some("/changed")
        })
        .await;
    assert_eq!(now[0].balancer, second);
    let kept = |served: &[gatewright_stream::client::Assigned]| {
        Arc::clone(&served[0].balancer.http_routes[&route_key("route-0")])
    };
    assert!(
        Arc::ptr_eq(&kept(&served), &kept(&now)),
        "what did not change keeps its allocation"
    );

    controller.server.retract(&second.gateway);
    proxy.recorder.serves("nothing", <[_]>::is_empty).await;
    proxy.stop().await;
    controller.stop().await;
}
