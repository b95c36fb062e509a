//! A client, the task that owns the socket and those that serve the streams, each run only when it was
//! woken: in whatever order things happen, everything comes to its end, and every byte is given back to
//! the windows (RFC 9113 sections 5.2 and 6.9).

use super::super::connection::{Connection, DEFAULT_WINDOW};
use super::super::frame::{self, Head, Reason, flag, kind, setting};
use super::super::hpack;
use super::SETTINGS;
use super::worker::{Flag, Worker};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Waker};

/// A stream as the client sees it.
#[derive(Debug)]
struct Half {
    window: i64,
    /// Whether the answer is what was sent.
    echo: bool,
    sent: usize,
    back: usize,
    owed: u32,
    /// Whether the client has ended the request.
    ended: bool,
    /// Whether the answer has ended.
    answered: bool,
    /// Whether one of the two has reset it.
    reset: bool,
}

#[derive(Debug)]
struct World {
    connection: Connection,
    io: Arc<Flag>,
    workers: Vec<Worker>,
    /// On its way to the server, and to the client.
    there: Vec<u8>,
    back: Vec<u8>,
    streams: BTreeMap<u32, Half>,
    next: u32,
    /// What the client may still send.
    window: i64,
    owed: u32,
}

#[derive(Clone, Debug)]
enum Event {
    Open(&'static str),
    Data(usize, usize),
    /// A frame that is mostly padding.
    Padded(usize, usize),
    End(usize),
    Reset(usize),
    /// The client makes its windows what they were.
    Grant,
    /// The task that owns the socket runs; the client takes so many bytes.
    Deliver(usize),
    Work(usize),
    /// The connection has been quiet.
    Rest,
}

impl World {
    /// `window`: what the client grants at first.
    fn new(window: u32) -> Self {
        let mut hello = frame::PREFACE.to_vec();
        frame::settings(&mut hello, &[(setting::INITIAL_WINDOW_SIZE, window)]);
        frame::write(&mut hello, kind::SETTINGS, flag::ACK, 0, &[]);
        if let Some(more @ 1..) = window.checked_sub(DEFAULT_WINDOW) {
            frame::window_update(&mut hello, 0, more);
        }
        Self {
            connection: Connection::new(SETTINGS),
            io: Arc::new(Flag::default()),
            workers: Vec::new(),
            there: hello,
            back: Vec::new(),
            streams: BTreeMap::new(),
            next: 1,
            window: i64::from(DEFAULT_WINDOW),
            owed: 0,
        }
    }

    /// The streams that the client may send on.
    fn writable(&self, which: usize) -> Option<u32> {
        let open: Vec<u32> = self
            .streams
            .iter()
            .filter(|(_, half)| !half.ended && !half.reset)
            .map(|(id, _)| *id)
            .collect();
        (!open.is_empty()).then(|| open[which % open.len()])
    }

    fn open(&mut self, path: &str) {
        let active = self
            .streams
            .values()
            .filter(|half| !(half.reset || half.ended && half.answered));
        if active.count() >= SETTINGS.streams as usize {
            return;
        }
        let mut block = Vec::new();
        for (name, value) in [
            (":method", "POST"),
            (":scheme", "https"),
            (":path", path),
            (":authority", "a.test"),
        ] {
            hpack::field(&mut block, name.as_bytes(), value.as_bytes());
        }
        frame::write(
            &mut self.there,
            kind::HEADERS,
            flag::END_HEADERS,
            self.next,
            &block,
        );
        let half = Half {
            window: i64::from(SETTINGS.stream_window),
            echo: path == "/",
            sent: 0,
            back: 0,
            owed: 0,
            ended: false,
            answered: false,
            reset: false,
        };
        self.streams.insert(self.next, half);
        self.next += 2;
    }

    fn data(&mut self, which: usize, count: usize, padding: u8) {
        let Some(id) = self.writable(which) else { return };
        let Some(half) = self.streams.get_mut(&id) else {
            return;
        };
        let overhead = if padding > 0 { 1 + i64::from(padding) } else { 0 };
        let room = self.window.min(half.window) - overhead;
        let count = count.min(usize::try_from(room).unwrap_or(0));
        if count == 0 {
            return;
        }
        let mut payload = Vec::new();
        let mut flags = flag::NONE;
        if padding > 0 {
            flags = flag::PADDED;
            payload.push(padding);
        }
        payload.resize(payload.len() + count, b'*');
        payload.resize(payload.len() + usize::from(padding), 0);
        let size = frame::size(&payload);
        half.window -= size;
        half.sent += count;
        self.window -= size;
        frame::write(&mut self.there, kind::DATA, flags, id, &payload);
    }

