//! What a rule asks of a request before its action.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-verify-jwt.html>. "Optionally, a rule for
//! an HTTPS listener can also include one of the following user authentication actions: authenticate-oidc,
//! authenticate-cognito, or jwt-validation" (`API_CreateRule`).

use crate::secret::Secret;
use gatewright_model::Str;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Bytes of a hash of a secret that anybody may see: enough to see a change, too few to find the secret by.
const SHOWN: usize = 4;

/// An action before the one that serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Before {
    /// `authenticate-oidc`.
    Oidc(Oidc),
    /// `authenticate-cognito`.
    Cognito(Cognito),
    /// `jwt-validation`.
    Jwt(Jwt),
}

impl Before {
    /// As AWS tells it: without the secret.
    #[must_use]
    pub fn told(&self) -> Self {
        match self {
            Self::Oidc(oidc) => Self::Oidc(Oidc {
                client_secret: None,
                ..oidc.clone()
            }),
            other => other.clone(),
        }
    }

    /// `Type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Oidc(_) => "authenticate-oidc",
            Self::Cognito(_) => "authenticate-cognito",
            Self::Jwt(_) => "jwt-validation",
        }
    }

    /// What a change of its secret is seen by; none without one.
    pub fn fingerprint(&self) -> Option<Str> {
        let Self::Oidc(oidc) = self else {
            return None;
        };
        let secret = oidc.client_secret.as_ref()?;
        let mut hash = Sha256::new();
        for part in [&oidc.token_endpoint, &oidc.client_id] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.update(secret.expose().as_bytes());
        let mut text = String::with_capacity(2 * SHOWN);
        for byte in hash.finalize().iter().take(SHOWN) {
            let _ = write!(text, "{byte:02x}");
        }
        Some(text.into())
    }
}

/// `AuthenticateOidcConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oidc {
    /// `Issuer`.
    pub issuer: Str,
    /// `AuthorizationEndpoint`.
    pub authorization_endpoint: Str,
    /// `TokenEndpoint`.
    pub token_endpoint: Str,
    /// `UserInfoEndpoint`.
    pub user_info_endpoint: Str,
    /// `ClientId`.
    pub client_id: Str,
    /// `ClientSecret`, which AWS never tells: none of what is read from there.
    #[serde(skip)]
    pub client_secret: Option<Secret>,
    /// How users log in.
    pub login: Login,
}

/// `AuthenticateCognitoConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cognito {
    /// `UserPoolArn`.
    pub pool: Str,
    /// `UserPoolClientId`.
    pub client_id: Str,
    /// `UserPoolDomain`.
    pub domain: Str,
    /// How users log in.
    pub login: Login,
}

/// What both ways to log in have, AWS's defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// `OnUnauthenticatedRequest`: `authenticate`, `allow` or `deny`.
    pub unauthenticated: Str,
    /// `Scope`.
    pub scope: Str,
    /// `SessionCookieName`.
    pub cookie: Str,
    /// `SessionTimeout`: seconds.
    pub session_s: u32,
    /// `AuthenticationRequestExtraParams`, at most ten.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<Str, Str>,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            unauthenticated: "authenticate".into(),
            scope: "openid".into(),
            cookie: "AWSELBAuthSessionCookie".into(),
            session_s: 604_800,
            extra: BTreeMap::new(),
        }
    }
}

/// `JwtValidationConfig`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwt {
    /// `JwksEndpoint`.
    pub jwks_endpoint: Str,
    /// `Issuer`.
    pub issuer: Str,
    /// `AdditionalClaims`, at most ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
}

/// `JwtValidationActionAdditionalClaim`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    /// `Name`.
    pub name: Str,
    /// `Format`: `single-string`, `string-array` or `space-separated-values`.
    pub format: Str,
    /// `Values`, at most ten.
    pub values: Vec<Str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oidc(secret: &str) -> Before {
        let url = |path: &str| format!("https://login.example/{path}").into();
        Before::Oidc(Oidc {
            issuer: url(""),
            authorization_endpoint: url("authorize"),
            token_endpoint: url("token"),
            user_info_endpoint: url("user"),
            client_id: "shop".into(),
            client_secret: Some(Secret::new(secret.to_owned())),
            login: Login::default(),
        })
    }

    #[test]
    fn a_secret_is_nowhere_but_its_change_is_seen() {
        let one = oidc("s3cr3t-of-shop");
        for text in [format!("{one:?}"), serde_json::to_string(&one).unwrap()] {
            assert!(!text.contains("s3cr3t"), "{text}");
        }
        let fingerprint = one.fingerprint().unwrap();
        assert_eq!(fingerprint.len(), 8);
        assert_eq!(oidc("s3cr3t-of-shop").fingerprint(), Some(fingerprint.clone()));
        assert_ne!(oidc("another").fingerprint(), Some(fingerprint));
        assert_eq!(one.told().fingerprint(), None);
        assert_eq!(one.told(), oidc("another").told());
    }
}
