//! Hosts as requests name them: the `Host` field, `:authority`, and the authority of absolute-form.
//!
//! One parser serves matching, forwarding, redirects and logs, so that no two parts of the data plane
//! can disagree about which host a request is for.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use thiserror::Error;

/// Longest name in characters, without trailing dot (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;
/// Longest label (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// A validated host and the port that was written behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// Lower case, without port and without trailing dot; an IPv6 literal in its canonical form
    /// (RFC 5952) inside brackets. Borrowed when the text was canonical already.
    pub name: Cow<'a, str>,
    /// The port, when one was written. Never 0.
    pub port: Option<u16>,
}

/// Why a host is refused. A server answers 400 (RFC 9112 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HostError {
    /// No name (RFC 9110 section 4.2.1 refuses an empty host for `http` and `https`).
    #[error("the host is empty")]
    Empty,
    /// `user@host` (RFC 9110 section 4.2.4).
    #[error("the host has user information")]
    UserInfo,
    /// A byte that no host name holds; accepted are letters, digits, `-`, `_` and `.`.
    #[error("the host has the byte 0x{0:02x}; accepted are letters, digits, '-', '_' and '.'")]
    Byte(u8),
    /// Two dots in a row, or a dot in front.
    #[error("the host has an empty label")]
    EmptyLabel,
    /// Longer than 253 characters, or a label longer than 63.
    #[error("the host is longer than 253 characters or has a label longer than 63")]
    TooLong,
    /// Brackets that hold no IPv6 address (zone identifiers and IPvFuture are refused).
    #[error("the brackets of the host hold no IPv6 address")]
    Literal,
    /// The port is no decimal number from 1 to 65535.
    #[error("the port is no decimal number from 1 to 65535")]
    Port,
}

/// Reads `host [":" port]` (RFC 3986 section 3.2.2, RFC 9110 section 7.2).
///
/// Stricter than the generic syntax: no percent-encoding and no sub-delimiters, because no name that
/// a route can hold has them and because backends disagree about their meaning. One trailing dot is
/// accepted and dropped. An empty port (`example.com:`) counts as none (RFC 3986 section 3.2.3).
pub fn parse(raw: &[u8]) -> Result<Host<'_>, HostError> {
    if raw.contains(&b'@') {
        return Err(HostError::UserInfo);
    }
    if let Some(rest) = raw.strip_prefix(b"[") {
        return literal(rest);
    }
    let (name, port) = match memchr::memchr(b':', raw) {
        Some(at) => {
            let (name, rest) = raw.split_at(at);
            (name, port(rest.get(1..).unwrap_or_default())?)
        }
        None => (raw, None),
    };
    let name = name.strip_suffix(b".").unwrap_or(name);
    let folded = check_name(name)?;
    let text = std::str::from_utf8(name).map_err(|_| HostError::Byte(0x80))?;
    let name = if folded {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_ascii_lowercase())
    };
    Ok(Host { name, port })
}

/// Checks a registered name and tells whether it is in lower case.
fn check_name(name: &[u8]) -> Result<bool, HostError> {
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(HostError::TooLong);
    }
    let mut folded = true;
    let mut label = 0;
    for &byte in name {
        match byte {
            b'.' if label == 0 => return Err(HostError::EmptyLabel),
            b'.' => {
                label = 0;
                continue;
            }
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => {}
            b'A'..=b'Z' => folded = false,
            other => return Err(HostError::Byte(other)),
        }
        label += 1;
        if label > MAX_LABEL {
            return Err(HostError::TooLong);
        }
    }
    // The one allowed trailing dot is gone already.
    if label == 0 {
        return Err(HostError::EmptyLabel);
    }
    Ok(folded)
}

/// What follows `[`.
fn literal(rest: &[u8]) -> Result<Host<'_>, HostError> {
    let end = memchr::memchr(b']', rest).ok_or(HostError::Literal)?;
    let (address, behind) = rest.split_at(end);
    let port = match behind.get(1..).unwrap_or_default() {
        [] => None,
        [b':', digits @ ..] => port(digits)?,
        _ => return Err(HostError::Port),
    };
    let address: Ipv6Addr = std::str::from_utf8(address)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(HostError::Literal)?;
    Ok(Host {
        name: Cow::Owned(format!("[{address}]")),
        port,
    })
}

fn port(digits: &[u8]) -> Result<Option<u16>, HostError> {
    if digits.is_empty() {
        return Ok(None);
    }
    if digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(HostError::Port);
    }
    let number = digits
        .iter()
        .fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    match u16::try_from(number) {
        Ok(0) | Err(_) => Err(HostError::Port),
        Ok(number) => Ok(Some(number)),
    }
}

/// Whether text can stand in `Host`: `uri-host [":" port]` without userinfo (RFC 9110 section 7.2).
pub fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port_ok = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let host_ok = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        }
    };
    port_ok && host_ok
}

#[cfg(test)]
mod tests;
