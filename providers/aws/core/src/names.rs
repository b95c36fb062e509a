//! Names of what is made: from what cannot change, so that a replacement has another and can stand beside what it
//! replaces, and so that two processes come to the same name.
//!
//! Load balancers and target groups: at most 32 letters, digits and hyphens, not at either end a hyphen, and for load
//! balancers not beginning with `internal-`
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>). Both are unique
//! in the account and region, so that the cluster is part of each.

use crate::Str;
use crate::network::{BalancerKind, Scheme};
use crate::target_group::{Fixed, ProtocolVersion, TargetGroupId, TargetKind};
use gatewright_model::key::{BackendKey, ObjectName};
use sha2::{Digest, Sha256};

/// In front of every name: it never is a hyphen or `internal-`.
const PREFIX: &str = "gw";
/// Characters of each readable part.
const PART: usize = 8;
/// Characters of the hash: 50 bits.
const HASH: usize = 10;

/// What of a load balancer cannot change, beside whose it is and its VPC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape<'a> {
    /// `Type`.
    pub kind: BalancerKind,
    /// `Scheme`.
    pub scheme: Scheme,
    /// Whether it has no security groups: a Network Load Balancer that is made without gets none later
    /// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html>).
    pub open: bool,
    /// `CustomerOwnedIpv4Pool`: `API_CreateLoadBalancer` alone takes it.
    pub customer_owned_pool: Option<&'a str>,
    /// Whether it stands beside one that is like it in all of these, and cannot become it.
    pub beside: bool,
}

impl From<Scheme> for Shape<'_> {
    fn from(scheme: Scheme) -> Self {
        Self {
            scheme,
            ..Self::default()
        }
    }
}

/// Name of a Gateway's load balancer, and of the security group that is made for it.
pub fn balancer<'a>(cluster: &str, gateway: &ObjectName, vpc: &str, shape: impl Into<Shape<'a>>) -> Str {
    let Shape {
        kind,
        scheme,
        open,
        customer_owned_pool,
        beside,
    } = shape.into();
    let scheme = match scheme {
        Scheme::Internal => "internal",
        Scheme::InternetFacing => "internet-facing",
    };
    let mut parts = vec![
        "balancer",
        cluster,
        &gateway.namespace,
        &gateway.name,
        vpc,
        scheme,
    ];
    if kind == BalancerKind::Network {
        parts.push("network");
    }
    if open {
        parts.push("without security groups");
    }
    if let Some(pool) = customer_owned_pool {
        parts.extend(["customer-owned", pool]);
    }
    if beside {
        parts.push("beside");
    }
    name(&gateway.namespace, &gateway.name, &hash(&parts))
}

/// Name of the security group that load balancers of a cluster share in a VPC.
pub fn shared_group(cluster: &str, vpc: &str) -> Str {
    name("backends", "", &hash(&["shared-group", cluster, vpc]))
}

/// Name of a trust store, which follows from the authorities in it.
pub fn trust_store(cluster: &str, gateway: &ObjectName, fingerprint: &str) -> Str {
    let hash = hash(&[
        "trust-store",
        cluster,
        &gateway.namespace,
        &gateway.name,
        fingerprint,
    ]);
    name(&gateway.namespace, &gateway.name, &hash)
}

/// Name of a target group. `balancer` is the name of its load balancer: a target group serves one alone
/// (`TargetGroupAssociationLimit`), so that the replacement of a load balancer needs target groups of its own.
pub fn target_group(balancer: &str, id: &TargetGroupId, of: Option<&BackendKey>, fixed: &Fixed) -> Str {
    let Fixed {
        protocol,
        version,
        port,
        kind,
        ipv6,
        control_port,
    } = fixed;
    let version = match version {
        None => "",
        Some(ProtocolVersion::Http1) => "http1",
        Some(ProtocolVersion::Http2) => "http2",
        Some(ProtocolVersion::Grpc) => "grpc",
    };
    let kind = match kind {
        TargetKind::Ip => "ip",
        TargetKind::Instance => "instance",
        TargetKind::Lambda => "lambda",
        TargetKind::Alb => "alb",
    };
    let family = if *ipv6 { "ipv6" } else { "ipv4" };
    let port = port.to_string();
    let control_port = control_port.map(|port| port.to_string());
    let mut parts = vec![
        "target-group",
        balancer,
        &id.0,
        protocol,
        version,
        &port,
        kind,
        family,
    ];
    if let Some(port) = &control_port {
        parts.extend(["target control", port]);
    }
    let hash = hash(&parts);
    match of {
        Some(backend) => name(&backend.object.namespace, &backend.object.name, &hash),
        None if fixed.kind == TargetKind::Lambda => name("lambda", "", &hash),
        None => name("empty", "", &hash),
    }
}

fn name(namespace: &str, object: &str, hash: &str) -> Str {
    let mut text = String::from(PREFIX);
    for part in [namespace, object] {
        let readable: String = part
            .chars()
            .map(|found| if found.is_ascii_alphanumeric() { found } else { '-' })
            .take(PART)
            .collect();
        let readable = readable.trim_matches('-');
        if !readable.is_empty() {
            text.push('-');
            text.push_str(readable);
        }
    }
    text.push('-');
    text.push_str(hash);
    text.into()
}

