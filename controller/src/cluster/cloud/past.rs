//! What was in place for each Gateway, as far as this process saw it.

use super::work::Revised;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{Outcome, Past};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was in place; of a Gateway that is not in it nothing is known.
#[derive(Debug, Default)]
pub struct Pasts(Mutex<BTreeMap<ObjectName, Seen>>);

#[derive(Debug)]
enum Seen {
    /// Changes of ours may be half-way.
    Underway,
    /// This state, with nothing left to do.
    Settled(Revised),
}

impl Pasts {
    /// What is known before a run towards this state.
    pub fn of(&self, wanted: &Revised) -> Past<Revised> {
        match self.all().get(&wanted.request.balancer.gateway) {
            None => Past::Unknown,
            Some(Seen::Underway) => Past::Underway,
            Some(Seen::Settled(before)) if before.revision == wanted.revision => Past::Same,
            // What was in place in another cloud says nothing about this one.
            Some(Seen::Settled(before))
                if before.request.balancer.controller != wanted.request.balancer.controller =>
            {
                Past::Underway
            }
            Some(Seen::Settled(before)) => Past::Other(before.clone()),
        }
    }

    /// What became of a run towards this state.
    pub fn note(&self, wanted: &Revised, outcome: &Outcome) {
        let gateway = &wanted.request.balancer.gateway;
        let mut all = self.all();
        let is_it =
            matches!(all.get(gateway), Some(Seen::Settled(before)) if before.revision == wanted.revision);
        if is_it {
            // What others changed and could not be mended is theirs the next time, too.
            return;
        }
        let at_rest = outcome.is_converged() && outcome.addresses.fault.is_none() && outcome.again.is_none();
        if at_rest {
            all.insert(gateway.clone(), Seen::Settled(wanted.clone()));
        } else if !outcome.changes.is_empty() {
            all.insert(gateway.clone(), Seen::Underway);
        }
    }

    /// What a Gateway has is being removed.
    pub fn removing(&self, gateway: &ObjectName) {
        self.all().insert(gateway.clone(), Seen::Underway);
    }

    /// Nobody asks about a Gateway any more.
    pub fn forget(&self, gateway: &ObjectName) {
        self.all().remove(gateway);
    }

    /// Another process works, or worked until now.
    pub fn forget_all(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<ObjectName, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_core::graph::parameters::Parameters;
    use gatewright_model::LoadBalancer;
    use gatewright_provider_api::contract::{
        Action, Applied, ErrorKind, ProviderError, Request, Resource, Verdict,
    };
    use std::sync::Arc;
    use std::time::Duration;

    fn state(revision: u64, controller: &str) -> Revised {
        let balancer = LoadBalancer::bare(ObjectName::new("infra", "edge"), "class", controller);
        Revised {
            request: Request {
                balancer: Arc::new(balancer),
                uid: "".into(),
                parameters: Parameters::None,
            },
            revision,
        }
    }

    fn revision(past: &Past<Revised>) -> Past<u64> {
        past.as_ref().map(|before| before.revision)
    }

    /// A run that made a change, which may have failed.
    fn changed(failed: bool) -> Outcome {
        let resource = Resource {
            kind: "listener",
            id: "80".into(),
        };
        let error = ProviderError {
            kind: ErrorKind::Unavailable,
            resource: resource.clone(),
            message: String::new(),
        };
        Outcome {
            changes: vec![Applied {
                action: Action::Update,
                resource,
                summary: String::new(),
                verdict: if failed {
                    Verdict::Failed(error)
                } else {
                    Verdict::Done
                },
            }],
            ..Outcome::default()
        }
    }

    #[test]
    fn what_was_in_place_is_what_came_to_rest_last() {
        let pasts = Pasts::default();
        let (first, second) = (state(1, "a"), state(2, "a"));
        assert_eq!(revision(&pasts.of(&first)), Past::Unknown);
        pasts.note(&first, &changed(false));
        assert_eq!(revision(&pasts.of(&first)), Past::Same);
        assert_eq!(revision(&pasts.of(&second)), Past::Other(1));
        // What others did to it and could not be mended yet is still theirs.
        pasts.note(&first, &changed(true));
        assert_eq!(revision(&pasts.of(&first)), Past::Same);
        // A run that could not even look changed nothing.
        let unread = Outcome {
            unread: changed(true).errors().next().cloned(),
            ..Outcome::default()
        };
        pasts.note(&second, &unread);
        assert_eq!(revision(&pasts.of(&second)), Past::Other(1));
    }

    /// Half of an edit of our own is never called somebody else's.
    #[test]
    fn what_is_half_way_is_nobodys_drift() {
        let waits = Outcome {
            again: Some(Duration::from_secs(1)),
            ..changed(false)
        };
        for half in [changed(true), waits] {
            let pasts = Pasts::default();
            pasts.note(&state(1, "a"), &Outcome::default());
            pasts.note(&state(2, "a"), &half);
            assert_eq!(revision(&pasts.of(&state(2, "a"))), Past::Underway);
            assert_eq!(revision(&pasts.of(&state(3, "a"))), Past::Underway);
            pasts.note(&state(3, "a"), &Outcome::default());
            assert_eq!(revision(&pasts.of(&state(4, "a"))), Past::Other(3));
        }
    }

    #[test]
    fn another_cloud_another_process_and_removal_begin_anew() {
        let pasts = Pasts::default();
        let first = state(1, "a");
        pasts.note(&first, &Outcome::default());
        assert_eq!(revision(&pasts.of(&state(2, "b"))), Past::Underway);
        pasts.removing(&first.request.balancer.gateway);
        assert_eq!(revision(&pasts.of(&first)), Past::Underway);
        pasts.note(&first, &Outcome::default());
        pasts.forget_all();
        assert_eq!(revision(&pasts.of(&first)), Past::Unknown);
        pasts.note(&first, &Outcome::default());
        pasts.forget(&first.request.balancer.gateway);
        assert_eq!(revision(&pasts.of(&first)), Past::Unknown);
    }
}
