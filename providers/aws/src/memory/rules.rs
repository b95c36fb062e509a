//! Rules.

use super::check::{self, quota, valid};
use super::state::{KeptRule, State, found};
use super::{Connection, Outcome};
use crate::cloud::{Answer, Arn, Kind, NewRule, Rule, RuleSettings, Rules, Seen};
use gatewright_provider_api::contract::{Action, ErrorKind};
use std::collections::{BTreeMap, BTreeSet};

const MISSING: &str = "RuleNotFound";

impl State {
    fn create_rule(&mut self, new: &NewRule) -> Outcome<Arn> {
        let balancer = found(self.listeners.get(&new.listener), "ListenerNotFound")?
            .balancer
            .clone();
        valid((1..=50_000).contains(&new.priority))?;
        check::tags(&new.tags)?;
        let of_listener = self.rules_of(&new.listener);
        let taken = of_listener
            .iter()
            .filter_map(|arn| self.rules.get(arn))
            .any(|kept| kept.of.priority == new.priority);
        if taken {
            return Err((ErrorKind::Conflict, "PriorityInUse"));
        }
        self.check_rule(&new.settings)?;
        self.check_before(&new.settings, &new.listener)?;
        self.check_action(&new.settings.action, &balancer, None)?;
        let present: usize = self
            .listeners_of(&balancer)
            .iter()
            .map(|listener| self.rules_of(listener).len())
            .sum();
        let most = usize::try_from(self.limits.rules).unwrap_or(usize::MAX);
        quota(present < most, "TooManyRules")?;
        let arn = self.make("listener-rule", &new.tags);
        let of = Rule {
            arn: arn.clone(),
            priority: new.priority,
            settings: Seen::Known(new.settings.told()),
        };
        let listener = new.listener.clone();
        self.rules.insert(arn.clone(), KeptRule { listener, of });
        Ok(arn)
    }

    /// Rules may swap: only the new order must be free of conflicts (`API_SetRulePriorities`).
    fn set_priorities(&mut self, priorities: &BTreeMap<Arn, u16>) -> Outcome<()> {
        let mut listeners = BTreeSet::new();
        for (arn, priority) in priorities {
            valid((1..=50_000).contains(priority))?;
            listeners.insert(found(self.rules.get(arn), MISSING)?.listener.clone());
        }
        valid(listeners.len() == 1)?;
        let mut taken = BTreeSet::new();
        for kept in self
            .rules
            .values()
            .filter(|kept| listeners.contains(&kept.listener))
        {
            let priority = priorities.get(&kept.of.arn).unwrap_or(&kept.of.priority);
            if !taken.insert(*priority) {
                return Err((ErrorKind::Conflict, "PriorityInUse"));
            }
        }
        for (arn, priority) in priorities {
            if let Some(kept) = self.rules.get_mut(arn) {
                kept.of.priority = *priority;
            }
        }
        Ok(())
    }
}

impl Rules for Connection {
    async fn rules(&self, listener: &Arn) -> Answer<Vec<Rule>> {
        self.read_many("DescribeRules", (100, 0), |state| {
            found(state.listeners.get(listener), "ListenerNotFound")?;
            let rules = state.rules.values().filter(|kept| kept.listener == *listener);
            Ok(rules.map(|kept| kept.of.clone()).collect())
        })
        .await
    }

    async fn create_rule(&self, new: &NewRule) -> Answer<Arn> {
        let what = (
            Action::Create,
            format!("{}#{}", new.listener, new.priority).into(),
        );
        self.write("CreateRule", what, |state| state.create_rule(new))
            .await
    }

    async fn modify_rule(&self, rule: &Arn, settings: &RuleSettings) -> Answer<()> {
        let what = (Action::Update, rule.0.clone());
        self.write("ModifyRule", what, |state| {
            let listener = found(state.rules.get(rule), MISSING)?.listener.clone();
            let balancer = found(state.listeners.get(&listener), "ListenerNotFound")?
                .balancer
                .clone();
            state.check_rule(settings)?;
            state.check_before(settings, &listener)?;
            state.check_action(&settings.action, &balancer, Some(rule))?;
            if let Some(kept) = state.rules.get_mut(rule) {
                kept.of.settings = Seen::Known(settings.told());
            }
            Ok(())
        })
        .await
    }

    async fn set_rule_priorities(&self, priorities: &BTreeMap<Arn, u16>) -> Answer<()> {
        let what = (Action::Update, format!("{} rules", priorities.len()).into());
        self.write("SetRulePriorities", what, |state| {
            state.set_priorities(priorities)
        })
        .await
    }

    async fn delete_rule(&self, rule: &Arn) -> Answer<()> {
        let what = (Action::Delete, rule.0.clone());
        self.write("DeleteRule", what, |state| {
            found(state.rules.remove(rule), MISSING)?;
            state.forget(Kind::Rule, rule);
            Ok(())
        })
        .await
    }
}
