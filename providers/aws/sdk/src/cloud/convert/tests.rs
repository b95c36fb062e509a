//! Ours to the SDK's and back; and AWS's echoes in every form that it has.

mod balancers;

use super::{action, certificate, condition, limits, listener, pairs, rule, target_group};
use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Action, Arn, CertificateStatus, Clients, Forward, Health, ListenerTls, Seen};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::before::{Before, Claim, Cognito, Jwt, Login, Oidc};
use gatewright_aws_core::alb::rule::{
    Conditions, FixedResponse, HeaderCondition, QueryValue, Redirect, Rewrite, Transforms, Values,
};
use gatewright_aws_core::limits::AlbLimits;
use gatewright_aws_core::target_group::{ProtocolVersion, Target, TargetAddress, TargetKind};
use proptest::collection::{btree_map, btree_set};
use proptest::option::of;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn text() -> impl Strategy<Value = Str> {
    "[a-z0-9*?/^$.\\\\ü-]{1,20}".prop_map(Str::from)
}

fn texts() -> impl Strategy<Value = BTreeSet<Str>> {
    btree_set(text(), 1..4)
}

fn values() -> impl Strategy<Value = Values> {
    prop_oneof![
        texts().prop_map(Values::Wildcards),
        texts().prop_map(Values::Regex)
    ]
}

fn header() -> impl Strategy<Value = HeaderCondition> {
    ("[a-z-]{1,10}".prop_map(Str::from), values()).prop_map(|(name, values)| HeaderCondition { name, values })
}

fn query() -> impl Strategy<Value = QueryValue> {
    (of(text()), text()).prop_map(|(key, value)| QueryValue { key, value })
}

fn conditions() -> impl Strategy<Value = Conditions> {
    (
        of(values()),
        of(values()),
        btree_set("[A-Z]{3,7}".prop_map(Str::from), 0..3),
        btree_set(header(), 0..3),
        btree_set(btree_set(query(), 1..3), 0..3),
        btree_set("10\\.0\\.[0-9]\\.0/24".prop_map(Str::from), 0..3),
    )
        .prop_map(|(host, path, methods, headers, queries, sources)| Conditions {
            host,
            path,
            methods,
            headers,
            queries,
            sources,
        })
}

fn rewrite() -> impl Strategy<Value = Rewrite> {
    (text(), text()).prop_map(|(regex, replace)| Rewrite { regex, replace })
}

fn transforms() -> impl Strategy<Value = Transforms> {
    (of(rewrite()), of(rewrite())).prop_map(|(host, url)| Transforms { host, url })
}

fn actions() -> impl Strategy<Value = Action> {
    let groups = btree_map(text().prop_map(Arn), 0..=999_u16, 1..5);
    prop_oneof![
        (groups, of(1..=604_800_u32))
            .prop_map(|(groups, stickiness_s)| Action::Forward(Forward { groups, stickiness_s })),
        (text(), text(), text(), prop_oneof![Just(301), Just(302)]).prop_map(
            |(host, path, query, status)| {
                Action::Redirect(Redirect {
                    protocol: "HTTPS".into(),
                    host,
                    port: "443".into(),
                    path,
                    query,
                    status,
                })
            }
        ),
        (200..=599_u16, of((text(), text()))).prop_map(|(status, said)| {
            Action::Fixed(match said {
                // Without a body its type is lost.
                Some((content_type, body)) if !body.is_empty() => FixedResponse {
                    status,
                    content_type,
                    body,
                },
                _ => FixedResponse::bare(status),
            })
        }),
    ]
}

fn login() -> impl Strategy<Value = Login> {
    let unauthenticated = prop_oneof![Just("authenticate"), Just("allow"), Just("deny")];
    let extra = btree_map(text(), text(), 0..3);
    (unauthenticated, text(), text(), 1..=604_800_u32, extra).prop_map(
        |(unauthenticated, scope, cookie, session_s, extra)| Login {
            unauthenticated: unauthenticated.into(),
            scope,
            cookie,
            session_s,
            extra,
        },
    )
}

