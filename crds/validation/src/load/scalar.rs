//! Plain scalars as `kubectl` reads them: the rules of `sigs.k8s.io/yaml`, which follow YAML 1.1.

use serde_json::{Number, Value};

/// A plain scalar that has no JSON form: `.inf` and `.nan`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotJson;

/// The value of an unquoted scalar without tag.
///
/// Booleans are `true`, `yes`, `on`, `y` and their opposites in the three usual capitalisations; integers may be
/// decimal, `0x`, `0o`, `0b` or octal with a leading zero, with `_` between digits; a float with an integral value
/// is an integer, because that is how it is written to JSON on the way to the API server.
pub(super) fn resolve(text: &str) -> Result<Value, NotJson> {
    Ok(match text.as_bytes().first() {
        None | Some(b'~' | b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O') => {
            word(text).unwrap_or_else(|| text.into())
        }
        Some(b'.') => match text {
            ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" => return Err(NotJson),
            _ => float(text).unwrap_or_else(|| text.into()),
        },
        Some(b'+' | b'-' | b'0'..=b'9') => match text {
            "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" => return Err(NotJson),
            _ => number(text).unwrap_or_else(|| text.into()),
        },
        Some(_) => text.into(),
    })
}

/// True for the plain scalar that makes an entry a merge.
pub(super) fn is_merge_key(text: &str) -> bool {
    text == "<<"
}

fn word(text: &str) -> Option<Value> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        _ => return None,
    })
}

fn number(text: &str) -> Option<Value> {
    let plain;
    let text = if text.contains('_') {
        plain = text.replace('_', "");
        plain.as_str()
    } else {
        text
    };
    integer(text).or_else(|| float(text))
}

/// Go's `strconv.ParseInt(s, 0, 64)`, then `ParseUint`.
fn integer(text: &str) -> Option<Value> {
    let (negative, signed, digits) = match text.as_bytes().first()? {
        b'-' => (true, true, text.get(1..)?),
        b'+' => (false, true, text.get(1..)?),
        _ => (false, false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        let value = 0_i64.checked_sub_unsigned(magnitude)?;
        return Some(value.into());
    }
    match i64::try_from(magnitude) {
        Ok(value) => Some(value.into()),
        Err(_) if !signed => Some(magnitude.into()),
        Err(_) => None,
    }
}

/// A float in YAML's notation; integral values become integers.
fn float(text: &str) -> Option<Value> {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_ok = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    if !mantissa_ok || !exponent_ok {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    json_number(value)
}

/// A float as Go writes it to JSON: without fraction where it has none.
pub(super) fn json_number(value: f64) -> Option<Value> {
    // 2^53: every integer up to here is exact.
    if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 {
        return Some(Value::Number(Number::from(value as i64)));
    }
    Number::from_f64(value).map(Value::Number)
}

/// A resolved scalar as a mapping key, which JSON wants to be a string.
pub(super) fn key(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
