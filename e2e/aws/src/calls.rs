//! What was called: counts, and the last calls.

use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// How many calls are remembered one by one.
const REMEMBERED: usize = 10_000;

/// A call that was answered.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// When, in milliseconds since 1970 by the simulator's clock.
    pub at: u64,
    /// Service by the name of its model.
    pub service: String,
    /// Operation.
    pub operation: String,
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Code of the error, if it was refused.
    pub error: Option<String>,
}

/// All calls since the last reset.
#[derive(Debug, Default, Serialize)]
pub struct Calls {
    /// How many there were, by service and operation.
    pub counts: BTreeMap<String, u64>,
    /// The last ones, oldest first.
    pub last: VecDeque<Call>,
}

impl Calls {
    /// Counts and remembers a call.
    pub fn record(&mut self, call: Call) {
        *self
            .counts
            .entry(format!("{}:{}", call.service, call.operation))
            .or_default() += 1;
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(call);
    }
}
