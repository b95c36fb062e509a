//! How accounts were some time before, for stale answers.

use crate::state::Account;
use std::collections::{BTreeMap, VecDeque};

/// States that are kept of an account and region.
const KEPT: usize = 64;

/// Former states, kept only while a fault asks for them.
#[derive(Debug, Default)]
pub struct History {
    /// Until when, and what was.
    former: BTreeMap<String, VecDeque<(u64, Account)>>,
}

impl History {
    /// Remembers what was until a moment.
    pub fn remember(&mut self, place: &str, until: u64, account: Account) {
        let former = self.former.entry(place.to_owned()).or_default();
        if former.len() == KEPT {
            former.pop_front();
        }
        former.push_back((until, account));
    }

    /// What was at a moment; none when it is still so, as far as is known.
    pub fn at(&self, place: &str, at: u64) -> Option<Account> {
        let former = self.former.get(place)?;
        former
            .iter()
            .find(|(until, _)| at < *until)
            .map(|(_, account)| account.clone())
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.former.clear();
    }
}
