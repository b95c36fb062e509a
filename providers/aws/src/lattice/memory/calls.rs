//! The calls.

mod groups;
mod listeners;
mod networks;
mod resources;
mod services;

use super::{INVALID, MISSING, Outcome};
use crate::owner::Tags;
use gatewright_aws_core::Str;

/// `API_CreateService` and its like: small letters, digits and single hyphens.
pub(super) fn name(name: &str, longest: usize) -> Outcome<()> {
    let sound = (3..=longest).contains(&name.len())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if sound { Ok(()) } else { Err(INVALID) }
}

pub(super) fn tags(tags: &Tags) -> Outcome<()> {
    let sound = tags.len() <= 50
        && tags
            .iter()
            .all(|(key, value)| (1..=128).contains(&key.len()) && value.len() <= 256);
    if sound { Ok(()) } else { Err(INVALID) }
}

pub(super) fn found<T>(found: Option<T>) -> Outcome<T> {
    found.ok_or(MISSING)
}

pub(super) fn text(words: &str) -> Str {
    words.into()
}
