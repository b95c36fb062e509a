//! What is wanted on AWS, as text: a line for each rule.

use super::world;
use gatewright_aws_core::access::{Access, Backend};
use gatewright_aws_core::alb::before::Before;
use gatewright_aws_core::alb::listener::{
    Certificate, CertificateId, ListenerTls, MutualAuthentication, Verification,
};
use gatewright_aws_core::alb::lower::lower;
use gatewright_aws_core::alb::rule::{
    Action, Conditions, FixedResponse, Forward, Redirect, Rewrite, Rule, Transforms, Values,
};
use gatewright_aws_core::alb::settings::Settings;
use gatewright_aws_core::alb::{Balancer, Target};
use gatewright_aws_core::network::{BalancerKind, Ipv6, SecurityGroups};
use gatewright_aws_core::nlb::fit::fit;
use gatewright_aws_core::target_group::{TargetAddress, TargetGroup};
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use gatewright_provider_api::contract::Lowered;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a golden's manifests changed, compared with the defaults alone.
pub(super) fn expectation(
    before: &BTreeMap<ObjectName, LoadBalancer>,
    after: &BTreeMap<ObjectName, LoadBalancer>,
    (kind, settings): (BalancerKind, &Settings),
) -> String {
    let mut expected = Map::new();
    for (gateway, balancer) in after {
        if before.get(gateway) != Some(balancer) {
            let lowered = || match kind {
                BalancerKind::Application => lower(balancer, settings, &world::surroundings(settings)),
                BalancerKind::Network => {
                    let (fitted, mut unsupported) = fit(balancer, settings, &world::network());
                    unsupported.extend(fitted.left_out);
                    Lowered {
                        target: fitted.target,
                        unsupported,
                    }
                }
            };
            let (lowered, again) = (lowered(), lowered());
            assert_eq!(lowered, again, "equal inputs, other results");
            expected.insert(gateway.to_string(), shown(&lowered.target, &lowered.unsupported));
        }
    }
    let text = serde_yaml_ng::to_string(&Value::Object(expected)).unwrap();
    text.lines().flat_map(|line| ["  ", line, "\n"]).collect()
}

fn shown(target: &Target, unsupported: &[Unsupported]) -> Value {
    let mut fields = Map::new();
    fields.insert("balancer".to_owned(), json!(balancer(&target.balancer)));
    let listeners: Map<String, Value> = target
        .listeners
        .values()
        .map(|listener| {
            let mut fields = Map::new();
            if !listener.transport.is_http() {
                let protocol = listener.transport.protocol(listener.tls.is_some());
                fields.insert("protocol".to_owned(), json!(protocol));
            }
            if let Some(found) = &listener.tls {
                fields.insert("tls".to_owned(), json!(tls(found)));
            }
            if !listener.attributes.is_empty() {
                fields.insert("attributes".to_owned(), json!(listener.attributes));
            }
            if listener.transport.is_http() {
                let rules: Vec<String> = listener.rules.iter().map(rule).collect();
                fields.insert("rules".to_owned(), json!(rules));
            }
            fields.insert("default".to_owned(), json!(action(&listener.default)));
            (listener.port.to_string(), Value::Object(fields))
        })
        .collect();
    fields.insert("listeners".to_owned(), Value::Object(listeners));
    let groups: Map<String, Value> = target
        .target_groups
        .iter()
        .map(|(id, found)| (id.to_string(), json!(group(found))))
        .collect();
    let given: Map<String, Value> = target
        .given_groups
        .iter()
        .map(|(id, arn)| (id.to_string(), json!(arn)))
        .collect();
    let certificates: Map<String, Value> = target
        .certificates
        .iter()
        .map(|(id, found)| {
            let text = match found {
                Certificate::Import(import) => format!(
                    "{} in chain, {}",
                    import.chain.matches("BEGIN CERTIFICATE").count(),
                    &import.fingerprint[..16]
                ),
                Certificate::Existing => "existing".to_owned(),
            };
            (certificate(id), json!(text))
        })
        .collect();
    let stores: Map<String, Value> = target
        .trust_stores
        .iter()
        .map(|(id, found)| {
            let count = found.bundle.matches("BEGIN CERTIFICATE").count();
            let text = format!("{}: {count} from {}", found.name, found.place);
            (id.to_string(), json!(text))
        })
        .collect();
    let unsupported: Vec<String> = unsupported.iter().map(ToString::to_string).collect();
    for (name, value) in [
        ("targetGroups", Value::Object(groups)),
        ("givenGroups", Value::Object(given)),
        ("certificates", Value::Object(certificates)),
        ("trustStores", Value::Object(stores)),
        ("webAcl", json!(target.web_acl)),
        ("shieldAdvanced", json!(target.shield.then_some(true))),
        ("capacityUnits", json!(target.capacity)),
        ("tags", json!(target.tags)),
        ("unsupported", json!(unsupported)),
    ] {
        let empty = value.is_null()
            || value.as_object().is_some_and(Map::is_empty)
            || value.as_array().is_some_and(Vec::is_empty);
        if !empty {
            fields.insert(name.to_owned(), value);
        }
    }
    Value::Object(fields)
}

