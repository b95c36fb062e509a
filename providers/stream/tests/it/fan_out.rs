//! Many proxies, one controller.

use crate::harness::*;
use gatewright_stream::client::ClientLimits;
use gatewright_stream::server::ServerOptions;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// 500 real clients, one change: every one of them has decoded, applied and acknowledged it. Prints how
/// long that took; server and clients share this process and its cores.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement; run it alone, in a release build"]
async fn one_change_reaches_500_proxies() {
    let routes = 1_000;
    let pki = Pki::new();
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let scope = scope_of("gw");
    let mut balancer = balancer("gw", routes);
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer.clone()), &settings());
    controller.server.open();
    let begun = Instant::now();
    let mut proxies = Vec::new();
    for number in 0..500 {
        let files = tempfile::TempDir::new().unwrap();
        let mut options = options(
            files.path(),
            &pki,
            controller.address.port(),
            &scope,
            &format!("p{number}"),
        );
        options.limits = ClientLimits::default();
        proxies.push(Proxy::with(files, options, Recorder::new()));
    }
    let all = async |revision| loop {
        controller.server.changed().await;
        let outcomes = controller.server.take_outcomes();
        if outcomes
            .iter()
            .any(|outcome| outcome.ready == 500 && outcome.has(revision))
        {
            return;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), all(revision))
        .await
        .unwrap();
    println!("500 proxies have {routes} routes after {:?}", begun.elapsed());
    let mut took = Vec::new();
    for number in 0..20 {
        put_route(&mut balancer, "gw", "route-1", &format!("/{number}"));
        let balancer = Arc::new(balancer.clone());
        let begun = Instant::now();
        let revision = controller.server.publish(&scope, &balancer, &settings());
        tokio::time::timeout(Duration::from_secs(30), all(revision))
            .await
            .unwrap();
        took.push(begun.elapsed());
    }
    took.sort();
    println!(
        "one change to 500 proxies: median {:?}, worst {:?}",
        took[10], took[19]
    );
}
