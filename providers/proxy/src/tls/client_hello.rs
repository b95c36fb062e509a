//! Reading a TLS ClientHello without taking part in the handshake: what server name and which
//! protocols the client asks for (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301).
//!
//! Looks at bytes in the order they arrive, so that the answer does not depend on how they are split
//! into reads or into TLS records (RFC 8446 section 5.1 lets a handshake message span records).

use std::borrow::Cow;
use thiserror::Error;

#[cfg(test)]
mod tests;

/// Most bytes looked at, record headers included. A hello with post-quantum key shares and every
/// usual extension stays below 3 KiB; session tickets may add some.
pub const MAX_BYTES: usize = 16 * 1024;

const RECORD_HEADER: usize = 5;
const CONTENT_HANDSHAKE: u8 = 22;
const MAX_RECORD: usize = 16 * 1024;
const MESSAGE_HEADER: usize = 4;
const MESSAGE_CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;
const EXTENSION_ALPN: u16 = 16;
const NAME_TYPE_HOST: u8 = 0;

/// What a ClientHello asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Host name of the server, lower case; `None` when the extension is absent, or holds no usable
    /// DNS name (an IP literal, which RFC 6066 section 3 forbids, say).
    pub server_name: Option<Box<str>>,
    /// Application protocols offered, in the client's order.
    pub alpn: Vec<Vec<u8>>,
}

/// Answer of [`peek`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peek {
    /// More bytes are needed.
    Incomplete,
    /// A whole ClientHello.
    Complete(Hello),
}

/// Why bytes are not an acceptable ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HelloError {
    /// The first record is not a TLS handshake record.
    #[error("not a TLS handshake")]
    NotTls,
    /// Framing or contents break RFC 8446.
    #[error("malformed ClientHello: {0}")]
    Malformed(&'static str),
    /// Longer than [`MAX_BYTES`].
    #[error("ClientHello longer than {MAX_BYTES} bytes")]
    TooLong,
}

/// Reads a ClientHello from the first bytes of a connection.
pub fn peek(bytes: &[u8]) -> Result<Peek, HelloError> {
    let mut message: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(length) = record_length(rest, at == 0)? else {
            return Ok(Peek::Incomplete);
        };
        let end = RECORD_HEADER + length;
        if at + end > MAX_BYTES {
            return Err(HelloError::TooLong);
        }
        let payload = rest.get(RECORD_HEADER..end.min(rest.len())).unwrap_or_default();
        if at == 0 {
            message = Cow::Borrowed(payload);
        } else {
            message.to_mut().extend_from_slice(payload);
        }
        if let Some(body) = client_hello(&message)? {
            return parse_body(body).map(Peek::Complete);
        }
        if rest.len() < end {
            return Ok(Peek::Incomplete);
        }
        at += end;
    }
}

/// Length of the record that starts here; `None` when its header is incomplete.
fn record_length(rest: &[u8], first: bool) -> Result<Option<usize>, HelloError> {
    let wrong = if first {
        HelloError::NotTls
    } else {
        HelloError::Malformed("record is not a handshake record")
    };
    match rest.first() {
        None => return Ok(None),
        Some(&CONTENT_HANDSHAKE) => {}
        Some(_) => return Err(wrong),
    }
    match rest.get(1) {
        None => return Ok(None),
        Some(3) => {}
        Some(_) => return Err(wrong),
    }
    let Some(length) = rest
        .get(3..RECORD_HEADER)
        .and_then(|pair| <[u8; 2]>::try_from(pair).ok())
    else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes(length));
    // Zero-length handshake fragments are forbidden (RFC 8446 section 5.1).
    if length == 0 || length > MAX_RECORD {
        return Err(HelloError::Malformed("record length"));
    }
    Ok(Some(length))
}

/// The body of the ClientHello once all of it is there.
fn client_hello(message: &[u8]) -> Result<Option<&[u8]>, HelloError> {
    match message.first() {
        None => return Ok(None),
        Some(&MESSAGE_CLIENT_HELLO) => {}
        Some(_) => return Err(HelloError::Malformed("first message is not a ClientHello")),
    }
    let Some(&[high, middle, low]) = message
        .get(1..MESSAGE_HEADER)
        .and_then(|three| three.first_chunk())
    else {
        return Ok(None);
    };
    let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    if length > MAX_BYTES {
        return Err(HelloError::TooLong);
    }
    Ok(message.get(MESSAGE_HEADER..MESSAGE_HEADER + length))
}

