//! The PROXY protocol, versions 1 and 2, as it is received.
//!
//! Encodes "The PROXY protocol, Versions 1 & 2" (Willy Tarreau, HAProxy `doc/proxy-protocol.txt`,
//! revision 2020/03/05). The parser looks at bytes in the order they arrive and decides only on
//! bytes that it has, so that the same header gives the same answer however it is split.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// Longest version 1 line, CRLF included (section 2.1).
pub const V1_MAX: usize = 107;

/// Longest version 2 header accepted. Senders in the field stay below 600 bytes; the protocol itself
/// would allow 64 KiB.
pub const V2_MAX: usize = 4096;

pub(crate) const V2_SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const V2_FIXED: usize = 16;
const TLV_CRC32C: u8 = 0x03;

/// What a header says about the connection behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The sender speaks for itself (`LOCAL`, for instance a health check), or does not know
    /// (`UNKNOWN`, `UNSPEC`): the real ends of the connection count.
    Own,
    /// The connection is relayed.
    Relayed {
        /// The client.
        source: SocketAddr,
        /// The address that the client connected to.
        destination: SocketAddr,
    },
}

/// Answer of [`parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    Incomplete,
    /// A whole header: what it says, and its length in bytes.
    Complete(Header, usize),
}

/// Why bytes are not an acceptable header. The connection must be closed (section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProxyHeaderError {
    /// Neither signature.
    #[error("no PROXY protocol header, but this peer must send one")]
    Missing,
    /// A version 1 line that breaks the grammar of section 2.1.
    #[error("malformed PROXY version 1 line: {0}")]
    V1(&'static str),
    /// A version 2 header that breaks section 2.2.
    #[error("malformed PROXY version 2 header: {0}")]
    V2(&'static str),
    /// Version 2 announces more than [`V2_MAX`] bytes.
    #[error("PROXY version 2 header of {0} bytes, at most {V2_MAX} are accepted")]
    TooLong(usize),
}

/// Reads a header from the first bytes of a connection.
pub fn parse(bytes: &[u8]) -> Result<Progress, ProxyHeaderError> {
    match bytes.first() {
        None => Ok(Progress::Incomplete),
        Some(b'P') => parse_v1(bytes),
        Some(_) => parse_v2(bytes),
    }
}

fn parse_v1(bytes: &[u8]) -> Result<Progress, ProxyHeaderError> {
    const START: &[u8] = b"PROXY ";
    let seen = bytes.len().min(START.len());
    if bytes.get(..seen) != START.get(..seen) {
        return Err(ProxyHeaderError::Missing);
    }
    let window = bytes.get(..bytes.len().min(V1_MAX)).unwrap_or(bytes);
    let Some(end) = memchr::memmem::find(window, b"\r\n") else {
        return if window.len() == V1_MAX {
            Err(ProxyHeaderError::V1("no CRLF within 107 bytes"))
        } else {
            Ok(Progress::Incomplete)
        };
    };
    let line = bytes
        .get(START.len()..end)
        .and_then(|line| std::str::from_utf8(line).ok())
        .ok_or(ProxyHeaderError::V1("not ASCII"))?;
    Ok(Progress::Complete(v1_line(line)?, end + 2))
}

fn v1_line(line: &str) -> Result<Header, ProxyHeaderError> {
    let malformed = ProxyHeaderError::V1;
    let mut fields = line.split(' ');
    let family = fields.next().unwrap_or_default();
    if family == "UNKNOWN" {
        // The rest of the line is to be ignored (section 2.1).
        return Ok(Header::Own);
    }
    let mut field = || fields.next().ok_or(malformed("fewer than six fields"));
    let (source, destination, source_port, destination_port) = (field()?, field()?, field()?, field()?);
    if fields.next().is_some() {
        return Err(malformed("more than six fields"));
    }
    let address = |text: &str| -> Result<IpAddr, ProxyHeaderError> {
        match family {
            "TCP4" => text
                .parse::<Ipv4Addr>()
                .map(IpAddr::V4)
                .map_err(|_| malformed("not an IPv4 address")),
            "TCP6" => text
                .parse::<Ipv6Addr>()
                .map(IpAddr::V6)
                .map_err(|_| malformed("not an IPv6 address")),
            _ => Err(malformed("family is not TCP4, TCP6 or UNKNOWN")),
        }
    };
    Ok(Header::Relayed {
        source: SocketAddr::new(address(source)?, v1_port(source_port)?),
        destination: SocketAddr::new(address(destination)?, v1_port(destination_port)?),
    })
}

/// A port in decimal without leading zero, sign or blank (section 2.1).
fn v1_port(text: &str) -> Result<u16, ProxyHeaderError> {
    let error = ProxyHeaderError::V1("not a port");
    let digits = !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(error);
    }
    text.parse().map_err(|_| error)
}

