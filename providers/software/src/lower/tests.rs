use super::*;
use crate::names::{CLASS_NAME, GATEWAY_NAME};
use crate::testing::{asking, balancers, dedicated, input, none, request, settings};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment as DeploymentObject};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, Service as ServiceObject, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Everything that can be asked for at once, in two objects.
fn rich() -> Vec<Value> {
    vec![
        none(),
        json!({"deployment": {"kind": "DaemonSet", "hostNetwork": true}}),
        json!({"deployment": {"kind": "DaemonSet", "hostPorts": true}}),
        json!({"service": {"type": "NodePort", "externalIPs": ["192.0.2.1"]}}),
        json!({
            "deployment": {
                "autoscaling": {"maxReplicas": 5, "targetCpuPercent": 50},
                "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
                "image": {"reference": "r", "pullPolicy": "Always", "pullSecrets": ["s"]},
                "podAnnotations": {"a": "b"},
                "placement": {
                    "nodeSelector": {"disk": "ssd"},
                    "tolerations": [{"key": "edge", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
                    "affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}},
                    "topologySpread": [{"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
                    "priorityClassName": "high",
                },
            },
            "service": {
                "loadBalancerClass": "example.com/lb", "loadBalancerSourceRanges": ["10.0.0.0/8"],
                "annotations": {"x": "y"}, "externalTrafficPolicy": "Local", "ipFamilyPolicy": "SingleStack",
            },
            "accessLog": {"format": "Off"},
        }),
    ]
}

fn read_back<T: DeserializeOwned + Serialize>(object: &Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(object.clone()).unwrap()).unwrap()
}

/// A field that Kubernetes does not know would be dropped, and reported as a difference for ever.
#[test]
fn every_field_is_one_that_kubernetes_knows() {
    let parts = [Part::Dedicated, Part::Tenant, Part::Fleet];
    for (parameters, part) in rich()
        .into_iter()
        .flat_map(|one| parts.map(|part| (one.clone(), part)))
    {
        let request = request(input(&balancers()[1], parameters), part);
        for (key, object) in lower(&request, &settings()) {
            let typed = match key.kind {
                Kind::ServiceAccount => read_back::<ServiceAccount>(&object),
                Kind::ConfigMap => read_back::<ConfigMap>(&object),
                Kind::Service => read_back::<ServiceObject>(&object),
                Kind::Deployment => read_back::<DeploymentObject>(&object),
                Kind::DaemonSet => read_back::<DaemonSet>(&object),
                Kind::PodDisruptionBudget => read_back::<PodDisruptionBudget>(&object),
                Kind::HorizontalPodAutoscaler => read_back::<HorizontalPodAutoscaler>(&object),
            };
            let lost = crate::compare::differences(&object, &typed);
            assert!(lost.is_empty(), "{key:?}: {lost:?}");
        }
    }
}

/// GEP-1762, "Automated deployments": labels, names and owner of what is generated.
#[test]
fn objects_are_named_labelled_and_owned() {
    let request = dedicated(none());
    for (key, object) in lower(&request, &settings()) {
        assert_eq!(key.name, ObjectName::new("infra", "edge-gatewright"));
        let labels = &object["metadata"]["labels"];
        assert_eq!(labels[GATEWAY_NAME], "edge");
        assert_eq!(labels[CLASS_NAME], "gatewright");
        assert_eq!(labels["team"], "net", "infrastructure.labels");
        let owner = &object["metadata"]["ownerReferences"][0];
        assert_eq!(
            (&owner["kind"], &owner["uid"]),
            (&json!("Gateway"), &json!("gateway-uid"))
        );
    }
}

/// Pod Security Standards, "restricted".
#[test]
fn pods_are_restricted() {
    let objects = lower(&dedicated(none()), &settings());
    let deployment = objects
        .iter()
        .find(|(key, _)| key.kind == Kind::Deployment)
        .unwrap()
        .1;
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert!(pod.get("hostNetwork").is_none());
    for container in pod["containers"].as_array().unwrap() {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
        assert!(container.get("ports").is_none());
    }
}

#[test]
fn a_new_listener_changes_the_service_and_no_pod() {
    let workload = |balancer: usize| {
        let request = request(input(&balancers()[balancer], none()), Part::Dedicated);
        let mut objects = lower(&request, &settings());
        objects.retain(|key, _| key.kind == Kind::Deployment);
        let mut object = Value::clone(objects.values().next().unwrap());
        for path in ["/metadata/labels/team", "/spec/template/metadata/labels/team"] {
            let (parent, name) = path.rsplit_once('/').unwrap();
            object
                .pointer_mut(parent)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(name);
        }
        object
    };
    assert_eq!(workload(0), workload(1));
    assert_eq!(workload(0), workload(3), "nor does the last one's end");
}

#[test]
fn host_modes_have_no_service_and_say_what_they_open() {
    let host = lower(
        &dedicated(json!({"deployment": {"kind": "DaemonSet", "hostNetwork": true}})),
        &settings(),
    );
    assert!(
        host.keys()
            .all(|key| key.kind != Kind::Service && key.kind != Kind::Deployment)
    );
    let pod = |objects: &Objects| {
        let set = objects
            .iter()
            .find(|(key, _)| key.kind == Kind::DaemonSet)
            .unwrap()
            .1;
        set["spec"]["template"]["spec"].clone()
    };
    let pod_of_host = pod(&host);
    assert_eq!(pod_of_host["hostNetwork"], true);
    let capabilities = &pod_of_host["containers"][0]["securityContext"]["capabilities"];
    assert_eq!(
        *capabilities,
        json!({"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]})
    );
    let ports = lower(
        &dedicated(json!({"deployment": {"kind": "DaemonSet", "hostPorts": true}})),
        &settings(),
    );
    let ports = &pod(&ports)["containers"][0]["ports"];
    assert_eq!(
        *ports,
        json!([
            {"containerPort": 10_053, "hostPort": 53, "protocol": "UDP"},
            {"containerPort": 10_080, "hostPort": 80, "protocol": "TCP"},
        ])
    );
}

#[test]
fn requested_addresses_are_asked_for_where_they_can_be_had() {
    let service = |parameters: Value, asked: &[&str]| {
        let objects = lower(&asking(parameters, asked), &settings());
        objects
            .iter()
            .find(|(key, _)| key.kind == Kind::Service)
            .unwrap()
            .1["spec"]
            .clone()
    };
    let spec = service(none(), &["192.0.2.7"]);
    assert_eq!(spec["loadBalancerIP"], "192.0.2.7");
    assert!(spec.get("externalIPs").is_none());
    let allowed = json!({"service": {"type": "ClusterIP", "staticAddresses": ["192.0.2.0/28"]}});
    let spec = service(allowed, &["192.0.2.7", "192.0.2.99"]);
    assert_eq!(spec["externalIPs"], json!(["192.0.2.7"]));
    assert_eq!(
        spec["clusterIP"], "192.0.2.99",
        "the API server says whether it is one"
    );
    let spec = service(none(), &[""]);
    assert!(spec.get("loadBalancerIP").is_none(), "any address will do");
}

#[test]
fn a_tenant_has_a_service_at_the_fleet_and_a_name_at_home() {
    let request = request(input(&balancers()[0], json!({"mode": "Shared"})), Part::Tenant);
    let objects = lower(&request, &settings());
    let [(home, alias), (away, front)] = objects.iter().collect::<Vec<_>>()[..] else {
        panic!("two Services expected: {objects:?}");
    };
    assert_eq!(
        (&*home.name.namespace, &*away.name.namespace),
        ("infra", "system")
    );
    assert_eq!(
        alias["spec"]["externalName"],
        format!("{}.system.svc.cluster.local", away.name.name)
    );
    assert_eq!(alias["metadata"]["labels"][GATEWAY_NAME], "edge");
    assert!(alias["metadata"].get("ownerReferences").is_some());
    assert!(
        front["metadata"].get("ownerReferences").is_none(),
        "owners are in the same namespace"
    );
    let fleet = lower(&crate::testing::request(request.input, Part::Fleet), &settings());
    let deployment = fleet
        .iter()
        .find(|(key, _)| key.kind == Kind::Deployment)
        .unwrap()
        .1;
    assert_eq!(
        deployment["metadata"]["ownerReferences"][0]["kind"],
        "GatewayClass"
    );
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    for (name, value) in front["spec"]["selector"].as_object().unwrap() {
        assert_eq!(labels[name], *value, "the Service selects the fleet's pods");
    }
}
