//! `query-string` conditions.
//!
//! Documented (API_QueryStringConditionConfig): the query starts after the first `?`, "a typical query string contains
//! key/value pairs separated by '&' characters"; comparison ignores case; wildcards; "if you specify multiple
//! key/value pairs or values, the condition is satisfied if one of them is found". A value without a key is looked
//! for under any key (rule-condition-types, example "any key set to *example*").
//!
//! Assumed: `%xx` and `+` are compared as they were sent; a pair without `=` is a key with an empty value, and a
//! value for conditions that name no key.

use super::wildcard::{Case, Escapes, Wildcard};
use crate::traffic::config::QueryStringKeyValuePair;

/// One alternative of a condition.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    key: Option<Wildcard>,
    value: Wildcard,
}

impl Pair {
    pub(super) fn new(pair: &QueryStringKeyValuePair) -> Self {
        let read = |text: &str| Wildcard::new(text, Case::Ignored, Escapes::Backslash);
        Self {
            key: pair.key.as_deref().filter(|key| !key.is_empty()).map(read),
            value: read(&pair.value),
        }
    }

    /// Whether it is found in a query.
    pub(super) fn found(&self, query: &str) -> bool {
        query
            .split('&')
            .any(|part| match (&self.key, part.split_once('=')) {
                (Some(key), Some((name, value))) => {
                    key.matches(name.as_bytes()) && self.value.matches(value.as_bytes())
                }
                (Some(key), None) => key.matches(part.as_bytes()) && self.value.matches(b""),
                (None, Some((_, value))) => self.value.matches(value.as_bytes()),
                (None, None) => self.value.matches(part.as_bytes()),
            })
    }
}
