//! Backends as the model has them, and XBackends.

use super::{
    BackendOptions, Built, ExternalNames, Location, OWNER_LABEL, build, owner_label_value, xbackend_verdict,
};
use crate::certificate::samples::{issued, secret, self_signed};
use crate::lookup::Lookup;
use crate::lookup::testing::World;
use gatewright_model::backend::{BackendProtocol, Endpoints};
use gatewright_model::key::{BackendKey, BackendKind, ObjectName};
use gatewright_model::route::SessionCarrier;

const STANDALONE: BackendOptions = BackendOptions {
    external_names: ExternalNames::Refuse,
    location: Location::Standalone,
};
const IN_CLUSTER: BackendOptions = BackendOptions {
    external_names: ExternalNames::Refuse,
    location: Location::Cluster,
};

const SERVICE: &str = "
kind: Service
metadata: {namespace: ns, name: web}
spec: {selector: {app: web, tier: front}, ports: [{name: https, port: 443, appProtocol: https, nodePort: 30443}]}
---
kind: EndpointSlice
metadata: {namespace: ns, name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: https, port: 8443}]
endpoints: [{addresses: [10.0.0.1]}]
---
kind: BackendTLSPolicy
metadata: {namespace: ns, name: p}
spec: {targetRefs: [{group: '', kind: Service, name: web}], validation: {hostname: web.example.com, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}}
---
kind: XBackendTrafficPolicy
metadata: {namespace: ns, name: t}
spec: {targetRefs: [{group: '', kind: Service, name: web}, {group: gateway.networking.x-k8s.io, kind: XBackend, name: x}], retryConstraint: {}, sessionPersistence: {type: Header, header: {name: sid}}}
";

fn key(kind: BackendKind, name: &str, port: u16) -> BackendKey {
    BackendKey {
        kind,
        object: ObjectName::new("ns", name),
        port,
    }
}

fn with_xbackend(spec: &str) -> World {
    World::new(&format!(
        "{SERVICE}---\nkind: XBackend\nmetadata: {{namespace: ns, name: x}}\nspec: {spec}\n"
    ))
}

fn xbackend(spec: &str, options: BackendOptions) -> Built {
    build(
        &with_xbackend(spec),
        &key(BackendKind::XBackend, "x", 8080),
        options,
    )
}

fn accepted(spec: &str, options: BackendOptions) -> Result<(), (&'static str, String)> {
    let world = with_xbackend(spec);
    let verdict = xbackend_verdict(
        &world,
        world.xbackend(&ObjectName::new("ns", "x")).unwrap(),
        options,
    );
    verdict
        .refused
        .map_or(Ok(()), |refused| Err((refused.reason, refused.message)))
}

#[test]
fn a_service_port_with_its_policies() {
    let (_, ca, _) = issued("web.example.com");
    let built = build(
        &World::new(SERVICE).ca("ns", "ca", &ca),
        &key(BackendKind::Service, "web", 443),
        IN_CLUSTER,
    );
    let backend = built.backend;
    assert_eq!(backend.protocol, BackendProtocol::Auto);
    assert_eq!(&*backend.tls.unwrap().hostname, "web.example.com");
    assert_eq!(backend.node_port, Some(30443));
    assert_eq!(backend.retry_budget.unwrap().percent, 20);
    assert_eq!(
        backend.session_persistence.unwrap().carrier,
        SessionCarrier::Header
    );
    assert_eq!((backend.fault, built.notices), (None, vec![]));
}

#[test]
fn an_invalid_policy_fails_connections_instead_of_sending_cleartext() {
    // BackendTLSPolicyInvalidCACertificateRef: 5xx.
    let built = build(
        &World::new(SERVICE),
        &key(BackendKind::Service, "web", 443),
        IN_CLUSTER,
    );
    assert_eq!(built.backend.tls, None);
    assert_eq!(
        built.backend.fault.as_deref(),
        Some("BackendTLSPolicy ns/p is invalid")
    );
}

