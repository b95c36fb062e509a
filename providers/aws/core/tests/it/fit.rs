//! Quotas known before the first call, and what is served at the limit.

use crate::goldens::world::{balancers, surroundings};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::fit::{Fitted, fit};
use gatewright_aws_core::alb::lower::lower;
use gatewright_aws_core::alb::settings::Settings;
use gatewright_aws_core::limits::AlbLimits;
use gatewright_model::LoadBalancer;

const FRAME: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: alb}
spec: {controllerName: gatewright.dev/aws-alb}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: alb
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop}
spec: {selector: {app: pay}, ports: [{port: 80}]}
";

/// A route younger than those before it, for a host and some exact paths of its own: nothing of it can be merged.
fn route(index: usize, paths: usize) -> String {
    below(&format!("/r{index}"), index, paths)
}

/// A route for a host of its own and some exact paths below a path.
fn below(root: &str, index: usize, paths: usize) -> String {
    let service = if index.is_multiple_of(2) { "cart" } else { "pay" };
    let matches: Vec<String> = (0..paths)
        .map(|path| {
            format!(
                "{{path: {{type: Exact, value: {root}/p{path}}}, headers: [{{name: h{path}, value: \"1\"}}]}}"
            )
        })
        .collect();
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r{index:03}, namespace: shop}}
spec:
  parentRefs: [{{name: edge}}]
  hostnames: [r{index}.example.com]
  rules:
  - matches: [{}]
    backendRefs: [{{name: {service}, port: 80}}]
",
        matches.join(", ")
    )
}

fn gateway(routes: impl IntoIterator<Item = String>) -> (LoadBalancer, Target) {
    let manifests: String = std::iter::once(FRAME.to_owned()).chain(routes).collect();
    let balancer = balancers("", &manifests).into_values().next().unwrap();
    let target = lower(&balancer, &Settings::new("main"), &surroundings()).target;
    (balancer, target)
}

fn fitted(routes: impl IntoIterator<Item = String>, limits: &AlbLimits) -> Fitted {
    let (balancer, target) = gateway(routes);
    fit(target, &balancer, limits)
}

fn twenty() -> AlbLimits {
    AlbLimits {
        rules: 20,
        ..AlbLimits::default()
    }
}

fn rules(fitted: &Fitted) -> usize {
    fitted
        .target
        .listeners
        .values()
        .map(|listener| listener.rules.len())
        .sum()
}

#[test]
fn what_fits_stays_whole() {
    let fitted = fitted((0..10).map(|index| route(index, 2)), &AlbLimits::default());
    assert_eq!(fitted.left_out, Vec::new());
    assert_eq!(rules(&fitted), 20);
    assert!(
        fitted.needs.iter().all(|need| !need.exceeded()),
        "{:?}",
        fitted.needs
    );
}

/// Hosts with the same path, header and backend share rules, three by three.
#[test]
fn routes_alike_share_rules() {
    let fitted = fitted(
        (0..12).map(|index| below("/cart", 2 * index, 1)),
        &AlbLimits::default(),
    );
    assert_eq!(rules(&fitted), 4);
}

/// The oldest routes are served; each of the others is told the quota, the need and the limit. None takes others with it.
#[test]
fn over_a_quota_the_youngest_routes_are_left_out() {
    let fitted = fitted((0..15).map(|index| route(index, 2)), &twenty());
    assert_eq!(rules(&fitted), 20);
    let left: Vec<&str> = fitted.left_out.iter().map(|item| &*item.object).collect();
    assert_eq!(left.first(), Some(&"HTTPRoute shop/r010"), "{left:?}");
    assert_eq!(left.len(), 5);
    for item in &fitted.left_out {
        assert!(
            item.why.contains("\"Rules per Application Load Balancer\" is 20"),
            "{item}"
        );
        assert!(item.why.contains("need 30"), "{item}");
        assert!(!item.approximated);
    }
}

/// A route that is too large does not keep smaller ones out that are younger.
#[test]
fn a_large_route_leaves_room_to_those_behind_it() {
    let limits = AlbLimits {
        rules: 10,
        ..AlbLimits::default()
    };
    let routes = [route(0, 4), route(1, 8), route(2, 4)];
    let fitted = fitted(routes, &limits);
    let left: Vec<&str> = fitted.left_out.iter().map(|item| &*item.object).collect();
    assert_eq!(left, ["HTTPRoute shop/r001"]);
    assert_eq!(rules(&fitted), 8);
    // Groups of routes that are left out are not made.
    assert_eq!(fitted.target.target_groups.len(), 1);
}

