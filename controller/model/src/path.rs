//! Path normalisation: one form of a path for matching, rewriting and forwarding.
//!
//! A gateway that matches one reading of a path and forwards another lets a client reach what no
//! route allows. Therefore the path is normalised once, before matching, and the normalised text is
//! what the backend gets. The steps follow RFC 3986 section 6.2.2:
//!
//! 1. Percent-encodings are checked; those of unreserved characters are decoded, the others written
//!    in upper case (6.2.2.1, 6.2.2.2). Nothing is decoded twice: `%252e` stays as it is.
//! 2. Printable characters that are not allowed in a path (`"<>[]^` `` ` `` `{|}` and `\`) are encoded.
//! 3. Repeated slashes are merged, if the policy says so.
//! 4. Dot segments are removed (5.2.4); `..` above the root stays at the root.
//!
//! Refused are control characters, spaces, `#`, bytes outside ASCII, broken percent-encodings, `%00`,
//! and dot segments that hide from step 4 but not from some backends: with parameters (`..;x`) or
//! behind an escaped slash (`..%2F`).

use std::borrow::Cow;
use thiserror::Error;

/// What is done with slashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Repeated slashes.
    pub repeated_slashes: RepeatedSlashes,
    /// Escaped slashes and backslashes.
    pub escaped_slashes: EscapedSlashes,
}

/// What is done with `//`. No path of a route can hold it (Gateway API v1.7.0, `HTTPPathMatch`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RepeatedSlashes {
    /// `//` becomes `/`.
    #[default]
    Merge,
    /// Empty segments stay.
    Keep,
}

/// What is done with `%2F`, `%5C` and `\`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EscapedSlashes {
    /// They stay data inside a segment (`\` is written `%5C`), as RFC 3986 section 2.2 has it.
    #[default]
    Keep,
    /// All three become `/`.
    Decode,
    /// The request is refused.
    Reject,
}

/// Why a target is refused. A server answers 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    /// The path does not begin with `/` (RFC 9112 section 3.2.1).
    #[error("the path does not begin with '/'")]
    NotAbsolute,
    /// A byte that no request target holds.
    #[error("the target has the byte 0x{0:02x}, which is not allowed there")]
    Byte(u8),
    /// `%` without two hexadecimal digits (RFC 3986 section 2.1).
    #[error("'%' is not followed by two hexadecimal digits")]
    Escape,
    /// `%00`.
    #[error("the path has an escaped NUL")]
    Nul,
    /// An escaped slash or a backslash where the policy refuses it.
    #[error("the path has an escaped slash or a backslash")]
    EscapedSlash,
    /// A dot segment that only some readers see as one: `..;x`, `..%2F`.
    #[error("the path has a disguised dot segment")]
    HiddenDots,
}

/// A request target in origin-form, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Normalised path. Borrowed when it was normal already.
    pub path: Cow<'a, str>,
    /// The query as received, without `?`.
    pub query: Option<&'a str>,
}

/// Splits a target in origin-form (RFC 9112 section 3.2.1) and normalises its path.
///
/// The query is left as it is, except that bytes that can never be in one are refused: controls,
/// spaces, `#`, and those outside ASCII.
pub fn split_target<'a>(raw: &'a [u8], policy: &Policy) -> Result<Target<'a>, PathError> {
    let (path, query) = match memchr::memchr(b'?', raw) {
        Some(at) => {
            let (path, rest) = raw.split_at(at);
            (path, Some(rest.get(1..).unwrap_or_default()))
        }
        None => (raw, None),
    };
    let query = match query {
        Some(bytes) => Some(query_text(bytes)?),
        None => None,
    };
    Ok(Target {
        path: normalise(path, policy)?,
        query,
    })
}

fn query_text(bytes: &[u8]) -> Result<&str, PathError> {
    if let Some(&byte) = bytes
        .iter()
        .find(|byte| !matches!(byte, 0x21..=0x7e) || **byte == b'#')
    {
        return Err(PathError::Byte(byte));
    }
    std::str::from_utf8(bytes).map_err(|_| PathError::Byte(0x80))
}

/// Normalises a path without query. An empty path is `/` (RFC 9110 section 4.2.3).
///
/// The result is a fixed point: normalising it again with the same policy changes nothing.
pub fn normalise<'a>(raw: &'a [u8], policy: &Policy) -> Result<Cow<'a, str>, PathError> {
    if raw.is_empty() {
        return Ok(Cow::Borrowed("/"));
    }
    if raw.first() != Some(&b'/') {
        return Err(PathError::NotAbsolute);
    }
    if is_plain(raw, *policy)
        && let Ok(text) = std::str::from_utf8(raw)
    {
        return Ok(Cow::Borrowed(text));
    }
    let escaped = escapes(raw, *policy)?;
    let normal = segments(&escaped, *policy)?;
    match std::str::from_utf8(raw) {
        Ok(text) if text == normal => Ok(Cow::Borrowed(text)),
        _ => Ok(Cow::Owned(normal)),
    }
}

