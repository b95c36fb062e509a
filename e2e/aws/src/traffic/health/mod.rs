//! Health of targets, as `DescribeTargetHealth` tells it.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>

mod check;
mod codes;
mod progress;
#[cfg(test)]
mod tests;

pub(super) use check::watch;
pub(super) use codes::Codes;

use super::config::Arn;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// `State` of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being registered, or checked for the first time.
    Initial,
    /// It is healthy.
    Healthy,
    /// It is not.
    Unhealthy,
    /// No listener uses its group.
    Unused,
    /// It is not checked.
    Unavailable,
}

impl State {
    /// AWS's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unused => "unused",
            Self::Unavailable => "unavailable",
        }
    }
}

/// `Reason` of a state other than `healthy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `Elb.RegistrationInProgress`.
    RegistrationInProgress,
    /// `Elb.InitialHealthChecking`.
    InitialHealthChecking,
    /// `Target.ResponseCodeMismatch`.
    ResponseCodeMismatch,
    /// `Target.Timeout`.
    Timeout,
    /// `Target.FailedHealthChecks`.
    FailedHealthChecks,
    /// `Target.NotInUse`.
    NotInUse,
    /// `Target.HealthCheckDisabled`.
    HealthCheckDisabled,
}

impl Reason {
    /// AWS's code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RegistrationInProgress => "Elb.RegistrationInProgress",
            Self::InitialHealthChecking => "Elb.InitialHealthChecking",
            Self::ResponseCodeMismatch => "Target.ResponseCodeMismatch",
            Self::Timeout => "Target.Timeout",
            Self::FailedHealthChecks => "Target.FailedHealthChecks",
            Self::NotInUse => "Target.NotInUse",
            Self::HealthCheckDisabled => "Target.HealthCheckDisabled",
        }
    }
}

/// `TargetHealth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetHealth {
    /// `State`.
    pub state: State,
    /// `Reason`.
    pub reason: Option<Reason>,
    /// `Description`.
    pub description: Option<String>,
}

impl TargetHealth {
    /// A state with its reason and the description that the pages give for it.
    pub(super) fn new(state: State, reason: Option<Reason>) -> Self {
        let description = reason.map(|reason| match reason {
            Reason::RegistrationInProgress => "Target registration is in progress",
            Reason::InitialHealthChecking => "Initial health checks in progress",
            Reason::ResponseCodeMismatch | Reason::FailedHealthChecks => "Health checks failed",
            Reason::Timeout => "Request timed out",
            Reason::NotInUse => "Target group is not configured to receive traffic from the load balancer",
            Reason::HealthCheckDisabled => "Health checks are disabled for this target group",
        });
        Self {
            state,
            reason,
            description: description.map(str::to_owned),
        }
    }

    pub(super) fn mismatch(code: u16) -> Self {
        Self {
            description: Some(format!("Health checks failed with these codes: [{code}]")),
            ..Self::new(State::Unhealthy, Some(Reason::ResponseCodeMismatch))
        }
    }

    pub(super) fn registering() -> Self {
        Self::new(State::Initial, Some(Reason::RegistrationInProgress))
    }

    pub(super) fn unused() -> Self {
        Self::new(State::Unused, Some(Reason::NotInUse))
    }
}

/// What is known of one target, shared by those who check it, choose it and tell of it.
pub(super) type Cell = Arc<RwLock<TargetHealth>>;

/// The health of a target now.
pub(super) fn read(cell: &Cell) -> TargetHealth {
    cell.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Changes the health of a target.
pub(super) fn write(cell: &Cell, health: TargetHealth) {
    *cell.write().unwrap_or_else(PoisonError::into_inner) = health;
}

/// Health of all targets.
#[derive(Debug, Default)]
pub struct Health {
    cells: RwLock<HashMap<Arn, Targets>>,
}

/// Targets of a group, by id and port.
pub(super) type Targets = HashMap<(String, u16), Cell>;

impl Health {
    /// The health of a target of a group. None for one that is not registered, or not seen yet.
    pub fn state(&self, group: &str, id: &str, port: u16) -> Option<TargetHealth> {
        let cells = self.cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.get(group)?.get(&(id.to_owned(), port)).map(read)
    }

    /// Replaces the targets of a group.
    pub(super) fn set(&self, group: &Arn, targets: Targets) {
        self.cells
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(group.clone(), targets);
    }

    /// Forgets a group.
    pub(super) fn remove(&self, group: &Arn) {
        self.cells
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(group);
    }
}