/// A quota of zero leaves nothing but the load balancer and its default answer.
#[test]
fn a_quota_of_zero_serves_nothing_and_says_so() {
    let limits = AlbLimits {
        rules: 0,
        ..AlbLimits::default()
    };
    let fitted = fitted((0..3).map(|index| route(index, 1)), &limits);
    assert_eq!((rules(&fitted), fitted.left_out.len()), (0, 3));
    assert_eq!(fitted.target.listeners.len(), 1);
}

/// Deterministic: the same Gateway gives the same rules.
#[test]
fn the_same_again_is_the_same() {
    let (balancer, target) = gateway((0..15).map(|index| route(index, 2)));
    let once = fit(target.clone(), &balancer, &twenty());
    let again = fit(target, &balancer, &twenty());
    assert_eq!(once, again);
}

fn with_ports(own: usize, of_set: usize) -> (LoadBalancer, Target) {
    let listeners = |from: usize, count: usize| -> String {
        (from..from + count)
            .map(|port| format!("{{name: p{port}, port: {port}, protocol: HTTP}}, "))
            .collect()
    };
    let manifests = FRAME.replace(
        "  listeners: [{name: http, port: 80, protocol: HTTP}]",
        &format!(
            "  allowedListeners: {{namespaces: {{from: Same}}}}\n  listeners: [{}]",
            listeners(9000, own)
        ),
    );
    let set = format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: more, namespace: shop}}
spec:
  parentRef: {{name: edge}}
  listeners: [{}]
",
        listeners(8000, of_set)
    );
    let balancer = balancers("", &format!("{manifests}{set}"))
        .into_values()
        .next()
        .unwrap();
    let target = lower(&balancer, &Settings::new("main"), &surroundings()).target;
    (balancer, target)
}

/// Ports over the quota are not listened on; those of ListenerSets go first, the highest of them before.
#[test]
fn over_the_quota_of_listeners_the_gateways_own_come_first() {
    let (balancer, target) = with_ports(2, 3);
    let limits = AlbLimits {
        listeners: 3,
        ..AlbLimits::default()
    };
    let fitted = fit(target, &balancer, &limits);
    let ports: Vec<u16> = fitted.target.listeners.keys().copied().collect();
    assert_eq!(ports, [8000, 9000, 9001]);
    let left: Vec<String> = fitted
        .left_out
        .iter()
        .map(|item| format!("{} {}", item.object, item.field))
        .collect();
    assert_eq!(
        left,
        [
            "ListenerSet shop/more spec.listeners[name=p8001].port",
            "ListenerSet shop/more spec.listeners[name=p8002].port"
        ]
    );
    assert!(fitted.left_out[0].why.contains("is 3, the Gateway needs 5"));
    let gatewright_aws_core::network::SecurityGroups::Managed(group) =
        &fitted.target.balancer.security_groups
    else {
        panic!("it is managed");
    };
    assert_eq!(group.ingress.len(), 3, "nothing is let in where nothing listens");
}

/// Certificates over the quota are not shown: hostnames that they are for hear it, the others are served.
#[test]
fn over_the_quota_of_certificates_later_listeners_lose_theirs() {
    let manifests = FRAME.replace(
        "  listeners: [{name: http, port: 80, protocol: HTTP}]",
        "  listeners:
  - {name: a, port: 443, protocol: HTTPS, hostname: a.example}
  - {name: b, port: 443, protocol: HTTPS, hostname: shop.acm.example}
  - {name: c, port: 443, protocol: HTTPS, hostname: other.acm.example}",
    );
    let balancer = balancers("", &manifests).into_values().next().unwrap();
    let target = lower(&balancer, &Settings::new("main"), &surroundings()).target;
    assert_eq!(target.certificates.len(), 3);
    let limits = AlbLimits {
        certificates: 1,
        ..AlbLimits::default()
    };
    let fitted = fit(target, &balancer, &limits);
    let tls = fitted.target.listeners[&443].tls.as_ref().unwrap();
    assert_eq!((tls.others.len(), fitted.target.certificates.len()), (1, 2));
    assert_eq!(fitted.left_out.len(), 1);
    assert!(
        fitted.left_out[0].why.contains("is 1, the Gateway needs 2"),
        "{}",
        fitted.left_out[0]
    );
}
