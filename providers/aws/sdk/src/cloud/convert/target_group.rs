//! Target groups and targets.

use aws_sdk_elasticloadbalancingv2::types as sdk;
use gatewright_aws::cloud::{Arn, Health, TargetGroup};
use gatewright_aws_core::target_group::{
    Fixed, HealthCheck, ProtocolVersion, Target, TargetAddress, TargetKind,
};

/// The zone of a target that is outside of the VPC.
const ALL_ZONES: &str = "all";

/// Type as the SDK takes it.
pub(in crate::cloud) const fn kind_to_sdk(kind: TargetKind) -> sdk::TargetTypeEnum {
    match kind {
        TargetKind::Ip => sdk::TargetTypeEnum::Ip,
        TargetKind::Instance => sdk::TargetTypeEnum::Instance,
        TargetKind::Lambda => sdk::TargetTypeEnum::Lambda,
        TargetKind::Alb => sdk::TargetTypeEnum::Alb,
    }
}

/// `ProtocolVersion` as AWS writes it.
pub(in crate::cloud) const fn version_to_sdk(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::Http1 => "HTTP1",
        ProtocolVersion::Http2 => "HTTP2",
        ProtocolVersion::Grpc => "GRPC",
    }
}

/// Family of addresses as the SDK takes it.
pub(in crate::cloud) const fn family_to_sdk(ipv6: bool) -> sdk::TargetGroupIpAddressTypeEnum {
    if ipv6 {
        sdk::TargetGroupIpAddressTypeEnum::Ipv6
    } else {
        sdk::TargetGroupIpAddressTypeEnum::Ipv4
    }
}

/// Codes that are healthy. HTTP status codes have three digits (200-499), those of gRPC one or two (0-99): the version
/// of a group that is to be modified is not known here.
pub(in crate::cloud) fn matcher_to_sdk(codes: &str) -> sdk::Matcher {
    let first = codes.split([',', '-']).next().unwrap_or_default();
    if first.len() > 2 {
        sdk::Matcher::builder().http_code(codes).build()
    } else {
        sdk::Matcher::builder().grpc_code(codes).build()
    }
}

/// A target group that AWS describes, or which of its fields we cannot read.
pub(in crate::cloud) fn from_sdk(group: &sdk::TargetGroup) -> Result<TargetGroup, &'static str> {
    let kind = match group.target_type() {
        Some(sdk::TargetTypeEnum::Ip) => TargetKind::Ip,
        Some(sdk::TargetTypeEnum::Instance) => TargetKind::Instance,
        Some(sdk::TargetTypeEnum::Lambda) => TargetKind::Lambda,
        Some(sdk::TargetTypeEnum::Alb) => TargetKind::Alb,
        _ => return Err("TargetType"),
    };
    let version = match group.protocol_version() {
        None => None,
        Some("HTTP1") => Some(ProtocolVersion::Http1),
        Some("HTTP2") => Some(ProtocolVersion::Http2),
        Some("GRPC") => Some(ProtocolVersion::Grpc),
        Some(_) => return Err("ProtocolVersion"),
    };
    // Functions have none.
    let port = group.port().unwrap_or_default();
    Ok(TargetGroup {
        arn: Arn(group.target_group_arn().ok_or("TargetGroupArn")?.into()),
        name: group.target_group_name().ok_or("TargetGroupName")?.into(),
        fixed: Fixed {
            protocol: group.protocol().map_or("", sdk::ProtocolEnum::as_str).into(),
            version,
            port: u16::try_from(port).map_err(|_| "Port")?,
            kind,
            ipv6: group.ip_address_type() == Some(&sdk::TargetGroupIpAddressTypeEnum::Ipv6),
            control_port: group
                .target_control_port()
                .map(u16::try_from)
                .transpose()
                .map_err(|_| "TargetControlPort")?,
        },
        vpc: group.vpc_id().unwrap_or_default().into(),
        health: health_check(group),
        balancers: group
            .load_balancer_arns()
            .iter()
            .map(|arn| Arn(arn.as_str().into()))
            .collect(),
    })
}

fn health_check(group: &sdk::TargetGroup) -> HealthCheck {
    let matcher = group.matcher();
    let codes = matcher.and_then(|matcher| matcher.http_code().or_else(|| matcher.grpc_code()));
    let small = |number: Option<i32>| number.and_then(|number| u16::try_from(number).ok());
    let count = |number: Option<i32>| number.and_then(|number| u8::try_from(number).ok());
    HealthCheck {
        protocol: group
            .health_check_protocol()
            .map(|protocol| protocol.as_str().into()),
        port: group.health_check_port().map(Into::into),
        path: group.health_check_path().map(Into::into),
        codes: codes.map(Into::into),
        interval_s: small(group.health_check_interval_seconds()),
        timeout_s: small(group.health_check_timeout_seconds()),
        healthy: count(group.healthy_threshold_count()),
        unhealthy: count(group.unhealthy_threshold_count()),
    }
}

/// A target as the SDK takes it. Functions have no port.
pub(in crate::cloud) fn target_to_sdk(target: &Target) -> sdk::TargetDescription {
    let Target {
        id,
        port,
        zone,
        quic_server,
    } = target;
    let id = match id {
        TargetAddress::Ip(address) => address.to_string(),
        TargetAddress::Id(id) => id.to_string(),
    };
    sdk::TargetDescription::builder()
        .id(id)
        .set_port(Some(i32::from(*port)).filter(|port| *port != 0))
        .set_availability_zone(zone.as_deref().map(str::to_owned))
        .set_quic_server_id(quic_server.as_deref().map(str::to_owned))
        .build()
}

/// A registered target with its health. AWS tells the zone of each target inside of the VPC too; only `all` is kept,
/// which is all that is ever asked for.
pub(in crate::cloud) fn target_from_sdk(
    described: &sdk::TargetHealthDescription,
) -> Result<(Target, Health), &'static str> {
    let target = described.target().ok_or("Target")?;
    let id = target.id().ok_or("Id")?;
    let address = id
        .parse()
        .map_or_else(|_| TargetAddress::Id(id.into()), TargetAddress::Ip);
    let read = Target {
        id: address,
        port: u16::try_from(target.port().unwrap_or_default()).map_err(|_| "Port")?,
        zone: target
            .availability_zone()
            .filter(|zone| *zone == ALL_ZONES)
            .map(Into::into),
        quic_server: target.quic_server_id().map(Into::into),
    };
    let state = described
        .target_health()
        .and_then(sdk::TargetHealth::state)
        .ok_or("State")?;
    let health = match state {
        sdk::TargetHealthStateEnum::Initial => Health::Initial,
        sdk::TargetHealthStateEnum::Healthy => Health::Healthy,
        sdk::TargetHealthStateEnum::Unhealthy | sdk::TargetHealthStateEnum::UnhealthyDraining => {
            Health::Unhealthy
        }
        sdk::TargetHealthStateEnum::Unused => Health::Unused,
        sdk::TargetHealthStateEnum::Draining => Health::Draining,
        sdk::TargetHealthStateEnum::Unavailable => Health::Unavailable,
        _ => return Err("State"),
    };
    Ok((read, health))
}
