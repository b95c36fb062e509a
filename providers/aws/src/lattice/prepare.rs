//! From what the program knows of a Gateway to what is wanted of AWS.

mod adopt;

use super::cloud::Lattice;
use super::driver::{LatticeDriver, Request};
use crate::cloud::CloudError;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::settings::Approximations;
use gatewright_aws_core::lattice::fit::fit;
use gatewright_aws_core::lattice::lower::lower;
use gatewright_aws_core::lattice::settings::{
    Adopted, Association, HealthSettings, ServiceSettings, Settings, Surroundings, Unfit,
};
use gatewright_aws_core::lattice::{Access, CheckVersion, Network, Target};
use gatewright_aws_core::target_group;
use gatewright_core::graph::parameters::{AwsLattice, Parameters};
use gatewright_core::status::programming::ProgrammingFault;
use gatewright_crds::own::aws::{
    self, AwsLatticeParametersSpec, HealthCheckProtocol, HealthCheckVersion, LatticeAccess,
    TargetGroupSettings, TargetType, VpcAssociation,
};
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract::{self, ErrorKind, Prepare, ProviderError, Quota, Resource};
use std::collections::BTreeMap;

impl<C: Lattice> Prepare<contract::Request> for LatticeDriver<C> {
    async fn prepare(&self, request: &contract::Request) -> Result<Request, ProviderError> {
        let nothing = AwsLattice::default();
        let parameters = match &request.parameters {
            Parameters::AwsLattice(parameters) => parameters,
            _ => &nothing,
        };
        let balancer = &request.balancer;
        let gateway = balancer.gateway.to_string();
        let own = self.settings();
        let mut settings = settings(&own.cluster, &balancer.gateway, parameters);
        let Some(vpc) = parameters.lattice.vpc.as_deref().or(own.vpc.as_deref()) else {
            return Err(ProviderError {
                kind: ErrorKind::Invalid,
                resource: Resource {
                    kind: "Gateway",
                    id: gateway.into(),
                },
                message:
                    "its VPC is not known: set vpc in AwsLatticeParameters, or --aws-vpc-id of the controller"
                        .to_owned(),
            });
        };
        let limits = self.cloud().lattice_limits().await;
        let surroundings = Surroundings {
            vpc: vpc.into(),
            limits: limits.map_err(|error| about(error, "quotas of", vpc))?,
        };
        self.name_adopted(&mut settings).await?;
        let lowered = lower(balancer, &settings, &surroundings);
        let fitted = fit(lowered.target, balancer, &surroundings.limits);
        let mut unsupported = lowered.unsupported;
        unsupported.extend(fitted.left_out);
        let mut target = fitted.target;
        let adopting = self.adopt(&mut target, &surroundings.limits).await?;
        let fault = self.other_network(&mut target).await?.or(adopting);
        let quotas = fitted.needs.iter().map(|need| Quota {
            name: need.quota.into(),
            scope: need.scope.into(),
            used: need.needed,
            others: 0,
            limit: need.limit,
        });
        Ok(Request {
            target,
            unsupported,
            quotas: quotas.collect(),
            fault,
        })
    }
}

impl<C: Lattice> LatticeDriver<C> {
    /// "A VPC can be associated with one service network"
    /// (<https://docs.aws.amazon.com/vpc-lattice/latest/ug/service-networks.html>): where it is another's, ours is not
    /// tried, and the Gateway says so.
    async fn other_network(&self, target: &mut Target) -> Result<Option<ProgrammingFault>, ProviderError> {
        let (Some(wanted), Network::Own { name, .. }) = (&target.vpc, &target.network) else {
            return Ok(None);
        };
        let found = self.cloud().associations_of_vpc(&wanted.vpc).await;
        let found = found.map_err(|error| about(error, "associations of", &wanted.vpc))?;
        let Some(other) = found.into_iter().find(|found| found.network_name != *name) else {
            return Ok(None);
        };
        let fault = ProgrammingFault {
            reason: "NoResources".into(),
            message: format!(
                "{} is associated with the service network {} already, and a VPC is associated with one: name it in \
                 serviceNetwork of AwsLatticeParameters, or set vpcAssociation to None",
                wanted.vpc, other.network_name
            ),
        };
        target.vpc = None;
        Ok(Some(fault))
    }
}

