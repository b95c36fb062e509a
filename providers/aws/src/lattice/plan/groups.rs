//! Target groups and their targets; and what goes when nothing is wanted.

use super::access::vpc;
use super::certificates::seen_resource;
use super::{Changes, NETWORK, Note, Phase, Planner, SERVICE, TARGET_GROUP, TARGETS, change, resource};
use crate::cloud::Arn;
use crate::lattice::cloud::{Kind, NewTargetGroup, SeenHealth, Status, TargetStatus};
use crate::lattice::observed::{Observed, SeenGroup};
use crate::lattice::plan::formers::groups_behind;
use crate::lattice::plan::services::association_of;
use crate::lattice::step::{CHUNK, Call, Id};
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::{Health, TargetGroup};
use gatewright_aws_core::target_group::{HealthCheck, Target, TargetAddress, TargetGroupId};
use gatewright_provider_api::contract::{FieldChange, Resource};
use std::collections::BTreeSet;

impl Planner<'_> {
    pub(super) fn target_groups(&mut self) {
        let (target, observed) = (self.target, self.observed);
        for (id, wanted) in &target.target_groups {
            match observed.target_group(&wanted.name) {
                None => self.make_group(id, wanted),
                Some(seen) => self.change_group(id, wanted, seen),
            }
        }
        let of_formers = self.groups_of_formers();
        let waiting = self.groups_that_wait();
        for (arn, seen) in &observed.target_groups {
            let is_wanted = |wanted: &TargetGroup| wanted.name == seen.group.name;
            if target.target_groups.values().any(is_wanted) {
                continue;
            }
            if waiting.contains(arn) {
                self.mirror(seen);
            }
            let serves = of_formers.contains(arn) || self.warming.values().any(|former| former == arn);
            if !serves {
                end(arn, seen, Ending::Replaced, self.changes);
            }
        }
    }

    fn make_group(&mut self, id: &TargetGroupId, wanted: &TargetGroup) {
        let of = resource(TARGET_GROUP, wanted.name.clone());
        let new = NewTargetGroup {
            name: wanted.name.clone(),
            fixed: wanted.fixed.clone(),
            vpc: self.target.home.clone(),
            health: wanted.health.clone(),
            tags: self.tags_with(&id.0, &wanted.tags),
        };
        let note = Note::create(of.clone(), &format!("routes lead to {id}"));
        self.push(Phase::Build, note, Call::CreateTargetGroup(id.clone(), new));
        self.register(id, (&of, &wanted.targets), std::slice::from_ref(&of));
    }

    fn change_group(&mut self, id: &TargetGroupId, wanted: &TargetGroup, seen: &SeenGroup) {
        let of = resource(TARGET_GROUP, wanted.name.clone());
        let arn = &seen.group.arn;
        self.exists(Id::TargetGroup(id.clone()), arn);
        let differs = differences(&wanted.health, &seen.group.health);
        if !differs.is_empty() {
            let note = Note::update(of.clone(), differs, "its health check differs");
            let call = Call::SetHealth(arn.clone(), wanted.health.clone());
            self.push(Phase::Build, note, call);
        }
        self.sync_targets(id, &of, wanted, seen);
        let tags = self.tags_with(&id.0, &wanted.tags);
        self.compare_tags((Kind::TargetGroup, arn), &of, &seen.tags, &tags);
    }

    /// A group, which the ledger knows by this id, gets the targets that are wanted, and loses others.
    pub(super) fn sync_targets(
        &mut self,
        id: &TargetGroupId,
        of: &Resource,
        wanted: &TargetGroup,
        seen: &SeenGroup,
    ) {
        let registered: BTreeSet<&Target> = seen.registered().collect();
        let new: BTreeSet<Target> = wanted
            .targets
            .iter()
            .filter(|target| !registered.contains(target))
            .cloned()
            .collect();
        self.register(id, (of, &new), &[]);
        let old: BTreeSet<Target> = registered
            .into_iter()
            .filter(|target| !wanted.targets.contains(target))
            .cloned()
            .collect();
        deregister(
            Phase::LetGo,
            (&seen.group.arn, of),
            &old,
            "the backend has them no more",
            self.changes,
        );
    }

    fn register(
        &mut self,
        id: &TargetGroupId,
        (of, targets): (&Resource, &BTreeSet<Target>),
        needs: &[Resource],
    ) {
        let all: Vec<Target> = targets.iter().cloned().collect();
        for (number, chunk) in all.chunks(CHUNK).enumerate() {
            let what = chunk_of(of, "registered", number);
            let differs = change("targets", None::<&str>.as_ref(), Some(&words(chunk)));
            let note = Note::update(what, vec![differs], "the backend has them").needs(needs.to_vec());
            let call = Call::Register(id.clone(), chunk.iter().cloned().collect());
            self.push(Phase::Build, note, call);
        }
    }
}

fn chunk_of(of: &Resource, what: &str, number: usize) -> Resource {
    let part = if number == 0 {
        String::new()
    } else {
        format!(", part {}", number + 1)
    };
    resource(TARGETS, format!("of {}, {what}{part}", of.id))
}

fn words(targets: &[Target]) -> Vec<String> {
    let word = |target: &Target| match &target.id {
        TargetAddress::Ip(address) => format!("{address}:{}", target.port),
        TargetAddress::Id(id) => format!("{id}:{}", target.port),
    };
    targets.iter().map(word).collect()
}

fn deregister(
    phase: Phase,
    (arn, of): (&Arn, &Resource),
    targets: &BTreeSet<Target>,
    why: &str,
    changes: &mut Changes,
) {
    let all: Vec<Target> = targets.iter().cloned().collect();
    for (number, chunk) in all.chunks(CHUNK).enumerate() {
        let what = chunk_of(of, "deregistered", number);
        let differs = change("targets", Some(&words(chunk)), None::<&str>.as_ref());
        let note = Note::update(what, vec![differs], why);
        let call = Call::Deregister(arn.clone(), chunk.iter().cloned().collect());
        changes.push(phase, note, call);
    }
}

