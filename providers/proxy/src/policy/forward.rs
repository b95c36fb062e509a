//! What a backend is told about the client: `X-Forwarded-*`, `Forwarded` (RFC 7239), `X-Request-Id`.
//!
//! A client's own claims are overwritten unless it is a trusted proxy: its address lies in
//! [`ForwardingOptions::trusted_peers`], or [`ForwardingOptions::trusted_hops`] says that there is
//! always a proxy in front. A trusted proxy's `X-Forwarded-For` is extended by its own address, and
//! its `X-Forwarded-Proto`, `-Host` and `-Port` stay.

use crate::http::{Headers, RequestHead, Scheme};
use crate::runtime::{ConnInfo, ForwardingOptions, HttpPort};
use std::io::Write;
use std::net::IpAddr;

/// Longest client-made request id that is kept.
const REQUEST_ID_MAX: usize = 128;

/// Rewrites the forwarding fields of a request. Call it before routing.
pub fn apply(head: &mut RequestHead, conn: &ConnInfo, port: &HttpPort, options: &ForwardingOptions) {
    let peer = conn.client.ip().to_canonical();
    let trusted = is_trusted(peer, options);
    let address = Address::new(peer);

    let mut kept = Kept::default();
    let chain = if trusted {
        head.headers.joined("x-forwarded-for").map(|chain| {
            let mut chain = chain.into_owned();
            chain.extend_from_slice(b", ");
            chain.extend_from_slice(address.bytes());
            chain
        })
    } else {
        None
    };
    let forwarded = if trusted && options.send_forwarded {
        head.headers.joined("forwarded").map(std::borrow::Cow::into_owned)
    } else {
        None
    };
    let keep_id = trusted || options.keep_request_id;
    head.headers.retain_fields(|name, value| match name {
        b"x-forwarded-for" | b"forwarded" | b"x-real-ip" => false,
        b"x-forwarded-proto" => trusted && kept.proto.once(),
        b"x-forwarded-host" => trusted && kept.host.once(),
        b"x-forwarded-port" => trusted && kept.port.once(),
        b"x-request-id" => keep_id && is_request_id(value) && kept.id.once(),
        _ => trusted || !name.starts_with(b"x-forwarded-"),
    });

    let headers = &mut head.headers;
    // The values are text of addresses and ports, and an authority that was validated when it was read.
    headers.append_checked(b"x-forwarded-for", chain.as_deref().unwrap_or(address.bytes()));
    if !kept.proto.0 {
        headers.append_checked(b"x-forwarded-proto", head.scheme.as_str().as_bytes());
    }
    if !kept.host.0 {
        let _ = headers.append_raw(b"x-forwarded-host", head.authority.as_bytes());
    }
    if !kept.port.0 {
        headers.append_checked(
            b"x-forwarded-port",
            itoa::Buffer::new().format(port.port).as_bytes(),
        );
    }
    if !kept.id.0 {
        headers.append_checked(b"x-request-id", &new_request_id());
    }
    if options.send_forwarded {
        let mut value = forwarded.unwrap_or_default();
        if !value.is_empty() {
            value.extend_from_slice(b", ");
        }
        element(&mut value, peer, head.scheme, &head.authority);
        let _ = headers.append_raw(b"forwarded", &value);
    }
}

/// The address of the client itself, as far as the forwarding fields can be believed: the first
/// address in `X-Forwarded-For`, from the right, that is not a trusted proxy's. Call it on the
/// request as received or as rewritten by [`apply`]; both give the same answer.
pub fn client_address(headers: &Headers, conn: &ConnInfo, options: &ForwardingOptions) -> IpAddr {
    let peer = conn.client.ip().to_canonical();
    if !is_trusted(peer, options) {
        return peer;
    }
    let Some(chain) = headers.joined("x-forwarded-for") else {
        return peer;
    };
    let mut client = peer;
    let mut hops = options.trusted_hops;
    let mut entries = chain.rsplit(|byte| *byte == b',').peekable();
    if let Some(last) = entries.peek()
        && parse_entry(last) == Some(peer)
    {
        entries.next();
    }
    for entry in entries {
        let known = options.trusted_peers.iter().any(|net| net.contains(&client));
        if !known {
            if hops == 0 {
                break;
            }
            hops -= 1;
        }
        match parse_entry(entry) {
            Some(address) => client = address,
            None => break,
        }
    }
    client
}

