//! UDP: datagrams of one client address belong to one session, which has its own socket towards one
//! endpoint. Replies go back from the address that the client wrote to.

mod datagrams;

use crate::balance::{Lease, Outcome};
use crate::listen::port::{Front, PortRuntime};
use crate::observe::StreamKind;
use crate::runtime::{BackendRuntime, EndpointSet, WorkerContext};
use crate::stream::targets::{StreamTargets, pick};
use datagrams::{Datagram, Receiver, Source};
use rustc_hash::FxHashMap;
use socket2::SockRef;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::Instant;

/// A session that no backend has answered yet ends after this time without traffic, if the idle
/// timeout is not shorter: forged source addresses must not hold places for long.
const UNANSWERED: Duration = Duration::from_secs(20);

/// Replies read from a backend before other sessions get their turn.
const REPLY_BURST: usize = 32;

/// Largest datagram.
const DATAGRAM: usize = 65_535;

thread_local! {
    static REPLY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One worker's side of a bound UDP port.
#[derive(Debug)]
pub struct Server {
    socket: UdpSocket,
    /// Whether the socket is bound to all addresses, so that the local one must be told with each reply.
    wildcard: bool,
    port: RefCell<Arc<PortRuntime>>,
    sessions: RefCell<FxHashMap<Peer, Rc<Session>>>,
    context: Rc<WorkerContext>,
    dropped: Cell<u64>,
}

/// Who speaks to whom: the 4-tuple without the port that is the same for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Peer {
    client: SocketAddr,
    local: Option<Source>,
}

#[derive(Debug)]
struct Session {
    upstream: UdpSocket,
    used: Lease,
    backend: Arc<BackendRuntime>,
    /// Configuration under which the session is known to be right.
    seen: RefCell<(Arc<StreamTargets>, Arc<EndpointSet>)>,
    last: Cell<Instant>,
    answered: Cell<bool>,
    /// Bytes from and to the client.
    passed: Cell<(u64, u64)>,
    context: Rc<WorkerContext>,
}

impl Drop for Session {
    fn drop(&mut self) {
        let (received, sent) = self.passed.get();
        self.context
            .observer
            .stream_closed(StreamKind::Udp, received, sent);
    }
}

impl Server {
    /// Takes a bound socket.
    pub fn new(
        socket: std::net::UdpSocket,
        port: &Arc<PortRuntime>,
        context: &Rc<WorkerContext>,
    ) -> io::Result<Rc<Self>> {
        let wildcard = socket.local_addr()?.ip().is_unspecified();
        if wildcard {
            datagrams::tell_local_address(&socket)?;
        }
        Ok(Rc::new(Self {
            socket: UdpSocket::from_std(socket)?,
            wildcard,
            port: RefCell::new(Arc::clone(port)),
            sessions: RefCell::default(),
            context: Rc::clone(context),
            dropped: Cell::new(0),
        }))
    }

    /// Datagrams from now on belong to another port. Sessions whose backend it does not name end with
    /// their next datagram.
    pub fn assign(&self, port: &Arc<PortRuntime>) {
        self.port.replace(Arc::clone(port));
    }

    /// Ends all sessions.
    pub fn close(&self) {
        self.sessions.borrow_mut().clear();
    }

    /// Sessions now.
    pub fn sessions(&self) -> usize {
        self.sessions.borrow().len()
    }