    fn end(&mut self, which: usize) {
        if let Some(id) = self.writable(which) {
            frame::write(&mut self.there, kind::DATA, flag::END_STREAM, id, &[]);
            self.streams.entry(id).and_modify(|half| half.ended = true);
        }
    }

    fn reset(&mut self, which: usize) {
        let open: Vec<u32> = self
            .streams
            .iter()
            .filter(|(_, half)| !(half.reset || half.ended && half.answered))
            .map(|(id, _)| *id)
            .collect();
        if let Some(id) = open.get(which.checked_rem(open.len()).unwrap_or(0)) {
            frame::reset(&mut self.there, *id, Reason::NoError);
            self.streams.entry(*id).and_modify(|half| half.reset = true);
        }
    }

    fn grant(&mut self) {
        if self.owed > 0 {
            frame::window_update(&mut self.there, 0, std::mem::take(&mut self.owed));
        }
        for (id, half) in &mut self.streams {
            if half.owed > 0 && !half.reset && !half.answered {
                frame::window_update(&mut self.there, *id, std::mem::take(&mut half.owed));
            }
        }
    }

    /// What the client makes of what it got.
    fn receive(&mut self) {
        while let Some(head) = Head::parse(&self.back) {
            let end = frame::HEAD + head.length;
            let Some(payload) = self.back.get(frame::HEAD..end).map(<[u8]>::to_vec) else {
                return;
            };
            self.back.drain(..end);
            match head.kind {
                kind::DATA => {
                    self.owed += payload.len() as u32;
                    let half = self.streams.get_mut(&head.stream).unwrap();
                    half.owed += payload.len() as u32;
                    half.back += payload.len();
                    half.answered |= head.has(flag::END_STREAM);
                }
                kind::WINDOW_UPDATE => {
                    let increment = i64::from(frame::number(&payload).unwrap());
                    if head.stream == 0 {
                        self.window += increment;
                    } else {
                        self.streams.get_mut(&head.stream).unwrap().window += increment;
                    }
                }
                kind::RST_STREAM => self.streams.get_mut(&head.stream).unwrap().reset = true,
                kind::GOAWAY => panic!("{payload:?}"),
                _ => {}
            }
        }
    }

    /// As the task that owns the socket: woken by the state, by what the client sends, and by room for
    /// what is to be written.
    fn deliver(&mut self, count: usize) -> bool {
        if !self.io.take() && self.there.is_empty() {
            return false;
        }
        let mut left = count;
        loop {
            let taken = self.connection.receive(&self.there).unwrap();
            self.there.drain(..taken);
            let workers = &mut self.workers;
            self.connection.hand_out(|| {
                let room = workers.len() < SETTINGS.streams as usize;
                if room {
                    workers.push(Worker::new());
                }
                room
            });
            let part = left.min(self.connection.output().len());
            self.back.extend_from_slice(&self.connection.output()[..part]);
            self.connection.wrote(part);
            left -= part;
            if taken == 0 || left == 0 {
                break;
            }
        }
        let waker = Waker::from(Arc::clone(&self.io));
        // When the client takes more.
        if !self.connection.output().is_empty() {
            waker.wake_by_ref();
        }
        self.connection.register(&Context::from_waker(&waker));
        self.receive();
        true
    }

    fn work(&mut self, which: usize) -> bool {
        if self.workers.is_empty() {
            return false;
        }
        let index = which % self.workers.len();
        let ran = self.workers[index].run(&mut self.connection);
        self.workers.retain(|worker| !worker.dismissed);
        ran
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Open(path) => self.open(path),
            Event::Data(which, count) => self.data(*which, *count, 0),
            Event::Padded(which, count) => self.data(*which, *count, 200),
            Event::End(which) => self.end(*which),
            Event::Reset(which) => self.reset(*which),
            Event::Grant => self.grant(),
            Event::Deliver(count) => {
                self.deliver(*count);
            }
            Event::Work(which) => {
                self.work(*which);
            }
            Event::Rest => {
                if self.connection.active() == 0 && self.connection.is_restless() {
                    self.connection.rest();
                }
            }
        }
    }

