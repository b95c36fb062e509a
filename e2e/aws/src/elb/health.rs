//! Health checks and the health of targets: `guide/target-group-health-checks`.

use super::arn;
use super::group::Group;
use super::targets::Target;
use super::wire::Matcher;
use crate::error::ApiError;
use crate::input::{list, number, text};
use crate::service::{Context, Health};
use crate::state::Account;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// `HealthCheckEnabled`.
    pub enabled: bool,
    /// `HealthCheckProtocol`; none for a Lambda function.
    pub protocol: Option<String>,
    /// `HealthCheckPort`; none for a Lambda function.
    pub port: Option<String>,
    /// `HealthCheckPath`, of HTTP and HTTPS checks.
    pub path: Option<String>,
    /// `HealthCheckIntervalSeconds`.
    pub interval: i64,
    /// `HealthCheckTimeoutSeconds`.
    pub timeout: i64,
    /// `HealthyThresholdCount`.
    pub healthy: i64,
    /// `UnhealthyThresholdCount`.
    pub unhealthy: i64,
    /// `Matcher`, of HTTP and HTTPS checks.
    pub matcher: Option<Matcher>,
}

impl Check {
    /// Defaults by `API_CreateTargetGroup` and `guide/target-group-health-checks`. The timeout is 5 s for groups of
    /// ALBs by the guide, 30 s for Lambda functions; others 10 s, 6 s when HTTP checks them.
    pub(super) fn default_of(kind: &str, protocol: Option<&str>, version: Option<&str>) -> Self {
        let lambda = kind == "lambda";
        let http = matches!(protocol, Some("HTTP" | "HTTPS"));
        let own = if http || kind == "alb" { "HTTP" } else { "TCP" };
        let (path, matcher) = match version {
            Some("GRPC") => (
                Some("/AWS.ALB/healthcheck"),
                Some(Matcher {
                    grpc_code: Some("12".to_owned()),
                    http_code: None,
                }),
            ),
            _ if http || lambda || own == "HTTP" => {
                let codes = if http || lambda { "200" } else { "200-399" };
                (
                    Some("/"),
                    Some(Matcher {
                        http_code: Some(codes.to_owned()),
                        grpc_code: None,
                    }),
                )
            }
            _ => (None, None),
        };
        Self {
            enabled: !lambda,
            protocol: (!lambda).then(|| own.to_owned()),
            port: (!lambda).then(|| "traffic-port".to_owned()),
            path: path.map(ToOwned::to_owned),
            interval: if lambda { 35 } else { 30 },
            timeout: match (lambda, http, own) {
                (true, ..) => 30,
                (_, true, _) => 5,
                (_, _, "HTTP") => 6,
                _ => 10,
            },
            healthy: 5,
            unhealthy: if lambda { 5 } else { 2 },
            matcher,
        }
    }

    /// As answers have it, beside the other members of a target group.
    pub(super) fn told(&self) -> Value {
        json!({
            "HealthCheckEnabled": self.enabled,
            "HealthCheckProtocol": self.protocol,
            "HealthCheckPort": self.port,
            "HealthCheckPath": self.path,
            "HealthCheckIntervalSeconds": self.interval,
            "HealthCheckTimeoutSeconds": self.timeout,
            "HealthyThresholdCount": self.healthy,
            "UnhealthyThresholdCount": self.unhealthy,
            "Matcher": self.matcher,
        })
    }

