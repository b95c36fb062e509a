//! The codec against every way its input can be cut, and against another parser.

use super::buffer::{LARGE, SMALL};
use super::conn::{H1, HeadRead};
use super::parse::{self, HeadLimits};
use super::{BodyLength, HeadError};
use crate::http::{Fill, Headers, Incoming, Outgoing, Version};
use ::http::Method;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const LIMITS: HeadLimits = HeadLimits {
    bytes: 8192,
    fields: 50,
    target: 2048,
};

/// A transport that hands out its input in given pieces and takes output in small ones.
#[derive(Debug, Default)]
struct Pieces {
    input: VecDeque<Vec<u8>>,
    output: Vec<u8>,
    /// Most bytes taken by one write; 0 for no bound.
    take: usize,
    turn: bool,
}

impl AsyncRead for Pieces {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(mut piece) = this.input.pop_front() {
            let rest = piece.split_off(piece.len().min(buf.remaining()));
            buf.put_slice(&piece);
            if !rest.is_empty() {
                this.input.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.turn = !this.turn;
        if this.take > 0 && this.turn {
            return Poll::Pending;
        }
        let count = if this.take == 0 {
            data.len()
        } else {
            data.len().min(this.take)
        };
        this.output.extend_from_slice(&data[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn cut(input: &[u8], cuts: &[usize]) -> VecDeque<Vec<u8>> {
    let mut pieces = VecDeque::new();
    let mut rest = input;
    for cut in cuts {
        let (piece, after) = rest.split_at((*cut).clamp(1, rest.len().max(1)).min(rest.len()));
        if !piece.is_empty() {
            pieces.push_back(piece.to_vec());
        }
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push_back(rest.to_vec());
    }
    pieces
}

/// What a whole stream of requests was understood as.
#[derive(Debug, PartialEq)]
struct Understood {
    requests: Vec<(String, String, Vec<u8>, Option<Headers>)>,
    end: String,
}

fn understand(pieces: VecDeque<Vec<u8>>) -> Understood {
    let mut h1 = H1::new(
        Pieces {
            input: pieces,
            ..Pieces::default()
        },
        LIMITS,
    );
    let mut requests = Vec::new();
    loop {
        let end = match h1.poll_head(&mut cx()) {
            Poll::Ready(Ok(HeadRead::Head(end))) => end,
            other => {
                return Understood {
                    requests,
                    end: format!("{other:?}"),
                };
            }
        };
        let request = match parse::request(&h1.input()[..end], LIMITS) {
            Ok(request) => request,
            Err(error) => {
                return Understood {
                    requests,
                    end: format!("{error:?}"),
                };
            }
        };
        h1.consume_input(end);
        h1.start_recv(request.fields.body);
        let mut body = Vec::new();
        loop {
            match h1.poll_fill(&mut cx()) {
                Poll::Ready(Ok(Fill::Data)) => {
                    let count = h1.data().len().div_ceil(2);
                    body.extend_from_slice(&h1.data()[..count]);
                    h1.consume(count);
                }
                Poll::Ready(Ok(Fill::End)) => break,
                other => {
                    return Understood {
                        requests,
                        end: format!("{other:?}"),
                    };
                }
            }
        }
        let trailers = h1.take_trailers().map(|trailers| *trailers);
        requests.push((
            format!("{} {}", request.method, request.target),
            request.authority,
            body,
            trailers,
        ));
    }
}

/// Streams with every kind of framing, good and bad.
fn streams() -> Vec<Vec<u8>> {
    [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\nX: y\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello worldGET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\nTransfer-Encoding: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\ng\r\nhello\r\n0\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel",
    ]
    .into_iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

proptest! {
    /// RFC 9112 section 2: a message is a sequence of octets; how they arrive means nothing.
    #[test]
    fn cuts_do_not_change_what_is_understood(which in 0usize..10, cuts in prop::collection::vec(1usize..40, 0..80)) {
        let stream = &streams()[which];
        let whole = understand(cut(stream, &[]));
        prop_assert_eq!(understand(cut(stream, &cuts)), whole);
    }

    /// Nothing makes the parser panic, and what it accepts the lenient reference accepts as well,
    /// with the same parts.
    #[test]
    fn accepts_no_more_than_a_lenient_parser(head in head_like()) {
        let Some(end) = parse::head_end(&head, 0) else { return Ok(()) };
        let Ok(request) = parse::request(&head[..end], LIMITS) else { return Ok(()) };
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut reference = httparse::Request::new(&mut fields);
        let parsed = reference.parse(&head[..end]);
        prop_assert_eq!(parsed, Ok(httparse::Status::Complete(end)));
        prop_assert_eq!(reference.method, Some(request.method.as_str()));
        for (name, value) in request.headers.iter() {
            let same = reference.headers.iter().any(|field| {
                field.name.eq_ignore_ascii_case(name) && parse::trim_ows(field.value) == value
            });
            prop_assert!(same, "{} was not there", name);
        }
    }

    /// Bodies written in pieces through a transport that takes little come out whole.
    #[test]
    fn bodies_survive_short_writes(
        size in 0usize..60_000,
        take in 1usize..9000,
        chunked in any::<bool>(),
        parts in prop::collection::vec(1usize..20_000, 1..6),
    ) {
        let body: Vec<u8> = (0..size).map(|index| (index % 253) as u8).collect();
        let length = if chunked { BodyLength::Chunked } else { BodyLength::Known(size as u64) };
        let mut h1 = H1::new(Pieces { take, ..Pieces::default() }, LIMITS);
        h1.start_send(length, |out| out.extend_from_slice(
            format!("POST / HTTP/1.1\r\nHost: a\r\n{}\r\n\r\n", match length {
                BodyLength::Chunked => "Transfer-Encoding: chunked".to_owned(),
                _ => format!("Content-Length: {size}"),
            }).as_bytes(),
        ));
        let mut sent = 0;
        let mut part = 0;
        let mut turns = 0;
        while sent < size {
            let offer = parts[part % parts.len()].min(size - sent);
            if let Poll::Ready(count) = h1.poll_send(&mut cx(), &body[sent..sent + offer]) {
                sent += count.unwrap();
                part += 1;
            }
            turns += 1;
            prop_assert!(turns < 1_000_000);
        }
        while h1.poll_end(&mut cx(), None).is_pending() {}
        let (io, _) = h1.into_parts();
        let understood = understand(cut(&io.output, &[]));
        prop_assert_eq!(understood.requests.len(), 1);
        prop_assert_eq!(&understood.requests[0].2, &body);
    }
}

/// Text that looks like a request head, mutated.
fn head_like() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("Host: example.com".to_owned()),
        Just("Content-Length: 3".to_owned()),
        Just("Transfer-Encoding: chunked".to_owned()),
        Just("Connection: x-a, close".to_owned()),
        "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}:[ \t]{0,2}[ -~\t]{0,20}",
        "[ -~]{0,30}",
    ];
    let mutation = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (
        "(GET|POST|PUT|X) (/[!-~]{0,20}|\\*|http://a/b) HTTP/1\\.[01]",
        prop::collection::vec(line, 0..8),
        mutation,
    )
        .prop_map(|(first, lines, mutations)| {
            let mut text = first;
            for line in lines {
                text.push_str("\r\n");
                text.push_str(&line);
            }
            text.push_str("\r\n\r\n");
            let mut bytes = text.into_bytes();
            for (index, byte) in mutations {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        })
}

#[test]
fn every_single_cut_of_every_stream_reads_the_same() {
    for stream in streams() {
        let whole = understand(cut(&stream, &[]));
        for at in 1..stream.len() {
            assert_eq!(understand(cut(&stream, &[at])), whole, "cut at {at}");
        }
        let bytes = vec![1; stream.len()];
        assert_eq!(understand(cut(&stream, &bytes)), whole);
    }
}

#[test]
fn trailers_are_kept_without_those_that_frame() {
    let understood = understand(cut(&streams()[3], &[]));
    assert_eq!(understood.requests.len(), 2);
    let trailers = understood.requests[0].3.as_ref().unwrap();
    // RFC 9110 section 6.5.1.
    assert_eq!(trailers.iter().collect::<Vec<_>>(), [("x-sum", b"1".as_slice())]);
}

#[test]
fn limits_hold_before_the_end_is_seen() {
    for (input, expected) in [
        (format!("GET /{}", "a".repeat(3000)), HeadError::TargetTooLong),
        (
            format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(9000)),
            HeadError::TooLarge,
        ),
        ("\u{16}\u{3}\u{1}".to_owned(), HeadError::RequestLine),
        ("\n".to_owned(), HeadError::RequestLine),
    ] {
        let mut h1 = H1::new(
            Pieces {
                input: cut(input.as_bytes(), &[]),
                ..Pieces::default()
            },
            LIMITS,
        );
        let Poll::Ready(Ok(read)) = h1.poll_head(&mut cx()) else {
            panic!("pending")
        };
        assert_eq!(read, HeadRead::Refused(expected));
    }
}

#[test]
fn chunk_sizes_and_extensions_are_bounded() {
    let body = |text: &str| {
        let stream = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{text}");
        understand(cut(stream.as_bytes(), &[])).end
    };
    for bad in [
        "ffffffffffffffff\r\n",
        "10000000000000000\r\n",
        "-1\r\n",
        "+1\r\nx\r\n",
        "0x1\r\nx\r\n",
        "1 \r\nx\r\n",
        " 1\r\nx\r\n",
        "\r\n",
        "1,\r\nx\r\n",
        "1\rx\r\nx\r\n",
        "1;a\u{0}\r\nx\r\n",
        "1\r\nx\n0\r\n\r\n",
        "0\r\nX y: z\r\n\r\n",
        "0\r\n X: z\r\n\r\n",
        "0\r\nX: z\n\r\n",
    ] {
        assert!(body(bad).contains("Err(Body("), "{bad:?}: {}", body(bad));
    }
    let long = format!("1;{}\r\nx\r\n", "a".repeat(2000));
    assert!(body(&long).contains("ChunkExtension"));
    let many = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(400);
    assert!(body(&many).contains("ChunkExtension"));
}

#[test]
fn responses_say_how_they_end() {
    let read = |head: &str, method: Method| {
        parse::response(head.as_bytes(), LIMITS, &method)
            .map(|response| (response.fields.body, response.fields.keep_alive))
    };
    let get = || Method::GET;
    for (head, method, expected) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            get(),
            Ok((BodyLength::Known(5), true)),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            get(),
            Ok((BodyLength::Known(5), true)),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            get(),
            Err(HeadError::ContentLength),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            Method::HEAD,
            Ok((BodyLength::None, true)),
        ),
        (
            "HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n",
            get(),
            Ok((BodyLength::None, true)),
        ),
        ("HTTP/1.1 200\r\n\r\n", get(), Ok((BodyLength::UntilClose, false))),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            get(),
            Ok((BodyLength::Chunked, true)),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            get(),
            Err(HeadError::TransferCoding),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            get(),
            Err(HeadError::TransferEncoding),
        ),
        (
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            get(),
            Err(HeadError::TransferEncoding),
        ),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n",
            get(),
            Ok((BodyLength::Known(1), false)),
        ),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n",
            get(),
            Ok((BodyLength::Known(1), true)),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n",
            get(),
            Ok((BodyLength::Known(1), false)),
        ),
        ("HTTP/1.1 20 OK\r\n\r\n", get(), Err(HeadError::StatusLine)),
        ("HTTP/1.1 2000 OK\r\n\r\n", get(), Err(HeadError::StatusLine)),
        ("HTTP/1.1 600 OK\r\n\r\n", get(), Err(HeadError::StatusLine)),
        ("HTTP/2 200 OK\r\n\r\n", get(), Err(HeadError::StatusLine)),
        ("HTTP/1.1  200 OK\r\n\r\n", get(), Err(HeadError::StatusLine)),
    ] {
        assert_eq!(read(head, method), expected, "{head:?}");
    }
}

