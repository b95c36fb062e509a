//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html>

use super::{ASKED, rules};
use crate::traffic::matching::{Failed, Rewritten, Transforms};
use serde_json::{Value, json};

fn transforms(transforms: Value) -> Transforms {
    let rules = rules(json!([{
        "RuleArn": "it",
        "Priority": "1",
        "Conditions": [{"Field": "path-pattern", "Values": ["*"]}],
        "Actions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
        "Transforms": transforms,
    }]));
    ASKED.see(|request| rules.decide(request).unwrap().transforms.clone())
}

fn rewrite(kind: &str, regex: &str, replace: &str) -> Value {
    let member = if kind == "url-rewrite" {
        "UrlRewriteConfig"
    } else {
        "HostHeaderRewriteConfig"
    };
    json!([{"Type": kind, member: {"Rewrites": [{"Regex": regex, "Replace": replace}]}}])
}

fn url(regex: &str, replace: &str, from: &str) -> Result<Option<String>, Failed> {
    let rewritten = transforms(rewrite("url-rewrite", regex, replace)).apply("example.com", from)?;
    Ok(rewritten.url.map(|url| url.to_string()))
}

#[test]
fn the_page_s_host_example() {
    let host = transforms(rewrite(
        "host-header-rewrite",
        "^mywebsite-(.+).com$",
        "internal.dev.$1.myweb.com",
    ));
    let rewritten = host.apply("mywebsite-example.com", "/project-a").unwrap();
    assert_eq!(
        rewritten,
        Rewritten {
            host: Some("internal.dev.example.myweb.com".to_owned()),
            url: None
        }
    );
    // "If there is no pattern match, the original request is sent to the target."
    assert_eq!(host.apply("other.com", "/").unwrap(), Rewritten::default());
}

#[test]
fn the_page_s_url_example() {
    let of = |from| url("^/dp/([A-Za-z0-9]+)/?$", "/product.php?id=$1", from).unwrap();
    assert_eq!(of("/dp/B09G3HRMW").as_deref(), Some("/product.php?id=B09G3HRMW"));
    assert_eq!(of("/dp/B09G3HRMW/").as_deref(), Some("/product.php?id=B09G3HRMW"));
    assert_eq!(of("/dq/B09G3HRMW"), None);
}

#[test]
fn path_and_query_are_one_text() {
    // As AWS's own controller replaces a path and keeps the query.
    assert_eq!(
        url("^([^?]*)", "/new", "/old/path?a=b").unwrap().as_deref(),
        Some("/new?a=b")
    );
    assert_eq!(
        url("(^/foo(/)?)", "/cat$2", "/foo/bar?x").unwrap().as_deref(),
        Some("/cat/bar?x")
    );
    assert_eq!(
        url("(^/foo(/)?)", "/cat$2", "/foo").unwrap().as_deref(),
        Some("/cat")
    );
}

#[test]
fn replacements() {
    // The first match alone; what is around it stays; `$` before anything but a digit is itself.
    assert_eq!(url("b", "x", "/abab").unwrap().as_deref(), Some("/axab"));
    assert_eq!(
        url("^/(a)(b)?$", "/$2$1$0", "/a").unwrap().as_deref(),
        Some("/a/a")
    );
    assert_eq!(url("^/a$", "/$x$", "/a").unwrap().as_deref(), Some("/$x$"));
    assert_eq!(url("^/(a)$", "/$10", "/a").unwrap().as_deref(), Some("/a0"));
}

#[test]
fn a_match_whose_transform_fails_is_an_error() {
    // "If there is a pattern match but the transform fails, we return an HTTP 500 error."
    for (regex, replace) in [
        ("^/a", "b"),
        ("^/a", ""),
        ("^/a", "/ b"),
        ("^/(a)", "/$2"),
        ("^/a", "/b#c"),
    ] {
        assert_eq!(url(regex, replace, "/a"), Err(Failed), "{regex} {replace}");
    }
    let host = transforms(rewrite("host-header-rewrite", ".*", "not a host"));
    assert_eq!(host.apply("example.com", "/"), Err(Failed));
}
