use super::*;
use serde_json::{Value, json};

fn schema() -> Value {
    let crd: Value = serde_json::from_str(&crds()[0].json).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
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
    walk(&schema(), "spec");
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
fn the_crd_says_what_it_is() {
    let [crd] = crds() else {
        panic!("one CRD expected");
    };
    assert_eq!(crd.group, GROUP);
    assert_eq!(crd.kind, "SoftwareGatewayParameters");
    assert_eq!(crd.scope, Scope::Namespaced);
    assert_eq!(crd.served().collect::<Vec<_>>(), ["v1alpha1"]);
}

/// The file for `kubectl apply` is the type's CRD. `cargo xtask crds generate` writes it.
#[test]
fn the_committed_file_is_the_types_crd() {
    let committed: Value =
        serde_yaml_ng::from_str(include_str!("../../gatewright/softwaregatewayparameters.yaml")).unwrap();
    let derived: Value = serde_json::from_str(&crds()[0].json).unwrap();
    assert_eq!(
        committed, derived,
        "crds/gatewright differs from the type: run `cargo xtask crds generate`"
    );
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

/// The page's example is one the types read, and the page names every field of the schema.
#[test]
fn the_page_has_every_field_and_a_sound_example() {
    use serde::Deserialize;
    let documents: Vec<Value> = serde_yaml_ng::Deserializer::from_str(document::EXAMPLE)
        .map(|document| Value::deserialize(document).unwrap())
        .collect();
    let parameters: SoftwareGatewayParameters = serde_json::from_value(documents[0].clone()).unwrap();
    assert_eq!(
        serde_json::to_value(&parameters.spec).unwrap(),
        documents[0]["spec"],
        "no field of the example is unknown"
    );
    let page = document::parameters();
    for field in [
        "proxyProtocol.requiredFrom",
        "forwarding.trustedHops",
        "limits.bodyBytes",
        "timeouts.connect",
    ] {
        assert!(page.contains(&format!("| `{field}` |")), "{field} is missing");
    }
    assert!(
        page.contains("| `forwarding.trustedHops` |") && page.contains("| 0 to 16 |"),
        "{page}"
    );
}
