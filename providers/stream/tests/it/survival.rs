//! Connections that break, controllers that go, proxies that restart.

use crate::harness::*;
use crate::relay::Relay;
use futures_util::future::BoxFuture;
use gatewright_stream::client::Resolve;
use gatewright_stream::server::ServerOptions;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// After a break only what changed meanwhile travels, removals included, and what did not change keeps
/// its allocation.
#[tokio::test]
async fn a_broken_connection_resumes_where_it_was() {
    let pki = Pki::new();
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let relay = Relay::start(controller.address).await;
    let scope = scope_of("gw");
    let mut balancer = balancer("gw", 3_000);
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer.clone()), &settings());
    controller.server.open();
    let proxy = Proxy::start(&pki, relay.address, &scope, "one");
    acknowledged(&controller, &balancer.gateway, revision).await;
    let served = proxy.recorder.now();
    let complete = relay.down();

    relay.stall(true);
    relay.cut();
    put_route(&mut balancer, "gw", "route-7", "/changed");
    balancer.http_routes.remove(&route_key("route-8"));
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer.clone()), &settings());
    relay.stall(false);
    acknowledged(&controller, &balancer.gateway, revision).await;
    let bytes = relay.down() - complete;
    assert!(
        bytes < 12_000,
        "{bytes} bytes, handshakes included, in place of {complete}"
    );
    let now = proxy.recorder.now();
    assert_eq!(*now[0].balancer, balancer);
    let key = route_key("route-9");
    assert!(Arc::ptr_eq(
        &served[0].balancer.http_routes[&key],
        &now[0].balancer.http_routes[&key]
    ));
    proxy.stop().await;
}

/// A restarted controller knows no positions. With an equal state it sends nothing; with another one it
/// sends everything, and the proxy recognises what it has.
#[tokio::test]
async fn a_restarted_controller_sends_only_what_it_must() {
    let pki = Pki::new();
    let scope = scope_of("gw");
    let mut balancer = balancer("gw", 3_000);
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let relay = Relay::start(controller.address).await;
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer.clone()), &settings());
    controller.server.open();
    let proxy = Proxy::start(&pki, relay.address, &scope, "one");
    acknowledged(&controller, &balancer.gateway, revision).await;
    let served = proxy.recorder.now();
    let address = controller.address;
    controller.stop().await;

    let complete = relay.down();
    let controller = Controller::start_at(&pki, ServerOptions::default(), address).await;
    let revision = controller
        .server
        .publish(&scope, &Arc::new(deep_copy(&balancer)), &settings());
    controller.server.open();
    acknowledged(&controller, &balancer.gateway, revision).await;
    let bytes = relay.down() - complete;
    assert!(
        bytes < 12_000,
        "{bytes} bytes, handshakes included, in place of {complete}"
    );
    controller.stop().await;

    put_route(&mut balancer, "gw", "route-7", "/changed");
    let controller = Controller::start_at(&pki, ServerOptions::default(), address).await;
    let revision = controller
        .server
        .publish(&scope, &Arc::new(deep_copy(&balancer)), &settings());
    controller.server.open();
    acknowledged(&controller, &balancer.gateway, revision).await;
    let now = proxy.recorder.now();
    assert_eq!(*now[0].balancer, balancer);
    for name in ["route-6", "route-8"] {
        let key = route_key(name);
        assert!(Arc::ptr_eq(
            &served[0].balancer.http_routes[&key],
            &now[0].balancer.http_routes[&key]
        ));
    }
    proxy.stop().await;
}

/// With the controller gone a proxy goes on, restarts with what it had, and resumes when the controller
/// is back. The file is for its owner alone.
#[tokio::test]
async fn a_proxy_restarts_without_a_controller() {
    let pki = Pki::new();
    let scope = scope_of("gw");
    let balancer = Arc::new(balancer("gw", 100));
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let revision = controller.server.publish(&scope, &balancer, &settings());
    controller.server.open();
    let (files, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let address = controller.address;
    let mut options = options(files.path(), &pki, address.port(), &scope, "one");
    options.state = Some(state.path().join("sub"));
    let file = state.path().join("sub/last-good");
    let proxy = Proxy::with(files, options.clone(), Recorder::new());
    acknowledged(&controller, &balancer.gateway, revision).await;
    until("the file", async || file.exists().then_some(())).await;
    controller.stop().await;
    assert_eq!(proxy.recorder.now()[0].balancer, balancer, "it goes on");
    let files = proxy.stop().await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));

    let proxy = Proxy::with(files, options.clone(), Recorder::new());
    let served = proxy
        .recorder
        .serves("the last good state", |served| !served.is_empty())
        .await;
    assert_eq!(served[0].balancer, balancer, "private keys included");
    let controller = Controller::start_at(&pki, ServerOptions::default(), address).await;
    let mut changed = (*balancer).clone();
    put_route(&mut changed, "gw", "route-1", "/changed");
    let revision = controller.server.publish(&scope, &Arc::new(changed), &settings());
    controller.server.open();
    acknowledged(&controller, &balancer.gateway, revision).await;
    let now = proxy.recorder.now();
    assert_eq!(path_of(&now, "route-1").as_deref(), Some("/changed"));
    let key = route_key("route-2");
    assert!(Arc::ptr_eq(
        &served[0].balancer.http_routes[&key],
        &now[0].balancer.http_routes[&key]
    ));
    let files = proxy.stop().await;

    // Another scope's state is not served.
    let other = scope_of("other");
    std::fs::write(files.path().join("token"), format!("token-of-{other}")).unwrap();
    options.scope = other;
    let proxy = Proxy::with(files, options, Recorder::new());
    until("it asks", async || {
        (controller.tokens.0.lock().unwrap().len() == 2).then_some(())
    })
    .await;
    assert_eq!(proxy.recorder.applied(), 0);
    proxy.stop().await;
    controller.stop().await;
}

