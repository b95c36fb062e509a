//! `AwsRouteParameters`.

#![allow(
    clippy::struct_field_names,
    reason = "AWS names what a user pool has so, and derives repeat the fields"
)]

use super::{FixedResponse, RegexRewrite};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an Application Load Balancer asks of the requests of a rule before it serves them, and what it answers by itself. A rule of an HTTPRoute or
/// GRPCRoute of the same namespace names it in a filter of type `ExtensionRef`, one at most. Other classes answer the
/// requests of such a rule with 500.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "gatewright.dev",
    version = "v1alpha1",
    kind = "AwsRouteParameters",
    plural = "awsrouteparameters",
    namespaced,
    category = "gatewright",
    doc = "What AWS load balancers ask of the requests of a route's rule, and answer by themselves.",
    derive = "Default",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.sourceRanges) || has(self.oidc) || has(self.cognito) || has(self.jwt) || has(self.fixedResponse) || has(self.rewriteUrl) || has(self.rewriteHost) || has(self.redirectQuery)")
        .message("one of sourceRanges, oidc, cognito, jwt, fixedResponse, rewriteUrl, rewriteHost and redirectQuery is needed"),
    validation = Rule::new("!has(self.fixedResponse) || (!has(self.rewriteUrl) && !has(self.rewriteHost) && !has(self.redirectQuery))")
        .message("fixedResponse excludes rewriteUrl, rewriteHost and redirectQuery"),
    validation = Rule::new("!has(self.redirectQuery) || (!has(self.rewriteUrl) && !has(self.rewriteHost))")
        .message("redirectQuery excludes rewriteUrl and rewriteHost"),
    validation = Rule::new("!(has(self.oidc) && has(self.cognito)) && !(has(self.oidc) && has(self.jwt)) && !(has(self.cognito) && has(self.jwt))")
        .message("oidc, cognito and jwt exclude each other"),
    validation = Rule::new("!has(self.login) || has(self.oidc) || has(self.cognito)")
        .message("login belongs to oidc and cognito"),
    validation = Rule::new("!has(self.sourceRanges) || self.sourceRanges.all(c, isCIDR(c))")
        .message("sourceRanges must hold IP networks such as 10.0.0.0/8 or 2001:db8::/32")
)]
pub struct AwsRouteParametersSpec {
    /// Networks that requests must come from, as a further condition of each match: those of other clients go to what
    /// matches next. AWS looks at who connects, not at `X-Forwarded-For`. Each counts as a value of the rule, of which AWS
    /// takes 5 together with those of the match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 5), inner(length(min = 1, max = 43)))]
    pub source_ranges: Option<Vec<String>>,
    /// Users log in at a provider of OpenID Connect. On HTTPS listeners alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<OidcProvider>,
    /// Users log in at an Amazon Cognito user pool. On HTTPS listeners alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cognito: Option<CognitoPool>,
    /// How users log in at `oidc` or `cognito`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
    /// Requests must bring a JSON Web Token (`Authorization: Bearer`), signed with RS256. On HTTPS listeners alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<TokenValidation>,
    /// What the load balancer answers by itself, once it is known who asks. The rule has no backends, redirect, rewrite or
    /// session then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_response: Option<FixedResponse>,
    /// Rewrites path and query, as one text, of what backends get: what `URLRewrite` has no words for. The rule has no
    /// redirect or rewrite then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite_url: Option<RegexRewrite>,
    /// Rewrites the host that backends get, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite_host: Option<RegexRewrite>,
    /// Query that clients get from the `RequestRedirect` of the rule in place of their own, without `?`. It may hold `#{query}`,
    /// `#{host}`, `#{path}`, `#{port}` and `#{protocol}`, which stand for those of the request; empty for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = "^[!-~]*$"))]
    pub redirect_query: Option<String>,
}

