//! Conditions: `API_RuleCondition`, `guide/rule-condition-types`.

use super::limits::{Limits, VALUES_OF_CONDITION};
use super::wire::{HeaderMatches, Matches, QueryMatches, RuleCondition};
use crate::error::ApiError;
use crate::traffic::matching::check_regex;
use ipnet::IpNet;
use serde_json::Value;
use std::collections::BTreeSet;

/// Longest value and regular expression.
const LONGEST: usize = 128;
/// Longest method and header name.
const LONGEST_NAME: usize = 40;

fn refuse<T>(message: impl Into<String>) -> Result<T, ApiError> {
    Err(ApiError::validation(message))
}

/// Conditions of a call in the form that answers have them: the configuration of the field, and for hosts and paths
/// its values again beside it.
///
/// "Each rule can include up to one of each of the following conditions: http-request-method, host-header,
/// path-pattern, and source-ip, and one or more of each of: http-header and query-string. Note that the value for a
/// condition can't be empty." Limits: "up to three match evaluations per condition", "up to five match evaluations
/// per rule", five wildcards in a rule.
///
/// # Errors
///
/// `ValidationError`.
pub(super) fn read(limits: &Limits, asked: &[Value]) -> Result<Vec<RuleCondition>, ApiError> {
    if asked.is_empty() {
        return refuse("A condition must be specified");
    }
    let mut single = BTreeSet::new();
    let mut conditions = Vec::with_capacity(asked.len());
    let (mut values, mut wildcards) = (0, 0);
    for value in asked {
        let condition: RuleCondition = serde_json::from_value(value.clone())
            .map_err(|error| ApiError::validation(format!("A condition cannot be read: {error}")))?;
        let repeatable = ["http-header", "query-string"].contains(&condition.field.as_str());
        if !repeatable && !single.insert(condition.field.clone()) {
            return refuse(format!(
                "A rule can only have one '{}' condition",
                condition.field
            ));
        }
        let (canonical, counted) = one(condition)?;
        if counted.values > limits.get(VALUES_OF_CONDITION) {
            let most = limits.get(VALUES_OF_CONDITION);
            return refuse(format!("A condition can only have '{most}' match evaluations"));
        }
        values += counted.values;
        wildcards += counted.wildcards;
        conditions.push(canonical);
    }
    let most = limits.get("condition-values-per-alb-rule");
    if values > most {
        return refuse(format!("A rule can only have '{most}' condition values"));
    }
    let most = limits.get("condition-wildcards-per-alb-rule");
    if wildcards > most {
        return refuse(format!("A rule can only have '{most}' condition wildcards"));
    }
    Ok(conditions)
}

/// The condition of a rule of a Network Load Balancer: "the only supported condition is source-ip. Use SourceIpConfig with
/// IpAddressType to match on the IP address type of the source traffic (ipv4 or ipv6)" (`API_RuleCondition`).
///
/// # Errors
///
/// `ValidationError`.
pub(super) fn read_of_network(asked: &[Value]) -> Result<Vec<RuleCondition>, ApiError> {
    let [only] = asked else {
        return refuse("A rule of a Network Load Balancer must have exactly one condition");
    };
    let asked: RuleCondition = serde_json::from_value(only.clone())
        .map_err(|error| ApiError::validation(format!("A condition cannot be read: {error}")))?;
    only_own(&asked)?;
    if asked.field != "source-ip" {
        return refuse(format!(
            "Condition field '{}' is not supported for Network Load Balancers: it must be 'source-ip'",
            asked.field
        ));
    }
    let source = asked.source_ip_config.unwrap_or_default();
    if !source.values.is_empty() {
        return refuse("The values of a 'source-ip' condition are only for Application Load Balancers");
    }
    if !matches!(source.ip_address_type.as_deref(), Some("ipv4" | "ipv6")) {
        return refuse(
            "The IP address type of a 'source-ip' condition of a Network Load Balancer must be 'ipv4' or 'ipv6'",
        );
    }
    Ok(vec![RuleCondition {
        field: asked.field,
        source_ip_config: Some(source),
        ..RuleCondition::default()
    }])
}

/// Of which address type clients are, if the conditions of a rule say so.
pub(super) fn source_of(conditions: &[RuleCondition]) -> Option<&str> {
    let mut sources = conditions
        .iter()
        .filter_map(|condition| condition.source_ip_config.as_ref());
    sources.find_map(|source| source.ip_address_type.as_deref())
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    values: u64,
    wildcards: u64,
}

