//! Tags that say whose a resource is.

use gatewright_aws_core::Str;
pub use gatewright_aws_core::tags::{CLUSTER, GATEWAY, RESOURCE, value};
use gatewright_model::key::ObjectName;
use std::collections::{BTreeMap, BTreeSet};

/// SHA-256 of an imported certificate, or the beginning of that of a client's secret: AWS gives none back that could be
/// compared with the Secret.
pub const FINGERPRINT: &str = "gatewright.dev/fingerprint";
/// Where the bundle of a trust store's authorities lies in S3.
pub const BUNDLE: &str = "gatewright.dev/bundle";
/// Seconds since 1970 when a replaced load balancer's successor took over.
pub const RETIRED: &str = "gatewright.dev/retired";
/// The web ACL that was put in front of a load balancer.
pub const WEB_ACL: &str = "gatewright.dev/web-acl";
/// That Shield Advanced was asked to protect a load balancer.
pub const SHIELD: &str = "gatewright.dev/shield";
/// Value of [`SHIELD`].
pub const ADVANCED: &str = "advanced";
/// That capacity is reserved for a load balancer.
pub const CAPACITY: &str = "gatewright.dev/capacity";
/// Value of [`CAPACITY`].
pub const RESERVED: &str = "reserved";
/// Of a load balancer: its VPC, and the ports of targets that it needs there as one of those that share a security group.
pub const PORTS: &str = "gatewright.dev/ports";
/// Of somebody else's security group, of nodes or pods: the cluster whose load balancers may be let in by it. Its owner sets it.
pub const NODES: &str = "gatewright.dev/nodes";
/// Of somebody else's target group: the object that may have pods in it, `namespace/name`. Its owner sets it.
pub const BINDING: &str = "gatewright.dev/binding";
/// Of a service of VPC Lattice: the Gateway that may take it over, as [`Owner::offer`] writes it. Its owner sets it.
pub const OFFERED: &str = "gatewright.dev/offered-to";
/// Of a service of VPC Lattice: that it was taken over, with its listeners and rules.
pub const ADOPTED: &str = "gatewright.dev/adopted";
/// By which the AWS Gateway API Controller knows what is its own. It takes what has none, and leaves alone what has another's.
pub const MANAGED_BY: &str = "application-networking.k8s.aws/ManagedBy";
/// Short hashes of the keys of tags that a Gateway asked for, so that those it asks for no more can go.
pub const GIVEN: &str = "gatewright.dev/given";

/// Characters of a short hash: those of as many keys as a resource can have beside ours fit into one value.
const SHORT: usize = 5;
/// Longest value, in characters, of [`value`].
const LONGEST: usize = 256;

/// Tags by key.
pub type Tags = BTreeMap<Str, Str>;

/// Whose resources are meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// The cluster's name: different for each cluster that uses an account.
    pub cluster: Str,
    /// The Gateway.
    pub gateway: ObjectName,
}

impl Owner {
    /// The tags that all its resources have, and no others.
    pub fn marks(&self) -> Tags {
        Tags::from([
            (CLUSTER.into(), value(&self.cluster)),
            (GATEWAY.into(), value(&self.gateway.to_string())),
        ])
    }

    /// Value of [`OFFERED`] by which a resource is offered to it.
    pub fn offer(&self) -> Str {
        value(&format!("{}/{}", self.cluster, self.gateway))
    }

    /// Whether a resource with these tags is its own.
    pub fn owns(&self, tags: &Tags) -> bool {
        self.marks()
            .iter()
            .all(|(key, value)| tags.get(key) == Some(value))
    }

    /// All tags of a resource: the marks, what it is for, and those that the Gateway asks for.
    pub fn tags(&self, resource: &str, given: &Tags) -> Tags {
        let mut tags = given.clone();
        if !given.is_empty() {
            let hashes: String = given.keys().map(|key| short(key)).collect();
            tags.insert(GIVEN.into(), hashes.into());
        }
        tags.extend(self.marks());
        tags.insert(RESOURCE.into(), value(resource));
        tags
    }
}

/// In place of a Gateway, of what all of a cluster share. No namespace has a name with a dot, so that no Gateway is this one.
pub fn shared() -> ObjectName {
    ObjectName::new("gatewright.dev", "shared")
}

/// The owner of what all Gateways of a cluster share.
pub fn of_all(cluster: &str) -> Owner {
    Owner {
        cluster: cluster.into(),
        gateway: shared(),
    }
}

/// Name of the protection of a load balancer that is ours: others' have other names. AWS takes letters, digits, spaces and `_.-`.
pub fn protection_name(balancer: &str) -> Str {
    format!("gatewright {balancer}").into()
}