fn balancer(found: &Balancer) -> String {
    let Balancer {
        name,
        kind,
        addresses,
        ipv6,
        scheme,
        vpc,
        ip_address_type,
        ipam_pool,
        customer_owned_pool,
        subnets,
        security_groups,
        access,
        attributes,
    } = found;
    let subnets: Vec<&str> = subnets.iter().map(|subnet| &*subnet.id).collect();
    let groups = match security_groups {
        SecurityGroups::Given(groups) => format!("groups {}", joined(groups)),
        SecurityGroups::Managed(managed) => {
            let rules = managed.ingress.iter();
            let rules: Vec<String> = rules.map(ToString::to_string).collect();
            format!("lets in {}", rules.join(" + "))
        }
    };
    let Access {
        backend,
        private_link,
    } = access;
    let backend = match backend {
        None => String::new(),
        Some(Backend::Given(groups)) => format!(", to targets as {}", joined(groups)),
        Some(Backend::Shared(shared)) => format!(", to {} as {}", joined(&shared.nodes), shared.name),
    };
    let link = private_link.map_or_else(String::new, |on| format!(", rules for PrivateLink {on}"));
    let kind = if kind.is_application() { "" } else { " Network" };
    let kept: String = addresses
        .iter()
        .map(|(subnet, address)| {
            let allocation = address.allocation.as_deref().unwrap_or("private");
            format!(", {} ({allocation}) in {subnet}", address.ip)
        })
        .collect();
    let Ipv6 {
        addresses,
        source_nat,
        prefixes,
    } = ipv6;
    let six = addresses.iter().map(|(subnet, ip)| format!(", {ip} in {subnet}"));
    let six: String = six.collect();
    let blocks = prefixes
        .iter()
        .map(|(subnet, block)| format!(" {block} in {subnet}"));
    let sources: String = source_nat
        .then(|| ", datagrams from".to_owned())
        .into_iter()
        .chain(blocks)
        .chain((*source_nat && prefixes.is_empty()).then(|| " any block".to_owned()))
        .collect();
    let pool = ipam_pool
        .iter()
        .chain(customer_owned_pool)
        .map(|pool| format!(" from {pool}"));
    let pool: String = pool.collect();
    format!(
        "{name}{kind} {scheme:?} {ip_address_type:?}{pool} in {vpc} {}{kept}{six}{sources}, {groups}{backend}{link}{}",
        subnets.join("+"),
        attributes
            .iter()
            .map(|(key, value)| format!(", {key}={value}"))
            .collect::<String>()
    )
}

fn joined(texts: &BTreeSet<gatewright_aws_core::Str>) -> String {
    texts
        .iter()
        .map(|text| &**text)
        .collect::<Vec<&str>>()
        .join(" | ")
}

fn certificate(id: &CertificateId) -> String {
    match id {
        CertificateId::Imported(key) => key.to_string(),
        CertificateId::Arn(arn) => arn.to_string(),
    }
}

fn tls(found: &ListenerTls) -> String {
    let ListenerTls {
        policy,
        default,
        others,
        alpn,
        clients,
    } = found;
    let others: String = others
        .iter()
        .map(|id| format!(" + {}", certificate(id)))
        .collect();
    let clients = match clients {
        None => String::new(),
        Some(MutualAuthentication::Passthrough) => ", client certificates passed through".to_owned(),
        Some(MutualAuthentication::Verify(Verification {
            store,
            ignore_expiry,
            advertise,
        })) => {
            let expiry = if *ignore_expiry {
                ", also those that ran out"
            } else {
                ""
            };
            let told = if *advertise { ", authorities are told" } else { "" };
            format!(", client certificates verified by {store}{expiry}{told}")
        }
    };
    let alpn = alpn.as_ref().map(|policy| format!(", ALPN {policy}"));
    format!(
        "{policy}, {}{others}{clients}{}",
        certificate(default),
        alpn.unwrap_or_default()
    )
}

