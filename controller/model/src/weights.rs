//! Weighted choice: which of a rule's backends takes a request.

/// The weights of a list, ready to choose from.
///
/// An entry of weight 0 is never chosen; the others in proportion of their weight to the sum
/// (Gateway API v1.7.0, `BackendRef.weight`). Invalid references keep their share, which then answers
/// 500: the caller finds that out from the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// Sum of the weights up to and including each entry.
    sums: Box<[u64]>,
}

impl Weights {
    /// Takes the weights in the order of the list.
    pub fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let mut sum = 0u64;
        let sums = weights
            .into_iter()
            .map(|weight| {
                sum = sum.saturating_add(u64::from(weight));
                sum
            })
            .collect();
        Self { sums }
    }

    /// Sum of all weights. 0 means that nothing takes traffic.
    pub fn total(&self) -> u64 {
        self.sums.last().copied().unwrap_or(0)
    }

    /// The entry that a ticket falls on, `None` when the sum is 0.
    ///
    /// With tickets uniform over all of `u64` (a random number, or [`spread`] of a counter) every
    /// entry is chosen in proportion to its weight.
    pub fn pick(&self, ticket: u64) -> Option<usize> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        if self.sums.len() == 1 {
            return Some(0);
        }
        let point = (u128::from(ticket) * u128::from(total)) >> 64;
        Some(self.sums.partition_point(|sum| u128::from(*sum) <= point))
    }
}

/// Turns a counter into tickets that are spread evenly: after any number of consecutive tickets,
/// every entry has had its share to within a few requests, which random tickets do not give.
///
/// The multiples of the golden ratio modulo 1 (Knuth, The Art of Computer Programming, section 6.4).
/// Workers with counters of their own should start them at different numbers.
pub const fn spread(sequence: u64) -> u64 {
    sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests;
