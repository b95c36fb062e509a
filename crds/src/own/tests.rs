use super::*;
use serde_json::{Value, json};

fn schema_of(crd: &CrdText) -> Value {
    let crd: Value = serde_json::from_str(&crd.json).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

fn schema() -> Value {
    schema_of(&crds()[0])
}

/// A structural schema: types everywhere, no `$ref`, no `allOf`-style composition (Kubernetes, custom
/// resource definitions, "Specifying a structural schema").
#[test]
fn the_schema_is_structural() {
    fn walk(schema: &Value, path: &str) {
        let object = schema.as_object().unwrap();
        assert!(object.contains_key("type"), "{path} has no type");
        for keyword in ["$ref", "allOf", "anyOf", "oneOf", "not", "definitions"] {
            assert!(!object.contains_key(keyword), "{path} has {keyword}");
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            walk(property, &format!("{path}.{name}"));
        }
        if let Some(items) = object.get("items") {
            walk(items, &format!("{path}[]"));
        }
        assert!(!object.contains_key("nullable"), "{path} is nullable");
        assert!(
            object.contains_key("description") || path.ends_with("[]"),
            "{path} is not documented"
        );
    }
    for crd in crds() {
        walk(&schema_of(crd), &format!("{} spec", crd.kind));
    }
}

#[test]
fn bounds_patterns_and_rules_are_in_the_schema() {
    let schema = schema();
    let at = |pointer: &str| schema.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(
        at("/properties/forwarding/properties/trustedHops/maximum"),
        json!(16)
    );
    assert_eq!(
        at("/properties/forwarding/properties/trustedCidrs/maxItems"),
        json!(64)
    );
    assert_eq!(
        at("/properties/forwarding/properties/trustedCidrs/items/maxLength"),
        json!(43)
    );
    assert_eq!(at("/properties/proxyProtocol/required"), json!(["requiredFrom"]));
    assert_eq!(
        at("/properties/proxyProtocol/x-kubernetes-validations/0/rule"),
        json!("self.requiredFrom.all(c, isCIDR(c))")
    );
    assert_eq!(
        at("/properties/timeouts/properties/idle/pattern"),
        json!("^([0-9]{1,5}(h|m|s|ms)){1,4}$")
    );
}

#[test]
fn the_crds_say_what_they_are() {
    for (crd, kind) in crds().iter().zip(KINDS) {
        assert_eq!((crd.group.as_str(), kind.group), (GROUP, GROUP));
        assert_eq!(crd.kind, kind.kind);
        assert_eq!(crd.plural, kind.plural);
        assert_eq!(crd.scope, Scope::Namespaced);
        assert_eq!(crd.served().collect::<Vec<_>>(), [kind.version]);
    }
    assert_eq!(crds().len(), KINDS.len());
}

/// The files for `kubectl apply` are the types' CRDs. `cargo xtask crds generate` writes them.
#[test]
fn the_committed_files_are_the_types_crds() {
    let committed = [
        include_str!("../../gatewright/softwaregatewayparameters.yaml"),
        include_str!("../../gatewright/awsloadbalancerparameters.yaml"),
        include_str!("../../gatewright/awslatticeparameters.yaml"),
        include_str!("../../gatewright/awstargetgroupparameters.yaml"),
        include_str!("../../gatewright/awsrouteparameters.yaml"),
        include_str!("../../gatewright/awsbackends.yaml"),
        include_str!("../../gatewright/awstargetgroupbindings.yaml"),
    ];
    assert_eq!(committed.len(), crds().len());
    for (committed, crd) in committed.into_iter().zip(crds()) {
        let committed: Value = serde_yaml_ng::from_str(committed).unwrap();
        let derived: Value = serde_json::from_str(&crd.json).unwrap();
        assert_eq!(
            committed, derived,
            "crds/gatewright differs from the type of {}: run `cargo xtask crds generate`",
            crd.kind
        );
    }
}

#[test]
fn a_gateways_settings_win_over_its_class_field_by_field() {
    let spec = |value: Value| -> SoftwareGatewayParametersSpec { serde_json::from_value(value).unwrap() };
    let class = spec(json!({
        "forwarding": {"trustedHops": 1, "sendForwarded": true},
        "limits": {"headerBytes": 8192, "bodyBytes": 10},
        "timeouts": {"idle": "1m", "header": "5s"},
    }));
    let gateway = spec(json!({
        "forwarding": {"trustedHops": 2},
        "limits": {"bodyBytes": 20},
        "timeouts": {"idle": "2m"},
    }));
    assert_eq!(
        serde_json::to_value(gateway.over(&class)).unwrap(),
        json!({
            "forwarding": {"trustedHops": 2, "sendForwarded": true},
                "limits": {"headerBytes": 8192, "bodyBytes": 20},
            "timeouts": {"idle": "2m", "header": "5s"},
        })
    );
    assert_eq!(
        SoftwareGatewayParametersSpec::default().over(&class),
        class,
        "nothing set leaves the class' settings"
    );
}

/// The page's examples are such as the types read, and the page names every field of the schemas.
#[test]
fn the_page_has_every_field_and_sound_examples() {
    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    fn first<T: DeserializeOwned + serde::Serialize>(kind: &str) {
        let mut documents = serde_yaml_ng::Deserializer::from_str(document::example(kind));
        let written = Value::deserialize(documents.next().unwrap()).unwrap();
        let read: T = serde_json::from_value(written.clone()).unwrap();
        let read = serde_json::to_value(&read).unwrap();
        assert_eq!(
            read["spec"], written["spec"],
            "a field of the example of {kind} is unknown"
        );
    }
    first::<SoftwareGatewayParameters>("SoftwareGatewayParameters");
    first::<AwsLoadBalancerParameters>("AwsLoadBalancerParameters");
    first::<AwsLatticeParameters>("AwsLatticeParameters");
    first::<AwsTargetGroupParameters>("AwsTargetGroupParameters");
    first::<AwsRouteParameters>("AwsRouteParameters");
    first::<AwsBackend>("AwsBackend");
    first::<AwsTargetGroupBinding>("AwsTargetGroupBinding");
    let page = document::parameters();
    for field in [
        "proxyProtocol.requiredFrom",
        "forwarding.trustedHops",
        "limits.bodyBytes",
        "timeouts.connect",
        "listeners[].sslPolicy",
        "targetGroups.healthCheck.path",
        "settings.attributes",
        "oidc.clientSecretRef.name",
        "jwt.claims[].values",
    ] {
        assert!(page.contains(&format!("| `{field}` |")), "{field} is missing");
    }
    assert!(
        page.contains("| `forwarding.trustedHops` |") && page.contains("| 0 to 16 |"),
        "{page}"
    );
}
