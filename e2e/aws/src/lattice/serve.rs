//! What the data plane serves of a service.
//!
//! Documented: rules by priority, the default one last; exact and prefix paths, with or without case; headers; weights. "DNS
//! routes the HTTPS request to your VPC Lattice service based on the custom domain name" by SNI. Assumed: a plain HTTP request
//! reaches a service by its `Host` alone, so that others answer 404; a prefix is one of the text, not of path elements; a
//! request that a policy does not let in answers 403, and a service without an association nothing.

use super::State;
use super::group::Group;
use crate::service::Settings;
use crate::state::Account;
use crate::traffic::config::{self, LatticeMatch, TextKind, TextMatch};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;

impl State {
    /// When a service serves: none without an association.
    pub fn serves_at(&self, arn: &str, takes: u64) -> Option<u64> {
        if self.going.contains_key(arn) {
            return None;
        }
        let links = self
            .links
            .iter()
            .filter(|(link, found)| found.service == arn && !self.going.contains_key(*link));
        let own = self.active_at(arn, takes);
        links.map(|(link, _)| self.active_at(link, takes).max(own)).min()
    }

    /// A service as the data plane takes it.
    pub fn served(
        &self,
        account: &Account,
        arn: &str,
        (address, active): (IpAddr, bool),
    ) -> Option<config::Balancer> {
        let service = self.services.get(arn)?;
        let mut certificates = vec![config::Certificate {
            arn: format!("{arn}/generated"),
            chain: service.own.0.clone(),
            key: service.own.1.reveal().to_owned(),
        }];
        let custom = service.certificate.as_ref();
        if let Some(found) = custom.and_then(|arn| account.acm.certificate(arn)) {
            certificates.push(config::Certificate {
                arn: found.arn.clone(),
                chain: found.full_chain(),
                key: found.key.reveal().to_owned(),
            });
        }
        let networks = || {
            let links = self.links.values().filter(|link| link.service == arn);
            links.filter_map(|link| Some((&link.network, self.networks.get(&link.network)?)))
        };
        let through = networks().find(|(network, found)| self.is_open(network, &found.auth));
        let open = self.is_open(arn, &service.auth) && through.is_some();
        let network = through
            .or_else(|| networks().next())
            .map(|(network, _)| network.clone());
        let network = network.unwrap_or_default();
        // Clients are on this machine, and thought to be in a VPC of the network.
        let vpc = self.vpcs.values().find(|link| link.network == network);
        let vpc = vpc.and_then(|link| {
            let (start, _) = network.split_once(":servicenetwork/")?;
            Some(format!(
                "{}:vpc/{}",
                start.replace(":vpc-lattice:", ":ec2:"),
                link.vpc
            ))
        });
        let hosts: Vec<String> = std::iter::once(service.dns_name.clone())
            .chain(service.domain.clone())
            .collect();
        let listeners = self.listeners_of(arn).map(|(listener, found)| config::Listener {
            arn: listener.clone(),
            port: found.port,
            protocol: found.protocol.clone(),
            // "uses TLS version 1.2 or TLS version 1.3" (https-listeners.html).
            ssl_policy: Some("ELBSecurityPolicy-TLS13-1-2-2021-06".to_owned()),
            alpn: None,
            clients: None,
            certificates: if found.protocol == "HTTPS" {
                certificates.clone()
            } else {
                Vec::new()
            },
            attributes: BTreeMap::from([(
                "routing.http.response.server.enabled".to_owned(),
                "false".to_owned(),
            )]),
            rules: self.rules_served(listener, &found.default, (&hosts, open)),
        });
        Some(config::Balancer {
            kind: config::Kind::Lattice,
            address,
            further: Vec::new(),
            blocks: false,
            dns_name: service.dns_name.clone(),
            active,
            attributes: BTreeMap::from([
                (
                    "routing.http.preserve_host_header.enabled".to_owned(),
                    "true".to_owned(),
                ),
                (
                    "idle_timeout.timeout_seconds".to_owned(),
                    service.idle_s.to_string(),
                ),
            ]),
            listeners: listeners.collect(),
            lattice: Some(config::LatticeService {
                domain: service.domain.clone(),
                service: arn.to_owned(),
                network,
                vpc,
            }),
        })
    }

    fn rules_served(
        &self,
        listener: &str,
        default: &Value,
        (hosts, open): (&[String], bool),
    ) -> Vec<config::Rule> {
        let fixed = |status: u16| config::Action {
            kind: "fixed-response".to_owned(),
            fixed_response_config: Some(config::FixedResponseConfig {
                status_code: status.to_string(),
                ..config::FixedResponseConfig::default()
            }),
            ..config::Action::default()
        };
        let rule = |arn: String, priority, matched: LatticeMatch, action| config::Rule {
            arn,
            priority,
            conditions: Vec::new(),
            actions: vec![action],
            transforms: Vec::new(),
            lattice: Some(matched),
        };
        let others = LatticeMatch {
            other_than: hosts.to_vec(),
            ..LatticeMatch::default()
        };
        let mut found = vec![rule(
            format!("{listener}/others"),
            config::Priority::Number(0),
            others,
            fixed(404),
        )];
        if !open {
            let everybody = rule(
                format!("{listener}/forbidden"),
                config::Priority::Default,
                LatticeMatch::default(),
                forbidden(listener),
            );
            found.push(everybody);
            return found;
        }
        for (arn, own) in self.rules_of(listener) {
            found.push(rule(
                arn.clone(),
                config::Priority::Number(own.priority),
                matched(&own.conditions),
                self.action_served(&own.action),
            ));
        }
        found.push(rule(
            format!("{listener}/default"),
            config::Priority::Default,
            LatticeMatch::default(),
            self.action_served(default),
        ));
        found
    }

