//! Target groups and their targets.

use super::super::{Connection, Group, IN_USE, INVALID, QUOTA, TAKEN};
use super::{found, name, tags};
use crate::cloud::{Answer, Arn};
use crate::lattice::cloud::{Action, NewTargetGroup, SeenHealth, TargetGroup, TargetGroups, TargetStatus};
use gatewright_aws_core::lattice::{CheckVersion, Health};
use gatewright_aws_core::target_group::{Fixed, HealthCheck, ProtocolVersion, Target};
use gatewright_provider_api::contract::Action as Change;
use std::collections::{BTreeMap, BTreeSet};

/// `API_HealthCheckConfig`, with AWS's defaults.
fn seen(fixed: &Fixed, health: &Health) -> SeenHealth {
    let defaults = SeenHealth {
        enabled: fixed
            .version
            .is_some_and(|version| version != ProtocolVersion::Grpc),
        protocol: Some("HTTP".into()),
        version: Some(CheckVersion::Http1),
        port: None,
        path: Some("/".into()),
        codes: Some("200".into()),
        interval_s: Some(30),
        timeout_s: Some(5),
        healthy: Some(5),
        unhealthy: Some(2),
    };
    let (check, version) = match health {
        Health::Off => {
            return SeenHealth {
                enabled: false,
                ..defaults
            };
        }
        Health::On(check, version) => (check.clone(), *version),
    };
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
    SeenHealth {
        enabled: true,
        protocol: protocol.or(defaults.protocol),
        version: Some(version),
        port: port.and_then(|port| port.parse().ok()),
        path: path.or(defaults.path),
        codes: codes.or(defaults.codes),
        interval_s: interval_s.or(defaults.interval_s),
        timeout_s: timeout_s.or(defaults.timeout_s),
        healthy: healthy.or(defaults.healthy),
        unhealthy: unhealthy.or(defaults.unhealthy),
    }
}

impl TargetGroups for Connection {
    async fn group(&self, arn: &Arn) -> Answer<Option<TargetGroup>> {
        self.read("GetTargetGroup", |state| {
            Ok(state.groups.get(arn).map(|group| TargetGroup {
                arn: arn.clone(),
                name: group.new.name.clone(),
                vpc: group.new.vpc.clone(),
                ipv6: group.new.fixed.ipv6,
                health: group.health.clone(),
                status: state.status(arn),
            }))
        })
        .await
    }

    async fn group_named(&self, wanted: &str) -> Answer<Option<Arn>> {
        self.read("ListTargetGroups", |state| {
            let found = state.groups.iter().find(|(_, group)| *group.new.name == *wanted);
            Ok(found.map(|(arn, _)| arn.clone()))
        })
        .await
    }

    async fn create_group(&self, new: &NewTargetGroup) -> Answer<Arn> {
        self.write("CreateTargetGroup", (Change::Create, new.name.clone()), |state| {
            name(&new.name, 128)?;
            tags(&new.tags)?;
            if state.groups.values().any(|group| group.new.name == new.name) {
                return Err(TAKEN);
            }
            let arn = state.make("targetgroup", &new.tags);
            let group = Group {
                health: seen(&new.fixed, &new.health),
                new: new.clone(),
                targets: BTreeSet::new(),
                draining: BTreeMap::new(),
            };
            state.groups.insert(arn.clone(), group);
            Ok(arn)
        })
        .await
    }

    async fn set_health(&self, arn: &Arn, health: &Health) -> Answer<()> {
        self.write("UpdateTargetGroup", (Change::Update, arn.0.clone()), |state| {
            let group = found(state.groups.get_mut(arn))?;
            group.health = seen(&group.new.fixed, health);
            Ok(())
        })
        .await
    }

    async fn delete_group(&self, arn: &Arn) -> Answer<()> {
        self.write("DeleteTargetGroup", (Change::Delete, arn.0.clone()), |state| {
            let group = found(state.groups.get(arn))?;
            let used = state
                .actions()
                .any(|action| matches!(action, Action::Forward(groups) if groups.contains_key(arn)));
            // Assumed, as its own controller waits for it: targets must be gone.
            if used || !group.targets.is_empty() || !group.draining.is_empty() {
                return Err(IN_USE);
            }
            state.end(arn);
            Ok(())
        })
        .await
    }

    async fn targets_of(&self, arn: &Arn) -> Answer<BTreeMap<Target, TargetStatus>> {
        self.read("ListTargets", |state| {
            let used = state
                .actions()
                .any(|action| matches!(action, Action::Forward(groups) if groups.contains_key(arn)));
            let group = found(state.groups.get(arn))?;
            let status = match (used, group.health.enabled) {
                (false, _) => TargetStatus::Unused,
                (true, true) => TargetStatus::Healthy,
                (true, false) => TargetStatus::Unavailable,
            };
            let healthy = group.targets.iter().map(|target| (target.clone(), status));
            let draining = group
                .draining
                .keys()
                .map(|target| (target.clone(), TargetStatus::Draining));
            Ok(draining.chain(healthy).collect())
        })
        .await
    }

    async fn register_targets(&self, arn: &Arn, targets: &BTreeSet<Target>) -> Answer<()> {
        self.write("RegisterTargets", (Change::Update, arn.0.clone()), |state| {
            let most = state.limits.targets as usize;
            let group = found(state.groups.get_mut(arn))?;
            if targets.is_empty() || targets.len() > 100 {
                return Err(INVALID);
            }
            if group.targets.union(targets).count() > most {
                return Err(QUOTA);
            }
            for target in targets {
                group.draining.remove(target);
                group.targets.insert(target.clone());
            }
            Ok(())
        })
        .await
    }

    async fn deregister_targets(&self, arn: &Arn, targets: &BTreeSet<Target>) -> Answer<()> {
        self.write("DeregisterTargets", (Change::Update, arn.0.clone()), |state| {
            let until = state.now + state.delays.draining;
            let drains = state.delays.draining > 0;
            let group = found(state.groups.get_mut(arn))?;
            if targets.is_empty() || targets.len() > 100 {
                return Err(INVALID);
            }
            for target in targets {
                if group.targets.remove(target) && drains {
                    group.draining.insert(target.clone(), until);
                }
            }
            Ok(())
        })
        .await
    }
}
