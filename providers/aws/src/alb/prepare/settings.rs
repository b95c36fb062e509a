//! Parameters of users as settings of the lowering.

use super::access;
use super::backends::backend;
use super::routes::route;
use super::{map, set};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::settings::{
    Approximations, ClientCertificates, Datagrams, Ipv6Choice, PortSettings, Settings, TargetSettings,
};
use gatewright_aws_core::network::{IpAddressType, Scheme};
use gatewright_aws_core::target_group::{self, TargetKind};
use gatewright_core::graph::parameters::AwsAlb;
use gatewright_crds::own::aws;
use gatewright_crds::own::aws::{
    AlpnPolicy, Ipv6Parameters, ListenerParameters, MutualTls, TargetGroupSettings, TargetProtocol,
    TargetType,
};
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use gatewright_model::listener::ListenerTls;
use ipnet::Ipv6Net;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

/// Settings of a Gateway.
///
/// # Errors
/// A value that the CRD's validation would have refused, in words: objects may be older than the CRD.
pub fn settings(cluster: &str, balancer: &LoadBalancer, parameters: &AwsAlb) -> Result<Settings, String> {
    let aws::AwsLoadBalancerParametersSpec {
        account: _,
        merging_mode: _,
        vpc: _,
        scheme,
        ip_address_type,
        ipam_pool,
        customer_owned_ipv4_pool,
        elastic_ip_tags,
        ipv6: wanted_ipv6,
        adopt: _,
        subnets: _,
        security_groups,
        source_ranges,
        access: wanted_access,
        attributes,
        cross_zone,
        ssl_policy,
        trust_store_bucket,
        web_acl,
        shield_advanced,
        minimum_capacity_units,
        listeners,
        target_groups,
        tags,
        strict,
    } = &parameters.balancer;
    let base = target_groups.clone().unwrap_or_default();
    let services = parameters.target_groups.iter().map(|(service, own)| {
        let merged = own.settings.clone().over(&base);
        (service.clone(), targets(&merged))
    });
    let mut sources = std::collections::BTreeSet::new();
    for range in source_ranges.iter().flatten() {
        let network = range.parse().map_err(|_| {
            format!("sourceRanges: found `{range}`, accepted is a network such as 10.0.0.0/8")
        })?;
        sources.insert(network);
    }
    let backends = parameters.backends.iter();
    let backends = backends.map(|(of, named)| (of.clone(), backend(named)));
    Ok(Settings {
        backends: backends.collect(),
        scheme: match scheme.unwrap_or_default() {
            aws::Scheme::Internal => Scheme::Internal,
            aws::Scheme::InternetFacing => Scheme::InternetFacing,
        },
        ip_address_type: match ip_address_type.unwrap_or_default() {
            aws::IpAddressType::Ipv4 => IpAddressType::Ipv4,
            aws::IpAddressType::Dualstack => IpAddressType::Dualstack,
            aws::IpAddressType::DualstackWithoutPublicIpv4 => IpAddressType::DualstackWithoutPublicIpv4,
        },
        ipam_pool: ipam_pool.as_deref().map(Into::into),
        customer_owned_pool: customer_owned_ipv4_pool.as_deref().map(Into::into),
        elastic_tags: elastic_ip_tags
            .iter()
            .flatten()
            .map(|(key, values)| (key.as_str().into(), set(values)))
            .collect(),
        ipv6: ipv6(wanted_ipv6.as_deref().unwrap_or_default())?,
        attributes: map(attributes.as_ref()),
        tags: map(tags.as_ref()),
        security_groups: security_groups.as_deref().map(set),
        sources,
        access: wanted_access.as_ref().map(access::settings).unwrap_or_default(),
        trust_store_bucket: trust_store_bucket.as_deref().map(Into::into),
        web_acl: web_acl.as_deref().map(Into::into),
        shield: shield_advanced.unwrap_or_default(),
        capacity: *minimum_capacity_units,
        cross_zone: *cross_zone,
        ports: ports(
            balancer,
            ssl_policy.as_deref(),
            listeners.as_deref().unwrap_or_default(),
        )?,
        strays: parameters.strays.clone(),
        overruled: parameters.overruled.clone(),
        approximations: if strict.unwrap_or_default() {
            Approximations::Refuse
        } else {
            Approximations::Serve
        },
        targets: targets(&base),
        services: services.collect(),
        routes: parameters
            .routes
            .iter()
            .map(|(of, found)| (of.clone(), route(found)))
            .collect(),
        ..Settings::new(cluster)
    })
}

