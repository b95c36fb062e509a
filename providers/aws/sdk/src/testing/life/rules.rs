//! Rules.

use super::{fixed, marks, set, tags};
use crate::Account;
use gatewright_aws::cloud::{
    Action, Arn, Forward, Kind, NewRule, RuleSettings, Rules, Seen as Known, Tagging,
};
use gatewright_aws_core::Secret;
use gatewright_aws_core::alb::before::{Before, Claim, Cognito, Jwt, Login, Oidc};
use gatewright_aws_core::alb::rule::{
    Conditions, FixedResponse, HeaderCondition, QueryValue, Rewrite, Transforms, Values,
};
use gatewright_provider_api::contract::ErrorKind;
use std::collections::{BTreeMap, BTreeSet};

/// Rules with everything that we use.
fn rich(groups: &[&Arn]) -> Vec<RuleSettings> {
    let forward = |stickiness_s| {
        let groups = groups
            .iter()
            .enumerate()
            .map(|(weight, arn)| ((*arn).clone(), 999 - weight as u16))
            .collect();
        Action::Forward(Forward { groups, stickiness_s })
    };
    let path = |values| Conditions {
        path: Some(values),
        ..Conditions::default()
    };
    let regex = |pattern: &str| Values::Regex(set(&[pattern]));
    let everything = Conditions {
        host: Some(Values::Wildcards(set(&["shop.example.com"]))),
        methods: set(&["GET"]),
        headers: BTreeSet::from([HeaderCondition {
            name: "x-team".into(),
            values: Values::Wildcards(set(&["a,b"])),
        }]),
        queries: BTreeSet::from([BTreeSet::from([QueryValue {
            key: Some("v".into()),
            value: "1~2".into(),
        }])]),
        sources: set(&["192.0.2.0/24"]),
        path: None,
    };
    vec![
        RuleSettings {
            conditions: everything,
            transforms: Transforms::default(),
            before: None,
            action: forward(Some(3600)),
        },
        RuleSettings {
            conditions: path(regex("^/a(/.*)?$")),
            transforms: Transforms {
                host: Some(Rewrite {
                    regex: "^.*$".into(),
                    replace: "inside.example.com".into(),
                }),
                url: Some(Rewrite {
                    regex: "^/a(/.*)?$".into(),
                    replace: "/b$1".into(),
                }),
            },
            before: None,
            action: forward(None),
        },
        RuleSettings {
            conditions: path(Values::Wildcards(set(&["/p", "/p/*"]))),
            transforms: Transforms::default(),
            before: None,
            action: Action::Fixed(FixedResponse {
                status: 500,
                content_type: "text/html".into(),
                body: "no <backend> & co".into(),
            }),
        },
    ]
}

