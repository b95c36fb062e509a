//! What attributes there are: their keys, defaults and values, as `API_LoadBalancerAttribute`,
//! `API_TargetGroupAttribute` and `API_ListenerAttribute` list them.

use crate::error::ApiError;
use std::collections::BTreeMap;

/// What values an attribute takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// `true` or `false`.
    Bool,
    /// One value alone.
    Only(&'static str),
    /// A number between two.
    Range(u64, u64),
    /// Zero, or a number between two.
    ZeroOr(u64, u64),
    /// `off`, or a number between two.
    OffOr(u64, u64),
    /// One of some words.
    Words(&'static [&'static str]),
    /// Any text up to a length.
    Text(usize),
}

/// An attribute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Definition {
    /// Its key.
    pub key: &'static str,
    /// Its default.
    pub default: &'static str,
    /// What values it takes.
    pub form: Form,
}

/// An attribute.
pub(super) const fn define(key: &'static str, default: &'static str, form: Form) -> Definition {
    Definition { key, default, form }
}

/// Defaults of attributes.
pub(super) fn all<'a>(definitions: impl IntoIterator<Item = &'a Definition>) -> BTreeMap<String, String> {
    let pairs = definitions
        .into_iter()
        .map(|own| (own.key.to_owned(), own.default.to_owned()));
    pairs.collect()
}

/// Checks a value against what its attribute takes. `noun` is the kind of resource.
///
/// # Errors
///
/// `ValidationError` for an unknown key or a value that is out of range.
pub(super) fn check<'a>(
    definitions: impl IntoIterator<Item = &'a Definition>,
    noun: &str,
    key: &str,
    value: &str,
) -> Result<(), ApiError> {
    let Some(own) = definitions.into_iter().find(|own| own.key == key) else {
        return Err(ApiError::validation(format!(
            "{noun} attribute key '{key}' is not recognized"
        )));
    };
    let between = |low: u64, high: u64| {
        value
            .parse::<u64>()
            .is_ok_and(|number| (low..=high).contains(&number))
    };
    let wanted = match own.form {
        Form::Bool if ["true", "false"].contains(&value) => return Ok(()),
        Form::Only(word) if value == word => return Ok(()),
        Form::Range(low, high) if between(low, high) => return Ok(()),
        Form::ZeroOr(low, high) if value == "0" || between(low, high) => return Ok(()),
        Form::OffOr(low, high) if value == "off" || between(low, high) => return Ok(()),
        Form::Words(words) if words.contains(&value) => return Ok(()),
        Form::Text(most) if value.chars().count() <= most => return Ok(()),
        Form::Bool => "must be 'true' or 'false'".to_owned(),
        Form::Only(word) => format!("must be '{word}'"),
        Form::Range(low, high) => format!("must be between {low} and {high}"),
        Form::ZeroOr(low, high) => format!("must be 0 or between {low} and {high}"),
        Form::OffOr(low, high) => format!("must be 'off' or between {low} and {high}"),
        Form::Words(words) => format!("must be one of {}", words.join(", ")),
        Form::Text(most) => format!("must have at most {most} characters"),
    };
    Err(ApiError::validation(format!(
        "{noun} attribute '{key}' {wanted}, not '{value}'"
    )))
}
