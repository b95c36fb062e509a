//! Structural schemas (apiextensions v1) compiled for checking many objects.
//!
//! The order is the API server's: prune and report unknown fields, drop nulls, apply defaults ([`admit`]), then check
//! values ([`check`]) and, where a subtree is sound, its validation rules.

pub(crate) mod admit;
pub(crate) mod check;
mod compile;
pub(crate) mod format;
mod pattern;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

pub(crate) use self::compile::Shared;
pub(crate) use self::pattern::{Pattern, compile as compile_pattern};
use crate::cel::Rule;

/// The `type` of a schema node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Type {
    /// No type: nested value validations, and fields of any type.
    #[default]
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    /// `x-kubernetes-int-or-string`.
    IntOrString,
}

impl Type {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::IntOrString => "integer or string",
        }
    }
}

/// What `additionalProperties` allows.
#[derive(Debug, Default)]
pub(crate) enum Additional {
    /// Only the declared properties.
    #[default]
    None,
    /// Anything.
    Any,
    /// Values of one schema: the object is a map.
    Of(Box<Schema>),
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Default)]
pub(crate) enum ListType {
    /// Replaced as a whole; items may repeat.
    #[default]
    Atomic,
    /// Scalars that must not repeat.
    Set,
    /// Objects whose keys must not repeat.
    Map(Vec<Box<str>>),
}

/// One node of a schema.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    pub(crate) kind: Type,
    pub(crate) nullable: bool,
    pub(crate) preserve_unknown: bool,
    pub(crate) properties: BTreeMap<Box<str>, Schema>,
    pub(crate) additional: Additional,
    pub(crate) items: Option<Box<Schema>>,
    pub(crate) list_type: ListType,
    pub(crate) default: Option<Value>,
    pub(crate) limits: ValueLimits,
    pub(crate) rules: Vec<Arc<Rule>>,
}

/// The value validations of a node.
#[derive(Debug, Default)]
pub(crate) struct ValueLimits {
    pub(crate) required: Vec<Box<str>>,
    pub(crate) one_of_values: Vec<Value>,
    pub(crate) pattern: Option<Arc<Pattern>>,
    pub(crate) format: Option<Box<str>>,
    pub(crate) minimum: Option<Bound>,
    pub(crate) maximum: Option<Bound>,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) min_length: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) min_items: Option<u64>,
    pub(crate) max_items: Option<u64>,
    pub(crate) min_properties: Option<u64>,
    pub(crate) max_properties: Option<u64>,
    pub(crate) all_of: Vec<Schema>,
    pub(crate) any_of: Vec<Schema>,
    pub(crate) one_of: Vec<Schema>,
    pub(crate) not: Option<Box<Schema>>,
}

/// A numeric bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) value: f64,
    pub(crate) exclusive: bool,
}

impl Schema {
    /// The schema of the field or map entry `name`.
    pub(crate) fn child(&self, name: &str) -> Option<&Schema> {
        match (self.properties.get(name), &self.additional) {
            (Some(schema), _) => Some(schema),
            (None, Additional::Of(schema)) => Some(schema),
            (None, _) => None,
        }
    }

    /// True when any field name is accepted here.
    pub(crate) fn is_open(&self) -> bool {
        self.preserve_unknown || !matches!(self.additional, Additional::None)
    }

    /// Calls `visit` for this node and every node below it with its path (`spec.rules[].name`, maps as `{}`).
    #[cfg(test)]
    pub(crate) fn walk<'a>(&'a self, path: &str, visit: &mut dyn FnMut(&str, &'a Schema)) {
        visit(path, self);
        for (name, schema) in &self.properties {
            let below = if path.is_empty() {
                name.to_string()
            } else {
                format!("{path}.{name}")
            };
            schema.walk(&below, visit);
        }
        if let Additional::Of(schema) = &self.additional {
            schema.walk(&format!("{path}{{}}"), visit);
        }
        if let Some(schema) = &self.items {
            schema.walk(&format!("{path}[]"), visit);
        }
        for nested in &self.limits.all_of {
            nested.walk(path, visit);
        }
    }
}
