//! Priorities of rules: as few as possible change, and there is room between them for later ones.

use std::collections::BTreeSet;

/// Highest priority
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>: 1 to 50,000).
const MOST: u16 = 50_000;
/// Room between two rules when all get their places at once, and as many as that fit: each rule that comes between the same two
/// halves what is left there, so that nine come before order has to be made anew, where there are few rules.
const WIDE: u16 = 1_000;
/// Room between a rule at an end and the next one, so that there is some on the other side as well.
const STRIDE: u16 = 100;
/// What all rules together take when they get their places at once; the rest is before and behind them.
const SPREAD: u16 = 40_000;

/// Priorities for rules in their order. `kept` are those that stay; of the others each gets one in between that is
/// not taken. `None`: somewhere there is no room.
pub fn fit(kept: &[Option<u16>], taken: &BTreeSet<u16>) -> Option<Vec<u16>> {
    let mut priorities = Vec::with_capacity(kept.len());
    let mut rest = kept;
    while !rest.is_empty() {
        let run = rest.iter().take_while(|kept| kept.is_none()).count();
        let after = rest.get(run).copied().flatten();
        let before = priorities.last().copied();
        priorities.extend(between(before, after, run, taken)?);
        priorities.extend(after);
        rest = rest.get(run + usize::from(after.is_some())..)?;
    }
    Some(priorities)
}

/// New priorities for all rules of a listener.
pub fn spread(count: usize, taken: &BTreeSet<u16>) -> Option<Vec<u16>> {
    fit(&vec![None; count], taken)
}

/// As many priorities as that between two, neither of them included.
fn between(before: Option<u16>, after: Option<u16>, count: usize, taken: &BTreeSet<u16>) -> Option<Vec<u16>> {
    if count == 0 {
        return Some(Vec::new());
    }
    let low = before.map_or(1, |before| before.saturating_add(1));
    let high = after.map_or(MOST, |after| after.saturating_sub(1));
    // At the ends, a stride away from the next one, so that there is room on the other side as well.
    let width = u16::try_from(count + 1).ok()?.checked_mul(STRIDE);
    let near = match (before, after) {
        (Some(_), Some(_)) => None,
        (Some(_), None) => width.map(|width| (low, low.saturating_add(width).min(high))),
        (None, Some(_)) => width.map(|width| (high.saturating_sub(width).max(low), high)),
        (None, None) => wide(count),
    };
    near.and_then(|(low, high)| evenly(low, high, count, taken))
        .or_else(|| evenly(low, high, count, taken))
}

/// Where rules that are alone go: the middle of all priorities.
fn wide(count: usize) -> Option<(u16, u16)> {
    let gaps = u16::try_from(count.checked_add(1)?).ok()?;
    let width = gaps.checked_mul((SPREAD / gaps).min(WIDE))?;
    let low = MOST.checked_sub(width)? / 2;
    Some((low, low.checked_add(width)?))
}

/// As many of the free ones from `low` to `high`, the same number of free ones between each two.
fn evenly(low: u16, high: u16, count: usize, taken: &BTreeSet<u16>) -> Option<Vec<u16>> {
    if low > high {
        return None;
    }
    let mut skipped = taken.range(low..=high).peekable();
    let free = usize::from(high - low) + 1 - skipped.clone().count();
    if free < count {
        return None;
    }
    // Those that are taken move what comes behind them.
    let mut passed = 0;
    (1..=count)
        .map(|index| {
            let among_free = usize::from(low) + index * free / (count + 1);
            while skipped
                .next_if(|taken| usize::from(**taken) <= among_free + passed)
                .is_some()
            {
                passed += 1;
            }
            u16::try_from(among_free + passed).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn between_two_there_is_a_place_until_there_is_none() {
        let none = BTreeSet::new();
        assert_eq!(fit(&[Some(1), None, Some(3)], &none), Some(vec![1, 2, 3]));
        assert_eq!(fit(&[Some(1), None, Some(2)], &none), None);
        assert_eq!(fit(&[Some(1), None, Some(3)], &BTreeSet::from([2])), None);
        assert_eq!(fit(&[None, Some(1)], &none), None);
        assert_eq!(fit(&[Some(MOST), None], &none), None);
        assert_eq!(fit(&[], &none), Some(Vec::new()));
    }

    /// How many rules come in one by one between the same two, each `step` places behind the last one, until there is no room.
    fn until_full(rules: usize, step: usize) -> usize {
        let mut kept = spread(rules, &BTreeSet::new()).unwrap();
        let (mut count, mut at) = (0, rules / 2);
        loop {
            let mut wanted: Vec<Option<u16>> = kept.iter().copied().map(Some).collect();
            wanted.insert(at, None);
            match fit(&wanted, &BTreeSet::new()) {
                Some(found) => kept = found,
                None => return count,
            }
            count += 1;
            at += step;
        }
    }

    /// docs/aws/alb.md says these figures.
    #[test]
    fn nine_rules_find_room_between_the_same_two_of_few_and_eight_of_a_hundred() {
        for (rules, least) in [(2, 9), (4, 9), (39, 9), (100, 8)] {
            let found = until_full(rules, 0).min(until_full(rules, 1));
            assert_eq!(found, least, "{rules} rules");
        }
    }

    #[test]
    fn a_thousand_rules_have_places_of_their_own() {
        let found = spread(1_000, &BTreeSet::new()).unwrap();
        assert!(found.is_sorted_by(|one, next| next - one > 30), "{found:?}");
        assert_eq!(
            spread(49_999, &BTreeSet::new()).map(|found| found.len()),
            Some(49_999)
        );
    }

    #[test]
    fn a_hundred_rules_find_room_before_between_and_behind() {
        let first = spread(100, &BTreeSet::new()).unwrap();
        for at in 0..=100 {
            let mut kept: Vec<Option<u16>> = first.iter().copied().map(Some).collect();
            kept.insert(at, None);
            assert!(
                fit(&kept, &BTreeSet::new()).is_some(),
                "no room at {at} of {first:?}"
            );
        }
    }

    proptest! {
        /// What is given out is in order, free, and in AWS's range; what is kept is kept.
        #[test]
        fn priorities_are_in_order_and_free(
            kept in proptest::collection::btree_set(1..=MOST, 0..40),
            gaps in proptest::collection::vec(any::<bool>(), 80),
            taken in proptest::collection::btree_set(1..=MOST, 0..40),
        ) {
            let taken: BTreeSet<u16> = taken.difference(&kept).copied().collect();
            let mut wanted = Vec::new();
            let mut gaps = gaps.into_iter();
            for priority in kept {
                while gaps.next() == Some(true) {
                    wanted.push(None);
                }
                wanted.push(Some(priority));
            }
            if let Some(found) = fit(&wanted, &taken) {
                prop_assert_eq!(found.len(), wanted.len());
                prop_assert!(found.is_sorted_by(|one, next| one < next), "{:?}", found);
                for (wanted, found) in wanted.iter().zip(&found) {
                    prop_assert!((1..=MOST).contains(found));
                    match wanted {
                        Some(kept) => prop_assert_eq!(kept, found),
                        None => prop_assert!(!taken.contains(found)),
                    }
                }
            }
        }
    }
}
