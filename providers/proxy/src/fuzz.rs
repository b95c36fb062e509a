//! What must hold for any bytes a peer may send, as functions that assert it.
//!
//! The fuzz targets in `fuzz/` feed them under coverage guidance (`cargo xtask fuzz`); the tests here
//! feed them the same corpus and a bounded number of mutants of it.

use crate::h1::decode_chunked;
use crate::h1::parse::{self, HeadLimits};
use crate::http::value_byte;
use crate::http2;
use crate::listen::proxy_protocol::{self, Header, Progress};
use crate::tls::client_hello::{self, Peek};
use gatewright_model::path::{EscapedSlashes, Policy, RepeatedSlashes};
use gatewright_model::{host, path};
use http::Method;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll, Waker};

/// A target: its name, which is also that of its corpus, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("request_head", request_head),
    ("response_head", response_head),
    ("chunked", chunked),
    ("proxy_header", proxy_header),
    ("client_hello", client_hello),
    ("target", target),
    ("http2", http2),
];

/// Bytes that are tried at every length: a split must not change the answer.
const SPLIT: usize = 512;

const LIMITS: HeadLimits = HeadLimits {
    bytes: 64 * 1024,
    fields: 100,
    target: 16 * 1024,
};

/// A request head is refused, or nothing in it can be read in two ways (RFC 9112 sections 2.2, 5, 6.3).
///
/// # Panics
/// When that does not hold.
pub fn request_head(data: &[u8]) {
    let Some(end) = head_end(data) else { return };
    let head = data.get(..end).unwrap_or_default();
    let Ok(request) = parse::request(head, LIMITS) else {
        return;
    };
    fields(request.headers.iter());
    assert!(request.headers.len() <= LIMITS.fields);
    assert!(request.target.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!request.method.as_str().is_empty());
    for framing in ["transfer-encoding", "content-length", "connection", "host"] {
        let what = "framing and routing are read once and never passed on as they came";
        assert!(!request.headers.contains(framing), "{framing}: {what}");
    }
    // No line of an accepted head ends in a bare LF, and no CR stands alone.
    let text = head.split(|byte| *byte == b'\n');
    for line in text.clone().take(text.count() - 1) {
        assert_eq!(line.last(), Some(&b'\r'), "bare LF");
        let inner = line.len() - 1;
        assert!(!line.iter().take(inner).any(|byte| *byte == b'\r'), "bare CR");
    }
}

/// As [`request_head`], for what a backend answers.
///
/// # Panics
/// When it does not hold.
pub fn response_head(data: &[u8]) {
    let Some(end) = head_end(data) else { return };
    let head = data.get(..end).unwrap_or_default();
    for method in [Method::GET, Method::HEAD, Method::CONNECT] {
        if let Ok(response) = parse::response(head, LIMITS, &method) {
            fields(response.headers.iter());
            assert!((100..1000).contains(&response.status.as_u16()));
        }
    }
}

/// The end of a head is where it is, whatever was known before.
fn head_end(data: &[u8]) -> Option<usize> {
    let end = parse::head_end(data, 0);
    for known in 0..end.unwrap_or(data.len()).min(SPLIT) {
        // A head that is not whole yet is not found in less than all of it.
        if let Some(early) = data.get(..known).and_then(|part| parse::head_end(part, 0)) {
            assert_eq!(Some(early), end, "a longer input moved the end of the head");
        }
        assert_eq!(parse::head_end(data, known), end, "from {known}");
    }
    end
}

fn fields<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) {
    for (name, value) in headers {
        assert!(!name.is_empty() && name.bytes().all(|byte| !byte.is_ascii_uppercase()));
        assert!(
            name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'),
            "{name:?}"
        );
        assert!(value.iter().copied().all(value_byte), "{name}: {value:?}");
    }
}

/// A chunked body decodes to the same bytes however it is cut, and to no more than it holds (RFC 9112
/// section 7.1).
///
/// # Panics
/// When that does not hold.
pub fn chunked(data: &[u8]) {
    let whole = decode_chunked(data, usize::MAX, LIMITS);
    assert!(whole.data.len() <= data.len());
    for cut in [1, 2, 3, 7] {
        let pieces = decode_chunked(data, cut, LIMITS);
        match (whole.complete, pieces.complete) {
            (Some(_), _) | (_, Some(_)) => assert_eq!(whole, pieces, "in pieces of {cut}"),
            // Both refuse, or both wait for more; data before that is the same.
            (None, None) => assert_eq!(whole.refused, pieces.refused, "in pieces of {cut}"),
        }
    }
}

