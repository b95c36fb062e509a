//! HTTP/2 written byte by byte, for what no well-behaved client does (RFC 9113, RFC 7541).

use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// Frame types (RFC 9113 section 6).
pub mod kind {
    #![allow(missing_docs)]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of HEADERS, CONTINUATION and DATA.
pub mod flag {
    #![allow(missing_docs)]
    pub const NONE: u8 = 0;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
}

/// What a client sends first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One frame. Payloads are shorter than 2^24 bytes here.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut frame = Vec::with_capacity(9 + payload.len());
    frame.extend_from_slice(&length[1..]);
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A header block of plain literals: method and scheme from the static table, the rest spelt out.
pub fn request_block(post: bool, path: &str) -> Vec<u8> {
    let mut block = vec![if post { 0x83 } else { 0x82 }, 0x86];
    // Literal without indexing, name :path (4) and :authority (1) of the static table.
    block.push(0x04);
    literal(&mut block, path);
    block.push(0x01);
    literal(&mut block, "attack.test");
    block
}

/// A string literal without Huffman coding.
pub fn literal(block: &mut Vec<u8>, text: &str) {
    integer(block, text.len(), 7);
    block.extend_from_slice(text.as_bytes());
}

/// An integer with an N-bit prefix whose upper bits are 0 (RFC 7541 section 5.1).
fn integer(block: &mut Vec<u8>, value: usize, bits: u32) {
    let limit = (1usize << bits) - 1;
    if value < limit {
        block.push(value as u8);
        return;
    }
    block.push(limit as u8);
    let mut rest = value - limit;
    while rest >= 128 {
        block.push((rest % 128) as u8 | 0x80);
        rest /= 128;
    }
    block.push(rest as u8);
}

/// What the proxy sent on a connection until it ended or was given up.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Error code of the last GOAWAY.
    pub goaway: Option<u32>,
    /// RST_STREAM frames.
    pub resets: usize,
    /// Responses begun.
    pub responses: usize,
    /// Acknowledgements of SETTINGS and PING.
    pub acks: usize,
    /// Bytes of DATA.
    pub data: usize,
    /// Whether the proxy closed the connection.
    pub closed: bool,
}

/// How a flood ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flood {
    /// Everything was accepted.
    Taken,
    /// The proxy closed the connection.
    Closed,
    /// The proxy stopped reading: the socket took no more within the patience given.
    Stalled,
}

/// A raw HTTP/2 connection. A task reads what comes, unless the client is to be deaf.
pub struct Attacker {
    write: OwnedWriteHalf,
    reader: Option<JoinHandle<Seen>>,
    deaf: Option<tokio::net::tcp::OwnedReadHalf>,
}

impl Attacker {
    /// Connects, sends the preface and these settings (pairs of identifier and value).
    pub async fn connect(address: SocketAddr, settings: &[(u16, u32)]) -> Result<Self> {
        let mut attacker = Self::deaf(address, settings).await?;
        attacker.reader = attacker.deaf.take().map(|read| tokio::spawn(read_all(read)));
        Ok(attacker)
    }

    /// As [`Attacker::connect`], but what the proxy sends is never read.
    pub async fn deaf(address: SocketAddr, settings: &[(u16, u32)]) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (read, mut write) = stream.into_split();
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend(id.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        write.write_all(PREFACE).await?;
        write
            .write_all(&frame(kind::SETTINGS, flag::NONE, 0, &payload))
            .await?;
        Ok(Self {
            write,
            reader: None,
            deaf: Some(read),
        })
    }

    /// Writes these chunks one after the other until one is refused or waits longer than `patience`.
    /// Returns the bytes that were taken.
    pub async fn flood(
        &mut self,
        chunks: impl IntoIterator<Item = Vec<u8>>,
        patience: Duration,
    ) -> (usize, Flood) {
        let mut taken = 0;
        for chunk in chunks {
            if self.reader.as_ref().is_some_and(JoinHandle::is_finished) {
                return (taken, Flood::Closed);
            }
            match timeout_at(Instant::now() + patience, self.write.write_all(&chunk)).await {
                Ok(Ok(())) => taken += chunk.len(),
                Ok(Err(_)) => return (taken, Flood::Closed),
                Err(_) => return (taken, Flood::Stalled),
            }
        }
        (taken, Flood::Taken)
    }

    /// Waits until the proxy closes the connection, at most `patience`, and tells what came.
    pub async fn finish(mut self, patience: Duration) -> Result<Seen> {
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => tokio::spawn(read_all(self.deaf.take().context("no reading half")?)),
        };
        // Without an end of ours the proxy must end the connection itself.
        if let Ok(seen) = timeout_at(Instant::now() + patience, &mut reader).await {
            return Ok(seen?);
        }
        self.write.shutdown().await.ok();
        let mut seen = timeout_at(Instant::now() + crate::wait::PATIENCE, reader)
            .await
            .context("the proxy does not close a connection that its client has closed")??;
        seen.closed = false;
        Ok(seen)
    }
}

async fn read_all(mut read: tokio::net::tcp::OwnedReadHalf) -> Seen {
    let mut seen = Seen::default();
    let mut head = [0; 9];
    let mut payload = Vec::new();
    while read.read_exact(&mut head).await.is_ok() {
        let [l0, l1, l2, kind, flags, ..] = head;
        payload.resize(u32::from_be_bytes([0, l0, l1, l2]) as usize, 0);
        if read.read_exact(&mut payload).await.is_err() {
            break;
        }
        match kind {
            kind::DATA => seen.data += payload.len(),
            kind::HEADERS => seen.responses += 1,
            kind::RST_STREAM => seen.resets += 1,
            kind::SETTINGS | kind::PING if flags & 1 == 1 => seen.acks += 1,
            kind::GOAWAY => {
                let code = payload.get(4..8).and_then(|code| code.try_into().ok());
                seen.goaway = code.map(u32::from_be_bytes);
            }
            _ => {}
        }
    }
    seen.closed = true;
    seen
}
