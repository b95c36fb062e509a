//! Calls of AWS for what is wanted, keyed as its API reference has them.

use gatewright_aws_core::Str;
use gatewright_aws_core::TargetGroupId;
use gatewright_aws_core::alb::Balancer;
use gatewright_aws_core::alb::before::{Before, Login};
use gatewright_aws_core::alb::listener::{CertificateId, Import, Listener, MutualAuthentication};
use gatewright_aws_core::alb::rule::{Action, Conditions, Forward, Rewrite, Rule, Transforms, Values};
use gatewright_aws_core::network::{IpAddressType, Scheme};
use gatewright_aws_core::target_group::{Fixed, HealthCheck, ProtocolVersion, TargetGroup, TargetKind};
use gatewright_aws_core::trust_store::TrustStoreId;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Members that are there.
pub(crate) fn filled(members: Value) -> Value {
    let Value::Object(members) = members else {
        return members;
    };
    let there: Map<String, Value> = members
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect();
    Value::Object(there)
}

pub(crate) fn attributes(all: &BTreeMap<Str, Str>) -> Value {
    all.iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

pub(crate) fn target_group(group: &TargetGroup, vpc: &str) -> Value {
    let TargetGroup {
        name,
        fixed,
        health,
        attributes: _,
        targets: _,
    } = group;
    let Fixed {
        protocol,
        version,
        port,
        kind,
        ipv6,
        control_port,
    } = fixed;
    let HealthCheck {
        protocol: check,
        port: check_port,
        path,
        codes,
        interval_s,
        timeout_s,
        healthy,
        unhealthy,
    } = health;
    let version = version.map(|version| match version {
        ProtocolVersion::Http1 => "HTTP1",
        ProtocolVersion::Http2 => "HTTP2",
        ProtocolVersion::Grpc => "GRPC",
    });
    let code = if version == Some("GRPC") {
        "GrpcCode"
    } else {
        "HttpCode"
    };
    if *kind == TargetKind::Lambda {
        return json!({"Name": name, "TargetType": "lambda"});
    }
    let (kind, family) = match kind {
        TargetKind::Instance => ("instance", Value::Null),
        TargetKind::Alb => ("alb", Value::Null),
        _ => ("ip", json!(if *ipv6 { "ipv6" } else { "ipv4" })),
    };
    filled(json!({
        "Name": name,
        "Protocol": protocol,
        "ProtocolVersion": version,
        "Port": port,
        "VpcId": vpc,
        "TargetType": kind,
        "IpAddressType": family,
        "TargetControlPort": control_port,
        "HealthCheckProtocol": check,
        "HealthCheckPort": check_port,
        "HealthCheckPath": path,
        "HealthCheckIntervalSeconds": interval_s,
        "HealthCheckTimeoutSeconds": timeout_s,
        "HealthyThresholdCount": healthy,
        "UnhealthyThresholdCount": unhealthy,
        "Matcher": codes.as_ref().map(|codes| json!({code: codes})),
    }))
}

pub(crate) fn blob(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

pub(crate) fn import(import: &Import) -> Value {
    let chain = (!import.chain.is_empty()).then(|| blob(&import.chain));
    filled(json!({
        "Certificate": blob(&import.certificate),
        "CertificateChain": chain,
        "PrivateKey": blob(import.key.expose()),
    }))
}

/// In zones with addresses that stay it has others that
/// are the account's, by their allocations.
pub(crate) fn balancer(balancer: &Balancer, subnets: &[String], allocations: &[String]) -> Value {
    let scheme = match balancer.scheme {
        Scheme::Internal => "internal",
        Scheme::InternetFacing => "internet-facing",
    };
    let pools = balancer.ipam_pool.as_ref();
    let kind = if balancer.kind.is_application() {
        "application"
    } else {
        "network"
    };
    let addressed: Vec<Value> = subnets
        .iter()
        .zip(allocations)
        .map(|(subnet, allocation)| json!({"SubnetId": subnet, "AllocationId": allocation}))
        .collect();
    filled(json!({
        "Name": balancer.name,
        "Type": kind,
        "Scheme": scheme,
        "IpAddressType": match balancer.ip_address_type {
            IpAddressType::Ipv4 => "ipv4",
            IpAddressType::Dualstack => "dualstack",
            IpAddressType::DualstackWithoutPublicIpv4 => "dualstack-without-public-ipv4",
        },
        "EnablePrefixForIpv6SourceNat": balancer.ipv6.source_nat.then_some("on"),
        "CustomerOwnedIpv4Pool": balancer.customer_owned_pool,
        "IpamPools": pools.map(|pool| json!({"Ipv4IpamPoolId": pool})),
        "Subnets": if addressed.is_empty() { json!(subnets) } else { Value::Null },
        "SubnetMappings": if addressed.is_empty() { Value::Null } else { json!(addressed) },
    }))
}

pub(crate) fn listener(
    listener: &Listener,
    balancer: &str,
    (certificates, stores): (&BTreeMap<CertificateId, String>, &BTreeMap<TrustStoreId, String>),
    groups: &BTreeMap<TargetGroupId, String>,
) -> Value {
    let tls = listener.tls.as_ref();
    let clients = tls
        .and_then(|tls| tls.clients.as_ref())
        .map(|clients| match clients {
            MutualAuthentication::Passthrough => json!({"Mode": "passthrough"}),
            MutualAuthentication::Verify(verification) => json!({
                "Mode": "verify",
                "TrustStoreArn": stores[&verification.store],
                "IgnoreClientCertificateExpiry": verification.ignore_expiry,
                "AdvertiseTrustStoreCaNames": if verification.advertise { "on" } else { "off" },
            }),
        });
    filled(json!({
        "LoadBalancerArn": balancer,
        "Port": listener.port,
        "Protocol": listener.transport.protocol(tls.is_some()),
        "SslPolicy": tls.map(|tls| &tls.policy),
        "Certificates": tls.map(|tls| json!([{"CertificateArn": certificates[&tls.default]}])),
        "AlpnPolicy": tls.and_then(|tls| tls.alpn.as_ref()).map(|alpn| json!([alpn])),
        "MutualAuthentication": clients,
        "DefaultActions": [action(&listener.default, groups)],
    }))
}

pub(crate) fn rule(
    rule: &Rule,
    priority: usize,
    listener: &str,
    groups: &BTreeMap<TargetGroupId, String>,
) -> Value {
    let Transforms { host, url } = &rule.transforms;
    let rewrite = |found: &Rewrite| json!({"Rewrites": [{"Regex": found.regex, "Replace": found.replace}]});
    let mut transforms = Vec::new();
    transforms.extend(
        host.iter()
            .map(|host| json!({"Type": "host-header-rewrite", "HostHeaderRewriteConfig": rewrite(host)})),
    );
    transforms.extend(
        url.iter()
            .map(|url| json!({"Type": "url-rewrite", "UrlRewriteConfig": rewrite(url)})),
    );
    filled(json!({
        "ListenerArn": listener,
        "Priority": priority,
        "Conditions": conditions(&rule.conditions),
        "Actions": actions(rule, groups),
        "Transforms": if transforms.is_empty() { Value::Null } else { json!(transforms) },
    }))
}

fn actions(rule: &Rule, groups: &BTreeMap<TargetGroupId, String>) -> Vec<Value> {
    let mut last = action(&rule.action, groups);
    let Some(before) = &rule.before else {
        return vec![last];
    };
    last["Order"] = json!(2);
    vec![asked(before), last]
}

fn asked(before: &Before) -> Value {
    let login = |login: &Login, config: Value| {
        let mut config = config;
        config["OnUnauthenticatedRequest"] = json!(login.unauthenticated);
        config["Scope"] = json!(login.scope);
        config["SessionCookieName"] = json!(login.cookie);
        config["SessionTimeout"] = json!(login.session_s);
        if !login.extra.is_empty() {
            config["AuthenticationRequestExtraParams"] = json!(login.extra);
        }
        config
    };
    let (name, config) = match before {
        Before::Oidc(oidc) => {
            let config = json!({
                "Issuer": oidc.issuer,
                "AuthorizationEndpoint": oidc.authorization_endpoint,
                "TokenEndpoint": oidc.token_endpoint,
                "UserInfoEndpoint": oidc.user_info_endpoint,
                "ClientId": oidc.client_id,
                "ClientSecret": oidc.client_secret.as_ref().unwrap().expose(),
            });
            ("AuthenticateOidcConfig", login(&oidc.login, config))
        }
        Before::Cognito(cognito) => {
            let config = json!({
                "UserPoolArn": cognito.pool,
                "UserPoolClientId": cognito.client_id,
                "UserPoolDomain": cognito.domain,
            });
            ("AuthenticateCognitoConfig", login(&cognito.login, config))
        }
        Before::Jwt(jwt) => {
            let claims: Vec<Value> = jwt
                .claims
                .iter()
                .map(|claim| json!({"Name": claim.name, "Format": claim.format, "Values": claim.values}))
                .collect();
            let mut config = json!({"JwksEndpoint": jwt.jwks_endpoint, "Issuer": jwt.issuer});
            if !claims.is_empty() {
                config["AdditionalClaims"] = json!(claims);
            }
            ("JwtValidationConfig", config)
        }
    };
    json!({"Type": before.kind(), "Order": 1, name: config})
}

fn list(values: &BTreeSet<Str>) -> Vec<&str> {
    values.iter().map(|value| &**value).collect()
}

fn values(values: &Values) -> Value {
    match values {
        Values::Wildcards(values) => json!({"Values": list(values)}),
        Values::Regex(values) => json!({"RegexValues": list(values)}),
    }
}

fn conditions(conditions: &Conditions) -> Vec<Value> {
    let Conditions {
        host,
        path,
        methods,
        headers,
        queries,
        sources,
    } = conditions;
    let mut told = Vec::new();
    if let Some(host) = host {
        told.push(json!({"Field": "host-header", "HostHeaderConfig": values(host)}));
    }
    if let Some(path) = path {
        told.push(json!({"Field": "path-pattern", "PathPatternConfig": values(path)}));
    }
    if !methods.is_empty() {
        told.push(
            json!({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": list(methods)}}),
        );
    }
    for header in headers {
        let mut config = values(&header.values);
        config["HttpHeaderName"] = json!(header.name);
        told.push(json!({"Field": "http-header", "HttpHeaderConfig": config}));
    }
    for alternatives in queries {
        let pairs: Vec<Value> = alternatives
            .iter()
            .map(|pair| filled(json!({"Key": pair.key, "Value": pair.value})))
            .collect();
        told.push(json!({"Field": "query-string", "QueryStringConfig": {"Values": pairs}}));
    }
    if !sources.is_empty() {
        told.push(json!({"Field": "source-ip", "SourceIpConfig": {"Values": list(sources)}}));
    }
    told
}

pub(crate) fn action(action: &Action, groups: &BTreeMap<TargetGroupId, String>) -> Value {
    match action {
        Action::Forward(Forward {
            groups: shares,
            stickiness_s,
        }) => {
            let tuples: Vec<Value> = shares
                .iter()
                .map(|(id, weight)| json!({"TargetGroupArn": groups[id], "Weight": weight}))
                .collect();
            let sticky = stickiness_s.map(|seconds| json!({"Enabled": true, "DurationSeconds": seconds}));
            let config = filled(json!({"TargetGroups": tuples, "TargetGroupStickinessConfig": sticky}));
            json!({"Type": "forward", "ForwardConfig": config})
        }
        Action::Redirect(redirect) => json!({"Type": "redirect", "RedirectConfig": {
            "Protocol": redirect.protocol,
            "Host": redirect.host,
            "Port": redirect.port,
            "Path": redirect.path,
            "Query": redirect.query,
            "StatusCode": format!("HTTP_{}", redirect.status),
        }}),
        Action::Fixed(fixed) => {
            let body = (!fixed.body.is_empty()).then_some(&fixed.body);
            let config = filled(
                json!({"StatusCode": fixed.status.to_string(), "MessageBody": body,
                "ContentType": fixed.content_type}),
            );
            json!({"Type": "fixed-response", "FixedResponseConfig": config})
        }
    }
}
