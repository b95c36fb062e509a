//! Actions before the one that serves.
//!
//! Documented (listener-authenticate-users): who is not logged in is sent to the authorization endpoint with `client_id`,
//! `redirect_uri` (`https://<host>/oauth2/idpresponse`), `response_type=code`, `scope` and `state`, is let through, or
//! answered with 401. (listener-verify-jwt): a token is signed with RS256 by a key of the endpoint, which has at most 10;
//! `iss` and `exp` must be there, `nbf` and `iat` are checked where they are; without a valid token the request is rejected.
//!
//! Not served: logging in. Nobody is ever logged in, and what comes back to `/oauth2/idpresponse` is answered with 401, as
//! an answer whose state is not known is (elb-configure-authentication-alb).
//!
//! Assumed: of several values of a claim all must be there; clocks agree to the second.

use super::request::Request;
use crate::traffic::config::{self, JwtConfig, LoginConfig};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

/// Where identity providers send users back to.
pub const RETURN: &str = "/oauth2/idpresponse";

/// Keys of an endpoint (listener-verify-jwt, "JWT validation limits").
const KEYS: usize = 10;

/// Longest token that is looked at: a header line cannot be longer.
const TOKEN: usize = 16 * 1024;

/// What stays as it is in a query (RFC 3986, section 2.3).
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What is asked of a request before it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// `authenticate-oidc`, `authenticate-cognito`.
    Login(Login),
    /// `jwt-validation`.
    Token(TokenCheck),
}

/// What becomes of requests of users who are not logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthenticated {
    /// They are sent to where they log in.
    Authenticate,
    /// They are served.
    Allow,
    /// They are answered with 401.
    Deny,
}

/// A log-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// What becomes of requests without one.
    pub unauthenticated: Unauthenticated,
    endpoint: String,
    client: String,
    scope: String,
    extra: Vec<(String, String)>,
}

/// A check of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCheck {
    /// Where the keys are.
    pub endpoint: String,
    issuer: String,
    claims: Vec<Claim>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    name: String,
    format: Format,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Text,
    List,
    Spaces,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    id: Option<String>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// A token that is missing, or not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied;

impl Before {
    /// Reads the action in front of the one that serves; none when there is none. Of an action that is not complete its type.
    pub(super) fn new(actions: &[config::Action]) -> Result<Option<Self>, String> {
        let Some(action) = actions.iter().find(|action| is_before(&action.kind)) else {
            return Ok(None);
        };
        let read = match action.kind.as_str() {
            "authenticate-oidc" => action.authenticate_oidc_config.as_ref().and_then(|config| {
                let endpoint = config.authorization_endpoint.clone()?;
                Some(Self::Login(Login::new(
                    endpoint,
                    config.client_id.clone()?,
                    config,
                )?))
            }),
            "authenticate-cognito" => action.authenticate_cognito_config.as_ref().and_then(|config| {
                let endpoint = cognito(
                    config.user_pool_arn.as_deref()?,
                    config.user_pool_domain.as_deref()?,
                )?;
                let client = config.user_pool_client_id.clone()?;
                Some(Self::Login(Login::new(endpoint, client, config)?))
            }),
            _ => action
                .jwt_validation_config
                .as_ref()
                .and_then(TokenCheck::new)
                .map(Self::Token),
        };
        read.map(Some).ok_or_else(|| action.kind.clone())
    }
}

/// Whether an action stands in front of another.
pub(super) fn is_before(kind: &str) -> bool {
    matches!(
        kind,
        "authenticate-oidc" | "authenticate-cognito" | "jwt-validation"
    )
}

/// "The domain prefix or fully-qualified domain name of the Amazon Cognito user pool"
/// (`API_AuthenticateCognitoActionConfig`), of the pool's region.
fn cognito(pool: &str, domain: &str) -> Option<String> {
    let region = pool.split(':').nth(3)?;
    Some(if domain.contains('.') {
        format!("https://{domain}/oauth2/authorize")
    } else {
        format!("https://{domain}.auth.{region}.amazoncognito.com/oauth2/authorize")
    })
}

impl Login {
    fn new(endpoint: String, client: String, config: &LoginConfig) -> Option<Self> {
        Some(Self {
            unauthenticated: match config.on_unauthenticated_request.as_deref() {
                None | Some("authenticate") => Unauthenticated::Authenticate,
                Some("allow") => Unauthenticated::Allow,
                Some("deny") => Unauthenticated::Deny,
                Some(_) => return None,
            },
            endpoint,
            client,
            scope: config.scope.clone().unwrap_or_else(|| "openid".to_owned()),
            extra: config
                .authentication_request_extra_params
                .clone()
                .into_iter()
                .collect(),
        })
    }

