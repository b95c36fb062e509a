//! The classes, as the contract sees them.

use super::client::Question;
use super::place::Place;
use crate::Account;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Driver, Outcome, converge, remove};
use std::time::Duration;

/// What is wanted of the Gateway: a form of it, or that it is gone.
pub(super) type Goal = Option<usize>;

/// The cluster's name, where there is one.
pub(super) const CLUSTER: &str = "test";

/// How long a replaced load balancer stays: names are valid for 60 s, and who follows the status takes a while.
pub(super) const DRAIN: Duration = Duration::from_secs(120);

/// Runs that a goal may need until nothing is left to do.
const ROUNDS: u32 = 400;

/// A class.
pub(super) trait Class {
    /// Its name.
    const NAME: &'static str;
    /// Calls of a bucket that is too small for one run, and not for one look.
    const BUCKET: f64;
    type Target: Clone;
    type Driver: Driver;

    /// A process.
    fn driver(account: &Account, cluster: &str) -> Self::Driver;

    /// Three forms of a Gateway, each another way from the one before: made, edited in all that can be edited with target
    /// groups replaced, and replaced itself.
    async fn forms(place: &Place<'_>) -> Vec<Self::Target>;

    fn request(target: &Self::Target) -> <Self::Driver as Driver>::Input;

    fn gateway(target: &Self::Target) -> &ObjectName;

    /// The name that clients are told.
    fn name(outcome: &Outcome) -> Option<String>;

    /// Whether a name is the form's own, and not that of the one before.
    fn is_own(target: &Self::Target, name: &str) -> bool;

    /// The same Gateway of another cluster: names contain the cluster.
    fn of_another_cluster(target: Self::Target) -> Self::Target;

    /// What all forms answer.
    const QUESTION: Question;
}

/// One run of a process.
pub(super) async fn once<C: Class>(
    place: &Place<'_>,
    driver: &C::Driver,
    forms: &[C::Target],
    goal: Goal,
) -> Outcome {
    place.tell_time();
    let outcome = match goal {
        Some(form) => Box::pin(converge(driver, &C::request(&forms[form]))).await,
        None => Box::pin(remove(driver, C::gateway(&forms[0]))).await,
    };
    if let Some(name) = C::name(&outcome) {
        place.publish(&name, C::QUESTION.port);
    }
    outcome
}

/// When the controller would run again; none when nothing is left to do.
pub(super) fn pause<C: Class>(
    forms: &[C::Target],
    goal: Goal,
    outcome: &Outcome,
    failures: u32,
) -> Option<Duration> {
    if !outcome.is_converged() {
        let asked = outcome.retry_after(failures.max(1));
        return Some(asked.unwrap_or(Duration::from_secs(1)));
    }
    if !outcome.changes.is_empty() {
        return Some(Duration::from_millis(100));
    }
    let told = C::name(outcome);
    let reached = goal.is_none_or(|form| told.is_some_and(|name| C::is_own(&forms[form], &name)));
    outcome.again.or((!reached).then_some(Duration::from_secs(1)))
}

/// A process runs until nothing is left to do.
pub(super) async fn settle_by<C: Class>(
    place: &Place<'_>,
    driver: &C::Driver,
    forms: &[C::Target],
    goal: Goal,
) -> Outcome {
    let mut failures = 0;
    for round in 0.. {
        let outcome = once::<C>(place, driver, forms, goal).await;
        failures = if outcome.is_converged() { 0 } else { failures + 1 };
        let Some(pause) = pause::<C>(forms, goal, &outcome, failures) else {
            return outcome;
        };
        assert!(round < ROUNDS, "{}, {goal:?}: {outcome:#?}", C::NAME);
        place.pass(pause).await;
    }
    unreachable!("the rounds end before");
}

/// The same, by a process that knows nothing.
pub(super) async fn settle<C: Class>(place: &Place<'_>, forms: &[C::Target], goal: Goal) -> Outcome {
    let account = place.account(&std::sync::Arc::default());
    let driver = C::driver(&account, CLUSTER);
    settle_by::<C>(place, &driver, forms, goal).await
}
