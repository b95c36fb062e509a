//! Backends on AWS that no Service stands for: target groups that somebody else keeps, and Lambda functions.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>

use super::context::On;
use super::groups::{Groups, Unfit};
use crate::Str;
use crate::alb::settings::{BackendSettings, GivenBackend};
use crate::names;
use crate::target_group::{
    Fixed, HealthCheck, ProtocolVersion, Target, TargetAddress, TargetGroup, TargetGroupId, TargetKind,
};
use gatewright_model::key::{RouteKey, RouteKind};
use gatewright_provider_api::Feature;
use std::collections::{BTreeMap, BTreeSet};

/// What a backend reference names, by its position in a rule; none when it names nothing of this kind.
pub(super) fn of<'a>(
    route: &RouteKey,
    rule: u32,
    position: usize,
    on: &On<'a>,
) -> Option<&'a BackendSettings> {
    let backends = &on.context.settings.backends;
    if backends.is_empty() {
        return None;
    }
    let position = u32::try_from(position).ok()?;
    backends.get(&(route.clone(), rule, position))
}

/// The group to forward to, and the version of its protocol.
pub(super) fn group(
    backend: &BackendSettings,
    kind: RouteKind,
    sticky: Option<u32>,
    (on, groups): (&On<'_>, &mut Groups),
) -> Result<(TargetGroupId, ProtocolVersion), Unfit> {
    let unfit = |why: String| Err(Unfit::Because(why));
    match &backend.what {
        GivenBackend::Existing(which) => {
            if sticky.is_some() {
                return unfit(
                    "a session is an attribute of its target group, which somebody else keeps".to_owned(),
                );
            }
            let found = match on.context.surroundings.groups.get(which) {
                Some(Ok(found)) => found,
                Some(Err(why)) => return unfit(format!("target group {which} {why}")),
                None => return unfit(format!("target group {which} was not looked for")),
            };
            let version = fits(&found.fixed, kind, on)?;
            let id = TargetGroupId(format!("TargetGroup/{}", found.name).into());
            groups.give(id.clone(), found.arn.clone());
            Ok((id, version))
        }
        GivenBackend::Unusable(why) => unfit(why.to_string()),
        GivenBackend::Lambda { .. } if kind == RouteKind::Grpc => {
            unfit("a Lambda function answers HTTP requests, not gRPC".to_owned())
        }
        GivenBackend::Lambda { .. } if sticky.is_some() => {
            unfit("a Lambda function has no targets to stay with".to_owned())
        }
        GivenBackend::Lambda {
            function,
            multi_value_headers,
        } => {
            let form = if *multi_value_headers { "/multi" } else { "" };
            let id = TargetGroupId(format!("Lambda/{function}{form}").into());
            groups.add(id.clone(), || lambda(&id, (function, *multi_value_headers), on));
            Ok((id, ProtocolVersion::Http1))
        }
    }
}

/// The version of the protocol of a group that somebody else keeps.
fn fits(fixed: &Fixed, kind: RouteKind, on: &On<'_>) -> Result<ProtocolVersion, Unfit> {
    if fixed.kind == TargetKind::Lambda && kind != RouteKind::Grpc {
        return Ok(ProtocolVersion::Http1);
    }
    // "The supported protocols for Application Load Balancers are HTTP, HTTPS" (`API_CreateTargetGroup`).
    if !matches!(&*fixed.protocol, "HTTP" | "HTTPS") || fixed.kind == TargetKind::Alb {
        let protocol = if fixed.protocol.is_empty() {
            "no protocol"
        } else {
            &*fixed.protocol
        };
        return Err(Unfit::Because(format!(
            "its target group has {protocol}, and the rule needs one of HTTP or HTTPS"
        )));
    }
    let version = fixed.version.unwrap_or(ProtocolVersion::Http1);
    match (version, kind) {
        (ProtocolVersion::Grpc, RouteKind::Grpc) => Ok(version),
        (ProtocolVersion::Grpc, _) | (_, RouteKind::Grpc) => Err(Unfit::Because(format!(
            "its target group has the protocol version {version:?}, which does not fit {}",
            kind.as_str()
        ))),
        (ProtocolVersion::Http2, _) if !on.origin.https => Err(Unfit::Feature(Feature::Http2Backend)),
        _ => Ok(version),
    }
}

/// The group of a function is ours. Health checks stay off, as they are by default: each would invoke it.
fn lambda(id: &TargetGroupId, (function, multi_value_headers): (&Str, bool), on: &On<'_>) -> TargetGroup {
    let fixed = Fixed {
        protocol: "".into(),
        version: None,
        port: 0,
        kind: TargetKind::Lambda,
        ipv6: false,
        control_port: None,
    };
    TargetGroup {
        name: names::target_group(on.context.name, id, None, &fixed),
        fixed,
        health: HealthCheck::default(),
        attributes: BTreeMap::from([(
            "lambda.multi_value_headers.enabled".into(),
            multi_value_headers.to_string().into(),
        )]),
        targets: BTreeSet::from([Target {
            id: TargetAddress::Id(function.clone()),
            port: 0,
            zone: None,
            quic_server: None,
        }]),
    }
}