/// A PROXY header gives the same answer however it is split, never reaches past its own length, and what
/// is written is read back.
///
/// # Panics
/// When that does not hold.
pub fn proxy_header(data: &[u8]) {
    let whole = proxy_protocol::parse(data);
    for length in 0..data.len().min(SPLIT) {
        let part = data.get(..length).unwrap_or_default();
        match proxy_protocol::parse(part) {
            Ok(Progress::Incomplete) => {}
            decided => assert_eq!(decided, whole, "decided after {length} bytes"),
        }
    }
    if let Ok(Progress::Complete(header, length)) = whole {
        assert!(length <= data.len());
        assert!(length <= proxy_protocol::V2_MAX.max(proxy_protocol::V1_MAX) + 16);
        if let Header::Relayed { source, destination } = header {
            let written = proxy_header_for(source, destination);
            let read = proxy_protocol::parse(&written);
            assert_eq!(read, Ok(Progress::Complete(header, written.len())));
        }
    }
}

/// A version 2 header for a TCP connection, as senders write it: what the parser is checked against.
/// Addresses of two families are both written as
/// IPv6, the IPv4 one mapped (RFC 4291 section 2.5.5.2).
pub(crate) fn proxy_header_for(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let mut header = Vec::with_capacity(52);
    header.extend_from_slice(&proxy_protocol::V2_SIGNATURE);
    header.push(0x21);
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            header.extend_from_slice(&[0x11, 0, 12]);
            header.extend_from_slice(&from.octets());
            header.extend_from_slice(&to.octets());
        }
        (from, to) => {
            header.extend_from_slice(&[0x21, 0, 36]);
            header.extend_from_slice(&mapped(from).octets());
            header.extend_from_slice(&mapped(to).octets());
        }
    }
    header.extend_from_slice(&source.port().to_be_bytes());
    header.extend_from_slice(&destination.port().to_be_bytes());
    header
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// A ClientHello gives the same answer however it is split; a server name is lower case and no literal
/// address (RFC 6066 section 3).
///
/// # Panics
/// When that does not hold.
pub fn client_hello(data: &[u8]) {
    let whole = client_hello::peek(data);
    for length in 0..data.len().min(SPLIT) {
        let part = data.get(..length).unwrap_or_default();
        match client_hello::peek(part) {
            Ok(Peek::Incomplete) => {}
            decided => assert_eq!(decided, whole, "decided after {length} bytes"),
        }
    }
    if let Ok(Peek::Complete(hello)) = whole
        && let Some(name) = hello.server_name
    {
        assert!(!name.is_empty() && name.len() <= 255);
        assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()));
        assert!(name.parse::<std::net::IpAddr>().is_err(), "{name}");
    }
}

/// A normalised path is its own normal form under every policy and holds no dot segment (RFC 3986
/// section 5.2.4); a host's canonical name is its own canonical name.
///
/// # Panics
/// When that does not hold.
pub fn target(data: &[u8]) {
    for repeated_slashes in [RepeatedSlashes::Merge, RepeatedSlashes::Keep] {
        for escaped_slashes in [
            EscapedSlashes::Keep,
            EscapedSlashes::Decode,
            EscapedSlashes::Reject,
        ] {
            let policy = Policy {
                repeated_slashes,
                escaped_slashes,
            };
            let Ok(once) = path::normalise(data, &policy) else {
                continue;
            };
            assert!(once.starts_with('/'));
            assert!(once.bytes().all(|byte| byte.is_ascii_graphic()), "{once:?}");
            assert!(
                !once.split('/').any(|segment| matches!(segment, "." | "..")),
                "{once:?}"
            );
            if policy.repeated_slashes == RepeatedSlashes::Merge {
                assert!(!once.contains("//"), "{once:?}");
            }
            let twice = path::normalise(once.as_bytes(), &policy);
            assert_eq!(twice.as_deref(), Ok(&*once));
        }
    }
    if let Ok(found) = host::parse(data) {
        assert!(!found.name.is_empty() && found.port != Some(0));
        let again = host::parse(found.name.as_bytes()).map(|again| again.name.into_owned());
        assert_eq!(again.as_deref(), Ok(&*found.name));
    }
}

/// What a client sends behind the HTTP/2 preface ends its connection, or is taken up to its last whole
/// frame; requests are well-formed, streams and output are bounded, and it does not matter in which
/// pieces it comes (RFC 9113 sections 4 to 8).
///
/// # Panics
/// When that does not hold.
pub fn http2(data: &[u8]) {
    let whole = http2_output(&[data]);
    for at in 0..data.len().min(SPLIT) {
        let (front, back) = data.split_at(at);
        assert_eq!(http2_output(&[front, back]), whole, "split at {at}");
    }
}

