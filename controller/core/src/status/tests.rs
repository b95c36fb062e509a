//! Merging: what others wrote survives whatever we want (checklist item 2).

use super::entries::{self, WantedEntry, Word};
use super::{Stamp, Truth, Wanted, merge};
use gatewright_crds::api::{ParentReference, RouteParentStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use proptest::prelude::*;

const OURS: &str = "gatewright.dev/software";
const FOREIGN_TYPES: [&str; 3] = ["example.net/A", "Ready", "example.net/B"];
const OWN_TYPES: [&str; 4] = ["Accepted", "Programmed", "ResolvedRefs", "Conflicted"];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn condition(kind: &str, status: &str, generation: i64) -> Condition {
    Condition {
        last_transition_time: Time(at(generation)),
        message: format!("message {generation}"),
        observed_generation: Some(generation),
        reason: "Reason".into(),
        status: status.into(),
        type_: kind.into(),
    }
}

/// Conditions of distinct types, as the API server guarantees.
fn existing() -> impl Strategy<Value = Vec<Condition>> {
    let types: Vec<&str> = FOREIGN_TYPES.iter().chain(&OWN_TYPES).copied().collect();
    let kinds = prop::sample::subsequence(types, 0..=7).prop_shuffle();
    kinds.prop_flat_map(|kinds| {
        let each = kinds.into_iter().map(|kind| {
            (prop::sample::select(vec!["True", "False", "Unknown"]), 1_i64..8)
                .prop_map(move |(status, generation)| condition(kind, status, generation))
        });
        each.collect::<Vec<_>>()
    })
}

fn wanted() -> impl Strategy<Value = Vec<Wanted>> {
    let kinds = prop::sample::subsequence(OWN_TYPES.to_vec(), 0..=4);
    (kinds, any::<u8>()).prop_map(|(kinds, bits)| {
        let each = kinds.into_iter().enumerate().map(|(index, kind)| {
            if bits >> index & 1 == 1 {
                Wanted::yes(kind, "Good", "fine")
            } else {
                Wanted::no(kind, "Bad", "not fine")
            }
        });
        each.collect()
    })
}

fn foreign(conditions: &[Condition]) -> Vec<Condition> {
    conditions
        .iter()
        .filter(|found| FOREIGN_TYPES.contains(&&*found.type_))
        .cloned()
        .collect()
}

proptest! {
    #[test]
    fn merged_conditions_keep_what_others_wrote(before in existing(), wanted in wanted(), generation in 1_i64..8) {
        let now = at(1000);
        let after = merge(&before, wanted.clone(), Some(generation), now);
        prop_assert_eq!(foreign(&before), foreign(&after), "foreign conditions, byte for byte and in order");
        prop_assert!(after.len() <= 8);
        for want in &wanted {
            let old = before.iter().find(|found| found.type_ == want.kind);
            let new = after.iter().find(|found| found.type_ == want.kind).unwrap();
            match old {
                Some(old) if old.observed_generation > Some(generation) => prop_assert_eq!(old, new),
                old => {
                    let truth = match want.truth { Truth::True => "True", Truth::False => "False", Truth::Unknown => "Unknown" };
                    prop_assert_eq!(&new.status, truth);
                    prop_assert_eq!(new.observed_generation, Some(generation));
                    prop_assert_eq!(&new.reason, &want.reason);
                    let kept = old.filter(|old| old.status == truth).map_or(now, |old| old.last_transition_time.0);
                    prop_assert_eq!(new.last_transition_time.0, kept);
                }
            }
        }
        for found in &after {
            let ours = OWN_TYPES.contains(&&*found.type_);
            let asked = wanted.iter().any(|want| want.kind == found.type_);
            let newer = found.observed_generation > Some(generation);
            prop_assert!(!ours || asked || newer, "{} is stale", found.type_);
        }
        prop_assert_eq!(merge(&after, wanted, Some(generation), at(2000)), after, "a second merge changes nothing");
    }

    #[test]
    fn merged_entries_keep_what_others_wrote(
        others in prop::collection::vec((0_usize..4, any::<bool>()), 0..40),
        mine in prop::collection::btree_set(0_usize..6, 0..6),
    ) {
        let reference = |index: usize| ParentReference { name: format!("gw-{index}"), ..ParentReference::default() };
        let before: Vec<RouteParentStatus> = (1_i64..)
            .zip(&others)
            .map(|(place, (index, ours))| RouteParentStatus {
                conditions: vec![condition("Accepted", "False", place)],
                controller_name: if *ours { OURS.into() } else { format!("example.net/{place}") },
                parent_ref: reference(*index),
            })
            .collect();
        let wanted: Vec<WantedEntry> = mine
            .iter()
            .map(|index| WantedEntry {
                reference: reference(*index),
                controller: OURS.into(),
                conditions: Word::Now(vec![Wanted::yes("Accepted", "Accepted", "fine")]),
            })
            .collect();
        let stamp = Stamp { generation: Some(100), at: at(1000) };
        let after = entries::merge(&before, wanted, &[OURS.into()], (32, stamp));
        let theirs = |list: &[RouteParentStatus]| {
            list.iter().filter(|entry| entry.controller_name != OURS).cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(theirs(&before), theirs(&after));
        let ours: Vec<&RouteParentStatus> = after.iter().filter(|entry| entry.controller_name == OURS).collect();
        for entry in &ours {
            prop_assert!(mine.iter().any(|index| reference(*index) == entry.parent_ref), "a stale entry stayed");
            prop_assert_eq!(&*entry.conditions[0].status, "True");
        }
        let room = 32_usize.saturating_sub(theirs(&before).len());
        prop_assert!(ours.len() == mine.len().min(room) || ours.len() == mine.len());
    }
}

#[test]
fn a_full_list_of_conditions_takes_no_more() {
    let before: Vec<Condition> = (0..7)
        .map(|index| condition(&format!("example.net/{index}"), "True", 1))
        .collect();
    let wanted = vec![
        Wanted::yes("Accepted", "Accepted", ""),
        Wanted::yes("Programmed", "Programmed", ""),
    ];
    let after = merge(&before, wanted, Some(1), at(1));
    assert_eq!(after.len(), 8);
    assert_eq!(
        after[7].type_, "Accepted",
        "the most important one has the last place"
    );
}
