//! Matches of routes as matches of rules.
//!
//! <https://docs.aws.amazon.com/vpc-lattice/latest/ug/listener-rules.html>,
//! <https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_HttpMatch.html>

use crate::Str;
use crate::alb::lower::report::{Place, Report, Verdict};
use crate::lattice::{HeaderMatch, Match, PathMatch as Path};
use gatewright_model::key::RouteKind;
use gatewright_model::path::canonical_value;
use gatewright_model::route::{HttpMatch, PathMatch, ValueMatch};
use gatewright_provider_api::Feature;
use gatewright_provider_api::support::USE_SOFTWARE;

/// Longest path and header value, in characters (`API_PathMatchType`, `API_HeaderMatchType`).
const LONGEST: usize = 200;
/// Longest name of a header (`API_HeaderMatch`).
const LONGEST_NAME: usize = 100;
/// Longest method (`API_HttpMatch`).
const LONGEST_METHOD: usize = 16;
/// Header matches of a rule (`API_HttpMatch`).
const HEADERS: usize = 5;

/// The matches that stand for one of a route, each a rule of its own; none when it cannot be expressed, which is reported.
pub(super) fn lower(
    wanted: &HttpMatch,
    kind: RouteKind,
    place: &Place,
    report: &mut Report,
) -> Option<Vec<Match>> {
    let HttpMatch {
        path,
        method,
        headers,
        query,
    } = wanted;
    let mut verdict = Verdict::Served;
    let mut found = Match::default();
    if let Some(method) = method {
        let at = place.at(".method");
        verdict = verdict.and(report.uses(Feature::Method, &at));
        if method.chars().count() > LONGEST_METHOD {
            let why = format!("a method has at most {LONGEST_METHOD} characters");
            verdict = verdict.and(report.refuse(&at, &why, USE_SOFTWARE));
        }
        found.method = Some(method.clone());
    }
    for header in headers {
        let at = place.at(&format!(".headers[{}]", header.name));
        let value = match &header.value {
            ValueMatch::Exact(value) => value,
            ValueMatch::Regex(_) => {
                verdict = verdict.and(report.uses(Feature::HeaderRegex, &at));
                continue;
            }
        };
        match fits(&header.name, value) {
            Ok(()) => {
                verdict = verdict.and(report.uses(Feature::HeaderExact, &at));
                found.headers.insert(HeaderMatch {
                    name: header.name.to_ascii_lowercase().into(),
                    value: value.clone(),
                });
            }
            Err(why) => verdict = verdict.and(report.refuse(&at, &why, USE_SOFTWARE)),
        }
    }
    if found.headers.len() > HEADERS {
        let why = format!(
            "a rule has at most {HEADERS} header matches, this one {}",
            found.headers.len()
        );
        verdict = verdict.and(report.refuse(&place.at(".headers"), &why, USE_SOFTWARE));
    }
    for parameter in query {
        let feature = match &parameter.value {
            ValueMatch::Exact(_) => Feature::QueryExact,
            ValueMatch::Regex(_) => Feature::QueryRegex,
        };
        let at = place.at(&format!(".queryParams[{}]", parameter.name));
        verdict = verdict.and(report.uses(feature, &at));
    }
    let at = place.at(if kind == RouteKind::Grpc {
        ".method"
    } else {
        ".path"
    });
    let paths = paths(path, kind, &at, report);
    if verdict.is_refused() {
        return None;
    }
    let rules = paths?.into_iter().map(|path| Match {
        path,
        ..found.clone()
    });
    Some(rules.collect())
}

/// Paths, each of which is a rule. No page says whether a prefix ends at a slash, so that a prefix is written as the path
/// itself and everything behind its slash: both readings give the same.
fn paths(path: &PathMatch, kind: RouteKind, place: &Place, report: &mut Report) -> Option<Vec<Option<Path>>> {
    let mut checked = |text: String| -> Option<Str> {
        match path_fits(&text) {
            Ok(()) => Some(text.into()),
            Err(why) => {
                let _ = report.refuse(place, &why, USE_SOFTWARE);
                None
            }
        }
    };
    match path {
        PathMatch::Exact(path) => {
            let path = checked(canonical_value(path).into_owned())?;
            Some(vec![Some(Path::Exact(path))])
        }
        PathMatch::Prefix(path) => {
            let canonical = canonical_value(path);
            let prefix = canonical.trim_end_matches('/');
            if prefix.is_empty() {
                return Some(vec![None]);
            }
            let below = Path::Prefix(checked(format!("{prefix}/"))?);
            // A call of gRPC always names a method.
            if kind == RouteKind::Grpc {
                return Some(vec![Some(below)]);
            }
            Some(vec![Some(Path::Exact(checked(prefix.to_owned())?)), Some(below)])
        }
        PathMatch::Regex(_) => {
            let _ = report.uses(Feature::PathRegex, place);
            None
        }
        PathMatch::GrpcMethod(_) => {
            let why = "a path match is exact or a prefix, and a method without its service is neither";
            let _ = report.refuse(place, why, "name the service");
            None
        }
    }
}

