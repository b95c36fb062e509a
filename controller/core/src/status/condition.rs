//! Conditions: what we want to say, and how that is merged with what is there.

use crate::translate::Refusal;
use gatewright_crds::constants::{gateway, gateway_class, listener, policy, route};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use std::borrow::Cow;

/// Conditions an object may have (`maxItems` of every `conditions` list of the API).
const MAX_CONDITIONS: usize = 8;

/// Characters a message may have (`metav1.Condition`).
const MAX_MESSAGE: usize = 32_768;

/// `status` of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// `True`
    True,
    /// `False`
    False,
    /// `Unknown`
    Unknown,
}

impl Truth {
    const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition as we want it, without times and generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Type.
    pub kind: &'static str,
    /// Status.
    pub truth: Truth,
    /// Reason.
    pub reason: Cow<'static, str>,
    /// Message.
    pub message: Cow<'static, str>,
}

impl Wanted {
    /// A condition that is true.
    pub fn yes(kind: &'static str, reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            truth: Truth::True,
            reason: reason.into(),
            message: message.into(),
        }
    }

    /// A condition that is false.
    pub fn no(
        kind: &'static str,
        reason: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            truth: Truth::False,
            reason: reason.into(),
            message: message.into(),
        }
    }

    /// A condition that nobody knows yet.
    pub fn unknown(kind: &'static str, reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            truth: Truth::Unknown,
            reason: reason.into(),
            message: message.into(),
        }
    }

    /// False with a refusal's reason and message if there is one, else true.
    pub fn unless(kind: &'static str, refusal: Option<&Refusal>, yes: (&'static str, &'static str)) -> Self {
        match refusal {
            Some(refusal) => Self::no(kind, refusal.reason, refusal.message.clone()),
            None => Self::yes(kind, yes.0, yes.1),
        }
    }
}

/// Condition types that this program sets and therefore removes when they no longer hold. Types of
/// others stay as they are (checklist item 2).
const OWNED: &[&str] = &[
    gateway_class::condition::ACCEPTED,
    gateway_class::condition::SUPPORTED_VERSION,
    gateway::condition::ACCEPTED,
    gateway::condition::PROGRAMMED,
    gateway::condition::RESOLVED_REFS,
    gateway::condition::ADDRESSES_ASSIGNED,
    gateway::condition::INSECURE_FRONTEND_VALIDATION_MODE,
    listener::condition::CONFLICTED,
    listener::condition::OVERLAPPING_TLS_CONFIG,
    route::condition::PARTIALLY_INVALID,
    policy::condition::ACCEPTED,
    super::BACKENDS_WITHOUT_ENDPOINTS,
    super::shortfall::APPROXIMATED,
    super::shortfall::UNSUPPORTED,
    super::programming::PLAN,
    super::programming::NAMES,
    super::programming::RESOURCES,
];

/// Whether conditions of a type are ours.
pub fn is_owned(kind: &str) -> bool {
    OWNED.contains(&kind)
}

/// Merges conditions by type into those that are there.
///
/// - Conditions of other types keep their place and contents.
/// - `lastTransitionTime` is kept while `status` stays (`metav1.Condition`), else it is `at`.
/// - A condition observed at a later generation than `generation` is left alone: whoever wrote it has
///   seen more than we have (`ListenerStatus`, notes on `observedGeneration`).
/// - At most eight conditions; when others leave too little room, the last of ours are left out, so
///   that the API server accepts the rest.
pub fn merge(
    existing: &[Condition],
    wanted: Vec<Wanted>,
    generation: Option<i64>,
    at: Timestamp,
) -> Vec<Condition> {
    let mut wanted: Vec<Option<Wanted>> = wanted.into_iter().map(Some).collect();
    let mut merged = Vec::with_capacity(existing.len().max(wanted.len()));
    for old in existing {
        let found = wanted
            .iter_mut()
            .find(|slot| slot.as_ref().is_some_and(|new| new.kind == old.type_))
            .and_then(Option::take);
        let newer = old
            .observed_generation
            .zip(generation)
            .is_some_and(|(seen, now)| seen > now);
        match found {
            _ if newer => merged.push(old.clone()),
            Some(new) => {
                let since = if old.status == new.truth.as_str() {
                    old.last_transition_time.0
                } else {
                    at
                };
                merged.push(condition(new, generation, since));
            }
            None if OWNED.contains(&&*old.type_) => {}
            None => merged.push(old.clone()),
        }
    }
    for new in wanted.into_iter().flatten() {
        if merged.len() < MAX_CONDITIONS {
            merged.push(condition(new, generation, at));
        }
    }
    merged
}

fn condition(wanted: Wanted, generation: Option<i64>, since: Timestamp) -> Condition {
    let Wanted {
        kind,
        truth,
        reason,
        message,
    } = wanted;
    let mut message = message.into_owned();
    if message.len() > MAX_MESSAGE {
        message = message.chars().take(MAX_MESSAGE / 4).collect();
    }
    Condition {
        last_transition_time: Time(since),
        message,
        observed_generation: generation,
        reason: reason.into_owned(),
        status: truth.as_str().to_owned(),
        type_: kind.to_owned(),
    }
}
