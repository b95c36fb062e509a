//! Which requests two rules share.

use super::glob::{contains, meet};
use crate::Str;
use crate::alb::rule::{Conditions, Values};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A value as it is compared.
type Fold = fn(&str) -> Cow<'_, str>;

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
fn any_case(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Paths are not.
const fn as_it_is(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

fn never_both(one: Option<&Values>, other: Option<&Values>, fold: Fold) -> bool {
    let (Some(Values::Wildcards(one)), Some(Values::Wildcards(other))) = (one, other) else {
        return false;
    };
    let other: Vec<Cow<'_, str>> = other.iter().map(|value| fold(value)).collect();
    one.iter()
        .map(|value| fold(value))
        .all(|one| other.iter().all(|other| !meet(&one, other)))
}

/// Whether every request that meets `narrow` meets `wide`. Never wrong when it says yes.
pub fn covers(wide: &Conditions, narrow: &Conditions) -> bool {
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

fn values(wide: Option<&Values>, narrow: Option<&Values>, fold: Fold) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(Values::Regex(wide)), Some(Values::Regex(narrow))) => narrow.is_subset(wide),
        (Some(Values::Wildcards(wide)), Some(Values::Wildcards(narrow))) => {
            let wide: Vec<Cow<'_, str>> = wide.iter().map(|value| fold(value)).collect();
            narrow.iter().all(|narrow| {
                let narrow = fold(narrow);
                wide.iter().any(|wide| contains(wide, &narrow))
            })
        }
        (Some(_), Some(_)) => false,
    }
}

/// Whether the values of `narrow` are literally among those of `wide`, condition by condition.
pub(super) fn within(narrow: &Conditions, wide: &Conditions) -> bool {
    let Conditions {
        host,
        path,
        methods,
        headers,
        queries,
        sources,
    } = narrow;
    among(host.as_ref(), wide.host.as_ref())
        && among(path.as_ref(), wide.path.as_ref())
        && any_among(methods, &wide.methods)
        && any_among(sources, &wide.sources)
        && headers.len() == wide.headers.len()
        && headers
            .iter()
            .zip(&wide.headers)
            .all(|(narrow, wide)| narrow.name == wide.name && among(Some(&narrow.values), Some(&wide.values)))
        && queries.len() == wide.queries.len()
        && queries
            .iter()
            .all(|narrow| wide.queries.iter().any(|wide| narrow.is_subset(wide)))
}

/// No value at all stands for every one: that is not among some.
fn any_among(narrow: &BTreeSet<Str>, wide: &BTreeSet<Str>) -> bool {
    narrow.is_empty() == wide.is_empty() && narrow.is_subset(wide)
}

fn among(narrow: Option<&Values>, wide: Option<&Values>) -> bool {
    match (narrow, wide) {
        (None, None) => true,
        (Some(Values::Wildcards(narrow)), Some(Values::Wildcards(wide)))
        | (Some(Values::Regex(narrow)), Some(Values::Regex(wide))) => narrow.is_subset(wide),
        _ => false,
    }
}
