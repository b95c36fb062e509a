//! Between our types and the SDK's.

use aws_sdk_vpclattice::types as sdk;
use aws_smithy_types::error::operation::BuildError;
use gatewright_aws::cloud::Arn;
use gatewright_aws::lattice::cloud::{Action, Auth, SeenHealth, Status, TargetStatus};
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::{CheckVersion, HeaderMatch, Health, Match, PathMatch, Protocol};
use gatewright_aws_core::target_group::{Fixed, HealthCheck, ProtocolVersion, Target, TargetAddress};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Tags as Lattice takes them.
pub(super) fn tags(tags: &BTreeMap<Str, Str>) -> Option<HashMap<String, String>> {
    let tags: HashMap<String, String> = tags
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    Some(tags).filter(|tags| !tags.is_empty())
}

/// Tags as Lattice tells them.
pub(super) fn seen_tags(tags: Option<&HashMap<String, String>>) -> BTreeMap<Str, Str> {
    let all = tags.into_iter().flatten();
    all.map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect()
}

pub(super) fn texts(texts: &BTreeSet<Str>) -> Option<Vec<String>> {
    Some(texts.iter().map(ToString::to_string).collect::<Vec<_>>()).filter(|texts| !texts.is_empty())
}

pub(super) const fn auth(auth: Auth) -> sdk::AuthType {
    match auth {
        Auth::None => sdk::AuthType::None,
        Auth::Iam => sdk::AuthType::AwsIam,
    }
}

pub(super) fn seen_auth(auth: Option<&sdk::AuthType>) -> Auth {
    match auth {
        Some(sdk::AuthType::AwsIam) => Auth::Iam,
        _ => Auth::None,
    }
}

/// A status by AWS's word, with the words for a failure.
pub(super) fn status(word: &str, why: Option<&str>) -> Status {
    match word {
        "ACTIVE" => Status::Active,
        "DELETE_IN_PROGRESS" => Status::Going,
        "CREATE_FAILED" | "UPDATE_FAILED" | "DELETE_FAILED" => Status::Failed(why.unwrap_or(word).into()),
        _ => Status::Coming,
    }
}

pub(super) const fn protocol(protocol: Protocol) -> sdk::ListenerProtocol {
    match protocol {
        Protocol::Http => sdk::ListenerProtocol::Http,
        Protocol::Https => sdk::ListenerProtocol::Https,
        Protocol::TlsPassthrough => sdk::ListenerProtocol::TlsPassthrough,
    }
}

pub(super) fn seen_protocol(protocol: Option<&sdk::ListenerProtocol>) -> Option<Protocol> {
    match protocol? {
        sdk::ListenerProtocol::Http => Some(Protocol::Http),
        sdk::ListenerProtocol::Https => Some(Protocol::Https),
        sdk::ListenerProtocol::TlsPassthrough => Some(Protocol::TlsPassthrough),
        _ => None,
    }
}

pub(super) fn action(action: &Action) -> Result<sdk::RuleAction, BuildError> {
    match action {
        Action::Forward(groups) => {
            let groups = groups.iter().map(|(arn, weight)| {
                sdk::WeightedTargetGroup::builder()
                    .target_group_identifier(&*arn.0)
                    .weight(i32::from(*weight))
                    .build()
            });
            let groups = groups.collect::<Result<Vec<_>, _>>()?;
            let forward = sdk::ForwardAction::builder()
                .set_target_groups(Some(groups))
                .build()?;
            Ok(sdk::RuleAction::Forward(forward))
        }
        Action::Fixed(status) => {
            let fixed = sdk::FixedResponseAction::builder().status_code(i32::from(*status));
            Ok(sdk::RuleAction::FixedResponse(fixed.build()?))
        }
        Action::Other => Err(BuildError::other("an action that only others make")),
    }
}

/// Groups are told by id or ARN; `full` makes an ARN of an id.
pub(super) fn seen_action(action: Option<&sdk::RuleAction>, full: impl Fn(&str) -> Arn) -> Action {
    match action {
        Some(sdk::RuleAction::Forward(forward)) => {
            let groups = forward.target_groups().iter().map(|group| {
                // "If there's only one target group specified, then the default value is 100."
                let weight = group.weight().unwrap_or(100);
                (
                    full(group.target_group_identifier()),
                    u16::try_from(weight).unwrap_or(u16::MAX),
                )
            });
            Action::Forward(groups.collect())
        }
        Some(sdk::RuleAction::FixedResponse(fixed)) => {
            Action::Fixed(u16::try_from(fixed.status_code()).unwrap_or_default())
        }
        _ => Action::Other,
    }
}

