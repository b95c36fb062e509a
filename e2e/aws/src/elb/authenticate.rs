//! Actions before the one that serves:
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AuthenticateOidcActionConfig.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AuthenticateCognitoActionConfig.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_JwtValidationActionConfig.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_JwtValidationActionAdditionalClaim.html>.
//! Quotes are from there. Which code a broken rule answers is not documented: `ValidationError`.

use crate::error::ApiError;
use serde_json::{Map, Value, json};

/// "The query parameters (up to 10) to include in the redirect request".
const PARAMETERS: usize = 10;
/// "The maximum size of the list is 10", of claims and of values of each.
const CLAIMS: usize = 10;
/// "The maximum length is 256 characters".
const LENGTH: usize = 256;
/// "We validate the exp, iss, nbf, and iat claims by default".
const ALWAYS: [&str; 4] = ["exp", "iss", "nbf", "iat"];

fn text<'a>(config: &'a Value, member: &str) -> &'a str {
    config.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// "This must be a full URL, including the HTTPS protocol, the domain, and the path."
fn url(config: &Value, member: &str) -> Result<(), ApiError> {
    let found = text(config, member);
    let rest = found.strip_prefix("https://").unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = found.bytes().all(|byte| byte.is_ascii_graphic());
    if host.is_empty() || !plain {
        return Err(ApiError::validation(format!(
            "{member} '{found}' must be a full URL, including the HTTPS protocol, the domain, and the path"
        )));
    }
    Ok(())
}

/// What both ways to log in have, with the documented defaults.
fn login(config: &Value) -> Result<Map<String, Value>, ApiError> {
    let mut told = config.as_object().cloned().unwrap_or_default();
    for (member, default) in [
        ("SessionCookieName", json!("AWSELBAuthSessionCookie")),
        ("Scope", json!("openid")),
        ("SessionTimeout", json!(604_800)),
        ("OnUnauthenticatedRequest", json!("authenticate")),
    ] {
        told.entry(member).or_insert(default);
    }
    // "The maximum duration of the authentication session, in seconds. The default is 604800 seconds (7 days)." That the
    // default is the most is not documented.
    let seconds = told.get("SessionTimeout").and_then(Value::as_i64);
    if !seconds.is_some_and(|seconds| (1..=604_800).contains(&seconds)) {
        return Err(ApiError::validation(
            "SessionTimeout must be between 1 and 604800 seconds",
        ));
    }
    let extra = told
        .get("AuthenticationRequestExtraParams")
        .and_then(Value::as_object);
    if extra.is_some_and(|extra| extra.len() > PARAMETERS) {
        return Err(ApiError::validation(format!(
            "AuthenticationRequestExtraParams can have at most {PARAMETERS} entries"
        )));
    }
    Ok(told)
}

/// An OIDC configuration without its secret, which no answer tells. `kept` says whether the rule that it is for has one
/// already: "If you are modifying a rule, you can omit this parameter if you set UseExistingClientSecret to true".
pub(super) fn oidc(config: &Value, kept: Option<&Value>) -> Result<Value, ApiError> {
    for member in [
        "Issuer",
        "AuthorizationEndpoint",
        "TokenEndpoint",
        "UserInfoEndpoint",
    ] {
        url(config, member)?;
    }
    let existing = config.get("UseExistingClientSecret").and_then(Value::as_bool);
    let has_secret = config.get("ClientSecret").is_some();
    let keeps = existing == Some(true) && kept.is_some();
    // "This parameter is required if you are creating a rule."
    if !has_secret && !keeps {
        return Err(ApiError::validation(
            "ClientSecret must be specified for an authenticate-oidc action",
        ));
    }
    // Not documented.
    if has_secret && existing == Some(true) {
        return Err(ApiError::validation(
            "ClientSecret and UseExistingClientSecret exclude each other",
        ));
    }
    let mut told = login(config)?;
    told.remove("ClientSecret");
    told.remove("UseExistingClientSecret");
    Ok(Value::Object(told))
}

/// "The Amazon Resource Name (ARN) of the Amazon Cognito user pool."
pub(super) fn cognito(config: &Value) -> Result<Value, ApiError> {
    let arn = text(config, "UserPoolArn");
    let parts: Vec<&str> = arn.split(':').collect();
    let is_pool =
        matches!(parts.as_slice(), ["arn", _, "cognito-idp", _, _, pool] if pool.starts_with("userpool/"));
    if !is_pool {
        return Err(ApiError::validation(format!(
            "'{arn}' is not the ARN of a user pool"
        )));
    }
    login(config).map(Value::Object)
}

/// "This must be a full URL, including the HTTPS protocol, the domain, and the path. The maximum length is 256
/// characters." "The issuer of the JWT. The maximum length is 256 characters."
pub(super) fn jwt(config: &Value) -> Result<Value, ApiError> {
    url(config, "JwksEndpoint")?;
    for member in ["JwksEndpoint", "Issuer"] {
        if !(1..=LENGTH).contains(&text(config, member).chars().count()) {
            return Err(ApiError::validation(format!(
                "{member} must have 1 to {LENGTH} characters"
            )));
        }
    }
    let claims = config.get("AdditionalClaims").and_then(Value::as_array);
    let claims = claims.map(Vec::as_slice).unwrap_or_default();
    if claims.len() > CLAIMS {
        return Err(ApiError::validation(format!(
            "AdditionalClaims can have at most {CLAIMS} entries"
        )));
    }
    claims.iter().try_for_each(claim)?;
    Ok(config.clone())
}

/// "You can't specify exp, iss, nbf, or iat because we validate them by default." "The maximum size of the list is 10.
/// Each value can be up to 256 characters in length. If the format is space-separated-values, the values can't include
/// spaces."
fn claim(claim: &Value) -> Result<(), ApiError> {
    let name = text(claim, "Name");
    let refused = |why: &str| Err(ApiError::validation(format!("The claim '{name}' {why}")));
    if name.is_empty() || ALWAYS.contains(&name) {
        return refused("cannot be specified");
    }
    let values = claim.get("Values").and_then(Value::as_array);
    let values: Vec<&str> = values.into_iter().flatten().filter_map(Value::as_str).collect();
    if !(1..=CLAIMS).contains(&values.len()) {
        return refused("must have 1 to 10 values");
    }
    if values.iter().any(|value| value.chars().count() > LENGTH) {
        return refused("has a value of more than 256 characters");
    }
    match text(claim, "Format") {
        // "Single-string: A single text value" (listener-verify-jwt).
        "single-string" if values.len() != 1 => refused("must have one value"),
        "space-separated-values" if values.iter().any(|value| value.contains(' ')) => {
            refused("has a value with spaces")
        }
        _ => Ok(()),
    }
}
