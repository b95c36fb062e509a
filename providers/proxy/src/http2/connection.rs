//! A connection: its streams, and how it begins and ends.

use super::frame::{self, Reason, flag, kind, setting};
use super::hpack::{Decoder, Passage};
use super::request::Request;
use super::stream::{By, Closed, Stream, register};
use http::StatusCode;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

/// The window that a connection and its streams begin with (RFC 9113 section 6.9.2).
pub(super) const DEFAULT_WINDOW: u32 = 65_535;
/// Output beyond which nothing more is read or taken from backends.
const BACKLOG: usize = 64 * 1024;
/// Streams that may go wrong, reset by the client or by us for what it sent, before it is asked
/// whether they are the rule: then it only makes us work (CVE-2023-44487, CVE-2025-8671).
const RESETS: u64 = 200;
/// What the ping of a drain carries: its answer says that the client knows.
const DRAIN_PING: [u8; 8] = *b"draining";
/// What the ping of a quiet connection carries.
const ALIVE_PING: [u8; 8] = *b"alive???";

/// What we announce.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Streams open at once (`SETTINGS_MAX_CONCURRENT_STREAMS`).
    pub streams: u32,
    /// Receive window of a stream (`SETTINGS_INITIAL_WINDOW_SIZE`).
    pub stream_window: u32,
    /// Receive window of the connection.
    pub connection_window: u32,
    /// Size of a header list (`SETTINGS_MAX_HEADER_LIST_SIZE`).
    pub header_list: u32,
}

/// A stream to serve.
#[derive(Debug)]
pub(crate) struct Job {
    /// Its number.
    pub stream: u32,
    /// Its head, or the status with which it is refused.
    pub request: Result<Box<Request>, StatusCode>,
}

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    No,
    /// GOAWAY was sent for streams still to come, so that none that is under way is lost (RFC 9113
    /// section 6.8).
    Announced,
    /// GOAWAY names the last stream that is served.
    Decided,
}

/// A header block whose end has not come.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) head: frame::Head,
    pub(super) bytes: Vec<u8>,
    pub(super) frames: u32,
    /// Once it is too large to be kept: `bytes` is what of it could not be passed over yet.
    pub(super) passage: Option<Passage>,
}

/// The state of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) settings: Settings,
    /// Whether the client's preface has come.
    pub(super) greeted: bool,
    /// Whether the client's first settings have come.
    pub(super) settled: bool,
    /// Whether the client knows our settings.
    pub(super) acknowledged: bool,
    pub(super) output: Vec<u8>,
    written: usize,
    pub(super) decoder: Decoder,
    pub(super) block: Option<Block>,
    pub(super) streams: FxHashMap<u32, Stream>,
    pub(super) closed: Closed,
    /// Accepted and not taken up.
    jobs: VecDeque<Job>,
    /// For how many of them a task was woken or made.
    handed: usize,
    /// Tasks without a stream.
    idle: Vec<Waker>,
    dismissed: usize,
    /// Highest stream that the client has opened.
    pub(super) last: u32,
    /// What the client may still send.
    pub(super) recv_window: i64,
    /// Taken, and not yet given back to the client's window.
    pub(super) owed: u32,
    /// What we may still send.
    pub(super) send_window: i64,
    /// Window of a new stream towards the client.
    pub(super) initial_window: i64,
    /// Streams that wait for the connection: its window, or its output.
    pub(super) waiting: Vec<u32>,
    pub(super) ending: Ending,
    /// Whether the client said that it goes.
    pub(super) leaving: bool,
    /// Frames in a row that carry nothing.
    pub(super) empty: u32,
    opened: u64,
    faults: u64,
    /// Answers to pings of ours.
    pub(super) pong: bool,
    io: Option<Waker>,
    over: bool,
}

