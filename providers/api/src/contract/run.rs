//! From observation to outcome, in one way for all providers.

use super::{Applied, Change, Driver, Outcome, Plan, Verdict};
use gatewright_model::key::ObjectName;

/// Makes a Gateway's infrastructure what its input says. Nothing is written when it is already. A change
/// that fails stops only those that need it: a broken part hurts only itself.
pub async fn converge<D: Driver>(driver: &D, input: &D::Input) -> Outcome {
    let lowered = driver.lower(input);
    let gateway = driver.gateway(input);
    let mut outcome = Outcome {
        unsupported: lowered.unsupported,
        ..Outcome::default()
    };
    let observed = match driver.observe(gateway).await {
        Ok(observed) => observed,
        Err(error) => {
            outcome.unread = Some(error);
            return outcome;
        }
    };
    let plan = driver.plan(Some(&lowered.target), &observed);
    if plan.is_empty() {
        outcome.addresses = driver.addresses(input, &observed);
        return outcome;
    }
    outcome.changes = carry_out(driver, plan).await;
    match driver.observe(gateway).await {
        Ok(observed) => outcome.addresses = driver.addresses(input, &observed),
        Err(error) => outcome.unread = Some(error),
    }
    outcome
}

/// Removes everything that was made for a Gateway, and nothing else.
pub async fn remove<D: Driver>(driver: &D, gateway: &ObjectName) -> Outcome {
    let mut outcome = Outcome::default();
    match driver.observe(gateway).await {
        Ok(observed) => outcome.changes = carry_out(driver, driver.plan(None, &observed)).await,
        Err(error) => outcome.unread = Some(error),
    }
    outcome
}

async fn carry_out<D: Driver>(driver: &D, plan: Plan<D::Step>) -> Vec<Applied> {
    let mut done: Vec<Applied> = Vec::with_capacity(plan.changes.len());
    for change in plan.changes {
        let verdict = match blocked(&change, &done) {
            Some(verdict) => verdict,
            None => match driver.apply(&change).await {
                Ok(()) => Verdict::Done,
                Err(error) => Verdict::Failed(error),
            },
        };
        done.push(Applied {
            action: change.action,
            summary: change.to_string(),
            resource: change.resource,
            verdict,
        });
    }
    done
}

fn blocked<S>(change: &Change<S>, done: &[Applied]) -> Option<Verdict> {
    let failed = done
        .iter()
        .find(|earlier| earlier.verdict != Verdict::Done && change.needs.contains(&earlier.resource))?;
    Some(Verdict::Skipped(failed.resource.clone()))
}
