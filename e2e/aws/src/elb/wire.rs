//! Rules in the API's own shapes: what a call said, in one canonical form.
//!
//! `Action`, `RuleCondition`, `RuleTransform` of
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Types.html>.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// `RuleCondition`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RuleCondition {
    /// `Field`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// `Values`: of `host-header` and `path-pattern`, the values of the configuration again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// `HostHeaderConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_header_config: Option<Matches>,
    /// `PathPatternConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_pattern_config: Option<Matches>,
    /// `HttpHeaderConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_header_config: Option<HeaderMatches>,
    /// `QueryStringConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_string_config: Option<QueryMatches>,
    /// `HttpRequestMethodConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_request_method_config: Option<Matches>,
    /// `SourceIpConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip_config: Option<SourceMatches>,
    /// `RegexValues`: those of the configuration again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regex_values: Vec<String>,
}

/// Values and regular expressions of a condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Matches {
    /// `Values`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// `RegexValues`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regex_values: Vec<String>,
}

/// `HttpHeaderConditionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HeaderMatches {
    /// `HttpHeaderName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_header_name: Option<String>,
    /// `Values`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// `RegexValues`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regex_values: Vec<String>,
}

/// `QueryStringConditionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct QueryMatches {
    /// `Values`.
    pub values: Vec<QueryPair>,
}

/// `QueryStringKeyValuePair`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct QueryPair {
    /// `Key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `Value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// `SourceIpConditionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SourceMatches {
    /// `Values`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// `IpAddressType`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<String>,
}

/// `Action`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Action {
    /// `Type`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// `TargetGroupArn`, also of a `ForwardConfig` with one group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_group_arn: Option<String>,
    /// `AuthenticateOidcConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticate_oidc_config: Option<Value>,
    /// `AuthenticateCognitoConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticate_cognito_config: Option<Value>,
    /// `JwtValidationConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt_validation_config: Option<Value>,
    /// `Order`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<u32>,
    /// `RedirectConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_config: Option<Redirect>,
    /// `FixedResponseConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_response_config: Option<FixedResponse>,
    /// `ForwardConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward_config: Option<Forward>,
}

/// `RedirectActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Redirect {
    /// `Protocol`.
    pub protocol: Option<String>,
    /// `Port`.
    pub port: Option<String>,
    /// `Host`.
    pub host: Option<String>,
    /// `Path`.
    pub path: Option<String>,
    /// `Query`.
    pub query: Option<String>,
    /// `StatusCode`.
    pub status_code: String,
}

/// `FixedResponseActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FixedResponse {
    /// `MessageBody`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_body: Option<String>,
    /// `StatusCode`.
    pub status_code: String,
    /// `ContentType`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// `ForwardActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Forward {
    /// `TargetGroups`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target_groups: Vec<Weighted>,
    /// `TargetGroupStickinessConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_group_stickiness_config: Option<Stickiness>,
}

/// `TargetGroupTuple`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Weighted {
    /// `TargetGroupArn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_group_arn: Option<String>,
    /// `Weight`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
}

/// `TargetGroupStickinessConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Stickiness {
    /// `Enabled`.
    pub enabled: bool,
    /// `DurationSeconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<i64>,
}

/// `RuleTransform`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RuleTransform {
    /// `Type`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// `HostHeaderRewriteConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_header_rewrite_config: Option<Rewrites>,
    /// `UrlRewriteConfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_rewrite_config: Option<Rewrites>,
}

/// `HostHeaderRewriteConfig` and `UrlRewriteConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Rewrites {
    /// `Rewrites`.
    pub rewrites: Vec<Rewrite>,
}

/// `RewriteConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Rewrite {
    /// `Regex`.
    pub regex: String,
    /// `Replace`.
    pub replace: String,
}

/// `MutualAuthenticationAttributes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MutualAuthentication {
    /// `Mode`: `off`, `passthrough` or `verify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// `TrustStoreArn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_store_arn: Option<String>,
    /// `IgnoreClientCertificateExpiry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_client_certificate_expiry: Option<bool>,
    /// `AdvertiseTrustStoreCaNames`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertise_trust_store_ca_names: Option<String>,
}

/// `Matcher`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Matcher {
    /// `HttpCode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_code: Option<String>,
    /// `GrpcCode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_code: Option<String>,
}

/// `Tag`s by key.
pub type Tags = BTreeMap<String, String>;
