//! What happens to an object before it is checked: unknown fields and nulls go, defaults come.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{Additional, Schema};
use crate::diagnostic::Code;
use crate::finding::{Finding, Findings, suggestion};
use crate::path::Path;

impl Schema {
    /// Removes and reports unknown fields, drops nulls that are not allowed and have no default, and applies
    /// defaults, as the API server does when it decodes a request: a default below an absent parent is not applied.
    ///
    /// Every unknown field is reported as an error; callers lower it where unknown fields are only warned about.
    pub(crate) fn admit(&self, value: &mut Value, path: &Path<'_>, out: &mut Findings) {
        match value {
            Value::Object(map) => {
                self.prune(map, path, out);
                self.fill(map);
                for (name, value) in map.iter_mut() {
                    if let Some(schema) = self.properties.get(name.as_str()) {
                        schema.admit(value, &path.field(name), out);
                    } else if let Additional::Of(schema) = &self.additional {
                        schema.admit(value, &path.key(name), out);
                    }
                }
            }
            Value::Array(items) => {
                let Some(schema) = &self.items else { return };
                for (index, item) in items.iter_mut().enumerate() {
                    if item.is_null()
                        && !schema.nullable
                        && let Some(default) = &schema.default
                    {
                        *item = default.clone();
                    }
                    schema.admit(item, &path.index(index), out);
                }
            }
            _ => {}
        }
    }

    /// Applies defaults alone, as when a stored object is read.
    pub(crate) fn apply_defaults(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                self.fill(map);
                for (name, value) in map.iter_mut() {
                    if let Some(schema) = self.child(name) {
                        schema.apply_defaults(value);
                    }
                }
            }
            Value::Array(items) => {
                let Some(schema) = &self.items else { return };
                for item in items {
                    schema.apply_defaults(item);
                }
            }
            _ => {}
        }
    }

    fn prune(&self, map: &mut Map<String, Value>, path: &Path<'_>, out: &mut Findings) {
        let mut unknown: Vec<String> = Vec::new();
        let mut null: Vec<String> = Vec::new();
        for (name, value) in map.iter() {
            match self.child(name) {
                None if !self.is_open() => unknown.push(name.clone()),
                Some(schema) if value.is_null() && !schema.nullable && schema.default.is_none() => {
                    null.push(name.clone());
                }
                _ => {}
            }
        }
        for name in &unknown {
            if out.is_full() {
                out.drop_one();
            } else {
                out.push(self.unknown_field(name, path));
            }
        }
        if !unknown.is_empty() || !null.is_empty() {
            // One pass: removing one by one would move the rest of a large object each time.
            let gone: HashSet<&str> = unknown.iter().chain(&null).map(String::as_str).collect();
            map.retain(|name, _| !gone.contains(name.as_str()));
        }
    }

    fn fill(&self, map: &mut Map<String, Value>) {
        for (name, schema) in &self.properties {
            if let Some(default) = &schema.default {
                match map.get_mut(&**name) {
                    None => {
                        map.insert(name.to_string(), default.clone());
                    }
                    Some(value) if value.is_null() && !schema.nullable => *value = default.clone(),
                    Some(_) => {}
                }
            }
        }
        if let Additional::Of(schema) = &self.additional
            && let Some(default) = &schema.default
            && !schema.nullable
        {
            for (_, value) in map.iter_mut().filter(|(_, value)| value.is_null()) {
                *value = default.clone();
            }
        }
    }

    fn unknown_field(&self, name: &str, path: &Path<'_>) -> Finding {
        let field = path.field(name);
        let near = suggestion(name, self.properties.keys().map(|name| &**name));
        let message = format!("unknown field {}{near}", Value::String(field.owned().to_string()));
        let accepted: Vec<&str> = self.properties.keys().map(|name| &**name).collect();
        Finding::error(Code::UnknownField, &field, message).accepting(accepted.join(", "))
    }
}
