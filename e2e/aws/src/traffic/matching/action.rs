//! Actions of a rule.
//!
//! Documented (rule-action-types): exactly one of `forward`, `redirect` and `fixed-response`, which comes last;
//! requests are distributed to the groups of a `forward` by weight, 0 to 999, whatever the health of their targets.
//!
//! Assumed: a weight that is not given is 1; a `forward` whose weights are all 0 has no group to go to.

use super::before::is_before;
use super::redirect::Redirect;
use crate::traffic::config::{self, Arn};

/// Why an action cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// None of the three.
    #[error("there is no forward, redirect or fixed-response action")]
    Missing,
    /// Its members do not say what to do.
    #[error("the {0} action is not complete")]
    Incomplete(String),
    /// Another kind.
    #[error("{0} actions are not served")]
    Unserved(String),
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes to a target.
    Forward(Forward),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// It is answered.
    Fixed(Fixed),
}

/// `forward`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Groups and their weights.
    pub groups: Vec<Weighted>,
    /// How long a client stays with its group, in seconds; none when it does not.
    pub sticky_s: Option<u32>,
}

/// A group of a `forward`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighted {
    /// Target group.
    pub group: Arn,
    /// Weight.
    pub weight: u32,
}

/// `fixed-response`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// Body.
    pub body: String,
}

impl Forward {
    /// Sum of the weights.
    pub fn total(&self) -> u64 {
        self.groups.iter().map(|group| u64::from(group.weight)).sum()
    }

    /// The group that a ticket falls to: of tickets spread evenly from 0 to below [`Self::total`], each group gets
    /// its share. None when there is no weight at all.
    pub fn draw(&self, ticket: u64) -> Option<&Arn> {
        let mut left = ticket.checked_rem(self.total())?;
        for group in &self.groups {
            match left.checked_sub(u64::from(group.weight)) {
                Some(rest) => left = rest,
                None => return Some(&group.group),
            }
        }
        None
    }
}

impl Action {
    /// Reads the actions of a rule.
    pub(super) fn new(actions: &[config::Action]) -> Result<Self, ActionError> {
        let mut decided = None;
        for action in actions.iter().filter(|action| !is_before(&action.kind)) {
            let incomplete = || ActionError::Incomplete(action.kind.clone());
            decided = Some(match action.kind.as_str() {
                "forward" => Self::Forward(forward(action).ok_or_else(incomplete)?),
                "redirect" => {
                    let redirect = action.redirect_config.as_ref().and_then(Redirect::new);
                    Self::Redirect(redirect.ok_or_else(incomplete)?)
                }
                "fixed-response" => Self::Fixed(fixed(action).ok_or_else(incomplete)?),
                other => return Err(ActionError::Unserved(other.to_owned())),
            });
        }
        decided.ok_or(ActionError::Missing)
    }
}

fn forward(action: &config::Action) -> Option<Forward> {
    let Some(config) = &action.forward_config else {
        let group = action.target_group_arn.clone()?;
        return Some(Forward {
            groups: vec![Weighted { group, weight: 1 }],
            sticky_s: None,
        });
    };
    let groups = config
        .target_groups
        .iter()
        .map(|tuple| Weighted {
            group: tuple.target_group_arn.clone(),
            weight: tuple.weight.unwrap_or(1),
        })
        .collect();
    let sticky = config
        .target_group_stickiness_config
        .as_ref()
        .filter(|sticky| sticky.enabled);
    let sticky_s = sticky.map(|sticky| sticky.duration_seconds.unwrap_or(1));
    Some(Forward { groups, sticky_s })
}

fn fixed(action: &config::Action) -> Option<Fixed> {
    let config = action.fixed_response_config.as_ref()?;
    Some(Fixed {
        status: config.status_code.parse().ok()?,
        content_type: config.content_type.clone(),
        body: config.message_body.clone().unwrap_or_default(),
    })
}
