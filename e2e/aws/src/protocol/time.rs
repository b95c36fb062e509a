//! Points in time on the wire.

use jiff::Timestamp;

/// Seconds since 1970 as ISO 8601 in UTC with milliseconds, as query services write it.
pub fn iso8601(seconds: f64) -> String {
    let milliseconds = (seconds * 1000.0).round() as i64;
    let point = Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{point:.3}")
}

/// Seconds since 1970 of a text: ISO 8601, or a number.
pub fn parse(text: &str) -> Option<f64> {
    if let Ok(point) = text.parse::<Timestamp>() {
        return Some(point.as_millisecond() as f64 / 1000.0);
    }
    text.parse::<f64>().ok().filter(|seconds| seconds.is_finite())
}
