//! `AwsRouteParameters` as settings of the lowering.

use super::map;
use gatewright_aws_core::alb::before::{Before, Claim, Cognito, Jwt, Login, Oidc};
use gatewright_aws_core::alb::rule::{FixedResponse, Rewrite, Transforms};
use gatewright_aws_core::alb::settings::RouteSettings;
use gatewright_aws_core::{Secret, Str};
use gatewright_core::graph::parameters::AwsRoute;
use gatewright_crds::own::aws::{self, AwsRouteParametersSpec, Unauthenticated};
use std::collections::BTreeSet;

/// What a rule asks for. What cannot be is said in words there, and concerns that rule alone.
pub(super) fn route(route: &AwsRoute) -> RouteSettings {
    let AwsRouteParametersSpec {
        source_ranges,
        oidc,
        cognito,
        login,
        jwt,
        fixed_response,
        rewrite_url,
        rewrite_host,
        redirect_query,
    } = &*route.spec;
    let login = self::login(login.as_ref());
    let one = |range: &String| {
        let why =
            || format!("sourceRanges: found `{range}`, accepted is a network such as 10.0.0.0/8").into();
        range.parse().map_err(|_| why())
    };
    let sources: Result<BTreeSet<_>, Str> = source_ranges.iter().flatten().map(one).collect();
    let asked = match (oidc, cognito, jwt) {
        (None, None, None) => None,
        (Some(oidc), None, None) => Some(secret(route).map(|client_secret| {
            Before::Oidc(Oidc {
                issuer: oidc.issuer.as_str().into(),
                authorization_endpoint: oidc.authorization_endpoint.as_str().into(),
                token_endpoint: oidc.token_endpoint.as_str().into(),
                user_info_endpoint: oidc.user_info_endpoint.as_str().into(),
                client_id: oidc.client_id.as_str().into(),
                client_secret: Some(client_secret),
                login,
            })
        })),
        (None, Some(cognito), None) => Some(Ok(Before::Cognito(Cognito {
            pool: cognito.user_pool_arn.as_str().into(),
            client_id: cognito.user_pool_client_id.as_str().into(),
            domain: cognito.user_pool_domain.as_str().into(),
            login,
        }))),
        (None, None, Some(jwt)) => Some(Ok(Before::Jwt(Jwt {
            jwks_endpoint: jwt.jwks_endpoint.as_str().into(),
            issuer: jwt.issuer.as_str().into(),
            claims: jwt.claims.iter().flatten().map(claim).collect(),
        }))),
        // The CRD's validation refuses it; objects may be older than that.
        _ => Some(Err("oidc, cognito and jwt exclude each other".into())),
    };
    let told = |why: Str| -> Str { format!("AwsRouteParameters {}: {why}", route.object).into() };
    let (sources, before) = match sources {
        Ok(sources) => (sources, asked),
        Err(why) => (BTreeSet::new(), Some(Err(why))),
    };
    RouteSettings {
        field: route.field.clone(),
        sources,
        before: before.map(|before| before.map_err(told)),
        answer: fixed_response.as_ref().map(answer),
        rewrites: Transforms {
            host: rewrite_host.as_ref().map(rewrite),
            url: rewrite_url.as_ref().map(rewrite),
        },
        redirect_query: redirect_query.as_deref().map(Into::into),
    }
}

fn rewrite(given: &aws::RegexRewrite) -> Rewrite {
    let aws::RegexRewrite {
        expression,
        replacement,
    } = given;
    Rewrite {
        regex: expression.as_str().into(),
        replace: replacement.as_deref().unwrap_or_default().into(),
    }
}

fn answer(given: &aws::FixedResponse) -> FixedResponse {
    let aws::FixedResponse {
        status_code,
        content_type,
        body,
    } = given;
    FixedResponse {
        status: *status_code,
        content_type: content_type.unwrap_or_default().as_str().into(),
        body: body.as_deref().unwrap_or_default().into(),
    }
}

fn secret(route: &AwsRoute) -> Result<Secret, Str> {
    let found = route.client_secret.as_ref();
    let found = found.ok_or("oidc.clientSecretRef is needed")?.as_ref();
    let bytes = found
        .map_err(|why| Str::from(format!("oidc.clientSecretRef: {why}")))?
        .expose();
    let text = std::str::from_utf8(bytes).map_err(|_| "oidc.clientSecretRef: the secret is no text")?;
    Ok(Secret::new(text.to_owned()))
}

/// What users leave open is AWS's default.
fn login(login: Option<&aws::Login>) -> Login {
    let mut found = Login::default();
    let Some(aws::Login {
        unauthenticated,
        scope,
        cookie_name,
        session_seconds,
        extra_parameters,
    }) = login
    else {
        return found;
    };
    found.unauthenticated = match unauthenticated.unwrap_or_default() {
        Unauthenticated::Login => "authenticate",
        Unauthenticated::Allow => "allow",
        Unauthenticated::Deny => "deny",
    }
    .into();
    if let Some(scope) = scope {
        found.scope = scope.as_str().into();
    }
    if let Some(cookie) = cookie_name {
        found.cookie = cookie.as_str().into();
    }
    found.session_s = session_seconds.unwrap_or(found.session_s);
    found.extra = map(extra_parameters.as_ref());
    found
}

