//! PROXY protocol version 2: <https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt>, section 2.2.
//!
//! Load balancers send more (`PP2_TYPE_AWS`, checksums) that depends on how clients come; it is left out here.

use std::net::{IpAddr, SocketAddr};

const SIGNATURE: [u8; 12] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10];

/// What is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    Stream,
    Datagram,
}

/// The header for a client that came to an address.
pub(super) fn header(client: SocketAddr, to: SocketAddr, carries: Carries) -> Vec<u8> {
    let mut addresses: Vec<u8> = Vec::with_capacity(36);
    let family: u8 = match (client.ip(), to.ip()) {
        (IpAddr::V4(client), IpAddr::V4(to)) => {
            addresses.extend(client.octets());
            addresses.extend(to.octets());
            0x10
        }
        (client, to) => {
            for address in [client, to] {
                let six = match address {
                    IpAddr::V4(four) => four.to_ipv6_mapped(),
                    IpAddr::V6(six) => six,
                };
                addresses.extend(six.octets());
            }
            0x20
        }
    };
    addresses.extend(client.port().to_be_bytes());
    addresses.extend(to.port().to_be_bytes());
    let transport: u8 = match carries {
        Carries::Stream => 1,
        Carries::Datagram => 2,
    };
    let mut header = SIGNATURE.to_vec();
    // Version 2, command PROXY.
    header.push(0x21);
    header.push(family | transport);
    let length = u16::try_from(addresses.len()).unwrap_or(u16::MAX);
    header.extend(length.to_be_bytes());
    header.extend(addresses);
    header
}
