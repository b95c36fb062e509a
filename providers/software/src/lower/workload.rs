//! What runs the pods.

use super::frame::Frame;
use super::{Choice, Network};
use gatewright_crds::own::parameters::Autoscaling;
use serde_json::{Value, json};

/// Proxies of a Gateway or fleet, unless parameters say otherwise.
const REPLICAS: u32 = 1;

/// Fewest proxies with autoscaling, unless parameters say otherwise: one may fail.
const SCALED: u32 = 2;

/// CPU use that is aimed at, in percent of the request.
const TARGET_CPU: u32 = 70;

/// `spec` of a Deployment.
pub fn deployment(frame: &Frame<'_>, choice: &Choice<'_>, template: Value) -> Value {
    let given = choice.deployment;
    // Two proxies of one node cannot have the same port of it: an old one goes before a new one comes.
    let rolling = if choice.network() == Network::Pod {
        json!({"maxUnavailable": 0, "maxSurge": 1})
    } else {
        json!({"maxUnavailable": 1, "maxSurge": 0})
    };
    let mut spec = json!({
        "selector": {"matchLabels": frame.selector()},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
        "template": template,
    });
    let scaled = given.is_some_and(|given| given.autoscaling.is_some());
    if let Some(spec) = spec.as_object_mut().filter(|_| !scaled) {
        let replicas = given.and_then(|given| given.replicas).unwrap_or(REPLICAS);
        spec.insert("replicas".to_owned(), json!(replicas));
    }
    spec
}

/// `spec` of a DaemonSet.
pub fn daemon_set(frame: &Frame<'_>, choice: &Choice<'_>, template: Value) -> Value {
    let rolling = if choice.network() == Network::Pod {
        json!({"maxUnavailable": 0, "maxSurge": 1})
    } else {
        json!({"maxUnavailable": 1, "maxSurge": 0})
    };
    json!({
        "selector": {"matchLabels": frame.selector()},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
        "template": template,
    })
}

/// `spec` of a HorizontalPodAutoscaler.
pub fn autoscaler(deployment: &str, scale: &Autoscaling) -> Value {
    let Autoscaling {
        min_replicas,
        max_replicas,
        target_cpu_percent,
    } = scale;
    json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
        "minReplicas": min_replicas.unwrap_or_else(|| SCALED.min(*max_replicas)),
        "maxReplicas": max_replicas,
        "metrics": [{
            "type": "Resource",
            "resource": {
                "name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": target_cpu_percent.unwrap_or(TARGET_CPU)},
            },
        }],
    })
}
