//! Request and response heads as the pipeline and the policies see them.

use crate::http::headers::Headers;
use http::{Method, StatusCode};

/// HTTP version of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0.
    H10,
    /// HTTP/1.1.
    H11,
    /// HTTP/2.
    H2,
}

impl Version {
    /// As written in logs and in `Via`: `1.0`, `1.1`, `2.0`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::H10 => "1.0",
            Self::H11 => "1.1",
            Self::H2 => "2.0",
        }
    }
}

/// Scheme of a request: how it reached this proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Cleartext.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// 80 or 443.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A request head, validated and normalised: what is matched is what is forwarded.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// Method.
    pub method: Method,
    /// Version the client spoke.
    pub version: Version,
    /// Scheme the client used.
    pub scheme: Scheme,
    /// Host and optional port as received, to be sent on as `Host` or `:authority`. Rewriting it
    /// changes what the backend sees, not what was matched.
    pub authority: String,
    /// Normalised path and the query, as forwarded: `/a/b?c=d`.
    pub target: String,
    /// Fields. `Host`, hop-by-hop and framing fields are not among them.
    pub headers: Headers,
    /// `Upgrade` protocol asked for (HTTP/1.1) or `:protocol` of an extended CONNECT, lower case.
    pub upgrade: Option<String>,
    /// What the client asked for, once a filter has changed it.
    pub asked: Option<Box<Asked>>,
}

/// Authority and target as the client sent them (the path normalised).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Host and optional port.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

/// The part of a target before the query.
fn path_of(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

impl RequestHead {
    /// The path without the query.
    pub fn path(&self) -> &str {
        path_of(&self.target)
    }

    /// Keeps what the client asked for, before the first change of it.
    pub fn keep_asked(&mut self) {
        if self.asked.is_none() {
            self.asked = Some(Box::new(Asked {
                authority: self.authority.clone(),
                target: self.target.clone(),
            }));
        }
    }

    /// The authority that the client asked for.
    pub fn asked_authority(&self) -> &str {
        self.asked
            .as_ref()
            .map_or(&self.authority, |asked| &asked.authority)
    }

    /// The path that the client asked for, without the query.
    pub fn asked_path(&self) -> &str {
        path_of(self.asked.as_ref().map_or(&self.target, |asked| &asked.target))
    }

    /// The query without `?`.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// Replaces the path and keeps the query.
    pub fn set_path(&mut self, path: &str) {
        self.target = match self.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
    }

    /// Whether it is a gRPC call, as its content type says.
    pub fn is_grpc(&self) -> bool {
        self.headers
            .get("content-type")
            .is_some_and(|kind| kind.starts_with(b"application/grpc"))
    }

    /// Whether the request may be sent again without harm (RFC 9110 section 9.2.2).
    pub fn is_idempotent(&self) -> bool {
        matches!(
            self.method,
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
        )
    }
}

/// A response head.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// Status.
    pub status: StatusCode,
    /// Fields. Hop-by-hop and framing fields are not among them.
    pub headers: Headers,
}

impl ResponseHead {
    /// A response without fields.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: Headers::new(),
        }
    }
}

/// A response made by the proxy itself.
#[derive(Clone, Debug)]
pub struct LocalResponse {
    /// Head. `Content-Length` and `Date` are added when it is sent.
    pub head: ResponseHead,
    /// Body; left out for HEAD and statuses without one.
    pub body: bytes::Bytes,
}

impl LocalResponse {
    /// A response without body.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            head: ResponseHead::new(status),
            body: bytes::Bytes::new(),
        }
    }
}
