//! The way of a connection from `accept` to the part that serves it: bounds, PROXY header,
//! ClientHello, handshake.

use crate::http;
use crate::listen::port::{Admitted, Bounds, Front, Termination, TlsAction, TlsListener, WorkerPort};
use crate::listen::proxy_protocol::{self, Header, Progress};
use crate::listen::worker::Worker;
use crate::observe::StreamKind;
use crate::runtime::{ConnInfo, TlsInfo, WorkerContext};
use crate::stream;
use crate::tls::client_hello::{self, Hello, Peek};
use crate::tls::replay::Replay;
use rustls::pki_types::UnixTime;
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Bytes read at once while looking for a PROXY header or a ClientHello. Holds nearly all of them.
const PEEK: usize = 2048;

/// TLS alert `unrecognized_name`, fatal (RFC 6066 section 3): no listener serves the name.
const ALERT_UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// TLS alert `decode_error`, fatal (RFC 8446 section 6.2).
const ALERT_DECODE_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 50];

/// A connection's place in the load of its worker; dropping it gives the place back.
#[derive(Debug)]
pub struct Load(Arc<AtomicUsize>);

impl Load {
    /// Takes a place.
    pub fn new(load: Arc<AtomicUsize>) -> Self {
        load.fetch_add(1, Ordering::Relaxed);
        Self(load)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection's places in the counts that bound and balance connections.
struct Places {
    _load: Load,
    admitted: Option<Admitted>,
}

/// A connection before it is known what it carries.
struct Arrival {
    worker: Rc<Worker>,
    context: Rc<WorkerContext>,
    port: Rc<WorkerPort>,
    stream: TcpStream,
    conn: ConnInfo,
    places: Places,
    /// Read and not yet used.
    first: Vec<u8>,
}

/// Takes a connection over. Returns at once; the connection is served by tasks of its own.
pub fn start(
    worker: &Rc<Worker>,
    port: &Rc<WorkerPort>,
    stream: TcpStream,
    ends: (SocketAddr, SocketAddr),
    load: Load,
) {
    let (peer, local) = ends;
    let (peer, local) = (canonical(peer), canonical(local));
    let conn = ConnInfo {
        peer,
        client: peer,
        local,
        listener_port: port.runtime.port,
        tls: None,
        accepted: Instant::now(),
    };
    let context = worker.context_of(&port.runtime);
    let options = context.options();
    let relayed_by = options
        .proxy_protocol_from
        .iter()
        .any(|net| net.contains(&peer.ip()));
    let places = Places {
        _load: load,
        admitted: None,
    };
    let arrival = Arrival {
        worker: Rc::clone(worker),
        context,
        port: Rc::clone(port),
        stream,
        conn,
        places,
        first: Vec::new(),
    };
    if relayed_by {
        tokio::task::spawn_local(async move {
            let deadline = arrival.deadline();
            match timeout_at(deadline, relayed(arrival)).await {
                Ok(Ok(arrival)) => admit(arrival),
                Ok(Err(error)) => tracing::debug!(%peer, %error, "connection closed: PROXY protocol"),
                Err(_) => tracing::debug!(%peer, "connection closed: no PROXY header in time"),
            }
        });
    } else {
        admit(arrival);
    }
}

/// IPv4-mapped IPv6 addresses as IPv4 (RFC 4291 section 2.5.5.2).
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Arrival {
    fn deadline(&self) -> tokio::time::Instant {
        (self.conn.accepted + self.context.options().timeouts.handshake).into()
    }
}

/// Reads the PROXY header that this peer must send.
async fn relayed(mut arrival: Arrival) -> io::Result<Arrival> {
    loop {
        match proxy_protocol::parse(&arrival.first).map_err(io::Error::other)? {
            Progress::Complete(header, length) => {
                arrival.first.drain(..length);
                if let Header::Relayed { source, destination } = header {
                    arrival.conn.client = canonical(source);
                    arrival.conn.local = canonical(destination);
                }
                return Ok(arrival);
            }
            Progress::Incomplete => read_more(&mut arrival.stream, &mut arrival.first).await?,
        }
    }
}

async fn read_more(stream: &mut TcpStream, into: &mut Vec<u8>) -> io::Result<()> {
    into.reserve(PEEK);
    match stream.read_buf(into).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn admit(mut arrival: Arrival) {
    let limits = &arrival.context.options().limits;
    let bounds = Bounds {
        port: limits.connections_per_port,
        client: limits.connections_per_client,
    };
    let Some(admitted) = arrival.port.admit(arrival.conn.client.ip(), &bounds) else {
        arrival.context.observer.connection_refused();
        tracing::debug!(client = %arrival.conn.client, port = arrival.port.runtime.port, "connection refused: too many");
        reset(&arrival.stream);
        return;
    };
    arrival.places.admitted = Some(admitted);
    let front = arrival.port.runtime.front.load_full();
    match &*front {
        Front::Http => {
            let Arrival {
                context,
                port,
                stream,
                conn,
                places,
                first,
                ..
            } = arrival;
            let watch = port.watch(None);
            tokio::task::spawn_local(async move {
                http::serve_connection(
                    Replay::new(first, stream),
                    conn,
                    Rc::clone(&port.handle),
                    context,
                    watch,
                )
                .await;
                drop(places);
            });
        }
        Front::Tls(_) => {
            tokio::task::spawn_local(tls(arrival, front));
        }
        Front::Tcp(listener) => {
            let watch = arrival.port.watch(Some(&listener.key));
            let targets = listener.routes.select(None).cloned();
            let Arrival {
                context,
                stream,
                conn,
                places,
                first,
                ..
            } = arrival;
            tokio::task::spawn_local(async move {
                match targets {
                    Some(targets) => {
                        let client = stream::tcp::Client {
                            kind: StreamKind::Tcp,
                            io: stream,
                            first,
                            conn,
                            watch,
                        };
                        stream::tcp::serve(client, &targets, stream::tcp::Inner::Raw, &context).await;
                    }
                    None => reset(&stream),
                }
                drop(places);
            });
        }
        // Datagrams do not come this way.
        Front::Udp(_) => {}
    }
}

/// Closes with a reset: nothing of the connection was understood or served.
pub fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

async fn tls(mut arrival: Arrival, front: Arc<Front>) {
    let deadline = arrival.deadline();
    let peer = arrival.conn.peer;
    let Front::Tls(listeners) = &*front else { return };
    let hello = match timeout_at(deadline, hello(&mut arrival)).await {
        Ok(Ok(hello)) => hello,
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "TLS connection closed before its ClientHello");
            arrival.context.observer.handshake_failed();
            return;
        }
        Err(_) => {
            tracing::debug!(%peer, "TLS connection closed: no ClientHello in time");
            arrival.context.observer.handshake_failed();
            return;
        }
    };
    let name = hello.server_name.as_deref();
    let Some(TlsListener { key, action }) = listeners.select(name.unwrap_or_default()) else {
        tracing::debug!(%peer, name, "TLS connection refused: no listener for this server name");
        if listeners.listeners().any(TlsListener::carries_streams) {
            close(&arrival);
        } else {
            refuse(arrival).await;
        }
        return;
    };
    let watch = arrival.port.watch(Some(key));
    match action {
        TlsAction::Passthrough(routes) => {
            let Some(targets) = routes.select(name).cloned() else {
                tracing::debug!(%peer, name, "TLS connection closed: no route for this server name");
                close(&arrival);
                return;
            };
            let Arrival {
                context,
                stream,
                conn,
                places,
                first,
                ..
            } = arrival;
            tokio::task::spawn_local(async move {
                let client = stream::tcp::Client {
                    kind: StreamKind::Tls,
                    io: stream,
                    first,
                    conn,
                    watch,
                };
                stream::tcp::serve(client, &targets, stream::tcp::Inner::Raw, &context).await;
                drop(places);
            });
        }
        TlsAction::Stream(termination, routes) => {
            let Some(targets) = routes.select(name).cloned() else {
                tracing::debug!(%peer, name, "TLS connection closed: no route for this server name");
                close(&arrival);
                return;
            };
            let Some((stream, arrival)) = handshake(arrival, termination, &hello).await else {
                return;
            };
            tokio::task::spawn_local(async move {
                let Arrived {
                    context,
                    conn,
                    places,
                    ..
                } = arrival;
                let client = stream::tcp::Client {
                    kind: StreamKind::Tls,
                    io: stream,
                    first: Vec::new(),
                    conn,
                    watch,
                };
                stream::tcp::serve(client, &targets, stream::tcp::Inner::Decrypted, &context).await;
                drop(places);
            });
        }
        TlsAction::Http(termination) => {
            let Some((stream, arrival)) = handshake(arrival, termination, &hello).await else {
                return;
            };
            tokio::task::spawn_local(async move {
                let Arrived {
                    context,
                    port,
                    conn,
                    places,
                } = arrival;
                // Boxed: each layer of the future would hold a place for the session's two kilobytes.
                http::serve_connection(Box::new(stream), conn, Rc::clone(&port.handle), context, watch).await;
                drop(places);
            });
        }
        TlsAction::Refuse => {
            tracing::debug!(%peer, name, listener = %key, "TLS connection refused: its listener has no usable certificate");
            refuse(arrival).await;
        }
    }
}

/// Reads until the ClientHello is complete.
async fn hello(arrival: &mut Arrival) -> io::Result<Hello> {
    loop {
        match client_hello::peek(&arrival.first) {
            Ok(Peek::Complete(hello)) => return Ok(hello),
            Ok(Peek::Incomplete) => read_more(&mut arrival.stream, &mut arrival.first).await?,
            Err(error) => {
                // Best effort; the connection is closed in any case.
                let _ = arrival.stream.try_write(&ALERT_DECODE_ERROR);
                return Err(io::Error::other(error));
            }
        }
    }
}

/// Closes without a word of TLS, as a backend out of reach would: on a port of TLSRoutes the words are the
/// backend's (conformance test TLSRouteHostnameIntersection: "the TCP connection is eventually rejected").
fn close(arrival: &Arrival) {
    arrival.context.observer.handshake_failed();
    reset(&arrival.stream);
}

/// Says in TLS's own words that nothing is served under this name, and closes.
async fn refuse(mut arrival: Arrival) {
    arrival.context.observer.handshake_failed();
    if arrival.stream.write_all(&ALERT_UNRECOGNIZED_NAME).await.is_ok() {
        let _ = arrival.stream.shutdown().await;
    }
}

/// What is left of an [`Arrival`] once its stream has become a TLS stream.
struct Arrived {
    context: Rc<WorkerContext>,
    port: Rc<WorkerPort>,
    conn: ConnInfo,
    places: Places,
}

async fn handshake(
    arrival: Arrival,
    termination: &Termination,
    hello: &Hello,
) -> Option<(TlsStream<Replay<TcpStream>>, Arrived)> {
    let deadline = arrival.deadline();
    let Arrival {
        worker,
        context,
        port,
        stream,
        mut conn,
        places,
        first,
    } = arrival;
    let peer = conn.peer;
    let accepted = timeout_at(deadline, async {
        // Handshakes cost the most CPU of all that a stranger can ask for.
        let _turn = worker.handshakes.acquire().await.map_err(io::Error::other)?;
        TlsAcceptor::from(Arc::clone(&termination.config))
            .accept(Replay::new(first, stream))
            .await
    })
    .await;
    let stream = match accepted {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            context.observer.handshake_failed();
            tracing::debug!(%peer, %error, "TLS handshake failed");
            return None;
        }
        Err(_) => {
            context.observer.handshake_failed();
            tracing::debug!(%peer, "TLS handshake not finished in time");
            return None;
        }
    };
    let (_, session) = stream.get_ref();
    conn.tls = Some(Box::new(TlsInfo {
        sni: hello.server_name.clone(),
        alpn: session.alpn_protocol().map(<[u8]>::to_vec),
        version: match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "",
        },
        cipher: session
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or_default(),
        client_certificate: termination
            .client_auth
            .as_ref()
            .zip(session.peer_certificates())
            .and_then(|(auth, chain)| auth.describe(chain, UnixTime::now())),
    }));
    Some((
        stream,
        Arrived {
            context,
            port,
            conn,
            places,
        },
    ))
}
