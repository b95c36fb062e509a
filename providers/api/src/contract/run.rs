//! From observation to outcome, in one way for all providers.

use super::past::drift;
use super::{Applied, Change, Driver, Leave, Lowered, Outcome, Past, Plan, ProviderError, Verdict};
use crate::TRACES;
use gatewright_model::key::ObjectName;
use tracing::Instrument;

/// [`Leave::converge`], where there is no other process.
pub async fn converge<D: Driver>(driver: &D, input: &D::Input) -> Outcome {
    Leave::always().converge(driver, input).await
}

/// [`Leave::remove`], where there is no other process.
pub async fn remove<D: Driver>(driver: &D, gateway: &ObjectName) -> Outcome {
    Leave::always().remove(driver, gateway).await
}

impl Leave {
    /// Makes a Gateway's infrastructure what its input says. Nothing is written when it is already. A change
    /// that fails stops only those that need it: a broken part hurts only itself. Without leave nothing is changed any
    /// more, and what is missing is [`super::ErrorKind::Superseded`].
    pub async fn converge<D: Driver>(&self, driver: &D, input: &D::Input) -> Outcome {
        self.converge_after(driver, input, &mut Past::Underway).await
    }

    /// The same, with a word on what others changed since the past that is known; then that is what is known now.
    pub async fn converge_after<D: Driver>(
        &self,
        driver: &D,
        input: &D::Input,
        past: &mut Past<D::Target>,
    ) -> Outcome {
        let Lowered { target, unsupported } = driver.lower(input);
        let gateway = driver.gateway(input);
        let mut outcome = Outcome {
            unsupported,
            ..Outcome::default()
        };
        let mut observed = match observe(driver, gateway).await {
            Ok(observed) => observed,
            Err(error) => {
                outcome.unread = Some(error);
                return outcome;
            }
        };
        let plan = plan(driver, Some(&target), &observed);
        let mut is_there = plan.is_empty();
        if !is_there {
            outcome.changes = self.carry_out(driver, plan).await;
            outcome.drift = drift(driver, past, &observed, &outcome.changes);
            // What others changed and could not be mended yet is theirs the next time, too.
            if !matches!(past, Past::Settled(before) if *before == target) {
                *past = Past::Underway;
            }
            observed = match observe(driver, gateway).await {
                Ok(observed) => observed,
                Err(error) => {
                    outcome.unread = Some(error);
                    return outcome;
                }
            };
            is_there = outcome.is_converged() && driver.plan(Some(&target), &observed).is_empty();
        }
        if is_there && !driver.is_underway(input, &observed) {
            *past = Past::Settled(target);
        } else if !matches!(past, Past::Settled(before) if *before == target) {
            *past = Past::Underway;
        }
        outcome.addresses = driver.addresses(input, &observed);
        outcome.again = driver.recheck(input, &observed);
        outcome
    }

    /// Removes everything that was made for a Gateway, and nothing else.
    pub async fn remove<D: Driver>(&self, driver: &D, gateway: &ObjectName) -> Outcome {
        let mut outcome = Outcome::default();
        match observe(driver, gateway).await {
            Ok(observed) => outcome.changes = self.carry_out(driver, plan(driver, None, &observed)).await,
            Err(error) => outcome.unread = Some(error),
        }
        outcome
    }

    async fn carry_out<D: Driver>(&self, driver: &D, plan: Plan<D::Step>) -> Vec<Applied> {
        let mut done: Vec<Applied> = Vec::with_capacity(plan.changes.len());
        for change in plan.changes {
            let verdict = match blocked(&change, &done) {
                Some(verdict) => verdict,
                None => match self.during(apply(driver, &change)).await {
                    Some(Ok(())) => Verdict::Done,
                    Some(Err(error)) => Verdict::Failed(error),
                    None => Verdict::Failed(Self::superseded(change.resource.clone())),
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
}

pub(super) async fn observe<D: Driver>(
    driver: &D,
    gateway: &ObjectName,
) -> Result<D::Observed, ProviderError> {
    let span = tracing::debug_span!(target: TRACES, "observe", error = tracing::field::Empty);
    let observed = driver.observe(gateway).instrument(span.clone()).await;
    note(&span, observed)
}

pub(super) fn plan<D: Driver>(
    driver: &D,
    target: Option<&D::Target>,
    observed: &D::Observed,
) -> Plan<D::Step> {
    let span = tracing::debug_span!(target: TRACES, "plan", changes = tracing::field::Empty);
    let plan = span.in_scope(|| driver.plan(target, observed));
    span.record("changes", plan.changes.len());
    plan
}

async fn apply<D: Driver>(driver: &D, change: &Change<D::Step>) -> Result<(), ProviderError> {
    // Not what is written: there may be secrets in it.
    let span = tracing::debug_span!(
        target: TRACES,
        "apply",
        action = change.action.label(),
        resource = %change.resource,
        error = tracing::field::Empty,
    );
    let applied = driver.apply(change).instrument(span.clone()).await;
    note(&span, applied)
}

/// Makes the span of a failure a failed one.
fn note<T>(span: &tracing::Span, result: Result<T, ProviderError>) -> Result<T, ProviderError> {
    if let Err(error) = &result {
        span.record("error", error.to_string());
    }
    result
}

fn blocked<S>(change: &Change<S>, done: &[Applied]) -> Option<Verdict> {
    let failed = done
        .iter()
        .find(|earlier| earlier.verdict != Verdict::Done && change.needs.contains(&earlier.resource))?;
    Some(Verdict::Skipped(failed.resource.clone()))
}
