//! Names of what is made: from what cannot change, so that two processes come to the same.
//!
//! Small letters, digits and single hyphens, not at an end
//! (<https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/API_CreateService.html>). Networks, services and target
//! groups are unique in the account and region, so that the cluster is part of each; listeners in their service, rules
//! in their listener.

use super::{Match, Protocol, ServiceId};
use crate::Str;
use crate::names::hash;
use crate::target_group::{Fixed, ProtocolVersion, TargetGroupId};
use gatewright_model::key::{BackendKey, ObjectName};

/// In front of every name. Within a service of ours what has it is ours.
pub const PREFIX: &str = "gw-";
/// Characters of each readable part.
const PART: usize = 12;

/// Name of a Gateway's service network.
pub fn network(cluster: &str, gateway: &ObjectName) -> Str {
    let hash = hash(&["lattice network", cluster, &gateway.namespace, &gateway.name]);
    name(&[&gateway.namespace, &gateway.name], &hash)
}

/// Name of a service of a Gateway.
pub fn service(cluster: &str, gateway: &ObjectName, id: &ServiceId) -> Str {
    let hash = hash(&[
        "lattice service",
        cluster,
        &gateway.namespace,
        &gateway.name,
        &id.0,
    ]);
    let readable = if *id == ServiceId::own() {
        &gateway.name
    } else {
        &id.0
    };
    name(&[&gateway.namespace, readable], &hash)
}

/// Whether AWS takes a service's name (`API_CreateService`, `name`: 3 to 40 characters,
/// `(?!svc-)(?![-])(?!.*[-]$)(?!.*[-]{2})[a-z0-9-]+`), and it is none that could be made here.
///
/// # Errors
/// In words.
pub fn check(name: &str) -> Result<(), &'static str> {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(3..=40).contains(&name.len()) || !name.bytes().all(known) {
        return Err("a name has 3 to 40 small letters, digits and hyphens");
    }
    if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        return Err("a hyphen stands between others, alone");
    }
    if name.starts_with("svc-") {
        return Err("names that begin with svc- are reserved by AWS");
    }
    if name.starts_with(PREFIX) {
        return Err("names that begin with gw- are those that follow from cluster, Gateway and hostname");
    }
    Ok(())
}

/// Name of a target group of a service.
pub fn target_group(
    service: &str,
    id: &TargetGroupId,
    of: Option<&BackendKey>,
    (fixed, vpc): (&Fixed, &str),
) -> Str {
    let Fixed {
        protocol,
        version,
        port,
        kind: _,
        ipv6,
        control_port: _,
    } = fixed;
    let version = match version {
        None => "",
        Some(ProtocolVersion::Http1) => "http1",
        Some(ProtocolVersion::Http2) => "http2",
        Some(ProtocolVersion::Grpc) => "grpc",
    };
    let family = if *ipv6 { "ipv6" } else { "ipv4" };
    let port = port.to_string();
    let hash = hash(&[
        "lattice target group",
        service,
        &id.0,
        protocol,
        version,
        &port,
        family,
        vpc,
    ]);
    match of {
        Some(backend) => name(&[&backend.object.namespace, &backend.object.name], &hash),
        None => name(&["empty"], &hash),
    }
}

/// Name of a listener.
pub fn listener(port: u16, protocol: Protocol) -> Str {
    let protocol = match protocol {
        Protocol::Http => "http",
        Protocol::Https => "https",
        Protocol::TlsPassthrough => "tls",
    };
    format!("{PREFIX}{protocol}-{port}").into()
}

/// Name of a rule, which begins with [`PREFIX`] or with [`adopted`]; `taken` are those of the listener's other rules. A rule keeps
/// its name when it changes, so that the name that follows from its conditions may be another's.
pub fn rule(prefix: &str, conditions: &Match, taken: impl Fn(&str) -> bool) -> Str {
    let text = format!("{conditions:?}");
    let mut attempt = 0u32;
    loop {
        let hash = hash(&["lattice rule", &text, &attempt.to_string()]);
        let found = format!("{prefix}{hash}");
        if !taken(&found) {
            return found.into();
        }
        attempt += 1;
    }
}