    /// Changes what a call says.
    ///
    /// # Errors
    ///
    /// `ValidationError`, `InvalidConfigurationRequest`.
    pub(super) fn change(
        &mut self,
        kind: &str,
        protocol: Option<&str>,
        input: &Value,
    ) -> Result<(), ApiError> {
        let mut next = self.clone();
        if let Some(enabled) = input.get("HealthCheckEnabled").and_then(Value::as_bool) {
            // "If the target type is instance, ip, or alb, health checks are always enabled and can't be disabled."
            if !enabled && kind != "lambda" {
                return Err(ApiError::validation(
                    "Health check enabled must be true for target groups with target type instance, ip or alb",
                ));
            }
            next.enabled = enabled;
        }
        let http_group = matches!(protocol, Some("HTTP" | "HTTPS"));
        if let Some(own) = text(input, "HealthCheckProtocol") {
            let known: &[&str] = if http_group {
                &["HTTP", "HTTPS"]
            } else {
                &["HTTP", "HTTPS", "TCP"]
            };
            if !known.contains(&own) || kind == "lambda" {
                return Err(ApiError::validation(format!(
                    "Health check protocol '{own}' is not supported for this target group"
                )));
            }
            // "the default is 6 seconds for HTTP health checks and 10 seconds for TCP and HTTPS health checks"
            if !http_group && next.protocol.as_deref() != Some(own) {
                next.timeout = if own == "HTTP" { 6 } else { 10 };
            }
            next.protocol = Some(own.to_owned());
            if own == "TCP" {
                next.path = None;
                next.matcher = None;
            } else if next.path.is_none() {
                next.path = Some("/".to_owned());
                next.matcher = Some(Matcher {
                    http_code: Some("200-399".to_owned()),
                    grpc_code: None,
                });
            }
        }
        if let Some(port) = text(input, "HealthCheckPort") {
            if port != "traffic-port" && !port.parse::<u16>().is_ok_and(|port| port > 0) {
                return Err(ApiError::validation(format!(
                    "Health check port '{port}' must be from 1 to 65535 or 'traffic-port'"
                )));
            }
            next.port = Some(port.to_owned());
        }
        let has_path = next.path.is_some();
        if let Some(path) = text(input, "HealthCheckPath") {
            if !has_path || !path.starts_with('/') || path.contains(char::is_whitespace) {
                return Err(ApiError::validation(format!(
                    "Health check path '{path}' must be for HTTP or HTTPS and begin with '/'"
                )));
            }
            next.path = Some(path.to_owned());
        }
        for (member, place) in [
            ("HealthCheckIntervalSeconds", &mut next.interval),
            ("HealthCheckTimeoutSeconds", &mut next.timeout),
            ("HealthyThresholdCount", &mut next.healthy),
            ("UnhealthyThresholdCount", &mut next.unhealthy),
        ] {
            *place = number(input, member).unwrap_or(*place);
        }
        if let Some(asked) = input.get("Matcher") {
            next.matcher = Some(matcher(
                asked,
                next.matcher.as_ref(),
                http_group || kind == "lambda",
            )?);
        }
        // Equal ones are refused for Application Load Balancers alone: the AWS Load Balancer Controller asks for 10 s of both by
        // default for Network Load Balancers.
        let too_long = if http_group {
            next.timeout >= next.interval
        } else {
            next.timeout > next.interval
        };
        if too_long {
            let message = format!(
                "Health check timeout '{}' must be smaller than the interval '{}'",
                next.timeout, next.interval
            );
            return Err(ApiError::validation(message));
        }
        *self = next;
        Ok(())
    }

    /// The port that is checked at a target.
    pub(super) fn port_of(&self, target: &Target) -> String {
        match self.port.as_deref() {
            Some("traffic-port") | None => target.port.map_or_else(String::new, |port| port.to_string()),
            Some(port) => port.to_owned(),
        }
    }
}

/// `API_Matcher`: codes by themselves, in lists and in ranges, gRPC's only where gRPC is spoken.
fn matcher(asked: &Value, former: Option<&Matcher>, application: bool) -> Result<Matcher, ApiError> {
    let asked: Matcher = serde_json::from_value(asked.clone())
        .map_err(|error| ApiError::validation(format!("The matcher cannot be read: {error}")))?;
    let grpc = former.is_some_and(|former| former.grpc_code.is_some());
    let codes = match (&asked.http_code, &asked.grpc_code) {
        (None, Some(codes)) if grpc => (codes, 0, 99),
        (Some(codes), None) if !grpc && former.is_some() => (codes, 200, if application { 499 } else { 599 }),
        _ => {
            return Err(ApiError::validation(
                "The matcher must have HTTP codes for HTTP, gRPC codes for gRPC health checks",
            ));
        }
    };
    let (codes, low, high) = codes;
    let within = |code: &str| {
        code.parse::<u16>()
            .ok()
            .filter(|code| (low..=high).contains(code))
    };
    let well = codes.split(',').all(|part| match part.split_once('-') {
        Some((from, to)) => within(from).zip(within(to)).is_some_and(|(from, to)| from <= to),
        None => within(part).is_some(),
    });
    if !well {
        return Err(ApiError::validation(format!(
            "Health check matcher codes '{codes}' must be between {low} and {high}"
        )));
    }
    Ok(asked)
}

