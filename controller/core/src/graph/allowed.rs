//! Which namespaces may attach: `allowedRoutes.namespaces`, `allowedListeners.namespaces`.

use crate::snapshot::View;
use gatewright_crds::api::{LabelSelector, LabelSelectorRequirement};
use gatewright_model::Str;
use std::collections::BTreeMap;

/// A rule about namespaces, relative to the object that states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamespaceRule {
    /// None.
    None,
    /// This one.
    Same(Str),
    /// Every one.
    All,
    /// Those whose labels match. An absent selector matches none.
    Selector(Option<LabelSelector>),
}

impl NamespaceRule {
    /// Whether objects in `namespace` may attach.
    pub fn allows(&self, view: &View<'_>, namespace: &str) -> bool {
        match self {
            Self::None | Self::Selector(None) => false,
            Self::Same(own) => **own == *namespace,
            Self::All => true,
            Self::Selector(Some(selector)) => {
                let mut labels = view.namespace_labels(namespace).clone();
                // The API server labels every namespace with its name; files may leave the object out.
                labels
                    .entry("kubernetes.io/metadata.name".to_owned())
                    .or_insert_with(|| namespace.to_owned());
                matches(selector, &labels)
            }
        }
    }

    /// For messages.
    pub fn describe(&self) -> String {
        match self {
            Self::None => "from no namespace".to_owned(),
            Self::Same(own) => format!("from namespace {own} only"),
            Self::All => "from all namespaces".to_owned(),
            Self::Selector(_) => "from namespaces that match a label selector".to_owned(),
        }
    }
}

/// Whether labels match a selector (`metav1.LabelSelector`): all of its parts; an empty one matches all.
pub fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let LabelSelector {
        match_expressions,
        match_labels,
    } = selector;
    let exact = match_labels
        .iter()
        .flatten()
        .all(|(key, value)| labels.get(key) == Some(value));
    exact
        && match_expressions
            .iter()
            .flatten()
            .all(|requirement| requirement_holds(requirement, labels))
}

fn requirement_holds(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let LabelSelectorRequirement {
        key,
        operator,
        values,
    } = requirement;
    let found = labels.get(key);
    let listed = || found.is_some_and(|found| values.iter().flatten().any(|value| value == found));
    match operator.as_str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        // The API server accepts no other operator; an unknown one must not open anything.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_follow_the_rules_of_label_selectors() {
        let labels = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
        let cases = [
            (json!({}), true),
            (json!({"matchLabels": {"env": "prod"}}), true),
            (json!({"matchLabels": {"env": "test"}}), false),
            (json!({"matchLabels": {"env": "prod", "team": "a"}}), false),
            (
                json!({"matchExpressions": [{"key": "env", "operator": "In", "values": ["a", "prod"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["prod"]}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "team", "operator": "Exists"}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "env", "operator": "Like"}]}),
                false,
            ),
        ];
        for (selector, expected) in cases {
            let parsed: LabelSelector = serde_json::from_value(selector.clone()).unwrap();
            assert_eq!(matches(&parsed, &labels), expected, "{selector}");
        }
    }
}
