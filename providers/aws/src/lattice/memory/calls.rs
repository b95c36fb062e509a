//! The calls.

use super::{BUSY, Connection, Group, IN_USE, INVALID, MISSING, Outcome, QUOTA, TAKEN, VpcLink};
use crate::cloud::{Answer, Arn};
use crate::lattice::cloud::{
    Action, Auth, Kind, Lattice, Listener, Network, NewListener, NewRule, NewService, NewTargetGroup, Rule,
    SeenHealth, Service, ServiceAssociation, Status, Tagged, TargetGroup, TargetStatus, VpcAssociation,
};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::Import;
use gatewright_aws_core::lattice::settings::Limits;
use gatewright_aws_core::lattice::{Health, Match, Protocol};
use gatewright_aws_core::target_group::{Fixed, HealthCheck, ProtocolVersion, Target};
use gatewright_provider_api::contract::Action as Change;
use std::collections::{BTreeMap, BTreeSet};

/// `API_CreateService` and its like: small letters, digits and single hyphens.
fn name(name: &str, longest: usize) -> Outcome<()> {
    let sound = (3..=longest).contains(&name.len())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if sound { Ok(()) } else { Err(INVALID) }
}

fn tags(tags: &Tags) -> Outcome<()> {
    let sound = tags.len() <= 50
        && tags
            .iter()
            .all(|(key, value)| (1..=128).contains(&key.len()) && value.len() <= 256);
    if sound { Ok(()) } else { Err(INVALID) }
}

fn found<T>(found: Option<T>) -> Outcome<T> {
    found.ok_or(MISSING)
}

fn text(words: &str) -> Str {
    words.into()
}

/// `API_HealthCheckConfig`, with AWS's defaults.
fn seen(fixed: &Fixed, health: &Health) -> SeenHealth {
    let defaults = SeenHealth {
        enabled: fixed
            .version
            .is_some_and(|version| version != ProtocolVersion::Grpc),
        protocol: Some("HTTP".into()),
        port: None,
        path: Some("/".into()),
        codes: Some("200".into()),
        interval_s: Some(30),
        timeout_s: Some(5),
        healthy: Some(5),
        unhealthy: Some(2),
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
    } = match health {
        Health::Off => {
            return SeenHealth {
                enabled: false,
                ..defaults
            };
        }
        Health::On(check) => check.clone(),
    };
    SeenHealth {
        enabled: true,
        protocol: protocol.or(defaults.protocol),
        port: port.and_then(|port| port.parse().ok()),
        path: path.or(defaults.path),
        codes: codes.or(defaults.codes),
        interval_s: interval_s.or(defaults.interval_s),
        timeout_s: timeout_s.or(defaults.timeout_s),
        healthy: healthy.or(defaults.healthy),
        unhealthy: unhealthy.or(defaults.unhealthy),
    }
}

impl Lattice for Connection {
    async fn lattice_limits(&self) -> Answer<Limits> {
        self.read("ListServiceQuotas", |state| Ok(state.limits.clone()))
            .await
    }

    async fn find_marked(&self, kind: Kind, marks: &Tags) -> Answer<Vec<Tagged>> {
        self.read("GetResources", |state| {
            let search = state.delays.search;
            let known = |arn: &&Arn| {
                let made = state.made.get(*arn).copied().unwrap_or_default();
                search == 0 || state.now > made + search
            };
            let of_kind = state.of_kind(kind).into_iter().filter(known);
            let found = of_kind.filter_map(|arn| {
                let tags = state.tags.get(arn)?;
                let has = marks.iter().all(|(key, value)| tags.get(key) == Some(value));
                has.then(|| Tagged {
                    arn: arn.clone(),
                    tags: tags.clone(),
                })
            });
            Ok(found.collect())
        })
        .await
    }

    async fn tags_of(&self, arn: &Arn) -> Answer<Option<Tags>> {
        self.read("ListTagsForResource", |state| Ok(state.tags.get(arn).cloned()))
            .await
    }

    async fn tag(&self, _: Kind, arn: &Arn, more: &Tags) -> Answer<()> {
        self.write("TagResource", (Change::Update, arn.0.clone()), |state| {
            let before = found(state.tags.get_mut(arn))?;
            let mut after = before.clone();
            after.extend(more.clone());
            tags(&after)?;
            *before = after;
            Ok(())
        })
        .await
    }

