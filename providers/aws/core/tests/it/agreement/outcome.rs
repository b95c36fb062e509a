//! What becomes of a request, in one form for whoever decides it.

use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// With this status, by the load balancer itself.
    Answered(u16),
    /// The client goes elsewhere.
    Redirected {
        status: u16,
        location: String,
    },
    Sent(Sent),
}

/// A request on its way to a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// Backends that may get it, each with its share, in smallest numbers.
    pub(super) shares: BTreeMap<String, u64>,
    /// Host that the backend sees.
    pub(super) host: String,
    /// Path and query that it sees.
    pub(super) url: String,
}

/// Shares in smallest numbers; what gets nothing is not there.
pub(super) fn shares(weights: impl Iterator<Item = (String, u64)>) -> BTreeMap<String, u64> {
    let mut shares: BTreeMap<String, u64> = BTreeMap::new();
    for (backend, weight) in weights.filter(|(_, weight)| *weight > 0) {
        *shares.entry(backend).or_default() += weight;
    }
    let common = shares.values().copied().fold(0, gcd).max(1);
    for share in shares.values_mut() {
        *share /= common;
    }
    shares
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A location with its port written, whoever left it out.
pub(super) fn location(text: &str) -> String {
    let uri: http::Uri = text.parse().unwrap();
    let scheme = uri.scheme_str().unwrap();
    let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
    format!(
        "{scheme}://{}:{port}{}",
        uri.host().unwrap(),
        uri.path_and_query().unwrap()
    )
}