fn claims() -> impl Strategy<Value = Vec<Claim>> {
    let format = prop_oneof![
        Just("single-string"),
        Just("string-array"),
        Just("space-separated-values")
    ];
    let claim = (text(), format, prop::collection::vec(text(), 1..3));
    prop::collection::vec(
        claim.prop_map(|(name, format, values)| Claim {
            name,
            format: format.into(),
            values,
        }),
        0..3,
    )
}

fn asked() -> impl Strategy<Value = Before> {
    prop_oneof![
        (text(), text(), text(), text(), text(), login()).prop_map(
            |(issuer, authorization_endpoint, token_endpoint, user_info_endpoint, client_id, login)| {
                Before::Oidc(Oidc {
                    issuer,
                    authorization_endpoint,
                    token_endpoint,
                    user_info_endpoint,
                    client_id,
                    client_secret: None,
                    login,
                })
            }
        ),
        (text(), text(), text(), login()).prop_map(|(pool, client_id, domain, login)| {
            Before::Cognito(Cognito {
                pool,
                client_id,
                domain,
                login,
            })
        }),
        (text(), text(), claims()).prop_map(|(jwks_endpoint, issuer, claims)| Before::Jwt(Jwt {
            jwks_endpoint,
            issuer,
            claims,
        })),
    ]
}

proptest! {
    #[test]
    fn what_is_asked_before_survives(asked in of(asked()), done in actions()) {
        let told = action::all_to_sdk(asked.as_ref(), &done);
        prop_assert_eq!(action::all_from_sdk(&told), Seen::Known((asked.clone(), done.clone())));
        let reversed: Vec<sdk::Action> = told.into_iter().rev().collect();
        prop_assert_eq!(action::all_from_sdk(&reversed), Seen::Known((asked, done)));
    }

    #[test]
    fn conditions_survive(ours in conditions()) {
        prop_assert_eq!(condition::from_sdk(&condition::to_sdk(&ours)), Ok(ours));
    }

    #[test]
    fn actions_survive(ours in actions()) {
        prop_assert_eq!(action::from_sdk(&[action::to_sdk(&ours)]), Seen::Known(ours));
    }

    #[test]
    fn rules_survive(ours in transforms(), wanted in conditions(), done in actions(), priority in 1..=50_000_u16) {
        let described = sdk::Rule::builder()
            .rule_arn("arn:rule")
            .priority(priority.to_string())
            .set_conditions(Some(condition::to_sdk(&wanted)))
            .set_transforms(Some(rule::transforms_to_sdk(&ours)))
            .actions(action::to_sdk(&done))
            .build();
        let read = rule::from_sdk(&described).unwrap().unwrap();
        prop_assert_eq!(read.priority, priority);
        let Seen::Known(settings) = read.settings else {
            panic!("{:?}", read.settings);
        };
        prop_assert_eq!((settings.transforms, settings.conditions, settings.action), (ours, wanted, done));
    }
}

fn set(values: &[&str]) -> BTreeSet<Str> {
    values.iter().map(|value| Str::from(*value)).collect()
}

/// DescribeRules repeats values at the top of a condition, in the old form and in `RegexValues` (LBC #4749).
#[test]
fn both_forms_of_a_condition_read_the_same() {
    let new = sdk::PathPatternConditionConfig::builder()
        .regex_values("^/a$")
        .build();
    let forms = [
        sdk::RuleCondition::builder().path_pattern_config(new.clone()),
        sdk::RuleCondition::builder()
            .path_pattern_config(new)
            .regex_values("^/a$"),
        sdk::RuleCondition::builder().regex_values("^/a$"),
    ];
    for form in forms {
        let read = condition::from_sdk(&[form.field("path-pattern").build()]).unwrap();
        assert_eq!(read.path, Some(Values::Regex(set(&["^/a$"]))));
    }
    let old = sdk::RuleCondition::builder()
        .field("host-header")
        .values("Shop.Example.com")
        .build();
    let read = condition::from_sdk(&[old]).unwrap();
    assert_eq!(read.host, Some(Values::Wildcards(set(&["shop.example.com"]))));
}

