//! Connections: TCP, TLS, HTTP/2, the bearer token, and the one method.

use super::ConfigServer;
use super::admission::{Admission, Denied, Identity};
use super::session;
use crate::wire::{FromController, FromProxy, PATH};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt};
use http::header::AUTHORIZATION;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tonic::server::StreamingService;
use tonic::{Request, Response, Status, Streaming};

/// Largest message of a proxy, bytes.
const MESSAGE: usize = 1024 * 1024;
/// Largest header list of a request; a ServiceAccount token takes about 1.5 KiB.
const HEADERS: u32 = 32 * 1024;
/// Connections beyond those of known proxies: handshakes in progress, strangers.
const SPARE: usize = 128;
/// How long streams have to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// What all connections share.
#[derive(Clone)]
pub struct Acceptor {
    server: ConfigServer,
    tls: watch::Receiver<Arc<ServerConfig>>,
    admission: Arc<dyn Admission>,
    admissions: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

impl Acceptor {
    /// See [`ConfigServer::serve`].
    pub fn new(
        server: ConfigServer,
        tls: watch::Receiver<Arc<ServerConfig>>,
        admission: Arc<dyn Admission>,
    ) -> Self {
        let admissions = Arc::new(Semaphore::new(server.options().admissions));
        let connections = Arc::new(Semaphore::new(server.options().proxies + SPARE));
        Self {
            server,
            tls,
            admission,
            admissions,
            connections,
        }
    }

    /// Accepts until `shutdown` resolves.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        let stop = watch::Sender::new(false);
        tokio::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((tcp, peer)) => {
                    // Without a free place the connection is closed: the proxy comes back later.
                    let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
                        tracing::warn!(%peer, "too many connections, this one is closed");
                        continue;
                    };
                    let connection = Connection {
                        acceptor: self.clone(),
                        known: Arc::default(),
                        ended: Arc::default(),
                        stop: stop.subscribe(),
                    };
                    tokio::spawn(connection.run(tcp, permit));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a proxy's connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        stop.send_replace(true);
        // Resolves when every connection is gone.
        let _ = tokio::time::timeout(FAREWELL, stop.closed()).await;
    }
}

/// One connection.
#[derive(Clone)]
struct Connection {
    acceptor: Acceptor,
    /// A proxy showed a valid token on it.
    known: Arc<AtomicBool>,
    /// Its stream ended.
    ended: Arc<Notify>,
    stop: watch::Receiver<bool>,
}

impl Connection {
    async fn run(mut self, tcp: TcpStream, _permit: OwnedSemaphorePermit) {
        let options = self.acceptor.server.options().clone();
        let _ = tcp.set_nodelay(true);
        let tls = TlsAcceptor::from(Arc::clone(&self.acceptor.tls.borrow()));
        let stream = match tokio::time::timeout(options.handshake, tls.accept(tcp)).await {
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => stream,
            Ok(Ok(_)) => return,
            Ok(Err(error)) => {
                tracing::debug!(%error, "TLS handshake of a proxy failed");
                return;
            }
            Err(_) => return,
        };
        let handler = self.clone();
        let service = hyper::service::service_fn(move |request| {
            let handler = handler.clone();
            async move { Ok::<_, Infallible>(handler.answer(request).await) }
        });
        let mut http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .keep_alive_interval(options.ping)
            .keep_alive_timeout(options.pong)
            .max_concurrent_streams(4)
            .max_header_list_size(HEADERS);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let introduction = tokio::time::sleep(options.handshake + options.admission);
        tokio::pin!(introduction);
        let mut waiting = true;
        loop {
            tokio::select! {
                _ = &mut connection => return,
                () = &mut introduction, if waiting => {
                    waiting = false;
                    if !self.known.load(Ordering::Acquire) {
                        return;
                    }
                }
                () = self.ended.notified() => break,
                _ = self.stop.wait_for(|stop| *stop) => break,
            }
        }
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(FAREWELL, connection).await;
    }

    async fn answer(self, request: http::Request<Incoming>) -> http::Response<tonic::body::Body> {
        if request.uri().path() != PATH {
            return Status::unimplemented(format!("the only method is {PATH}")).into_http();
        }
        let identity = match self.identify(&request).await {
            Ok(identity) => identity,
            Err(status) => {
                tracing::warn!(code = ?status.code(), "a proxy is refused: {}", status.message());
                return status.into_http();
            }
        };
        self.known.store(true, Ordering::Release);
        let codec = tonic_prost::ProstCodec::<FromController, FromProxy>::default();
        let mut grpc = tonic::server::Grpc::new(codec).max_decoding_message_size(MESSAGE);
        let method = Method {
            connection: self,
            identity,
        };
        grpc.streaming(method, request).await
    }

    async fn identify(&self, request: &http::Request<Incoming>) -> Result<Identity, Status> {
        let header = request.headers().get(AUTHORIZATION);
        let token = header
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or_else(|| Status::unauthenticated("no bearer token"))?;
        let checked = async {
            let _permit = self.acceptor.admissions.acquire().await;
            self.acceptor.admission.authenticate(token).await
        };
        let limit = self.acceptor.server.options().admission;
        match tokio::time::timeout(limit, checked).await {
            Ok(Ok(identity)) => Ok(identity),
            Ok(Err(denied @ Denied::Token(_))) => Err(Status::unauthenticated(denied.to_string())),
            Ok(Err(denied @ Denied::Unavailable(_))) => Err(Status::unavailable(denied.to_string())),
            Err(_) => Err(Status::unavailable("the token could not be checked in time")),
        }
    }
}

/// `gatewright.config.v1.Configuration/Stream`.
struct Method {
    connection: Connection,
    identity: Identity,
}

impl StreamingService<FromProxy> for Method {
    type Response = FromController;
    type ResponseStream = BoxStream<'static, Result<FromController, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<FromProxy>>) -> Self::Future {
        // One message waits here, one in the HTTP/2 layer: that is all a slow proxy can pile up.
        let (outbox, inbox) = mpsc::channel(1);
        let acceptor = &self.connection.acceptor;
        let run = session::serve(
            acceptor.server.clone(),
            Arc::clone(&acceptor.admission),
            self.identity.clone(),
            request.into_inner(),
            outbox,
        );
        let ended = Arc::clone(&self.connection.ended);
        let mut stop = self.connection.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = run => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
            ended.notify_one();
        });
        let messages = futures_util::stream::unfold(inbox, |mut inbox| async move {
            let message = inbox.recv().await?;
            Some((message, inbox))
        });
        Box::pin(async move { Ok(Response::new(messages.boxed())) })
    }
}
