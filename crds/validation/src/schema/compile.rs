//! From the OpenAPI v3 schema of a CRD version to [`Schema`].

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Additional, Bound, ListType, Pattern, Schema, Type, ValueLimits};
use crate::cel::Rule;

/// A keyword or value of a schema that is not understood. Schemas come with the program, so this is a defect of the
/// bundle or of this crate: it is reported, never passed over.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("schema at {path}: {what}")]
pub struct SchemaError {
    path: String,
    what: String,
}

/// Patterns and rules by their text, shared between all schemas compiled with it.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    patterns: HashMap<String, Arc<Pattern>>,
    rules: HashMap<String, Arc<Rule>>,
}

/// Keywords that carry no constraint.
const IGNORED: [&str; 6] = [
    "description",
    "title",
    "example",
    "externalDocs",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-strategy",
];

impl Schema {
    /// Compiles `source`, the `openAPIV3Schema` of a CRD version or a part of one.
    pub(crate) fn compile(source: &Value, shared: &mut Shared) -> Result<Schema, SchemaError> {
        compile(source, "", shared)
    }

    /// The same for the root of a resource, which has these fields whether its schema names them or not.
    pub(crate) fn with_type_meta(mut self) -> Schema {
        for (name, kind) in [
            ("apiVersion", Type::String),
            ("kind", Type::String),
            ("metadata", Type::Object),
        ] {
            let field = Schema {
                kind,
                ..Schema::default()
            };
            self.properties.entry(name.into()).or_insert(field);
        }
        self
    }
}

fn error<T>(path: &str, what: impl Into<String>) -> Result<T, SchemaError> {
    let path = if path.is_empty() {
        "(root)".to_owned()
    } else {
        path.to_owned()
    };
    Err(SchemaError {
        path,
        what: what.into(),
    })
}

fn compile(source: &Value, path: &str, shared: &mut Shared) -> Result<Schema, SchemaError> {
    let Value::Object(source) = source else {
        return error(path, "a schema must be an object");
    };
    let mut schema = Schema::default();
    let mut int_or_string = false;
    for (keyword, value) in source {
        match keyword.as_str() {
            "type" => {
                schema.kind = match value.as_str() {
                    Some("object") => Type::Object,
                    Some("array") => Type::Array,
                    Some("string") => Type::String,
                    Some("integer") => Type::Integer,
                    Some("number") => Type::Number,
                    Some("boolean") => Type::Boolean,
                    _ => return error(path, format!("unknown type {value}")),
                }
            }
            "nullable" => schema.nullable = flag(value, path, keyword)?,
            "properties" => {
                for (name, property) in object(value, path, keyword)? {
                    let below = format!("{path}.{name}");
                    schema
                        .properties
                        .insert(name.as_str().into(), compile(property, &below, shared)?);
                }
            }
            "additionalProperties" => {
                schema.additional = match value {
                    Value::Bool(true) => Additional::Any,
                    Value::Bool(false) => Additional::None,
                    other => Additional::Of(Box::new(compile(other, &format!("{path}{{}}"), shared)?)),
                }
            }
            "items" => schema.items = Some(Box::new(compile(value, &format!("{path}[]"), shared)?)),
            "default" => schema.default = Some(value.clone()),
            "x-kubernetes-int-or-string" => int_or_string = flag(value, path, keyword)?,
            "x-kubernetes-preserve-unknown-fields" => schema.preserve_unknown = flag(value, path, keyword)?,
            "x-kubernetes-list-type" => {
                schema.list_type = match value.as_str() {
                    Some("atomic") => ListType::Atomic,
                    Some("set") => ListType::Set,
                    Some("map") => {
                        let keys = source.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
                        let keys = keys
                            .into_iter()
                            .flatten()
                            .filter_map(Value::as_str)
                            .map(Into::into);
                        ListType::Map(keys.collect())
                    }
                    _ => return error(path, format!("unknown list type {value}")),
                }
            }
            // Read with the list type.
            "x-kubernetes-list-map-keys" => {}
            "x-kubernetes-validations" => {
                for rule in list(value, path, keyword)? {
                    schema.rules.push(self::rule(rule, path, shared)?);
                }
            }
            other if IGNORED.contains(&other) => {}
            other => {
                if !limit(&mut schema.limits, other, value, Context { path, source, shared })? {
                    return error(path, format!("keyword {other} is not supported"));
                }
            }
        }
    }
    if int_or_string {
        schema.kind = Type::IntOrString;
        // The API server wants these alternatives spelled out beside the marker; they say what the marker says.
        schema.limits.any_of.clear();
    }
    Ok(schema)
}

