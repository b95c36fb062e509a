//! Who gets in, and what they get.

use crate::harness::*;
use crate::relay::Relay;
use gatewright_model::key::ObjectName;
use gatewright_stream::Scope;
use gatewright_stream::client::Assigned;
use gatewright_stream::server::{GatewayOutcome, ServerOptions};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tempfile::TempDir;

fn keys(served: &[Assigned]) -> Vec<String> {
    let certificates = served
        .iter()
        .flat_map(|assigned| assigned.balancer.certificates.values());
    let keys = certificates.map(|certificate| certificate.private_key.expose().to_vec());
    keys.map(|key| String::from_utf8(key).unwrap()).collect()
}

/// A dedicated proxy gets its own Gateway's keys and no others; a shared one those of its class, without
/// the Gateways that have proxies of their own; a Gateway that moves is taken away where it was.
#[tokio::test]
async fn nobody_receives_another_scopes_keys() {
    let pki = Pki::new();
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let class = Scope::Class("software".into());
    let publish = |gateway: &str, scope: &Scope| {
        let balancer = Arc::new(balancer(gateway, 1));
        controller.server.publish(scope, &balancer, &settings());
    };
    publish("a", &scope_of("a"));
    publish("b", &scope_of("b"));
    publish("c", &class);
    publish("d", &class);
    controller.server.open();
    let a = Proxy::start(&pki, controller.address, &scope_of("a"), "a");
    let b = Proxy::start(&pki, controller.address, &scope_of("b"), "b");
    let shared = Proxy::start(&pki, controller.address, &class, "shared");
    let served = a.recorder.serves("a", |served| !served.is_empty()).await;
    assert_eq!(keys(&served), ["key of a"]);
    let served = b.recorder.serves("b", |served| !served.is_empty()).await;
    assert_eq!(keys(&served), ["key of b"]);
    let served = shared
        .recorder
        .serves("c and d", |served| !served.is_empty())
        .await;
    assert_eq!(keys(&served), ["key of c", "key of d"]);

    publish("d", &scope_of("d"));
    publish("b", &class);
    let served = shared
        .recorder
        .serves("b in place of d", |served| {
            keys(served) == ["key of b", "key of c"]
        })
        .await;
    assert_eq!(served.len(), 2);
    b.recorder.serves("nothing", <[_]>::is_empty).await;
    assert_eq!(keys(&a.recorder.now()), ["key of a"]);
    assert_eq!(a.recorder.applied(), 1, "what others have is no news to it");
    for proxy in [a, b, shared] {
        proxy.stop().await;
    }
}

/// A token that is not valid, or valid for another scope, gets nothing; once the file holds the right one
/// the proxy gets in without a restart.
#[tokio::test]
async fn wrong_tokens_get_nothing() {
    let pki = Pki::new();
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let balancer = Arc::new(balancer("gw", 1));
    controller.server.publish(&scope_of("gw"), &balancer, &settings());
    controller.server.open();
    let files = TempDir::new().unwrap();
    let options = options(
        files.path(),
        &pki,
        controller.address.port(),
        &scope_of("gw"),
        "one",
    );
    let token = options.token.clone();
    std::fs::write(&token, "stolen").unwrap();
    let proxy = Proxy::with(files, options, Recorder::new());
    let asked = async |token: &str| {
        until("it asked twice", async || {
            let tokens = controller.tokens.0.lock().unwrap();
            (tokens.get(token).copied().unwrap_or_default() >= 2).then_some(())
        })
        .await;
    };
    asked("stolen").await;
    let other = format!("token-of-{}", scope_of("other"));
    std::fs::write(&token, &other).unwrap();
    asked(&other).await;
    assert_eq!((proxy.recorder.applied(), controller.server.connected()), (0, 0));
    std::fs::write(&token, format!("token-of-{}", scope_of("gw"))).unwrap();
    proxy
        .recorder
        .serves("the Gateway", |served| !served.is_empty())
        .await;
    proxy.stop().await;
}

/// A controller whose certificate is of another authority, or for another name, is not listened to: it
/// never sees the token. Authorities rotate by replacing the file, certificates without a new connection
/// breaking old ones.
#[tokio::test]
async fn a_wrong_authority_is_refused_and_rotation_works() {
    let (pki, foreign) = (Pki::new(), Pki::new());
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let relay = Relay::start(controller.address).await;
    let balancer = Arc::new(balancer("gw", 1));
    let scope = scope_of("gw");
    controller.server.publish(&scope, &balancer, &settings());
    controller.server.open();
    let files = TempDir::new().unwrap();
    let options = options(files.path(), &foreign, relay.address.port(), &scope, "one");
    let authorities = options.authorities.clone();
    let proxy = Proxy::with(files, options, Recorder::new());
    let tries = async |count: u64| {
        until("it tries", async || {
            (relay.accepted.load(Ordering::SeqCst) >= count).then_some(())
        })
        .await;
    };
    tries(2).await;
    assert!(
        controller.tokens.0.lock().unwrap().is_empty(),
        "no token was shown"
    );
    std::fs::write(&authorities, &pki.ca).unwrap();
    proxy
        .recorder
        .serves("the Gateway", |served| !served.is_empty())
        .await;

    // Both authorities are trusted while the certificate changes.
    std::fs::write(&authorities, format!("{}{}", pki.ca, foreign.ca)).unwrap();
    controller.tls.send_replace(foreign.server());
    assert_eq!(controller.server.connected(), 1, "the connection stays");
    let before = relay.accepted.load(Ordering::SeqCst);
    relay.cut();
    tries(before + 1).await;
    until("connected again", async || {
        (controller.server.connected() == 1).then_some(())
    })
    .await;
    proxy.stop().await;
}

