//! Targets: `API_RegisterTargets`, `guide/target-group-register-targets`.

use super::balancer::Kind;
use super::group::Group;
use super::{State, arn, surroundings, usage};
use crate::error::ApiError;
use crate::input::{list, number, text, tidy};
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Instance, address or ARN.
    pub id: String,
    /// Its port: its own, or the group's; none for a Lambda function.
    pub port: Option<u16>,
    /// Its zone, `all` outside of the VPC.
    pub zone: Option<String>,
    /// `QuicServerId`, of protocols with QUIC.
    #[serde(default)]
    pub server: Option<String>,
    /// When it was registered, in milliseconds.
    pub registered: u64,
    /// When it has drained, in milliseconds; none while it is registered.
    pub draining_until: Option<u64>,
}

impl Target {
    /// Whether it has drained.
    pub fn gone(&self, now: u64) -> bool {
        self.draining_until.is_some_and(|until| now >= until)
    }

    /// As answers have it.
    pub(super) fn told(&self) -> Value {
        tidy(
            json!({"Id": self.id, "Port": self.port, "AvailabilityZone": self.zone, "QuicServerId": self.server}),
        )
    }
}

impl Group {
    /// Forgets targets that have drained; whether there were any.
    pub fn sweep(&mut self, now: u64) -> bool {
        let before = self.targets.len();
        self.targets.retain(|target| !target.gone(now));
        self.targets.len() < before
    }
}

impl State {
    /// Forgets targets of a group that have drained; whether there were any.
    pub fn sweep_group(&mut self, arn: &str, now: u64) -> bool {
        self.groups.get_mut(arn).is_some_and(|group| group.sweep(now))
    }
}

/// `API_RegisterTargets`: "You can register each EC2 instance or IP address with the same target group multiple times
/// using different ports." Registering again what drains takes it back.
pub(super) fn register(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "TargetGroupArn").unwrap_or_default();
    arn::check(arn, "targetgroup")?;
    account.elb.group_mut(arn)?.sweep(context.now);
    let mut group = account.elb.group(arn)?.clone();
    let asked = list(input, "Targets");
    if asked.is_empty() {
        return Err(ApiError::validation("At least one target must be specified"));
    }
    for value in asked {
        let target = read(account, context, &group, value)?;
        match group
            .targets
            .iter_mut()
            .find(|own| own.id == target.id && own.port == target.port)
        {
            Some(own) if own.draining_until.is_none() => own.zone = target.zone,
            Some(own) => *own = target,
            None => group.targets.push(target),
        }
    }
    if ["lambda", "alb"].contains(&group.kind.as_str()) && group.targets.len() > 1 {
        let message = format!(
            "Target groups with target type '{}' can have only one target",
            group.kind
        );
        return Err(ApiError::new("TooManyTargets", message));
    }
    usage::room_in_group(&account.elb, &group)?;
    let balancer = group.balancer.clone();
    let before = std::mem::replace(account.elb.group_mut(arn)?, group);
    let balancer = balancer.and_then(|balancer| account.elb.balancers.get(&balancer));
    let groups: BTreeSet<String> = match balancer {
        Some(balancer) => balancer.groups.clone(),
        // The quota is of a load balancer's targets, and a group that is larger could never be used.
        None => BTreeSet::from([arn.to_owned()]),
    };
    if let Err(error) = usage::room(&account.elb, &groups, balancer) {
        *account.elb.group_mut(arn)? = before;
        return Err(error);
    }
    Ok(json!({}))
}

fn read(account: &Account, context: &Context, group: &Group, value: &Value) -> Result<Target, ApiError> {
    let id = text(value, "Id").unwrap_or_default();
    let port = number(value, "Port").and_then(|port| u16::try_from(port).ok());
    let zone = text(value, "AvailabilityZone");
    let server = server(group, (id, port), text(value, "QuicServerId"))?;
    let zone = match group.kind.as_str() {
        "ip" => address(account, group, id, zone)?,
        "instance" => {
            if zone.is_some() {
                return Err(ApiError::validation(
                    "You cannot specify an Availability Zone for target type 'instance'",
                ));
            }
            instance(account, group, id)?;
            account.ec2.instance_zone(id).map(ToOwned::to_owned)
        }
        "lambda" => {
            if !id.starts_with("arn:")
                || !id.contains(":lambda:")
                || !id.contains(":function:")
                || port.is_some()
            {
                return Err(ApiError::validation(format!(
                    "'{id}' is not a valid Lambda function ARN"
                )));
            }
            zone.map(ToOwned::to_owned)
        }
        _ => {
            arn::check(id, "loadbalancer")?;
            balancer(account, group, id)?;
            None
        }
    };
    Ok(Target {
        id: id.to_owned(),
        port: port.or(group.port),
        zone,
        server,
        registered: context.now,
        draining_until: None,
    })
}