fn parse_v2(bytes: &[u8]) -> Result<Progress, ProxyHeaderError> {
    let seen = bytes.len().min(V2_SIGNATURE.len());
    if bytes.get(..seen) != V2_SIGNATURE.get(..seen) {
        return Err(ProxyHeaderError::Missing);
    }
    let Some(&version_command) = bytes.get(12) else {
        return Ok(Progress::Incomplete);
    };
    let relayed = match version_command {
        0x20 => false,
        0x21 => true,
        _ => {
            return Err(ProxyHeaderError::V2(
                "version is not 2, or command neither LOCAL nor PROXY",
            ));
        }
    };
    let Some(&family) = bytes.get(13) else {
        return Ok(Progress::Incomplete);
    };
    let address_length = match family {
        0x00 => 0,
        // TCP and UDP over IPv4.
        0x11 | 0x12 => 12,
        // TCP and UDP over IPv6.
        0x21 | 0x22 => 36,
        _ if !relayed => 0,
        _ => return Err(ProxyHeaderError::V2("address family is not UNSPEC, IPv4 or IPv6")),
    };
    let Some(length) = number(bytes, 14) else {
        return Ok(Progress::Incomplete);
    };
    let total = V2_FIXED + usize::from(length);
    if total > V2_MAX {
        return Err(ProxyHeaderError::TooLong(total));
    }
    if usize::from(length) < address_length {
        return Err(ProxyHeaderError::V2("shorter than the addresses of its family"));
    }
    let Some(header) = bytes.get(..total) else {
        return Ok(Progress::Incomplete);
    };
    if !relayed || family == 0 {
        // For LOCAL and UNSPEC the receiver must accept the connection and ignore the address block.
        return Ok(Progress::Complete(Header::Own, total));
    }
    check_tlvs(header, V2_FIXED + address_length)?;
    let addresses = v2_addresses(header, family)
        .ok_or(ProxyHeaderError::V2("shorter than the addresses of its family"))?;
    Ok(Progress::Complete(addresses, total))
}

fn v2_addresses(header: &[u8], family: u8) -> Option<Header> {
    let (source, destination, ports) = if family >> 4 == 1 {
        let source: [u8; 4] = header.get(16..20)?.try_into().ok()?;
        let destination: [u8; 4] = header.get(20..24)?.try_into().ok()?;
        (IpAddr::from(source), IpAddr::from(destination), 24)
    } else {
        let source: [u8; 16] = header.get(16..32)?.try_into().ok()?;
        let destination: [u8; 16] = header.get(32..48)?.try_into().ok()?;
        (IpAddr::from(source), IpAddr::from(destination), 48)
    };
    Some(Header::Relayed {
        source: SocketAddr::new(source, number(header, ports)?),
        destination: SocketAddr::new(destination, number(header, ports + 2)?),
    })
}

/// Type-length-value fields must fill the header exactly; a checksum must be right (section 2.2.3).
fn check_tlvs(header: &[u8], start: usize) -> Result<(), ProxyHeaderError> {
    let mut at = start;
    while at < header.len() {
        let truncated = ProxyHeaderError::V2("truncated TLV");
        let kind = *header.get(at).ok_or(truncated)?;
        let length = usize::from(number(header, at + 1).ok_or(truncated)?);
        let value = header.get(at + 3..at + 3 + length).ok_or(truncated)?;
        if kind == TLV_CRC32C {
            let expected: [u8; 4] = value
                .try_into()
                .map_err(|_| ProxyHeaderError::V2("CRC32C is not four bytes"))?;
            if checksum(header, at + 3) != u32::from_be_bytes(expected) {
                return Err(ProxyHeaderError::V2("wrong CRC32C"));
            }
        }
        at += 3 + length;
    }
    Ok(())
}

/// CRC-32C (RFC 4960 appendix B) of the header with the checksum's own four bytes as zero.
fn checksum(header: &[u8], at: usize) -> u32 {
    let mut crc = u32::MAX;
    for (index, &byte) in header.iter().enumerate() {
        let byte = if (at..at + 4).contains(&index) { 0 } else { byte };
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82F6_3B78
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    let pair: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(u16::from_be_bytes(pair))
}
