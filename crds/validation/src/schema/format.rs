//! The formats that the API server checks (`k8s.io/kube-openapi/pkg/validation/strfmt`); unknown ones are accepted.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether `text` has the string format `format`.
pub(crate) fn string_has_format(text: &str, format: &str) -> bool {
    match format.replace('-', "").as_str() {
        "datetime" => is_date_time(text),
        "date" => is_date(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok() || is_ipv6(text) && text.contains('.'),
        "ipv6" => is_ipv6(text),
        "cidr" => is_cidr(text),
        "byte" => is_base64(text),
        "duration" => crate::cel::duration::parse(text).is_some(),
        "uuid" => is_uuid(text),
        _ => true,
    }
}

/// Whether `number` fits the numeric format `format`.
pub(crate) fn number_has_format(number: &serde_json::Number, format: &str) -> bool {
    let (min, max) = match format {
        "int32" => (f64::from(i32::MIN), f64::from(i32::MAX)),
        "int64" => {
            return number.is_i64()
                || number
                    .as_f64()
                    .is_some_and(|f| f.abs() < 9.223_372_036_854_776e18);
        }
        "uint32" => (0.0, f64::from(u32::MAX)),
        "float" => (f64::from(f32::MIN), f64::from(f32::MAX)),
        _ => return true,
    };
    number.as_f64().is_some_and(|float| (min..=max).contains(&float))
}

fn is_ipv6(text: &str) -> bool {
    text.contains(':') && text.parse::<Ipv6Addr>().is_ok()
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let max = if address.parse::<Ipv4Addr>().is_ok() {
        32
    } else if is_ipv6(address) {
        128
    } else {
        return false;
    };
    !bits.is_empty()
        && bits.len() <= 3
        && bits.bytes().all(|b| b.is_ascii_digit())
        && bits.parse().is_ok_and(|n: u32| n <= max)
}

fn is_base64(text: &str) -> bool {
    use base64::Engine as _;
    let clean: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    base64::engine::general_purpose::STANDARD.decode(clean).is_ok()
}

fn is_uuid(text: &str) -> bool {
    let hex: Vec<char> = text.chars().filter(|c| *c != '-').collect();
    hex.len() == 32 && hex.iter().all(char::is_ascii_hexdigit)
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut next = |width: usize| {
        parts
            .next()
            .filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|part| part.parse::<u32>().ok())
    };
    let (Some(year), Some(month), Some(day)) = (next(4), next(2), next(2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    parts.next().is_none() && (1..=days).contains(&day)
}

/// RFC 3339, section 5.6.
fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't', ' ']) else {
        return false;
    };
    let (clock, zone) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => return false,
    };
    let zone_ok = matches!(zone, "Z" | "z")
        || zone.get(1..).is_some_and(|zone| {
            zone.split_once(':')
                .is_some_and(|(hours, minutes)| two(hours, 23) && two(minutes, 59))
        });
    let (clock, fraction) = clock
        .split_once('.')
        .map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let fraction_ok = fraction.is_none_or(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()));
    let mut fields = clock.split(':');
    let clock_ok = fields.next().is_some_and(|h| two(h, 23))
        && fields.next().is_some_and(|m| two(m, 59))
        && fields.next().is_some_and(|s| two(s, 60))
        && fields.next().is_none();
    is_date(date) && zone_ok && fraction_ok && clock_ok
}

fn two(text: &str, max: u32) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) && text.parse().is_ok_and(|n: u32| n <= max)
}
