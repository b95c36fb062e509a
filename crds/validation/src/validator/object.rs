//! What happens to one object around the check of its schema.

use gatewright_crds::convert::{self, ConvertError};
use serde_json::{Map, Value};

use super::Gvk;
use crate::diagnostic::{Code, ObjectRef, Severity};
use crate::finding::{Finding, Findings};
use crate::path::{Path, PathBuf};
use crate::schema::Schema;

/// Reads `apiVersion` and `kind`; what is wrong with them is found.
pub(super) fn type_meta(map: &Map<String, Value>, findings: &mut Findings) -> Gvk {
    let root = Path::Root;
    let mut text = |field: &str| match map.get(field) {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        Some(Value::String(_) | Value::Null) | None => {
            findings.push(Finding {
                code: Code::MissingTypeMeta,
                ..Finding::required(&root.field(field), "every object needs apiVersion and kind")
            });
            String::new()
        }
        Some(other) => {
            findings.push(Finding::invalid(
                Code::MissingTypeMeta,
                &root.field(field),
                other,
                "must be a string",
            ));
            String::new()
        }
    };
    let api_version = text("apiVersion");
    let kind = text("kind");
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    if findings.is_empty() && (version.is_empty() || version.contains('/') || api_version.starts_with('/')) {
        let value = Value::from(api_version.as_str());
        let detail = "must be of the form version or group/version";
        findings.push(Finding::invalid(
            Code::MissingTypeMeta,
            &root.field("apiVersion"),
            &value,
            detail,
        ));
    }
    Gvk {
        group: group.to_owned(),
        version: version.to_owned(),
        kind,
    }
}

/// Adds what replaced a field or value of an older release.
pub(super) fn explain_old(kind: &str, finding: &mut Finding) {
    let path = finding.path.to_string();
    let hint = match (finding.code, finding.found.as_deref()) {
        (Code::UnknownField, _) => {
            convert::moved_field(kind, &path).map(|now| (now, format!("; it is {now} now")))
        }
        (Code::UnsupportedValue, Some(found)) => {
            convert::old_value(&path, found.trim_matches('"')).map(|now| {
                let quoted = Value::from(now);
                (
                    now,
                    format!("; write {quoted} for what older releases called {found}"),
                )
            })
        }
        _ => None,
    };
    if let Some((now, text)) = hint {
        // A suggestion by spelling is beside the point when the history is known.
        if let Some(at) = finding.message.find("; did you mean") {
            finding.message.truncate(at);
        }
        finding.message.push_str(&text);
        if finding.code == Code::UnknownField {
            finding.accepted = Some(now.to_owned());
        }
    }
}

/// Brings a valid object to the version and shape of the program's types.
pub(super) fn convert(value: Value) -> Result<(Gvk, Value), Finding> {
    let value = convert::convert(value).map_err(|error| {
        let mut finding = Finding::error(Code::ConversionFailed, &Path::Root, error.to_string());
        if let ConvertError::Field {
            field,
            found,
            accepted,
            ..
        } = error
        {
            finding.message = format!(
                "Invalid value: {found}: it has no counterpart in the present version; accepted: {accepted}"
            );
            finding.path = PathBuf::parse(&field);
            finding.found = Some(found);
            finding.accepted = Some(accepted.to_owned());
        }
        finding
    })?;
    let gvk = gvk_of(&value).ok_or_else(|| {
        Finding::error(
            Code::Internal,
            &Path::Root,
            "conversion lost the type of the object",
        )
    })?;
    Ok((gvk, value))
}

fn gvk_of(value: &Value) -> Option<Gvk> {
    let api_version = value.get("apiVersion")?.as_str()?;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    Some(Gvk {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: value.get("kind")?.as_str()?.to_owned(),
    })
}

/// Puts a status back if it is valid. If not, the findings become warnings and the status is what a new object has.
pub(super) fn restore_status(value: &mut Value, status: Value, schema: &Schema, findings: &mut Findings) {
    let Value::Object(map) = value else { return };
    let Some(status_schema) = schema.child("status") else {
        return;
    };
    let root = Path::Root;
    let path = root.field("status");
    let mut found = Findings::default();
    status_schema.check(&status, &path, &mut found);
    if found.is_empty() {
        map.insert("status".to_owned(), status);
        return;
    }
    for mut finding in found.into_list() {
        finding.severity = Severity::Warning;
        finding
            .message
            .push_str(" (an API server ignores the status of a new object; it is dropped)");
        findings.push(finding);
    }
    if let Some(default) = &status_schema.default {
        map.insert("status".to_owned(), default.clone());
    }
}

pub(super) fn reference(map: &Map<String, Value>, kind: &str) -> Option<ObjectRef> {
    let metadata = map.get("metadata");
    let text = |name: &str| {
        metadata
            .and_then(|metadata| metadata.get(name))
            .and_then(Value::as_str)
    };
    if kind.is_empty() && text("name").is_none() {
        return None;
    }
    let cut = |text: &str| text.chars().take(253).collect::<String>();
    Some(ObjectRef {
        kind: if kind.is_empty() {
            "(no kind)".to_owned()
        } else {
            cut(kind)
        },
        namespace: text("namespace").map(cut),
        name: text("name").map(cut).unwrap_or_default(),
    })
}
