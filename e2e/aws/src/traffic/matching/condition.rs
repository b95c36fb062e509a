//! Conditions of a rule.
//!
//! Documented (rule-condition-types): values of one condition are alternatives, the conditions of a rule must all
//! hold. Host names ignore case, paths regard it, header names and values ignore it, methods regard it and take no
//! wildcards, sources are CIDR blocks and compared with the connection. "If the same header appears multiple times
//! in the request, we search them in order until a match is found" (API_HttpHeaderConditionConfig).

use super::expression::{self, ExpressionError};
use super::query::Pair;
use super::request::Request;
use super::wildcard::{Case, Escapes, Wildcard};
use crate::traffic::config::{RuleCondition, ValuesConfig};
use http::HeaderName;
use ipnet::IpNet;
use regex::bytes::Regex;
use std::net::IpAddr;

/// Why a condition cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// Its field is unknown.
    #[error("the condition field {0:?} is unknown")]
    Field(String),
    /// It lists nothing to compare with.
    #[error("the {0} condition has no values")]
    Empty(String),
    /// A header's name.
    #[error("{0:?} is no header name")]
    HeaderName(String),
    /// A CIDR block.
    #[error("{0:?} is no CIDR block")]
    Block(String),
    /// An expression.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
}

/// A condition, ready to be evaluated.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Host(Vec<Value>),
    Path(Vec<Value>),
    Header(HeaderName, Vec<Value>),
    Query(Vec<Pair>),
    Method(Vec<String>),
    Source(Vec<IpNet>),
}

/// An alternative of a condition.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Wildcard(Wildcard),
    Regex(Regex),
}

impl Value {
    fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Wildcard(wildcard) => wildcard.matches(text),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

impl Condition {
    /// Reads a condition.
    pub(super) fn new(condition: &RuleCondition) -> Result<Self, ConditionError> {
        let empty = || ConditionError::Empty(condition.field.clone());
        match condition.field.as_str() {
            "host-header" => {
                let values = shared(condition, condition.host_header_config.as_ref());
                Ok(Self::Host(read(&values, Kind::Host)?.ok_or_else(empty)?))
            }
            "path-pattern" => {
                let values = shared(condition, condition.path_pattern_config.as_ref());
                Ok(Self::Path(read(&values, Kind::Path)?.ok_or_else(empty)?))
            }
            "http-header" => {
                let config = condition.http_header_config.as_ref().ok_or_else(empty)?;
                let name = HeaderName::from_bytes(config.http_header_name.as_bytes())
                    .map_err(|_| ConditionError::HeaderName(config.http_header_name.clone()))?;
                let values = ValuesConfig {
                    values: config.values.clone(),
                    regex_values: config.regex_values.clone(),
                    ..ValuesConfig::default()
                };
                Ok(Self::Header(
                    name,
                    read(&values, Kind::Header)?.ok_or_else(empty)?,
                ))
            }
            "query-string" => {
                let pairs = condition
                    .query_string_config
                    .iter()
                    .flat_map(|c| &c.values)
                    .map(Pair::new);
                let pairs: Vec<Pair> = pairs.collect();
                if pairs.is_empty() {
                    Err(empty())
                } else {
                    Ok(Self::Query(pairs))
                }
            }
            "http-request-method" => {
                let methods = condition.http_request_method_config.as_ref().ok_or_else(empty)?;
                if methods.values.is_empty() {
                    return Err(empty());
                }
                Ok(Self::Method(methods.values.clone()))
            }
            "source-ip" => {
                let blocks = condition
                    .source_ip_config
                    .iter()
                    .flat_map(|config| &config.values);
                let blocks: Vec<IpNet> = blocks
                    .map(|block| block.parse().map_err(|_| ConditionError::Block(block.clone())))
                    .collect::<Result<_, _>>()?;
                if blocks.is_empty() {
                    Err(empty())
                } else {
                    Ok(Self::Source(blocks))
                }
            }
            other => Err(ConditionError::Field(other.to_owned())),
        }
    }

    /// Whether it holds.
    pub(super) fn holds(&self, request: &Request<'_>) -> bool {
        match self {
            Self::Host(values) => any(values, request.host.as_bytes()),
            Self::Path(values) => any(values, request.path.as_bytes()),
            Self::Header(name, values) => request
                .headers
                .get_all(name)
                .iter()
                .any(|line| any(values, line.as_bytes())),
            Self::Query(pairs) => request
                .query
                .is_some_and(|query| pairs.iter().any(|pair| pair.found(query))),
            Self::Method(methods) => methods.iter().any(|method| method == request.method),
            Self::Source(blocks) => blocks.iter().any(|block| within(block, request.source)),
        }
    }
}

fn any(values: &[Value], text: &[u8]) -> bool {
    values.iter().any(|value| value.matches(text))
}

/// An IPv4 client on a socket for both families shows as an IPv6 address that maps it.
fn within(block: &IpNet, source: IpAddr) -> bool {
    block.contains(&source.to_canonical())
}

/// Values stand in the condition itself or in its own member.
fn shared(condition: &RuleCondition, config: Option<&ValuesConfig>) -> ValuesConfig {
    config.cloned().unwrap_or_else(|| ValuesConfig {
        values: condition.values.clone(),
        regex_values: condition.regex_values.clone(),
        ..ValuesConfig::default()
    })
}

#[derive(Clone, Copy)]
enum Kind {
    Host,
    Path,
    Header,
}

impl Kind {
    const fn wildcard_case(self) -> Case {
        match self {
            Self::Host | Self::Header => Case::Ignored,
            Self::Path => Case::Kept,
        }
    }

    const fn regex_case(self) -> Case {
        match self {
            Self::Host => Case::Ignored,
            Self::Path | Self::Header => Case::Kept,
        }
    }
}

/// None when there are none.
fn read(values: &ValuesConfig, kind: Kind) -> Result<Option<Vec<Value>>, ExpressionError> {
    let mut read: Vec<Value> = values
        .values
        .iter()
        .map(|value| Value::Wildcard(Wildcard::new(value, kind.wildcard_case(), Escapes::None)))
        .collect();
    for regex in &values.regex_values {
        read.push(Value::Regex(expression::compile(regex, kind.regex_case())?));
    }
    Ok(if read.is_empty() { None } else { Some(read) })
}
