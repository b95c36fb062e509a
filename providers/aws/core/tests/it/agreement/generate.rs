//! Random load balancers of what an ALB expresses exactly, of few words so that their parts meet; and what they were
//! before. Plain data, which proptest makes smaller when something is wrong.

use fastrand::Rng;
use gatewright_model::filter::{PathModifier, UrlRewrite};
use gatewright_model::key::RouteKind;
use gatewright_model::route::{HeaderMatch, HttpMatch, PathMatch, QueryMatch, ValueMatch};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::BTreeSet;

/// Ports, and whether they speak HTTPS.
pub(super) const PORTS: [(u16, bool); 4] = [(443, true), (80, false), (8443, true), (8080, false)];
/// A port that nobody listens on: a redirect there always leads elsewhere.
const ELSEWHERE: u16 = 9443;
/// Backends that rules share; the next number stands for one of the rule's own, the one after it for none.
pub(super) const SHARED: u8 = 5;
pub(super) const OWN: u8 = SHARED;

const PATTERNS: [&str; 9] = [
    "*",
    "*.example.com",
    "*.a.example.com",
    "a.example.com",
    "b.a.example.com",
    "example.com",
    "*.example.org",
    "x.example.org",
    "localhost",
];
const EXACT: [&str; 6] = ["/", "/a", "/a/b", "/a*b", "/s.S/Get", "/x%20y"];
const PREFIX: [&str; 7] = ["/", "/a", "/a/", "/a/b", "/ab", "/a*", "/s.S"];
const REGEX: [&str; 5] = ["/a.*", "/[ab]/?.*", "/a|/b", "/s\\.S/(Get|List)", "^/a/b$"];

pub(super) fn one<'a, T: ?Sized>(random: &mut Rng, all: &[&'a T]) -> &'a T {
    all[random.usize(..all.len())]
}

/// A load balancer, what it was before, and where its requests come from.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) listeners: Vec<Listener>,
    pub(super) routes: Vec<Route>,
    /// The states before, the oldest first.
    pub(super) before: Vec<Before>,
    pub(super) seed: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Listener {
    /// Of [`PORTS`].
    pub(super) port: usize,
    pub(super) hostname: &'static str,
    /// Whether it is of a ListenerSet.
    pub(super) of_set: bool,
    /// Whether it asks for what cannot be, so that it answers 500.
    pub(super) closed: bool,
}

/// Another state: routes that were not there yet, and some that are there no more.
#[derive(Clone, Debug)]
pub(super) struct Before {
    pub(super) missing: Vec<Index>,
    pub(super) others: Vec<Route>,
}

#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) kind: RouteKind,
    pub(super) hostnames: BTreeSet<&'static str>,
    pub(super) created: i64,
    /// To which listeners it attaches.
    pub(super) attached: Vec<bool>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) matches: Vec<HttpMatch>,
    /// Whether it is for clients of certain networks alone.
    pub(super) inside: bool,
    pub(super) does: Does,
}

#[derive(Clone, Debug)]
pub(super) enum Does {
    Forward {
        shares: Vec<(u8, u32)>,
        rewrite: Option<UrlRewrite>,
    },
    Redirect(Redirect),
    /// All its backends are invalid.
    Fail,
}

