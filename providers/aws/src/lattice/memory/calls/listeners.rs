//! Listeners of services and their rules.

use super::super::{BUSY, Connection, INVALID, QUOTA};
use super::{found, name, tags};
use crate::cloud::{Answer, Arn};
use crate::lattice::cloud::{Action, Listener, Listeners, NewListener, NewRule, Rule};
use gatewright_aws_core::lattice::{Match, Protocol};
use gatewright_provider_api::contract::Action as Change;
use std::collections::{BTreeMap, BTreeSet};

impl Listeners for Connection {
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
            let arn = state.make_in(service, "listener", &new.tags);
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
            let arn = state.make_in(listener, "rule", &new.tags);
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
}
