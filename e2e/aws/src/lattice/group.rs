//! Target groups: <https://docs.aws.amazon.com/vpc-lattice/latest/ug/target-groups.html>.

use super::{State, check_name, conflict, id_of, invalid, missing, named, page, quota, tags};
use crate::error::ApiError;
use crate::input::{list as elements, number, text};
use crate::quotas;
use crate::service::Context;
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// Seconds that a target drains ("The default draining time is 1 minute").
const DRAINING_S: u64 = 60;

/// A target group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// `IP`, `INSTANCE`.
    pub kind: String,
    /// `config`, with defaults.
    pub config: Value,
    /// Who is registered, and who drains.
    pub targets: Vec<Target>,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Address or id.
    pub id: String,
    /// Port.
    pub port: u16,
    /// Until when it drains.
    pub draining_until: Option<u64>,
}

impl Group {
    /// `config.protocol`.
    pub fn protocol(&self) -> &str {
        text(&self.config, "protocol").unwrap_or_default()
    }

    /// `config.protocolVersion`.
    pub fn version(&self) -> &str {
        text(&self.config, "protocolVersion").unwrap_or("HTTP1")
    }

    /// `config.healthCheck`.
    pub fn health(&self) -> &Value {
        self.config.get("healthCheck").unwrap_or(&Value::Null)
    }
}

impl State {
    fn group_named(&self, input: &Value) -> Result<String, ApiError> {
        let id = text(input, "targetGroupIdentifier").unwrap_or_default();
        let found = named(&self.groups, id).cloned();
        found.ok_or_else(|| missing("Target group", id))
    }

    /// All target groups.
    pub fn groups(&self) -> impl Iterator<Item = (&String, &Group)> {
        self.groups.iter()
    }

    /// A target group.
    pub fn group(&self, arn: &str) -> Option<&Group> {
        self.groups.get(arn)
    }

    fn tell_group(&self, arn: &str, context: &Context) -> Value {
        let Some(group) = self.groups.get(arn) else {
            return Value::Null;
        };
        json!({
            "arn": arn,
            "id": id_of(arn),
            "name": group.name,
            "type": group.kind,
            "config": group.config,
            "createdAt": self.created(arn),
            "lastUpdatedAt": self.created(arn),
            "status": self.status(arn, context),
            "serviceArns": self.users(arn),
        })
    }
}

/// Health checks with the defaults of `API_HealthCheckConfig`: on for version HTTP1 alone ("When the target group protocol
/// version is HTTP2, health checks are not enabled by default", target-group-health-checks.html; "By default, health checks
/// are disabled for TCP target groups", tls-listeners.html). They speak HTTP/1.1 or HTTP/2, whatever the group does.
fn health(given: Option<&Value>, before: Option<&Value>, (protocol, version): (&str, &str)) -> Value {
    let usual = protocol != "TCP" && version == "HTTP1";
    let defaults = json!({
        "enabled": usual,
        "protocol": if protocol == "HTTPS" { "HTTPS" } else { "HTTP" },
        "protocolVersion": "HTTP1",
        "path": "/",
        "healthCheckIntervalSeconds": 30,
        "healthCheckTimeoutSeconds": 5,
        "healthyThresholdCount": 5,
        "unhealthyThresholdCount": 2,
        "matcher": {"httpCode": "200"},
    });
    let mut all: Map<String, Value> = before
        .unwrap_or(&defaults)
        .as_object()
        .cloned()
        .unwrap_or_default();
    for (name, value) in given.and_then(Value::as_object).into_iter().flatten() {
        all.insert(name.clone(), value.clone());
    }
    Value::Object(all)
}

