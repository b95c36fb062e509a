//! Addresses that lead to a Gateway, and when to look again.

use super::cloud::Status;
use super::observed::{Observed, SeenListener, SeenService};
use super::plan::adopt;
use crate::cloud::Arn;
use gatewright_aws_core::lattice::{Network, Service, ServiceId, Target};
use gatewright_core::status::programming::{AssignedAddress, ProgrammingFault};
use gatewright_provider_api::contract::Addresses;
use std::collections::BTreeSet;
use std::time::Duration;

/// Between two looks at something that AWS is still busy with.
const BUSY: Duration = Duration::from_secs(5);

/// The name of the Gateway's own service, once clients reach it; and of each hostname its service's name, for DNS, and ARN. Where another
/// service takes its place, its former one is told until that serves.
pub fn addresses(target: &Target, observed: &Observed) -> Addresses {
    let mut found = Addresses::default();
    let network = network(target, observed);
    if network.is_none() && target.network != Network::None {
        found.fault = Some(pending("the service network is not made yet"));
        return found;
    }
    let network = network.as_ref();
    for (id, wanted) in &target.services {
        let current = observed.current(id, wanted);
        let of_hands = current.and_then(|seen| changes_hands(id, seen, (target, observed)));
        found.fault = found.fault.or(of_hands);
        let known = |seen: &&SeenService| !seen.service.dns_name.is_empty();
        let reached = current.filter(|seen| serves(wanted, seen, network)).filter(known);
        // DNS may go on to say the name of a hostname's former service while the hostname moves.
        let stands = |seen: &&SeenService| {
            seen.service.status == Status::Active
                && (*id != ServiceId::own() || serves(wanted, seen, network))
        };
        let formers: Vec<&SeenService> = observed
            .formers(id, wanted)
            .filter(known)
            .filter(stands)
            .collect();
        // Of several the one that clients reach: others were replaced before they came into the network.
        let of_network = formers.iter().find(|seen| serves(wanted, seen, network));
        let former = of_network.or_else(|| formers.first()).copied();
        let Some(seen) = reached.or(former) else {
            if *id == ServiceId::own() {
                found.fault = Some(fault(current));
            }
            continue;
        };
        let arn = seen.service.arn.0.clone();
        found.resources.insert(id.0.clone(), arn);
        let name = seen.service.dns_name.to_ascii_lowercase();
        if *id == ServiceId::own() {
            found.assigned.push(AssignedAddress {
                kind: "Hostname".into(),
                value: name.into(),
                routability: "".into(),
            });
        } else {
            found.names.insert(id.0.clone(), name.into());
        }
    }
    if let Some(wanted) = &target.vpc {
        let seen = network.and_then(|network| observed.networks.get(network));
        let association = seen
            .into_iter()
            .flat_map(|seen| &seen.vpcs)
            .find(|association| association.vpc == wanted.vpc);
        let fault = match association.map(|association| &association.status) {
            Some(Status::Active) => None,
            Some(Status::Failed(why)) => Some(ProgrammingFault {
                reason: "NoResources".into(),
                message: format!(
                    "AWS could not associate {} with the service network: {why}",
                    wanted.vpc
                ),
            }),
            Some(_) => Some(pending("AWS is associating the VPC with the service network")),
            None => Some(pending("the VPC is not associated with the service network yet")),
        };
        if fault.is_some() {
            found.assigned.clear();
            found.fault = found.fault.or(fault);
        }
    }
    found
}

/// The network that services are associated with, if there is to be one and it is there.
pub(super) fn network(target: &Target, observed: &Observed) -> Option<Arn> {
    match &target.network {
        Network::Own { name, .. } => observed.network(name).map(|seen| seen.network.arn.clone()),
        Network::Given(given) => {
            // By its id an association's network is known by the end of its ARN.
            let of_services = observed.services.values().flat_map(|seen| &seen.associations);
            let found = of_services
                .map(|association| &association.network)
                .find(|arn| is_named(arn, given));
            Some(found.cloned().unwrap_or_else(|| Arn(given.clone())))
        }
        Network::None => None,
    }
}

