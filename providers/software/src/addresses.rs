//! Addresses that lead to a Gateway, and those that it asks for. Pure.

use crate::kind::{Key, Kind, Observed, text};
use crate::lower::{self, Network, Part, Request};
use crate::settings::Settings;
use gatewright_core::status::programming::{AssignedAddress, ProgrammingFault};
use gatewright_crds::own::parameters::Service;
use gatewright_model::balancer::AddressRequest;
use gatewright_provider_api::contract::Addresses;
use ipnet::IpNet;
use serde_json::Value;
use std::net::IpAddr;

#[cfg(test)]
mod tests;

/// Routability of an address inside the cluster (GEP-5093).
const CLUSTER: &str = "Cluster";

/// Addresses that a Gateway asks for by value, by how they are had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Through `spec.externalIPs`, which the class' `staticAddresses` allows.
    pub external: Vec<IpAddr>,
    /// Through the load balancer, or the range of cluster addresses.
    pub others: Vec<IpAddr>,
}

/// Sorts what a Gateway asks for by value.
pub fn requests(asked: &[AddressRequest], service: &Service) -> Requests {
    let networks: Vec<IpNet> = service
        .static_addresses
        .iter()
        .flatten()
        .filter_map(|text| text.parse().ok())
        .collect();
    let mut requests = Requests::default();
    let values = asked.iter().filter(|request| &*request.kind == "IPAddress");
    for address in values.filter_map(|request| request.value.as_deref()?.parse().ok()) {
        if networks.iter().any(|network| network.contains(&address)) {
            requests.external.push(address);
        } else {
            requests.others.push(address);
        }
    }
    requests
}

/// Addresses of a Gateway by what exists.
pub fn read(request: &Request, settings: &Settings, observed: &Observed) -> Addresses {
    if request.part == Part::Fleet {
        return Addresses::default();
    }
    if lower::network(&request.input) != Network::Pod {
        return on_nodes(request, observed);
    }
    let front = lower::front(request, settings);
    match observed.objects.get(&front) {
        Some(service) => of_service(request, service, observed),
        None => fault("Pending", format!("Service {} does not exist yet", front.name)),
    }
}

/// Addresses of proxies that are to be replaced, by the Service that leads to them or the nodes they run on.
pub fn standing(request: &Request, service: Option<&Value>, observed: &Observed) -> Addresses {
    match service.filter(|service| text(service, "/spec/type") != "ExternalName") {
        Some(service) => of_service(request, service, observed),
        None => on_nodes(request, observed),
    }
}

fn of_service(request: &Request, service: &Value, observed: &Observed) -> Addresses {
    let kind = text(service, "/spec/type");
    let name = format!(
        "{}/{}",
        text(service, "/metadata/namespace"),
        text(service, "/metadata/name")
    );
    let mut found = listed(service, "/spec/externalIPs", "");
    let inside = || listed(service, "/spec/clusterIPs", CLUSTER);
    match kind {
        "LoadBalancer" => found.extend(ingress(service)),
        "NodePort" => found.extend(observed.nodes.iter().map(|node| address(node, ""))),
        _ if found.is_empty() => found.extend(inside()),
        _ => {}
    }
    let asked = &request.input.balancer.addresses;
    if asked
        .iter()
        .any(|request| &*request.routability == CLUSTER || is_inside(request, service))
    {
        found.extend(inside());
    }
    found.dedup();
    let met = |request: &AddressRequest| {
        found.iter().any(|address| {
            address.kind == request.kind && request.value.as_ref().is_none_or(|value| *value == address.value)
        })
    };
    let unmet: Vec<&str> = asked
        .iter()
        .filter(|request| request.value.is_some() && !met(request))
        .filter_map(|request| request.value.as_deref())
        .collect();
    let fault = if !unmet.is_empty() {
        Some(unusable(kind, &name, &unmet))
    } else if found.is_empty() {
        Some(unassigned(kind, &name))
    } else {
        None
    };
    Addresses {
        assigned: found,
        fault,
        ..Addresses::default()
    }
}

