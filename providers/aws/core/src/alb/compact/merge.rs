//! Two conditions as one.

use crate::Str;
use crate::alb::rule::{Conditions, HeaderCondition, QueryValue, Values};
use crate::limits::AlbLimits;
use std::collections::BTreeSet;

/// What a request meets that meets one or the other; none when that cannot be said in one rule's conditions, within
/// what a rule may hold.
pub(super) fn merge(one: &Conditions, other: &Conditions, limits: &AlbLimits) -> Option<Conditions> {
    let merged = differing_in_one(one, other)?;
    fits(&merged, limits).then_some(merged)
}

/// All conditions but one are the same, and that one is a list of alternatives.
fn differing_in_one(one: &Conditions, other: &Conditions) -> Option<Conditions> {
    let mut merged = one.clone();
    let mut differences = 0_u8;
    if one.host != other.host {
        differences += 1;
        merged.host = Some(union(one.host.as_ref()?, other.host.as_ref()?)?);
    }
    if one.path != other.path {
        differences += 1;
        merged.path = Some(union(one.path.as_ref()?, other.path.as_ref()?)?);
    }
    if one.methods != other.methods {
        differences += 1;
        merged.methods = both(&one.methods, &other.methods)?;
    }
    if one.sources != other.sources {
        differences += 1;
        merged.sources = both(&one.sources, &other.sources)?;
    }
    if one.headers != other.headers {
        differences += 1;
        merged.headers = headers(&one.headers, &other.headers)?;
    }
    if one.queries != other.queries {
        differences += 1;
        merged.queries = queries(&one.queries, &other.queries)?;
    }
    (differences == 1).then_some(merged)
}

/// No value stands for every one: there is nothing to add to.
fn both(one: &BTreeSet<Str>, other: &BTreeSet<Str>) -> Option<BTreeSet<Str>> {
    (!one.is_empty() && !other.is_empty()).then(|| one.union(other).cloned().collect())
}

fn union(one: &Values, other: &Values) -> Option<Values> {
    match (one, other) {
        (Values::Wildcards(one), Values::Wildcards(other)) => {
            Some(Values::Wildcards(one.union(other).cloned().collect()))
        }
        (Values::Regex(one), Values::Regex(other)) => {
            Some(Values::Regex(one.union(other).cloned().collect()))
        }
        _ => None,
    }
}

/// What only one of two sets has, when that is one each.
fn only<'a, T: Ord>(one: &'a BTreeSet<T>, other: &'a BTreeSet<T>) -> Option<(&'a T, &'a T)> {
    let alone = |of: &'a BTreeSet<T>, without: &'a BTreeSet<T>| {
        let mut found = of.difference(without);
        found.next().filter(|_| found.next().is_none())
    };
    Some((alone(one, other)?, alone(other, one)?))
}

fn headers(
    one: &BTreeSet<HeaderCondition>,
    other: &BTreeSet<HeaderCondition>,
) -> Option<BTreeSet<HeaderCondition>> {
    let (left, right) = only(one, other)?;
    if left.name != right.name {
        return None;
    }
    let mut merged: BTreeSet<HeaderCondition> = one.intersection(other).cloned().collect();
    merged.insert(HeaderCondition {
        name: left.name.clone(),
        values: union(&left.values, &right.values)?,
    });
    Some(merged)
}

fn queries(
    one: &BTreeSet<BTreeSet<QueryValue>>,
    other: &BTreeSet<BTreeSet<QueryValue>>,
) -> Option<BTreeSet<BTreeSet<QueryValue>>> {
    let (left, right) = only(one, other)?;
    let mut merged: BTreeSet<BTreeSet<QueryValue>> = one.intersection(other).cloned().collect();
    merged.insert(left.union(right).cloned().collect());
    Some(merged)
}

/// Whether a rule may have these conditions
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>).
fn fits(conditions: &Conditions, limits: &AlbLimits) -> bool {
    let counts = counts(conditions);
    let total: usize = counts.iter().map(|(values, _)| values).sum();
    let wildcards: usize = counts.iter().map(|(_, wildcards)| wildcards).sum();
    let within = |count: usize, limit: u32| u32::try_from(count).is_ok_and(|count| count <= limit);
    within(total, limits.values_per_rule)
        && within(wildcards, limits.wildcards_per_rule)
        && counts
            .iter()
            .all(|(values, _)| within(*values, limits.values_per_condition))
}

/// Values, and wildcards in them, of every condition.
fn counts(conditions: &Conditions) -> Vec<(usize, usize)> {
    let Conditions {
        host,
        path,
        methods,
        headers,
        queries,
        sources,
    } = conditions;
    let lists = [host.as_ref(), path.as_ref()].into_iter().flatten();
    let lists = lists.chain(headers.iter().map(|header| &header.values));
    let mut counts: Vec<(usize, usize)> = lists.map(of_values).collect();
    counts.push((methods.len(), 0));
    counts.push((sources.len(), 0));
    counts.extend(queries.iter().map(|alternatives| {
        let texts = alternatives
            .iter()
            .flat_map(|one| one.key.iter().chain([&one.value]));
        (alternatives.len(), texts.map(|text| wildcards(text)).sum())
    }));
    counts
}

fn of_values(values: &Values) -> (usize, usize) {
    match values {
        Values::Wildcards(values) => (values.len(), values.iter().map(|value| wildcards(value)).sum()),
        Values::Regex(values) => (values.len(), 0),
    }
}

fn wildcards(text: &str) -> usize {
    let mut escaped = false;
    text.chars()
        .filter(|found| {
            let counts = !escaped && matches!(found, '*' | '?');
            escaped = !escaped && *found == '\\';
            counts
        })
        .count()
}
