//! What the data plane serves: the state of Elastic Load Balancing at one moment, in AWS's own shapes.
//!
//! Rules, actions, conditions and target groups read the members of the API's answers (`DescribeRules`,
//! `DescribeTargetGroups`) by their own names, so that what was stored by a call is what is served.
//! Members that do not matter to traffic are ignored.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// An Amazon Resource Name.
pub type Arn = String;

/// Attributes of a load balancer, listener or target group by their keys. What is missing has AWS's default.
pub type Attributes = BTreeMap<String, String>;

/// Everything that is served, of all accounts and regions. Immutable: a change publishes another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Counts up with every change.
    pub generation: u64,
    /// Load balancers.
    pub balancers: BTreeMap<Arn, Arc<Balancer>>,
    /// Target groups, whether or not a listener uses them.
    pub target_groups: BTreeMap<Arn, Arc<TargetGroup>>,
}

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balancer {
    /// Its kind.
    pub kind: Kind,
    /// Where it listens on this machine.
    pub address: IpAddr,
    /// Elastic IP addresses, where it listens as well.
    #[serde(default)]
    pub further: Vec<IpAddr>,
    /// Whether a web ACL in front of it lets nobody through.
    #[serde(default)]
    pub blocks: bool,
    /// `DNSName`.
    pub dns_name: String,
    /// Whether its state is `active`: it serves and its name resolves from then on.
    pub active: bool,
    /// `LoadBalancerAttributes`.
    #[serde(default)]
    pub attributes: Attributes,
    /// Listeners, in any order.
    #[serde(default)]
    pub listeners: Vec<Listener>,
    /// What only a service of VPC Lattice has.
    #[serde(default)]
    pub lattice: Option<LatticeService>,
}

/// What only a service of VPC Lattice has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatticeService {
    /// `customDomainName`: what clients of a TLS listener name.
    pub domain: Option<String>,
    /// The service.
    pub service: Arn,
    /// A service network that it is associated with.
    pub network: Arn,
    /// A VPC that is associated with that network.
    pub vpc: Option<Arn>,
}

/// What serves, by `Type` of a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `application`.
    Application,
    /// `network`.
    Network,
    /// A service of VPC Lattice.
    Lattice,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// `ListenerArn`.
    pub arn: Arn,
    /// `Port`.
    pub port: u16,
    /// `Protocol`: `HTTP`, `HTTPS`, `TCP` and so on.
    pub protocol: String,
    /// `SslPolicy`; none for the default.
    #[serde(default)]
    pub ssl_policy: Option<String>,
    /// `AlpnPolicy`, of a TLS listener.
    #[serde(default)]
    pub alpn: Option<String>,
    /// Certificates of an HTTPS or TLS listener, its default first.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    /// `MutualAuthentication`; none when it is off.
    #[serde(default)]
    pub clients: Option<ClientCertificates>,
    /// `ListenerAttributes`.
    #[serde(default)]
    pub attributes: Attributes,
    /// Rules in any order, with the default one.
    pub rules: Vec<Rule>,
}

/// What is done with client certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// They are passed on.
    Passthrough,
    /// They are checked.
    Verify {
        /// Authorities of the trust store, PEM.
        bundle: String,
        /// `IgnoreClientCertificateExpiry`.
        ignore_expiry: bool,
        /// `AdvertiseTrustStoreCaNames`.
        advertise: bool,
    },
}

/// A certificate with its key. Its text is not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// ARN in ACM.
    pub arn: Arn,
    /// Certificate and chain, PEM, the server's own first.
    pub chain: String,
    /// Key, PEM.
    pub key: String,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.arn)
    }
}

/// `Rule`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rule {
    /// `RuleArn`.
    #[serde(rename = "RuleArn")]
    pub arn: Arn,
    /// `Priority`.
    pub priority: Priority,
    /// `Conditions`.
    #[serde(default)]
    pub conditions: Vec<RuleCondition>,
    /// `Actions`.
    pub actions: Vec<Action>,
    /// `Transforms`.
    #[serde(default)]
    pub transforms: Vec<RuleTransform>,
    /// `match` of a rule of VPC Lattice, in place of conditions.
    #[serde(default)]
    pub lattice: Option<LatticeMatch>,
}

/// `HttpMatch` of VPC Lattice: everything that it has must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LatticeMatch {
    /// Hosts other than these; any when empty.
    pub other_than: Vec<String>,
    /// `method`.
    pub method: Option<String>,
    /// `pathMatch`.
    pub path: Option<TextMatch>,
    /// `headerMatches`, by name.
    pub headers: Vec<(String, TextMatch)>,
}

/// How a text is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextMatch {
    /// How.
    pub kind: TextKind,
    /// With what.
    pub text: String,
    /// Whether case counts.
    pub case_sensitive: bool,
}