/// `API_DescribeTargetHealth`.
pub(super) fn describe(account: &mut Account, context: &Context, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "TargetGroupArn").unwrap_or_default();
    arn::check(arn, "targetgroup")?;
    let group = account.elb.group(arn)?;
    let mut told = Vec::new();
    let asked = list(input, "Targets");
    let drained = |target: &&Target| !target.gone(context.now);
    if asked.is_empty() {
        told.extend(
            group
                .targets
                .iter()
                .filter(drained)
                .map(|target| description(account, context, group, target)),
        );
    }
    for target in asked {
        let id = text(target, "Id").unwrap_or_default();
        let port = number(target, "Port").and_then(|port| u16::try_from(port).ok());
        let found: Vec<&Target> = group
            .targets
            .iter()
            .filter(drained)
            .filter(|own| own.id == id && (port.is_none() || own.port == port))
            .collect();
        if found.is_empty() {
            let health = unused(
                "Target.NotRegistered",
                "Target is not registered to the target group",
            );
            told.push(json!({"Target": target, "TargetHealth": health}));
        }
        told.extend(
            found
                .into_iter()
                .map(|own| description(account, context, group, own)),
        );
    }
    Ok(json!({"TargetHealthDescriptions": told}))
}

fn unused(reason: &str, description: &str) -> Value {
    json!({"State": "unused", "Reason": reason, "Description": description})
}

fn description(account: &Account, context: &Context, group: &Group, target: &Target) -> Value {
    json!({
        "Target": target.told(),
        "HealthCheckPort": group.check.port_of(target),
        "TargetHealth": health(account, context, group, target),
    })
}

/// `API_TargetHealth`: draining and use are decided here, the rest by the data plane.
fn health(account: &Account, context: &Context, group: &Group, target: &Target) -> Value {
    if target.draining_until.is_some() {
        return json!({
            "State": "draining",
            "Reason": "Target.DeregistrationInProgress",
            "Description": "Target deregistration is in progress",
        });
    }
    let balancer = group
        .balancer
        .as_ref()
        .and_then(|arn| account.elb.balancers.get(arn));
    let Some(balancer) = balancer else {
        return unused(
            "Target.NotInUse",
            "Target group is not configured to receive traffic from the load balancer",
        );
    };
    if !group.check.enabled {
        return json!({
            "State": "unavailable",
            "Reason": "Target.HealthCheckDisabled",
            "Description": "Health checks are not enabled for this target",
        });
    }
    let zone = target.zone.as_deref().filter(|zone| *zone != "all");
    if zone.is_some_and(|zone| !balancer.zones.iter().any(|own| own.name == zone)) {
        return unused(
            "Target.NotInUse",
            "Target is in an Availability Zone that is not enabled for the load balancer",
        );
    }
    let known = context
        .healths
        .of(&group.arn, &target.id, target.port.unwrap_or_default());
    let known = known
        .filter(|_| balancer.active(context.now))
        .unwrap_or_else(|| Health {
            state: "initial".to_owned(),
            reason: Some("Elb.RegistrationInProgress".to_owned()),
            description: Some("Target registration is in progress".to_owned()),
        });
    let mut told = json!({"State": known.state});
    if let Some(members) = told.as_object_mut() {
        members.extend(
            known
                .reason
                .map(|reason| ("Reason".to_owned(), Value::from(reason))),
        );
        members.extend(
            known
                .description
                .map(|text| ("Description".to_owned(), Value::from(text))),
        );
    }
    told
}
