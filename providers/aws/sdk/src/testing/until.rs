//! Runs of a driver, again and again, until what is wanted is there.

use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Driver, Outcome, converge, remove};
use std::time::{Duration, Instant};

/// How long.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

const PAUSE: Duration = Duration::from_millis(100);

/// Nothing is left to do, and nothing is on its way.
pub(super) fn is_settled(outcome: &Outcome) -> bool {
    outcome.is_converged() && outcome.changes.is_empty() && outcome.again.is_none()
}

/// Runs until an outcome is as wanted.
pub(super) async fn until<D: Driver>(
    driver: &D,
    request: &D::Input,
    wanted: impl Fn(&Outcome) -> bool,
) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcome = Box::pin(converge(driver, request)).await;
        if wanted(&outcome) {
            return outcome;
        }
        assert!(Instant::now() < deadline, "{outcome:#?}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Removes all of a Gateway, until that is done.
pub(super) async fn until_gone<D: Driver>(driver: &D, gateway: &ObjectName) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcome = Box::pin(remove(driver, gateway)).await;
        if is_settled(&outcome) {
            return;
        }
        assert!(Instant::now() < deadline, "{outcome:#?}");
        tokio::time::sleep(PAUSE).await;
    }
}
