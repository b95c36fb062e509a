//! Traces of the controller's own work, as OTLP, when they are asked for.
//!
//! Spans are made with `tracing`, under the target [`TRACES`] and at level debug, so that the log does not have them;
//! without a collector they are disabled where they would begin, and cost nothing. Their fields become attributes: names
//! and numbers of objects, never what is in them. A field `error` makes the span a failed one.
//!
//! Work goes on in other tasks: what a change of an object leads to (a provider's calls, the write of a status) belongs
//! to the trace of that change. The queues between them hand a [`Context`] on.

#[cfg(test)]
mod tests;

use gatewright_proxy::observe::trace::{Attribute, OwnSpan, OwnTraces};
use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Span, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, Layer};
use tracing_subscriber::registry::{LookupSpan, Registry};

pub use gatewright_provider_api::TRACES;

/// Where a span stands: for spans of other tasks that are part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    trace_id: u128,
    span_id: u64,
    sampled: bool,
}

/// A span that has not ended.
struct Open {
    context: Context,
    parent_id: Option<u64>,
    started: SystemTime,
    began: Instant,
    attributes: Vec<(&'static str, Attribute)>,
    error: Option<String>,
}

/// The part of the subscriber that exports spans.
pub struct Traces {
    out: Arc<OwnTraces>,
    /// A trace is sampled when its random number is below this.
    sampling: u64,
}

impl Traces {
    /// Exports the given share of all traces, 0 to 1.
    pub fn new(out: Arc<OwnTraces>, sampling: f64) -> Self {
        Self {
            out,
            sampling: (sampling.clamp(0.0, 1.0) * u64::MAX as f64) as u64,
        }
    }

    /// For the subscriber, which must have the registry below it.
    pub fn layer<S>(self) -> impl Layer<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let filter = tracing_subscriber::filter::filter_fn(|metadata| {
            metadata.is_span() && metadata.target() == TRACES
        });
        self.with_filter(filter.with_max_level_hint(LevelFilter::DEBUG))
    }
}

impl<S> Layer<S> for Traces
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let parent = span.parent().and_then(|parent| {
            let extensions = parent.extensions();
            extensions.get::<Open>().map(|open| open.context)
        });
        let mut open = Open::begin(parent, self.sampling);
        attributes.record(&mut open);
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: LayerContext<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(open);
        }
    }

    fn on_close(&self, id: Id, context: LayerContext<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let open = span.extensions_mut().remove::<Open>();
        if let Some(open) = open.filter(|open| open.context.sampled) {
            self.out.export(open.end(span.name()));
        }
    }
}

impl Open {
    fn begin(parent: Option<Context>, sampling: u64) -> Self {
        let context = Context {
            trace_id: parent.map_or_else(|| fastrand::u128(1..), |parent| parent.trace_id),
            span_id: fastrand::u64(1..),
            sampled: parent.map_or_else(
                || sampling > 0 && fastrand::u64(..) <= sampling,
                |parent| parent.sampled,
            ),
        };
        Self {
            context,
            parent_id: parent.map(|parent| parent.span_id),
            started: SystemTime::now(),
            began: Instant::now(),
            attributes: Vec::new(),
            error: None,
        }
    }

    fn end(self, name: &'static str) -> OwnSpan {
        OwnSpan {
            trace_id: self.context.trace_id,
            span_id: self.context.span_id,
            parent_id: self.parent_id,
            name,
            started: self.started,
            duration: self.began.elapsed(),
            attributes: self.attributes,
            error: self.error,
        }
    }

    fn set(&mut self, key: &'static str, value: Attribute) {
        match self.attributes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.attributes.push((key, value)),
        }
    }
}

impl Visit for Open {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), Attribute::Number(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_i64(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "error" {
            self.error = Some(value.to_owned());
        } else {
            self.set(field.name(), Attribute::Text(value.to_owned()));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Where the present span stands; `None` when it is not traced.
pub fn context() -> Option<Context> {
    with_open(&Span::current(), |open| open.context)
}

/// Makes a span part of another one, which may have ended. To be called before the span has parts itself.
pub fn follow(span: &Span, origin: Option<Context>) {
    let Some(origin) = origin else {
        return;
    };
    with_open(span, |open| {
        open.parent_id = Some(origin.span_id);
        open.context.trace_id = origin.trace_id;
        open.context.sampled = origin.sampled;
    });
}

fn with_open<T>(span: &Span, with: impl FnOnce(&mut Open) -> T) -> Option<T> {
    span.with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        let mut extensions = span.extensions_mut();
        extensions.get_mut::<Open>().map(with)
    })
    .flatten()
}
