//! One HTTP/1.x connection, either side: reading heads and bodies, writing them.

use super::buffer::{self, Buffer, LARGE, SMALL};
use super::chunked::{Decoder, Step};
use super::error::HeadError;
use super::framing::BodyLength;
use super::parse::{self, HeadLimits};
use crate::http::{Fill, Headers, Incoming, Outgoing, StreamError, token};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Data up to this size is copied behind what is waiting to be written instead of being written
/// from where it lies: one system call less, and cheaper than a vectored write.
const COPY: usize = 4 * 1024;
/// Output beyond this is written before more is taken.
const PENDING: usize = 32 * 1024;
/// Bounds of a trailer section.
const TRAILERS: HeadLimits = HeadLimits {
    bytes: 8 * 1024,
    fields: 64,
    target: 0,
};

/// A connection and the state of the message in each direction.
#[derive(Debug)]
pub(crate) struct H1<IO> {
    io: IO,
    input: Buffer,
    scanned: usize,
    ended: bool,
    recv: Recv,
    ready: usize,
    trailers: Option<Box<Headers>>,
    output: Vec<u8>,
    written: usize,
    send: Send,
    flushed: bool,
    limits: HeadLimits,
}

/// What is being received.
#[derive(Debug)]
enum Recv {
    Done,
    Known(u64),
    Chunked(Decoder),
    UntilClose,
}

/// What is being sent.
#[derive(Debug, PartialEq, Eq)]
enum Send {
    Done,
    Known(u64),
    /// Bytes of the announced chunk that are still to come.
    Chunked(usize),
    /// Until the connection closes: an HTTP/1.0 body, or a tunnel.
    Raw,
}

/// What [`H1::poll_head`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadRead {
    /// A head of this length is at the front of [`H1::input`].
    Head(usize),
    /// The connection ended between messages.
    Closed,
    /// The connection ended within a head.
    Cut,
    /// The head cannot be accepted.
    Refused(HeadError),
}

impl<IO: AsyncRead + AsyncWrite + Unpin> H1<IO> {
    /// A connection with nothing read or written.
    pub(crate) fn new(io: IO, limits: HeadLimits) -> Self {
        Self {
            io,
            input: Buffer::default(),
            scanned: 0,
            ended: false,
            recv: Recv::Done,
            ready: 0,
            trailers: None,
            output: Vec::new(),
            written: 0,
            send: Send::Done,
            flushed: true,
            limits,
        }
    }

    /// The transport, and what was received and not consumed.
    pub(crate) fn into_parts(self) -> (IO, Vec<u8>) {
        (self.io, self.input.data().to_vec())
    }

    /// Bytes received and not consumed.
    pub(crate) fn input(&self) -> &[u8] {
        self.input.data()
    }

    /// Drops bytes from the front of the input: a head that was read, or an empty line.
    pub(crate) fn consume_input(&mut self, count: usize) {
        self.input.consume(count);
        self.scanned = 0;
    }

    /// Bounds of a head.
    pub(crate) const fn limits(&self) -> HeadLimits {
        self.limits
    }

