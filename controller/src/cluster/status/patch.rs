//! Bodies of status writes.

use gatewright_core::status::Status;
use kube::core::ApiResource;
use serde_json::{Value, json};

/// Body of a server-side apply; `None` for statuses whose lists are atomic.
pub fn apply(resource: &ApiResource, name: &str, status: &Status) -> Option<Value> {
    let own = status.applied()?;
    Some(json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name},
        "status": own,
    }))
}

/// Body of a merge patch that only the version it was computed from accepts.
pub fn merge(status: &Status, version: &str) -> Value {
    let mut body = json!({"status": status});
    if !version.is_empty()
        && let Some(map) = body.as_object_mut()
    {
        map.insert("metadata".to_owned(), json!({"resourceVersion": version}));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_crds::api::GatewayStatus;

    #[test]
    fn conditions_of_others_are_not_applied() {
        let condition = |kind: &str| {
            json!({
                "type": kind, "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
            })
        };
        let status: GatewayStatus = serde_json::from_value(json!({
            "conditions": [condition("Accepted"), condition("example.com/Theirs")],
            "listeners": [{
                "name": "http", "attachedRoutes": 0,
                "conditions": [condition("example.com/Theirs"), condition("Programmed")],
            }],
        }))
        .unwrap();
        let gvk = kube::core::GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "Gateway");
        let body = apply(&ApiResource::from_gvk(&gvk), "gw", &Status::Gateway(status)).unwrap();
        assert_eq!(body["status"]["conditions"], json!([condition("Accepted")]));
        assert_eq!(
            body["status"]["listeners"][0]["conditions"],
            json!([condition("Programmed")])
        );
        assert_eq!(body["apiVersion"], "gateway.networking.k8s.io/v1");
    }
}