/// `API_CreateTargetGroup`.
pub(super) fn create(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let given = tags::read(input)?;
    account.ec2.ensure(&context.account, &context.region);
    let name = text(input, "name").unwrap_or_default();
    check_name(name, "tg-")?;
    let kind = text(input, "type").unwrap_or_default();
    if !["IP", "INSTANCE"].contains(&kind) {
        return Err(invalid(format!(
            "Target groups of type {kind} are not served here"
        )));
    }
    let null = Value::Null;
    let config = input.get("config").unwrap_or(&null);
    let (Some(protocol), Some(vpc)) = (text(config, "protocol"), text(config, "vpcIdentifier")) else {
        return Err(invalid("A target group needs a protocol and a VPC"));
    };
    account.ec2.vpc(vpc).ok_or_else(|| missing("VPC", vpc))?;
    let version = text(config, "protocolVersion");
    if protocol == "TCP" && version.is_some() {
        return Err(invalid("TCP has no protocol version"));
    }
    let usual = if protocol == "HTTPS" { 443 } else { 80 };
    let full = json!({
        "port": number(config, "port").unwrap_or(usual),
        "protocol": protocol,
        "protocolVersion": if protocol == "TCP" { None } else { Some(version.unwrap_or("HTTP1")) },
        "ipAddressType": text(config, "ipAddressType").unwrap_or("IPV4"),
        "vpcIdentifier": vpc,
        "healthCheck": health(config.get("healthCheck"), None, (protocol, version.unwrap_or("HTTP1"))),
    });
    let most = account.quotas.value(quotas::LATTICE_GROUPS);
    let state = &mut account.lattice;
    if state.groups.values().any(|other| other.name == name) {
        return Err(conflict(format!("Target group with name {name} already exists")));
    }
    if state.groups.len() as u64 >= most {
        return Err(quota("target groups", most));
    }
    let id = state.next(context, "tg");
    let arn = context.arn("vpc-lattice", &format!("targetgroup/{id}"));
    let group = Group {
        name: name.to_owned(),
        kind: kind.to_owned(),
        config: crate::input::tidy(full),
        targets: Vec::new(),
    };
    state.note(&arn, given, context);
    let told = json!({
        "arn": arn,
        "id": id,
        "name": name,
        "type": kind,
        "config": group.config,
        "status": "CREATE_IN_PROGRESS",
    });
    state.groups.insert(arn.clone(), group);
    state.touch(&arn);
    Ok(told)
}

/// `API_GetTargetGroup`.
pub(super) fn get(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = account.lattice.group_named(input)?;
    Ok(account.lattice.tell_group(&arn, context))
}

/// `API_ListTargetGroups`.
pub(super) fn list(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let (vpc, kind) = (text(input, "vpcIdentifier"), text(input, "targetGroupType"));
    let wanted = state.groups.iter().filter(|(_, group)| {
        vpc.is_none_or(|vpc| text(&group.config, "vpcIdentifier") == Some(vpc))
            && kind.is_none_or(|kind| group.kind == kind)
    });
    let all = wanted.map(|(arn, group)| {
        json!({
            "arn": arn,
            "id": id_of(arn),
            "name": group.name,
            "type": group.kind,
            "port": group.config.get("port"),
            "protocol": group.protocol(),
            "ipAddressType": group.config.get("ipAddressType"),
            "vpcIdentifier": group.config.get("vpcIdentifier"),
            "createdAt": state.created(arn),
            "lastUpdatedAt": state.created(arn),
            "status": state.status(arn, context),
            "serviceArns": state.users(arn),
        })
    });
    page(all.collect(), context, input)
}

/// `API_UpdateTargetGroup`: its health check.
pub(super) fn update(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let arn = state.group_named(input)?;
    state.settled(&arn, context)?;
    if let Some(group) = state.groups.get_mut(&arn) {
        let kind = (group.protocol().to_owned(), group.version().to_owned());
        let check = health(input.get("healthCheck"), Some(group.health()), (&kind.0, &kind.1));
        if let Some(config) = group.config.as_object_mut() {
            config.insert("healthCheck".to_owned(), check);
        }
    }
    state.touch(&arn);
    let group = state.groups.get(&arn);
    Ok(json!({
        "arn": arn,
        "id": id_of(&arn),
        "name": group.map(|group| &group.name),
        "type": group.map(|group| &group.kind),
        "config": group.map(|group| &group.config),
        "status": state.status(&arn, context),
    }))
}

/// `API_DeleteTargetGroup`: "You can't delete a target group if it is used in a listener rule or if the target group creation
/// is in progress." That its targets must be gone is what its own controller waits for.
pub(super) fn delete(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let arn = state.group_named(input)?;
    let used = !state.users(&arn).is_empty();
    let targets = state
        .groups
        .get(&arn)
        .is_some_and(|group| !group.targets.is_empty());
    if used || targets || state.status(&arn, context) == "CREATE_IN_PROGRESS" {
        return Err(conflict(format!(
            "The target group {} is in use, has targets, or is being made",
            id_of(&arn)
        )));
    }
    state.end(&arn, context);
    Ok(json!({"arn": arn, "id": id_of(&arn), "status": "DELETE_IN_PROGRESS"}))
}

