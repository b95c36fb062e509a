//! Export of spans: a bounded queue, a thread, OTLP over HTTP or gRPC.

use super::otlp::{
    ExportTraceServiceRequest, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans, SpanData,
};
use super::{Collector, TracePolicy};
use crate::balance::{self, PickContext};
use crate::runtime::{AlpnOffer, UpstreamTls};
use bytes::{BufMut, Bytes, BytesMut};
use gatewright_model::backend::BackendProtocol;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Spans that may wait.
const QUEUE: usize = 8 * 1024;
/// Spans of one request to a collector.
const BATCH: usize = 512;
/// How long a span waits for others.
const LINGER: Duration = Duration::from_millis(500);
/// Time for one request to a collector.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an answer is read.
const MAX_ANSWER: usize = 64 * 1024;

/// A span and where it goes.
#[derive(Debug)]
pub(crate) struct Finished {
    policy: Arc<TracePolicy>,
    span: SpanData,
}

/// The exporter. Dropping it sends what is queued, for a moment.
#[derive(Debug)]
pub(crate) struct Exporter {
    queue: Option<Sender<Finished>>,
    failed: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Exporter {
    /// Starts the exporter's thread.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (queue, spans) = channel(QUEUE);
        let failed = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&failed);
        let thread = std::thread::Builder::new()
            .name("traces".to_owned())
            .spawn(move || runtime.block_on(run(spans, &counter)))?;
        Ok(Self {
            queue: Some(queue),
            failed,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues a span; `false` when the queue is full.
    pub(crate) fn export(&self, policy: &Arc<TracePolicy>, span: SpanData) -> bool {
        self.queue.as_ref().is_some_and(|queue| {
            queue
                .try_send(Finished {
                    policy: Arc::clone(policy),
                    span,
                })
                .is_ok()
        })
    }

    /// Spans that no collector took.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.queue = None;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// Why a batch was not taken.
#[derive(Debug, Error)]
enum ExportError {
    #[error("the collector has no ready endpoint")]
    NoEndpoint,
    #[error("connection: {0}")]
    Io(#[from] io::Error),
    #[error("exchange: {0}")]
    Http(#[from] hyper::Error),
    #[error("no answer in {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error("the collector answered {0}")]
    Status(StatusCode),
    #[error("the collector answered gRPC status {0}")]
    Grpc(String),
    #[error("the request cannot be written")]
    Request,
}

async fn run(mut spans: Receiver<Finished>, failed: &AtomicU64) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut said: Option<Instant> = None;
    loop {
        if spans.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        let full = tokio::time::Instant::now() + LINGER;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            match tokio::time::timeout_at(full, spans.recv_many(&mut batch, room)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        while let Some(first) = batch.first() {
            let policy = Arc::clone(&first.policy);
            let (own, others): (Vec<_>, Vec<_>) = batch
                .into_iter()
                .partition(|finished| Arc::ptr_eq(&finished.policy, &policy));
            batch = others;
            let count = own.len() as u64;
            let message = request(&policy, own.into_iter().map(|finished| finished.span).collect());
            let sent = tokio::time::timeout(TIMEOUT, send(&policy, message))
                .await
                .unwrap_or(Err(ExportError::Timeout));
            if let Err(error) = sent {
                failed.fetch_add(count, Ordering::Relaxed);
                // Said once a minute at most: a collector that is away stays away.
                if said.is_none_or(|said| said.elapsed() > Duration::from_mins(1)) {
                    tracing::warn!(%error, spans = count, "spans are lost");
                    said = Some(Instant::now());
                }
            }
        }
        batch = Vec::with_capacity(BATCH);
    }
}

fn request(policy: &TracePolicy, spans: Vec<SpanData>) -> ExportTraceServiceRequest {
    let mut attributes = vec![KeyValue::text("service.name", &*policy.service_name)];
    if let Some(instance) = &policy.instance {
        attributes.push(KeyValue::text("service.instance.id", &**instance));
        attributes.push(KeyValue::text("service.version", env!("CARGO_PKG_VERSION")));
    }
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes }),
            scope_spans: vec![ScopeSpans {
                scope: Some(Scope {
                    name: "gatewright".to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                }),
                spans,
            }],
        }],
    }
}

/// How a collector is spoken to.
enum Wire {
    Http { path: String },
    Grpc,
}

