//! Addresses that a backend's name must not lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Metadata and platform services of clouds outside the link-local ranges: Azure's wire server,
/// Alibaba's and Oracle's metadata services, and the IPv6 ones of AWS and Google Cloud.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Whether an address is one that a name chosen by a tenant must not reach from inside a cluster:
/// loopback, unspecified, link-local, multicast, broadcast, or a cloud's metadata service, also when
/// written as an IPv6 address that embeds an IPv4 one.
///
/// Kubernetes refuses the same ranges in EndpointSlices (`ValidateNonSpecialIP`); names of
/// ExternalName Services and XBackends must be checked after resolution (CVE-2021-25740).
pub fn is_reserved(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_reserved_v4(v4),
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || METADATA_V6.contains(&v6)
                || embedded(v6).is_some_and(is_reserved_v4)
        }
    }
}

fn is_reserved_v4(v4: Ipv4Addr) -> bool {
    let [first, ..] = v4.octets();
    first == 0
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_broadcast()
        || METADATA_V4.contains(&v4)
}

/// The IPv4 address inside a mapped (RFC 4291), compatible (RFC 4291) or NAT64 (RFC 6052) address.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = v6.to_bits();
    let carries = matches!(bits >> 32, 0 | 0xffff | 0x0064_ff9b_0000_0000_0000_0000);
    carries.then(|| Ipv4Addr::from_bits(bits as u32))
}

#[cfg(test)]
mod tests {
    use super::is_reserved;
    use std::net::IpAddr;

    #[test]
    fn special_addresses_are_reserved_and_others_are_not() {
        let reserved = [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "::",
            "::1",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
        ];
        for text in reserved {
            assert!(is_reserved(text.parse::<IpAddr>().unwrap()), "{text}");
        }
        let usable = [
            "10.0.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "8.8.8.8",
            "172.16.0.1",
            "fd00::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "64:ff9b::808:808",
        ];
        for text in usable {
            assert!(!is_reserved(text.parse::<IpAddr>().unwrap()), "{text}");
        }
    }
}
