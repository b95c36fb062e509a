//! What a provider is told beside the load balancer: pods that wait for it, what rules ask for, backends of its own kind.

use super::*;
use gatewright_model::backend::{BackendTarget, Endpoints};

const GATED: &str = "
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080}]
endpoints:
  - {addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}, conditions: {ready: true}}
  - {addresses: [10.0.0.2], targetRef: {kind: Pod, name: b}, conditions: {ready: false}}
  - {addresses: [10.0.0.3], targetRef: {kind: Pod, name: c}, conditions: {ready: false}}
  - {addresses: [10.0.0.4], targetRef: {kind: Pod, name: d}, conditions: {ready: false, serving: true, terminating: true}}
---
";

fn gated_pod(name: &str, containers: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: web}}}}
spec: {{containers: [], readinessGates: [{{conditionType: gatewright.dev/target-health}}]}}
status: {{conditions: [{{type: ContainersReady, status: '{containers}'}}]}}
---
"
    )
}

/// A pod whose gate only the load balancer can open must be registered before it is ready, or it never would be.
#[test]
fn a_pod_that_lacks_nothing_but_the_load_balancers_word_is_told_to_the_provider() {
    let route = http_route("r", "");
    let yaml = [
        GATEWAY,
        GATED,
        &gated_pod("b", "True"),
        &gated_pod("c", "False"),
        &gated_pod("d", "True"),
        &route,
    ];
    let mut engine = engine_with(&yaml.concat());
    let warming = |engine: &Engine| -> Vec<String> {
        let Some(Parameters::AwsAlb(found)) = engine.parameters(&name()) else {
            panic!("no parameters");
        };
        let all = found.warming.values().flatten();
        all.map(|endpoint| format!("{}:{}", endpoint.address, endpoint.port))
            .collect()
    };
    assert_eq!(warming(&engine), ["10.0.0.2:8080"]);
    let backend = engine
        .balancer(&name())
        .unwrap()
        .backends
        .values()
        .next()
        .unwrap();
    let Endpoints::Static(ready) = &backend.endpoints else {
        panic!("{backend:?}");
    };
    assert_eq!(ready.len(), 1, "for everybody else it is not ready");

    let delta = engine.update(upserts(&gated_pod("c", "True")), at(1));
    assert!(matches!(delta.balancers.as_slice(), [BalancerChange::Changed { parts, .. }] if parts.settings));
    assert_eq!(warming(&engine), ["10.0.0.2:8080", "10.0.0.3:8080"]);
    // A pod without gate changes nothing.
    let plain = gated_pod("c", "True").replace("gatewright.dev/target-health", "example.com/other");
    assert_eq!(engine.update(upserts(&plain), at(2)).balancers.len(), 1);
    assert!(
        engine
            .update(upserts(&plain.replace("name: c", "name: e")), at(3))
            .balancers
            .is_empty()
    );
    // Ready for everybody: it is told of once.
    let ready = GATED.replace(
        "name: b}, conditions: {ready: false}",
        "name: b}, conditions: {ready: true}",
    );
    engine.update(upserts(&ready), at(4));
    assert_eq!(warming(&engine), [""; 0]);
}

