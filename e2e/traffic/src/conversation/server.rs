//! The server's side, which does what the metadata of a call asks for.

use super::{Line, SERVICE};
use crate::pki::Identity;
use anyhow::Result;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, future::BoxFuture};
use http::Request as HttpRequest;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tonic::body::Body;
use tonic::metadata::{BinaryMetadataValue, MetadataMap};
use tonic::server::{
    ClientStreamingService, Grpc, NamedService, ServerStreamingService, StreamingService, UnaryService,
};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity as TonicIdentity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// Messages that a test may send.
const MESSAGE: usize = 16 * 1024 * 1024;

/// A running service and what it has seen; ends with the value.
///
/// Metadata of a call that it obeys: `x-fail` (a code: the call ends with it, with the message in
/// `x-fail-message-bin` and the details in `x-fail-details-bin`), `x-hang` (the call is never answered).
/// `x-tag`, `x-number` and `x-bytes-bin` come back with the answer.
#[derive(Debug)]
pub struct Conversation {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
    /// Dropped to stop: no connection is taken any more, and each ends after its calls.
    _stop: oneshot::Sender<()>,
}

#[derive(Debug)]
struct State {
    /// Lines that `Count` may still send.
    permits: Semaphore,
    /// Calls that their client gave up.
    abandoned: AtomicUsize,
    /// Metadata of each call, oldest first.
    seen: Mutex<Vec<MetadataMap>>,
}

impl Conversation {
    /// In cleartext, HTTP/2 with prior knowledge.
    pub async fn start() -> Result<Self> {
        Self::with(Server::builder()).await
    }

    /// Inside TLS.
    pub async fn tls(identity: &Identity) -> Result<Self> {
        let identity = TonicIdentity::from_pem(&identity.chain, &identity.key);
        let config = ServerTlsConfig::new().identity(identity);
        Self::with(Server::builder().tls_config(config)?).await
    }

    async fn with(mut server: Server) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            permits: Semaphore::new(0),
            abandoned: AtomicUsize::new(0),
            seen: Mutex::default(),
        });
        let router = server.add_service(Service(Arc::clone(&state)));
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            let incoming = TcpIncoming::from(listener);
            // How it ends is the test's affair.
            drop(router.serve_with_incoming_shutdown(incoming, stopped).await);
        });
        Ok(Self {
            address,
            state,
            _stop: stop,
        })
    }

    /// Lets `Count` send this many lines more.
    pub fn release(&self, lines: usize) {
        self.state.permits.add_permits(lines);
    }

    /// How many calls were given up by who made them.
    pub fn abandoned(&self) -> usize {
        self.state.abandoned.load(Ordering::Acquire)
    }

    /// Metadata of the calls so far, oldest first.
    pub fn seen(&self) -> Vec<MetadataMap> {
        let seen = self.state.seen.lock();
        seen.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Counts a call as abandoned unless it ends.
struct Running {
    state: Arc<State>,
    ended: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.state.abandoned.fetch_add(1, Ordering::AcqRel);
        }
    }
}

#[derive(Clone)]
struct Service(Arc<State>);

impl Service {
    /// Takes note of a call; fails or hangs when it asks for that.
    async fn begin(&self, metadata: &MetadataMap) -> Result<Running, Status> {
        let running = Running {
            state: Arc::clone(&self.0),
            ended: false,
        };
        let seen = self.0.seen.lock();
        seen.unwrap_or_else(PoisonError::into_inner)
            .push(metadata.clone());
        if metadata.contains_key("x-hang") {
            std::future::pending::<()>().await;
        }
        Ok(running)
    }
}

/// The error that a call asks for.
fn failure(metadata: &MetadataMap) -> Option<Status> {
    let text = |name| metadata.get_bin(name).and_then(|value| value.to_bytes().ok());
    let code = metadata.get("x-fail")?.to_str().ok()?.parse::<i32>().ok()?;
    let message = text("x-fail-message-bin").unwrap_or_default();
    let details = text("x-fail-details-bin").unwrap_or_default();
    let mut more = MetadataMap::new();
    more.insert_bin("reason-bin", BinaryMetadataValue::from_bytes(&message));
    let message = String::from_utf8_lossy(&message).into_owned();
    Some(Status::with_details_and_metadata(
        Code::from(code),
        message,
        details,
        more,
    ))
}