/// The Gateway that a resource of this cluster was made for, by its tags. `None` also where the name may be longer
/// than a tag holds: what stands there is not all of it.
pub fn gateway_of(cluster: &str, tags: &Tags) -> Option<ObjectName> {
    if tags.get(CLUSTER) != Some(&value(cluster)) {
        return None;
    }
    let gateway = tags.get(GATEWAY)?;
    if gateway.chars().count() >= LONGEST {
        return None;
    }
    let (namespace, name) = gateway.split_once('/')?;
    Some(ObjectName::new(namespace, name))
}

/// To whom else a resource is offered that is ours.
pub fn offered_away(tags: &Tags) -> Option<&Str> {
    let to = tags.get(OFFERED)?;
    let (cluster, gateway) = (tags.get(CLUSTER)?, tags.get(GATEWAY)?);
    (*to != value(&format!("{cluster}/{gateway}"))).then_some(to)
}

/// Keys of a resource's tags that its Gateway asked for when they were last written.
pub fn asked_for(tags: &Tags) -> impl Iterator<Item = &str> {
    let hashes: BTreeSet<&[u8]> = tags
        .get(GIVEN)
        .map(|hashes| hashes.as_bytes().chunks(SHORT).collect())
        .unwrap_or_default();
    tags.keys()
        .map(|key| &**key)
        .filter(move |key| !hashes.is_empty() && hashes.contains(short(key).as_bytes()))
}

/// 25 bits of FNV-1a, the same in every version of the program.
fn short(key: &str) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (0..SHORT)
        .map(|index| {
            let digit = (hash >> (39 + 5 * index)) & 31;
            let digit = usize::try_from(digit).ok().and_then(|digit| DIGITS.get(digit));
            char::from(digit.copied().unwrap_or(b'a'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str) -> Owner {
        Owner {
            cluster: "blue".into(),
            gateway: ObjectName::new("infra", name),
        }
    }

    #[test]
    fn a_gateway_owns_what_has_its_marks_and_nothing_else() {
        let tags = owner("edge").tags("load balancer", &Tags::new());
        assert!(owner("edge").owns(&tags));
        assert!(!owner("edge-2").owns(&tags));
        let green = Owner {
            cluster: "green".into(),
            ..owner("edge")
        };
        assert!(!green.owns(&tags));
        assert_eq!(gateway_of("blue", &tags), Some(ObjectName::new("infra", "edge")));
        assert_eq!(gateway_of("green", &tags), None);
    }

    /// What it was offered by before it was taken over stays, and says nothing any more.
    #[test]
    fn what_is_offered_to_another_is_told_from_what_was_taken() {
        let mut tags = owner("edge").tags("service *", &Tags::new());
        assert_eq!(offered_away(&tags), None);
        tags.insert(OFFERED.into(), owner("edge").offer());
        assert_eq!(offered_away(&tags), None);
        let other = owner("edge-2").offer();
        assert_eq!(&*other, "blue/infra/edge-2");
        tags.insert(OFFERED.into(), other.clone());
        assert_eq!(offered_away(&tags), Some(&other));
        tags.remove(GATEWAY);
        assert_eq!(offered_away(&tags), None, "nobody's");
    }

    /// `API_Tag`: a value has at most 256 characters; two names of objects can have more.
    #[test]
    fn long_names_stay_apart_and_are_not_taken_for_whole() {
        let (one, other) = ("a".repeat(253), format!("{}b", "a".repeat(252)));
        let tags = owner(&one).tags("x", &Tags::new());
        assert!(owner(&one).owns(&tags));
        let longer = |name: &str| Owner {
            cluster: "blue".into(),
            gateway: ObjectName::new(&"n".repeat(63), name),
        };
        let tags = longer(&one).tags("x", &Tags::new());
        assert!(longer(&one).owns(&tags) && !longer(&other).owns(&tags));
        assert_eq!(gateway_of("blue", &tags), None);
    }

    #[test]
    fn keys_of_given_tags_are_remembered_however_many_there_are() {
        let mut given: Tags = (0..gatewright_aws_core::tags::room())
            .map(|number| (format!("{}-{number}", "k".repeat(120)).into(), "x".into()))
            .collect();
        let mut tags = owner("edge").tags("x", &given);
        // And a fingerprint.
        assert!(tags.len() < gatewright_aws_core::tags::MAX);
        tags.insert("theirs".into(), "kept".into());
        assert!(tags.values().all(|value| value.len() <= 256));
        let found: BTreeSet<&str> = asked_for(&tags).collect();
        assert_eq!(found, given.keys().map(|key| &**key).collect());
        given.clear();
        assert_eq!(asked_for(&owner("edge").tags("x", &given)).count(), 0);
    }
}