fn wanted<'i>(group: &Group, input: &'i Value) -> impl Iterator<Item = (&'i str, u16)> {
    let usual = number(&group.config, "port").and_then(|port| u16::try_from(port).ok());
    elements(input, "targets").iter().map(move |target| {
        let port = number(target, "port").and_then(|port| u16::try_from(port).ok());
        (
            text(target, "id").unwrap_or_default(),
            port.or(usual).unwrap_or(80),
        )
    })
}

/// `API_RegisterTargets`.
pub(super) fn register(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let most = account.quotas.value(quotas::LATTICE_TARGETS);
    let arn = account.lattice.group_named(input)?;
    if account.lattice.status(&arn, context) == "DELETE_IN_PROGRESS" {
        return Err(conflict("The target group is being deleted"));
    }
    let Some(group) = account.lattice.groups.get_mut(&arn) else {
        return Err(missing("Target group", &arn));
    };
    let ipv6 = text(&group.config, "ipAddressType") == Some("IPV6");
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    let all: Vec<(&str, u16)> = wanted(group, input).collect();
    for (id, port) in all {
        let fits = group.kind != "IP"
            || id
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_ipv6() == ipv6);
        if !fits {
            failed.push(json!({
                "id": id, "port": port, "failureCode": "InvalidTarget",
                "failureMessage": "The target is not of the group's type",
            }));
            continue;
        }
        match group
            .targets
            .iter_mut()
            .find(|known| known.id == id && known.port == port)
        {
            Some(known) => known.draining_until = None,
            None => group.targets.push(Target {
                id: id.to_owned(),
                port,
                draining_until: None,
            }),
        }
        done.push(json!({"id": id, "port": port}));
    }
    if group.targets.len() as u64 > most {
        let kept = usize::try_from(most).unwrap_or(usize::MAX);
        group.targets.truncate(kept);
        account.lattice.touch(&arn);
        return Err(quota("targets per target group", most));
    }
    account.lattice.touch(&arn);
    Ok(json!({"successful": done, "unsuccessful": failed}))
}

/// `API_DeregisterTargets`: what they still answer is waited for, if the group is in use.
pub(super) fn deregister(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &mut account.lattice;
    let arn = state.group_named(input)?;
    let used = !state.users(&arn).is_empty();
    let drains = DRAINING_S.saturating_mul(context.settings.second_ms);
    let until = context.now.saturating_add(if used { drains } else { 0 });
    let Some(group) = state.groups.get_mut(&arn) else {
        return Err(missing("Target group", &arn));
    };
    let all: Vec<(&str, u16)> = wanted(group, input).collect();
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for (id, port) in all {
        let known = group
            .targets
            .iter_mut()
            .find(|known| known.id == id && known.port == port);
        match known {
            Some(known) => {
                known.draining_until.get_or_insert(until);
                done.push(json!({"id": id, "port": port}));
            }
            None => failed.push(json!({
                "id": id, "port": port, "failureCode": "TargetNotFound",
                "failureMessage": "The target is not registered",
            })),
        }
    }
    state.touch(&arn);
    state.sweep(context);
    Ok(json!({"successful": done, "unsuccessful": failed}))
}

/// `API_ListTargets`.
pub(super) fn targets(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let state = &account.lattice;
    let arn = state.group_named(input)?;
    let used = !state.users(&arn).is_empty();
    let group = state.groups.get(&arn);
    let all = group.into_iter().flat_map(|group| &group.targets).map(|target| {
        let known = context.healths.of(&arn, &target.id, target.port);
        let status = match (&target.draining_until, known) {
            (Some(_), _) => "DRAINING".to_owned(),
            (None, _) if !used => "UNUSED".to_owned(),
            (None, Some(health)) => health.state.to_ascii_uppercase(),
            (None, None) => "INITIAL".to_owned(),
        };
        json!({"id": target.id, "port": target.port, "status": status})
    });
    page(all.collect(), context, input)
}