    /// Where a user logs in who came to `host`, a port included if the client named one.
    pub fn location(&self, host: &str, state: &str) -> String {
        let back = format!("https://{host}{RETURN}");
        let own = [
            ("client_id", self.client.as_str()),
            ("redirect_uri", back.as_str()),
            ("response_type", "code"),
            ("scope", self.scope.as_str()),
            ("state", state),
        ];
        let extra = self
            .extra
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let query: Vec<String> = own
            .into_iter()
            .chain(extra)
            .map(|(name, value)| {
                format!(
                    "{}={}",
                    utf8_percent_encode(name, KEPT),
                    utf8_percent_encode(value, KEPT)
                )
            })
            .collect();
        let separator = if self.endpoint.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}", self.endpoint, query.join("&"))
    }
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
}

impl TokenCheck {
    fn new(config: &JwtConfig) -> Option<Self> {
        let claims = config.additional_claims.iter().map(|claim| {
            Some(Claim {
                name: claim.name.clone(),
                format: match claim.format.as_str() {
                    "single-string" => Format::Text,
                    "string-array" => Format::List,
                    "space-separated-values" => Format::Spaces,
                    _ => return None,
                },
                values: claim.values.clone(),
            })
        });
        Some(Self {
            endpoint: config.jwks_endpoint.clone(),
            issuer: config.issuer.clone(),
            claims: claims.collect::<Option<_>>()?,
        })
    }

    /// Whether a request brings a valid token, at a time in seconds since 1970.
    pub fn admits(&self, request: &Request<'_>, keys: &[Key], now: u64) -> Result<(), Denied> {
        let mut lines = request.headers.get_all(http::header::AUTHORIZATION).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(Denied);
        };
        let line = line.to_str().map_err(|_| Denied)?;
        let (scheme, token) = line.split_once(' ').ok_or(Denied)?;
        if !scheme.eq_ignore_ascii_case("bearer") || token.len() > TOKEN {
            return Err(Denied);
        }
        self.holds(token.trim(), keys, now).ok_or(Denied)
    }

    fn holds(&self, token: &str, keys: &[Key], now: u64) -> Option<()> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (head, body) = signed.split_once('.')?;
        let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        let head: Head = serde_json::from_slice(&decoded(head)?).ok()?;
        // "Only the RS256 algorithm is supported".
        if head.alg != "RS256" {
            return None;
        }
        let signature = decoded(signature)?;
        let fits = |key: &&Key| head.kid.is_none() || key.id == head.kid;
        keys.iter()
            .filter(fits)
            .find(|key| key.signed(signed.as_bytes(), &signature))?;
        let body: Value = serde_json::from_slice(&decoded(body)?).ok()?;
        let time = |name: &str| body.get(name).map(|value| value.as_f64().map(|at| at as u64));
        let issuer = body.get("iss").and_then(Value::as_str) == Some(&self.issuer);
        let not_over = time("exp")?? > now;
        // One that is there and is no number is not valid.
        let begun = |name: &str| time(name).is_none_or(|at| at.is_some_and(|at| at <= now));
        let sound = issuer && not_over && begun("nbf") && begun("iat");
        let claims = self.claims.iter().all(|claim| claim.holds(&body));
        (sound && claims).then_some(())
    }
}

impl Claim {
    fn holds(&self, body: &Value) -> bool {
        let Some(found) = body.get(&self.name) else {
            return false;
        };
        let found: Vec<&str> = match (self.format, found) {
            (Format::Text, Value::String(text)) => vec![text],
            (Format::Spaces, Value::String(text)) => text.split(' ').collect(),
            (Format::List, Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => return false,
        };
        self.values.iter().all(|value| found.contains(&value.as_str()))
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<WrittenKey>,
}

#[derive(Deserialize)]
struct WrittenKey {
    kty: String,
    kid: Option<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

impl Key {
    /// The RSA keys of a JSON Web Key Set (RFC 7517). None when it is no such set, or has too many keys.
    pub fn set(text: &[u8]) -> Option<Vec<Self>> {
        let set: KeySet = serde_json::from_slice(text).ok()?;
        if set.keys.len() > KEYS {
            return None;
        }
        let number = |text: &str| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
            let first = bytes.iter().position(|byte| *byte != 0)?;
            bytes.get(first..).map(<[u8]>::to_vec)
        };
        let rsa = set.keys.iter().filter(|key| key.kty == "RSA");
        rsa.map(|key| {
            Some(Self {
                id: key.kid.clone(),
                modulus: number(&key.n)?,
                exponent: number(&key.e)?,
            })
        })
        .collect()
    }

    fn signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let key = RsaPublicKeyComponents {
            n: &self.modulus,
            e: &self.exponent,
        };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, text, signature).is_ok()
    }
}