/// The path of a route in the form that requests have after normalisation; text that cannot be
/// normalised stays as it is and matches nothing.
pub fn canonical_value(value: &str) -> Cow<'_, str> {
    normalise(value.as_bytes(), &Policy::default()).unwrap_or(Cow::Borrowed(value))
}

/// What a byte means in a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Allowed as it is: `pchar` of RFC 3986 section 3.3, except `.`.
    Plain,
    Dot,
    Slash,
    Percent,
    /// Printable, but to be written as a percent-encoding.
    Encode,
    Backslash,
    Refused,
}

const CLASSES: [Class; 256] = {
    let mut table = [Class::Refused; 256];
    let mut byte = 0usize;
    while byte < 256 {
        let class = match byte as u8 {
            b'.' => Class::Dot,
            b'/' => Class::Slash,
            b'%' => Class::Percent,
            b'\\' => Class::Backslash,
            b'"' | b'<' | b'>' | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}' => Class::Encode,
            b'#' | b'?' | 0..=0x20 | 0x7f..=0xff => Class::Refused,
            _ => Class::Plain,
        };
        #[allow(clippy::indexing_slicing)] // Constant evaluation: out of bounds would not compile.
        {
            table[byte] = class;
        }
        byte += 1;
    }
    table
};

#[allow(clippy::indexing_slicing)] // A table of 256 entries indexed by a byte.
const fn class(byte: u8) -> Class {
    CLASSES[byte as usize]
}

/// Whether a path is in normal form for certain: no escapes, no segment that begins with a dot, no
/// repeated slash to merge.
fn is_plain(raw: &[u8], policy: Policy) -> bool {
    let merge = policy.repeated_slashes == RepeatedSlashes::Merge;
    let mut after_slash = false;
    for &byte in raw {
        match class(byte) {
            Class::Plain => after_slash = false,
            Class::Dot if !after_slash => {}
            Class::Slash if !(after_slash && merge) => after_slash = true,
            _ => return false,
        }
    }
    true
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

fn push_escape(out: &mut String, byte: u8) {
    let digit = |value: u8| char::from(HEX.get(usize::from(value)).copied().unwrap_or(b'0'));
    out.push('%');
    out.push(digit(byte >> 4));
    out.push(digit(byte & 15));
}

fn hex(byte: Option<u8>) -> Result<u8, PathError> {
    let digit = byte.and_then(|byte| char::from(byte).to_digit(16));
    digit
        .and_then(|digit| u8::try_from(digit).ok())
        .ok_or(PathError::Escape)
}

/// Steps 1 and 2 of the module's list.
fn escapes(raw: &[u8], policy: Policy) -> Result<String, PathError> {
    let mut out = String::with_capacity(raw.len());
    let mut bytes = raw.iter().copied();
    while let Some(byte) = bytes.next() {
        match class(byte) {
            Class::Plain | Class::Dot | Class::Slash => out.push(char::from(byte)),
            Class::Encode => push_escape(&mut out, byte),
            Class::Backslash => push_slash(&mut out, byte, policy)?,
            Class::Refused => return Err(PathError::Byte(byte)),
            Class::Percent => {
                let value = hex(bytes.next())? << 4 | hex(bytes.next())?;
                match value {
                    0 => return Err(PathError::Nul),
                    b'/' | b'\\' => push_slash(&mut out, value, policy)?,
                    // RFC 3986 section 2.3: unreserved.
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        out.push(char::from(value));
                    }
                    _ => push_escape(&mut out, value),
                }
            }
        }
    }
    Ok(out)
}

fn push_slash(out: &mut String, byte: u8, policy: Policy) -> Result<(), PathError> {
    match policy.escaped_slashes {
        EscapedSlashes::Keep => push_escape(out, byte),
        EscapedSlashes::Decode => out.push('/'),
        EscapedSlashes::Reject => return Err(PathError::EscapedSlash),
    }
    Ok(())
}

/// Steps 3 and 4. The text begins with `/`; every segment is written with the slash in front of it.
fn segments(text: &str, policy: Policy) -> Result<String, PathError> {
    let merge = policy.repeated_slashes == RepeatedSlashes::Merge;
    let mut out = String::with_capacity(text.len());
    let mut rest = text.strip_prefix('/').unwrap_or(text).split('/').peekable();
    while let Some(segment) = rest.next() {
        let last = rest.peek().is_none();
        match segment {
            "." => {}
            ".." => out.truncate(out.rfind('/').unwrap_or(0)),
            "" if merge => {}
            _ => {
                if hides_dots(segment) {
                    return Err(PathError::HiddenDots);
                }
                out.push('/');
                out.push_str(segment);
                continue;
            }
        }
        if last {
            out.push('/');
        }
    }
    Ok(out)
}

/// Whether some reader would see a dot segment in this one: `..;x` (parameters cut off), `..%2Fx` or
/// `x%5C..` (escaped slashes decoded).
fn hides_dots(segment: &str) -> bool {
    let parts = segment.split("%2F").flat_map(|part| part.split("%5C"));
    let mut names = parts.map(|part| part.split_once(';').map_or(part, |(name, _)| name));
    names.any(|name| matches!(name, "." | ".."))
}

#[cfg(test)]
mod tests;
