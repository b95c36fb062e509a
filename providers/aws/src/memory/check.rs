//! What AWS accepts.

use super::state::{State, groups_of};
use super::{Outcome, Refusal};
use crate::cloud::{Action, Arn, RuleSettings};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::before::Before;
use gatewright_aws_core::alb::rule::{Conditions, Values};
use gatewright_provider_api::contract::ErrorKind;
use std::collections::BTreeSet;

pub(super) const INVALID: Refusal = (ErrorKind::Invalid, "ValidationError");

pub(super) fn quota(holds: bool, code: &'static str) -> Outcome<()> {
    if holds {
        Ok(())
    } else {
        Err((ErrorKind::QuotaExceeded, code))
    }
}

pub(super) fn valid(holds: bool) -> Outcome<()> {
    if holds { Ok(()) } else { Err(INVALID) }
}

/// `Name` of load balancers and target groups: "a maximum of 32 characters, must contain only alphanumeric
/// characters or hyphens, must not begin or end with a hyphen, and must not begin with internal-"
/// (`API_CreateLoadBalancer`).
pub(super) fn name(name: &str) -> Outcome<()> {
    let characters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let ends = !name.starts_with('-') && !name.ends_with('-') && !name.starts_with("internal-");
    valid(!name.is_empty() && name.len() <= 32 && characters && ends)
}

/// `API_Tag`: 128 and 256 characters; 50 tags for each resource ("Tag restrictions").
pub(super) fn tags(tags: &Tags) -> Outcome<()> {
    quota(tags.len() <= 50, "TooManyTags")?;
    valid(
        tags.iter()
            .all(|(key, value)| (1..=128).contains(&key.len()) && value.len() <= 256),
    )
}

impl State {
    /// A rule: `API_CreateRule`, `API_RuleCondition`, "Quotas for your Application Load Balancers".
    pub fn check_rule(&self, settings: &RuleSettings) -> Outcome<()> {
        let (values, wildcards) = values(&settings.conditions)?;
        valid(values > 0)?;
        let limit = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
        valid(values <= limit(self.limits.values_per_rule))?;
        valid(wildcards <= limit(self.limits.wildcards_per_rule))
    }

    /// "a rule for an HTTPS listener can also include one of the following user authentication actions" (`API_CreateRule`);
    /// `ClientSecret` "is required if you are creating a rule" (`API_AuthenticateOidcActionConfig`).
    pub fn check_before(&self, settings: &RuleSettings, listener: &Arn) -> Outcome<()> {
        let Some(before) = &settings.before else {
            return Ok(());
        };
        let tls = self
            .listeners
            .get(listener)
            .is_some_and(|kept| kept.of.tls.is_some());
        valid(tls)?;
        match before {
            Before::Oidc(oidc) => valid(oidc.client_secret.is_some() && oidc.login.extra.len() <= 10),
            Before::Cognito(cognito) => valid(cognito.login.extra.len() <= 10),
            Before::Jwt(jwt) => valid(jwt.claims.len() <= 10),
        }
    }

    /// An action on a load balancer, beside all others that it has but this one.
    pub fn check_action(&self, action: &Action, balancer: &Arn, instead_of: Option<&Arn>) -> Outcome<()> {
        match action {
            Action::Redirect(redirect) => {
                let itself = [
                    (&*redirect.protocol, "#{protocol}"),
                    (&*redirect.host, "#{host}"),
                    (&*redirect.port, "#{port}"),
                    (&*redirect.path, "/#{path}"),
                    (&*redirect.query, "#{query}"),
                ];
                valid(!itself.iter().all(|(value, same)| value == same))?;
                return valid(matches!(redirect.status, 301 | 302));
            }
            Action::Fixed(fixed) => {
                valid(matches!(fixed.status, 200..=299 | 400..=599))?;
                let types = [
                    "text/plain",
                    "text/css",
                    "text/html",
                    "application/javascript",
                    "application/json",
                ];
                valid(types.contains(&&*fixed.content_type))?;
                return valid(fixed.body.chars().count() <= 1024);
            }
            Action::Forward(forward) => {
                valid(!forward.groups.is_empty())?;
                let most = usize::try_from(self.limits.target_groups_per_action).unwrap_or(usize::MAX);
                quota(forward.groups.len() <= most, "TooManyTargetGroups")?;
                valid(forward.groups.values().all(|weight| *weight <= 999))?;
                valid(
                    forward
                        .stickiness_s
                        .is_none_or(|seconds| (1..=604_800).contains(&seconds)),
                )?;
            }
        }
        let mut unique: BTreeSet<&Arn> = groups_of(action).collect();
        for group in &unique {
            if !self.target_groups.contains_key(*group) {
                return Err((ErrorKind::NotFound, "TargetGroupNotFound"));
            }
            let others = self.balancers_of(group);
            quota(
                others.iter().all(|other| other == balancer),
                "TargetGroupAssociationLimit",
            )?;
        }
        let actions = self.actions();
        unique.extend(
            actions
                .iter()
                .filter(|(of, holder, _)| of == balancer && Some(holder) != instead_of)
                .flat_map(|(_, _, action)| groups_of(action)),
        );
        let most = usize::try_from(self.limits.target_groups).unwrap_or(usize::MAX);
        quota(unique.len() <= most, "TooManyUniqueTargetGroupsPerLoadBalancer")
    }
}

/// How many values and wildcards conditions have.
fn values(conditions: &Conditions) -> Outcome<(usize, usize)> {
    let headers = conditions.headers.iter().map(|header| &header.values);
    let all = conditions.host.iter().chain(&conditions.path).chain(headers);
    let (mut literal, mut expressions): (Vec<&Str>, Vec<&Str>) = (Vec::new(), Vec::new());
    for values in all {
        match values {
            Values::Wildcards(values) => literal.extend(values),
            Values::Regex(values) => expressions.extend(values),
        }
    }
    literal.extend(conditions.queries.iter().flatten().map(|query| &query.value));
    if let Some(Values::Wildcards(hosts)) = &conditions.host {
        valid(hosts.iter().all(|host| host.contains('.')))?;
    }
    let names = conditions.headers.iter().map(|header| header.name.len());
    valid(names.into_iter().all(|length| (1..=40).contains(&length)))?;
    valid(literal.iter().chain(&expressions).all(|value| value.len() <= 128))?;
    let count = literal.len() + expressions.len() + conditions.methods.len() + conditions.sources.len();
    Ok((count, literal.into_iter().map(|value| wildcards(value)).sum()))
}

fn wildcards(value: &str) -> usize {
    let mut escaped = false;
    let mut count = 0;
    for character in value.chars() {
        match character {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '*' | '?' if !escaped => count += 1,
            _ => {}
        }
        escaped = false;
    }
    count
}
