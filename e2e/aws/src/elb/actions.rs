//! Actions: `API_Action`, `guide/rule-action-types`.

use super::balancer::{Balancer, Kind};
use super::usage::{self, Site};
use super::wire::{Action, Forward, Stickiness, Weighted};
use super::{State, authenticate, redirect};
use crate::error::ApiError;
use serde_json::Value;
use std::collections::BTreeSet;

/// Where actions are to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listening<'a> {
    /// Load balancer.
    pub balancer: &'a Balancer,
    /// Protocol of the listener.
    pub protocol: &'a str,
    /// Its port.
    pub port: u16,
    /// The rule whose actions they replace.
    pub replaced: Option<&'a str>,
    /// Of which address type clients are, where the rule says so.
    pub source: Option<&'a str>,
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidLoadBalancerAction", message)
}

/// Actions of a call in their canonical form, checked against the listener and the target groups.
///
/// "Each rule must include exactly one of the following routing actions: forward, fixed-response, or redirect, and
/// it must be the last action to be performed. Optionally, a rule for an HTTPS listener can also include one of the
/// following user authentication actions: authenticate-oidc, authenticate-cognito, or jwt-validation."
///
/// # Errors
///
/// Those of `API_CreateRule` that are about actions and target groups.
pub(super) fn read(
    state: &State,
    asked: &[Value],
    listening: Listening<'_>,
) -> Result<Vec<Action>, ApiError> {
    let mut actions: Vec<Action> = Vec::with_capacity(asked.len());
    for value in asked {
        let action = serde_json::from_value(value.clone());
        actions.push(
            action.map_err(|error| ApiError::validation(format!("An action cannot be read: {error}")))?,
        );
    }
    order(&mut actions)?;
    let mut canonical = Vec::with_capacity(actions.len());
    for action in &actions {
        canonical.push(one(state, action, listening)?);
    }
    let groups = canonical
        .iter()
        .flat_map(usage::groups_of)
        .collect::<BTreeSet<String>>();
    let site = Site {
        balancer: listening.balancer,
        protocol: listening.protocol,
        replaced: listening.replaced,
        source: listening.source,
    };
    usage::check(state, &groups, site)?;
    Ok(canonical)
}

/// Kinds of actions, their number and order.
fn order(actions: &mut [Action]) -> Result<(), ApiError> {
    if actions.is_empty() {
        return Err(ApiError::validation("An action must be specified"));
    }
    if actions.len() > 2 {
        return Err(ApiError::new(
            "TooManyActions",
            "A rule can have at most 2 actions",
        ));
    }
    if actions.len() > 1 {
        let orders: BTreeSet<Option<u32>> = actions.iter().map(|action| action.order).collect();
        if orders.contains(&None) || orders.len() < actions.len() {
            return Err(invalid(
                "The actions of a rule with several ones must have different orders",
            ));
        }
        actions.sort_by_key(|action| action.order);
    }
    let routing = |action: &Action| matches!(action.kind.as_str(), "forward" | "redirect" | "fixed-response");
    let last = actions.last().is_some_and(routing);
    if !last || actions.iter().filter(|action| routing(action)).count() != 1 {
        return Err(invalid(
            "A rule must have exactly one forward, redirect or fixed-response action, as the last one",
        ));
    }
    Ok(())
}