fn values(name: &str, found: &Values) -> String {
    match found {
        Values::Wildcards(values) => format!("{name}={}", joined(values)),
        Values::Regex(values) => format!("{name}~{}", joined(values)),
    }
}

fn conditions(found: &Conditions) -> String {
    let Conditions {
        host,
        path,
        methods,
        headers,
        queries,
        sources,
    } = found;
    let mut parts = Vec::new();
    parts.extend(host.iter().map(|host| values("host", host)));
    parts.extend(path.iter().map(|path| values("path", path)));
    if !methods.is_empty() {
        parts.push(format!("method={}", joined(methods)));
    }
    parts.extend(
        headers
            .iter()
            .map(|header| values(&format!("header {}", header.name), &header.values)),
    );
    for alternatives in queries {
        let alternatives: Vec<String> = alternatives
            .iter()
            .map(|found| format!("{}={}", found.key.as_deref().unwrap_or("*"), found.value))
            .collect();
        parts.push(format!("query {}", alternatives.join(" | ")));
    }
    if !sources.is_empty() {
        parts.push(format!("source={}", joined(sources)));
    }
    parts.join(", ")
}

fn rule(found: &Rule) -> String {
    let Rule {
        origins,
        conditions: held,
        before,
        transforms,
        action: done,
        parts: _,
    } = found;
    let Transforms { host, url } = transforms;
    let change = |what: &str, found: &Option<Rewrite>| {
        let text = found
            .as_ref()
            .map(|Rewrite { regex, replace }| format!(" {what} {regex} to {replace},"));
        text.unwrap_or_default()
    };
    let origins: Vec<String> = origins
        .iter()
        .map(|origin| format!("{} rule {} match {}", origin.route, origin.rule, origin.matched))
        .collect();
    let origins = if origins.is_empty() {
        "between listeners".to_owned()
    } else {
        origins.join(" + ")
    };
    format!(
        "{} ->{}{}{} {}  ({origins})",
        conditions(held),
        before.as_ref().map(asked).unwrap_or_default(),
        change("host", host),
        change("url", url),
        action(done)
    )
}

fn asked(before: &Before) -> String {
    let secret = before.fingerprint().map(|hash| format!(" secret {hash}"));
    let told = serde_json::to_string(before).unwrap();
    format!(" {told}{},", secret.unwrap_or_default())
}

fn action(found: &Action) -> String {
    match found {
        Action::Fixed(FixedResponse {
            status,
            content_type,
            body,
        }) => match &**body {
            "" => status.to_string(),
            body => format!("{status} {content_type} {body}"),
        },
        Action::Redirect(Redirect {
            protocol,
            host,
            port,
            path,
            query,
            status,
        }) => format!("{status} to {protocol}://{host}:{port}{path}?{query}"),
        Action::Forward(Forward { groups, stickiness_s }) => {
            let groups: Vec<String> = groups
                .iter()
                .map(|(id, weight)| format!("{id} x{weight}"))
                .collect();
            let sticky = stickiness_s.map(|seconds| format!(", same group for {seconds} s"));
            format!("{}{}", groups.join(" + "), sticky.unwrap_or_default())
        }
    }
}

fn group(found: &TargetGroup) -> String {
    let TargetGroup {
        name,
        fixed,
        health,
        attributes,
        targets,
    } = found;
    let version = fixed.version.map(|version| format!("{version:?}").to_lowercase());
    let targets: Vec<String> = targets
        .iter()
        .map(|target| {
            let id = match &target.id {
                TargetAddress::Ip(address) => address.to_string(),
                TargetAddress::Id(id) => id.to_string(),
            };
            let zone = target.zone.as_ref().map(|zone| format!(" ({zone})"));
            let server = target
                .quic_server
                .as_ref()
                .map(|server| format!(" server {server}"));
            format!(
                "{id}:{}{}{}",
                target.port,
                zone.unwrap_or_default(),
                server.unwrap_or_default()
            )
        })
        .collect();
    let health = serde_json::to_string(health).unwrap();
    let health = if health == "{}" {
        String::new()
    } else {
        format!(", health {health}")
    };
    let attributes: String = attributes
        .iter()
        .map(|(key, value)| format!(", {key}={value}"))
        .collect();
    format!(
        "{name} {} {} {:?}{} {}{}: {}{health}{attributes}",
        fixed.protocol,
        version.unwrap_or_default(),
        fixed.kind,
        if fixed.ipv6 { " IPv6" } else { "" },
        fixed.port,
        fixed
            .control_port
            .map_or_else(String::new, |port| format!(" controlled by {port}")),
        if targets.is_empty() {
            "no targets".to_owned()
        } else {
            targets.join(" ")
        }
    )
}
