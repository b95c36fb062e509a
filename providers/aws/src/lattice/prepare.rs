//! From what the program knows of a Gateway to what is wanted of AWS.

use super::cloud::Lattice;
use super::driver::{LatticeDriver, Request};
use crate::cloud::CloudError;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::settings::Approximations;
use gatewright_aws_core::lattice::fit::fit;
use gatewright_aws_core::lattice::lower::lower;
use gatewright_aws_core::lattice::settings::{Association, ServiceSettings, Settings, Surroundings};
use gatewright_aws_core::lattice::{Access, Network, Target};
use gatewright_aws_core::target_group;
use gatewright_core::graph::parameters::{AwsLattice, Parameters};
use gatewright_core::status::programming::ProgrammingFault;
use gatewright_crds::own::aws::{
    self, AwsLatticeParametersSpec, LatticeAccess, TargetGroupSettings, TargetType, VpcAssociation,
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
        let settings = settings(&own.cluster, &balancer.gateway, parameters);
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
        let lowered = lower(balancer, &settings, &surroundings);
        let fitted = fit(lowered.target, balancer, &surroundings.limits);
        let mut unsupported = lowered.unsupported;
        unsupported.extend(fitted.left_out);
        let mut target = fitted.target;
        let fault = self.other_network(&mut target).await?;
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
    let of_gateway = groups.iter().flat_map(unfit).map(|name| {
        let field = format!("spec.infrastructure.parametersRef targetGroups.{name}");
        (Str::from(format!("Gateway {gateway}")), Str::from(field))
    });
    let of_services = target_groups.iter().flat_map(|(service, spec)| {
        unfit(&spec.settings).map(move |name| {
            let field = format!("AwsTargetGroupParameters {name}");
            (Str::from(format!("Service {service}")), Str::from(field))
        })
    });
    let services = services.iter().flatten().map(|settings| {
        let own = ServiceSettings {
            certificate: settings.certificate_arn.as_deref().map(Into::into),
            access: of_access(settings.access.as_ref()),
        };
        (settings.hostname.to_ascii_lowercase().into(), own)
    });
    Settings {
        network: service_network.as_deref().map(Into::into),
        association: match vpc_association.unwrap_or(usual) {
            VpcAssociation::Vpc => Association::Vpc,
            VpcAssociation::None => Association::None,
        },
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
        health: base.as_ref().map(health),
        backends: backends.collect(),
        overruled: overruled.clone(),
        unfit: of_gateway.chain(of_services).collect(),
        ..Settings::new(cluster)
    }
}

/// What is set and target groups of VPC Lattice do not have.
fn unfit(settings: &TargetGroupSettings) -> impl Iterator<Item = &'static str> {
    let set = [
        ("targetType", settings.target_type == Some(TargetType::Instance)),
        ("nodeLabels", settings.node_labels.is_some()),
        ("attributes", settings.attributes.is_some()),
        ("preserveClientIp", settings.preserve_client_ip.is_some()),
        ("proxyProtocol", settings.proxy_protocol.is_some()),
    ];
    set.into_iter().filter(|(_, set)| *set).map(|(name, _)| name)
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

fn health(check: &aws::HealthCheck) -> target_group::HealthCheck {
    let aws::HealthCheck {
        protocol,
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_crds::own::AwsTargetGroupParametersSpec;
    use serde_json::json;
    use std::sync::Arc;

    /// `API_CreateTargetGroup` of VPC Lattice knows none of them.
    #[test]
    fn settings_of_load_balancers_are_told_of_gateway_and_service() {
        let lattice = json!({"targetGroups": {"attributes": {"a": "b"}, "healthCheck": {"path": "/"}}});
        let service = json!({
            "targetRefs": [{"name": "web"}],
            "settings": {"targetType": "Instance", "nodeLabels": {"pool": "a"}, "preserveClientIp": true, "proxyProtocol": true},
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
            .map(|(object, field)| format!("{object}: {field}"))
            .collect();
        assert_eq!(
            told,
            [
                "Gateway shop/public: spec.infrastructure.parametersRef targetGroups.attributes",
                "Service shop/web: AwsTargetGroupParameters nodeLabels",
                "Service shop/web: AwsTargetGroupParameters preserveClientIp",
                "Service shop/web: AwsTargetGroupParameters proxyProtocol",
                "Service shop/web: AwsTargetGroupParameters targetType",
            ]
        );
    }
}
