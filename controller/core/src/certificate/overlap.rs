//! Overlapping TLS settings of listeners (`OverlappingTLSConfig`).

use gatewright_model::Str;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::ListenerKey;
use std::collections::BTreeMap;

/// One HTTPS listener, as far as overlap is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsHost {
    /// The listener.
    pub listener: ListenerKey,
    /// Its port: only listeners of one port can overlap.
    pub port: u16,
    /// Its hostname.
    pub hostname: HostPattern,
    /// DNS names of the certificates it serves.
    pub names: Vec<Str>,
}

/// How a listener overlaps with another, which is the reason of the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OverlapKind {
    /// Reason `OverlappingHostnames`.
    Hostnames,
    /// Reason `OverlappingCertificates`; wins when both hold.
    Certificates,
}

impl OverlapKind {
    /// The condition's reason.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Hostnames => "OverlappingHostnames",
            Self::Certificates => "OverlappingCertificates",
        }
    }
}

/// An overlap found, from the point of view of one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// How.
    pub kind: OverlapKind,
    /// The first other listener it overlaps with in that way.
    pub with: ListenerKey,
}

/// Finds the HTTPS listeners whose hostname or certificates overlap those of another one on the same
/// port, so that a client may reuse its connection for a host of the other (RFC 9113 section 9.1.1).
/// All of them MUST report `OverlappingTLSConfig=True`, and none of the others may carry the
/// condition (Gateway API v1.7.0, `ListenerConditionOverlappingTLSConfig`).
pub fn overlapping(hosts: &[TlsHost]) -> BTreeMap<ListenerKey, Overlap> {
    let mut found: BTreeMap<ListenerKey, Overlap> = BTreeMap::new();
    for (at, one) in hosts.iter().enumerate() {
        for other in hosts.iter().skip(at + 1) {
            if one.port != other.port {
                continue;
            }
            let kind = if names_overlap(&one.names, &other.names) {
                OverlapKind::Certificates
            } else if one.hostname.intersect(&other.hostname).is_some() {
                OverlapKind::Hostnames
            } else {
                continue;
            };
            for (key, with) in [(&one.listener, &other.listener), (&other.listener, &one.listener)] {
                let overlap = Overlap {
                    kind,
                    with: with.clone(),
                };
                let entry = found.entry(key.clone()).or_insert_with(|| overlap.clone());
                if entry.kind < kind {
                    *entry = overlap;
                }
            }
        }
    }
    found
}

fn names_overlap(one: &[Str], other: &[Str]) -> bool {
    one.iter().any(|name| {
        let name = HostPattern::parse(name);
        other
            .iter()
            .any(|second| name.intersect(&HostPattern::parse(second)).is_some())
    })
}
