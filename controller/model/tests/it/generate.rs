//! Random route sets in which everything ties and overlaps, and their form in the model.

use crate::oracle::{self, Match, Path, Request, Route, Value};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind};
use gatewright_model::route::{
    Attachment, HeaderMatch, HttpMatch, HttpRoute, HttpRule, PathMatch, QueryMatch, RouteHost, Timeouts,
    ValueMatch,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

pub const LISTENERS: [&str; 4] = ["", "*.example.com", "a.example.com", "*.com"];
const HOSTNAMES: [&str; 8] = [
    "a.example.com",
    "b.example.com",
    "*.example.com",
    "*.a.example.com",
    "x.a.example.com",
    "*.com",
    "example.com",
    "*.org",
];
const HOSTS: [&str; 9] = [
    "a.example.com",
    "b.example.com",
    "c.example.com",
    "x.a.example.com",
    "y.x.a.example.com",
    "example.com",
    "other.com",
    "localhost",
    "",
];

pub fn listener_key() -> ListenerKey {
    ListenerKey {
        parent: ListenerParent::Gateway(ObjectName::new("infra", "gw")),
        name: "http".into(),
    }
}

fn path_text(trailing: &'static str) -> impl Strategy<Value = String> {
    (
        vec(select(vec!["a", "b", "ab"]), 0..4),
        select(vec!["", trailing]),
    )
        .prop_map(|(segments, tail)| match segments.as_slice() {
            [] => "/".to_owned(),
            some => format!("/{}{tail}", some.join("/")),
        })
}

fn regex_text() -> impl Strategy<Value = String> {
    select(vec![
        "/.*",
        "/a/.*",
        "/a/[ab]+",
        "/(a|ab)(/.*)?",
        "/a/b(/.*)?",
        "/[^/]+/b",
        "/a|/b/.*",
        ".*b",
        "/ab/a+/.*",
        "/a/",
        "/nowhere[0-9]",
    ])
    .prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        9 => select(vec!["1", "2", "a b", "1,2"]).prop_map(|text| Value::Exact(text.to_owned())),
        1 => select(vec!["[12]", "1.*", "a.b"]).prop_map(|text| Value::Regex(text.to_owned())),
    ]
}

/// Conditions with unique names.
fn conditions() -> impl Strategy<Value = Vec<(String, Value)>> {
    let one = (select(vec!["h", "k", "m"]).prop_map(str::to_owned), value());
    prop_oneof![
        4 => Just(Vec::new()),
        3 => vec(one, 1..3).prop_map(|mut all| {
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all.dedup_by(|a, b| a.0 == b.0);
            all
        }),
    ]
}

fn http_match() -> impl Strategy<Value = Match> {
    let path = prop_oneof![
        5 => path_text("/").prop_map(Path::Prefix),
        5 => path_text("/").prop_map(Path::Exact),
        1 => regex_text().prop_map(Path::Regex),
    ];
    let method = option::weighted(0.3, select(vec!["GET", "POST"]).prop_map(str::to_owned));
    (path, method, conditions(), conditions()).prop_map(|(path, method, headers, query)| Match {
        path,
        method,
        headers,
        query,
    })
}

