//! Rules of a listener.
//!
//! Documented (listener-rules): rules are evaluated in priority order, from the lowest value to the highest; the
//! default rule, without conditions and transforms, is evaluated last.

use super::action::{Action, ActionError};
use super::before::Before;
use super::condition::{Condition, ConditionError};
use super::lattice::Matched;
use super::request::Request;
use super::transform::{TransformError, Transforms};
use crate::traffic::config::{self, Arn};

/// Why a rule cannot be served. The others are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A condition.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// Its actions.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// Its transforms.
    #[error(transparent)]
    Transform(#[from] TransformError),
}

/// Rules, ready to be evaluated.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// By priority, the default rule last.
    rules: Vec<ServedRule>,
}

/// A rule, ready to be evaluated.
#[derive(Clone, Debug)]
pub struct ServedRule {
    /// ARN.
    pub arn: Arn,
    /// What is asked of a request before.
    pub before: Option<Before>,
    /// What is done.
    pub action: Action,
    /// What changes before.
    pub transforms: Transforms,
    conditions: Vec<Condition>,
    lattice: Option<Matched>,
}

impl Rules {
    /// Reads rules, and says which of them cannot be served and why.
    pub fn new(rules: &[config::Rule]) -> (Self, Vec<(Arn, RuleError)>) {
        let mut sorted: Vec<&config::Rule> = rules.iter().collect();
        sorted.sort_by_key(|rule| rule.priority);
        let mut served = Self::default();
        let mut errors = Vec::new();
        for rule in sorted {
            match ServedRule::new(rule) {
                Ok(rule) => served.rules.push(rule),
                Err(e) => errors.push((rule.arn.clone(), e)),
            }
        }
        (served, errors)
    }

    /// The rule that serves a request. None only without a default rule.
    pub fn decide(&self, request: &Request<'_>) -> Option<&ServedRule> {
        self.rules.iter().find(|rule| rule.holds(request))
    }

    /// Target groups that a rule may forward to.
    pub fn groups(&self) -> impl Iterator<Item = &Arn> {
        self.rules
            .iter()
            .flat_map(|rule| match &rule.action {
                Action::Forward(forward) => forward.groups.as_slice(),
                Action::Redirect(_) | Action::Fixed(_) => &[],
            })
            .map(|weighted| &weighted.group)
    }
}

impl ServedRule {
    fn new(rule: &config::Rule) -> Result<Self, RuleError> {
        let conditions = rule
            .conditions
            .iter()
            .map(Condition::new)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            arn: rule.arn.clone(),
            before: Before::new(&rule.actions).map_err(ActionError::Incomplete)?,
            action: Action::new(&rule.actions)?,
            transforms: Transforms::new(&rule.transforms)?,
            conditions,
            lattice: rule.lattice.as_ref().map(Matched::new).transpose()?,
        })
    }

    fn holds(&self, request: &Request<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(request))
            && self.lattice.as_ref().is_none_or(|matched| matched.holds(request))
    }
}
