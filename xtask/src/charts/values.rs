//! The page of the chart's values, from its schema and its defaults.

use crate::run::root;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt::Write as _;

const HEAD: &str = "# Values of the chart\n\n\
<!-- Generated from the chart's schema by `cargo xtask docs`. Do not edit. -->\n\n\
`deploy/charts/gatewright/values.yaml` holds the defaults with comments; `values.schema.json`, from which this page is made,\n\
refuses what is not listed here.\n\n\
| value | meaning | default |\n|---|---|---|\n";

/// The whole page.
///
/// # Errors
/// When the chart cannot be read.
pub fn page() -> Result<String> {
    let folder = root().join("deploy/charts/gatewright");
    let read = |name: &str| {
        std::fs::read_to_string(folder.join(name)).with_context(|| format!("cannot read the chart's {name}"))
    };
    let schema: Value = serde_json::from_str(&read("values.schema.json")?)?;
    let defaults: Value = serde_yaml_ng::from_str(&read("values.yaml")?)?;
    let mut text = HEAD.to_owned();
    rows(&mut text, "", &schema, &defaults)?;
    Ok(text)
}

/// A row for each value below an object; objects with named fields are their fields.
fn rows(text: &mut String, path: &str, schema: &Value, defaults: &Value) -> Result<()> {
    let fields = schema.get("properties").and_then(Value::as_object);
    for (name, field) in fields.into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let default = defaults.get(name).unwrap_or(&Value::Null);
        let meaning = field.get("description").and_then(Value::as_str);
        let is_group = default.as_object().is_some_and(|map| !map.is_empty())
            && field.get("additionalProperties") == Some(&Value::Bool(false));
        if is_group {
            rows(text, &path, field, default)?;
        } else {
            let meaning = meaning.with_context(|| format!("the schema does not describe {path}"))?;
            writeln!(text, "| `{path}` | {meaning} | {} |", shown(default))?;
        }
    }
    Ok(())
}

fn shown(default: &Value) -> String {
    match default {
        Value::Null => String::new(),
        Value::String(text) if text.is_empty() => String::new(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn groups_are_their_values_and_each_needs_a_description() {
        let schema = json!({"properties": {"image": {"additionalProperties": false, "properties": {
            "tag": {"description": "The tag."}, "none": {"description": "Nothing."},
        }}}});
        let mut text = String::new();
        rows(&mut text, "", &schema, &json!({"image": {"tag": "v1"}})).unwrap();
        assert_eq!(
            text,
            "| `image.tag` | The tag. | `v1` |\n| `image.none` | Nothing. |  |\n"
        );
        let bare = json!({"properties": {"a": {}}});
        assert!(rows(&mut text, "", &bare, &json!({})).is_err());
    }
}
