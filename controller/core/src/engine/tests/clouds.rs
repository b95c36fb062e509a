//! Gateways of classes that a cloud serves: parameters, what can be asked for, and what the provider says of routes.

mod surroundings;

use crate::engine::BalancerChange;
use crate::graph::class::{ClassProfile, Reach};
use crate::graph::parameters::{Parameters, ParametersKind};
use crate::snapshot::Kind;
use crate::status::{ListenerOutcome, Programming, Shortfall};
use crate::testing::{GATEWAY, at, http_route, options, short, status, upserts};
use crate::{Delta, Engine};
use gatewright_crds::own::aws::Scheme;
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use serde_json::Value;
use std::collections::BTreeMap;

const CLOUD: &str = "gatewright.dev/aws-alb";

fn engine_with(yaml: &str) -> Engine {
    let mut options = options();
    options.profiles.push(ClassProfile {
        controller: CLOUD.into(),
        features: Vec::new(),
        parameters: ParametersKind::AwsAlb,
        reach: Reach::HttpByName,
    });
    let mut engine = Engine::new(options);
    engine.update(upserts(&yaml.replace("gatewright.dev/software", CLOUD)), at(0));
    engine
}

fn name() -> ObjectName {
    ObjectName::new("default", "gw")
}

fn parameters(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: gatewright.dev/v1alpha1, kind: AwsLoadBalancerParameters, metadata: {{name: {name}}}, spec: {spec}}}\n---\n"
    )
}

fn groups(name: &str, service: &str, path: &str) -> String {
    format!(
        "{{apiVersion: gatewright.dev/v1alpha1, kind: AwsTargetGroupParameters, metadata: {{name: {name}}}, spec: {{targetRefs: [{{name: {service}}}], settings: {{healthCheck: {{path: {path}}}}}}}}}\n---\n"
    )
}

/// What the provider says: programmed, with these items: object, field, approximated.
fn say(engine: &mut Engine, items: &[(&str, &str, bool)], second: i64) -> Delta {
    let balancer = engine.balancer(&name()).unwrap();
    let items = items.iter().map(|(object, field, approximated)| Unsupported {
        object: (*object).into(),
        field: (*field).into(),
        why: "no".into(),
        alternative: "".into(),
        approximated: *approximated,
    });
    let programming = Programming {
        listeners: balancer
            .listeners
            .keys()
            .map(|key| (key.clone(), ListenerOutcome::Programmed))
            .collect(),
        shortfall: Shortfall::of(items),
        ..Programming::default()
    };
    engine.set_programming(BTreeMap::from([(name(), programming)]), at(second))
}

fn conditions(engine: &Engine, route: &str) -> Vec<String> {
    short(&status(engine, Kind::HttpRoute, route)["parents"][0]["conditions"])
}

fn attached(engine: &Engine) -> Value {
    status(engine, Kind::Gateway, "gw")["listeners"][0]["attachedRoutes"].clone()
}

