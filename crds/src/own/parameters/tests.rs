use super::*;
use serde_json::json;

fn spec(value: serde_json::Value) -> SoftwareGatewayParametersSpec {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_fixed_number_and_autoscaling_replace_each_other() {
    let scaled = spec(json!({"deployment": {"autoscaling": {"maxReplicas": 5}}}));
    let fixed = spec(json!({"deployment": {"replicas": 3}}));
    let over = |mine: &SoftwareGatewayParametersSpec, base| mine.clone().over(base).deployment.unwrap();
    let found = over(&fixed, &scaled);
    assert_eq!((found.replicas, found.autoscaling), (Some(3), None));
    let found = over(&scaled, &fixed);
    assert_eq!(found.replicas, None);
    assert_eq!(found.autoscaling.unwrap().max_replicas, 5);
}

#[test]
fn what_decides_over_nodes_belongs_to_the_class() {
    let dedicated = spec(json!({}));
    let fields = [
        (json!({"mode": "Shared"}), "spec.mode"),
        (
            json!({"deployment": {"kind": "DaemonSet"}}),
            "spec.deployment.kind",
        ),
        (
            json!({"deployment": {"hostNetwork": false}}),
            "spec.deployment.hostNetwork",
        ),
        (
            json!({"deployment": {"hostPorts": true}}),
            "spec.deployment.hostPorts",
        ),
        (
            json!({"deployment": {"placement": {}}}),
            "spec.deployment.placement",
        ),
        (
            json!({"deployment": {"image": {"reference": "x"}}}),
            "spec.deployment.image",
        ),
        (
            json!({"service": {"externalIPs": ["192.0.2.1"]}}),
            "spec.service.externalIPs",
        ),
        (
            json!({"service": {"staticAddresses": []}}),
            "spec.service.staticAddresses",
        ),
    ];
    for (value, field) in fields {
        assert_eq!(spec(value).class_only(&dedicated).unwrap().field, field);
    }
    let free = json!({
        "deployment": {"replicas": 1, "resources": {"limits": {"cpu": "1"}}, "podAnnotations": {"a": "b"}},
        "service": {"type": "ClusterIP", "annotations": {"a": "b"}},
        "accessLog": {"format": "Off"}, "limits": {"headerFields": 5},
    });
    assert_eq!(spec(free.clone()).class_only(&dedicated), None);
    let shared = spec(json!({"mode": "Shared"}));
    assert_eq!(
        spec(free).class_only(&shared).unwrap().field,
        "spec.deployment",
        "the tenants of one fleet would contradict each other"
    );
    let own = json!({"service": {"type": "ClusterIP"}, "limits": {"headerFields": 5}});
    assert_eq!(spec(own).class_only(&shared), None);
}

#[test]
fn an_affinity_that_pods_do_not_have_is_named() {
    let with = |affinity| spec(json!({"deployment": {"placement": {"affinity": affinity}}})).problem();
    let sound = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
    ]}}});
    assert_eq!(with(sound), None);
    let misspelt = with(json!({"nodeAffinity": {"required": {}}})).unwrap();
    assert_eq!(
        misspelt.to_string(),
        "spec.deployment.placement.affinity: has no field nodeAffinity.required; see the pod's spec.affinity"
    );
    let mistyped = with(json!({"podAffinity": "yes"})).unwrap();
    assert!(
        mistyped.message.starts_with("is not an affinity of pods"),
        "{mistyped}"
    );
}