/// What others may have written, and we never do, is not mistaken for something else.
#[test]
fn other_conditions_are_named() {
    let path = |value: &str| {
        sdk::RuleCondition::builder()
            .field("path-pattern")
            .values(value)
            .build()
    };
    let refused = |conditions: &[sdk::RuleCondition]| condition::from_sdk(conditions).unwrap_err();
    assert_eq!(refused(&[path("/a"), path("/b")]), "condition path-pattern");
    assert_eq!(
        refused(&[sdk::RuleCondition::builder().field("moon-phase").build()]),
        "condition moon-phase"
    );
    let both = sdk::HostHeaderConditionConfig::builder()
        .values("a.b")
        .regex_values("a")
        .build();
    let both = sdk::RuleCondition::builder()
        .field("host-header")
        .host_header_config(both)
        .build();
    assert_eq!(refused(&[both]), "condition host-header");
    assert_eq!(
        refused(&[sdk::RuleCondition::builder().field("source-ip").build()]),
        "condition source-ip"
    );
}

/// API_Action: one target group may come as `TargetGroupArn`, as `ForwardConfig`, or both.
#[test]
fn all_forms_of_a_forward_read_the_same() {
    let tuple = || sdk::TargetGroupTuple::builder().target_group_arn("arn:g");
    let off = sdk::TargetGroupStickinessConfig::builder().enabled(false).build();
    let config = |tuple: sdk::TargetGroupTuple| {
        sdk::ForwardActionConfig::builder()
            .target_groups(tuple)
            .target_group_stickiness_config(off.clone())
            .build()
    };
    let forward = || sdk::Action::builder().r#type(sdk::ActionTypeEnum::Forward);
    let wanted = Seen::Known(Action::Forward(Forward {
        groups: BTreeMap::from([(Arn("arn:g".into()), 1)]),
        stickiness_s: None,
    }));
    let forms = [
        forward().target_group_arn("arn:g"),
        forward().forward_config(config(tuple().weight(1).build())),
        forward().forward_config(config(tuple().build())),
        forward()
            .target_group_arn("arn:g")
            .forward_config(config(tuple().weight(1).build()))
            .order(1),
    ];
    for form in forms {
        assert_eq!(action::from_sdk(&[form.build()]), wanted);
    }
}

/// API_RedirectActionConfig: fields that are left out keep the request's own.
#[test]
fn a_redirect_has_the_documented_defaults() {
    let config = sdk::RedirectActionConfig::builder().status_code(sdk::RedirectActionStatusCodeEnum::Http302);
    let read = sdk::Action::builder()
        .r#type(sdk::ActionTypeEnum::Redirect)
        .redirect_config(config.build());
    let wanted = Redirect {
        protocol: "#{protocol}".into(),
        host: "#{host}".into(),
        port: "#{port}".into(),
        path: "/#{path}".into(),
        query: "#{query}".into(),
        status: 302,
    };
    assert_eq!(
        action::from_sdk(&[read.build()]),
        Seen::Known(Action::Redirect(wanted))
    );
}

#[test]
fn other_actions_are_named() {
    let of = |kind| sdk::Action::builder().r#type(kind).build();
    let login = [
        of(sdk::ActionTypeEnum::AuthenticateOidc),
        of(sdk::ActionTypeEnum::Forward),
    ];
    assert_eq!(
        action::from_sdk(&login),
        Seen::Other("actions: authenticate-oidc, forward".into())
    );
    let html = sdk::FixedResponseActionConfig::builder()
        .status_code("404")
        .content_type("text/html")
        .message_body("<p>")
        .build();
    let html = sdk::Action::builder()
        .r#type(sdk::ActionTypeEnum::FixedResponse)
        .fixed_response_config(html)
        .build();
    let page = FixedResponse {
        status: 404,
        content_type: "text/html".into(),
        body: "<p>".into(),
    };
    assert_eq!(action::from_sdk(&[html]), Seen::Known(Action::Fixed(page)));
    assert_eq!(action::from_sdk(&[]), Seen::Other("actions: ".into()));
}

