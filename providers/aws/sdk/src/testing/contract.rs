//! The contract over the real wire, for each class: whatever write is the last one of a process, whatever answer never
//! comes, and whatever else goes wrong, the next process leads to what is wanted, and nothing is left over at the end.
//!
//! A connection to the simulator is cut at the write of a chosen number: the process ends there, or gets no answer, each
//! before or after the write took effect. The suite in memory (`gatewright-aws`) does so at every call and in many more
//! forms; this one shows that signing, encoding, retries and reading of errors change nothing about it. And while a Gateway
//! that serves is changed or replaced, a client asks all the time: no request fails.

mod alb;
mod class;
mod client;
mod clusters;
mod cut;
mod lattice;
mod nlb;
mod place;
mod pods;
mod trouble;

use super::simulator::simulator;
use super::{Setup, account_over};
use alb::Alb;
use class::{CLUSTER, Class, Goal, once, pause, settle, settle_by};
use cut::{Cut, How};
use gatewright_aws_simulator::run::Running;
use lattice::Lattice;
use nlb::Nlb;
use place::{Pace, Place};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// From nothing, to another form, to one that must be replaced, and back to nothing from anywhere.
const STEPS: [(Goal, Goal); 5] = [
    (None, Some(0)),
    (Some(0), Some(1)),
    (Some(1), Some(2)),
    (Some(2), None),
    (Some(0), None),
];

/// Cases of one class in a run of the test command.
const SAMPLED: usize = 16;

/// The same at the pace of AWS.
const SLOW: usize = 8;

/// What exists, by kind.
type Shape = BTreeMap<String, usize>;

/// Where cases take place, one account for each.
struct Ground {
    simulator: Running,
    pace: Pace,
    pods: [SocketAddr; 3],
}

impl Ground {
    async fn new(pace: Pace) -> Self {
        let simulator = simulator(None).await;
        pace.set(&simulator);
        Self {
            simulator,
            pace,
            pods: [pods::pod().await, pods::pod().await, pods::pod().await],
        }
    }

    fn place(&self) -> Place<'_> {
        Place::new(&self.simulator, self.pace, self.pods)
    }
}

/// Nothing of the Gateway is left, of whatever kind.
async fn leaves_nothing<C: Class>(place: &Place<'_>, forms: &[C::Target], empty: &Shape) {
    settle::<C>(place, forms, None).await;
    assert_eq!(place.shape(), *empty, "{}", C::NAME);
}

/// What an undisturbed run leaves, and how often it writes.
async fn undisturbed<C: Class>(ground: &Ground, (from, to): (Goal, Goal)) -> (Shape, usize) {
    let place = ground.place();
    let forms = C::forms(&place).await;
    let empty = place.shape();
    settle::<C>(&place, &forms, from).await;
    let cut = Arc::new(Cut::default());
    let driver = C::driver(&place.account(&cut), CLUSTER);
    settle_by::<C>(&place, &driver, &forms, to).await;
    let shape = place.shape();
    leaves_nothing::<C>(&place, &forms, &empty).await;
    (shape, cut.writes())
}

/// What one cut connection came to.
struct Case {
    shape: Shape,
    /// Whether there was such a write: there are not always as many. Refused attempts count, and what is checked in time for
    /// the next look needs fewer steps.
    hit: bool,
    /// Requests that were answered meanwhile.
    asked: u64,
}

/// One cut connection.
async fn disturbed<C: Class>(ground: &Ground, (from, to): (Goal, Goal), (at, how): (usize, How)) -> Case {
    let place = ground.place();
    let forms = C::forms(&place).await;
    let empty = place.shape();
    let stands = settle::<C>(&place, &forms, from).await;
    let mut client = None;
    if from.is_some() && to.is_some() {
        let name = C::name(&stands).expect("it has a name");
        client = Some(place.watch(&name, C::QUESTION).await);
    }
    let cut = Arc::new(Cut::at(at, how));
    let driver = C::driver(&place.account(&cut), CLUSTER);
    // As often as an undisturbed run may need until it comes to that write.
    for _ in 0..100 {
        let outcome = tokio::select! {
            outcome = once::<C>(&place, &driver, &forms, to) => outcome,
            () = cut.killed() => break,
        };
        if cut.is_hit() {
            break;
        }
        let Some(pause) = pause::<C>(&forms, to, &outcome, 1) else {
            break;
        };
        place.pass(pause).await;
    }
    let hit = cut.is_hit();
    settle::<C>(&place, &forms, to).await;
    let shape = place.shape();
    let mut asked = 0;
    if let Some(client) = client {
        let case = format!("{}, {from:?} to {to:?}, cut {how:?} at write {at}", C::NAME);
        asked = client.end(&case).await;
    }
    leaves_nothing::<C>(&place, &forms, &empty).await;
    Case { shape, hit, asked }
}

