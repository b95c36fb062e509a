//! What of a request goes into the log.

use super::LogError;
use crate::http::RequestHead;
use crate::observe::{RequestRecord, ResponseFlag};
use crate::policy::forward;
use crate::runtime::ForwardingOptions;
use gatewright_model::Str;
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

/// Longest text taken from one header, path or query.
const MAX_TEXT: usize = 2048;

/// Names of all fields.
pub const FIELDS: [&str; 30] = [
    "time",
    "client",
    "peer",
    "listener_port",
    "listener",
    "route",
    "rule",
    "backend",
    "endpoint",
    "method",
    "scheme",
    "host",
    "path",
    "query",
    "protocol",
    "status",
    "bytes_in",
    "bytes_out",
    "duration_ms",
    "upstream_ms",
    "attempts",
    "reason",
    "request_id",
    "trace",
    "user_agent",
    "referer",
    "forwarded_for",
    "sni",
    "tls_version",
    "client_certificate",
];

/// Fields logged when none are selected. The query is not among them: it may hold secrets.
pub const DEFAULT_FIELDS: [&str; 20] = [
    "time",
    "client",
    "method",
    "scheme",
    "host",
    "path",
    "protocol",
    "status",
    "bytes_in",
    "bytes_out",
    "duration_ms",
    "upstream_ms",
    "attempts",
    "reason",
    "listener",
    "route",
    "backend",
    "endpoint",
    "request_id",
    "user_agent",
];

/// The selected fields, in order.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(super) fields: Vec<Field>,
}

/// A field: its name in the log, and what it is.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Time,
    Client,
    Peer,
    ListenerPort,
    Listener,
    Route,
    Rule,
    Backend,
    Endpoint,
    Status,
    BytesIn,
    BytesOut,
    Duration,
    Upstream,
    Attempts,
    Reason,
    /// Text copied from the request or connection: position among the texts of an entry.
    Text(TextKind),
}

#[derive(Debug)]
pub(super) enum TextKind {
    Method,
    Scheme,
    Host,
    Path,
    Query,
    Protocol,
    Header(Box<str>),
    Sni,
    TlsVersion,
    ClientCertificate,
}

/// One captured request.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) time: SystemTime,
    pub(super) client: IpAddr,
    pub(super) peer: SocketAddr,
    pub(super) listener_port: u16,
    pub(super) listener: Option<Str>,
    pub(super) route: Option<Str>,
    pub(super) rule: Option<(u32, Option<Str>)>,
    pub(super) backend: Option<Str>,
    pub(super) endpoint: Option<SocketAddr>,
    pub(super) status: u16,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) duration: Duration,
    pub(super) upstream: Option<Duration>,
    pub(super) attempts: u32,
    pub(super) reason: Option<ResponseFlag>,
    /// The texts one after the other, and the end of each; `None` for one that is absent.
    pub(super) texts: Vec<u8>,
    pub(super) ends: SmallVec<[Option<u32>; 12]>,
}

