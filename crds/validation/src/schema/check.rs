//! Checking values against a schema, in the API server's words.

use std::collections::HashSet;

use serde_json::Value;

use super::{Additional, Bound, ListType, Schema, Type, format};
use crate::cel;
use crate::diagnostic::Code;
use crate::finding::{Finding, Findings, excerpt, type_name};
use crate::path::Path;

/// The longest list of accepted values that a message spells out.
const MAX_LISTED: usize = 40;

impl Schema {
    /// Checks `value`, an object after [`Schema::admit`], and appends what is wrong. Validation rules run on what is
    /// sound enough for them.
    pub(crate) fn check(&self, value: &Value, path: &Path<'_>, out: &mut Findings) {
        if value.is_null() && (self.nullable || self.kind == Type::Any) {
            return;
        }
        if !self.has_type(value) {
            let found = type_name(value);
            let message = match self.kind {
                Type::IntOrString => {
                    format!(
                        "Invalid value: {}: must be an integer or a string, found {found}",
                        excerpt(value)
                    )
                }
                kind => format!(
                    "Invalid value: {}: must be of type {}, found {found}",
                    excerpt(value),
                    kind.name()
                ),
            };
            let mut finding = Finding::error(Code::InvalidType, path, message).accepting(self.kind.name());
            finding.found = Some(excerpt(value));
            out.push(finding);
            return;
        }
        let before = out.len();
        match value {
            Value::Object(map) => {
                self.check_required(map, path, out);
                self.check_size(Size::Properties, map.len(), path, out);
                for (name, value) in map {
                    if let Some(schema) = self.properties.get(name.as_str()) {
                        schema.check(value, &path.field(name), out);
                    } else if let Additional::Of(schema) = &self.additional {
                        schema.check(value, &path.key(name), out);
                    }
                }
            }
            Value::Array(items) => {
                self.check_size(Size::Items, items.len(), path, out);
                if let Some(schema) = &self.items {
                    for (index, item) in items.iter().enumerate() {
                        schema.check(item, &path.index(index), out);
                    }
                }
                self.check_unique(items, path, out);
            }
            Value::String(text) => self.check_string(text, value, path, out),
            Value::Number(number) => self.check_number(number, value, path, out),
            Value::Bool(_) | Value::Null => {}
        }
        self.check_enum(value, path, out);
        self.check_alternatives(value, path, out);
        // As in the API server, some findings rule out evaluating rules on the value, others (a pattern, a
        // duplicate) do not. There one of the former anywhere stops all rules; here it stops those around it.
        let sound = !out.any_since(before, blocks_rules);
        if sound && !self.rules.is_empty() {
            cel::run(&self.rules, self, value, path, out);
        }
    }

    fn has_type(&self, value: &Value) -> bool {
        match self.kind {
            Type::Any => true,
            Type::Object => value.is_object(),
            Type::Array => value.is_array(),
            Type::String => value.is_string(),
            Type::Integer => is_integer(value),
            Type::Number => value.is_number(),
            Type::Boolean => value.is_boolean(),
            Type::IntOrString => value.is_string() || is_integer(value),
        }
    }

    fn check_required(&self, map: &serde_json::Map<String, Value>, path: &Path<'_>, out: &mut Findings) {
        for name in &self.limits.required {
            if !map.contains_key(&**name) {
                out.push(Finding::required(&path.field(name), ""));
            }
        }
    }

    fn check_size(&self, size: Size, found: usize, path: &Path<'_>, out: &mut Findings) {
        let limits = &self.limits;
        let (min, max, unit, few, many) = match size {
            Size::Items => (
                limits.min_items,
                limits.max_items,
                "items",
                Code::TooFewItems,
                Code::TooManyItems,
            ),
            Size::Properties => (
                limits.min_properties,
                limits.max_properties,
                "properties",
                Code::TooFewProperties,
                Code::TooManyProperties,
            ),
        };
        let found = found as u64;
        if let Some(min) = min.filter(|min| found < *min) {
            let message = format!("Invalid value: {found}: must have at least {min} {unit}");
            out.push(Finding::error(few, path, message).accepting(format!("at least {min} {unit}")));
        }
        if let Some(max) = max.filter(|max| found > *max) {
            let message = format!("Too many: {found}: must have at most {max} {unit}");
            out.push(Finding::error(many, path, message).accepting(format!("at most {max} {unit}")));
        }
    }

