//! Which TLSRoute, TCPRoute or UDPRoute takes a connection or datagram.

use super::selector::ListenerSelector;
use crate::key::RouteKey;
use crate::precedence::compare_hosts;
use crate::route::RouteHost;

/// One route on a listener, for one of its hostnames.
#[derive(Clone, Debug)]
pub struct StreamEntry<P> {
    /// Hostname; [`crate::hostname::HostPattern::Any`] for TCP and UDP.
    pub host: RouteHost,
    /// `metadata.creationTimestamp` of the route, seconds since the Unix epoch.
    pub created: i64,
    /// The route.
    pub route: RouteKey,
    /// What it leads to.
    pub payload: P,
}

/// Choice among the stream routes of one listener.
///
/// The route with the most specific matching hostname takes the connection; among equals the one
/// whose own hostname is the more specific, then the older, then the first by `{namespace}/{name}`
/// (Gateway API v1.7.0, `TLSRouteSpec.hostnames`, `Listener.allowedRoutes`). There are no further
/// conditions to fall through on, so that only the winner of each hostname is kept.
#[derive(Clone, Debug)]
pub struct StreamRouter<P> {
    winners: ListenerSelector<P>,
}

impl<P> FromIterator<StreamEntry<P>> for StreamRouter<P> {
    fn from_iter<I: IntoIterator<Item = StreamEntry<P>>>(entries: I) -> Self {
        let mut entries: Vec<StreamEntry<P>> = entries.into_iter().collect();
        entries.sort_by(|a, b| {
            compare_hosts(&a.host, &b.host)
                .then(a.created.cmp(&b.created))
                .then_with(|| a.route.object.alphabetical(&b.route.object))
        });
        let winners = entries
            .into_iter()
            .map(|entry| (entry.host.effective, entry.payload));
        Self {
            winners: winners.collect(),
        }
    }
}

impl<P> StreamRouter<P> {
    /// The route for a server name in lower case; `None` for clients without SNI and for TCP and
    /// UDP, which only routes for any host take.
    pub fn select(&self, sni: Option<&str>) -> Option<&P> {
        self.winners.select(sni.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::{StreamEntry, StreamRouter};
    use crate::hostname::HostPattern;
    use crate::key::{ObjectName, RouteKey, RouteKind};
    use crate::route::RouteHost;

    fn entry(effective: &str, original: &str, created: i64, name: &'static str) -> StreamEntry<&'static str> {
        StreamEntry {
            host: RouteHost {
                effective: HostPattern::parse(effective),
                original: HostPattern::parse(original),
            },
            created,
            route: RouteKey {
                kind: RouteKind::Tls,
                object: ObjectName::new("ns", name),
            },
            payload: name,
        }
    }

    #[test]
    fn specific_then_original_then_oldest_then_alphabetical() {
        let router: StreamRouter<&str> = [
            entry("abc.example.com", "*.example.com", 1, "older-wildcard"),
            entry("abc.example.com", "abc.example.com", 2, "newer-exact"),
            entry("*.example.com", "*.example.com", 5, "b"),
            entry("*.example.com", "*.example.com", 5, "a"),
            entry("*.example.com", "*.com", 1, "shorter"),
            entry("*", "*", 9, "younger"),
            entry("*", "*", 8, "older"),
        ]
        .into_iter()
        .collect();
        assert_eq!(router.select(Some("abc.example.com")), Some(&"newer-exact"));
        assert_eq!(router.select(Some("x.y.example.com")), Some(&"a"));
        assert_eq!(router.select(Some("example.com")), Some(&"older"));
        assert_eq!(router.select(None), Some(&"older"));
        let named: StreamRouter<&str> = [entry("a.example", "a.example", 1, "x")].into_iter().collect();
        assert_eq!(named.select(None), None);
        assert_eq!(named.select(Some("b.example")), None);
    }
}
