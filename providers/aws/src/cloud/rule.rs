//! Rules of listeners.

use super::{Answer, Arn};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::before::Before;
use gatewright_aws_core::alb::rule::{Conditions, FixedResponse, Redirect, Transforms};
use std::collections::BTreeMap;
use std::future::Future;

/// Something that somebody else may have written in a way that we never do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// In a form that we have a type for.
    Known(T),
    /// In another one: a short description.
    Other(Str),
}

/// A rule that exists, other than the default one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `RuleArn`.
    pub arn: Arn,
    /// `Priority`, 1 to 50,000.
    pub priority: u16,
    /// What it does.
    pub settings: Seen<RuleSettings>,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSettings {
    /// `Conditions`: header names and hosts in lower case.
    pub conditions: Conditions,
    /// `Transforms`.
    pub transforms: Transforms,
    /// `Actions`, the one in front of the last. Its secret is there only where it is to be written.
    pub before: Option<Before>,
    /// `Actions`, the last.
    pub action: Action,
}

impl RuleSettings {
    /// As AWS tells them: without a secret.
    #[must_use]
    pub fn told(&self) -> Self {
        Self {
            before: self.before.as_ref().map(Before::told),
            ..self.clone()
        }
    }
}

/// `Actions`: the one that serves, the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `forward`.
    Forward(Forward),
    /// `redirect`; fields that AWS left out have its defaults (`#{host}` and its like).
    Redirect(Redirect),
    /// `fixed-response`, of content type `text/plain`.
    Fixed(FixedResponse),
}

/// `ForwardConfig`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Target groups by ARN, with their weights, 0 to 999. AWS's weight of a group that names none is 1.
    pub groups: BTreeMap<Arn, u16>,
    /// `TargetGroupStickinessConfig`: seconds; none when it is not enabled.
    pub stickiness_s: Option<u32>,
}

/// A rule to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRule {
    /// Of this listener.
    pub listener: Arn,
    /// `Priority`.
    pub priority: u16,
    /// What it does.
    pub settings: RuleSettings,
    /// `Tags`.
    pub tags: Tags,
}

/// Calls about rules.
pub trait Rules {
    /// `DescribeRules` of a listener, without the default rule.
    fn rules(&self, listener: &Arn) -> impl Future<Output = Answer<Vec<Rule>>> + Send;

    /// `CreateRule`.
    fn create_rule(&self, new: &NewRule) -> impl Future<Output = Answer<Arn>> + Send;

    /// `ModifyRule`: conditions, transforms (`ResetTransforms` when there are none) and actions.
    fn modify_rule(&self, rule: &Arn, settings: &RuleSettings) -> impl Future<Output = Answer<()>> + Send;

    /// `SetRulePriorities`: all rules are of one listener. They may swap priorities.
    fn set_rule_priorities(&self, priorities: &BTreeMap<Arn, u16>)
    -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteRule`.
    fn delete_rule(&self, rule: &Arn) -> impl Future<Output = Answer<()>> + Send;
}
