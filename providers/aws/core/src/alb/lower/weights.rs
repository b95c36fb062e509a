//! Weights of target groups: 0 to 999
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupTuple.html>), where routes have
//! up to 1,000,000.

/// Largest weight.
const MAX: u64 = 999;

/// Weights that an ALB accepts, and whether the shares are still the same.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scaled {
    /// In the order given. What was above 0 stays above 0.
    pub weights: Vec<u16>,
    /// Whether every share is what it was.
    pub exact: bool,
}

/// Leaves weights alone where they fit, divides them by what they have in common where that is enough, and else
/// scales them so that the largest becomes 999.
pub(crate) fn scale(weights: &[u64]) -> Scaled {
    let largest = weights.iter().copied().max().unwrap_or(0);
    let narrow = |weight: u64| u16::try_from(weight).unwrap_or(u16::MAX);
    if largest <= MAX {
        return Scaled {
            weights: weights.iter().copied().map(narrow).collect(),
            exact: true,
        };
    }
    let common = weights.iter().copied().fold(0, gcd).max(1);
    if largest / common <= MAX {
        return Scaled {
            weights: weights.iter().map(|weight| narrow(weight / common)).collect(),
            exact: true,
        };
    }
    let scaled = |weight: &u64| {
        if *weight == 0 {
            return 0;
        }
        let product = u128::from(*weight) * u128::from(MAX) + u128::from(largest) / 2;
        u64::try_from(product / u128::from(largest)).unwrap_or(MAX).max(1)
    };
    Scaled {
        weights: weights.iter().map(scaled).map(narrow).collect(),
        exact: false,
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::{Scaled, scale};

    fn of(weights: &[u64]) -> (Vec<u16>, bool) {
        let Scaled { weights, exact } = scale(weights);
        (weights, exact)
    }

    #[test]
    fn weights_that_fit_stay() {
        assert_eq!(of(&[1, 999, 0]), (vec![1, 999, 0], true));
        assert_eq!(of(&[]), (vec![], true));
    }

    #[test]
    fn shares_stay_where_they_can() {
        assert_eq!(of(&[900_000, 100_000]), (vec![9, 1], true));
        assert_eq!(of(&[1_000_000, 0]), (vec![1, 0], true));
    }

    #[test]
    fn others_are_scaled_and_nobody_loses_all() {
        assert_eq!(of(&[1_000_000, 1]), (vec![999, 1], false));
        assert_eq!(of(&[1000, 999]), (vec![999, 998], false));
        assert_eq!(of(&[1_000_000, 333_333, 0]), (vec![999, 333, 0], false));
    }
}
