//! Pods that are ready only when a load balancer finds them healthy (Kubernetes, "Pod readiness", KEP-580): they have a
//! readiness gate of ours, and their condition follows from the health of their targets.
//!
//! A load balancer must know such a pod before it is ready, or it never would be: it is registered as soon as nothing
//! but the gate is missing.

use k8s_openapi::api::core::v1::{Pod, PodCondition, PodSpec, PodStatus};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The condition that the readiness gate names.
pub const GATE: &str = "gatewright.dev/target-health";

/// Label of pods with the gate, by which they are watched: others are not looked at.
pub const LABEL: &str = "gatewright.dev/readiness-gate";

/// Value of [`LABEL`].
pub const LABEL_VALUE: &str = "target-health";

/// What the kubelet says of a pod that lacks nothing but conditions of its gates (`pkg/kubelet/status/generate.go`).
const ONLY_GATES: &str = "ReadinessGatesNotReady";

const CONTAINERS_READY: &str = "ContainersReady";
const READY: &str = "Ready";
const TRUE: &str = "True";

/// Whether a pod has the gate.
pub fn is_gated(pod: &Pod) -> bool {
    gates(pod).any(|gate| gate == GATE)
}

/// Whether a pod is to be a target although it may not be ready yet: it has the gate, its containers are ready, and all
/// its other gates are open. After ours is open the pod counts until it is said to be ready: nobody takes its target
/// away in between.
pub fn waits(pod: &Pod) -> bool {
    let others = || gates(pod).filter(|gate| *gate != GATE);
    let ready = condition(pod, READY);
    let awaited = !is_open(pod)
        || ready.is_some_and(|ready| ready.status == TRUE || ready.reason.as_deref() == Some(ONLY_GATES));
    is_gated(pod)
        && pod.metadata.deletion_timestamp.is_none()
        && is_true(pod, CONTAINERS_READY)
        && others().all(|gate| is_true(pod, gate))
        && awaited
}

/// Whether the condition of the gate is true.
pub fn is_open(pod: &Pod) -> bool {
    is_true(pod, GATE)
}

/// Whether all containers of a pod are ready.
pub fn are_containers_ready(pod: &Pod) -> bool {
    is_true(pod, CONTAINERS_READY)
}

/// The condition of the gate.
pub fn gate(pod: &Pod) -> Option<&PodCondition> {
    condition(pod, GATE)
}

/// The addresses of a pod, of all families.
pub fn addresses(pod: &Pod) -> Vec<IpAddr> {
    let Some(status) = &pod.status else {
        return Vec::new();
    };
    let all = status.pod_ips.iter().flatten().map(|found| found.ip.as_str());
    let mut found: Vec<IpAddr> = all
        .chain(status.pod_ip.as_deref())
        .filter_map(|ip| ip.parse().ok())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Whether a Service's selector selects these labels. An empty one selects nothing: who fills the EndpointSlices of
/// such a Service is unknown.
pub fn selects(selector: &BTreeMap<String, String>, labels: Option<&BTreeMap<String, String>>) -> bool {
    !selector.is_empty()
        && selector
            .iter()
            .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

fn gates(pod: &Pod) -> impl Iterator<Item = &str> {
    let spec = pod.spec.iter();
    let gates = spec.flat_map(|spec| spec.readiness_gates.iter().flatten());
    gates.map(|gate| gate.condition_type.as_str())
}

fn condition<'a>(pod: &'a Pod, name: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == name)
}

fn is_true(pod: &Pod, name: &str) -> bool {
    condition(pod, name).is_some_and(|condition| condition.status == TRUE)
}

