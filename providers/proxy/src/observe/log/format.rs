//! Lines of the access log. Whatever a client sends stays within its field.

use super::capture::{Entry, Kind, Selection};
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A value to write.
enum Value<'a> {
    Absent,
    Number(std::fmt::Arguments<'a>),
    Text(&'a [u8]),
    Shown(std::fmt::Arguments<'a>),
}

/// Calls `write` with each selected field.
fn fields(selection: &Selection, entry: &Entry, write: &mut dyn FnMut(&str, Value<'_>)) {
    let mut texts = entry.ends.iter();
    let mut start = 0;
    for field in &selection.fields {
        let name = &*field.name;
        let named = |text: &Option<gatewright_model::Str>, write: &mut dyn FnMut(&str, Value<'_>)| match text
        {
            Some(text) => write(name, Value::Text(text.as_bytes())),
            None => write(name, Value::Absent),
        };
        match &field.kind {
            Kind::Time => write(name, Value::Shown(format_args!("{}", Timestamp(entry.time)))),
            Kind::Client => write(name, Value::Shown(format_args!("{}", entry.client))),
            Kind::Peer => write(name, Value::Shown(format_args!("{}", entry.peer))),
            Kind::ListenerPort => write(name, Value::Number(format_args!("{}", entry.listener_port))),
            Kind::Listener => named(&entry.listener, write),
            Kind::Route => named(&entry.route, write),
            Kind::Rule => match &entry.rule {
                Some((_, Some(rule))) => write(name, Value::Text(rule.as_bytes())),
                Some((index, None)) => write(name, Value::Shown(format_args!("{index}"))),
                None => write(name, Value::Absent),
            },
            Kind::Backend => named(&entry.backend, write),
            Kind::Endpoint => match entry.endpoint {
                Some(endpoint) => write(name, Value::Shown(format_args!("{endpoint}"))),
                None => write(name, Value::Absent),
            },
            Kind::Status => write(name, Value::Number(format_args!("{}", entry.status))),
            Kind::BytesIn => write(name, Value::Number(format_args!("{}", entry.bytes_in))),
            Kind::BytesOut => write(name, Value::Number(format_args!("{}", entry.bytes_out))),
            Kind::Duration => write(name, Value::Number(format_args!("{}", Millis(entry.duration)))),
            Kind::Upstream => match entry.upstream {
                Some(time) => write(name, Value::Number(format_args!("{}", Millis(time)))),
                None => write(name, Value::Absent),
            },
            Kind::Attempts => write(name, Value::Number(format_args!("{}", entry.attempts))),
            Kind::Reason => match entry.reason {
                Some(reason) => write(name, Value::Text(reason.as_str().as_bytes())),
                None => write(name, Value::Absent),
            },
            Kind::Text(_) => match texts.next().copied().flatten() {
                Some(end) => {
                    let end = end as usize;
                    write(name, Value::Text(entry.texts.get(start..end).unwrap_or_default()));
                    start = end;
                }
                None => write(name, Value::Absent),
            },
        }
    }
}

/// One JSON object per line; absent fields are `null`.
pub(super) fn json(selection: &Selection, entry: &Entry, out: &mut Vec<u8>) {
    let mut first = true;
    out.push(b'{');
    fields(selection, entry, &mut |name, value| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        json_string(name.as_bytes(), out);
        out.push(b':');
        match value {
            Value::Absent => out.extend_from_slice(b"null"),
            // Writing to memory does not fail.
            Value::Number(number) => drop(out.write_fmt(number)),
            Value::Text(text) => json_string(text, out),
            Value::Shown(shown) => {
                out.push(b'"');
                let _ = out.write_fmt(shown);
                out.push(b'"');
            }
        }
    });
    out.extend_from_slice(b"}\n");
}

/// `key=value` pairs; absent fields are `-`, values that hold anything but plain characters are
/// quoted as in JSON.
pub(super) fn text(selection: &Selection, entry: &Entry, out: &mut Vec<u8>) {
    let mut first = true;
    fields(selection, entry, &mut |name, value| {
        if !std::mem::take(&mut first) {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        match value {
            Value::Absent => out.push(b'-'),
            Value::Number(shown) | Value::Shown(shown) => drop(out.write_fmt(shown)),
            Value::Text(text) => {
                let plain = !text.is_empty()
                    && text != b"-"
                    && text
                        .iter()
                        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\'));
                if plain {
                    out.extend_from_slice(text);
                } else {
                    json_string(text, out);
                }
            }
        }
    });
    out.push(b'\n');
}

/// A JSON string (RFC 8259 section 7); what is no UTF-8 becomes U+FFFD.
fn json_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                control if control.is_control() => {
                    let _ = write!(out, "\\u{:04x}", control as u32);
                }
                other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

/// Milliseconds with three decimals.
struct Millis(Duration);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = self.0.as_micros();
        write!(f, "{}.{:03}", micros / 1000, micros % 1000)
    }
}

/// RFC 3339 in UTC with milliseconds.
pub(super) struct Timestamp(pub(super) SystemTime);

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs();
        let (days, of_day) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            of_day / 3600,
            of_day / 60 % 60,
            of_day % 60,
            since.subsec_millis()
        )
    }
}

/// Year, month and day of a day since 1970-01-01 in the Gregorian calendar, by counting from the
/// first of March of year 0, after which leap days fall at the end of a year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}
