//! Listeners of services and their rules: listed, and read one by one.

use super::known::Known;
use super::{On, Swept};
use crate::cloud::{Answer, Arn};
use crate::lattice::cloud::{Action, Lattice, Listener, Listeners, NewListener, NewRule, Rule};
use gatewright_aws_core::lattice::Match;
use std::collections::BTreeMap;

const ON: On<Vec<Listener>> = |known| &mut known.listeners;
const RULES: On<Vec<Rule>> = |known| &mut known.rules;

impl<C: Lattice> Listeners for Swept<C> {
    async fn listeners_of(&self, service: &Arn) -> Answer<Vec<Listener>> {
        let read = self.0.cloud.listeners_of(service);
        let found = self.one(ON, service, read, |found| 1 + found.len()).await?;
        self.known(|known| known.belong(service, found.iter().map(|of| &of.arn)));
        Ok(found)
    }

    async fn create_service_listener(&self, service: &Arn, new: &NewListener) -> Answer<Arn> {
        let write = self.0.cloud.create_service_listener(service, new);
        let arn = self
            .write(service, |known| known.drop(ON, service), write)
            .await?;
        self.known(|known| {
            known.belong(service, [&arn]);
            known.drop(RULES, &arn);
        });
        Ok(arn)
    }

    async fn set_default(&self, listener: &Arn, action: &Action) -> Answer<()> {
        let write = self.0.cloud.set_default(listener, action);
        self.write(listener, |known| known.touch_parent(ON, listener), write)
            .await
    }

    async fn delete_service_listener(&self, listener: &Arn) -> Answer<()> {
        let touch = |known: &mut Known| {
            known.drop(RULES, listener);
            known.touch_parent(ON, listener);
        };
        self.write(listener, touch, self.0.cloud.delete_service_listener(listener))
            .await
    }

    async fn rules_of(&self, listener: &Arn) -> Answer<Vec<Rule>> {
        let read = self.0.cloud.rules_of(listener);
        let found = self.one(RULES, listener, read, |found| 1 + found.len()).await?;
        self.known(|known| known.belong(listener, found.iter().map(|of| &of.arn)));
        Ok(found)
    }

    async fn create_service_rule(&self, listener: &Arn, new: &NewRule) -> Answer<()> {
        let write = self.0.cloud.create_service_rule(listener, new);
        self.write(listener, |known| known.drop(RULES, listener), write)
            .await
    }

    async fn update_rule(&self, rule: &Arn, conditions: &Match, action: &Action) -> Answer<()> {
        let write = self.0.cloud.update_rule(rule, conditions, action);
        self.write(rule, |known| known.touch_parent(RULES, rule), write)
            .await
    }

    async fn set_priorities(&self, listener: &Arn, priorities: &BTreeMap<Arn, u16>) -> Answer<()> {
        let write = self.0.cloud.set_priorities(listener, priorities);
        self.write(listener, |known| known.drop(RULES, listener), write)
            .await
    }

    async fn delete_service_rule(&self, rule: &Arn) -> Answer<()> {
        let write = self.0.cloud.delete_service_rule(rule);
        self.write(rule, |known| known.touch_parent(RULES, rule), write)
            .await
    }
}
