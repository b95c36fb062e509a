//! Moving bodies between the two sides of an exchange.

use crate::http::{Fill, Headers, Incoming, Outgoing, StreamError};
use bytes::Bytes;
use std::task::{Context, Poll, ready};

/// Progress of one direction.
#[derive(Debug, Default)]
pub(crate) struct Pump {
    /// Bytes moved.
    pub(crate) moved: u64,
    /// Whether the body and its end were moved.
    pub(crate) done: bool,
    /// Whether the side it goes to is what is being waited for.
    pub(crate) blocked: bool,
    ending: bool,
    trailers: Option<Box<Headers>>,
}

/// Which side of a direction failed.
#[derive(Debug)]
pub(crate) enum PumpError {
    /// The one the body comes from.
    Read(StreamError),
    /// The one it goes to.
    Write(StreamError),
}

impl Pump {
    /// Moves what can be moved now. Ready when the end was moved too.
    pub(crate) fn poll<A: Incoming, B: Outgoing>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut A,
        to: &mut B,
    ) -> Poll<Result<(), PumpError>> {
        loop {
            if self.done {
                return Poll::Ready(Ok(()));
            }
            self.blocked = self.ending;
            if self.ending {
                ready!(to.poll_end(cx, self.trailers.as_deref())).map_err(PumpError::Write)?;
                self.done = true;
                continue;
            }
            match from.poll_fill(cx) {
                Poll::Ready(Ok(Fill::Data)) if to.wants_bytes() => {
                    self.blocked = true;
                    let room = ready!(to.poll_capacity(cx, from.data().len())).map_err(PumpError::Write)?;
                    let bytes = from.take_bytes(room);
                    self.moved += bytes.len() as u64;
                    to.send_bytes(bytes).map_err(PumpError::Write)?;
                }
                Poll::Ready(Ok(Fill::Data)) => {
                    self.blocked = true;
                    let count = ready!(to.poll_send(cx, from.data())).map_err(PumpError::Write)?;
                    from.consume(count);
                    self.moved += count as u64;
                }
                Poll::Ready(Ok(Fill::End)) => {
                    self.trailers = from.take_trailers();
                    self.ending = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(PumpError::Read(error))),
                Poll::Pending => {
                    if let Poll::Ready(Err(error)) = to.poll_flush(cx) {
                        return Poll::Ready(Err(PumpError::Write(error)));
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

/// The request body kept for sending it again, or to a mirror: bounded, and given up when the body
/// is longer.
#[derive(Debug)]
pub(crate) struct Replay {
    kept: Vec<u8>,
    /// How much of `kept` the current try has sent.
    sent: usize,
    limit: usize,
    total: u64,
    max: Option<u64>,
    trailers: Option<Box<Headers>>,
    complete: bool,
}

impl Replay {
    /// Keeps up to `limit` bytes (0 keeps nothing) of a body that may have `max` bytes.
    pub(crate) const fn new(limit: usize, max: Option<u64>) -> Self {
        Self {
            kept: Vec::new(),
            sent: 0,
            limit,
            total: 0,
            max,
            trailers: None,
            complete: false,
        }
    }

    /// Whether the body can be sent again from its start.
    pub(crate) const fn possible(&self) -> bool {
        self.total == self.kept.len() as u64
    }

    /// Starts again.
    pub(crate) const fn rewind(&mut self) {
        self.sent = 0;
    }

    /// Bytes received from the client.
    pub(crate) const fn received(&self) -> u64 {
        self.total
    }

    /// The whole body, if it has ended and was short enough to keep.
    pub(crate) fn whole(&self) -> Option<Bytes> {
        (self.complete && self.possible()).then(|| Bytes::copy_from_slice(&self.kept))
    }

    /// What was kept so far.
    pub(crate) fn front(&self) -> &[u8] {
        &self.kept
    }

    /// The body as the next try reads it.
    pub(crate) fn body<'a, D: Incoming>(&'a mut self, client: &'a mut D) -> ReplayBody<'a, D> {
        ReplayBody { replay: self, client }
    }

    /// Waits until `count` bytes are kept, or the end, or the limit.
    pub(crate) fn poll_prefetch<D: Incoming>(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut D,
        count: usize,
    ) -> Poll<Result<(), StreamError>> {
        while self.kept.len() < count.min(self.limit) && !self.complete {
            match ready!(client.poll_fill(cx))? {
                Fill::End => {
                    self.complete = true;
                    self.trailers = client.take_trailers();
                }
                Fill::Data => {
                    let room = count.min(self.limit) - self.kept.len();
                    let taken = client.data().len().min(room);
                    self.note(client.data().get(..taken).unwrap_or_default())?;
                    client.consume(taken);
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn note(&mut self, data: &[u8]) -> Result<(), StreamError> {
        if self.possible() {
            if self.kept.len() + data.len() <= self.limit {
                self.kept.extend_from_slice(data);
            } else {
                // Too long to keep: free what was kept, once all of it was sent on.
                self.limit = 0;
                if self.sent >= self.kept.len() {
                    self.kept = Vec::new();
                    self.sent = 0;
                }
            }
        }
        self.total += data.len() as u64;
        match self.max {
            Some(max) if self.total > max => Err(StreamError::TooLarge),
            _ => Ok(()),
        }
    }
}

/// A request body: what was kept, then what the client still sends.
#[derive(Debug)]
pub(crate) struct ReplayBody<'a, D> {
    replay: &'a mut Replay,
    client: &'a mut D,
}

impl<D: Incoming> Incoming for ReplayBody<'_, D> {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Fill, StreamError>> {
        if self.replay.sent < self.replay.kept.len() {
            return Poll::Ready(Ok(Fill::Data));
        }
        if self.replay.complete {
            return Poll::Ready(Ok(Fill::End));
        }
        let fill = ready!(self.client.poll_fill(cx))?;
        if fill == Fill::End {
            self.replay.complete = true;
            self.replay.trailers = self.client.take_trailers();
        } else if let Some(max) = self.replay.max
            && self.replay.total + self.client.data().len() as u64 > max
        {
            return Poll::Ready(Err(StreamError::TooLarge));
        }
        Poll::Ready(Ok(fill))
    }

    fn data(&self) -> &[u8] {
        match self.replay.kept.get(self.replay.sent..) {
            Some(kept) if !kept.is_empty() => kept,
            _ => self.client.data(),
        }
    }

    fn consume(&mut self, count: usize) {
        if self.replay.sent < self.replay.kept.len() {
            self.replay.sent += count;
            return;
        }
        let data = self.client.data();
        // The limit was checked when the data was offered.
        let _ = self.replay.note(data.get(..count).unwrap_or(data));
        self.client.consume(count);
        self.replay.sent = self.replay.kept.len();
    }

    fn take_trailers(&mut self) -> Option<Box<Headers>> {
        self.replay.trailers.clone()
    }

    fn take_bytes(&mut self, count: usize) -> Bytes {
        if self.replay.sent < self.replay.kept.len() || self.replay.limit > 0 {
            let data = self.data();
            let bytes = Bytes::copy_from_slice(data.get(..count).unwrap_or(data));
            self.consume(bytes.len());
            return bytes;
        }
        let bytes = self.client.take_bytes(count);
        self.replay.total += bytes.len() as u64;
        bytes
    }
}
