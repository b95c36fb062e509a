use super::*;
use crate::api;
use crate::bundle::{Bundle, Channel};
use serde_json::json;

fn gvk(api_version: &str, kind: &str) -> Gvk {
    Gvk::of(&json!({"apiVersion": api_version, "kind": kind})).unwrap()
}

/// Every (release, channel, kind, version) that a CRD serves converts to our version, and its schema's
/// own name for the version is the only thing read. The table is the CRDs', not ours.
#[test]
fn every_served_version_is_brought_to_ours() {
    let mut seen = 0;
    for (bundle, channel, kind, versions) in table() {
        let info = kinds::KINDS.iter().find(|info| info.kind == kind).unwrap();
        for version in versions {
            let object = json!({
                "apiVersion": format!("{}/{version}", info.group),
                "kind": kind,
                "metadata": {"name": "x"},
            });
            let converted = convert(object).unwrap();
            assert_eq!(
                converted["apiVersion"],
                info.api_version(),
                "{bundle} {channel} {kind}"
            );
            seen += 1;
        }
    }
    // Standard: 10 kinds, 4 of them also in v1beta1. Experimental: 5 old versions more and 3 or 4 kinds.
    assert_eq!(seen, 73);
}

#[test]
fn a_version_that_nothing_serves_is_refused_by_name() {
    let message = |api_version, kind| {
        convert(json!({"apiVersion": api_version, "kind": kind}))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        message("gateway.networking.k8s.io/v1alpha2", "HTTPRoute"),
        "gateway.networking.k8s.io/v1alpha2 HTTPRoute is not served by Gateway API v1.6.3 or v1.7.0; \
         served: v1, v1beta1"
    );
    assert_eq!(
        message("gateway.networking.x-k8s.io/v1alpha1", "XListenerSet"),
        "gateway.networking.x-k8s.io/v1alpha1 XListenerSet is not served by Gateway API v1.6.3 or v1.7.0; \
         use gateway.networking.k8s.io/v1 ListenerSet"
    );
    assert_eq!(
        message("networking.x-k8s.io/v1alpha1", "HTTPRoute"),
        "networking.x-k8s.io/v1alpha1 HTTPRoute is not served by Gateway API v1.6.3 or v1.7.0; \
         use gateway.networking.k8s.io/v1 HTTPRoute"
    );
    assert!(
        message("gateway.networking.k8s.io/v1", "HttpRoute")
            .ends_with("use gateway.networking.k8s.io/v1 HTTPRoute")
    );
    assert!(
        message("gateway.networking.k8s.io/v1", "XBackend")
            .ends_with("use gateway.networking.x-k8s.io/v1alpha1 XBackend")
    );
    assert_eq!(
        message("gateway.networking.k8s.io/v1", "Nonsense"),
        "gateway.networking.k8s.io/v1 Nonsense is not served by Gateway API v1.6.3 or v1.7.0"
    );
}

#[test]
fn a_release_and_channel_decide_what_is_served() {
    let old = gvk("gateway.networking.k8s.io/v1alpha2", "TCPRoute");
    assert_eq!(
        check_served(&old, Bundle::V1_7_0, Channel::Standard)
            .unwrap_err()
            .to_string(),
        "gateway.networking.k8s.io/v1alpha2 TCPRoute is not served by Gateway API v1.7.0 (standard channel); \
         served: v1; it is served by v1.6.3 experimental, v1.7.0 experimental"
    );
    assert!(check_served(&old, Bundle::V1_7_0, Channel::Experimental).is_ok());
    let new = gvk("gateway.networking.x-k8s.io/v1alpha1", "XTelemetryPolicy");
    assert_eq!(
        check_served(&new, Bundle::V1_6_3, Channel::Experimental)
            .unwrap_err()
            .to_string(),
        "gateway.networking.x-k8s.io/v1alpha1 XTelemetryPolicy is not served by Gateway API v1.6.3 \
         (experimental channel); it is served by v1.7.0 experimental"
    );
    let other = gvk("v1", "Service");
    assert_eq!(check_served(&other, Bundle::V1_7_0, Channel::Standard), Ok(None));
}

#[test]
fn our_own_kinds_go_with_every_release() {
    let ours = gvk("gatewright.dev/v1alpha1", "SoftwareGatewayParameters");
    for bundle in Bundle::ALL {
        for channel in Channel::ALL {
            let found = check_served(&ours, *bundle, *channel).unwrap().unwrap();
            assert_eq!(found.plural, "softwaregatewayparameters");
        }
    }
    let message = |version, kind| {
        let wrong = gvk(&format!("gatewright.dev/{version}"), kind);
        check_served(&wrong, Bundle::V1_7_0, Channel::Standard)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        message("v1", "SoftwareGatewayParameters"),
        "gatewright.dev/v1 SoftwareGatewayParameters is not served by Gatewright; served: v1alpha1"
    );
    assert_eq!(
        message("v1alpha1", "Parameters"),
        "gatewright.dev/v1alpha1 Parameters is not served by Gatewright"
    );
}

fn session(input: Value) -> Result<Value, ConvertError> {
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "x"},
        "spec": {"rules": [{}, {"sessionPersistence": input}]},
    });
    let route: api::HttpRoute = serde_json::from_value(convert(route)?).unwrap();
    let rule = route.spec.rules.unwrap().remove(1);
    Ok(serde_json::to_value(rule.session_persistence.unwrap()).unwrap())
}

