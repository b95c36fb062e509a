//! Input of the `query` and `ec2` protocols: forms whose keys are paths, as `Actions.member.1.Type`.

use super::model::{Kind, Model, Protocol, Reference, Shape};
use super::time;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Most parameters of a call.
const MOST_PARAMETERS: usize = 20_000;
/// Deepest path of a parameter.
const DEEPEST: usize = 32;

/// Why a form cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormError {
    /// It is no form, or too large.
    Malformed(String),
    /// A parameter that the operation does not have.
    Unknown(String),
    /// A value that is not of its type.
    Type {
        /// Path of the parameter.
        path: String,
        /// What it should be.
        wanted: &'static str,
    },
}

/// Names and values of a form, decoded.
///
/// # Errors
///
/// When it is not UTF-8 or has too many parameters.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, FormError> {
    let mut pairs = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == MOST_PARAMETERS {
            return Err(FormError::Malformed(format!(
                "more than {MOST_PARAMETERS} parameters"
            )));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decode(name)?, decode(value)?));
    }
    Ok(pairs)
}

fn decode(text: &str) -> Result<String, FormError> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(Cow::into_owned)
        .map_err(|_| FormError::Malformed("a parameter is not UTF-8".to_owned()))
}

/// Input of an operation in the model's member names. Required members and constraints are not checked here.
///
/// # Errors
///
/// When a parameter is unknown or is not of its type.
pub fn parse(
    model: &Model,
    protocol: Protocol,
    input: Option<&Reference>,
    pairs: &[(String, String)],
) -> Result<Value, FormError> {
    let mut root = Node::default();
    for (name, value) in pairs {
        if name == "Action" || name == "Version" {
            continue;
        }
        root.insert(name, value)?;
    }
    let reader = Reader { model, protocol };
    match input {
        Some(reference) => {
            let empty = Node::default();
            let node = if root.children.is_empty() { &empty } else { &root };
            reader.value(reference, node, "")
        }
        None => match root.children.keys().next() {
            Some(name) => Err(FormError::Unknown(name.clone())),
            None => Ok(Value::Object(Map::new())),
        },
    }
}

#[derive(Default)]
struct Node {
    value: Option<String>,
    children: BTreeMap<String, Node>,
}

impl Node {
    fn insert(&mut self, path: &str, value: &str) -> Result<(), FormError> {
        let mut node = self;
        for (depth, part) in path.split('.').enumerate() {
            if depth == DEEPEST {
                return Err(FormError::Malformed(
                    "a parameter is nested too deeply".to_owned(),
                ));
            }
            node = node.children.entry(part.to_owned()).or_default();
        }
        if node.value.replace(value.to_owned()).is_some() {
            return Err(FormError::Malformed(format!("{path} is given twice")));
        }
        Ok(())
    }

    /// Children by their numbers, in order.
    fn numbered(&self, path: &str) -> Result<Vec<(u32, &Node)>, FormError> {
        let mut items = Vec::with_capacity(self.children.len());
        for (name, node) in &self.children {
            let number = name
                .parse::<u32>()
                .map_err(|_| FormError::Unknown(join(path, name)))?;
            items.push((number, node));
        }
        items.sort_by_key(|(number, _)| *number);
        Ok(items)
    }
}

struct Reader<'a> {
    model: &'a Model,
    protocol: Protocol,
}

