use super::grpc;
use gatewright_model::filter::HttpFilter;
use gatewright_model::route::{PathMatch, ValueMatch};

fn path(method: &str) -> PathMatch {
    let (rules, findings) = grpc(&format!("[{{matches: [{{method: {method}}}]}}]"));
    assert_eq!(findings.dropped, []);
    rules[0].matches[0].path.clone()
}

#[test]
fn methods_become_paths() {
    // GRPCMethodMatch: Exact by default; an empty part matches any.
    assert_eq!(
        path("{service: shop.Orders, method: Get}"),
        PathMatch::Exact("/shop.Orders/Get".into())
    );
    assert_eq!(
        path("{service: shop.Orders}"),
        PathMatch::Prefix("/shop.Orders".into())
    );
    assert_eq!(path("{method: Get}"), PathMatch::GrpcMethod("Get".into()));
    assert_eq!(
        path("{service: '', method: Get}"),
        PathMatch::GrpcMethod("Get".into())
    );
    assert_eq!(path("{}"), PathMatch::Prefix("/".into()));
    let regex = "type: RegularExpression";
    assert_eq!(
        path(&format!("{{{regex}, service: 'shop\\..*'}}")),
        PathMatch::Regex("/(?:shop\\..*)/[^/]+".into())
    );
    assert_eq!(
        path(&format!("{{{regex}, method: 'Get|List'}}")),
        PathMatch::Regex("/[^/]+/(?:Get|List)".into())
    );
    assert_eq!(path(&format!("{{{regex}}}")), PathMatch::Prefix("/".into()));
}

#[test]
fn a_rule_without_matches_matches_everything() {
    assert_eq!(grpc("[{}]").0[0].matches[0].path, PathMatch::Prefix("/".into()));
}

#[test]
fn bad_expressions_and_slashes_drop_the_rule() {
    for (method, field) in [
        ("{type: RegularExpression, service: '('}", "method.service"),
        ("{type: RegularExpression, method: 'a)|(b'}", "method.method"),
        ("{service: a/b}", "method.service"),
    ] {
        let (rules, findings) = grpc(&format!("[{{matches: [{{method: {method}}}]}}]"));
        assert_eq!(rules, []);
        let refusal = findings.refused().unwrap();
        assert_eq!(refusal.reason, "UnsupportedValue");
        assert!(refusal.message.contains(field), "{}", refusal.message);
    }
}

#[test]
fn headers_filters_and_backends_are_those_of_http() {
    let (rules, findings) = grpc(
        "[{name: r, matches: [{headers: [{name: X-A, value: b}]}],
           filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-B, value: c}]}}],
           backendRefs: [{name: web, port: 80, weight: 2}]}]",
    );
    let rule = &rules[0];
    assert_eq!(rule.name.as_deref(), Some("r"));
    assert_eq!(
        (
            &*rule.matches[0].headers[0].name,
            &rule.matches[0].headers[0].value
        ),
        ("x-a", &ValueMatch::Exact("b".into()))
    );
    assert!(matches!(rule.filters[0], HttpFilter::RequestHeaders(_)));
    assert_eq!(rule.backends[0].weight, 2);
    assert_eq!(
        findings.unresolved_refs(crate::translate::Extensions::Served),
        None
    );
}