/// `API_PathMatchType`: `/[a-zA-Z0-9@:%_+.~#?&/=-]*`, at most 200 characters.
fn path_fits(path: &str) -> Result<(), String> {
    let length = path.chars().count();
    if length > LONGEST {
        return Err(format!(
            "a path match has at most {LONGEST} characters, this one {length}"
        ));
    }
    let sound = |found: &char| found.is_ascii_alphanumeric() || "@:%_+.~#?&/=-".contains(*found);
    match path.chars().find(|found| !sound(found)) {
        Some(found) => Err(format!("a path match cannot hold {found:?}")),
        None => Ok(()),
    }
}

fn fits(name: &str, value: &str) -> Result<(), String> {
    if name.chars().count() > LONGEST_NAME {
        return Err(format!(
            "the name of a header match has at most {LONGEST_NAME} characters"
        ));
    }
    match value.chars().count() {
        0 => Err("the value of a header match has at least one character".to_owned()),
        length if length > LONGEST => Err(format!(
            "the value of a header match has at most {LONGEST} characters, this one {length}"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alb::lower::report::Consequence;
    use crate::alb::settings::Approximations;
    use gatewright_model::route::{HeaderMatch as Header, QueryMatch};
    use gatewright_provider_api::Provider;
    use std::collections::BTreeSet;

    /// Rules, and how many reasons there are against them.
    fn of(wanted: &HttpMatch, kind: RouteKind) -> (Option<BTreeSet<Match>>, usize) {
        let mut report = Report::of(Provider::AwsLattice, Approximations::Serve);
        let place = Place::new("HTTPRoute a/b", "f", Consequence::MatchLeftOut);
        let found = lower(wanted, kind, &place, &mut report);
        let refused = report
            .into_items()
            .iter()
            .filter(|item| !item.approximated)
            .count();
        (found.map(|found| found.into_iter().collect()), refused)
    }

    fn path(path: PathMatch) -> HttpMatch {
        HttpMatch::of_path(path)
    }

    fn only(path: Path) -> Match {
        Match {
            path: Some(path),
            ..Match::default()
        }
    }

    #[test]
    fn a_prefix_ends_at_a_slash_whatever_lattice_means_by_it() {
        let (found, refused) = of(&path(PathMatch::Prefix("/shop/".into())), RouteKind::Http);
        let wanted = BTreeSet::from([
            only(Path::Exact("/shop".into())),
            only(Path::Prefix("/shop/".into())),
        ]);
        assert_eq!((found, refused), (Some(wanted), 0));
        let (found, _) = of(&path(PathMatch::Prefix("/".into())), RouteKind::Http);
        assert_eq!(found, Some(BTreeSet::from([Match::default()])));
        let (found, _) = of(&path(PathMatch::Prefix("/a.B".into())), RouteKind::Grpc);
        assert_eq!(found, Some(BTreeSet::from([only(Path::Prefix("/a.B/".into()))])));
    }

    /// API_PathMatchType, API_HeaderMatchType, API_HttpMatch.
    #[test]
    fn what_lattice_does_not_take_is_refused() {
        let long = format!("/{}", "x".repeat(200));
        for refused in [
            path(PathMatch::Exact(long.as_str().into())),
            path(PathMatch::Exact("/a*b".into())),
            path(PathMatch::Regex("/a.*".into())),
            path(PathMatch::GrpcMethod("Get".into())),
            HttpMatch {
                query: vec![QueryMatch {
                    name: "a".into(),
                    value: ValueMatch::Exact("b".into()),
                }],
                ..path(PathMatch::Prefix("/".into()))
            },
            HttpMatch {
                headers: vec![Header {
                    name: "a".into(),
                    value: ValueMatch::Regex("b".into()),
                }],
                ..path(PathMatch::Prefix("/".into()))
            },
            HttpMatch {
                headers: (0..6)
                    .map(|number| Header {
                        name: format!("h{number}").into(),
                        value: ValueMatch::Exact("v".into()),
                    })
                    .collect(),
                ..path(PathMatch::Prefix("/".into()))
            },
        ] {
            let (found, count) = of(&refused, RouteKind::Http);
            assert_eq!((found, count), (None, 1), "{refused:?}");
        }
    }
}
