//! Path modifiers of routes, in the form that redirects and rewrites share.

use gatewright_model::filter::PathModifier;
use gatewright_model::path::canonical_value;
use gatewright_model::route::PathMatch;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What may not stand in a path as it is (RFC 3986 section 3.3). `%` stays: the value is written encoded.
const NOT_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What becomes of the path of a request that a match took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It stays.
    None,
    /// It becomes this one.
    Whole(String),
    /// The prefix becomes another. Neither ends with a slash; each may be empty, which is the root. They differ.
    Prefix {
        /// What the match matched.
        from: String,
        /// What stands in its place.
        to: String,
    },
}

impl Change {
    /// The change that a modifier makes to paths of a match. Prefixes are replaced by whole elements, and only where the
    /// match is one (Gateway API v1.7.0, `HTTPPathModifier`).
    pub(super) fn new(modifier: Option<&PathModifier>, path: &PathMatch) -> Self {
        match (modifier, path) {
            (None, _) => Self::None,
            (Some(PathModifier::ReplaceFullPath(full)), _) => Self::Whole(rooted(full)),
            (Some(PathModifier::ReplacePrefixMatch(to)), PathMatch::Prefix(from)) => {
                let from = canonical_value(from).trim_end_matches('/').to_owned();
                let to = match to.trim_end_matches('/') {
                    "" => String::new(),
                    some => rooted(some),
                };
                if from == to {
                    Self::None
                } else {
                    Self::Prefix { from, to }
                }
            }
            (Some(PathModifier::ReplacePrefixMatch(_)), _) => Self::None,
        }
    }
}

fn rooted(path: &str) -> String {
    let encoded = utf8_percent_encode(path, NOT_PATH).to_string();
    if encoded.starts_with('/') {
        encoded
    } else {
        format!("/{encoded}")
    }
}
