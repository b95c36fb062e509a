//! Spans of the process's own work, exported as those of requests are: for a controller, which serves none.

use super::export::Exporter;
use super::otlp::{Any, KIND_INTERNAL, KeyValue, STATUS_ERROR, SpanData, Status};
use super::{TracePolicy, cut, nanoseconds, plain};
use gatewright_model::Str;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use thiserror::Error;

/// Spans cannot be exported.
#[derive(Debug, Error)]
pub enum TracesError {
    /// The collector's URL.
    #[error(
        "the collector `{0}`: accepted is http://HOST:PORT, with a path where it is not /v1/traces; port 4317 \
         speaks gRPC"
    )]
    Url(String),
    /// No thread or runtime for the export.
    #[error("traces cannot be exported")]
    Start(#[from] io::Error),
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// Text; its beginning counts when it is long.
    Text(String),
    /// A number.
    Number(i64),
}

/// A finished span.
#[derive(Clone, Debug)]
pub struct OwnSpan {
    /// Its trace; not 0.
    pub trace_id: u128,
    /// Itself; not 0.
    pub span_id: u64,
    /// The span that it is part of.
    pub parent_id: Option<u64>,
    /// Name, one of few.
    pub name: &'static str,
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// Attributes; keys are unique.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Exports spans of the process to one collector, by a thread of its own and a bounded queue. Dropping it sends what
/// is queued, for a moment.
#[derive(Debug)]
pub struct OwnTraces {
    exporter: Exporter,
    policy: Arc<TracePolicy>,
    dropped: AtomicU64,
}

impl OwnTraces {
    /// Starts the export to `url` (`http://host:port[/path]`; port 4317 speaks gRPC, any other HTTP). `service` and
    /// `instance` are the attributes `service.name` and `service.instance.id` of the spans' resource.
    pub fn start(url: &str, service: &str, instance: &str) -> Result<Self, TracesError> {
        // Who writes a password there should read it nowhere.
        let collector = (!url.contains('@')).then(|| plain(url)).flatten();
        let collector = collector.ok_or_else(|| TracesError::Url(without_user(url)))?;
        let policy = TracePolicy {
            sampling: (1, 1),
            parent_based: false,
            parent_sampling: (1, 1),
            service_name: service.into(),
            instance: Some(instance).filter(|name| !name.is_empty()).map(Str::from),
            span_name: None,
            attributes: Vec::new(),
            headers: Vec::new(),
            collector,
        };
        Ok(Self {
            exporter: Exporter::start()?,
            policy: Arc::new(policy),
            dropped: AtomicU64::new(0),
        })
    }

    /// Queues a span. Never waits: a span for which there is no room is counted in [`OwnTraces::lost`].
    pub fn export(&self, span: OwnSpan) {
        if !self.exporter.export(&self.policy, span.data()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Spans that found no room or that the collector did not take.
    pub fn lost(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed) + self.exporter.failed()
    }
}

impl OwnSpan {
    fn data(self) -> SpanData {
        let start = nanoseconds(self.started);
        let attribute = |(key, value)| match value {
            Attribute::Text(text) => KeyValue::new(key, Any::Text(cut(&text))),
            Attribute::Number(number) => KeyValue::new(key, Any::Number(number)),
        };
        SpanData {
            trace_id: self.trace_id.to_be_bytes().to_vec(),
            span_id: self.span_id.to_be_bytes().to_vec(),
            trace_state: String::new(),
            parent_span_id: self
                .parent_id
                .map(|id| id.to_be_bytes().to_vec())
                .unwrap_or_default(),
            name: self.name.to_owned(),
            kind: KIND_INTERNAL,
            start_time_unix_nano: start,
            end_time_unix_nano: start.saturating_add(self.duration.as_nanos() as u64),
            attributes: self.attributes.into_iter().map(attribute).collect(),
            status: self.error.map(|message| Status {
                message: cut(&message),
                code: STATUS_ERROR,
            }),
            flags: 1,
        }
    }
}

/// A URL as it may be shown.
fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}://***@{place}"),
        None => url.to_owned(),
    }
}
