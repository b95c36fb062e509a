//! YAML that readers of YAML 1.1 (kubectl among them) and of 1.2 understand alike.
//!
//! The emitter of `serde_yaml_ng` follows 1.2: it leaves strings bare that 1.1 takes for something else, such
//! as `yes`, `1_000` or `190:20:30`. Here scalars are its work, and the structure around them is ours.

use serde_json::Value;

/// Words that YAML 1.1 takes for booleans, and marks with a meaning of their own
/// (<https://yaml.org/type/bool.html>, `merge.html`, `value.html`).
const WORDS: [&str; 24] = [
    "y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "true",
    "True", "TRUE", "false", "False", "FALSE", "=", "<<",
];

/// A value as a YAML document, without tags: variants of enums are keys, as in JSON.
///
/// # Errors
/// The value cannot be written.
pub fn yaml(value: &impl serde::Serialize) -> anyhow::Result<String> {
    let value = serde_json::to_value(value)?;
    let mut text = String::new();
    match &value {
        Value::Object(map) if !map.is_empty() => object(&mut text, map, 0)?,
        Value::Array(list) if !list.is_empty() => array(&mut text, list, 0)?,
        other => {
            text.push_str(&scalar(other, 0)?);
            text.push('\n');
        }
    }
    Ok(text)
}

fn object(text: &mut String, map: &serde_json::Map<String, Value>, depth: usize) -> anyhow::Result<()> {
    for (index, (key, value)) in map.iter().enumerate() {
        // The first key follows the dash of a list, or stands at the start.
        if index > 0 {
            indent(text, depth);
        }
        text.push_str(&key_text(key)?);
        text.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                text.push('\n');
                indent(text, depth + 1);
                object(text, inner, depth + 1)?;
            }
            Value::Array(inner) if !inner.is_empty() => {
                text.push('\n');
                indent(text, depth);
                array(text, inner, depth)?;
            }
            other => {
                text.push(' ');
                text.push_str(&scalar(other, depth + 1)?);
                text.push('\n');
            }
        }
    }
    Ok(())
}

/// A key: on one line, so in JSON's words where a block would be needed.
fn key_text(key: &str) -> anyhow::Result<String> {
    if key.contains(['\n', '\r']) {
        return Ok(serde_json::to_string(key)?);
    }
    string(key, 0)
}

fn array(text: &mut String, list: &[Value], depth: usize) -> anyhow::Result<()> {
    for (index, value) in list.iter().enumerate() {
        if index > 0 {
            indent(text, depth);
        }
        text.push_str("- ");
        match value {
            Value::Object(inner) if !inner.is_empty() => object(text, inner, depth + 1)?,
            Value::Array(inner) if !inner.is_empty() => array(text, inner, depth + 1)?,
            other => {
                text.push_str(&scalar(other, depth + 1)?);
                text.push('\n');
            }
        }
    }
    Ok(())
}

fn indent(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n("  ", depth));
}

fn scalar(value: &Value, depth: usize) -> anyhow::Result<String> {
    match value {
        Value::String(value) => string(value, depth),
        other => Ok(serde_yaml_ng::to_string(other)?.trim_end_matches('\n').to_owned()),
    }
}

/// A string; the lines of a block are indented by `depth`.
fn string(value: &str, depth: usize) -> anyhow::Result<String> {
    if is_ambiguous(value) {
        // None of these holds an apostrophe.
        return Ok(format!("'{value}'"));
    }
    let written = serde_yaml_ng::to_string(value)?;
    let written = written.strip_suffix('\n').unwrap_or(&written);
    let mut lines = written.lines();
    let mut text = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        text.push('\n');
        if !line.is_empty() {
            // The emitter has indented it by one level already.
            indent(&mut text, depth.saturating_sub(1));
            text.push_str(line);
        }
    }
    Ok(text)
}

/// Whether YAML 1.1 takes a bare string for something else where YAML 1.2 does not.
fn is_ambiguous(value: &str) -> bool {
    WORDS.contains(&value) || is_number(value)
}

/// Numbers that only YAML 1.1 knows (<https://yaml.org/type/int.html>, `float.html`): digits with underscores,
/// of base 2 and 60.
fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    let Some(first) = digits.chars().next() else {
        return false;
    };
    if !first.is_ascii_digit() && first != '.' {
        return false;
    }
    let special = digits.contains(['_', ':']) || digits.starts_with("0b");
    special
        && digits
            .chars()
            .all(|c| c.is_ascii_hexdigit() || matches!(c, '_' | ':' | '.' | 'x' | 'o' | '+' | '-'))
}

#[cfg(test)]
mod tests {
    use super::yaml;
    use gatewright_model::route::PathMatch;
    use serde_json::{Value, json};

    #[test]
    fn variants_are_keys_and_not_tags() {
        assert_eq!(yaml(&PathMatch::Prefix("/a".into())).unwrap(), "Prefix: /a\n");
    }

    #[test]
    fn what_yaml_1_1_takes_for_something_else_is_quoted() {
        for word in [
            "yes",
            "Y",
            "n",
            "off",
            "On",
            "=",
            "<<",
            "1_000",
            "190:20:30",
            "0b11",
            "+1_0",
            "0x_f",
            "1_0.5",
        ] {
            assert_eq!(
                yaml(&json!({word: word})).unwrap(),
                format!("'{word}': '{word}'\n")
            );
        }
        for word in ["yesterday", "127.0.0.1", "a:b", "no-cache", "10s"] {
            assert_eq!(yaml(&json!({word: word})).unwrap(), format!("{word}: {word}\n"));
        }
    }

    /// The same as the library writes, but for the quotes.
    #[test]
    fn structure_and_scalars_are_as_usual() {
        let cases = [
            json!({}),
            json!([]),
            json!(null),
            json!("a\nb"),
            json!({"a": {}, "b": [], "c": null, "d": 1.5, "e": -3, "f": true, "g": ""}),
            json!({"a": {"b": {"c": [1, {"d": [[2, 3], []], "e": {"f": "x"}}]}}, "z": [{"k": {"l": 1}, "m": 2}]}),
            json!({"a": {"text": "one\n  two\n\nthree\n", "b": "x"}, "list": ["p\nq", {"r": "s\nt\n"}]}),
            json!([
                "123", "1e3", "null", "~", "- a", "a: b", "#c", "'q'", "\"d\"", " lead", "trail ", "tab\t",
                "ü€"
            ]),
            json!({"key with: colon": 1, "123": 2, "": 3, "multi\nline": "v"}),
        ];
        for case in cases {
            let text = yaml(&case).unwrap();
            let back: Value =
                serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(back, case, "{text}");
            if !text.contains("multi") {
                assert_eq!(text, serde_yaml_ng::to_string(&case).unwrap());
            }
        }
    }
}
