//! Matches of routes as conditions.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>

use super::expression;
use super::literal::{self, Refusal};
use super::report::{Place, Report, Verdict};
use crate::Str;
use crate::alb::rule::{Conditions, HeaderCondition, QueryValue, Values};
use crate::limits::AlbLimits;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::RouteKind;
use gatewright_model::path::canonical_value;
use gatewright_model::route::{HeaderMatch, HttpMatch, PathMatch, QueryMatch, ValueMatch};
use gatewright_provider_api::Feature;
use gatewright_provider_api::mapping::words::HOST_BY_EXPRESSION;
use gatewright_provider_api::support::USE_SOFTWARE;
use ipnet::IpNet;
use std::collections::BTreeSet;

/// Conditions that hold for every request; a rule needs at least one.
pub(super) fn everything() -> Conditions {
    Conditions {
        path: Some(Values::Wildcards(BTreeSet::from(["/*".into()]))),
        ..Conditions::default()
    }
}

/// Conditions for a hostname, whatever the request.
pub(super) fn of_host(host: &HostPattern) -> Result<Conditions, Refusal> {
    Ok(match literal::host(host)? {
        None => everything(),
        host => Conditions {
            host,
            ..Conditions::default()
        },
    })
}

/// What a rule is to match.
pub(super) struct Wanted<'a> {
    /// Hostname.
    pub host: &'a HostPattern,
    /// Kind of the route.
    pub kind: RouteKind,
    /// The rest.
    pub conditions: &'a HttpMatch,
    /// Networks that requests must come from; empty for all.
    pub sources: &'a BTreeSet<IpNet>,
}

impl Wanted<'_> {
    /// Whether every request for the host matches.
    pub(super) fn takes_all(&self) -> bool {
        let HttpMatch {
            path,
            method,
            headers,
            query,
        } = self.conditions;
        let any_path =
            matches!(path, PathMatch::Prefix(path) if canonical_value(path).trim_end_matches('/').is_empty());
        any_path && method.is_none() && headers.is_empty() && query.is_empty() && self.sources.is_empty()
    }

    /// The conditions of a rule; none when some cannot be expressed, each of which is reported at its place below the
    /// match.
    pub(super) fn lower(&self, limits: &AlbLimits, place: &Place, report: &mut Report) -> Option<Conditions> {
        let HttpMatch {
            path,
            method,
            headers,
            query,
        } = self.conditions;
        let mut verdict = Verdict::Served;
        let mut found = Conditions {
            sources: self
                .sources
                .iter()
                .map(|network| network.trunc().to_string().into())
                .collect(),
            ..Conditions::default()
        };
        match literal::host(self.host) {
            Ok(host) => {
                if matches!(host, Some(Values::Regex(_))) {
                    let difference = format!("hostname {}: {HOST_BY_EXPRESSION}", self.host);
                    verdict = report.approximate(place, &difference);
                }
                found.host = host;
            }
            Err(why) => {
                let why = format!("hostname {}: {why}", self.host);
                verdict = report.refuse(place, &why, "use a shorter hostname");
            }
        }
        if let Some(method) = method {
            match literal::method(method) {
                Ok(method) => {
                    found.methods.insert(method);
                }
                Err(why) => verdict = report.refuse(&place.at(".method"), &why, USE_SOFTWARE),
            }
        }
        for wanted in headers {
            match header(wanted, place, report) {
                Some(condition) => {
                    found.headers.insert(condition);
                }
                None => verdict = Verdict::Refused,
            }
        }
        for wanted in query {
            match parameter(wanted, place, report) {
                Some(value) => {
                    found.queries.insert(BTreeSet::from([value]));
                }
                None => verdict = Verdict::Refused,
            }
        }
        let others = count(&found);
        match lower_path(path, limits.values_per_rule.saturating_sub(others)) {
            Ok(path) => found.path = path,
            Err(why) => {
                let field = if self.kind == RouteKind::Grpc {
                    ".method"
                } else {
                    ".path"
                };
                verdict = report.refuse(&place.at(field), &why, USE_SOFTWARE);
            }
        }
        if verdict.is_refused() {
            return None;
        }
        if found == Conditions::default() {
            return Some(everything());
        }
        let needed = count(&found);
        if needed > limits.values_per_rule {
            let why = format!(
                "a rule compares at most {} values, this match needs {needed}",
                limits.values_per_rule
            );
            let _ = report.refuse(place, &why, "use fewer conditions, or ask AWS for a higher quota");
            return None;
        }
        Some(found)
    }
}