    async fn untag(&self, _: Kind, arn: &Arn, keys: &BTreeSet<Str>) -> Answer<()> {
        self.write("UntagResource", (Change::Update, arn.0.clone()), |state| {
            found(state.tags.get_mut(arn))?.retain(|key, _| !keys.contains(key));
            Ok(())
        })
        .await
    }

    async fn import(&self, over: Option<&Arn>, import: &Import, given: &Tags) -> Answer<Arn> {
        let action = if over.is_some() {
            Change::Update
        } else {
            Change::Create
        };
        let what = (action, import.fingerprint.clone());
        self.write("ImportCertificate", what, |state| {
            let key = import.key.expose().split_whitespace().next().unwrap_or_default();
            let kept = (import.certificate.clone(), text(key));
            if let Some(arn) = over {
                let before = found(state.certificates.get_mut(arn))?;
                if before.1 != kept.1 {
                    return Err(INVALID);
                }
                *before = kept;
                return Ok(arn.clone());
            }
            tags(given)?;
            let arn = state.make("certificate", given);
            state.certificates.insert(arn.clone(), kept);
            Ok(arn)
        })
        .await
    }

    async fn delete_imported(&self, arn: &Arn) -> Answer<()> {
        self.write("DeleteCertificate", (Change::Delete, arn.0.clone()), |state| {
            let mut services = state.services.values();
            if services.any(|service| service.certificate.as_ref() == Some(arn)) {
                return Err(IN_USE);
            }
            found(state.certificates.get(arn))?;
            state.forget(arn);
            Ok(())
        })
        .await
    }

    async fn network(&self, arn: &Arn) -> Answer<Option<Network>> {
        self.read("GetServiceNetwork", |state| {
            Ok(state.networks.get(arn).map(|(name, auth)| Network {
                arn: arn.clone(),
                name: name.clone(),
                auth: *auth,
            }))
        })
        .await
    }

    async fn network_named(&self, wanted: &str) -> Answer<Option<Arn>> {
        self.read("ListServiceNetworks", |state| {
            let found = state.networks.iter().find(|(_, (name, _))| **name == *wanted);
            Ok(found.map(|(arn, _)| arn.clone()))
        })
        .await
    }

    async fn create_network(&self, wanted: &str, auth: Auth, given: &Tags) -> Answer<Arn> {
        self.write("CreateServiceNetwork", (Change::Create, text(wanted)), |state| {
            name(wanted, 63)?;
            tags(given)?;
            if state.networks.values().any(|(name, _)| **name == *wanted) {
                return Err(TAKEN);
            }
            let arn = state.make("servicenetwork", given);
            state.networks.insert(arn.clone(), (text(wanted), auth));
            Ok(arn)
        })
        .await
    }

    async fn set_network_auth(&self, arn: &Arn, auth: Auth) -> Answer<()> {
        self.write("UpdateServiceNetwork", (Change::Update, arn.0.clone()), |state| {
            found(state.networks.get_mut(arn))?.1 = auth;
            Ok(())
        })
        .await
    }

    async fn delete_network(&self, arn: &Arn) -> Answer<()> {
        self.write("DeleteServiceNetwork", (Change::Delete, arn.0.clone()), |state| {
            found(state.networks.get(arn))?;
            let vpcs = state.vpcs.values().any(|link| link.network == *arn);
            let services = state.links.values().any(|(network, _)| network == arn);
            if vpcs || services {
                return Err(IN_USE);
            }
            state.forget(arn);
            Ok(())
        })
        .await
    }

    async fn vpc_associations(&self, network: &Arn) -> Answer<Vec<VpcAssociation>> {
        self.read("ListServiceNetworkVpcAssociations", |state| {
            let of = state.vpcs.iter().filter(|(_, link)| link.network == *network);
            Ok(of.map(|(arn, link)| told(state, arn, link)).collect())
        })
        .await
    }

    async fn associations_of_vpc(&self, vpc: &str) -> Answer<Vec<VpcAssociation>> {
        self.read("ListServiceNetworkVpcAssociations", |state| {
            let of = state.vpcs.iter().filter(|(_, link)| *link.vpc == *vpc);
            Ok(of.map(|(arn, link)| told(state, arn, link)).collect())
        })
        .await
    }

