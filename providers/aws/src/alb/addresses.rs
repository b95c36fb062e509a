//! Addresses that lead to a Gateway, and when to look again.

use super::observed::{Observed, SeenBalancer, SeenGroup};
use super::plan::{addresses_in_words, can_move, held, next_standing, retired_at, warming};
use crate::cloud::State;
use crate::owner::{RESOURCE, value};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::rule::Action;
use gatewright_aws_core::network::{StaticAddress, kept};
use gatewright_aws_core::target_group::TargetGroupId;
use gatewright_core::status::programming::{AssignedAddress, ProgrammingFault};
use gatewright_provider_api::contract::Addresses;
use std::collections::BTreeSet;
use std::time::Duration;

/// Between two looks at something that AWS is still busy with. A load balancer takes some minutes.
const BUSY: Duration = Duration::from_secs(5);

/// Between two looks at targets that are checked: every 30 s, by default.
const CHECKS: Duration = Duration::from_secs(15);

/// The name and addresses of the load balancer, once it serves. While one takes the place of another, the former one's, until
/// its successor serves as well.
pub fn addresses(target: &Target, observed: &Observed) -> Addresses {
    let current = observed.balancer(&target.balancer.name);
    let former = observed
        .balancers
        .values()
        .find(|seen| seen.balancer.name != target.balancer.name && seen.is_active());
    let serving = current
        .filter(|current| current.is_active() && (former.is_none() || serves(target, observed, current)));
    let held = held(target, observed);
    match serving.or(former) {
        Some(seen) => Addresses {
            assigned: assigned(seen, still_held(&held, seen)),
            fault: match held.is_empty() {
                true if serving.is_none() => unwell(target, observed, seen),
                true => None,
                false => Some(not_yet(target, &held)),
            },
            ..Addresses::default()
        },
        None => Addresses {
            fault: Some(fault(current)),
            ..Addresses::default()
        },
    }
}

/// Addresses of the Gateway that lead to the load balancer before this one.
fn still_held(held: &BTreeSet<StaticAddress>, seen: &SeenBalancer) -> impl Iterator<Item = StaticAddress> {
    let own: BTreeSet<StaticAddress> = own(seen).collect();
    held.iter()
        .filter(move |address| !own.contains(*address))
        .cloned()
}

/// Addresses of both families that it keeps.
fn own(seen: &SeenBalancer) -> impl Iterator<Item = StaticAddress> {
    kept(&seen.balancer.addresses, &seen.balancer.ipv6).map(|(_, address)| address)
}

/// An address is on one load balancer alone: while one takes the place of another, it is where it was.
fn not_yet(target: &Target, held: &BTreeSet<StaticAddress>) -> ProgrammingFault {
    let addresses = addresses_in_words(held);
    if can_move(target) {
        return ProgrammingFault {
            reason: "Pending".into(),
            message: format!(
                "the load balancer is being replaced: {addresses} can be on one alone, and go over zone by zone when the \
                 new one serves and the former one has drained; clients of an address wait for seconds then"
            ),
        };
    }
    ProgrammingFault {
        reason: "AddressNotUsable".into(),
        message: format!(
            "the load balancer is to be replaced, and its only address {addresses} can be on one alone: the former one serves \
             on. Add an address in a second zone to spec.addresses until it is replaced, or take this one out and put it \
             back then"
        ),
    }
}

/// A successor whose targets were all checked, and are not as well as those of the one before: nothing but somebody's hand may
/// ever end that.
fn unwell(target: &Target, observed: &Observed, former: &SeenBalancer) -> Option<ProgrammingFault> {
    let waited_for = used(target).into_iter().filter(|id| {
        let group = target.target_groups.get(*id);
        let group = group.and_then(|wanted| observed.target_group(&wanted.name));
        group.is_some_and(SeenGroup::is_unwell) && !takes_over(target, observed, id)
    });
    let names: Vec<String> = waited_for
        .filter_map(|id| Some(target.target_groups.get(id)?.name.to_string()))
        .collect();
    (!names.is_empty()).then(|| ProgrammingFault {
        reason: "Pending".into(),
        message: format!(
            "the load balancer is being replaced, and {} serves on until a target of each of {} is healthy, as it is in the one \
             before: see their health checks, which may be others than before (of HTTP by an Application Load Balancer, of TCP by \
             a Network Load Balancer)",
            former.balancer.name,
            names.join(", "),
        ),
    })
}

/// The addresses that it keeps, others that lead to the Gateway, and its name.
fn assigned(seen: &SeenBalancer, others: impl Iterator<Item = StaticAddress>) -> Vec<AssignedAddress> {
    let kept = own(seen).chain(others);
    let kept = kept.map(|address| AssignedAddress {
        kind: "IPAddress".into(),
        value: address.ip.to_string().into(),
        routability: "".into(),
    });
    let name = AssignedAddress {
        kind: "Hostname".into(),
        // A hostname of the Gateway API is in lower case; AWS keeps the case of the balancer's name.
        value: seen.balancer.dns_name.to_ascii_lowercase().into(),
        routability: "".into(),
    };
    kept.chain([name]).collect()
}