fn parse_entry(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => host,
            _ => text,
        },
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn is_trusted(peer: IpAddr, options: &ForwardingOptions) -> bool {
    options.trusted_hops > 0 || options.trusted_peers.iter().any(|net| net.contains(&peer))
}

/// One element of `Forwarded` (RFC 7239 sections 4 to 6).
fn element(out: &mut Vec<u8>, peer: IpAddr, scheme: Scheme, authority: &str) {
    match peer {
        IpAddr::V4(v4) => {
            let _ = write!(out, "for={v4}");
        }
        IpAddr::V6(v6) => {
            let _ = write!(out, "for=\"[{v6}]\"");
        }
    }
    // An authority was validated: it has no quote or backslash that would need escaping.
    let quotable = !authority.bytes().any(|byte| matches!(byte, b'"' | b'\\'));
    if quotable {
        let _ = write!(out, ";host=\"{authority}\"");
    }
    out.extend_from_slice(b";proto=");
    out.extend_from_slice(scheme.as_str().as_bytes());
}

/// Whether a request id made by someone else may be passed on and written to logs.
fn is_request_id(value: &[u8]) -> bool {
    !value.is_empty()
        && value.len() <= REQUEST_ID_MAX
        && value.iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'_' | b'.' | b':' | b'+' | b'/' | b'=' | b'@')
        })
}

/// A random UUID (RFC 9562 section 5.4). It identifies a request, it protects nothing.
fn new_request_id() -> [u8; 36] {
    let random = fastrand::u128(..);
    uuid((random & !(0xf000 << 64) & !(0b11 << 62)) | (0x4000 << 64) | (0b10 << 62))
}

fn uuid(bits: u128) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value & 0xf)).copied().unwrap_or(b'0');
    let mut text = [b'-'; 36];
    let mut digits = bits
        .to_be_bytes()
        .into_iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte)]);
    for group in [0..8, 9..13, 14..18, 19..23, 24..36] {
        for (place, digit) in text
            .get_mut(group)
            .unwrap_or_default()
            .iter_mut()
            .zip(&mut digits)
        {
            *place = digit;
        }
    }
    text
}

/// Which fields of a trusted proxy stay: the first of each name.
#[derive(Default)]
struct Kept {
    proto: Once,
    host: Once,
    port: Once,
    id: Once,
}

#[derive(Default)]
struct Once(bool);

impl Once {
    fn once(&mut self) -> bool {
        !std::mem::replace(&mut self.0, true)
    }
}

/// The text of an address, without an allocation.
struct Address {
    bytes: [u8; 46],
    len: usize,
}

impl Address {
    fn new(address: IpAddr) -> Self {
        let mut bytes = [0; 46];
        let mut rest = bytes.as_mut_slice();
        match address {
            // What nearly all are, and formatting would take longer than all the rest here.
            IpAddr::V4(v4) => {
                for (index, octet) in v4.octets().into_iter().enumerate() {
                    if index > 0 {
                        rest = put(rest, b".");
                    }
                    rest = put(rest, itoa::Buffer::new().format(octet).as_bytes());
                }
            }
            IpAddr::V6(v6) => {
                let _ = write!(rest, "{v6}");
            }
        }
        let left = rest.len();
        Self {
            bytes,
            len: 46 - left,
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Writes at the front, answers what is behind.
fn put<'a>(rest: &'a mut [u8], text: &[u8]) -> &'a mut [u8] {
    match rest.split_at_mut_checked(text.len()) {
        Some((front, behind)) => {
            front.copy_from_slice(text);
            behind
        }
        None => &mut [],
    }
}

#[cfg(test)]
mod tests;
