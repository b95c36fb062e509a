//! Batches of datagrams with the local address each was sent to (`recvmmsg`, `IP_PKTINFO`: ip(7),
//! RFC 3542 section 6).

use nix::cmsg_space;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrStorage,
    recvmmsg, sendmsg, setsockopt, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Datagrams per system call.
const BATCH: usize = 16;

/// A datagram as received.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub client: SocketAddr,
    /// The local address it was sent to, on sockets bound to all addresses.
    pub local: Option<Source>,
    /// Contents.
    pub bytes: &'a [u8],
}

/// A local address to send from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    address: IpAddr,
    /// Interface, for link-local addresses; 0 lets the system choose.
    interface: u32,
}

/// Has the kernel tell the local address of each datagram.
pub fn tell_local_address(socket: &std::net::UdpSocket) -> io::Result<()> {
    if socket.local_addr()?.is_ipv4() {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
    } else {
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    }
    Ok(())
}

/// Receives batches into buffers of its own.
#[derive(Debug)]
pub struct Receiver {
    buffers: Vec<u8>,
    wildcard: bool,
}

impl Receiver {
    /// A receiver; `wildcard` for sockets prepared with [`tell_local_address`].
    pub fn new(wildcard: bool) -> Self {
        Self {
            buffers: vec![0; BATCH * super::DATAGRAM],
            wildcard,
        }
    }

    /// Gives every datagram that is there, up to a batch, to `each`; `WouldBlock` when there is none.
    pub fn receive(&mut self, socket: &UdpSocket, each: &mut dyn FnMut(Datagram<'_>)) -> io::Result<()> {
        let Self { buffers, wildcard } = self;
        socket.try_io(Interest::READABLE, || {
            let mut slices: Vec<[IoSliceMut<'_>; 1]> = buffers
                .chunks_exact_mut(super::DATAGRAM)
                .map(|buffer| [IoSliceMut::new(buffer)])
                .collect();
            let control = wildcard.then(|| cmsg_space!(libc::in6_pktinfo));
            let mut headers: MultiHeaders<SockaddrStorage> = MultiHeaders::preallocate(BATCH, control);
            let received = recvmmsg(
                socket.as_raw_fd(),
                &mut headers,
                slices.iter_mut(),
                MsgFlags::MSG_DONTWAIT,
                None,
            )?;
            for message in received {
                let Some(client) = message.address.as_ref().and_then(std_address) else {
                    continue;
                };
                let local = if *wildcard {
                    message.cmsgs()?.find_map(|control| source(&control))
                } else {
                    None
                };
                // An empty datagram has no filled slice.
                let bytes = message.iovs().next().unwrap_or_default();
                each(Datagram { client, local, bytes });
            }
            Ok(())
        })
    }
}

fn std_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(address) = address.as_sockaddr_in() {
        return Some(SocketAddr::V4(SocketAddrV4::new(address.ip(), address.port())));
    }
    address.as_sockaddr_in6().map(|address| {
        SocketAddr::V6(SocketAddrV6::new(
            address.ip(),
            address.port(),
            address.flowinfo(),
            address.scope_id(),
        ))
    })
}

fn source(control: &ControlMessageOwned) -> Option<Source> {
    match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(Source {
            address: IpAddr::V4(Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr))),
            interface: 0,
        }),
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
            let interface = if address.is_unicast_link_local() {
                info.ipi6_ifindex
            } else {
                0
            };
            Some(Source {
                address: IpAddr::V6(address),
                interface,
            })
        }
        _ => None,
    }
}

/// Sends one datagram from a given local address.
pub fn send_from(socket: &UdpSocket, bytes: &[u8], to: SocketAddr, from: Source) -> io::Result<()> {
    let contents = [IoSlice::new(bytes)];
    let (fd, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
    match (from.address, to) {
        (IpAddr::V4(address), SocketAddr::V4(to)) => {
            let address = libc::in_addr {
                s_addr: u32::from(address).to_be(),
            };
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: address,
                ipi_addr: address,
            };
            let control = [ControlMessage::Ipv4PacketInfo(&info)];
            sendmsg(fd, &contents, &control, flags, Some(&SockaddrIn::from(to)))?;
        }
        (IpAddr::V6(address), SocketAddr::V6(to)) => {
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr {
                    s6_addr: address.octets(),
                },
                ipi6_ifindex: from.interface as _,
            };
            let control = [ControlMessage::Ipv6PacketInfo(&info)];
            sendmsg(fd, &contents, &control, flags, Some(&SockaddrIn6::from(to)))?;
        }
        _ => return Err(io::ErrorKind::AddrNotAvailable.into()),
    }
    Ok(())
}
