//! Each approximation as it is stated: what the router of the software class answers, and what the Application Load
//! Balancer does, by the simulator's data plane. `strict` refuses each, and then it does not happen.

mod network;
mod plane;

use crate::goldens::world;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::MutualAuthentication;
use gatewright_aws_core::alb::lower::lower;
use gatewright_aws_core::alb::rule::Action;
use gatewright_aws_core::alb::settings::{Approximations, Settings};
use gatewright_model::LoadBalancer;
use gatewright_model::backend::BackendTarget;
use gatewright_model::filter::HttpFilter;
use gatewright_model::route::HttpRule;
use gatewright_model::router::{RequestView, Router};
use gatewright_provider_api::contract::Lowered;
use gatewright_provider_api::support::Support;
use gatewright_provider_api::{Feature, Provider};
use http::{HeaderMap, HeaderName, HeaderValue};
use plane::{Answer, Asked, Served};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// Those that a test below is about.
const TESTED: [Feature; 10] = [
    Feature::ClientValidationFallback,
    Feature::HeaderExact,
    Feature::HeaderRegex,
    Feature::QueryExact,
    Feature::Grpc,
    Feature::RedirectPrefix,
    Feature::Weights,
    Feature::InvalidShare,
    Feature::SessionCookie,
    Feature::Http2Backend,
];

fn difference(feature: Feature) -> Option<&'static str> {
    match Provider::AwsAlb.support(feature) {
        Support::Approximate { difference } => Some(difference),
        Support::Full | Support::None { .. } => None,
    }
}

/// A new approximation needs a test of its difference.
#[test]
fn every_approximation_is_tested() {
    let tested: BTreeSet<&str> = TESTED
        .iter()
        .map(|feature| difference(*feature).unwrap())
        .collect();
    let all: BTreeSet<&str> = Feature::ALL.into_iter().filter_map(difference).collect();
    assert_eq!(tested, all);
}

/// A Gateway with objects beside the usual ones.
struct World {
    balancer: LoadBalancer,
}

impl World {
    fn new(manifests: &str) -> Self {
        Self::beside("features", manifests)
    }

    /// With the usual objects of a folder of goldens.
    fn beside(folder: &str, manifests: &str) -> Self {
        let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens");
        let goldens = goldens.join(folder).join("_defaults.yaml");
        let defaults = std::fs::read_to_string(goldens).unwrap();
        let before = world::balancers(&defaults, "");
        let after = world::balancers(&defaults, manifests);
        let (_, balancer) = after
            .into_iter()
            .find(|(gateway, balancer)| before.get(gateway) != Some(balancer))
            .unwrap();
        Self { balancer }
    }

    /// A Gateway with an HTTP listener and a route of these rules.
    fn of(kind: &str, rules: &str) -> Self {
        Self::new(&format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: web, namespace: shop}}
spec:
  gatewayClassName: alb
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: {kind}
metadata: {{name: r, namespace: shop}}
spec:
  parentRefs: [{{name: web}}]
  hostnames: [a.example.com]
  rules:
{rules}"
        ))
    }

    fn lowered(&self, approximations: Approximations) -> Lowered<Target> {
        let settings = Settings {
            approximations,
            ..Settings::new("main")
        };
        lower(&self.balancer, &settings, &world::surroundings(&settings))
    }

    /// As users get it who leave `strict` off; the difference is told.
    fn roughly(&self, feature: Feature) -> Target {
        let lowered = self.lowered(Approximations::Serve);
        let told = told(&lowered, feature);
        assert!(
            !told.is_empty() && told.iter().all(|approximated| *approximated),
            "{:?}",
            lowered.unsupported
        );
        lowered.target
    }

    /// As users get it who refuse differences: nothing is approximated.
    fn strictly(&self, feature: Feature) -> Target {
        let lowered = self.lowered(Approximations::Refuse);
        let told = told(&lowered, feature);
        assert!(
            !told.is_empty() && told.iter().all(|approximated| !approximated),
            "{:?}",
            lowered.unsupported
        );
        assert!(
            lowered.unsupported.iter().all(|item| !item.approximated),
            "{:?}",
            lowered.unsupported
        );
        lowered.target
    }

    /// The rule of the software class for a request.
    fn software(&self, asked: Asked) -> Option<Arc<HttpRule>> {
        let router = Router::build(&self.balancer, |_, rule| Arc::clone(rule));
        let mut headers = HeaderMap::new();
        for (name, value) in asked.headers {
            let name = HeaderName::from_static(name);
            headers.append(name, HeaderValue::from_static(value));
        }
        let view = RequestView {
            method: "GET",
            path: asked.path,
            query: asked.query,
            headers: &headers,
        };
        let listener = self.balancer.listeners.keys().next().unwrap();
        let found = router.listener(listener)?.find("a.example.com", &view)?;
        Some(Arc::clone(found.payload))
    }
}

