//! The Service in front of the proxies.

use super::{Choice, Part, Request};
use crate::addresses::requests;
use crate::names;
use gatewright_crds::own::parameters::{Service, ServiceType};
use gatewright_model::key::ObjectName;
use gatewright_stream::settings::Transport;
use serde_json::{Map, Value, json};

/// Ports that a Service of type NodePort may open (`kube-apiserver --service-node-port-range`, its default).
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;

/// `spec` of the Service that leads to the proxies.
pub fn front(request: &Request, choice: &Choice<'_>) -> Value {
    let balancer = &request.input.balancer;
    let given = choice.service.cloned().unwrap_or_default();
    let kind = given.kind.unwrap_or_default();
    let selector = match request.part {
        Part::Dedicated => names::selector(&balancer.gateway, &balancer.class),
        Part::Tenant | Part::Fleet => names::fleet_selector(&balancer.class),
    };
    let mut spec = Map::new();
    let mut set = |name: &str, value: Value| {
        spec.insert(name.to_owned(), value);
    };
    set("type", json!(kind.as_str()));
    set("selector", json!(selector));
    set(
        "ipFamilyPolicy",
        json!(given.ip_family_policy.unwrap_or_default().as_str()),
    );
    set("ports", ports(request, kind));
    if kind != ServiceType::ClusterIp {
        let policy = given.external_traffic_policy.unwrap_or_default();
        set("externalTrafficPolicy", json!(policy.as_str()));
    }
    if kind == ServiceType::LoadBalancer {
        if let Some(class) = &given.load_balancer_class {
            set("loadBalancerClass", json!(class));
        }
        if let Some(ranges) = given
            .load_balancer_source_ranges
            .as_ref()
            .filter(|ranges| !ranges.is_empty())
        {
            set("loadBalancerSourceRanges", json!(ranges));
        }
    }
    addresses(request, &given, kind, &mut set);
    Value::Object(spec)
}

/// Addresses that are always there, and those that the Gateway asks for.
fn addresses(request: &Request, given: &Service, kind: ServiceType, set: &mut impl FnMut(&str, Value)) {
    let asked = requests(&request.input.balancer.addresses, given);
    let mut external = given.external_ips.clone().unwrap_or_default();
    external.extend(asked.external.iter().map(ToString::to_string));
    external.dedup();
    if !external.is_empty() {
        set("externalIPs", json!(external));
    }
    match (kind, asked.others.first()) {
        (ServiceType::LoadBalancer, Some(address)) => set("loadBalancerIP", json!(address.to_string())),
        (ServiceType::ClusterIp, Some(address)) => {
            set("clusterIP", json!(address.to_string()));
        }
        _ => {}
    }
}

fn ports(request: &Request, kind: ServiceType) -> Value {
    let mut ports: Vec<Value> = request
        .ports
        .iter()
        .map(|((listener, transport), bound)| {
            let (protocol, prefix) = match transport {
                Transport::Tcp => ("TCP", "tcp"),
                Transport::Udp => ("UDP", "udp"),
            };
            let mut port = json!({
                "name": format!("{prefix}-{listener}"),
                "port": listener,
                "protocol": protocol,
                "targetPort": bound,
            });
            // So that the address works with the listener's own port.
            if kind == ServiceType::NodePort
                && NODE_PORTS.contains(listener)
                && let Some(port) = port.as_object_mut()
            {
                port.insert("nodePort".to_owned(), json!(listener));
            }
            port
        })
        .collect();
    if ports.is_empty() {
        // A Service needs a port; nothing listens behind this one, and the address stays.
        ports.push(json!({"name": "none", "port": 1, "protocol": "TCP", "targetPort": 1}));
    }
    Value::Array(ports)
}

/// `spec` of a tenant's Service in the Gateway's own namespace: a name for the one in the fleet's, which
/// resolves also while the controller is away.
pub fn alias(front: &ObjectName, domain: &str) -> Value {
    json!({
        "type": "ExternalName",
        "externalName": format!("{}.{}.svc.{domain}", front.name, front.namespace),
    })
}
