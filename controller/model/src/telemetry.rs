//! Traces of the data plane (XTelemetryPolicy, GEP-4768).

use crate::Str;
use crate::backend::BackendTarget;
use serde::{Deserialize, Serialize};

/// Tracing settings of one load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracing {
    /// Whether spans are made at all.
    pub enabled: bool,
    /// OTLP collector; `None` leaves the choice to the process's own settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collector: Option<BackendTarget>,
    /// Headers sent to the collector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(Str, Str)>,
    /// Share of new traces that are sampled: numerator and denominator.
    pub sampling: (u32, u32),
    /// Whether the caller's sampling decision is followed.
    pub parent_based: bool,
    /// Share of traces sampled by the caller that are kept when its decision is followed.
    pub parent_sampling: (u32, u32),
    /// `service.name` of the spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<Str>,
    /// Span name template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_name: Option<Str>,
    /// Further attributes: name and source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(Str, AttributeSource)>,
}

/// Where the value of a span attribute comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeSource {
    /// A request header.
    Header(Str),
    /// Fixed text.
    Literal(Str),
    /// Another attribute of the span.
    Attribute(Str),
}
