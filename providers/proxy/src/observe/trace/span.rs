//! The span of one request.

use super::context::TraceContext;
use super::otlp::{Any, KIND_SERVER, KeyValue, STATUS_ERROR, SpanData, Status};
use super::{TracePolicy, cut, nanoseconds};
use crate::http::RequestHead;
use crate::observe::RequestRecord;
use crate::policy::forward;
use crate::runtime::ForwardingOptions;
use gatewright_model::telemetry::AttributeSource;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

/// The span of one request, begun by [`TracePolicy::start`].
#[derive(Debug)]
pub struct Span {
    pub(super) policy: Arc<TracePolicy>,
    pub(super) parent_id: Option<u64>,
    pub(super) context: TraceContext,
    pub(super) started: SystemTime,
}

impl Span {
    /// Whether it is exported.
    pub fn is_sampled(&self) -> bool {
        self.context.sampled
    }

    pub(crate) fn policy(&self) -> &Arc<TracePolicy> {
        &self.policy
    }

    /// The span as exported.
    pub(crate) fn finish(&self, record: &RequestRecord<'_>, forwarding: &ForwardingOptions) -> SpanData {
        let mut attributes = builtin(record, forwarding);
        for (name, source) in &self.policy.attributes {
            let value = match source {
                AttributeSource::Literal(text) => Some(Any::Text((**text).to_owned())),
                AttributeSource::Header(header) => record
                    .request
                    .and_then(|head| {
                        head.headers
                            .joined(&header.to_ascii_lowercase())
                            .map(Cow::into_owned)
                    })
                    .map(|value| Any::Text(cut(&String::from_utf8_lossy(&value)))),
                AttributeSource::Attribute(key) => attributes
                    .iter()
                    .find(|attribute| attribute.key == **key)
                    .and_then(|attribute| attribute.value.clone()?.value),
            };
            if let Some(value) = value {
                // Keys are unique: one that was asked for replaces one of our own.
                attributes.retain(|attribute| attribute.key != **name);
                attributes.push(KeyValue::new(name, value));
            }
        }
        let start = nanoseconds(self.started);
        SpanData {
            trace_id: self.context.trace_id.to_be_bytes().to_vec(),
            span_id: self.context.span_id.to_be_bytes().to_vec(),
            trace_state: record
                .request
                .and_then(|head| head.headers.joined("tracestate"))
                .map(|state| cut(&String::from_utf8_lossy(&state)))
                .unwrap_or_default(),
            parent_span_id: self
                .parent_id
                .map(|id| id.to_be_bytes().to_vec())
                .unwrap_or_default(),
            name: self.name(record),
            kind: KIND_SERVER,
            start_time_unix_nano: start,
            end_time_unix_nano: start.saturating_add(record.duration.as_nanos() as u64),
            attributes,
            // A server's span is an error for 5xx only (HTTP semantic conventions, "Status").
            status: (record.status >= 500).then(|| Status {
                message: record
                    .flag
                    .map(|flag| flag.as_str().to_owned())
                    .unwrap_or_default(),
                code: STATUS_ERROR,
            }),
            flags: u32::from(self.context.sampled),
        }
    }

    /// The configured name, or method and route: never the path, which has too many values.
    fn name(&self, record: &RequestRecord<'_>) -> String {
        if let Some(name) = &self.policy.span_name {
            return (**name).to_owned();
        }
        let method = record.request.map_or("HTTP", method);
        match record.rule {
            Some(rule) => format!("{method} {}", rule.route_name),
            None => method.to_owned(),
        }
    }
}

/// Standard methods by name, all others as `_OTHER` (HTTP semantic conventions).
fn method(head: &RequestHead) -> &str {
    match head.method.as_str() {
        known @ ("CONNECT" | "DELETE" | "GET" | "HEAD" | "OPTIONS" | "PATCH" | "POST" | "PUT" | "TRACE") => {
            known
        }
        _ => "_OTHER",
    }
}

/// The attributes of OpenTelemetry's HTTP semantic conventions, and our own below `gatewright.`.
fn builtin(record: &RequestRecord<'_>, forwarding: &ForwardingOptions) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(20);
    if let Some(head) = record.request {
        let client = forward::client_address(&head.headers, record.conn, forwarding);
        attributes.extend([
            KeyValue::text("http.request.method", method(head)),
            KeyValue::text("url.scheme", head.scheme.as_str()),
            KeyValue::text("url.path", cut(head.path())),
            KeyValue::text("server.address", cut(&head.authority)),
            KeyValue::text(
                "network.protocol.version",
                head.version.as_str().trim_end_matches(".0"),
            ),
            KeyValue::text("client.address", client.to_string()),
        ]);
        if let Some(agent) = head.headers.get("user-agent") {
            let agent = String::from_utf8_lossy(agent);
            attributes.push(KeyValue::text("user_agent.original", cut(&agent)));
        }
    }
    attributes.extend([
        KeyValue::number("server.port", record.conn.listener_port),
        KeyValue::text("network.peer.address", record.conn.peer.ip().to_string()),
        KeyValue::number("network.peer.port", record.conn.peer.port()),
        KeyValue::number("http.response.status_code", record.status),
        KeyValue::number(
            "http.request.body.size",
            i64::try_from(record.bytes_in).unwrap_or(i64::MAX),
        ),
        KeyValue::number(
            "http.response.body.size",
            i64::try_from(record.bytes_out).unwrap_or(i64::MAX),
        ),
    ]);
    if record.status >= 500 {
        attributes.push(KeyValue::text("error.type", record.status.to_string()));
    }
    if let Some(listener) = record.listener {
        attributes.push(KeyValue::text("gatewright.listener", &*listener.name));
    }
    if let Some(rule) = record.rule {
        attributes.push(KeyValue::text("gatewright.route", &*rule.route_name));
    }
    if let Some(backend) = record.backend {
        attributes.push(KeyValue::text("gatewright.backend", &*backend.name));
    }
    if let Some(endpoint) = record.endpoint {
        attributes.push(KeyValue::text("gatewright.endpoint", endpoint.to_string()));
        attributes.push(KeyValue::number(
            "gatewright.attempts",
            i64::from(record.attempts),
        ));
    }
    attributes
}
