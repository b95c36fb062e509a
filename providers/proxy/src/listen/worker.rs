//! Worker threads: one single-threaded runtime each, with its own sockets, connections and pools.

mod command;

pub use command::{Command, WorkerHandle};

use crate::listen::connection::{self, Load};
use crate::listen::port::{PortRuntime, WorkerPort};
use crate::listen::socket::Listening;
use crate::runtime::{DrainPhase, DrainSignal, Shared, WorkerContext};
use crate::stream::udp;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::LocalSet;
use tokio::time::Instant;

/// First and longest pause after the system ran out of file descriptors or memory.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// One worker, on its own thread.
#[derive(Debug)]
pub struct Worker {
    /// State that requests need.
    pub context: Rc<WorkerContext>,
    /// Bounds the TLS handshakes in progress.
    pub handshakes: Semaphore,
    load: Arc<AtomicUsize>,
    /// All workers, this one included.
    all: Vec<WorkerHandle>,
    binds: RefCell<FxHashMap<u64, Rc<Bind>>>,
    ports: RefCell<FxHashMap<u64, Rc<WorkerPort>>>,
    /// State for ports with options of their own; shared by the ports with the same ones.
    contexts: RefCell<Vec<Rc<WorkerContext>>>,
}

#[derive(Debug)]
struct Bind {
    address: SocketAddr,
    port: RefCell<Rc<WorkerPort>>,
    socket: Socket,
    task: RefCell<Option<tokio::task::JoinHandle<()>>>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Udp(Rc<udp::Server>),
}

/// Starts the workers. Each runs until told to drain, or until all handles are dropped.
pub fn start(shared: &Arc<Shared>) -> io::Result<(Vec<WorkerHandle>, Vec<JoinHandle<()>>)> {
    let count = shared.options.workers.get();
    let (handles, receivers): (Vec<_>, Vec<_>) = (0..count)
        .map(|_| {
            let (commands, receiver) = mpsc::unbounded_channel();
            (
                WorkerHandle {
                    commands,
                    load: Arc::new(AtomicUsize::new(0)),
                },
                receiver,
            )
        })
        .unzip();
    let mut threads = Vec::with_capacity(count);
    for (index, receiver) in receivers.into_iter().enumerate() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (shared, all) = (Arc::clone(shared), handles.clone());
        threads.push(
            std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || {
                    let tasks = LocalSet::new();
                    tasks.block_on(&runtime, run(index, shared, all, receiver));
                })?,
        );
    }
    Ok((handles, threads))
}

async fn run(
    index: usize,
    shared: Arc<Shared>,
    all: Vec<WorkerHandle>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let handshakes = Semaphore::new(
        shared
            .options
            .limits
            .concurrent_handshakes
            .clamp(1, Semaphore::MAX_PERMITS),
    );
    let load = all
        .get(index)
        .map_or_else(Default::default, |handle| Arc::clone(&handle.load));
    let worker = Rc::new(Worker {
        context: WorkerContext::new(index, shared),
        handshakes,
        load,
        all,
        binds: RefCell::default(),
        ports: RefCell::default(),
        contexts: RefCell::default(),
    });
    while let Some(command) = commands.recv().await {
        if let Command::Drain { accept, grace, done } = command {
            let cut = drain_all(&worker, &mut commands, accept, grace).await;
            let _ = done.send(cut);
            return;
        }
        worker.obey(command);
    }
}

/// Drains everything. Listeners go on accepting for `accept`, with other commands obeyed.
async fn drain_all(
    worker: &Rc<Worker>,
    commands: &mut mpsc::UnboundedReceiver<Command>,
    accept: Duration,
    grace: Duration,
) -> usize {
    // Connections that exist are asked to go; those that still come are served in full.
    let mut signals = worker.drain_ports();
    let until = Instant::now() + accept;
    while let Ok(Some(command)) = tokio::time::timeout_at(until, commands.recv()).await {
        worker.obey(command);
    }
    let binds: Vec<u64> = worker.binds.borrow().keys().copied().collect();
    for bind in binds {
        worker.close(bind).await;
    }
    signals.extend(worker.drain_ports());
    finish(signals, grace).await
}

