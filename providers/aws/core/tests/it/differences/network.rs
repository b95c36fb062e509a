//! The same of Network Load Balancers.

use super::plane::Served;
use super::{World, headers};
use crate::goldens::world;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::rule::Action;
use gatewright_aws_core::alb::settings::{Approximations, Settings};
use gatewright_aws_core::nlb::lower::lower;
use gatewright_provider_api::contract::Lowered;
use gatewright_provider_api::support::Support;
use gatewright_provider_api::{Feature, Provider};
use std::collections::BTreeSet;

const TESTED: [Feature; 4] = [
    Feature::TlsTerminateListener,
    Feature::TlsPassthroughListener,
    Feature::Weights,
    Feature::InvalidShare,
];

fn difference(feature: Feature) -> Option<&'static str> {
    match Provider::AwsNlb.support(feature) {
        Support::Approximate { difference } => Some(difference),
        Support::Full | Support::None { .. } => None,
    }
}

#[test]
fn every_approximation_is_tested() {
    let tested: BTreeSet<&str> = TESTED
        .iter()
        .map(|feature| difference(*feature).unwrap())
        .collect();
    let all: BTreeSet<&str> = Feature::ALL.into_iter().filter_map(difference).collect();
    assert_eq!(tested, all);
}

/// A Gateway with this listener, and these routes.
fn gateway(listener: &str, routes: &str) -> World {
    let manifests = format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge, namespace: shop}}
spec:
  gatewayClassName: nlb
  listeners: [{listener}]
{routes}"
    );
    World::beside("network", &manifests)
}

fn lowered(world: &World, approximations: Approximations) -> Lowered<Target> {
    let settings = Settings {
        approximations,
        ..Settings::new("main")
    };
    lower(&world.balancer, &settings, &world::network())
}

/// Served and told, and strictly neither: nobody listens on the port.
fn both(world: &World, feature: Feature, port: u16) -> Target {
    let difference = difference(feature).unwrap();
    let told = |lowered: &Lowered<Target>| -> Vec<bool> {
        let items = lowered.unsupported.iter();
        let about = items.filter(|item| item.why.starts_with(difference));
        about.map(|item| item.approximated).collect()
    };
    let strict = lowered(world, Approximations::Refuse);
    assert!(told(&strict).contains(&false), "{:?}", strict.unsupported);
    assert!(strict.unsupported.iter().all(|item| !item.approximated));
    assert!(
        !strict.target.listeners.contains_key(&port),
        "{:?}",
        strict.target.listeners
    );
    let rough = lowered(world, Approximations::Serve);
    assert!(told(&rough).contains(&true), "{:?}", rough.unsupported);
    rough.target
}

fn tcp(backends: &str) -> World {
    let route = format!(
        "---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: {{name: queue, namespace: shop}}
spec:
  parentRefs: [{{name: edge}}]
  rules: [{{backendRefs: [{backends}]}}]
"
    );
    gateway("{name: queue, port: 5672, protocol: TCP}", &route)
}

/// Gateway API v1.7.0, `TCPRouteRule.backendRefs`: connections of an invalid backend are refused; here they are taken in
/// and closed.
#[tokio::test]
async fn connections_of_the_share_of_an_invalid_backend_are_closed() {
    let world = tcp("{name: mail, port: 5672}, {name: missing, port: 5672}");
    let balancer = Served::start(&both(&world, Feature::InvalidShare, 5672), 5672).await;
    let (mut served, mut closed) = (0, 0);
    for _ in 0..100 {
        match balancer.try_to_ask(headers(&[])).await {
            Some(answer) => {
                assert_eq!(answer.group.as_deref(), Some("Service/shop/mail:5672/tcp"));
                served += 1;
            }
            None => closed += 1,
        }
    }
    assert!(served > 20 && closed > 20, "{served} served, {closed} closed");
}

/// One in 3,001 becomes one in 1,000.
#[test]
fn large_weights_are_scaled_down() {
    let world = tcp("{name: mail, port: 5672, weight: 3000}, {name: next, port: 5672, weight: 1}");
    let target = both(&world, Feature::Weights, 5672);
    let Action::Forward(forward) = &target.listeners[&5672].default else {
        panic!("{:?}", target.listeners);
    };
    let mut weights: Vec<u16> = forward.groups.values().copied().collect();
    weights.sort_unstable();
    assert_eq!(weights, [1, 999]);
}

/// Whatever name a client asks for, and be it none at all: the route has the port.
#[tokio::test]
async fn the_server_name_is_not_read() {
    let route = "---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [shop.example.com]
  rules: [{backendRefs: [{name: mail, port: 443}]}]
";
    let world = gateway(
        "{name: web, port: 443, protocol: TLS, hostname: \"*.example.com\", tls: {mode: Passthrough}}",
        route,
    );
    let balancer = Served::start(&both(&world, Feature::TlsPassthroughListener, 443), 443).await;
    // Not even TLS: the software class closes such a connection.
    let answer = balancer.ask(headers(&[])).await;
    assert_eq!(answer.group.as_deref(), Some("Service/shop/mail:443/tcp"));

    let world = gateway(
        "{name: web, port: 443, protocol: TLS, hostname: \"*.example.com\", tls: {mode: Terminate, \
         certificateRefs: [{name: own}]}}",
        route,
    );
    let target = both(&world, Feature::TlsTerminateListener, 443);
    let Action::Forward(forward) = &target.listeners[&443].default else {
        panic!("{:?}", target.listeners);
    };
    assert_eq!(forward.groups.len(), 1, "one route, by no name");
}
