//! What the data plane did, in the core's terms.

use gatewright_core::status::programming::{AssignedAddress, ListenerOutcome, Programming, ProgrammingFault};
use gatewright_model::key::ObjectName;
use gatewright_proxy::runtime::{ApplyReport, FailureReason, Placement};
use std::collections::BTreeMap;

/// One [`Programming`] per placed Gateway, from what the proxy reported.
pub fn outcomes(placements: &[Placement], report: &ApplyReport) -> BTreeMap<ObjectName, Programming> {
    placements
        .iter()
        .map(|placement| {
            let gateway = &placement.balancer.gateway;
            let mut programming = empty(placement);
            for outcome in report
                .listeners
                .iter()
                .filter(|outcome| outcome.gateway == *gateway)
            {
                let result = match &outcome.failure {
                    None => ListenerOutcome::Programmed,
                    Some(failure) => ListenerOutcome::Failed {
                        reason: reason(&failure.reason).into(),
                        message: failure.message.clone(),
                    },
                };
                programming.listeners.insert(outcome.listener.clone(), result);
                if let Some(failure) = &outcome.failure
                    && failure.reason == FailureReason::AddressNotAvailable
                {
                    programming.fault = Some(ProgrammingFault {
                        reason: "AddressNotUsable".into(),
                        message: failure.message.clone(),
                    });
                }
            }
            (gateway.clone(), programming)
        })
        .collect()
}

/// What would be reported if everything could be bound: for commands that bind nothing.
pub fn assumed(placements: &[Placement]) -> BTreeMap<ObjectName, Programming> {
    placements
        .iter()
        .map(|placement| {
            let mut programming = empty(placement);
            programming.listeners = placement
                .balancer
                .listeners
                .keys()
                .map(|key| (key.clone(), ListenerOutcome::Programmed))
                .collect();
            (placement.balancer.gateway.clone(), programming)
        })
        .collect()
}

/// Addresses without listeners.
fn empty(placement: &Placement) -> Programming {
    let routability = |value: &str| {
        let requested = placement
            .balancer
            .addresses
            .iter()
            .find(|request| request.value.as_deref() == Some(value));
        requested
            .map(|request| request.routability.clone())
            .unwrap_or_default()
    };
    let addresses = placement
        .addresses
        .iter()
        .map(|address| {
            let value = address.to_string();
            AssignedAddress {
                kind: "IPAddress".into(),
                routability: routability(&value),
                value: value.into(),
            }
        })
        .collect::<Vec<_>>();
    let fault = addresses.is_empty().then(|| ProgrammingFault {
        reason: "AddressNotUsable".into(),
        message: "spec.addresses: none of the addresses is an IP address of this machine; accepted are IP addresses"
            .to_owned(),
    });
    Programming {
        listeners: BTreeMap::new(),
        addresses,
        fault,
    }
}

/// Reason of `Programmed=False` on the listener.
const fn reason(failure: &FailureReason) -> &'static str {
    match failure {
        FailureReason::PortInUseByOtherProcess
        | FailureReason::PortInUseByGateway(_)
        | FailureReason::PermissionDenied => "PortUnavailable",
        FailureReason::AddressNotAvailable => "AddressNotUsable",
        FailureReason::Invalid | FailureReason::Other => "Invalid",
    }
}
