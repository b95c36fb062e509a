//! What those who serve the streams do: take bodies, send responses.

use super::connection::Connection;
use super::frame::{self, Head, Reason, flag, kind};
use super::hpack;
use super::stream::By;
use crate::http::{Fill, Headers, StreamError};
use http::StatusCode;
use std::io;
use std::task::{Context, Poll};

/// The stream was reset, or its connection is gone.
fn gone() -> StreamError {
    StreamError::Io(io::ErrorKind::ConnectionReset.into())
}

impl Connection {
    /// Waits for a part of the request body, which replaces the content of `chunk`.
    pub(crate) fn poll_body(
        &mut self,
        id: u32,
        cx: &Context<'_>,
        chunk: &mut Vec<u8>,
    ) -> Poll<Result<Fill, StreamError>> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Poll::Ready(Err(gone()));
        };
        if !stream.inbox.is_empty() {
            chunk.clear();
            std::mem::swap(chunk, &mut stream.inbox);
            return Poll::Ready(Ok(Fill::Data));
        }
        if stream.received {
            return Poll::Ready(Ok(Fill::End));
        }
        stream.register(cx);
        Poll::Pending
    }

    /// The trailers of the request, after its end.
    pub(crate) fn take_trailers(&mut self, id: u32) -> Option<Box<Headers>> {
        self.streams.get_mut(&id)?.trailers.take()
    }

    /// A part of the body was used: the client may send as much again (RFC 9113 section 6.9).
    pub(crate) fn consumed(&mut self, id: u32, count: usize) {
        self.credit(count);
        let window = self.settings.stream_window;
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.owed += count as u32;
            if !stream.received && stream.owed >= window / 2 {
                stream.recv_window += i64::from(stream.owed);
                frame::window_update(&mut self.output, id, stream.owed);
                stream.owed = 0;
                self.wake_io();
            }
        }
    }

    /// Gives received bytes back to the connection's window.
    pub(super) fn credit(&mut self, count: usize) {
        self.owed += count as u32;
        if self.owed >= self.settings.connection_window / 2 {
            self.recv_window += i64::from(self.owed);
            frame::window_update(&mut self.output, 0, self.owed);
            self.owed = 0;
            self.wake_io();
        }
    }

    /// Sends a response head, interim or final; `end`: nothing follows it.
    pub(crate) fn send_head(
        &mut self,
        id: u32,
        status: StatusCode,
        (headers, length): (&Headers, Option<u64>),
        end: bool,
    ) -> Result<(), StreamError> {
        self.send_block(id, end, |out| {
            hpack::status(out, status);
            for (name, value) in headers.fields() {
                hpack::field(out, name, value);
            }
            if let Some(length) = length {
                hpack::number(out, b"content-length", length);
            }
        })
    }

    /// Ends the response with trailers.
    pub(crate) fn send_trailers(&mut self, id: u32, trailers: &Headers) -> Result<(), StreamError> {
        self.send_block(id, true, |out| {
            for (name, value) in trailers.fields() {
                hpack::field(out, name, value);
            }
        })
    }

    fn send_block(
        &mut self,
        id: u32,
        end: bool,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), StreamError> {
        let stream = self
            .streams
            .get_mut(&id)
            .filter(|stream| !stream.sent)
            .ok_or_else(gone)?;
        stream.sent = end;
        let out = &mut self.output;
        let start = out.len();
        out.extend_from_slice(&[0; frame::HEAD]);
        write(out);
        let length = out.len() - start - frame::HEAD;
        let flags = if end { flag::END_STREAM } else { flag::NONE };
        // Rarely, a block is longer than a frame (RFC 9113 section 6.10).
        let rest =
            (length > frame::MAX_PAYLOAD).then(|| out.split_off(start + frame::HEAD + frame::MAX_PAYLOAD));
        let head = Head {
            length: length.min(frame::MAX_PAYLOAD),
            kind: kind::HEADERS,
            flags: if rest.is_some() {
                flags
            } else {
                flags | flag::END_HEADERS
            },
            stream: id,
        };
        if let Some(place) = out.get_mut(start..start + frame::HEAD) {
            place.copy_from_slice(&head.bytes());
        }
        let rest = rest.unwrap_or_default();
        let mut parts = rest.chunks(frame::MAX_PAYLOAD).peekable();
        while let Some(part) = parts.next() {
            let last = if parts.peek().is_none() {
                flag::END_HEADERS
            } else {
                flag::NONE
            };
            frame::write(out, kind::CONTINUATION, last, id, part);
        }
        self.wake_io();
        Ok(())
    }

    /// How much of a response body can be sent now: at most `want`, never 0.
    pub(crate) fn poll_capacity(
        &mut self,
        id: u32,
        cx: &Context<'_>,
        want: usize,
    ) -> Poll<Result<usize, StreamError>> {
        let connection = if self.has_room() { self.send_window } else { 0 };
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.sent) else {
            return Poll::Ready(Err(gone()));
        };
        if let Ok(window) = usize::try_from(connection.min(stream.send_window))
            && window > 0
        {
            return Poll::Ready(Ok(window.min(want)));
        }
        stream.register(cx);
        // Woken by its own window in any case, by the connection's if that is what is short.
        if connection <= 0 && !self.waiting.contains(&id) {
            self.waiting.push(id);
        }
        Poll::Pending
    }

    /// Sends a part of a response body within the capacity; `end`: nothing follows it.
    pub(crate) fn send_data(&mut self, id: u32, data: &[u8], end: bool) -> Result<(), StreamError> {
        let stream = self
            .streams
            .get_mut(&id)
            .filter(|stream| !stream.sent)
            .ok_or_else(gone)?;
        stream.send_window -= frame::size(data);
        stream.sent = end;
        self.send_window -= frame::size(data);
        let flags = if end { flag::END_STREAM } else { flag::NONE };
        if data.len() <= frame::MAX_PAYLOAD {
            frame::write(&mut self.output, kind::DATA, flags, id, data);
        } else {
            let mut parts = data.chunks(frame::MAX_PAYLOAD).peekable();
            while let Some(part) = parts.next() {
                let flags = if parts.peek().is_none() { flags } else { flag::NONE };
                frame::write(&mut self.output, kind::DATA, flags, id, part);
            }
        }
        self.wake_io();
        Ok(())
    }

    /// Gives a stream up.
    pub(crate) fn reset(&mut self, id: u32, reason: Reason) {
        if self.streams.contains_key(&id) {
            frame::reset(&mut self.output, id, reason);
            self.remove(id, By::Us);
            self.wake_io();
        }
    }

    /// The stream is served: what is left of the request is not wanted. `unread` bytes of it were
    /// taken and not used.
    pub(crate) fn finish(&mut self, id: u32, unread: usize) {
        self.credit(unread);
        match self.streams.get(&id) {
            None => {}
            Some(stream) if !stream.sent => self.reset(id, Reason::Internal),
            // RFC 9113 section 8.1: the response is complete, the request need not be.
            Some(stream) if !stream.received => self.reset(id, Reason::NoError),
            Some(_) => self.remove(id, By::Client),
        }
        if self.streams.is_empty() {
            // Whoever waits for the connection to fall silent.
            self.wake_io();
        }
    }

    /// Ready when the client has reset the stream or the connection is gone.
    pub(crate) fn poll_gone(&mut self, id: u32, cx: &Context<'_>) -> Poll<()> {
        match self.streams.get_mut(&id) {
            None => Poll::Ready(()),
            Some(stream) => {
                stream.register(cx);
                Poll::Pending
            }
        }
    }
}
