//! TCP connections, and what is inside or around TLS, to backends.

use crate::balance::{Lease, Outcome};
use crate::observe::StreamKind;
use crate::runtime::{BackendRuntime, ConnInfo, DrainPhase, DrainWatch, UpstreamTls, WorkerContext};
use crate::stream::copy::{Cause, Ended, copy};
use crate::stream::targets::{StreamTargets, pick};
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Endpoints tried for one connection.
const TRIES: usize = 3;

/// What a client's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inner {
    /// As they came: TCP, or TLS that is passed through. TLS settings of the backend do not apply.
    Raw,
    /// Decrypted here; encrypted again when the backend wants TLS.
    Decrypted,
}

/// A client of a stream route.
#[derive(Debug)]
pub struct Client<IO> {
    /// Its stream.
    pub io: IO,
    /// What was read from it already.
    pub first: Vec<u8>,
    /// What is known about it.
    pub conn: ConnInfo,
    /// What it counts as.
    pub kind: StreamKind,
    /// Says when it must go.
    pub watch: DrainWatch,
}

/// Why a stream could not be connected to a backend.
#[derive(Debug, Error)]
enum Refused {
    #[error("the chosen backend reference is invalid")]
    Invalid,
    #[error("{0} has no endpoint to take it")]
    NoEndpoint(gatewright_model::Str),
    #[error("{address} of {backend}: {error}")]
    Connect {
        backend: gatewright_model::Str,
        address: SocketAddr,
        error: std::io::Error,
    },
}

/// A stream that can be closed with a reset.
pub trait Resettable {
    /// Makes the close that follows a reset.
    fn reset(&self);
}

impl Resettable for TcpStream {
    fn reset(&self) {
        crate::listen::connection::reset(self);
    }
}

impl Resettable for tokio_rustls::server::TlsStream<crate::tls::replay::Replay<TcpStream>> {
    fn reset(&self) {
        self.get_ref().0.get_ref().reset();
    }
}

/// Serves a connection until it ends. A share of an invalid backend, or of one without endpoints, is
/// refused with a reset (Gateway API v1.7.0, `TCPRouteRule.backendRefs`: connections must be rejected).
pub async fn serve<IO>(mut client: Client<IO>, targets: &StreamTargets, inner: Inner, context: &WorkerContext)
where
    IO: AsyncRead + AsyncWrite + Resettable + Unpin,
{
    let peer = client.conn.client;
    let route = &targets.route_name;
    let connected = {
        let connecting = connect(targets, inner, context);
        tokio::select! {
            biased;
            connected = connecting => connected,
            () = client.watch.reached(DrainPhase::Closing) => return,
        }
    };
    let (used, backend) = match connected {
        Ok(connected) => connected,
        Err(error) => {
            tracing::debug!(%peer, %route, %error, "stream refused");
            client.io.reset();
            return;
        }
    };
    let first = std::mem::take(&mut client.first);
    context.observer.stream_opened(client.kind);
    let idle = context.options().timeouts.tcp_idle;
    let ended = match backend {
        Upstream::Plain(mut backend) => {
            tokio::select! {
                ended = copy(&mut client.io, &mut backend, first, idle) => Some(ended),
                () = client.watch.reached(DrainPhase::Closing) => None,
            }
        }
        Upstream::Tls(mut backend) => {
            tokio::select! {
                ended = copy(&mut client.io, &mut *backend, first, idle) => Some(ended),
                () = client.watch.reached(DrainPhase::Closing) => None,
            }
        }
    };
    let endpoint = used.endpoint().address;
    let Some(Ended {
        upstream,
        downstream,
        cause,
    }) = ended
    else {
        tracing::debug!(%peer, %route, %endpoint, "stream cut: its listener is gone");
        return;
    };
    if let Cause::Backend(_) = &cause {
        // The client learns that the end was not a regular one.
        client.io.reset();
    }
    tracing::debug!(%peer, %route, %endpoint, upstream, downstream, ?cause, "stream ended");
}

enum Upstream {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

/// Connects to an endpoint of a backend drawn by weight; a failed endpoint gives way to another.
async fn connect(
    targets: &StreamTargets,
    inner: Inner,
    context: &WorkerContext,
) -> Result<(Lease, Upstream), Refused> {
    let backend = Arc::clone(targets.choose().ok_or(Refused::Invalid)?);
    let settings = backend.settings();
    let tls = match inner {
        Inner::Raw => None,
        Inner::Decrypted => settings.tls.clone(),
    };
    drop(settings);
    let mut failed: Vec<SocketAddr> = Vec::new();
    let mut last = Refused::NoEndpoint(Arc::clone(&backend.name));
    while failed.len() < TRIES {
        let Some(used) = pick(&backend, &failed, context) else {
            break;
        };
        let address = used.endpoint().address;
        match dial(address, tls.as_ref(), context).await {
            Ok(upstream) => {
                used.report(Outcome::Success);
                return Ok((used, upstream));
            }
            Err(error) => {
                used.report(Outcome::ConnectFailure);
                failed.push(address);
                last = refused(&backend, address, error);
            }
        }
    }
    Err(last)
}

fn refused(backend: &BackendRuntime, address: SocketAddr, error: std::io::Error) -> Refused {
    Refused::Connect {
        backend: Arc::clone(&backend.name),
        address,
        error,
    }
}

async fn dial(
    address: SocketAddr,
    tls: Option<&Arc<UpstreamTls>>,
    context: &WorkerContext,
) -> std::io::Result<Upstream> {
    let dialling = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(match tls {
            None => Upstream::Plain(stream),
            Some(tls) => {
                let connector = TlsConnector::from(Arc::clone(&tls.plain));
                Upstream::Tls(Box::new(
                    connector.connect(tls.server_name.clone(), stream).await?,
                ))
            }
        })
    };
    match timeout(context.options().timeouts.connect, dialling).await {
        Ok(result) => result,
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
