use super::{Weights, spread};
use proptest::prelude::*;

#[test]
fn nothing_is_chosen_without_weight() {
    for weights in [vec![], vec![0], vec![0, 0, 0]] {
        let weights = Weights::new(weights);
        for ticket in [0, 1, u64::MAX] {
            assert_eq!(weights.pick(ticket), None);
        }
    }
}

#[test]
fn shares_meet_exactly_at_their_borders() {
    let weights = Weights::new([1, 0, 3]);
    assert_eq!(weights.pick(0), Some(0));
    assert_eq!(weights.pick(u64::MAX / 4), Some(0));
    assert_eq!(weights.pick(u64::MAX / 4 + 1), Some(2));
    assert_eq!(weights.pick(u64::MAX), Some(2));
    assert_eq!(Weights::new([u32::MAX; 100]).pick(u64::MAX), Some(99));
}

fn weights() -> impl Strategy<Value = Vec<u32>> {
    let weight = prop_oneof![2 => Just(0u32), 4 => 1..20u32, 1 => 1..1_000_000u32, 1 => Just(1_000_000u32)];
    prop::collection::vec(weight, 1..16)
}

proptest! {
    /// Gateway API v1.7.0, `BackendRef.weight`: the share is weight / sum. Consecutive tickets keep
    /// every entry within a few requests of it, from any start, over windows of any length.
    #[test]
    fn consecutive_tickets_keep_proportions(weights in weights(), start: u64, window in 1..3000u64) {
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let table = Weights::new(weights.iter().copied());
        let mut hits = vec![0u64; weights.len()];
        for step in 0..window {
            let picked = table.pick(spread(start.wrapping_add(step)));
            prop_assert_eq!(picked.is_some(), total > 0);
            if let Some(entry) = picked {
                hits[entry] += 1;
            }
        }
        if total > 0 {
            prop_assert_eq!(hits.iter().sum::<u64>(), window);
            for (weight, hits) in weights.iter().zip(&hits) {
                let expected = window as f64 * f64::from(*weight) / total as f64;
                prop_assert!((*hits as f64 - expected).abs() <= 6.0, "{hits} of {window}, expected {expected}");
                if *weight == 0 {
                    prop_assert_eq!(*hits, 0);
                }
            }
        }
    }

    /// Random tickets: as near to the share as Bernstein's inequality demands of independent draws, which a
    /// right table misses less than once in 10^12 checks, however small the share.
    #[test]
    fn random_tickets_keep_proportions(weights in weights(), seed: u64) {
        const DRAWS: u64 = 20_000;
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        prop_assume!(total > 0);
        let table = Weights::new(weights.iter().copied());
        let mut hits = vec![0u64; weights.len()];
        let mut state = seed;
        for _ in 0..DRAWS {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            hits[table.pick(z ^ (z >> 31)).unwrap()] += 1;
        }
        for (weight, hits) in weights.iter().zip(&hits) {
            let share = f64::from(*weight) / total as f64;
            let variance = DRAWS as f64 * share * (1.0 - share);
            let exponent = 1e12_f64.ln();
            let bound = exponent / 3.0 + ((exponent / 3.0).powi(2) + 2.0 * exponent * variance).sqrt();
            let off = (*hits as f64 - DRAWS as f64 * share).abs();
            prop_assert!(off <= bound, "{hits} of {DRAWS} for a share of {share}");
            if *weight == 0 {
                prop_assert_eq!(*hits, 0);
            }
        }
    }
}
