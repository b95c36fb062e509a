//! What is known of what was in place before a run, and what follows of that: which differences others made.
//!
//! A Gateway is looked at in AWS (or wherever it is), and something differs from what is wanted. Whether we wanted it
//! otherwise before, or somebody else changed it, AWS does not tell. A process that saw it in place can: what differs
//! from what was wanted *then* was changed by others, whatever is wanted now. Nothing of that is kept anywhere but in the
//! memory of the process that leads; who begins to lead knows nothing, and says so.

use super::{Change, Driver};
use std::future::Future;

/// What is known of the state before a run. `T` is a state that was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past<T> {
    /// Nothing: this process has not seen it in place, or another one worked meanwhile.
    Unknown,
    /// Changes of our own may be half-way.
    Underway,
    /// What is wanted now was in place, with nothing left to do.
    Same,
    /// This was.
    Other(T),
}

impl<T> Past<T> {
    /// With another form of the state.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Past<U> {
        match self {
            Self::Unknown => Past::Unknown,
            Self::Underway => Past::Underway,
            Self::Same => Past::Same,
            Self::Other(state) => Past::Other(with(state)),
        }
    }

    /// The same, without taking the state.
    pub const fn as_ref(&self) -> Past<&T> {
        match self {
            Self::Unknown => Past::Unknown,
            Self::Underway => Past::Underway,
            Self::Same => Past::Same,
            Self::Other(state) => Past::Other(state),
        }
    }
}

/// What others changed, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Drift {
    /// Nothing that is known of.
    #[default]
    None,
    /// All that the run changed.
    All,
    /// What leads from what was found to what was in place; the run made what is wanted now.
    Beside(Vec<Change<()>>),
    /// What the run changed, or some of it; the rest was wanted otherwise when nobody looked.
    Perhaps,
}

/// What others changed of what was found, where something differs.
pub(super) async fn drift<D, F>(driver: &D, past: Past<F>, observed: &D::Observed) -> Drift
where
    D: Driver,
    F: Future<Output = Option<D::Input>> + Send,
{
    match past {
        Past::Underway => Drift::None,
        Past::Same => Drift::All,
        // Where nothing is, nobody changed anything.
        Past::Unknown if driver.plan(None, observed).is_empty() => Drift::None,
        Past::Unknown => Drift::Perhaps,
        Past::Other(before) => {
            let Some(before) = before.await else {
                return Drift::None;
            };
            let changes = driver.plan(Some(&driver.lower(&before).target), observed).changes;
            if changes.is_empty() {
                Drift::None
            } else {
                Drift::Beside(changes.into_iter().map(Change::without_step).collect())
            }
        }
    }
}