struct Context<'a> {
    path: &'a str,
    source: &'a Map<String, Value>,
    shared: &'a mut Shared,
}

/// Compiles a value validation. False when the keyword is none.
fn limit(
    limits: &mut ValueLimits,
    keyword: &str,
    value: &Value,
    context: Context<'_>,
) -> Result<bool, SchemaError> {
    let Context { path, source, shared } = context;
    let set = |name: &str| source.get(name).and_then(Value::as_bool).unwrap_or(false);
    match keyword {
        "required" => {
            limits.required = list(value, path, keyword)?
                .iter()
                .filter_map(Value::as_str)
                .map(Into::into)
                .collect();
        }
        "enum" => limits.one_of_values.clone_from(list(value, path, keyword)?),
        "pattern" => limits.pattern = Some(shared.pattern(text(value, path, keyword)?)),
        "format" => limits.format = Some(text(value, path, keyword)?.into()),
        "minimum" => {
            limits.minimum = Some(Bound {
                value: number(value, path, keyword)?,
                exclusive: set("exclusiveMinimum"),
            });
        }
        "maximum" => {
            limits.maximum = Some(Bound {
                value: number(value, path, keyword)?,
                exclusive: set("exclusiveMaximum"),
            });
        }
        "exclusiveMinimum" | "exclusiveMaximum" => {}
        "multipleOf" => limits.multiple_of = Some(number(value, path, keyword)?),
        "minLength" => limits.min_length = Some(count(value, path, keyword)?),
        "maxLength" => limits.max_length = Some(count(value, path, keyword)?),
        "minItems" => limits.min_items = Some(count(value, path, keyword)?),
        "maxItems" => limits.max_items = Some(count(value, path, keyword)?),
        "minProperties" => limits.min_properties = Some(count(value, path, keyword)?),
        "maxProperties" => limits.max_properties = Some(count(value, path, keyword)?),
        "allOf" => limits.all_of = nested(value, path, keyword, shared)?,
        "anyOf" => limits.any_of = nested(value, path, keyword, shared)?,
        "oneOf" => limits.one_of = nested(value, path, keyword, shared)?,
        "not" => limits.not = Some(Box::new(compile(value, path, shared)?)),
        _ => return Ok(false),
    }
    Ok(true)
}

fn nested(value: &Value, path: &str, keyword: &str, shared: &mut Shared) -> Result<Vec<Schema>, SchemaError> {
    list(value, path, keyword)?
        .iter()
        .map(|schema| compile(schema, path, shared))
        .collect()
}

fn rule(source: &Value, path: &str, shared: &mut Shared) -> Result<Arc<Rule>, SchemaError> {
    let key = source.to_string();
    if let Some(rule) = shared.rules.get(&key) {
        return Ok(Arc::clone(rule));
    }
    match Rule::parse(source) {
        Ok(rule) => {
            let rule = Arc::new(rule);
            shared.rules.insert(key, Arc::clone(&rule));
            Ok(rule)
        }
        Err(what) => error(path, what),
    }
}

impl Shared {
    fn pattern(&mut self, source: &str) -> Arc<Pattern> {
        if let Some(pattern) = self.patterns.get(source) {
            return Arc::clone(pattern);
        }
        let pattern = Arc::new(Pattern::new(source));
        self.patterns.insert(source.to_owned(), Arc::clone(&pattern));
        pattern
    }
}

fn flag(value: &Value, path: &str, keyword: &str) -> Result<bool, SchemaError> {
    value
        .as_bool()
        .map_or_else(|| error(path, format!("{keyword} must be a boolean")), Ok)
}

fn object<'a>(value: &'a Value, path: &str, keyword: &str) -> Result<&'a Map<String, Value>, SchemaError> {
    value
        .as_object()
        .map_or_else(|| error(path, format!("{keyword} must be an object")), Ok)
}

fn list<'a>(value: &'a Value, path: &str, keyword: &str) -> Result<&'a Vec<Value>, SchemaError> {
    value
        .as_array()
        .map_or_else(|| error(path, format!("{keyword} must be a list")), Ok)
}

fn text<'a>(value: &'a Value, path: &str, keyword: &str) -> Result<&'a str, SchemaError> {
    value
        .as_str()
        .map_or_else(|| error(path, format!("{keyword} must be a string")), Ok)
}

fn number(value: &Value, path: &str, keyword: &str) -> Result<f64, SchemaError> {
    value
        .as_f64()
        .map_or_else(|| error(path, format!("{keyword} must be a number")), Ok)
}

fn count(value: &Value, path: &str, keyword: &str) -> Result<u64, SchemaError> {
    value
        .as_u64()
        .map_or_else(|| error(path, format!("{keyword} must be a count")), Ok)
}
