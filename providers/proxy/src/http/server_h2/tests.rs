//! The task that owns the socket, on a socket without a kernel: whenever it waits, something must be
//! going to wake it.

use super::*;
use crate::observe::Observer;
use crate::runtime::{ConnInfo, DrainSignal, HttpPort, PortHandle, ProxyOptions, WorkerContext};
use arc_swap::ArcSwap;
use gatewright_model::key::ObjectName;
use http::StatusCode;
use proptest::prelude::*;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
/// The client's window for a stream and for the connection at first (RFC 9113 section 6.9.2).
const WINDOW: usize = 65_535;

/// Both ends of a connection.
#[derive(Debug, Default)]
struct Ends {
    /// Sent by the client and not read.
    sent: Vec<u8>,
    reader: Option<Waker>,
    /// How much can be written.
    room: usize,
    written: usize,
    writer: Option<Waker>,
}

#[derive(Clone, Debug, Default)]
struct Wire(Rc<RefCell<Ends>>);

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut ends = self.0.borrow_mut();
        if ends.sent.is_empty() {
            ends.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = ends.sent.len().min(buf.remaining());
        buf.put_slice(&ends.sent[..count]);
        ends.sent.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let mut ends = self.0.borrow_mut();
        if ends.room == 0 {
            ends.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = ends.room.min(data.len());
        ends.room -= count;
        ends.written += count;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Flag {
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A connection with one stream that is open in both directions, whose serving task the test plays.
struct Stage {
    driver: Driver<Wire>,
    wire: Wire,
    /// Whether the task that owns the socket was woken.
    woken: Arc<Flag>,
    drain: DrainWatch,
}

impl Stage {
    /// To be used on a local runtime. The tasks that the connection makes never run, for the test
    /// does not give way.
    fn new() -> Self {
        let shared = crate::runtime::Shared {
            options: Arc::new(ProxyOptions::default()),
            observer: Arc::new(Observer::default()),
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        let port = HttpPort::new(ObjectName::new("test", "gateway"), 80, false, Vec::new());
        let cx = ConnContext {
            conn: ConnInfo {
                peer: address,
                client: address,
                local: address,
                listener_port: 80,
                tls: None,
                accepted: std::time::Instant::now(),
            },
            port: PortHandle::new(Arc::new(ArcSwap::from_pointee(port))),
            worker: WorkerContext::new(0, Arc::new(shared)),
        };
        let wire = Wire::default();
        wire.0.borrow_mut().room = usize::MAX;
        let mut stage = Self {
            driver: Driver::new(wire.clone(), cx),
            wire,
            woken: Arc::new(Flag::default()),
            drain: DrainSignal::new().watch(),
        };
        let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        hello.extend(frame(SETTINGS, 0, 0, &[]));
        hello.extend(frame(SETTINGS, ACK, 0, &[]));
        // POST / over http from the static table, `:authority: a` (RFC 7541 appendix A).
        hello.extend(frame(HEADERS, END_HEADERS, 1, b"\x83\x86\x84\x01\x01a"));
        stage.send(&hello);
        stage.poll();
        stage
            .state(|state| state.send_head(1, StatusCode::OK, (&crate::http::Headers::new(), None), false))
            .unwrap();
        stage.run();
        stage
    }

    fn state<T>(&self, with: impl FnOnce(&mut Connection) -> T) -> T {
        with(&mut self.driver.shared.state.borrow_mut())
    }

    /// The client sends.
    fn send(&self, bytes: &[u8]) {
        let mut ends = self.wire.0.borrow_mut();
        ends.sent.extend_from_slice(bytes);
        if let Some(waker) = ends.reader.take() {
            waker.wake();
        }
    }

    /// The client takes.
    fn take(&self, count: usize) {
        let mut ends = self.wire.0.borrow_mut();
        ends.room = ends.room.saturating_add(count);
        if let Some(waker) = ends.writer.take() {
            waker.wake();
        }
    }

    /// The stream's task sends what it may, up to `count`; answers how much.
    fn respond(&self, count: usize) -> usize {
        let mut sent = 0;
        while sent < count {
            let cx = Context::from_waker(Waker::noop());
            let room = self.state(|state| state.poll_capacity(1, &cx, count - sent));
            let Poll::Ready(room) = room else { break };
            let room = room.unwrap();
            self.state(|state| state.send_data(1, &vec![0; room], false))
                .unwrap();
            sent += room;
        }
        sent
    }

    fn poll(&mut self) {
        let waker = Waker::from(Arc::clone(&self.woken));
        let end = self.driver.poll(&mut Context::from_waker(&waker), &self.drain);
        assert_eq!(end, Poll::Pending);
    }

    /// Runs the task for as long as it is woken.
    fn run(&mut self) {
        for _ in 0..1_000 {
            if !self.woken.take() {
                return;
            }
            self.poll();
        }
        panic!("the task does not come to rest");
    }

    /// Nothing that was sent lies unread but while the client does not take our answers, nothing lies
    /// unwritten that it would take, and whatever can happen next wakes the task.
    fn check(&self) {
        let ends = self.wire.0.borrow();
        let waiting = self.state(|state| state.output().len());
        if waiting > 0 {
            assert_eq!(ends.room, 0, "{waiting} bytes are not written");
            assert!(
                ends.writer.is_some(),
                "not woken when {waiting} bytes can be written"
            );
        }
        if self.state(|state| state.has_room()) {
            assert!(ends.sent.is_empty(), "{} bytes are not read", ends.sent.len());
            assert!(ends.reader.is_some(), "not woken when the client sends");
        }
    }
}

fn local(test: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    runtime.block_on(async { test() });
}

/// While the output is full nothing is read. The task is woken by what the client sends and finds it
/// full; it writes everything at once and must read then, for nobody wakes it a second time: the
/// stream may be waiting for just what the client has sent.
#[test]
fn what_came_while_the_output_was_full_is_read() {
    local(|| {
        let mut stage = Stage::new();
        stage.check();
        assert_eq!(stage.respond(WINDOW + 1), WINDOW, "the client's window");
        assert!(!stage.state(|state| state.has_room()), "the output is full");
        let more = (WINDOW as u32).to_be_bytes();
        stage.send(
            &[
                frame(WINDOW_UPDATE, 0, 0, &more),
                frame(WINDOW_UPDATE, 0, 1, &more),
            ]
            .concat(),
        );
        stage.run();
        stage.check();
        assert_eq!(
            stage.respond(WINDOW + 1),
            WINDOW,
            "the client's windows were read"
        );
    });
}

/// A frame of which only a part had come when the output was full.
#[test]
fn the_rest_of_a_frame_is_read_after_the_output_was_full() {
    local(|| {
        let mut stage = Stage::new();
        let ping = frame(PING, 0, 0, &[7; 8]);
        let (front, rest) = ping.split_at(4);
        stage.send(front);
        stage.run();
        stage.respond(WINDOW);
        stage.send(rest);
        stage.run();
        stage.check();
    });
}

/// RFC 9113 section 5.4.1: an error of the connection among what was left unread ends it.
#[test]
fn an_error_behind_a_full_output_is_not_passed_over() {
    local(|| {
        let mut stage = Stage::new();
        // A PING of a wrong size lies behind those that fill the output.
        let mut bytes = frame(PING, 0, 0, &[7; 8]).repeat(64 * 1024 / 17 + 1);
        bytes.extend(frame(PING, 0, 0, &[7; 7]));
        stage.send(&bytes);
        let waker = Waker::from(Arc::clone(&stage.woken));
        let end = stage.driver.poll(&mut Context::from_waker(&waker), &stage.drain);
        assert_eq!(end, Poll::Ready(End::Failed(Reason::FrameSize)));
    });
}

/// What may happen to a connection.
#[derive(Clone, Debug)]
enum Event {
    /// The client sends a request body's part.
    Body(u16),
    Pings(usize),
    /// Widens both windows.
    Window(u32),
    /// The client takes so much.
    Take(usize),
    /// The stream's task answers.
    Respond(usize),
    /// The stream's task takes what has come.
    Consume,
    /// The task that owns the socket runs if it was woken.
    Run,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        prop_oneof![1..100u16, 1..16_384u16].prop_map(Event::Body),
        prop_oneof![1..10usize, 1_000..5_000usize].prop_map(Event::Pings),
        (1..100_000u32).prop_map(Event::Window),
        (1..100_000usize).prop_map(Event::Take),
        (1..100_000usize).prop_map(Event::Respond),
        Just(Event::Consume),
        Just(Event::Run),
        Just(Event::Run),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// However reads, writes and answers come about, the task never sleeps through one.
    #[test]
    fn it_never_waits_for_nothing(events in prop::collection::vec(event(), 1..60), bounded in any::<bool>()) {
        local(|| {
            let mut stage = Stage::new();
            if bounded {
                stage.wire.0.borrow_mut().room = 0;
            }
            let mut window = i64::from(Limits::default().h2_stream_window);
            for event in events {
                match event {
                    Event::Body(count) if window >= i64::from(count) => {
                        window -= i64::from(count);
                        stage.send(&frame(DATA, 0, 1, &vec![1; usize::from(count)]));
                    }
                    Event::Body(_) => {}
                    Event::Pings(count) => stage.send(&frame(PING, 0, 0, &[7; 8]).repeat(count)),
                    Event::Window(more) => {
                        let more = more.to_be_bytes();
                        stage.send(&[frame(WINDOW_UPDATE, 0, 0, &more), frame(WINDOW_UPDATE, 0, 1, &more)].concat());
                    }
                    Event::Take(count) => stage.take(count),
                    Event::Respond(count) => { stage.respond(count); }
                    Event::Consume => {
                        let cx = Context::from_waker(Waker::noop());
                        let mut chunk = Vec::new();
                        if stage.state(|state| state.poll_body(1, &cx, &mut chunk)).is_ready() {
                            stage.state(|state| state.consumed(1, chunk.len()));
                        }
                    }
                    Event::Run => {
                        stage.run();
                        stage.check();
                    }
                }
            }
            stage.take(usize::MAX);
            stage.run();
            stage.check();
        });
    }
}
