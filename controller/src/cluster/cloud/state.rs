//! What is known of one Gateway that a cloud serves.

use super::plans::{self, Mode};
use super::work::{Revised, Told};
use crate::cluster::events::{self, Notice};
use crate::cluster::gate::Reached;
use gatewright_core::status::programming::{AssignedAddress, ListenerOutcome, Programming, ProgrammingFault};
use gatewright_core::status::{Planned, Shortfall};
use gatewright_model::unsupported::Unsupported;
use gatewright_model::{LoadBalancer, Str};
use gatewright_provider_api::contract::{Applied, Drift, Outcome, Verdict};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;

/// Changes that an Event names; the rest is counted.
const NAMED: usize = 3;

/// A Gateway object as it is.
#[derive(Clone, Copy, Debug)]
pub struct Existing<'a> {
    /// Its metadata.
    pub meta: &'a ObjectMeta,
    /// Its `resourceVersion`.
    pub version: &'a str,
    /// Controller name of its class; `None`: the class is not there.
    pub controller: Option<&'a str>,
}

/// What a run means for whoever looks at the Gateway.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Whether its statuses say something else now.
    pub news: bool,
    /// Whether nothing is left of it, so that it may go.
    pub removed: bool,
    /// Events.
    pub notices: Vec<Notice>,
}

/// What is known of one Gateway.
#[derive(Debug, Default)]
pub struct State {
    /// The newest state of it.
    newest: Option<Revised>,
    /// Whether the newest state has yet to be handed on.
    waiting: bool,
    /// Which state the cloud has, or was tried to be given.
    reached: Option<u64>,
    /// What was said of that.
    word: Option<Word>,
    shortfall: Shortfall,
    stage: Stage,
}

/// Whether it is to be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Staying,
    Leaving,
    Removed,
}

#[derive(Clone, Debug, Default)]
struct Word {
    addresses: Vec<AssignedAddress>,
    names: BTreeMap<Str, Str>,
    resources: BTreeMap<Str, Str>,
    fault: Option<ProgrammingFault>,
    plan: Option<Planned>,
    /// Whether what is served is not what is wanted, because nothing is made.
    held: bool,
}

impl State {
    /// Takes the newest state.
    pub fn publish(&mut self, request: Revised) {
        self.newest = Some(request);
        self.waiting = true;
    }

    /// The newest state, unless it was handed on before.
    pub fn take_waiting(&mut self) -> Option<Revised> {
        std::mem::take(&mut self.waiting).then(|| self.newest.clone())?
    }

    /// It is to go; whether that is new.
    pub fn leave(&mut self) -> bool {
        let new = self.stage == Stage::Staying;
        if new {
            self.stage = Stage::Leaving;
        }
        new
    }

    /// What is wanted of it is to be looked at once more: it is made, or told, otherwise than before.
    pub fn again(&mut self) {
        self.waiting = self.newest.is_some();
    }

    /// It is to stay, or to be there again.
    pub fn stay(&mut self) {
        if self.stage != Stage::Staying {
            self.stage = Stage::Staying;
            self.waiting = self.newest.is_some();
        }
    }

    /// Whether nothing is left of it.
    pub fn is_removed(&self) -> bool {
        self.stage == Stage::Removed
    }

    /// Takes in what became of it.
    pub fn take(&mut self, told: Told) -> Judgement {
        let Told {
            revision,
            outcome,
            mode,
            news,
            ..
        } = told;
        match revision {
            Some(revision) if self.stage == Stage::Staying => self.take_made(revision, (outcome, mode), news),
            None if self.stage == Stage::Leaving => self.take_removed(&outcome, mode),
            // It was decided otherwise meanwhile.
            _ => Judgement::default(),
        }
    }