fn one(state: &State, action: &Action, listening: Listening<'_>) -> Result<Action, ApiError> {
    let given: [(&str, bool); 6] = [
        (
            "forward",
            action.forward_config.is_some() || action.target_group_arn.is_some(),
        ),
        ("redirect", action.redirect_config.is_some()),
        ("fixed-response", action.fixed_response_config.is_some()),
        ("authenticate-oidc", action.authenticate_oidc_config.is_some()),
        (
            "authenticate-cognito",
            action.authenticate_cognito_config.is_some(),
        ),
        ("jwt-validation", action.jwt_validation_config.is_some()),
    ];
    for (kind, is_given) in given {
        if is_given && kind != action.kind {
            return Err(ApiError::validation(format!(
                "The action of type '{}' has a configuration of '{kind}'",
                action.kind
            )));
        }
        if !is_given && kind == action.kind {
            return Err(ApiError::validation(format!(
                "The action of type '{kind}' has no configuration"
            )));
        }
    }
    // "\[Network Load Balancers\] the default action must be forward" (network/load-balancer-listeners).
    if listening.balancer.kind == Kind::Network && action.kind != "forward" {
        return Err(invalid(format!(
            "The action '{}' is not supported for Network Load Balancers",
            action.kind
        )));
    }
    let mut canonical = action.clone();
    match action.kind.as_str() {
        "forward" => {
            let forward = forward(state, action, listening.balancer.kind)?;
            canonical.target_group_arn = match forward.target_groups.as_slice() {
                [single] => single.target_group_arn.clone(),
                _ => None,
            };
            canonical.forward_config = Some(forward);
        }
        "redirect" => {
            let asked = action.redirect_config.as_ref();
            let full = asked
                .map(|asked| redirect::redirect(asked, listening.protocol, listening.port))
                .transpose()?;
            canonical.redirect_config = full;
        }
        "fixed-response" => {
            canonical.fixed_response_config = action
                .fixed_response_config
                .as_ref()
                .map(redirect::fixed_response)
                .transpose()?;
        }
        kind => {
            if listening.protocol != "HTTPS" {
                return Err(invalid(format!(
                    "The action '{kind}' is only for HTTPS listeners"
                )));
            }
            let kept = listening.replaced.and_then(|arn| state.rules.get(arn));
            let mut kept = kept.into_iter().flat_map(|rule| &rule.actions);
            let kept = kept.find_map(|action| action.authenticate_oidc_config.as_ref());
            let oidc = |config| authenticate::oidc(config, kept);
            let cognito = action.authenticate_cognito_config.as_ref();
            let jwt = action.jwt_validation_config.as_ref();
            canonical.authenticate_oidc_config =
                action.authenticate_oidc_config.as_ref().map(oidc).transpose()?;
            canonical.authenticate_cognito_config = cognito.map(authenticate::cognito).transpose()?;
            canonical.jwt_validation_config = jwt.map(authenticate::jwt).transpose()?;
        }
    }
    Ok(canonical)
}

/// `API_ForwardActionConfig`, `API_TargetGroupTuple`, `API_TargetGroupStickinessConfig`.
fn forward(state: &State, action: &Action, balancer: Kind) -> Result<Forward, ApiError> {
    let single = |arn: &String| Weighted {
        target_group_arn: Some(arn.clone()),
        weight: None,
    };
    let mut forward = match (&action.forward_config, &action.target_group_arn) {
        (None, None) => Forward::default(),
        (None, Some(arn)) => Forward {
            target_groups: vec![single(arn)],
            target_group_stickiness_config: None,
        },
        (Some(config), None) => config.clone(),
        (Some(config), Some(arn)) => {
            // "you can specify only one target group using ForwardConfig and it must be the same target group
            // specified in TargetGroupArn"
            let same = matches!(config.target_groups.as_slice(), [one] if one.target_group_arn.as_ref() == Some(arn));
            if !same {
                return Err(ApiError::validation(
                    "TargetGroupArn and ForwardConfig must name the same single target group",
                ));
            }
            config.clone()
        }
    };
    if forward.target_groups.is_empty() {
        return Err(ApiError::validation(
            "A target group must be specified for a forward action",
        ));
    }
    let most = state.limits.get(match balancer {
        Kind::Application => "target-groups-per-action-on-application-load-balancer",
        Kind::Network => "target-groups-per-action-on-network-load-balancer",
    });
    if forward.target_groups.len() as u64 > most {
        let message = format!("A forward action can have at most {most} target groups");
        return Err(invalid(message));
    }
    let mut seen = BTreeSet::new();
    for weighted in &mut forward.target_groups {
        let Some(arn) = &weighted.target_group_arn else {
            return Err(ApiError::validation(
                "The ARN of a target group must be specified",
            ));
        };
        if !seen.insert(arn.clone()) {
            return Err(ApiError::validation(format!(
                "Target group '{arn}' is specified more than once"
            )));
        }
        let weight = weighted.weight.unwrap_or(1);
        if !(0..=999).contains(&weight) {
            return Err(ApiError::validation(format!(
                "The weight '{weight}' must be between 0 and 999"
            )));
        }
        weighted.weight = Some(weight);
    }
    let stickiness = forward.target_group_stickiness_config.take().unwrap_or_default();
    // network/edit-target-group-attributes knows stickiness of targets alone.
    if stickiness.enabled && balancer == Kind::Network {
        return Err(invalid(
            "Target group stickiness is not supported for Network Load Balancers",
        ));
    }
    // "The range is 1-604800 seconds (7 days). You must specify this value when enabling target group stickiness."
    if stickiness.enabled && stickiness.duration_seconds.is_none() {
        return Err(ApiError::validation(
            "The duration must be specified when target group stickiness is enabled",
        ));
    }
    if stickiness
        .duration_seconds
        .is_some_and(|seconds| !(1..=604_800).contains(&seconds))
    {
        return Err(ApiError::validation(
            "The duration of target group stickiness must be between 1 and 604800 seconds",
        ));
    }
    forward.target_group_stickiness_config = Some(Stickiness { ..stickiness });
    Ok(forward)
}