fn grpc_match() -> impl Strategy<Value = Match> {
    let name =
        |names: [&'static str; 3]| option::weighted(0.6, select(names.to_vec()).prop_map(str::to_owned));
    (name(["a", "b", "ab"]), name(["a", "b", "ab"]), conditions()).prop_map(|(service, method, headers)| {
        Match {
            path: Path::Grpc { service, method },
            method: None,
            headers,
            query: Vec::new(),
        }
    })
}

fn route(conditions: impl Strategy<Value = Match>) -> impl Strategy<Value = Route> {
    let hostnames = prop_oneof![
        1 => Just(Vec::new()),
        4 => vec(select(HOSTNAMES.to_vec()).prop_map(str::to_owned), 1..4),
    ];
    (
        (select(vec!["a", "a-b", "b"]), select(vec!["x", "y", "x-y", "z"])),
        0..3i64,
        hostnames,
        vec(vec(conditions, 1..4), 1..4),
    )
        .prop_map(|((namespace, name), created, hostnames, rules)| Route {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            created,
            hostnames,
            rules,
        })
}

fn unique(mut routes: Vec<Route>) -> Vec<Route> {
    routes.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    routes.dedup_by(|a, b| (&a.namespace, &a.name) == (&b.namespace, &b.name));
    routes
}

pub fn http_route() -> impl Strategy<Value = Route> {
    route(http_match())
}

pub fn http_routes() -> impl Strategy<Value = Vec<Route>> {
    vec(http_route(), 0..12).prop_map(unique)
}

pub fn grpc_routes() -> impl Strategy<Value = Vec<Route>> {
    vec(route(grpc_match()), 0..12).prop_map(unique)
}

pub fn request() -> impl Strategy<Value = Request> {
    let header = (select(vec!["h", "k", "m"]), select(vec!["1", "2", "a b"]));
    let header = header.prop_map(|(name, value)| (name.to_owned(), value.to_owned()));
    let query = select(vec![
        None,
        Some(""),
        Some("h=1"),
        Some("h=2&k=1"),
        Some("k=a+b&h=1"),
        Some("h=1&h=2"),
        Some("&&h&k=%61%20b"),
        Some("m=1,2&k=2&h=1"),
        Some("hh=1&H=1"),
    ]);
    (
        select(HOSTS.to_vec()),
        path_text("/"),
        query,
        select(vec!["GET", "POST", "PUT"]),
        vec(header, 0..4),
    )
        .prop_map(|(host, path, query, method, headers)| Request {
            host: host.to_owned(),
            path,
            query: query.map(str::to_owned),
            method: method.to_owned(),
            headers,
        })
}

/// A route as translation would give it; `None` when it does not attach to the listener.
pub fn model_route(listener: &str, kind: RouteKind, route: &Route) -> Option<Arc<HttpRoute>> {
    let written: Vec<&str> = if route.hostnames.is_empty() {
        vec![""]
    } else {
        route.hostnames.iter().map(String::as_str).collect()
    };
    let hosts: Vec<RouteHost> = written
        .into_iter()
        .filter_map(|original| {
            Some(RouteHost {
                effective: HostPattern::parse(oracle::intersection(listener, original)?),
                original: HostPattern::parse(original),
            })
        })
        .collect();
    if hosts.is_empty() {
        return None;
    }
    let rules = route.rules.iter().zip(0..).map(|(matches, index)| {
        Arc::new(HttpRule {
            index,
            name: None,
            matches: matches.iter().map(model_match).collect(),
            filters: Vec::new(),
            backends: Vec::new(),
            timeouts: Timeouts::default(),
            retry: None,
            session_persistence: None,
            fault: None,
        })
    });
    Some(Arc::new(HttpRoute {
        key: RouteKey {
            kind,
            object: ObjectName::new(&route.namespace, &route.name),
        },
        created: route.created,
        attachments: vec![Attachment {
            listener: listener_key(),
            hosts,
        }],
        rules: rules.collect(),
    }))
}

fn model_match(conditions: &Match) -> HttpMatch {
    let value = |value: &Value| match value {
        Value::Exact(text) => ValueMatch::Exact(text.as_str().into()),
        Value::Regex(text) => ValueMatch::Regex(text.as_str().into()),
    };
    let without_slash = |text: &str| match text.trim_end_matches('/') {
        "" => "/".into(),
        trimmed => trimmed.into(),
    };
    HttpMatch {
        path: match &conditions.path {
            Path::Exact(text) => PathMatch::Exact(text.as_str().into()),
            Path::Prefix(text) => PathMatch::Prefix(without_slash(text)),
            Path::Regex(text) => PathMatch::Regex(text.as_str().into()),
            Path::Grpc { service, method } => match (service, method) {
                (Some(service), Some(method)) => PathMatch::Exact(format!("/{service}/{method}").into()),
                (Some(service), None) => PathMatch::Prefix(format!("/{service}").into()),
                (None, Some(method)) => PathMatch::GrpcMethod(method.as_str().into()),
                (None, None) => PathMatch::Prefix("/".into()),
            },
        },
        method: conditions.method.as_deref().map(Into::into),
        headers: conditions
            .headers
            .iter()
            .map(|(name, condition)| HeaderMatch {
                name: name.as_str().into(),
                value: value(condition),
            })
            .collect(),
        query: conditions
            .query
            .iter()
            .map(|(name, condition)| QueryMatch {
                name: name.as_str().into(),
                value: value(condition),
            })
            .collect(),
    }
}

pub fn header_map(request: &Request) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in &request.headers {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    map
}