/// Addresses of a name, in order.
struct Addresses(Vec<IpAddr>);

impl Resolve for Addresses {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let addresses = self.0.clone();
        Box::pin(async move { Ok(addresses) })
    }
}

/// A controller at 127.0.0.2, and a proxy whose name for it leads to 127.0.0.1 first. Between two rounds the proxy waits
/// for an hour: it must come through in the first one.
async fn comes_through_at_once(first: impl AsyncFnOnce(SocketAddr)) {
    let pki = Pki::new();
    let scope = scope_of("gw");
    let address = SocketAddr::from(([127, 0, 0, 2], 0));
    let controller = Controller::start_at(&pki, ServerOptions::default(), address).await;
    let balancer = balancer("gw", 1);
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer.clone()), &settings());
    controller.server.open();
    // Connections that others make have ports of 127.0.0.1 only.
    let other = IpAddr::from([127, 0, 0, 3]);
    first(SocketAddr::new(other, controller.address.port())).await;
    let files = TempDir::new().unwrap();
    let mut options = options(files.path(), &pki, controller.address.port(), &scope, "one");
    options.resolve = Arc::new(Addresses(vec![other, controller.address.ip()]));
    options.times.backoff = Duration::from_secs(3600);
    options.times.backoff_max = Duration::from_secs(3600);
    let proxy = Proxy::with(files, options, Recorder::new());
    acknowledged(&controller, &balancer.gateway, revision).await;
    proxy.stop().await;
}

/// With several controllers one serves, the others refuse.
#[tokio::test]
async fn a_controller_that_refuses_costs_no_pause() {
    comes_through_at_once(async |_| {}).await;
}

/// A node that is gone answers nothing at all: here a socket whose queue is full.
#[tokio::test]
async fn a_controller_that_is_silent_holds_nobody_up() {
    let (mut full, mut queue) = (Vec::new(), None);
    comes_through_at_once(async |silent| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(silent).unwrap();
        let listener = socket.listen(1).unwrap();
        loop {
            let patience = Duration::from_millis(200);
            match tokio::time::timeout(patience, tokio::net::TcpStream::connect(silent)).await {
                Ok(Ok(stream)) => full.push(stream),
                _ => break,
            }
        }
        queue = Some(listener);
    })
    .await;
    drop(queue);
}

/// One address for all controllers: each connection reaches another one.
#[tokio::test]
async fn one_address_for_several_controllers_is_tried_until_the_right_one_answers() {
    let pki = Pki::new();
    let scope = scope_of("gw");
    let controller = Controller::start(&pki, ServerOptions::default()).await;
    let balancer = balancer("gw", 1);
    let revision = controller
        .server
        .publish(&scope, &Arc::new(balancer.clone()), &settings());
    controller.server.open();
    let front = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = front.local_addr().unwrap().port();
    let behind = controller.address;
    let relay = tokio::spawn(async move {
        let mut number = 0;
        loop {
            let (mut client, _) = front.accept().await.unwrap();
            number += 1;
            // The fifth one reaches the leader.
            if number < 5 {
                continue;
            }
            let mut server = tokio::net::TcpStream::connect(behind).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let files = TempDir::new().unwrap();
    let mut options = options(files.path(), &pki, port, &scope, "one");
    options.times.backoff = Duration::from_secs(3600);
    options.times.backoff_max = Duration::from_secs(3600);
    let proxy = Proxy::with(files, options, Recorder::new());
    acknowledged(&controller, &balancer.gateway, revision).await;
    proxy.stop().await;
    relay.abort();
}
