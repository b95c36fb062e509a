//! The slow oracle: a linear scan with a comparator, from the text of `apis/v1/httproute_types.go` and
//! `apis/v1/grpcroute_types.go` of Gateway API v1.7.0. It shares no code with the router: no types,
//! no matching, no order.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;

/// An HTTPRoute or GRPCRoute as written.
#[derive(Clone, Debug)]
pub struct Route {
    pub namespace: String,
    pub name: String,
    pub created: i64,
    /// As in `spec.hostnames`; empty means any.
    pub hostnames: Vec<String>,
    /// Matches of each rule.
    pub rules: Vec<Vec<Match>>,
}

#[derive(Clone, Debug)]
pub struct Match {
    pub path: Path,
    pub method: Option<String>,
    pub headers: Vec<(String, Value)>,
    pub query: Vec<(String, Value)>,
}

#[derive(Clone, Debug)]
pub enum Path {
    Exact(String),
    Prefix(String),
    Regex(String),
    /// `GRPCMethodMatch`, type Exact.
    Grpc {
        service: Option<String>,
        method: Option<String>,
    },
}

#[derive(Clone, Debug)]
pub enum Value {
    Exact(String),
    Regex(String),
}

#[derive(Clone, Debug)]
pub struct Request {
    /// Without port; empty when there is none.
    pub host: String,
    pub path: String,
    pub query: Option<String>,
    pub method: String,
    /// In the order received, names lower case.
    pub headers: Vec<(String, String)>,
}

/// Which match serves: indexes of route, rule and match.
pub type Winner = (usize, usize, usize);

struct Candidate<'a> {
    at: Winner,
    route: &'a Route,
    conditions: &'a Match,
    /// The route's own hostname, and what it has in common with the listener's.
    original: &'a str,
    common: &'a str,
}

/// The winner among the routes attached to a listener, for a request that belongs to the listener.
pub fn winner(listener: &str, routes: &[Route], request: &Request) -> Option<Winner> {
    let mut best: Option<Candidate<'_>> = None;
    for (route_index, route) in routes.iter().enumerate() {
        let written: Vec<&str> = if route.hostnames.is_empty() {
            vec![""]
        } else {
            route.hostnames.iter().map(String::as_str).collect()
        };
        for original in written {
            let Some(common) = intersection(listener, original) else {
                continue;
            };
            if !host_matches(common, &request.host) {
                continue;
            }
            for (rule_index, rule) in route.rules.iter().enumerate() {
                for (match_index, conditions) in rule.iter().enumerate() {
                    if !matches(conditions, request) {
                        continue;
                    }
                    let candidate = Candidate {
                        at: (route_index, rule_index, match_index),
                        route,
                        conditions,
                        original,
                        common,
                    };
                    if best
                        .as_ref()
                        .is_none_or(|best| better(&candidate, best) == Ordering::Greater)
                    {
                        best = Some(candidate);
                    }
                }
            }
        }
    }
    best.map(|candidate| candidate.at)
}

/// `Greater` when `a` takes precedence.
fn better(a: &Candidate<'_>, b: &Candidate<'_>) -> Ordering {
    // "precedence must be given to rules from the HTTPRoute with the largest number of: Characters in
    // a matching non-wildcard hostname. Characters in a matching hostname." and, for "identical
    // Listener/Route intersected hostnames", "using the original hostnames configured on the Route".
    let (host_a, host_b) = if a.common == b.common {
        (a.original, b.original)
    } else {
        (a.common, b.common)
    };
    let literal = |host: &str| if host.starts_with('*') { 0 } else { host.len() };
    literal(host_a)
        .cmp(&literal(host_b))
        .then(host_a.len().cmp(&host_b.len()))
        .then_with(|| match (&a.conditions.path, &b.conditions.path) {
            (Path::Grpc { .. }, Path::Grpc { .. }) => grpc(a.conditions, b.conditions),
            _ => http(a.conditions, b.conditions),
        })
        // "The oldest Route based on creation timestamp."
        .then(b.route.created.cmp(&a.route.created))
        // "The Route appearing first in alphabetical order by "{namespace}/{name}"."
        .then_with(|| {
            let text = |route: &Route| format!("{}/{}", route.namespace, route.name);
            text(b.route).cmp(&text(a.route))
        })
        // "the FIRST matching rule (in list order)".
        .then((b.at.1, b.at.2).cmp(&(a.at.1, a.at.2)))
}

