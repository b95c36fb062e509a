//! Listening sockets: one per worker on the same address and port, shared with nobody else.
//!
//! `SO_REUSEPORT` lets every worker accept on its own socket, but it would also let a second process
//! of the same user bind the port and silently take a share of the connections. Therefore the first
//! socket of an address is bound **without** it: the kernel then refuses when anyone holds the port,
//! whatever options that one set. Only once the socket is ours (for TCP once it listens, since two
//! bound sockets that do not listen may share with `SO_REUSEADDR`) is `SO_REUSEPORT` switched on, and
//! the sockets of the other workers join. A second process that probes in the same way fails as long
//! as one of our sockets exists. The tests of this module check it on the running kernel.

use crate::runtime::{Failure, FailureReason};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::num::NonZeroUsize;
use std::time::Duration;

/// Connections that wait to be accepted, per socket; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Silence before the kernel asks whether a peer is still there.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// Receive and send buffer asked for on UDP sockets, bytes; the kernel caps it.
const UDP_BUFFER: usize = 4 * 1024 * 1024;

/// Transport of a bound port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP, with or without TLS or HTTP.
    Tcp,
    /// UDP.
    Udp,
}

/// One worker's socket on a bound port.
#[derive(Debug)]
pub enum Listening {
    /// Accepts connections.
    Tcp(TcpListener),
    /// Receives datagrams.
    Udp(UdpSocket),
}

/// Binds an address for `count` workers, exclusively for this process.
pub fn bind(address: SocketAddr, transport: Transport, count: NonZeroUsize) -> io::Result<Vec<Listening>> {
    let first = open(address, transport)?;
    first.bind(&address.into())?;
    if transport == Transport::Tcp {
        first.listen(BACKLOG)?;
    }
    // With port 0 the kernel chose one; the others must use the same.
    let address = first.local_addr()?.as_socket().unwrap_or(address);
    let mut sockets = Vec::with_capacity(count.get());
    if count.get() > 1 {
        first.set_reuse_port(true)?;
    }
    sockets.push(first);
    for _ in 1..count.get() {
        let socket = open(address, transport)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        if transport == Transport::Tcp {
            socket.listen(BACKLOG)?;
        }
        sockets.push(socket);
    }
    Ok(sockets
        .into_iter()
        .map(|socket| match transport {
            Transport::Tcp => Listening::Tcp(socket.into()),
            Transport::Udp => Listening::Udp(socket.into()),
        })
        .collect())
}

fn open(address: SocketAddr, transport: Transport) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let (kind, protocol) = match transport {
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
    };
    let socket = Socket::new(domain, kind.nonblocking(), Some(protocol))?;
    if address.is_ipv6() {
        // `::` and `0.0.0.0` are two addresses; each is bound when it is asked for.
        socket.set_only_v6(true)?;
    }
    match transport {
        Transport::Tcp => {
            // Connections of a former run in TIME_WAIT do not hold the port.
            socket.set_reuse_address(true)?;
            // Inherited by accepted sockets (tcp(7)), which saves system calls per connection.
            socket.set_tcp_nodelay(true)?;
            socket.set_tcp_keepalive(
                &TcpKeepalive::new()
                    .with_time(KEEPALIVE)
                    .with_interval(KEEPALIVE / 4),
            )?;
        }
        Transport::Udp => {
            // Best effort: the system's own maximum may be lower.
            let _ = socket.set_recv_buffer_size(UDP_BUFFER);
            let _ = socket.set_send_buffer_size(UDP_BUFFER);
        }
    }
    Ok(socket)
}

