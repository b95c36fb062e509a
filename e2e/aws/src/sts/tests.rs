use super::identity::access_key;
use super::*;
use crate::error::ApiError;
use crate::service::Context;
use crate::state::Account;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000_000;
const ROLE: &str = "arn:aws:iam::210987654321:role/team/controller";

fn call(account: &mut Account, context: &Context, operation: &str, input: Value) -> Result<Value, ApiError> {
    let (_, handler) = OPERATIONS.iter().find(|(name, _)| *name == operation).unwrap();
    handler(account, context, &input)
}

#[test]
fn keys_tell_their_account() {
    for account in ["123456789012", "000000000001", "999999999999"] {
        let key = access_key("ASIA", account, "seed");
        assert_eq!(key.len(), 20);
        assert_eq!(account_of(&key).as_deref(), Some(account));
    }
    // A key that AWS publishes as an example of the encoding, of account 581039954779 by its bits; it is older
    // than the encoding, so that it tells nothing.
    assert_eq!(account_of("AKIAIOSFODNN7EXAMPLE"), None);
    assert_eq!(account_of("test"), None);
    assert_eq!(account_of("210987654321").as_deref(), Some("210987654321"));
    assert_ne!(
        access_key("ASIA", "123456789012", "a"),
        access_key("ASIA", "123456789012", "b")
    );
}

#[test]
fn a_role_is_another_account() {
    let mut account = Account::default();
    let context = Context::for_test("123456789012", "eu-central-1", NOW);
    let input = json!({"RoleArn": ROLE, "RoleSessionName": "me", "DurationSeconds": 900});
    let given = call(&mut account, &context, "AssumeRole", input.clone()).unwrap();
    let credentials = &given["Credentials"];
    let (key, token) = (
        credentials["AccessKeyId"].as_str().unwrap(),
        credentials["SessionToken"].as_str().unwrap(),
    );
    assert_eq!(credentials["SecretAccessKey"].as_str().unwrap().len(), 40);
    let who = authenticate(Some(key), Some(token), NOW).unwrap();
    assert_eq!(who.account, "210987654321");
    assert_eq!(who.arn, "arn:aws:sts::210987654321:assumed-role/controller/me");
    assert_eq!(given["AssumedRoleUser"]["Arn"], who.arn.as_str());
    let second = call(&mut account, &context, "AssumeRole", input.clone()).unwrap();
    assert_ne!(second["Credentials"]["AccessKeyId"], *key);
    let code = |key, token, now| authenticate(key, token, now).unwrap_err().code;
    assert_eq!(code(Some(key), Some(token), NOW + 900_000), "ExpiredToken");
    assert_eq!(code(Some(key), None, NOW), "InvalidClientTokenId");
    assert_eq!(code(Some("AKIAOTHER"), Some(token), NOW), "InvalidClientTokenId");
    assert_eq!(code(Some(key), Some("nonsense"), NOW), "InvalidClientTokenId");
    // Of a role that a role assumed, an hour at most.
    let chained = Context {
        identity: who,
        ..context.clone()
    };
    let long = json!({"RoleArn": ROLE, "RoleSessionName": "me", "DurationSeconds": 3601});
    assert_eq!(
        call(&mut account, &chained, "AssumeRole", long).unwrap_err().code,
        "ValidationError"
    );
    account.sts.refused_roles.insert(ROLE.to_owned());
    let refused = call(&mut account, &context, "AssumeRole", input).unwrap_err();
    assert_eq!(
        (refused.code.as_str(), refused.status),
        ("AccessDenied", Some(403))
    );
    assert!(
        refused
            .message
            .contains("is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam")
    );
    let bad = json!({"RoleArn": "arn:aws:iam::1:user/notarole1", "RoleSessionName": "me"});
    assert_eq!(
        call(&mut account, &context, "AssumeRole", bad).unwrap_err().code,
        "ValidationError"
    );
}

#[test]
fn web_identities_are_tokens_that_last() {
    let mut account = Account::default();
    let context = Context::for_test("123456789012", "eu-central-1", NOW);
    let jwt = |claims: Value| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(&claims))
    };
    let input = |token: &str| json!({"RoleArn": ROLE, "RoleSessionName": "me", "WebIdentityToken": token});
    let good = jwt(json!({"iss": "https://oidc", "sub": "system:serviceaccount:a:b",
        "aud": ["sts.amazonaws.com"], "exp": NOW / 1000 + 60}));
    let given = call(&mut account, &context, "AssumeRoleWithWebIdentity", input(&good)).unwrap();
    assert_eq!(given["SubjectFromWebIdentityToken"], "system:serviceaccount:a:b");
    assert_eq!(given["Audience"], "sts.amazonaws.com");
    let old = jwt(json!({"exp": NOW / 1000}));
    for (token, code) in [
        (old.as_str(), "ExpiredTokenException"),
        ("not a token", "InvalidIdentityToken"),
        ("a.b", "InvalidIdentityToken"),
    ] {
        let refused = call(&mut account, &context, "AssumeRoleWithWebIdentity", input(token)).unwrap_err();
        assert_eq!(refused.code, code);
    }
}

#[test]
fn callers_are_told_who_they_are() {
    let mut account = Account::default();
    let context = Context::for_test("123456789012", "eu-central-1", NOW);
    let me = call(&mut account, &context, "GetCallerIdentity", json!({})).unwrap();
    assert_eq!(me["Account"], "123456789012");
    assert!(
        me["Arn"]
            .as_str()
            .unwrap()
            .starts_with("arn:aws:iam::123456789012:")
    );
    assert_eq!(authenticate(None, None, NOW).unwrap().account, DEFAULT_ACCOUNT);
    let key = access_key("AKIA", "210987654321", "x");
    let told = call(
        &mut account,
        &context,
        "GetAccessKeyInfo",
        json!({"AccessKeyId": key}),
    )
    .unwrap();
    assert_eq!(told["Account"], "210987654321");
}