/// `PathMatchType` and `HeaderMatchType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextKind {
    /// `exact`.
    Exact,
    /// `prefix`.
    Prefix,
    /// `contains`.
    Contains,
}

/// `RuleCondition`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RuleCondition {
    /// `Field`.
    pub field: String,
    /// `Values`, of `host-header` and `path-pattern` without their own member.
    pub values: Vec<String>,
    /// `RegexValues`, likewise.
    pub regex_values: Vec<String>,
    /// `HostHeaderConfig`.
    pub host_header_config: Option<ValuesConfig>,
    /// `PathPatternConfig`.
    pub path_pattern_config: Option<ValuesConfig>,
    /// `HttpHeaderConfig`.
    pub http_header_config: Option<HttpHeaderConfig>,
    /// `QueryStringConfig`.
    pub query_string_config: Option<QueryStringConfig>,
    /// `HttpRequestMethodConfig`.
    pub http_request_method_config: Option<ValuesConfig>,
    /// `SourceIpConfig`.
    pub source_ip_config: Option<ValuesConfig>,
}

/// `HostHeaderConditionConfig` and those of the same shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ValuesConfig {
    /// `Values`.
    pub values: Vec<String>,
    /// `RegexValues`.
    pub regex_values: Vec<String>,
    /// `IpAddressType`, of `SourceIpConditionConfig` of Network Load Balancers.
    pub ip_address_type: Option<String>,
}

/// `HttpHeaderConditionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HttpHeaderConfig {
    /// `HttpHeaderName`.
    pub http_header_name: String,
    /// `Values`.
    pub values: Vec<String>,
    /// `RegexValues`.
    pub regex_values: Vec<String>,
}

/// `QueryStringConditionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct QueryStringConfig {
    /// `Values`.
    pub values: Vec<QueryStringKeyValuePair>,
}

/// `QueryStringKeyValuePair`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct QueryStringKeyValuePair {
    /// `Key`; none for any.
    pub key: Option<String>,
    /// `Value`.
    pub value: String,
}

/// `Action`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Action {
    /// `Type`: `forward`, `redirect` or `fixed-response`, or what stands before it.
    #[serde(rename = "Type")]
    pub kind: String,
    /// `TargetGroupArn`, of a `forward` to one group.
    pub target_group_arn: Option<Arn>,
    /// `ForwardConfig`.
    pub forward_config: Option<ForwardConfig>,
    /// `RedirectConfig`.
    pub redirect_config: Option<RedirectConfig>,
    /// `FixedResponseConfig`.
    pub fixed_response_config: Option<FixedResponseConfig>,
    /// `AuthenticateOidcConfig`.
    pub authenticate_oidc_config: Option<LoginConfig>,
    /// `AuthenticateCognitoConfig`.
    pub authenticate_cognito_config: Option<LoginConfig>,
    /// `JwtValidationConfig`.
    pub jwt_validation_config: Option<JwtConfig>,
}

/// `AuthenticateOidcActionConfig` or `AuthenticateCognitoActionConfig`, as far as requests are about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LoginConfig {
    /// `AuthorizationEndpoint`, of OIDC.
    pub authorization_endpoint: Option<String>,
    /// `ClientId`, of OIDC.
    pub client_id: Option<String>,
    /// `UserPoolArn`, of Cognito.
    pub user_pool_arn: Option<String>,
    /// `UserPoolClientId`, of Cognito.
    pub user_pool_client_id: Option<String>,
    /// `UserPoolDomain`, of Cognito.
    pub user_pool_domain: Option<String>,
    /// `Scope`; `openid` when none is given.
    pub scope: Option<String>,
    /// `OnUnauthenticatedRequest`; `authenticate` when none is given.
    pub on_unauthenticated_request: Option<String>,
    /// `AuthenticationRequestExtraParams`.
    pub authentication_request_extra_params: BTreeMap<String, String>,
}

/// `JwtValidationActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct JwtConfig {
    /// `JwksEndpoint`.
    pub jwks_endpoint: String,
    /// `Issuer`.
    pub issuer: String,
    /// `AdditionalClaims`.
    pub additional_claims: Vec<ClaimConfig>,
}

/// `JwtValidationActionAdditionalClaim`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ClaimConfig {
    /// `Name`.
    pub name: String,
    /// `Format`.
    pub format: String,
    /// `Values`.
    pub values: Vec<String>,
}

/// `ForwardActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ForwardConfig {
    /// `TargetGroups`.
    pub target_groups: Vec<TargetGroupTuple>,
    /// `TargetGroupStickinessConfig`.
    pub target_group_stickiness_config: Option<StickinessConfig>,
}

/// `TargetGroupTuple`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TargetGroupTuple {
    /// `TargetGroupArn`.
    pub target_group_arn: Arn,
    /// `Weight`, 0 to 999; 1 when none is given.
    pub weight: Option<u32>,
}

