//! Which of several policies wins.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::cmp::Ordering;

/// Place of an object in the order that decides conflicts: older first, then by "namespace/name" as one
/// text, so that `a-b/x` comes before `a/x`.
/// An object without a creation time (one that was never stored) counts as the youngest.
///
/// Gateway API v1.7.0, `BackendTLSPolicySpec.targetRefs`, `XTelemetryPolicy`, GEP-713.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precedence<'a> {
    /// Creation, seconds since the Unix epoch; `i64::MAX` without one.
    pub created: i64,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Precedence<'a> {
    /// Reads it from an object's metadata.
    pub fn of(metadata: &'a ObjectMeta) -> Self {
        Self {
            created: metadata
                .creation_timestamp
                .as_ref()
                .map_or(i64::MAX, |time| time.0.as_second()),
            namespace: metadata.namespace.as_deref().unwrap_or_default(),
            name: metadata.name.as_deref().unwrap_or_default(),
        }
    }
}

impl Ord for Precedence<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let text = |of: &Self| of.namespace.bytes().chain(*b"/").chain(of.name.bytes());
        self.created
            .cmp(&other.created)
            .then_with(|| text(self).cmp(text(other)))
    }
}

impl PartialOrd for Precedence<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::Precedence;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use serde_json::json;

    fn metadata(created: Option<&str>, namespace: &str, name: &str) -> ObjectMeta {
        serde_json::from_value(json!({"creationTimestamp": created, "namespace": namespace, "name": name}))
            .unwrap()
    }

    #[test]
    fn older_wins_then_the_alphabet() {
        let order = [
            metadata(Some("2026-01-01T00:00:00Z"), "z", "z"),
            metadata(Some("2026-01-02T00:00:00Z"), "a", "b"),
            metadata(Some("2026-01-02T00:00:00Z"), "a", "c"),
            // The specification's example: foo/bar before foo/baz; namespaces come first.
            metadata(Some("2026-01-02T00:00:00Z"), "b", "a"),
            metadata(None, "a", "a"),
        ];
        for pair in order.windows(2) {
            assert!(Precedence::of(&pair[0]) < Precedence::of(&pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn namespace_and_name_are_compared_as_one_text() {
        let (first, second) = (metadata(None, "a-b", "x"), metadata(None, "a", "x"));
        assert!(Precedence::of(&first) < Precedence::of(&second));
    }
}