/// Drops what nothing here reads: most of a pod.
pub(crate) fn forget(pod: &mut Pod) {
    pod.metadata.annotations = None;
    pod.metadata.owner_references = None;
    let gates: Vec<String> = gates(pod).map(ToOwned::to_owned).collect();
    if let Some(spec) = &mut pod.spec {
        *spec = PodSpec {
            readiness_gates: spec.readiness_gates.take(),
            ..PodSpec::default()
        };
    }
    if let Some(status) = &mut pod.status {
        let mut conditions = status.conditions.take().unwrap_or_default();
        let kept =
            |name: &str| [CONTAINERS_READY, READY].contains(&name) || gates.iter().any(|gate| gate == name);
        conditions.retain(|condition| kept(&condition.type_));
        for condition in conditions.iter_mut().filter(|condition| condition.type_ != GATE) {
            *condition = PodCondition {
                type_: std::mem::take(&mut condition.type_),
                status: std::mem::take(&mut condition.status),
                reason: condition.reason.take(),
                ..PodCondition::default()
            };
        }
        *status = PodStatus {
            conditions: Some(conditions),
            pod_ip: status.pod_ip.take(),
            pod_ips: status.pod_ips.take(),
            ..PodStatus::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(gates: &[&str], conditions: &[(&str, &str, &str)]) -> Pod {
        let gates: Vec<Value> = gates.iter().map(|gate| json!({"conditionType": gate})).collect();
        let conditions = conditions.iter().map(
            |(name, status, reason)| json!({"type": name, "status": status, "reason": reason, "message": "m", "lastProbeTime": "2026-11-22T00:00:00Z"}),
        );
        let mut pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "shop", "annotations": {"x": "y"}},
            "spec": {"containers": [{"name": "c", "image": "i"}], "nodeName": "n", "readinessGates": gates},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}],
                       "conditions": conditions.collect::<Vec<_>>()},
        }))
        .unwrap();
        forget(&mut pod);
        pod
    }

    const READY_CONTAINERS: (&str, &str, &str) = (CONTAINERS_READY, "True", "");

    /// KEP-580: a pod is ready when its containers are and all conditions of its gates are true.
    #[test]
    fn a_pod_waits_when_nothing_but_the_gate_is_missing() {
        assert!(waits(&pod(&[GATE], &[READY_CONTAINERS])));
        assert!(!waits(&pod(&[], &[READY_CONTAINERS])), "it has no gate");
        assert!(!waits(&pod(&[GATE], &[(CONTAINERS_READY, "False", "")])));
        assert!(!waits(&pod(&[GATE, "example.com/warm"], &[READY_CONTAINERS])));
        let warm = ("example.com/warm", "True", "");
        assert!(waits(&pod(
            &[GATE, "example.com/warm"],
            &[READY_CONTAINERS, warm]
        )));
        let mut going = pod(&[GATE], &[READY_CONTAINERS]);
        going.metadata.deletion_timestamp = serde_json::from_value(json!("2026-11-22T00:00:00Z")).unwrap();
        assert!(!waits(&going));
    }

    /// Between the condition and the EndpointSlice that says that the pod is ready its target must stay.
    #[test]
    fn an_open_gate_takes_nothing_away_before_the_pod_is_ready() {
        let open = (GATE, "True", "Healthy");
        assert!(waits(&pod(
            &[GATE],
            &[READY_CONTAINERS, open, (READY, "False", ONLY_GATES)]
        )));
        assert!(waits(&pod(
            &[GATE],
            &[READY_CONTAINERS, open, (READY, "True", "")]
        )));
        // The node does not answer any more: its pods are not ready, whatever their containers said last.
        assert!(!waits(&pod(
            &[GATE],
            &[READY_CONTAINERS, open, (READY, "False", "")]
        )));
    }

    #[test]
    fn what_is_left_of_a_pod_is_what_is_read() {
        let pod = pod(
            &[GATE],
            &[
                READY_CONTAINERS,
                (GATE, "False", "Initial"),
                ("PodScheduled", "True", ""),
            ],
        );
        let status = pod.status.as_ref().unwrap();
        assert_eq!(status.conditions.as_ref().unwrap().len(), 2);
        assert_eq!(status.phase, None);
        assert_eq!(gate(&pod).unwrap().message.as_deref(), Some("m"));
        assert_eq!(pod.spec.as_ref().unwrap().node_name, None);
        assert_eq!(addresses(&pod).len(), 2);
        assert_eq!(pod.metadata.annotations, None);
    }

    #[test]
    fn a_selector_selects_whoever_has_all_its_labels() {
        let labels = |all: &[(&str, &str)]| -> BTreeMap<String, String> {
            all.iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        let of = labels(&[("app", "web"), ("tier", "front")]);
        assert!(selects(&labels(&[("app", "web")]), Some(&of)));
        assert!(!selects(&labels(&[("app", "web"), ("team", "a")]), Some(&of)));
        assert!(
            !selects(&labels(&[]), Some(&of)),
            "nothing is selected by nothing"
        );
        assert!(!selects(&labels(&[("app", "web")]), None));
    }
}
