//! HTTP: serving connections, the pipeline of a request, and upstream connections.

mod attempt;
mod fields;
mod h2_body;
mod head;
mod headers;
mod mirror;
mod normalise;
mod pace;
mod pipeline;
mod relay;
mod retries;
mod server_h1;
mod server_h2;
mod spare;
mod stream;
mod timer;
pub mod upstream;
mod websocket;

pub(crate) use fields::trailer_allowed;
pub(crate) use h2_body::H2Body;
pub use head::{LocalResponse, RequestHead, ResponseHead, Scheme, Version};
pub use headers::{Headers, InvalidField};
pub(crate) use headers::{token, value_byte};
pub use stream::StreamError;
pub(crate) use stream::{Downstream, Fill, Incoming, Outgoing};

use crate::h1::conn::H1;
use crate::runtime::{ConnInfo, ConnProtocol, DrainPhase, DrainWatch, PortHandle, WorkerContext};
use pipeline::ConnContext;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The client connection preface (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How much of it tells HTTP/2 apart: no HTTP/1 request begins like this.
const TELLING: usize = 16;

/// Serves one downstream connection until it closes: HTTP/1.x or HTTP/2, as
/// [`ConnInfo::protocol`] says.
///
/// The listener manager runs it with `spawn_local` for plain and for TLS streams. It finishes by
/// itself when the peer goes, a timeout fires, or `drain` says so: requests in flight are finished
/// in phase `Draining`, nothing is awaited in phase `Closing`.
pub async fn serve_connection<IO>(
    io: IO,
    conn: ConnInfo,
    port: Rc<PortHandle>,
    worker: Rc<WorkerContext>,
    drain: DrainWatch,
) where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let protocol = conn.protocol();
    let limits = server_h1::head_limits(&worker.options().limits);
    let observer = Rc::clone(&worker);
    let info = conn.clone();
    observer.observer.connection_opened(&info);
    let cx = ConnContext { conn, port, worker };
    match protocol {
        ConnProtocol::Http1 => server_h1::serve(H1::new(io, limits), cx, drain).await,
        ConnProtocol::Http2 => Box::pin(server_h2::serve(io, cx, drain)).await,
        ConnProtocol::Detect => {
            let mut h1 = H1::new(io, limits);
            match detect(&mut h1, &cx, &drain).await {
                Some(ConnProtocol::Http2) => {
                    let (io, front) = h1.into_parts();
                    Box::pin(server_h2::serve(Rewound { io, front, at: 0 }, cx, drain)).await;
                }
                Some(_) => server_h1::serve(h1, cx, drain).await,
                None => {}
            }
        }
    }
    observer.observer.connection_closed(&info);
}

/// Finds out which version a cleartext client speaks. `None`: it went, or kept silent for too long.
///
/// As soon as a byte differs from the HTTP/2 preface the connection is HTTP/1; what begins like the
/// preface and then differs is HTTP/2 with an error, never HTTP/1.
async fn detect<IO: AsyncRead + AsyncWrite + Unpin>(
    h1: &mut H1<IO>,
    cx: &ConnContext,
    drain: &DrainWatch,
) -> Option<ConnProtocol> {
    let timeouts = &cx.worker.options().timeouts;
    let begun = tokio::time::Instant::now();
    let mut timer = timer::Timer::default();
    poll_fn(|task| {
        loop {
            let input = h1.input();
            let known = input.len().min(TELLING);
            if input.get(..known) != PREFACE.get(..known) {
                return Poll::Ready(Some(ConnProtocol::Http1));
            }
            if known == TELLING {
                return Poll::Ready(Some(ConnProtocol::Http2));
            }
            match h1.poll_read(task, 16 * 1024) {
                Poll::Ready(Ok(0)) if !h1.input().is_empty() => {
                    return Poll::Ready(Some(ConnProtocol::Http1));
                }
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(None),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => {
                    let limit = if h1.input().is_empty() {
                        timeouts.idle
                    } else {
                        timeouts.head
                    };
                    let over = drain.poll_reached(task, DrainPhase::Closing).is_ready()
                        || timer.poll(task, begun + limit).is_ready();
                    return if over { Poll::Ready(None) } else { Poll::Pending };
                }
            }
        }
    })
    .await
}

/// A transport whose first bytes were read already.
#[derive(Debug)]
struct Rewound<IO> {
    io: IO,
    front: Vec<u8>,
    at: usize,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Rewound<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let front = this.front.get(this.at..).unwrap_or_default();
        if front.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let count = front.len().min(buf.remaining());
        buf.put_slice(front.get(..count).unwrap_or_default());
        this.at += count;
        if this.at == this.front.len() {
            this.front = Vec::new();
            this.at = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Rewound<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, data)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
