//! Durations of the Gateway API (GEP-2257).

use thiserror::Error;

/// A text that is not a Gateway API duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" is not a duration; accepted are 1 to 4 numbers of 1 to 5 digits, each with a unit h, m, s or ms, such as 1h30m or 250ms"
)]
pub struct InvalidDuration(pub String);

/// Milliseconds of a duration such as `1h30m`, `10s` or `250ms` (GEP-2257: the pattern is
/// `^([0-9]{1,5}(h|m|s|ms)){1,4}$`; units may repeat and come in any order, their values add up).
///
/// # Errors
/// [`InvalidDuration`] for anything else.
pub fn milliseconds(text: &str) -> Result<u64, InvalidDuration> {
    parse(text).ok_or_else(|| InvalidDuration(text.chars().take(64).collect()))
}

/// Whole seconds of a duration, rounded up so that a small value does not become none at all.
///
/// # Errors
/// [`InvalidDuration`].
pub fn seconds(text: &str) -> Result<u64, InvalidDuration> {
    milliseconds(text).map(|value| value.div_ceil(1000))
}

fn parse(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0_u64;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=5).contains(&digits) {
            return None;
        }
        let (number, tail) = rest.split_at_checked(digits)?;
        let units: [(&str, u64); 4] = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];
        let (factor, tail) = units
            .iter()
            .find_map(|(unit, factor)| tail.strip_prefix(unit).map(|tail| (*factor, tail)))?;
        total += number.parse::<u64>().ok()? * factor;
        parts += 1;
        rest = tail;
    }
    (1..=4).contains(&parts).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::{milliseconds, seconds};

    #[test]
    fn durations_of_the_gep_are_read() {
        // GEP-2257, section "Examples".
        let cases = [
            ("0s", 0),
            ("0h", 0),
            ("1h", 3_600_000),
            ("15m", 900_000),
            ("10s", 10_000),
            ("500ms", 500),
            ("2h45m", 9_900_000),
            ("1h1m1s1ms", 3_661_001),
            ("30m10s", 1_810_000),
            ("99999h", 359_996_400_000),
            ("1s1s", 2000),
            ("1ms1m", 60_001),
        ];
        for (text, expected) in cases {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "1",
            "s",
            "1d",
            "1.5h",
            "-1s",
            "+1s",
            " 1s",
            "1s ",
            "1 s",
            "100000s",
            "1h1m1s1ms1s",
            "1H",
            "1µs",
        ] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(
            (seconds("1ms"), seconds("1s"), seconds("1001ms"), seconds("0s")),
            (Ok(1), Ok(1), Ok(2), Ok(0))
        );
    }
}