const STAFF: &str = "
apiVersion: gatewright.dev/v1alpha1
kind: AwsRouteParameters
metadata: {name: staff}
spec: {oidc: {issuer: \"https://l.example\", authorizationEndpoint: \"https://l.example/a\", tokenEndpoint: \"https://l.example/t\", userInfoEndpoint: \"https://l.example/u\", clientId: shop, clientSecretRef: {name: login}}}
---
";

fn secret(data: &str) -> String {
    format!("{{apiVersion: v1, kind: Secret, metadata: {{name: login}}, data: {{{data}}}}}\n---\n")
}

fn asking(name: &str, group: &str) -> String {
    http_route("r", "").replace(
        "rules: [{",
        &format!(
            "rules: [{{filters: [{{type: ExtensionRef, extensionRef: {{group: {group}, kind: AwsRouteParameters, name: {name}}}}}], "
        ),
    )
}

/// What a rule names in a filter of type ExtensionRef reaches the provider, with the secret, and each change of either.
#[test]
fn what_a_rule_asks_for_and_its_secret_reach_the_provider() {
    let yaml =
        GATEWAY.to_owned() + &asking("staff", "gatewright.dev") + STAFF + &secret("clientSecret: aGlkZGVu");
    let mut engine = engine_with(&yaml);
    let asked = |engine: &Engine| match engine.parameters(&name()) {
        Some(Parameters::AwsAlb(found)) => found.routes.clone(),
        other => panic!("{other:?}"),
    };
    let found = asked(&engine);
    let ((route, rule), settings) = found.first_key_value().unwrap();
    assert_eq!((&*route.object.name, *rule), ("r", 0));
    assert_eq!(&*settings.field, "spec.rules[0].filters[0].extensionRef");
    let secret_of = |engine: &Engine| asked(engine).into_values().next().unwrap().client_secret.unwrap();
    assert_eq!(secret_of(&engine).unwrap().expose(), b"hidden");
    assert!(!format!("{found:?}").contains("hidden"));
    assert_eq!(conditions(&engine, "r")[1], "ResolvedRefs=True/ResolvedRefs");
    // Whoever does not know it answers 500.
    let served = engine
        .balancer(&name())
        .unwrap()
        .http_routes
        .values()
        .next()
        .unwrap()
        .clone();
    assert!(
        served.rules[0]
            .fault
            .as_deref()
            .unwrap()
            .contains("Application Load Balancers of AWS alone")
    );

    for (data, part) in [
        ("clientSecret: b3RoZXI=", None),
        // With a line break at its end.
        ("clientSecret: b3RoZXIK", Some("without spaces or line breaks")),
        ("password: b3RoZXI=", Some("has no key clientSecret")),
    ] {
        let delta = engine.update(upserts(&secret(data)), at(1));
        let [BalancerChange::Changed { parts, .. }] = delta.balancers.as_slice() else {
            panic!("{:?}", delta.balancers);
        };
        assert!(parts.settings);
        match (secret_of(&engine), part) {
            (Ok(found), None) => assert_eq!(found.expose(), b"other"),
            (Err(why), Some(part)) => assert!(why.contains(part) && !why.contains("other"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    engine.update(upserts(&http_route("r", "")), at(2));
    assert!(asked(&engine).is_empty());
}

#[test]
fn what_a_rule_asks_for_must_be_there_and_be_known() {
    let filters = |name: &str, group: &str| GATEWAY.to_owned() + &asking(name, group);
    let missing = engine_with(&filters("nobody", "gatewright.dev"));
    assert_eq!(conditions(&missing, "r")[1], "ResolvedRefs=False/BackendNotFound");
    let strange = engine_with(&filters("nobody", "example.com"));
    assert_eq!(conditions(&strange, "r")[1], "ResolvedRefs=False/InvalidKind");
    // Another provider does not know it: its rule answers 500, and its parent's status says so.
    let mut software = Engine::new(options());
    software.update(upserts(&(filters("staff", "gatewright.dev") + STAFF)), at(0));
    assert_eq!(conditions(&software, "r")[1], "ResolvedRefs=False/InvalidKind");
    let balancer = software.balancer(&name()).unwrap();
    assert!(
        balancer.http_routes.values().next().unwrap().rules[0]
            .fault
            .is_some()
    );
    // Two in one rule are one too many: which holds?
    let twice = asking("staff", "gatewright.dev").replace(
        "filters: [",
        "filters: [{type: ExtensionRef, extensionRef: {group: gatewright.dev, kind: AwsRouteParameters, name: staff}}, ",
    );
    let both = engine_with(&(GATEWAY.to_owned() + &twice + STAFF));
    assert_eq!(conditions(&both, "r")[0], "Accepted=False/IncompatibleFilters");
}

/// A backend of our own kind reaches the provider that knows it; for everybody else its reference is invalid.
#[test]
fn a_backend_on_aws_reaches_the_provider_and_is_invalid_for_others() {
    let referring = |reference: &str| {
        let route = http_route("r", "").replace(
            "backendRefs: [{name: web, port: 80}]",
            &format!("backendRefs: [{{name: web, port: 80}}, {{group: gatewright.dev, kind: AwsBackend, {reference}}}]"),
        );
        GATEWAY.to_owned() + &route
    };
    let there = "
apiVersion: gatewright.dev/v1alpha1
kind: AwsBackend
metadata: {name: given}
spec: {targetGroup: {name: theirs}}
---
";
    let mut engine = engine_with(&(referring("name: given, weight: 3") + there));
    assert_eq!(conditions(&engine, "r")[1], "ResolvedRefs=True/ResolvedRefs");
    let backends = |engine: &Engine| match engine.parameters(&name()) {
        Some(Parameters::AwsAlb(found)) => found.backends.clone(),
        other => panic!("{other:?}"),
    };
    let found = backends(&engine);
    let ((route, rule, position), settings) = found.first_key_value().unwrap();
    assert_eq!((&*route.object.name, *rule, *position), ("r", 0, 1));
    assert_eq!(&*settings.field, "spec.rules[0].backendRefs[1]");
    assert_eq!(settings.object, ObjectName::new("default", "given"));
    let served = engine
        .balancer(&name())
        .unwrap()
        .http_routes
        .values()
        .next()
        .unwrap()
        .clone();
    assert!(served.rules[0].fault.is_none());
    let share = &served.rules[0].backends[1];
    assert!(matches!(share.target, BackendTarget::Invalid(_)) && share.weight == 3);
    let delta = engine.update(upserts(&there.replace("theirs", "others")), at(1));
    let [BalancerChange::Changed { parts, .. }] = delta.balancers.as_slice() else {
        panic!("{:?}", delta.balancers);
    };
    assert!(parts.settings);

    for (reference, reason) in [
        ("name: nobody", "BackendNotFound"),
        ("name: given, port: 80", "InvalidKind"),
        ("name: given, namespace: other", "RefNotPermitted"),
    ] {
        let engine = engine_with(&(referring(reference) + there));
        assert_eq!(
            conditions(&engine, "r")[1],
            format!("ResolvedRefs=False/{reason}"),
            "{reference}"
        );
        assert!(backends(&engine).is_empty());
    }
    let mut software = Engine::new(options());
    software.update(upserts(&(referring("name: given") + there)), at(0));
    assert_eq!(conditions(&software, "r")[1], "ResolvedRefs=False/InvalidKind");
}
