//! Names and labels of what a Gateway becomes (GEP-1762).

use gatewright_model::key::ObjectName;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Label with the Gateway's name (GEP-1762).
pub const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// Label with the GatewayClass's name (GEP-1762).
pub const CLASS_NAME: &str = "gateway.networking.k8s.io/gateway-class-name";

/// Annotation with the Gateway's full name, which may not fit into a label.
pub const GATEWAY: &str = "gatewright.dev/gateway";

/// Annotation with the GatewayClass whose shared fleet an object is a part of.
pub const FLEET: &str = "gatewright.dev/fleet";

/// Label with the Gateway's namespace, on what is made for it elsewhere.
pub const GATEWAY_NAMESPACE: &str = "gatewright.dev/gateway-namespace";

/// Label of the pods of a shared fleet.
pub const FLEET_NAME: &str = "gatewright.dev/fleet-name";

/// Label with the controller that made an object: two installations side by side keep apart.
pub const CONTROLLER: &str = "gatewright.dev/controller";

/// Label of everything that is made here, and what objects are found by.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "gatewright");

/// Longest label value and Service name.
const MOST: usize = 63;

/// Length of the hash that ends a shortened name.
const HASH: usize = 8;

/// Name of the objects of a Gateway: `{gateway}-{class}` (GEP-1762), shortened with a hash of the whole when
/// it is longer than a Service's name may be, or no DNS label.
pub fn object_name(gateway: &str, class: &str) -> String {
    let whole = format!("{gateway}-{class}");
    let label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    // A Service's name is a DNS label (RFC 1035): it starts with a letter and has no dots.
    let fits = whole.len() <= MOST
        && whole.bytes().all(label)
        && whole.starts_with(|first: char| first.is_ascii_lowercase());
    if fits {
        return whole;
    }
    let readable: String = whole
        .chars()
        .map(|char| {
            if char.is_ascii() && label(char as u8) {
                char
            } else {
                '-'
            }
        })
        .take(MOST - HASH - 4)
        .collect();
    format!("gw-{}-{}", readable.trim_matches('-'), hash(&whole))
}

/// Name of the objects of a class' shared fleet.
pub fn fleet_name(class: &str) -> String {
    object_name("fleet", class)
}

/// Name of a Gateway's Service in the namespace of the fleet: two Gateways of one name in two namespaces have
/// two.
pub fn tenant_name(gateway: &ObjectName, class: &str) -> String {
    let hash = hash(&format!("{gateway}/{class}"));
    let readable = object_name(&gateway.name, class);
    let start: String = readable.chars().take(MOST - HASH - 1).collect();
    format!("{}-{hash}", start.trim_end_matches('-'))
}

/// A value for a label: the name itself, or shortened with a hash.
pub fn label_value(name: &str) -> String {
    if name.len() <= MOST {
        return name.to_owned();
    }
    let start: String = name.chars().take(MOST - HASH - 1).collect();
    format!("{}-{}", start.trim_end_matches(['-', '.', '_']), hash(name))
}

/// The start of a text's SHA-256, in hexadecimal.
pub(crate) fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let (start, _) = digest.as_chunks::<4>();
    let number = start.first().copied().map(u32::from_be_bytes).unwrap_or_default();
    format!("{number:0HASH$x}")
}

/// The labels that objects of one controller are found by.
pub fn marks(controller: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned()),
        (CONTROLLER.to_owned(), label_value(&controller.replace('/', "_"))),
    ])
}

/// Labels that select the pods of a shared fleet.
pub fn fleet_selector(class: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(FLEET_NAME.to_owned(), label_value(class))])
}

/// Labels that select a Gateway's pods.
pub fn selector(gateway: &ObjectName, class: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (GATEWAY_NAME.to_owned(), label_value(&gateway.name)),
        (CLASS_NAME.to_owned(), label_value(class)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_as_gep_1762_says() {
        assert_eq!(object_name("edge", "gatewright"), "edge-gatewright");
    }

    #[test]
    fn gateways_of_one_name_in_two_namespaces_have_two_services() {
        let name = |namespace| tenant_name(&ObjectName::new(namespace, &"g".repeat(200)), "shared");
        assert_ne!(name("a"), name("b"));
        assert!(name("a").len() <= 63);
    }

    #[test]
    fn long_and_dotted_names_become_labels_that_stay_different() {
        let long = "a".repeat(253);
        let other = format!("{}b", "a".repeat(252));
        for name in [
            object_name(&long, "c"),
            object_name("shop.example", "c"),
            object_name("1st", "c"),
        ] {
            assert!(name.len() <= 63, "{name}");
            assert!(name.starts_with("gw-") && !name.contains('.'), "{name}");
        }
        assert_ne!(object_name(&long, "c"), object_name(&other, "c"));
        assert!(label_value(&long).len() <= 63);
        assert_ne!(label_value(&long), label_value(&other));
    }
}