impl Connection {
    /// A connection that begins with our settings.
    pub(crate) fn new(settings: Settings) -> Self {
        let mut output = Vec::with_capacity(1024);
        frame::settings(
            &mut output,
            &[
                (setting::MAX_CONCURRENT_STREAMS, settings.streams),
                (setting::INITIAL_WINDOW_SIZE, settings.stream_window),
                (setting::MAX_HEADER_LIST_SIZE, settings.header_list),
                (setting::ENABLE_CONNECT_PROTOCOL, 1),
            ],
        );
        let wider = settings.connection_window.saturating_sub(DEFAULT_WINDOW);
        if wider > 0 {
            frame::window_update(&mut output, 0, wider);
        }
        Self {
            settings,
            greeted: false,
            settled: false,
            acknowledged: false,
            output,
            written: 0,
            decoder: Decoder::default(),
            block: None,
            streams: FxHashMap::default(),
            closed: Closed::default(),
            jobs: VecDeque::new(),
            handed: 0,
            idle: Vec::new(),
            dismissed: 0,
            last: 0,
            recv_window: i64::from(settings.connection_window.max(DEFAULT_WINDOW)),
            owed: 0,
            send_window: i64::from(DEFAULT_WINDOW),
            initial_window: i64::from(DEFAULT_WINDOW),
            waiting: Vec::new(),
            ending: Ending::No,
            leaving: false,
            empty: 0,
            opened: 0,
            faults: 0,
            pong: false,
            io: None,
            over: false,
        }
    }

    /// Whether the client's preface and settings have come.
    pub(crate) const fn is_settled(&self) -> bool {
        self.settled
    }

    /// Whether a header block is being received, which a client must send without a pause.
    pub(crate) const fn is_within_block(&self) -> bool {
        self.block.is_some()
    }

    /// Number of streams so far.
    pub(crate) const fn opened(&self) -> u64 {
        self.opened
    }

    /// Number of streams that are open or being served.
    pub(crate) fn active(&self) -> usize {
        self.streams.len()
    }

    /// Whether more frames can be taken: the client takes our answers.
    pub(crate) fn has_room(&self) -> bool {
        self.output.len() - self.written < BACKLOG
    }

    /// What is to be written.
    pub(crate) fn output(&self) -> &[u8] {
        self.output.get(self.written..).unwrap_or_default()
    }

    /// Marks output as written.
    pub(crate) fn wrote(&mut self, count: usize) {
        self.written += count;
        if self.written >= self.output.len() {
            self.output.clear();
            self.written = 0;
        }
        if self.has_room() {
            self.wake_waiting();
        }
    }

    /// Remembers the task that writes the output.
    pub(crate) fn register(&mut self, cx: &Context<'_>) {
        register(&mut self.io, cx);
    }

    /// Tells the task that writes the output.
    pub(super) fn wake_io(&mut self) {
        if let Some(waker) = self.io.take() {
            waker.wake();
        }
    }