/// Ten letters and digits that stand for a list of texts. Lengths are hashed too: no two lists are one text.
pub(crate) fn hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    base32(&digest).take(HASH).collect()
}

/// Five bits a character (RFC 4648 section 6), in lower case.
fn base32(bytes: &[u8]) -> impl Iterator<Item = char> {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bits = bytes.len() * 8;
    (0..bits / 5).map(move |at| {
        let bit = |index: usize| {
            let byte = bytes.get(index / 8).copied().unwrap_or_default();
            usize::from(byte >> (7 - index % 8) & 1)
        };
        let digit = (0..5).fold(0, |sum, offset| sum << 1 | bit(at * 5 + offset));
        char::from(DIGITS.get(digit).copied().unwrap_or(b'a'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_model::key::BackendKind;
    use std::collections::BTreeSet;

    fn fixed() -> Fixed {
        Fixed {
            protocol: "HTTP".into(),
            version: Some(ProtocolVersion::Http1),
            port: 80,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        }
    }

    fn is_valid(name: &str) -> bool {
        name.len() <= 32
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !name.starts_with('-')
            && !name.ends_with('-')
            && !name.starts_with("internal-")
    }

    /// API_CreateLoadBalancer, `Name`.
    #[test]
    fn names_are_what_aws_accepts() {
        for (namespace, gateway) in [
            ("shop", "public"),
            ("internal-", "internal-x"),
            ("a", "x.y.z"),
            (&"n".repeat(63), &"g.".repeat(126)),
            ("-------9", "--------"),
        ] {
            let gateway = ObjectName::new(namespace, gateway);
            let found = balancer("main", &gateway, "vpc-1", Scheme::Internal);
            assert!(is_valid(&found), "{found}");
            let key = BackendKey {
                kind: BackendKind::Service,
                object: gateway,
                port: 65535,
            };
            let id = TargetGroupId("x".into());
            assert!(is_valid(&target_group(&found, &id, Some(&key), &fixed())));
            assert!(is_valid(&target_group(&found, &id, None, &fixed())));
        }
    }

    #[test]
    fn whatever_cannot_change_gives_another_name() {
        let gateway = ObjectName::new("shop", "public");
        let of =
            |cluster: &str, gateway: &ObjectName, vpc: &str, scheme| balancer(cluster, gateway, vpc, scheme);
        let base = of("main", &gateway, "vpc-1", Scheme::Internal);
        assert_eq!(base, of("main", &gateway, "vpc-1", Scheme::Internal));
        let mut names = BTreeSet::from([
            base.clone(),
            of("main", &gateway, "vpc-1", Scheme::InternetFacing),
            of("main", &gateway, "vpc-2", Scheme::Internal),
            of("other", &gateway, "vpc-1", Scheme::Internal),
            of(
                "main",
                &ObjectName::new("shoppublic", ""),
                "vpc-1",
                Scheme::Internal,
            ),
            of(
                "main",
                &ObjectName::new("shop", "public2"),
                "vpc-1",
                Scheme::Internal,
            ),
        ]);
        assert_eq!(names.len(), 6);
        for pool in ["ipv4pool-coip-1", "ipv4pool-coip-2"] {
            let shape = Shape {
                customer_owned_pool: Some(pool),
                ..Shape::from(Scheme::Internal)
            };
            names.insert(balancer("main", &gateway, "vpc-1", shape));
        }
        let beside = Shape {
            beside: true,
            ..Shape::from(Scheme::Internal)
        };
        names.insert(balancer("main", &gateway, "vpc-1", beside));
        assert_eq!(names.len(), 9);

        let id = TargetGroupId("Service/shop/cart:80/http1".into());
        let group =
            |balancer: &str, id: &TargetGroupId, fixed: Fixed| target_group(balancer, id, None, &fixed);
        let changed = |change: fn(&mut Fixed)| {
            let mut fixed = fixed();
            change(&mut fixed);
            fixed
        };
        names.extend([
            group(&base, &id, fixed()),
            group("another", &id, fixed()),
            group(&base, &TargetGroupId("y".into()), fixed()),
            group(&base, &id, changed(|fixed| fixed.ipv6 = true)),
            group(&base, &id, changed(|fixed| fixed.kind = TargetKind::Instance)),
            group(
                &base,
                &id,
                changed(|fixed| fixed.version = Some(ProtocolVersion::Grpc)),
            ),
            group(&base, &id, changed(|fixed| fixed.protocol = "HTTPS".into())),
            group(&base, &id, changed(|fixed| fixed.port = 81)),
            group(&base, &id, changed(|fixed| fixed.control_port = Some(3000))),
            group(&base, &id, changed(|fixed| fixed.control_port = Some(3001))),
        ]);
        assert_eq!(names.len(), 19);
    }

    /// RFC 4648 section 10: BASE32("foobar") = "MZXW6YTBOI======", of which whole groups of five bits.
    #[test]
    fn base_32() {
        assert_eq!(base32(b"fooba").collect::<String>(), "mzxw6ytb");
    }
}
