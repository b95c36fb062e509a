//! Compacted rules treat every request as the rules did before.

mod keep;

use super::{compact, glob};
use crate::Str;
use crate::alb::rule::{
    Action, Conditions, FixedResponse, HeaderCondition, QueryValue, Rule, Transforms, Values,
};
use crate::limits::AlbLimits;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A request of the little world that the rules below are made for.
#[derive(Clone, Copy, Debug)]
struct Request {
    host: &'static str,
    path: &'static str,
    method: &'static str,
    /// Values of header `x`; one that comes twice meets conditions of either.
    headers: &'static [&'static str],
    query: &'static [(&'static str, &'static str)],
}

const HOSTS: [&str; 3] = ["a.example.com", "b.example.com", "a.b.example.com"];
const PATHS: [&str; 5] = ["/", "/a", "/a/b", "/ab", "/b"];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const HEADERS: [&[&str]; 4] = [&[], &["1"], &["2"], &["1", "2"]];
const QUERIES: [&[(&str, &str)]; 4] = [&[], &[("k", "1")], &[("k", "2")], &[("k", "1"), ("k", "2")]];

fn requests() -> Vec<Request> {
    let mut all = Vec::new();
    for host in HOSTS {
        for path in PATHS {
            for method in METHODS {
                for headers in HEADERS {
                    all.extend(QUERIES.into_iter().map(|query| Request {
                        host,
                        path,
                        method,
                        headers,
                        query,
                    }));
                }
            }
        }
    }
    all
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| matches(&pattern[1..], &text[at..]))
        }
        Some(wanted) => text.chars().next().is_some_and(|found| {
            (wanted == '?' || wanted == found)
                && matches(&pattern[wanted.len_utf8()..], &text[found.len_utf8()..])
        }),
    }
}

/// Expressions of these tests are plain text, whole.
fn holds(values: &Values, text: &str) -> bool {
    match values {
        Values::Wildcards(values) => values.iter().any(|value| matches(value, text)),
        Values::Regex(values) => values.iter().any(|value| **value == format!("^{text}$")),
    }
}

fn meets(conditions: &Conditions, request: &Request) -> bool {
    let none = conditions.methods.is_empty();
    conditions.host.iter().all(|values| holds(values, request.host))
        && conditions.path.iter().all(|values| holds(values, request.path))
        && (none || conditions.methods.contains(request.method))
        && conditions
            .headers
            .iter()
            .all(|header| request.headers.iter().any(|found| holds(&header.values, found)))
        && conditions.queries.iter().all(|alternatives| {
            alternatives.iter().any(|wanted| {
                let mut pairs = request.query.iter();
                pairs.any(|(key, value)| {
                    wanted.key.as_deref().is_none_or(|pattern| matches(pattern, key))
                        && matches(&wanted.value, value)
                })
            })
        })
}

fn answer<'r>(rules: &'r [Rule], request: &Request) -> Option<&'r Action> {
    rules
        .iter()
        .find(|rule| meets(&rule.conditions, request))
        .map(|rule| &rule.action)
}

fn texts(values: &[&str]) -> BTreeSet<Str> {
    values.iter().map(|value| Str::from(*value)).collect()
}

fn host() -> impl Strategy<Value = Option<Values>> {
    prop_oneof![
        2 => Just(None),
        4 => prop::sample::select(vec!["a.example.com", "b.example.com", "*.example.com", "?.example.com", "*.b.example.com"])
            .prop_map(|value| Some(Values::Wildcards(texts(&[value])))),
        1 => prop::sample::select(vec!["^a.example.com$", "^b.example.com$"])
            .prop_map(|value| Some(Values::Regex(texts(&[value])))),
    ]
}