fn one(asked: RuleCondition) -> Result<(RuleCondition, Counted), ApiError> {
    only_own(&asked)?;
    let field = asked.field.clone();
    let mut condition = RuleCondition {
        field: field.clone(),
        ..RuleCondition::default()
    };
    let mut counted = Counted::default();
    match field.as_str() {
        "host-header" | "path-pattern" => {
            let config = if field == "host-header" {
                asked.host_header_config.clone()
            } else {
                asked.path_pattern_config.clone()
            };
            let own = merge(&asked, config)?;
            let check = if field == "host-header" { host } else { path };
            own.values.iter().try_for_each(|value| check(value))?;
            regexes(&own.regex_values)?;
            count(&own.values, &own.regex_values, &mut counted)?;
            condition.values.clone_from(&own.values);
            condition.regex_values.clone_from(&own.regex_values);
            if field == "host-header" {
                condition.host_header_config = Some(own);
            } else {
                condition.path_pattern_config = Some(own);
            }
        }
        "http-header" => {
            let own = header(asked)?;
            count(&own.values, &own.regex_values, &mut counted)?;
            condition.regex_values.clone_from(&own.regex_values);
            condition.http_header_config = Some(own);
        }
        "query-string" => {
            let own = asked.query_string_config.unwrap_or_default();
            query(&own, &mut counted)?;
            condition.query_string_config = Some(own);
        }
        "http-request-method" => {
            let own = asked.http_request_method_config.unwrap_or_default();
            own.values.iter().try_for_each(|value| method(value))?;
            if !own.regex_values.is_empty() || own.values.is_empty() {
                return refuse("An 'http-request-method' condition must have values");
            }
            counted.values = own.values.len() as u64;
            condition.http_request_method_config = Some(own);
        }
        "source-ip" => {
            let own = asked.source_ip_config.unwrap_or_default();
            if own.ip_address_type.is_some() {
                return refuse(
                    "The IP address type of a 'source-ip' condition is only for Network Load Balancers",
                );
            }
            if own.values.is_empty() {
                return refuse("A 'source-ip' condition must have values");
            }
            own.values.iter().try_for_each(|value| network(value))?;
            counted.values = own.values.len() as u64;
            condition.source_ip_config = Some(own);
        }
        other => {
            return refuse(format!(
                "Condition field '{other}' must be one of '[path-pattern, host-header, http-header, http-request-method, query-string, source-ip]'"
            ));
        }
    }
    Ok((condition, counted))
}

/// "Specify only when Field is ...", of each member.
fn only_own(asked: &RuleCondition) -> Result<(), ApiError> {
    let field = asked.field.as_str();
    let given: [(&str, bool, &[&str]); 8] = [
        (
            "Values",
            !asked.values.is_empty(),
            &["host-header", "path-pattern"],
        ),
        (
            "RegexValues",
            !asked.regex_values.is_empty(),
            &["http-header", "host-header", "path-pattern"],
        ),
        (
            "HostHeaderConfig",
            asked.host_header_config.is_some(),
            &["host-header"],
        ),
        (
            "PathPatternConfig",
            asked.path_pattern_config.is_some(),
            &["path-pattern"],
        ),
        (
            "HttpHeaderConfig",
            asked.http_header_config.is_some(),
            &["http-header"],
        ),
        (
            "QueryStringConfig",
            asked.query_string_config.is_some(),
            &["query-string"],
        ),
        (
            "HttpRequestMethodConfig",
            asked.http_request_method_config.is_some(),
            &["http-request-method"],
        ),
        ("SourceIpConfig", asked.source_ip_config.is_some(), &["source-ip"]),
    ];
    match given
        .iter()
        .find(|(_, is_given, fields)| *is_given && !fields.contains(&field))
    {
        Some((member, ..)) => refuse(format!(
            "{member} cannot be specified for a condition with field '{field}'"
        )),
        None => Ok(()),
    }
}

/// Values beside and inside of a configuration: either, or the same in both as answers have it.
fn merge(asked: &RuleCondition, config: Option<Matches>) -> Result<Matches, ApiError> {
    let beside = Matches {
        values: asked.values.clone(),
        regex_values: asked.regex_values.clone(),
    };
    let inside = config.unwrap_or_default();
    let pick = |beside: Vec<String>, inside: Vec<String>| match (beside.is_empty(), inside.is_empty()) {
        (true, _) => Ok(inside),
        (_, true) => Ok(beside),
        _ if beside == inside => Ok(inside),
        _ => refuse(format!(
            "The values of a '{}' condition are specified twice",
            asked.field
        )),
    };
    if asked.values.len() > 1 && inside.values.is_empty() {
        // "you can specify a single host name ... in Values"
        return refuse(format!(
            "Several values of a '{}' condition must be in its configuration",
            asked.field
        ));
    }
    Ok(Matches {
        values: pick(beside.values, inside.values)?,
        regex_values: pick(beside.regex_values, inside.regex_values)?,
    })
}

fn count(values: &[String], regexes: &[String], counted: &mut Counted) -> Result<(), ApiError> {
    if values.is_empty() && regexes.is_empty() {
        return refuse("A condition value must be specified");
    }
    if !values.is_empty() && !regexes.is_empty() {
        return refuse("Values and RegexValues cannot be specified together");
    }
    counted.values = (values.len() + regexes.len()) as u64;
    counted.wildcards = values.iter().map(|value| wildcards(value)).sum();
    Ok(())
}

/// `*` and `?` in a value.
fn wildcards(value: &str) -> u64 {
    value.bytes().filter(|byte| matches!(byte, b'*' | b'?')).count() as u64
}