/// Says precisely why an address could not be bound.
pub fn explain(address: SocketAddr, transport: Transport, error: &io::Error) -> Failure {
    let kind = match transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
    };
    let at = format!("{kind} {address}");
    let (reason, message) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            FailureReason::PortInUseByOtherProcess,
            format!(
                "{at} is held by another process; stop it, or use another port, --address or --port-offset"
            ),
        ),
        io::ErrorKind::PermissionDenied => (
            FailureReason::PermissionDenied,
            format!(
                "{at}: the process may not bind this port; ports below net.ipv4.ip_unprivileged_port_start \
                 (1024 by default) need CAP_NET_BIND_SERVICE, or shift the ports with --port-offset"
            ),
        ),
        io::ErrorKind::AddrNotAvailable => (
            FailureReason::AddressNotAvailable,
            format!("{at}: {} is not an address of this machine", address.ip()),
        ),
        // EAFNOSUPPORT has no kind of its own.
        _ if error.raw_os_error() == Some(nix::libc::EAFNOSUPPORT) => (
            FailureReason::AddressNotAvailable,
            format!("{at}: this machine does not speak the address's IP version"),
        ),
        _ => (FailureReason::Other, format!("{at}: {error}")),
    };
    Failure { reason, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

    fn local(listening: &Listening) -> SocketAddr {
        match listening {
            Listening::Tcp(socket) => socket.local_addr().unwrap(),
            Listening::Udp(socket) => socket.local_addr().unwrap(),
        }
    }

    fn any_port() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    #[test]
    fn workers_share_one_port() {
        for transport in [Transport::Tcp, Transport::Udp] {
            let sockets = bind(any_port(), transport, TWO).unwrap();
            assert_eq!(sockets.len(), 2);
            assert_eq!(local(&sockets[0]), local(&sockets[1]));
            assert_ne!(local(&sockets[0]).port(), 0);
        }
    }

    /// Connections spread over the sockets: the first, bound without `SO_REUSEPORT`, is in the group.
    #[test]
    fn every_socket_gets_connections() {
        let sockets = bind(any_port(), Transport::Tcp, TWO).unwrap();
        let address = local(&sockets[0]);
        let clients: Vec<_> = (0..64)
            .map(|_| std::net::TcpStream::connect(address).unwrap())
            .collect();
        let accepted: Vec<usize> = sockets
            .iter()
            .map(|socket| {
                let Listening::Tcp(socket) = socket else {
                    panic!("not TCP")
                };
                std::iter::from_fn(|| socket.accept().ok()).count()
            })
            .collect();
        assert_eq!(accepted.iter().sum::<usize>(), clients.len());
        // 2^-63 that all end up on one side.
        assert!(accepted.iter().all(|count| *count > 0), "{accepted:?}");
    }

    /// A socket of someone else, whatever it allows, is never shared.
    #[test]
    fn a_foreign_port_is_refused() {
        for transport in [Transport::Tcp, Transport::Udp] {
            for willing in [false, true] {
                let foreign = open(any_port(), transport).unwrap();
                foreign.set_reuse_port(willing).unwrap();
                foreign.bind(&any_port().into()).unwrap();
                if transport == Transport::Tcp {
                    foreign.listen(1).unwrap();
                }
                let address = foreign.local_addr().unwrap().as_socket().unwrap();
                let error = bind(address, transport, TWO).unwrap_err();
                let failure = explain(address, transport, &error);
                assert_eq!(
                    failure.reason,
                    FailureReason::PortInUseByOtherProcess,
                    "{failure:?}"
                );
                assert!(failure.message.contains(&address.to_string()));
                // Also when only the wildcard address is wanted.
                let wildcard = SocketAddr::new("0.0.0.0".parse().unwrap(), address.port());
                assert!(bind(wildcard, transport, TWO).is_err());
            }
        }
    }

    /// Two instances of this program cannot both have a port.
    #[test]
    fn our_own_port_is_not_given_twice() {
        for transport in [Transport::Tcp, Transport::Udp] {
            let ours = bind(any_port(), transport, TWO).unwrap();
            let address = local(&ours[0]);
            assert_eq!(
                bind(address, transport, TWO).unwrap_err().kind(),
                io::ErrorKind::AddrInUse
            );
            drop(ours);
            bind(address, transport, TWO).unwrap();
        }
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        // TEST-NET-1 (RFC 5737).
        let address = "192.0.2.1:0".parse().unwrap();
        let error = bind(address, Transport::Tcp, TWO).unwrap_err();
        assert_eq!(
            explain(address, Transport::Tcp, &error).reason,
            FailureReason::AddressNotAvailable
        );
    }
}