impl Reader<'_> {
    fn value(&self, reference: &Reference, node: &Node, path: &str) -> Result<Value, FormError> {
        let Some(shape) = self.model.shape(&reference.shape) else {
            return Err(FormError::Malformed(format!("the shape of {path} is missing")));
        };
        match shape.kind {
            Kind::Structure => self.structure(shape, node, path),
            Kind::List => self.list(shape, node, path),
            Kind::Map => self.map(shape, node, path),
            kind => scalar(kind, node, path),
        }
    }

    fn structure(&self, shape: &Shape, node: &Node, path: &str) -> Result<Value, FormError> {
        let mut known = 0;
        let mut members = Map::new();
        for (name, reference) in &shape.members {
            if let Some(child) = node.children.get(&self.name_of(name, reference)) {
                known += 1;
                let inner = join(path, name);
                members.insert(name.clone(), self.value(reference, child, &inner)?);
            }
        }
        if known < node.children.len() {
            let names: Vec<String> = shape
                .members
                .iter()
                .map(|(name, reference)| self.name_of(name, reference))
                .collect();
            let stranger = node.children.keys().find(|name| !names.contains(name));
            return Err(FormError::Unknown(join(
                path,
                stranger.map_or("", String::as_str),
            )));
        }
        Ok(Value::Object(members))
    }

    fn list(&self, shape: &Shape, node: &Node, path: &str) -> Result<Value, FormError> {
        let Some(member) = &shape.member else {
            return Err(FormError::Malformed(format!("the list {path} has no members")));
        };
        // Clients write an empty list as a parameter without a value.
        if node.children.is_empty() && node.value.as_deref().is_none_or(str::is_empty) {
            return Ok(Value::Array(Vec::new()));
        }
        let items = if self.protocol == Protocol::Ec2 || shape.flattened {
            node.numbered(path)?
        } else {
            let element = member.location_name.as_deref().unwrap_or("member");
            let Some(inner) = node.children.get(element) else {
                return Err(FormError::Type {
                    path: path.to_owned(),
                    wanted: "a list",
                });
            };
            if node.children.len() > 1 {
                return Err(FormError::Type {
                    path: path.to_owned(),
                    wanted: "a list",
                });
            }
            inner.numbered(path)?
        };
        if items.is_empty() {
            return Err(FormError::Type {
                path: path.to_owned(),
                wanted: "a list",
            });
        }
        let values = items
            .into_iter()
            .map(|(number, item)| self.value(member, item, &join(path, &format!("{number}.member"))));
        values
            .collect::<Result<Vec<Value>, FormError>>()
            .map(Value::Array)
    }

    fn map(&self, shape: &Shape, node: &Node, path: &str) -> Result<Value, FormError> {
        let (Some(key), Some(value)) = (&shape.key, &shape.value) else {
            return Err(FormError::Malformed(format!(
                "the map {path} has no keys and values"
            )));
        };
        let entries = if shape.flattened {
            Some(node)
        } else {
            node.children.get("entry")
        };
        let mut map = Map::new();
        for (number, entry) in entries
            .map(|entries| entries.numbered(path))
            .transpose()?
            .unwrap_or_default()
        {
            let inner = join(path, &format!("entry.{number}"));
            let part = |reference: &Reference, usual: &str| {
                let name = reference
                    .location_name
                    .clone()
                    .unwrap_or_else(|| usual.to_owned());
                entry.children.get(&name).ok_or(FormError::Type {
                    path: join(&inner, &name),
                    wanted: "given",
                })
            };
            let name = part(key, "key")?.value.clone().unwrap_or_default();
            map.insert(name, self.value(value, part(value, "value")?, &inner)?);
        }
        Ok(Value::Object(map))
    }

    /// Name of a member in a form: its query name or, in EC2's dialect, its name with a capital.
    fn name_of(&self, name: &str, reference: &Reference) -> String {
        if self.protocol == Protocol::Ec2 {
            if let Some(name) = &reference.query_name {
                return name.clone();
            }
            return capital(reference.location_name.as_deref().unwrap_or(name));
        }
        reference.location_name.as_deref().unwrap_or(name).to_owned()
    }
}

fn scalar(kind: Kind, node: &Node, path: &str) -> Result<Value, FormError> {
    let wrong = |wanted: &'static str| FormError::Type {
        path: path.to_owned(),
        wanted,
    };
    if !node.children.is_empty() {
        return Err(wrong("a single value"));
    }
    let text = node.value.as_deref().unwrap_or_default();
    match kind {
        Kind::Integer => text
            .parse::<i32>()
            .map(Value::from)
            .map_err(|_| wrong("an integer")),
        Kind::Long => text
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| wrong("an integer")),
        Kind::Float | Kind::Double => {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            number.map(Value::from).ok_or(wrong("a number"))
        }
        Kind::Boolean => match text {
            "true" | "True" => Ok(Value::Bool(true)),
            "false" | "False" => Ok(Value::Bool(false)),
            _ => Err(wrong("true or false")),
        },
        Kind::Timestamp => time::parse(text).map(Value::from).ok_or(wrong("a point in time")),
        Kind::Blob => {
            STANDARD.decode(text).map_err(|_| wrong("base64"))?;
            Ok(Value::from(text))
        }
        Kind::String | Kind::Structure | Kind::List | Kind::Map => Ok(Value::from(text)),
    }
}

fn join(path: &str, part: &str) -> String {
    if path.is_empty() {
        return part.to_owned();
    }
    format!("{path}.{part}")
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}
