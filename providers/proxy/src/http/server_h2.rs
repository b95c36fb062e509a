//! Serving HTTP/2 connections.
//!
//! One task owns the socket; it reads, and writes what the streams have answered. A few others serve
//! the streams, one after the other each: they are kept from request to request, so that a request
//! costs neither a task nor its memory.

mod exchange;
#[cfg(test)]
mod tests;

use crate::h1::buffer::{Buffer, SMALL};
use crate::http::normalise;
use crate::http::pipeline::{self, ConnContext};
use crate::http::timer::Timer;
use crate::http2::{Connection, Job, Reason, Settings};
use crate::runtime::{DrainPhase, DrainWatch, Limits};
use exchange::Exchange;
use http::Method;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// How long a connection without streams keeps the tasks and memory of its last ones.
const RESTLESS: Duration = Duration::from_secs(1);
/// How long, and for how many bytes, the end of a client that broke the rules is waited for: closing
/// at once could make its kernel throw our last words away.
const LINGER: (Duration, usize) = (Duration::from_secs(1), 256 * 1024);

/// What the tasks of a connection share.
#[derive(Debug)]
struct Shared {
    state: RefCell<Connection>,
    cx: ConnContext,
    /// Tasks that serve streams.
    tasks: Cell<usize>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Everything was said.
    Done,
    /// The client is gone, or must wait no longer.
    Cut,
    /// The client broke a rule.
    Failed(Reason),
}

/// Serves a connection until it closes.
pub(crate) async fn serve<IO>(io: IO, cx: ConnContext, drain: DrainWatch)
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut driver = Driver::new(io, cx);
    let end = poll_fn(|task| driver.poll(task, &drain)).await;
    match end {
        End::Done => {
            driver.shared.state.borrow_mut().close();
            let closed = poll_fn(|task| Pin::new(&mut driver.io).poll_shutdown(task));
            let _ = tokio::time::timeout(LINGER.0, closed).await;
        }
        End::Cut => driver.shared.state.borrow_mut().close(),
        End::Failed(reason) => {
            tracing::debug!(?reason, "HTTP/2 connection refused");
            driver.shared.state.borrow_mut().fail(reason);
            let _ = tokio::time::timeout(LINGER.0, driver.linger()).await;
        }
    }
}

fn settings(limits: &Limits) -> Settings {
    Settings {
        streams: limits.h2_concurrent_streams,
        stream_window: limits.h2_stream_window,
        connection_window: limits.h2_connection_window,
        header_list: limits.h2_header_list_bytes,
    }
}

/// The task that owns the socket.
#[derive(Debug)]
struct Driver<IO> {
    io: IO,
    input: Buffer,
    flushed: bool,
    shared: Rc<Shared>,
    times: Times,
}

/// What happened when.
#[derive(Debug)]
struct Times {
    timer: Timer,
    begun: Instant,
    /// The client's last byte.
    heard: Instant,
    /// The begin of the header block that is being received.
    block: Option<Instant>,
    /// The end of the last stream; `None` while there is one.
    quiet: Option<Instant>,
    /// The ping that was not answered yet.
    pinged: Option<Instant>,
    /// The first GOAWAY.
    drained: Option<Instant>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Driver<IO> {
    fn new(io: IO, cx: ConnContext) -> Self {
        let state = Connection::new(settings(&cx.worker.options().limits));
        let shared = Rc::new(Shared {
            state: RefCell::new(state),
            cx,
            tasks: Cell::new(0),
        });
        let now = Instant::now();
        Self {
            io,
            input: Buffer::default(),
            flushed: true,
            shared,
            times: Times {
                timer: Timer::default(),
                begun: now,
                heard: now,
                block: None,
                quiet: Some(now),
                pinged: None,
                drained: None,
            },
        }
    }

    fn poll(&mut self, task: &mut Context<'_>, drain: &DrainWatch) -> Poll<End> {
        loop {
            let full = match self.read(task) {
                Ok(full) => full,
                Err(end) => return Poll::Ready(end),
            };
            if let Poll::Ready(Err(_)) = self.poll_write(task) {
                return Poll::Ready(End::Cut);
            }
            // Reading stopped short, so nobody would tell us of what the client sends.
            if !full || !self.shared.state.borrow().has_room() {
                break;
            }
        }
        if drain.poll_reached(task, DrainPhase::Closing).is_ready() {
            return Poll::Ready(End::Cut);
        }
        let limit = self.shared.cx.worker.options().limits.requests_per_connection;
        if self.times.drained.is_none()
            && (drain.poll_reached(task, DrainPhase::Draining).is_ready()
                || self.shared.state.borrow().opened() >= limit)
        {
            self.drain();
            // Writes what was said, and comes back.
            task.waker().wake_by_ref();
        }
        let mut state = self.shared.state.borrow_mut();
        if state.is_done() && state.output().is_empty() {
            return Poll::Ready(End::Done);
        }
        state.register(task);
        drop(state);
        self.poll_times(task)
    }

    /// Reads and takes frames for as long as there are any. Answers whether it stopped because the
    /// client does not take our answers: the task is then *not* woken by what the client sends.
    fn read(&mut self, task: &mut Context<'_>) -> Result<bool, End> {
        // What was left when it stopped the last time.
        if !self.input.is_empty() {
            self.take()?;
        }
        let mut full = true;
        while self.shared.state.borrow().has_room() {
            let mut room = ReadBuf::new(self.input.room(SMALL));
            match Pin::new(&mut self.io).poll_read(task, &mut room) {
                Poll::Pending => {
                    full = false;
                    break;
                }
                Poll::Ready(Err(_)) => return Err(End::Cut),
                Poll::Ready(Ok(())) => {
                    let count = room.filled().len();
                    if count == 0 {
                        return Err(End::Cut);
                    }
                    self.input.filled(count);
                    self.times.heard = Instant::now();
                    self.take()?;
                }
            }
        }
        self.input.release();
        Ok(full)
    }

    /// Takes the frames that are there.
    fn take(&mut self) -> Result<(), End> {
        let shared = &self.shared;
        let mut state = shared.state.borrow_mut();
        let count = state.receive(self.input.data()).map_err(End::Failed)?;
        self.input.consume(count);
        state.hand_out(|| {
            let room = shared.tasks.get() < shared.cx.worker.options().limits.h2_concurrent_streams as usize;
            if room {
                tokio::task::spawn_local(work(Place::take(shared)));
            }
            room
        });
        Ok(())
    }

    fn poll_write(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.shared.state.borrow_mut();
        while !state.output().is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(task, state.output()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => state.wrote(count),
            }
            self.flushed = false;
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.io).poll_flush(task))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn drain(&mut self) {
        self.shared.state.borrow_mut().drain();
        self.times.drained = Some(Instant::now());
    }

