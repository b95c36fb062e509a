//! Bodies of status writes.

use super::Basis;
use gatewright_core::status::Status;
use kube::core::ApiResource;
use serde_json::{Map, Value, json};

/// Body of a server-side apply that only the version it was computed from accepts; `None` for statuses whose lists are
/// atomic.
pub fn apply(resource: &ApiResource, (name, version): (&str, &str), status: &Status) -> Option<Value> {
    let own = status.applied()?;
    let mut metadata = Map::from_iter([("name".to_owned(), Value::from(name))]);
    if !version.is_empty() {
        metadata.insert("resourceVersion".to_owned(), version.into());
    }
    Some(json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": metadata,
        "status": own,
    }))
}

/// Body of a merge patch that only the version it was computed from accepts.
pub fn merge(status: &Status, from: &Basis) -> Value {
    let mut body = json!({"status": status});
    if let (Some(written), Some(fields)) = (&from.written, body.get_mut("status")) {
        written.restore(fields, status);
    }
    if let Some(Value::Object(fields)) = body
        .get_mut("status")
        .filter(|_| matches!(status, Status::Backend(_)))
    {
        older_backend(fields);
    }
    if !from.version.is_empty()
        && let Some(map) = body.as_object_mut()
    {
        map.insert("metadata".to_owned(), json!({"resourceVersion": from.version}));
    }
    body
}

/// XBackend of v1.6 has `parents[].parentRef` where v1.7 has `ancestors[].ancestorRef`. Both are sent: the
/// API server keeps what the installed CRD declares.
fn older_backend(status: &mut Map<String, Value>) {
    let Some(Value::Array(ancestors)) = status.get("ancestors") else {
        return;
    };
    let parents = ancestors.iter().cloned().map(|mut parent| {
        if let Some(parent) = parent.as_object_mut()
            && let Some(reference) = parent.remove("ancestorRef")
        {
            parent.insert("parentRef".to_owned(), reference);
        }
        parent
    });
    let parents = parents.collect();
    status.insert("parents".to_owned(), Value::Array(parents));
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_crds::api::GatewayStatus;

    #[test]
    fn a_backend_says_the_same_in_the_words_of_both_releases() {
        let status = serde_json::from_value(json!({"ancestors": [{
            "ancestorRef": {"name": "gw"}, "controllerName": "gatewright.dev/software", "conditions": [],
        }]}))
        .unwrap();
        let from = Basis {
            version: "7".to_owned(),
            unread: Some("8".to_owned()),
            written: None,
        };
        let body = merge(&Status::Backend(status), &from);
        assert_eq!(body["status"]["ancestors"][0]["ancestorRef"]["name"], "gw");
        assert_eq!(body["status"]["parents"][0]["parentRef"]["name"], "gw");
        assert_eq!(body["status"]["parents"][0].get("ancestorRef"), None);
        assert_eq!(body["metadata"]["resourceVersion"], "7");
    }

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
        let body = apply(
            &ApiResource::from_gvk(&gvk),
            ("gw", "7"),
            &Status::Gateway(status),
        )
        .unwrap();
        assert_eq!(body["status"]["conditions"], json!([condition("Accepted")]));
        assert_eq!(
            body["status"]["listeners"][0]["conditions"],
            json!([condition("Programmed")])
        );
        assert_eq!(body["apiVersion"], "gateway.networking.k8s.io/v1");
        assert_eq!(body["metadata"], json!({"name": "gw", "resourceVersion": "7"}));
    }
}
