//! Assuming roles.

use super::identity::{Identity, Session, access_key, role_parts, unique_id};
use super::keys::session_secret;
use crate::error::ApiError;
use crate::input::{number, seconds, text, tidy};
use crate::service::Context;
use crate::state::Account;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// How long sessions of roles assumed by a role last at most, in seconds
/// ([chaining](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining)).
const LONGEST_CHAINED: i64 = 3600;

/// [AssumeRole](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html). Every role can be
/// assumed but those that the admin API refuses.
pub fn assume(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let chained = context.identity.arn.contains(":assumed-role/");
    if chained && number(input, "DurationSeconds").is_some_and(|wanted| wanted > LONGEST_CHAINED) {
        return Err(ApiError::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    let role = text(input, "RoleArn").unwrap_or_default();
    if context.identity.arn == "anonymous" {
        return Err(ApiError::new(
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        )
        .with_status(403));
    }
    if account.sts.refused_roles.contains(role) {
        return Err(ApiError::new(
            "AccessDenied",
            format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {role}",
                context.identity.arn
            ),
        )
        .with_status(403));
    }
    let mut answer = session(account, context, input)?;
    if let (Some(answer), Some(source)) = (answer.as_object_mut(), text(input, "SourceIdentity")) {
        answer.insert("SourceIdentity".to_owned(), Value::from(source));
    }
    Ok(answer)
}

/// [AssumeRoleWithWebIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html):
/// the token must be a JWT that is not expired; its signature is not looked at.
pub fn assume_with_web_identity(
    account: &mut Account,
    context: &Context,
    input: &Value,
) -> Result<Value, ApiError> {
    let claims = claims(text(input, "WebIdentityToken").unwrap_or_default()).ok_or_else(|| {
        ApiError::new(
            "InvalidIdentityToken",
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        )
        .with_status(400)
    })?;
    if let Some(expires) = claims.get("exp").and_then(Value::as_u64)
        && context.now >= expires.saturating_mul(1000)
    {
        return Err(ApiError::new(
            "ExpiredTokenException",
            format!(
                "Token expired: current date/time {} must be before the expiration date/time {expires}",
                context.now / 1000
            ),
        )
        .with_status(400));
    }
    let role = text(input, "RoleArn").unwrap_or_default();
    if account.sts.refused_roles.contains(role) {
        return Err(ApiError::new(
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        )
        .with_status(403));
    }
    let mut answer = session(account, context, input)?;
    let audience = claims.get("aud").and_then(|aud| match aud {
        Value::Array(all) => all.first().and_then(Value::as_str),
        other => other.as_str(),
    });
    if let Some(answer) = answer.as_object_mut() {
        let told = json!({
            "SubjectFromWebIdentityToken": text(&claims, "sub"),
            "Provider": text(&claims, "iss"),
            "Audience": audience,
        });
        if let Value::Object(told) = tidy(told) {
            answer.extend(told);
        }
    }
    Ok(answer)
}

/// The claims of a JWT.
fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || header.is_empty() || signature.is_empty() {
        return None;
    }
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims.is_object().then_some(claims)
}

/// New credentials of a role.
fn session(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let role = text(input, "RoleArn").unwrap_or_default();
    let name = text(input, "RoleSessionName").unwrap_or_default();
    let (_, owner, _) = role_parts(role).ok_or_else(|| ApiError::validation(format!("{role} is invalid")))?;
    let identity =
        Identity::of_session(role, name).ok_or_else(|| ApiError::validation(format!("{role} is invalid")))?;
    let lasts = number(input, "DurationSeconds").unwrap_or(LONGEST_CHAINED);
    let expires = context
        .now
        .saturating_add(u64::try_from(lasts).unwrap_or(0).saturating_mul(1000));
    account.sts.made += 1;
    let seed = format!(
        "{role} {name} {} {} {}",
        context.account, context.region, account.sts.made
    );
    let key = access_key("ASIA", owner, &seed);
    let session = Session {
        access_key: key.clone(),
        role: role.to_owned(),
        name: name.to_owned(),
        expires,
    };
    let secret = session_secret(&key);
    Ok(json!({
        "Credentials": {
            "AccessKeyId": key,
            "SecretAccessKey": secret,
            "SessionToken": session.token(),
            "Expiration": seconds(expires),
        },
        "AssumedRoleUser": {
            "AssumedRoleId": format!("{}:{name}", unique_id("AROA", role)),
            "Arn": identity.arn,
        },
        "PackedPolicySize": 1,
    }))
}