    /// Does what the clock asks for.
    fn poll_times(&mut self, task: &mut Context<'_>) -> Poll<End> {
        let limits = &self.shared.cx.worker.options().timeouts;
        let times = &mut self.times;
        loop {
            let mut state = self.shared.state.borrow_mut();
            let busy = state.active() > 0;
            times.quiet = (!busy).then(|| times.quiet.unwrap_or_else(Instant::now));
            times.block = state
                .is_within_block()
                .then(|| times.block.unwrap_or_else(Instant::now));
            if state.answered() {
                times.pinged = None;
            }
            // The client must say what it wants, and finish the head that it has begun.
            let head = if state.is_settled() {
                times.block
            } else {
                Some(times.begun)
            };
            let cut = [
                head.map(|since| since + limits.head),
                times.pinged.map(|since| since + limits.h2_ping_timeout),
                times
                    .drained
                    .zip(times.quiet)
                    .map(|(since, quiet)| since.max(quiet) + limits.h2_ping_timeout),
            ];
            let cut = cut.into_iter().flatten().min();
            let idle = times
                .quiet
                .filter(|_| times.drained.is_none())
                .map(|since| since + limits.idle);
            let ping = times
                .pinged
                .is_none()
                .then(|| times.heard + limits.h2_ping_interval);
            let rest = times
                .quiet
                .filter(|_| state.is_restless())
                .map(|since| since + RESTLESS);
            let Some(next) = [cut, idle, ping, rest].into_iter().flatten().min() else {
                return Poll::Pending;
            };
            ready!(times.timer.poll(task, next));
            if cut == Some(next) {
                return Poll::Ready(End::Cut);
            }
            if rest == Some(next) {
                state.rest();
                continue;
            }
            if idle == Some(next) {
                state.drain();
                times.drained = Some(Instant::now());
            } else {
                state.ping();
                times.pinged = Some(Instant::now());
            }
            drop(state);
            // Writes what was said, and comes back.
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
    }

    /// Writes our last words and waits for the client to have read them.
    async fn linger(&mut self) {
        if poll_fn(|task| self.poll_write(task)).await.is_err() {
            return;
        }
        if poll_fn(|task| Pin::new(&mut self.io).poll_shutdown(task))
            .await
            .is_err()
        {
            return;
        }
        let mut left = LINGER.1;
        poll_fn(|task| {
            loop {
                let count = self.input.len();
                self.input.consume(count);
                let mut room = ReadBuf::new(self.input.room(SMALL));
                match ready!(Pin::new(&mut self.io).poll_read(task, &mut room)) {
                    Ok(()) if !room.filled().is_empty() => match left.checked_sub(room.filled().len()) {
                        Some(rest) => left = rest,
                        None => return Poll::Ready(()),
                    },
                    _ => return Poll::Ready(()),
                }
            }
        })
        .await;
    }
}

/// A task's place among those of a connection.
struct Place(Rc<Shared>);

impl Place {
    fn take(shared: &Rc<Shared>) -> Self {
        shared.tasks.set(shared.tasks.get() + 1);
        Self(Rc::clone(shared))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.tasks.set(self.0.tasks.get().saturating_sub(1));
    }
}

/// Serves streams for as long as there are any.
async fn work(place: Place) {
    let shared = &*place.0;
    let mut timer = Timer::default();
    while let Some(job) = poll_fn(|task| shared.state.borrow_mut().poll_job(task)).await {
        stream(job, shared, &mut timer).await;
    }
}

async fn stream(job: Job, shared: &Shared, timer: &mut Timer) {
    let cx = &shared.cx;
    let mut exchange = Exchange::new(&shared.state, job.stream);
    let mut to_head = false;
    let arrived = job.request.and_then(|request| {
        to_head = request.method == Method::HEAD;
        normalise::from_h2(*request, (cx.conn.scheme(), cx.worker.options()))
    });
    match arrived {
        Ok(arrived) => {
            if arrived.head.upgrade.is_some() {
                exchange.allow_connect();
            }
            pipeline::serve(&mut exchange, arrived, cx, timer).await;
        }
        Err(status) => pipeline::refuse(&mut exchange, status, to_head, cx, timer).await,
    }
}