/// What is told of a feature: whether each is served all the same.
fn told(lowered: &Lowered<Target>, feature: Feature) -> Vec<bool> {
    let difference = difference(feature).unwrap();
    let items = lowered.unsupported.iter();
    items
        .filter(|item| item.why.starts_with(difference))
        .map(|item| item.approximated)
        .collect()
}

/// The backend of a rule that has one.
fn backend(rule: Option<Arc<HttpRule>>) -> String {
    match &rule.unwrap().backends.as_slice() {
        [one] => match &one.target {
            BackendTarget::Backend(key) => key.to_string(),
            BackendTarget::Invalid(why) => panic!("{why}"),
        },
        other => panic!("{other:?}"),
    }
}

/// The backend whose target answered.
fn served(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let group = answer.group.as_deref().unwrap();
    group.rsplit_once('/').unwrap().0.to_owned()
}

const A: &str = "Service/shop/a:80";
const B: &str = "Service/shop/b:80";

/// Requests, with what the software class and the load balancer make of each.
async fn differ(feature: Feature, first: &str, requests: &[(Asked, &str, &str)]) {
    let rules = format!(
        "  - matches: [{first}]
    backendRefs: [{{name: a, port: 80}}]
  - backendRefs: [{{name: b, port: 80}}]
"
    );
    let world = World::of("HTTPRoute", &rules);
    let rough = Served::start(&world.roughly(feature), 80).await;
    // The match is left out: what matches next serves its requests.
    let strict = Served::start(&world.strictly(feature), 80).await;
    for (asked, software, balancer) in requests {
        assert_eq!(backend(world.software(*asked)), *software, "{asked:?}");
        assert_eq!(served(&rough.ask(*asked).await), *balancer, "{asked:?}");
        assert_eq!(served(&strict.ask(*asked).await), B, "{asked:?}");
    }
    let differing = requests
        .iter()
        .filter(|(_, software, balancer)| software != balancer);
    assert!(differing.count() > 0);
}

const fn headers(headers: &'static [(&'static str, &'static str)]) -> Asked {
    Asked {
        path: "/",
        query: None,
        headers,
    }
}

const fn query(query: &'static str) -> Asked {
    Asked {
        path: "/",
        query: Some(query),
        headers: &[],
    }
}

#[tokio::test]
async fn values_of_headers_have_no_case_and_each_field_counts() {
    let requests = [
        (headers(&[("x-env", "blue")]), A, A),
        (headers(&[("x-env", "red")]), B, B),
        (headers(&[("x-env", "BLUE")]), B, A),
        (headers(&[("x-env", "red"), ("x-env", "blue")]), B, A),
    ];
    differ(
        Feature::HeaderExact,
        "{headers: [{name: x-env, value: blue}]}",
        &requests,
    )
    .await;
}

#[tokio::test]
async fn expressions_on_headers_see_each_field() {
    let requests = [
        (headers(&[("x-env", "green")]), A, A),
        (headers(&[("x-env", "red")]), B, B),
        (headers(&[("x-env", "red"), ("x-env", "blue")]), B, A),
    ];
    let first = "{headers: [{name: x-env, type: RegularExpression, value: blue|green}]}";
    differ(Feature::HeaderRegex, first, &requests).await;
}

#[tokio::test]
async fn query_parameters_have_no_case_and_each_counts() {
    let requests = [
        (query("color=red"), A, A),
        (query("color=blue"), B, B),
        (query("Color=red"), B, A),
        (query("color=RED"), B, A),
        (query("color=blue&color=red"), B, A),
    ];
    differ(
        Feature::QueryExact,
        "{queryParams: [{name: color, value: red}]}",
        &requests,
    )
    .await;
}

