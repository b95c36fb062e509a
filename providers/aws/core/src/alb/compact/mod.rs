//! Rules made fewer: an ALB has 100, and a Gateway's routes easily ask for more.
//!
//! Three steps, none of which changes what any request gets (a property test compares them with the rules as they were):
//!
//! 1. A rule whose requests an earlier one takes all is left out.
//! 2. Two rules that do the same and differ in one condition alone become one with the values of both: hosts, paths,
//!    methods, the values of one header, the alternatives of one query condition.
//! 3. A rule whose requests a later one would treat alike is left out for that one.
//!
//! A rule may only change its place past another if both do the same, or no request can meet both ([`apart`]): paths,
//! hosts and methods that exclude each other. Headers and query parameters may come several times in a request, so
//! that different values of them exclude nothing.
//!
//! Which values stand together follows from their order, so that a new one would move all behind it. [`keep`] has them
//! stay in the rules that exist: so a new route is one change.

mod apart;
mod glob;
mod groups;
mod keep;
mod merge;
#[cfg(test)]
mod tests;

pub use apart::covers;
pub use keep::{Room, keep};

use super::rule::{Part, Rule};
use crate::limits::AlbLimits;
use apart::apart;

/// How far back a rule looks for one that it can become part of: it keeps the work bounded for thousands of rules.
const REACH: usize = 512;

/// Fewer rules, in their order, that treat every request alike. Deterministic.
pub fn compact(rules: Vec<Rule>, limits: &AlbLimits) -> Vec<Rule> {
    let mut kept: Vec<Rule> = Vec::with_capacity(rules.len());
    for rule in rules {
        let first = kept.len().saturating_sub(REACH);
        let near = kept.get(first..).unwrap_or_default();
        if near
            .iter()
            .any(|earlier| covers(&earlier.conditions, &rule.conditions))
        {
            continue;
        }
        match place(near, &rule, limits) {
            Some(Place::Into(at, merged)) => {
                if let Some(earlier) = kept.get_mut(first + at) {
                    *earlier = merged;
                }
            }
            Some(Place::InsteadOf(at, merged)) => {
                kept.remove(first + at);
                kept.push(merged);
            }
            None => kept.push(rule),
        }
    }
    kept
}

/// Where a rule goes that needs no place of its own.
enum Place {
    /// An earlier rule takes it in and stays where it is.
    Into(usize, Rule),
    /// It takes an earlier rule in and stands where it stood itself: last.
    InsteadOf(usize, Rule),
}

/// The nearest earlier rule that a rule can be one with.
fn place(near: &[Rule], rule: &Rule, limits: &AlbLimits) -> Option<Place> {
    let mut free = true;
    for (at, earlier) in near.iter().enumerate().rev() {
        let alike = does_the_same(earlier, rule);
        if alike && let Some(merged) = one(earlier, rule, limits) {
            if free {
                return Some(Place::Into(at, merged));
            }
            if near.iter().skip(at + 1).all(|between| passes(earlier, between)) {
                return Some(Place::InsteadOf(at, merged));
            }
        }
        free &= alike || apart(&earlier.conditions, &rule.conditions);
    }
    None
}

/// Both rules as one, if they can be.
fn one(earlier: &Rule, later: &Rule, limits: &AlbLimits) -> Option<Rule> {
    let (conditions, parts) = if covers(&later.conditions, &earlier.conditions) {
        (later.conditions.clone(), later.parts.clone())
    } else {
        let both: Vec<Part> = [earlier.parts(), later.parts()].concat();
        (
            merge::merge(&earlier.conditions, &later.conditions, limits)?,
            both,
        )
    };
    Some(Rule {
        origins: earlier.origins.union(&later.origins).cloned().collect(),
        conditions,
        before: earlier.before.clone(),
        transforms: earlier.transforms.clone(),
        action: earlier.action.clone(),
        parts,
    })
}

fn passes(rule: &Rule, other: &Rule) -> bool {
    does_the_same(rule, other) || apart(&rule.conditions, &other.conditions)
}

fn does_the_same(one: &Rule, other: &Rule) -> bool {
    one.action == other.action && one.before == other.before && one.transforms == other.transforms
}
