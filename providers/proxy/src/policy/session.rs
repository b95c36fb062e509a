//! Session persistence (Gateway API v1.7.0, `SessionPersistence`, GEP-1619).
//!
//! A session is a token that names the endpoint, when the session began and when it was last used.
//! The token is encrypted and authenticated (AES-256-GCM) with the policy's scope bound to it, so
//! nobody can read or make one, replay it for another route, or aim at an address that is not among
//! the backend's endpoints. Nothing is stored: replicas with the same [`SessionKey`] agree.
//!
//! Persistence acts after the weighted choice of a backend and never changes it: a token whose
//! endpoint is not one of the chosen backend's is replaced.

mod token;

pub use token::{SessionKey, SessionToken};

use crate::http::{RequestHead, ResponseHead, Scheme};
use crate::runtime::EndpointRuntime;
use gatewright_model::route::{SessionCarrier, SessionPersistence};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// Cookies of one name that are tried: a client may send several, of several paths.
const COOKIES_TRIED: usize = 4;

/// A session persistence policy, ready to execute.
#[derive(Debug)]
pub struct SessionPolicy {
    name: Box<str>,
    cookie: Option<CookieAttributes>,
    absolute: Option<u64>,
    idle: Option<u64>,
    scope: [u8; 32],
    key: SessionKey,
}

#[derive(Debug)]
struct CookieAttributes {
    path: Box<str>,
    permanent: bool,
}

impl SessionPolicy {
    /// Compiles a policy. `scope` names what it belongs to (route and rule, or backend): tokens of
    /// one scope mean nothing in another, and unnamed cookies get a name of their own from it.
    pub fn compile(policy: &SessionPersistence, scope: &str, key: &SessionKey) -> Self {
        let scope_hash: [u8; 32] = Sha256::digest(scope.as_bytes()).into();
        let name = policy
            .name
            .as_deref()
            .filter(|name| !name.is_empty() && name.bytes().all(|byte| crate::http::token(byte) != 0));
        let (name, cookie) = match &policy.carrier {
            SessionCarrier::Cookie { permanent, path } => {
                let name = name.map_or_else(
                    || {
                        let mut name = "gw-session-".to_owned();
                        for byte in scope_hash.iter().take(4) {
                            let _ = write!(name, "{byte:02x}");
                        }
                        name
                    },
                    str::to_owned,
                );
                (
                    name,
                    Some(CookieAttributes {
                        path: cookie_path(path).into(),
                        permanent: *permanent,
                    }),
                )
            }
            SessionCarrier::Header => (name.unwrap_or("x-session").to_ascii_lowercase(), None),
        };
        Self {
            name: name.into(),
            cookie,
            absolute: policy.absolute_timeout_s,
            idle: policy.idle_timeout_s,
            scope: scope_hash,
            key: key.clone(),
        }
    }

    /// The valid session that a request belongs to.
    pub fn token(&self, head: &RequestHead) -> Option<SessionToken> {
        self.token_at(head, unix_now())
    }

    /// [`SessionPolicy::token`] at a time in seconds since the Unix epoch.
    pub fn token_at(&self, head: &RequestHead, now: u64) -> Option<SessionToken> {
        let valid = |text: &[u8]| {
            self.key
                .open(text, &self.scope)
                .filter(|token| !self.is_over(token, now))
        };
        if self.cookie.is_none() {
            return head.headers.get(&self.name).and_then(valid);
        }
        head.headers
            .get_all("cookie")
            .flat_map(|line| line.split(|byte| *byte == b';'))
            .filter_map(|pair| {
                let pair = pair.trim_ascii();
                let value = pair.strip_prefix(self.name.as_bytes())?.strip_prefix(b"=")?;
                Some(
                    value
                        .strip_prefix(b"\"")
                        .and_then(|value| value.strip_suffix(b"\""))
                        .unwrap_or(value),
                )
            })
            .take(COOKIES_TRIED)
            .find_map(valid)
    }

    fn is_over(&self, token: &SessionToken, now: u64) -> bool {
        // A token of the future comes from a replica whose clock is ahead: its age is 0.
        let age = now.saturating_sub(token.created);
        let unused = now.saturating_sub(token.last_used);
        self.absolute.is_some_and(|limit| age >= limit) || self.idle.is_some_and(|limit| unused >= limit)
    }

    /// Tells the client its session, when it is new, moved to another endpoint, or about to look
    /// unused.
    pub fn respond(
        &self,
        response: &mut ResponseHead,
        request: &RequestHead,
        endpoint: &EndpointRuntime,
        had: Option<&SessionToken>,
    ) {
        self.respond_at(response, request.scheme, endpoint, (had, unix_now()));
    }

    /// [`SessionPolicy::respond`] with the time, in seconds since the Unix epoch, beside the token.
    pub fn respond_at(
        &self,
        response: &mut ResponseHead,
        request_scheme: Scheme,
        endpoint: &EndpointRuntime,
        (had, now): (Option<&SessionToken>, u64),
    ) {
        let token = match had {
            Some(had) if had.endpoint == endpoint.address => {
                let unused = now.saturating_sub(had.last_used);
                if self.idle.is_none_or(|limit| unused < (limit / 8).max(1)) {
                    return;
                }
                SessionToken {
                    last_used: now,
                    ..had.clone()
                }
            }
            // A session that lost its endpoint goes on elsewhere: its age counts on.
            Some(had) => SessionToken {
                endpoint: endpoint.address,
                last_used: now,
                ..had.clone()
            },
            None => SessionToken::new(endpoint.address, now),
        };
        let sealed = self.key.seal(&token, &self.scope);
        let Some(cookie) = &self.cookie else {
            let _ = response.headers.set_raw(&self.name, sealed.as_bytes());
            return;
        };
        let mut text = format!("{}={sealed}; Path={}", self.name, cookie.path);
        if cookie.permanent
            && let Some(absolute) = self.absolute
        {
            let left = token.created.saturating_add(absolute).saturating_sub(now);
            let _ = write!(text, "; Max-Age={left}");
        }
        // Lax, not Strict: a session must survive following a link from another site.
        text.push_str("; HttpOnly; SameSite=Lax");
        if request_scheme == Scheme::Https {
            text.push_str("; Secure");
        }
        let _ = response.headers.append_raw(b"set-cookie", text.as_bytes());
    }
}

/// A `Path` attribute (RFC 6265 section 4.1.1: any character except controls and `;`).
fn cookie_path(path: &str) -> &str {
    let usable = path.starts_with('/')
        && path
            .bytes()
            .all(|byte| (0x20..0x7f).contains(&byte) && byte != b';');
    if usable { path } else { "/" }
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