/// Waits until the connections are gone or time is up, then cuts what is left. Answers how many
/// those were.
async fn finish(signals: Vec<DrainSignal>, grace: Duration) -> usize {
    let deadline = Instant::now() + grace;
    let left = || signals.iter().map(DrainSignal::watchers).sum::<usize>();
    let mut pause = Duration::from_millis(1);
    while left() > 0 && Instant::now() < deadline {
        tokio::time::sleep_until((Instant::now() + pause).min(deadline)).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
    let cut = left();
    for signal in &signals {
        signal.advance(DrainPhase::Closing);
    }
    // Connections see the signal when they run next; after that nothing is waited for.
    for _ in 0..100 {
        if left() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    cut
}

impl Worker {
    fn obey(self: &Rc<Self>, command: Command) {
        match command {
            Command::Open {
                bind,
                socket,
                address,
                port,
            } => {
                if let Err(error) = self.open(bind, socket, address, &port) {
                    tracing::error!(%address, %error, worker = self.context.index, "socket cannot be used by this worker");
                }
            }
            Command::Assign { bind, port, grace } => {
                let Some(bind) = self.binds.borrow().get(&bind).cloned() else {
                    return;
                };
                let former = bind.port.replace(self.port(&port));
                if let Socket::Udp(server) = &bind.socket {
                    server.assign(&port);
                }
                self.release(&former, grace);
            }
            Command::Close { bind, grace, done } => {
                let worker = Rc::clone(self);
                tokio::task::spawn_local(async move {
                    let former = worker.close(bind).await;
                    drop(done);
                    if let Some(former) = former {
                        worker.release(&former, grace);
                    }
                });
            }
            Command::DrainListener {
                port,
                listener,
                grace,
            } => {
                let port = self.ports.borrow().get(&port).cloned();
                if let Some(port) = port {
                    let signals = port.drain_listener(&listener);
                    tokio::task::spawn_local(finish(signals, grace));
                }
            }
            Command::Take {
                bind,
                stream,
                ends,
                load,
            } => {
                let port = self
                    .binds
                    .borrow()
                    .get(&bind)
                    .map(|bind| Rc::clone(&bind.port.borrow()));
                match (port, TcpStream::from_std(stream)) {
                    (Some(port), Ok(stream)) => connection::start(self, &port, stream, ends, load),
                    (_, Err(error)) => tracing::warn!(%error, "connection lost between workers"),
                    (None, Ok(_)) => {}
                }
            }
            // Handled by the main loop; a second one has nothing left to do.
            Command::Drain { done, .. } => {
                let _ = done.send(0);
            }
        }
    }

    /// What connections of a port are served with.
    pub fn context_of(&self, port: &PortRuntime) -> Rc<WorkerContext> {
        let own = port.options.load();
        let Some(options) = own.as_ref() else {
            return Rc::clone(&self.context);
        };
        let mut contexts = self.contexts.borrow_mut();
        if let Some(known) = contexts
            .iter()
            .find(|known| Arc::ptr_eq(&known.shared.options, options))
        {
            return Rc::clone(known);
        }
        // Those that no connection and no port uses any more.
        contexts.retain(|known| Rc::strong_count(known) > 1 || Arc::strong_count(&known.shared.options) > 2);
        let shared = Shared {
            options: Arc::clone(options),
            observer: Arc::clone(&self.context.shared.observer),
        };
        let context = WorkerContext::new(self.context.index, Arc::new(shared));
        contexts.push(Rc::clone(&context));
        context
    }

    fn port(&self, port: &Arc<PortRuntime>) -> Rc<WorkerPort> {
        let mut ports = self.ports.borrow_mut();
        Rc::clone(
            ports
                .entry(port.id)
                .or_insert_with(|| WorkerPort::new(Arc::clone(port))),
        )
    }

    fn open(
        self: &Rc<Self>,
        bind: u64,
        socket: Listening,
        address: SocketAddr,
        port: &Arc<PortRuntime>,
    ) -> io::Result<()> {
        let socket = match socket {
            Listening::Tcp(socket) => Socket::Tcp(TcpListener::from_std(socket)?),
            Listening::Udp(socket) => Socket::Udp(udp::Server::new(socket, port, &self.context)?),
        };
        let entry = Rc::new(Bind {
            address,
            port: RefCell::new(self.port(port)),
            socket,
            task: RefCell::new(None),
        });
        self.binds.borrow_mut().insert(bind, Rc::clone(&entry));
        let (worker, accepting) = (Rc::clone(self), Rc::clone(&entry));
        let task = tokio::task::spawn_local(async move {
            match &accepting.socket {
                Socket::Tcp(listener) => worker.accept(bind, &accepting, listener).await,
                Socket::Udp(server) => server.run().await,
            }
        });
        entry.task.replace(Some(task));
        Ok(())
    }

    /// Stops accepting on a socket and answers the port it belonged to; the socket is closed when this
    /// is done. Connections that the kernel has completed already are still served: closing a socket
    /// would reset them.
    async fn close(self: &Rc<Self>, bind: u64) -> Option<Rc<WorkerPort>> {
        let entry = self.binds.borrow_mut().remove(&bind)?;
        if let Some(task) = entry.task.take() {
            task.abort();
            let _ = task.await;
        }
        let port = Rc::clone(&entry.port.borrow());
        match &entry.socket {
            Socket::Tcp(listener) => {
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                while let std::task::Poll::Ready(Ok((stream, peer))) = listener.poll_accept(&mut context) {
                    let local = local_end(&stream, entry.address);
                    connection::start(
                        self,
                        &port,
                        stream,
                        (peer, local),
                        Load::new(Arc::clone(&self.load)),
                    );
                }
            }
            Socket::Udp(server) => server.close(),
        }
        Some(port)
    }

    /// Drains a port that has no socket any more.
    fn release(self: &Rc<Self>, port: &Rc<WorkerPort>, grace: Duration) {
        let used = self
            .binds
            .borrow()
            .values()
            .any(|bind| Rc::ptr_eq(&bind.port.borrow(), port));
        if used {
            return;
        }
        self.ports.borrow_mut().remove(&port.runtime.id);
        tokio::task::spawn_local(finish(port.drain(), grace));
    }

    fn drain_ports(&self) -> Vec<DrainSignal> {
        self.ports
            .borrow()
            .values()
            .flat_map(|port| port.drain())
            .collect()
    }

    async fn accept(self: &Rc<Self>, id: u64, bind: &Rc<Bind>, listener: &TcpListener) {
        let mut pause = BACKOFF.0;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    pause = BACKOFF.0;
                    self.dispatch(id, bind, stream, peer);
                }
                Err(error) if is_about_connection(&error) => {}
                Err(error) => {
                    // EMFILE, ENFILE, ENOBUFS, ENOMEM: accepting at once again would spin.
                    tracing::warn!(address = %bind.address, %error, ?pause, "accepting pauses");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(BACKOFF.1);
                }
            }
        }
    }

    /// Serves a new connection here, or gives it to a worker that has clearly fewer: the kernel
    /// spreads connections by hash, which a few long HTTP/2 connections make visible.
    fn dispatch(self: &Rc<Self>, id: u64, bind: &Rc<Bind>, stream: TcpStream, peer: SocketAddr) {
        let local = local_end(&stream, bind.address);
        let mine = self.load.load(Ordering::Relaxed);
        if let Some(other) = self.all.iter().min_by_key(|other| other.load()) {
            let margin = (mine / 4).max(1);
            if other.load() + margin < mine + 1 && !Arc::ptr_eq(&other.load, &self.load) {
                let load = Load::new(Arc::clone(&other.load));
                match stream.into_std() {
                    Ok(stream) => other.send(Command::Take {
                        bind: id,
                        stream,
                        ends: (peer, local),
                        load,
                    }),
                    Err(error) => tracing::warn!(%error, "connection lost between workers"),
                }
                return;
            }
        }
        let port = Rc::clone(&bind.port.borrow());
        connection::start(
            self,
            &port,
            stream,
            (peer, local),
            Load::new(Arc::clone(&self.load)),
        );
    }
}

/// The address a client connected to; asked from the kernel only where the socket has none of its own.
fn local_end(stream: &TcpStream, bound: SocketAddr) -> SocketAddr {
    if bound.ip().is_unspecified() {
        stream.local_addr().unwrap_or(bound)
    } else {
        bound
    }
}

/// Errors of `accept` that concern one connection that is already gone (accept(2)).
fn is_about_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut
    )
}
