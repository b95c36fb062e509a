//! The most specific entry for a host name, found in time that depends on the number of labels only.

use gatewright_model::hostname::HostPattern;
use rustc_hash::FxHashMap;

/// Entries by host pattern. The first entry of a pattern stays; a later equal one is ignored.
#[derive(Clone, Debug)]
pub struct HostIndex<T> {
    exact: FxHashMap<Box<str>, T>,
    /// Keyed by the suffix with its leading dot.
    wildcard: FxHashMap<Box<str>, T>,
    any: Option<T>,
}

impl<T> Default for HostIndex<T> {
    fn default() -> Self {
        Self {
            exact: FxHashMap::default(),
            wildcard: FxHashMap::default(),
            any: None,
        }
    }
}

impl<T> HostIndex<T> {
    /// The entry of exactly this pattern, made by `make` when there is none.
    pub fn entry(&mut self, pattern: &HostPattern, make: impl FnOnce() -> T) -> &mut T {
        match pattern {
            HostPattern::Exact(name) => self.exact.entry((&**name).into()).or_insert_with(make),
            HostPattern::Wildcard(suffix) => self.wildcard.entry((&**suffix).into()).or_insert_with(make),
            HostPattern::Any => self.any.get_or_insert_with(make),
        }
    }

    /// Adds an entry unless its pattern has one already.
    pub fn insert(&mut self, pattern: &HostPattern, value: T) {
        self.entry(pattern, || value);
    }

    /// The most specific entry that matches: exact, then the longest wildcard, then any
    /// (Gateway API v1.7.0, `Listener.hostname`). `None` stands for a client that named no host,
    /// which only an entry for any host serves. The host is lower case.
    pub fn find(&self, host: Option<&str>) -> Option<&T> {
        let Some(host) = host else {
            return self.any.as_ref();
        };
        if let Some(found) = self.exact.get(host) {
            return Some(found);
        }
        if !self.wildcard.is_empty() {
            // Suffixes from the longest, each starting at a dot that is not the first character.
            for (at, _) in host.match_indices('.').filter(|(at, _)| *at > 0) {
                if let Some(found) = host.get(at..).and_then(|suffix| self.wildcard.get(suffix)) {
                    return Some(found);
                }
            }
        }
        self.any.as_ref()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.wildcard.is_empty() && self.any.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn most_specific_first() {
        let mut index = HostIndex::default();
        for pattern in ["*", "*.example.com", "*.b.example.com", "a.b.example.com"] {
            index.insert(&HostPattern::parse(pattern), pattern);
        }
        index.insert(&HostPattern::parse("a.b.example.com"), "later");
        let find = |host| index.find(Some(host)).copied();
        assert_eq!(find("a.b.example.com"), Some("a.b.example.com"));
        assert_eq!(find("c.b.example.com"), Some("*.b.example.com"));
        assert_eq!(find("b.example.com"), Some("*.example.com"));
        // A wildcard does not match its own domain (Gateway API, `HTTPRouteSpec.hostnames`).
        assert_eq!(find("example.com"), Some("*"));
        assert_eq!(find(".example.com"), Some("*"));
        assert_eq!(index.find(None).copied(), Some("*"));
    }

    proptest! {
        /// Agrees with a scan by `HostPattern::matches` and `specificity`.
        #[test]
        fn agrees_with_a_scan(
            patterns in prop::collection::vec("(\\*|\\*(\\.[ab]){1,3}|[ab](\\.[ab]){0,3})", 0..8),
            host in "[ab](\\.[ab]){0,4}",
        ) {
            let mut index = HostIndex::default();
            let parsed: Vec<HostPattern> = patterns.iter().map(|text| HostPattern::parse(text)).collect();
            for pattern in &parsed {
                index.insert(pattern, pattern.clone());
            }
            let expected = parsed.iter().filter(|pattern| pattern.matches(&host)).max_by_key(|p| p.specificity());
            prop_assert_eq!(index.find(Some(&host)), expected);
        }
    }
}