#[test]
fn the_default_rule_is_no_rule() {
    let default = sdk::Rule::builder()
        .rule_arn("arn:d")
        .priority("default")
        .is_default(true)
        .build();
    assert_eq!(rule::from_sdk(&default), Ok(None));
    let odd = sdk::Rule::builder().rule_arn("arn:d").priority("last").build();
    assert_eq!(rule::from_sdk(&odd), Err("Priority"));
}

#[test]
fn listeners_read_with_policy_certificate_and_clients() {
    let clients = Clients::Verify {
        trust_store: Arn("arn:store".into()),
        ignore_expiry: true,
        advertise: true,
    };
    let described = |protocol| {
        sdk::Listener::builder()
            .listener_arn("arn:l")
            .port(443)
            .protocol(protocol)
            .default_actions(action::to_sdk(&Action::Fixed(FixedResponse::bare(404))))
    };
    let https = described(sdk::ProtocolEnum::Https)
        .ssl_policy("ELBSecurityPolicy-TLS13-1-2-2021-06")
        .certificates(listener::certificate(&Arn("arn:c".into())))
        .mutual_authentication(listener::clients_to_sdk(&clients))
        .build();
    let tls = ListenerTls {
        policy: "ELBSecurityPolicy-TLS13-1-2-2021-06".into(),
        certificate: Arn("arn:c".into()),
        alpn: None,
        clients,
    };
    assert_eq!(listener::from_sdk(&https).unwrap().tls, Some(tls));
    // moto gives a policy to plain HTTP; AWS none. It means nothing there.
    let http = described(sdk::ProtocolEnum::Http)
        .ssl_policy("ELBSecurityPolicy-2016-08")
        .build();
    assert_eq!(listener::from_sdk(&http).unwrap().tls, None);
    assert_eq!(
        listener::from_sdk(&described(sdk::ProtocolEnum::Geneve).build()),
        Err("Protocol")
    );
    for clients in [Clients::Off, Clients::Passthrough] {
        let read =
            described(sdk::ProtocolEnum::Https).mutual_authentication(listener::clients_to_sdk(&clients));
        assert_eq!(
            listener::from_sdk(&read.build()).unwrap().tls.unwrap().clients,
            clients
        );
    }
}

#[test]
fn target_groups_read_with_every_field() {
    let described = sdk::TargetGroup::builder()
        .target_group_arn("arn:g")
        .target_group_name("g")
        .protocol(sdk::ProtocolEnum::Http)
        .protocol_version(target_group::version_to_sdk(ProtocolVersion::Grpc))
        .port(8080)
        .vpc_id("vpc-1")
        .target_type(target_group::kind_to_sdk(TargetKind::Ip))
        .ip_address_type(target_group::family_to_sdk(true))
        .health_check_protocol(sdk::ProtocolEnum::Http)
        .health_check_port("traffic-port")
        .health_check_path("/grpc.health.v1.Health/Check")
        .health_check_interval_seconds(300)
        .health_check_timeout_seconds(120)
        .healthy_threshold_count(10)
        .unhealthy_threshold_count(2)
        .matcher(target_group::matcher_to_sdk("0-12"))
        .load_balancer_arns("arn:b")
        .build();
    let read = target_group::from_sdk(&described).unwrap();
    assert_eq!(
        (&*read.fixed.protocol, read.fixed.version),
        ("HTTP", Some(ProtocolVersion::Grpc))
    );
    assert_eq!(
        (read.fixed.port, read.fixed.kind, read.fixed.ipv6),
        (8080, TargetKind::Ip, true)
    );
    assert_eq!(read.health.codes.as_deref(), Some("0-12"));
    assert_eq!(
        (read.health.interval_s, read.health.timeout_s),
        (Some(300), Some(120))
    );
    assert_eq!((read.health.healthy, read.health.unhealthy), (Some(10), Some(2)));
    let http = target_group::matcher_to_sdk("200-299,301");
    assert_eq!((http.http_code(), http.grpc_code()), (Some("200-299,301"), None));
}

