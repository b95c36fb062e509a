//! The state of a stream.

use crate::http::Headers;
use std::task::{Context, Waker};

/// A stream that is not closed on both sides.
#[derive(Debug)]
pub(super) struct Stream {
    /// Received and not taken yet: no more than our window.
    pub(super) inbox: Vec<u8>,
    pub(super) trailers: Option<Box<Headers>>,
    /// Whether the request is complete.
    pub(super) received: bool,
    /// What is left of the announced length (RFC 9113 section 8.1.1).
    pub(super) left: Option<u64>,
    /// What the client may still send.
    pub(super) recv_window: i64,
    /// Taken, and not yet given back to the client's window.
    pub(super) owed: u32,
    /// Whether the response is complete.
    pub(super) sent: bool,
    /// What we may still send; below 0 after the client has made its windows smaller (RFC 9113
    /// section 6.9.2).
    pub(super) send_window: i64,
    waker: Option<Waker>,
}

impl Stream {
    pub(super) const fn new(recv_window: i64, send_window: i64) -> Self {
        Self {
            inbox: Vec::new(),
            trailers: None,
            received: false,
            left: None,
            recv_window,
            owed: 0,
            sent: false,
            send_window,
            waker: None,
        }
    }

    /// Remembers who serves the stream.
    pub(super) fn register(&mut self, cx: &Context<'_>) {
        register(&mut self.waker, cx);
    }

    /// Tells whoever serves the stream.
    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Remembers a task.
pub(super) fn register(slot: &mut Option<Waker>, cx: &Context<'_>) {
    if !slot.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        *slot = Some(cx.waker().clone());
    }
}

/// Streams that were closed a short while ago: frames of theirs may still be under way.
#[derive(Debug, Default)]
pub(super) struct Closed {
    ids: std::collections::VecDeque<(u32, By)>,
}

/// Who closed a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Both sides ended, or the client reset it: nothing may follow.
    Client,
    /// We reset it: the client may not know yet (RFC 9113 section 5.4.2).
    Us,
}

impl Closed {
    /// How many are remembered.
    const KEPT: usize = 128;

    pub(super) fn note(&mut self, id: u32, by: By) {
        if self.ids.len() == Self::KEPT {
            self.ids.pop_front();
        }
        self.ids.push_back((id, by));
    }

    pub(super) fn find(&self, id: u32) -> Option<By> {
        self.ids
            .iter()
            .rev()
            .find(|(known, _)| *known == id)
            .map(|(_, by)| *by)
    }
}
