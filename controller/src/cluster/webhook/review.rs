//! Answers to the API server: `AdmissionReview` of `admission.k8s.io/v1`
//! (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>). Pure.

use crate::cluster::gates::Labels;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatewright_core::graph::pods::{GATE, LABEL, LABEL_VALUE};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

const VERSION: &str = "admission.k8s.io/v1";

/// What was asked is no review that can be answered.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// No JSON, or of another shape.
    #[error("no AdmissionReview: {0}")]
    Shape(#[from] serde_json::Error),
    /// Another version.
    #[error("AdmissionReview of {found}; accepted is {VERSION}")]
    Version {
        /// What was found.
        found: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    api_version: String,
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    uid: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    object: Pod,
}

/// A pod as far as it matters here: the rest is neither read nor changed.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Pod {
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    labels: Option<Labels>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    readiness_gates: Option<Vec<Gate>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gate {
    condition_type: String,
}

/// Answers a review: everything is allowed, and a pod that a load balancer will send requests to gets the gate.
/// `selects` says whether one will, by namespace and labels.
///
/// # Errors
/// When it cannot be read.
pub fn answer(body: &[u8], selects: impl FnOnce(&str, &Labels) -> bool) -> Result<Value, Unreadable> {
    let Review { api_version, request } = serde_json::from_slice(body)?;
    if api_version != VERSION {
        return Err(Unreadable::Version { found: api_version });
    }
    let labels = request.object.metadata.labels.as_ref();
    let nothing = Labels::new();
    let is_new_pod = request.operation == "CREATE" && request.object.kind == "Pod";
    let changes = if is_new_pod && selects(&request.namespace, labels.unwrap_or(&nothing)) {
        changes(&request.object)
    } else {
        Vec::new()
    };
    let response = if changes.is_empty() {
        json!({"uid": request.uid, "allowed": true})
    } else {
        let patch = STANDARD.encode(Value::from(changes).to_string());
        json!({"uid": request.uid, "allowed": true, "patchType": "JSONPatch", "patch": patch})
    };
    Ok(json!({"apiVersion": VERSION, "kind": "AdmissionReview", "response": response}))
}

/// What a pod lacks, as a JSON patch (RFC 6902): the gate, and the label by which pods with it are watched.
fn changes(pod: &Pod) -> Vec<Value> {
    let mut changes = Vec::new();
    let gate = json!({"conditionType": GATE});
    match &pod.spec.readiness_gates {
        None => changes.push(json!({"op": "add", "path": "/spec/readinessGates", "value": [gate]})),
        Some(gates) if gates.iter().any(|gate| gate.condition_type == GATE) => {}
        Some(_) => changes.push(json!({"op": "add", "path": "/spec/readinessGates/-", "value": gate})),
    }
    match &pod.metadata.labels {
        None => {
            changes.push(json!({"op": "add", "path": "/metadata/labels", "value": {LABEL: LABEL_VALUE}}));
        }
        Some(labels) if labels.get(LABEL).is_some_and(|value| value == LABEL_VALUE) => {}
        Some(_) => {
            // RFC 6901: `~1` is a slash.
            let path = format!("/metadata/labels/{}", LABEL.replace('~', "~0").replace('/', "~1"));
            changes.push(json!({"op": "add", "path": path, "value": LABEL_VALUE}));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(object: Value) -> Vec<u8> {
        json!({
            "apiVersion": VERSION, "kind": "AdmissionReview",
            "request": {"uid": "705ab4f5", "namespace": "shop", "operation": "CREATE", "object": object},
        })
        .to_string()
        .into_bytes()
    }

    fn patch(answer: &Value) -> Value {
        let text = answer["response"]["patch"].as_str().unwrap();
        serde_json::from_slice(&STANDARD.decode(text).unwrap()).unwrap()
    }

    fn selected(object: Value) -> Value {
        answer(&review(object), |_, _| true).unwrap()
    }

    #[test]
    fn a_pod_behind_a_load_balancer_gets_gate_and_label() {
        let pod = json!({"kind": "Pod", "metadata": {"generateName": "web-"}, "spec": {"containers": []}});
        let answer = selected(pod);
        assert_eq!(answer["response"]["uid"], "705ab4f5");
        assert_eq!(answer["response"]["patchType"], "JSONPatch");
        assert_eq!(
            patch(&answer),
            json!([
                {"op": "add", "path": "/spec/readinessGates", "value": [{"conditionType": "gatewright.dev/target-health"}]},
                {"op": "add", "path": "/metadata/labels", "value": {"gatewright.dev/readiness-gate": "target-health"}},
            ])
        );
    }

    #[test]
    fn what_others_set_stays() {
        let pod = json!({
            "kind": "Pod", "metadata": {"labels": {"app": "web"}},
            "spec": {"readinessGates": [{"conditionType": "example.com/warm"}]},
        });
        assert_eq!(
            patch(&selected(pod)),
            json!([
                {"op": "add", "path": "/spec/readinessGates/-", "value": {"conditionType": "gatewright.dev/target-health"}},
                {"op": "add", "path": "/metadata/labels/gatewright.dev~1readiness-gate", "value": "target-health"},
            ])
        );
        // Asked once more, after another webhook changed the pod, there is nothing left to do.
        let again = json!({
            "kind": "Pod", "metadata": {"labels": {"gatewright.dev/readiness-gate": "target-health"}},
            "spec": {"readinessGates": [{"conditionType": "gatewright.dev/target-health"}]},
        });
        assert_eq!(
            selected(again)["response"],
            json!({"uid": "705ab4f5", "allowed": true})
        );
    }

    #[test]
    fn whoever_is_not_behind_a_load_balancer_is_left_alone() {
        let pod = json!({"kind": "Pod", "metadata": {"labels": {"app": "job"}}, "spec": {}});
        let found = answer(&review(pod), |namespace, labels| {
            assert_eq!((namespace, labels["app"].as_str()), ("shop", "job"));
            false
        });
        assert_eq!(
            found.unwrap()["response"],
            json!({"uid": "705ab4f5", "allowed": true})
        );
        let other = json!({"kind": "Deployment", "metadata": {}, "spec": {}});
        assert!(selected(other)["response"]["patch"].is_null());
    }

    #[test]
    fn nonsense_is_told_apart() {
        for body in ["", "[]", "{}", "{\"apiVersion\": \"admission.k8s.io/v1\"}"] {
            assert!(
                matches!(answer(body.as_bytes(), |_, _| true), Err(Unreadable::Shape(_))),
                "{body}"
            );
        }
        let old = String::from_utf8(review(json!({})))
            .unwrap()
            .replace("k8s.io/v1", "k8s.io/v1beta1");
        let error = answer(old.as_bytes(), |_, _| true).unwrap_err().to_string();
        assert!(
            error.contains("v1beta1") && error.contains("accepted is admission.k8s.io/v1"),
            "{error}"
        );
    }
}
