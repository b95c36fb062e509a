//! The rules of a listener, executed by the simulator's data plane, which is written from AWS's pages alone and knows
//! nothing of the router.

use super::outcome::{Outcome, Sent, location, shares};
use super::request::Request;
use crate::wire;
use gatewright_aws_core::TargetGroupId;
use gatewright_aws_core::alb::listener::Listener;
use gatewright_aws_core::alb::rule::{Action as Wanted, Conditions, Rule, Transforms};
use gatewright_aws_simulator::traffic::config::Rule as Told;
use gatewright_aws_simulator::traffic::matching::{self, Action, Rules};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A listener as AWS would have it.
pub(super) struct Executed {
    rules: Rules,
    port: u16,
    protocol: &'static str,
}

impl Executed {
    /// With these rules in place of the listener's own.
    pub(super) fn new(listener: &Listener, rules: &[Rule]) -> Self {
        let default = Rule {
            origins: BTreeSet::new(),
            conditions: Conditions::default(),
            transforms: Transforms::default(),
            before: None,
            action: listener.default.clone(),
            parts: Vec::new(),
        };
        let groups = groups(rules);
        let mut all: Vec<Told> = Vec::with_capacity(rules.len() + 1);
        for (at, rule) in rules.iter().enumerate() {
            all.push(told(rule, at, &(at + 1).to_string(), &groups));
        }
        all.push(told(&default, rules.len(), "default", &groups));
        let (rules, errors) = Rules::new(&all);
        assert!(errors.is_empty(), "{errors:?}");
        Self {
            rules,
            port: listener.port,
            protocol: if listener.tls.is_some() { "https" } else { "http" },
        }
    }

    /// What becomes of a request, and the position of the rule that it meets.
    pub(super) fn serve(&self, request: &Request) -> (Outcome, usize) {
        let seen = matching::Request {
            method: request.method,
            host: request.host,
            path: request.path,
            query: request.query,
            headers: &request.headers,
            source: request.client,
        };
        let rule = self.rules.decide(&seen).unwrap();
        assert_eq!(rule.before, None);
        let outcome = match &rule.action {
            Action::Fixed(fixed) => Outcome::Answered(fixed.status),
            Action::Redirect(redirect) => Outcome::Redirected {
                status: redirect.status,
                location: location(&redirect.location(&seen, self.protocol, self.port)),
            },
            Action::Forward(forward) => {
                let url = request.url();
                let rewritten = rule.transforms.apply(request.host, &url).unwrap();
                let groups = forward.groups.iter();
                Outcome::Sent(Sent {
                    shares: shares(groups.map(|group| (backend(&group.group), u64::from(group.weight)))),
                    host: rewritten.host.unwrap_or_else(|| request.host.to_owned()),
                    url: rewritten.url.map_or(url, |url| url.to_string()),
                })
            }
        };
        (outcome, rule.arn.parse().unwrap())
    }
}

/// The backend of a group: what comes after it says how it is talked to.
fn backend(group: &str) -> String {
    group.rsplit_once('/').unwrap().0.to_owned()
}

/// Groups are called as what they are for.
fn groups(rules: &[Rule]) -> BTreeMap<TargetGroupId, String> {
    let forwards = rules.iter().filter_map(|rule| match &rule.action {
        Wanted::Forward(forward) => Some(forward.groups.keys()),
        Wanted::Redirect(_) | Wanted::Fixed(_) => None,
    });
    forwards
        .flatten()
        .map(|id| (id.clone(), id.to_string()))
        .collect()
}

/// What `DescribeRules` would tell of a rule.
fn told(rule: &Rule, at: usize, priority: &str, groups: &BTreeMap<TargetGroupId, String>) -> Told {
    let mut told = wire::rule(rule, at, "listener", groups);
    told["RuleArn"] = json!(at.to_string());
    told["Priority"] = json!(priority);
    serde_json::from_value(told).unwrap()
}