/// Why a target group goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Others serve in its place: it goes when its targets have drained.
    Replaced,
    /// The Gateway is gone.
    Gone,
}

/// A target group that nobody wants lets its targets drain, then it goes.
fn end(arn: &Arn, seen: &SeenGroup, why: Ending, changes: &mut Changes) {
    let of = resource(TARGET_GROUP, seen.group.name.clone());
    let registered: BTreeSet<Target> = seen.registered().cloned().collect();
    deregister(
        Phase::Delete,
        (arn, &of),
        &registered,
        "nothing leads there any more",
        changes,
    );
    let drains = seen
        .targets
        .values()
        .any(|status| *status == TargetStatus::Draining);
    if why == Ending::Gone || (registered.is_empty() && !drains) {
        let note = Note::delete(of, "nothing leads there any more");
        let call = match why {
            Ending::Replaced => Call::Delete(Kind::TargetGroup, arn.clone()),
            Ending::Gone => Call::End(Kind::TargetGroup, arn.clone()),
        };
        changes.push(Phase::Delete, note, call);
    }
}

/// Fields of a health check that are wanted and otherwise. What is not asked for is left as it is.
fn differences(wanted: &Health, seen: &SeenHealth) -> Vec<FieldChange> {
    let mut found = Vec::new();
    let (check, version) = match wanted {
        Health::Off => {
            if seen.enabled {
                found.push(change("healthCheck.enabled", Some(&true), Some(&false)));
            }
            return found;
        }
        Health::On(check, version) => (check, *version),
    };
    if !seen.enabled {
        found.push(change("healthCheck.enabled", Some(&false), Some(&true)));
    }
    if let Some(seen) = seen.version
        && seen != version
    {
        let differs = change("healthCheck.protocolVersion", Some(&seen), Some(&version));
        found.push(differs);
    }
    let HealthCheck {
        protocol,
        port,
        path,
        codes,
        interval_s,
        timeout_s,
        healthy,
        unhealthy,
    } = check;
    let mut compare = |field: &str, wanted: Option<Str>, seen: Option<Str>| {
        if let Some(wanted) = wanted
            && seen.as_ref() != Some(&wanted)
        {
            let field = format!("healthCheck.{field}");
            found.push(change(&field, seen.as_ref(), Some(&wanted)));
        }
    };
    let text = |number: Option<u16>| number.map(|number| Str::from(number.to_string()));
    let count = |number: Option<u8>| number.map(|number| Str::from(number.to_string()));
    compare("protocol", protocol.clone(), seen.protocol.clone());
    compare("port", port.clone(), text(seen.port));
    compare("path", path.clone(), seen.path.clone());
    compare("matcher", codes.clone(), seen.codes.clone());
    compare(
        "healthCheckIntervalSeconds",
        text(*interval_s),
        text(seen.interval_s),
    );
    compare(
        "healthCheckTimeoutSeconds",
        text(*timeout_s),
        text(seen.timeout_s),
    );
    compare("healthyThresholdCount", count(*healthy), count(seen.healthy));
    compare(
        "unhealthyThresholdCount",
        count(*unhealthy),
        count(seen.unhealthy),
    );
    found
}

/// Everything goes, but for services that are offered to others, with what they need: they may have been taken over since they were
/// read. What AWS is still busy with is refused, and tried again, until nothing is left: then nobody looks any more.
pub(super) fn remove(observed: &Observed, changes: &mut Changes) {
    const GONE: &str = "the Gateway is gone";
    let of_offered = groups_behind(observed.offered());
    let shown = |arn: &Arn| {
        let mut offered = observed.offered();
        offered.any(|seen| seen.service.certificate.as_ref() == Some(arn))
    };
    let reaches = |arn: &Arn| {
        let mut associations = observed.offered().flat_map(|seen| &seen.associations);
        associations.any(|found| found.network == *arn)
    };
    let services = observed.services.values();
    for seen in services.filter(|seen| seen.offered().is_none()) {
        let of = resource(SERVICE, seen.service.name.clone());
        for association in &seen.associations {
            if association.status != Status::Going {
                let note = Note::delete(association_of(&of, &association.network), GONE);
                let call = Call::DissociateService(association.arn.clone());
                changes.push(Phase::Delete, note, call);
            }
        }
        let note = Note::delete(of, GONE);
        let call = Call::End(Kind::Service, seen.service.arn.clone());
        changes.push(Phase::Delete, note, call);
    }
    for (arn, seen) in &observed.target_groups {
        if !of_offered.contains(arn) {
            end(arn, seen, Ending::Gone, changes);
        }
    }
    for (arn, seen) in observed.networks.iter().filter(|(arn, _)| !reaches(arn)) {
        let of = resource(NETWORK, seen.network.name.clone());
        for association in &seen.vpcs {
            if association.status != Status::Going {
                let note = Note::delete(vpc(&association.vpc, &of), GONE);
                changes.push(Phase::Delete, note, Call::DissociateVpc(association.arn.clone()));
            }
        }
        // With it go its policy and the subscriptions to its access logs (`DeleteServiceNetwork`).
        let note = Note::delete(of, GONE);
        changes.push(Phase::Delete, note, Call::Delete(Kind::Network, arn.clone()));
    }
    for (arn, tags) in observed.certificates.iter().filter(|(arn, _)| !shown(arn)) {
        let note = Note::delete(seen_resource(arn, tags), GONE);
        changes.push(Phase::Delete, note, Call::Delete(Kind::Certificate, arn.clone()));
    }
}