#[test]
fn a_service_that_is_gone_answers_with_errors() {
    let built = build(
        &World::default(),
        &key(BackendKind::Service, "web", 443),
        IN_CLUSTER,
    );
    assert!(built.backend.fault.unwrap().contains("does not exist"));
}

const EXTERNAL: &str =
    "{type: ExternalHostname, port: {number: 8080}, externalHostname: {hostname: API.example.com}}";

#[test]
fn external_hostnames_are_resolved_by_name() {
    let found = |options| xbackend(EXTERNAL, options).backend.endpoints;
    let expected = |allow_local| Endpoints::Dns {
        hostname: "api.example.com".into(),
        port: 8080,
        allow_local,
    };
    assert_eq!(found(IN_CLUSTER), expected(false));
    assert_eq!(found(STANDALONE), expected(true));
    assert_eq!(accepted(EXTERNAL, IN_CLUSTER), Ok(()));
}

#[test]
fn external_hostnames_of_the_cluster_are_refused() {
    for (host, standalone) in [
        ("a.b.svc.cluster.local", false),
        ("localhost", true),
        ("db", true),
        ("a.b.svc", true),
    ] {
        let spec = EXTERNAL.replace("API.example.com", host);
        let (reason, message) = accepted(&spec, IN_CLUSTER).unwrap_err();
        assert!(reason == "Invalid" && message.contains(host), "{message}");
        assert!(xbackend(&spec, IN_CLUSTER).backend.fault.is_some());
        assert_eq!(accepted(&spec, STANDALONE).is_ok(), standalone, "{host}");
    }
    assert!(accepted(&EXTERNAL.replace("API.example.com", "10.0.0.1"), STANDALONE).is_err());
}

const SELECTOR: &str =
    "{type: EndpointSelector, port: {number: 8080}, endpointSelector: {matchLabels: {app: web}}}";

#[test]
fn a_selector_finds_pods_through_services_that_select_no_more() {
    let built = xbackend(SELECTOR, IN_CLUSTER);
    // The port is the XBackend's own, not that of the Service.
    assert!(
        matches!(&built.backend.endpoints, Endpoints::Static(found) if found.len() == 1 && found[0].port == 8080)
    );
    assert_eq!(built.notices, []);
    assert_eq!(built.backend.retry_budget.unwrap().percent, 20);
    // web selects pods without the wanted label as well: none of its pods may be used.
    let other = xbackend(&SELECTOR.replace("app: web", "app: web, team: a"), IN_CLUSTER);
    assert_eq!(other.backend.endpoints, Endpoints::Static(vec![]));
    assert_eq!(other.notices[0].reason(), "NoEndpointSlices");
}

#[test]
fn a_service_made_for_the_xbackend_goes_first() {
    let made = format!(
        "
---
kind: Service
metadata: {{namespace: ns, name: made-x7k, labels: {{{OWNER_LABEL}: x}}}}
spec: {{clusterIP: None, selector: {{app: web}}, ports: [{{port: 8080}}]}}
---
kind: EndpointSlice
metadata: {{namespace: ns, name: made-1, labels: {{kubernetes.io/service-name: made-x7k}}}}
addressType: IPv4
ports: [{{port: 8080}}]
endpoints: [{{addresses: [10.0.0.1]}}, {{addresses: [10.0.0.2]}}, {{addresses: [10.0.0.3], conditions: {{ready: false}}}}]
---
kind: XBackend
metadata: {{namespace: ns, name: x}}
spec: {SELECTOR}
"
    );
    let world = World::new(&format!("{SERVICE}{made}"));
    let built = build(&world, &key(BackendKind::XBackend, "x", 8080), IN_CLUSTER);
    assert!(matches!(&built.backend.endpoints, Endpoints::Static(found) if found.len() == 2));
}

#[test]
fn owner_labels_fit_into_a_label() {
    assert_eq!(owner_label_value("x"), "x");
    let long = owner_label_value(&"a".repeat(253));
    assert!(long.len() <= 63 && long != owner_label_value(&"b".repeat(253)));
}