fn parse_body(body: &[u8]) -> Result<Hello, HelloError> {
    let mut reader = Reader(body);
    reader.take(2)?; // legacy_version
    reader.take(32)?; // random
    reader.block8()?; // legacy_session_id
    reader.block16()?; // cipher_suites
    reader.block8()?; // legacy_compression_methods
    let mut hello = Hello::default();
    if reader.0.is_empty() {
        // No extensions at all: allowed up to TLS 1.2 (RFC 5246 section 7.4.1.2).
        return Ok(hello);
    }
    let mut extensions = Reader(reader.block16()?);
    if !reader.0.is_empty() {
        return Err(HelloError::Malformed("bytes after the extensions"));
    }
    let (mut named, mut offered) = (false, false);
    while !extensions.0.is_empty() {
        let kind = extensions.number16()?;
        let data = extensions.block16()?;
        match kind {
            EXTENSION_SERVER_NAME => {
                if std::mem::replace(&mut named, true) {
                    return Err(HelloError::Malformed("two server_name extensions"));
                }
                hello.server_name = server_name(data)?;
            }
            EXTENSION_ALPN => {
                if std::mem::replace(&mut offered, true) {
                    return Err(HelloError::Malformed("two ALPN extensions"));
                }
                hello.alpn = protocols(data)?;
            }
            _ => {}
        }
    }
    Ok(hello)
}

fn server_name(data: &[u8]) -> Result<Option<Box<str>>, HelloError> {
    let mut outer = Reader(data);
    let mut names = Reader(outer.block16()?);
    if !outer.0.is_empty() {
        return Err(HelloError::Malformed("bytes after the server name list"));
    }
    let mut found = None;
    while !names.0.is_empty() {
        let kind = names.number8()?;
        let name = names.block16()?;
        if kind == NAME_TYPE_HOST {
            if found.is_some() {
                // RFC 6066 section 3: not more than one name of the same type.
                return Err(HelloError::Malformed("two host names"));
            }
            found = Some(name);
        }
    }
    Ok(found.and_then(host_name))
}

/// A DNS name in lower case, or nothing when it is not one.
fn host_name(name: &[u8]) -> Option<Box<str>> {
    let name = std::str::from_utf8(name).ok()?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let dns = name.len() <= 253 && name.split('.').all(label);
    if !dns || name.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    Some(name.to_ascii_lowercase().into_boxed_str())
}

fn protocols(data: &[u8]) -> Result<Vec<Vec<u8>>, HelloError> {
    let mut outer = Reader(data);
    let mut list = Reader(outer.block16()?);
    if !outer.0.is_empty() {
        return Err(HelloError::Malformed("bytes after the protocol list"));
    }
    let mut protocols = Vec::new();
    while !list.0.is_empty() {
        let name = list.block8()?;
        if name.is_empty() {
            return Err(HelloError::Malformed("empty protocol name"));
        }
        protocols.push(name.to_vec());
    }
    Ok(protocols)
}

/// Cuts length-prefixed fields off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], HelloError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(HelloError::Malformed("truncated field"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number8(&mut self) -> Result<u8, HelloError> {
        self.take(1)?
            .first()
            .copied()
            .ok_or(HelloError::Malformed("truncated field"))
    }

    fn number16(&mut self) -> Result<u16, HelloError> {
        let pair = self
            .take(2)?
            .first_chunk()
            .ok_or(HelloError::Malformed("truncated field"))?;
        Ok(u16::from_be_bytes(*pair))
    }

    fn block8(&mut self) -> Result<&'a [u8], HelloError> {
        let length = self.number8()?;
        self.take(usize::from(length))
    }

    fn block16(&mut self) -> Result<&'a [u8], HelloError> {
        let length = self.number16()?;
        self.take(usize::from(length))
    }
}