fn path() -> impl Strategy<Value = Option<Values>> {
    prop_oneof![
        1 => Just(None),
        2 => prop::sample::select(PATHS.to_vec()).prop_map(|value| Some(Values::Wildcards(texts(&[value])))),
        2 => prop::sample::select(vec![["/a", "/a/*"], ["/b", "/b/*"]])
            .prop_map(|values| Some(Values::Wildcards(texts(&values)))),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let methods = prop::collection::btree_set(prop::sample::select(METHODS.to_vec()), 0..2);
    let header = prop::option::of(prop::sample::select(vec!["1", "2"]));
    let query = prop::option::of(prop::sample::select(vec!["1", "2"]));
    (host(), path(), methods, header, query, 0_u16..3).prop_map(
        |(host, path, methods, header, query, status)| Rule {
            origins: BTreeSet::new(),
            conditions: Conditions {
                host,
                path,
                methods: methods.into_iter().map(Str::from).collect(),
                headers: header
                    .map(|value| HeaderCondition {
                        name: "x".into(),
                        values: Values::Wildcards(texts(&[value])),
                    })
                    .into_iter()
                    .collect(),
                queries: query
                    .map(|value| {
                        BTreeSet::from([QueryValue {
                            key: Some("k".into()),
                            value: value.into(),
                        }])
                    })
                    .into_iter()
                    .collect(),
                sources: BTreeSet::new(),
            },
            before: None,
            transforms: Transforms::default(),
            action: Action::Fixed(FixedResponse::bare(200 + status)),
            parts: Vec::new(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn every_request_gets_what_it_got(rules in prop::collection::vec(rule(), 0..14)) {
        let fewer = compact(rules.clone(), &AlbLimits::default());
        prop_assert!(fewer.len() <= rules.len());
        for request in requests() {
            prop_assert_eq!(answer(&rules, &request), answer(&fewer, &request), "{:?}\n{:#?}", request, fewer);
        }
        // What is compact stays as it is.
        prop_assert_eq!(compact(fewer.clone(), &AlbLimits::default()).len() <= fewer.len(), true);
    }

    #[test]
    fn no_rule_outgrows_its_limits(rules in prop::collection::vec(rule(), 0..40)) {
        let limits = AlbLimits::default();
        let merged = compact(rules.clone(), &limits);
        for rule in merged {
            if rules.iter().any(|given| given.conditions == rule.conditions) {
                continue;
            }
            let Conditions { host, path, methods, headers, queries, sources } = rule.conditions;
            let mut counts: Vec<usize> = [host, path]
                .into_iter()
                .flatten()
                .chain(headers.into_iter().map(|header| header.values))
                .map(|values| match values {
                    Values::Wildcards(values) | Values::Regex(values) => values.len(),
                })
                .collect();
            counts.extend([methods.len(), sources.len()]);
            counts.extend(queries.iter().map(BTreeSet::len));
            prop_assert!(counts.iter().sum::<usize>() <= limits.values_per_rule as usize);
            prop_assert!(counts.iter().all(|count| *count <= limits.values_per_condition as usize));
        }
    }

    #[test]
    fn globs_that_never_meet_have_no_text_in_common(
        one in "[ab*?]{0,5}", other in "[ab*?]{0,5}", text in "[ab]{0,6}"
    ) {
        if matches(&one, &text) && matches(&other, &text) {
            prop_assert!(glob::meet(&one, &other));
        }
        if glob::contains(&one, &other) && matches(&other, &text) {
            prop_assert!(matches(&one, &text));
        }
    }
}

#[test]
fn globs() {
    for (one, other, meets) in [
        ("/a", "/b", false),
        ("/a/*", "/a", false),
        ("/a/*", "/a/", true),
        ("*.example.com", "a.example.com", true),
        ("*.example.com", "example.com", false),
        ("*a", "b*", true),
        ("a?", "a", false),
        ("*", "", true),
        ("a*b", "a*c", false),
        ("/a\\", "/b", true),
    ] {
        assert_eq!(glob::meet(one, other), meets, "{one} {other}");
        assert_eq!(glob::meet(other, one), meets, "{other} {one}");
    }
    for (wide, narrow, contains) in [
        ("*", "/a*", true),
        ("/a*", "/a/b", true),
        ("/a*", "/*", false),
        ("a?c", "abc", true),
        ("a?c", "a*c", false),
        ("*.b.c", "a.*.c", false),
        ("*.*", "*.a?", true),
    ] {
        assert_eq!(glob::contains(wide, narrow), contains, "{wide} {narrow}");
    }
}

fn exact(host: &str, path: &str, status: u16) -> Rule {
    Rule {
        origins: BTreeSet::new(),
        conditions: Conditions {
            host: Some(Values::Wildcards(texts(&[host]))),
            path: Some(Values::Wildcards(texts(&[path]))),
            ..Conditions::default()
        },
        before: None,
        transforms: Transforms::default(),
        action: Action::Fixed(FixedResponse::bare(status)),
        parts: Vec::new(),
    }
}

/// Values of one condition are at most three, of a rule at most five: six hosts of one path are two rules, and a rule
/// that does something else in between does not hinder what it has no request in common with.
#[test]
fn hosts_are_merged_past_rules_of_other_paths() {
    let hosts = ["a.x.com", "b.x.com", "c.x.com", "d.x.com", "e.x.com", "f.x.com"];
    let rules: Vec<Rule> = hosts
        .iter()
        .flat_map(|host| [exact(host, "/a", 201), exact(host, "/b", 202)])
        .collect();
    assert_eq!(compact(rules, &AlbLimits::default()).len(), 4);
}

/// A rule in between that shares requests and does something else keeps them apart.
#[test]
fn a_rule_never_passes_one_that_shares_its_requests() {
    let rules = vec![
        exact("a.x.com", "/a", 201),
        exact("*.x.com", "/a", 202),
        exact("b.x.com", "/a", 201),
    ];
    // The last one is never reached.
    assert_eq!(compact(rules, &AlbLimits::default()).len(), 2);
    let rules = vec![
        exact("a.x.com", "/a", 201),
        exact("?.x.com", "/*", 202),
        exact("a.x.com", "/b", 201),
        exact("aa.x.com", "/a", 201),
    ];
    let fewer = compact(rules, &AlbLimits::default());
    assert_eq!(fewer.len(), 2, "{fewer:#?}");
}
