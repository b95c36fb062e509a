//! The way of a configuration, from publication to acknowledgement.

use crate::harness::*;
use crate::relay::Relay;
use gatewright_stream::client::{GatewayReport, ListenerFailure, Stage};
use gatewright_stream::server::{GatewayOutcome, ServerOptions};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tempfile::TempDir;

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

/// One changed object among 10,000 is one small message, and reaches the proxy alone.
#[tokio::test]
async fn one_changed_route_of_ten_thousand_is_one_small_message() {
    let pki = Pki::new();
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let relay = Relay::start(controller.address).await;
    let scope = scope_of("gw");
    let mut balancer = balancer("gw", 10_000);
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer.clone()), &settings());
    controller.server.open();
    let proxy = Proxy::start(&pki, relay.address, &scope, "one");
    acknowledged(&controller, &balancer.gateway, revision).await;
    let complete = relay.down();
    assert!(
        complete > 2_000_000,
        "all of it went through the relay: {complete} bytes"
    );

    put_route(&mut balancer, "gw", "route-5000", "/changed");
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer.clone()), &settings());
    acknowledged(&controller, &balancer.gateway, revision).await;
    let change = relay.down() - complete;
    // The route takes about 400 bytes; the rest is TLS, HTTP/2 and a ping now and then.
    assert!((100..1_500).contains(&change), "{change} bytes");
    assert_eq!(
        path_of(&proxy.recorder.now(), "route-5000").as_deref(),
        Some("/changed")
    );

    // The same again, in allocations of its own: nothing differs, nothing is sent.
    let again = controller
        .server
        .publish(&scope, &Arc::new(deep_copy(&balancer)), &settings());
    assert_eq!(again, revision);
    proxy.stop().await;
}

/// A refusal names the object and its reason, a listener's failure the listener; both go when they are
/// mended.
#[tokio::test]
async fn faults_reach_the_outcome_by_object() {
    let pki = Pki::new();
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let scope = scope_of("gw");
    let mut balancer = balancer("gw", 1);
    let gateway = balancer.gateway.clone();
    controller
        .server
        .publish(&scope, &Arc::new(balancer.clone()), &settings());
    controller.server.open();
    let recorder = Recorder::new();
    let faults = GatewayReport {
        listeners: BTreeMap::from([(
            listener_key("gw"),
            ListenerFailure {
                reason: "PortUnavailable".into(),
                message: "port 80 is taken".into(),
            },
        )]),
        refused: BTreeMap::from([("HTTPRoute a/route-0".into(), "regex too large".into())]),
    };
    recorder
        .answer
        .lock()
        .unwrap()
        .gateways
        .insert(gateway.clone(), faults);
    let answer = Arc::clone(&recorder.answer);
    let files = TempDir::new().unwrap();
    let options = options(files.path(), &pki, controller.address.port(), &scope, "one");
    let proxy = Proxy::with(files, options, recorder);
    let outcome = until("the faults", async || {
        controller
            .server
            .outcome(&gateway)
            .filter(GatewayOutcome::is_current)
    })
    .await;
    let fault = &outcome.listeners[&listener_key("gw")];
    assert_eq!(
        (&*fault.reason, &*fault.message, fault.proxies),
        ("PortUnavailable", "port 80 is taken", 1)
    );
    assert_eq!(&*outcome.refused["HTTPRoute a/route-0"], "regex too large");

    answer.lock().unwrap().gateways.clear();
    put_route(&mut balancer, "gw", "route-0", "/other");
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer), &settings());
    acknowledged(&controller, &gateway, revision).await;
    let outcome = controller.server.outcome(&gateway).unwrap();
    assert!(
        outcome.listeners.is_empty() && outcome.refused.is_empty(),
        "{outcome:?}"
    );
    proxy.stop().await;
}

/// An object that is too large to send is named and hurts only itself.
#[tokio::test]
async fn an_object_too_large_to_send_hurts_only_itself() {
    let pki = Pki::new();
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let scope = scope_of("gw");
    let mut balancer = balancer("gw", 1);
    put_route(&mut balancer, "gw", "huge", &"x".repeat(9 * 1024 * 1024));
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer.clone()), &settings());
    controller.server.open();
    let proxy = Proxy::start(&pki, controller.address, &scope, "one");
    acknowledged(&controller, &balancer.gateway, revision).await;
    let outcome = controller.server.outcome(&balancer.gateway).unwrap();
    assert!(
        outcome.refused["HTTPRoute/a/huge"].contains("bytes when encoded"),
        "{outcome:?}"
    );
    let served = proxy.recorder.now();
    assert_eq!(path_of(&served, "route-0").as_deref(), Some("/"));
    assert_eq!(path_of(&served, "huge"), None);

    put_route(&mut balancer, "gw", "huge", "/small");
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer.clone()), &settings());
    acknowledged(&controller, &balancer.gateway, revision).await;
    assert!(
        controller
            .server
            .outcome(&balancer.gateway)
            .unwrap()
            .refused
            .is_empty()
    );
    proxy.stop().await;
}

