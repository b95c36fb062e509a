//! Input and answers of the `json` protocols.

use super::model::{Kind, Model, Reference};
use super::time;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

/// Deepest value of an input.
const DEEPEST: usize = 32;

/// Input of an operation in the model's member names, its types checked.
///
/// # Errors
///
/// A sentence on the first thing that is unknown or not of its type.
pub fn parse(model: &Model, input: Option<&Reference>, body: &[u8]) -> Result<Value, String> {
    let empty = body.iter().all(u8::is_ascii_whitespace);
    let value: Value = if empty {
        Value::Object(Map::new())
    } else {
        serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))?
    };
    match input {
        Some(reference) => read(model, reference, &value, &Path::root()),
        None => match value {
            Value::Object(members) if members.is_empty() => Ok(Value::Object(members)),
            _ => Err("the operation takes no parameters".to_owned()),
        },
    }
}

/// Reads a value that came as JSON or in a form that JSON can hold.
///
/// # Errors
///
/// A sentence on the first thing that is unknown or not of its type.
pub fn typed(model: &Model, reference: &Reference, value: &Value) -> Result<Value, String> {
    read(model, reference, value, &Path::root())
}

struct Path {
    text: String,
    depth: usize,
}

impl Path {
    fn root() -> Self {
        Self {
            text: String::new(),
            depth: 0,
        }
    }

    fn join(&self, part: &str) -> Self {
        let text = if self.text.is_empty() {
            part.to_owned()
        } else {
            format!("{}.{part}", self.text)
        };
        Self {
            text,
            depth: self.depth + 1,
        }
    }

    fn wrong(&self, wanted: &str) -> String {
        format!(
            "{} is not {wanted}",
            if self.text.is_empty() {
                "the input"
            } else {
                &self.text
            }
        )
    }
}

fn read(model: &Model, reference: &Reference, value: &Value, path: &Path) -> Result<Value, String> {
    if path.depth > DEEPEST {
        return Err(path.wrong("nested so deeply"));
    }
    let shape = model
        .shape(&reference.shape)
        .ok_or_else(|| path.wrong("in the model"))?;
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(given)) => {
            let mut members = Map::new();
            let mut known = 0;
            for (name, member) in &shape.members {
                let wire = member.location_name.as_deref().unwrap_or(name);
                match given.get(wire) {
                    Some(Value::Null) => known += 1,
                    Some(inner) => {
                        known += 1;
                        members.insert(name.clone(), read(model, member, inner, &path.join(name))?);
                    }
                    None => {}
                }
            }
            if known < given.len() {
                let names: Vec<&str> = shape
                    .members
                    .iter()
                    .map(|(name, member)| member.location_name.as_deref().unwrap_or(name))
                    .collect();
                let stranger = given.keys().find(|name| !names.contains(&name.as_str()));
                return Err(path
                    .join(stranger.map_or("", String::as_str))
                    .wrong("a known parameter"));
            }
            Ok(Value::Object(members))
        }
        (Kind::List, Value::Array(items)) => {
            let member = shape.member.as_ref().ok_or_else(|| path.wrong("in the model"))?;
            let values = items
                .iter()
                .enumerate()
                .map(|(index, item)| read(model, member, item, &path.join(&format!("{}.member", index + 1))));
            values.collect::<Result<Vec<Value>, String>>().map(Value::Array)
        }
        (Kind::Map, Value::Object(given)) => {
            let inner = shape.value.as_ref().ok_or_else(|| path.wrong("in the model"))?;
            let entries = given
                .iter()
                .map(|(key, value)| Ok((key.clone(), read(model, inner, value, &path.join(key))?)));
            entries
                .collect::<Result<Map<String, Value>, String>>()
                .map(Value::Object)
        }
        (Kind::String, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => Ok(value.clone()),
        (Kind::Integer, Value::Number(number))
            if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) =>
        {
            Ok(value.clone())
        }
        (Kind::Long, Value::Number(number)) if number.as_i64().is_some() => Ok(value.clone()),
        (Kind::Float | Kind::Double, Value::Number(_)) => Ok(value.clone()),
        (Kind::Timestamp, Value::Number(number)) => number
            .as_f64()
            .map(Value::from)
            .ok_or_else(|| path.wrong("a point in time")),
        (Kind::Timestamp, Value::String(text)) => time::parse(text)
            .map(Value::from)
            .ok_or_else(|| path.wrong("a point in time")),
        (Kind::Blob, Value::String(text)) if STANDARD.decode(text).is_ok() => Ok(value.clone()),
        (kind, _) => Err(path.wrong(article(kind))),
    }
}

fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::Structure => "a structure",
        Kind::List => "a list",
        Kind::Map => "a map",
        Kind::String => "text",
        Kind::Integer | Kind::Long => "an integer",
        Kind::Float | Kind::Double => "a number",
        Kind::Boolean => "true or false",
        Kind::Timestamp => "a point in time",
        Kind::Blob => "base64",
    }
}

/// An answer that was checked, as JSON.
pub fn write(model: &Model, output: Option<&Reference>, value: &Value) -> Vec<u8> {
    let wire = output.map_or_else(
        || Value::Object(Map::new()),
        |reference| wire(model, reference, value),
    );
    wire.to_string().into_bytes()
}

/// A checked value under the names of the wire, in all protocols that write JSON.
pub(super) fn wire(model: &Model, reference: &Reference, value: &Value) -> Value {
    let Some(shape) = model.shape(&reference.shape) else {
        return Value::Null;
    };
    match value {
        Value::Object(members) if shape.kind == Kind::Structure => {
            let members = members.iter().filter_map(|(name, inner)| {
                let member = shape.members.get(name)?;
                let wire_name = member.location_name.clone().unwrap_or_else(|| name.clone());
                Some((wire_name, wire(model, member, inner)))
            });
            Value::Object(members.collect())
        }
        Value::Object(entries) => match &shape.value {
            Some(inner) => Value::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), wire(model, inner, value)))
                    .collect(),
            ),
            None => Value::Null,
        },
        Value::Array(items) => match &shape.member {
            Some(member) => Value::Array(items.iter().map(|item| wire(model, member, item)).collect()),
            None => Value::Null,
        },
        // Timestamps are seconds, whole ones without a fraction, unless their shape says otherwise.
        Value::Number(number) if shape.kind == Kind::Timestamp => {
            let seconds = number.as_f64().unwrap_or_default();
            match shape.timestamp_format.as_deref() {
                Some("iso8601") => Value::from(time::iso8601(seconds)),
                _ if seconds.fract() == 0.0 => Value::from(seconds as i64),
                _ => Number::from_f64(seconds).map_or(Value::Null, Value::Number),
            }
        }
        other => other.clone(),
    }
}

/// An error as JSON.
pub fn error(code: &str, message: &str) -> Vec<u8> {
    let mut members = Map::new();
    members.insert("__type".to_owned(), Value::from(code));
    members.insert("message".to_owned(), Value::from(message));
    Value::Object(members).to_string().into_bytes()
}