/// "precedence must be given to the match having: "Exact" path match. "Prefix" path match with largest
/// number of characters. Method match. Largest number of header matches. Largest number of query param
/// matches." Regular expressions are "implementation-specific": after exact, longest first.
fn http(a: &Match, b: &Match) -> Ordering {
    let path = |m: &Match| match &m.path {
        Path::Exact(_) => (2, 0),
        Path::Regex(text) => (1, text.len()),
        // "A trailing slash is ignored": `/abc/` is `/abc`.
        Path::Prefix(text) => (0, text.trim_end_matches('/').len()),
        Path::Grpc { .. } => unreachable!("HTTP and gRPC matches are not mixed"),
    };
    path(a)
        .cmp(&path(b))
        .then(a.method.is_some().cmp(&b.method.is_some()))
        .then(a.headers.len().cmp(&b.headers.len()))
        .then(a.query.len().cmp(&b.query.len()))
}

/// "largest number of: Characters in a matching service. Characters in a matching method. Header
/// matches."
fn grpc(a: &Match, b: &Match) -> Ordering {
    let key = |m: &Match| match &m.path {
        Path::Grpc { service, method } => (
            service.as_ref().map_or(0, String::len),
            method.as_ref().map_or(0, String::len),
            m.headers.len(),
        ),
        _ => unreachable!("HTTP and gRPC matches are not mixed"),
    };
    key(a).cmp(&key(b))
}

/// What two hostnames have in common; empty stands for any.
pub fn intersection<'a>(a: &'a str, b: &'a str) -> Option<&'a str> {
    if a.is_empty() {
        return Some(b);
    }
    if b.is_empty() {
        return Some(a);
    }
    // Of two hostnames that overlap the longer is the more specific, and `*.x` does not match `x`.
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    match short.strip_prefix('*') {
        Some(suffix) if long.ends_with(suffix) => Some(long),
        None if long == short => Some(long),
        // An exact name may be shorter than the wildcard that matches nothing of it.
        _ => None,
    }
}

/// "a match for `*.example.com` would match both `test.example.com`, and `foo.test.example.com`, but
/// not `example.com`".
pub fn host_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        _ if pattern.is_empty() => true,
        Some(suffix) => host
            .strip_suffix(suffix)
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => pattern == host,
    }
}

fn matches(conditions: &Match, request: &Request) -> bool {
    let elements = |path: &str| -> Vec<String> { path.split('/').skip(1).map(str::to_owned).collect() };
    let path = match &conditions.path {
        Path::Exact(value) => *value == request.path,
        // "Matches based on a URL path prefix split by `/`. Matching is case-sensitive and done on a
        // path element by element basis."
        Path::Prefix(value) => {
            let mut wanted = elements(value);
            while wanted.last().is_some_and(String::is_empty) {
                wanted.pop();
            }
            elements(&request.path).starts_with(&wanted)
        }
        Path::Regex(value) => whole(value, &request.path),
        Path::Grpc { service, method } => {
            let parts = elements(&request.path);
            match (service, method) {
                (None, None) => true,
                (Some(service), None) => parts.first() == Some(service),
                (Some(service), Some(method)) => parts == [service.clone(), method.clone()],
                (None, Some(method)) => parts.len() == 2 && !parts[0].is_empty() && parts[1] == *method,
            }
        }
    };
    let value = |condition: &Value, found: Option<String>| match (condition, found) {
        (Value::Exact(wanted), Some(found)) => *wanted == found,
        (Value::Regex(wanted), Some(found)) => whole(wanted, &found),
        (_, None) => false,
    };
    path && conditions
        .method
        .as_ref()
        .is_none_or(|method| *method == request.method)
        && conditions
            .headers
            .iter()
            .all(|(name, condition)| value(condition, header(request, name)))
        && conditions
            .query
            .iter()
            .all(|(name, condition)| value(condition, parameter(request, name)))
}

fn whole(pattern: &str, text: &str) -> bool {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, regex::Regex>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        let regex = compiled
            .entry(pattern.to_owned())
            .or_insert_with(|| regex::Regex::new(&format!("^(?:{pattern})$")).unwrap());
        regex.is_match(text)
    })
}

/// RFC 9110 section 5.2: the values of a repeated field, joined with commas.
fn header(request: &Request, name: &str) -> Option<String> {
    let values = request.headers.iter().filter(|(found, _)| found == name);
    let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// "it is *recommended* that implementations should match against the first value of the param".
fn parameter(request: &Request, name: &str) -> Option<String> {
    let pairs = request
        .query
        .as_deref()?
        .split('&')
        .filter(|pair| !pair.is_empty());
    let mut decoded = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    });
    decoded.find(|(found, _)| found == name).map(|(_, value)| value)
}

fn decode(text: &str) -> String {
    text.replace('+', " ").replace("%20", " ").replace("%61", "a")
}
