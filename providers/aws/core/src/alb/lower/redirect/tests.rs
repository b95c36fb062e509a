use super::super::report::Consequence;
use super::*;
use crate::alb::settings::Approximations;
use gatewright_model::route::PathMatch;

const HTTP: Origin = Origin {
    port: 80,
    https: false,
};
const HTTPS: Origin = Origin {
    port: 443,
    https: true,
};

fn to(change: impl FnOnce(&mut filter::Redirect)) -> filter::Redirect {
    let mut redirect = filter::Redirect {
        scheme: None,
        hostname: None,
        path: None,
        port: None,
        status: 302,
    };
    change(&mut redirect);
    redirect
}

fn prefix(with: &str) -> Option<PathModifier> {
    Some(PathModifier::ReplacePrefixMatch(with.into()))
}

/// The URI of a redirect, or the fields that are refused.
fn lowered(redirect: &filter::Redirect, origin: Origin, path: &str) -> Result<String, Vec<String>> {
    let matched = HttpMatch {
        path: PathMatch::Prefix(path.into()),
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
    };
    let mut report = Report::new(Approximations::Serve);
    let place = Place::new("HTTPRoute a/b", "f", Consequence::Answers500);
    let found = action(redirect, origin, &matched, &place, &mut report);
    let items = report.into_items();
    match found {
        Some(rule::Redirect {
            protocol,
            host,
            port,
            path,
            query,
            status,
        }) => {
            assert!(items.iter().all(|item| item.approximated), "{items:?}");
            Ok(format!("{status} {protocol}://{host}:{port}{path}?{query}"))
        }
        None => Err(items.iter().map(|item| item.field.to_string()).collect()),
    }
}

/// Gateway API v1.7.0, `HTTPRequestRedirectFilter.port`.
#[test]
fn ports_follow_the_scheme() {
    let cases = [
        (
            to(|r| r.scheme = Some("https".into())),
            HTTP,
            "302 HTTPS://#{host}:443/#{path}?#{query}",
        ),
        (
            to(|r| r.scheme = Some("http".into())),
            Origin {
                port: 8080,
                https: false,
            },
            "302 HTTP://#{host}:80/#{path}?#{query}",
        ),
        (
            to(|r| r.hostname = Some("b.example".into())),
            HTTPS,
            "302 #{protocol}://b.example:#{port}/#{path}?#{query}",
        ),
        (
            to(|r| r.port = Some(8443)),
            HTTPS,
            "302 #{protocol}://#{host}:8443/#{path}?#{query}",
        ),
        (
            to(|r| {
                r.scheme = Some("https".into());
                r.port = Some(8443);
                r.status = 301;
            }),
            HTTP,
            "301 HTTPS://#{host}:8443/#{path}?#{query}",
        ),
    ];
    for (redirect, origin, expected) in cases {
        assert_eq!(lowered(&redirect, origin, "/"), Ok(expected.to_owned()));
    }
}

#[test]
fn whole_paths_are_replaced_and_prefixes_only_extended() {
    let full = to(|r| r.path = Some(PathModifier::ReplaceFullPath("/new".into())));
    assert_eq!(
        lowered(&full, HTTP, "/old"),
        Ok("302 #{protocol}://#{host}:#{port}/new?#{query}".to_owned())
    );

    let moved = |with: &str| {
        to(|r| {
            r.path = prefix(with);
            r.hostname = Some("b.example".into());
        })
    };
    let at = |path: &str| {
        Ok(format!(
            "302 #{{protocol}}://b.example:#{{port}}{path}?#{{query}}"
        ))
    };
    assert_eq!(lowered(&moved("/new"), HTTP, "/"), at("/new/#{path}"));
    assert_eq!(lowered(&moved("/v2/old/"), HTTP, "/old"), at("/v2/#{path}"));
    assert_eq!(lowered(&moved("/old"), HTTP, "/old"), at("/#{path}"));
    assert_eq!(lowered(&moved("/"), HTTP, "/"), at("/#{path}"));
    for with in ["/new", "/", ""] {
        assert_eq!(
            lowered(&moved(with), HTTP, "/old"),
            Err(vec!["f.requestRedirect.path".to_owned()])
        );
    }
}

/// API_RedirectActionConfig: not from HTTPS to HTTP, and not to where the request came from.
#[test]
fn what_aws_refuses_is_refused() {
    let http = to(|r| r.scheme = Some("http".into()));
    assert_eq!(
        lowered(&http, HTTPS, "/"),
        Err(vec!["f.requestRedirect.scheme".to_owned()])
    );
    let loops = ["f.requestRedirect".to_owned()];
    assert_eq!(lowered(&to(|_| {}), HTTP, "/"), Err(loops.to_vec()));
    assert_eq!(lowered(&http, HTTP, "/"), Err(loops.to_vec()));
    assert_eq!(
        lowered(&to(|r| r.port = Some(80)), HTTP, "/"),
        Err(loops.to_vec())
    );
    let extended = to(|r| r.path = prefix("/new"));
    assert_eq!(
        lowered(&extended, HTTP, "/"),
        Err(vec!["f.requestRedirect.path".to_owned()])
    );
    for status in [303, 307, 308] {
        let other = to(|r| {
            r.status = status;
            r.scheme = Some("https".into());
        });
        assert_eq!(
            lowered(&other, HTTP, "/"),
            Err(vec!["f.requestRedirect.statusCode".to_owned()])
        );
    }
    let long = to(|r| r.path = Some(PathModifier::ReplaceFullPath("/x".repeat(65).as_str().into())));
    assert_eq!(
        lowered(&long, HTTP, "/"),
        Err(vec!["f.requestRedirect.path".to_owned()])
    );
}
