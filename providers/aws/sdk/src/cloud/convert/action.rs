//! Actions.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html>.

use super::before;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Action, Arn, Forward, Seen};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::before::Before;
use gatewright_aws_core::alb::rule::{FixedResponse, Redirect};
use std::collections::BTreeMap;

/// An action as the SDK takes it.
pub(in crate::cloud) fn to_sdk(action: &Action) -> sdk::Action {
    let built = sdk::Action::builder();
    match action {
        Action::Forward(forward) => built
            .r#type(sdk::ActionTypeEnum::Forward)
            .forward_config(forward_to_sdk(forward)),
        Action::Redirect(redirect) => built
            .r#type(sdk::ActionTypeEnum::Redirect)
            .redirect_config(redirect_to_sdk(redirect)),
        Action::Fixed(fixed) => built
            .r#type(sdk::ActionTypeEnum::FixedResponse)
            .fixed_response_config(fixed_to_sdk(fixed)),
    }
    .build()
}

fn forward_to_sdk(forward: &Forward) -> sdk::ForwardActionConfig {
    let mut config = sdk::ForwardActionConfig::builder();
    for (arn, weight) in &forward.groups {
        let group = sdk::TargetGroupTuple::builder()
            .target_group_arn(&*arn.0)
            .weight(i32::from(*weight));
        config = config.target_groups(group.build());
    }
    if let Some(seconds) = forward.stickiness_s {
        let stickiness = sdk::TargetGroupStickinessConfig::builder()
            .enabled(true)
            .duration_seconds(i32::try_from(seconds).unwrap_or(i32::MAX));
        config = config.target_group_stickiness_config(stickiness.build());
    }
    config.build()
}

fn redirect_to_sdk(redirect: &Redirect) -> sdk::RedirectActionConfig {
    sdk::RedirectActionConfig::builder()
        .protocol(&*redirect.protocol)
        .host(&*redirect.host)
        .port(&*redirect.port)
        .path(&*redirect.path)
        .query(&*redirect.query)
        .status_code(sdk::RedirectActionStatusCodeEnum::from(
            format!("HTTP_{}", redirect.status).as_str(),
        ))
        .build()
}

fn fixed_to_sdk(fixed: &FixedResponse) -> sdk::FixedResponseActionConfig {
    let config = sdk::FixedResponseActionConfig::builder()
        .status_code(fixed.status.to_string())
        .content_type(&*fixed.content_type);
    if fixed.body.is_empty() {
        config.build()
    } else {
        config.message_body(&*fixed.body).build()
    }
}

/// Actions of a rule as the SDK takes them: several need an order.
pub(in crate::cloud) fn all_to_sdk(asked: Option<&Before>, action: &Action) -> Vec<sdk::Action> {
    let last = to_sdk(action);
    let Some(asked) = asked else {
        return vec![last];
    };
    let ordered = |mut action: sdk::Action, order| {
        action.order = Some(order);
        action
    };
    vec![ordered(before::to_sdk(asked), 1), ordered(last, 2)]
}

/// Actions of a rule that AWS describes.
pub(in crate::cloud) fn all_from_sdk(actions: &[sdk::Action]) -> Seen<(Option<Before>, Action)> {
    let mut sorted: Vec<&sdk::Action> = actions.iter().collect();
    sorted.sort_by_key(|action| action.order());
    let known = match sorted.as_slice() {
        [action] => one(action).map(|action| (None, action)),
        [first, last] => before::from_sdk(first).and_then(|asked| Some((Some(asked), one(last)?))),
        _ => None,
    };
    known.map_or_else(|| Seen::Other(describe(actions)), Seen::Known)
}

/// The action of a listener that AWS describes.
pub(in crate::cloud) fn from_sdk(actions: &[sdk::Action]) -> Seen<Action> {
    let known = match actions {
        [action] => one(action),
        _ => None,
    };
    known.map_or_else(|| Seen::Other(describe(actions)), Seen::Known)
}

fn describe(actions: &[sdk::Action]) -> Str {
    let kinds: Vec<&str> = actions
        .iter()
        .map(|action| action.r#type().map_or("none", sdk::ActionTypeEnum::as_str))
        .collect();
    format!("actions: {}", kinds.join(", ")).into()
}

fn one(action: &sdk::Action) -> Option<Action> {
    Some(match action.r#type()? {
        sdk::ActionTypeEnum::Forward => Action::Forward(forward(action)?),
        sdk::ActionTypeEnum::Redirect => Action::Redirect(redirect(action.redirect_config()?)?),
        sdk::ActionTypeEnum::FixedResponse => Action::Fixed(fixed(action.fixed_response_config()?)?),
        _ => return None,
    })
}

/// AWS echoes one group in both forms: `TargetGroupArn`, and `ForwardConfig` with a weight.
fn forward(action: &sdk::Action) -> Option<Forward> {
    let config = action.forward_config();
    let listed = config
        .map(sdk::ForwardActionConfig::target_groups)
        .unwrap_or_default();
    let mut groups = BTreeMap::new();
    for group in listed {
        // "The default value is 1" where several share the requests; of one it makes no difference.
        let weight = u16::try_from(group.weight().unwrap_or(1)).ok()?;
        if groups
            .insert(Arn(group.target_group_arn()?.into()), weight)
            .is_some()
        {
            return None;
        }
    }
    if groups.is_empty() {
        groups.insert(Arn(action.target_group_arn()?.into()), 1);
    }
    let stickiness = config.and_then(sdk::ForwardActionConfig::target_group_stickiness_config);
    let stickiness_s = match stickiness.filter(|stickiness| stickiness.enabled() == Some(true)) {
        Some(stickiness) => Some(u32::try_from(stickiness.duration_seconds()?).ok()?),
        None => None,
    };
    Some(Forward { groups, stickiness_s })
}

/// Defaults: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html>.
fn redirect(config: &sdk::RedirectActionConfig) -> Option<Redirect> {
    let or = |value: Option<&str>, default: &str| value.unwrap_or(default).into();
    Some(Redirect {
        protocol: or(config.protocol(), "#{protocol}"),
        host: or(config.host(), "#{host}"),
        port: or(config.port(), "#{port}"),
        path: or(config.path(), "/#{path}"),
        query: or(config.query(), "#{query}"),
        status: config
            .status_code()?
            .as_str()
            .strip_prefix("HTTP_")?
            .parse()
            .ok()?,
    })
}

fn fixed(config: &sdk::FixedResponseActionConfig) -> Option<FixedResponse> {
    let body = config.message_body().unwrap_or_default();
    let status = config.status_code()?.parse().ok()?;
    // Without a body its type says nothing.
    Some(if body.is_empty() {
        FixedResponse::bare(status)
    } else {
        FixedResponse {
            status,
            content_type: config.content_type().unwrap_or(FixedResponse::TEXT).into(),
            body: body.into(),
        }
    })
}
