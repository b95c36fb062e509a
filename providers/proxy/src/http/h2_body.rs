//! The two directions of an HTTP/2 stream, server or client.

use crate::http::{Fill, Headers, Incoming, Outgoing, StreamError, trailer_allowed};
use bytes::{Buf, Bytes};
use h2::{Reason, RecvStream, SendStream};
use std::task::{Context, Poll, ready};

/// A stream's bodies. Receive capacity is given back as data is consumed, and nothing is sent
/// beyond the peer's window: a slow side slows the other down instead of filling memory.
#[derive(Debug, Default)]
pub(crate) struct H2Body {
    recv: Option<RecvStream>,
    chunk: Bytes,
    trailers: Option<Box<Headers>>,
    send: Option<SendStream<Bytes>>,
    /// Bytes until the body ends by itself; `None` when only [`Outgoing::poll_end`] ends it.
    left: Option<u64>,
    /// Whether the peer's window is what is being waited for.
    stalled: bool,
}

impl H2Body {
    /// Starts receiving.
    pub(crate) fn start_recv(&mut self, recv: RecvStream) {
        self.recv = (!recv.is_end_stream()).then_some(recv);
    }

    /// Starts sending; `length` lets the last data frame end the stream.
    pub(crate) fn start_send(&mut self, send: SendStream<Bytes>, length: Option<u64>) {
        self.send = Some(send);
        self.left = length;
    }

    /// Whether the body was received to its end.
    pub(crate) fn recv_done(&self) -> bool {
        self.recv.is_none() && self.chunk.is_empty()
    }

    /// Whether the body was sent to its end.
    pub(crate) const fn send_done(&self) -> bool {
        self.send.is_none()
    }

    /// Resets the stream.
    pub(crate) fn reset(&mut self, reason: Reason) {
        if let Some(mut send) = self.send.take() {
            send.send_reset(reason);
        }
    }
}

impl Incoming for H2Body {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill, StreamError>> {
        if !self.chunk.is_empty() {
            return Poll::Ready(Ok(Fill::Data));
        }
        let Some(recv) = &mut self.recv else {
            return Poll::Ready(Ok(Fill::End));
        };
        while let Some(chunk) = ready!(recv.poll_data(cx)) {
            self.chunk = chunk?;
            if !self.chunk.is_empty() {
                return Poll::Ready(Ok(Fill::Data));
            }
        }
        if let Some(map) = ready!(recv.poll_trailers(cx))? {
            let mut trailers = Headers::new();
            for (name, value) in &map {
                if trailer_allowed(name.as_str()) {
                    trailers.append(name, value);
                }
            }
            self.trailers = (!trailers.is_empty()).then(|| Box::new(trailers));
        }
        self.recv = None;
        Poll::Ready(Ok(Fill::End))
    }

    fn data(&self) -> &[u8] {
        &self.chunk
    }

    fn consume(&mut self, count: usize) {
        drop(self.take_bytes(count));
    }

    fn take_trailers(&mut self) -> Option<Box<Headers>> {
        self.trailers.take()
    }

    fn take_bytes(&mut self, count: usize) -> Bytes {
        let count = count.min(self.chunk.len());
        let taken = if count == self.chunk.len() {
            std::mem::take(&mut self.chunk)
        } else {
            let taken = self.chunk.slice(..count);
            self.chunk.advance(count);
            taken
        };
        if let Some(recv) = &mut self.recv {
            // Fails only when the stream is gone, which the next read reports.
            let _ = recv.flow_control().release_capacity(count);
        }
        taken
    }
}

impl Outgoing for H2Body {
    fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, StreamError>> {
        let count = ready!(self.poll_capacity(cx, data.len()))?;
        let part = Bytes::copy_from_slice(data.get(..count).unwrap_or(data));
        self.send_bytes(part)?;
        Poll::Ready(Ok(count))
    }

    fn wants_bytes(&self) -> bool {
        true
    }

    fn poll_capacity(&mut self, cx: &mut Context<'_>, want: usize) -> Poll<Result<usize, StreamError>> {
        let send = self.send.as_mut().ok_or(StreamError::Unwritable)?;
        if send.capacity() == 0 {
            send.reserve_capacity(want);
            self.stalled = true;
            loop {
                match ready!(send.poll_capacity(cx)) {
                    Some(Ok(0)) => {}
                    Some(Ok(_)) => break,
                    Some(Err(error)) => return Poll::Ready(Err(error.into())),
                    None => return Poll::Ready(Err(StreamError::Truncated)),
                }
            }
            self.stalled = false;
        }
        Poll::Ready(Ok(send.capacity().min(want)))
    }

    fn send_bytes(&mut self, data: Bytes) -> Result<(), StreamError> {
        let send = self.send.as_mut().ok_or(StreamError::Unwritable)?;
        let mut end = false;
        if let Some(left) = &mut self.left {
            *left = left
                .checked_sub(data.len() as u64)
                .ok_or(StreamError::Unwritable)?;
            end = *left == 0;
        }
        send.send_data(data, end)?;
        if end {
            self.send = None;
        }
        Ok(())
    }

    fn poll_end(&mut self, _: &mut Context<'_>, trailers: Option<&Headers>) -> Poll<Result<(), StreamError>> {
        if let Some(mut send) = self.send.take() {
            if self.left.is_some_and(|left| left > 0) {
                send.send_reset(Reason::INTERNAL_ERROR);
                return Poll::Ready(Err(StreamError::Truncated));
            }
            match trailers {
                Some(trailers) => send.send_trailers(trailers.to_map())?,
                None => send.send_data(Bytes::new(), true)?,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Pending while the peer's window is exhausted; `poll_capacity` has registered the task.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        if self.stalled {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }
}