    /// Lets everything that was woken run until nothing is.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut ran = self.deliver(usize::MAX);
            for which in 0..self.workers.len() {
                ran |= self.work(which);
            }
            if ran {
                continue;
            }
            let room = self.connection.has_room() && self.connection.send_window > 0;
            assert!(
                !room || self.connection.waiting.is_empty(),
                "streams wait for what is there"
            );
            self.grant();
            if self.there.is_empty() {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// The client ends what it has begun: nothing may be left.
    fn finish(&mut self) {
        self.settle();
        let serving = self.workers.iter().filter(|worker| worker.serving.is_some());
        assert_eq!(
            serving.count(),
            self.connection.active(),
            "streams that nobody serves"
        );
        while self.writable(0).is_some() {
            self.end(0);
        }
        self.settle();
        assert!(self.connection.output().is_empty(), "not woken to write");
        assert_eq!(
            self.connection.active(),
            0,
            "streams that nobody serves: {self:?}"
        );
        for (id, half) in &self.streams {
            assert!(half.answered || half.reset, "stream {id}: {half:?}");
            assert!(
                half.reset || !half.echo || half.back == half.sent,
                "stream {id}: {half:?}"
            );
        }
        let whole = i64::from(SETTINGS.connection_window);
        assert_eq!(
            self.window + i64::from(self.connection.owed),
            whole,
            "bytes that were never given back"
        );
        assert!(self.window > whole / 2, "{} are kept back", self.connection.owed);
        assert_eq!(self.connection.recv_window, self.window);
        assert!(self.connection.waiting.is_empty());
    }
}

fn event() -> impl Strategy<Value = Event> {
    let which = 0..4usize;
    prop_oneof![
        4 => prop::sample::select(vec!["/", "/", "/", "/early", "/abort"]).prop_map(Event::Open),
        4 => (which.clone(), 1..100usize).prop_map(|(which, count)| Event::Data(which, count)),
        4 => (which.clone(), 1..16_384usize).prop_map(|(which, count)| Event::Data(which, count)),
        1 => (which.clone(), 1..300usize).prop_map(|(which, count)| Event::Padded(which, count)),
        2 => which.clone().prop_map(Event::End),
        1 => which.clone().prop_map(Event::Reset),
        2 => Just(Event::Grant),
        3 => Just(Event::Deliver(usize::MAX)),
        2 => (1..20_000usize).prop_map(Event::Deliver),
        8 => which.prop_map(Event::Work),
        1 => Just(Event::Rest),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn everything_comes_to_its_end(
        events in prop::collection::vec(event(), 1..200),
        window in prop::sample::select(vec![5_000, 65_535, 1_000_000]),
        takes in prop::sample::select(vec![100, 20_000, usize::MAX]),
    ) {
        let mut world = World::new(window);
        world.deliver(usize::MAX);
        for event in &events {
            match event {
                Event::Deliver(count) => { world.deliver(takes.min(*count)); }
                event => world.event(event),
            }
        }
        world.finish();
    }
}

/// A task that was woken for the stream it had just served takes a stream that was meant for another.
/// It is busy then, and must not be counted on for the next one.
#[test]
fn a_stream_is_not_handed_to_a_busy_task() {
    let mut world = World::new(DEFAULT_WINDOW);
    world.deliver(usize::MAX);
    // Two streams, two tasks, both done in one turn.
    world.open("/");
    world.open("/");
    world.end(0);
    world.end(0);
    world.settle();
    assert_eq!(world.workers.len(), 2);
    // The first was polled without need while a stream waits for the second.
    world.open("/");
    world.deliver(usize::MAX);
    let idle: Vec<bool> = world.workers.iter().map(|worker| worker.flag.is_set()).collect();
    let other = idle.iter().position(|woken| !woken).unwrap();
    Waker::from(Arc::clone(&world.workers[other].flag)).wake();
    assert!(world.work(other));
    assert!(world.workers[other].serving.is_some());
    assert!(world.work(1 - other));
    // Two more, while the first still serves its own.
    world.open("/");
    world.open("/");
    world.settle();
    let serving = world.workers.iter().filter(|worker| worker.serving.is_some());
    assert_eq!(serving.count(), 3, "a stream waits for a task that is busy");
    world.finish();
}