    /// Reads once. `Ok(0)`: the peer has closed its side.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, size: usize) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        let mut room = ReadBuf::new(self.input.room(size));
        match Pin::new(&mut self.io).poll_read(cx, &mut room) {
            Poll::Ready(Ok(())) => {
                let count = room.filled().len();
                self.input.filled(count);
                self.ended = count == 0;
                if count == 0 {
                    self.input.release();
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => {
                self.ended = true;
                self.input.release();
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                self.input.release();
                Poll::Pending
            }
        }
    }

    /// Waits for a complete head. `requests`: empty lines in front are skipped and obvious garbage
    /// refused at once.
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<HeadRead>> {
        loop {
            let data = self.input.data();
            if let Some(first) = data.first() {
                if token(*first) == 0 && *first != b'\r' {
                    return Poll::Ready(Ok(HeadRead::Refused(HeadError::RequestLine)));
                }
                if let Some(end) = parse::head_end(data, self.scanned) {
                    self.scanned = end;
                    return Poll::Ready(Ok(if end > self.limits.bytes {
                        HeadRead::Refused(HeadError::TooLarge)
                    } else {
                        HeadRead::Head(end)
                    }));
                }
                self.scanned = data.len();
                let line = self.limits.target + 64;
                if data.len() > line && memchr::memchr(b'\n', data.get(..line).unwrap_or(data)).is_none() {
                    return Poll::Ready(Ok(HeadRead::Refused(HeadError::TargetTooLong)));
                }
                if data.len() > self.limits.bytes {
                    return Poll::Ready(Ok(HeadRead::Refused(HeadError::TooLarge)));
                }
            }
            if ready!(self.poll_read(cx, SMALL))? == 0 {
                return Poll::Ready(Ok(if self.input.is_empty() {
                    HeadRead::Closed
                } else {
                    HeadRead::Cut
                }));
            }
        }
    }

    /// Starts receiving a body behind a head that was consumed.
    pub(crate) fn start_recv(&mut self, length: BodyLength) {
        self.ready = 0;
        self.trailers = None;
        self.recv = match length {
            BodyLength::None | BodyLength::Known(0) => Recv::Done,
            BodyLength::Known(length) => Recv::Known(length),
            BodyLength::Chunked => Recv::Chunked(Decoder::new(TRAILERS)),
            BodyLength::UntilClose => Recv::UntilClose,
        };
    }

    /// Whether the body was received to its end.
    pub(crate) const fn recv_done(&self) -> bool {
        matches!(self.recv, Recv::Done)
    }

    /// Whether the body was sent to its end.
    pub(crate) fn send_done(&self) -> bool {
        self.send == Send::Done
    }

    /// Starts sending: `head` writes the head into the output, then a body of `length` follows.
    pub(crate) fn start_send(&mut self, length: BodyLength, head: impl FnOnce(&mut Vec<u8>)) {
        if self.output.capacity() == 0 {
            self.output = buffer::take_output();
        }
        head(&mut self.output);
        self.flushed = false;
        self.send = match length {
            BodyLength::None | BodyLength::Known(0) => Send::Done,
            BodyLength::Known(length) => Send::Known(length),
            BodyLength::Chunked => Send::Chunked(0),
            BodyLength::UntilClose => Send::Raw,
        };
    }

    /// Both directions carry bytes without framing from here on.
    pub(crate) fn start_tunnel(&mut self) {
        self.recv = Recv::UntilClose;
        self.ready = 0;
        self.send = Send::Raw;
    }

    /// Whether the peer closed its side or the connection failed.
    pub(crate) const fn ended(&self) -> bool {
        self.ended
    }

    /// Writes what is waiting.
    pub(crate) fn poll_flush_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(waiting) = self
            .output
            .get(self.written..)
            .filter(|waiting| !waiting.is_empty())
        {
            match ready!(Pin::new(&mut self.io).poll_write(cx, waiting))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.clear_output();
        if !self.flushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what is waiting and closes our side.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush_output(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    /// Gives the memory back that an idle connection has no use for.
    pub(crate) fn rest(&mut self) {
        self.input.release();
        if self.output.is_empty() && self.output.capacity() > 0 {
            buffer::give_output(std::mem::take(&mut self.output));
        }
        self.trailers = None;
    }

    /// Bytes of buffers held.
    #[cfg(test)]
    pub(crate) fn memory(&self) -> usize {
        self.input.memory() + self.output.capacity()
    }

    fn clear_output(&mut self) {
        self.output.clear();
        self.written = 0;
    }

    /// Takes some of `data`: into the output when small, else by writing it behind the output.
    fn poll_push(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.flushed = false;
        loop {
            let waiting = self.output.get(self.written..).unwrap_or_default();
            if data.len() <= COPY && waiting.len() <= PENDING {
                self.output.extend_from_slice(data);
                return Poll::Ready(Ok(data.len()));
            }
            let count = if waiting.is_empty() {
                ready!(Pin::new(&mut self.io).poll_write(cx, data))?
            } else if self.io.is_write_vectored() {
                let parts = [IoSlice::new(waiting), IoSlice::new(data)];
                ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &parts))?
            } else {
                ready!(Pin::new(&mut self.io).poll_write(cx, waiting))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            if count < waiting.len() {
                self.written += count;
                continue;
            }
            let taken = count - waiting.len();
            self.clear_output();
            if taken > 0 {
                return Poll::Ready(Ok(taken));
            }
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Incoming for H1<IO> {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill, StreamError>> {
        if self.ready > 0 {
            return Poll::Ready(Ok(Fill::Data));
        }
        loop {
            let want = match &mut self.recv {
                Recv::Done => return Poll::Ready(Ok(Fill::End)),
                Recv::Known(left) => {
                    self.ready = self.input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    if *left > SMALL as u64 { LARGE } else { SMALL }
                }
                Recv::UntilClose => {
                    self.ready = self.input.len();
                    LARGE
                }
                Recv::Chunked(decoder) => {
                    match decoder.step(self.input.data())? {
                        Step::Skip(count) => {
                            self.input.consume(count);
                            continue;
                        }
                        Step::Data(count) => self.ready = count,
                        Step::End(count, trailers) => {
                            self.input.consume(count);
                            self.trailers = trailers.filter(|trailers| !trailers.is_empty());
                            self.recv = Recv::Done;
                            return Poll::Ready(Ok(Fill::End));
                        }
                        Step::More => {}
                    }
                    LARGE
                }
            };
            if self.ready > 0 {
                let plain = !matches!(self.recv, Recv::Chunked(_));
                if plain && want == LARGE && self.input.is_full_below(LARGE) {
                    // What is there with the head is sent together with what comes right behind it. A fault is
                    // met again by the next read.
                    self.input.grow(LARGE);
                    if let Poll::Ready(Ok(1..)) = self.poll_read(cx, LARGE) {
                        continue;
                    }
                }
                return Poll::Ready(Ok(Fill::Data));
            }
            if ready!(self.poll_read(cx, want))? == 0 {
                return Poll::Ready(if matches!(self.recv, Recv::UntilClose) {
                    self.recv = Recv::Done;
                    Ok(Fill::End)
                } else {
                    Err(StreamError::Truncated)
                });
            }
        }
    }

    fn data(&self) -> &[u8] {
        let data = self.input.data();
        data.get(..self.ready).unwrap_or(data)
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(self.ready);
        self.input.consume(count);
        self.ready -= count;
        match &mut self.recv {
            Recv::Known(left) => {
                *left -= count as u64;
                if *left == 0 {
                    self.recv = Recv::Done;
                }
            }
            Recv::Chunked(decoder) => decoder.took(count),
            Recv::Done | Recv::UntilClose => {}
        }
    }

    fn take_trailers(&mut self) -> Option<Box<Headers>> {
        self.trailers.take()
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Outgoing for H1<IO> {
    fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, StreamError>> {
        match self.send {
            // The body is longer than announced: writing it would desynchronise the connection.
            Send::Done => Poll::Ready(Err(StreamError::Unwritable)),
            Send::Raw => Poll::Ready(Ok(ready!(self.poll_push(cx, data))?)),
            Send::Known(left) => {
                let part = data
                    .get(..usize::try_from(left).unwrap_or(usize::MAX))
                    .unwrap_or(data);
                let count = ready!(self.poll_push(cx, part))?;
                let left = left - count as u64;
                self.send = if left == 0 { Send::Done } else { Send::Known(left) };
                Poll::Ready(Ok(count))
            }
            Send::Chunked(mut left) => {
                if left == 0 {
                    left = data.len();
                    super::encode::chunk_size(&mut self.output, left);
                    self.send = Send::Chunked(left);
                }
                let count = ready!(self.poll_push(cx, data.get(..left).unwrap_or(data)))?;
                left -= count;
                if left == 0 {
                    self.output.extend_from_slice(b"\r\n");
                }
                self.send = Send::Chunked(left);
                Poll::Ready(Ok(count))
            }
        }
    }

    fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        trailers: Option<&Headers>,
    ) -> Poll<Result<(), StreamError>> {
        match self.send {
            Send::Chunked(0) => {
                self.output.extend_from_slice(b"0\r\n");
                if let Some(trailers) = trailers {
                    trailers.write_h1(&mut self.output);
                }
                self.output.extend_from_slice(b"\r\n");
                self.flushed = false;
                self.send = Send::Done;
            }
            Send::Known(_) | Send::Chunked(_) => return Poll::Ready(Err(StreamError::Truncated)),
            Send::Raw => {
                ready!(self.poll_shutdown(cx))?;
                self.send = Send::Done;
                return Poll::Ready(Ok(()));
            }
            Send::Done => {}
        }
        self.poll_flush_output(cx).map_err(StreamError::Io)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.poll_flush_output(cx).map_err(StreamError::Io)
    }
}