/// A proxy that hangs, and one whose network stands still, hold up nobody: after the time of silence they
/// do not count, and when they come back they get the newest state, not everything in between.
#[tokio::test]
async fn slow_proxies_hold_up_nobody_and_skip_what_was_overtaken() {
    let pki = Pki::new();
    let silence = Duration::from_millis(400);
    let options = ServerOptions {
        silence,
        ..ServerOptions::default()
    };
    let controller = Controller::start(&pki, options).await;
    let relay = Relay::start(controller.address).await;
    let scope = scope_of("gw");
    let mut balancer = balancer("gw", 2_000);
    let gateway = balancer.gateway.clone();
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer.clone()), &settings());
    controller.server.open();
    let quick = Proxy::start(&pki, controller.address, &scope, "quick");
    let hanging = Proxy::start(&pki, controller.address, &scope, "hanging");
    let stalled = Proxy::start(&pki, relay.address, &scope, "stalled");
    until("all three", async || {
        let outcome = controller.server.outcome(&gateway)?;
        (outcome.ready == 3 && outcome.has(revision)).then_some(())
    })
    .await;

    hanging.recorder.hangs.store(true, Ordering::SeqCst);
    relay.stall(true);
    let before = hanging.recorder.applied();
    let mut last = revision;
    for number in 0..200 {
        // More than fits into any buffer on the way to the stalled one.
        for route in 0..50 {
            put_route(
                &mut balancer,
                "gw",
                &format!("route-{}", number * 7 + route),
                &format!("/{number}"),
            );
        }
        last = controller
            .server
            .publish(&scope, &Arc::new(balancer.clone()), &settings());
    }
    quick
        .recorder
        .serves("the last change", |served| {
            path_of(served, "route-1393").as_deref() == Some("/199")
        })
        .await;
    until("only the quick one counts", async || {
        let outcome = controller.server.outcome(&gateway)?;
        (outcome.ready == 1 && outcome.has(last) && outcome.unready == 2).then_some(())
    })
    .await;

    hanging.recorder.hangs.store(false, Ordering::SeqCst);
    relay.stall(false);
    until("all three again", async || {
        let outcome = controller.server.outcome(&gateway)?;
        (outcome.ready == 3 && outcome.has(last)).then_some(())
    })
    .await;
    let balancer = Arc::new(balancer);
    for proxy in [&quick, &hanging, &stalled] {
        assert_eq!(proxy.recorder.now()[0].balancer, balancer);
    }
    let applied = hanging.recorder.applied() - before;
    assert!(applied <= 3, "the one it hung in, and the newest: {applied}");
    for proxy in [quick, hanging, stalled] {
        proxy.stop().await;
    }
}

/// Programmed needs a ready proxy: none at first; one that leaves in order counts no more; one that is
/// cut off is remembered for the time of silence only.
#[tokio::test]
async fn proxies_that_leave_do_not_count() {
    let pki = Pki::new();
    let options = ServerOptions {
        silence: Duration::from_millis(300),
        ..ServerOptions::default()
    };
    let controller = Controller::start(&pki, options).await;
    let scope = scope_of("gw");
    let balancer = balancer("gw", 1);
    let gateway = balancer.gateway.clone();
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer), &settings());
    controller.server.open();
    let proxies = ["one", "two"].map(|name| Proxy::start(&pki, controller.address, &scope, name));
    let ready = async |wanted: usize| {
        until("so many are ready", async || {
            let outcome = controller.server.outcome(&gateway)?;
            let settled = outcome.acked.is_none_or(|acked| acked >= revision);
            (outcome.ready == wanted && settled).then_some(outcome)
        })
        .await
    };
    ready(2).await;
    let [first, second] = proxies;
    first.stage.send_replace(Stage::Draining);
    assert!(ready(1).await.is_current());
    first.stop().await;
    let killed = Instant::now();
    second.kill();
    let outcome = ready(0).await;
    assert_eq!(outcome.acked, None);
    assert!(
        killed.elapsed() >= Duration::from_millis(250),
        "it might have come back"
    );
    assert_eq!(controller.server.connected(), 0);
}

/// Until the controller says that its state is complete, and until it has said something of the Gateway,
/// a proxy keeps what it has.
#[tokio::test]
async fn nothing_is_sent_before_the_state_is_complete() {
    let pki = Pki::new();
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let scope = scope_of("gw");
    let proxy = Proxy::start(&pki, controller.address, &scope, "one");
    until("it asks", async || {
        (!controller.tokens.0.lock().unwrap().is_empty()).then_some(())
    })
    .await;
    let balancer = Arc::new(balancer("gw", 1));
    controller.server.open();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(proxy.recorder.applied(), 0);
    controller.server.publish(&scope, &balancer, &settings());
    proxy
        .recorder
        .serves("the Gateway", |served| !served.is_empty())
        .await;
    proxy.stop().await;
}