/// What the admission binds a token to is the instance, whatever the proxy says; the same instance again
/// replaces its former connection.
#[tokio::test]
async fn an_instance_connects_once() {
    let pki = Pki::new();
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let balancer = Arc::new(balancer("gw", 1));
    let revision = controller.server.publish(&scope_of("gw"), &balancer, &settings());
    controller.server.open();
    let first = Proxy::start(&pki, controller.address, &scope_of("gw"), "same");
    acknowledged(&controller, &ObjectName::new("a", "gw"), revision).await;
    first.kill();
    let second = Proxy::start(&pki, controller.address, &scope_of("gw"), "same");
    second
        .recorder
        .serves("the Gateway", |served| !served.is_empty())
        .await;
    until("one proxy", async || {
        (controller.server.connected() == 1).then_some(())
    })
    .await;
    second.stop().await;
}

/// Beyond the number of proxies that the server takes, the next one waits.
#[tokio::test]
async fn the_number_of_proxies_is_bounded() {
    let pki = Pki::new();
    let options = ServerOptions {
        proxies: 1,
        ..ServerOptions::default()
    };
    let controller = Controller::start(&pki, options).await;
    let balancer = Arc::new(balancer("gw", 1));
    let scope = scope_of("gw");
    controller.server.publish(&scope, &balancer, &settings());
    controller.server.open();
    let first = Proxy::start(&pki, controller.address, &scope, "one");
    first
        .recorder
        .serves("the Gateway", |served| !served.is_empty())
        .await;
    let second = Proxy::start(&pki, controller.address, &scope, "two");
    let asked = format!("token-of-{scope}");
    until("the second was refused", async || {
        (controller.tokens.0.lock().unwrap()[&asked] >= 3).then_some(())
    })
    .await;
    assert_eq!(second.recorder.applied(), 0);
    first.stop().await;
    second
        .recorder
        .serves("the Gateway", |served| !served.is_empty())
        .await;
    second.stop().await;
}

/// While a Gateway changes over to other proxies both have it; what counts is said by those named first. No proxy
/// loses it before it is published without it.
#[tokio::test]
async fn a_gateway_that_changes_over_is_served_by_both() {
    let pki = Pki::new();
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let (own, fleet) = (scope_of("gw"), Scope::Class("software".into()));
    let mut balancer = balancer("gw", 1);
    let server = &controller.server;
    server.publish(&own, &Arc::new(balancer.clone()), &settings());
    server.open();
    let old = Proxy::start(&pki, controller.address, &own, "old");
    old.recorder.serves("the Gateway", |seen| seen.len() == 1).await;

    let both = [(own.clone(), settings()), (fleet.clone(), settings())];
    put_route(&mut balancer, "gw", "route-0", "/both");
    let revision = server.publish_for(&both, &Arc::new(balancer.clone()));
    acknowledged(&controller, &balancer.gateway, revision).await;
    assert!(
        server
            .outcome_in(&fleet, &balancer.gateway)
            .unwrap()
            .acked
            .is_none()
    );
    let new = Proxy::start(&pki, controller.address, &fleet, "new");
    until("the fleet has it", async || {
        let outcome = server.outcome_in(&fleet, &balancer.gateway)?;
        outcome.is_current().then_some(())
    })
    .await;

    let turned = [both[1].clone(), both[0].clone()];
    let applied = old.recorder.applied();
    server.publish_for(&turned, &Arc::new(balancer.clone()));
    until("the switch is told", async || {
        server.changed().await;
        let outcomes = server.take_outcomes();
        outcomes.iter().any(GatewayOutcome::is_current).then_some(())
    })
    .await;
    put_route(&mut balancer, "gw", "route-0", "/after");
    let revision = server.publish_for(&turned, &Arc::new(balancer.clone()));
    acknowledged(&controller, &balancer.gateway, revision).await;
    for proxy in [&old, &new] {
        let after = |seen: &[_]| path_of(seen, "route-0").as_deref() == Some("/after");
        proxy.recorder.serves("the newest form", after).await;
    }
    assert_eq!(
        old.recorder.applied(),
        applied + 1,
        "the switch itself changes nothing"
    );

    server.publish(&fleet, &Arc::new(balancer.clone()), &settings());
    old.recorder.serves("nothing", <[_]>::is_empty).await;
    assert_eq!(new.recorder.now().len(), 1);
    old.stop().await;
    new.stop().await;
}
