//! The reference page of our own kinds, written from their schemas.

use serde_json::Value;
use std::fmt::Write as _;

/// What the page says before the table.
const INTRODUCTION: &str = "# SoftwareGatewayParameters

<!-- Generated from the CRD by `cargo xtask docs`. Do not edit. -->

`SoftwareGatewayParameters` (`gatewright.dev/v1alpha1`, namespaced) holds what the software proxy needs and the Gateway
API has no field for. A GatewayClass refers to one in `spec.parametersRef`, a Gateway in
`spec.infrastructure.parametersRef`. The CRD is `crds/gatewright/softwaregatewayparameters.yaml`.

```yaml
";

/// The example of the page; a test reads it.
pub const EXAMPLE: &str = "apiVersion: gatewright.dev/v1alpha1
kind: SoftwareGatewayParameters
metadata:
  name: edge
  namespace: infra
spec:
  deployment:
    replicas: 3
  service:
    type: LoadBalancer
    externalTrafficPolicy: Local
  proxyProtocol:
    requiredFrom: [10.0.0.0/8]
  forwarding:
    trustedCidrs: [10.0.0.0/8]
  limits:
    bodyBytes: 10485760
  timeouts:
    header: 5s
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: software
spec:
  controllerName: gatewright.dev/software
  parametersRef:
    group: gatewright.dev
    kind: SoftwareGatewayParameters
    name: edge
    namespace: infra
";

/// The page, as Markdown.
pub fn parameters() -> String {
    let mut page = format!("{INTRODUCTION}{EXAMPLE}```\n");
    for crd in super::crds() {
        let json: Value = serde_json::from_str(&crd.json).unwrap_or_default();
        let Some(spec) = json.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec") else {
            continue;
        };
        let _ = write!(
            page,
            "\n{}\n\n## Fields of `spec`\n\n| field | meaning | accepted |\n|---|---|---|\n",
            description(spec).unwrap_or_default()
        );
        rows(spec, "", &mut page);
        let mut rules = Vec::new();
        collect_rules(spec, "spec", &mut rules);
        if !rules.is_empty() {
            page.push_str("\n## Rules beyond single fields\n\n| where | refused with |\n|---|---|\n");
            for (path, message) in rules {
                let _ = writeln!(page, "| `{path}` | {message} |");
            }
        }
    }
    page
}

fn description(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn rows(schema: &Value, prefix: &str, page: &mut String) {
    let required = |name: &str| {
        schema
            .get("required")
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(|entry| entry == name))
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let path = format!("{prefix}{name}");
        let mut accepted = accepted(property);
        if required(name) {
            accepted.push_str(", required");
        }
        let meaning = description(property).unwrap_or_default().replace('|', "\\|");
        let _ = writeln!(
            page,
            "| `{path}` | {meaning} | {} |",
            accepted.replace('|', "\\|")
        );
        rows(property, &format!("{path}."), page);
    }
}

fn accepted(schema: &Value) -> String {
    let number = |key: &str| schema.get(key).and_then(Value::as_i64);
    let range = |low: Option<i64>, high: Option<i64>| match (low, high) {
        (Some(low), Some(high)) => Some(format!("{low} to {high}")),
        (Some(low), None) => Some(format!("at least {low}")),
        (None, Some(high)) => Some(format!("at most {high}")),
        (None, None) => None,
    };
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<String> = values
            .iter()
            .filter_map(|value| Some(format!("`{}`", value.as_str()?)))
            .collect();
        return values.join(", ");
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("integer") => {
            range(number("minimum"), number("maximum")).unwrap_or_else(|| "integer".to_owned())
        }
        Some("array") => {
            let count = range(number("minItems"), number("maxItems"));
            let items = schema.get("items").map(accepted).unwrap_or_default();
            format!("list of {} entries, each {items}", count.unwrap_or_default())
        }
        Some("string") => {
            let mut text = "text".to_owned();
            if let Some(length) = range(number("minLength"), number("maxLength")) {
                let _ = write!(text, " of {length} characters");
            }
            if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
                let _ = write!(text, " like `{pattern}`");
            }
            text
        }
        Some("object") if schema.get("additionalProperties").is_some() => "names and texts".to_owned(),
        Some("boolean") => "`true`, `false`".to_owned(),
        Some(other) => other.to_owned(),
        None => String::new(),
    }
}

fn collect_rules(schema: &Value, path: &str, into: &mut Vec<(String, String)>) {
    let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array);
    for rule in rules.into_iter().flatten() {
        if let Some(message) = rule.get("message").and_then(Value::as_str) {
            into.push((path.to_owned(), message.to_owned()));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        collect_rules(property, &format!("{path}.{name}"), into);
    }
}
