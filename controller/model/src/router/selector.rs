//! Which listener of a port a connection or request belongs to.

use crate::Str;
use crate::hostname::HostPattern;
use rustc_hash::FxHashMap;

/// The listeners of one port and protocol by hostname.
///
/// A host belongs to the listener with the most specific matching hostname and to no other, whether
/// or not that one has a route for the request (Gateway API v1.7.0, `Gateway.spec.listeners`,
/// "Listener Isolation").
#[derive(Clone, Debug)]
pub struct ListenerSelector<T> {
    exact: FxHashMap<Str, T>,
    /// By suffix with its leading dot.
    wildcard: FxHashMap<Str, T>,
    any: Option<T>,
}

impl<T> Default for ListenerSelector<T> {
    fn default() -> Self {
        Self {
            exact: FxHashMap::default(),
            wildcard: FxHashMap::default(),
            any: None,
        }
    }
}

impl<T> FromIterator<(HostPattern, T)> for ListenerSelector<T> {
    /// The first of several entries with one hostname stays.
    fn from_iter<I: IntoIterator<Item = (HostPattern, T)>>(listeners: I) -> Self {
        let mut selector = Self::default();
        for (hostname, listener) in listeners {
            match hostname {
                HostPattern::Exact(name) => {
                    selector.exact.entry(name).or_insert(listener);
                }
                HostPattern::Wildcard(suffix) => {
                    selector.wildcard.entry(suffix).or_insert(listener);
                }
                HostPattern::Any => {
                    selector.any.get_or_insert(listener);
                }
            }
        }
        selector
    }
}

impl<T> ListenerSelector<T> {
    /// The most specific listener for a host (lower case, without port; empty when there is none).
    pub fn select(&self, host: &str) -> Option<&T> {
        if let Some(found) = self.exact.get(host) {
            return Some(found);
        }
        if !self.wildcard.is_empty() {
            for at in memchr::memchr_iter(b'.', host.as_bytes()).filter(|at| *at > 0) {
                if let Some(found) = host.get(at..).and_then(|suffix| self.wildcard.get(suffix)) {
                    return Some(found);
                }
            }
        }
        self.any.as_ref()
    }

    /// All listeners, in no order.
    pub fn listeners(&self) -> impl Iterator<Item = &T> {
        self.exact.values().chain(self.wildcard.values()).chain(&self.any)
    }
}

/// What becomes of a request on a TLS connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatch<'a, T> {
    /// The connection's listener serves it.
    Serve(&'a T),
    /// Another listener of the port is the one for this host: answer 421, so that the client opens
    /// a connection of its own for it.
    Misdirected,
    /// No listener is for this host: answer 404.
    NotFound,
}

/// Whether the listener that the SNI chose may serve a request for `host`
/// (Gateway API v1.7.0, `Listener.hostname`, on misdirected requests; RFC 9110 section 15.5.20).
///
/// `connection` is the listener that [`ListenerSelector::select`] gave for the SNI.
pub fn dispatch<'a, T: PartialEq>(
    listeners: &'a ListenerSelector<T>,
    connection: &T,
    host: &str,
) -> Dispatch<'a, T> {
    match listeners.select(host) {
        Some(listener) if listener == connection => Dispatch::Serve(listener),
        Some(_) => Dispatch::Misdirected,
        None => Dispatch::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::{Dispatch, ListenerSelector, dispatch};
    use crate::hostname::HostPattern;
    use proptest::prelude::*;

    fn selector(hostnames: &[&'static str]) -> ListenerSelector<&'static str> {
        hostnames
            .iter()
            .map(|name| (HostPattern::parse(name), *name))
            .collect()
    }

    /// The table of the conformance test HTTPRouteHTTPSListenerDetectMisdirectedRequests.
    #[test]
    fn misdirected_requests() {
        let any = "";
        let all = selector(&[
            any,
            "second-example.org",
            "*.wildcard.org",
            "fourth-example.wildcard.org",
        ]);
        let cases = [
            ("example.org", "example.org", Dispatch::Serve(&any)),
            ("example.org", "second-example.org", Dispatch::Misdirected),
            ("example.org", "unknown-example.org", Dispatch::Serve(&any)),
            (
                "second-example.org",
                "second-example.org",
                Dispatch::Serve(&"second-example.org"),
            ),
            ("second-example.org", "example.org", Dispatch::Misdirected),
            (
                "third-example.wildcard.org",
                "fith-example.wildcard.org",
                Dispatch::Serve(&"*.wildcard.org"),
            ),
            (
                "third-example.wildcard.org",
                "fourth-example.wildcard.org",
                Dispatch::Misdirected,
            ),
            (
                "fourth-example.wildcard.org",
                "fith-example.wildcard.org",
                Dispatch::Misdirected,
            ),
            ("unknown-example.org", "example.org", Dispatch::Serve(&any)),
        ];
        for (sni, host, expected) in cases {
            let connection = all.select(sni).unwrap();
            assert_eq!(dispatch(&all, connection, host), expected, "{sni} {host}");
        }
        // Without a listener for any host, a host of nobody is not misdirected.
        let some = selector(&["a.example", "*.b.example"]);
        assert_eq!(dispatch(&some, &"a.example", "c.example"), Dispatch::NotFound);
        assert_eq!(
            dispatch(&some, &"a.example", "x.b.example"),
            Dispatch::Misdirected
        );
    }

    proptest! {
        #[test]
        fn agrees_with_a_scan(
            patterns in prop::collection::vec("(\\*|\\*(\\.[ab]){1,3}|[ab](\\.[ab]){0,3})", 0..8),
            host in "([ab](\\.[ab]){0,4})?",
        ) {
            let patterns: Vec<HostPattern> = patterns.iter().map(|text| HostPattern::parse(text)).collect();
            let selector: ListenerSelector<HostPattern> = patterns.iter().map(|p| (p.clone(), p.clone())).collect();
            let matching = patterns.iter().filter(|p| p.matches(&host));
            prop_assert_eq!(selector.select(&host), matching.max_by_key(|p| p.specificity()));
        }
    }
}
