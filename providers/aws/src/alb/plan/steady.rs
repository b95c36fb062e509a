//! Values of rules where they are.

use crate::alb::canonical::conditions;
use crate::alb::observed::{Observed, SeenBalancer};
use crate::cloud::Seen;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::compact::{Room, keep};
use gatewright_aws_core::alb::listener::Listener;
use gatewright_aws_core::alb::rule::{Conditions, Rule};
use gatewright_aws_core::limits::AlbLimits;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The target with its rules' values in the rules that have them, as far as the quota of rules has room for that.
pub fn steady<'a>(target: &'a Target, observed: &Observed) -> Cow<'a, Target> {
    let Some(balancer) = observed.balancer(&target.balancer.name) else {
        return Cow::Borrowed(target);
    };
    let listeners = balancer.listeners.iter();
    let others = listeners
        .flat_map(|listener| &listener.rules)
        .filter(|rule| !rule.ours)
        .count();
    let most = usize::try_from(observed.limits.rules).map_or(usize::MAX, |most| most.saturating_sub(others));
    let found = [Room::Enough, Room::Scarce]
        .into_iter()
        .map(|room| kept(target, balancer, &observed.limits, room))
        .find(|kept| kept.values().map(Vec::len).sum::<usize>() <= most);
    let Some(mut kept) = found else {
        return Cow::Borrowed(target);
    };
    let listeners = target.listeners.iter().map(|(port, listener)| {
        let rules = kept.remove(port).unwrap_or_default();
        let listener = Listener {
            rules,
            ..listener.clone()
        };
        (*port, listener)
    });
    let listeners: BTreeMap<u16, Listener> = listeners.collect();
    if listeners == target.listeners {
        return Cow::Borrowed(target);
    }
    Cow::Owned(Target {
        listeners,
        ..target.clone()
    })
}

fn kept(
    target: &Target,
    balancer: &SeenBalancer,
    limits: &AlbLimits,
    room: Room,
) -> BTreeMap<u16, Vec<Rule>> {
    let listeners = target.listeners.iter();
    listeners
        .map(|(port, listener)| {
            let existing = existing(balancer, *port);
            (*port, keep(&listener.rules, &existing, limits, room))
        })
        .collect()
}

/// Conditions of our rules on a port, in their order.
fn existing(balancer: &SeenBalancer, port: u16) -> Vec<Conditions> {
    let rules = balancer.listener(port).into_iter().flat_map(|seen| &seen.rules);
    rules
        .filter(|rule| rule.ours)
        .filter_map(|rule| match &rule.rule.settings {
            Seen::Known(settings) => Some(conditions(&settings.conditions)),
            Seen::Other(_) => None,
        })
        .collect()
}