    fn check_unique(&self, items: &[Value], path: &Path<'_>, out: &mut Findings) {
        if items.len() < 2 || matches!(self.list_type, ListType::Atomic) {
            return;
        }
        let mut seen = HashSet::new();
        for (index, item) in items.iter().enumerate() {
            if !seen.insert(self.identity(item)) {
                out.push(duplicate(&path.index(index), &self.shown_identity(item)));
            }
        }
    }

    /// What makes an item of a list unique: its value, or its keys.
    fn identity(&self, item: &Value) -> String {
        match &self.list_type {
            ListType::Map(keys) if item.is_object() => {
                let mut identity = String::new();
                for key in keys {
                    identity.push_str(&item.get(&**key).unwrap_or(&Value::Null).to_string());
                    identity.push(',');
                }
                identity
            }
            _ => item.to_string(),
        }
    }

    /// What makes an item of a list unique, as the API server shows it.
    fn shown_identity(&self, item: &Value) -> String {
        let ListType::Map(keys) = &self.list_type else {
            return excerpt(item);
        };
        let parts: Vec<String> = keys
            .iter()
            .filter_map(|key| {
                item.get(&**key)
                    .map(|value| format!("{key:?}:{}", excerpt(value)))
            })
            .collect();
        format!("{{{}}}", parts.join(","))
    }

    fn check_string(&self, text: &str, value: &Value, path: &Path<'_>, out: &mut Findings) {
        let limits = &self.limits;
        if limits.min_length.is_some() || limits.max_length.is_some() {
            // The API server counts Unicode code points.
            let length = text.chars().count() as u64;
            if let Some(max) = limits.max_length.filter(|max| length > *max) {
                let message = format!("Too long: {length} characters: may not be more than {max} characters");
                let mut finding = Finding::error(Code::TooLong, path, message)
                    .accepting(format!("at most {max} characters"));
                finding.found = Some(excerpt(value));
                out.push(finding);
            }
            if let Some(min) = limits.min_length.filter(|min| length < *min) {
                let detail = format!("should be at least {min} chars long");
                out.push(
                    Finding::invalid(Code::TooShort, path, value, &detail)
                        .accepting(format!("at least {min}")),
                );
            }
        }
        if let Some(pattern) = &limits.pattern {
            match pattern.matches(text) {
                Ok(true) => {}
                Ok(false) => {
                    let detail = format!("should match '{}'", pattern.source());
                    out.push(
                        Finding::invalid(Code::PatternMismatch, path, value, &detail)
                            .accepting(pattern.source()),
                    );
                }
                Err(error) => {
                    let message = format!("the pattern of this field cannot be compiled: {error}");
                    out.push(Finding::error(Code::PatternMismatch, path, message));
                }
            }
        }
        if let Some(format) = &limits.format
            && !format::string_has_format(text, format)
        {
            let detail = format!("must be of type {format}");
            out.push(Finding::invalid(Code::InvalidFormat, path, value, &detail).accepting(&**format));
        }
    }