    async fn associate_vpc(
        &self,
        network: &Arn,
        vpc: &str,
        groups: &BTreeSet<Str>,
        given: &Tags,
    ) -> Answer<()> {
        let what = (Change::Create, text(vpc));
        self.write("CreateServiceNetworkVpcAssociation", what, |state| {
            found(state.networks.get(network))?;
            if groups.len() > 5 {
                return Err(INVALID);
            }
            if state.vpcs.values().any(|link| *link.vpc == *vpc) {
                return Err(TAKEN);
            }
            let arn = state.make("servicenetworkvpcassociation", given);
            let link = VpcLink {
                network: network.clone(),
                vpc: text(vpc),
                groups: groups.clone(),
            };
            state.vpcs.insert(arn, link);
            Ok(())
        })
        .await
    }

    async fn set_association_groups(&self, arn: &Arn, groups: &BTreeSet<Str>) -> Answer<()> {
        let what = (Change::Update, arn.0.clone());
        self.write("UpdateServiceNetworkVpcAssociation", what, |state| {
            if state.status(arn) != Status::Active {
                return Err(BUSY);
            }
            if groups.is_empty() || groups.len() > 5 {
                return Err(INVALID);
            }
            found(state.vpcs.get_mut(arn))?.groups.clone_from(groups);
            Ok(())
        })
        .await
    }

    async fn dissociate_vpc(&self, arn: &Arn) -> Answer<()> {
        let what = (Change::Delete, arn.0.clone());
        self.write("DeleteServiceNetworkVpcAssociation", what, |state| {
            found(state.vpcs.get(arn))?;
            if state.status(arn) == Status::Coming {
                return Err(BUSY);
            }
            state.end(arn);
            Ok(())
        })
        .await
    }

    async fn service_associations(&self, service: &Arn) -> Answer<Vec<ServiceAssociation>> {
        self.read("ListServiceNetworkServiceAssociations", |state| {
            let of = state.links.iter().filter(|(_, (_, of))| of == service);
            let told = of.map(|(arn, (network, _))| ServiceAssociation {
                arn: arn.clone(),
                network: network.clone(),
                status: state.status(arn),
            });
            Ok(told.collect())
        })
        .await
    }

    async fn associate_service(&self, network: &Arn, service: &Arn, given: &Tags) -> Answer<()> {
        let what = (Change::Create, service.0.clone());
        self.write("CreateServiceNetworkServiceAssociation", what, |state| {
            found(state.networks.get(network))?;
            found(state.services.get(service))?;
            if state.status(service) != Status::Active {
                return Err(BUSY);
            }
            let link = (network.clone(), service.clone());
            if state.links.values().any(|other| *other == link) {
                return Err(BUSY);
            }
            let arn = state.make("servicenetworkserviceassociation", given);
            state.links.insert(arn, link);
            Ok(())
        })
        .await
    }

    async fn dissociate_service(&self, arn: &Arn) -> Answer<()> {
        let what = (Change::Delete, arn.0.clone());
        self.write("DeleteServiceNetworkServiceAssociation", what, |state| {
            found(state.links.get(arn))?;
            if state.status(arn) == Status::Coming {
                return Err(BUSY);
            }
            state.end(arn);
            Ok(())
        })
        .await
    }

    async fn service(&self, arn: &Arn) -> Answer<Option<Service>> {
        self.read("GetService", |state| {
            Ok(state.services.get(arn).map(|new| Service {
                arn: arn.clone(),
                name: new.name.clone(),
                domain: new.domain.clone(),
                certificate: new.certificate.clone(),
                auth: new.auth,
                status: state.status(arn),
                dns_name: format!("{}.on.aws", new.name).into(),
            }))
        })
        .await
    }

    async fn service_named(&self, wanted: &str) -> Answer<Option<Arn>> {
        self.read("ListServices", |state| {
            let found = state.services.iter().find(|(_, new)| *new.name == *wanted);
            Ok(found.map(|(arn, _)| arn.clone()))
        })
        .await
    }

    async fn create_service(&self, new: &NewService) -> Answer<Arn> {
        self.write("CreateService", (Change::Create, new.name.clone()), |state| {
            name(&new.name, 40)?;
            tags(&new.tags)?;
            if state.services.values().any(|other| other.name == new.name) {
                return Err(TAKEN);
            }
            if let Some(certificate) = &new.certificate {
                found(state.certificates.get(certificate))?;
            }
            let arn = state.make("service", &new.tags);
            state.services.insert(arn.clone(), new.clone());
            Ok(arn)
        })
        .await
    }

