//! Addresses that lead to a Gateway, from its Service.

use gatewright_core::status::programming::{AssignedAddress, ProgrammingFault};
use gatewright_model::balancer::AddressRequest;
use k8s_openapi::api::core::v1::Service;

/// Addresses, and why there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Those that work.
    pub assigned: Vec<AssignedAddress>,
    /// Why the Gateway cannot be reached.
    pub fault: Option<ProgrammingFault>,
}

/// Reads the Service's status; `None` when there is no Service yet.
pub fn read(service: Option<&Service>, requested: &[AddressRequest]) -> Addresses {
    let Some(service) = service else {
        return fault("Pending", "the Gateway's Service does not exist yet".to_owned());
    };
    let spec = service.spec.clone().unwrap_or_default();
    let kind = spec.type_.as_deref().unwrap_or("ClusterIP");
    let assigned = match kind {
        "LoadBalancer" => ingress(service),
        _ => spec
            .cluster_ips
            .unwrap_or_default()
            .into_iter()
            .filter(|address| address != "None")
            .map(|address| assigned("IPAddress", &address))
            .collect(),
    };
    let unmet: Vec<&str> = requested
        .iter()
        .filter_map(|request| request.value.as_deref())
        .filter(|value| !assigned.iter().any(|address| *address.value == **value))
        .collect();
    if !unmet.is_empty() {
        let found: Vec<&str> = assigned.iter().map(|address| &*address.value).collect();
        let found = if found.is_empty() {
            "none".to_owned()
        } else {
            found.join(", ")
        };
        let mut answer = fault(
            "AddressNotUsable",
            format!(
                "spec.addresses: the load balancer gives {found} instead of {}; accepted are addresses that the cluster's \
                 load balancer can assign",
                unmet.join(", ")
            ),
        );
        answer.assigned = assigned;
        return answer;
    }
    if assigned.is_empty() {
        return fault(
            "AddressNotAssigned",
            format!(
                "Service {} of type {kind} has no address yet; a cluster without a load balancer needs one (for example \
                 MetalLB), or service.type NodePort or ClusterIP in SoftwareGatewayParameters",
                service.metadata.name.as_deref().unwrap_or_default()
            ),
        );
    }
    Addresses {
        assigned,
        fault: None,
    }
}

fn ingress(service: &Service) -> Vec<AssignedAddress> {
    let status = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref());
    let points = status.and_then(|balancer| balancer.ingress.as_ref());
    points
        .into_iter()
        .flatten()
        .filter_map(|point| match (&point.ip, &point.hostname) {
            (Some(ip), _) => Some(assigned("IPAddress", ip)),
            (None, Some(name)) => Some(assigned("Hostname", name)),
            (None, None) => None,
        })
        .collect()
}

fn assigned(kind: &str, value: &str) -> AssignedAddress {
    AssignedAddress {
        kind: kind.into(),
        value: value.into(),
        routability: String::new().into(),
    }
}

fn fault(reason: &str, message: String) -> Addresses {
    Addresses {
        assigned: Vec::new(),
        fault: Some(ProgrammingFault {
            reason: reason.into(),
            message,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(kind: &str, ingress: serde_json::Value) -> Service {
        serde_json::from_value(json!({
            "metadata": {"name": "edge"},
            "spec": {"type": kind, "clusterIPs": ["10.96.0.7", "fd00::7"]},
            "status": {"loadBalancer": {"ingress": ingress}},
        }))
        .unwrap()
    }

    #[test]
    fn a_load_balancer_gives_addresses_and_names() {
        let found = read(
            Some(&service(
                "LoadBalancer",
                json!([{"ip": "192.0.2.1"}, {"hostname": "lb.example"}]),
            )),
            &[],
        );
        let kinds: Vec<&str> = found.assigned.iter().map(|address| &*address.kind).collect();
        assert_eq!((kinds, found.fault), (vec!["IPAddress", "Hostname"], None));
    }

    #[test]
    fn a_pending_load_balancer_is_told_with_the_alternatives() {
        let fault = read(Some(&service("LoadBalancer", json!([]))), &[])
            .fault
            .unwrap();
        assert_eq!(&*fault.reason, "AddressNotAssigned");
        assert!(fault.message.contains("NodePort"), "{}", fault.message);
    }

    #[test]
    fn an_address_that_was_asked_for_and_not_given_is_not_usable() {
        let request = AddressRequest {
            kind: "IPAddress".into(),
            value: Some("203.0.113.9".into()),
            routability: "".into(),
        };
        let fault = read(
            Some(&service("LoadBalancer", json!([{"ip": "192.0.2.1"}]))),
            &[request],
        )
        .fault
        .unwrap();
        assert_eq!(&*fault.reason, "AddressNotUsable");
        assert!(fault.message.contains("203.0.113.9"), "{}", fault.message);
    }
}
