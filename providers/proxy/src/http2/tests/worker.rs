//! A task that serves streams, run only when it was woken.

use super::super::connection::Connection;
use crate::http::Fill;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

#[derive(Debug, Default)]
pub(super) struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Flag {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Whether it was woken, once.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

/// What a task makes of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Sends back what it gets.
    Echo,
    /// Takes one part of the request, uses half of it and answers.
    Early,
    /// Gives the stream up after one part.
    Abort,
}

#[derive(Debug)]
pub(super) struct Serving {
    stream: u32,
    manner: Manner,
    chunk: Vec<u8>,
    used: usize,
}

/// A task that serves streams.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) flag: Arc<Flag>,
    pub(super) serving: Option<Serving>,
    pub(super) dismissed: bool,
}

impl Worker {
    pub(super) fn new() -> Self {
        Self {
            flag: Arc::new(Flag(AtomicBool::new(true))),
            serving: None,
            dismissed: false,
        }
    }

    /// Runs if it was woken; answers whether it was.
    pub(super) fn run(&mut self, connection: &mut Connection) -> bool {
        if self.dismissed || !self.flag.take() {
            return false;
        }
        let waker = Waker::from(Arc::clone(&self.flag));
        let cx = &mut Context::from_waker(&waker);
        loop {
            let Some(serving) = &mut self.serving else {
                match connection.poll_job(cx) {
                    Poll::Ready(Some(job)) => {
                        let path = job.request.unwrap().path.unwrap();
                        self.serving = Some(Serving {
                            stream: job.stream,
                            manner: match path.as_str() {
                                "/early" => Manner::Early,
                                "/abort" => Manner::Abort,
                                _ => Manner::Echo,
                            },
                            chunk: Vec::new(),
                            used: 0,
                        });
                    }
                    Poll::Ready(None) => self.dismissed = true,
                    Poll::Pending => {}
                }
                if self.serving.is_none() {
                    return true;
                }
                continue;
            };
            if serving.poll(connection, cx).is_pending() {
                return true;
            }
            let unread = serving.chunk.len() - serving.used;
            connection.finish(serving.stream, unread);
            self.serving = None;
        }
    }
}

impl Serving {
    fn poll(&mut self, connection: &mut Connection, cx: &mut Context<'_>) -> Poll<()> {
        // As the relay does: whoever waits for a client's data would hear of its reset as well.
        if connection.poll_gone(self.stream, cx).is_ready() {
            return Poll::Ready(());
        }
        loop {
            let unused = self.chunk.len() - self.used;
            if unused > 0 && self.manner == Manner::Echo {
                let Poll::Ready(room) = connection.poll_capacity(self.stream, cx, unused) else {
                    return Poll::Pending;
                };
                let Ok(room) = room else { return Poll::Ready(()) };
                let part = &self.chunk[self.used..self.used + room];
                connection.send_data(self.stream, part, false).unwrap();
                connection.consumed(self.stream, room);
                self.used += room;
                continue;
            }
            let Poll::Ready(fill) = connection.poll_body(self.stream, cx, &mut self.chunk) else {
                return Poll::Pending;
            };
            match (fill, self.manner) {
                (Err(_), _) => {
                    self.used = self.chunk.len();
                    return Poll::Ready(());
                }
                (Ok(Fill::Data), Manner::Echo) => self.used = 0,
                (Ok(Fill::Data), _) => {
                    self.used = self.chunk.len() / 2;
                    connection.consumed(self.stream, self.used);
                    if self.manner == Manner::Early {
                        let _ = connection.send_data(self.stream, &[], true);
                    }
                    return Poll::Ready(());
                }
                (Ok(Fill::End), _) => {
                    self.used = self.chunk.len();
                    connection.send_data(self.stream, &[], true).unwrap();
                    return Poll::Ready(());
                }
            }
        }
    }
}
