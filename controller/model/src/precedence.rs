//! Precedence of HTTP and gRPC matches, as an order.
//!
//! The smallest [`HttpRank`] is tried first; the first match whose conditions all hold serves the
//! request. Cloud providers turn the order into rule priorities, the router walks it, `explain`
//! prints it. It decides, first difference first (Gateway API v1.7.0, `HTTPRouteSpec.hostnames`,
//! `HTTPRouteRule.matches`, `GRPCRouteRule.matches`):
//!
//! 1. **Host**: the more specific matching hostname: exact names before wildcards, longer before
//!    shorter. What counts is the intersection of the listener's and the route's hostname; among
//!    equal intersections the route's own hostname (feature GatewayRouteHostnameIntersectionPrecedence).
//! 2. **Path**: `Exact`; `RegularExpression`, longer pattern first; `PathPrefix`, longer first. For
//!    GRPCRoutes: service and method; longer service; method alone; neither. Both are one scale, see
//!    [`PathRank`].
//! 3. A **method** condition before none.
//! 4. More **header** conditions.
//! 5. More **query** conditions.
//! 6. The **older** route, by creation timestamp.
//! 7. The route first in alphabetical order of `{namespace}/{name}`.
//! 8. The first **rule**, then the first match in it.
//!
//! "The precedence of RegularExpression path matches are implementation-specific" says the API. They
//! stand between exact and prefix matches for all providers: below the prefixes, any `PathPrefix: /`
//! on the host would hide them all; above the exact matches, one broad pattern would take what is
//! spelled out. Longer patterns come first as longer prefixes do.

use crate::hostname::HostPattern;
use crate::key::{ListenerKey, RouteKey};
use crate::path::canonical_value;
use crate::route::{HttpMatch, HttpRoute, HttpRule, PathMatch, RouteHost};
use serde::Serialize;
use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

/// Position of one match of one route on one listener. Smaller is tried first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HttpRank {
    /// Hostname of the listener and route.
    pub host: RouteHost,
    /// Path condition.
    pub path: PathRank,
    /// Whether there is a method condition.
    pub method: bool,
    /// Number of header conditions.
    pub headers: u32,
    /// Number of query conditions.
    pub query: u32,
    /// Creation of the route, seconds since the Unix epoch.
    pub created: i64,
    /// The route.
    pub route: RouteKey,
    /// [`HttpRule::index`].
    pub rule: u32,
    /// Position in [`HttpRule::matches`].
    pub match_index: u32,
}

/// Position of a path condition. Smaller is tried first.
///
/// Of two prefixes that match one path the longer has more characters, and of two gRPC services that
/// match one call none is longer than the other: so `/{service}/{method}` may rank as an exact path,
/// `/{service}` as a prefix, and a method alone behind every prefix except `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PathRank {
    /// Kind of the condition.
    pub class: PathClass,
    /// Characters of the value.
    pub length: u32,
}

/// Kind of a path condition, in the order tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum PathClass {
    /// Whole path, or gRPC service and method.
    Exact,
    /// Regular expression.
    Regex,
    /// Prefix other than `/`, or gRPC service.
    Prefix,
    /// gRPC method of any service.
    GrpcMethod,
    /// The prefix `/`: every path.
    All,
}

impl PathRank {
    /// Rank of a condition.
    pub fn of(path: &PathMatch) -> Self {
        let (class, length) = match path {
            PathMatch::Exact(value) => (PathClass::Exact, canonical_value(value).len()),
            PathMatch::Regex(value) => (PathClass::Regex, value.chars().count()),
            PathMatch::Prefix(value) => match prefix_key(&canonical_value(value)).len() {
                0 | 1 => (PathClass::All, 1),
                length => (PathClass::Prefix, length),
            },
            PathMatch::GrpcMethod(value) => (PathClass::GrpcMethod, value.len()),
        };
        Self {
            class,
            length: u32::try_from(length).unwrap_or(u32::MAX),
        }
    }
}

/// A prefix without its trailing slash: `/foo/` matches what `/foo` matches (Gateway API v1.7.0,
/// `PathMatchPathPrefix`).
pub(crate) fn prefix_key(value: &str) -> &str {
    match value.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    }
}

