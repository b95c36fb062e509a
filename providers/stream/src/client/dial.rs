//! TCP connections to whichever process of the controller serves configurations.
//!
//! Of several controllers one leads, and the others refuse connections. Behind a name may be an address of each of
//! them, or one that leads each connection to any of them: both are tried, over and over within bounds, so
//! that a refusal costs no pause. An address that does not answer at all, because its node is gone, holds nobody
//! up: the next one is tried beside it (RFC 8305, "Happy Eyeballs", section 5).

use super::connect::ConnectError;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Addresses of one name that are looked at.
const ADDRESSES: usize = 8;

/// Connections that are tried before there is a pause: behind one address of three controllers, of which one leads,
/// it is found by nine in ten.
const ATTEMPTS: usize = 6;

/// The next connection is tried beside one that takes longer (RFC 8305: 250 ms).
const STAGGER: Duration = Duration::from_millis(250);

/// One round of attempts.
pub struct Dial {
    targets: Vec<SocketAddr>,
    begun: usize,
    pending: FuturesUnordered<BoxFuture<'static, (SocketAddr, io::Result<TcpStream>)>>,
    /// Why the last one that failed did.
    pub failed: Option<ConnectError>,
}

impl Dial {
    /// A round over these addresses, from the first one on.
    pub fn new(mut targets: Vec<SocketAddr>) -> Self {
        targets.truncate(ADDRESSES);
        Self {
            targets,
            begun: 0,
            pending: FuturesUnordered::new(),
            failed: None,
        }
    }

    /// The next connection that is made; `None` when the round is over. Whoever finds that it leads to nobody asks again.
    pub async fn next(&mut self) -> Option<(SocketAddr, TcpStream)> {
        loop {
            if self.pending.is_empty() && !self.begin() {
                return None;
            }
            let more = self.begun < self.attempts();
            tokio::select! {
                Some((address, result)) = self.pending.next() => match result {
                    Ok(stream) => return Some((address, stream)),
                    Err(source) => {
                        self.failed = Some(ConnectError::Io { address, source });
                        self.begin();
                    }
                },
                () = tokio::time::sleep(STAGGER), if more => {
                    self.begin();
                }
            }
        }
    }

    fn attempts(&self) -> usize {
        if self.targets.is_empty() {
            0
        } else {
            ATTEMPTS.max(self.targets.len())
        }
    }

    /// Begins the next attempt; `false`: that was all.
    fn begin(&mut self) -> bool {
        if self.begun >= self.attempts() {
            return false;
        }
        let next = self.targets.iter().cycle().nth(self.begun).copied();
        self.begun += 1;
        if let Some(address) = next {
            let connect = async move { (address, TcpStream::connect(address).await) };
            self.pending.push(Box::pin(connect));
        }
        true
    }
}