pub(super) async fn rules(cloud: &Account, listener: &Arn, group: &Arn) {
    let new = |priority, settings: &RuleSettings| NewRule {
        listener: listener.clone(),
        priority,
        settings: settings.clone(),
        tags: marks(),
    };
    let wanted = rich(&[group]);
    let mut arns = Vec::new();
    for (number, settings) in wanted.iter().enumerate() {
        arns.push(
            cloud
                .create_rule(&new(number as u16 + 1, settings))
                .await
                .unwrap(),
        );
    }
    // More than a page of DescribeRules, of the default size.
    let simple = |number: u16| RuleSettings {
        conditions: Conditions {
            path: Some(Values::Wildcards(set(&[&format!("/{number}")]))),
            ..Conditions::default()
        },
        transforms: Transforms::default(),
        before: None,
        action: fixed(200 + number),
    };
    for number in 4..=60 {
        arns.push(cloud.create_rule(&new(number, &simple(number))).await.unwrap());
    }
    assert_eq!(
        cloud.create_rule(&new(60, &simple(61))).await.unwrap_err().kind,
        ErrorKind::Conflict
    );

    let read = cloud.rules(listener).await.unwrap();
    assert_eq!(read.len(), 60);
    for (rule, settings) in read.iter().zip(&wanted) {
        assert_eq!(rule.settings, Known::Known(settings.clone()));
    }

    // Two rules change places in one call.
    let swap = BTreeMap::from([(arns[0].clone(), 2), (arns[1].clone(), 1)]);
    cloud.set_rule_priorities(&swap).await.unwrap();
    // The transforms go away, and nothing of before stays.
    cloud.modify_rule(&arns[1], &wanted[2]).await.unwrap();
    let read: BTreeMap<Arn, _> = cloud
        .rules(listener)
        .await
        .unwrap()
        .into_iter()
        .map(|rule| (rule.arn.clone(), rule))
        .collect();
    assert_eq!((read[&arns[0]].priority, read[&arns[1]].priority), (2, 1));
    assert_eq!(read[&arns[1]].settings, Known::Known(wanted[2].clone()));
    cloud.modify_rule(&arns[1], &wanted[1]).await.unwrap();

    // 61 ARNs, in chunks of 20; one is not there.
    let mut asked = arns.clone();
    asked.push(Arn(format!("{}0", arns[0]).into()));
    tags(cloud, Kind::Rule, &arns[0]).await;
    let read = cloud.tags(&asked).await.unwrap();
    assert_eq!(read.len(), 60);
    assert_eq!(read[&arns[1]], marks());
    assert_eq!(read[&arns[0]].get("team").map(|value| &**value), Some("a b/c+d"));

    for rule in arns.iter().skip(3) {
        cloud.delete_rule(rule).await.unwrap();
    }
    cloud.delete_rule(&arns[3]).await.unwrap();
    assert_eq!(cloud.rules(listener).await.unwrap().len(), 3);
}

/// What stands before the action: written with its secret, told without, and for HTTPS alone.
pub(super) async fn asked(cloud: &Account, (http, https): (&Arn, &Arn), group: &Arn) {
    let login = Login {
        scope: "openid email".into(),
        session_s: 3600,
        extra: BTreeMap::from([("prompt".into(), "login & co".into())]),
        ..Login::default()
    };
    let url = |path: &str| format!("https://login.example/{path}?a=b").into();
    let oidc = Before::Oidc(Oidc {
        issuer: url(""),
        authorization_endpoint: url("authorize"),
        token_endpoint: url("token"),
        user_info_endpoint: url("user"),
        client_id: "shop".into(),
        client_secret: Some(Secret::new("hidden + word".to_owned())),
        login: login.clone(),
    });
    let cognito = Before::Cognito(Cognito {
        pool: "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_a".into(),
        client_id: "0a1b".into(),
        domain: "shop".into(),
        login,
    });
    let claim = |name: &str, format: &str, values: &[&str]| Claim {
        name: name.into(),
        format: format.into(),
        values: values.iter().map(|value| (*value).into()).collect(),
    };
    let jwt = Before::Jwt(Jwt {
        jwks_endpoint: url("keys"),
        issuer: url(""),
        claims: vec![
            claim("aud", "string-array", &["shop", "orders"]),
            claim("scope", "space-separated-values", &["read"]),
        ],
    });
    let settings = |before: &Before| RuleSettings {
        conditions: Conditions {
            path: Some(Values::Wildcards(set(&["/asked"]))),
            ..Conditions::default()
        },
        transforms: Transforms::default(),
        before: Some(before.clone()),
        action: Action::Forward(Forward {
            groups: BTreeMap::from([(group.clone(), 1)]),
            stickiness_s: None,
        }),
    };
    let new = |listener: &Arn| NewRule {
        listener: listener.clone(),
        priority: 70,
        settings: settings(&oidc),
        tags: marks(),
    };
    let refused = cloud.create_rule(&new(http)).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Invalid, "{refused}");
    let rule = cloud.create_rule(&new(https)).await.unwrap();
    for before in [&oidc, &cognito, &jwt, &oidc] {
        cloud.modify_rule(&rule, &settings(before)).await.unwrap();
        let read = cloud.rules(https).await.unwrap();
        let found = read.iter().find(|found| found.arn == rule).unwrap();
        assert_eq!(found.settings, Known::Known(settings(before).told()));
        assert!(!format!("{found:?}").contains("hidden"));
    }
    cloud.delete_rule(&rule).await.unwrap();
}
