//! The configuration in use as JSON, for the admin server, without secrets.

use gatewright_model::LoadBalancer;
use serde_json::{Map, Value, json};

/// Put in place of a secret.
const REDACTED: &str = "[redacted]";

/// The load balancers in use. Private keys are not part of the model's serialized form; values of
/// headers that commonly carry credentials, and all headers sent to trace collectors, are replaced.
pub fn config<'a>(balancers: impl Iterator<Item = &'a LoadBalancer>) -> Value {
    let shown = balancers.map(|balancer| {
        let mut shown =
            serde_json::to_value(balancer).unwrap_or_else(|error| json!({ "error": error.to_string() }));
        redact(&mut shown);
        shown
    });
    Value::Array(shown.collect())
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(map) => redact_object(map),
        Value::Array(items) => {
            // Header settings are pairs of name and value.
            if let [Value::String(name), Value::String(text)] = items.as_mut_slice() {
                if is_sensitive(name) {
                    REDACTED.clone_into(text);
                }
                return;
            }
            items.iter_mut().for_each(redact);
        }
        _ => {}
    }
}

fn redact_object(map: &mut Map<String, Value>) {
    for (key, value) in map.iter_mut() {
        match key.as_str() {
            "private_key" | "privateKey" | "key_pem" => *value = REDACTED.into(),
            "tracing" => {
                redact(value);
                if let Some(Value::Array(headers)) = value.get_mut("headers") {
                    for pair in headers {
                        if let Some(text) = pair.get_mut(1) {
                            *text = REDACTED.into();
                        }
                    }
                }
            }
            _ => redact(value),
        }
    }
}

/// Whether a header's value is likely a credential.
fn is_sensitive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(
        name.as_str(),
        "authorization" | "proxy-authorization" | "cookie" | "set-cookie"
    ) || [
        "token",
        "secret",
        "password",
        "api-key",
        "apikey",
        "credential",
        "signature",
    ]
    .iter()
    .any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::redact;
    use serde_json::json;

    #[test]
    fn credentials_are_replaced_and_the_rest_stays() {
        let mut value = json!({
            "tracing": { "headers": [["x-tenant", "a"]], "attributes": [["env", { "Literal": "b" }]] },
            "certificates": { "Secret/ns/c": { "private_key": [1, 2], "chain": ["x", "y"] } },
            "routes": [{ "RequestHeaders": { "set": [
                ["authorization", "Basic eA=="],
                ["X-Api-Key", "k"],
                ["x-session-token", "t"],
                ["x-plain", "visible"]
            ]}}]
        });
        redact(&mut value);
        assert_eq!(
            value,
            json!({
                "tracing": { "headers": [["x-tenant", "[redacted]"]], "attributes": [["env", { "Literal": "b" }]] },
                "certificates": { "Secret/ns/c": { "private_key": "[redacted]", "chain": ["x", "y"] } },
                "routes": [{ "RequestHeaders": { "set": [
                    ["authorization", "[redacted]"],
                    ["X-Api-Key", "[redacted]"],
                    ["x-session-token", "[redacted]"],
                    ["x-plain", "visible"]
                ]}}]
            })
        );
    }
}