/// Whether a service that exists is as far as clients need it: they reach it by this network, or it is to be in none.
pub(super) fn serves(wanted: &Service, seen: &SeenService, network: Option<&Arn>) -> bool {
    if wanted.standalone {
        return seen.service.status == Status::Active;
    }
    network.is_some_and(|network| seen.is_reached(network))
}

/// Whether an ARN is of what a user names by ARN or id.
pub(super) fn is_named(arn: &Arn, given: &str) -> bool {
    *arn.0 == *given || arn.0.rsplit('/').next() == Some(given)
}

/// What holds a service up that goes from one owner to another.
fn changes_hands(
    id: &ServiceId,
    seen: &SeenService,
    (target, observed): (&Target, &Observed),
) -> Option<ProgrammingFault> {
    if let Some(to) = seen.offered() {
        return Some(pending(&format!(
            "the service of {id} is offered to {to} and left as it is; pods come and go in its target groups"
        )));
    }
    let is_left = |seen: &&SeenListener| adopt::is_left(seen, observed);
    let left: Vec<&SeenListener> = seen.listeners.iter().filter(is_left).collect();
    if left.is_empty() {
        return None;
    }
    let wanted = target.services.get(id).into_iter();
    let listeners = wanted.flat_map(|wanted| wanted.listeners.iter());
    let of_left = listeners.filter(|(port, _)| left.iter().any(|seen| seen.listener.port == **port));
    let groups: BTreeSet<&str> = of_left
        .flat_map(|(_, listener)| adopt::waits_for(target, observed, listener))
        .map(|name| &**name)
        .collect();
    let names: Vec<&str> = groups.into_iter().collect();
    let message = if names.is_empty() {
        format!("the service of {id} is being taken over")
    } else {
        format!(
            "the service of {id} is being taken over: what its former owner made serves on until targets of {} are healthy",
            names.join(", ")
        )
    };
    Some(pending(&message))
}

fn pending(message: &str) -> ProgrammingFault {
    ProgrammingFault {
        reason: "Pending".into(),
        message: message.to_owned(),
    }
}

fn fault(seen: Option<&SeenService>) -> ProgrammingFault {
    match seen.map(|seen| &seen.service.status) {
        None => pending("the Gateway's service is not made yet"),
        Some(Status::Failed(why)) => ProgrammingFault {
            reason: "NoResources".into(),
            message: format!("AWS could not make the Gateway's service: {why}"),
        },
        Some(_) => pending("AWS is setting up the Gateway's service"),
    }
}

/// When to look again although nothing is wrong: AWS is busy, or something waits to be removed.
pub fn recheck(target: &Target, observed: &Observed) -> Option<Duration> {
    let moves = |status: &Status| matches!(status, Status::Coming | Status::Going);
    let services = observed
        .services
        .values()
        .any(|seen| moves(&seen.service.status) || seen.associations.iter().any(|of| moves(&of.status)));
    let vpcs = observed.networks.values().flat_map(|seen| &seen.vpcs);
    let vpcs = vpcs.map(|of| &of.status).any(moves);
    let groups = observed
        .target_groups
        .values()
        .any(|seen| moves(&seen.group.status));
    let left = observed
        .services
        .values()
        .any(|seen| !target.services.iter().any(|(id, wanted)| seen.is(id, wanted)));
    let groups_left = observed.target_groups.values().any(|seen| {
        !target
            .target_groups
            .values()
            .any(|wanted| wanted.name == seen.group.name)
    });
    let network = network(target, observed);
    let missing = target.services.iter().any(|(id, wanted)| {
        let current = observed.current(id, wanted);
        !current.is_some_and(|seen| serves(wanted, seen, network.as_ref()))
    });
    let handed_over = target.services.iter().any(|(id, wanted)| {
        let seen = observed.current(id, wanted).into_iter();
        let mut listeners = seen.flat_map(|seen| &seen.listeners);
        listeners.any(|seen| adopt::is_left(seen, observed))
    });
    // The rest of what was begun a moment ago.
    let taken = |wanted: &Service| {
        wanted
            .adopt
            .as_ref()
            .is_some_and(|adoption| adoption.take.is_some())
    };
    let taken = target.services.values().any(taken);
    (services || vpcs || groups || left || groups_left || missing || handed_over || taken).then_some(BUSY)
}