/// Values of all conditions, which a quota counts.
pub(super) fn count(conditions: &Conditions) -> u32 {
    let Conditions {
        host,
        path,
        methods,
        headers,
        queries,
        sources,
    } = conditions;
    let values = |values: &Values| match values {
        Values::Wildcards(values) | Values::Regex(values) => values.len(),
    };
    let sum = host.iter().chain(path).map(values).sum::<usize>()
        + methods.len()
        + headers.iter().map(|header| values(&header.values)).sum::<usize>()
        + queries.iter().map(BTreeSet::len).sum::<usize>()
        + sources.len();
    u32::try_from(sum).unwrap_or(u32::MAX)
}

/// `path-pattern`, with at most `room` values.
fn lower_path(path: &PathMatch, room: u32) -> Result<Option<Values>, Refusal> {
    match path {
        PathMatch::Exact(path) => literal::path(&canonical_value(path)).map(Some),
        PathMatch::Prefix(path) => {
            let canonical = canonical_value(path);
            let prefix = canonical.trim_end_matches('/');
            if prefix.is_empty() {
                return Ok(None);
            }
            match literal::prefix_values(prefix) {
                Some(values) if room >= 2 => Ok(Some(values)),
                _ => literal::prefix_expression(prefix).map(Some),
            }
        }
        PathMatch::Regex(source) => Ok(Some(Values::Regex(BTreeSet::from([expression::anchored(
            source,
        )?])))),
        PathMatch::GrpcMethod(method) => literal::grpc_method(method).map(Some),
    }
}

fn header(wanted: &HeaderMatch, place: &Place, report: &mut Report) -> Option<HeaderCondition> {
    let HeaderMatch { name, value } = wanted;
    let place = place.at(&format!(".headers[{name}]"));
    let (feature, values) = match value {
        ValueMatch::Exact(text) => (Feature::HeaderExact, literal::header(text)),
        ValueMatch::Regex(source) => (
            Feature::HeaderRegex,
            expression::anchored(source).map(|value| Values::Regex(BTreeSet::from([value]))),
        ),
    };
    let both = literal::header_name(name).and_then(|name| {
        Ok(HeaderCondition {
            name,
            values: values?,
        })
    });
    served(both, feature, &place, report)
}

fn parameter(wanted: &QueryMatch, place: &Place, report: &mut Report) -> Option<QueryValue> {
    let QueryMatch { name, value } = wanted;
    let place = place.at(&format!(".queryParams[{name}]"));
    let text: &Str = match value {
        ValueMatch::Exact(text) => text,
        ValueMatch::Regex(_) => {
            let _ = report.uses(Feature::QueryRegex, &place);
            return None;
        }
    };
    let both = literal::query(name).and_then(|key| {
        Ok(QueryValue {
            key: Some(key),
            value: literal::query(text)?,
        })
    });
    served(both, Feature::QueryExact, &place, report)
}

/// What could be written, unless users do without what is only roughly the same.
fn served<T>(found: Result<T, Refusal>, feature: Feature, place: &Place, report: &mut Report) -> Option<T> {
    match found {
        Ok(found) => match report.uses(feature, place) {
            Verdict::Served => Some(found),
            Verdict::Refused => None,
        },
        Err(why) => {
            let _ = report.refuse(place, &why, USE_SOFTWARE);
            None
        }
    }
}

#[cfg(test)]
mod tests;
