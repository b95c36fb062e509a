//! A DNS server for the names of load balancers.
//!
//! It answers for `amazonaws.com` (and AWS's other suffixes) alone, by UDP and TCP, and refuses everything else: it
//! is a server that a test or a machine asks besides its own.

mod answer;
mod tcp;
#[cfg(test)]
mod tests;

use crate::traffic::Config;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The largest question by UDP that is read, in bytes.
const QUESTION: usize = 4096;

/// The server while it answers. Dropping it closes its sockets.
pub struct Server {
    at: SocketAddr,
    _tasks: JoinSet<()>,
}

/// Starts a server; port 0 takes one that is free, the same for UDP and TCP.
pub async fn start(config: watch::Receiver<Arc<Config>>, at: SocketAddr) -> io::Result<Server> {
    let tcp = TcpListener::bind(at).await?;
    let at = tcp.local_addr()?;
    let udp = UdpSocket::bind(at).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_udp(udp, config.clone()));
    tasks.spawn(tcp::serve(tcp, config));
    Ok(Server { at, _tasks: tasks })
}

impl Server {
    /// Where it answers.
    pub const fn address(&self) -> SocketAddr {
        self.at
    }
}

async fn serve_udp(socket: UdpSocket, config: watch::Receiver<Arc<Config>>) {
    let mut question = vec![0; QUESTION];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut question).await else {
            // An error that an earlier answer met, such as an unreachable port.
            tokio::task::yield_now().await;
            continue;
        };
        let current = config.borrow().clone();
        let asked = question.get(..length).unwrap_or_default();
        if let Some(answer) = answer::answer(asked, &current, answer::Transport::Udp) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}
