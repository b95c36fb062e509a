//! Which rule of a listener serves a request, and what it makes of it: no IO, no time, no randomness of its own.
//!
//! Written from AWS's pages alone. Each module says what they document and what is assumed where they are silent:
//!
//! * <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html>
//! * <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>
//! * <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html>
//! * <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html>
//! * <https://docs.aws.amazon.com/vpc-lattice/latest/ug/listener-rules.html>

mod action;
mod before;
mod condition;
mod expression;
mod lattice;
mod query;
mod redirect;
mod request;
mod rules;
mod transform;
mod wildcard;

pub use action::{Action, ActionError, Fixed, Forward, Weighted};
pub use before::{Before, Denied, Key, Login, RETURN, TokenCheck, Unauthenticated};
pub use condition::ConditionError;
pub use expression::{ExpressionError, check_regex};
pub use redirect::Redirect;
pub use request::Request;
pub(in crate::traffic) use request::without_port;
pub use rules::{RuleError, Rules, ServedRule};
pub use transform::{Failed, Rewritten, TransformError, Transforms};

#[cfg(test)]
mod tests;