    fn take_made(&mut self, revision: u64, (outcome, mode): (Outcome, Mode), news: bool) -> Judgement {
        let notices = drift(&outcome).into_iter().collect();
        self.reached = self.reached.max(Some(revision));
        if news {
            let fault = outcome.fault();
            let plan = Some(plans::words(&outcome, mode));
            let held = !outcome.planned.is_empty();
            // Whoever cannot ask the cloud does not know that it stopped to serve: the addresses stay.
            let (addresses, names, resources) = match self.word.take() {
                Some(word) if outcome.unread.is_some() => (word.addresses, word.names, word.resources),
                _ => {
                    let found = outcome.addresses;
                    (found.assigned, found.names, found.resources)
                }
            };
            self.word = Some(Word {
                addresses,
                names,
                resources,
                fault,
                plan,
                held,
            });
            // Without an answer of the cloud nobody could say what it cannot express.
            if outcome.unread.is_none() || !outcome.unsupported.is_empty() {
                self.shortfall = Shortfall::of(outcome.unsupported);
            }
        }
        Judgement {
            news,
            removed: false,
            notices,
        }
    }

    fn take_removed(&mut self, outcome: &Outcome, mode: Mode) -> Judgement {
        if outcome.is_converged() && outcome.planned.is_empty() {
            self.stage = Stage::Removed;
            return Judgement {
                removed: true,
                ..Judgement::default()
            };
        }
        let fault = outcome.fault().map(|fault| ProgrammingFault {
            message: format!(
                "the Gateway is being deleted, but its resources are still there: {}",
                fault.message
            ),
            ..fault
        });
        let word = self.word.get_or_insert_default();
        let plan = Some(plans::words(outcome, mode));
        let news = word.fault != fault || word.plan != plan;
        word.fault = fault;
        word.plan = plan;
        Judgement {
            news,
            ..Judgement::default()
        }
    }

    /// How far the cloud is.
    pub fn reached(&self) -> Reached {
        match self.stage {
            Stage::Staying => Reached::Revision(self.reached.unwrap_or_default()),
            Stage::Leaving | Stage::Removed => Reached::Nobody,
        }
    }

    /// What the statuses say; `None` before the cloud had a word.
    pub fn programming(&self, balancer: &LoadBalancer) -> Option<Programming> {
        let word = self.word.as_ref()?;
        let listeners = balancer.listeners.keys().filter_map(|key| {
            let outcome = match self.shortfall.listener(key) {
                Some(message) => ListenerOutcome::Failed {
                    reason: "Invalid".into(),
                    message,
                },
                None if word.addresses.is_empty() || word.held => return None,
                None => ListenerOutcome::Programmed,
            };
            Some((key.clone(), outcome))
        });
        Some(Programming {
            listeners: listeners.collect(),
            addresses: word.addresses.clone(),
            names: word.names.clone(),
            resources: word.resources.clone(),
            fault: word.fault.clone(),
            shortfall: self.shortfall.clone(),
            plan: word.plan.clone(),
        })
    }

    /// What the cloud cannot express.
    pub fn unsupported(&self) -> impl Iterator<Item = &Unsupported> {
        self.shortfall.items()
    }
}

/// Says what somebody else changed, or may have changed.
fn drift(outcome: &Outcome) -> Option<Notice> {
    let made = || outcome.changes.iter().map(told).collect::<Vec<String>>();
    let (certain, changes) = match &outcome.drift {
        Drift::None => return None,
        Drift::All => (true, made()),
        Drift::Beside(changes) => (true, changes.iter().map(ToString::to_string).collect()),
        Drift::Perhaps => (false, made()),
    };
    let mut note = changes.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    if changes.len() > NAMED {
        note = format!("{note}; and {} more", changes.len() - NAMED);
    }
    let (reason, what) = if certain {
        ("Drift", "somebody else changed what was made for the Gateway")
    } else {
        (
            "Differed",
            "when this process began to look, what was made for the Gateway was not as it is wanted: others changed it, or \
             objects changed while nobody looked",
        )
    };
    Some(Notice {
        warning: certain,
        reason: reason.to_owned(),
        note: events::shorten(format!("{what}: {note}")),
        action: "Repair".to_owned(),
    })
}

fn told(change: &Applied) -> String {
    let result = match &change.verdict {
        Verdict::Done => "",
        Verdict::Failed(_) => " (failed)",
        Verdict::Skipped(_) => " (not tried)",
    };
    format!("{}{result}", change.summary)
}