    async fn update_service(&self, arn: &Arn, certificate: Option<&Arn>, auth: Auth) -> Answer<()> {
        self.write("UpdateService", (Change::Update, arn.0.clone()), |state| {
            if let Some(certificate) = certificate {
                found(state.certificates.get(certificate))?;
            }
            let service = found(state.services.get_mut(arn))?;
            if let Some(certificate) = certificate {
                service.certificate = Some(certificate.clone());
            }
            service.auth = auth;
            Ok(())
        })
        .await
    }

    async fn delete_service(&self, arn: &Arn) -> Answer<()> {
        self.write("DeleteService", (Change::Delete, arn.0.clone()), |state| {
            found(state.services.get(arn))?;
            if state.links.values().any(|(_, service)| service == arn) {
                return Err(IN_USE);
            }
            state.end(arn);
            Ok(())
        })
        .await
    }

    async fn listeners_of(&self, service: &Arn) -> Answer<Vec<Listener>> {
        self.read("ListListeners", |state| {
            let of = state.listeners.iter().filter(|(_, (of, _))| of == service);
            Ok(of.filter_map(|(arn, _)| state.listener(arn)).collect())
        })
        .await
    }

    async fn create_service_listener(&self, service: &Arn, new: &NewListener) -> Answer<Arn> {
        self.write("CreateListener", (Change::Create, new.name.clone()), |state| {
            name(&new.name, 63)?;
            tags(&new.tags)?;
            let of = found(state.services.get(service))?;
            if new.protocol == Protocol::TlsPassthrough && of.domain.is_none() {
                return Err(INVALID);
            }
            let others: Vec<&NewListener> = state
                .listeners
                .values()
                .filter(|(of, _)| of == service)
                .map(|(_, other)| other)
                .collect();
            if others
                .iter()
                .any(|other| other.port == new.port || other.name == new.name)
            {
                return Err(BUSY);
            }
            if others.len() >= state.limits.listeners as usize {
                return Err(QUOTA);
            }
            state.check_action(&new.default, service)?;
            let arn = state.make("listener", &new.tags);
            state
                .listeners
                .insert(arn.clone(), (service.clone(), new.clone()));
            Ok(arn)
        })
        .await
    }

    async fn set_default(&self, listener: &Arn, action: &Action) -> Answer<()> {
        self.write("UpdateListener", (Change::Update, listener.0.clone()), |state| {
            let service = found(state.service_of(listener))?.clone();
            state.check_action(action, &service)?;
            found(state.listeners.get_mut(listener))?.1.default = action.clone();
            Ok(())
        })
        .await
    }

    async fn delete_service_listener(&self, listener: &Arn) -> Answer<()> {
        self.write("DeleteListener", (Change::Delete, listener.0.clone()), |state| {
            found(state.listeners.get(listener))?;
            state.forget(listener);
            Ok(())
        })
        .await
    }

    async fn rules_of(&self, listener: &Arn) -> Answer<Vec<Rule>> {
        self.read("ListRules", |state| {
            let of = state.rules.iter().filter(|(_, (of, _))| of == listener);
            Ok(of.filter_map(|(arn, _)| state.rule(arn)).collect())
        })
        .await
    }

    async fn create_service_rule(&self, listener: &Arn, new: &NewRule) -> Answer<()> {
        self.write("CreateRule", (Change::Create, new.name.clone()), |state| {
            name(&new.name, 63)?;
            tags(&new.tags)?;
            let service = found(state.service_of(listener))?.clone();
            let others: Vec<&NewRule> = state
                .rules
                .values()
                .filter(|(of, _)| of == listener)
                .map(|(_, other)| other)
                .collect();
            let taken = |other: &&NewRule| other.priority == new.priority || other.name == new.name;
            if others.iter().any(taken) {
                return Err(BUSY);
            }
            if others.len() >= state.limits.rules as usize {
                return Err(QUOTA);
            }
            if !(1..=2000).contains(&new.priority) || new.conditions == Match::default() {
                return Err(INVALID);
            }
            state.check_action(&new.action, &service)?;
            let arn = state.make("rule", &new.tags);
            state.rules.insert(arn, (listener.clone(), new.clone()));
            Ok(())
        })
        .await
    }

    async fn update_rule(&self, rule: &Arn, conditions: &Match, action: &Action) -> Answer<()> {
        self.write("UpdateRule", (Change::Update, rule.0.clone()), |state| {
            let listener = found(state.rules.get(rule))?.0.clone();
            let service = found(state.service_of(&listener))?.clone();
            state.check_action(action, &service)?;
            let (_, kept) = found(state.rules.get_mut(rule))?;
            kept.conditions = conditions.clone();
            kept.action = action.clone();
            Ok(())
        })
        .await
    }

