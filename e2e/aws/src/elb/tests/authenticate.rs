use super::listeners::certificate;
use super::{Bench, fixed, forward, merge, rule, text};
use serde_json::{Value, json};

fn bench() -> (Bench, String) {
    let mut bench = Bench::new();
    let balancer = bench.balancer("shop");
    let certificate = certificate(&mut bench, "a.example.com");
    let input = json!({"LoadBalancerArn": balancer, "Protocol": "HTTPS", "Port": 443, "DefaultActions": [fixed("404")],
        "Certificates": [{"CertificateArn": certificate}]});
    let listener = text(&bench.ok("CreateListener", input)["Listeners"][0]["ListenerArn"]);
    (bench, listener)
}

fn oidc() -> Value {
    let url = |path: &str| format!("https://login.example/{path}");
    json!({"Issuer": url(""), "AuthorizationEndpoint": url("a"), "TokenEndpoint": url("t"), "UserInfoEndpoint": url("u"),
        "ClientId": "shop", "ClientSecret": "hidden"})
}

fn cognito() -> Value {
    json!({"UserPoolArn": "arn:aws:cognito-idp:eu-central-1:111122223333:userpool/eu-central-1_a",
        "UserPoolClientId": "c", "UserPoolDomain": "shop"})
}

fn jwt(claims: Value) -> Value {
    json!({"JwksEndpoint": "https://login.example/keys", "Issuer": "https://login.example", "AdditionalClaims": claims})
}

fn before(kind: &str, mut config: Value, more: Value) -> Value {
    merge(&mut config, more);
    let member = match kind {
        "authenticate-oidc" => "AuthenticateOidcConfig",
        "authenticate-cognito" => "AuthenticateCognitoConfig",
        _ => "JwtValidationConfig",
    };
    json!({"Type": kind, "Order": 1, member: config})
}

fn asks(listener: &str, before: &Value, group: &str) -> Value {
    let mut last = forward(group);
    last["Order"] = json!(2);
    let mut input = rule(listener, 1);
    merge(&mut input, json!({"Actions": [before, last]}));
    input
}

/// `API_AuthenticateOidcActionConfig`: defaults, and a secret that is given once.
#[test]
fn a_secret_is_needed_and_never_told() {
    let (mut bench, listener) = bench();
    let group = bench.group("pods");
    let with = |more: Value| before("authenticate-oidc", oidc(), more);
    let without = with(json!({"ClientSecret": null}));
    let existing = with(json!({"ClientSecret": null, "UseExistingClientSecret": true}));
    for refused in [&without, &existing] {
        let input = asks(&listener, refused, &group);
        assert_eq!(bench.code("CreateRule", input), "ValidationError");
    }
    let made = bench.ok("CreateRule", asks(&listener, &with(json!({})), &group));
    let told = &made["Rules"][0]["Actions"][0]["AuthenticateOidcConfig"];
    assert_eq!(told["SessionCookieName"], "AWSELBAuthSessionCookie");
    assert_eq!(told["Scope"], "openid");
    assert_eq!(told["SessionTimeout"], 604_800);
    assert_eq!(told["OnUnauthenticatedRequest"], "authenticate");
    assert!(!made.to_string().contains("hidden"), "{made}");
    // "If you are modifying a rule, you can omit this parameter if you set UseExistingClientSecret to true."
    let arn = text(&made["Rules"][0]["RuleArn"]);
    let mut last = forward(&group);
    last["Order"] = json!(2);
    let change = |first: &Value| json!({"RuleArn": arn, "Actions": [first, last]});
    bench.ok("ModifyRule", change(&existing));
    assert_eq!(bench.code("ModifyRule", change(&without)), "ValidationError");
    let plain = json!({"RuleArn": arn, "Actions": [forward(&group)]});
    bench.ok("ModifyRule", plain);
    assert_eq!(bench.code("ModifyRule", change(&existing)), "ValidationError");
}

#[test]
fn what_stands_before_is_checked() {
    let (mut bench, listener) = bench();
    let group = bench.group("pods");
    let claim =
        |name: &str, format: &str, values: Value| json!({"Name": name, "Format": format, "Values": values});
    let many: Vec<Value> = (0..11)
        .map(|number| claim(&format!("c{number}"), "single-string", json!(["v"])))
        .collect();
    let extra: Value = (0..11)
        .map(|number| (format!("p{number}"), json!("v")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let refused = [
        before(
            "authenticate-oidc",
            oidc(),
            json!({"TokenEndpoint": "http://login.example/t"}),
        ),
        before("authenticate-oidc", oidc(), json!({"Issuer": "login.example"})),
        before("authenticate-oidc", oidc(), json!({"SessionTimeout": 604_801})),
        before(
            "authenticate-oidc",
            oidc(),
            json!({"AuthenticationRequestExtraParams": extra}),
        ),
        before(
            "authenticate-oidc",
            oidc(),
            json!({"OnUnauthenticatedRequest": "ask"}),
        ),
        before(
            "authenticate-cognito",
            cognito(),
            json!({"UserPoolArn": "arn:aws:iam::111122223333:role/a"}),
        ),
        before("jwt-validation", jwt(json!(many)), json!({})),
        before(
            "jwt-validation",
            jwt(json!([claim("exp", "single-string", json!(["1"]))])),
            json!({}),
        ),
        before(
            "jwt-validation",
            jwt(json!([claim("aud", "single-string", json!(["a", "b"]))])),
            json!({}),
        ),
        before(
            "jwt-validation",
            jwt(json!([claim("scope", "space-separated-values", json!(["a b"]))])),
            json!({}),
        ),
        before(
            "jwt-validation",
            jwt(json!([claim("aud", "list", json!(["a"]))])),
            json!({}),
        ),
        before(
            "jwt-validation",
            jwt(json!([])),
            json!({"Issuer": "i".repeat(257)}),
        ),
    ];
    for first in refused {
        let input = asks(&listener, &first, &group);
        assert_eq!(bench.code("CreateRule", input), "ValidationError", "{first}");
    }
    let accepted = [
        before(
            "authenticate-cognito",
            cognito(),
            json!({"OnUnauthenticatedRequest": "deny"}),
        ),
        before(
            "jwt-validation",
            jwt(json!([claim("aud", "string-array", json!(["a", "b"]))])),
            json!({}),
        ),
    ];
    for (number, first) in accepted.iter().enumerate() {
        let mut input = asks(&listener, first, &group);
        merge(&mut input, json!({"Priority": number + 10}));
        bench.ok("CreateRule", input);
    }
    // "must include exactly one of the following routing actions" (`API_CreateRule`).
    let mut input = asks(&listener, &accepted[0], &group);
    let alone = json!({"Actions": [accepted[0]]});
    merge(&mut input, alone);
    assert_eq!(bench.code("CreateRule", input), "InvalidLoadBalancerAction");
}