fn fault(current: Option<&SeenBalancer>) -> ProgrammingFault {
    let (reason, message) = match current.map(|seen| (&seen.balancer.name, &seen.balancer.state)) {
        None => ("Pending", "the load balancer is not made yet".to_owned()),
        Some((name, State::Failed(why))) => (
            "NoResources",
            format!("AWS could not set up load balancer {name}: {why}"),
        ),
        Some((name, _)) => ("Pending", format!("AWS is setting up load balancer {name}")),
    };
    ProgrammingFault {
        reason: reason.into(),
        message,
    }
}

/// Whether a load balancer does all that one before it did: it is active, its listeners and rules are there, and
/// where a target group of the one before has healthy targets its successor has too.
pub fn serves(target: &Target, observed: &Observed, seen: &SeenBalancer) -> bool {
    let listens = target.listeners.iter().all(|(port, wanted)| {
        seen.listener(*port).is_some_and(|listener| {
            listener.ours && listener.rules.iter().filter(|rule| rule.ours).count() >= wanted.rules.len()
        })
    });
    seen.is_active()
        && listens
        && used(target)
            .into_iter()
            .all(|id| takes_over(target, observed, id))
}

/// Whether a target group is as well as the one whose place it takes. One that takes the place of none, or of one that is not
/// well, is waited for until its targets are checked for the first time.
fn takes_over(target: &Target, observed: &Observed, id: &TargetGroupId) -> bool {
    let Some(wanted) = target.target_groups.get(id) else {
        return true;
    };
    let Some(group) = observed.target_group(&wanted.name) else {
        return false;
    };
    if wanted.targets.is_empty() || group.is_healthy() {
        return true;
    }
    !former_is_healthy(target, observed, id) && group.is_checked()
}

/// Whether the target group whose place one takes is well: the one of the same id, or else those of the same backend, which
/// have another protocol under another kind of load balancer.
fn former_is_healthy(target: &Target, observed: &Observed, id: &TargetGroupId) -> bool {
    let wanted: BTreeSet<&Str> = target.target_groups.values().map(|group| &group.name).collect();
    let own = value(&id.0);
    let formers = observed.target_groups.values().filter_map(|group| {
        let of = group.tags.get(RESOURCE)?;
        let is_former = !wanted.contains(&group.group.name) && backend(of) == backend(&own);
        is_former.then_some((*of == own, group))
    });
    let formers: Vec<_> = formers.collect();
    let exact = formers.iter().any(|(same, _)| *same);
    formers
        .iter()
        .any(|(same, group)| *same == exact && group.is_healthy())
}

/// The backend in the id of a target group, without the protocol: that is another one under another kind of load balancer.
pub(super) fn backend(id: &str) -> &str {
    let end = id.match_indices('/').nth(2).map_or(id.len(), |(end, _)| end);
    id.get(..end).unwrap_or(id)
}

/// Target groups that requests are forwarded to.
fn used(target: &Target) -> BTreeSet<&TargetGroupId> {
    let actions = target.listeners.values().flat_map(|listener| {
        listener
            .rules
            .iter()
            .map(|rule| &rule.action)
            .chain([&listener.default])
    });
    let groups = actions.filter_map(|action| match action {
        Action::Forward(forward) => Some(&forward.groups),
        Action::Redirect(_) | Action::Fixed(_) => None,
    });
    groups
        .flatten()
        .filter(|(_, weight)| **weight > 0)
        .map(|(id, _)| id)
        .collect()
}

/// When to look again although nothing is wrong: AWS is busy, or a load balancer waits for its end.
pub fn recheck(target: &Target, observed: &Observed, drain_s: u64) -> Option<Duration> {
    let others = observed
        .balancers
        .values()
        .filter(|seen| seen.balancer.name != target.balancer.name);
    let ends = others.map(|seen| match retired_at(&seen.tags) {
        Some(since) => {
            let end = since.saturating_add(drain_s);
            Duration::from_secs(end.saturating_sub(observed.now)).max(Duration::from_secs(1))
        }
        None => BUSY,
    });
    let warming = (!warming(target, observed).is_empty()).then_some(CHECKS);
    let current = observed.balancer(&target.balancer.name);
    // It may have left a subnet to come back with another address.
    let moves = |seen: &SeenBalancer| next_standing(&target.balancer, &seen.balancer).is_some();
    let busy = current.is_none_or(|seen| matches!(seen.balancer.state, State::Provisioning) || moves(seen));
    ends.chain(busy.then_some(BUSY)).chain(warming).min()
}