impl Ord for PathRank {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |rank: &Self| (rank.class, Reverse(rank.length));
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for PathRank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Order of hostnames: smaller is tried first.
pub fn compare_hosts(a: &RouteHost, b: &RouteHost) -> Ordering {
    let key = |host: &RouteHost| {
        (
            Reverse(host.effective.specificity()),
            Reverse(host.original.specificity()),
        )
    };
    key(a).cmp(&key(b))
}

/// Everything of a rank behind the host, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatchRank<'a> {
    pub path: PathRank,
    pub method: bool,
    pub headers: u32,
    pub query: u32,
    pub created: i64,
    pub route: &'a RouteKey,
    pub rule: u32,
    pub match_index: u32,
}

impl MatchRank<'_> {
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        // The cheap and telling parts first; names are compared only among equals.
        let key = |rank: &Self| {
            (
                rank.path,
                Reverse(rank.method),
                Reverse(rank.headers),
                Reverse(rank.query),
                rank.created,
            )
        };
        key(self)
            .cmp(&key(other))
            .then_with(|| self.route.object.alphabetical(&other.route.object))
            .then_with(|| self.route.kind.cmp(&other.route.kind))
            .then_with(|| (self.rule, self.match_index).cmp(&(other.rule, other.match_index)))
    }
}

impl HttpRank {
    /// Rank of the match at `match_index` of a rule, for one hostname of the route.
    pub fn new(host: &RouteHost, route: &HttpRoute, rule: &HttpRule, match_index: usize) -> Self {
        let conditions = rule.matches.get(match_index);
        let count = |length: Option<usize>| length.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        Self {
            host: host.clone(),
            path: conditions.map_or(
                PathRank {
                    class: PathClass::All,
                    length: 1,
                },
                |m| PathRank::of(&m.path),
            ),
            method: conditions.is_some_and(|m| m.method.is_some()),
            headers: count(conditions.map(|m| m.headers.len())),
            query: count(conditions.map(|m| m.query.len())),
            created: route.created,
            route: route.key.clone(),
            rule: rule.index,
            match_index: count(Some(match_index)),
        }
    }

    fn behind_host(&self) -> MatchRank<'_> {
        MatchRank {
            path: self.path,
            method: self.method,
            headers: self.headers,
            query: self.query,
            created: self.created,
            route: &self.route,
            rule: self.rule,
            match_index: self.match_index,
        }
    }
}

impl Ord for HttpRank {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_hosts(&self.host, &other.host)
            .then_with(|| self.behind_host().compare(&other.behind_host()))
            // No request sees two hosts of equal specificity; this only makes the order total.
            .then_with(|| self.host.cmp(&other.host))
    }
}

impl PartialOrd for HttpRank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One match with its rank.
#[derive(Clone, Debug)]
pub struct Ranked<'a> {
    /// Where it stands.
    pub rank: HttpRank,
    /// Its route.
    pub route: &'a Arc<HttpRoute>,
    /// Its rule.
    pub rule: &'a Arc<HttpRule>,
    /// Its conditions.
    pub conditions: &'a HttpMatch,
}

/// All matches of the routes on one listener, first tried first.
///
/// A route whose hostnames overlap appears once per hostname.
pub fn ranked<'a>(
    listener: &ListenerKey,
    routes: impl IntoIterator<Item = &'a Arc<HttpRoute>>,
) -> Vec<Ranked<'a>> {
    let mut all = Vec::new();
    for route in routes {
        for host in hosts_on(route, listener) {
            for rule in &route.rules {
                for (index, conditions) in rule.matches.iter().enumerate() {
                    all.push(Ranked {
                        rank: HttpRank::new(&host, route, rule, index),
                        route,
                        rule,
                        conditions,
                    });
                }
            }
        }
    }
    all.sort_by(|a, b| a.rank.cmp(&b.rank));
    all
}

/// Hostnames of a route on a listener, without duplicates.
pub(crate) fn hosts_on(route: &HttpRoute, listener: &ListenerKey) -> Vec<RouteHost> {
    let attachments = route.attachments.iter().filter(|a| a.listener == *listener);
    let mut hosts: Vec<RouteHost> = attachments.flat_map(|a| a.hosts.iter().cloned()).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// Text of a pattern as the indexes use it: the exact name, the suffix of a wildcard, nothing.
pub(crate) fn host_text(pattern: &HostPattern) -> &str {
    match pattern {
        HostPattern::Any => "",
        HostPattern::Wildcard(text) | HostPattern::Exact(text) => text,
    }
}

#[cfg(test)]
mod tests;