/// What a connection answers, and why it ends.
fn http2_output(pieces: &[&[u8]]) -> (Vec<u8>, Option<http2::Reason>) {
    const STREAMS: u32 = 8;
    let mut connection = http2::Connection::new(http2::Settings {
        streams: STREAMS,
        stream_window: 65_535,
        connection_window: 131_072,
        header_list: 8_192,
    });
    let cx = Context::from_waker(Waker::noop());
    let mut input = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    let mut output = Vec::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            let taken = match connection.receive(&input) {
                Ok(taken) => taken,
                Err(reason) => {
                    output.extend_from_slice(connection.output());
                    return (output, Some(reason));
                }
            };
            input.drain(..taken);
            output.extend_from_slice(connection.output());
            assert!(connection.output().len() < 128 * 1024);
            connection.wrote(connection.output().len());
            assert!(connection.active() <= STREAMS as usize);
            if taken == 0 {
                break;
            }
        }
    }
    while let Poll::Ready(Some(job)) = connection.poll_job(&cx) {
        if let Ok(request) = job.request {
            fields(request.headers.iter());
            assert!(request.path.as_ref().is_none_or(|path| !path.is_empty()));
            for framing in ["transfer-encoding", "content-length", "connection", "host", "te"] {
                assert!(!request.headers.contains(framing), "{framing}");
            }
        }
    }
    (output, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Mutants of each seed.
    const MUTANTS: usize = 400;

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(target);
        let mut seeds: Vec<_> = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        seeds.sort();
        seeds.iter().map(|path| std::fs::read(path).unwrap()).collect()
    }

    /// A few changes of the kinds that break parsers: flipped bits, lost, doubled and foreign bytes, cut
    /// ends, extreme numbers.
    fn mutate(seed: &[u8], others: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
        let mut data = seed.to_vec();
        for _ in 0..random.usize(1..5) {
            let at = random.usize(..=data.len());
            match random.u8(..7) {
                0 if at < data.len() => data[at] ^= 1 << random.u8(..8),
                1 if at < data.len() => drop(data.remove(at)),
                2 => data.insert(at, *random.choice(b"\r\n\0 :;,%/.\xff0").unwrap()),
                3 => data.truncate(at),
                4 if at < data.len() => data[at] = *random.choice(&[0, 1, 0x7f, 0x80, 0xff]).unwrap(),
                5 => {
                    let other = random.choice(others).unwrap();
                    let from = random.usize(..=other.len());
                    data.truncate(at);
                    data.extend_from_slice(&other[from..]);
                }
                _ => {
                    let end = random.usize(at..=data.len());
                    let piece = data[at..end].to_vec();
                    data.splice(at..at, piece);
                }
            }
        }
        data
    }

    #[test]
    fn the_corpus_and_its_mutants_break_nothing() {
        for (name, check) in TARGETS {
            let seeds = corpus(name);
            assert!(seeds.len() >= 4, "{name} has {} seeds", seeds.len());
            let mut random = fastrand::Rng::with_seed(20_261_121);
            for seed in &seeds {
                check(seed);
                for _ in 0..MUTANTS {
                    check(&mutate(seed, &seeds, &mut random));
                }
            }
        }
    }

    /// Seeds that are meant to be accepted are, so that mutants reach the code behind the first check.
    #[test]
    fn the_corpus_has_what_is_accepted() {
        let accepted = |name: &str, test: &dyn Fn(&[u8]) -> bool| {
            let count = corpus(name).iter().filter(|seed| test(seed)).count();
            assert!(count >= 2, "{name}: {count} accepted");
        };
        accepted("request_head", &|seed| {
            parse::head_end(seed, 0)
                .and_then(|end| parse::request(&seed[..end], LIMITS).ok())
                .is_some()
        });
        accepted("response_head", &|seed| {
            parse::head_end(seed, 0)
                .and_then(|end| parse::response(&seed[..end], LIMITS, &Method::GET).ok())
                .is_some()
        });
        accepted("chunked", &|seed| {
            decode_chunked(seed, usize::MAX, LIMITS).complete.is_some()
        });
        accepted("proxy_header", &|seed| {
            matches!(proxy_protocol::parse(seed), Ok(Progress::Complete(..)))
        });
        accepted("client_hello", &|seed| {
            matches!(client_hello::peek(seed), Ok(Peek::Complete(_)))
        });
        accepted("target", &|seed| {
            path::normalise(seed, &Policy::default()).is_ok()
        });
    }
}
