use super::super::report::Consequence;
use super::*;
use crate::alb::settings::Approximations;

fn any() -> HttpMatch {
    HttpMatch {
        path: PathMatch::Prefix("/".into()),
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
    }
}

fn exact(name: &str) -> HeaderMatch {
    HeaderMatch {
        name: name.into(),
        value: ValueMatch::Exact("v".into()),
    }
}

fn lowered(
    host: &str,
    conditions: &HttpMatch,
    approximations: Approximations,
) -> (Option<Conditions>, Vec<(String, bool)>) {
    let host = HostPattern::parse(host);
    let wanted = Wanted {
        host: &host,
        kind: RouteKind::Http,
        conditions,
        sources: &BTreeSet::new(),
    };
    let mut report = Report::new(approximations);
    let place = Place::new("HTTPRoute a/b", "m", Consequence::MatchLeftOut);
    let found = wanted.lower(&AlbLimits::default(), &place, &mut report);
    let items = report.into_items();
    (
        found,
        items
            .iter()
            .map(|item| (item.field.to_string(), item.approximated))
            .collect(),
    )
}

fn serve(host: &str, conditions: &HttpMatch) -> Conditions {
    lowered(host, conditions, Approximations::Serve).0.unwrap()
}

/// API_CreateRule: a rule has conditions.
#[test]
fn a_match_of_everything_still_has_a_condition() {
    assert_eq!(serve("*", &any()), everything());
    let found = serve("a.example", &any());
    assert_eq!(found.path, None);
    assert_eq!(count(&found), 1);
}

/// load-balancer-limits.html: five values in a rule. A prefix takes two, or one as an expression.
#[test]
fn a_prefix_takes_one_value_where_two_do_not_fit() {
    let mut wanted = any();
    wanted.path = PathMatch::Prefix("/a".into());
    wanted.method = Some("GET".into());
    wanted.headers = vec![exact("x")];
    let found = serve("a.example", &wanted);
    assert!(matches!(&found.path, Some(Values::Wildcards(values)) if values.len() == 2));
    assert_eq!(count(&found), 5);

    wanted.headers.push(exact("y"));
    let found = serve("a.example", &wanted);
    assert_eq!(found.path, Some(Values::Regex(["^/a(/.*)?$".into()].into())));
    assert_eq!(count(&found), 5);

    wanted.headers.push(exact("z"));
    let (found, items) = lowered("a.example", &wanted, Approximations::Serve);
    assert_eq!(found, None);
    assert!(items.contains(&("m".to_owned(), false)), "{items:?}");
}

#[test]
fn every_fault_of_a_match_is_told() {
    let mut wanted = any();
    wanted.path = PathMatch::Regex(r"/\pL".into());
    wanted.method = Some("get".into());
    wanted.headers = vec![exact("host"), exact("x")];
    wanted.query = vec![QueryMatch {
        name: "q".into(),
        value: ValueMatch::Regex("a".into()),
    }];
    let (found, items) = lowered("a.example", &wanted, Approximations::Serve);
    assert_eq!(found, None);
    let fields: Vec<&str> = items.iter().filter(|item| !item.1).map(|item| &*item.0).collect();
    assert_eq!(
        fields,
        ["m.headers[host]", "m.method", "m.path", "m.queryParams[q]"]
    );
}

/// API_HttpHeaderConditionConfig, API_QueryStringConditionConfig: "The comparison is case insensitive."
#[test]
fn values_of_any_case_are_reported_and_can_be_refused() {
    let mut wanted = any();
    wanted.headers = vec![exact("x")];
    wanted.query = vec![QueryMatch {
        name: "q".into(),
        value: ValueMatch::Exact("v".into()),
    }];
    let (found, items) = lowered("*", &wanted, Approximations::Serve);
    let found = found.unwrap();
    assert_eq!(
        (found.headers.len(), found.queries.len(), found.path),
        (1, 1, None)
    );
    assert!(items.iter().all(|item| item.1) && items.len() == 2, "{items:?}");
    let (found, items) = lowered("*", &wanted, Approximations::Refuse);
    assert_eq!(found, None);
    assert!(items.iter().all(|item| !item.1) && items.len() == 2, "{items:?}");
}

/// API_HostHeaderConditionConfig: "at least one "." character", "only alphabetical characters after the final "." character".
#[test]
fn hosts_that_become_expressions_are_reported_and_can_be_refused() {
    for host in ["localhost", "a.xn--p1ai", "*.zone1"] {
        let (found, items) = lowered(host, &any(), Approximations::Serve);
        assert!(matches!(found.unwrap().host, Some(Values::Regex(_))), "{host}");
        assert_eq!(items, [("m".to_owned(), true)], "{host}");
        let (found, items) = lowered(host, &any(), Approximations::Refuse);
        assert_eq!((found, items), (None, vec![("m".to_owned(), false)]), "{host}");
    }
    for host in ["a.example", "*.a.example", "*"] {
        let (_, items) = lowered(host, &any(), Approximations::Refuse);
        assert!(items.is_empty(), "{host}: {items:?}");
    }
}

#[test]
fn paths_of_requests_are_in_canonical_form() {
    let mut wanted = any();
    wanted.path = PathMatch::Exact("/%7euser".into());
    assert_eq!(
        serve("*", &wanted).path,
        Some(Values::Wildcards(["/~user".into()].into()))
    );
    wanted.path = PathMatch::Prefix("/a/".into());
    assert_eq!(
        serve("*", &wanted).path,
        Some(Values::Wildcards(["/a".into(), "/a/*".into()].into()))
    );
}