#[test]
fn an_idle_connection_holds_no_buffers() {
    let input = cut(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[]);
    let mut h1 = H1::new(
        Pieces {
            input,
            ..Pieces::default()
        },
        LIMITS,
    );
    let Poll::Ready(Ok(HeadRead::Head(end))) = h1.poll_head(&mut cx()) else {
        panic!("no head")
    };
    assert_eq!(
        parse::request(&h1.input()[..end], LIMITS).unwrap().version,
        Version::H11
    );
    h1.consume_input(end);
    h1.start_send(BodyLength::None, |out| {
        out.extend_from_slice(b"HTTP/1.1 204 No Content\r\n\r\n");
    });
    assert!(h1.poll_end(&mut cx(), None).is_ready());
    h1.rest();
    assert_eq!(h1.memory(), 0);
}

/// One write for the head and as much of the body as a large buffer holds, instead of one for what the head's
/// buffer happened to hold and another for the rest.
#[test]
fn what_fills_the_buffer_of_the_head_is_offered_with_what_follows() {
    let body: Vec<u8> = (0..100 * 1024).map(|index| index as u8).collect();
    for sent in [body.len(), SMALL, SMALL + 1] {
        let mut message = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 102400\r\n\r\n".to_vec();
        let head = message.len();
        message.extend_from_slice(&body[..sent]);
        let mut h1 = H1::new(
            Pieces {
                input: VecDeque::from([message]),
                ..Pieces::default()
            },
            LIMITS,
        );
        assert!(h1.poll_head(&mut cx()).is_ready());
        h1.consume_input(head);
        h1.start_recv(BodyLength::Known(body.len() as u64));
        let mut got = Vec::new();
        let mut pieces = Vec::new();
        let end = loop {
            match h1.poll_fill(&mut cx()) {
                Poll::Ready(Ok(Fill::Data)) => {
                    let data = h1.data().to_vec();
                    pieces.push(data.len());
                    h1.consume(data.len());
                    got.extend_from_slice(&data);
                }
                Poll::Ready(end) => break end.map_err(|error| error.to_string()),
                Poll::Pending => panic!("the transport is always ready"),
            }
        };
        assert_eq!(got, &body[..sent]);
        if sent == body.len() {
            assert_eq!((pieces, end), (vec![LARGE, body.len() - LARGE], Ok(Fill::End)));
        } else {
            assert_eq!(
                (pieces, end),
                (vec![sent], Err("the message ended too early".to_owned()))
            );
        }
    }
}
