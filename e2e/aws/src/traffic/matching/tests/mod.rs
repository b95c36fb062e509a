//! Rules by the examples of AWS's own pages, and by what those pages say in words.

mod actions;
mod conditions;
mod expressions;
mod transforms;

use super::{Request, Rules};
use crate::traffic::config::Rule;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

/// A request in a few words.
#[derive(Clone)]
struct Asked {
    method: &'static str,
    host: &'static str,
    url: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    source: &'static str,
}

const ASKED: Asked = Asked {
    method: "GET",
    host: "example.com",
    url: "/",
    headers: Vec::new(),
    source: "203.0.113.7",
};

impl Asked {
    fn see<T>(&self, with: impl FnOnce(&Request<'_>) -> T) -> T {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let (path, query) = match self.url.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.url, None),
        };
        with(&Request {
            method: self.method,
            host: self.host,
            path,
            query,
            headers: &headers,
            source: self.source.parse().unwrap(),
        })
    }
}

/// Rules in the shape of `DescribeRules`.
fn rules(rules: Value) -> Rules {
    let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
    let (rules, errors) = Rules::new(&rules);
    assert!(errors.is_empty(), "{errors:?}");
    rules
}

/// A rule that says its own name.
fn rule(name: &str, priority: &str, conditions: Value) -> Value {
    json!({
        "RuleArn": name,
        "Priority": priority,
        "Conditions": conditions,
        "Actions": [{"Type": "fixed-response", "Order": 1, "FixedResponseConfig": {"StatusCode": "200"}}],
        "IsDefault": priority == "default",
    })
}

/// Whether a rule with these conditions takes a request.
fn takes(conditions: &Value, asked: &Asked) -> bool {
    let rules = rules(json!([
        rule("default", "default", json!([])),
        rule("it", "1", conditions.clone())
    ]));
    asked.see(|request| rules.decide(request).unwrap().arn == "it")
}

/// Checks conditions against requests that they take and requests that they do not.
fn table(conditions: Value, takes_these: &[Asked], not_these: &[Asked]) {
    let tell = |asked: &Asked| {
        format!(
            "{} {} {} {:?} {}",
            asked.method, asked.host, asked.url, asked.headers, asked.source
        )
    };
    for asked in takes_these {
        assert!(
            takes(&conditions, asked),
            "{conditions} should take {}",
            tell(asked)
        );
    }
    for asked in not_these {
        assert!(
            !takes(&conditions, asked),
            "{conditions} should not take {}",
            tell(asked)
        );
    }
}

fn host(host: &'static str) -> Asked {
    Asked { host, ..ASKED }
}

fn url(url: &'static str) -> Asked {
    Asked { url, ..ASKED }
}

fn header(headers: &[(&'static str, &'static str)]) -> Asked {
    Asked {
        headers: headers.to_vec(),
        ..ASKED
    }
}

#[test]
fn rules_are_evaluated_from_the_lowest_priority_and_the_default_last() {
    let path = |value: &str| json!([{"Field": "path-pattern", "PathPatternConfig": {"Values": [value]}}]);
    let rules = rules(json!([
        rule("default", "default", json!([])),
        rule("late", "100", path("/img/*")),
        rule("early", "9", path("/img/a*")),
    ]));
    let served =
        |url: &'static str| Asked { url, ..ASKED }.see(|request| rules.decide(request).unwrap().arn.clone());
    assert_eq!(served("/img/abc"), "early");
    assert_eq!(served("/img/bcd"), "late");
    assert_eq!(served("/other"), "default");
}

#[test]
fn all_conditions_of_a_rule_must_hold() {
    table(
        json!([
            {"Field": "host-header", "Values": ["example.com"]},
            {"Field": "path-pattern", "Values": ["/a"]},
        ]),
        &[url("/a")],
        &[
            url("/b"),
            Asked {
                host: "example.org",
                url: "/a",
                ..ASKED
            },
        ],
    );
}

#[test]
fn a_rule_that_cannot_be_read_is_told_and_the_others_serve() {
    let broken = rule("broken", "1", json!([{"Field": "colour", "Values": ["red"]}]));
    let from: Vec<Rule> =
        serde_json::from_value(json!([broken, rule("default", "default", json!([]))])).unwrap();
    let (rules, errors) = Rules::new(&from);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].0, "broken");
    assert_eq!(
        ASKED.see(|request| rules.decide(request).unwrap().arn.clone()),
        "default"
    );
}
