//! Tags that say whose a resource is.

use gatewright_aws_core::Str;
use gatewright_model::key::ObjectName;
use std::collections::BTreeMap;

/// The cluster whose controller made it.
pub const CLUSTER: &str = "gatewright.dev/cluster";
/// The Gateway that it was made for: `namespace/name`.
pub const GATEWAY: &str = "gatewright.dev/gateway";
/// What it is for within the Gateway, for example a target group's identity.
pub const RESOURCE: &str = "gatewright.dev/resource";
/// SHA-256 of an imported certificate: AWS gives none back that could be compared with the Secret.
pub const FINGERPRINT: &str = "gatewright.dev/fingerprint";
/// Seconds since 1970 when a replaced load balancer's successor took over.
pub const RETIRED: &str = "gatewright.dev/retired";
/// Keys of the tags that a Gateway asked for, so that those it asks for no more can go. With a number behind it
/// when one value does not hold them all.
pub const GIVEN: &str = "gatewright.dev/given";

/// Longest value of a tag
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Tag.html>).
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

    /// Whether a resource with these tags is its own.
    pub fn owns(&self, tags: &Tags) -> bool {
        self.marks()
            .iter()
            .all(|(key, value)| tags.get(key) == Some(value))
    }

    /// All tags of a resource: the marks, what it is for, and those that the Gateway asks for.
    pub fn tags(&self, resource: &str, given: &Tags) -> Tags {
        let mut tags = given.clone();
        tags.extend(given_keys(given));
        tags.extend(self.marks());
        tags.insert(RESOURCE.into(), value(resource));
        tags
    }
}

/// The Gateway that a resource of this cluster was made for, by its tags. `None` also for names that no tag holds.
pub fn gateway_of(cluster: &str, tags: &Tags) -> Option<ObjectName> {
    if tags.get(CLUSTER) != Some(&value(cluster)) {
        return None;
    }
    let (namespace, name) = tags.get(GATEWAY)?.split_once('/')?;
    Some(ObjectName::new(namespace, name))
}

/// Keys of a resource's tags that a Gateway asked for once.
pub fn asked_for(tags: &Tags) -> impl Iterator<Item = &str> {
    tags.iter()
        .filter(|(key, _)| key.starts_with(GIVEN))
        .flat_map(|(_, keys)| keys.split(' '))
        .filter(|key| !key.is_empty())
}

/// A text as the value of a tag: what is too long is cut, and ends in a hash of all of it.
pub fn value(text: &str) -> Str {
    if text.len() <= LONGEST {
        return text.into();
    }
    let mut end = LONGEST - 17;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{:016x}", text.get(..end).unwrap_or_default(), hash(text)).into()
}

/// FNV-1a: the same in every version of the program.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The tags that keep the keys of others, as many as are needed.
fn given_keys(given: &Tags) -> Tags {
    let mut chunks: Vec<String> = Vec::new();
    for key in given.keys() {
        match chunks.last_mut() {
            Some(chunk) if chunk.len() + 1 + key.len() <= LONGEST => {
                chunk.push(' ');
                chunk.push_str(key);
            }
            _ => chunks.push(key.to_string()),
        }
    }
    let named = chunks.into_iter().enumerate().map(|(index, chunk)| {
        let key = if index == 0 {
            GIVEN.to_owned()
        } else {
            format!("{GIVEN}-{index}")
        };
        (key.into(), chunk.into())
    });
    named.collect()
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

    /// `API_Tag`: a value has at most 256 characters.
    #[test]
    fn long_names_fit_into_a_value_and_stay_apart() {
        let (one, other) = ("a".repeat(300), format!("{}b", "a".repeat(299)));
        assert_eq!(value(&one).len(), 256);
        assert_ne!(value(&one), value(&other));
        assert!(owner(&one).owns(&owner(&one).tags("x", &Tags::new())));
        assert!(!owner(&one).owns(&owner(&other).tags("x", &Tags::new())));
    }

    #[test]
    fn keys_of_given_tags_are_remembered_however_many_there_are() {
        let given: Tags = (0..40)
            .map(|number| (format!("team.example.com/key-{number}").into(), "x".into()))
            .collect();
        let tags = owner("edge").tags("x", &given);
        assert!(tags.values().all(|value| value.len() <= 256));
        let mut found: Vec<&str> = asked_for(&tags).collect();
        found.sort_unstable();
        let mut wanted: Vec<&str> = given.keys().map(|key| &**key).collect();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
    }
}
