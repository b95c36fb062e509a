//! What the owner of the proxy tells its workers.

use crate::listen::connection::Load;
use crate::listen::port::PortRuntime;
use crate::listen::socket::Listening;
use gatewright_model::key::ListenerKey;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc as blocking;
use std::time::Duration;
use tokio::sync::mpsc;

/// What a worker is told to do. `bind` names a socket group: one address, port and transport.
#[derive(Debug)]
pub enum Command {
    /// Accept on a socket.
    Open {
        /// The socket group.
        bind: u64,
        /// This worker's socket.
        socket: Listening,
        /// Address of the socket.
        address: SocketAddr,
        /// What to do with what arrives.
        port: Arc<PortRuntime>,
    },
    /// What arrives from now on belongs to another port; connections of the former drain.
    Assign {
        /// The socket group.
        bind: u64,
        /// The new port.
        port: Arc<PortRuntime>,
        /// Time for the connections to finish.
        grace: Duration,
    },
    /// Stop accepting; connections drain when the port has no other socket.
    Close {
        /// The socket group.
        bind: u64,
        /// Time for the connections to finish.
        grace: Duration,
        /// Dropped when the socket is closed.
        done: blocking::Sender<()>,
    },
    /// Connections of a removed listener drain while its port stays.
    DrainListener {
        /// Identity of the port.
        port: u64,
        /// The listener.
        listener: ListenerKey,
        /// Time for the connections to finish.
        grace: Duration,
    },
    /// A connection that another worker accepted.
    Take {
        /// The socket group it arrived at.
        bind: u64,
        /// The connection.
        stream: std::net::TcpStream,
        /// Its two ends: peer and local.
        ends: (SocketAddr, SocketAddr),
        /// Its place in the load.
        load: Load,
    },
    /// Drain everything, then stop.
    Drain {
        /// Time to go on accepting: until everybody else knows that this proxy goes away.
        accept: Duration,
        /// Time for the connections to finish, counted after that.
        grace: Duration,
        /// Told the number of connections that had to be cut.
        done: blocking::Sender<usize>,
    },
}

/// How to reach a worker, and how busy it is.
#[derive(Clone, Debug)]
pub struct WorkerHandle {
    pub(super) commands: mpsc::UnboundedSender<Command>,
    pub(super) load: Arc<AtomicUsize>,
}

impl WorkerHandle {
    /// Sends a command; a worker that has stopped ignores it.
    pub fn send(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    /// Connections that the worker has.
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }
}