/// `TargetGroupStickinessConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StickinessConfig {
    /// `Enabled`.
    pub enabled: bool,
    /// `DurationSeconds`, 1 to 604800.
    pub duration_seconds: Option<u32>,
}

/// `RedirectActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RedirectConfig {
    /// `Protocol`; `#{protocol}` when none is given, and so on.
    pub protocol: Option<String>,
    /// `Port`.
    pub port: Option<String>,
    /// `Host`.
    pub host: Option<String>,
    /// `Path`; `/#{path}` when none is given.
    pub path: Option<String>,
    /// `Query`.
    pub query: Option<String>,
    /// `StatusCode`: `HTTP_301` or `HTTP_302`.
    pub status_code: String,
}

/// `FixedResponseActionConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FixedResponseConfig {
    /// `StatusCode`: 2XX, 4XX or 5XX.
    pub status_code: String,
    /// `ContentType`.
    pub content_type: Option<String>,
    /// `MessageBody`.
    pub message_body: Option<String>,
}

/// `RuleTransform`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RuleTransform {
    /// `Type`: `host-header-rewrite` or `url-rewrite`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// `HostHeaderRewriteConfig`.
    pub host_header_rewrite_config: Option<RewriteConfigs>,
    /// `UrlRewriteConfig`.
    pub url_rewrite_config: Option<RewriteConfigs>,
}

/// `HostHeaderRewriteConfig` and `UrlRewriteConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RewriteConfigs {
    /// `Rewrites`.
    pub rewrites: Vec<RewriteConfig>,
}

/// `RewriteConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RewriteConfig {
    /// `Regex`.
    pub regex: String,
    /// `Replace`.
    pub replace: String,
}

/// What stands in place of the protocol of a group whose target is a Lambda function.
pub const LAMBDA: &str = "LAMBDA";

/// A target group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// `Protocol`: `HTTP`, `HTTPS`, `TCP` and so on; [`LAMBDA`] of a Lambda function, which has none.
    pub protocol: String,
    /// `ProtocolVersion`: `HTTP1`, `HTTP2` or `GRPC`; none is `HTTP1`.
    #[serde(default)]
    pub protocol_version: Option<String>,
    /// Health check.
    pub health: HealthCheck,
    /// `TargetGroupAttributes`.
    #[serde(default)]
    pub attributes: Attributes,
    /// Where Lambda functions are invoked, on this machine; none where nobody serves them.
    #[serde(default)]
    pub functions: Option<SocketAddr>,
    /// Who is registered, and who still drains.
    #[serde(default)]
    pub targets: Vec<Target>,
}

/// Health check of a target group. Times are what passes on this machine, in milliseconds: whoever lets AWS's
/// seconds pass faster says so here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `HealthCheckEnabled`.
    pub enabled: bool,
    /// `HealthCheckProtocol`.
    pub protocol: String,
    /// `protocolVersion` of a check of VPC Lattice: `HTTP1` or `HTTP2`; the group's where none is given.
    #[serde(default)]
    pub version: Option<String>,
    /// `HealthCheckPort`; none for `traffic-port`.
    #[serde(default)]
    pub port: Option<u16>,
    /// `HealthCheckPath`.
    pub path: String,
    /// `HealthCheckIntervalSeconds`.
    pub interval_ms: u64,
    /// `HealthCheckTimeoutSeconds`.
    pub timeout_ms: u64,
    /// `HealthyThresholdCount`.
    pub healthy: u32,
    /// `UnhealthyThresholdCount`.
    pub unhealthy: u32,
    /// `Matcher.HttpCode`: for example `200,202` or `200-299`.
    #[serde(default)]
    pub http_codes: String,
    /// `Matcher.GrpcCode`: for example `0,12` or `0-99`.
    #[serde(default)]
    pub grpc_codes: String,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `Id`.
    pub id: String,
    /// `Port`: its own or the group's.
    pub port: u16,
    /// `QuicServerId`.
    #[serde(default)]
    pub server: Option<String>,
    /// Where it is reached: its `Id` for `ip` targets, the private address of an instance; none when there is none.
    pub address: Option<IpAddr>,
    /// Whether it is being deregistered: it gets nothing new, what it still answers is waited for. Once it is no
    /// longer listed its deregistration delay is over, and what it still owes is answered with 502
    /// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#http-502-issues>).
    #[serde(default)]
    pub draining: bool,
}

/// `Priority` of a rule: in AWS's shape a number in a string, or `default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Priority {
    /// 1 to 50000, the lowest first.
    Number(u32),
    /// After all others.
    Default,
}

impl From<Priority> for String {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Number(number) => number.to_string(),
            Priority::Default => "default".to_owned(),
        }
    }
}

impl TryFrom<String> for Priority {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "default" {
            return Ok(Self::Default);
        }
        text.parse()
            .map(Self::Number)
            .map_err(|_| format!("the priority {text:?} is no number"))
    }
}
