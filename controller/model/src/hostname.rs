//! Hostname patterns: exact names, `*.` wildcards, and "any".

use crate::Str;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A hostname pattern of a listener or route, lower case, without port.
///
/// `*.example.com` matches one or more labels (`a.example.com`, `a.b.example.com`), never
/// `example.com` itself (Gateway API v1.7.0, `HTTPRouteSpec.hostnames`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum HostPattern {
    /// Matches every host, and requests without one.
    Any,
    /// The suffix behind `*`, with its leading dot: `.example.com`.
    Wildcard(Str),
    /// One exact name.
    Exact(Str),
}

impl HostPattern {
    /// Reads a pattern; empty text and `*` mean [`HostPattern::Any`]. Case is folded.
    pub fn parse(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix('*') {
            Some("") => Self::Any,
            None if text.is_empty() => Self::Any,
            Some(suffix) if suffix.starts_with('.') => Self::Wildcard(suffix.into()),
            _ => Self::Exact(text.as_str().into()),
        }
    }

    /// Whether a lower-case host without port matches.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Wildcard(suffix) => host.len() > suffix.len() && host.ends_with(&**suffix),
            Self::Exact(name) => **name == *host,
        }
    }

    /// The pattern that matches what both match, if there is any: the more specific one.
    ///
    /// Gateway API v1.7.0, `HTTPRouteSpec.hostnames`: intersection of listener and route hostnames.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, pattern) | (pattern, Self::Any) => Some(pattern.clone()),
            (Self::Exact(a), Self::Exact(b)) => (a == b).then(|| self.clone()),
            (Self::Exact(name), wildcard @ Self::Wildcard(_)) => wildcard.matches(name).then(|| self.clone()),
            (wildcard @ Self::Wildcard(_), Self::Exact(name)) => {
                wildcard.matches(name).then(|| other.clone())
            }
            (Self::Wildcard(a), Self::Wildcard(b)) => {
                if a.ends_with(&**b) {
                    Some(self.clone())
                } else if b.ends_with(&**a) {
                    Some(other.clone())
                } else {
                    None
                }
            }
        }
    }

    /// Order of specificity: greater is more specific. An exact name beats every wildcard, a longer
    /// wildcard a shorter one, and both beat [`HostPattern::Any`].
    pub fn specificity(&self) -> (u8, usize) {
        match self {
            Self::Any => (0, 0),
            Self::Wildcard(suffix) => (1, suffix.len()),
            Self::Exact(name) => (2, name.len()),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Wildcard(suffix) => write!(f, "*{suffix}"),
            Self::Exact(name) => f.write_str(name),
        }
    }
}

impl From<String> for HostPattern {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}
