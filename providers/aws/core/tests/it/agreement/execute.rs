//! Conditions as AWS describes them
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>).

use super::generate::Request;
use gatewright_aws_core::alb::rule::{Conditions, Values};
use regex::Regex;
use std::cell::RefCell;
use std::collections::HashMap;

/// Whether all conditions hold.
pub(super) fn execute(conditions: &Conditions, request: &Request) -> bool {
    let Conditions {
        host,
        path,
        methods,
        headers,
        queries,
        sources,
    } = conditions;
    assert!(sources.is_empty());
    let host = host.iter().all(|values| {
        any(
            values,
            &request.host.to_ascii_lowercase(),
            str::to_ascii_lowercase,
        )
    });
    let path = path.iter().all(|values| any(values, request.path, str::to_owned));
    let method = methods.is_empty() || methods.contains(request.method);
    let headers = headers.iter().all(|wanted| {
        let mut found = request.headers.get_all(&*wanted.name).iter();
        found.any(|found| {
            let found = found.to_str().unwrap().to_ascii_lowercase();
            any(&wanted.values, &found, str::to_ascii_lowercase)
        })
    });
    let pairs: Vec<(&str, &str)> = request
        .query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    let queries = queries.iter().all(|alternatives| {
        alternatives.iter().any(|wanted| {
            pairs.iter().any(|(key, value)| {
                let holds = |pattern: &str, text: &str| {
                    glob(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
                };
                wanted.key.as_deref().is_none_or(|pattern| holds(pattern, key)) && holds(&wanted.value, value)
            })
        })
    });
    host && path && method && headers && queries
}

fn any(values: &Values, found: &str, fold: fn(&str) -> String) -> bool {
    match values {
        Values::Wildcards(values) => values.iter().any(|pattern| glob(&fold(pattern), found)),
        Values::Regex(values) => values.iter().any(|source| expression(source, found)),
    }
}

thread_local! {
    static EXPRESSIONS: RefCell<HashMap<String, Regex>> = RefCell::default();
}

/// An expression matches anywhere in the text.
fn expression(source: &str, text: &str) -> bool {
    EXPRESSIONS.with_borrow_mut(|known| {
        let regex = known
            .entry(source.to_owned())
            .or_insert_with(|| Regex::new(source).unwrap());
        regex.is_match(text)
    })
}

/// `*` stands for any characters, `?` for one, a backslash makes either literal; all of the text counts.
fn glob(pattern: &str, text: &str) -> bool {
    let mut front = pattern.chars();
    match front.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = front.as_str();
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| glob(rest, &text[at..]))
        }
        Some(wanted) => {
            let (wanted, any) = match wanted {
                '?' => ('?', true),
                '\\' => (front.next().unwrap(), false),
                other => (other, false),
            };
            let mut found = text.chars();
            found
                .next()
                .is_some_and(|first| (any || first == wanted) && glob(front.as_str(), found.as_str()))
        }
    }
}

#[test]
fn globs() {
    for (pattern, text, holds) in [
        ("*.example.com", "a.example.com", true),
        ("*.example.com", "example.com", false),
        ("/a/*", "/a/", true),
        ("/a/*", "/a", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        (r"a\*c", "abc", false),
        (r"a\*c", "a*c", true),
        ("", "", true),
        ("*", "", true),
    ] {
        assert_eq!(glob(pattern, text), holds, "{pattern} {text}");
    }
}