/// GEP-1619: `sessionName` + `cookieConfig` until v1.6, `cookie`/`header` since v1.7.
#[test]
fn session_persistence_of_v1_6_gets_the_shape_of_v1_7() {
    let cases = [
        (
            json!({"type": "Cookie", "sessionName": "sid", "absoluteTimeout": "1h",
                   "cookieConfig": {"lifetimeType": "Permanent"}}),
            json!({"type": "Cookie", "absoluteTimeout": "1h",
                   "cookie": {"name": "sid", "lifetimeType": "Permanent"}}),
        ),
        (json!({"type": "Cookie"}), json!({"type": "Cookie", "cookie": {}})),
        (json!({"sessionName": ""}), json!({"cookie": {}})),
        (
            json!({"type": "Header", "sessionName": "X-Sid"}),
            json!({"type": "Header", "header": {"name": "X-Sid"}}),
        ),
        (
            json!({"type": "Header"}),
            json!({"type": "Header", "header": {"name": DEFAULT_SESSION_HEADER}}),
        ),
        // Already in the present shape.
        (
            json!({"type": "Cookie", "cookie": {"name": "sid", "path": "/app"}}),
            json!({"type": "Cookie", "cookie": {"name": "sid", "path": "/app"}}),
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(session(input.clone()).unwrap(), expected, "{input}");
    }
}

#[test]
fn a_session_name_that_no_header_can_have_is_refused() {
    let error = session(json!({"sessionName": "a b"})).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "gateway.networking.k8s.io/v1 HTTPRoute: spec.rules[1].sessionPersistence.sessionName is \"a b\"; \
             accepted: a cookie or header name"
        ),
        "{error}"
    );
}

#[test]
fn the_policy_has_the_same_session_persistence() {
    let policy = json!({
        "apiVersion": "gateway.networking.x-k8s.io/v1alpha1",
        "kind": "XBackendTrafficPolicy",
        "metadata": {"name": "x"},
        "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "s"}],
                 "sessionPersistence": {"type": "Header", "sessionName": "sid"}},
    });
    let policy: api::XBackendTrafficPolicy = serde_json::from_value(convert(policy).unwrap()).unwrap();
    let session = policy.spec.session_persistence.unwrap();
    assert_eq!(session.header.unwrap().name, "sid");
    assert_eq!(session.cookie, None);
}

/// GEP-4894 as of v1.6.
#[test]
fn the_older_backend_is_read() {
    let backend = json!({
        "apiVersion": "gateway.networking.x-k8s.io/v1alpha1",
        "kind": "XBackend",
        "metadata": {"name": "x"},
        "spec": {"type": "ExternalHostname", "externalHostname": {"hostname": "api.example.com"},
                 "port": {"port": 443, "name": "https"}, "protocol": "HTTP11"},
        "status": {"parents": [{
            "parentRef": {"name": "gw"}, "controllerName": "example.com/x", "conditions": [],
        }]},
    });
    let backend: api::XBackend = serde_json::from_value(convert(backend).unwrap()).unwrap();
    assert_eq!(backend.spec.port.number, Some(443));
    let status = backend.status.unwrap();
    assert_eq!(status.ancestors.unwrap()[0].ancestor_ref.name, "gw");
}

#[test]
fn an_early_tls_route_without_hostnames_matches_any() {
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1alpha2",
        "kind": "TLSRoute",
        "metadata": {"name": "x"},
        "spec": {"rules": [{"backendRefs": [{"name": "s", "port": 443}]}]},
    });
    let route: api::TlsRoute = serde_json::from_value(convert(route).unwrap()).unwrap();
    assert!(route.spec.hostnames.is_empty());
    assert_eq!(route.spec.rules[0].backend_refs[0].port, Some(443));
}

#[test]
fn other_groups_are_left_alone_and_types_are_needed() {
    let service = json!({"apiVersion": "v1", "kind": "Service", "spec": {"port": {"port": 1}}});
    assert_eq!(convert(service.clone()), Ok(service));
    assert_eq!(
        convert(json!({"kind": "Service"})),
        Err(ConvertError::NoType { field: "apiVersion" })
    );
    assert_eq!(
        convert(json!({"apiVersion": "v1", "kind": 7})),
        Err(ConvertError::NoType { field: "kind" })
    );
    assert_eq!(
        convert(json!(["x"])),
        Err(ConvertError::NoType { field: "apiVersion" })
    );
}

/// Malformed content is validation's to report: conversion neither fails nor panics on it.
#[test]
fn unexpected_types_inside_are_left_alone() {
    for spec in [
        json!(null),
        json!([]),
        json!({"rules": "x", "sessionPersistence": 3, "port": "80"}),
        json!({"rules": [1, {"sessionPersistence": []}]}),
    ] {
        for info in kinds::KINDS {
            let object = json!({
                "apiVersion": info.api_version(), "kind": info.kind, "spec": spec, "status": {"parents": 1},
            });
            assert!(convert(object).is_ok(), "{}", info.kind);
        }
    }
}

#[test]
fn old_fields_and_values_have_hints() {
    assert_eq!(
        moved_field("HTTPRoute", "spec.rules[12].sessionPersistence.sessionName"),
        Some("cookie.name or header.name")
    );
    assert_eq!(
        moved_field("XBackend", "spec.port.port"),
        Some("spec.port.number")
    );
    assert_eq!(moved_field("HTTPRoute", "spec.hostnames"), None);
    assert_eq!(
        old_value("spec.rules[0].matches[0].path.type", "Prefix"),
        Some("PathPrefix")
    );
    assert_eq!(old_value("spec.rules[0].matches[0].path.type", "Exact"), None);
}
