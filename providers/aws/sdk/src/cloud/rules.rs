//! Rules.

use super::convert::{action, condition, rule, tags_to_elb};
use super::{ELB, failed, gone_is_fine, odd};
use crate::Account;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Answer, Arn, NewRule, Rule, RuleSettings, Rules};
use std::collections::BTreeMap;

impl Rules for Account {
    async fn rules(&self, listener: &Arn) -> Answer<Vec<Rule>> {
        let operation = "DescribeRules";
        let request = self.elb.describe_rules().listener_arn(&*listener.0);
        let items = request.into_paginator().items().send().try_collect().await;
        let items = items.map_err(failed(ELB, operation))?;
        let read = |one| match rule::from_sdk(one) {
            Ok(rule) => rule.map(Ok),
            Err(field) => Some(Err(odd(operation, format_args!("{field} is missing or new")))),
        };
        items.iter().filter_map(read).collect()
    }

    async fn create_rule(&self, new: &NewRule) -> Answer<Arn> {
        let operation = "CreateRule";
        let NewRule {
            listener,
            priority,
            settings,
            tags,
        } = new;
        let RuleSettings {
            conditions,
            transforms,
            action,
        } = settings;
        let transforms = rule::transforms_to_sdk(transforms);
        let request = self
            .elb
            .create_rule()
            .listener_arn(&*listener.0)
            .priority(i32::from(*priority))
            .set_conditions(Some(condition::to_sdk(conditions)))
            .actions(action::to_sdk(action))
            .set_transforms(Some(transforms).filter(|transforms| !transforms.is_empty()))
            .set_tags(tags_to_elb(tags));
        let answer = request.send().await.map_err(failed(ELB, operation))?;
        let made = answer.rules().first().and_then(sdk::Rule::rule_arn);
        made.map(|arn| Arn(arn.into()))
            .ok_or_else(|| odd(operation, "no ARN in the answer"))
    }

    async fn modify_rule(&self, arn: &Arn, settings: &RuleSettings) -> Answer<()> {
        let RuleSettings {
            conditions,
            transforms,
            action,
        } = settings;
        let transforms = rule::transforms_to_sdk(transforms);
        let request = self
            .elb
            .modify_rule()
            .rule_arn(&*arn.0)
            .set_conditions(Some(condition::to_sdk(conditions)))
            .actions(action::to_sdk(action));
        // "If you specify ResetTransforms, you can't specify Transforms", and without either those of before stay:
        // https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyRule.html
        let request = if transforms.is_empty() {
            request.reset_transforms(true)
        } else {
            request.set_transforms(Some(transforms))
        };
        request.send().await.map_err(failed(ELB, "ModifyRule"))?;
        Ok(())
    }

    async fn set_rule_priorities(&self, priorities: &BTreeMap<Arn, u16>) -> Answer<()> {
        let mut request = self.elb.set_rule_priorities();
        for (arn, priority) in priorities {
            let pair = sdk::RulePriorityPair::builder()
                .rule_arn(&*arn.0)
                .priority(i32::from(*priority));
            request = request.rule_priorities(pair.build());
        }
        request.send().await.map_err(failed(ELB, "SetRulePriorities"))?;
        Ok(())
    }

    async fn delete_rule(&self, rule: &Arn) -> Answer<()> {
        let request = self.elb.delete_rule().rule_arn(&*rule.0);
        let answer = request.send().await.map_err(failed(ELB, "DeleteRule"));
        gone_is_fine(answer, || self.elb_exists(rule)).await
    }
}
