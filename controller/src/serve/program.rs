//! What the data plane did, in the core's terms.

use super::place::Placing;
use gatewright_core::status::programming::{AssignedAddress, ListenerOutcome, Programming, ProgrammingFault};
use gatewright_model::key::ObjectName;
use gatewright_proxy::runtime::{ApplyReport, FailureReason, ListenerOutcome as ProxyOutcome, Placement};
use std::collections::BTreeMap;

/// One [`Programming`] per placed Gateway, from what the proxy reported.
pub fn outcomes(
    placing: Placing,
    placements: &[Placement],
    report: &ApplyReport,
) -> BTreeMap<ObjectName, Programming> {
    placements
        .iter()
        .map(|placement| {
            let gateway = &placement.balancer.gateway;
            let mut programming = empty(placing, placement, report);
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
pub fn assumed(placing: Placing, placements: &[Placement]) -> BTreeMap<ObjectName, Programming> {
    placements
        .iter()
        .map(|placement| {
            let mut programming = empty(placing, placement, &ApplyReport::default());
            let outcome = if programming.addresses.is_empty() {
                ListenerOutcome::Failed {
                    reason: reason(&FailureReason::Invalid).into(),
                    message: "the Gateway has no address that can be used".to_owned(),
                }
            } else {
                ListenerOutcome::Programmed
            };
            programming.listeners = placement
                .balancer
                .listeners
                .keys()
                .map(|key| (key.clone(), outcome.clone()))
                .collect();
            (placement.balancer.gateway.clone(), programming)
        })
        .collect()
}

/// Whether a listener failed for want of a socket, which another try may get.
pub fn may_succeed_later(outcome: &ProxyOutcome) -> bool {
    let reason = outcome.failure.as_ref().map(|failure| &failure.reason);
    matches!(
        reason,
        Some(
            FailureReason::PortInUseByOtherProcess
                | FailureReason::PermissionDenied
                | FailureReason::AddressNotAvailable
                | FailureReason::Other
        )
    )
}

/// Addresses without listeners. Without any address the core says what is missing, request by request.
fn empty(placing: Placing, placement: &Placement, report: &ApplyReport) -> Programming {
    let gateway = &placement.balancer.gateway;
    let usable = |ip| {
        !report
            .unusable
            .iter()
            .any(|(owner, address)| owner == gateway && *address == ip)
    };
    let assigned = placing.assign(&placement.balancer);
    let addresses = assigned.into_iter().filter(|address| usable(address.ip));
    Programming {
        listeners: BTreeMap::new(),
        addresses: addresses
            .map(|address| AssignedAddress {
                kind: "IPAddress".into(),
                value: address.ip.to_string().into(),
                routability: address.routability,
            })
            .collect(),
        ..Programming::default()
    }
}

/// Reason of `Programmed=False` on the listener.
pub const fn reason(failure: &FailureReason) -> &'static str {
    match failure {
        FailureReason::PortInUseByOtherProcess
        | FailureReason::PortInUseByGateway(_)
        | FailureReason::PermissionDenied => "PortUnavailable",
        FailureReason::AddressNotAvailable => "AddressNotUsable",
        FailureReason::Invalid | FailureReason::Other => "Invalid",
    }
}