fn about(error: CloudError, kind: &'static str, id: &str) -> ProviderError {
    error.about(Resource { kind, id: id.into() })
}

/// What users set, in the lowering's words.
pub fn settings(cluster: &str, gateway: &ObjectName, parameters: &AwsLattice) -> Settings {
    let AwsLattice {
        lattice,
        overruled,
        target_groups,
    } = parameters;
    let AwsLatticeParametersSpec {
        account: _,
        merging_mode: _,
        vpc: _,
        service_network,
        vpc_association,
        standalone,
        security_groups,
        access,
        services,
        target_groups: groups,
        tags,
        strict,
    } = lattice;
    // Who names a network of somebody else leaves its associations to them.
    let usual = if service_network.is_some() {
        VpcAssociation::None
    } else {
        VpcAssociation::Vpc
    };
    let base = groups.as_ref().and_then(|groups| groups.health_check.clone());
    let backends = target_groups.iter().filter_map(|(service, spec)| {
        let own = spec.settings.health_check.clone()?;
        let check = match &base {
            Some(base) => own.over(base),
            None => own,
        };
        Some((service.clone(), health(&check)))
    });
    let of_gateway = groups.iter().flat_map(|groups| {
        unfit(
            groups,
            base.as_ref(),
            (
                &format!("Gateway {gateway}"),
                "spec.infrastructure.parametersRef targetGroups.",
            ),
        )
    });
    let of_services = target_groups.iter().flat_map(|(service, spec)| {
        unfit(
            &spec.settings,
            base.as_ref(),
            (&format!("Service {service}"), "AwsTargetGroupParameters "),
        )
    });
    let services = services.iter().flatten().map(|settings| {
        let own = ServiceSettings {
            name: settings.name.as_deref().map(Into::into),
            tags: texts(settings.tags.as_ref()),
            standalone: settings.standalone,
            certificate: settings.certificate_arn.as_deref().map(Into::into),
            access: of_access(settings.access.as_ref()),
            adopt: settings.adopt.as_deref().map(|arn| Adopted {
                arn: arn.into(),
                name: arn.rsplit('/').next().unwrap_or(arn).into(),
            }),
        };
        (settings.hostname.to_ascii_lowercase().into(), own)
    });
    Settings {
        network: service_network.as_deref().map(Into::into),
        association: match vpc_association.unwrap_or(usual) {
            VpcAssociation::Vpc => Association::Vpc,
            VpcAssociation::None => Association::None,
        },
        standalone: standalone.unwrap_or_default(),
        security_groups: security_groups
            .iter()
            .flatten()
            .map(|id| id.as_str().into())
            .collect(),
        access: of_access(access.as_ref()),
        services: services.collect(),
        tags: texts(tags.as_ref()),
        approximations: if strict.unwrap_or_default() {
            Approximations::Refuse
        } else {
            Approximations::Serve
        },
        health: base.as_ref().map(health).unwrap_or_default(),
        backends: backends.collect(),
        overruled: overruled.clone(),
        unfit: of_gateway.chain(of_services).collect(),
        ..Settings::new(cluster)
    }
}

/// What is set and target groups of VPC Lattice do not have, and what comes to nothing as nothing is checked.
/// `API_CreateTargetGroup` of VPC Lattice: its configuration has a health check and no attributes; `API_HealthCheckConfig`: "the
/// possible protocols are HTTP and HTTPS".
fn unfit(
    settings: &TargetGroupSettings,
    base: Option<&aws::HealthCheck>,
    (object, path): (&str, &str),
) -> Vec<Unfit> {
    const OTHERS: (&str, &str) = (
        "found a setting of load balancers, accepted is healthCheck: target groups of VPC Lattice have no other",
        "leave it out",
    );
    const TCP: (&str, &str) = (
        "found TCP, accepted is HTTP or HTTPS: VPC Lattice checks by no other, and these targets by HTTP",
        "leave it out, or set enabled to false",
    );
    const OFF: (&str, &str) = (
        "enabled: false wins, so that nothing is checked",
        "set enabled to true, or leave all else out",
    );
    let check = settings.health_check.as_ref();
    let off = |check: &aws::HealthCheck| check.enabled == Some(false);
    let is_off = |check: &aws::HealthCheck| off(check) || (check.enabled.is_none() && base.is_some_and(off));
    let set = [
        (
            "targetType",
            OTHERS,
            settings.target_type == Some(TargetType::Instance),
        ),
        ("nodeLabels", OTHERS, settings.node_labels.is_some()),
        ("attributes", OTHERS, settings.attributes.is_some()),
        (
            "targetControlPort",
            OTHERS,
            settings.target_control_port.is_some(),
        ),
        ("preserveClientIp", OTHERS, settings.preserve_client_ip.is_some()),
        ("proxyProtocol", OTHERS, settings.proxy_protocol.is_some()),
        (
            "healthCheck.protocol",
            TCP,
            check.is_some_and(|check| check.protocol == Some(HealthCheckProtocol::Tcp)),
        ),
        (
            "healthCheck",
            OFF,
            check.is_some_and(|check| check.says_how() && is_off(check)),
        ),
    ];
    let set = set.into_iter().filter(|(.., set)| *set);
    set.map(|(name, (why, instead), _)| Unfit {
        object: object.into(),
        field: format!("{path}{name}").into(),
        why,
        instead,
    })
    .collect()
}