fn length(what: &str, value: &str, most: usize) -> Result<(), ApiError> {
    if value.is_empty() {
        return refuse(format!("The {what} of a condition can't be empty"));
    }
    if value.chars().count() > most {
        return refuse(format!(
            "The {what} '{value}' of a condition can have at most {most} characters"
        ));
    }
    Ok(())
}

fn characters(what: &str, value: &str, special: &str) -> Result<(), ApiError> {
    match value
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !special.contains(*c))
    {
        Some(c) => refuse(format!(
            "The {what} '{value}' contains the invalid character '{}'",
            c.escape_default()
        )),
        None => Ok(()),
    }
}

/// `API_HostHeaderConditionConfig`: "You must include at least one "." character. You can include only alphabetical
/// characters after the final "." character."
fn host(value: &str) -> Result<(), ApiError> {
    length("host name", value, LONGEST)?;
    characters("host name", value, "-_.*?")?;
    let top = value.rsplit_once('.').map(|(_, top)| top);
    match top {
        Some(top) if !top.is_empty() && top.bytes().all(|byte| byte.is_ascii_alphabetic()) => Ok(()),
        Some(_) => refuse(format!(
            "The host name '{value}' must have only alphabetical characters after the final '.'"
        )),
        None => refuse(format!(
            "The host name '{value}' must include at least one '.' character"
        )),
    }
}

/// `API_RuleCondition`: letters, digits, `_ - . $ / ~ " ' @ : + &` and wildcards; `guide/rule-condition-types` has
/// the semicolon as well.
fn path(value: &str) -> Result<(), ApiError> {
    length("path pattern", value, LONGEST)?;
    characters("path pattern", value, "_-.$/~\"'@:+&;*?")
}

/// "The allowed characters are A-Z, hyphen (-), and underscore (_)."
fn method(value: &str) -> Result<(), ApiError> {
    length("request method", value, LONGEST_NAME)?;
    if value
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'))
    {
        return Ok(());
    }
    refuse(format!(
        "The request method '{value}' can only have the characters A-Z, '-' and '_'"
    ))
}

fn network(value: &str) -> Result<(), ApiError> {
    match value.parse::<IpNet>() {
        Ok(_) => Ok(()),
        Err(_) => refuse(format!("The source IP '{value}' is not in CIDR format")),
    }
}

/// `API_HttpHeaderConditionConfig`.
fn header(asked: RuleCondition) -> Result<HeaderMatches, ApiError> {
    let mut own = asked.http_header_config.unwrap_or_default();
    let name = own.http_header_name.clone().unwrap_or_default();
    length("header name", &name, LONGEST_NAME)?;
    // RFC 7230 section 3.2.6.
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(token) {
        return refuse(format!("The header name '{name}' contains an invalid character"));
    }
    if name.eq_ignore_ascii_case("host") {
        return refuse(
            "The header 'host' cannot be used in an 'http-header' condition. Use a 'host-header' condition instead",
        );
    }
    if own.regex_values.is_empty() {
        own.regex_values.clone_from(&asked.regex_values);
    } else if !asked.regex_values.is_empty() && asked.regex_values != own.regex_values {
        return refuse("The values of an 'http-header' condition are specified twice");
    }
    for value in &own.values {
        length("header value", value, LONGEST)?;
        printable("header value", value)?;
    }
    regexes(&own.regex_values)?;
    Ok(own)
}

fn printable(what: &str, value: &str) -> Result<(), ApiError> {
    match value.chars().find(|c| !(' '..='~').contains(c)) {
        Some(c) => refuse(format!(
            "The {what} '{}' contains the invalid character '{}'",
            value.escape_default(),
            c.escape_default()
        )),
        None => Ok(()),
    }
}

/// `API_QueryStringConditionConfig`; characters: `guide/rule-condition-types#query-string-conditions`. `\` escapes
/// wildcards.
fn query(own: &QueryMatches, counted: &mut Counted) -> Result<(), ApiError> {
    if own.values.is_empty() {
        return refuse("A 'query-string' condition must have values");
    }
    for pair in &own.values {
        let value = pair.value.as_deref().unwrap_or_default();
        length("query string value", value, LONGEST)?;
        let parts = pair.key.as_deref().into_iter().chain([value]);
        for part in parts {
            length("query string key or value", part, LONGEST)?;
            characters("query string key or value", part, "_-.$/~\"'@:+&()!,;=*?\\%")?;
            counted.wildcards += unescaped(part);
        }
        counted.values += 1;
    }
    Ok(())
}

fn unescaped(value: &str) -> u64 {
    let mut escaped = false;
    let mut found = 0;
    for c in value.chars() {
        if !escaped && matches!(c, '*' | '?') {
            found += 1;
        }
        escaped = c == '\\' && !escaped;
    }
    found
}

/// "The maximum length of each string is 128 characters."
fn regexes(values: &[String]) -> Result<(), ApiError> {
    for value in values {
        length("regex value", value, LONGEST)?;
        check_regex(value).map_err(|error| {
            ApiError::validation(format!("The regex value '{value}' is not valid: {error}"))
        })?;
    }
    Ok(())
}
