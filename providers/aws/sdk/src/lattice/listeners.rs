//! Listeners of services and their rules.

use super::convert::{seen_action, tags};
use super::{LATTICE, convert, existing, group_arn, made, parents};
use crate::Account;
use crate::cloud::{failed, odd};
use aws_sdk_vpclattice::types as sdk;
use gatewright_aws::cloud::{Answer, Arn, CloudError};
use gatewright_aws::lattice::cloud::{Action, Listener, Listeners, NewListener, NewRule, Rule};
use gatewright_aws_core::lattice::Match;
use gatewright_provider_api::contract::ErrorKind;
use std::collections::BTreeMap;

impl Account {
    /// `GetListener`.
    async fn listener(&self, arn: &str) -> Answer<Option<Listener>> {
        let arn = Arn(arn.into());
        let (service, _) = parents(&arn);
        let request = self
            .lattice
            .get_listener()
            .service_identifier(service)
            .listener_identifier(&*arn.0);
        let answer = existing(request.send().await.map_err(failed(LATTICE, "GetListener")))?;
        Ok(answer.map(|found| Listener {
            name: found.name().unwrap_or_default().into(),
            port: u16::try_from(found.port().unwrap_or_default()).unwrap_or_default(),
            protocol: convert::seen_protocol(found.protocol()),
            default: seen_action(found.default_action(), |id| group_arn(&arn, id)),
            arn,
        }))
    }

    /// `GetRule`; none for the default one.
    async fn rule(&self, arn: &str) -> Answer<Option<Rule>> {
        let arn = Arn(arn.into());
        let (service, listener) = parents(&arn);
        let request = self
            .lattice
            .get_rule()
            .service_identifier(service)
            .listener_identifier(listener)
            .rule_identifier(&*arn.0);
        let answer = existing(request.send().await.map_err(failed(LATTICE, "GetRule")))?;
        let other = answer.filter(|found| !found.is_default().unwrap_or(false));
        Ok(other.map(|found| Rule {
            name: found.name().unwrap_or_default().into(),
            priority: u16::try_from(found.priority().unwrap_or_default()).unwrap_or_default(),
            conditions: convert::seen_conditions(found.r#match()),
            action: seen_action(found.action(), |id| group_arn(&arn, id)),
            arn,
        }))
    }
}

impl Listeners for Account {
    async fn listeners_of(&self, service: &Arn) -> Answer<Vec<Listener>> {
        let request = self.lattice.list_listeners().service_identifier(&*service.0);
        let items = request.into_paginator().items().send().try_collect().await;
        let items: Vec<sdk::ListenerSummary> =
            match existing(items.map_err(failed(LATTICE, "ListListeners")))? {
                Some(items) => items,
                None => return Ok(Vec::new()),
            };
        let mut found = Vec::with_capacity(items.len());
        for arn in items.iter().filter_map(sdk::ListenerSummary::arn) {
            found.extend(self.listener(arn).await?);
        }
        Ok(found)
    }

    async fn create_service_listener(&self, service: &Arn, new: &NewListener) -> Answer<Arn> {
        let operation = "CreateListener";
        let action = convert::action(&new.default).map_err(|error| odd(operation, error))?;
        let request = self
            .lattice
            .create_listener()
            .service_identifier(&*service.0)
            .name(&*new.name)
            .port(i32::from(new.port))
            .protocol(convert::protocol(new.protocol))
            .default_action(action)
            .set_tags(tags(&new.tags));
        let answer = request.send().await.map_err(failed(LATTICE, operation))?;
        made(operation, answer.arn())
    }

    async fn set_default(&self, listener: &Arn, action: &Action) -> Answer<()> {
        let action = convert::action(action).map_err(|error| odd("UpdateListener", error))?;
        let (service, _) = parents(listener);
        let request = self
            .lattice
            .update_listener()
            .service_identifier(service)
            .listener_identifier(&*listener.0)
            .default_action(action);
        done!(request, "UpdateListener")
    }

    async fn delete_service_listener(&self, listener: &Arn) -> Answer<()> {
        let (service, _) = parents(listener);
        let request = self
            .lattice
            .delete_listener()
            .service_identifier(service)
            .listener_identifier(&*listener.0);
        let answer = done!(request, "DeleteListener");
        self.gone(answer, listener).await
    }

    async fn rules_of(&self, listener: &Arn) -> Answer<Vec<Rule>> {
        let (service, _) = parents(listener);
        let request = self
            .lattice
            .list_rules()
            .service_identifier(service)
            .listener_identifier(&*listener.0);
        let items = request.into_paginator().items().send().try_collect().await;
        let items: Vec<sdk::RuleSummary> = match existing(items.map_err(failed(LATTICE, "ListRules")))? {
            Some(items) => items,
            None => return Ok(Vec::new()),
        };
        let mut found = Vec::with_capacity(items.len());
        let others = items.iter().filter(|item| !item.is_default().unwrap_or(false));
        for arn in others.filter_map(sdk::RuleSummary::arn) {
            found.extend(self.rule(arn).await?);
        }
        Ok(found)
    }

    async fn create_service_rule(&self, listener: &Arn, new: &NewRule) -> Answer<()> {
        let operation = "CreateRule";
        let unfit = |error| odd(operation, error);
        let (service, _) = parents(listener);
        let request = self
            .lattice
            .create_rule()
            .service_identifier(service)
            .listener_identifier(&*listener.0)
            .name(&*new.name)
            .priority(i32::from(new.priority))
            .r#match(convert::conditions(&new.conditions).map_err(unfit)?)
            .action(convert::action(&new.action).map_err(unfit)?)
            .set_tags(tags(&new.tags));
        done!(request, "CreateRule")
    }

    async fn update_rule(&self, rule: &Arn, conditions: &Match, action: &Action) -> Answer<()> {
        let unfit = |error| odd("UpdateRule", error);
        let (service, listener) = parents(rule);
        let request = self
            .lattice
            .update_rule()
            .service_identifier(service)
            .listener_identifier(listener)
            .rule_identifier(&*rule.0)
            .r#match(convert::conditions(conditions).map_err(unfit)?)
            .action(convert::action(action).map_err(unfit)?);
        done!(request, "UpdateRule")
    }

    async fn set_priorities(&self, listener: &Arn, priorities: &BTreeMap<Arn, u16>) -> Answer<()> {
        let operation = "BatchUpdateRule";
        let (service, _) = parents(listener);
        let updates = priorities.iter().map(|(rule, priority)| {
            sdk::RuleUpdate::builder()
                .rule_identifier(&*rule.0)
                .priority(i32::from(*priority))
                .build()
        });
        let updates: Result<Vec<_>, _> = updates.collect();
        let request = self
            .lattice
            .batch_update_rule()
            .service_identifier(service)
            .listener_identifier(&*listener.0)
            .set_rules(Some(updates.map_err(|error| odd(operation, error))?));
        let answer = request.send().await.map_err(failed(LATTICE, operation))?;
        match answer.unsuccessful() {
            [] => Ok(()),
            [first, ..] => Err(CloudError {
                kind: ErrorKind::Conflict,
                operation,
                code: first.failure_code().unwrap_or_default().into(),
                message: first.failure_message().unwrap_or_default().to_owned(),
            }),
        }
    }

    async fn delete_service_rule(&self, rule: &Arn) -> Answer<()> {
        let (service, listener) = parents(rule);
        let request = self
            .lattice
            .delete_rule()
            .service_identifier(service)
            .listener_identifier(listener)
            .rule_identifier(&*rule.0);
        let answer = done!(request, "DeleteRule");
        self.gone(answer, rule).await
    }
}
