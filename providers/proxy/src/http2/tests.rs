//! The connection without a socket: what RFC 9113 asks, and what is bounded. h2spec covers the
//! framing rules case by case; here is what it does not.

mod simulation;
mod worker;

use super::connection::{Connection, Settings};
use super::frame::{self, Head, Reason, flag, kind};
use super::hpack;
use crate::http::{Fill, Headers};
use std::task::{Context, Poll, Waker};

const SETTINGS: Settings = Settings {
    streams: 4,
    stream_window: 65_536,
    connection_window: 131_072,
    header_list: 8_192,
};

struct Client {
    connection: Connection,
    seen: Vec<(Head, Vec<u8>)>,
}

impl Client {
    fn new() -> Self {
        let mut client = Self {
            connection: Connection::new(SETTINGS),
            seen: Vec::new(),
        };
        let mut hello = frame::PREFACE.to_vec();
        frame::settings(&mut hello, &[]);
        frame::write(&mut hello, kind::SETTINGS, flag::ACK, 0, &[]);
        client.send(&hello).unwrap();
        client.frames();
        client
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        let taken = self.connection.receive(bytes)?;
        assert_eq!(taken, bytes.len());
        Ok(())
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<(), Reason> {
        let mut bytes = Vec::new();
        frame::write(&mut bytes, kind, flags, stream, payload);
        self.send(&bytes)
    }

    /// Opens a stream with a request; `end`: without a body.
    fn request(&mut self, stream: u32, end: bool, fields: &[(&str, &str)]) -> Result<(), Reason> {
        let mut block = Vec::new();
        let always = [
            (":method", if end { "GET" } else { "POST" }),
            (":scheme", "https"),
            (":path", "/"),
            (":authority", "a.test"),
        ];
        for (name, value) in always.iter().chain(fields) {
            hpack::field(&mut block, name.as_bytes(), value.as_bytes());
        }
        let end = if end { flag::END_STREAM } else { flag::NONE };
        self.frame(kind::HEADERS, end | flag::END_HEADERS, stream, &block)
    }

    /// What the connection wrote since.
    fn frames(&mut self) -> Vec<(Head, Vec<u8>)> {
        let mut output = self.connection.output();
        let mut frames = Vec::new();
        while let Some(head) = Head::parse(output) {
            let end = frame::HEAD + head.length;
            frames.push((head, output[frame::HEAD..end].to_vec()));
            output = &output[end..];
        }
        assert!(output.is_empty());
        let count = self.connection.output().len();
        self.connection.wrote(count);
        self.seen.extend(frames.clone());
        frames
    }

    fn resets(&mut self) -> Vec<(u32, u32)> {
        self.frames()
            .into_iter()
            .filter(|(head, _)| head.kind == kind::RST_STREAM)
            .map(|(head, payload)| (head.stream, frame::number(&payload).unwrap()))
            .collect()
    }

    fn job(&mut self) -> Option<u32> {
        match self.connection.poll_job(&context()) {
            Poll::Ready(Some(job)) => Some(job.stream),
            _ => None,
        }
    }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn headers(fields: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.append_raw(name.as_bytes(), value.as_bytes()).unwrap();
    }
    headers
}

#[test]
fn a_request_is_answered_in_two_frames() {
    let mut client = Client::new();
    client
        .request(
            1,
            true,
            &[("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers")],
        )
        .unwrap();
    let Poll::Ready(Some(job)) = client.connection.poll_job(&context()) else {
        panic!("no job");
    };
    let request = job.request.unwrap();
    assert_eq!(request.headers.get_str("cookie"), Some("a=1; b=2"));
    assert!(request.trailers && request.ended);
    let fields = headers(&[("server", "x")]);
    client
        .connection
        .send_head(1, http::StatusCode::OK, (&fields, Some(2)), false)
        .unwrap();
    client.connection.send_data(1, b"ok", true).unwrap();
    client.connection.finish(1, 0);
    let frames = client.frames();
    assert_eq!(frames.len(), 2);
    assert_eq!(
        (frames[0].0.kind, frames[0].0.flags),
        (kind::HEADERS, flag::END_HEADERS)
    );
    assert_eq!(
        (frames[1].0.kind, frames[1].0.flags),
        (kind::DATA, flag::END_STREAM)
    );
    assert_eq!(frames[1].1, b"ok");
    assert_eq!(client.connection.active(), 0);
}

/// RFC 9113 sections 8.1.1 to 8.3: each is malformed, the stream is reset with PROTOCOL_ERROR.
#[test]
fn malformed_requests_are_reset() {
    let cases: &[&[(&str, &str)]] = &[
        &[(":path", "/again")],
        &[(":status", "200")],
        &[("X-Upper", "1")],
        &[("connection", "close")],
        &[("transfer-encoding", "chunked")],
        &[("upgrade", "websocket")],
        &[("te", "gzip")],
        &[("x-a", "1"), (":method", "GET")],
        &[("x-a", " padded")],
        &[("x-a", "line\nfeed")],
        &[("x a", "1")],
        &[("content-length", "5")],
    ];
    for (index, fields) in cases.iter().enumerate() {
        let mut client = Client::new();
        client.request(1, true, fields).unwrap();
        assert_eq!(client.resets(), [(1, 1)], "{index}: {fields:?}");
        assert_eq!(client.job(), None);
    }
    // Each of the required pseudo-header fields.
    for missing in [":method", ":scheme", ":path"] {
        let mut client = Client::new();
        let mut block = Vec::new();
        for (name, value) in [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/"),
            (":authority", "a"),
        ] {
            if name != missing {
                hpack::field(&mut block, name.as_bytes(), value.as_bytes());
            }
        }
        client
            .frame(kind::HEADERS, flag::END_STREAM | flag::END_HEADERS, 1, &block)
            .unwrap();
        assert_eq!(client.resets(), [(1, 1)], "{missing}");
    }
}

/// RFC 9113 section 8.2.1, byte by byte, in heads and in trailers: a name is a token (RFC 9110 section
/// 5.6.2) without upper case, a value has no control characters but the tab.
#[test]
fn names_and_values_of_other_bytes_are_reset() {
    let name_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let value_byte = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    for byte in 0..=u8::MAX {
        for (name, value, fine) in [
            ([b'x', byte, b'y'], *b"a,b", name_byte(byte)),
            (*b"x-y", [b'a', byte, b'b'], value_byte(byte)),
        ] {
            let mut block = Vec::new();
            hpack::field(&mut block, &name, &value);
            let mut client = Client::new();
            let mut head = vec![0x82, 0x84, 0x87, 0x01, 1, b'a'];
            head.extend_from_slice(&block);
            let ends = flag::END_STREAM | flag::END_HEADERS;
            client.frame(kind::HEADERS, ends, 1, &head).unwrap();
            client.request(3, false, &[]).unwrap();
            client.frame(kind::HEADERS, ends, 3, &block).unwrap();
            let expected: &[(u32, u32)] = if fine { &[] } else { &[(1, 1), (3, 1)] };
            assert_eq!(client.resets(), expected, "{name:?}: {value:?}");
        }
    }
}

/// RFC 9113 section 8.1.1: DATA must add up to `Content-Length`.
#[test]
fn bodies_must_have_the_announced_length() {
    for (parts, fine) in [
        (&[3usize, 2][..], true),
        (&[3, 3], false),
        (&[4], false),
        (&[], false),
    ] {
        let mut client = Client::new();
        client.request(1, false, &[("content-length", "5")]).unwrap();
        for part in parts {
            let _ = client.frame(kind::DATA, flag::NONE, 1, &vec![b'x'; *part]);
        }
        let _ = client.frame(kind::DATA, flag::END_STREAM, 1, b"");
        assert_eq!(client.resets().is_empty(), fine, "{parts:?}");
    }
}

/// RFC 9113 section 6.9: the windows, both ways.
#[test]
fn windows_are_kept() {
    let mut client = Client::new();
    client.request(1, false, &[]).unwrap();
    for _ in 0..4 {
        client.frame(kind::DATA, flag::NONE, 1, &[b'x'; 16_384]).unwrap();
    }
    let mut chunk = Vec::new();
    let filled = client.connection.poll_body(1, &context(), &mut chunk);
    assert!(matches!(filled, Poll::Ready(Ok(Fill::Data))));
    assert_eq!(chunk.len(), 65_536);
    assert!(
        client
            .connection
            .poll_body(1, &context(), &mut Vec::new())
            .is_pending()
    );
    // Nothing is given back before it is used.
    assert!(client.frames().is_empty());
    client.connection.consumed(1, 65_536);
    let updates: Vec<u32> = client.frames().iter().map(|(head, _)| head.stream).collect();
    assert_eq!(updates, [0, 1]);
    for _ in 0..4 {
        client.frame(kind::DATA, flag::NONE, 1, &[b'x'; 16_384]).unwrap();
    }
    client.frame(kind::DATA, flag::NONE, 1, b"x").unwrap();
    assert_eq!(client.resets(), [(1, Reason::FlowControl as u32)]);
    // The other way: 65,535 bytes to begin with, for the stream and for the connection.
    client.request(3, true, &[]).unwrap();
    let room = client.connection.poll_capacity(3, &context(), 1 << 20);
    assert!(matches!(room, Poll::Ready(Ok(65_535))));
    client.connection.send_data(3, &vec![0; 65_535], false).unwrap();
    let sizes: Vec<usize> = client.frames().iter().map(|(head, _)| head.length).collect();
    assert_eq!(sizes, [16_384, 16_384, 16_384, 16_383]);
    assert!(client.connection.poll_capacity(3, &context(), 1).is_pending());
    client
        .frame(kind::WINDOW_UPDATE, flag::NONE, 3, &10u32.to_be_bytes())
        .unwrap();
    assert!(client.connection.poll_capacity(3, &context(), 1).is_pending());
    client
        .frame(kind::WINDOW_UPDATE, flag::NONE, 0, &4u32.to_be_bytes())
        .unwrap();
    let room = client.connection.poll_capacity(3, &context(), 100);
    assert!(matches!(room, Poll::Ready(Ok(4))));
}

/// A stream that we ended: what was under way is ignored, and its bytes given back.
#[test]
fn what_was_under_way_to_a_stream_of_ours_is_ignored() {
    let mut client = Client::new();
    client.request(1, false, &[]).unwrap();
    client.connection.reset(1, Reason::Internal);
    assert_eq!(client.resets(), [(1, 2)]);
    for _ in 0..20 {
        client.frame(kind::DATA, flag::NONE, 1, &[b'x'; 16_384]).unwrap();
    }
    assert!(client.resets().is_empty());
    assert!(
        client
            .seen
            .iter()
            .any(|(head, _)| head.kind == kind::WINDOW_UPDATE)
    );
}

#[test]
fn more_streams_than_allowed_are_refused() {
    let mut client = Client::new();
    for stream in [1, 3, 5, 7, 9] {
        client.request(stream, true, &[]).unwrap();
    }
    assert_eq!(client.resets(), [(9, Reason::Refused as u32)]);
    assert_eq!(client.connection.active(), 4);
}

/// CVE-2023-44487 and CVE-2025-8671.
#[test]
fn resets_beyond_measure_end_the_connection() {
    for update in [false, true] {
        let mut client = Client::new();
        let mut ended = None;
        for index in 0..1_000 {
            let id = 2 * index + 1;
            client.request(id, true, &[]).unwrap();
            let result = if update {
                client.frame(kind::WINDOW_UPDATE, flag::NONE, id, &[0; 4])
            } else {
                client.frame(kind::RST_STREAM, flag::NONE, id, &8u32.to_be_bytes())
            };
            client.frames();
            if let Err(reason) = result {
                ended = Some((index, reason));
                break;
            }
        }
        assert_eq!(ended, Some((200, Reason::EnhanceYourCalm)));
    }
}

#[test]
fn floods_that_carry_nothing_end_the_connection() {
    let mut client = Client::new();
    client.request(1, false, &[]).unwrap();
    let result = (0..1_000).try_for_each(|_| client.frame(kind::DATA, flag::NONE, 1, b""));
    assert_eq!(result, Err(Reason::EnhanceYourCalm));
    // CONTINUATION, with and without content (CVE-2024-27316).
    for payload in [&b""[..], &[0; 16_000]] {
        let mut client = Client::new();
        client.frame(kind::HEADERS, flag::NONE, 1, b"").unwrap();
        let result = (0..1_000).try_for_each(|_| client.frame(kind::CONTINUATION, flag::NONE, 1, payload));
        assert_eq!(result, Err(Reason::EnhanceYourCalm));
    }
}

/// Answers that the client does not take stop what asks for them.
#[test]
fn answers_do_not_pile_up() {
    let mut client = Client::new();
    let mut ping = Vec::new();
    frame::write(&mut ping, kind::PING, flag::NONE, 0, &[0; 8]);
    let pings = ping.repeat(100_000);
    let taken = client.connection.receive(&pings).unwrap();
    assert!(taken < pings.len() / 10);
    assert!(client.connection.output().len() < 70_000);
    let count = client.connection.output().len();
    client.connection.wrote(count);
    assert!(client.connection.receive(&pings[taken..]).unwrap() > 0);
}

#[test]
fn a_head_that_is_too_large_is_answered() {
    let mut client = Client::new();
    client
        .request(1, true, &[("x-large", &"x".repeat(9_000))])
        .unwrap();
    let Poll::Ready(Some(job)) = client.connection.poll_job(&context()) else {
        panic!("no job");
    };
    assert_eq!(job.request.unwrap_err(), 431);
}

/// A head far beyond the bound is answered as well, the table of the compression stays in step, and the
/// connection lives on.
#[test]
fn a_head_that_is_far_too_large_is_answered() {
    // RFC 7541 section 6.2: added to the table, or not. One that is larger than the table empties it.
    for (form, kept) in [(0x40, false), (0x00, true)] {
        let mut client = Client::new();
        let start = [0x82, 0x84, 0x87, 0x01, 1, b'a'];
        let first = [&start[..], b"\x40\x01n\x01v"].concat();
        let head = flag::END_STREAM | flag::END_HEADERS;
        client.frame(kind::HEADERS, head, 1, &first).unwrap();
        assert_eq!(client.job(), Some(1));
        // 60,000 bytes in one field, and another behind it.
        let mut large = [&start[..], &[form, 1, b'x', 0x7f, 0xe1, 0xd3, 0x03]].concat();
        large.resize(large.len() + 60_000, b'v');
        large.extend(b"\x00\x01y\x01z");
        let mut parts = large.chunks(frame::MAX_PAYLOAD).peekable();
        let mut frame = (kind::HEADERS, flag::END_STREAM);
        while let Some(part) = parts.next() {
            let end = if parts.peek().is_none() {
                flag::END_HEADERS
            } else {
                0
            };
            client.frame(frame.0, frame.1 | end, 3, part).unwrap();
            let block = client.connection.block.as_ref();
            assert!(block.is_none_or(|block| block.bytes.len() < 32 * 1024));
            frame = (kind::CONTINUATION, 0);
        }
        let Poll::Ready(Some(job)) = client.connection.poll_job(&context()) else {
            panic!("no job");
        };
        assert_eq!((job.stream, job.request.unwrap_err().as_u16()), (3, 431));
        // Index 62: what the first request has added.
        let third = [&start[..], &[0xbe]].concat();
        let taken = client.frame(kind::HEADERS, head, 5, &third);
        if kept {
            assert_eq!(taken, Ok(()));
            assert_eq!(client.job(), Some(5));
        } else {
            assert_eq!(taken, Err(Reason::Compression));
        }
    }
}

/// The end of a large block is not the end of a field: the compression state is lost.
#[test]
fn a_large_head_that_is_cut_ends_the_connection() {
    let mut client = Client::new();
    let mut large = b"\x82\x84\x87\x01\x01a\x00\x01x\x7f\xe1\xd3\x03".to_vec();
    large.resize(60_000, b'v');
    let mut parts = large.chunks(frame::MAX_PAYLOAD);
    let first = parts.next().unwrap();
    client.frame(kind::HEADERS, flag::NONE, 1, first).unwrap();
    for part in parts {
        client.frame(kind::CONTINUATION, flag::NONE, 1, part).unwrap();
    }
    let end = client.frame(kind::CONTINUATION, flag::END_HEADERS, 1, &[]);
    assert_eq!(end, Err(Reason::Compression));
}

/// A response head of more than a frame comes in CONTINUATION frames (RFC 9113 section 6.10).
#[test]
fn long_heads_are_split() {
    let mut client = Client::new();
    client.request(1, true, &[]).unwrap();
    let value = "v".repeat(20_000);
    let fields = headers(&[("x-a", &value), ("x-b", &value)]);
    client
        .connection
        .send_head(1, http::StatusCode::OK, (&fields, None), true)
        .unwrap();
    let frames = client.frames();
    let kinds: Vec<(u8, u8)> = frames.iter().map(|(head, _)| (head.kind, head.flags)).collect();
    assert_eq!(
        kinds,
        [
            (kind::HEADERS, flag::END_STREAM),
            (kind::CONTINUATION, flag::NONE),
            (kind::CONTINUATION, flag::END_HEADERS)
        ]
    );
    assert!(frames.iter().all(|(head, _)| head.length <= frame::MAX_PAYLOAD));
}

/// RFC 9113 section 6.8: no stream that is under way while GOAWAY travels is lost.
#[test]
fn draining_takes_what_was_under_way() {
    let mut client = Client::new();
    client.connection.drain();
    let frames = client.frames();
    assert_eq!(frames[0].1[..4], 0x7fff_ffffu32.to_be_bytes());
    client.request(1, true, &[]).unwrap();
    assert_eq!(client.job(), Some(1));
    client.frame(kind::PING, flag::ACK, 0, &frames[1].1).unwrap();
    assert_eq!(client.frames()[0].1[..4], 1u32.to_be_bytes());
    client.request(3, true, &[]).unwrap();
    assert_eq!(client.job(), None);
    assert!(!client.connection.is_done());
    client
        .connection
        .send_head(1, http::StatusCode::OK, (&Headers::new(), None), true)
        .unwrap();
    client.connection.finish(1, 0);
    assert!(client.connection.is_done());
}
