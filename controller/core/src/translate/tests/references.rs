use super::{WORLD, http, resolver};
use crate::backend::{BackendOptions, ExternalNames, Location};
use crate::lookup::testing::World;
use crate::translate::{Reference, Resolver};
use gatewright_crds::api::HttpBackendRef;
use gatewright_model::backend::BackendTarget;
use gatewright_model::key::RouteKind;

fn reference(yaml: &str) -> HttpBackendRef {
    serde_yaml_ng::from_str(yaml).unwrap()
}

fn resolve(world: &World, traffic: RouteKind, yaml: &str) -> Result<String, (&'static str, String)> {
    let found = resolver(world, traffic).resolve(Reference::from(&reference(yaml)), "field");
    found
        .map(|key| key.to_string())
        .map_err(|fault| (fault.reason, fault.why))
}

#[test]
fn references_that_resolve() {
    let world = World::new(WORLD);
    let cases = [
        (RouteKind::Http, "{name: web, port: 80}", "Service/shop/web:80"),
        (
            RouteKind::Grpc,
            "{name: web, namespace: shop, port: 80}",
            "Service/shop/web:80",
        ),
        (RouteKind::Udp, "{name: web, port: 53}", "Service/shop/web:53/UDP"),
        // Streams carry any protocol (GEP-1911).
        (RouteKind::Tcp, "{name: web, port: 3306}", "Service/shop/web:3306"),
        (RouteKind::Tls, "{name: tls, port: 443}", "Service/shop/tls:443"),
        (
            RouteKind::Http,
            "{group: gateway.networking.x-k8s.io, kind: XBackend, name: ext}",
            "XBackend/shop/ext:443",
        ),
        (
            RouteKind::Tcp,
            "{group: gateway.networking.x-k8s.io, kind: XBackend, name: raw}",
            "XBackend/shop/raw:9000",
        ),
    ];
    for (traffic, yaml, expected) in cases {
        assert_eq!(resolve(&world, traffic, yaml).as_deref(), Ok(expected), "{yaml}");
    }
}

#[test]
fn references_that_do_not_have_the_documented_reason() {
    let world = World::new(WORLD);
    let http = RouteKind::Http;
    let cases = [
        (
            http,
            "{name: nobody, port: 80}",
            "BackendNotFound",
            "Service shop/nobody does not exist",
        ),
        (http, "{name: web, port: 81}", "BackendNotFound", "has no port 81"),
        (
            http,
            "{name: web}",
            "BackendNotFound",
            "a port from 1 to 65535 is needed",
        ),
        (
            http,
            "{kind: Pod, name: web, port: 80}",
            "InvalidKind",
            "kind Pod of group core cannot be a backend",
        ),
        (
            http,
            "{group: multicluster.x-k8s.io, kind: ServiceImport, name: a, port: 80}",
            "InvalidKind",
            "accepted are Service",
        ),
        (
            http,
            "{name: web, namespace: other, port: 80}",
            "RefNotPermitted",
            "no ReferenceGrant there allows",
        ),
        // Permission comes before existence, so that nothing is learnt about other namespaces.
        (
            http,
            "{name: nobody, namespace: other, port: 80}",
            "RefNotPermitted",
            "Service other/nobody",
        ),
        (
            http,
            "{name: web, port: 53}",
            "UnsupportedProtocol",
            "speaks UDP; TCP is needed",
        ),
        (
            RouteKind::Udp,
            "{name: web, port: 80}",
            "UnsupportedProtocol",
            "speaks TCP; UDP is needed",
        ),
        (
            http,
            "{name: web, port: 3306}",
            "UnsupportedProtocol",
            "appProtocol \"mysql\"",
        ),
        (
            http,
            "{name: tls, port: 443}",
            "UnsupportedProtocol",
            "needs a BackendTLSPolicy",
        ),
        (http, "{name: outside, port: 80}", "InvalidKind", "CVE-2021-25740"),
        // GEP-4894: own namespace only, no port.
        (
            http,
            "{group: gateway.networking.x-k8s.io, kind: XBackend, name: ext, namespace: other}",
            "RefNotPermitted",
            "own namespace",
        ),
        (
            http,
            "{group: gateway.networking.x-k8s.io, kind: XBackend, name: ext, port: 443}",
            "InvalidKind",
            "spec.port.number",
        ),
        (
            http,
            "{group: gateway.networking.x-k8s.io, kind: XBackend, name: nobody}",
            "BackendNotFound",
            "XBackend shop/nobody",
        ),
        (
            http,
            "{group: gateway.networking.x-k8s.io, kind: XBackend, name: raw}",
            "UnsupportedProtocol",
            "speaks TCP",
        ),
    ];
    for (traffic, yaml, reason, words) in cases {
        let (found, why) = resolve(&world, traffic, yaml).unwrap_err();
        assert_eq!(found, reason, "{yaml}: {why}");
        assert!(why.contains(words), "{yaml}: expected \"{words}\" in \"{why}\"");
    }
}