impl Selection {
    /// The selection for field names; an empty list selects [`DEFAULT_FIELDS`].
    pub(crate) fn new(names: &[String]) -> Result<Self, LogError> {
        let names: Vec<&str> = if names.is_empty() {
            DEFAULT_FIELDS.to_vec()
        } else {
            names.iter().map(String::as_str).collect()
        };
        let fields = names
            .into_iter()
            .map(|name| {
                Ok(Field {
                    name: name.replace("header:", "header_").into(),
                    kind: kind(name).ok_or_else(|| LogError::Field {
                        field: name.to_owned(),
                        accepted: FIELDS.join(", "),
                    })?,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { fields })
    }

    /// Copies what the selection needs.
    pub(super) fn capture(&self, record: &RequestRecord<'_>, forwarding: &ForwardingOptions) -> Entry {
        let mut texts = Vec::with_capacity(256);
        let mut ends = SmallVec::new();
        for field in &self.fields {
            if let Kind::Text(kind) = &field.kind {
                let text = text(kind, record);
                ends.push(text.map(|text| {
                    texts.extend_from_slice(text.get(..MAX_TEXT).unwrap_or(text));
                    texts.len() as u32
                }));
            }
        }
        let conn = record.conn;
        Entry {
            time: SystemTime::now(),
            client: record.request.map_or(conn.client.ip(), |head| {
                forward::client_address(&head.headers, conn, forwarding)
            }),
            peer: conn.peer,
            listener_port: conn.listener_port,
            listener: record.listener.map(|listener| Str::clone(&listener.name)),
            route: record.rule.map(|rule| Str::clone(&rule.route_name)),
            rule: record.rule.map(|rule| (rule.index, rule.name.clone())),
            backend: record.backend.map(|backend| Str::clone(&backend.name)),
            endpoint: record.endpoint,
            status: record.status,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            duration: record.duration,
            upstream: record.upstream_duration,
            attempts: record.attempts,
            reason: record.flag,
            texts,
            ends,
        }
    }
}

fn kind(name: &str) -> Option<Kind> {
    let header = |name: &str| Some(Kind::Text(TextKind::Header(name.into())));
    if let Some(name) = name.strip_prefix("header:") {
        let valid = !name.is_empty() && name.bytes().all(|byte| crate::http::token(byte) != 0);
        return if valid {
            header(&name.to_ascii_lowercase())
        } else {
            None
        };
    }
    Some(match name {
        "time" => Kind::Time,
        "client" => Kind::Client,
        "peer" => Kind::Peer,
        "listener_port" => Kind::ListenerPort,
        "listener" => Kind::Listener,
        "route" => Kind::Route,
        "rule" => Kind::Rule,
        "backend" => Kind::Backend,
        "endpoint" => Kind::Endpoint,
        "status" => Kind::Status,
        "bytes_in" => Kind::BytesIn,
        "bytes_out" => Kind::BytesOut,
        "duration_ms" => Kind::Duration,
        "upstream_ms" => Kind::Upstream,
        "attempts" => Kind::Attempts,
        "reason" => Kind::Reason,
        "method" => Kind::Text(TextKind::Method),
        "scheme" => Kind::Text(TextKind::Scheme),
        "host" => Kind::Text(TextKind::Host),
        "path" => Kind::Text(TextKind::Path),
        "query" => Kind::Text(TextKind::Query),
        "protocol" => Kind::Text(TextKind::Protocol),
        "sni" => Kind::Text(TextKind::Sni),
        "tls_version" => Kind::Text(TextKind::TlsVersion),
        "client_certificate" => Kind::Text(TextKind::ClientCertificate),
        "request_id" => return header("x-request-id"),
        "trace" => return header("traceparent"),
        "user_agent" => return header("user-agent"),
        "referer" => return header("referer"),
        "forwarded_for" => return header("x-forwarded-for"),
        _ => return None,
    })
}

fn text<'a>(kind: &'a TextKind, record: &RequestRecord<'a>) -> Option<&'a [u8]> {
    let head: Option<&'a RequestHead> = record.request;
    let tls = record.conn.tls.as_deref();
    match kind {
        TextKind::Method => head.map(|head| head.method.as_str().as_bytes()),
        TextKind::Scheme => head.map(|head| head.scheme.as_str().as_bytes()),
        TextKind::Host => head.map(|head| head.asked_authority().as_bytes()),
        TextKind::Path => head.map(|head| head.asked_path().as_bytes()),
        TextKind::Query => head.and_then(|head| head.query()).map(str::as_bytes),
        TextKind::Protocol => head.map(|head| head.version.as_str().as_bytes()),
        TextKind::Header(name) => head.and_then(|head| head.headers.get(name)),
        TextKind::Sni => tls.and_then(|tls| tls.sni.as_deref()).map(str::as_bytes),
        TextKind::TlsVersion => tls.map(|tls| tls.version.as_bytes()),
        TextKind::ClientCertificate => tls
            .and_then(|tls| tls.client_certificate.as_ref())
            .filter(|certificate| certificate.verified)
            .map(|certificate| certificate.subject.as_bytes()),
    }
}
