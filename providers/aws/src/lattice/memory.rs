//! VPC Lattice in memory, by its documented rules: names, what is in use, priorities, states. For tests of the driver;
//! every call can be made to fail, or to be the caller's last.

mod calls;
mod inventory;

use super::cloud::{
    Action, Auth, Kind, Listener, NewListener, NewRule, NewService, NewTargetGroup, Rule, SeenHealth, Status,
};
use crate::cloud::{self, Arn, CloudError};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::settings::Limits;
use gatewright_aws_core::target_group::Target;
use gatewright_provider_api::contract::{self, ErrorKind, Resource};
use gatewright_provider_api::suite::{Answer, Calls};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many calls AWS takes for what it does behind them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// Until something that is made or ended is.
    pub status: u64,
    /// Until a deregistered target is drained.
    pub draining: u64,
    /// Until a search by tags shows what is new.
    pub search: u64,
}

/// An account in a region.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
    calls: Calls,
}

/// A process' connection to it.
#[derive(Clone, Debug, Default)]
pub struct Connection(pub Arc<Memory>);

/// A refusal: kind and code of AWS.
type Refusal = (ErrorKind, &'static str);
type Outcome<T> = Result<T, Refusal>;

const MISSING: Refusal = (ErrorKind::NotFound, "ResourceNotFoundException");
const INVALID: Refusal = (ErrorKind::Invalid, "ValidationException");
const IN_USE: Refusal = (ErrorKind::InUse, "ConflictException");
const TAKEN: Refusal = (ErrorKind::NotOurs, "ConflictException");
const BUSY: Refusal = (ErrorKind::Conflict, "ConflictException");
const QUOTA: Refusal = (ErrorKind::QuotaExceeded, "ServiceQuotaExceededException");

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    limits: Limits,
    delays: Delays,
    now: u64,
    next: u64,
    pub(super) tags: BTreeMap<Arn, Tags>,
    made: BTreeMap<Arn, u64>,
    /// What goes, and when it is gone.
    going: BTreeMap<Arn, u64>,
    pub(super) networks: BTreeMap<Arn, (Str, Auth)>,
    pub(super) services: BTreeMap<Arn, NewService>,
    pub(super) vpcs: BTreeMap<Arn, VpcLink>,
    links: BTreeMap<Arn, (Arn, Arn)>,
    pub(super) listeners: BTreeMap<Arn, (Arn, NewListener)>,
    pub(super) rules: BTreeMap<Arn, (Arn, NewRule)>,
    pub(super) groups: BTreeMap<Arn, Group>,
    pub(super) policies: BTreeMap<Arn, Str>,
    pub(super) logs: BTreeMap<Arn, (Arn, Str)>,
    pub(super) certificates: BTreeMap<Arn, (Str, Str)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct VpcLink {
    network: Arn,
    vpc: Str,
    pub(super) groups: BTreeSet<Str>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub(super) new: NewTargetGroup,
    health: SeenHealth,
    pub(super) targets: BTreeSet<Target>,
    draining: BTreeMap<Target, u64>,
}

impl Memory {
    /// An account with nothing in it.
    pub fn new(delays: Delays) -> Self {
        Self::with(Limits::default(), delays)
    }

    /// The same with quotas of its own.
    pub fn with(limits: Limits, delays: Delays) -> Self {
        Self {
            state: Mutex::new(State {
                limits,
                delays,
                ..State::default()
            }),
            calls: Calls::default(),
        }
    }

    /// Another one in which everything is as it is here now.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            state: Mutex::new(self.state().clone()),
            calls: Calls::default(),
        }
    }

    /// Whether the same calls get the same answers in both from now on. Nothing hangs on the time where there are no delays:
    /// what was to come has come with the next call.
    pub fn is_like(&self, other: &Self) -> bool {
        let (one, mut other) = (self.state(), other.state());
        if other.delays != Delays::default() {
            return *one == *other;
        }
        let now = std::mem::replace(&mut other.now, one.now);
        let like = *one == *other;
        other.now = now;
        like
    }

    /// The calls made, and what is to go wrong.
    pub const fn calls(&self) -> &Calls {
        &self.calls
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    async fn read<T: Send>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&mut State) -> Outcome<T> + Send,
    ) -> cloud::Answer<T> {
        self.call(operation, None, read).await
    }

    async fn write<T: Send>(
        &self,
        operation: &'static str,
        (action, id): (contract::Action, Str),
        write: impl FnOnce(&mut State) -> Outcome<T> + Send,
    ) -> cloud::Answer<T> {
        let resource = Resource { kind: operation, id };
        self.call(operation, Some((action, resource)), write).await
    }

    async fn call<T: Send>(
        &self,
        operation: &'static str,
        write: Option<(contract::Action, Resource)>,
        call: impl FnOnce(&mut State) -> Outcome<T> + Send,
    ) -> cloud::Answer<T> {
        let reply = self.0.calls.enter(write);
        let usual = reply.carry_out.then(|| {
            let mut state = self.0.state();
            state.tick();
            call(&mut state)
        });
        let refusal = match (reply.answer, usual) {
            (None, Some(Ok(answer))) => return Ok(answer),
            (None, Some(Err(refusal))) => refusal,
            (Some(Answer::Error(kind)), _) => (kind, "Injected"),
            (Some(Answer::Never), _) | (None, None) => std::future::pending().await,
        };
        let (kind, code) = refusal;
        Err(CloudError {
            kind,
            operation,
            code: code.into(),
            message: "refused".to_owned(),
        })
    }
}

