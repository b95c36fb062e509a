//! `Matcher`: which codes mean health.
//!
//! API_Matcher: single values, several by commas, or ranges: `200,202`, `200-299`. Defaults: `200`, and `12` for gRPC.

/// Codes of a matcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::traffic) struct Codes(Vec<(u16, u16)>);

impl Codes {
    /// Reads them. What cannot be read matches nothing; an empty text is the default.
    pub(in crate::traffic) fn new(text: &str, default: u16) -> Self {
        if text.trim().is_empty() {
            return Self(vec![(default, default)]);
        }
        let range = |part: &str| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
        };
        Self(text.split(',').filter_map(range).collect())
    }

    /// Whether a code is one of them.
    pub(in crate::traffic) fn contains(&self, code: u16) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&code))
    }
}
