//! AWS in memory, by its documented rules: quotas, names, what is in use, priorities, repeated creations, states.
//! For tests of the driver and of who uses it; every call can be made to fail, or to be the caller's last.

mod balancers;
mod capacities;
mod certificates;
mod check;
mod inventory;
mod listeners;
mod listing;
mod network;
mod protections;
mod rules;
mod state;
mod tagging;
mod target_groups;
#[cfg(test)]
mod tests;
mod trust_stores;
mod turns;
mod web_acls;

pub use state::Delays;
pub use turns::Turns;

use crate::cloud::{self, Cloud, CloudError};
use gatewright_aws_core::Str;
use gatewright_aws_core::limits::{AlbLimits, NlbLimits};
use gatewright_provider_api::contract::{Action, ErrorKind, Resource};
use gatewright_provider_api::suite::{Answer, Calls};
use state::State;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An account in a region.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
    calls: Calls,
    turns: Option<Arc<dyn Turns>>,
}

/// A process' connection to it.
#[derive(Clone, Debug, Default)]
pub struct Connection(pub Arc<Memory>);

/// A refusal: kind and code of AWS.
type Refusal = (ErrorKind, &'static str);
type Outcome<T> = Result<T, Refusal>;

impl Memory {
    /// An account with nothing in it but a VPC `vpc-1` with subnets `subnet-a` to `subnet-c`, one for each zone, and
    /// security groups `sg-given-1` and `sg-given-2` of others.
    pub fn new(limits: AlbLimits, delays: Delays) -> Self {
        Self {
            state: Mutex::new(State::new(limits, delays)),
            calls: Calls::default(),
            turns: None,
        }
    }

    /// The same, with calls that wait for their turn.
    #[must_use]
    pub fn with_turns(self, turns: Arc<dyn Turns>) -> Self {
        Self {
            turns: Some(turns),
            ..self
        }
    }

    /// Another one in which everything is as it is here now.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            state: Mutex::new(self.state().clone()),
            calls: Calls::default(),
            turns: self.turns.clone(),
        }
    }

    /// Whether the same calls get the same answers in both from now on. Nothing hangs on the time where there are no delays:
    /// what was to come has come with the next call.
    pub fn is_like(&self, other: &Self) -> bool {
        let (one, mut other) = (self.state(), other.state());
        if other.delays != Delays::default() {
            return *one == *other;
        }
        let now = std::mem::replace(&mut other.now, one.now);
        let like = *one == *other;
        other.now = now;
        like
    }

    /// The calls made, and what is to go wrong.
    pub const fn calls(&self) -> &Calls {
        &self.calls
    }

    /// No policy allows this operation from now on.
    pub fn forbid(&self, operation: &'static str) {
        self.state().forbidden.insert(operation);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// A read that AWS answers in several pages, or for so many at a time: as many calls as there are of them.
    async fn read_many<T: Send>(
        &self,
        operation: &'static str,
        (each, asked): (usize, usize),
        read: impl FnOnce(&mut State) -> Outcome<Vec<T>> + Send,
    ) -> cloud::Answer<Vec<T>> {
        let found = self.read(operation, read).await?;
        let calls = found.len().max(asked).div_ceil(each);
        self.turn(operation, calls.saturating_sub(1)).await?;
        Ok(found)
    }

    async fn turn(&self, operation: &'static str, calls: usize) -> cloud::Answer<()> {
        let Some(turns) = &self.0.turns else {
            return Ok(());
        };
        turns.turn(operation, calls).await.map_err(|kind| CloudError {
            kind,
            operation,
            code: "Throttling".into(),
            message: "Rate exceeded".to_owned(),
        })
    }

    async fn read<T: Send>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&mut State) -> Outcome<T> + Send,
    ) -> cloud::Answer<T> {
        self.call(operation, None, read).await
    }

    async fn write<T: Send>(
        &self,
        operation: &'static str,
        (action, id): (Action, Str),
        write: impl FnOnce(&mut State) -> Outcome<T> + Send,
    ) -> cloud::Answer<T> {
        let resource = Resource { kind: operation, id };
        self.call(operation, Some((action, resource)), write).await
    }

    async fn call<T: Send>(
        &self,
        operation: &'static str,
        write: Option<(Action, Resource)>,
        call: impl FnOnce(&mut State) -> Outcome<T> + Send,
    ) -> cloud::Answer<T> {
        self.turn(operation, 1).await?;
        let reply = self.0.calls.enter(write);
        let usual = reply.carry_out.then(|| {
            let mut state = self.0.state();
            state.tick();
            if state.forbidden.contains(operation) {
                return Err((ErrorKind::Forbidden, "AccessDenied"));
            }
            call(&mut state)
        });
        let refusal = match (reply.answer, usual) {
            (None, Some(Ok(answer))) => return Ok(answer),
            (None, Some(Err(refusal))) => refusal,
            (Some(Answer::Error(kind)), _) => (kind, "Injected"),
            (Some(Answer::Never), _) | (None, None) => std::future::pending().await,
        };
        let (kind, code) = refusal;
        Err(CloudError {
            kind,
            operation,
            code: code.into(),
            message: "refused".to_owned(),
        })
    }
}

impl Cloud for Connection {
    async fn limits(&self) -> cloud::Answer<AlbLimits> {
        self.read("DescribeAccountLimits", |state| Ok(state.limits.clone()))
            .await
    }

    async fn network_limits(&self) -> cloud::Answer<NlbLimits> {
        self.read("DescribeAccountLimits", |state| Ok(state.network_limits.clone()))
            .await
    }
}