fn is_inside(request: &AddressRequest, service: &Value) -> bool {
    let inside = service.pointer("/spec/clusterIPs").and_then(Value::as_array);
    inside.is_some_and(|list| {
        list.iter()
            .any(|found| found.as_str() == request.value.as_deref())
    })
}

fn unusable(kind: &str, service: &str, unmet: &[&str]) -> ProgrammingFault {
    let how = match kind {
        "LoadBalancer" => "the load balancer of the cluster has not assigned it",
        "NodePort" => "no ready proxy runs on a node with this address",
        _ => "it is not an address of the cluster's range",
    };
    ProgrammingFault {
        reason: "AddressNotUsable".into(),
        message: format!(
            "spec.addresses: {} cannot be used: {how} (Service {service}); a GatewayClass may allow other addresses that \
             the network leads to the nodes in service.staticAddresses of its SoftwareGatewayParameters",
            unmet.join(", ")
        ),
    }
}

fn unassigned(kind: &str, service: &str) -> ProgrammingFault {
    let message = match kind {
        "LoadBalancer" => format!(
            "Service {service} of type LoadBalancer has no address yet; where no load balancer answers (kubectl describe \
             service tells), install one such as MetalLB, or set service.type NodePort or ClusterIP, service.externalIPs or \
             deployment.hostNetwork in SoftwareGatewayParameters"
        ),
        "NodePort" => format!("no proxy behind Service {service} is ready on any node"),
        _ => format!("Service {service} of type {kind} has no address yet"),
    };
    ProgrammingFault {
        reason: "AddressNotAssigned".into(),
        message,
    }
}

/// Addresses of the nodes with a ready proxy; or why there is none.
fn on_nodes(request: &Request, observed: &Observed) -> Addresses {
    let assigned: Vec<AssignedAddress> = observed.nodes.iter().map(|node| address(node, "")).collect();
    if !assigned.is_empty() {
        return Addresses {
            assigned,
            ..Addresses::default()
        };
    }
    let workloads = observed
        .objects
        .iter()
        .filter(|(Key { kind, .. }, _)| matches!(kind, Kind::Deployment | Kind::DaemonSet));
    let refused = workloads.into_iter().find_map(|(_, object)| refusal(object));
    let message = refused.unwrap_or_else(|| {
        format!(
            "no proxy of {} is ready on any node; pods that use their node's network or ports are made only in namespaces \
             that allow them (label pod-security.kubernetes.io/enforce: privileged), and only where the ports are free",
            request.owner
        )
    });
    fault("AddressNotAssigned", message)
}

/// Why the pods of a Deployment are not made (`status.conditions`, type `ReplicaFailure`).
fn refusal(object: &Value) -> Option<String> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let failure = conditions.iter().find(|condition| {
        text(condition, "/type") == "ReplicaFailure" && text(condition, "/status") == "True"
    })?;
    Some(format!(
        "the proxies' pods are refused: {}",
        text(failure, "/message")
    ))
}

fn ingress(service: &Value) -> Vec<AssignedAddress> {
    let points = service
        .pointer("/status/loadBalancer/ingress")
        .and_then(Value::as_array);
    let found = points.into_iter().flatten().filter_map(|point| {
        match (text(point, "/ip"), text(point, "/hostname")) {
            ("", "") => None,
            ("", name) => Some(AssignedAddress {
                kind: "Hostname".into(),
                value: name.into(),
                routability: "".into(),
            }),
            (ip, _) => Some(address(ip, "")),
        }
    });
    found.collect()
}

fn listed(service: &Value, path: &str, routability: &str) -> Vec<AssignedAddress> {
    let list = service.pointer(path).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|value| !value.is_empty() && *value != "None")
        .map(|value| address(value, routability))
        .collect()
}

fn address(value: &str, routability: &str) -> AssignedAddress {
    AssignedAddress {
        kind: "IPAddress".into(),
        value: value.into(),
        routability: routability.into(),
    }
}

fn fault(reason: &str, message: String) -> Addresses {
    Addresses {
        fault: Some(ProgrammingFault {
            reason: reason.into(),
            message,
        }),
        ..Addresses::default()
    }
}
