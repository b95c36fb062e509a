//! Whether what is found for a Gateway may be from before this process began to lead.

use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Drift, Outcome};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Gateways of which this process saw all that was made for them: there was nothing when it began, or it looked since.
#[derive(Debug, Default)]
pub struct Known(Mutex<BTreeSet<ObjectName>>);

impl Known {
    /// Nothing was made for a Gateway yet.
    pub fn is_new(&self, gateway: &ObjectName) {
        self.all().insert(gateway.clone());
    }

    /// Takes in a run. Only the first one can find what differed when the process began to look; what is found in another cloud
    /// or place later comes from edits.
    pub fn note(&self, gateway: &ObjectName, outcome: &mut Outcome) {
        let has_looked = outcome.unread.is_none() || !outcome.changes.is_empty();
        if !has_looked {
            return;
        }
        let before = !self.all().insert(gateway.clone());
        if before && outcome.drift == Drift::Perhaps {
            outcome.drift = Drift::None;
        }
    }

    /// Nobody asks about a Gateway any more.
    pub fn forget(&self, gateway: &ObjectName) {
        self.all().remove(gateway);
    }

    /// Another process works, or worked until now.
    pub fn forget_all(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, BTreeSet<ObjectName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_provider_api::contract::{ErrorKind, ProviderError, Resource};

    fn told(known: &Known, gateway: &ObjectName, unread: bool) -> Drift {
        let error = ProviderError {
            kind: ErrorKind::Unavailable,
            resource: Resource {
                kind: "cloud",
                id: "".into(),
            },
            message: String::new(),
        };
        let mut outcome = Outcome {
            drift: Drift::Perhaps,
            unread: unread.then_some(error),
            ..Outcome::default()
        };
        known.note(gateway, &mut outcome);
        outcome.drift
    }

    #[test]
    fn the_first_look_alone_finds_what_differed_before() {
        let known = Known::default();
        let (edge, new) = (ObjectName::new("infra", "edge"), ObjectName::new("infra", "new"));
        // A run that could not look found nothing.
        told(&known, &edge, true);
        assert_eq!(told(&known, &edge, false), Drift::Perhaps);
        assert_eq!(told(&known, &edge, false), Drift::None);
        known.is_new(&new);
        assert_eq!(told(&known, &new, false), Drift::None);
        known.forget_all();
        assert_eq!(told(&known, &edge, false), Drift::Perhaps);
        known.forget(&edge);
        assert_eq!(told(&known, &edge, false), Drift::Perhaps);
    }
}