/// An answer with the metadata that comes back.
fn echoed<T>(metadata: &MetadataMap, message: T) -> Response<T> {
    let mut response = Response::new(message);
    for name in ["x-tag", "x-number"] {
        for value in metadata.get_all(name) {
            response.metadata_mut().append(name, value.clone());
        }
    }
    for value in metadata.get_all_bin("x-bytes-bin") {
        response.metadata_mut().append_bin("x-bytes-bin", value.clone());
    }
    response
}

/// `Say`.
struct Say(Service);

impl UnaryService<Line> for Say {
    type Response = Line;
    type Future = BoxFuture<'static, Result<Response<Line>, Status>>;

    fn call(&mut self, request: Request<Line>) -> Self::Future {
        let service = self.0.clone();
        async move {
            let (metadata, _, line) = request.into_parts();
            let mut running = service.begin(&metadata).await?;
            running.ended = true;
            failure(&metadata).map_or_else(|| Ok(echoed(&metadata, line)), Err)
        }
        .boxed()
    }
}

type Lines = BoxStream<'static, Result<Line, Status>>;

/// `Count`.
struct Count(Service);

impl ServerStreamingService<Line> for Count {
    type Response = Line;
    type ResponseStream = Lines;
    type Future = BoxFuture<'static, Result<Response<Lines>, Status>>;

    fn call(&mut self, request: Request<Line>) -> Self::Future {
        let service = self.0.clone();
        async move {
            let (metadata, _, line) = request.into_parts();
            let running = service.begin(&metadata).await?;
            let failure = failure(&metadata);
            let lines = stream::unfold(Some((running, failure, 0)), move |state| {
                let content = line.content.clone();
                async move {
                    let (mut running, failure, number) = state?;
                    if number == line.number {
                        running.ended = true;
                        return failure.map(|failure| (Err(failure), None));
                    }
                    running.state.permits.acquire().await.ok()?.forget();
                    let line = Line::new(number, content);
                    Some((Ok(line), Some((running, failure, number + 1))))
                }
            });
            Ok(echoed(&metadata, lines.boxed()))
        }
        .boxed()
    }
}

/// `Join`.
struct Join(Service);

impl ClientStreamingService<Line> for Join {
    type Response = Line;
    type Future = BoxFuture<'static, Result<Response<Line>, Status>>;

    fn call(&mut self, request: Request<Streaming<Line>>) -> Self::Future {
        let service = self.0.clone();
        async move {
            let (metadata, _, mut lines) = request.into_parts();
            let mut running = service.begin(&metadata).await?;
            let (mut count, mut content) = (0, BytesMut::new());
            while let Some(line) = lines.message().await? {
                if line.number != count {
                    return Err(Status::data_loss(format!("line {} after {count}", line.number)));
                }
                count += 1;
                content.extend_from_slice(&line.content);
            }
            running.ended = true;
            Ok(echoed(&metadata, Line::new(count, content)))
        }
        .boxed()
    }
}

/// `Talk`.
struct Talk(Service);

impl StreamingService<Line> for Talk {
    type Response = Line;
    type ResponseStream = Lines;
    type Future = BoxFuture<'static, Result<Response<Lines>, Status>>;

    fn call(&mut self, request: Request<Streaming<Line>>) -> Self::Future {
        let service = self.0.clone();
        async move {
            let (metadata, _, lines) = request.into_parts();
            let running = service.begin(&metadata).await?;
            let answers = stream::unfold(Some((running, lines)), |state| async move {
                let (mut running, mut lines) = state?;
                match lines.message().await {
                    Ok(Some(line)) => {
                        let content: Bytes = line.content.to_ascii_uppercase().into();
                        Some((Ok(Line::new(line.number, content)), Some((running, lines))))
                    }
                    Ok(None) => {
                        running.ended = true;
                        None
                    }
                    Err(status) => Some((Err(status), None)),
                }
            });
            Ok(echoed(&metadata, answers.boxed()))
        }
        .boxed()
    }
}

impl NamedService for Service {
    const NAME: &'static str = SERVICE;
}

impl tonic::codegen::Service<HttpRequest<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        let service = self.clone();
        async move {
            let method = request.uri().path().rsplit('/').next().map(str::to_owned);
            let codec = ProstCodec::<Line, Line>::default();
            let mut grpc = Grpc::new(codec).max_decoding_message_size(MESSAGE);
            Ok(match method.as_deref() {
                Some("Say") => grpc.unary(Say(service), request).await,
                Some("Count") => grpc.server_streaming(Count(service), request).await,
                Some("Join") => grpc.client_streaming(Join(service), request).await,
                Some("Talk") => grpc.streaming(Talk(service), request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        }
        .boxed()
    }
}
