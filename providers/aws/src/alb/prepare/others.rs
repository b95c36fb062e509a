//! What others have on a Gateway's load balancer: its quotas count that too.

use super::{ElbDriver, about};
use crate::alb::forwards_to;
use crate::cloud::{Action, Arn, Balancer, Cloud, Listener, Rule, Seen};
use gatewright_aws_core::Str;
use gatewright_aws_core::limits::Taken;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::ProviderError;

impl<C: Cloud> ElbDriver<C> {
    /// Listeners, rules and target groups of others on a load balancer. What is read for that is what the observation
    /// reads a moment later.
    ///
    /// # Errors
    /// When it cannot be read completely.
    pub(super) async fn others(
        &self,
        gateway: &ObjectName,
        balancer: &Balancer,
    ) -> Result<Taken, ProviderError> {
        let owner = self.owner(gateway);
        let cloud = self.cloud();
        let failed = |error| about(error, "load balancer", &balancer.name);
        let mut taken = Taken::default();
        let listeners = cloud.listeners(&balancer.arn).await.map_err(failed)?;
        let arns: Vec<Arn> = listeners.iter().map(|listener| listener.arn.clone()).collect();
        if arns.is_empty() {
            return Ok(taken);
        }
        let tags = cloud.tags(&arns).await.map_err(failed)?;
        for listener in &listeners {
            if !tags.get(&listener.arn).is_some_and(|tags| owner.owns(tags)) {
                taken.ports.insert(listener.port);
                taken.target_groups.extend(groups_of_listener(listener));
            }
            let rules = cloud.rules(&listener.arn).await.map_err(failed)?;
            if rules.is_empty() {
                continue;
            }
            let arns: Vec<Arn> = rules.iter().map(|rule| rule.arn.clone()).collect();
            let tags = cloud.tags(&arns).await.map_err(failed)?;
            for rule in &rules {
                if !tags.get(&rule.arn).is_some_and(|tags| owner.owns(tags)) {
                    taken.rules += 1;
                    taken.target_groups.extend(groups_of_rule(rule));
                }
            }
        }
        Ok(taken)
    }
}

fn groups_of_listener(listener: &Listener) -> Vec<Str> {
    match &listener.default {
        Seen::Known(action) => groups(action),
        Seen::Other(_) => Vec::new(),
    }
}

fn groups_of_rule(rule: &Rule) -> Vec<Str> {
    match &rule.settings {
        Seen::Known(settings) => groups(&settings.action),
        Seen::Other(_) => Vec::new(),
    }
}

fn groups(action: &Action) -> Vec<Str> {
    forwards_to(action).map(|arn| arn.0.clone()).collect()
}
