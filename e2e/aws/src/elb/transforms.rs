//! Transforms: `API_RuleTransform`, `guide/rule-transforms`.

use super::wire::RuleTransform;
use crate::error::ApiError;
use crate::traffic::matching::check_regex;
use serde_json::Value;
use std::collections::BTreeSet;

/// Longest regular expression and replacement, `API_RewriteConfig`.
const LONGEST: usize = 1024;

/// Transforms of a call: "You can add one host header rewrite transform and one URL rewrite transform."
///
/// # Errors
///
/// `ValidationError`.
pub(super) fn read(asked: &[Value]) -> Result<Vec<RuleTransform>, ApiError> {
    let mut kinds = BTreeSet::new();
    let mut transforms = Vec::with_capacity(asked.len());
    for value in asked {
        let transform: RuleTransform = serde_json::from_value(value.clone())
            .map_err(|error| ApiError::validation(format!("A transform cannot be read: {error}")))?;
        if !kinds.insert(transform.kind.clone()) {
            return Err(ApiError::validation(format!(
                "A rule can have only one transform of type '{}'",
                transform.kind
            )));
        }
        check(&transform)?;
        transforms.push(transform);
    }
    Ok(transforms)
}

fn check(transform: &RuleTransform) -> Result<(), ApiError> {
    let (own, other) = match transform.kind.as_str() {
        "host-header-rewrite" => (
            &transform.host_header_rewrite_config,
            &transform.url_rewrite_config,
        ),
        _ => (
            &transform.url_rewrite_config,
            &transform.host_header_rewrite_config,
        ),
    };
    let (Some(config), None) = (own, other) else {
        let message = format!(
            "A transform of type '{}' must have its own configuration and no other",
            transform.kind
        );
        return Err(ApiError::validation(message));
    };
    // "The transform consists of a regular expression to match and a replacement string."
    let [rewrite] = config.rewrites.as_slice() else {
        return Err(ApiError::validation("A transform must have exactly one rewrite"));
    };
    for (what, text) in [("regex", &rewrite.regex), ("replacement", &rewrite.replace)] {
        if text.chars().count() > LONGEST {
            return Err(ApiError::validation(format!(
                "The {what} of a transform can have at most {LONGEST} characters"
            )));
        }
    }
    if rewrite.regex.is_empty() {
        return Err(ApiError::validation("The regex of a transform can't be empty"));
    }
    check_regex(&rewrite.regex)
        .map_err(|error| ApiError::validation(format!("The regex '{}' is not valid: {error}", rewrite.regex)))
}
