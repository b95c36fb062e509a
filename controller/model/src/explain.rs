//! Why a request is served by the rule that serves it.

use crate::Str;
use crate::hostname::HostPattern;
use crate::key::{ListenerKey, RouteKey};
use crate::path::canonical_value;
use crate::pattern::Pattern;
use crate::precedence::{Ranked, prefix_key, ranked};
use crate::route::{HttpMatch, PathMatch, RouteHost, ValueMatch};
use crate::router::{ListenerRouter, QueryParameters, Request};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// What became of a request on one listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Host that was looked up.
    pub host: String,
    /// Normalised path that was looked up.
    pub path: String,
    /// The match that serves the request; `None` means 404.
    pub winner: Option<Candidate>,
    /// Every better placed match of the routes for this host, first tried first, with the first reason
    /// against it.
    pub rejected: Vec<Rejection>,
    /// How many more there were beyond the asked number.
    pub omitted: usize,
    /// When nothing serves the request: the hostnames of the routes that are for other hosts, at most
    /// the asked number of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_hosts: Vec<HostPattern>,
}

/// One match of one rule for one hostname of its route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The route.
    pub route: RouteKey,
    /// Position of the rule in `spec.rules`.
    pub rule: u32,
    /// Name of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<Str>,
    /// Position in the rule's matches.
    pub match_index: u32,
    /// Hostname.
    pub host: RouteHost,
    /// Conditions.
    pub conditions: HttpMatch,
}

/// A better placed match and what spoke against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejection {
    /// The match.
    pub candidate: Candidate,
    /// Why it does not serve the request.
    pub reason: Mismatch,
}

/// The first condition that a request does not meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Mismatch {
    /// The hostname.
    Host {
        /// Hostname of the route.
        expected: HostPattern,
        /// Host of the request.
        found: String,
    },
    /// The path.
    Path {
        /// Condition.
        expected: PathMatch,
        /// Normalised path of the request.
        found: String,
    },
    /// The method.
    Method {
        /// Condition.
        expected: Str,
        /// Method of the request.
        found: String,
    },
    /// A header.
    Header {
        /// Name.
        name: Str,
        /// Condition.
        expected: ValueMatch,
        /// Value; `None` when the request has no such header.
        found: Option<String>,
    },
    /// A query parameter.
    Query {
        /// Name.
        name: Str,
        /// Condition.
        expected: ValueMatch,
        /// Decoded value; `None` when the request has no such parameter.
        found: Option<String>,
    },
}

/// Explains the answer of a listener's router. At most `limit` better placed matches are listed.
///
/// The winner is what [`ListenerRouter::find`] returns; the others are found by walking the whole
/// order of precedence, which costs time in proportion to the number of routes.
pub fn explain<P: Clone, R: Request>(
    router: &ListenerRouter<P>,
    host: &str,
    request: &R,
    limit: usize,
) -> Explanation {
    let found = router.find(host, request);
    let wins = |other: &Ranked<'_>| {
        found.as_ref().is_some_and(|found| {
            other.rank.route == found.route.key
                && (other.rank.rule, other.rank.match_index) == (found.rule.index, found.match_index)
                && other.rank.host == *found.host
        })
    };
    let mut explanation = Explanation {
        host: host.to_owned(),
        path: request.path().to_owned(),
        winner: None,
        rejected: Vec::new(),
        omitted: 0,
        other_hosts: Vec::new(),
    };
    let mut other_hosts = BTreeSet::new();
    for other in ranked(router.listener(), router.routes()) {
        if wins(&other) {
            explanation.winner = Some(candidate(&other));
            break;
        }
        let hostname = &other.rank.host.effective;
        if !hostname.matches(host) {
            other_hosts.insert(hostname.clone());
        } else if explanation.rejected.len() == limit {
            explanation.omitted += 1;
        } else if let Some(reason) = mismatch(hostname, other.conditions, host, request) {
            explanation.rejected.push(Rejection {
                candidate: candidate(&other),
                reason,
            });
        }
    }
    if explanation.winner.is_none() {
        explanation.other_hosts = other_hosts.into_iter().take(limit).collect();
    }
    explanation
}

fn candidate(of: &Ranked<'_>) -> Candidate {
    Candidate {
        route: of.rank.route.clone(),
        rule: of.rank.rule,
        rule_name: of.rule.name.clone(),
        match_index: of.rank.match_index,
        host: of.rank.host.clone(),
        conditions: of.conditions.clone(),
    }
}