    fn action_served(&self, action: &Value) -> config::Action {
        if let Some(fixed) = action.get("fixedResponse") {
            let status = fixed.get("statusCode").and_then(Value::as_i64).unwrap_or(500);
            return config::Action {
                kind: "fixed-response".to_owned(),
                fixed_response_config: Some(config::FixedResponseConfig {
                    status_code: status.to_string(),
                    ..config::FixedResponseConfig::default()
                }),
                ..config::Action::default()
            };
        }
        let groups = super::action::groups(action).filter_map(|(id, weight)| {
            Some(config::TargetGroupTuple {
                target_group_arn: super::named(&self.groups, id)?.clone(),
                weight: u32::try_from(weight).ok(),
            })
        });
        config::Action {
            kind: "forward".to_owned(),
            forward_config: Some(config::ForwardConfig {
                target_groups: groups.collect(),
                target_group_stickiness_config: None,
            }),
            ..config::Action::default()
        }
    }
}

fn matched(conditions: &Value) -> LatticeMatch {
    let null = json!({});
    let http = conditions.get("httpMatch").unwrap_or(&null);
    let text = |value: &Value, sensitive: bool| -> Option<TextMatch> {
        let (kind, text) = value.get("match")?.as_object()?.iter().next()?;
        Some(TextMatch {
            kind: match kind.as_str() {
                "exact" => TextKind::Exact,
                "prefix" => TextKind::Prefix,
                _ => TextKind::Contains,
            },
            text: text.as_str()?.to_owned(),
            case_sensitive: value
                .get("caseSensitive")
                .and_then(Value::as_bool)
                .unwrap_or(sensitive),
        })
    };
    let headers = http.get("headerMatches").and_then(Value::as_array);
    LatticeMatch {
        other_than: Vec::new(),
        method: http.get("method").and_then(Value::as_str).map(str::to_owned),
        // "Defaults to true (case-sensitive matching)."
        path: http.get("pathMatch").and_then(|path| text(path, true)),
        headers: headers
            .into_iter()
            .flatten()
            .filter_map(|header| Some((header.get("name")?.as_str()?.to_owned(), text(header, false)?)))
            .collect(),
    }
}

/// What answers a request that a policy does not let in (auth-policies.html: "AccessDeniedException", HTTP 403).
fn forbidden(listener: &str) -> config::Action {
    let service = listener.split("/listener/").next().unwrap_or_default();
    let told = format!(
        "AccessDeniedException: User: anonymous is not authorized to perform: vpc-lattice-svcs:Invoke on resource: {service}"
    );
    config::Action {
        kind: "fixed-response".to_owned(),
        fixed_response_config: Some(config::FixedResponseConfig {
            status_code: "403".to_owned(),
            content_type: Some("text/plain".to_owned()),
            message_body: Some(told),
        }),
        ..config::Action::default()
    }
}

/// A target group as the data plane takes it.
pub fn target_group(account: &Account, settings: &Settings, group: &Group) -> config::TargetGroup {
    let check = group.health();
    let milliseconds = |name: &str, usual: u64| {
        let seconds = check
            .get(name)
            .and_then(Value::as_u64)
            .filter(|seconds| *seconds > 0);
        seconds.unwrap_or(usual).saturating_mul(settings.second_ms).max(1)
    };
    let count = |name: &str, usual: u32| {
        let count = check.get(name).and_then(Value::as_u64).filter(|count| *count > 0);
        count.and_then(|count| u32::try_from(count).ok()).unwrap_or(usual)
    };
    let word = |name: &str| {
        check
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let tcp = group.protocol() == "TCP";
    let targets = group.targets.iter().map(|target| config::Target {
        id: target.id.clone(),
        port: target.port,
        server: None,
        address: match group.kind.as_str() {
            "IP" => target.id.parse().ok(),
            _ => account.ec2.instance_address(&target.id).map(IpAddr::V4),
        },
        draining: target.draining_until.is_some(),
    });
    config::TargetGroup {
        protocol: group.protocol().to_owned(),
        protocol_version: Some(group.version().to_owned()).filter(|_| !tcp),
        health: config::HealthCheck {
            enabled: check.get("enabled").and_then(Value::as_bool).unwrap_or(false),
            protocol: word("protocol"),
            version: Some(word("protocolVersion")).filter(|version| !version.is_empty()),
            port: check
                .get("port")
                .and_then(Value::as_u64)
                .and_then(|port| u16::try_from(port).ok())
                .filter(|port| *port > 0),
            path: word("path"),
            interval_ms: milliseconds("healthCheckIntervalSeconds", 30),
            timeout_ms: milliseconds("healthCheckTimeoutSeconds", 5),
            healthy: count("healthyThresholdCount", 5),
            unhealthy: count("unhealthyThresholdCount", 2),
            http_codes: check
                .pointer("/matcher/httpCode")
                .and_then(Value::as_str)
                .unwrap_or("200")
                .to_owned(),
            grpc_codes: String::new(),
        },
        functions: None,
        attributes: BTreeMap::new(),
        targets: targets.collect(),
    }
}