/// The weights that a rule's backends have, and that its target groups have.
fn shares(world: &World, target: &Target) -> (Vec<u32>, Vec<u16>) {
    let rule = world.software(headers(&[])).unwrap();
    let wanted = rule.backends.iter().map(|backend| backend.weight).collect();
    let Action::Forward(forward) = &target.listeners[&80].rules[0].action else {
        panic!("{:?}", target.listeners);
    };
    (wanted, forward.groups.values().copied().collect())
}

/// One in 3,001 becomes one in 1,000: what is above 0 stays above 0.
#[test]
fn large_weights_are_scaled_down() {
    let rules = |a: u32, b: u32| {
        format!("  - backendRefs: [{{name: a, port: 80, weight: {a}}}, {{name: b, port: 80, weight: {b}}}]\n")
    };
    let world = World::of("HTTPRoute", &rules(3_000, 1));
    let target = world.roughly(Feature::Weights);
    assert_eq!(shares(&world, &target), (vec![3_000, 1], vec![999, 1]));
    // The conditions can be expressed: no request of it falls to a less specific rule.
    let strict = world.strictly(Feature::Weights);
    assert!(
        matches!(&strict.listeners[&80].rules[0].action, Action::Fixed(fixed) if fixed.status == 500),
        "{:?}",
        strict.listeners[&80]
    );
    // Shares that can be kept are kept, and nothing is told.
    let world = World::of("HTTPRoute", &rules(900_000, 100_000));
    let lowered = world.lowered(Approximations::Refuse);
    assert_eq!(lowered.unsupported, Vec::new());
    assert_eq!(shares(&world, &lowered.target).1, [9, 1]);
}

/// Gateway API v1.7.0, `HTTPRouteRule.backendRefs`: "If 50% of traffic is routed to an invalid backend, 50% of it MUST
/// receive a 500 status code."
#[tokio::test]
async fn the_share_of_an_invalid_backend_is_answered_with_503() {
    let world = World::of(
        "HTTPRoute",
        "  - backendRefs: [{name: a, port: 80}, {name: missing, port: 80}]\n",
    );
    let rule = world.software(headers(&[])).unwrap();
    let invalid = rule
        .backends
        .iter()
        .filter(|backend| matches!(backend.target, BackendTarget::Invalid(_)));
    assert_eq!(invalid.count(), 1, "answered with 500 by the software class");
    let balancer = Served::start(&world.roughly(Feature::InvalidShare), 80).await;
    let mut statuses = [0, 0];
    for _ in 0..100 {
        match balancer.ask(headers(&[])).await.status {
            200 => statuses[0] += 1,
            503 => statuses[1] += 1,
            other => panic!("{other}"),
        }
    }
    assert!(statuses[0] > 20 && statuses[1] > 20, "{statuses:?}");
    let strict = Served::start(&world.strictly(Feature::InvalidShare), 80).await;
    assert_eq!(strict.ask(headers(&[])).await.status, 500);
}

#[tokio::test]
async fn a_session_is_held_by_the_load_balancers_own_cookie() {
    let world = World::of(
        "HTTPRoute",
        "  - sessionPersistence: {type: Cookie, cookie: {name: cart}, absoluteTimeout: 240h}
    backendRefs: [{name: a, port: 80}]
",
    );
    let rule = world.software(headers(&[])).unwrap();
    let session = rule.session_persistence.as_ref().unwrap();
    assert_eq!(
        session.name.as_deref(),
        Some("cart"),
        "the cookie of the software class"
    );
    assert_eq!(session.absolute_timeout_s, Some(240 * 3600));
    let target = world.roughly(Feature::SessionCookie);
    let group = target.target_groups.values().next().unwrap();
    let seconds = group
        .attributes
        .get("stickiness.lb_cookie.duration_seconds")
        .unwrap();
    assert_eq!(**seconds, *(7 * 24 * 3600).to_string());
    let balancer = Served::start(&target, 80).await;
    let answer = balancer.ask(headers(&[])).await;
    assert_eq!(answer.status, 200);
    assert!(
        !answer.cookies.is_empty() && answer.cookies.iter().all(|cookie| cookie.starts_with("AWSALB")),
        "{answer:?}"
    );
    let strict = Served::start(&world.strictly(Feature::SessionCookie), 80).await;
    assert_eq!(strict.ask(headers(&[])).await.status, 500);
}

