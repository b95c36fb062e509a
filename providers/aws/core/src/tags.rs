//! Tags: how we find what is ours, and what users want to find.
//!
//! "Tag naming and usage conventions",
//! <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>, and the restrictions in
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-tags.html>.

use crate::Str;
use gatewright_model::key::ObjectName;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Which cluster made a resource.
pub const CLUSTER: &str = "gatewright.dev/cluster";
/// For which Gateway, `namespace/name`.
pub const GATEWAY: &str = "gatewright.dev/gateway";
/// What it is within its Gateway, for example `listener/443`.
pub const RESOURCE: &str = "gatewright.dev/resource";
/// In front of all keys that mark ownership; nobody else sets them.
pub const OWN: &str = "gatewright.dev/";

/// Most tags of a resource.
pub const MAX: usize = 50;
/// Tags that we set ourselves: the three of ownership, and on a load balancer five more (which were asked for, a web ACL,
/// Shield Advanced, ports of targets, a successor).
const RESERVED: usize = 8;
/// Longest key in characters.
const KEY: usize = 128;
/// Longest value in characters.
const VALUE: usize = 256;

/// The tags that mark a resource as made for a Gateway.
pub fn ownership(cluster: &str, gateway: &ObjectName, resource: &str) -> BTreeMap<Str, Str> {
    BTreeMap::from([
        (CLUSTER.into(), value(cluster)),
        (GATEWAY.into(), value(&gateway.to_string())),
        (RESOURCE.into(), value(resource)),
    ])
}

/// A text as value of a tag: itself where it fits, else its beginning and a hash of all of it. Names of objects can be
/// longer than a value: two of them take up to 317 characters.
pub fn value(text: &str) -> Str {
    if text.chars().count() <= VALUE {
        return text.into();
    }
    let mut short: String = text.chars().take(VALUE - 17).collect();
    short.push('.');
    for byte in Sha256::digest(text.as_bytes()).iter().take(8) {
        let _ = write!(short, "{byte:02x}");
    }
    short.into()
}

/// Why a tag that a user asks for cannot be set.
///
/// # Errors
/// Words about the key or the value: reserved, empty, too long, or with a character that AWS does not accept.
pub fn check(key: &str, value: &str) -> Result<(), String> {
    if key.starts_with(OWN) {
        return Err(format!(
            "keys that begin with {OWN} mark what belongs to whom and are set by the controller"
        ));
    }
    if key
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
    {
        return Err("keys that begin with aws: are reserved for AWS".to_owned());
    }
    if key.is_empty() {
        return Err("a key has at least one character".to_owned());
    }
    for (what, text, most) in [("key", key, KEY), ("value", value, VALUE)] {
        if text.chars().count() > most {
            return Err(format!("the {what} of a tag has at most {most} characters"));
        }
        if let Some(found) = text.chars().find(|found| !is_accepted(*found)) {
            return Err(format!(
                "the {what} of a tag holds letters, digits, spaces and + - = . _ : / @, not {found:?}"
            ));
        }
    }
    Ok(())
}

/// How many tags users may have on a resource.
pub const fn room() -> usize {
    MAX - RESERVED
}

fn is_accepted(found: char) -> bool {
    found.is_alphanumeric() || matches!(found, ' ' | '+' | '-' | '=' | '.' | '_' | ':' | '/' | '@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_always_fits_and_stays_distinct() {
        let name = |last: &str| ObjectName::new(&"n".repeat(63), &format!("{}{last}", "g".repeat(252)));
        let a = ownership("main", &name("a"), "balancer");
        let b = ownership("main", &name("b"), "balancer");
        assert_eq!(a[GATEWAY].chars().count(), 256);
        assert_ne!(a[GATEWAY], b[GATEWAY]);
        assert!(a.iter().all(|(_, value)| value.chars().all(is_accepted)));
        assert_eq!(&*value("shop/public"), "shop/public");
    }

    #[test]
    fn what_users_may_set() {
        assert_eq!(
            check("team", "Zahlungen & Co").unwrap_err(),
            "the value of a tag holds letters, digits, spaces and + - = . _ : / @, not '&'"
        );
        assert_eq!(check("team", "Überweisungen 1+1=2 a.b_c:d/e@f"), Ok(()));
        assert_eq!(check("example.com/part-of", ""), Ok(()));
        for key in [
            "",
            "aws:x",
            "AWS:x",
            "gatewright.dev/cluster",
            "a#b",
            &"k".repeat(129),
        ] {
            assert!(check(key, "v").is_err(), "{key}");
        }
        assert!(check("k", &"v".repeat(257)).is_err());
        assert!(check("k", &"v".repeat(256)).is_ok());
    }
}