#[test]
fn a_grant_permits_a_reference_of_that_kind_of_route_only() {
    let world = World::new(WORLD).grant("HTTPRoute", "shop", "other");
    let yaml = "{name: web, namespace: other, port: 80}";
    assert_eq!(
        resolve(&world, RouteKind::Http, yaml).as_deref(),
        Ok("Service/other/web:80")
    );
    assert_eq!(
        resolve(&world, RouteKind::Grpc, yaml).unwrap_err().0,
        "RefNotPermitted"
    );
    // An XBackend stays in its namespace, grant or not.
    let yaml = "{group: gateway.networking.x-k8s.io, kind: XBackend, name: ext, namespace: other}";
    assert_eq!(
        resolve(&world, RouteKind::Http, yaml).unwrap_err().0,
        "RefNotPermitted"
    );
}

#[test]
fn external_names_resolve_when_enabled() {
    let world = World::new(WORLD);
    let options = BackendOptions {
        external_names: ExternalNames::Allow,
        location: Location::Cluster,
    };
    let resolver = Resolver {
        options,
        ..resolver(&world, RouteKind::Http)
    };
    let found = reference("{name: outside, port: 443}");
    assert!(resolver.resolve(Reference::from(&found), "field").is_ok());
}

#[test]
fn an_https_port_resolves_with_a_policy() {
    let policy = "
---
kind: BackendTLSPolicy
metadata: {namespace: shop, name: p}
spec: {targetRefs: [{group: '', kind: Service, name: tls}], validation: {hostname: a.example.com, wellKnownCACertificates: System}}
";
    let world = World::new(&format!("{WORLD}{policy}"));
    assert!(resolve(&world, RouteKind::Http, "{name: tls, port: 443}").is_ok());
}

#[test]
fn an_invalid_reference_keeps_its_share_of_the_traffic() {
    // "The proportion of requests that would otherwise have been routed to an invalid backend MUST
    // receive a 500 status code" (HTTPRouteRule.backendRefs).
    let (rules, findings) = http(
        "[{backendRefs: [{name: web, port: 80}, {name: nobody, port: 80, weight: 3}]}, {backendRefs: [{kind: Pod, name: x}]}]",
    );
    assert_eq!(rules.len(), 2);
    assert_eq!(rules[0].backends[1].weight, 3);
    assert!(matches!(&rules[0].backends[1].target, BackendTarget::Invalid(why) if why.contains("nobody")));
    let refusal = findings
        .unresolved_refs(crate::translate::Extensions::Served)
        .unwrap();
    assert_eq!(
        refusal.reason, "BackendNotFound",
        "the reason of the first fault in the order written"
    );
    assert_eq!(
        refusal.message.split("; ").next().unwrap(),
        "spec.rules[0].backendRefs[1]: Service shop/nobody does not exist"
    );
    assert!(
        refusal.message.contains("spec.rules[1].backendRefs[0]: kind Pod"),
        "{}",
        refusal.message
    );
    assert_eq!(findings.refused(), None, "the route stays accepted");
    assert_eq!(
        findings
            .backends
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["Service/shop/web:80"]
    );
}
