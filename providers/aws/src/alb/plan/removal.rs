//! What is not wanted any more.

use super::returned::give_back;
use super::{
    BALANCER, Changes, LISTENER, Manner, Note, Phase, Planner, SECURITY_GROUP, TARGET_GROUP, backend,
    certificates, resource, shield, trust_stores,
};
use crate::alb::canonical::forwards_to;
use crate::alb::observed::{Observed, SeenBalancer, SeenListener};
use crate::alb::step::{Call, Step};
use crate::cloud::{Action, Arn, Kind, Seen};
use crate::owner::BUNDLE;
use gatewright_aws_core::trust_store::Place;
use gatewright_provider_api::contract::{Plan, Resource};
use std::collections::{BTreeMap, BTreeSet};

/// Something that nobody wants.
pub(super) struct Left {
    phase: Phase,
    kind: Kind,
    arn: Arn,
    of: Resource,
}

/// Who uses something.
struct Hold<'a> {
    balancer: &'a Arn,
    listener: Option<&'a Arn>,
    holder: &'a Arn,
}

impl Planner<'_> {
    /// Notes that something goes, as soon as nothing holds it.
    pub(super) fn unwanted(&mut self, phase: Phase, (kind, arn): (Kind, &Arn), of: Resource) {
        self.left.push(Left {
            phase,
            kind,
            arn: arn.clone(),
            of,
        });
    }

    /// Deletes what nobody wants, after all that lets go of it. What a load balancer still uses that stays for now
    /// stays with it. What others use is tried nevertheless: the error tells that they do.
    pub(super) fn leftovers(&mut self) {
        for left in std::mem::take(&mut self.left) {
            let holds = holds(self.observed, &left.arn);
            let serves = self.warming.contains(&left.arn);
            if serves || holds.iter().any(|hold| self.kept.contains(hold.balancer)) {
                if let Some(seen) = self.observed.target_groups.get(&left.arn) {
                    self.mirror(seen);
                }
                continue;
            }
            let needs: BTreeSet<Resource> = holds
                .iter()
                .filter_map(|hold| {
                    let released = self
                        .changes
                        .released
                        .get(&(hold.holder.clone(), left.arn.clone()));
                    self.ended
                        .get(hold.balancer)
                        .or_else(|| self.ended.get(hold.listener?))
                        .or(released)
                })
                .cloned()
                .collect();
            let note = Note::delete(left.of, "nothing wants it").needs(needs);
            self.delete(left.phase, note, (left.kind, &left.arn));
        }
    }

    /// A listener on a port that is not wanted. It stays, closed, while others have rules on it.
    pub(super) fn end_listener(&mut self, seen: &SeenListener) {
        let listener = &seen.listener;
        let of = resource(LISTENER, listener.port.to_string());
        if seen.rules.iter().all(|rule| rule.ours) {
            self.ended.insert(listener.arn.clone(), of.clone());
            let note = Note::delete(of, "no listener of the Gateway has this port");
            self.delete(Phase::DeleteListeners, note, (Kind::Listener, &listener.arn));
            return;
        }
        self.close_listener(seen);
        for rule in seen.rules.iter().filter(|rule| rule.ours) {
            self.end_rule(seen, rule, Phase::DeleteRules);
        }
    }
}

/// The call that deletes something.
pub(super) fn call(observed: &Observed, (kind, arn): (Kind, &Arn)) -> Call {
    if kind != Kind::TrustStore {
        return Call::Delete(kind, arn.clone());
    }
    let tags = observed.trust_stores.get(arn);
    let bundle = tags.and_then(|tags| Place::parse(tags.get(BUNDLE)?));
    Call::DeleteTrustStore(arn.clone(), bundle)
}