#[derive(Clone, Debug)]
pub(super) struct Redirect {
    pub(super) https: bool,
    pub(super) hostname: Option<&'static str>,
    pub(super) port: Option<u16>,
    pub(super) path: NewPath,
    pub(super) status: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewPath {
    Same,
    Whole(&'static str),
    /// The prefix of the rule's matches, with something in front of it; the same where they have several.
    Longer,
}

/// A world.
pub(super) fn world() -> impl Strategy<Value = World> {
    let before = (vec(any::<Index>(), 0..5), vec(route(), 0..4));
    let before = before.prop_map(|(missing, others)| Before { missing, others });
    (
        listeners(),
        vec(route(), 3..12),
        vec(before, 0..4),
        any::<u64>().no_shrink(),
    )
        .prop_map(|(listeners, routes, before, seed)| World {
            listeners,
            routes,
            before,
            seed,
        })
}

/// No two of one port have the same hostname.
fn listeners() -> impl Strategy<Value = Vec<Listener>> {
    let port = prop_oneof![6 => Just(0usize), 2 => Just(1usize), 1 => Just(2usize), 1 => Just(3usize)];
    let what = (any::<bool>(), prop::bool::weighted(0.05));
    btree_map((port, select(PATTERNS.to_vec())), what, 1..8).prop_map(|listeners| {
        let listeners = listeners.into_iter();
        listeners
            .map(|((port, hostname), (of_set, closed))| Listener {
                port,
                hostname,
                of_set,
                closed,
            })
            .collect()
    })
}

fn route() -> impl Strategy<Value = Route> {
    let kind = prop_oneof![3 => Just(RouteKind::Http), 1 => Just(RouteKind::Grpc)];
    let rules = kind.prop_flat_map(|kind| (Just(kind), vec(rule(kind), 1..4)));
    let hostnames = btree_set(select(PATTERNS[1..].to_vec()), 0..3);
    let attached = vec(prop::bool::weighted(0.75), 8);
    (rules, hostnames, 0..3i64, attached).prop_map(|((kind, rules), hostnames, created, attached)| Route {
        kind,
        hostnames,
        created,
        attached,
        rules,
    })
}

fn rule(kind: RouteKind) -> impl Strategy<Value = Rule> {
    let does = match kind {
        RouteKind::Grpc => prop_oneof![
            9 => shares().prop_map(|shares| Does::Forward { shares, rewrite: None }),
            1 => Just(Does::Fail),
        ]
        .boxed(),
        _ => prop_oneof![
            6 => (shares(), option::weighted(0.3, rewrite()))
                .prop_map(|(shares, rewrite)| Does::Forward { shares, rewrite }),
            2 => redirect().prop_map(Does::Redirect),
            1 => Just(Does::Fail),
        ]
        .boxed(),
    };
    (vec(matched(kind), 1..3), prop::bool::weighted(0.15), does).prop_map(|(matches, inside, does)| Rule {
        matches,
        inside,
        does,
    })
}

/// One backend of the rule's own, or several that others have as well, with weights whose shares an ALB can have.
fn shares() -> impl Strategy<Value = Vec<(u8, u32)>> {
    let weight = select(vec![0u32, 1, 2, 10]);
    prop_oneof![
        1 => Just(vec![(OWN, 1u32)]),
        1 => (0..SHARED).prop_map(|one| vec![(one, 1u32)]),
        1 => (vec((0..SHARED + 2, weight), 1..4), select(vec![1u32, 1000])).prop_map(|(shares, factor)| {
            // What is not there gets nothing: a part of the requests cannot be answered with 500.
            let shares = shares.into_iter();
            shares.map(|(backend, weight)| (backend, if backend > OWN { 0 } else { weight * factor })).collect()
        }),
    ]
}

fn rewrite() -> impl Strategy<Value = UrlRewrite> {
    let path = prop_oneof![
        Just(None),
        Just(Some(PathModifier::ReplaceFullPath("/whole new".into()))),
        select(vec!["/", "", "/v2", "/v2/", "/a"])
            .prop_map(|to| Some(PathModifier::ReplacePrefixMatch(to.into()))),
    ];
    (option::of(Just("inner.example.com")), path).prop_map(|(hostname, path)| UrlRewrite {
        hostname: hostname.map(Into::into),
        path,
    })
}

/// From HTTPS never to HTTP, and never to where the request came from.
fn redirect() -> impl Strategy<Value = Redirect> {
    let path = prop_oneof![
        2 => Just(NewPath::Same),
        1 => select(vec!["/new", "/new place"]).prop_map(NewPath::Whole),
        1 => Just(NewPath::Longer),
    ];
    let port = option::of(select(vec![443, ELSEWHERE]));
    let hostname = option::of(Just("elsewhere.example.com"));
    (any::<bool>(), hostname, port, path, select(vec![301, 302])).prop_map(
        |(https, hostname, port, path, status)| {
            let moves = hostname.is_some() || matches!(path, NewPath::Whole(_));
            Redirect {
                https,
                hostname,
                port: if moves { port } else { Some(ELSEWHERE) },
                path,
                status,
            }
        },
    )
}

fn matched(kind: RouteKind) -> impl Strategy<Value = HttpMatch> {
    let exact = || select(EXACT.to_vec()).prop_map(|path| PathMatch::Exact(path.into()));
    let prefix = || select(PREFIX.to_vec()).prop_map(|path| PathMatch::Prefix(path.into()));
    let regex = || select(REGEX.to_vec()).prop_map(|path| PathMatch::Regex(path.into()));
    let grpc = kind == RouteKind::Grpc;
    let path = if grpc {
        prop_oneof![
            1 => Just(PathMatch::GrpcMethod("Get".into())),
            1 => Just(PathMatch::Prefix("/s.S".into())),
            2 => exact(),
            2 => prefix(),
        ]
        .boxed()
    } else {
        prop_oneof![1 => regex(), 2 => exact(), 3 => prefix()].boxed()
    };
    let method = option::weighted(0.25, select(vec!["GET", "POST"]));
    let query = option::weighted(0.25, select(vec!["1", "?", "a,b"]));
    (path, method, header("x-a"), header("x-b"), query).prop_map(move |(path, method, a, b, query)| {
        HttpMatch {
            path,
            method: method.filter(|_| !grpc).map(Into::into),
            headers: a.into_iter().chain(b).collect(),
            query: query
                .filter(|_| !grpc)
                .map(|value| QueryMatch {
                    name: "q".into(),
                    value: ValueMatch::Exact(value.into()),
                })
                .into_iter()
                .collect(),
        }
    })
}

fn header(name: &'static str) -> impl Strategy<Value = Option<HeaderMatch>> {
    let value = select(vec![
        ValueMatch::Regex("[12]".into()),
        ValueMatch::Exact("*".into()),
        ValueMatch::Exact("1".into()),
    ]);
    option::weighted(
        0.25,
        value.prop_map(move |value| HeaderMatch {
            name: name.into(),
            value,
        }),
    )
}
