//! `metadata`: what `k8s.io/apimachinery/pkg/api/validation.ValidateObjectMeta` accepts.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::diagnostic::Code;
use crate::finding::{Finding, Findings, excerpt, suggestion, type_name};
use crate::names;
use crate::path::Path;
use crate::schema::format;

/// All annotations of an object together may have this many bytes.
const MAX_ANNOTATIONS: usize = 256 << 10;

/// The fields of ObjectMeta and what each holds.
const FIELDS: [(&str, Holds); 15] = [
    ("name", Holds::Text),
    ("generateName", Holds::Text),
    ("namespace", Holds::Text),
    ("selfLink", Holds::Text),
    ("uid", Holds::Text),
    ("resourceVersion", Holds::Text),
    ("generation", Holds::Integer),
    ("creationTimestamp", Holds::Time),
    ("deletionTimestamp", Holds::Time),
    ("deletionGracePeriodSeconds", Holds::Integer),
    ("labels", Holds::Texts),
    ("annotations", Holds::Texts),
    ("ownerReferences", Holds::Objects),
    ("finalizers", Holds::List),
    ("managedFields", Holds::Objects),
];

#[derive(Clone, Copy)]
enum Holds {
    Text,
    Integer,
    Time,
    Texts,
    List,
    Objects,
}

/// Whether objects of the kind live in a namespace, and how they are named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naming {
    pub(crate) namespaced: bool,
    pub(crate) name: fn(&str) -> Vec<String>,
}

/// Checks `metadata` of `object` and brings it into the form the API server would store: unknown fields and nulls are
/// gone, and the namespace is set for namespaced kinds (`default` when absent, as with kubectl) and only for those.
pub(crate) fn check(object: &mut Map<String, Value>, naming: Naming, out: &mut Findings) {
    let root = Path::Root;
    let path = root.field("metadata");
    let metadata = object
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    if metadata.is_null() {
        *metadata = Value::Object(Map::new());
    }
    // The schema's check says so when it is no object.
    let Value::Object(metadata) = metadata else { return };
    check_fields(metadata, &path, out);
    check_name(metadata, naming, &path, out);
    check_namespace(metadata, naming, &path, out);
    if let Some(Value::Object(labels)) = metadata.get("labels") {
        check_labels(labels, &path.field("labels"), out);
    }
    if let Some(Value::Object(annotations)) = metadata.get("annotations") {
        check_annotations(annotations, &path.field("annotations"), out);
    }
}

fn wrong_type(value: &Value, path: &Path<'_>, accepted: &str) -> Finding {
    let message = format!(
        "Invalid value: {}: must be of type {accepted}, found {}",
        excerpt(value),
        type_name(value)
    );
    let mut finding = Finding::error(Code::InvalidType, path, message).accepting(accepted);
    finding.found = Some(excerpt(value));
    finding
}

fn check_fields(metadata: &mut Map<String, Value>, path: &Path<'_>, out: &mut Findings) {
    let mut remove = HashSet::new();
    for (name, value) in metadata.iter_mut() {
        let field = path.field(name);
        let Some((_, holds)) = FIELDS.iter().find(|(known, _)| known == name) else {
            remove.insert(name.clone());
            if out.is_full() {
                out.drop_one();
                continue;
            }
            let near = suggestion(name, FIELDS.iter().map(|(known, _)| *known));
            let message = format!("unknown field {}{near}", Value::from(format!("metadata.{name}")));
            out.push(Finding::error(Code::UnknownField, &field, message));
            continue;
        };
        if value.is_null() {
            remove.insert(name.clone());
            continue;
        }
        match holds {
            Holds::Text if !value.is_string() => out.push(wrong_type(value, &field, "string")),
            Holds::Integer if !value.is_i64() => out.push(wrong_type(value, &field, "integer")),
            Holds::Time => match value.as_str() {
                Some(text) if format::string_has_format(text, "date-time") => {}
                Some(_) => out.push(Finding::invalid(
                    Code::InvalidFormat,
                    &field,
                    value,
                    "must be an RFC 3339 time",
                )),
                None => out.push(wrong_type(value, &field, "string")),
            },
            Holds::Texts => check_texts(value, &field, out),
            Holds::List | Holds::Objects => check_list(value, *holds, &field, out),
            Holds::Text | Holds::Integer => {}
        }
    }
    if !remove.is_empty() {
        metadata.retain(|name, _| !remove.contains(name));
    }
}

