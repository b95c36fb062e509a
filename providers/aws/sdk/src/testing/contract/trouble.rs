//! Two processes that both lead, answers that are out of date, and AWS that refuses most calls for their number.

use super::class::{CLUSTER, Class, Goal, once, pause, settle};
use super::place::{Pace, Place};
use super::{Alb, Ground, Lattice, Nlb, STEPS, leaves_nothing, undisturbed};
use gatewright_aws_simulator::faults::throttle::{Category, Throttling};
use gatewright_aws_simulator::faults::{Effect, Fault};
use std::sync::Arc;
use std::time::Duration;

/// Runs of each of two processes at the same time.
const ROUNDS: u32 = 6;

/// A process runs so often, whatever comes of it.
async fn runs<C: Class>(place: &Place<'_>, forms: &[C::Target], goal: Goal, late: Duration) {
    let driver = C::driver(&place.account(&Arc::default()), CLUSTER);
    for _ in 0..ROUNDS {
        // One reads while the other writes, each time elsewhere.
        tokio::time::sleep(late).await;
        let outcome = once::<C>(place, &driver, forms, goal).await;
        let pause = pause::<C>(forms, goal, &outcome, 1);
        place.pass(pause.unwrap_or(Duration::from_secs(1))).await;
    }
}

/// Two processes at once, each with another goal; then one alone.
async fn race<C: Class>(ground: &Ground, (one, other): (Goal, Goal), late: Duration) {
    let place = ground.place();
    let forms = C::forms(&place).await;
    let empty = place.shape();
    let ideal = Box::pin(undisturbed::<C>(ground, (None, one))).await.0;
    tokio::join!(
        Box::pin(runs::<C>(&place, &forms, one, Duration::ZERO)),
        Box::pin(runs::<C>(&place, &forms, other, late)),
    );
    settle::<C>(&place, &forms, one).await;
    assert_eq!(place.shape(), ideal, "{}, {one:?} against {other:?}", C::NAME);
    Box::pin(leaves_nothing::<C>(&place, &forms, &empty)).await;
}

/// All reads show the world of some time before, longer than any pause.
async fn stale<C: Class>(ground: &Ground, (from, to): (Goal, Goal)) {
    let place = ground.place();
    let forms = C::forms(&place).await;
    let empty = place.shape();
    let ideal = Box::pin(undisturbed::<C>(ground, (from, to))).await.0;
    settle::<C>(&place, &forms, from).await;
    for operation in ["Describe*", "Get*", "List*"] {
        let fault = Fault {
            service: "*".into(),
            operation: operation.into(),
            account: Some(place.number.clone()),
            region: None,
            skip: 0,
            count: None,
            effect: Effect::Stale { ms: 8_000 },
        };
        assert!(ground.simulator.simulator.inner().faults.add(fault));
    }
    // What is seen is old for as long as that, and then again after each write.
    let driver = C::driver(&place.account(&Arc::default()), CLUSTER);
    for _ in 0..30 {
        let outcome = once::<C>(&place, &driver, &forms, to).await;
        let Some(pause) = pause::<C>(&forms, to, &outcome, 1) else {
            break;
        };
        place.pass(pause).await;
    }
    ground
        .pace
        .trouble(&mut ground.simulator.simulator.inner().faults);
    ground.simulator.simulator.inner().history.clear();
    settle::<C>(&place, &forms, to).await;
    assert_eq!(
        place.shape(),
        ideal,
        "{}, {from:?} to {to:?}, old answers",
        C::NAME
    );
    Box::pin(leaves_nothing::<C>(&place, &forms, &empty)).await;
}

/// A bucket for each service, so small that no run comes to its end.
fn buckets(capacity: f64) -> Throttling {
    let category = |service: &str| Category {
        name: service.to_owned(),
        service: service.to_owned(),
        operations: vec!["*".to_owned()],
        capacity,
        refill: capacity / 8.0,
        each: false,
    };
    Throttling {
        categories: ["acm", "ec2", "elbv2", "lattice", "s3", "tagging"]
            .map(category)
            .into(),
    }
}

/// AWS refuses most calls.
async fn throttled<C: Class>(ground: &Ground, (from, to): (Goal, Goal)) {
    let place = ground.place();
    let forms = C::forms(&place).await;
    let empty = place.shape();
    let ideal = Box::pin(undisturbed::<C>(ground, (from, to))).await.0;
    settle::<C>(&place, &forms, from).await;
    ground
        .simulator
        .simulator
        .inner()
        .faults
        .buckets
        .set(buckets(C::BUCKET));
    settle::<C>(&place, &forms, to).await;
    let shape = place.shape();
    let refused = {
        let mut inner = ground.simulator.simulator.inner();
        ground.pace.trouble(&mut inner.faults);
        let calls = inner
            .calls
            .last
            .iter()
            .filter(|call| call.account == place.number);
        let codes = calls.filter_map(|call| call.error.as_deref());
        codes
            .filter(|code| matches!(*code, "ThrottlingException" | "RequestLimitExceeded"))
            .count()
    };
    assert!(refused > 0, "{}, {from:?} to {to:?}: nothing is refused", C::NAME);
    assert_eq!(
        shape,
        ideal,
        "{}, {from:?} to {to:?}, refused {refused} calls",
        C::NAME
    );
    Box::pin(leaves_nothing::<C>(&place, &forms, &empty)).await;
}

/// Two that want the same, one that ends what the other makes, and two forms that exclude each other.
const RACES: [(Goal, Goal); 4] = [
    (Some(0), Some(0)),
    (Some(1), None),
    (Some(0), Some(2)),
    (None, Some(1)),
];

/// Each trouble, as often as asked for.
async fn troubles<C: Class>(often: u64, steps: &[(Goal, Goal)]) {
    let begun = std::time::Instant::now();
    let ground = Ground::new(Pace::QUICK).await;
    let mut races = 0;
    for late in 0..often {
        for pair in RACES {
            Box::pin(race::<C>(&ground, pair, Duration::from_millis(7 * late + 3))).await;
            races += 1;
        }
    }
    for step in steps {
        Box::pin(stale::<C>(&ground, *step)).await;
        Box::pin(throttled::<C>(&ground, *step)).await;
    }
    println!(
        "{}: {races} races of two processes, {} ways with old answers and {} with refused calls, in {:.0} s",
        C::NAME,
        steps.len(),
        steps.len(),
        begun.elapsed().as_secs_f64(),
    );
    ground.simulator.stop().await.unwrap();
}

#[tokio::test]
async fn an_application_load_balancer_outlives_races_old_answers_and_refused_calls() {
    Box::pin(troubles::<Alb>(1, &STEPS[1..3])).await;
}

#[tokio::test]
async fn a_network_load_balancer_outlives_races_old_answers_and_refused_calls() {
    Box::pin(troubles::<Nlb>(1, &STEPS[1..3])).await;
}

#[tokio::test]
async fn vpc_lattice_outlives_races_old_answers_and_refused_calls() {
    Box::pin(troubles::<Lattice>(1, &STEPS[1..3])).await;
}

#[tokio::test]
#[ignore = "takes minutes; part of `cargo xtask test --full`"]
async fn every_class_outlives_races_old_answers_and_refused_calls_in_every_step() {
    Box::pin(troubles::<Alb>(8, &STEPS)).await;
    Box::pin(troubles::<Nlb>(8, &STEPS)).await;
    Box::pin(troubles::<Lattice>(8, &STEPS)).await;
}
