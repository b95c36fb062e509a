//! Reading the parsed input of an operation: members by their names in AWS's model.
//!
//! The protocol layer has checked types and required members already, so that an accessor answers "absent"
//! instead of failing.

use serde_json::Value;

/// A text member.
pub fn text<'a>(input: &'a Value, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}

/// A whole-number member.
pub fn number(input: &Value, member: &str) -> Option<i64> {
    input.get(member).and_then(Value::as_i64)
}

/// A true-or-false member; absent is false.
pub fn flag(input: &Value, member: &str) -> bool {
    input.get(member).and_then(Value::as_bool).unwrap_or(false)
}

/// The elements of a list member; absent is empty.
pub fn list<'a>(input: &'a Value, member: &str) -> &'a [Value] {
    input
        .get(member)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The texts of a list member; absent is empty.
pub fn texts<'a>(input: &'a Value, member: &str) -> Vec<&'a str> {
    list(input, member).iter().filter_map(Value::as_str).collect()
}

/// The same without members that are null, at any depth: AWS leaves out what is absent.
pub fn tidy(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, member)| !member.is_null())
                .map(|(name, member)| (name, tidy(member)))
                .collect(),
        ),
        Value::Array(elements) => Value::Array(elements.into_iter().map(tidy).collect()),
        other => other,
    }
}

/// Seconds since 1970 as the timestamps of AWS's models are given, from milliseconds.
pub fn seconds(milliseconds: u64) -> Value {
    Value::from(milliseconds as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absent_members_are_empty_and_nulls_vanish() {
        let input = json!({"A": "x", "L": ["a", "b"], "N": 3, "F": true});
        assert_eq!(text(&input, "A"), Some("x"));
        assert_eq!(texts(&input, "L"), ["a", "b"]);
        assert_eq!(number(&input, "N"), Some(3));
        assert!(flag(&input, "F") && !flag(&input, "G"));
        assert!(list(&input, "M").is_empty());
        assert_eq!(
            tidy(json!({"a": null, "b": [{"c": null, "d": 1}]})),
            json!({"b": [{"d": 1}]})
        );
    }
}
