//! Fields that differ.

use crate::cloud::Attributes;
use gatewright_provider_api::contract::FieldChange;
use serde::Serialize;

/// A field that changes; both sides in JSON.
pub fn change<A: Serialize, B: Serialize>(field: &str, from: Option<&A>, to: Option<&B>) -> FieldChange {
    FieldChange {
        field: field.to_owned(),
        from: from.map(json),
        to: to.map(json),
    }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| error.to_string())
}

/// Wanted attributes that are otherwise, and how they change. Those that nobody asks for are left as they are.
pub fn attributes(wanted: &Attributes, seen: &Attributes) -> (Attributes, Vec<FieldChange>) {
    let differ = wanted
        .iter()
        .filter(|(key, value)| seen.get(*key) != Some(*value));
    differ
        .map(|(key, value)| {
            let field = change(key, seen.get(key), Some(value));
            ((key.clone(), value.clone()), field)
        })
        .unzip()
}