pub(super) fn conditions(conditions: &Match) -> Result<sdk::RuleMatch, BuildError> {
    let Match {
        method,
        path,
        headers,
    } = conditions;
    let path = path.as_ref().map(|path| {
        let kind = match path {
            PathMatch::Exact(path) => sdk::PathMatchType::Exact(path.to_string()),
            PathMatch::Prefix(path) => sdk::PathMatchType::Prefix(path.to_string()),
        };
        sdk::PathMatch::builder()
            .r#match(kind)
            .case_sensitive(true)
            .build()
    });
    let headers = headers.iter().map(|header| {
        sdk::HeaderMatch::builder()
            .name(&*header.name)
            .r#match(sdk::HeaderMatchType::Exact(header.value.to_string()))
            .case_sensitive(true)
            .build()
    });
    let headers = headers.collect::<Result<Vec<_>, _>>()?;
    let found = sdk::HttpMatch::builder()
        .set_method(method.as_deref().map(str::to_owned))
        .set_path_match(path)
        .set_header_matches(Some(headers).filter(|headers| !headers.is_empty()));
    Ok(sdk::RuleMatch::HttpMatch(found.build()))
}

/// None for a form that we never make.
pub(super) fn seen_conditions(found: Option<&sdk::RuleMatch>) -> Option<Match> {
    let Some(sdk::RuleMatch::HttpMatch(found)) = found else {
        return None;
    };
    let path = match found.path_match() {
        None => None,
        Some(path) if path.case_sensitive() == Some(false) => return None,
        Some(path) => Some(match path.r#match()? {
            sdk::PathMatchType::Exact(text) => PathMatch::Exact(text.as_str().into()),
            sdk::PathMatchType::Prefix(text) => PathMatch::Prefix(text.as_str().into()),
            _ => return None,
        }),
    };
    let headers: Option<BTreeSet<HeaderMatch>> = found
        .header_matches()
        .iter()
        .map(|header| match header.r#match()? {
            sdk::HeaderMatchType::Exact(value) if header.case_sensitive() == Some(true) => {
                Some(HeaderMatch {
                    name: header.name().into(),
                    value: value.as_str().into(),
                })
            }
            _ => None,
        })
        .collect();
    Some(Match {
        method: found.method().filter(|method| !method.is_empty()).map(Into::into),
        path,
        headers: headers?,
    })
}

/// What of a group cannot change, and its health check.
pub(super) fn config(fixed: &Fixed, vpc: &str, health: &Health) -> sdk::TargetGroupConfig {
    let Fixed {
        protocol,
        version,
        port,
        kind: _,
        ipv6,
        control_port: _,
    } = fixed;
    let family = if *ipv6 {
        sdk::IpAddressType::Ipv6
    } else {
        sdk::IpAddressType::Ipv4
    };
    sdk::TargetGroupConfig::builder()
        .port(i32::from(*port))
        .protocol(sdk::TargetGroupProtocol::from(&**protocol))
        .set_protocol_version(version.map(|version| match version {
            ProtocolVersion::Http1 => sdk::TargetGroupProtocolVersion::Http1,
            ProtocolVersion::Http2 => sdk::TargetGroupProtocolVersion::Http2,
            ProtocolVersion::Grpc => sdk::TargetGroupProtocolVersion::Grpc,
        }))
        .ip_address_type(family)
        .vpc_identifier(vpc)
        .health_check(self::health(health))
        .build()
}

pub(super) fn health(health: &Health) -> sdk::HealthCheckConfig {
    let builder = sdk::HealthCheckConfig::builder();
    let (check, version) = match health {
        Health::Off => return builder.enabled(false).build(),
        Health::On(check, version) => (check, version),
    };
    let HealthCheck {
        protocol,
        port,
        path,
        codes,
        interval_s,
        timeout_s,
        healthy,
        unhealthy,
    } = check;
    builder
        .enabled(true)
        .protocol(
            protocol
                .as_deref()
                .map_or(sdk::TargetGroupProtocol::Http, sdk::TargetGroupProtocol::from),
        )
        .protocol_version(match version {
            CheckVersion::Http1 => sdk::HealthCheckProtocolVersion::Http1,
            CheckVersion::Http2 => sdk::HealthCheckProtocolVersion::Http2,
        })
        .set_port(port.as_deref().and_then(|port| port.parse().ok()))
        .set_path(path.as_deref().map(str::to_owned))
        .set_matcher(
            codes
                .as_deref()
                .map(|codes| sdk::Matcher::HttpCode(codes.to_owned())),
        )
        .set_health_check_interval_seconds(interval_s.map(i32::from))
        .set_health_check_timeout_seconds(timeout_s.map(i32::from))
        .set_healthy_threshold_count(healthy.map(i32::from))
        .set_unhealthy_threshold_count(unhealthy.map(i32::from))
        .build()
}