/// "You can specify IP addresses from the subnets of the VPC for the target group, the RFC 1918 range (10.0.0.0/8,
/// 172.16.0.0/12, and 192.168.0.0/16), and the RFC 6598 range (100.64.0.0/10). You can't specify publicly routable IP
/// addresses." "If the IP address is outside the VPC, this parameter [AvailabilityZone] is required."
fn address(
    account: &Account,
    group: &Group,
    id: &str,
    zone: Option<&str>,
) -> Result<Option<String>, ApiError> {
    let Ok(address) = id.parse::<IpAddr>() else {
        return Err(ApiError::validation(format!(
            "The IP address '{id}' is not a valid IPv4 or IPv6 address"
        )));
    };
    let wanted = if address.is_ipv4() { "ipv4" } else { "ipv6" };
    if wanted != group.ip_address_type {
        let message = format!(
            "The IP address '{id}' is not of the type '{}' of the target group",
            group.ip_address_type
        );
        return Err(ApiError::validation(message));
    }
    let vpc = group.vpc.as_deref().unwrap_or_default();
    if surroundings::within(account, vpc, address) {
        // "the Availability Zone is automatically detected".
        let own = account.ec2.zone_of(vpc, address).map(ToOwned::to_owned);
        return Ok(own.or_else(|| zone.map(ToOwned::to_owned)));
    }
    let private = match address {
        IpAddr::V4(v4) => {
            v4.is_private() || (v4.octets().starts_with(&[100]) && (64..128).contains(&v4.octets()[1]))
        }
        IpAddr::V6(_) => false,
    };
    if !private {
        let message = format!("The IP address '{id}' is not within the VPC, RFC 1918 or RFC 6598 ranges");
        return Err(ApiError::new("InvalidTarget", message));
    }
    match zone {
        Some(zone) => Ok(Some(zone.to_owned())),
        None => Err(ApiError::validation(format!(
            "You must specify an Availability Zone for '{id}', which is outside of the VPC"
        ))),
    }
}

/// `API_TargetDescription`: "This value is required if the protocol is QUIC or TCP_QUIC, and can't be used with other
/// protocols. The ID consists of the 0x prefix followed by 16 hexadecimal characters. Any letters must be lowercase. The
/// value must be unique at the listener level. You can't modify the server ID for a registered target."
fn server(
    group: &Group,
    (id, port): (&str, Option<u16>),
    asked: Option<&str>,
) -> Result<Option<String>, ApiError> {
    let quic = group
        .protocol
        .as_deref()
        .is_some_and(|protocol| protocol.contains("QUIC"));
    let Some(asked) = asked else {
        if quic {
            return Err(ApiError::validation(
                "A QUIC server ID must be specified for protocols QUIC and TCP_QUIC",
            ));
        }
        return Ok(None);
    };
    if !quic {
        return Err(ApiError::validation(
            "A QUIC server ID can only be specified for protocols QUIC and TCP_QUIC",
        ));
    }
    let digits = asked.strip_prefix("0x").unwrap_or_default();
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != 16 || !digits.bytes().all(is_digit) {
        return Err(ApiError::validation(format!(
            "The QUIC server ID '{asked}' must be 0x and 16 hexadecimal characters"
        )));
    }
    let port = port.or(group.port);
    for other in group
        .targets
        .iter()
        .filter(|other| other.draining_until.is_none())
    {
        let same = other.id == id && other.port == port;
        if same != (other.server.as_deref() == Some(asked)) {
            let message =
                format!("The QUIC server ID '{asked}' is another target's, or the target has another");
            return Err(ApiError::new("InvalidTarget", message));
        }
    }
    Ok(Some(asked.to_owned()))
}

/// network/application-load-balancer-target: an ALB of the same VPC with a listener on the port of the target group.
fn balancer(account: &Account, group: &Group, id: &str) -> Result<(), ApiError> {
    let refuse = |what: &str| {
        Err(ApiError::new(
            "InvalidTarget",
            format!("Load balancer '{id}' {what}"),
        ))
    };
    let Ok(target) = account.elb.balancer(id) else {
        return refuse("does not exist");
    };
    if target.kind != Kind::Application {
        return refuse("is not an Application Load Balancer");
    }
    if group.vpc.as_ref() != Some(&target.vpc) {
        return refuse("is not in the VPC of the target group");
    }
    let mut listeners = account.elb.listeners_of(id);
    if !listeners.any(|listener| Some(listener.port) == group.port) {
        return refuse("has no listener on the port of the target group");
    }
    Ok(())
}

/// `API_RegisterTargets`: "If the target is an EC2 instance, it must be in the running state when you register it."
fn instance(account: &Account, group: &Group, id: &str) -> Result<(), ApiError> {
    let refuse = |what: &str| {
        Err(ApiError::new(
            "InvalidTarget",
            format!("The following targets {what}: '{id}'"),
        ))
    };
    match surroundings::instance(account, id) {
        None => refuse("do not exist"),
        Some(node) if group.vpc.as_ref() != Some(&node.vpc) => refuse("are not in the target group VPC"),
        Some(node) if !node.running => refuse("are not in a running state"),
        Some(_) => Ok(()),
    }
}

/// `API_DeregisterTargets`: "If the specified target does not exist, the action returns successfully." "If you specified
/// a port override when you registered a target, you must specify both the target ID and the port." What a load
/// balancer uses drains for the deregistration delay; other targets go at once.
pub(super) fn deregister(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "TargetGroupArn").unwrap_or_default();
    arn::check(arn, "targetgroup")?;
    account.elb.group(arn)?;
    let group = account.elb.group_mut(arn)?;
    group.sweep(context.now);
    let delay = group.attributes.get("deregistration_delay.timeout_seconds");
    let delay: u64 = delay.and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
    let until = context
        .now
        .saturating_add(delay.saturating_mul(context.settings.second_ms));
    for value in list(input, "Targets") {
        let id = text(value, "Id").unwrap_or_default();
        let port = number(value, "Port")
            .and_then(|port| u16::try_from(port).ok())
            .or(group.port);
        for target in &mut group.targets {
            if target.id == id && target.port == port && target.draining_until.is_none() {
                target.draining_until = Some(if group.balancer.is_some() {
                    until
                } else {
                    context.now
                });
            }
        }
    }
    group.sweep(context.now);
    Ok(json!({}))
}
