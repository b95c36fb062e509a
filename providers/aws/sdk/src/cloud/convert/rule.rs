//! Rules.

use super::{action, condition};
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Arn, Rule, RuleSettings, Seen};
use gatewright_aws_core::alb::rule::{Rewrite, Transforms};

/// Transforms as the SDK takes them.
pub(in crate::cloud) fn transforms_to_sdk(transforms: &Transforms) -> Vec<sdk::RuleTransform> {
    let Transforms { host, url } = transforms;
    let transform = sdk::RuleTransform::builder;
    let mut built = Vec::new();
    if let Some(host) = host {
        let config = sdk::HostHeaderRewriteConfig::builder().rewrites(rewrite_to_sdk(host));
        let kind = sdk::TransformTypeEnum::HostHeaderRewrite;
        built.push(
            transform()
                .r#type(kind)
                .host_header_rewrite_config(config.build())
                .build(),
        );
    }
    if let Some(url) = url {
        let config = sdk::UrlRewriteConfig::builder().rewrites(rewrite_to_sdk(url));
        let kind = sdk::TransformTypeEnum::UrlRewrite;
        built.push(
            transform()
                .r#type(kind)
                .url_rewrite_config(config.build())
                .build(),
        );
    }
    built
}

fn rewrite_to_sdk(rewrite: &Rewrite) -> sdk::RewriteConfig {
    sdk::RewriteConfig::builder()
        .regex(&*rewrite.regex)
        .replace(&*rewrite.replace)
        .build()
}

/// A rule that AWS describes; `None` for the default one. Or which of its fields we cannot read.
pub(in crate::cloud) fn from_sdk(rule: &sdk::Rule) -> Result<Option<Rule>, &'static str> {
    if rule.is_default() == Some(true) {
        return Ok(None);
    }
    Ok(Some(Rule {
        arn: Arn(rule.rule_arn().ok_or("RuleArn")?.into()),
        priority: rule
            .priority()
            .and_then(|priority| priority.parse().ok())
            .ok_or("Priority")?,
        settings: settings(rule).map_or_else(|other| Seen::Other(other.into()), Seen::Known),
    }))
}

fn settings(rule: &sdk::Rule) -> Result<RuleSettings, String> {
    let (before, action) = match action::all_from_sdk(rule.actions()) {
        Seen::Known(actions) => actions,
        Seen::Other(other) => return Err(other.to_string()),
    };
    Ok(RuleSettings {
        conditions: condition::from_sdk(rule.conditions())?,
        transforms: transforms(rule.transforms())?,
        before,
        action,
    })
}

fn transforms(described: &[sdk::RuleTransform]) -> Result<Transforms, String> {
    let mut transforms = Transforms::default();
    for transform in described {
        let (slot, rewrites) = match transform.r#type() {
            Some(sdk::TransformTypeEnum::HostHeaderRewrite) => (
                &mut transforms.host,
                transform
                    .host_header_rewrite_config()
                    .map(sdk::HostHeaderRewriteConfig::rewrites),
            ),
            Some(sdk::TransformTypeEnum::UrlRewrite) => (
                &mut transforms.url,
                transform
                    .url_rewrite_config()
                    .map(sdk::UrlRewriteConfig::rewrites),
            ),
            other => {
                return Err(format!(
                    "transform {}",
                    other.map_or("none", sdk::TransformTypeEnum::as_str)
                ));
            }
        };
        let rewrite = rewrites
            .and_then(one_rewrite)
            .ok_or("a transform with other than one rewrite")?;
        if slot.replace(rewrite).is_some() {
            return Err("a transform of one type twice".into());
        }
    }
    Ok(transforms)
}

fn one_rewrite(rewrites: &[sdk::RewriteConfig]) -> Option<Rewrite> {
    let [rewrite] = rewrites else {
        return None;
    };
    Some(Rewrite {
        regex: rewrite.regex()?.into(),
        replace: rewrite.replace().unwrap_or_default().into(),
    })
}
