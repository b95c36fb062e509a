//! Which requests two rules share.

use super::glob::{contains, meet};
use crate::Str;
use crate::alb::rule::{Conditions, Values};
use std::collections::BTreeSet;

/// Whether no request meets both conditions. Never wrong when it says yes. A request has one host, one path and one
/// method; of everything else it may have several.
pub(super) fn apart(one: &Conditions, other: &Conditions) -> bool {
    let methods =
        !one.methods.is_empty() && !other.methods.is_empty() && one.methods.is_disjoint(&other.methods);
    methods
        || never_both(one.host.as_ref(), other.host.as_ref(), any_case)
        || never_both(one.path.as_ref(), other.path.as_ref(), as_it_is)
}

/// Hosts are compared in any case.
fn any_case(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// Paths are not.
fn as_it_is(text: &str) -> String {
    text.to_owned()
}

fn never_both(one: Option<&Values>, other: Option<&Values>, fold: fn(&str) -> String) -> bool {
    let (Some(Values::Wildcards(one)), Some(Values::Wildcards(other))) = (one, other) else {
        return false;
    };
    let other: Vec<String> = other.iter().map(|value| fold(value)).collect();
    one.iter()
        .map(|value| fold(value))
        .all(|one| other.iter().all(|other| !meet(&one, other)))
}

/// Whether every request that meets `narrow` meets `wide`. Never wrong when it says yes.
pub(super) fn covers(wide: &Conditions, narrow: &Conditions) -> bool {
    let Conditions {
        host,
        path,
        methods,
        headers,
        queries,
        sources,
    } = wide;
    values(host.as_ref(), narrow.host.as_ref(), any_case)
        && values(path.as_ref(), narrow.path.as_ref(), as_it_is)
        && any_of(methods, &narrow.methods)
        && any_of(sources, &narrow.sources)
        && headers.iter().all(|wanted| {
            let mut found = narrow.headers.iter().filter(|found| found.name == wanted.name);
            found.any(|found| values(Some(&wanted.values), Some(&found.values), as_it_is))
        })
        && queries
            .iter()
            .all(|wanted| narrow.queries.iter().any(|found| found.is_subset(wanted)))
}

/// No value at all stands for every one.
fn any_of(wide: &BTreeSet<Str>, narrow: &BTreeSet<Str>) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.is_subset(wide))
}

fn values(wide: Option<&Values>, narrow: Option<&Values>, fold: fn(&str) -> String) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(Values::Regex(wide)), Some(Values::Regex(narrow))) => narrow.is_subset(wide),
        (Some(Values::Wildcards(wide)), Some(Values::Wildcards(narrow))) => narrow.iter().all(|narrow| {
            let narrow = fold(narrow);
            wide.iter().any(|wide| contains(&fold(wide), &narrow))
        }),
        (Some(_), Some(_)) => false,
    }
}
