//! Bytes both ways between a client and a backend.
//!
//! One scratch buffer per worker serves all connections: bytes are read into it and written on at
//! once. Only what the other side does not take is kept, in a buffer of the connection's own, and
//! nothing more is read in that direction until it is gone. An idle connection holds no buffer.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Bytes read at once.
const SCRATCH: usize = 64 * 1024;

/// Reads in a row before other connections get their turn.
const BURST: usize = 16;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// How a pair of streams ended, and what passed.
#[derive(Debug)]
pub struct Ended {
    /// Bytes from the client to the backend.
    pub upstream: u64,
    /// Bytes from the backend to the client.
    pub downstream: u64,
    /// What ended it.
    pub cause: Cause,
}

/// What ended a pair of streams.
#[derive(Debug)]
pub enum Cause {
    /// Both sides finished.
    Finished,
    /// Nothing passed for the idle timeout.
    Idle,
    /// The client's side failed.
    Client(io::Error),
    /// The backend's side failed.
    Backend(io::Error),
}

/// One direction.
#[derive(Debug, Default)]
struct Flow {
    kept: Vec<u8>,
    at: usize,
    total: u64,
    state: State,
    dirty: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The source has ended; the sink has to be told.
    Ending,
    Ended,
}

/// Which side of a direction failed.
enum Side {
    Source(io::Error),
    Sink(io::Error),
}

impl Flow {
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut R,
        sink: &mut W,
        moved: &mut bool,
    ) -> Poll<Result<(), Side>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut bursts = 0;
        loop {
            while self.at < self.kept.len() {
                let rest = self.kept.get(self.at..).unwrap_or_default();
                let written = ready!(Pin::new(&mut *sink).poll_write(cx, rest)).map_err(Side::Sink)?;
                if written == 0 {
                    return Poll::Ready(Err(Side::Sink(io::ErrorKind::WriteZero.into())));
                }
                self.at += written;
                *moved = true;
            }
            if !self.kept.is_empty() {
                self.kept = Vec::new();
                self.at = 0;
            }
            match self.state {
                State::Ended => return Poll::Ready(Ok(())),
                State::Ending => {
                    match ready!(Pin::new(&mut *sink).poll_shutdown(cx)) {
                        Ok(()) => {}
                        // The other side is gone already: there is nobody left to tell.
                        Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
                        Err(error) => return Poll::Ready(Err(Side::Sink(error))),
                    }
                    self.state = State::Ended;
                    return Poll::Ready(Ok(()));
                }
                State::Open => {}
            }
            if bursts == BURST {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            bursts += 1;
            match self.transfer(cx, source, sink, moved) {
                Poll::Ready(result) => result?,
                Poll::Pending => {
                    if self.dirty {
                        // TLS may hold bytes back until it is flushed.
                        ready!(Pin::new(&mut *sink).poll_flush(cx)).map_err(Side::Sink)?;
                        self.dirty = false;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// One read, and the write of what it gave.
    fn transfer<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut R,
        sink: &mut W,
        moved: &mut bool,
    ) -> Poll<Result<(), Side>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.resize(SCRATCH, 0);
            let mut read = ReadBuf::new(buffer);
            ready!(Pin::new(source).poll_read(cx, &mut read)).map_err(Side::Source)?;
            let data = read.filled();
            if data.is_empty() {
                self.state = State::Ending;
                return Poll::Ready(Ok(()));
            }
            *moved = true;
            self.total += data.len() as u64;
            self.dirty = true;
            let mut rest = data;
            while !rest.is_empty() {
                match Pin::new(&mut *sink).poll_write(cx, rest) {
                    Poll::Ready(Ok(0)) => {
                        return Poll::Ready(Err(Side::Sink(io::ErrorKind::WriteZero.into())));
                    }
                    Poll::Ready(Ok(written)) => rest = rest.get(written..).unwrap_or_default(),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Side::Sink(error))),
                    Poll::Pending => {
                        self.kept = rest.to_vec();
                        break;
                    }
                }
            }
            Poll::Ready(Ok(()))
        })
    }
}

/// Copies both ways until both sides have finished (each may finish its own direction first: the
/// end is passed on and the other direction goes on), one fails, or nothing passes for `idle`.
///
/// `first` is sent to the backend before anything else.
pub async fn copy<C, B>(client: &mut C, backend: &mut B, first: Vec<u8>, idle: Duration) -> Ended
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let mut up = Flow {
        total: first.len() as u64,
        kept: first,
        dirty: true,
        ..Flow::default()
    };
    let mut down = Flow::default();
    let mut last = Instant::now();
    let mut timer: Pin<Box<Sleep>> = Box::pin(tokio::time::sleep(idle));
    let cause = poll_fn(|cx| {
        let mut moved = false;
        let upward = up.poll(cx, client, backend, &mut moved);
        let downward = down.poll(cx, backend, client, &mut moved);
        if moved {
            last = Instant::now();
        }
        match (upward, downward) {
            (Poll::Ready(Err(Side::Source(error))), _) | (_, Poll::Ready(Err(Side::Sink(error)))) => {
                return Poll::Ready(Cause::Client(error));
            }
            (Poll::Ready(Err(Side::Sink(error))), _) | (_, Poll::Ready(Err(Side::Source(error)))) => {
                return Poll::Ready(Cause::Backend(error));
            }
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(Cause::Finished),
            _ => {}
        }
        // The timer is moved only when it fires: traffic costs no timer operation.
        while timer.as_mut().poll(cx).is_ready() {
            let due = last + idle;
            if due <= Instant::now() {
                return Poll::Ready(Cause::Idle);
            }
            timer.as_mut().reset(due);
        }
        Poll::Pending
    })
    .await;
    Ended {
        upstream: up.total,
        downstream: down.total,
        cause,
    }
}
