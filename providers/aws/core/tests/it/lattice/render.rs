//! What is wanted on VPC Lattice, as text: a line for each rule.

use gatewright_aws_core::lattice::{
    Action, CheckVersion, Health, Listener, Match, Network, PathMatch, Rule, Service, Target, TargetGroup,
};
use gatewright_aws_core::target_group::{HealthCheck, ProtocolVersion, TargetAddress};
use gatewright_model::Str;
use gatewright_model::unsupported::Unsupported;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) fn shown(target: &Target, unsupported: &[Unsupported]) -> Value {
    let network = match &target.network {
        Network::Own { name, .. } => name,
        Network::Given(id) => id,
        Network::None => "none",
    };
    let vpc = target.vpc.as_ref().map(|found| found.vpc.to_string());
    let services: Map<String, Value> = target
        .services
        .iter()
        .map(|(id, found)| (id.to_string(), service(found)))
        .collect();
    let groups: Map<String, Value> = target
        .target_groups
        .iter()
        .map(|(id, found)| (id.to_string(), json!(group(found))))
        .collect();
    let unsupported: Vec<String> = unsupported.iter().map(ToString::to_string).collect();
    let mut fields = Map::new();
    fields.insert(
        "network".to_owned(),
        json!(format!("{network}, reached from {}", vpc.unwrap_or_default())),
    );
    if !target.tags.is_empty() {
        fields.insert("tags".to_owned(), json!(target.tags));
    }
    for (name, value) in [
        ("services", Value::Object(services)),
        ("targetGroups", Value::Object(groups)),
        ("unsupported", json!(unsupported)),
    ] {
        let empty =
            value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
        if !empty {
            fields.insert(name.to_owned(), value);
        }
    }
    Value::Object(fields)
}

/// Tags of a service's own.
fn tags(found: &BTreeMap<Str, Str>) -> String {
    if found.is_empty() {
        return String::new();
    }
    let words: Vec<String> = found
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    format!(", tags {}", words.join(" "))
}

fn service(found: &Service) -> Value {
    let certificate = found
        .certificate
        .as_ref()
        .map(|id| format!(", certificate {id:?}"))
        .unwrap_or_default();
    let listeners: Map<String, Value> = found
        .listeners
        .iter()
        .map(|(port, found)| (format!("{} {port}", found.protocol.as_str()), listener(found)))
        .collect();
    let alone = if found.standalone { ", in no network" } else { "" };
    json!({
        "name": format!("{}{certificate}{alone}{}", found.name, tags(&found.tags)),
        "listeners": listeners,
    })
}

fn listener(found: &Listener) -> Value {
    let rules: Vec<String> = found.rules.iter().map(rule).collect();
    json!({"rules": rules, "default": action(&found.default)})
}

fn rule(found: &Rule) -> String {
    let origin = found
        .origin
        .as_ref()
        .map(|origin| {
            format!(
                "  ({} rule {} match {})",
                origin.route, origin.rule, origin.matched
            )
        })
        .unwrap_or_default();
    format!(
        "{} -> {}{origin}",
        conditions(&found.conditions),
        action(&found.action)
    )
}

fn conditions(found: &Match) -> String {
    let mut parts = Vec::new();
    parts.extend(found.method.iter().map(|method| format!("method={method}")));
    parts.extend(found.path.iter().map(|path| match path {
        PathMatch::Exact(path) => format!("path={path}"),
        PathMatch::Prefix(path) => format!("path={path}..."),
    }));
    let headers = found.headers.iter();
    parts.extend(headers.map(|header| format!("header {}={}", header.name, header.value)));
    parts.join(", ")
}

fn action(found: &Action) -> String {
    match found {
        Action::Fixed(status) => status.to_string(),
        Action::Forward(groups) => {
            let groups: Vec<String> = groups
                .iter()
                .map(|(id, weight)| format!("{id} x{weight}"))
                .collect();
            groups.join(" + ")
        }
    }
}

fn group(found: &TargetGroup) -> String {
    let version = found
        .fixed
        .version
        .map(|version| format!(" {version:?}").to_uppercase());
    let targets: Vec<String> = found
        .targets
        .iter()
        .map(|target| match &target.id {
            TargetAddress::Ip(address) => format!("{address}:{}", target.port),
            TargetAddress::Id(id) => format!("{id}:{}", target.port),
        })
        .collect();
    let usual = match found.fixed.version {
        Some(ProtocolVersion::Http2 | ProtocolVersion::Grpc) => CheckVersion::Http2,
        Some(ProtocolVersion::Http1) | None => CheckVersion::Http1,
    };
    let health = match &found.health {
        Health::Off => "not checked".to_owned(),
        Health::On(check, version) => {
            let version = (*version != usual).then(|| format!(" by {}", version.as_str()));
            format!("checked{}{}", version.unwrap_or_default(), checks(check))
        }
    };
    format!(
        "{} {}{} {}, {health}{}: {}",
        found.name,
        found.fixed.protocol,
        version.unwrap_or_default(),
        found.fixed.port,
        tags(&found.tags),
        if targets.is_empty() {
            "no targets".to_owned()
        } else {
            targets.join(" ")
        }
    )
}

/// What is set of a health check, in AWS's words.
fn checks(check: &HealthCheck) -> String {
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
    let number = |found: &Option<u16>| found.map(|found| found.to_string());
    let count = |found: &Option<u8>| found.map(|found| found.to_string());
    let text = |found: &Option<Str>| found.as_ref().map(ToString::to_string);
    let all = [
        ("protocol", text(protocol)),
        ("port", text(port)),
        ("path", text(path)),
        ("codes", text(codes)),
        ("interval", number(interval_s)),
        ("timeout", number(timeout_s)),
        ("healthy", count(healthy)),
        ("unhealthy", count(unhealthy)),
    ];
    let set = all
        .into_iter()
        .filter_map(|(name, value)| Some(format!(" {name} {}", value?)));
    set.collect()
}
