//! The shapes that changed between releases.

use super::error::FieldError;
use serde_json::{Map, Value, json};

/// Header of header-based session persistence when an object of Gateway API v1.6, where the name was
/// optional (`sessionName`), gives none.
pub const DEFAULT_SESSION_HEADER: &str = "X-Session-Persistence";

const TOKEN: &str =
    "a cookie or header name: 1 to 128 of letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 section 5.6.2)";

/// `spec.rules[].sessionPersistence` of HTTPRoute and GRPCRoute.
pub(super) fn route_rules(object: &mut Map<String, Value>) -> Result<(), FieldError> {
    let rules = object
        .get_mut("spec")
        .and_then(|spec| spec.get_mut("rules"))
        .and_then(Value::as_array_mut);
    for (index, rule) in rules.into_iter().flatten().enumerate() {
        if let Some(session) = rule.get_mut("sessionPersistence") {
            let path = format!("spec.rules[{index}].sessionPersistence");
            session_persistence(session, &path)?;
        }
    }
    Ok(())
}

/// `spec.sessionPersistence` of XBackendTrafficPolicy.
pub(super) fn policy_session(object: &mut Map<String, Value>) -> Result<(), FieldError> {
    match object
        .get_mut("spec")
        .and_then(|spec| spec.get_mut("sessionPersistence"))
    {
        Some(session) => session_persistence(session, "spec.sessionPersistence"),
        None => Ok(()),
    }
}

/// `sessionName` and `cookieConfig` (v1.6) become `cookie` or `header` (v1.7). The cookie's path is
/// left out, which means `/`, the only one that v1.6 knew.
fn session_persistence(session: &mut Value, path: &str) -> Result<(), FieldError> {
    let Some(session) = session.as_object_mut() else {
        return Ok(());
    };
    let present = session.contains_key("cookie") || session.contains_key("header");
    let name = session.shift_remove("sessionName");
    let config = session.shift_remove("cookieConfig");
    if present {
        return Ok(());
    }
    let name = match name {
        Some(Value::String(name)) if !name.is_empty() => {
            if !is_token(&name) {
                return Err(FieldError {
                    field: format!("{path}.sessionName"),
                    found: format!("{name:?}"),
                    accepted: TOKEN,
                });
            }
            Some(name)
        }
        _ => None,
    };
    if session.get("type").and_then(Value::as_str) == Some("Header") {
        let name = name.unwrap_or_else(|| DEFAULT_SESSION_HEADER.to_owned());
        session.insert("header".to_owned(), json!({ "name": name }));
    } else {
        let mut cookie = match config {
            Some(Value::Object(config)) => config,
            _ => Map::new(),
        };
        if let Some(name) = name {
            cookie.insert("name".to_owned(), name.into());
        }
        session.insert("cookie".to_owned(), Value::Object(cookie));
    }
    Ok(())
}

fn is_token(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// TLSRoute v1alpha2 did not require `spec.hostnames`; an absent list means any host, as an empty one.
pub(super) fn tls_hostnames(object: &mut Map<String, Value>) {
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.entry("hostnames").or_insert_with(|| json!([]));
    }
}

/// XBackend: `port.port` (v1.6) is `port.number`, `port.name` is gone (it named nothing that anything
/// could refer to), `status.parents[].parentRef` is `status.ancestors[].ancestorRef`.
pub(super) fn backend(object: &mut Map<String, Value>) {
    if let Some(port) = object
        .get_mut("spec")
        .and_then(|spec| spec.get_mut("port"))
        .and_then(Value::as_object_mut)
        && let Some(number) = port.shift_remove("port")
    {
        port.shift_remove("name");
        port.entry("number").or_insert(number);
    }
    let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) else {
        return;
    };
    let Some(Value::Array(mut parents)) = status.shift_remove("parents") else {
        return;
    };
    for parent in &mut parents {
        if let Some(parent) = parent.as_object_mut()
            && let Some(reference) = parent.shift_remove("parentRef")
        {
            parent.insert("ancestorRef".to_owned(), reference);
        }
    }
    status.entry("ancestors").or_insert(Value::Array(parents));
}
