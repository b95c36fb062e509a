//! What takes the place of something that serves.

use super::*;

/// One run from one stage towards the next, and what it called.
fn run(memory: &Arc<Memory>, target: &Target) -> (Outcome, Vec<&'static str>) {
    memory.calls().reset();
    let outcome = drive(converge(&driver(memory), &request(target.clone()))).unwrap();
    assert!(outcome.is_converged(), "{outcome:?}");
    (outcome, writes(memory))
}

/// A new target group stands beside the former one, without requests, until its targets are checked.
#[test]
fn a_target_group_is_checked_before_it_gets_requests() {
    let memory = Arc::new(Memory::new(Delays::default()));
    let stages = Replaced::stages();
    settle(&memory, Some(&stages[0]));
    let (outcome, made) = run(&memory, &stages[1]);
    assert!(
        made.contains(&"CreateTargetGroup") && made.contains(&"UpdateRule"),
        "{made:?}"
    );
    assert!(!made.contains(&"DeregisterTargets"), "{made:?}");
    let mut changes = outcome.changes.iter().map(|change| change.summary.as_str());
    assert!(changes.any(|change| change.contains(" x0")), "{outcome:#?}");
    let (_, made) = run(&memory, &stages[1]);
    assert_eq!(
        made.iter()
            .filter(|call| **call != "DeleteTargetGroup")
            .collect::<Vec<_>>(),
        [&"UpdateRule", &"DeregisterTargets"]
    );
}

/// Services stay in their network until they are reached in the other one.
#[test]
fn a_network_serves_until_the_next_one_does() {
    let delays = Delays {
        status: 40,
        draining: 0,
        search: 0,
    };
    let memory = Arc::new(Memory::new(delays));
    let stages = Replaced::stages();
    settle(&memory, Some(&stages[0]));
    let ends = |made: &[&str]| made.iter().any(|call| call.starts_with("DeleteServiceNetwork"));
    let (_, made) = run(&memory, &stages[2]);
    assert!(
        made.contains(&"CreateServiceNetworkServiceAssociation"),
        "{made:?}"
    );
    assert!(!ends(&made), "{made:?}");
    let mut found = false;
    for _ in 0..40 {
        let (outcome, made) = run(&memory, &stages[2]);
        found |= ends(&made);
        if found {
            break;
        }
        assert!(outcome.again.is_some(), "somebody looks again");
    }
    assert!(found, "the former network never goes");
    let outcome = settle(&memory, Some(&stages[2]));
    assert!(
        outcome.is_converged() && outcome.changes.is_empty(),
        "{outcome:?}"
    );
}