fn claim(claim: &aws::Claim) -> Claim {
    let aws::Claim { name, format, values } = claim;
    Claim {
        name: name.as_str().into(),
        format: format.unwrap_or_default().as_str().into(),
        values: values.iter().map(|value| value.as_str().into()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_model::certificate;
    use gatewright_model::key::ObjectName;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn settings(spec: Value, secret: Option<Result<&str, &str>>) -> RouteSettings {
        route(&AwsRoute {
            field: "spec.rules[0].filters[0].extensionRef".into(),
            object: ObjectName::new("shop", "staff"),
            spec: Arc::new(serde_json::from_value(spec).unwrap()),
            client_secret: secret.map(|found| {
                let wrap = |text: &str| certificate::Secret::new(text.as_bytes());
                found.map(wrap).map_err(Str::from)
            }),
        })
    }

    fn oidc() -> Value {
        let url = |path: &str| format!("https://login.example/{path}");
        json!({
            "issuer": url(""), "authorizationEndpoint": url("authorize"), "tokenEndpoint": url("token"),
            "userInfoEndpoint": url("user"), "clientId": "shop", "clientSecretRef": {"name": "login"},
        })
    }

    #[test]
    fn what_is_left_open_is_awss_default() {
        let found = settings(
            json!({"oidc": oidc(), "sourceRanges": ["192.0.2.7/24", "2001:db8::1/32"]}),
            Some(Ok("hidden")),
        );
        assert_eq!(found.sources.len(), 2);
        let Some(Ok(Before::Oidc(oidc))) = &found.before else {
            panic!("{found:?}");
        };
        assert_eq!(oidc.login, Login::default());
        assert_eq!(oidc.client_secret.as_ref().unwrap().expose(), "hidden");
        assert!(!format!("{found:?}").contains("hidden"));
        let login = json!({"unauthenticated": "Deny", "scope": "openid email", "cookieName": "c", "sessionSeconds": 60, "extraParameters": {"prompt": "login"}});
        let found = settings(json!({"oidc": self::oidc(), "login": login}), Some(Ok("hidden")));
        let Some(Ok(Before::Oidc(oidc))) = found.before else {
            panic!("{:?}", found.before);
        };
        let wanted = Login {
            unauthenticated: "deny".into(),
            scope: "openid email".into(),
            cookie: "c".into(),
            session_s: 60,
            extra: [("prompt".into(), "login".into())].into(),
        };
        assert_eq!(oidc.login, wanted);
    }

    #[test]
    fn claims_have_awss_words() {
        let claims = json!([
            {"name": "aud", "values": ["shop"]},
            {"name": "groups", "format": "StringArray", "values": ["a", "b"]},
            {"name": "scope", "format": "SpaceSeparated", "values": ["read"]},
        ]);
        let jwt = json!({"issuer": "i", "jwksEndpoint": "https://login.example/keys", "claims": claims});
        let Some(Ok(Before::Jwt(jwt))) = settings(json!({"jwt": jwt}), None).before else {
            panic!("no jwt");
        };
        let formats: Vec<&str> = jwt.claims.iter().map(|claim| &*claim.format).collect();
        assert_eq!(
            formats,
            ["single-string", "string-array", "space-separated-values"]
        );
    }

    #[test]
    fn an_answer_is_text_unless_it_says_otherwise() {
        let found = |answer| settings(json!({"fixedResponse": answer}), None).answer.unwrap();
        assert_eq!(found(json!({"statusCode": 410})), FixedResponse::bare(410));
        let page = json!({"statusCode": 503, "contentType": "application/json", "body": "{}"});
        let wanted = FixedResponse {
            status: 503,
            content_type: "application/json".into(),
            body: "{}".into(),
        };
        assert_eq!(found(page), wanted);
    }

    #[test]
    fn what_cannot_be_concerns_the_rule_alone_and_is_told() {
        let why = |spec, secret| match settings(spec, secret).before {
            Some(Err(why)) => why.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            why(
                json!({"oidc": oidc()}),
                Some(Err("Secret shop/login does not exist"))
            ),
            "AwsRouteParameters shop/staff: oidc.clientSecretRef: Secret shop/login does not exist"
        );
        assert!(why(json!({"sourceRanges": ["everybody"]}), None).contains("`everybody`"));
        let cognito = json!({"userPoolArn": "a", "userPoolClientId": "b", "userPoolDomain": "c"});
        let both = json!({"oidc": oidc(), "cognito": cognito});
        assert!(why(both, Some(Ok("hidden"))).contains("exclude each other"));
    }
}
