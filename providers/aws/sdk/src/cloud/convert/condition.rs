//! Conditions.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html>: AWS knows an old
//! form (`Values` of the condition) and a new one (`…Config`), takes either and answers both. We write the new one
//! and read both.

use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::rule::{Conditions, HeaderCondition, QueryValue, Values};
use std::collections::BTreeSet;

/// Conditions as the SDK takes them.
pub(in crate::cloud) fn to_sdk(conditions: &Conditions) -> Vec<sdk::RuleCondition> {
    let Conditions {
        host,
        path,
        methods,
        headers,
        queries,
        sources,
    } = conditions;
    let condition = |field: &str| sdk::RuleCondition::builder().field(field);
    let mut built = Vec::new();
    if let Some(host) = host {
        let (values, regex) = split(host);
        let config = sdk::HostHeaderConditionConfig::builder()
            .set_values(values)
            .set_regex_values(regex);
        built.push(
            condition("host-header")
                .host_header_config(config.build())
                .build(),
        );
    }
    if let Some(path) = path {
        let (values, regex) = split(path);
        let config = sdk::PathPatternConditionConfig::builder()
            .set_values(values)
            .set_regex_values(regex);
        built.push(
            condition("path-pattern")
                .path_pattern_config(config.build())
                .build(),
        );
    }
    if !methods.is_empty() {
        let config = sdk::HttpRequestMethodConditionConfig::builder().set_values(Some(texts(methods)));
        built.push(
            condition("http-request-method")
                .http_request_method_config(config.build())
                .build(),
        );
    }
    for HeaderCondition { name, values } in headers {
        let (values, regex) = split(values);
        let config = sdk::HttpHeaderConditionConfig::builder()
            .http_header_name(&**name)
            .set_values(values)
            .set_regex_values(regex);
        built.push(
            condition("http-header")
                .http_header_config(config.build())
                .build(),
        );
    }
    for alternatives in queries {
        let mut config = sdk::QueryStringConditionConfig::builder();
        for QueryValue { key, value } in alternatives {
            let pair = sdk::QueryStringKeyValuePair::builder()
                .set_key(key.as_deref().map(str::to_owned))
                .value(&**value);
            config = config.values(pair.build());
        }
        built.push(
            condition("query-string")
                .query_string_config(config.build())
                .build(),
        );
    }
    if !sources.is_empty() {
        let config = sdk::SourceIpConditionConfig::builder().set_values(Some(texts(sources)));
        built.push(condition("source-ip").source_ip_config(config.build()).build());
    }
    built
}

type Texts = Option<Vec<String>>;

fn split(values: &Values) -> (Texts, Texts) {
    match values {
        Values::Wildcards(values) => (Some(texts(values)), None),
        Values::Regex(values) => (None, Some(texts(values))),
    }
}

fn texts(values: &BTreeSet<Str>) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// Conditions that AWS describes, or the field of the first one that we have no type for.
pub(in crate::cloud) fn from_sdk(described: &[sdk::RuleCondition]) -> Result<Conditions, String> {
    let mut conditions = Conditions::default();
    for condition in described {
        let field = condition.field().unwrap_or("none");
        add(&mut conditions, condition).ok_or_else(|| format!("condition {field}"))?;
    }
    Ok(conditions)
}

fn add(conditions: &mut Conditions, condition: &sdk::RuleCondition) -> Option<()> {
    let single = |slot: &mut Option<Values>, values: Values| slot.replace(values).is_none().then_some(());
    match condition.field()? {
        "host-header" => {
            let config = condition.host_header_config();
            let own = config.map(sdk::HostHeaderConditionConfig::values);
            let regex = config.map(sdk::HostHeaderConditionConfig::regex_values);
            let values = values(condition, own, regex)?;
            single(&mut conditions.host, in_lower_case(values))
        }
        "path-pattern" => {
            let config = condition.path_pattern_config();
            let own = config.map(sdk::PathPatternConditionConfig::values);
            let regex = config.map(sdk::PathPatternConditionConfig::regex_values);
            single(&mut conditions.path, values(condition, own, regex)?)
        }
        "http-request-method" => {
            let config = condition.http_request_method_config();
            let own = config.map(sdk::HttpRequestMethodConditionConfig::values);
            several(&mut conditions.methods, either(condition, own))
        }
        "source-ip" => {
            let config = condition.source_ip_config();
            several(
                &mut conditions.sources,
                either(condition, config.map(sdk::SourceIpConditionConfig::values)),
            )
        }
        "http-header" => {
            let config = condition.http_header_config()?;
            let header = HeaderCondition {
                name: config.http_header_name()?.to_ascii_lowercase().into(),
                values: form(config.values(), config.regex_values())?,
            };
            conditions.headers.insert(header);
            Some(())
        }
        "query-string" => {
            let pairs = condition.query_string_config()?.values();
            let alternatives: BTreeSet<QueryValue> = pairs.iter().map(query).collect::<Option<_>>()?;
            conditions.queries.insert(alternatives);
            Some(())
        }
        _ => None,
    }
}

fn query(pair: &sdk::QueryStringKeyValuePair) -> Option<QueryValue> {
    Some(QueryValue {
        key: pair.key().map(Into::into),
        value: pair.value()?.into(),
    })
}

fn several(slot: &mut BTreeSet<Str>, values: &[String]) -> Option<()> {
    if !slot.is_empty() || values.is_empty() {
        return None;
    }
    slot.extend(values.iter().map(|value| Str::from(value.as_str())));
    Some(())
}

/// The values of the new form, else those of the old one.
fn either<'a>(condition: &'a sdk::RuleCondition, own: Option<&'a [String]>) -> &'a [String] {
    own.filter(|own| !own.is_empty())
        .unwrap_or_else(|| condition.values())
}

fn values(
    condition: &sdk::RuleCondition,
    own: Option<&[String]>,
    own_regex: Option<&[String]>,
) -> Option<Values> {
    let regex = own_regex
        .filter(|own| !own.is_empty())
        .unwrap_or_else(|| condition.regex_values());
    form(either(condition, own), regex)
}

fn form(wildcards: &[String], regex: &[String]) -> Option<Values> {
    let set = |values: &[String]| values.iter().map(|value| Str::from(value.as_str())).collect();
    match (wildcards, regex) {
        ([], []) => None,
        (_, []) => Some(Values::Wildcards(set(wildcards))),
        ([], _) => Some(Values::Regex(set(regex))),
        _ => None,
    }
}

/// Hosts are compared in any case. Of regular expressions the case is left: `\S` is not `\s`.
fn in_lower_case(values: Values) -> Values {
    match values {
        Values::Wildcards(values) => Values::Wildcards(
            values
                .iter()
                .map(|value| value.to_ascii_lowercase().into())
                .collect(),
        ),
        Values::Regex(_) => values,
    }
}
