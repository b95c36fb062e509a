//! What is wanted on VPC Lattice, as text: a line for each rule.

use gatewright_aws_core::lattice::{
    Action, Health, Listener, Match, Network, PathMatch, Rule, Service, Target, TargetGroup,
};
use gatewright_aws_core::target_group::TargetAddress;
use gatewright_model::unsupported::Unsupported;
use serde_json::{Map, Value, json};

pub(super) fn shown(target: &Target, unsupported: &[Unsupported]) -> Value {
    let network = match &target.network {
        Network::Own { name, .. } => name,
        Network::Given(id) => id,
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
    json!({
        "name": format!("{}{certificate}", found.name),
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
    let health = match &found.health {
        Health::Off => "not checked",
        Health::On(_) => "checked",
    };
    format!(
        "{} {}{} {}, {health}: {}",
        found.name,
        found.fixed.protocol,
        version.unwrap_or_default(),
        found.fixed.port,
        if targets.is_empty() {
            "no targets".to_owned()
        } else {
            targets.join(" ")
        }
    )
}