/// In front of the names of a Gateway's rules in services that were somebody else's: whoever made those may have named its rules as we do.
pub fn adopted(cluster: &str, gateway: &ObjectName) -> Str {
    let hash = hash(&["lattice adopted", cluster, &gateway.namespace, &gateway.name]);
    format!("{PREFIX}{hash}-").into()
}

fn name(parts: &[&str], hash: &str) -> Str {
    let mut text = String::from(PREFIX.trim_end_matches('-'));
    for part in parts {
        let readable: String = part
            .chars()
            .map(|found| found.to_ascii_lowercase())
            .map(|found| if found.is_ascii_alphanumeric() { found } else { '-' })
            .take(PART)
            .collect();
        for word in readable.split('-').filter(|word| !word.is_empty()) {
            text.push('-');
            text.push_str(word);
        }
    }
    text.push('-');
    text.push_str(hash);
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_group::TargetKind;
    use std::collections::BTreeSet;

    /// `API_CreateService`, `name`: `(?!svc-)(?![-])(?!.*[-]$)(?!.*[-]{2})[a-z0-9-]+`, 3 to 40.
    fn is_valid(name: &str) -> bool {
        (3..=40).contains(&name.len())
            && !name.contains("--")
            && !name.starts_with('-')
            && !name.ends_with('-')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    }

    #[test]
    fn names_are_what_aws_accepts_and_differ_with_what_cannot_change() {
        let mut names = BTreeSet::new();
        let fixed = |port| Fixed {
            protocol: "HTTP".into(),
            version: Some(ProtocolVersion::Http1),
            port,
            kind: TargetKind::Ip,
            ipv6: false,
            control_port: None,
        };
        for gateway in [
            ObjectName::new("shop", "public"),
            ObjectName::new("shop", "public-2"),
            ObjectName::new(&"n-".repeat(30), &"g.".repeat(120)),
            ObjectName::new("---", "X..Y"),
        ] {
            names.insert(network("a", &gateway));
            names.insert(network("b", &gateway));
            for host in ["*", "shop.example.com", "a--b.example.com"] {
                let id = ServiceId(host.into());
                let service = service("a", &gateway, &id);
                for port in [80, 81] {
                    let group = TargetGroupId("x".into());
                    names.insert(target_group(&service, &group, None, (&fixed(port), "vpc-1")));
                }
                names.insert(service);
            }
        }
        assert_eq!(names.len(), 4 * (2 + 3 * 3));
        for name in &names {
            assert!(is_valid(name), "{name}");
        }
    }

    #[test]
    fn names_of_users_are_those_that_aws_takes() {
        for name in ["abc", "a1-b2", &"a".repeat(40)] {
            assert_eq!(check(name), Ok(()), "{name}");
            assert!(is_valid(name), "{name}");
        }
        let long = "a".repeat(41);
        for name in [
            "ab", &long, "Abc", "a_b", "a.b", "-ab", "ab-", "a--b", "svc-a", "gw-a", "",
        ] {
            assert!(check(name).is_err(), "{name}");
        }
    }

    #[test]
    fn rules_never_take_a_name_that_is_there() {
        let first = rule(PREFIX, &Match::default(), |_| false);
        let second = rule(PREFIX, &Match::default(), |name| *name == *first);
        assert_ne!(first, second);
        assert!(is_valid(&first) && is_valid(&second));
        let gateway = ObjectName::new("shop", "public");
        let (blue, green) = (adopted("blue", &gateway), adopted("green", &gateway));
        assert_ne!(blue, green);
        assert!(!first.starts_with(&*blue));
        let third = rule(&blue, &Match::default(), |_| false);
        assert!(third.starts_with(&*blue) && is_valid(&third), "{third}");
    }
}
