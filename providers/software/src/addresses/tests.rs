use super::*;
use crate::testing::{asking, dedicated, none, settings};
use serde_json::json;
use std::sync::Arc;

fn observed(request: &Request, service: Value) -> Observed {
    Observed {
        objects: [(lower::front(request, &settings()), Arc::new(service))].into(),
        nodes: vec!["10.0.0.1".to_owned(), "fd00::1".to_owned()],
    }
}

fn service(kind: &str, ingress: &Value) -> Value {
    json!({
        "metadata": {"namespace": "infra", "name": "edge-gatewright"},
        "spec": {"type": kind, "clusterIPs": ["10.96.0.7", "fd00::7"]},
        "status": {"loadBalancer": {"ingress": ingress}},
    })
}

fn values(found: &Addresses) -> Vec<&str> {
    found.assigned.iter().map(|address| &*address.value).collect()
}

fn reason(found: &Addresses) -> &str {
    found.fault.as_ref().map_or("", |fault| &fault.reason)
}

#[test]
fn a_load_balancer_gives_addresses_and_names() {
    let request = dedicated(none());
    let ingress = json!([{"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}, {"hostname": "lb.example"}]);
    let found = read(
        &request,
        &settings(),
        &observed(&request, service("LoadBalancer", &ingress)),
    );
    assert_eq!(values(&found), ["192.0.2.1", "2001:db8::1", "lb.example"]);
    let kinds: Vec<&str> = found.assigned.iter().map(|address| &*address.kind).collect();
    assert_eq!(kinds, ["IPAddress", "IPAddress", "Hostname"]);
    assert_eq!(found.fault, None);
}

#[test]
fn a_pending_load_balancer_is_told_with_the_alternatives() {
    let request = dedicated(none());
    let found = read(
        &request,
        &settings(),
        &observed(&request, service("LoadBalancer", &json!([]))),
    );
    assert_eq!((values(&found).len(), reason(&found)), (0, "AddressNotAssigned"));
    let message = found.fault.unwrap().message;
    for word in [
        "infra/edge-gatewright",
        "NodePort",
        "ClusterIP",
        "externalIPs",
        "hostNetwork",
    ] {
        assert!(message.contains(word), "{message}");
    }
}

/// Gateway API v1.6.3, conformance test GatewayStaticAddresses: unusable, then usable alone.
#[test]
fn an_address_that_was_asked_for_and_not_given_is_not_usable() {
    let both = asking(none(), &["198.51.100.1", "192.0.2.1"]);
    let found = read(
        &both,
        &settings(),
        &observed(&both, service("LoadBalancer", &json!([]))),
    );
    assert_eq!(reason(&found), "AddressNotUsable");
    assert!(found.fault.unwrap().message.contains("198.51.100.1, 192.0.2.1"));
    let one = asking(none(), &["192.0.2.1"]);
    let found = read(
        &one,
        &settings(),
        &observed(&one, service("LoadBalancer", &json!([{"ip": "192.0.2.1"}]))),
    );
    assert_eq!((values(&found), reason(&found)), (vec!["192.0.2.1"], ""));
}

#[test]
fn other_types_have_other_addresses() {
    let request = dedicated(none());
    let found = |kind| {
        read(
            &request,
            &settings(),
            &observed(&request, service(kind, &json!([]))),
        )
    };
    assert_eq!(
        values(&found("NodePort")),
        ["10.0.0.1", "fd00::1"],
        "nodes with a ready proxy"
    );
    let inside = found("ClusterIP");
    assert_eq!(values(&inside), ["10.96.0.7", "fd00::7"]);
    assert!(
        inside
            .assigned
            .iter()
            .all(|address| &*address.routability == "Cluster"),
        "GEP-5093"
    );
}

#[test]
fn proxies_on_nodes_are_reached_there_or_it_is_said_why_not() {
    let request = dedicated(json!({"deployment": {"hostNetwork": true}}));
    let mut there = observed(&request, service("ClusterIP", &json!([])));
    assert_eq!(
        values(&read(&request, &settings(), &there)),
        ["10.0.0.1", "fd00::1"]
    );
    there.nodes.clear();
    let message = |there: &Observed| read(&request, &settings(), there).fault.unwrap().message;
    assert!(message(&there).contains("pod-security.kubernetes.io/enforce"));
    let refused = json!({"status": {"conditions": [
        {"type": "ReplicaFailure", "status": "True", "message": "violates PodSecurity \"baseline\""},
    ]}});
    there.objects.insert(
        Key::new(Kind::Deployment, "infra", "edge-gatewright"),
        Arc::new(refused),
    );
    assert!(
        message(&there).contains("violates PodSecurity"),
        "{}",
        message(&there)
    );
}
