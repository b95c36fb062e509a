//! Rules.

use super::convert::{action, condition, rule, tags_to_elb};
use super::{ELB, failed, gone_is_fine, odd};
use crate::Account;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Answer, Arn, CloudError, NewRule, Rule, RuleSettings, Rules};
use gatewright_aws_core::alb::before::Before;
use std::collections::BTreeMap;

/// What AWS says of a rule is passed on, but not the secret of a client, should it repeat that.
fn without_secret(mut error: CloudError, settings: &RuleSettings) -> CloudError {
    if let Some(Before::Oidc(oidc)) = &settings.before
        && let Some(secret) = &oidc.client_secret
    {
        error.message = error.message.replace(secret.expose(), "<secret>");
    }
    error
}

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
            before,
            action,
        } = settings;
        let transforms = rule::transforms_to_sdk(transforms);
        let request = self
            .elb
            .create_rule()
            .listener_arn(&*listener.0)
            .priority(i32::from(*priority))
            .set_conditions(Some(condition::to_sdk(conditions)))
            .set_actions(Some(action::all_to_sdk(before.as_ref(), action)))
            .set_transforms(Some(transforms).filter(|transforms| !transforms.is_empty()))
            .set_tags(tags_to_elb(tags));
        let answer = request.send().await.map_err(failed(ELB, operation));
        let answer = answer.map_err(|error| without_secret(error, settings))?;
        let made = answer.rules().first().and_then(sdk::Rule::rule_arn);
        made.map(|arn| Arn(arn.into()))
            .ok_or_else(|| odd(operation, "no ARN in the answer"))
    }

    async fn modify_rule(&self, arn: &Arn, settings: &RuleSettings) -> Answer<()> {
        let RuleSettings {
            conditions,
            transforms,
            before,
            action,
        } = settings;
        let transforms = rule::transforms_to_sdk(transforms);
        let request = self
            .elb
            .modify_rule()
            .rule_arn(&*arn.0)
            .set_conditions(Some(condition::to_sdk(conditions)))
            .set_actions(Some(action::all_to_sdk(before.as_ref(), action)));
        // "If you specify ResetTransforms, you can't specify Transforms", and without either those of before stay:
        // https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyRule.html
        let request = if transforms.is_empty() {
            request.reset_transforms(true)
        } else {
            request.set_transforms(Some(transforms))
        };
        let answer = request.send().await.map_err(failed(ELB, "ModifyRule"));
        answer.map_err(|error| without_secret(error, settings))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_aws_core::Secret;
    use gatewright_aws_core::alb::before::{Login, Oidc};
    use gatewright_aws_core::alb::rule::{Conditions, FixedResponse, Transforms};
    use gatewright_provider_api::contract::ErrorKind;

    #[test]
    fn a_secret_that_aws_repeats_is_not_passed_on() {
        let url = || "https://login.example/".into();
        let settings = RuleSettings {
            conditions: Conditions::default(),
            transforms: Transforms::default(),
            before: Some(Before::Oidc(Oidc {
                issuer: url(),
                authorization_endpoint: url(),
                token_endpoint: url(),
                user_info_endpoint: url(),
                client_id: "shop".into(),
                client_secret: Some(Secret::new("hidden-word".to_owned())),
                login: Login::default(),
            })),
            action: gatewright_aws::cloud::Action::Fixed(FixedResponse::bare(404)),
        };
        let error = CloudError {
            kind: ErrorKind::Invalid,
            operation: "CreateRule",
            code: "ValidationError".into(),
            message: "ClientSecret 'hidden-word' of client shop is too short".to_owned(),
        };
        let told = without_secret(error, &settings).to_string();
        assert!(
            told.contains("of client shop is too short") && !told.contains("hidden"),
            "{told}"
        );
    }
}
