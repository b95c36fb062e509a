//! Which calls go first.
//!
//! All calls of an account and region share AWS's token buckets. Who waits for a change to be made should not wait for
//! a look at everything that exists.

use std::future::Future;

/// How soon a call should be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits for what it leads to: a change, or the look at one Gateway that comes with it.
    #[default]
    Change,
    /// Nobody does: a look at everything.
    Look,
}

tokio::task_local! {
    static URGENCY: Urgency;
}

impl Urgency {
    /// That of the calls which are made here: of a change, unless said otherwise.
    pub fn current() -> Self {
        URGENCY.try_with(|urgency| *urgency).unwrap_or_default()
    }

    /// Everything that a future does by itself (not what it spawns) is this urgent.
    pub fn of<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        URGENCY.scope(self, future)
    }
}
