//! Actions before the one that serves.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AuthenticateOidcActionConfig.html>,
//! `API_AuthenticateCognitoActionConfig`, `API_JwtValidationActionConfig`.

use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::before::{Before, Claim, Cognito, Jwt, Login, Oidc};
use std::collections::{BTreeMap, HashMap};

/// As the SDK takes it. The one place where a client's secret leaves the program.
pub(super) fn to_sdk(before: &Before) -> sdk::Action {
    let built = sdk::Action::builder();
    match before {
        Before::Oidc(oidc) => built
            .r#type(sdk::ActionTypeEnum::AuthenticateOidc)
            .authenticate_oidc_config(oidc_to_sdk(oidc)),
        Before::Cognito(cognito) => built
            .r#type(sdk::ActionTypeEnum::AuthenticateCognito)
            .authenticate_cognito_config(cognito_to_sdk(cognito)),
        Before::Jwt(jwt) => built
            .r#type(sdk::ActionTypeEnum::JwtValidation)
            .jwt_validation_config(jwt_to_sdk(jwt)),
    }
    .build()
}

fn extra(login: &Login) -> Option<HashMap<String, String>> {
    let pairs = login
        .extra
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()));
    Some(pairs.collect()).filter(|pairs: &HashMap<_, _>| !pairs.is_empty())
}

fn oidc_to_sdk(oidc: &Oidc) -> sdk::AuthenticateOidcActionConfig {
    let secret = oidc.client_secret.as_ref();
    sdk::AuthenticateOidcActionConfig::builder()
        .issuer(&*oidc.issuer)
        .authorization_endpoint(&*oidc.authorization_endpoint)
        .token_endpoint(&*oidc.token_endpoint)
        .user_info_endpoint(&*oidc.user_info_endpoint)
        .client_id(&*oidc.client_id)
        .set_client_secret(secret.map(|secret| secret.expose().to_owned()))
        .session_cookie_name(&*oidc.login.cookie)
        .scope(&*oidc.login.scope)
        .session_timeout(oidc.login.session_s.into())
        .set_authentication_request_extra_params(extra(&oidc.login))
        .on_unauthenticated_request((&*oidc.login.unauthenticated).into())
        .build()
}

fn cognito_to_sdk(cognito: &Cognito) -> sdk::AuthenticateCognitoActionConfig {
    sdk::AuthenticateCognitoActionConfig::builder()
        .user_pool_arn(&*cognito.pool)
        .user_pool_client_id(&*cognito.client_id)
        .user_pool_domain(&*cognito.domain)
        .session_cookie_name(&*cognito.login.cookie)
        .scope(&*cognito.login.scope)
        .session_timeout(cognito.login.session_s.into())
        .set_authentication_request_extra_params(extra(&cognito.login))
        .on_unauthenticated_request((&*cognito.login.unauthenticated).into())
        .build()
}

fn jwt_to_sdk(jwt: &Jwt) -> sdk::JwtValidationActionConfig {
    let claims: Vec<sdk::JwtValidationActionAdditionalClaim> = jwt
        .claims
        .iter()
        .map(|claim| {
            sdk::JwtValidationActionAdditionalClaim::builder()
                .name(&*claim.name)
                .format((&*claim.format).into())
                .set_values(Some(claim.values.iter().map(ToString::to_string).collect()))
                .build()
        })
        .collect();
    sdk::JwtValidationActionConfig::builder()
        .jwks_endpoint(&*jwt.jwks_endpoint)
        .issuer(&*jwt.issuer)
        .set_additional_claims(Some(claims).filter(|claims| !claims.is_empty()))
        .build()
}

/// As AWS tells it, without a secret; none for what we have no type for.
pub(super) fn from_sdk(action: &sdk::Action) -> Option<Before> {
    Some(match action.r#type()? {
        sdk::ActionTypeEnum::AuthenticateOidc => Before::Oidc(oidc(action.authenticate_oidc_config()?)?),
        sdk::ActionTypeEnum::AuthenticateCognito => {
            Before::Cognito(cognito(action.authenticate_cognito_config()?)?)
        }
        sdk::ActionTypeEnum::JwtValidation => Before::Jwt(jwt(action.jwt_validation_config()?)?),
        _ => return None,
    })
}

fn oidc(config: &sdk::AuthenticateOidcActionConfig) -> Option<Oidc> {
    Some(Oidc {
        issuer: config.issuer()?.into(),
        authorization_endpoint: config.authorization_endpoint()?.into(),
        token_endpoint: config.token_endpoint()?.into(),
        user_info_endpoint: config.user_info_endpoint()?.into(),
        client_id: config.client_id()?.into(),
        client_secret: None,
        login: login(
            config
                .on_unauthenticated_request()
                .map(sdk::AuthenticateOidcActionConditionalBehaviorEnum::as_str),
            (config.scope(), config.session_cookie_name()),
            config.session_timeout(),
            config.authentication_request_extra_params(),
        )?,
    })
}

fn cognito(config: &sdk::AuthenticateCognitoActionConfig) -> Option<Cognito> {
    Some(Cognito {
        pool: config.user_pool_arn()?.into(),
        client_id: config.user_pool_client_id()?.into(),
        domain: config.user_pool_domain()?.into(),
        login: login(
            config
                .on_unauthenticated_request()
                .map(sdk::AuthenticateCognitoActionConditionalBehaviorEnum::as_str),
            (config.scope(), config.session_cookie_name()),
            config.session_timeout(),
            config.authentication_request_extra_params(),
        )?,
    })
}

/// What AWS leaves out has its documented default.
fn login(
    unauthenticated: Option<&str>,
    (scope, cookie): (Option<&str>, Option<&str>),
    session_s: Option<i64>,
    extra: Option<&HashMap<String, String>>,
) -> Option<Login> {
    let default = Login::default();
    let or = |found: Option<&str>, default: Str| found.map_or(default, Str::from);
    let extra: BTreeMap<Str, Str> = extra
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect();
    Some(Login {
        unauthenticated: or(unauthenticated, default.unauthenticated),
        scope: or(scope, default.scope),
        cookie: or(cookie, default.cookie),
        session_s: match session_s {
            Some(seconds) => u32::try_from(seconds).ok()?,
            None => default.session_s,
        },
        extra,
    })
}

fn jwt(config: &sdk::JwtValidationActionConfig) -> Option<Jwt> {
    let claim = |claim: &sdk::JwtValidationActionAdditionalClaim| {
        Some(Claim {
            name: claim.name()?.into(),
            format: claim.format()?.as_str().into(),
            values: claim.values().iter().map(|value| value.as_str().into()).collect(),
        })
    };
    Some(Jwt {
        jwks_endpoint: config.jwks_endpoint()?.into(),
        issuer: config.issuer()?.into(),
        claims: config
            .additional_claims()
            .iter()
            .map(claim)
            .collect::<Option<_>>()?,
    })
}
