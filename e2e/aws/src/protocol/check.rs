//! Constraints of the model: on what comes in, in AWS's words, and on what goes out.

use super::model::{Kind, Model, Reference, Shape};
use serde_json::Value;

/// Words that AWS answers although its model does not have them: the state of an internet gateway's attachment, as
/// the examples of `API_DescribeInternetGateways` show it.
const BEYOND: &[(&str, &str)] = &[("AttachmentStatus", "available")];

/// Most violations that a message names.
const MOST: usize = 10;

/// A constraint that an input breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the member.
    pub path: String,
    /// A required member is missing.
    pub missing: bool,
    message: String,
}

/// What breaks the model's constraints in an input whose types were checked: required members, lengths, ranges,
/// patterns and words.
pub fn violations(model: &Model, input: Option<&Reference>, value: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    if let Some(reference) = input {
        walk(model, reference, value, "", &mut found);
    }
    found
}

/// AWS's sentence on violations.
pub fn sentence(violations: &[Violation]) -> String {
    let plural = if violations.len() == 1 { "" } else { "s" };
    let told: Vec<&str> = violations
        .iter()
        .take(MOST)
        .map(|violation| violation.message.as_str())
        .collect();
    format!(
        "{} validation error{plural} detected: {}",
        violations.len(),
        told.join("; ")
    )
}

fn walk(model: &Model, reference: &Reference, value: &Value, path: &str, found: &mut Vec<Violation>) {
    let Some(shape) = model.shape(&reference.shape) else {
        return;
    };
    match value {
        Value::Object(members) if shape.kind == Kind::Structure => {
            for name in shape.required.iter().filter(|name| !members.contains_key(*name)) {
                let path = join(path, name);
                let message =
                    format!("Value null at '{path}' failed to satisfy constraint: Member must not be null");
                found.push(Violation {
                    path,
                    missing: true,
                    message,
                });
            }
            for (name, inner) in members {
                if let Some(member) = shape.members.get(name) {
                    walk(model, member, inner, &join(path, name), found);
                }
            }
        }
        Value::Object(entries) => {
            measure(shape, entries.len() as f64, value, path, found);
            for (key, inner) in entries {
                if let Some(reference) = &shape.key {
                    walk(
                        model,
                        reference,
                        &Value::from(key.as_str()),
                        &join(path, "key"),
                        found,
                    );
                }
                if let Some(reference) = &shape.value {
                    walk(model, reference, inner, &join(path, key), found);
                }
            }
        }
        Value::Array(items) => {
            measure(shape, items.len() as f64, value, path, found);
            for (index, item) in items.iter().enumerate() {
                if let Some(member) = &shape.member {
                    walk(
                        model,
                        member,
                        item,
                        &join(path, &format!("{}.member", index + 1)),
                        found,
                    );
                }
            }
        }
        Value::String(text) if shape.kind == Kind::String => {
            measure(shape, text.chars().count() as f64, value, path, found);
            string(model, reference, text, path, found);
        }
        Value::Number(number) if shape.kind != Kind::Timestamp => {
            measure(shape, number.as_f64().unwrap_or_default(), value, path, found);
        }
        _ => {}
    }
}

fn string(model: &Model, reference: &Reference, text: &str, path: &str, found: &mut Vec<Violation>) {
    let Some(shape) = model.shape(&reference.shape) else {
        return;
    };
    if !shape.words.is_empty() && !shape.words.iter().any(|word| word == text) {
        let words = shape.words.join(", ");
        found.push(refused(
            shape,
            text,
            path,
            &format!("Member must satisfy enum value set: [{words}]"),
        ));
    }
    if model
        .pattern(&reference.shape)
        .is_some_and(|pattern| !pattern.is_match(text))
    {
        let pattern = model.pattern_text(&reference.shape);
        found.push(refused(
            shape,
            text,
            path,
            &format!("Member must satisfy regular expression pattern: {pattern}"),
        ));
    }
}

/// Checks a length, count or number against its bounds.
fn measure(shape: &Shape, size: f64, value: &Value, path: &str, found: &mut Vec<Violation>) {
    let what = match shape.kind {
        Kind::Integer | Kind::Long | Kind::Float | Kind::Double => "value",
        _ => "length",
    };
    let text = || match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if let Some(min) = shape.min.filter(|min| size < *min) {
        let rule = format!("Member must have {what} greater than or equal to {min}");
        found.push(refused(shape, &text(), path, &rule));
    }
    if let Some(max) = shape.max.filter(|max| size > *max) {
        let rule = format!("Member must have {what} less than or equal to {max}");
        found.push(refused(shape, &text(), path, &rule));
    }
}

fn refused(shape: &Shape, text: &str, path: &str, rule: &str) -> Violation {
    let shown: String = if shape.sensitive {
        "*** sensitive ***".to_owned()
    } else {
        text.chars().take(200).collect()
    };
    Violation {
        path: path.to_owned(),
        missing: false,
        message: format!("Value '{shown}' at '{path}' failed to satisfy constraint: {rule}"),
    }
}

/// AWS names members in its messages with a small first letter.
fn join(path: &str, part: &str) -> String {
    let mut letters = part.chars();
    let small: String = letters
        .next()
        .map(|first| first.to_lowercase().collect::<String>() + letters.as_str())
        .unwrap_or_default();
    if path.is_empty() {
        small
    } else {
        format!("{path}.{small}")
    }
}

/// Why an answer is not what the model says: a client of AWS could not read it.
///
/// # Errors
///
/// A sentence on the first member that is unknown, missing, not of its type or not of the model's words.
pub fn answer(model: &Model, output: Option<&Reference>, value: &Value) -> Result<(), String> {
    match output {
        Some(reference) => member(model, reference, value, ""),
        None if value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty) => Ok(()),
        None => Err("the operation answers nothing".to_owned()),
    }
}

fn member(model: &Model, reference: &Reference, value: &Value, path: &str) -> Result<(), String> {
    let shape = model
        .shape(&reference.shape)
        .ok_or_else(|| format!("{path}: shape {} is missing", reference.shape))?;
    let wrong = || Err(format!("{path}: {value} is not a {:?}", shape.kind));
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(members)) => {
            if let Some(name) = shape.required.iter().find(|name| !members.contains_key(*name)) {
                return Err(format!("{path}: {name} is missing"));
            }
            members
                .iter()
                .try_for_each(|(name, inner)| match shape.members.get(name) {
                    Some(reference) => member(model, reference, inner, &format!("{path}.{name}")),
                    None => Err(format!("{path}: {name} is unknown")),
                })
        }
        (Kind::List, Value::Array(items)) => match &shape.member {
            Some(reference) => items
                .iter()
                .try_for_each(|item| member(model, reference, item, &format!("{path}[]"))),
            None => wrong(),
        },
        (Kind::Map, Value::Object(entries)) => match &shape.value {
            Some(reference) => entries
                .values()
                .try_for_each(|inner| member(model, reference, inner, &format!("{path}{{}}"))),
            None => wrong(),
        },
        (Kind::String, Value::String(text)) => {
            let beyond = BEYOND.contains(&(reference.shape.as_str(), text.as_str()));
            if shape.words.is_empty() || beyond || shape.words.iter().any(|word| word == text) {
                return Ok(());
            }
            Err(format!("{path}: {text:?} is none of {:?}", shape.words))
        }
        (Kind::Integer | Kind::Long, Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(()),
        (Kind::Float | Kind::Double | Kind::Timestamp, Value::Number(_))
        | (Kind::Boolean, Value::Bool(_))
        | (Kind::Blob, Value::String(_)) => Ok(()),
        _ => wrong(),
    }
}
