//! Target groups: `API_CreateTargetGroup`, `guide/load-balancer-target-groups`.

use super::health::Check;
use super::targets::Target;
use super::{arn, group_attributes, page, surroundings, tags};
use crate::error::ApiError;
use crate::input::{number, text, texts, tidy};
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A target group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// `TargetType`: `instance`, `ip`, `lambda` or `alb`.
    pub kind: String,
    /// `Protocol`; none for a Lambda function.
    pub protocol: Option<String>,
    /// `ProtocolVersion`, of HTTP and HTTPS.
    pub protocol_version: Option<String>,
    /// `Port`; none for a Lambda function.
    pub port: Option<u16>,
    /// `VpcId`; none for a Lambda function.
    pub vpc: Option<String>,
    /// `IpAddressType`.
    pub ip_address_type: String,
    /// `TargetControlPort`.
    pub control_port: Option<u16>,
    /// Health check.
    pub check: Check,
    /// Attributes, all of them.
    pub attributes: BTreeMap<String, String>,
    /// Targets, those that drain as well.
    pub targets: Vec<Target>,
    /// The load balancer that uses it.
    pub balancer: Option<String>,
    /// Its place in lists.
    pub number: u64,
}

impl Group {
    fn told(&self) -> Value {
        let balancers: Vec<&String> = self.balancer.iter().collect();
        let mut told = json!({
            "TargetGroupArn": self.arn,
            "TargetGroupName": self.name,
            "Protocol": self.protocol,
            "ProtocolVersion": self.protocol_version,
            "Port": self.port,
            "VpcId": self.vpc,
            "LoadBalancerArns": balancers,
            "TargetType": self.kind,
            "IpAddressType": self.ip_address_type,
            "TargetControlPort": self.control_port,
        });
        if let (Some(members), Value::Object(check)) = (told.as_object_mut(), self.check.told()) {
            members.extend(check);
        }
        tidy(told)
    }

    /// Whether another one was created with the same settings.
    fn same_settings(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.protocol == other.protocol
            && self.protocol_version == other.protocol_version
            && self.port == other.port
            && self.vpc == other.vpc
            && self.ip_address_type == other.ip_address_type
            && self.control_port == other.control_port
            && self.check == other.check
    }
}

pub(super) fn missing(arn: &str) -> ApiError {
    ApiError::new("TargetGroupNotFound", format!("Target groups '{arn}' not found"))
}

/// "can have a maximum of 32 characters, must contain only alphanumeric characters or hyphens, and must not begin or
/// end with a hyphen".
fn check_name(name: &str) -> Result<(), ApiError> {
    let fault = if name.is_empty() || name.chars().count() > 32 {
        "cannot be longer than '32' characters or empty"
    } else if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        "can only contain characters that are alphanumeric characters and hyphens(-)"
    } else if name.starts_with('-') || name.ends_with('-') {
        "cannot begin or end with a hyphen(-)"
    } else {
        return Ok(());
    };
    Err(ApiError::validation(format!(
        "Target group name '{name}' {fault}"
    )))
}

/// `API_CreateTargetGroup`: "If you attempt to create multiple target groups with the same settings, each call
/// succeeds."
pub(super) fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let name = text(input, "Name").unwrap_or_default();
    check_name(name)?;
    let mut group = settings(account, context, input)?;
    let labels = tags::read(input)?;
    if let Some(there) = account.elb.groups.values().find(|there| there.name == name) {
        if there.same_settings(&group) && account.elb.tags_of(&there.arn) == labels {
            return Ok(json!({"TargetGroups": [there.told()]}));
        }
        let message =
            format!("A target group with the same name '{name}' exists, but with different settings");
        return Err(ApiError::new("DuplicateTargetGroupName", message));
    }
    if account.elb.groups.len() as u64 >= account.elb.limits.get("target-groups") {
        return Err(ApiError::new(
            "TooManyTargetGroups",
            "You have reached the limit on the number of target groups",
        ));
    }
    group.number = account.elb.next();
    group.arn = arn::group(context, name, &arn::id(context, group.number));
    name.clone_into(&mut group.name);
    if !labels.is_empty() {
        account.elb.tags.insert(group.arn.clone(), labels);
    }
    let told = group.told();
    account.elb.changed.groups.insert(group.arn.clone());
    account.elb.groups.insert(group.arn.clone(), group);
    Ok(json!({"TargetGroups": [told]}))
}