#[test]
fn a_gateways_parameters_win_over_its_class_and_a_services_are_told_apart() {
    let refers = "spec: {controllerName: gatewright.dev/software, parametersRef: {group: gatewright.dev, kind: AwsLoadBalancerParameters, name: c, namespace: default}}";
    let yaml = GATEWAY
        .replace("spec: {controllerName: gatewright.dev/software}", refers)
        .replace(
            "  gatewayClassName: ours\n",
            "  gatewayClassName: ours\n  infrastructure: {parametersRef: {group: gatewright.dev, kind: AwsLoadBalancerParameters, name: g}}\n",
        )
        + &parameters("c", "{scheme: InternetFacing, tags: {team: a}}")
        + &parameters("g", "{tags: {app: b}}")
        + &http_route("r", "");
    let mut engine = engine_with(&yaml);
    let alb = |engine: &Engine| match engine.parameters(&name()) {
        Some(Parameters::AwsAlb(found)) => found,
        other => panic!("{other:?}"),
    };
    let found = alb(&engine);
    assert!(found.balancer.scheme.is_some());
    let tags = found.balancer.tags.clone().unwrap();
    assert_eq!(tags.keys().collect::<Vec<_>>(), ["app", "team"]);
    assert!(found.target_groups.is_empty());

    let delta = engine.update(upserts(&groups("one", "web", "/a")), at(1));
    let [BalancerChange::Changed { parts, .. }] = delta.balancers.as_slice() else {
        panic!("{:?}", delta.balancers);
    };
    assert!(parts.settings);
    assert_eq!(alb(&engine).target_groups.len(), 1);
    let ancestors = status(&engine, Kind::AwsTargetGroup, "one")["ancestors"].clone();
    assert_eq!(ancestors[0]["controllerName"], CLOUD);
    assert_eq!(short(&ancestors[0]["conditions"]), ["Accepted=True/Accepted"]);

    // Of two for one Service the first counts, and the other one says so.
    engine.update(upserts(&groups("two", "web", "/b")), at(2));
    let path = |engine: &Engine| {
        let found = alb(engine);
        let settings = found.target_groups.values().next().unwrap().settings.clone();
        settings.health_check.unwrap().path.unwrap()
    };
    assert_eq!(path(&engine), "/a");
    let ancestors = status(&engine, Kind::AwsTargetGroup, "two")["ancestors"].clone();
    assert_eq!(short(&ancestors[0]["conditions"]), ["Accepted=False/Conflicted"]);
}

