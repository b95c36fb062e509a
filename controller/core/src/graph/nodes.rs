//! Nodes as targets: load balancers outside of the pods' network reach Services through the node ports of nodes.

use crate::snapshot::{Dep, View, listed};
use gatewright_model::Str;
use k8s_openapi::api::core::v1::Node;
use std::collections::BTreeMap;

/// A node whose owner wants no traffic from load balancers on it (KEP-1143,
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-exclude-from-external-load-balancers>).
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// The cluster autoscaler is about to remove the node
/// (<https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/utils/taints/taints.go>).
const LEAVING: &str = "ToBeDeletedByClusterAutoscaler";

/// What of a node matters to load balancers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// `spec.providerID`, for example `aws:///eu-central-1a/i-0123456789abcdef0`.
    pub provider_id: Str,
    /// Labels.
    pub labels: BTreeMap<Str, Str>,
}

/// Nodes that may take traffic, by name: those that are ready, known to the cloud, and not excluded or about to go. Whether
/// new pods are scheduled on them does not matter (KEP-3458).
pub fn serving(view: &View<'_>) -> BTreeMap<Str, NodeFacts> {
    let nodes: Vec<&Node> = listed!(view, Dep::Nodes, Node);
    nodes.into_iter().filter_map(facts).collect()
}

fn facts(node: &Node) -> Option<(Str, NodeFacts)> {
    let spec = node.spec.as_ref()?;
    let provider_id = spec.provider_id.as_deref().filter(|id| !id.is_empty())?;
    let labels = node.metadata.labels.as_ref();
    let excluded = labels.is_some_and(|labels| labels.contains_key(EXCLUDED));
    let leaving = spec.taints.iter().flatten().any(|taint| taint.key == LEAVING)
        || node.metadata.deletion_timestamp.is_some();
    let conditions = node.status.as_ref()?.conditions.as_deref().unwrap_or_default();
    let ready = conditions
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    if excluded || leaving || !ready {
        return None;
    }
    let facts = NodeFacts {
        provider_id: provider_id.into(),
        labels: labels
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
            .collect(),
    };
    Some((node.metadata.name.as_deref()?.into(), facts))
}

/// Drops what nothing here reads: nodes tell their health again and again, and what is left of that does not change.
pub(crate) fn forget(node: &mut Node) {
    node.metadata.annotations = None;
    if let Some(status) = node.status.take() {
        let mut kept = k8s_openapi::api::core::v1::NodeStatus::default();
        let mut conditions = status.conditions.unwrap_or_default();
        conditions.retain(|condition| condition.type_ == "Ready");
        for condition in &mut conditions {
            condition.last_heartbeat_time = None;
            condition.last_transition_time = None;
            condition.message = None;
            condition.reason = None;
        }
        kept.conditions = Some(conditions);
        node.status = Some(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn node(change: impl FnOnce(&mut Value)) -> Option<NodeFacts> {
        let mut value = json!({
            "metadata": {"name": "a", "labels": {"zone": "1"}},
            "spec": {"providerID": "aws:///eu-central-1a/i-0123456789abcdef0", "unschedulable": true},
            "status": {"conditions": [
                {"type": "MemoryPressure", "status": "False", "lastHeartbeatTime": "2026-11-22T00:00:00Z"},
                {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-11-22T00:00:00Z"},
            ]},
        });
        change(&mut value);
        let mut node: Node = serde_json::from_value(value).unwrap();
        forget(&mut node);
        facts(&node).map(|(_, facts)| facts)
    }

    #[test]
    fn nodes_that_are_ready_and_stay_take_traffic() {
        let found = node(|_| ()).unwrap();
        assert_eq!(&*found.provider_id, "aws:///eu-central-1a/i-0123456789abcdef0");
        assert_eq!(found.labels.len(), 1);
        assert_eq!(
            node(|node| node["status"]["conditions"][1]["status"] = json!("Unknown")),
            None
        );
        assert_eq!(
            node(|node| node["metadata"]["labels"][EXCLUDED] = json!("")),
            None
        );
        assert_eq!(
            node(|node| node["spec"]["taints"] = json!([{"key": LEAVING, "effect": "NoSchedule"}])),
            None
        );
        assert_eq!(
            node(|node| node["metadata"]["deletionTimestamp"] = json!("2026-11-22T00:00:00Z")),
            None
        );
        assert_eq!(node(|node| node["spec"]["providerID"] = json!("")), None);
    }

    /// A heartbeat is no change.
    #[test]
    fn a_node_that_only_says_that_it_lives_is_the_same() {
        let read = |time: &str| {
            let mut node: Node = serde_json::from_value(json!({
                "metadata": {"name": "a"},
                "status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": time}]},
            }))
            .unwrap();
            forget(&mut node);
            node
        };
        assert_eq!(read("2026-11-22T00:00:00Z"), read("2026-11-22T00:05:00Z"));
    }
}