    /// Receives until the task is aborted.
    pub async fn run(self: &Rc<Self>) {
        let mut receiver = Receiver::new(self.wildcard);
        loop {
            if let Err(error) = self.socket.readable().await {
                tracing::error!(%error, "UDP socket failed");
                return;
            }
            // Several batches in a row, then other tasks.
            for _ in 0..4 {
                let mut each = |datagram: Datagram<'_>| self.forward(&datagram);
                match receiver.receive(&self.socket, &mut each) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // ICMP errors of earlier replies: not about this socket's ability to receive.
                    Err(error) => {
                        tracing::debug!(%error, "UDP receive");
                        break;
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn forward(self: &Rc<Self>, datagram: &Datagram<'_>) {
        let Datagram { client, local, bytes } = *datagram;
        let peer = Peer { client, local };
        let Some(session) = self.session(peer) else {
            self.dropped.set(self.dropped.get() + 1);
            tracing::debug!(%client, dropped = self.dropped.get(), "datagram dropped");
            return;
        };
        session.last.set(Instant::now());
        let (received, sent) = session.passed.get();
        session.passed.set((received + bytes.len() as u64, sent));
        // Straight to the system: a new socket is not known to be writable yet, though it is.
        match SockRef::from(&session.upstream).send(bytes) {
            // A full buffer loses the datagram, as any hop may.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                // Refused: the endpoint is gone. The next datagram starts anew, elsewhere.
                tracing::debug!(%client, endpoint = %session.used.endpoint().address, %error, "UDP session ended");
                session.used.report(Outcome::ConnectFailure);
                self.sessions.borrow_mut().remove(&peer);
            }
        }
    }

    /// The session of a client: the one it has, unless configuration has left it behind, or a new one.
    fn session(self: &Rc<Self>, peer: Peer) -> Option<Rc<Session>> {
        let port = self.port.borrow();
        let front = port.front.load();
        let Front::Udp(listener) = &**front else {
            return None;
        };
        let targets = listener.routes.select(None)?;
        let existing = self.sessions.borrow().get(&peer).cloned();
        if let Some(session) = existing {
            if session.still_right(targets) {
                return Some(session);
            }
            self.sessions.borrow_mut().remove(&peer);
        }
        let own = port.options.load();
        let options = own.as_deref().unwrap_or_else(|| self.context.options());
        if self.sessions.borrow().len() >= options.limits.udp_sessions {
            return None;
        }
        let session = Rc::new(Session::open(targets, &self.context)?);
        self.sessions.borrow_mut().insert(peer, Rc::clone(&session));
        tokio::task::spawn_local(replies(
            Rc::downgrade(self),
            Rc::downgrade(&session),
            peer,
            options.timeouts.udp_idle,
        ));
        Some(session)
    }

    /// Sends a reply to a client, from the address it wrote to.
    fn reply(&self, peer: Peer, bytes: &[u8]) {
        let sent = match peer.local {
            None => SockRef::from(&self.socket)
                .send_to(bytes, &peer.client.into())
                .map(drop),
            Some(source) => datagrams::send_from(&self.socket, bytes, peer.client, source),
        };
        if let Err(error) = sent {
            tracing::debug!(client = %peer.client, %error, "reply dropped");
        }
    }
}

impl Session {
    fn open(targets: &Arc<StreamTargets>, context: &Rc<WorkerContext>) -> Option<Self> {
        let backend = Arc::clone(targets.choose()?);
        let endpoints = Arc::clone(&backend.endpoints());
        let used = pick(&backend, &[], context)?;
        let upstream = connect(used.endpoint().address)
            .inspect_err(
                |error| tracing::debug!(endpoint = %used.endpoint().address, %error, "no UDP session"),
            )
            .ok()?;
        context.observer.stream_opened(StreamKind::Udp);
        Some(Self {
            upstream,
            used,
            backend,
            seen: RefCell::new((Arc::clone(targets), endpoints)),
            last: Cell::new(Instant::now()),
            answered: Cell::new(false),
            passed: Cell::new((0, 0)),
            context: Rc::clone(context),
        })
    }

    /// Whether the route still names the backend, and the backend the endpoint.
    fn still_right(&self, targets: &Arc<StreamTargets>) -> bool {
        let endpoints = self.backend.endpoints();
        let mut seen = self.seen.borrow_mut();
        if !Arc::ptr_eq(&seen.0, targets) {
            let mut positive = targets.backends.iter().filter(|(_, weight)| *weight > 0);
            if !positive.any(|(backend, _)| {
                backend
                    .as_ref()
                    .is_some_and(|backend| Arc::ptr_eq(backend, &self.backend))
            }) {
                return false;
            }
            seen.0 = Arc::clone(targets);
        }
        if !Arc::ptr_eq(&seen.1, &endpoints) {
            let address = self.used.endpoint().address;
            if !endpoints
                .endpoints
                .iter()
                .any(|endpoint| endpoint.address == address)
            {
                return false;
            }
            seen.1 = Arc::clone(&endpoints);
        }
        true
    }

    fn due(&self, idle: Duration) -> Instant {
        self.last.get()
            + if self.answered.get() {
                idle
            } else {
                idle.min(UNANSWERED)
            }
    }
}

fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = if address.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    UdpSocket::from_std(socket)
}

/// Passes replies on until the session is idle, failed or gone from the table.
async fn replies(server: Weak<Server>, session: Weak<Session>, peer: Peer, idle: Duration) {
    loop {
        // Only for as long as one step: the table alone keeps a session alive.
        let Some(held) = session.upgrade() else { return };
        let due = held.due(idle);
        tokio::select! {
            biased;
            ready = held.upstream.readable() => {
                let Some(server) = server.upgrade() else { return };
                if ready.is_err() || !pass_on(&server, &held, peer) {
                    remove(&server, &held, peer);
                    return;
                }
                tokio::task::yield_now().await;
            }
            () = tokio::time::sleep_until(due.min(Instant::now() + Duration::from_secs(1))) => {
                if held.due(idle) <= Instant::now() {
                    if let Some(server) = server.upgrade() {
                        remove(&server, &held, peer);
                    }
                    return;
                }
            }
        }
    }
}

fn remove(server: &Server, session: &Rc<Session>, peer: Peer) {
    let mut sessions = server.sessions.borrow_mut();
    if sessions
        .get(&peer)
        .is_some_and(|current| Rc::ptr_eq(current, session))
    {
        sessions.remove(&peer);
    }
}

/// Reads what the backend has sent. `false`: it has refused (ICMP), the session is over.
fn pass_on(server: &Server, session: &Session, peer: Peer) -> bool {
    REPLY.with_borrow_mut(|buffer| {
        buffer.resize(DATAGRAM, 0);
        for _ in 0..REPLY_BURST {
            match session.upstream.try_recv(buffer) {
                Ok(length) => {
                    session.answered.set(true);
                    let (received, sent) = session.passed.get();
                    session.passed.set((received, sent + length as u64));
                    session.last.set(Instant::now());
                    server.reply(peer, buffer.get(..length).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
        true
    })
}