    /// Streams that waited for the connection may try again.
    pub(super) fn wake_waiting(&mut self) {
        while let Some(id) = self.waiting.pop() {
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.wake();
            }
        }
    }

    /// Takes up a new stream.
    pub(super) fn open(&mut self, id: u32, stream: Stream, request: Result<Box<Request>, StatusCode>) {
        self.opened += 1;
        self.streams.insert(id, stream);
        self.jobs.push_back(Job { stream: id, request });
    }

    /// Wakes tasks for the streams that nobody serves yet; `more` makes another one and answers
    /// whether it could.
    pub(crate) fn hand_out(&mut self, mut more: impl FnMut() -> bool) {
        while self.handed < self.jobs.len() {
            match self.idle.pop() {
                Some(waker) => waker.wake(),
                None if more() => {}
                // A task that is done with its stream takes the next.
                None => return,
            }
            self.handed += 1;
        }
    }

    /// The next stream to serve. `None`: the task is not needed any more.
    pub(crate) fn poll_job(&mut self, cx: &Context<'_>) -> Poll<Option<Job>> {
        while let Some(job) = self.jobs.pop_front() {
            self.handed = self.handed.saturating_sub(1);
            if self.streams.contains_key(&job.stream) {
                // It may have been woken for something else: it must not be counted on while it is busy.
                self.idle.retain(|waker| !waker.will_wake(cx.waker()));
                return Poll::Ready(Some(job));
            }
        }
        if self.over || self.dismissed > 0 {
            self.dismissed = self.dismissed.saturating_sub(1);
            return Poll::Ready(None);
        }
        if !self.idle.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.idle.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Lets go of what a quiet connection does not need: tasks and memory.
    pub(crate) fn rest(&mut self) {
        self.dismissed = self.idle.len();
        for waker in self.idle.drain(..) {
            waker.wake();
        }
        if self.output.is_empty() {
            self.output = Vec::new();
        }
        self.idle = Vec::new();
        self.streams = FxHashMap::default();
        self.jobs = VecDeque::new();
        self.handed = 0;
        self.decoder.rest();
    }

    /// Whether there is something that [`Connection::rest`] would let go.
    pub(crate) fn is_restless(&self) -> bool {
        !self.idle.is_empty()
    }

    /// Asks the client to open no more streams.
    pub(crate) fn drain(&mut self) {
        if self.ending == Ending::No {
            self.ending = Ending::Announced;
            frame::goaway(&mut self.output, 0x7fff_ffff, Reason::NoError);
            frame::write(&mut self.output, kind::PING, flag::NONE, 0, &DRAIN_PING);
        }
    }

    /// Asks whether the client is there; [`Connection::answered`] says when it is.
    pub(crate) fn ping(&mut self) {
        self.pong = false;
        frame::write(&mut self.output, kind::PING, flag::NONE, 0, &ALIVE_PING);
    }

    /// Whether the last ping was answered.
    pub(crate) const fn answered(&self) -> bool {
        self.pong
    }

    /// A ping was answered.
    pub(super) fn ponged(&mut self, payload: &[u8]) {
        if payload == ALIVE_PING {
            self.pong = true;
        } else if payload == DRAIN_PING && self.ending == Ending::Announced {
            self.ending = Ending::Decided;
            frame::goaway(&mut self.output, self.last, Reason::NoError);
        }
    }

    /// Whether nothing is left to do on the connection but to write its output.
    pub(crate) fn is_done(&self) -> bool {
        (self.ending == Ending::Decided || self.leaving) && self.streams.is_empty()
    }

    /// Ends the connection for an error of the client (RFC 9113 section 5.4.1).
    pub(crate) fn fail(&mut self, reason: Reason) {
        frame::goaway(&mut self.output, self.last, reason);
        self.close();
    }

    /// The connection is gone: whoever serves a stream is told.
    pub(crate) fn close(&mut self) {
        self.over = true;
        for (_, mut stream) in self.streams.drain() {
            stream.wake();
        }
        self.jobs.clear();
        for waker in self.idle.drain(..) {
            waker.wake();
        }
    }

    /// Counts a stream that was given up for what the client did.
    pub(super) fn fault(&mut self) -> Result<(), Reason> {
        self.faults += 1;
        if self.faults > RESETS && self.faults * 2 > self.opened {
            return Err(Reason::EnhanceYourCalm);
        }
        Ok(())
    }

    /// A stream error of the client's making (RFC 9113 section 5.4.2).
    pub(super) fn stream_error(&mut self, id: u32, reason: Reason) -> Result<(), Reason> {
        frame::reset(&mut self.output, id, reason);
        self.remove(id, By::Us);
        self.fault()
    }

    /// Forgets a stream.
    pub(super) fn remove(&mut self, id: u32, by: By) {
        if let Some(mut stream) = self.streams.remove(&id) {
            stream.wake();
            self.credit(stream.inbox.len());
            // Else a client could make it grow, with streams that wait and are reset.
            self.waiting.retain(|waiting| *waiting != id);
        }
        self.closed.note(id, by);
    }
}
