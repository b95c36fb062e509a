//! Objects made from a schema, with every field that it has.

use serde_json::{Map, Value, json};

/// A value with every property of `schema` set; lists and maps have one element. With `turn`, enum
/// values rotate, so that as many turns as the longest enum has values cover all of them.
pub fn full(schema: &Value, turn: usize) -> Value {
    if let Some(values) = schema["enum"].as_array() {
        return values[turn % values.len()].clone();
    }
    if schema["x-kubernetes-int-or-string"] == true {
        return json!(1);
    }
    match schema["type"].as_str() {
        Some("object") => {
            if let Some(properties) = schema["properties"].as_object() {
                let all: Map<String, Value> = properties
                    .iter()
                    .map(|(name, schema)| (name.clone(), full(schema, turn)))
                    .collect();
                Value::Object(all)
            } else if schema["additionalProperties"].is_object() {
                json!({"key": full(&schema["additionalProperties"], turn)})
            } else {
                json!({})
            }
        }
        Some("array") => json!([full(&schema["items"], turn)]),
        Some("integer") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("number") => json!(0.5),
        Some("boolean") => json!(turn.is_multiple_of(2)),
        Some("string") if schema["format"] == "date-time" => json!("2026-01-02T03:04:05Z"),
        Some("string") => json!("text"),
        other => panic!("schema of type {other:?}"),
    }
}

/// The number of turns that cover every enum value of `schema`.
pub fn turns(schema: &Value) -> usize {
    match schema {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| match value {
                Value::Array(values) if key == "enum" => values.len(),
                _ => turns(value),
            })
            .max()
            .unwrap_or(1)
            .max(1),
        Value::Array(list) => list.iter().map(turns).max().unwrap_or(1),
        _ => 1,
    }
}