/// Settings of a new group, without name and ARN.
fn settings(account: &mut Account, context: &Context, input: &Value) -> Result<Group, ApiError> {
    let kind = text(input, "TargetType").unwrap_or("instance");
    let port = |member: &str| number(input, member).and_then(|port| u16::try_from(port).ok());
    let (protocol, own_port, vpc) = (text(input, "Protocol"), port("Port"), text(input, "VpcId"));
    if kind == "lambda" {
        let own = ["Protocol", "Port", "VpcId", "ProtocolVersion"];
        if let Some(member) = own.iter().find(|member| input.get(**member).is_some()) {
            return Err(ApiError::validation(format!(
                "{member} cannot be specified for target groups with target type 'lambda'"
            )));
        }
    } else {
        let needed = [
            ("protocol", protocol.is_none()),
            ("port", own_port.is_none()),
            ("VPC ID", vpc.is_none()),
        ];
        if let Some((what, _)) = needed.iter().find(|(_, missing)| *missing) {
            return Err(ApiError::validation(format!("A {what} must be specified")));
        }
    }
    if protocol == Some("GENEVE") {
        return Err(ApiError::validation(
            "Protocol 'GENEVE' is not served by the simulator",
        ));
    }
    if kind == "alb" && !matches!(protocol, Some("TCP" | "TLS")) {
        return Err(ApiError::validation(
            "Target groups with target type 'alb' must have protocol 'TCP' or 'TLS'",
        ));
    }
    vpc.map_or(Ok(()), |vpc| surroundings::vpc(account, context, vpc))?;
    let http = matches!(protocol, Some("HTTP" | "HTTPS"));
    // Terraform's provider sends it empty where users set none, and AWS takes the default
    // (`resourceTargetGroupCreate` in internal/service/elbv2/target_group.go of hashicorp/terraform-provider-aws).
    let version = text(input, "ProtocolVersion").filter(|version| !version.is_empty());
    let version = match (version, http) {
        (None, true) => Some("HTTP1"),
        (None, false) => None,
        (Some(version), true) if ["HTTP1", "HTTP2", "GRPC"].contains(&version) => Some(version),
        (Some(version), _) => {
            return Err(ApiError::validation(format!(
                "Protocol version '{version}' is not supported for this target group"
            )));
        }
    };
    let control_port = port("TargetControlPort");
    if control_port.is_some() && !http {
        return Err(ApiError::validation(
            "A target control port is only for target groups of Application Load Balancers",
        ));
    }
    let addresses = text(input, "IpAddressType").unwrap_or("ipv4");
    let mut group = Group {
        arn: String::new(),
        name: String::new(),
        kind: kind.to_owned(),
        protocol: protocol.map(ToOwned::to_owned),
        protocol_version: version.map(ToOwned::to_owned),
        port: own_port,
        vpc: vpc.map(ToOwned::to_owned),
        ip_address_type: addresses.to_owned(),
        control_port,
        check: Check::default_of(kind, protocol, version),
        attributes: group_attributes::of(kind, protocol),
        targets: Vec::new(),
        balancer: None,
        number: 0,
    };
    group.check.change(kind, protocol, input)?;
    Ok(group)
}

/// `API_DescribeTargetGroups`: "you can specify one of the following to filter the results: the ARN of the load
/// balancer, the names of one or more target groups, or the ARNs of one or more target groups".
pub(super) fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let (arns, names) = (texts(input, "TargetGroupArns"), texts(input, "Names"));
    let balancer = text(input, "LoadBalancerArn");
    let given = [!arns.is_empty(), !names.is_empty(), balancer.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err(ApiError::validation(
            "Only one of target group names, target group ARNs and a load balancer ARN can be specified",
        ));
    }
    let state = &account.elb;
    let mut found: Vec<&Group> = Vec::new();
    for arn in &arns {
        arn::check(arn, "targetgroup")?;
        found.push(state.group(arn)?);
    }
    for name in &names {
        let named = state.groups.values().find(|group| group.name == *name);
        found.push(named.ok_or_else(|| {
            ApiError::new(
                "TargetGroupNotFound",
                format!("Target groups '[{name}]' not found"),
            )
        })?);
    }
    if let Some(balancer) = balancer {
        arn::check(balancer, "loadbalancer")?;
        let used = &state.balancer(balancer)?.groups;
        found.extend(used.iter().filter_map(|arn| state.groups.get(arn)));
    }
    if !given.contains(&true) {
        found.extend(state.groups.values());
    }
    found.sort_by_key(|group| group.number);
    found.dedup_by_key(|group| group.number);
    page::answer(
        "TargetGroups",
        found.into_iter().map(Group::told).collect(),
        context,
        input,
    )
}

/// `API_ModifyTargetGroup`: "Modifies the health checks".
pub(super) fn modify(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "TargetGroupArn").unwrap_or_default();
    arn::check(arn, "targetgroup")?;
    let mut group = account.elb.group(arn)?.clone();
    group
        .check
        .change(&group.kind, group.protocol.as_deref(), input)?;
    let told = group.told();
    *account.elb.group_mut(arn)? = group;
    Ok(json!({"TargetGroups": [told]}))
}

/// `API_DeleteTargetGroup`: "You can delete a target group if it is not referenced by any actions." Its only error is
/// `ResourceInUse`: one that is gone is deleted already.
pub(super) fn delete(account: &mut Account, _context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "TargetGroupArn").unwrap_or_default();
    arn::check(arn, "targetgroup")?;
    if account
        .elb
        .groups
        .get(arn)
        .is_some_and(|group| group.balancer.is_some())
    {
        let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
        return Err(ApiError::new("ResourceInUse", message));
    }
    account.elb.groups.remove(arn);
    account.elb.tags.remove(arn);
    account.elb.changed.groups.insert(arn.to_owned());
    Ok(json!({}))
}
