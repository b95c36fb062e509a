//! Values stay in the rules that have them.

use super::groups::Groups;
use super::{one, passes};
use crate::alb::rule::{Conditions, Rule};
use crate::limits::AlbLimits;

/// How much room rules may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Rules with room for more values stay as they are, within reason.
    Enough,
    /// As few as can be without a value that has no rule while changes are made.
    Scarce,
}

/// What compaction made, in the rules that exist where that is as good.
///
/// A new value goes into an existing rule with room, or makes one new rule; a value that goes leaves its rule, and no
/// other one moves. `existing` are the conditions of the rules that exist, in their order and in canonical form (hosts
/// in lower case). Treats every request as `rules` do. May be more rules than `rules`, at most twice as many. Equal inputs
/// give equal results, and what it returned it returns again when that exists.
pub fn keep(rules: &[Rule], existing: &[Conditions], limits: &AlbLimits, room: Room) -> Vec<Rule> {
    if existing.is_empty() || rules.iter().map(|rule| &rule.conditions).eq(existing) {
        return rules.to_vec();
    }
    let parts: Vec<Rule> = rules.iter().flat_map(apiece).collect();
    let mut groups = Groups::new(&parts, existing, limits);
    let most = rules.len().saturating_mul(2);
    let closed = room == Room::Scarce || groups.len() > most;
    if closed {
        groups.close_up();
    }
    let placed = placed(&parts, &groups, limits);
    if placed.len() > most || (closed && placed.len() > groups.len()) {
        return rules.to_vec();
    }
    in_existing_order(placed)
}

/// A rule's parts as rules.
fn apiece(rule: &Rule) -> impl Iterator<Item = Rule> {
    rule.parts().into_iter().map(|part| Rule {
        origins: part.origins,
        conditions: part.conditions,
        before: rule.before.clone(),
        transforms: rule.transforms.clone(),
        action: rule.action.clone(),
        parts: Vec::new(),
    })
}

/// A rule, its group, and the position of the existing rule that it comes from.
struct Placed {
    rule: Rule,
    group: usize,
    home: Option<usize>,
}

/// The groups as rules, each where one of its parts is. What cannot get there without passing requests of others stays
/// a rule of its own.
fn placed(parts: &[Rule], groups: &Groups<'_>, limits: &AlbLimits) -> Vec<Placed> {
    let of_parts = groups.of_parts();
    let mut placed: Vec<Placed> = Vec::with_capacity(groups.len());
    for (at, part) in parts.iter().enumerate() {
        let group = of_parts.get(&at).copied().unwrap_or(usize::MAX);
        let earlier = placed.iter().rposition(|earlier| earlier.group == group);
        let merged = earlier.and_then(|earlier| {
            let merged = one(&placed.get(earlier)?.rule, part, limits)?;
            Some((earlier, merged))
        });
        let rule = match merged {
            Some((earlier, merged)) if goes_back(&placed, earlier, part) => {
                if let Some(earlier) = placed.get_mut(earlier) {
                    earlier.rule = merged;
                }
                continue;
            }
            Some((earlier, merged)) if goes_forth(&placed, earlier) => {
                placed.remove(earlier);
                merged
            }
            _ => part.clone(),
        };
        let home = groups.home(group);
        placed.push(Placed { rule, group, home });
    }
    placed
}

/// Whether a part can be where an earlier rule is.
fn goes_back(placed: &[Placed], earlier: usize, part: &Rule) -> bool {
    let mut between = placed.iter().skip(earlier + 1);
    between.all(|between| passes(&between.rule, part))
}

/// Whether an earlier rule can be last.
fn goes_forth(placed: &[Placed], earlier: usize) -> bool {
    let mut between = placed.iter().skip(earlier + 1);
    placed
        .get(earlier)
        .is_some_and(|earlier| between.all(|between| passes(&earlier.rule, &between.rule)))
}

/// In the order of the existing rules, as far as no request is treated otherwise by it.
fn in_existing_order(placed: Vec<Placed>) -> Vec<Rule> {
    let mut ordered: Vec<Placed> = Vec::with_capacity(placed.len());
    let mut last = None;
    for next in placed {
        let mut to = ordered.len();
        if next.home.is_some() && next.home < last {
            for (at, before) in ordered.iter().enumerate().rev() {
                if !passes(&before.rule, &next.rule) {
                    break;
                }
                if before.home > next.home {
                    to = at;
                }
            }
        }
        last = last.max(next.home);
        ordered.insert(to, next);
    }
    ordered.into_iter().map(|placed| placed.rule).collect()
}