    async fn set_priorities(&self, listener: &Arn, priorities: &BTreeMap<Arn, u16>) -> Answer<()> {
        self.write("BatchUpdateRule", (Change::Update, listener.0.clone()), |state| {
            if priorities.is_empty() || priorities.len() > 10 {
                return Err(INVALID);
            }
            let mut after: BTreeMap<&Arn, u16> = state
                .rules
                .iter()
                .filter(|(_, (of, _))| of == listener)
                .map(|(arn, (_, rule))| (arn, rule.priority))
                .collect();
            for (arn, priority) in priorities {
                *found(after.get_mut(arn))? = *priority;
            }
            let distinct: BTreeSet<u16> = after.values().copied().collect();
            if distinct.len() < after.len() {
                return Err(BUSY);
            }
            for (arn, priority) in priorities {
                found(state.rules.get_mut(arn))?.1.priority = *priority;
            }
            Ok(())
        })
        .await
    }

    async fn delete_service_rule(&self, rule: &Arn) -> Answer<()> {
        self.write("DeleteRule", (Change::Delete, rule.0.clone()), |state| {
            found(state.rules.get(rule))?;
            state.forget(rule);
            Ok(())
        })
        .await
    }

    async fn group(&self, arn: &Arn) -> Answer<Option<TargetGroup>> {
        self.read("GetTargetGroup", |state| {
            Ok(state.groups.get(arn).map(|group| TargetGroup {
                arn: arn.clone(),
                name: group.new.name.clone(),
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

    async fn set_health(&self, arn: &Arn, fixed: &Fixed, health: &Health) -> Answer<()> {
        self.write("UpdateTargetGroup", (Change::Update, arn.0.clone()), |state| {
            found(state.groups.get_mut(arn))?.health = seen(fixed, health);
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
            let group = found(state.groups.get(arn))?;
            let healthy = group
                .targets
                .iter()
                .map(|target| (target.clone(), TargetStatus::Healthy));
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

    async fn policy(&self, of: &Arn) -> Answer<Option<Str>> {
        self.read("GetAuthPolicy", |state| Ok(state.policies.get(of).cloned()))
            .await
    }

    async fn put_policy(&self, of: &Arn, policy: &str) -> Answer<()> {
        self.write("PutAuthPolicy", (Change::Update, of.0.clone()), |state| {
            found(state.tags.get(of))?;
            state.policies.insert(of.clone(), text(policy));
            Ok(())
        })
        .await
    }

    async fn delete_policy(&self, of: &Arn) -> Answer<()> {
        self.write("DeleteAuthPolicy", (Change::Delete, of.0.clone()), |state| {
            found(state.policies.remove(of)).map(|_| ())
        })
        .await
    }

    async fn logs(&self, of: &Arn) -> Answer<BTreeMap<Arn, Str>> {
        self.read("ListAccessLogSubscriptions", |state| {
            let own = state.logs.iter().filter(|(_, (owner, _))| owner == of);
            Ok(own.map(|(arn, (_, to))| (arn.clone(), to.clone())).collect())
        })
        .await
    }

    async fn log_to(&self, of: &Arn, destination: &str, given: &Tags) -> Answer<()> {
        let what = (Change::Create, text(destination));
        self.write("CreateAccessLogSubscription", what, |state| {
            found(state.tags.get(of))?;
            let kept = (of.clone(), text(destination));
            if state.logs.values().any(|other| *other == kept) {
                return Err(BUSY);
            }
            let arn = state.make("accesslogsubscription", given);
            state.logs.insert(arn, kept);
            Ok(())
        })
        .await
    }

    async fn stop_log(&self, arn: &Arn) -> Answer<()> {
        let what = (Change::Delete, arn.0.clone());
        self.write("DeleteAccessLogSubscription", what, |state| {
            found(state.logs.get(arn))?;
            state.forget(arn);
            Ok(())
        })
        .await
    }
}

fn told(state: &super::State, arn: &Arn, link: &VpcLink) -> VpcAssociation {
    let name = state.networks.get(&link.network).map(|(name, _)| name.clone());
    VpcAssociation {
        arn: arn.clone(),
        vpc: link.vpc.clone(),
        network: link.network.clone(),
        network_name: name.unwrap_or_default(),
        security_groups: link.groups.clone(),
        status: state.status(arn),
    }
}
