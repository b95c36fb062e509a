//! Faults on demand: errors, timeouts before and after the effect, delays, stale answers, throttling.

pub mod throttle;

use serde::{Deserialize, Serialize};
use throttle::Buckets;

/// Most faults at a time.
pub const MOST_FAULTS: usize = 1000;

/// What goes wrong, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Service by the name of its model (`elbv2`, `ec2`), `*` for all.
    #[serde(default = "any")]
    pub service: String,
    /// Operation; `*` stands for any text (`Describe*`).
    #[serde(default = "any")]
    pub operation: String,
    /// Account, if only one.
    #[serde(default)]
    pub account: Option<String>,
    /// Region, if only one.
    #[serde(default)]
    pub region: Option<String>,
    /// Calls that pass before the first one that fails.
    #[serde(default)]
    pub skip: u64,
    /// Calls that fail; without one, all.
    #[serde(default)]
    pub count: Option<u64>,
    /// What happens to them.
    pub effect: Effect,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Effect {
    /// It is refused and has no effect.
    Error {
        /// Code of the error.
        code: String,
        /// Its message.
        #[serde(default)]
        message: String,
        /// Status of the answer.
        #[serde(default)]
        status: Option<u16>,
    },
    /// It takes effect and is answered with an error.
    ErrorAfter {
        /// Code of the error.
        code: String,
        /// Its message.
        #[serde(default)]
        message: String,
        /// Status of the answer.
        #[serde(default)]
        status: Option<u16>,
    },
    /// It has no effect and no answer: after a time the connection is closed.
    TimeoutBefore {
        /// How long the client waits at most, in milliseconds.
        #[serde(default = "minute")]
        after_ms: u64,
    },
    /// It takes effect and has no answer.
    TimeoutAfter {
        /// How long the client waits at most, in milliseconds.
        #[serde(default = "minute")]
        after_ms: u64,
    },
    /// It is served later.
    Delay {
        /// How much later, in milliseconds.
        ms: u64,
    },
    /// It is answered as some time before: for calls that only read.
    Stale {
        /// How long before, in milliseconds.
        ms: u64,
    },
}

fn any() -> String {
    "*".to_owned()
}

fn minute() -> u64 {
    60_000
}

/// Which call.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Service by the name of its model.
    pub service: &'a str,
    /// Operation.
    pub operation: &'a str,
    /// Account.
    pub account: &'a str,
    /// Region.
    pub region: &'a str,
}

/// Faults that are waiting, and the buckets of requests.
#[derive(Debug, Default)]
pub struct Faults {
    waiting: Vec<Fault>,
    /// Buckets of requests.
    pub buckets: Buckets,
}

impl Faults {
    /// Adds a fault; false when there are too many.
    pub fn add(&mut self, fault: Fault) -> bool {
        if self.waiting.len() >= MOST_FAULTS {
            return false;
        }
        self.waiting.push(fault);
        true
    }

    /// Faults that are still to come.
    pub fn waiting(&self) -> &[Fault] {
        &self.waiting
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Whether answers may have to be as some time before.
    pub fn needs_history(&self) -> bool {
        self.waiting
            .iter()
            .any(|fault| matches!(fault.effect, Effect::Stale { .. }))
    }

    /// What happens to a call, all faults of which are counted.
    pub fn strike(&mut self, subject: Subject<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for fault in self.waiting.iter_mut().filter(|fault| fault.meets(subject)) {
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if let Some(count) = &mut fault.count {
                *count = count.saturating_sub(1);
            }
            effects.push(fault.effect.clone());
        }
        self.waiting.retain(|fault| fault.count != Some(0));
        effects
    }
}

impl Fault {
    fn meets(&self, subject: Subject<'_>) -> bool {
        let same =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        self.count != Some(0)
            && matches(&self.service, subject.service)
            && matches(&self.operation, subject.operation)
            && same(&self.account, subject.account)
            && same(&self.region, subject.region)
    }
}

/// Whether a pattern with `*` is for a text.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests;
