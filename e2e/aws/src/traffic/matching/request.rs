//! What rules see of a request.

use http::HeaderMap;
use std::net::IpAddr;

/// A request as it came.
///
/// Assumed, as the pages are silent: path and query are compared as they were sent, without decoding `%xx`,
/// removing dot segments or merging slashes.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Method.
    pub method: &'a str,
    /// Host without its port: AWS's host names cannot hold a `:`, so that a port plays no part (assumed).
    pub host: &'a str,
    /// Path, without the query.
    pub path: &'a str,
    /// What follows the first `?`; none without one.
    pub query: Option<&'a str>,
    /// Header fields.
    pub headers: &'a HeaderMap,
    /// The other end of the connection. `X-Forwarded-For` does not count
    /// (rule-condition-types, "Source IP address conditions").
    pub source: IpAddr,
}

/// A host without its port.
pub(in crate::traffic) fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        // A `:` inside of brackets belongs to an IPv6 address.
        Some(colon) if !host.get(colon..).is_some_and(|rest| rest.contains(']')) => {
            host.get(..colon).unwrap_or(host)
        }
        _ => host,
    }
}
