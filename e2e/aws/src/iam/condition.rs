//! Conditions of statements:
//! [operators](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).

use super::policy::like;
use super::request::Request;

/// A condition: how a key is compared.
pub(super) struct Condition<'a> {
    key: &'a str,
    comparison: Comparison,
    negated: bool,
    /// An absent key fulfils it.
    if_exists: bool,
    quantity: Quantity,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equals,
    EqualsIgnoringCase,
    Like,
    Bool,
    Null,
}

/// How keys with several values are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Single,
    All,
    Any,
}

/// Keys whose values are known here; those that end in `/` stand for all that begin so. That of IAM is there
/// because policies for load balancing have it; no call of IAM is served, so that it never has a value.
const KEYS: [&str; 12] = [
    "aws:ResourceTag/",
    "aws:RequestTag/",
    "aws:TagKeys",
    "aws:RequestedRegion",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "ec2:ResourceTag/",
    "ec2:CreateAction",
    "ec2:Vpc",
    "elasticloadbalancing:ResourceTag/",
    "elasticloadbalancing:CreateAction",
    "iam:AWSServiceName",
];

impl<'a> Condition<'a> {
    /// Reads an operator and a key.
    pub(super) fn read(operator: &str, key: &'a str) -> Result<Self, String> {
        let (quantity, rest) = match operator.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantity::All, rest),
            Some(("ForAnyValue", rest)) => (Quantity::Any, rest),
            Some((other, _)) => return Err(format!("the set operator {other} is not known")),
            None => (Quantity::Single, operator),
        };
        let (if_exists, rest) = rest
            .strip_suffix("IfExists")
            .map_or((false, rest), |rest| (true, rest));
        let (comparison, negated) = match rest {
            "StringEquals" | "ArnEquals" => (Comparison::Equals, false),
            "StringNotEquals" | "ArnNotEquals" => (Comparison::Equals, true),
            "StringEqualsIgnoreCase" => (Comparison::EqualsIgnoringCase, false),
            "StringNotEqualsIgnoreCase" => (Comparison::EqualsIgnoringCase, true),
            "StringLike" | "ArnLike" => (Comparison::Like, false),
            "StringNotLike" | "ArnNotLike" => (Comparison::Like, true),
            "Bool" => (Comparison::Bool, false),
            "Null" => (Comparison::Null, false),
            other => return Err(format!("the operator {other} is not known here")),
        };
        let known = |known: &str| {
            if known.ends_with('/') {
                key.get(..known.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(known))
            } else {
                key.eq_ignore_ascii_case(known)
            }
        };
        if !KEYS.iter().any(|key| known(key)) {
            return Err(format!(
                "the condition key {key} is not known here; known are {}",
                KEYS.join(", ")
            ));
        }
        Ok(Self {
            key,
            comparison,
            negated,
            if_exists,
            quantity,
        })
    }

    /// True when a request fulfils it.
    pub(super) fn holds(&self, request: &Request, wanted: &[String]) -> bool {
        let found = request.values(self.key);
        if self.comparison == Comparison::Null {
            return wanted.iter().any(|wanted| (wanted == "true") == found.is_none());
        }
        let Some(found) = found else {
            // A negated comparison and one of all of no values hold without the key.
            return self.if_exists || self.negated || self.quantity == Quantity::All;
        };
        let fits = |value: &String| {
            let one = wanted.iter().any(|wanted| match self.comparison {
                Comparison::Equals | Comparison::Null => wanted == value,
                Comparison::EqualsIgnoringCase | Comparison::Bool => wanted.eq_ignore_ascii_case(value),
                Comparison::Like => like(wanted, value),
            });
            one != self.negated
        };
        match self.quantity {
            Quantity::Single | Quantity::All => found.iter().all(fits),
            Quantity::Any => found.iter().any(fits),
        }
    }
}
