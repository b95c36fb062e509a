//! Kubernetes' IP, CIDR and URL libraries.

use std::net::IpAddr;

use super::eval::EvalError;
use super::functions::{Result, fail};
use super::value::Val;

/// Kubernetes' `isIP`: no zone, and no IPv4-mapped IPv6 address.
pub(super) fn parse_ip(text: &str) -> Option<IpAddr> {
    match text.parse().ok()? {
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => None,
        ip => Some(ip),
    }
}

pub(super) fn to_ip<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    match args.first()? {
        Val::Str(text) => Some(
            parse_ip(text)
                .map(Val::Ip)
                .ok_or_else(|| EvalError::new(format!("IP Address {text:?} parse error"))),
        ),
        _ => None,
    }
}

pub(super) fn parse_cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let address = parse_ip(address)?;
    let max = if address.is_ipv4() { 32 } else { 128 };
    let canonical = !bits.is_empty()
        && bits.bytes().all(|b| b.is_ascii_digit())
        && (bits == "0" || !bits.starts_with('0'));
    let bits: u8 = bits.parse().ok()?;
    (canonical && bits <= max).then_some((address, bits))
}

pub(super) fn to_cidr<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    match args.first()? {
        Val::Str(text) => Some(
            parse_cidr(text)
                .map(|(ip, bits)| Val::Cidr(ip, bits))
                .ok_or_else(|| EvalError::new(format!("network address parse error: {text:?}"))),
        ),
        _ => None,
    }
}

pub(super) fn contains_ip<'a>(args: &[Val<'a>]) -> Option<Result<'a>> {
    let [Val::Cidr(network, bits), address] = args else {
        return None;
    };
    let address = match address {
        Val::Ip(ip) => *ip,
        Val::Str(text) => match parse_ip(text) {
            Some(ip) => ip,
            None => return fail("IP address parse error"),
        },
        _ => return None,
    };
    let inside = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let shift = 32_u32.saturating_sub(u32::from(*bits));
            (network.to_bits() ^ address.to_bits())
                .checked_shr(shift)
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let shift = 128_u32.saturating_sub(u32::from(*bits));
            (network.to_bits() ^ address.to_bits())
                .checked_shr(shift)
                .unwrap_or(0)
                == 0
        }
        _ => false,
    };
    Some(Ok(Val::Bool(inside)))
}

pub(super) fn is_link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets().starts_with(&[224, 0, 0]),
        IpAddr::V6(ip) => ip
            .segments()
            .first()
            .is_some_and(|first| first & 0xff0f == 0xff02),
    }
}

pub(super) fn is_link_local_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

pub(super) fn is_global_unicast(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !broadcast
        && !ip.is_unspecified()
        && !ip.is_loopback()
        && !ip.is_multicast()
        && !is_link_local_unicast(ip)
}

/// Kubernetes' `isURL`: an absolute URI or an absolute path.
pub(super) fn is_url(text: &str) -> bool {
    if text.is_empty() || text.chars().any(|c| c.is_control() || c == ' ') {
        return false;
    }
    if text.starts_with('/') {
        return true;
    }
    text.split_once(':').is_some_and(|(scheme, rest)| {
        let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        let host = rest
            .strip_prefix("//")
            .map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        scheme_ok && host.is_none_or(|host| !host.contains(['<', '>', '"', '\\', '^', '`', '{', '|', '}']))
    })
}