#[test]
fn targets_survive_and_only_the_zone_of_outsiders_is_kept() {
    let inside = Target {
        id: TargetAddress::Ip("10.0.0.7".parse().unwrap()),
        port: 8080,
        zone: None,
        quic_server: None,
    };
    let outside = Target {
        id: TargetAddress::Ip("2001:db8::1".parse().unwrap()),
        port: 1,
        zone: Some("all".into()),
        quic_server: None,
    };
    let node = Target {
        id: TargetAddress::Id("i-0123".into()),
        port: 30_000,
        zone: None,
        quic_server: None,
    };
    let read = |target: sdk::TargetDescription, state| {
        let health = sdk::TargetHealth::builder().state(state).build();
        let described = sdk::TargetHealthDescription::builder()
            .target(target)
            .target_health(health)
            .build();
        target_group::target_from_sdk(&described)
    };
    for target in [&inside, &outside, &node] {
        let described = target_group::target_to_sdk(target);
        assert_eq!(
            read(described, sdk::TargetHealthStateEnum::Draining),
            Ok((target.clone(), Health::Draining))
        );
    }
    // AWS tells the zone that it found itself.
    let mut told = target_group::target_to_sdk(&inside);
    told.availability_zone = Some("eu-central-1a".into());
    assert_eq!(
        read(told, sdk::TargetHealthStateEnum::Healthy),
        Ok((inside, Health::Healthy))
    );
}

#[test]
fn certificates_read_with_all_hosts_or_say_that_some_are_missing() {
    use aws_sdk_acm::types::{CertificateStatus as Status, CertificateSummary, CertificateType};
    let summary = || {
        CertificateSummary::builder()
            .certificate_arn("arn:c")
            .domain_name("Shop.example.com")
            .subject_alternative_name_summaries("shop.example.com")
            .subject_alternative_name_summaries("*.example.com")
            .r#type(CertificateType::Imported)
    };
    let read = certificate::from_summary(&summary().status(Status::Issued).build())
        .unwrap()
        .unwrap();
    assert_eq!(read.domains, set(&["*.example.com", "shop.example.com"]));
    assert_eq!((read.status, read.imported), (CertificateStatus::Issued, true));
    let expired = certificate::from_summary(&summary().status(Status::Expired).build())
        .unwrap()
        .unwrap();
    assert_eq!(expired.status, CertificateStatus::Unusable("EXPIRED".into()));
    let more = summary()
        .status(Status::Issued)
        .has_additional_subject_alternative_names(true)
        .build();
    assert_eq!(certificate::from_summary(&more), Ok(None));
}

#[test]
fn limits_that_aws_tells_replace_the_defaults() {
    let mut read = AlbLimits::default();
    limits::set(&mut read, "rules-per-application-load-balancer", "200");
    limits::set(&mut read, "condition-values-per-alb-rule", "many");
    limits::set(&mut read, "network-load-balancers", "7");
    let wanted = AlbLimits {
        rules: 200,
        ..AlbLimits::default()
    };
    assert_eq!(read, wanted);
}

#[test]
fn pairs_without_a_key_are_left_out() {
    let read = pairs([(Some("a"), Some("1")), (None, Some("2")), (Some("c"), None)]);
    assert_eq!(
        read,
        BTreeMap::from([("a".into(), "1".into()), ("c".into(), "".into())])
    );
}
