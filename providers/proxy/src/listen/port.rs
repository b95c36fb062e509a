//! A bound port at run time: what is done with its connections, and one worker's view of it.

use crate::runtime::{DrainPhase, DrainSignal, DrainWatch, HttpPort, PortHandle, ProxyOptions};
use crate::stream::targets::StreamRoutes;
use crate::tls::client_auth::ClientAuth;
use arc_swap::{ArcSwap, ArcSwapOption};
use gatewright_model::key::{ListenerKey, ObjectName};
use gatewright_model::router::ListenerSelector;
use rustc_hash::FxHashMap;
use rustls::ServerConfig;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A port of one Gateway, whatever addresses it is bound to. Shared by all workers; its contents are
/// swapped, itself it stays as long as the port is bound for the same Gateway and kind of traffic.
#[derive(Debug)]
pub struct PortRuntime {
    /// Unique in the process.
    pub id: u64,
    /// The Gateway.
    pub gateway: ObjectName,
    /// Listener port (not the shifted one).
    pub port: u16,
    /// What is done with a new connection or datagram.
    pub front: ArcSwap<Front>,
    /// Options of its connections; `None` for those of the process.
    pub options: ArcSwapOption<ProxyOptions>,
    /// HTTP listeners; empty on a port without any.
    pub http: Arc<ArcSwap<HttpPort>>,
}

impl PortRuntime {
    /// A port with a fresh identity.
    pub fn new(gateway: ObjectName, port: u16, front: Front, http: HttpPort) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            gateway,
            port,
            front: ArcSwap::from_pointee(front),
            options: ArcSwapOption::empty(),
            http: Arc::new(ArcSwap::from_pointee(http)),
        })
    }
}

/// What is done with a new connection.
#[derive(Debug)]
pub enum Front {
    /// Cleartext HTTP.
    Http,
    /// TLS: the server name decides which listener takes it.
    Tls(ListenerSelector<TlsListener>),
    /// Bytes, by the routes of the one listener.
    Tcp(StreamListener),
    /// Datagrams, by the routes of the one listener.
    Udp(StreamListener),
}

impl Front {
    /// Kinds of traffic that cannot follow one another on a living connection.
    pub fn kind(&self) -> FrontKind {
        match self {
            Self::Http => FrontKind::Http,
            Self::Tls(_) => FrontKind::Tls,
            Self::Tcp(_) => FrontKind::Tcp,
            Self::Udp(_) => FrontKind::Udp,
        }
    }
}

/// Kind of traffic of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FrontKind {
    /// Cleartext HTTP.
    Http,
    /// TLS.
    Tls,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A listener whose connections are plain streams.
#[derive(Clone, Debug)]
pub struct StreamListener {
    /// Identity.
    pub key: ListenerKey,
    /// Its routes.
    pub routes: Arc<StreamRoutes>,
}

/// A listener on a TLS port.
#[derive(Clone, Debug)]
pub struct TlsListener {
    /// Identity.
    pub key: ListenerKey,
    /// What happens to a connection for it.
    pub action: TlsAction,
}

/// What happens to a TLS connection.
#[derive(Clone, Debug)]
pub enum TlsAction {
    /// Handshake here, HTTP inside.
    Http(Termination),
    /// Handshake here, bytes inside go to a backend.
    Stream(Termination, Arc<StreamRoutes>),
    /// The encrypted bytes go to a backend.
    Passthrough(Arc<StreamRoutes>),
    /// The listener has no usable certificate: the handshake is refused. Its names must not fall to
    /// a less specific listener.
    Refuse,
}

impl TlsListener {
    /// Whether its connections go to TLSRoutes rather than HTTP routes.
    pub const fn carries_streams(&self) -> bool {
        matches!(self.action, TlsAction::Stream(..) | TlsAction::Passthrough(_))
    }
}

/// How a handshake is done.
#[derive(Clone, Debug)]
pub struct Termination {
    /// rustls settings; certificates are read from the snapshot behind them.
    pub config: Arc<ServerConfig>,
    /// Validation of client certificates.
    pub client_auth: Option<Arc<ClientAuth>>,
}

/// One worker's view of a port.
#[derive(Debug)]
pub struct WorkerPort {
    /// The shared part.
    pub runtime: Arc<PortRuntime>,
    /// The HTTP snapshot.
    pub handle: Rc<PortHandle>,
    /// Drain signals by listener; `None` for connections whose listener is told by each request.
    signals: RefCell<FxHashMap<Option<ListenerKey>, DrainSignal>>,
    clients: RefCell<FxHashMap<IpAddr, usize>>,
}

impl WorkerPort {
    /// A view without connections.
    pub fn new(runtime: Arc<PortRuntime>) -> Rc<Self> {
        let handle = PortHandle::new(Arc::clone(&runtime.http));
        Rc::new(Self {
            runtime,
            handle,
            signals: RefCell::new(FxHashMap::default()),
            clients: RefCell::new(FxHashMap::default()),
        })
    }

    /// Registers a connection of a listener for draining.
    pub fn watch(&self, listener: Option<&ListenerKey>) -> DrainWatch {
        let mut signals = self.signals.borrow_mut();
        if let Some(signal) = signals.get(&listener.cloned()) {
            return signal.watch();
        }
        signals.entry(listener.cloned()).or_default().watch()
    }

    /// Asks the connections of one listener to finish. Later ones start with a fresh signal.
    pub fn drain_listener(&self, listener: &ListenerKey) -> Vec<DrainSignal> {
        let taken: Vec<DrainSignal> = self
            .signals
            .borrow_mut()
            .remove(&Some(listener.clone()))
            .into_iter()
            .collect();
        for signal in &taken {
            signal.advance(DrainPhase::Draining);
        }
        taken
    }

    /// Asks all connections to finish. Later ones start with a fresh signal.
    pub fn drain(&self) -> Vec<DrainSignal> {
        let taken: Vec<DrainSignal> = std::mem::take(&mut *self.signals.borrow_mut())
            .into_values()
            .collect();
        for signal in &taken {
            signal.advance(DrainPhase::Draining);
        }
        taken
    }

    /// Counts a connection of a client, unless a bound is reached.
    pub fn admit(self: &Rc<Self>, client: IpAddr, bounds: &Bounds) -> Option<Admitted> {
        let connections = self.handle.connections();
        if connections.get() >= bounds.port {
            return None;
        }
        if let Some(bound) = bounds.client {
            let mut clients = self.clients.borrow_mut();
            let count = clients.entry(client).or_insert(0);
            if *count >= bound {
                return None;
            }
            *count += 1;
        }
        connections.set(connections.get() + 1);
        Some(Admitted {
            port: Rc::clone(self),
            client: bounds.client.map(|_| client),
        })
    }
}

/// Bounds on the connections of a port and worker.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// All clients together.
    pub port: usize,
    /// One client address.
    pub client: Option<usize>,
}

/// A counted connection; dropping it gives its place back.
#[derive(Debug)]
pub struct Admitted {
    port: Rc<WorkerPort>,
    client: Option<IpAddr>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let connections = self.port.handle.connections();
        connections.set(connections.get().saturating_sub(1));
        if let Some(client) = self.client {
            let mut clients = self.port.clients.borrow_mut();
            if let Some(count) = clients.get_mut(&client) {
                *count -= 1;
                if *count == 0 {
                    clients.remove(&client);
                }
            }
        }
    }
}
