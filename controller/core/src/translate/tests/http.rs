use super::{http, one, refused};
use gatewright_model::route::{HttpMatch, PathMatch, Retry, SessionCarrier, Timeouts, ValueMatch};

#[test]
fn a_rule_without_matches_matches_everything() {
    for rules in [
        "[{}]",
        "[{matches: []}]",
        "[{matches: [{}]}]",
        "[{matches: [{path: {}}]}]",
    ] {
        let expected = HttpMatch {
            path: PathMatch::Prefix("/".into()),
            method: None,
            headers: vec![],
            query: vec![],
        };
        assert_eq!(one(rules).matches, [expected], "{rules}");
    }
}

#[test]
fn paths_keep_their_type_and_prefixes_lose_the_trailing_slash() {
    // HTTPPathMatch: PathPrefix by default, "when specified, a trailing `/` is ignored".
    let cases = [
        ("{type: Exact, value: /a/}", PathMatch::Exact("/a/".into())),
        ("{type: PathPrefix, value: /a/}", PathMatch::Prefix("/a".into())),
        ("{type: PathPrefix, value: /}", PathMatch::Prefix("/".into())),
        ("{value: /a/b}", PathMatch::Prefix("/a/b".into())),
        (
            "{type: RegularExpression, value: '/v[0-9]+/.*'}",
            PathMatch::Regex("/v[0-9]+/.*".into()),
        ),
    ];
    for (path, expected) in cases {
        assert_eq!(
            one(&format!("[{{matches: [{{path: {path}}}]}}]")).matches[0].path,
            expected,
            "{path}"
        );
    }
}

#[test]
fn the_first_of_several_equivalent_names_counts() {
    // HTTPHeaderMatch.name: case-insensitive; HTTPQueryParamMatch.name: exact.
    let rule = one(
        "[{matches: [{
          method: POST,
          headers: [{name: Version, value: '1'}, {name: version, value: '2'}, {name: X, type: RegularExpression, value: 'a+'}],
          queryParams: [{name: q, value: a}, {name: Q, value: b}, {name: q, value: c}]}]}]",
    );
    let found = &rule.matches[0];
    assert_eq!(found.method.as_deref(), Some("POST"));
    let headers: Vec<_> = found
        .headers
        .iter()
        .map(|header| (&*header.name, header.value.clone()))
        .collect();
    assert_eq!(
        headers,
        [
            ("version", ValueMatch::Exact("1".into())),
            ("x", ValueMatch::Regex("a+".into()))
        ]
    );
    let query: Vec<_> = found
        .query
        .iter()
        .map(|query| (&*query.name, query.value.clone()))
        .collect();
    assert_eq!(
        query,
        [
            ("q", ValueMatch::Exact("a".into())),
            ("Q", ValueMatch::Exact("b".into()))
        ]
    );
}

#[test]
fn values_that_mean_nothing_drop_their_rule_and_name_the_field() {
    let cases = [
        (
            "{matches: [{path: {type: RegularExpression, value: '('}}]}",
            "spec.rules[0].matches[0].path.value: \"(\" is not",
        ),
        (
            "{matches: [{headers: [{name: a, type: RegularExpression, value: '[z-a]'}]}]}",
            "matches[0].headers[0].value",
        ),
        (
            "{matches: [{queryParams: [{name: a, type: RegularExpression, value: '*'}]}]}",
            "matches[0].queryParams[0].value",
        ),
        (
            "{matches: [{path: {type: Exact, value: a}}]}",
            "must start with \"/\"",
        ),
        ("{matches: [{path: {value: /a//b}}]}", "must not contain \"//\""),
        (
            "{timeouts: {request: 1.5s}}",
            "timeouts.request: \"1.5s\" is not a duration",
        ),
        (
            "{timeouts: {request: 1s, backendRequest: 2s}}",
            "timeouts.backendRequest: 2000 ms must not be longer",
        ),
        ("{retry: {codes: [302]}}", "retry.codes[0]: 302"),
        ("{retry: {attempts: -1}}", "retry.attempts"),
        ("{retry: {backoff: soon}}", "retry.backoff"),
        (
            "{sessionPersistence: {absoluteTimeout: x}}",
            "sessionPersistence.absoluteTimeout",
        ),
    ];
    for (rule, expected) in cases {
        let (reason, message) = refused(&format!("[{rule}]"));
        assert_eq!(reason, "UnsupportedValue", "{rule}");
        assert!(
            message.contains(expected),
            "expected \"{expected}\" in \"{message}\""
        );
    }
}