impl State {
    /// Time passes: what was going is gone, with what belongs to it.
    fn tick(&mut self) {
        self.now += 1;
        let now = self.now;
        let gone: Vec<Arn> = self
            .going
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(arn, _)| arn.clone())
            .collect();
        gone.iter().for_each(|arn| self.forget(arn));
        for group in self.groups.values_mut() {
            group.draining.retain(|_, at| *at > now);
        }
    }

    /// ARNs are as AWS's are: they tell what they are of.
    fn make(&mut self, what: &str, tags: &Tags) -> Arn {
        let service = if what == "certificate" {
            "acm"
        } else {
            "vpc-lattice"
        };
        self.number(
            &format!("arn:aws:{service}:eu-central-1:123456789012:{what}"),
            tags,
        )
    }

    /// A listener's ARN begins with its service's, and a rule's with its listener's.
    fn make_in(&mut self, parent: &Arn, what: &str, tags: &Tags) -> Arn {
        self.number(&format!("{parent}/{what}"), tags)
    }

    fn number(&mut self, what: &str, tags: &Tags) -> Arn {
        self.next += 1;
        let arn = Arn(format!("{what}/{:04}", self.next).into());
        self.tags.insert(arn.clone(), tags.clone());
        self.made.insert(arn.clone(), self.now);
        arn
    }

    fn status(&self, arn: &Arn) -> Status {
        if self.going.contains_key(arn) {
            return Status::Going;
        }
        let made = self.made.get(arn).copied().unwrap_or_default();
        if self.delays.status > 0 && self.now <= made + self.delays.status {
            return Status::Coming;
        }
        Status::Active
    }

    /// Begins to end something; without delays it is gone at once.
    fn end(&mut self, arn: &Arn) {
        if self.delays.status == 0 {
            self.forget(arn);
        } else {
            let at = self.now + self.delays.status;
            self.going.entry(arn.clone()).or_insert(at);
        }
    }

    fn forget(&mut self, arn: &Arn) {
        self.going.remove(arn);
        self.tags.remove(arn);
        self.made.remove(arn);
        self.networks.remove(arn);
        self.vpcs.remove(arn);
        self.links.remove(arn);
        self.groups.remove(arn);
        self.policies.remove(arn);
        self.certificates.remove(arn);
        self.logs.remove(arn);
        self.rules.remove(arn);
        self.services.remove(arn);
        self.listeners.remove(arn);
        let logs = self.logs.iter().filter(|(_, (of, _))| of == arn);
        let listeners = self.listeners.iter().filter(|(_, (of, _))| of == arn);
        let rules = self.rules.iter().filter(|(_, (of, _))| of == arn);
        let parts: Vec<Arn> = logs
            .map(|(part, _)| part)
            .chain(listeners.map(|(part, _)| part))
            .chain(rules.map(|(part, _)| part))
            .cloned()
            .collect();
        parts.iter().for_each(|part| self.forget(part));
    }

    fn actions(&self) -> impl Iterator<Item = &Action> {
        let defaults = self.listeners.values().map(|(_, listener)| &listener.default);
        defaults.chain(self.rules.values().map(|(_, rule)| &rule.action))
    }

    fn service_of(&self, listener: &Arn) -> Option<&Arn> {
        self.listeners.get(listener).map(|(service, _)| service)
    }

    /// Services whose actions forward to a group.
    fn services_of(&self, group: &Arn) -> BTreeSet<&Arn> {
        let has = |action: &Action| matches!(action, Action::Forward(groups) if groups.contains_key(group));
        let defaults = self
            .listeners
            .values()
            .filter(|(_, listener)| has(&listener.default))
            .map(|(service, _)| service);
        let rules = self
            .rules
            .values()
            .filter(|(_, rule)| has(&rule.action))
            .filter_map(|(listener, _)| self.service_of(listener));
        defaults.chain(rules).collect()
    }

    /// An action of a service: its groups exist, and no other service uses them (`CreateTargetGroup`).
    fn check_action(&self, action: &Action, service: &Arn) -> Outcome<()> {
        match action {
            Action::Fixed(404 | 500) => Ok(()),
            Action::Fixed(_) | Action::Other => Err(INVALID),
            Action::Forward(groups) => {
                if groups.is_empty() || groups.len() > 10 || groups.values().any(|weight| *weight > 999) {
                    return Err(INVALID);
                }
                for group in groups.keys() {
                    if !self.groups.contains_key(group) {
                        return Err(MISSING);
                    }
                    if self.services_of(group).iter().any(|other| *other != service) {
                        return Err(INVALID);
                    }
                }
                Ok(())
            }
        }
    }

    fn listener(&self, arn: &Arn) -> Option<Listener> {
        let (_, new) = self.listeners.get(arn)?;
        Some(Listener {
            arn: arn.clone(),
            name: new.name.clone(),
            port: new.port,
            protocol: Some(new.protocol),
            default: new.default.clone(),
        })
    }

    fn rule(&self, arn: &Arn) -> Option<Rule> {
        let (_, new) = self.rules.get(arn)?;
        Some(Rule {
            arn: arn.clone(),
            name: new.name.clone(),
            priority: new.priority,
            conditions: Some(new.conditions.clone()),
            action: new.action.clone(),
        })
    }

    fn of_kind(&self, kind: Kind) -> Vec<&Arn> {
        match kind {
            Kind::Certificate => self.certificates.keys().collect(),
            Kind::Network => self.networks.keys().collect(),
            Kind::Service => self.services.keys().collect(),
            Kind::TargetGroup => self.groups.keys().collect(),
        }
    }
}