fn check_texts(value: &mut Value, path: &Path<'_>, out: &mut Findings) {
    let Value::Object(map) = value else {
        out.push(wrong_type(value, path, "object"));
        return;
    };
    for (key, value) in map.iter_mut() {
        if value.is_null() {
            *value = Value::from("");
        } else if !value.is_string() {
            let mut finding = wrong_type(value, &path.key(key), "string");
            finding.message.push_str("; quote it");
            out.push(finding);
        }
    }
}

fn check_list(value: &Value, holds: Holds, path: &Path<'_>, out: &mut Findings) {
    let Value::Array(items) = value else {
        out.push(wrong_type(value, path, "array"));
        return;
    };
    for (index, item) in items.iter().enumerate() {
        match holds {
            Holds::Objects if !item.is_object() => out.push(wrong_type(item, &path.index(index), "object")),
            Holds::List if !item.is_string() => out.push(wrong_type(item, &path.index(index), "string")),
            _ => {}
        }
    }
}

fn check_name(metadata: &Map<String, Value>, naming: Naming, path: &Path<'_>, out: &mut Findings) {
    let field = path.field("name");
    match metadata.get("name") {
        Some(Value::String(name)) if !name.is_empty() => {
            for problem in (naming.name)(name) {
                out.push(Finding::invalid(
                    Code::InvalidName,
                    &field,
                    &Value::from(name.as_str()),
                    &problem,
                ));
            }
        }
        Some(value) if !value.is_string() => {}
        _ if metadata.contains_key("generateName") => {
            out.push(Finding::required(
                &field,
                "generateName is filled in by an API server; name the object here",
            ));
        }
        _ => out.push(Finding::required(&field, "name is required")),
    }
}

fn check_namespace(metadata: &mut Map<String, Value>, naming: Naming, path: &Path<'_>, out: &mut Findings) {
    let field = path.field("namespace");
    let namespace = match metadata.get("namespace") {
        Some(Value::String(namespace)) => namespace.clone(),
        Some(_) => return,
        None => String::new(),
    };
    if !naming.namespaced {
        if !namespace.is_empty() {
            out.push(Finding::warning(
                Code::Ignored,
                &field,
                "the kind is cluster-scoped: the namespace has no effect",
            ));
        }
        metadata.shift_remove("namespace");
    } else if namespace.is_empty() {
        metadata.insert("namespace".to_owned(), Value::from("default"));
    } else {
        for problem in names::dns1123_label(&namespace) {
            out.push(Finding::invalid(
                Code::InvalidName,
                &field,
                &Value::from(namespace.as_str()),
                &problem,
            ));
        }
    }
}

/// Label keys and values ("Labels and Selectors", syntax and character set).
pub(crate) fn check_labels(labels: &Map<String, Value>, path: &Path<'_>, out: &mut Findings) {
    for (key, value) in labels {
        let entry = path.key(key);
        for problem in names::qualified_name(key) {
            out.push(Finding::invalid(
                Code::InvalidLabel,
                &entry,
                &Value::from(key.as_str()),
                &problem,
            ));
        }
        if let Value::String(text) = value {
            for problem in names::label_value(text) {
                out.push(Finding::invalid(Code::InvalidLabel, &entry, value, &problem));
            }
        }
    }
}

fn check_annotations(annotations: &Map<String, Value>, path: &Path<'_>, out: &mut Findings) {
    let mut size = 0_usize;
    for (key, value) in annotations {
        // Keys are compared in lower case: upper case is accepted in the prefix.
        for problem in names::qualified_name(&key.to_lowercase()) {
            out.push(Finding::invalid(
                Code::InvalidLabel,
                &path.key(key),
                &Value::from(key.as_str()),
                &problem,
            ));
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > MAX_ANNOTATIONS {
        let message = format!("Too long: {size} bytes: may not be more than {MAX_ANNOTATIONS} bytes");
        out.push(
            Finding::error(Code::TooLong, path, message)
                .accepting(format!("at most {MAX_ANNOTATIONS} bytes")),
        );
    }
}
