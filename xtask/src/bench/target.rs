//! What has to be reached, and whether it was.

use super::report::Sample;
use std::collections::BTreeMap;

/// What gatewright has to reach in a scenario.
pub struct Target {
    /// What is compared.
    pub of: Quantity,
    /// With what.
    pub bound: Bound,
    /// On which side.
    pub side: Side,
}

/// A figure of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The scenario's own.
    Value,
    /// 99th percentile of the latency.
    P99,
}

/// What a figure is held against.
pub enum Bound {
    /// So many times what another contestant reached in the same round.
    Ratio {
        /// Label of the other.
        against: &'static str,
        /// How many times.
        times: f64,
    },
    /// A number in the scenario's unit.
    Absolute(f64),
}

/// Which side of the bound is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Larger is better.
    AtLeast,
    /// Smaller is better.
    AtMost,
}

/// Whether a target is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Reached,
    /// No.
    Missed,
    /// The middle half of the rounds lies on both sides of the target.
    Undecided,
}

/// A target with what was measured: a row of the report.
pub struct Outcome {
    /// Target in words.
    pub target: String,
    /// Median, smallest and largest of the rounds.
    pub measured: String,
    /// Verdict.
    pub verdict: Verdict,
}

/// Throughput at least so many times that of another.
pub const fn at_least(against: &'static str, times: f64) -> Target {
    Target {
        of: Quantity::Value,
        bound: Bound::Ratio { against, times },
        side: Side::AtLeast,
    }
}

/// The 99th percentile at most so many times that of another.
pub const fn p99_at_most(against: &'static str, times: f64) -> Target {
    Target {
        of: Quantity::P99,
        bound: Bound::Ratio { against, times },
        side: Side::AtMost,
    }
}

/// The scenario's value at most this number.
pub const fn at_most(value: f64) -> Target {
    Target {
        of: Quantity::Value,
        bound: Bound::Absolute(value),
        side: Side::AtMost,
    }
}

impl Target {
    /// Judges the rounds; `None` where gatewright or the other did not take part.
    pub fn judge(&self, samples: &BTreeMap<String, Vec<Sample>>, unit: &str) -> Option<Outcome> {
        let figures = |label: &str| -> Option<Vec<f64>> {
            samples
                .get(label)?
                .iter()
                .map(|sample| match self.of {
                    Quantity::Value => Some(sample.value),
                    Quantity::P99 => sample.p99_ms,
                })
                .collect()
        };
        let ours = figures("gatewright")?;
        let sign = match self.side {
            Side::AtLeast => ">=",
            Side::AtMost => "<=",
        };
        let what = match self.of {
            Quantity::Value => "",
            Quantity::P99 => "p99 ",
        };
        let (values, bound, target, digits) = match &self.bound {
            Bound::Ratio { against, times } => {
                let other = figures(against)?;
                let ratios = ours
                    .iter()
                    .zip(&other)
                    .map(|(ours, other)| ours / other)
                    .collect();
                (ratios, *times, format!("{what}{sign} {times:.2}x {against}"), 2)
            }
            Bound::Absolute(value) => (ours, *value, format!("{what}{sign} {value} {unit}"), 1),
        };
        let spread = super::report::Spread::of(values.iter().copied())?;
        Some(Outcome {
            target,
            measured: format!(
                "{:.digits$} ({:.digits$} to {:.digits$})",
                spread.median, spread.min, spread.max
            ),
            verdict: verdict(&values, bound, self.side),
        })
    }
}

/// Decided when the middle half of the rounds lies on one side of the bound.
fn verdict(values: &[f64], bound: f64, side: Side) -> Verdict {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (sorted.get(sorted.len() / 4), sorted.get(sorted.len() * 3 / 4)) else {
        return Verdict::Undecided;
    };
    let reaches = |value: f64| match side {
        Side::AtLeast => value >= bound,
        Side::AtMost => value <= bound,
    };
    match (reaches(*low), reaches(*high)) {
        (true, true) => Verdict::Reached,
        (false, false) => Verdict::Missed,
        _ => Verdict::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_around_the_target_is_undecided() {
        let least = |values: &[f64]| verdict(values, 1.0, Side::AtLeast);
        assert_eq!(least(&[1.1, 1.2, 1.05, 1.3]), Verdict::Reached);
        assert_eq!(least(&[0.8, 0.9, 0.7, 0.95]), Verdict::Missed);
        assert_eq!(least(&[0.8, 0.9, 1.1, 1.2]), Verdict::Undecided);
        assert_eq!(
            verdict(&[0.8, 0.9, 0.7, 0.95], 1.0, Side::AtMost),
            Verdict::Reached
        );
        assert_eq!(least(&[]), Verdict::Undecided);
    }

    #[test]
    fn rounds_are_compared_with_their_own_round() {
        let sample = |value: f64, p99: f64| Sample {
            value,
            p99_ms: Some(p99),
            cpu_us: None,
            lost: None,
            resident_kib: 0,
        };
        // Both slow down together in the second round: the ratio stays.
        let samples = BTreeMap::from([
            (
                "gatewright".to_owned(),
                vec![sample(110.0, 2.0), sample(55.0, 4.0)],
            ),
            ("nginx".to_owned(), vec![sample(100.0, 1.0), sample(50.0, 2.0)]),
        ]);
        let outcome = at_least("nginx", 1.0).judge(&samples, "req/s").unwrap();
        assert_eq!(outcome.verdict, Verdict::Reached);
        assert_eq!(outcome.measured, "1.10 (1.10 to 1.10)");
        let outcome = p99_at_most("nginx", 1.0).judge(&samples, "req/s").unwrap();
        assert_eq!(outcome.verdict, Verdict::Missed);
        assert_eq!(outcome.target, "p99 <= 1.00x nginx");
        let outcome = at_most(50.0).judge(&samples, "ms").unwrap();
        assert_eq!(
            (outcome.target.as_str(), outcome.verdict),
            ("<= 50 ms", Verdict::Missed)
        );
        assert!(at_least("envoy", 1.0).judge(&samples, "req/s").is_none());
    }
}
