//! Quotas known before the first call, and what is served at the limit.

use crate::goldens::world::{balancers, surroundings};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::fit::{Fitted, fit};
use gatewright_aws_core::alb::lower::lower;
use gatewright_aws_core::alb::settings::Settings;
use gatewright_aws_core::limits::{AlbLimits, RegionGroups, Taken};
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
    let target = lower(
        &balancer,
        &Settings::new("main"),
        &surroundings(&Settings::new("main")),
    )
    .target;
    (balancer, target)
}

fn fitted(routes: impl IntoIterator<Item = String>, limits: &AlbLimits) -> Fitted {
    let (balancer, target) = gateway(routes);
    fit(target, &balancer, limits, &Taken::default())
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
    let once = fit(target.clone(), &balancer, &twenty(), &Taken::default());
    let again = fit(target, &balancer, &twenty(), &Taken::default());
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
    let target = lower(
        &balancer,
        &Settings::new("main"),
        &surroundings(&Settings::new("main")),
    )
    .target;
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
    let fitted = fit(target, &balancer, &limits, &Taken::default());
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
    let target = lower(
        &balancer,
        &Settings::new("main"),
        &surroundings(&Settings::new("main")),
    )
    .target;
    assert_eq!(target.certificates.len(), 3);
    let limits = AlbLimits {
        certificates: 1,
        ..AlbLimits::default()
    };
    let fitted = fit(target, &balancer, &limits, &Taken::default());
    let tls = fitted.target.listeners[&443].tls.as_ref().unwrap();
    assert_eq!((tls.others.len(), fitted.target.certificates.len()), (1, 2));
    assert_eq!(fitted.left_out.len(), 1);
    assert!(
        fitted.left_out[0].why.contains("is 1, the Gateway needs 2"),
        "{}",
        fitted.left_out[0]
    );
}

fn items(fitted: &Fitted) -> Vec<String> {
    fitted.left_out.iter().map(ToString::to_string).collect()
}

/// kubernetes-sigs/aws-load-balancer-controller#4482: on a load balancer that was taken over, others' rules count.
#[test]
fn rules_of_others_take_room_that_routes_do_not_have() {
    let (balancer, target) = gateway((0..10).map(|index| route(index, 2)));
    let taken = Taken {
        rules: 4,
        ..Taken::default()
    };
    let fitted = fit(target, &balancer, &twenty(), &taken);
    assert_eq!(rules(&fitted), 16);
    let left: Vec<&str> = fitted.left_out.iter().map(|item| &*item.object).collect();
    assert_eq!(left, ["HTTPRoute shop/r008", "HTTPRoute shop/r009"]);
    for item in items(&fitted) {
        let why = "\"Rules per Application Load Balancer\" is 20, others have 4 of it, all routes of the Gateway need 20";
        assert!(item.contains(why), "{item}");
    }
    let need = fitted
        .needs
        .iter()
        .find(|need| need.quota.starts_with("Rules"))
        .unwrap();
    assert_eq!((need.used(), need.limit, need.scope), (24, 20, "load balancer"));
}

/// A group that a route and others forward to is one.
#[test]
fn target_groups_of_others_take_room() {
    let limits = AlbLimits {
        target_groups: 3,
        ..AlbLimits::default()
    };
    let taken = |arns: &[&str]| Taken {
        target_groups: arns.iter().copied().map(Into::into).collect(),
        ..Taken::default()
    };
    let (balancer, target) = gateway((0..2).map(|index| route(index, 1)));
    assert_eq!(target.target_groups.len(), 2);
    let fitting = fit(target.clone(), &balancer, &limits, &taken(&["one"]));
    assert_eq!(items(&fitting), Vec::<String>::new());
    let fitted = fit(target.clone(), &balancer, &limits, &taken(&["one", "two"]));
    assert_eq!(fitted.target.target_groups.len(), 1);
    assert_eq!(fitted.left_out.len(), 1);
    assert!(
        items(&fitted)[0].contains("is 3, others have 2 of it, all routes of the Gateway need 2"),
        "{:?}",
        items(&fitted)
    );
    let mut given = target;
    given.given_groups.insert(
        gatewright_aws_core::target_group::TargetGroupId("given".into()),
        "two".into(),
    );
    let need = gatewright_aws_core::alb::fit::needs(&given, &limits, &taken(&["one", "two"]));
    let need = need
        .iter()
        .find(|need| need.quota.starts_with("Target Groups per App"))
        .unwrap();
    assert_eq!((need.needed, need.others), (3, 1));
}

/// What exists stays, however full the region is; what would have to be made is left out by precedence.
#[test]
fn a_full_region_leaves_out_routes_that_need_another_target_group() {
    let limits = AlbLimits {
        region_target_groups: 10,
        ..AlbLimits::default()
    };
    let region = |others, own| Taken {
        region: Some(RegionGroups { others, own }),
        ..Taken::default()
    };
    let (balancer, target) = gateway((0..2).map(|index| route(index, 1)));
    for (others, own, left) in [
        (8, 0, 0),
        (9, 0, 1),
        (10, 0, 2),
        (9, 1, 1),
        (12, 2, 0),
        (12, 3, 0),
    ] {
        let fitted = fit(target.clone(), &balancer, &limits, &region(others, own));
        assert_eq!(
            fitted.left_out.len(),
            left,
            "{others} {own}: {:?}",
            items(&fitted)
        );
        if left == 1 {
            assert_eq!(&*fitted.left_out[0].object, "HTTPRoute shop/r001");
            let why =
                "\"Target Groups per Region\" is 10, others have 9 of it, all routes of the Gateway need 2";
            assert!(items(&fitted)[0].contains(why), "{:?}", items(&fitted));
        }
    }
    let fitted = fit(target, &balancer, &limits, &Taken::default());
    assert!(fitted.needs.iter().all(|need| need.scope == "load balancer"));
}

/// Listeners of others are listeners of the load balancer.
#[test]
fn listeners_of_others_take_room() {
    let (balancer, target) = with_ports(2, 1);
    let limits = AlbLimits {
        listeners: 4,
        ..AlbLimits::default()
    };
    // One of them is on a port that is wanted: AWS tells of that one.
    let taken = Taken {
        ports: [7000, 7001, 9000].into(),
        ..Taken::default()
    };
    let fitted = fit(target, &balancer, &limits, &taken);
    let ports: Vec<u16> = fitted.target.listeners.keys().copied().collect();
    assert_eq!(ports, [9000, 9001]);
    assert!(
        items(&fitted)[0].contains("is 4, others have 2 of it, the Gateway needs 3"),
        "{:?}",
        items(&fitted)
    );
}
