//! What is known of what was in place before a run, and what follows of that: which differences others made.
//!
//! A Gateway is looked at in AWS (or wherever it is), and something differs from what is wanted. Whether we wanted it
//! otherwise before, or somebody else changed it, AWS does not tell. A process that saw it in place can: what differs
//! from the target *of then* was changed by others, whatever is wanted now. The target itself is kept, not the objects that it
//! came from: quotas, certificates and subnets of the account change as well, and with them what becomes of the same objects.
//! Nothing of that is kept anywhere but in the memory of the process that leads; who begins to lead knows nothing, and says so.

use super::{Applied, Change, Driver};
use gatewright_model::key::ObjectName;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known of the state before a run. `T` is what was wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Past<T> {
    /// Nothing: this process has not seen it in place, or another one worked meanwhile.
    #[default]
    Unknown,
    /// Changes of our own may be half-way.
    Underway,
    /// This was in place, with nothing left to do.
    Settled(T),
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

/// What others changed of what was found, where the run made these changes.
pub(super) fn drift<D: Driver>(
    driver: &D,
    past: &Past<D::Target>,
    observed: &D::Observed,
    made: &[Applied],
) -> Drift {
    match past {
        Past::Underway => Drift::None,
        // Where nothing is, nobody changed anything.
        Past::Unknown if driver.plan(None, observed).is_empty() => Drift::None,
        Past::Unknown => Drift::Perhaps,
        Past::Settled(before) => {
            let changes = driver.drift(before, observed);
            let told = changes.iter().map(ToString::to_string);
            if changes.is_empty() {
                Drift::None
            } else if told.eq(made.iter().map(|change| change.summary.clone())) {
                Drift::All
            } else {
                Drift::Beside(changes)
            }
        }
    }
}

/// What is known of each Gateway, in the memory of this process.
#[derive(Debug)]
pub(super) struct Pasts<T>(Mutex<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    /// How often all was forgotten: what a run from before that found is out of date.
    age: u64,
    /// Of a Gateway that is not in it nothing is known.
    all: BTreeMap<ObjectName, Past<T>>,
}

/// When a run began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun(u64);

impl<T> Pasts<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Inner {
            age: 0,
            all: BTreeMap::new(),
        }))
    }

    /// What is known before a run. Until that ends, and if it is given up, its changes may be half-way.
    pub(super) fn begin(&self, gateway: &ObjectName) -> (Begun, Past<T>) {
        let mut inner = self.inner();
        let past = inner.all.insert(gateway.clone(), Past::Underway);
        (Begun(inner.age), past.unwrap_or_default())
    }

    /// What is known after it.
    pub(super) fn end(&self, begun: Begun, gateway: &ObjectName, past: Past<T>) {
        let mut inner = self.inner();
        if inner.age != begun.0 {
            return;
        }
        match past {
            Past::Unknown => inner.all.remove(gateway),
            past => inner.all.insert(gateway.clone(), past),
        };
    }

    /// Another process works, or worked until now.
    pub(super) fn forget_all(&self) {
        let mut inner = self.inner();
        inner.age += 1;
        inner.all.clear();
    }

    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_finds_counts_unless_all_was_forgotten_meanwhile() {
        let pasts = Pasts::new();
        let gateway = ObjectName::new("infra", "edge");
        let (begun, past) = pasts.begin(&gateway);
        assert_eq!(past, Past::Unknown);
        pasts.end(begun, &gateway, Past::Settled(1));
        let (given_up, past) = pasts.begin(&gateway);
        assert_eq!(past, Past::Settled(1));
        // Nobody knows how far it came.
        let (begun, past) = pasts.begin(&gateway);
        assert_eq!(past, Past::Underway);
        pasts.end(begun, &gateway, Past::Settled(2));
        pasts.forget_all();
        pasts.end(given_up, &gateway, Past::Settled(3));
        assert_eq!(pasts.begin(&gateway).1, Past::Unknown);
    }
}
