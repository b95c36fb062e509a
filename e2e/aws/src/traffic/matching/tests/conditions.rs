//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>

use super::{ASKED, Asked, header, host, table, url};
use serde_json::json;

#[test]
fn host_names() {
    // "The rule *.example.com matches test.example.com but doesn't match example.com."
    table(
        json!([{"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}}]),
        &[
            host("test.example.com"),
            host("a.b.example.com"),
            host("TEST.Example.COM"),
        ],
        &[
            host("example.com"),
            host("test.example.org"),
            host("test.example.com.org"),
        ],
    );
    // `?` "matches exactly 1 character"; the whole name is compared.
    table(
        json!([{"Field": "host-header", "Values": ["a?.example.com", "b.example.com"]}]),
        &[host("ab.example.com"), host("b.example.com")],
        &[
            host("a.example.com"),
            host("abc.example.com"),
            host("xb.example.com"),
            host(""),
        ],
    );
}

#[test]
fn host_names_by_expression() {
    table(
        json!([{"Field": "host-header", "HostHeaderConfig": {"RegexValues": ["^(.+)\\.example\\.com$"]}}]),
        &[host("test.example.com"), host("TEST.EXAMPLE.com")],
        &[host("example.com"), host("test.examplexcom")],
    );
}

#[test]
fn paths() {
    // The examples `/img/*` and `/img/*/pics`; "a path pattern is case-sensitive", and "is applied only to the path of
    // the URL, not to its query parameters".
    table(
        json!([{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/img/*"]}}]),
        &[
            url("/img/picture.jpg"),
            url("/img/"),
            url("/img/a/b"),
            url("/img/x?y=/z"),
        ],
        &[
            url("/img"),
            url("/IMG/picture.jpg"),
            url("/a/img/b"),
            url("/?/img/x"),
        ],
    );
    table(
        json!([{"Field": "path-pattern", "Values": ["/img/*/pics"]}]),
        &[
            url("/img/a/pics"),
            url("/img/a/b/pics"),
            url("/img//pics"),
            url("/img/pics/pics?a"),
        ],
        &[url("/img/pics"), url("/img/a/pics/"), url("/img/a/pics2")],
    );
    table(
        json!([{"Field": "path-pattern", "Values": ["/a?c"]}]),
        &[url("/abc")],
        &[url("/ac"), url("/abbc")],
    );
    // What it holds besides wildcards is plain: a dot is a dot, a backslash is one.
    table(
        json!([{"Field": "path-pattern", "Values": ["/a.b", "/c\\*d"]}]),
        &[url("/a.b"), url("/c\\xxd")],
        &[url("/axb"), url("/c*d")],
    );
    // Without decoding.
    table(
        json!([{"Field": "path-pattern", "Values": ["/a%20b"]}]),
        &[url("/a%20b")],
        &[url("/a b")],
    );
}

#[test]
fn paths_by_expression() {
    table(
        json!([{"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/api/(v[0-9]+)/"]}}]),
        &[url("/api/v1/x"), url("/api/v22/")],
        &[url("/api/v/x"), url("/x/api/v1/"), url("/API/v1/x")],
    );
    // Unanchored, it may match anywhere.
    table(
        json!([{"Field": "path-pattern", "RegexValues": ["pics"]}]),
        &[url("/a/pics/b")],
        &[url("/a/pic")],
    );
    // The query plays no part.
    table(
        json!([{"Field": "path-pattern", "RegexValues": ["^/a$"]}]),
        &[url("/a?b")],
        &[url("/ab?a")],
    );
}

#[test]
fn headers() {
    // "User-Agent header that matches one of the specified strings".
    table(
        json!([{"Field": "http-header",
                "HttpHeaderConfig": {"HttpHeaderName": "User-Agent", "Values": ["*Chrome*", "*Safari*"]}}]),
        &[
            header(&[("user-agent", "Mozilla/5.0 (X11; Linux) Chrome/99 Safari/537.36")]),
            header(&[("USER-AGENT", "chrome")]),
            header(&[("user-agent", "x safari")]),
        ],
        &[
            header(&[("user-agent", "curl/8")]),
            header(&[("x-user-agent", "Chrome")]),
            ASKED,
        ],
    );
    // "If the same header appears multiple times in the request, we search them in order until a match is found";
    // lines are not joined, and the whole value is compared.
    table(
        json!([{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-a", "Values": ["two"]}}]),
        &[header(&[("x-a", "one"), ("x-a", "TWO")])],
        &[header(&[("x-a", "one, two")]), header(&[("x-a", "two ")])],
    );
    // "To require that all of the strings are a match, create one condition per match evaluation."
    table(
        json!([
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-a", "Values": ["*one*"]}},
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-a", "Values": ["*two*"]}},
        ]),
        &[
            header(&[("x-a", "one two")]),
            header(&[("x-a", "one"), ("x-a", "two")]),
        ],
        &[header(&[("x-a", "one")])],
    );
}

#[test]
fn headers_by_expression() {
    table(
        json!([{"Field": "http-header",
                "HttpHeaderConfig": {"HttpHeaderName": "x-a", "RegexValues": ["^v[12]$"]}}]),
        &[header(&[("x-a", "v1")]), header(&[("x-a", "x"), ("x-a", "v2")])],
        &[
            header(&[("x-a", "v3")]),
            header(&[("x-a", "V1")]),
            header(&[("x-a", "v12")]),
        ],
    );
}

#[test]
fn only_visible_characters_are_matched() {
    // "Rules are applied only to visible ASCII characters".
    table(
        json!([{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-a", "Values": ["a*b"]}}]),
        &[header(&[("x-a", "a ~b")])],
        &[header(&[("x-a", "a\tb")]), header(&[("x-a", "aéb")])],
    );
}

#[test]
fn methods() {
    // "The match evaluation is case-sensitive. Wildcard characters are not supported".
    let method = |method| Asked { method, ..ASKED };
    table(
        json!([{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["CUSTOM-METHOD", "P*"]}}]),
        &[method("CUSTOM-METHOD"), method("P*")],
        &[method("custom-method"), method("POST"), method("GET")],
    );
}

#[test]
fn queries() {
    // "a key/value pair of "version=v1" or any key set to "example"".
    table(
        json!([{"Field": "query-string", "QueryStringConfig": {"Values": [
            {"Key": "version", "Value": "v1"}, {"Value": "*example*"}]}}]),
        &[
            url("/?version=v1"),
            url("/?a=b&VERSION=V1"),
            url("/?x=an-example-b"),
            url("/?version=v1?&version=v1"),
            url("/?Example"),
        ],
        &[
            url("/?version=v2"),
            url("/"),
            url("/version=v1"),
            url("/?xversion=v1"),
            url("/?example=a"),
        ],
    );
    // A key is compared with wildcards too, a value may be empty.
    table(
        json!([{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v*", "Value": "*"}]}}]),
        &[url("/?v"), url("/?version="), url("/?v=1")],
        &[url("/?x=v"), url("/")],
    );
}

#[test]
fn escapes_in_queries() {
    // "To search for a literal '*' or '?' character in a query string, you must escape these characters in Values
    // using a '\' character."
    table(
        json!([{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "q", "Value": "a\\*b\\?"}]}}]),
        &[url("/?q=a*b?")],
        &[url("/?q=axb?"), url("/?q=a*bx"), url("/?q=a\\*b?")],
    );
}

#[test]
fn sources() {
    // The example's blocks; "this condition is not satisfied by the addresses in the X-Forwarded-For header".
    let from = |source| Asked { source, ..ASKED };
    let forwarded = Asked {
        headers: vec![("x-forwarded-for", "192.0.2.1")],
        ..ASKED
    };
    table(
        json!([{"Field": "source-ip",
                "SourceIpConfig": {"Values": ["192.0.2.0/24", "198.51.100.10/32", "2001:db8::/32"]}}]),
        &[
            from("192.0.2.255"),
            from("198.51.100.10"),
            from("2001:db8::1"),
            from("::ffff:192.0.2.1"),
        ],
        &[
            from("192.0.3.0"),
            from("198.51.100.11"),
            from("2001:db9::1"),
            forwarded,
        ],
    );
}