/// Everything goes.
pub(super) fn remove(manner: &Manner, observed: &Observed) -> Plan<Step> {
    const WHY: &str = "the Gateway is gone";
    let mut changes = Changes::default();
    for seen in observed.returned.values() {
        give_back(&mut changes, seen);
    }
    let released = changes.released.clone();
    let protections: BTreeMap<&Arn, Resource> = observed
        .balancers
        .iter()
        .filter_map(|(arn, seen)| Some((arn, shield::unprotect(&mut changes, seen, WHY)?)))
        .collect();
    let mut delete = |phase, of: Resource, needs: Vec<Resource>, (kind, arn): (Kind, &Arn)| {
        let note = Note::delete(of, WHY).needs(needs);
        changes.push(phase, note, call(observed, (kind, arn)));
    };
    let balancer = |seen: &SeenBalancer| resource(BALANCER, seen.balancer.name.clone());
    let users = |arn: &Arn| -> Vec<Resource> {
        let mut users = BTreeSet::new();
        for hold in holds(observed, arn) {
            users.extend(observed.balancers.get(hold.balancer).map(balancer));
            users.extend(released.get(&(hold.holder.clone(), arn.clone())).cloned());
        }
        users.into_iter().collect()
    };
    for (arn, seen) in &observed.balancers {
        // Its listeners and rules go with it.
        delete(
            Phase::DeleteBalancers,
            balancer(seen),
            protections.get(arn).cloned().into_iter().collect(),
            (Kind::Balancer, arn),
        );
    }
    for (arn, seen) in &observed.target_groups {
        let of = resource(TARGET_GROUP, seen.group.name.clone());
        delete(
            Phase::DeleteTargetGroups,
            of,
            users(arn),
            (Kind::TargetGroup, arn),
        );
    }
    for (id, seen) in &observed.security_groups {
        let of = resource(SECURITY_GROUP, seen.name.clone());
        delete(
            Phase::DeleteSecurityGroups,
            of,
            users(id),
            (Kind::SecurityGroup, id),
        );
    }
    backend::remove(&mut changes, observed, (&manner.cluster, WHY));
    let mut delete = |phase, of: Resource, needs: Vec<Resource>, (kind, arn): (Kind, &Arn)| {
        let note = Note::delete(of, WHY).needs(needs);
        changes.push(phase, note, call(observed, (kind, arn)));
    };
    for (arn, tags) in &observed.trust_stores {
        let of = trust_stores::seen_resource(arn, tags);
        delete(Phase::DeleteTrustStores, of, users(arn), (Kind::TrustStore, arn));
    }
    for (arn, tags) in &observed.certificates {
        let of = certificates::seen_resource(arn, tags);
        delete(
            Phase::DeleteCertificates,
            of,
            users(arn),
            (Kind::Certificate, arn),
        );
    }
    changes.into_plan()
}

fn holds<'a>(observed: &'a Observed, held: &Arn) -> Vec<Hold<'a>> {
    let mut holds = Vec::new();
    for (arn, seen) in observed.balancers.iter().chain(&observed.returned) {
        if seen.balancer.security_groups.contains(held) {
            holds.push(Hold {
                balancer: arn,
                listener: None,
                holder: arn,
            });
        }
        for listener in &seen.listeners {
            let own = &listener.listener;
            let mut hold = |holder| {
                holds.push(Hold {
                    balancer: arn,
                    listener: Some(&own.arn),
                    holder,
                });
            };
            let shown = own
                .tls
                .as_ref()
                .is_some_and(|tls| tls.certificate == *held || tls.clients.trust_store() == Some(held));
            if shown || listener.certificates.contains(held) || uses(&own.default, held) {
                hold(&own.arn);
            }
            for rule in &listener.rules {
                let Seen::Known(settings) = &rule.rule.settings else {
                    continue;
                };
                if forwards_to(&settings.action).any(|group| group == held) {
                    hold(&rule.rule.arn);
                }
            }
        }
    }
    holds
}

fn uses(action: &Seen<Action>, held: &Arn) -> bool {
    matches!(action, Seen::Known(action) if forwards_to(action).any(|group| group == held))
}