/// IPv6 by subnets.
fn ipv6(all: &[Ipv6Parameters]) -> Result<BTreeMap<Str, Ipv6Choice>, String> {
    let mut found = BTreeMap::new();
    for own in all {
        let Ipv6Parameters {
            subnet,
            address,
            source_nat_prefix,
        } = own;
        let address = address
            .as_deref()
            .map(|text| {
                text.parse::<Ipv6Addr>().map_err(|_| {
                    format!("ipv6[subnet={subnet}].address: found `{text}`, accepted is an IPv6 address")
                })
            })
            .transpose()?;
        let source_nat = source_nat_prefix
            .as_deref()
            .map(|text| {
                let block = text.parse::<Ipv6Net>().ok();
                let block = block.filter(|block| block.prefix_len() == 80);
                block.map(|block| block.trunc()).ok_or_else(|| {
                    format!(
                        "ipv6[subnet={subnet}].sourceNatPrefix: found `{text}`, accepted is a block such as \
                         2001:db8:0:0:1::/80"
                    )
                })
            })
            .transpose()?;
        let choice = Ipv6Choice { address, source_nat };
        found.insert(subnet.as_str().into(), choice);
    }
    Ok(found)
}

/// Settings of the ports that are named, and of all ports on which TLS ends when there is a policy for them.
fn ports(
    balancer: &LoadBalancer,
    policy: Option<&str>,
    listeners: &[ListenerParameters],
) -> Result<BTreeMap<u16, PortSettings>, String> {
    let policy: Option<Str> = policy.map(Into::into);
    let terminating = balancer
        .listeners
        .values()
        .filter(|listener| policy.is_some() && matches!(listener.tls, Some(ListenerTls::Terminate(_))));
    let mut ports: BTreeMap<u16, PortSettings> = terminating
        .map(|listener| {
            let settings = PortSettings {
                ssl_policy: policy.clone(),
                ..PortSettings::default()
            };
            (listener.port, settings)
        })
        .collect();
    for own in listeners {
        let ListenerParameters {
            port,
            ssl_policy,
            certificates,
            mutual_tls,
            trust_store,
            ignore_client_certificate_expiry,
            advertise_authorities,
            attributes,
            alpn_policy,
            quic,
            gateway,
        } = own;
        let certificates = certificates.iter().flatten();
        let of_all = ports.get(port).and_then(|found| found.ssl_policy.clone());
        let settings = PortSettings {
            ssl_policy: ssl_policy.as_deref().map(Into::into).or(of_all),
            certificates: certificates.map(|arn| arn.as_str().into()).collect(),
            clients: match (mutual_tls.unwrap_or_default(), trust_store) {
                (MutualTls::Passthrough, _) => ClientCertificates::Passthrough,
                (MutualTls::Verify, Some(arn)) => ClientCertificates::Verify(arn.as_str().into()),
                // The CRD's validation wants one; without it nobody can be checked.
                (MutualTls::Verify, None) => {
                    return Err(format!(
                        "listeners[port={port}].mutualTls: Verify needs trustStore, the ARN of a trust store"
                    ));
                }
                (MutualTls::Off, _) => ClientCertificates::Off,
            },
            ignore_client_expiry: ignore_client_certificate_expiry.unwrap_or_default(),
            advertise_authorities: advertise_authorities.unwrap_or_default(),
            attributes: map(attributes.as_ref()),
            alpn: alpn_policy.and_then(AlpnPolicy::as_str).map(Into::into),
            datagrams: if quic.unwrap_or_default() {
                Datagrams::Quic
            } else {
                Datagrams::Any
            },
            gateway: gateway
                .as_deref()
                .map(|name| ObjectName::new(&balancer.gateway.namespace, name)),
        };
        ports.insert(*port, settings);
    }
    Ok(ports)
}

fn targets(settings: &TargetGroupSettings) -> TargetSettings {
    let TargetGroupSettings {
        target_type,
        protocol,
        node_labels,
        health_check,
        attributes,
        target_control_port,
        preserve_client_ip,
        proxy_protocol,
    } = settings;
    let unfit = health_check.iter().flat_map(|check| {
        let set = [
            ("healthCheck.enabled: false", check.enabled == Some(false)),
            ("healthCheck.protocolVersion", check.protocol_version.is_some()),
        ];
        set.into_iter()
            .filter(|(_, set)| *set)
            .map(|(name, _)| name.into())
    });
    let health = health_check.as_ref().map(|check| {
        let aws::HealthCheck {
            enabled: _,
            protocol,
            protocol_version: _,
            port,
            path,
            codes,
            interval_seconds,
            timeout_seconds,
            healthy_threshold,
            unhealthy_threshold,
        } = check;
        target_group::HealthCheck {
            protocol: protocol.map(|protocol| protocol.as_str().into()),
            port: port.map(|port| port.to_string().into()),
            path: path.as_deref().map(Into::into),
            codes: codes.as_deref().map(Into::into),
            interval_s: *interval_seconds,
            timeout_s: *timeout_seconds,
            healthy: *healthy_threshold,
            unhealthy: *unhealthy_threshold,
        }
    });
    TargetSettings {
        kind: match target_type.unwrap_or_default() {
            TargetType::Ip => TargetKind::Ip,
            TargetType::Instance => TargetKind::Instance,
        },
        tls: protocol.unwrap_or_default() == TargetProtocol::Https,
        node_labels: map(node_labels.as_ref()),
        health: health.unwrap_or_default(),
        unfit: unfit.collect(),
        attributes: map(attributes.as_ref()),
        control_port: *target_control_port,
        client_ip: *preserve_client_ip,
        proxy_protocol: *proxy_protocol,
    }
}
