//! What goldens want of VPC Lattice.

use super::{Cloud, text};
use crate::{lattice, wire};
use gatewright_aws_core::TargetGroupId;
use gatewright_aws_core::lattice::{
    Access, Action, Health, Match, Network, PathMatch, Service, Target, TargetGroup, names,
};
use gatewright_aws_core::target_group::{Fixed, HealthCheck, ProtocolVersion};
use gatewright_aws_simulator::lattice::OPERATIONS;
use gatewright_aws_simulator::protocol::check;
use gatewright_aws_simulator::protocol::model::Model;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// What VPC Lattice's inputs look like.
static MODEL: LazyLock<Model> =
    LazyLock::new(|| Model::read(include_str!("../../../../../../e2e/aws/models/lattice.json")).unwrap());

impl Cloud {
    /// The ARN that a call answers; what is refused is noted.
    fn make_of_lattice(&mut self, operation: &str, input: &Value) -> String {
        let violations = check::violations(&MODEL, MODEL.operations[operation].input.as_ref(), input);
        if violations.is_empty() {
            return text(&self.handle(OPERATIONS, operation, input)["arn"]);
        }
        self.refused
            .push(format!("{operation} {input}: {}", check::sentence(&violations)));
        "none".to_owned()
    }

    /// Everything is active.
    fn later(&mut self) {
        self.context.now += 60_000;
    }

    fn make_network(&mut self, target: &Target) {
        let network = match &target.network {
            Network::Own { name, access } => {
                let input = json!({"name": name, "authType": auth(access)});
                let network = self.make_of_lattice("CreateServiceNetwork", &input);
                self.access(&network, access);
                network
            }
            Network::Given(_) => self.make_of_lattice("CreateServiceNetwork", &json!({"name": "theirs"})),
            Network::None => "none".to_owned(),
        };
        self.later();
        if target.vpc.is_some() {
            let input = json!({"serviceNetworkIdentifier": network, "vpcIdentifier": self.vpc});
            self.make_of_lattice("CreateServiceNetworkVpcAssociation", &input);
        }
        let certificates = self.certificates(&target.certificates);
        let mut groups = BTreeMap::new();
        for (id, group) in &target.target_groups {
            let input = target_group(group, &self.vpc);
            groups.insert(id.clone(), self.make_of_lattice("CreateTargetGroup", &input));
        }
        self.later();
        for service in target.services.values() {
            let certificate = service.certificate.as_ref().map(|id| &certificates[id]);
            let input = wire::filled(json!({
                "name": service.name,
                "customDomainName": service.domain,
                "certificateArn": certificate,
                "authType": auth(&service.access),
            }));
            let made = self.make_of_lattice("CreateService", &input);
            self.later();
            if !service.standalone {
                let input = json!({"serviceNetworkIdentifier": network, "serviceIdentifier": made});
                self.make_of_lattice("CreateServiceNetworkServiceAssociation", &input);
            }
            self.access(&made, &service.access);
            self.listeners(service, &made, &groups);
        }
    }

    fn access(&mut self, of: &str, access: &Access) {
        if let Some(policy) = &access.policy {
            let input = json!({"resourceIdentifier": of, "policy": policy});
            self.handle(OPERATIONS, "PutAuthPolicy", &input);
        }
        for destination in &access.logs {
            let input = json!({"resourceIdentifier": of, "destinationArn": destination});
            self.make_of_lattice("CreateAccessLogSubscription", &input);
        }
    }

    fn listeners(&mut self, service: &Service, arn: &str, groups: &BTreeMap<TargetGroupId, String>) {
        for (port, listener) in &service.listeners {
            let input = json!({
                "serviceIdentifier": arn,
                "name": listener.name,
                "protocol": listener.protocol.as_str(),
                "port": port,
                "defaultAction": action(&listener.default, groups),
            });
            let made = self.make_of_lattice("CreateListener", &input);
            let mut taken = BTreeSet::new();
            for (at, rule) in listener.rules.iter().enumerate() {
                let name = names::rule(names::PREFIX, &rule.conditions, |name| taken.contains(name));
                taken.insert(name.clone());
                let input = json!({
                    "serviceIdentifier": arn,
                    "listenerIdentifier": made,
                    "name": name,
                    "priority": at + 1,
                    "match": {"httpMatch": conditions(&rule.conditions)},
                    "action": action(&rule.action, groups),
                });
                self.make_of_lattice("CreateRule", &input);
            }
        }
    }
}

