//! Policy documents:
//! [grammar](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).

use super::condition::Condition;
use super::request::Request;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why a policy cannot be used.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// It is no policy document.
    #[error("the policy cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A part of it is not served.
    #[error("statement {statement}: {what}")]
    Unusable {
        /// Its `Sid`, or its number from 1.
        statement: String,
        /// What is wrong, and what is accepted.
        what: String,
    },
}

/// An identity-based policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Policy {
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    statement: OneOrMore<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    effect: Effect,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<OneOrMore<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_action: Option<OneOrMore<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<OneOrMore<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_resource: Option<OneOrMore<String>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    condition: BTreeMap<String, BTreeMap<String, OneOrMore<String>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// A thing or a list of them, as policies may have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

/// What a policy says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A statement allows it, none denies it.
    Allowed,
    /// A statement denies it.
    Denied,
    /// No statement is about it.
    Silent,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    ///
    /// Names the statement that cannot be used, and why.
    pub fn read(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = serde_json::from_str(text)?;
        for (index, statement) in policy.statement.as_slice().iter().enumerate() {
            let name = || statement.sid.clone().unwrap_or_else(|| (index + 1).to_string());
            let unusable = |what: String| PolicyError::Unusable {
                statement: name(),
                what,
            };
            if statement.action.is_some() == statement.not_action.is_some() {
                return Err(unusable("it needs either Action or NotAction".to_owned()));
            }
            if statement.resource.is_some() == statement.not_resource.is_some() {
                return Err(unusable("it needs either Resource or NotResource".to_owned()));
            }
            for (operator, keys) in &statement.condition {
                for key in keys.keys() {
                    Condition::read(operator, key).map_err(unusable)?;
                }
            }
        }
        Ok(policy)
    }

    pub(super) fn decide(&self, request: &Request) -> Verdict {
        let mut verdict = Verdict::Silent;
        for statement in self.statement.as_slice() {
            if statement.is_about(request) {
                match statement.effect {
                    Effect::Deny => return Verdict::Denied,
                    Effect::Allow => verdict = Verdict::Allowed,
                }
            }
        }
        verdict
    }
}

impl Statement {
    fn is_about(&self, request: &Request) -> bool {
        let any = |patterns: &OneOrMore<String>, value: &str| {
            patterns.as_slice().iter().any(|pattern| like(pattern, value))
        };
        // Actions are the same in upper and lower case.
        let action = request.action.to_ascii_lowercase();
        let is_action = |patterns: &OneOrMore<String>| {
            patterns
                .as_slice()
                .iter()
                .any(|p| like(&p.to_ascii_lowercase(), &action))
        };
        self.action.as_ref().is_none_or(is_action)
            && !self.not_action.as_ref().is_some_and(is_action)
            && self
                .resource
                .as_ref()
                .is_none_or(|patterns| any(patterns, &request.resource))
            && !self
                .not_resource
                .as_ref()
                .is_some_and(|patterns| any(patterns, &request.resource))
            && self.condition.iter().all(|(operator, keys)| {
                keys.iter().all(|(key, wanted)| {
                    Condition::read(operator, key)
                        .is_ok_and(|condition| condition.holds(request, wanted.as_slice()))
                })
            })
    }
}

/// True when a text matches a pattern in which `*` stands for any text and `?` for one character.
pub(super) fn like(pattern: &str, value: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let value: Vec<char> = value.chars().collect();
    let (mut at, mut of) = (0, 0);
    // Where the last `*` stands, and up to where it reaches.
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = value.get(of) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => {
                at += 1;
                of += 1;
            }
            _ => match star {
                Some((position, reached)) => {
                    star = Some((position, reached + 1));
                    at = position + 1;
                    of = reached + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|symbol| *symbol == '*')
}