/// A redirect puts text in front of the whole path; it cannot replace a part of it.
#[tokio::test]
async fn a_redirect_replaces_the_prefix_of_everything_alone() {
    let rules = |prefix: &str, to: &str| {
        format!(
            "  - matches: [{{path: {{type: PathPrefix, value: {prefix}}}}}]
    filters:
    - type: RequestRedirect
      requestRedirect:
        hostname: b.example.com
        path: {{type: ReplacePrefixMatch, replacePrefixMatch: {to}}}
"
        )
    };
    let asked = Asked {
        path: "/old/x",
        ..headers(&[])
    };
    let redirects = |world: &World| {
        let rule = world.software(asked).unwrap();
        matches!(rule.filters.as_slice(), [HttpFilter::Redirect(_)])
    };
    let whole = World::of("HTTPRoute", &rules("/", "/new"));
    assert!(redirects(&whole));
    let lowered = whole.lowered(Approximations::Refuse);
    assert_eq!(lowered.unsupported, Vec::new(), "exact, so that nothing is told");
    let answer = Served::start(&lowered.target, 80).await.ask(asked).await;
    assert_eq!(answer.status, 302);
    let location = answer.location.unwrap();
    assert!(
        location.starts_with("http://b.example.com:") && location.ends_with("/new/old/x"),
        "{location}"
    );

    let part = World::of("HTTPRoute", &rules("/old", "/new"));
    assert!(redirects(&part));
    let target = part.strictly(Feature::RedirectPrefix);
    assert_eq!(
        part.lowered(Approximations::Serve).target,
        target,
        "refused either way"
    );
    assert_eq!(Served::start(&target, 80).await.ask(asked).await.status, 500);
}

/// What HTTP/2 to targets needs: on a listener without TLS it is refused either way.
#[tokio::test]
async fn targets_of_http_2_are_served_on_https_listeners_alone() {
    let grpc = World::of("GRPCRoute", "  - backendRefs: [{name: a, port: 80}]\n");
    let h2c = World::new(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: shop}
spec:
  gatewayClassName: alb
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: two, namespace: shop}
spec: {selector: {app: two}, ports: [{port: 80, appProtocol: kubernetes.io/h2c}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: shop}
spec:
  parentRefs: [{name: web}]
  hostnames: [a.example.com]
  rules: [{backendRefs: [{name: two, port: 80}]}]
",
    );
    for (world, feature) in [(grpc, Feature::Grpc), (h2c, Feature::Http2Backend)] {
        let target = world.strictly(feature);
        assert_eq!(world.lowered(Approximations::Serve).target, target);
        let asked = Asked {
            path: "/shop.Cart/Add",
            ..headers(&[])
        };
        assert!(world.software(asked).is_some(), "the software class serves it");
        let answer = Served::start(&target, 80).await.ask(asked).await;
        assert_eq!(answer.status, 500, "{feature:?}");
    }
}

/// Whatever a client shows is passed on, unchecked (the simulator's own `traffic::tests::mutual` serves it so). Strictly
/// there is no listener: nobody comes in unchecked.
#[test]
fn clients_that_may_show_nothing_are_not_checked() {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/features/client-validation-fallback.yaml");
    let text = std::fs::read_to_string(golden).unwrap();
    let (manifests, _) = text.split_once("---\n# What the manifests above become").unwrap();
    let world = World::new(manifests);
    let clients = |target: &Target| {
        let tls = target.listeners.get(&443)?.tls.as_ref()?;
        Some(tls.clients == Some(MutualAuthentication::Passthrough))
    };
    assert_eq!(
        clients(&world.roughly(Feature::ClientValidationFallback)),
        Some(true)
    );
    assert_eq!(clients(&world.strictly(Feature::ClientValidationFallback)), None);
}