/// Cuts every so manieth of all cases.
async fn cuts<C: Class>(pace: Pace, each: impl Fn(usize) -> usize) {
    let begun = std::time::Instant::now();
    let ground = Ground::new(pace).await;
    let before = ground.simulator.simulator.clock.now();
    let mut cases = Vec::new();
    let mut ideals = Vec::new();
    for (number, step) in STEPS.into_iter().enumerate() {
        let (shape, writes) = Box::pin(undisturbed::<C>(&ground, step)).await;
        assert!(writes > 2, "{step:?} writes {writes} times");
        for at in 0..writes {
            for how in How::ALL {
                cases.push((number, step, (at, how)));
            }
        }
        ideals.push(shape);
    }
    let each = each(cases.len()).max(1);
    let (mut made, mut hits, mut asked) = (0, 0, 0);
    for (number, step, case) in cases.iter().step_by(each) {
        let came = Box::pin(disturbed::<C>(&ground, *step, *case)).await;
        assert_eq!(came.shape, ideals[*number], "{}, {step:?}, cut {case:?}", C::NAME);
        made += 1;
        hits += usize::from(came.hit);
        asked += came.asked;
    }
    assert!(asked > 0, "nobody asked");
    assert!(hits * 4 >= made * 3, "only {hits} of {made} writes came");
    let passed = ground.simulator.simulator.clock.now().saturating_sub(before);
    println!(
        "{}; {pace}: {hits} of {} cuts of connections, {asked} requests meanwhile, in {:.0} s of this machine and {:.0} \
         min of AWS: nothing lacking, nothing left, no request failed",
        C::NAME,
        cases.len(),
        begun.elapsed().as_secs_f64(),
        passed as f64 / 60_000.0,
    );
    ground.simulator.stop().await.unwrap();
}

/// A step that shares no factor with the ways of cutting, so that all of them come.
const fn sampled(cases: usize) -> usize {
    (cases / SAMPLED) | 1
}

#[tokio::test]
async fn a_process_may_end_at_any_write_of_an_application_load_balancer() {
    Box::pin(cuts::<Alb>(Pace::QUICK, sampled)).await;
}

#[tokio::test]
async fn a_process_may_end_at_any_write_of_a_network_load_balancer() {
    Box::pin(cuts::<Nlb>(Pace::QUICK, sampled)).await;
}

#[tokio::test]
async fn a_process_may_end_at_any_write_of_vpc_lattice() {
    Box::pin(cuts::<Lattice>(Pace::QUICK, sampled)).await;
}

/// What takes AWS minutes, and what it shows seconds later, at a few writes of each step.
#[tokio::test]
async fn a_process_may_end_at_any_write_at_the_pace_of_aws() {
    let few = |cases: usize| (cases / SLOW) | 1;
    Box::pin(cuts::<Alb>(Pace::AWS, few)).await;
    Box::pin(cuts::<Nlb>(Pace::AWS, few)).await;
    Box::pin(cuts::<Lattice>(Pace::AWS, few)).await;
}

#[tokio::test]
#[ignore = "takes minutes; part of `cargo xtask test --full`"]
async fn every_fifth_cut_at_the_pace_of_aws() {
    // Shares no factor with the four ways of cutting, so that all of them come; four writes of five are cut.
    Box::pin(cuts::<Alb>(Pace::AWS, |_| 5)).await;
    Box::pin(cuts::<Nlb>(Pace::AWS, |_| 5)).await;
    Box::pin(cuts::<Lattice>(Pace::AWS, |_| 5)).await;
}

#[tokio::test]
#[ignore = "takes minutes; part of `cargo xtask test --full`"]
async fn a_process_may_end_at_every_write() {
    Box::pin(cuts::<Alb>(Pace::QUICK, |_| 1)).await;
    Box::pin(cuts::<Nlb>(Pace::QUICK, |_| 1)).await;
    Box::pin(cuts::<Lattice>(Pace::QUICK, |_| 1)).await;
}