fn texts(all: Option<&BTreeMap<String, String>>) -> BTreeMap<Str, Str> {
    let all = all.into_iter().flatten();
    all.map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect()
}

/// "The policy string in JSON must not contain newlines or blank lines" (`API_PutAuthPolicy`): it is written in one line.
fn of_access(access: Option<&LatticeAccess>) -> Access {
    let Some(LatticeAccess {
        auth_policy,
        access_logs,
    }) = access
    else {
        return Access::default();
    };
    let one_line = |policy: &String| -> Str {
        match serde_json::from_str::<serde_json::Value>(policy) {
            Ok(value) => value.to_string().into(),
            // AWS says what is wrong with it.
            Err(_) => policy.split_whitespace().collect::<Vec<_>>().join(" ").into(),
        }
    };
    Access {
        policy: auth_policy.as_ref().map(one_line),
        logs: access_logs
            .iter()
            .flatten()
            .map(|arn| arn.as_str().into())
            .collect(),
    }
}

fn health(check: &aws::HealthCheck) -> HealthSettings {
    let aws::HealthCheck {
        enabled,
        protocol,
        protocol_version,
        port,
        path,
        codes,
        interval_seconds,
        timeout_seconds,
        healthy_threshold,
        unhealthy_threshold,
    } = check;
    let check = target_group::HealthCheck {
        protocol: protocol
            .filter(|protocol| *protocol != HealthCheckProtocol::Tcp)
            .map(|protocol| protocol.as_str().into()),
        port: port.map(|port| port.to_string().into()),
        path: path.as_deref().map(Into::into),
        codes: codes.as_deref().map(Into::into),
        interval_s: *interval_seconds,
        timeout_s: *timeout_seconds,
        healthy: *healthy_threshold,
        unhealthy: *unhealthy_threshold,
    };
    HealthSettings {
        enabled: *enabled,
        version: protocol_version.map(|version| match version {
            HealthCheckVersion::Http1 => CheckVersion::Http1,
            HealthCheckVersion::Http2 => CheckVersion::Http2,
        }),
        check,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_crds::own::AwsTargetGroupParametersSpec;
    use serde_json::json;
    use std::sync::Arc;

    fn found(lattice: serde_json::Value, service: serde_json::Value) -> Settings {
        let service = json!({"targetRefs": [{"name": "web"}], "settings": {"healthCheck": service}});
        let service: AwsTargetGroupParametersSpec = serde_json::from_value(service).unwrap();
        let parameters = AwsLattice {
            lattice: serde_json::from_value(lattice).unwrap(),
            target_groups: [(ObjectName::new("shop", "web"), Arc::new(service))].into(),
            ..AwsLattice::default()
        };
        settings("blue", &ObjectName::new("shop", "public"), &parameters)
    }

    /// A Service's check is over that of the Gateway, and what comes to nothing is told where it is set.
    #[test]
    fn checks_are_merged_and_what_comes_to_nothing_is_told() {
        let web = ObjectName::new("shop", "web");
        let told = |found: &Settings| -> Vec<String> {
            let words = found
                .unfit
                .iter()
                .map(|found| format!("{}: {}", found.object, found.field));
            words.collect()
        };
        let of = |check: serde_json::Value| json!({"targetGroups": {"healthCheck": check}});
        let all = found(
            of(json!({"enabled": true, "protocolVersion": "HTTP2"})),
            json!({"path": "/a"}),
        );
        assert_eq!(told(&all), Vec::<String>::new());
        let own = &all.backends[&web];
        assert_eq!(
            (own.enabled, own.version),
            (Some(true), Some(CheckVersion::Http2))
        );
        assert_eq!(own.check.path.as_deref(), Some("/a"));

        let off = found(of(json!({"enabled": false})), json!({"path": "/a"}));
        assert_eq!(off.health.enabled, Some(false));
        assert_eq!(
            told(&off),
            ["Service shop/web: AwsTargetGroupParameters healthCheck"]
        );
        let on = found(
            of(json!({"enabled": false})),
            json!({"enabled": true, "path": "/a"}),
        );
        assert_eq!((on.backends[&web].enabled, told(&on)), (Some(true), Vec::new()));
        let apart = found(of(json!({"path": "/a"})), json!({"enabled": false}));
        assert_eq!(
            (apart.backends[&web].check.path.clone(), told(&apart)),
            (None, Vec::new())
        );

        let tcp = found(of(json!({"protocol": "TCP"})), json!({"enabled": true}));
        assert_eq!(
            told(&tcp),
            ["Gateway shop/public: spec.infrastructure.parametersRef targetGroups.healthCheck.protocol"]
        );
        assert_eq!(tcp.health.check.protocol, None);
    }

    #[test]
    fn settings_of_services_are_by_their_hostname() {
        let services = json!([
            {"hostname": "a.example", "name": "shop-a", "tags": {"team": "a"}, "standalone": true},
            {"hostname": "*", "name": "edge"},
            {"hostname": "b.example", "adopt": "arn:aws:vpc-lattice:eu-central-1:123456789012:service/svc-0123456789abcdef0"},
        ]);
        let found = found(json!({"services": services, "standalone": true}), json!({}));
        assert!(found.standalone);
        let own = &found.services["*"];
        assert_eq!((own.name.as_deref(), own.standalone), (Some("edge"), None));
        let a = &found.services["a.example"];
        assert_eq!((a.name.as_deref(), a.standalone), (Some("shop-a"), Some(true)));
        assert_eq!(a.tags, [("team".into(), "a".into())].into());
        let adopted = found.services["b.example"].adopt.as_ref().unwrap();
        assert!(
            adopted.arn.ends_with(":service/svc-0123456789abcdef0"),
            "{adopted:?}"
        );
        assert_eq!(&*adopted.name, "svc-0123456789abcdef0");
    }

    /// `API_CreateTargetGroup` of VPC Lattice knows none of them.
    #[test]
    fn settings_of_load_balancers_are_told_of_gateway_and_service() {
        let lattice = json!({"targetGroups": {"attributes": {"a": "b"}, "healthCheck": {"path": "/"}}});
        let service = json!({
            "targetRefs": [{"name": "web"}],
            "settings": {"targetType": "Instance", "nodeLabels": {"pool": "a"}, "preserveClientIp": true, "proxyProtocol": true,
                "targetControlPort": 3000},
        });
        let service: AwsTargetGroupParametersSpec = serde_json::from_value(service).unwrap();
        let parameters = AwsLattice {
            lattice: serde_json::from_value(lattice).unwrap(),
            target_groups: [(ObjectName::new("shop", "web"), Arc::new(service))].into(),
            ..AwsLattice::default()
        };
        let found = settings("blue", &ObjectName::new("shop", "public"), &parameters);
        let told: Vec<String> = found
            .unfit
            .iter()
            .map(|found| format!("{}: {}", found.object, found.field))
            .collect();
        assert_eq!(
            told,
            [
                "Gateway shop/public: spec.infrastructure.parametersRef targetGroups.attributes",
                "Service shop/web: AwsTargetGroupParameters nodeLabels",
                "Service shop/web: AwsTargetGroupParameters preserveClientIp",
                "Service shop/web: AwsTargetGroupParameters proxyProtocol",
                "Service shop/web: AwsTargetGroupParameters targetControlPort",
                "Service shop/web: AwsTargetGroupParameters targetType",
            ]
        );
    }
}