fn auth(access: &Access) -> &'static str {
    if access.policy.is_some() {
        "AWS_IAM"
    } else {
        "NONE"
    }
}

fn target_group(group: &TargetGroup, vpc: &str) -> Value {
    let TargetGroup {
        name,
        fixed,
        health,
        targets: _,
        tags: _,
    } = group;
    let Fixed {
        protocol,
        version,
        port,
        kind: _,
        ipv6,
        control_port: _,
    } = fixed;
    let check = match health {
        Health::Off => json!({"enabled": false}),
        Health::On(
            HealthCheck {
                protocol,
                port,
                path,
                codes,
                interval_s,
                timeout_s,
                healthy,
                unhealthy,
            },
            version,
        ) => wire::filled(json!({
            "enabled": true,
            "protocol": protocol.as_deref().unwrap_or("HTTP"),
            "protocolVersion": version.as_str(),
            "port": port.as_ref().and_then(|port| port.parse::<u16>().ok()),
            "path": path,
            "matcher": codes.as_ref().map(|codes| json!({"httpCode": codes})),
            "healthCheckIntervalSeconds": interval_s,
            "healthCheckTimeoutSeconds": timeout_s,
            "healthyThresholdCount": healthy,
            "unhealthyThresholdCount": unhealthy,
        })),
    };
    let version = version.map(|version| match version {
        ProtocolVersion::Http1 => "HTTP1",
        ProtocolVersion::Http2 => "HTTP2",
        ProtocolVersion::Grpc => "GRPC",
    });
    let config = wire::filled(json!({
        "protocol": protocol,
        "protocolVersion": version,
        "port": port,
        "ipAddressType": if *ipv6 { "IPV6" } else { "IPV4" },
        "vpcIdentifier": vpc,
        "healthCheck": check,
    }));
    json!({"name": name, "type": "IP", "config": config})
}

fn conditions(conditions: &Match) -> Value {
    let Match {
        method,
        path,
        headers,
    } = conditions;
    let path = path.as_ref().map(|path| {
        let found = match path {
            PathMatch::Exact(path) => json!({"exact": path}),
            PathMatch::Prefix(path) => json!({"prefix": path}),
        };
        json!({"match": found, "caseSensitive": true})
    });
    let headers: Vec<Value> = headers
        .iter()
        .map(|header| json!({"name": header.name, "match": {"exact": header.value}, "caseSensitive": true}))
        .collect();
    wire::filled(json!({
        "method": method,
        "pathMatch": path,
        "headerMatches": if headers.is_empty() { Value::Null } else { json!(headers) },
    }))
}

fn action(action: &Action, groups: &BTreeMap<TargetGroupId, String>) -> Value {
    match action {
        Action::Forward(shares) => {
            let groups: Vec<Value> = shares
                .iter()
                .map(|(id, weight)| json!({"targetGroupIdentifier": groups[id], "weight": weight}))
                .collect();
            json!({"forward": {"targetGroups": groups}})
        }
        Action::Fixed(status) => json!({"fixedResponse": {"statusCode": status}}),
    }
}

#[test]
fn lattice_accepts_what_goldens_want() {
    let mut refused = Vec::new();
    let (mut gateways, mut rules) = (0, 0);
    for (name, target) in lattice::targets() {
        let mut cloud = Cloud::new();
        cloud.make_network(&target);
        refused.extend(cloud.refused.iter().map(|what| format!("{name}: {what}")));
        gateways += 1;
        let listeners = target
            .services
            .values()
            .flat_map(|service| service.listeners.values());
        rules += listeners.map(|listener| listener.rules.len()).sum::<usize>();
    }
    assert!(
        refused.is_empty(),
        "{} calls for {gateways} Gateways were refused:\n{}",
        refused.len(),
        refused.join("\n")
    );
    assert!(
        gateways > 100 && rules > 200,
        "{gateways} Gateways, {rules} rules"
    );
}
