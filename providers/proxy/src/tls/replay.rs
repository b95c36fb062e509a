//! A stream whose first bytes were read already.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gives back bytes that were looked at before the stream itself is read on.
#[derive(Debug)]
pub struct Replay<S> {
    first: Option<Box<Pending>>,
    stream: S,
}

#[derive(Debug)]
struct Pending {
    bytes: Vec<u8>,
    at: usize,
}

impl<S> Replay<S> {
    /// `first` is read before anything of `stream`.
    pub fn new(first: Vec<u8>, stream: S) -> Self {
        let first = (!first.is_empty()).then(|| Box::new(Pending { bytes: first, at: 0 }));
        Self { first, stream }
    }

    /// The stream behind the bytes.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replay<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(pending) = &mut self.first {
            let rest = pending.bytes.get(pending.at..).unwrap_or_default();
            let now = rest.get(..rest.len().min(buf.remaining())).unwrap_or_default();
            buf.put_slice(now);
            pending.at += now.len();
            if pending.at >= pending.bytes.len() {
                self.first = None;
            }
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replay<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
