//! The address that targets see.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html#client-ip-preservation>:
//! the client's when it is preserved, else the load balancer's. Clients on loopback addresses have theirs here as well,
//! with another port; addresses that this machine does not have cannot be taken, and targets see the load balancer's.

use super::groups::Group;
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

/// Addresses to come from, the better one first.
fn sources(group: &Group, client: IpAddr, own: IpAddr, target: SocketAddr) -> Vec<IpAddr> {
    let fits = |address: &IpAddr| address.is_ipv4() == target.is_ipv4();
    let wanted = group.preserve.then_some(client);
    wanted.into_iter().chain([own]).filter(fits).collect()
}

/// A connection to a target.
pub(super) async fn connect(
    group: &Group,
    (client, own): (IpAddr, IpAddr),
    target: SocketAddr,
) -> io::Result<TcpStream> {
    for source in sources(group, client, own, target) {
        let socket = if target.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        if socket.bind(SocketAddr::new(source, 0)).is_ok() {
            return socket.connect(target).await;
        }
    }
    TcpStream::connect(target).await
}

/// A socket for the datagrams of a client.
pub(super) async fn socket(
    group: &Group,
    (client, own): (IpAddr, IpAddr),
    target: SocketAddr,
) -> io::Result<UdpSocket> {
    for source in sources(group, client, own, target) {
        if let Ok(socket) = UdpSocket::bind(SocketAddr::new(source, 0)).await {
            socket.connect(target).await?;
            return Ok(socket);
        }
    }
    let any: IpAddr = if target.is_ipv4() {
        IpAddr::from([0, 0, 0, 0])
    } else {
        IpAddr::from([0_u16; 8])
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(target).await?;
    Ok(socket)
}
