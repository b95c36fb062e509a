//! Finalizer of GatewayClasses that are in use: a class is not deleted under its Gateways
//! (`GatewayClassFinalizerGatewaysExist`, `apis/v1/gatewayclass_types.go`).

use gatewright_core::Engine;
use gatewright_core::snapshot::{Kind, Object};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeSet;

/// The finalizer.
pub const FINALIZER: &str = "gateway-exists-finalizer.gateway.networking.k8s.io";

/// Whether a class' finalizers are as they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Name of the class.
    pub class: String,
    /// The finalizers that it should have; `None`: it has them.
    pub wanted: Option<Vec<String>>,
}

/// The finalizers of all classes of controller names that are ours.
pub fn look(engine: &Engine, ours: impl Fn(&str) -> bool) -> Vec<Protection> {
    let snapshot = engine.snapshot();
    let used: BTreeSet<&str> = snapshot
        .all(Kind::Gateway)
        .filter_map(|(_, object)| match &**object {
            Object::Gateway(gateway) => Some(gateway.spec.gateway_class_name.as_str()),
            _ => None,
        })
        .collect();
    let classes = snapshot
        .all(Kind::GatewayClass)
        .filter_map(|(_, object)| match &**object {
            Object::GatewayClass(class) if ours(&class.spec.controller_name) => Some(&class.metadata),
            _ => None,
        });
    classes
        .filter_map(|metadata| {
            let class = metadata.name.clone()?;
            let wanted = finalizers(metadata, used.contains(class.as_str()));
            Some(Protection { class, wanted })
        })
        .collect()
}

/// The finalizers that a class should have, when they differ from those it has.
fn finalizers(class: &ObjectMeta, used: bool) -> Option<Vec<String>> {
    let mut finalizers = class.finalizers.clone().unwrap_or_default();
    let has = finalizers.iter().any(|found| found == FINALIZER);
    if has && !used {
        finalizers.retain(|found| found != FINALIZER);
        return Some(finalizers);
    }
    // An object that is being deleted takes no new ones (Kubernetes, "Finalizers").
    if !has && used && class.deletion_timestamp.is_none() {
        finalizers.push(FINALIZER.to_owned());
        return Some(finalizers);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn class(finalizers: &[&str], more: serde_json::Value) -> ObjectMeta {
        let mut metadata = json!({"name": "a", "finalizers": finalizers});
        for (field, value) in more.as_object().unwrap() {
            metadata[field] = value.clone();
        }
        serde_json::from_value(metadata).unwrap()
    }

    #[test]
    fn a_used_class_has_the_finalizer_and_others_stay() {
        const OTHER: &str = "example.com/other";
        let owned = |all: &[&str]| Some(all.iter().map(|found| (*found).to_owned()).collect::<Vec<_>>());
        let none = json!({});
        for (has, used, wanted) in [
            (vec![], true, owned(&[FINALIZER])),
            (vec![OTHER], true, owned(&[OTHER, FINALIZER])),
            (vec![FINALIZER, OTHER], false, owned(&[OTHER])),
            (vec![FINALIZER], true, None),
            (vec![OTHER], false, None),
        ] {
            assert_eq!(finalizers(&class(&has, none.clone()), used), wanted, "{has:?}");
        }
        let going = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
        assert_eq!(
            finalizers(&class(&[OTHER], going.clone()), true),
            None,
            "it is too late"
        );
        assert_eq!(finalizers(&class(&[FINALIZER], going.clone()), false), owned(&[]));
        assert_eq!(
            finalizers(&class(&[FINALIZER], going), true),
            None,
            "it is still used"
        );
    }
}