/// The first condition that a request does not meet, in the order host, path, method, headers, query;
/// `None` when it meets all.
pub fn mismatch<R: Request>(
    hostname: &HostPattern,
    conditions: &HttpMatch,
    host: &str,
    request: &R,
) -> Option<Mismatch> {
    if !hostname.matches(host) {
        return Some(Mismatch::Host {
            expected: hostname.clone(),
            found: host.to_owned(),
        });
    }
    if !path_matches(&conditions.path, request.path()) {
        return Some(Mismatch::Path {
            expected: conditions.path.clone(),
            found: request.path().to_owned(),
        });
    }
    if let Some(expected) = &conditions.method
        && **expected != *request.method()
    {
        return Some(Mismatch::Method {
            expected: expected.clone(),
            found: request.method().to_owned(),
        });
    }
    for header in &conditions.headers {
        let found = request.header(&header.name);
        if !value_matches(&header.value, found.as_deref()) {
            return Some(Mismatch::Header {
                name: header.name.clone(),
                expected: header.value.clone(),
                found: found.map(|value| String::from_utf8_lossy(&value).into_owned()),
            });
        }
    }
    let query = QueryParameters::parse(request.query().unwrap_or_default());
    for parameter in &conditions.query {
        let found = query.value(&parameter.name);
        if !value_matches(&parameter.value, found.as_deref()) {
            return Some(Mismatch::Query {
                name: parameter.name.clone(),
                expected: parameter.value.clone(),
                found: found.map(|value| String::from_utf8_lossy(&value).into_owned()),
            });
        }
    }
    None
}

fn path_matches(condition: &PathMatch, path: &str) -> bool {
    match condition {
        PathMatch::Exact(value) => canonical_value(value) == path,
        PathMatch::Prefix(value) => {
            let value = canonical_value(value);
            match path.strip_prefix(prefix_key(&value)) {
                Some(rest) => prefix_key(&value) == "/" || rest.is_empty() || rest.starts_with('/'),
                None => false,
            }
        }
        PathMatch::Regex(source) => pattern_matches(source, path.as_bytes()),
        PathMatch::GrpcMethod(method) => crate::router::grpc_method(path) == Some(method),
    }
}

fn value_matches(condition: &ValueMatch, found: Option<&[u8]>) -> bool {
    match (condition, found) {
        (_, None) => false,
        (ValueMatch::Exact(expected), Some(found)) => expected.as_bytes() == found,
        (ValueMatch::Regex(source), Some(found)) => pattern_matches(source, found),
    }
}

fn pattern_matches(source: &str, value: &[u8]) -> bool {
    Pattern::compile(source).is_ok_and(|pattern| pattern.is_match(value))
}

impl fmt::Display for Mismatch {
    /// One line for a person: what was found and what would have matched.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { expected, found } => write!(f, "host {found:?} is not {expected}"),
            Self::Path { expected, found } => match expected {
                PathMatch::Exact(value) => write!(f, "path {found:?} is not exactly {value:?}"),
                PathMatch::Prefix(value) => write!(f, "path {found:?} is not below the prefix {value:?}"),
                PathMatch::Regex(value) => {
                    write!(f, "path {found:?} does not match the expression {value:?}")
                }
                PathMatch::GrpcMethod(value) => {
                    write!(f, "path {found:?} does not name the gRPC method {value:?}")
                }
            },
            Self::Method { expected, found } => write!(f, "method {found} is not {expected}"),
            Self::Header {
                name,
                expected,
                found,
            } => condition(f, ("header", name), expected, found.as_deref()),
            Self::Query {
                name,
                expected,
                found,
            } => condition(f, ("query parameter", name), expected, found.as_deref()),
        }
    }
}

fn condition(
    f: &mut fmt::Formatter<'_>,
    (what, name): (&str, &str),
    expected: &ValueMatch,
    found: Option<&str>,
) -> fmt::Result {
    match found {
        Some(found) => write!(f, "{what} {name} is {found:?}, ")?,
        None => write!(f, "{what} {name} is missing, ")?,
    }
    match expected {
        ValueMatch::Exact(value) => write!(f, "expected {value:?}"),
        ValueMatch::Regex(value) => write!(f, "expected a match of the expression {value:?}"),
    }
}

/// Which listener of a port a host belongs to, and why not to the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListenerChoice {
    /// The listener; `None` means that no listener is for this host (404).
    pub chosen: Option<ListenerKey>,
    /// The others, with the reason.
    pub rejected: Vec<(ListenerKey, ListenerMismatch)>,
}

/// Why a listener does not take a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum ListenerMismatch {
    /// Its hostname does not match.
    Host(HostPattern),
    /// Its hostname matches, but another listener's is more specific.
    LessSpecific(HostPattern),
}

/// Explains the choice among the listeners of one port, see [`crate::router::ListenerSelector`].
pub fn explain_listeners<'a>(
    listeners: impl IntoIterator<Item = (&'a ListenerKey, &'a HostPattern)>,
    host: &str,
) -> ListenerChoice {
    let mut all: Vec<(&ListenerKey, &HostPattern)> = listeners.into_iter().collect();
    // Stable: the first of two listeners with one hostname stays first.
    all.sort_by_key(|(_, hostname)| std::cmp::Reverse(hostname.specificity()));
    let mut choice = ListenerChoice {
        chosen: None,
        rejected: Vec::new(),
    };
    for (key, hostname) in all {
        let reason = if !hostname.matches(host) {
            ListenerMismatch::Host(hostname.clone())
        } else if choice.chosen.is_some() {
            ListenerMismatch::LessSpecific(hostname.clone())
        } else {
            choice.chosen = Some(key.clone());
            continue;
        };
        choice.rejected.push((key.clone(), reason));
    }
    choice
}