/// Sends one batch on a connection of its own: two a second at most, and nothing to keep alive.
async fn send(policy: &TracePolicy, message: ExportTraceServiceRequest) -> Result<(), ExportError> {
    match &policy.collector {
        Collector::Plain { authority, path } => {
            let stream = TcpStream::connect(authority.as_str()).await?;
            let wire = path
                .as_ref()
                .map_or(Wire::Grpc, |path| Wire::Http { path: path.clone() });
            exchange(stream, &wire, (policy, authority, "http"), message).await
        }
        Collector::Backend(backend) => {
            let context = PickContext {
                session: None,
                exclude: &[],
                zone: None,
                node: None,
                now: Instant::now(),
            };
            let lease = balance::pick(&backend.endpoints(), &context).ok_or(ExportError::NoEndpoint)?;
            let (protocol, tls) = {
                let settings = backend.settings();
                (settings.protocol, settings.tls.clone())
            };
            // 4317 is OTLP/gRPC and 4318 OTLP/HTTP by registration; h2c says HTTP/2 and thus gRPC.
            let grpc = protocol == BackendProtocol::Http2 || backend.key.port == 4317;
            let wire = if grpc {
                Wire::Grpc
            } else {
                Wire::Http {
                    path: "/v1/traces".to_owned(),
                }
            };
            let stream = TcpStream::connect(lease.endpoint().address).await?;
            let authority = format!(
                "{}.{}:{}",
                backend.key.object.name, backend.key.object.namespace, backend.key.port
            );
            match tls {
                None => exchange(stream, &wire, (policy, &authority, "http"), message).await,
                Some(tls) => {
                    let stream = encrypt(stream, &tls, &wire).await?;
                    exchange(stream, &wire, (policy, &authority, "https"), message).await
                }
            }
        }
    }
}

async fn encrypt(
    stream: TcpStream,
    tls: &UpstreamTls,
    wire: &Wire,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let offer = match wire {
        Wire::Grpc => AlpnOffer::H2,
        Wire::Http { .. } => AlpnOffer::H1,
    };
    tokio_rustls::TlsConnector::from(Arc::clone(tls.client(offer)))
        .connect(tls.server_name.clone(), stream)
        .await
}

async fn exchange<IO>(
    stream: IO,
    wire: &Wire,
    (policy, authority, scheme): (&TracePolicy, &str, &str),
    message: ExportTraceServiceRequest,
) -> Result<(), ExportError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let response = match wire {
        Wire::Http { path } => {
            let body = Full::new(Bytes::from(message.encode_to_vec()));
            let mut request = Request::post(path)
                .header(header::HOST, authority)
                .header(header::CONTENT_TYPE, "application/x-protobuf")
                .body(body)
                .map_err(|_| ExportError::Request)?;
            add_headers(request.headers_mut(), policy);
            let (mut sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            sender.send_request(request).await?
        }
        Wire::Grpc => {
            let mut body = BytesMut::with_capacity(5 + message.encoded_len());
            body.put_u8(0);
            body.put_u32(message.encoded_len() as u32);
            // The buffer grows as needed.
            let _ = message.encode(&mut body);
            let uri =
                format!("{scheme}://{authority}/opentelemetry.proto.collector.trace.v1.TraceService/Export");
            let mut request = Request::post(uri)
                .version(http::Version::HTTP_2)
                .header(header::CONTENT_TYPE, "application/grpc")
                .header(header::TE, "trailers")
                .body(Full::new(body.freeze()))
                .map_err(|_| ExportError::Request)?;
            add_headers(request.headers_mut(), policy);
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            sender.send_request(request).await?
        }
    };
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        return Err(ExportError::Status(head.status));
    }
    let body = Limited::new(body, MAX_ANSWER).collect().await;
    if matches!(wire, Wire::Grpc) {
        let trailers = body.ok().and_then(|body| body.trailers().cloned());
        let status = trailers
            .as_ref()
            .and_then(|trailers| trailers.get("grpc-status"))
            .or(head.headers.get("grpc-status"));
        if status.is_none_or(|status| status != "0") {
            let status = status.map_or("none".to_owned(), |status| {
                String::from_utf8_lossy(status.as_bytes()).into_owned()
            });
            return Err(ExportError::Grpc(status));
        }
    }
    Ok(())
}

fn add_headers(headers: &mut HeaderMap, policy: &TracePolicy) {
    for (name, value) in &policy.headers {
        headers.insert(name.clone(), value.clone());
    }
}
