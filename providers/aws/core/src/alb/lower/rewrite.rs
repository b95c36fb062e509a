//! `URLRewrite` as transforms.
//!
//! "A rule transform rewrites inbound requests before they are routed to targets"
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html>): a URL rewrite sees path
//! and query, and replaces what its expression matches. Every expression here begins at the front, so that it matches
//! once, and ends before the query, so that the query stays. Without a match the request stays as it is.

use super::literal::quoted;
use super::paths::Change;
use super::report::{Place, Report, Verdict};
use crate::alb::rule::{Rewrite, Transforms};
use gatewright_model::filter::UrlRewrite;
use gatewright_model::host::is_authority;
use gatewright_model::route::HttpMatch;
use gatewright_provider_api::Feature;
use gatewright_provider_api::support::USE_SOFTWARE;

/// Longest expression and longest replacement
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RewriteConfig.html>).
const MAX: usize = 1024;

/// The transforms of a filter for one match; none when they cannot be expressed, which is reported.
pub(super) fn transforms(
    rewrite: &UrlRewrite,
    matched: &HttpMatch,
    place: &Place,
    report: &mut Report,
) -> Option<Transforms> {
    let UrlRewrite { hostname, path } = rewrite;
    let mut verdict = Verdict::Served;
    let mut found = Transforms::default();
    if let Some(hostname) = hostname {
        let place = place.at(".urlRewrite.hostname");
        verdict = verdict.and(report.uses(Feature::RewriteHost, &place));
        // The API's own rule for hostnames; text that breaks it must not become a Host header.
        if is_authority(hostname) && !hostname.contains('$') {
            found.host = Some(Rewrite {
                regex: "^.*$".into(),
                replace: hostname.clone(),
            });
        } else {
            let why = format!("{hostname:?} is not a hostname");
            verdict = verdict.and(report.refuse(&place, &why, "use a DNS name"));
        }
    }
    if path.is_some() {
        let place = place.at(".urlRewrite.path");
        verdict = verdict.and(report.uses(Feature::RewritePath, &place));
        match of_path(&Change::new(path.as_ref(), &matched.path)) {
            Ok(url) => found.url = url,
            Err(why) => verdict = verdict.and(report.refuse(&place, &why, USE_SOFTWARE)),
        }
    }
    (verdict == Verdict::Served).then_some(found)
}

fn of_path(change: &Change) -> Result<Option<Rewrite>, String> {
    let (regex, replace) = match change {
        Change::None => return Ok(None),
        Change::Whole(path) => ("^[^?]*".to_owned(), path.clone()),
        Change::Prefix { from, to } if from.is_empty() => ("^/".to_owned(), format!("{to}/")),
        // What follows the prefix begins with a slash or is nothing; of nothing a slash is left.
        Change::Prefix { from, to } if to.is_empty() => (format!("^{}/?", quoted(from)), "/".to_owned()),
        Change::Prefix { from, to } => (format!("^{}", quoted(from)), to.clone()),
    };
    // `$1` stands for a group; no page says how a dollar sign of its own is written.
    if replace.contains('$') {
        return Err("a replacement cannot hold a dollar sign".to_owned());
    }
    for (what, text) in [("expression", &regex), ("replacement", &replace)] {
        let length = text.chars().count();
        if length > MAX {
            return Err(format!(
                "the {what} of a rewrite has at most {MAX} characters, this one {length}"
            ));
        }
    }
    Ok(Some(Rewrite {
        regex: regex.into(),
        replace: replace.into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_model::filter::PathModifier;
    use gatewright_model::route::PathMatch;

    /// Applies a rewrite as an ALB documents it: the first match is replaced.
    fn rewritten(modifier: &PathModifier, matched: &PathMatch, url: &str) -> String {
        match of_path(&Change::new(Some(modifier), matched)).unwrap() {
            None => url.to_owned(),
            Some(Rewrite { regex, replace }) => {
                let regex = regex::Regex::new(&regex).unwrap();
                regex.replace(url, &*replace).into_owned()
            }
        }
    }

    /// The table of `HTTPPathModifier.replacePrefixMatch`, with and without a query.
    #[test]
    fn prefixes_are_replaced_as_the_specification_tabulates() {
        for (path, prefix, with, expected) in [
            ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
            ("/foo", "/foo", "/xyz", "/xyz"),
            ("/foo/", "/foo", "/xyz", "/xyz/"),
            ("/foo/bar", "/foo", "", "/bar"),
            ("/foo/", "/foo", "", "/"),
            ("/foo", "/foo", "", "/"),
            ("/foo/", "/foo", "/", "/"),
            ("/foo", "/foo", "/", "/"),
            ("/a/b", "/", "/xyz", "/xyz/a/b"),
            ("/", "/", "/xyz", "/xyz/"),
            ("/", "/", "/", "/"),
            ("/a.b/c", "/a.b", "/a+b", "/a+b/c"),
            ("/a/a", "/a", "/b", "/b/a"),
            ("/prefix/one/two", "/prefix/one", "/one", "/one/two"),
        ] {
            let modifier = PathModifier::ReplacePrefixMatch(with.into());
            let matched = PathMatch::Prefix(prefix.into());
            for query in ["", "?x=/foo/a?b"] {
                let found = rewritten(&modifier, &matched, &format!("{path}{query}"));
                assert_eq!(found, format!("{expected}{query}"), "{path} {prefix} {with}");
            }
        }
    }

    #[test]
    fn the_whole_path_is_replaced_and_the_query_stays() {
        let modifier = PathModifier::ReplaceFullPath("/one two".into());
        for matched in [PathMatch::Prefix("/a".into()), PathMatch::Regex("/.*".into())] {
            assert_eq!(rewritten(&modifier, &matched, "/a/b?c=/d"), "/one%20two?c=/d");
            assert_eq!(rewritten(&modifier, &matched, "/"), "/one%20two");
        }
    }

    /// `replacePrefixMatch` means something for prefixes alone.
    #[test]
    fn other_matches_have_no_prefix() {
        let modifier = PathModifier::ReplacePrefixMatch("/x".into());
        assert_eq!(rewritten(&modifier, &PathMatch::Exact("/a".into()), "/a"), "/a");
    }

    #[test]
    fn what_would_be_a_group_is_refused() {
        assert!(of_path(&Change::Whole("/$1".to_owned())).is_err());
        assert!(of_path(&Change::Whole("/x".repeat(513))).is_err());
        assert!(
            of_path(&Change::Prefix {
                from: "/$1".to_owned(),
                to: "/a".to_owned()
            })
            .is_ok()
        );
    }
}
