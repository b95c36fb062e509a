//! `redirect` actions.
//!
//! Documented (rule-action-types, "Redirect actions"; API_RedirectActionConfig): a URI is
//! `protocol://hostname:port/path?query`; components that are not given keep their values; `#{protocol}`, `#{host}`,
//! `#{port}`, `#{path}` (without the leading `/`) and `#{query}` stand for those of the request; 301 or 302.
//!
//! Assumed: the port is always written; a `?` only before a query that is not empty; `#{host}` has no port, and
//! `#{port}` is the listener's.

use super::request::Request;
use crate::traffic::config::RedirectConfig;

/// Where a client is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// 301 or 302.
    pub status: u16,
    protocol: String,
    host: String,
    port: String,
    path: String,
    query: String,
}

impl Redirect {
    /// Reads a redirect. None when its status is neither of the two.
    pub(super) fn new(config: &RedirectConfig) -> Option<Self> {
        let status = match config.status_code.as_str() {
            "HTTP_301" => 301,
            "HTTP_302" => 302,
            _ => return None,
        };
        let or = |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
        Some(Self {
            status,
            protocol: or(&config.protocol, "#{protocol}"),
            host: or(&config.host, "#{host}"),
            port: or(&config.port, "#{port}"),
            path: or(&config.path, "/#{path}"),
            query: or(&config.query, "#{query}"),
        })
    }

    /// The value of `Location` for a request that came by `protocol` (`http`, `https`) to `port`.
    pub fn location(&self, request: &Request<'_>, protocol: &str, port: u16) -> String {
        let port = port.to_string();
        let filled = |text: &str| fill(text, request, protocol, &port);
        let mut location = format!(
            "{}://{}:{}{}",
            filled(&self.protocol).to_ascii_lowercase(),
            filled(&self.host),
            filled(&self.port),
            filled(&self.path)
        );
        let query = filled(&self.query);
        if !query.is_empty() {
            location.push('?');
            location.push_str(&query);
        }
        location
    }
}

/// Puts the request's components in, once: what they hold themselves is not looked at.
fn fill(text: &str, request: &Request<'_>, protocol: &str, port: &str) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("#{") {
        let (before, from) = rest.split_at(start);
        filled.push_str(before);
        let component = from.find('}').and_then(|end| from.get(..=end));
        let value = match component {
            Some("#{protocol}") => Some(protocol),
            Some("#{host}") => Some(request.host),
            Some("#{port}") => Some(port),
            Some("#{path}") => Some(request.path.strip_prefix('/').unwrap_or(request.path)),
            Some("#{query}") => Some(request.query.unwrap_or_default()),
            _ => None,
        };
        let taken = match (value, component) {
            (Some(value), Some(component)) => {
                filled.push_str(value);
                component.len()
            }
            _ => {
                filled.push_str("#{");
                2
            }
        };
        rest = from.get(taken..).unwrap_or_default();
    }
    filled.push_str(rest);
    filled
}
