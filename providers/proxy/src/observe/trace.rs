//! Traces of the data plane (XTelemetryPolicy, GEP-4768): W3C trace context, sampling, spans.
//!
//! A request on a port with tracing gets a span of its own: its trace context goes on to the backend
//! with the span as parent, sampled or not, so that backends decide as the proxy did. Without
//! tracing `traceparent` passes through untouched. Sampled spans are exported as OTLP by a thread of
//! its own ([`export`]).

mod context;
pub(crate) mod export;
mod otlp;
mod own;
mod span;

pub use own::{Attribute, OwnSpan, OwnTraces, TracesError};
pub use span::Span;

use crate::http::RequestHead;
use crate::runtime::BackendRuntime;
use context::{Parent, TraceContext};
use gatewright_model::Str;
use gatewright_model::telemetry::{AttributeSource, Tracing};
use http::{HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Longest text of an attribute, in bytes: clients determine some of them.
const MAX_TEXT: usize = 1024;

/// Where spans go.
#[derive(Debug)]
pub(crate) enum Collector {
    /// A backend of the configuration.
    Backend(Arc<BackendRuntime>),
    /// Host, port and path of the process's own setting, without TLS.
    Plain {
        /// `host:port`.
        authority: String,
        /// Path to POST to; none speaks gRPC.
        path: Option<String>,
    },
}

/// Tracing of one Gateway, ready to execute.
#[derive(Debug)]
pub struct TracePolicy {
    sampling: (u32, u32),
    parent_based: bool,
    parent_sampling: (u32, u32),
    service_name: Str,
    /// Which of several processes of this service.
    instance: Option<Str>,
    span_name: Option<Str>,
    attributes: Vec<(Str, AttributeSource)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    collector: Collector,
}

impl TracePolicy {
    /// Compiles tracing settings. None when tracing is off or has nowhere to send spans to: no
    /// collector of its own and no default one (`http://host:port`; port 4317 speaks gRPC, any other
    /// HTTP with the path `/v1/traces` unless the URL has one).
    pub fn compile(
        tracing: &Tracing,
        collector: Option<Arc<BackendRuntime>>,
        default: Option<&str>,
    ) -> Option<Self> {
        if !tracing.enabled {
            return None;
        }
        let collector = match (collector, &tracing.collector) {
            (Some(backend), _) => Collector::Backend(backend),
            // A collector that is asked for and missing is not replaced by another.
            (None, Some(_)) => return None,
            (None, None) => plain(default?)?,
        };
        Some(Self {
            sampling: tracing.sampling,
            parent_based: tracing.parent_based,
            parent_sampling: tracing.parent_sampling,
            service_name: tracing
                .service_name
                .clone()
                .unwrap_or_else(|| "gatewright".into()),
            instance: None,
            span_name: tracing.span_name.clone(),
            attributes: tracing.attributes.clone(),
            headers: tracing
                .headers
                .iter()
                .filter_map(|(name, value)| {
                    let mut value = HeaderValue::from_str(value).ok()?;
                    value.set_sensitive(true);
                    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
                })
                .collect(),
            collector,
        })
    }

    /// Begins the span of a request and writes its context into the request.
    pub fn start(self: &Arc<Self>, head: &mut RequestHead) -> Span {
        self.start_with(head, fastrand::u128(..), fastrand::u64(..))
    }

    /// [`TracePolicy::start`] with randomness from outside: 128 bits for a new trace and for
    /// sampling, 64 for the span.
    fn start_with(self: &Arc<Self>, head: &mut RequestHead, random: u128, span_id: u64) -> Span {
        let parent = Parent::read(&head.headers);
        let sampled = match &parent {
            // A rate of its own thins out what callers sampled; it never adds to it.
            Some(parent) if self.parent_based => parent.sampled && draws(self.parent_sampling, random),
            _ => draws(self.sampling, random),
        };
        let context = TraceContext {
            trace_id: parent.as_ref().map_or(random.max(1), |parent| parent.trace_id),
            span_id: span_id.max(1),
            sampled,
        };
        context.write(&mut head.headers, parent.is_some());
        Span {
            policy: Arc::clone(self),
            parent_id: parent.map(|parent| parent.span_id),
            context,
            started: SystemTime::now(),
        }
    }
}

/// Whether a share of numerator in denominator holds a trace.
fn draws((numerator, denominator): (u32, u32), random: u128) -> bool {
    denominator > 0 && (random >> 64) as u64 % u64::from(denominator) < u64::from(numerator)
}

/// The beginning of a text that may be long.
fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_TEXT);
    text.get(..end).unwrap_or_default().to_owned()
}

/// A time as OTLP has it.
fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
}

fn plain(url: &str) -> Option<Collector> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest
        .split_once('/')
        .map_or((rest, ""), |(authority, path)| (authority, path));
    let (_, port) = authority.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let path = match (path, port) {
        ("", 4317) => None,
        ("", _) => Some("/v1/traces".to_owned()),
        (path, _) => Some(format!("/{path}")),
    };
    Some(Collector::Plain {
        authority: authority.to_owned(),
        path,
    })
}

#[cfg(test)]
mod tests;
