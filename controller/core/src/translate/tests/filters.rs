use super::{grpc, http, one, refused};
use gatewright_model::backend::BackendTarget;
use gatewright_model::filter::{
    Cors, ExternalAuthProtocol, HeaderModifier, HttpFilter, PathModifier, Redirect, UrlRewrite,
};

fn filter(yaml: &str) -> HttpFilter {
    one(&format!("[{{filters: [{yaml}]}}]")).filters[0].clone()
}

#[test]
fn header_changes_keep_the_first_of_equivalent_names() {
    // HTTPHeader.name: "the first entry with an equivalent name MUST be considered".
    let found = filter(
        "{type: RequestHeaderModifier, requestHeaderModifier: {
           set: [{name: X-A, value: '1'}, {name: x-a, value: '2'}], add: [{name: X-B, value: 'b,c'}], remove: [X-C, x-c]}}",
    );
    let expected = HeaderModifier {
        set: vec![("x-a".into(), "1".into())],
        add: vec![("x-b".into(), "b,c".into())],
        remove: vec!["x-c".into()],
    };
    assert_eq!(found, HttpFilter::RequestHeaders(expected.clone().into()));
    let found = filter("{type: ResponseHeaderModifier, responseHeaderModifier: {remove: [x-c]}}");
    assert_eq!(
        found,
        HttpFilter::ResponseHeaders(
            HeaderModifier {
                remove: vec!["x-c".into()],
                ..HeaderModifier::default()
            }
            .into()
        )
    );
}

#[test]
fn redirects_have_302_by_default() {
    let found = filter("{type: RequestRedirect, requestRedirect: {}}");
    assert_eq!(
        found,
        HttpFilter::Redirect(
            Redirect {
                scheme: None,
                hostname: None,
                path: None,
                port: None,
                status: 302
            }
            .into()
        )
    );
    let found = filter(
        "{type: RequestRedirect, requestRedirect: {scheme: https, hostname: a.example.com, port: 8443, statusCode: 308, path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}}",
    );
    let expected = Redirect {
        scheme: Some("https".into()),
        hostname: Some("a.example.com".into()),
        path: Some(PathModifier::ReplacePrefixMatch("/x".into())),
        port: Some(8443),
        status: 308,
    };
    assert_eq!(found, HttpFilter::Redirect(expected.into()));
}

#[test]
fn rewrites_of_rules_and_of_backends() {
    let rule = one(
        "[{filters: [{type: URLRewrite, urlRewrite: {hostname: a.example.com}}],
           backendRefs: [{name: web, port: 80, filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /x}}}]}]}]",
    );
    assert_eq!(
        rule.filters,
        [HttpFilter::UrlRewrite(
            UrlRewrite {
                hostname: Some("a.example.com".into()),
                path: None
            }
            .into()
        )]
    );
    let path = Some(PathModifier::ReplaceFullPath("/x".into()));
    assert_eq!(
        rule.backends[0].filters,
        [HttpFilter::UrlRewrite(UrlRewrite { hostname: None, path }.into())]
    );
}

#[test]
fn mirrors_take_everything_a_percentage_or_a_fraction() {
    let share = |extra: &str| match filter(&format!(
        "{{type: RequestMirror, requestMirror: {{backendRef: {{name: web, port: 80}}{extra}}}}}"
    )) {
        HttpFilter::Mirror(mirror) => (mirror.numerator, mirror.denominator),
        other => panic!("{other:?}"),
    };
    assert_eq!(share(""), (100, 100));
    assert_eq!(share(", percent: 20"), (20, 100));
    assert_eq!(share(", percent: 0"), (0, 100));
    assert_eq!(share(", fraction: {numerator: 1}"), (1, 100));
    assert_eq!(share(", fraction: {numerator: 1, denominator: 3}"), (1, 3));
}

#[test]
fn several_mirrors_are_kept_and_an_invalid_one_is_named() {
    let (rules, findings) = http(
        "[{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}}},
                     {type: RequestMirror, requestMirror: {backendRef: {name: nobody, port: 80}}}]}]",
    );
    assert_eq!(rules[0].filters.len(), 2);
    assert!(
        matches!(&rules[0].filters[1], HttpFilter::Mirror(mirror) if matches!(mirror.backend, BackendTarget::Invalid(_)))
    );
    let refusal = findings
        .unresolved_refs(crate::translate::Extensions::Served)
        .unwrap();
    assert_eq!(refusal.reason, "BackendNotFound");
    assert!(
        refusal
            .message
            .starts_with("spec.rules[0].filters[1].requestMirror.backendRef:"),
        "{}",
        refusal.message
    );
}

#[test]
fn cors_is_kept_as_written_with_a_preflight_cache_of_five_seconds() {
    let found = filter(
        "{type: CORS, cors: {allowOrigins: ['https://*.example.com'], allowMethods: [GET, '*'], allowHeaders: ['*'], exposeHeaders: [X-A]}}",
    );
    let expected = Cors {
        allow_origins: vec!["https://*.example.com".into()],
        allow_credentials: false,
        allow_methods: vec!["GET".into(), "*".into()],
        allow_headers: vec!["*".into()],
        expose_headers: vec!["X-A".into()],
        max_age: 5,
    };
    assert_eq!(found, HttpFilter::Cors(expected.into()));
}