/// A provider of OpenID Connect, with a client of it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct OidcProvider {
    /// Identifier of the provider.
    #[schemars(
        length(max = 1024),
        regex(pattern = "^https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[!-~]{0,700})?$")
    )]
    pub issuer: String,
    /// Where users log in.
    #[schemars(
        length(max = 1024),
        regex(pattern = "^https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[!-~]{0,700}$")
    )]
    pub authorization_endpoint: String,
    /// Where the load balancer gets tokens.
    #[schemars(
        length(max = 1024),
        regex(pattern = "^https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[!-~]{0,700}$")
    )]
    pub token_endpoint: String,
    /// Where the load balancer gets claims of users.
    #[schemars(
        length(max = 1024),
        regex(pattern = "^https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[!-~]{0,700}$")
    )]
    pub user_info_endpoint: String,
    /// The client's identifier. Its redirect URI is `https://<host>/oauth2/idpresponse`.
    #[schemars(length(min = 1, max = 512), regex(pattern = "^[!-~]+$"))]
    pub client_id: String,
    /// The client's secret. A change of it is carried out.
    pub client_secret_ref: ClientSecretReference,
}

/// A Secret of the same namespace, of type `Opaque`, with the client's secret in the key `clientSecret`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientSecretReference {
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A user pool of Amazon Cognito, with a client of it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CognitoPool {
    /// ARN of the pool.
    #[schemars(
        length(max = 200),
        regex(pattern = "^arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:[0-9]{12}:userpool/[A-Za-z0-9_-]+$")
    )]
    pub user_pool_arn: String,
    /// Identifier of the client; it must have a secret.
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[A-Za-z0-9_+]+$"))]
    pub user_pool_client_id: String,
    /// Prefix of the pool's domain, or a whole domain of your own.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[A-Za-z0-9.-]+$"))]
    pub user_pool_domain: String,
}

/// How users log in.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.extraParameters) || self.extraParameters.all(k, size(k) >= 1 && size(k) <= 128 && size(self.extraParameters[k]) <= 512)")
        .message("extraParameters: a name has 1 to 128 characters, a value at most 512")
)]
pub struct Login {
    /// What becomes of requests of users who are not logged in. `Login` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unauthenticated: Option<Unauthenticated>,
    /// Claims that are asked for, separated by spaces. `openid` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = "^[!-~]+( [!-~]+)*$"))]
    pub scope: Option<String>,
    /// Cookie that holds the session. `AWSELBAuthSessionCookie` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub cookie_name: Option<String>,
    /// Seconds after which users log in again. 604800, seven days, by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 604_800))]
    pub session_seconds: Option<u32>,
    /// Query parameters that are added where users log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 10))]
    pub extra_parameters: Option<BTreeMap<String, String>>,
}

/// What becomes of requests of users who are not logged in. `Login` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unauthenticated {
    /// Users are sent to where they log in.
    #[default]
    Login,
    /// They are served all the same, without claims.
    Allow,
    /// They are answered with 401.
    Deny,
}

/// What a JSON Web Token must hold. `exp` and `iss` must be there; `nbf` and `iat` are checked where they are.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TokenValidation {
    /// Value of the claim `iss`.
    #[schemars(length(min = 1, max = 256), regex(pattern = "^[!-~]+$"))]
    pub issuer: String,
    /// Where the keys are that tokens are signed with (JSON Web Key Set): public, at most 10 keys and 150 KB.
    #[schemars(
        length(max = 256),
        regex(pattern = "^https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[!-~]{0,240}$")
    )]
    pub jwks_endpoint: String,
    /// Further claims that must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10))]
    pub claims: Option<Vec<Claim>>,
}

/// A claim of a token.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[x_kube(
    validation = Rule::new("!(self.name in ['exp', 'iss', 'nbf', 'iat'])")
        .message("exp, iss, nbf and iat are checked anyway"),
    validation = Rule::new("(has(self.format) && self.format != 'String') || size(self.values) == 1")
        .message("a claim of format String has one value"),
    validation = Rule::new("!has(self.format) || self.format != 'SpaceSeparated' || self.values.all(v, !v.contains(' '))")
        .message("values of format SpaceSeparated have no spaces")
)]
pub struct Claim {
    /// Name.
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[!-~]+$"))]
    pub name: String,
    /// How the claim holds its values. `String` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<ClaimFormat>,
    /// Values. Of several, AWS leaves open in its pages whether one or all must be there.
    #[schemars(length(min = 1, max = 10), inner(length(min = 1, max = 256)))]
    pub values: Vec<String>,
}

/// How a claim holds its values. `String` by default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClaimFormat {
    /// One text.
    #[default]
    String,
    /// A list of texts.
    StringArray,
    /// One text of several values.
    SpaceSeparated,
}

impl ClaimFormat {
    /// AWS's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "single-string",
            Self::StringArray => "string-array",
            Self::SpaceSeparated => "space-separated-values",
        }
    }
}
