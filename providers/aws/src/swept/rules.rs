//! Rules of listeners.

use super::known::Known;
use super::{On, Swept};
use crate::cloud::{Action, Answer, Arn, Cloud, NewRule, Rule, RuleSettings, Rules, Seen};
use std::collections::{BTreeMap, BTreeSet};

const ON: On<Vec<Rule>> = |known| &mut known.rules;

/// A rule becomes another, or none: what is known of it is on its listener.
fn change(known: &mut Known, rule: &Arn, after: Option<&Action>) {
    let Some(listener) = known.parent(rule) else {
        return;
    };
    let found = known.rules.get(&listener).and_then(|(rules, _)| {
        let found = rules.iter().find(|found| found.arn == *rule)?;
        match &found.settings {
            Seen::Known(settings) => Some(settings.action.clone()),
            Seen::Other(_) => None,
        }
    });
    // Not known any more after the write: that was seen to before it.
    if found.is_some() {
        known.reassociate(found.as_ref(), after);
    }
    known.drop(ON, &listener);
}

/// What a rule is about: it may refer to a target group that is gone.
fn about<'a>(arn: &'a Arn, settings: &'a RuleSettings) -> Vec<&'a Arn> {
    let groups = match &settings.action {
        Action::Forward(forward) => Some(forward.groups.keys()),
        _ => None,
    };
    groups.into_iter().flatten().chain([arn]).collect()
}

impl<C: Cloud> Rules for Swept<C> {
    async fn rules(&self, listener: &Arn) -> Answer<Vec<Rule>> {
        let read = async {
            let found = self.0.cloud.rules(listener).await?;
            // One call more for each further hundred.
            self.count(found.len() / 100);
            let arns = found.iter().map(|rule| rule.arn.clone()).collect();
            self.known(|known| known.set_children(listener, arns));
            Ok(found)
        };
        self.one(ON, listener, read).await
    }

    /// AWS makes another one each time: what it answers is ours, with these tags.
    async fn create_rule(&self, new: &NewRule) -> Answer<Arn> {
        let touch = |known: &mut Known| {
            known.reassociate(None, Some(&new.settings.action));
            known.drop(ON, &new.listener);
        };
        let about = about(&new.listener, &new.settings);
        let arn = self.write(&about, touch, self.0.cloud.create_rule(new)).await?;
        self.known(|known| {
            let ticket = known.ticket();
            known.put(|known| &mut known.tags, &arn, Some(new.tags.clone()), ticket);
        });
        Ok(arn)
    }

    async fn modify_rule(&self, rule: &Arn, settings: &RuleSettings) -> Answer<()> {
        let touch = |known: &mut Known| change(known, rule, Some(&settings.action));
        let about = about(rule, settings);
        self.write(&about, touch, self.0.cloud.modify_rule(rule, settings))
            .await
    }

    async fn set_rule_priorities(&self, priorities: &BTreeMap<Arn, u16>) -> Answer<()> {
        let touch = |known: &mut Known| {
            let listeners: BTreeSet<Arn> = priorities.keys().filter_map(|rule| known.parent(rule)).collect();
            for listener in listeners {
                known.drop(ON, &listener);
            }
        };
        let about: Vec<&Arn> = priorities.keys().collect();
        self.write(&about, touch, self.0.cloud.set_rule_priorities(priorities))
            .await
    }

    async fn delete_rule(&self, rule: &Arn) -> Answer<()> {
        let touch = |known: &mut Known| change(known, rule, None);
        self.write(&[rule], touch, self.0.cloud.delete_rule(rule)).await?;
        self.known(|known| known.deleted(rule));
        Ok(())
    }
}
