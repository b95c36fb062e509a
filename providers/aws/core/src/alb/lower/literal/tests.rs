use super::*;

fn globs<const N: usize>(values: [&str; N]) -> Values {
    Values::Wildcards(values.into_iter().map(Str::from).collect())
}

fn expression(value: &str) -> Values {
    Values::Regex([Str::from(value)].into())
}

/// add-rule.html, "Host header", "Value matching": at least one dot, only letters behind the last.
#[test]
fn hosts() {
    let of = |text: &str| host(&HostPattern::parse(text));
    assert_eq!(of("*"), Ok(None));
    assert_eq!(of("a.example.com"), Ok(Some(globs(["a.example.com"]))));
    assert_eq!(of("*.example.com"), Ok(Some(globs(["*.example.com"]))));
    assert_eq!(of("localhost"), Ok(Some(expression("^localhost(:[0-9]+)?$"))));
    assert_eq!(of("x.xn--p1ai"), Ok(Some(expression(r"^x\.xn--p1ai(:[0-9]+)?$"))));
    assert_eq!(of("*.zone1"), Ok(Some(expression(r"^.+\.zone1(:[0-9]+)?$"))));
    let long = format!("{}.example.com", ["l".repeat(58), "m".repeat(58)].join("."));
    assert_eq!(long.len(), 129);
    assert!(
        of(&long)
            .unwrap_err()
            .contains("at most 128 characters, this one 129")
    );
}

/// API_RuleCondition, `Values`, of path patterns.
#[test]
fn paths_are_never_patterns() {
    assert_eq!(path("/a-b_c.d~e@f:g+h$'i"), Ok(globs(["/a-b_c.d~e@f:g+h$'i"])));
    assert_eq!(path("/a*b"), Ok(expression(r"^/a\*b$")));
    assert_eq!(path("/a%20b(c)"), Ok(expression(r"^/a%20b\(c\)$")));
    assert_eq!(path("/a,b"), Ok(expression("^/a,b$")));
    assert_eq!(path("/a&b"), Ok(expression("^/a&b$")));
    assert!(path(&"/x".repeat(65)).is_err());
    assert!(path(&"/x".repeat(64)).is_ok());
}

#[test]
fn prefixes_take_whole_elements() {
    assert_eq!(prefix_values("/a"), Some(globs(["/a", "/a/*"])));
    assert_eq!(prefix_values("/a*"), None);
    assert_eq!(
        prefix_values(&format!("/{}", "a".repeat(125))).map(|_| ()),
        Some(())
    );
    assert_eq!(prefix_values(&format!("/{}", "a".repeat(126))), None);
    assert_eq!(prefix_expression("/a.b*"), Ok(expression(r"^/a\.b\*(/.*)?$")));
    assert_eq!(grpc_method("Get.It"), Ok(expression(r"^/[^/]+/Get\.It$")));
}

/// API_HttpHeaderConditionConfig: `*` and `?` are wildcards, no escape is documented.
#[test]
fn header_values_are_never_patterns() {
    assert_eq!(header("a,b c"), Ok(globs(["a,b c"])));
    assert_eq!(header("*/*"), Ok(expression(r"^\*/\*$")));
    assert_eq!(header(r"a\b?"), Ok(expression(r"^a\\b\?$")));
    assert!(header("ü").is_err());
    assert!(header("").is_err());
    assert!(header(&"v".repeat(129)).is_err());
    assert!(header_name("host").is_err());
    assert!(header_name(&"n".repeat(41)).is_err());
    assert!(header_name("x-version").is_ok());
}

/// API_QueryStringConditionConfig: `*` and `?` are escaped with a backslash.
#[test]
fn query_values_are_escaped() {
    assert_eq!(query("a*b?c"), Ok(r"a\*b\?c".into()));
    assert_eq!(query("a,b;c=d"), Ok("a,b;c=d".into()));
    for refused in ["a b", "a&b", "a+b", "100%", r"a\b", "ü", "", &"*".repeat(65)] {
        assert!(query(refused).is_err(), "{refused}");
    }
}

/// API_HttpRequestMethodConditionConfig.
#[test]
fn methods() {
    assert_eq!(method("GET"), Ok("GET".into()));
    assert_eq!(method("M-SEARCH"), Ok("M-SEARCH".into()));
    for refused in ["get", "", "A B", &"A".repeat(41)] {
        assert!(method(refused).is_err());
    }
}
