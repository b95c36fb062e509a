//! From the results of checks to a state.
//!
//! Documented (target-group-health-checks): a target "must pass one health check to be considered healthy" after its
//! registration; `UnhealthyThresholdCount` consecutive failures take it out, `HealthyThresholdCount` consecutive
//! successes put it back.

use super::{Reason, State, TargetHealth};
use crate::traffic::config::HealthCheck;

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A code that matches.
    Success,
    /// A code that does not.
    Code(u16),
    /// Nothing in time.
    Timeout,
    /// No connection, or an answer that cannot be read.
    Error,
}

/// Checks of one target so far.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    state: State,
    /// Results in a row that speak against the state.
    against: u32,
}

impl Progress {
    /// Of a target that has a state, or of a new one.
    pub(super) const fn new(state: State) -> Self {
        let state = match state {
            State::Healthy | State::Unhealthy => state,
            State::Initial | State::Unused | State::Unavailable => State::Initial,
        };
        Self { state, against: 0 }
    }

    /// Takes a result. Returns the health that follows, none when it is as it was.
    pub(super) fn take(&mut self, found: &Found, check: &HealthCheck) -> Option<TargetHealth> {
        let success = *found == Found::Success;
        if success == (self.state == State::Healthy) && self.state != State::Initial {
            self.against = 0;
            // The latest reason is told.
            return (!success).then(|| failed(found));
        }
        if !success || self.state != State::Initial {
            self.against += 1;
        }
        let enough = match (self.state, success) {
            (State::Initial, true) => true,
            (_, true) => self.against >= check.healthy,
            (_, false) => self.against >= check.unhealthy,
        };
        if !enough {
            return (self.state == State::Initial)
                .then(|| TargetHealth::new(State::Initial, Some(Reason::InitialHealthChecking)));
        }
        self.against = 0;
        self.state = if success { State::Healthy } else { State::Unhealthy };
        Some(if success {
            TargetHealth::new(State::Healthy, None)
        } else {
            failed(found)
        })
    }
}

fn failed(found: &Found) -> TargetHealth {
    match found {
        Found::Code(code) => TargetHealth::mismatch(*code),
        Found::Timeout => TargetHealth::new(State::Unhealthy, Some(Reason::Timeout)),
        Found::Success | Found::Error => {
            TargetHealth::new(State::Unhealthy, Some(Reason::FailedHealthChecks))
        }
    }
}
