//! Free loopback ports for listeners, below the range that the system hands to clients.

use anyhow::{Result, bail};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Where ports are taken from; each test process starts at another place.
const RANGE: std::ops::Range<u16> = 12_000..30_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port that is free for TCP and UDP on loopback now.
pub fn free() -> Result<u16> {
    let span = RANGE.end - RANGE.start;
    let offset = (std::process::id() as u16).wrapping_mul(97) % span;
    for _ in 0..span {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = RANGE.start + (offset.wrapping_add(step)) % span;
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
        if tcp.is_ok() && udp.is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port between {} and {}", RANGE.start, RANGE.end)
}
