//! The rules of a listener, executed by the simulator's data plane, which is written from AWS's pages alone and knows
//! nothing of the router.

use super::generate::Request;
use gatewright_aws_core::alb::listener::Listener;
use gatewright_aws_core::alb::rule::{Conditions, Rule, Values};
use gatewright_aws_simulator::traffic::config::{
    Action, FixedResponseConfig, HttpHeaderConfig, Priority, QueryStringConfig, QueryStringKeyValuePair,
    Rule as Told, RuleCondition, ValuesConfig,
};
use gatewright_aws_simulator::traffic::matching::{self, Rules};
use std::net::{IpAddr, Ipv4Addr};

/// Rules as AWS would have them.
pub(super) struct Executed(Rules);

impl Executed {
    pub(super) fn new(listener: &Listener) -> Self {
        let told = listener.rules.iter().enumerate().map(|(at, rule)| told(at, rule));
        let default = Told {
            arn: "default".to_owned(),
            priority: Priority::Default,
            conditions: Vec::new(),
            actions: vec![fixed()],
            transforms: Vec::new(),
            lattice: None,
        };
        let told: Vec<Told> = told.chain([default]).collect();
        let (rules, errors) = Rules::new(&told);
        assert!(errors.is_empty(), "{errors:?}");
        Self(rules)
    }

    /// The position of the rule that serves a request; none for the default.
    pub(super) fn serve(&self, request: &Request) -> Option<usize> {
        let seen = matching::Request {
            method: request.method,
            host: request.host,
            path: request.path,
            query: request.query,
            headers: &request.headers,
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        self.0.decide(&seen).unwrap().arn.parse().ok()
    }
}

/// What a rule does is not looked at here, only which one it is.
fn fixed() -> Action {
    Action {
        kind: "fixed-response".to_owned(),
        fixed_response_config: Some(FixedResponseConfig {
            status_code: "200".to_owned(),
            ..FixedResponseConfig::default()
        }),
        ..Action::default()
    }
}

fn told(at: usize, rule: &Rule) -> Told {
    Told {
        arn: at.to_string(),
        priority: Priority::Number(u32::try_from(at + 1).unwrap()),
        conditions: conditions(&rule.conditions),
        actions: vec![fixed()],
        transforms: Vec::new(),
        lattice: None,
    }
}

fn conditions(conditions: &Conditions) -> Vec<RuleCondition> {
    let Conditions {
        host,
        path,
        methods,
        headers,
        queries,
        sources,
    } = conditions;
    let of = |field: &str| RuleCondition {
        field: field.to_owned(),
        ..RuleCondition::default()
    };
    let mut told = Vec::new();
    told.extend(host.iter().map(|host| RuleCondition {
        host_header_config: Some(values(host)),
        ..of("host-header")
    }));
    told.extend(path.iter().map(|path| RuleCondition {
        path_pattern_config: Some(values(path)),
        ..of("path-pattern")
    }));
    if !methods.is_empty() {
        told.push(RuleCondition {
            http_request_method_config: Some(ValuesConfig {
                values: methods.iter().map(ToString::to_string).collect(),
                regex_values: Vec::new(),
            }),
            ..of("http-request-method")
        });
    }
    told.extend(headers.iter().map(|header| {
        let ValuesConfig { values, regex_values } = values(&header.values);
        RuleCondition {
            http_header_config: Some(HttpHeaderConfig {
                http_header_name: header.name.to_string(),
                values,
                regex_values,
            }),
            ..of("http-header")
        }
    }));
    told.extend(queries.iter().map(|alternatives| {
        RuleCondition {
            query_string_config: Some(QueryStringConfig {
                values: alternatives
                    .iter()
                    .map(|pair| QueryStringKeyValuePair {
                        key: pair.key.as_deref().map(str::to_owned),
                        value: pair.value.to_string(),
                    })
                    .collect(),
            }),
            ..of("query-string")
        }
    }));
    if !sources.is_empty() {
        told.push(RuleCondition {
            source_ip_config: Some(ValuesConfig {
                values: sources.iter().map(ToString::to_string).collect(),
                regex_values: Vec::new(),
            }),
            ..of("source-ip")
        });
    }
    told
}

fn values(values: &Values) -> ValuesConfig {
    let list = |values: &std::collections::BTreeSet<_>| values.iter().map(ToString::to_string).collect();
    match values {
        Values::Wildcards(wildcards) => ValuesConfig {
            values: list(wildcards),
            regex_values: Vec::new(),
        },
        Values::Regex(expressions) => ValuesConfig {
            values: Vec::new(),
            regex_values: list(expressions),
        },
    }
}