#[test]
fn protocols_of_xbackends() {
    let tls =
        "tls: {mode: ServerOnly, validation: {hostname: a.example.com, wellKnownCACertificates: System}}";
    for (protocol, extra, expected) in [
        ("HTTP", "", BackendProtocol::Auto),
        ("MCP", "", BackendProtocol::Auto),
        ("HTTP11", "", BackendProtocol::Http1),
        ("H2C", "", BackendProtocol::Http2),
        ("GRPC", "", BackendProtocol::Http2),
        ("HTTP2", tls, BackendProtocol::Http2),
        ("WSS", tls, BackendProtocol::WebSocket),
        ("TCP", "", BackendProtocol::Stream),
    ] {
        let spec = EXTERNAL.replace(
            "port:",
            &format!(
                "protocol: {protocol}, {extra}{} port:",
                if extra.is_empty() { "" } else { "," }
            ),
        );
        let built = xbackend(&spec, IN_CLUSTER);
        assert_eq!(
            (built.backend.protocol, built.backend.fault),
            (expected, None),
            "{protocol}"
        );
        assert_eq!(built.backend.tls.is_some(), !extra.is_empty());
    }
}

#[test]
fn tls_of_xbackends_follows_the_rules_of_the_crd() {
    let with = |extra: &str| EXTERNAL.replace("port:", &format!("{extra}, port:"));
    let validation = "validation: {hostname: a.example.com, wellKnownCACertificates: System}";
    let cases = [
        ("protocol: HTTP2".to_owned(), "needs ServerOnly or ClientAndServer"),
        ("protocol: WSS, tls: {mode: None}".to_owned(), "needs ServerOnly or ClientAndServer"),
        (format!("protocol: H2C, tls: {{mode: ServerOnly, {validation}}}"), "H2C is cleartext"),
        ("tls: {mode: ServerOnly}".to_owned(), "spec.tls.validation: is needed"),
        (format!("tls: {{mode: ClientAndServer, {validation}}}"), "spec.tls.clientCertificateRef: is needed"),
        (format!("tls: {{mode: ClientAndServer, {validation}, clientCertificateRef: {{name: nobody}}}}"), "Secret ns/nobody does not exist"),
        ("tls: {mode: ServerOnly, validation: {hostname: a.example.com, caCertificateRefs: [{group: '', kind: ConfigMap, name: nobody}]}}".to_owned(), "none of them gives"),
    ];
    for (extra, words) in cases {
        let message = accepted(&with(&extra), IN_CLUSTER).unwrap_err().1;
        assert!(message.contains(words), "{extra}: {message}");
        let built = xbackend(&with(&extra), IN_CLUSTER);
        assert!(
            built.backend.fault.is_some() && built.backend.tls.is_none(),
            "{extra}"
        );
    }
}

#[test]
fn a_client_certificate_of_an_xbackend_reaches_the_model() {
    let (certificate, private) = self_signed(&["client"], &rcgen::PKCS_ED25519);
    let spec = EXTERNAL.replace("port:", "tls: {mode: ClientAndServer, validation: {hostname: a.example.com, wellKnownCACertificates: System}, clientCertificateRef: {name: tls}}, port:");
    let world = with_xbackend(&spec).secret_object(secret(&certificate, &private));
    let built = build(&world, &key(BackendKind::XBackend, "x", 8080), IN_CLUSTER);
    assert_eq!(
        built
            .backend
            .tls
            .unwrap()
            .client_certificate
            .clone()
            .unwrap()
            .to_string(),
        "Secret/ns/tls"
    );
}

#[test]
fn session_persistence_belongs_to_selected_endpoints() {
    let own = "sessionPersistence: {cookie: {name: own}}";
    let built = xbackend(&SELECTOR.replace("port:", &format!("{own}, port:")), IN_CLUSTER);
    assert_eq!(
        built.backend.session_persistence.unwrap().name.as_deref(),
        Some("own"),
        "before that of the policy"
    );
    let (_, message) =
        accepted(&EXTERNAL.replace("port:", &format!("{own}, port:")), IN_CLUSTER).unwrap_err();
    assert!(
        message.contains("only be set for type EndpointSelector"),
        "{message}"
    );
}
