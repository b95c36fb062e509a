//! A collector of traces: an OTLP/HTTP receiver on loopback.

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use prost::Message as _;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// What is read of `opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest`, with the numbers of its published
/// definition.
#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

/// A span.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Span {
    /// Trace.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// Itself.
    #[prost(bytes = "vec", tag = "2")]
    pub id: Vec<u8>,
    /// Parent; empty when there is none.
    #[prost(bytes = "vec", tag = "4")]
    pub parent_id: Vec<u8>,
    /// Name.
    #[prost(string, tag = "5")]
    pub name: String,
    #[prost(fixed64, tag = "7")]
    start: u64,
    #[prost(fixed64, tag = "8")]
    end: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnyValue {
    #[prost(oneof = "Any", tags = "1, 3")]
    any: Option<Any>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Any {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Number(i64),
}

fn find(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.clone()?.any) {
        Some(Any::Text(text)) => text,
        Some(Any::Number(number)) => number.to_string(),
        None => String::new(),
    }
}

impl Span {
    /// An attribute, numbers as text; empty when there is none.
    pub fn attribute(&self, key: &str) -> String {
        find(&self.attributes, key)
    }

    /// Why it failed; empty when it did not.
    pub fn error(&self) -> String {
        let failed = self.status.as_ref().filter(|status| status.code == 2);
        failed.map(|status| status.message.clone()).unwrap_or_default()
    }

    /// Whether another one is within it.
    pub fn holds(&self, other: &Self) -> bool {
        self.trace_id == other.trace_id && self.id == other.parent_id
    }

    /// Whether its times make sense.
    pub fn is_timed(&self) -> bool {
        self.start > 1_500_000_000_000_000_000 && self.end >= self.start
    }
}

/// A running collector.
pub struct Collector {
    /// Its URL.
    pub url: String,
    got: Arc<Mutex<Vec<Request>>>,
}

impl Collector {
    /// Starts one, which answers until the runtime of the test ends.
    pub async fn start() -> Self {
        let got: Arc<Mutex<Vec<Request>>> = Arc::default();
        let into = Arc::clone(&got);
        let take = move |body: Bytes| async move {
            match Request::decode(body) {
                Ok(request) => {
                    into.lock().unwrap().push(request);
                    StatusCode::OK
                }
                Err(_) => StatusCode::BAD_REQUEST,
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, got }
    }

    /// The spans so far.
    pub fn spans(&self) -> Vec<Span> {
        let got = self.got.lock().unwrap();
        let resources = got.iter().flat_map(|request| &request.resources);
        let scopes = resources.flat_map(|resource| &resource.scopes);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// An attribute of the first spans' resource.
    pub fn resource(&self, key: &str) -> String {
        let got = self.got.lock().unwrap();
        let first = got.first().and_then(|request| request.resources.first());
        let resource = first.and_then(|spans| spans.resource.clone()).unwrap_or_default();
        find(&resource.attributes, key)
    }
}