#[test]
fn external_auth_fails_closed_when_its_server_does_not_resolve() {
    let found = filter(
        "{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: web, port: 80}, forwardBody: {maxSize: 1024}, http: {path: /check, allowedHeaders: [X-A], allowedResponseHeaders: [X-User]}}}",
    );
    let HttpFilter::ExternalAuth(auth) = found else {
        panic!("{found:?}")
    };
    assert_eq!(auth.forward_body_limit, 1024);
    let expected = ExternalAuthProtocol::Http {
        path: "/check".into(),
        allowed_request_headers: vec!["x-a".into()],
        allowed_response_headers: vec!["x-user".into()],
    };
    assert_eq!(auth.protocol, expected);
    let (rules, findings) = http(
        "[{filters: [{type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: nobody, port: 9001}}}]}]",
    );
    let HttpFilter::ExternalAuth(auth) = &rules[0].filters[0] else {
        panic!("{:?}", rules[0].filters)
    };
    assert_eq!(
        auth.protocol,
        ExternalAuthProtocol::Grpc {
            allowed_request_headers: vec![]
        }
    );
    assert!(matches!(auth.backend, BackendTarget::Invalid(_)));
    assert_eq!(
        findings
            .unresolved_refs(crate::translate::Extensions::Served)
            .unwrap()
            .reason,
        "BackendNotFound"
    );
}

#[test]
fn an_unknown_extension_makes_the_rule_answer_with_an_error() {
    // HTTPRouteFilter.type: "the filter MUST NOT be skipped".
    let rules = "[{filters: [{type: ExtensionRef, extensionRef: {group: example.com, kind: Limit, name: l}}], backendRefs: [{name: web, port: 80}]}]";
    for (found, findings) in [http(rules), grpc(rules)] {
        assert!(
            found[0]
                .fault
                .as_deref()
                .unwrap()
                .contains("Limit \"l\" of group example.com")
        );
        assert_eq!(
            findings
                .unresolved_refs(crate::translate::Extensions::Served)
                .unwrap()
                .reason,
            "InvalidKind"
        );
        assert_eq!(findings.refused(), None);
    }
}

#[test]
fn filters_that_exclude_one_another_are_incompatible() {
    let redirect = "{type: RequestRedirect, requestRedirect: {}}";
    let rewrite = "{type: URLRewrite, urlRewrite: {}}";
    let headers = "{type: RequestHeaderModifier, requestHeaderModifier: {}}";
    let cases = [
        format!("[{{filters: [{redirect}, {rewrite}]}}]"),
        format!("[{{filters: [{headers}, {headers}]}}]"),
        format!("[{{filters: [{redirect}], backendRefs: [{{name: web, port: 80}}]}}]"),
        format!("[{{backendRefs: [{{name: web, port: 80, filters: [{redirect}, {rewrite}]}}]}}]"),
    ];
    for rules in cases {
        assert_eq!(refused(&rules).0, "IncompatibleFilters", "{rules}");
    }
}

#[test]
fn filter_values_that_mean_nothing_drop_the_rule() {
    let cases = [
        // "Only one action for a given header name is permitted" (HTTPHeaderFilter).
        (
            "{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}], remove: [A]}}]}",
            "header \"a\" has more than one action",
        ),
        (
            "{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: ':path', value: b}]}}]}",
            "not a header name",
        ),
        (
            "{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: \"b\\r\\nc: d\"}]}}]}",
            "control characters",
        ),
        // RFC 9110 sections 7.2 and 7.6.1: what is not the filter's to change.
        (
            "{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: Content-Length, value: '5'}]}}]}",
            "\"content-length\" belongs to the connection",
        ),
        (
            "{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: TE, value: trailers}]}}]}",
            "\"te\" belongs to the connection",
        ),
        (
            "{filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {remove: [Transfer-Encoding]}}]}",
            "\"transfer-encoding\" belongs to the connection",
        ),
        (
            "{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [Host]}}]}",
            "can be set, but not added or removed",
        ),
        (
            "{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: host, value: a.test}]}}]}",
            "can be set, but not added or removed",
        ),
        (
            "{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: host, value: user@a.test}]}}]}",
            "\"user@a.test\" is no host",
        ),
        (
            "{filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: Host, value: a.test}]}}]}",
            "field of requests",
        ),
        (
            "{filters: [{type: RequestHeaderModifier}]}",
            "filters[0].requestHeaderModifier: is needed",
        ),
        (
            "{filters: [{type: RequestRedirect, requestRedirect: {statusCode: 200}}]}",
            "statusCode: 200",
        ),
        (
            "{filters: [{type: RequestRedirect, requestRedirect: {port: 70000}}]}",
            "70000 is not a port",
        ),
        (
            "{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}, percent: 5, fraction: {numerator: 1}}}]}",
            "exclude one another",
        ),
        (
            "{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}, fraction: {numerator: 4, denominator: 3}}}]}",
            "numerator from 0 to denominator",
        ),
        // HTTPPathModifier: ReplacePrefixMatch needs PathPrefix matches.
        (
            "{matches: [{path: {type: Exact, value: /a}}], filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]}",
            "PathPrefix only",
        ),
        (
            "{filters: [{type: CORS, cors: {allowHeaders: ['a b']}}]}",
            "neither a header name",
        ),
    ];
    for (rule, words) in cases {
        let (reason, message) = refused(&format!("[{rule}]"));
        assert_eq!(reason, "UnsupportedValue", "{rule}");
        assert!(message.contains(words), "expected \"{words}\" in \"{message}\"");
    }
}
