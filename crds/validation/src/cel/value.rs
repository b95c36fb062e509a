//! CEL values: JSON in place, typed by its schema, and whatever functions make.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;

use super::named::NamedFormat;
use crate::schema::{ListType, Schema, Type};

/// Steps through the items of a list, or the keys of a map, without copying them first.
pub(crate) struct Elements<'a> {
    source: Source<'a>,
    next: usize,
}

enum Source<'a> {
    Json(&'a [Value], Option<&'a Schema>),
    Keys(serde_json::map::Keys<'a>),
    List(Arc<[Val<'a>]>),
    Map(Arc<[(Val<'a>, Val<'a>)]>),
}

impl<'a> Elements<'a> {
    /// `None` for what a comprehension cannot run over.
    pub(crate) fn of(value: &Val<'a>) -> Option<Self> {
        let source = match value {
            Val::Json(Value::Array(items), schema) => {
                Source::Json(items, schema.and_then(|schema| schema.items.as_deref()))
            }
            Val::Json(Value::Object(map), _) => Source::Keys(map.keys()),
            Val::List(items) => Source::List(Arc::clone(items)),
            Val::Map(entries) => Source::Map(Arc::clone(entries)),
            _ => return None,
        };
        Some(Self { source, next: 0 })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Val<'a>;

    fn next(&mut self) -> Option<Val<'a>> {
        let at = self.next;
        self.next += 1;
        match &mut self.source {
            Source::Json(items, schema) => items.get(at).map(|item| Val::of(item, *schema)),
            Source::Keys(keys) => keys.next().map(|key| Val::Str(Cow::Borrowed(key))),
            Source::List(items) => items.get(at).cloned(),
            Source::Map(entries) => entries.get(at).map(|(key, _)| key.clone()),
        }
    }
}

/// A value during evaluation.
#[derive(Clone, Debug)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Str(Cow<'a, str>),
    Bytes(Arc<[u8]>),
    /// Nanoseconds.
    Duration(i64),
    /// Nanoseconds since the epoch.
    Timestamp(i128),
    /// A list or object of the input.
    Json(&'a Value, Option<&'a Schema>),
    List(Arc<[Val<'a>]>),
    Map(Arc<[(Val<'a>, Val<'a>)]>),
    Optional(Option<Arc<Val<'a>>>),
    Ip(IpAddr),
    Cidr(IpAddr, u8),
    Format(NamedFormat),
}

impl<'a> Val<'a> {
    /// A JSON value of `schema`, as the API server types it (`UnstructuredToVal`).
    pub(crate) fn of(value: &'a Value, schema: Option<&'a Schema>) -> Val<'a> {
        match value {
            Value::Null => Val::Null,
            Value::Bool(flag) => Val::Bool(*flag),
            Value::Number(number) => {
                let float = number.as_f64().unwrap_or(f64::NAN);
                if schema.is_some_and(|schema| schema.kind == Type::Number) {
                    return Val::Double(float);
                }
                match (number.as_i64(), number.as_u64()) {
                    (Some(int), _) => Val::Int(int),
                    (None, Some(uint)) => Val::Uint(uint),
                    _ if schema.is_some_and(|schema| schema.kind == Type::Integer) => Val::Int(float as i64),
                    _ => Val::Double(float),
                }
            }
            Value::String(text) => {
                let format = schema.and_then(|schema| schema.limits.format.as_deref());
                let typed = match format {
                    Some("duration") => super::duration::parse(text).map(Val::Duration),
                    Some("byte") => {
                        super::functions::decode_base64(text).map(|bytes| Val::Bytes(bytes.into()))
                    }
                    Some("date-time" | "date") => super::duration::parse_timestamp(text).map(Val::Timestamp),
                    _ => None,
                };
                typed.unwrap_or(Val::Str(Cow::Borrowed(text)))
            }
            Value::Array(_) | Value::Object(_) => Val::Json(value, schema),
        }
    }

    pub(crate) fn str(text: impl Into<Cow<'a, str>>) -> Val<'a> {
        Val::Str(text.into())
    }

    pub(crate) fn list(items: Vec<Val<'a>>) -> Val<'a> {
        Val::List(items.into())
    }

    pub(crate) fn some(value: Val<'a>) -> Val<'a> {
        Val::Optional(Some(Arc::new(value)))
    }

    /// The name of the type, for messages.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Val::Null => "null_type",
            Val::Bool(_) => "bool",
            Val::Int(_) => "int",
            Val::Uint(_) => "uint",
            Val::Double(_) => "double",
            Val::Str(_) => "string",
            Val::Bytes(_) => "bytes",
            Val::Duration(_) => "google.protobuf.Duration",
            Val::Timestamp(_) => "google.protobuf.Timestamp",
            Val::Json(Value::Array(_), _) | Val::List(_) => "list",
            Val::Json(..) | Val::Map(_) => "map",
            Val::Optional(_) => "optional_type",
            Val::Ip(_) => "net.IP",
            Val::Cidr(..) => "net.CIDR",
            Val::Format(_) => "kubernetes.NamedFormat",
        }
    }

    /// The items of a list, or the keys of a map: what a comprehension runs over.
    pub(crate) fn elements(&self) -> Option<Vec<Val<'a>>> {
        Elements::of(self).map(Iterator::collect)
    }

    /// Length of a string (code points), bytes, list or map.
    pub(crate) fn size(&self) -> Option<usize> {
        Some(match self {
            Val::Str(text) => text.chars().count(),
            Val::Bytes(bytes) => bytes.len(),
            Val::Json(Value::Array(items), _) => items.len(),
            Val::Json(Value::Object(map), _) => map.len(),
            Val::List(items) => items.len(),
            Val::Map(entries) => entries.len(),
            _ => return None,
        })
    }

    /// The field or map entry `name`.
    pub(crate) fn field(&self, name: &str) -> Option<Val<'a>> {
        match self {
            Val::Json(Value::Object(map), schema) => {
                // Most objects have few fields; looking at each is quicker than hashing the name.
                let value = if map.len() <= 8 {
                    map.iter().find(|(key, _)| *key == name).map(|(_, value)| value)?
                } else {
                    map.get(name)?
                };
                Some(Val::of(value, schema.and_then(|schema| schema.child(name))))
            }
            Val::Map(entries) => entries
                .iter()
                .find(|(key, _)| matches!(key, Val::Str(key) if key == name))
                .map(|(_, value)| value.clone()),
            _ => None,
        }
    }

    /// Whether the field or map entry `name` is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Val::Json(Value::Object(map), _) if map.len() <= 8 => map.keys().any(|key| key == name),
            Val::Json(Value::Object(map), _) => map.contains_key(name),
            other => other.field(name).is_some(),
        }
    }

    /// The item of a list at `index`.
    pub(crate) fn item(&self, index: usize) -> Option<Val<'a>> {
        match self {
            Val::Json(Value::Array(items), schema) => items
                .get(index)
                .map(|item| Val::of(item, schema.and_then(|schema| schema.items.as_deref()))),
            Val::List(items) => items.get(index).cloned(),
            _ => None,
        }
    }

    /// CEL equality: numbers compare across types, values of different types are unequal. Lists that the schema
    /// declares a set or a map are equal in any order.
    pub(crate) fn equals(&self, other: &Val<'_>) -> bool {
        match (self, other) {
            (Val::Null, Val::Null) => true,
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::Str(a), Val::Str(b)) => a == b,
            (Val::Bytes(a), Val::Bytes(b)) => a == b,
            (Val::Duration(a), Val::Duration(b)) => a == b,
            (Val::Timestamp(a), Val::Timestamp(b)) => a == b,
            (Val::Ip(a), Val::Ip(b)) => a == b,
            (Val::Cidr(a, n), Val::Cidr(b, m)) => a == b && n == m,
            (Val::Format(a), Val::Format(b)) => a == b,
            (Val::Optional(a), Val::Optional(b)) => match (a, b) {
                (None, None) => true,
                (Some(a), Some(b)) => a.equals(b),
                _ => false,
            },
            (Val::Int(_) | Val::Uint(_) | Val::Double(_), Val::Int(_) | Val::Uint(_) | Val::Double(_)) => {
                self.compare(other) == Some(Ordering::Equal)
            }
            (Val::Json(Value::Array(_), _) | Val::List(_), Val::Json(Value::Array(_), _) | Val::List(_)) => {
                self.list_equals(other)
            }
            (Val::Json(Value::Object(_), _) | Val::Map(_), Val::Json(Value::Object(_), _) | Val::Map(_)) => {
                self.map_equals(other)
            }
            _ => false,
        }
    }

    fn list_equals(&self, other: &Val<'_>) -> bool {
        if self.size() != other.size() {
            return false;
        }
        let (Some(a), Some(b)) = (self.elements(), other.elements()) else {
            return false;
        };
        if self.is_unordered() {
            return a.iter().all(|x| b.iter().any(|y| x.equals(y)));
        }
        a.iter().zip(&b).all(|(x, y)| x.equals(y))
    }

    fn is_unordered(&self) -> bool {
        matches!(self, Val::Json(_, Some(schema)) if !matches!(schema.list_type, ListType::Atomic))
    }

    fn map_equals(&self, other: &Val<'_>) -> bool {
        let (Some(a), Some(b)) = (self.elements(), other.elements()) else {
            return false;
        };
        a.len() == b.len()
            && a.iter().all(|key| match (self.lookup(key), other.lookup(key)) {
                (Some(x), Some(y)) => x.equals(&y),
                _ => false,
            })
    }

    /// The map entry under `key`.
    pub(crate) fn lookup(&self, key: &Val<'_>) -> Option<Val<'a>> {
        match (self, key) {
            (Val::Map(entries), key) => entries
                .iter()
                .find(|(candidate, _)| candidate.equals(key))
                .map(|(_, value)| value.clone()),
            (_, Val::Str(name)) => self.field(name),
            _ => None,
        }
    }

    /// Order of two values, where CEL defines one.
    pub(crate) fn compare(&self, other: &Val<'_>) -> Option<Ordering> {
        match (self, other) {
            (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
            (Val::Str(a), Val::Str(b)) => Some(a.cmp(b)),
            (Val::Bytes(a), Val::Bytes(b)) => Some(a.cmp(b)),
            (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
            (Val::Timestamp(a), Val::Timestamp(b)) => Some(a.cmp(b)),
            (Val::Double(a), b) => b.as_f64().and_then(|b| a.partial_cmp(&b)),
            (a, Val::Double(b)) => a.as_f64().and_then(|a| a.partial_cmp(b)),
            (a, b) => Some(a.as_i128()?.cmp(&b.as_i128()?)),
        }
    }

    fn as_f64(&self) -> Option<f64> {
        Some(match self {
            Val::Int(int) => *int as f64,
            Val::Uint(uint) => *uint as f64,
            Val::Double(double) => *double,
            _ => return None,
        })
    }

    fn as_i128(&self) -> Option<i128> {
        Some(match self {
            Val::Int(int) => i128::from(*int),
            Val::Uint(uint) => i128::from(*uint),
            _ => return None,
        })
    }
}