#[test]
fn a_dropped_rule_leaves_the_others_and_their_numbers() {
    // RouteConditionPartiallyInvalid: "Drop Rule(s)".
    let (rules, findings) = http(
        "[{name: good, backendRefs: [{name: web, port: 80}]},
          {name: bad, matches: [{path: {type: RegularExpression, value: '('}}], backendRefs: [{name: nobody, port: 80}]},
          {matches: [{path: {value: /x}}]}]",
    );
    assert_eq!(rules.iter().map(|rule| rule.index).collect::<Vec<_>>(), [0, 2]);
    let message = findings.partially_invalid(&[]).unwrap();
    assert!(
        message.starts_with("Dropped Rule 1 \"bad\": spec.rules[1].matches[0].path.value:"),
        "{message}"
    );
    assert_eq!(findings.refused(), None);
    // What a dropped rule refers to does not matter.
    assert_eq!(
        findings.unresolved_refs(crate::translate::Extensions::Served),
        None
    );
}

#[test]
fn a_rule_without_backends_is_kept_and_its_references_are_resolved() {
    // HTTPRouteNoBackendRefs: omitted and empty backendRefs answer 500, ResolvedRefs is True.
    for rules in ["[{}]", "[{backendRefs: []}]"] {
        let (found, findings) = http(rules);
        assert_eq!((found.len(), found[0].backends.len()), (1, 0));
        assert_eq!(
            (
                findings.unresolved_refs(crate::translate::Extensions::Served),
                findings.refused()
            ),
            (None, None)
        );
    }
}

#[test]
fn weights_are_one_by_default_and_may_be_zero() {
    let rule = one(
        "[{backendRefs: [{name: web, port: 80}, {name: web, port: 80, weight: 0}, {name: ext, group: gateway.networking.x-k8s.io, kind: XBackend, weight: 9}]}]",
    );
    assert_eq!(
        rule.backends
            .iter()
            .map(|backend| backend.weight)
            .collect::<Vec<_>>(),
        [1, 0, 9]
    );
}

#[test]
fn timeouts_and_retries_are_read() {
    let rule = one(
        "[{timeouts: {request: 10s, backendRequest: 500ms}, retry: {codes: [503, 500, 503], attempts: 3, backoff: 100ms}}]",
    );
    assert_eq!(
        rule.timeouts,
        Timeouts {
            request_ms: Some(10_000),
            backend_request_ms: Some(500)
        }
    );
    assert_eq!(
        rule.retry,
        Some(
            Retry {
                codes: vec![500, 503],
                attempts: 3,
                backoff_ms: Some(100)
            }
            .into()
        )
    );
    // "Setting a timeout to the zero duration SHOULD disable the timeout."
    let rule = one("[{timeouts: {request: 0s, backendRequest: 5s}}]");
    assert_eq!(
        rule.timeouts,
        Timeouts {
            request_ms: Some(0),
            backend_request_ms: Some(5000)
        }
    );
    // HTTPRouteRetry.attempts: 1 by default, "an explicit zero value MUST disable retries".
    assert_eq!(one("[{retry: {}}]").retry.unwrap().attempts, 1);
    assert_eq!(one("[{retry: {attempts: 0}}]").retry.unwrap().attempts, 0);
    assert_eq!(one("[{}]").retry, None);
}

#[test]
fn session_persistence_of_a_rule_is_read() {
    let rule = one("[{sessionPersistence: {type: Header, header: {name: X-Sid}}}]");
    assert_eq!(rule.session_persistence.unwrap().carrier, SessionCarrier::Header);
}