/// A health check that exists. Zero stands for nothing in some fields.
pub(super) fn seen_health(found: Option<&sdk::HealthCheckConfig>) -> SeenHealth {
    let Some(found) = found else {
        return SeenHealth::default();
    };
    let count = |number: Option<i32>| number.and_then(|number| u8::try_from(number).ok());
    let seconds = |number: Option<i32>| number.and_then(|number| u16::try_from(number).ok());
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(Str::from);
    SeenHealth {
        enabled: found.enabled().unwrap_or(false),
        protocol: text(found.protocol().map(sdk::TargetGroupProtocol::as_str)),
        version: match found.protocol_version() {
            Some(sdk::HealthCheckProtocolVersion::Http1) => Some(CheckVersion::Http1),
            Some(sdk::HealthCheckProtocolVersion::Http2) => Some(CheckVersion::Http2),
            _ => None,
        },
        port: seconds(found.port()).filter(|port| *port > 0),
        path: text(found.path()),
        codes: match found.matcher() {
            Some(sdk::Matcher::HttpCode(codes)) => text(Some(codes)),
            _ => None,
        },
        interval_s: seconds(found.health_check_interval_seconds()),
        timeout_s: seconds(found.health_check_timeout_seconds()),
        healthy: count(found.healthy_threshold_count()),
        unhealthy: count(found.unhealthy_threshold_count()),
    }
}

pub(super) fn target(target: &Target) -> Result<sdk::Target, BuildError> {
    let id = match &target.id {
        TargetAddress::Ip(address) => address.to_string(),
        TargetAddress::Id(id) => id.to_string(),
    };
    sdk::Target::builder().id(id).port(i32::from(target.port)).build()
}

pub(super) fn seen_target(found: &sdk::TargetSummary) -> Option<(Target, TargetStatus)> {
    let id = found.id()?;
    let target = Target {
        id: id
            .parse()
            .map_or_else(|_| TargetAddress::Id(id.into()), TargetAddress::Ip),
        port: u16::try_from(found.port().unwrap_or_default()).ok()?,
        zone: None,
        quic_server: None,
    };
    let status = match found.status() {
        Some(sdk::TargetStatus::Draining) => TargetStatus::Draining,
        Some(sdk::TargetStatus::Healthy) => TargetStatus::Healthy,
        Some(sdk::TargetStatus::Unhealthy) => TargetStatus::Unhealthy,
        Some(sdk::TargetStatus::Unused) => TargetStatus::Unused,
        Some(sdk::TargetStatus::Unavailable) => TargetStatus::Unavailable,
        // Also what AWS adds later: it is registered, and nobody says that it is well.
        _ => TargetStatus::Initial,
    };
    Some((target, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_come_back_as_they_went() {
        for version in [CheckVersion::Http1, CheckVersion::Http2] {
            let check = HealthCheck {
                path: Some("/ready".into()),
                ..HealthCheck::default()
            };
            let found = seen_health(Some(&health(&Health::On(check, version))));
            assert!(found.enabled);
            assert_eq!(
                (found.version, found.path.as_deref()),
                (Some(version), Some("/ready"))
            );
        }
        assert!(!seen_health(Some(&health(&Health::Off))).enabled);
    }

    #[test]
    fn rules_come_back_as_they_went() {
        let wanted = Match {
            method: Some("GET".into()),
            path: Some(PathMatch::Prefix("/a/".into())),
            headers: [HeaderMatch {
                name: "x".into(),
                value: "Y".into(),
            }]
            .into(),
        };
        for conditions in [
            wanted.clone(),
            Match {
                method: None,
                path: Some(PathMatch::Exact("/".into())),
                headers: BTreeSet::new(),
            },
            Match { path: None, ..wanted },
        ] {
            let sent = self::conditions(&conditions).unwrap();
            assert_eq!(seen_conditions(Some(&sent)), Some(conditions));
        }
        let action = Action::Forward(BTreeMap::from([(Arn("tg-1".into()), 7), (Arn("tg-2".into()), 0)]));
        let sent = self::action(&action).unwrap();
        assert_eq!(seen_action(Some(&sent), |id| Arn(id.into())), action);
        assert!(self::action(&Action::Other).is_err());
    }

    /// What others write in a form that we never write is not taken for ours.
    #[test]
    fn other_forms_are_no_match_of_ours() {
        let path = sdk::PathMatch::builder()
            .r#match(sdk::PathMatchType::Exact("/a".into()))
            .case_sensitive(false)
            .build();
        let found = sdk::RuleMatch::HttpMatch(sdk::HttpMatch::builder().path_match(path).build());
        assert_eq!(seen_conditions(Some(&found)), None);
        let header = sdk::HeaderMatch::builder()
            .name("a")
            .r#match(sdk::HeaderMatchType::Contains("b".into()))
            .build();
        let found = sdk::HttpMatch::builder().header_matches(header.unwrap()).build();
        assert_eq!(seen_conditions(Some(&sdk::RuleMatch::HttpMatch(found))), None);
    }
}
