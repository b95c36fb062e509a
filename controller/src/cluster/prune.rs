//! What is left out of watched objects: nothing here reads it, and it can be larger than the rest.

use gatewright_core::graph::pods;
use gatewright_core::policy::aws::CLIENT_SECRET;
use gatewright_core::snapshot::Kind;
use kube::api::DynamicObject;
use serde_json::Value;

/// Key of a ConfigMap that the Gateway API reads (`CACertificateRefs`: "the CA certificate ... in a key
/// named `ca.crt`").
const CA_KEY: &str = "ca.crt";

/// Types of Secrets that hold neither a certificate nor a client's secret; the API server leaves them out.
const NO_CERTIFICATES: &str = "type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token,\
                               type!=kubernetes.io/dockercfg,type!=kubernetes.io/dockerconfigjson,\
                               type!=kubernetes.io/basic-auth,type!=kubernetes.io/ssh-auth,\
                               type!=bootstrap.kubernetes.io/token";

/// Field selector of a kind's watch.
pub const fn field_selector(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Secret => Some(NO_CERTIFICATES),
        _ => None,
    }
}

/// Label selector of a kind's watch: of pods, those alone that wait for load balancers are of interest.
pub fn label_selector(kind: Kind) -> Option<String> {
    match kind {
        Kind::Pod => Some(format!("{}={}", pods::LABEL, pods::LABEL_VALUE)),
        _ => None,
    }
}

/// Removes what is not read.
pub fn prune(kind: Kind, object: &mut DynamicObject) {
    object.metadata.managed_fields = None;
    match kind {
        Kind::Secret => keep(object, "data", &["tls.crt", "tls.key", CA_KEY, CLIENT_SECRET]),
        Kind::ConfigMap => {
            keep(object, "data", &[CA_KEY]);
            keep(object, "binaryData", &[]);
        }
        _ => {}
    }
}

/// Keeps only some entries of a map.
fn keep(object: &mut DynamicObject, field: &str, keys: &[&str]) {
    if let Some(map) = object.data.get_mut(field).and_then(Value::as_object_mut) {
        map.retain(|key, _| keys.contains(&key.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_of_a_client_is_kept() {
        let mut object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "type": "Opaque",
            "data": {"clientSecret": "eA==", "clientID": "eA=="},
        }))
        .unwrap();
        prune(Kind::Secret, &mut object);
        assert_eq!(object.data["data"], json!({"clientSecret": "eA=="}));
    }

    #[test]
    fn a_secret_keeps_what_a_listener_reads_and_nothing_else() {
        let mut object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
            "type": "kubernetes.io/tls",
            "data": {"tls.crt": "eA==", "tls.key": "eA==", "password": "eA=="},
        }))
        .unwrap();
        prune(Kind::Secret, &mut object);
        assert_eq!(object.data["data"], json!({"tls.crt": "eA==", "tls.key": "eA=="}));
        assert_eq!(object.data["type"], "kubernetes.io/tls");
    }
}