    fn check_number(&self, number: &serde_json::Number, value: &Value, path: &Path<'_>, out: &mut Findings) {
        let limits = &self.limits;
        if let Some(format) = &limits.format
            && !format::number_has_format(number, format)
        {
            let detail = format!("must fit into {format}");
            out.push(Finding::invalid(Code::InvalidFormat, path, value, &detail).accepting(&**format));
        }
        let float = number.as_f64().unwrap_or(f64::NAN);
        if let Some(Bound {
            value: min,
            exclusive,
        }) = limits.minimum
            && (float < min || exclusive && float <= min)
        {
            let detail = format!(
                "should be greater than {}{min}",
                if exclusive { "" } else { "or equal to " }
            );
            out.push(Finding::invalid(Code::TooSmall, path, value, &detail).accepting(format!(">= {min}")));
        }
        if let Some(Bound {
            value: max,
            exclusive,
        }) = limits.maximum
            && (float > max || exclusive && float >= max)
        {
            let detail = format!(
                "should be less than {}{max}",
                if exclusive { "" } else { "or equal to " }
            );
            out.push(Finding::invalid(Code::TooLarge, path, value, &detail).accepting(format!("<= {max}")));
        }
        if let Some(step) = limits.multiple_of
            && (float / step).fract() != 0.0
        {
            let detail = format!("should be a multiple of {step}");
            out.push(Finding::invalid(Code::InvalidValue, path, value, &detail));
        }
    }

    fn check_enum(&self, value: &Value, path: &Path<'_>, out: &mut Findings) {
        let values = &self.limits.one_of_values;
        if values.is_empty() || values.contains(value) {
            return;
        }
        let found = excerpt(value);
        let mut accepted: Vec<String> = values.iter().take(MAX_LISTED).map(Value::to_string).collect();
        if values.len() > MAX_LISTED {
            accepted.push("…".to_owned());
        }
        let accepted = accepted.join(", ");
        let mut finding = Finding::error(
            Code::UnsupportedValue,
            path,
            format!("Unsupported value: {found}: supported values: {accepted}"),
        )
        .accepting(accepted);
        finding.found = Some(found);
        out.push(finding);
    }

    fn check_alternatives(&self, value: &Value, path: &Path<'_>, out: &mut Findings) {
        let limits = &self.limits;
        for schema in &limits.all_of {
            schema.check(value, path, out);
        }
        let fits = |schema: &Schema| {
            let mut found = Findings::default();
            schema.check(value, path, &mut found);
            found.is_empty()
        };
        if !limits.any_of.is_empty() && !limits.any_of.iter().any(fits) {
            out.push(no_alternative(
                value,
                path,
                "must validate at least one schema (anyOf)",
            ));
        }
        if !limits.one_of.is_empty() {
            match limits.one_of.iter().filter(|schema| fits(schema)).count() {
                1 => {}
                0 => out.push(no_alternative(
                    value,
                    path,
                    "must validate one and only one schema (oneOf). Found none valid",
                )),
                n => {
                    let detail = format!(
                        "must validate one and only one schema (oneOf). Found {n} valid alternatives"
                    );
                    out.push(no_alternative(value, path, &detail));
                }
            }
        }
        if limits.not.as_deref().is_some_and(fits) {
            out.push(no_alternative(value, path, "must not validate the schema (not)"));
        }
    }
}

enum Size {
    Items,
    Properties,
}

fn duplicate(path: &Path<'_>, found: &str) -> Finding {
    let mut finding = Finding::error(Code::DuplicateValue, path, format!("Duplicate value: {found}"));
    finding.found = Some(found.to_owned());
    finding
}

/// The alternatives are about the content, so the content is shown.
fn no_alternative(value: &Value, path: &Path<'_>, detail: &str) -> Finding {
    let shown = value.to_string();
    let found: String = shown.chars().take(160).collect();
    let mut finding = Finding::error(
        Code::NoAlternativeFits,
        path,
        format!("Invalid value: {found}: {detail}"),
    );
    finding.found = Some(found);
    finding
}

/// The findings after which the API server does not run validation rules (`hasBlockingErr`).
pub(crate) fn blocks_rules(finding: &Finding) -> bool {
    matches!(
        finding.code,
        Code::Required
            | Code::InvalidType
            | Code::UnsupportedValue
            | Code::TooLong
            | Code::TooManyItems
            | Code::TooManyProperties
    )
}

/// An integer, or a float without fraction, which JSON Schema counts as one.
fn is_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
        }
        _ => false,
    }
}
