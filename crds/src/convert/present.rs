//! The way back: from our types' version and shape to one that a release serves.

use super::Gvk;
use super::served::crd;
use crate::bundle::{Bundle, Channel};
use crate::kinds::{EXPERIMENTAL_GROUP, GROUP};
use serde_json::{Map, Value, json};

/// Brings an object in the version and shape of [`crate::api`]'s types to one that a release serves in a channel, so
/// that its API server takes it. What the release cannot say was not in the object when it was read for it; objects of
/// other API groups come back untouched.
///
/// - v1.6: session persistence has `sessionName` and `cookieConfig` (GEP-1619), XBackend `port.port` and
///   `status.parents` (GEP-4894).
/// - A TLSRoute without hostnames is one of version v1alpha2, where that is served: `v1` requires them.
pub fn present(mut value: Value, bundle: Bundle, channel: Channel) -> Value {
    let Ok(gvk) = Gvk::of(&value) else {
        return value;
    };
    let Some(object) = value.as_object_mut() else {
        return value;
    };
    let old = bundle < Bundle::V1_7_0;
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        (GROUP, "TLSRoute") => tls_hostnames(object, &gvk, (bundle, channel)),
        (GROUP, "HTTPRoute" | "GRPCRoute") if old => {
            let rules = spec(object).and_then(|spec| spec.get_mut("rules"));
            for rule in rules.and_then(Value::as_array_mut).into_iter().flatten() {
                session_persistence(rule.get_mut("sessionPersistence"));
            }
        }
        (EXPERIMENTAL_GROUP, "XBackendTrafficPolicy") if old => {
            session_persistence(spec(object).and_then(|spec| spec.get_mut("sessionPersistence")));
        }
        (EXPERIMENTAL_GROUP, "XBackend") if old => backend(object),
        _ => {}
    }
    value
}

fn spec(object: &mut Map<String, Value>) -> Option<&mut Map<String, Value>> {
    object.get_mut("spec")?.as_object_mut()
}

/// Without hostnames: v1alpha2, whose schema does not ask for them.
fn tls_hostnames(object: &mut Map<String, Value>, gvk: &Gvk, (bundle, channel): (Bundle, Channel)) {
    const ANY_HOST: &str = "v1alpha2";
    let Some(spec) = spec(object) else {
        return;
    };
    if spec.get("hostnames") != Some(&json!([])) {
        return;
    }
    spec.shift_remove("hostnames");
    let served = crd(bundle, channel, gvk).is_some_and(|crd| crd.served().any(|version| version == ANY_HOST));
    if served {
        object.insert("apiVersion".to_owned(), format!("{GROUP}/{ANY_HOST}").into());
    }
}

/// `cookie` and `header` (v1.7) become `sessionName` and `cookieConfig` (v1.6).
fn session_persistence(session: Option<&mut Value>) {
    let Some(session) = session.and_then(Value::as_object_mut) else {
        return;
    };
    let mut name = None;
    if let Some(Value::Object(mut header)) = session.shift_remove("header") {
        name = header.shift_remove("name");
    }
    if let Some(Value::Object(mut cookie)) = session.shift_remove("cookie") {
        name = cookie.shift_remove("name");
        if let Some(lifetime) = cookie.shift_remove("lifetimeType") {
            session.insert("cookieConfig".to_owned(), json!({ "lifetimeType": lifetime }));
        }
    }
    if let Some(name) = name {
        session.insert("sessionName".to_owned(), name);
    }
}

/// `port.number` becomes `port.port`, `status.ancestors[].ancestorRef` becomes `status.parents[].parentRef`.
fn backend(object: &mut Map<String, Value>) {
    let port = spec(object)
        .and_then(|spec| spec.get_mut("port"))
        .and_then(Value::as_object_mut);
    if let Some(port) = port
        && let Some(number) = port.shift_remove("number")
    {
        port.insert("port".to_owned(), number);
    }
    let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) else {
        return;
    };
    let Some(Value::Array(mut ancestors)) = status.shift_remove("ancestors") else {
        return;
    };
    for ancestor in &mut ancestors {
        if let Some(ancestor) = ancestor.as_object_mut()
            && let Some(reference) = ancestor.shift_remove("ancestorRef")
        {
            ancestor.insert("parentRef".to_owned(), reference);
        }
    }
    status.insert("parents".to_owned(), Value::Array(ancestors));
}
