//! Rules of a listener.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>

use super::before::Before;
use crate::target_group::TargetGroupId;
use gatewright_model::Str;
use gatewright_model::key::RouteKey;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A rule: all its conditions hold, then what is asked before, then the transforms, then the action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What asked for it. Several after compaction; none for a rule that keeps listeners apart.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub origins: BTreeSet<Origin>,
    /// Conditions.
    pub conditions: Conditions,
    /// `Transforms`.
    #[serde(default, skip_serializing_if = "Transforms::is_empty")]
    pub transforms: Transforms,
    /// What is asked of a request before: `Actions`, the one in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// What is done.
    pub action: Action,
    /// What compaction made it of, each by itself; nothing when it is as it was asked for.
    #[serde(skip)]
    pub parts: Vec<Part>,
}

/// What one of several was before compaction made them one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What asked for it.
    pub origins: BTreeSet<Origin>,
    /// Its conditions.
    pub conditions: Conditions,
}

impl Rule {
    /// What it is made of: itself, or what compaction put together.
    pub fn parts(&self) -> Vec<Part> {
        if self.parts.is_empty() {
            vec![Part {
                origins: self.origins.clone(),
                conditions: self.conditions.clone(),
            }]
        } else {
            self.parts.clone()
        }
    }
}

/// A match of a route's rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// Route.
    pub route: RouteKey,
    /// Rule, by its position in the route.
    pub rule: u32,
    /// Match, by its position in the rule.
    pub matched: u32,
}

/// Conditions of a rule. At most one each of host, path, methods and sources; any number of headers and queries.
/// The values of one condition are alternatives, the conditions must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conditions {
    /// `host-header`: any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Values>,
    /// `path-pattern`: case-sensitive, without the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Values>,
    /// `http-request-method`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub methods: BTreeSet<Str>,
    /// `http-header`, by name in lower case. A name may come twice: both must hold.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub headers: BTreeSet<HeaderCondition>,
    /// `query-string`, each with its alternatives.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub queries: BTreeSet<BTreeSet<QueryValue>>,
    /// `source-ip`: CIDR blocks.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sources: BTreeSet<Str>,
}

/// `http-header`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeaderCondition {
    /// `HttpHeaderName`, in lower case.
    pub name: Str,
    /// Values: any case.
    pub values: Values,
}

/// One alternative of `query-string`: any case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QueryValue {
    /// `Key`; none matches any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Str>,
    /// `Value`.
    pub value: Str,
}

/// Alternatives: in one condition all are of one form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Values {
    /// `Values`: `*` stands for any characters, `?` for one; both can be escaped with a backslash.
    Wildcards(BTreeSet<Str>),
    /// `RegexValues`.
    Regex(BTreeSet<Str>),
}

/// `Transforms`: at most one of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Transforms {
    /// `host-header-rewrite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Rewrite>,
    /// `url-rewrite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Rewrite>,
}

impl Transforms {
    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.host.is_none() && self.url.is_none()
    }
}

/// A rewrite: what the expression matches becomes the replacement, with `$1` to `$9` for its groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rewrite {
    /// `Regex`.
    pub regex: Str,
    /// `Replace`.
    pub replace: Str,
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// `forward`.
    Forward(Forward),
    /// `redirect`.
    Redirect(Redirect),
    /// `fixed-response`.
    Fixed(FixedResponse),
}

/// `forward`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Groups, each with a weight of at most 999; at most five.
    pub groups: BTreeMap<TargetGroupId, u16>,
    /// `TargetGroupStickinessConfig`: seconds, 1 to 604,800.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stickiness_s: Option<u32>,
}

/// `redirect`. Each field may hold `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and `#{query}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// `Protocol`.
    pub protocol: Str,
    /// `Host`.
    pub host: Str,
    /// `Port`.
    pub port: Str,
    /// `Path`.
    pub path: Str,
    /// `Query`.
    pub query: Str,
    /// `StatusCode`: 301 or 302.
    pub status: u16,
}

/// `fixed-response`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedResponse {
    /// `StatusCode`: 2xx, 4xx or 5xx.
    pub status: u16,
    /// `ContentType`: one of five. Without a body it says nothing and is [`FixedResponse::TEXT`].
    #[serde(default = "text", skip_serializing_if = "is_text")]
    pub content_type: Str,
    /// `MessageBody`, at most 1024 characters; empty for none.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub body: Str,
}

impl FixedResponse {
    /// `ContentType` of what says nothing else.
    pub const TEXT: &str = "text/plain";

    /// One without a body.
    pub fn bare(status: u16) -> Self {
        Self {
            status,
            content_type: text(),
            body: "".into(),
        }
    }
}

fn text() -> Str {
    FixedResponse::TEXT.into()
}

fn is_text(content_type: &Str) -> bool {
    &**content_type == FixedResponse::TEXT
}