/// What an administrator sets holds, and the Gateway's own parameters that it overrules are known.
#[test]
fn a_class_wins_over_its_gateways_where_it_says_so() {
    let refers = "spec: {controllerName: gatewright.dev/software, parametersRef: {group: gatewright.dev, kind: AwsLoadBalancerParameters, name: c, namespace: default}}";
    let yaml = GATEWAY
        .replace("spec: {controllerName: gatewright.dev/software}", refers)
        .replace(
            "  gatewayClassName: ours\n",
            "  gatewayClassName: ours\n  infrastructure: {parametersRef: {group: gatewright.dev, kind: AwsLoadBalancerParameters, name: g}}\n",
        )
        + &parameters("c", "{mergingMode: PreferGatewayClass, scheme: Internal}")
        + &parameters("g", "{scheme: InternetFacing, ipAddressType: Dualstack}");
    let Some(Parameters::AwsAlb(found)) = engine_with(&yaml).parameters(&name()) else {
        panic!("no parameters");
    };
    assert_eq!(found.balancer.scheme, Some(Scheme::Internal));
    assert!(found.balancer.ip_address_type.is_some());
    assert_eq!(found.overruled, ["scheme".into()].into());
    let own = yaml.replace(
        "{scheme: InternetFacing",
        "{mergingMode: PreferGateway, scheme: InternetFacing",
    );
    let status = status(&engine_with(&own), Kind::Gateway, "gw");
    let message = status["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("spec.mergingMode"), "{message}");
}

/// A class may have settings for more ports than each of its Gateways; a listener that cannot be served has its port all the same.
#[test]
fn ports_of_a_gateways_own_parameters_that_it_does_not_have_are_known() {
    let refers = "spec: {controllerName: gatewright.dev/software, parametersRef: {group: gatewright.dev, kind: AwsLoadBalancerParameters, name: c, namespace: default}}";
    let yaml = GATEWAY
        .replace("spec: {controllerName: gatewright.dev/software}", refers)
        .replace(
            "  gatewayClassName: ours\n",
            "  gatewayClassName: ours\n  infrastructure: {parametersRef: {group: gatewright.dev, kind: AwsLoadBalancerParameters, name: g}}\n",
        )
        + &parameters("c", "{listeners: [{port: 8443}]}")
        + &parameters("g", "{listeners: [{port: 80}, {port: 9443}]}");
    let strays = |yaml: &str| match engine_with(yaml).parameters(&name()) {
        Some(Parameters::AwsAlb(found)) => found.strays.iter().copied().collect::<Vec<u16>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(strays(&yaml), [9443]);
    let http = "  - {name: http, port: 80, protocol: HTTP}";
    let broken = "  - {name: https, port: 9443, protocol: HTTPS, tls: {certificateRefs: [{name: missing}]}}";
    assert_eq!(
        strays(&yaml.replace(http, &format!("{http}\n{broken}"))),
        [0u16; 0]
    );
    assert_eq!(strays(GATEWAY), [0u16; 0]);
}

#[test]
fn parameters_of_another_provider_are_refused() {
    let yaml = GATEWAY.replace(
        "  gatewayClassName: ours\n",
        "  gatewayClassName: ours\n  infrastructure: {parametersRef: {group: gatewright.dev, kind: SoftwareGatewayParameters, name: g}}\n",
    );
    let engine = engine_with(&yaml);
    let found = status(&engine, Kind::Gateway, "gw");
    assert_eq!(short(&found["conditions"])[0], "Accepted=False/InvalidParameters");
    let message = found["conditions"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("accepted is AwsLoadBalancerParameters"),
        "{message}"
    );
}

/// `ListenerReasonUnsupportedProtocol`, `GatewayReasonUnsupportedAddress`.
#[test]
fn what_the_class_never_serves_is_refused_before_the_provider_is_asked() {
    let yaml = GATEWAY.to_owned();
    let tcp = yaml.replace(
        "  - {name: http, port: 80, protocol: HTTP}",
        "  - {name: http, port: 80, protocol: HTTP}\n  - {name: tcp, port: 81, protocol: TCP}",
    );
    let engine = engine_with(&tcp);
    let found = status(&engine, Kind::Gateway, "gw");
    assert_eq!(
        short(&found["listeners"][1]["conditions"])[0],
        "Accepted=False/UnsupportedProtocol"
    );
    assert_eq!(engine.balancer(&name()).unwrap().listeners.len(), 1);
    // On a port that others have it is in conflict with them, as the suite's ListenerSetProtocolConflict has it, and they
    // are served.
    let engine = engine_with(&tcp.replace("port: 81", "port: 80"));
    let found = status(&engine, Kind::Gateway, "gw");
    let conditions = short(&found["listeners"][1]["conditions"]);
    assert!(
        conditions.contains(&"Accepted=False/ProtocolConflict".to_owned()),
        "{conditions:?}"
    );
    assert_eq!(engine.balancer(&name()).unwrap().listeners.len(), 1);
    let asked = |addresses: &str| {
        let yaml = yaml.replace(
            "  gatewayClassName: ours\n",
            &format!("  gatewayClassName: ours\n  addresses: [{addresses}]\n"),
        );
        short(&status(&engine_with(&yaml), Kind::Gateway, "gw")["conditions"])[0].clone()
    };
    assert_eq!(
        asked("{type: IPAddress, value: 192.0.2.1}"),
        "Accepted=False/UnsupportedAddress"
    );
    assert_eq!(
        asked("{type: Hostname, value: a.example}"),
        "Accepted=False/UnsupportedAddress"
    );
    assert_eq!(asked("{type: Hostname}"), "Accepted=True/Accepted");
}

/// `RouteConditionPartiallyInvalid`, `RouteReasonUnsupportedValue`; `attachedRoutes` counts accepted routes.
#[test]
fn the_providers_word_decides_over_routes() {
    let two = "rules: [{backendRefs: [{name: web, port: 80}]}, {backendRefs: [{name: web, port: 80}]}]";
    let route = http_route("r", "").replace("rules: [{backendRefs: [{name: web, port: 80}]}]", two);
    let mut engine = engine_with(&(GATEWAY.to_owned() + &route + &http_route("plain", "")));
    let delta = say(
        &mut engine,
        &[("HTTPRoute default/r", "spec.rules[1].retry", false)],
        1,
    );
    assert!(!delta.statuses.is_empty());
    assert_eq!(
        conditions(&engine, "r"),
        [
            "Accepted=True/Accepted",
            "ResolvedRefs=True/ResolvedRefs",
            "PartiallyInvalid=True/UnsupportedValue"
        ]
    );
    assert_eq!(attached(&engine), 2);
    let both = [
        ("HTTPRoute default/r", "spec.rules[0].retry", false),
        ("HTTPRoute default/r", "spec.rules[1].retry", false),
    ];
    let delta = say(&mut engine, &both, 2);
    let told: Vec<String> = delta
        .statuses
        .iter()
        .map(|change| change.key.to_string())
        .collect();
    assert_eq!(
        told,
        ["Gateway default/gw", "HTTPRoute default/r"],
        "the other route is as before"
    );
    assert_eq!(conditions(&engine, "r")[0], "Accepted=False/UnsupportedValue");
    assert_eq!(attached(&engine), 1);
    let rough = [("HTTPRoute default/r", "spec.rules[0].matches[0].headers[k]", true)];
    say(&mut engine, &rough, 3);
    assert_eq!(
        conditions(&engine, "r")[2],
        "gatewright.dev/Approximated=True/LimitOfProvider"
    );
    say(&mut engine, &[], 4);
    assert_eq!(
        conditions(&engine, "r"),
        ["Accepted=True/Accepted", "ResolvedRefs=True/ResolvedRefs"]
    );
    assert!(say(&mut engine, &[], 5).is_empty());
}

/// DNS of a hostname is to say the name of its own service: where there is one, the route tells it.
#[test]
fn a_route_tells_the_names_of_its_hostnames() {
    let hosts = |name: &str, hosts: &str| {
        http_route(name, "").replace("rules: [", &format!("hostnames: [{hosts}]\n  rules: ["))
    };
    let yaml = GATEWAY.to_owned()
        + &hosts("r", "a.example, b.example, '*.c.example'")
        + &hosts("other", "d.example");
    let mut engine = engine_with(&yaml);
    let mut tell = |names: &[(&str, &str)], second: i64| {
        let programming = Programming {
            names: names
                .iter()
                .map(|(host, name)| ((*host).into(), (*name).into()))
                .collect(),
            ..Programming::default()
        };
        let delta = engine.set_programming([(name(), programming)].into(), at(second));
        let parents = status(&engine, Kind::HttpRoute, "r")["parents"][0]["conditions"].clone();
        let found = parents
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["type"] == "gatewright.dev/Names")
            .cloned();
        (
            delta.statuses.len(),
            found.map(|found| found["message"].as_str().unwrap().to_owned()),
        )
    };
    tell(&[], 1);
    let (_, told) = tell(&[("a.example", "gw-1.on.aws"), ("c.example", "gw-2.on.aws")], 2);
    assert_eq!(told.as_deref(), Some("a.example: gw-1.on.aws"));
    let both = [("a.example", "gw-1.on.aws"), ("b.example", "gw-3.on.aws")];
    let (_, told) = tell(&both, 3);
    assert_eq!(
        told.as_deref(),
        Some("a.example: gw-1.on.aws; b.example: gw-3.on.aws")
    );
    assert_eq!(tell(&both, 4).0, 0);
    assert_eq!(tell(&[], 5).1, None);
}

/// Also a route without hostnames is told what serves it.
#[test]
fn a_route_tells_what_serves_its_hostnames() {
    let named = http_route("r", "").replace("rules: [", "hostnames: [a.example, '*.c.example']\n  rules: [");
    let mut engine = engine_with(&(GATEWAY.to_owned() + &named + &http_route("any", "")));
    let resources = [("*", "arn:own"), ("a.example", "arn:a"), ("b.example", "arn:b")];
    let programming = |resources: &[(&str, &str)]| {
        let resources = resources.iter();
        let programming = Programming {
            resources: resources
                .map(|(host, arn)| ((*host).into(), (*arn).into()))
                .collect(),
            ..Programming::default()
        };
        [(name(), programming)].into()
    };
    let told = |engine: &Engine, route: &str| {
        let conditions = status(engine, Kind::HttpRoute, route)["parents"][0]["conditions"].clone();
        let mut conditions = conditions.as_array().unwrap().iter();
        let found = conditions.find(|found| found["type"] == "gatewright.dev/Resources");
        found.map(|found| found["message"].as_str().unwrap().to_owned())
    };
    // The first word of a provider has nothing of it.
    engine.set_programming(programming(&[]), at(1));
    assert_eq!(told(&engine, "any"), None);
    engine.set_programming(programming(&resources), at(2));
    assert_eq!(told(&engine, "r").as_deref(), Some("a.example: arn:a"));
    assert_eq!(told(&engine, "any").as_deref(), Some("*: arn:own"));
    engine.set_programming(programming(&[("*", "arn:new")]), at(3));
    assert_eq!(told(&engine, "r"), None);
    assert_eq!(told(&engine, "any").as_deref(), Some("*: arn:new"));
}

#[test]
fn what_of_the_gateway_itself_is_not_served_is_a_condition_of_it() {
    let mut engine = engine_with(GATEWAY);
    let items = [
        ("Gateway default/gw", "XTelemetryPolicy spec.tracing", false),
        ("Service default/web", "appProtocol", true),
    ];
    say(&mut engine, &items, 1);
    let found = short(&status(&engine, Kind::Gateway, "gw")["conditions"]);
    assert!(
        found.contains(&"gatewright.dev/Unsupported=True/LimitOfProvider".to_owned()),
        "{found:?}"
    );
    assert!(
        found.contains(&"gatewright.dev/Approximated=True/LimitOfProvider".to_owned()),
        "{found:?}"
    );
    say(&mut engine, &[], 2);
    let found = short(&status(&engine, Kind::Gateway, "gw")["conditions"]);
    assert!(
        found
            .iter()
            .all(|condition| !condition.starts_with("gatewright.dev/")),
        "{found:?}"
    );
}

/// A process that takes over knows nothing of the provider's word: what was said of this generation stands.
#[test]
fn what_was_said_of_a_route_stands_until_the_provider_has_a_word() {
    let yaml = GATEWAY.to_owned() + &http_route("r", "");
    let mut before = engine_with(&yaml);
    say(
        &mut before,
        &[("HTTPRoute default/r", "spec.rules[0].retry", false)],
        1,
    );
    let said = status(&before, Kind::HttpRoute, "r");
    let read = |generation: i64| {
        let mut engine = engine_with(GATEWAY);
        let mut route: Value =
            serde_yaml_ng::from_str(http_route("r", "").trim_matches(['-', '\n'])).unwrap();
        route["metadata"]["namespace"] = "default".into();
        route["metadata"]["generation"] = generation.into();
        route["status"] = said.clone();
        let route = serde_yaml_ng::to_string(&route).unwrap();
        let delta = engine.update(upserts(&route), at(5));
        let wrote = delta
            .statuses
            .iter()
            .any(|change| change.key.kind == Kind::HttpRoute);
        (conditions(&engine, "r")[0].clone(), wrote)
    };
    assert_eq!(read(5), ("Accepted=False/UnsupportedValue".to_owned(), false));
    // Of another generation nothing was said yet.
    assert_eq!(read(6), ("Accepted=True/Accepted".to_owned(), true));
}

/// A provider that finds certificates takes listeners without any; others do not (`ListenerTLSConfig.certificateRefs`).
/// References that do not resolve are no listener without any.
#[test]
fn listeners_without_certificates_are_for_those_who_find_some() {
    let https = |tls: &str| {
        GATEWAY.replace(
            "  - {name: http, port: 80, protocol: HTTP}",
            &format!("  - {{name: https, port: 443, protocol: HTTPS, hostname: a.example{tls}}}"),
        )
    };
    let listeners = |engine: &Engine| engine.balancer(&name()).map_or(0, |found| found.listeners.len());
    let conditions =
        |engine: &Engine| short(&status(engine, Kind::Gateway, "gw")["listeners"][0]["conditions"]);
    let cloud = engine_with(&https(""));
    assert_eq!(listeners(&cloud), 1);
    assert!(
        conditions(&cloud).contains(&"ResolvedRefs=True/ResolvedRefs".to_owned()),
        "{:?}",
        conditions(&cloud)
    );
    let missing = engine_with(&https(", tls: {certificateRefs: [{name: nowhere}]}"));
    assert_eq!(listeners(&missing), 0);
    let mut software = Engine::new(options());
    software.update(upserts(&https("")), at(0));
    assert_eq!(listeners(&software), 0);
    assert!(
        conditions(&software).contains(&"ResolvedRefs=False/InvalidCertificateRef".to_owned()),
        "{:?}",
        conditions(&software)
    );
}
