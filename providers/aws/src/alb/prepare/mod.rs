//! From what the program knows of a Gateway to what is wanted of AWS: settings of users, surroundings of the account,
//! and the lowering of both.

mod access;
mod adopt;
mod backends;
mod certificates;
mod nodes;
mod others;
mod region;
mod routes;
mod settings;
mod standing;
mod subnets;
#[cfg(test)]
mod tests;
mod warming;

pub use backends::GivenGroups;
pub use certificates::Certificates;
pub(super) use nodes::instance;
pub use settings::settings;
pub use subnets::{Place, choose};

use super::driver::{ElbDriver, Request};
use crate::cloud::{Cloud, CloudError, SubnetDetails, Vpc};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::fit::{Need, fit};
use gatewright_aws_core::alb::lower::{lower_and_wait, needs_certificates};
use gatewright_aws_core::alb::settings::Surroundings;
use gatewright_aws_core::network::BalancerKind;
use gatewright_core::graph::parameters::{AwsAlb, Parameters};
use gatewright_core::status::programming::ProgrammingFault;
use gatewright_provider_api::contract::{self, ErrorKind, Prepare, ProviderError, Quota, Resource};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Seconds for which what was read of a VPC is used again: many Gateways stand in one.
const FRESH: u64 = 60;

/// What was read of VPCs, and when, in seconds since 1970.
#[derive(Debug, Default)]
pub struct Networks(Mutex<BTreeMap<Str, (u64, Arc<Network>)>>);

#[derive(Debug)]
struct Network {
    vpc: Vpc,
    subnets: Vec<SubnetDetails>,
    /// Security groups that were given over to rules for load balancers.
    node_groups: BTreeSet<Str>,
}

impl Networks {
    fn get(&self, vpc: &str, now: u64) -> Option<Arc<Network>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, network) = known.get(vpc)?;
        (now < read.saturating_add(FRESH)).then(|| Arc::clone(network))
    }

    fn put(&self, network: Network, now: u64) -> Arc<Network> {
        let network = Arc::new(network);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (read, _)| now < read.saturating_add(FRESH));
        known.insert(network.vpc.id.clone(), (now, Arc::clone(&network)));
        network
    }
}

impl<C: Cloud> Prepare<contract::Request> for ElbDriver<C> {
    async fn prepare(&self, request: &contract::Request) -> Result<Request, ProviderError> {
        let nothing = AwsAlb::default();
        let parameters = match &request.parameters {
            Parameters::AwsAlb(parameters) => parameters,
            _ => &nothing,
        };
        let balancer = &warming::with(&request.balancer, &parameters.warming);
        let cluster = self.cluster();
        let mut settings = settings(cluster, balancer, parameters)
            .map_err(|message| invalid("Gateway", &balancer.gateway.to_string(), message))?;
        let mut adopted = self.adopted(&balancer.gateway, &parameters.balancer).await?;
        if let Some(adopted) = &mut adopted {
            self.without_shared(&mut adopted.security_groups).await?;
            adopt::inherit(&mut settings, &parameters.balancer, adopted)
                .map_err(|message| invalid("load balancer", &adopted.name, message))?;
        }
        let its = adopted.as_ref().map(|adopted| &*adopted.vpc);
        let vpc = parameters.balancer.vpc.as_deref().or(its).or(self.vpc());
        let Some(vpc) = vpc else {
            let message = "its VPC is not known: set vpc in AwsLoadBalancerParameters, or --aws-vpc-id of the controller";
            return Err(invalid(
                "Gateway",
                &balancer.gateway.to_string(),
                message.to_owned(),
            ));
        };
        let network = self.network(vpc).await?;
        let limits = self
            .cloud()
            .limits()
            .await
            .map_err(|error| about(error, "quotas of", vpc))?;
        let own = self.own(&balancer.gateway, adopted.as_ref()).await?;
        let room = self
            .region(&balancer.gateway, &mut settings, (vpc, &own, &limits))
            .await?;
        let its = || standing::alike(&own, (&settings, vpc));
        let standing: BTreeSet<Str> = its()
            .flat_map(|balancer| balancer.subnets.iter().cloned())
            .collect();
        let taken = self.taken(&balancer.gateway, (its().next(), &limits)).await?;
        let place = Place {
            cluster,
            scheme: settings.scheme,
            ip_address_type: settings.ip_address_type.of(self.kind()),
            kind: self.kind(),
            choice: parameters.balancer.subnets.as_ref(),
            outpost: self.kind() == BalancerKind::Application && settings.customer_owned_pool.is_some(),
            standing: &standing,
        };
        let mut fault = room.fault.clone();
        let subnets = match &adopted {
            Some(adopted) if parameters.balancer.subnets.is_none() => {
                standing::subnets(&adopted.subnets, &network.subnets)
            }
            _ => match choose(&network.subnets, &place) {
                Ok(subnets) => subnets,
                Err(message) if standing.is_empty() => return Err(invalid("subnets of", vpc, message)),
                // What serves goes on, and its targets follow the pods.
                Err(message) => {
                    fault = Some(ProgrammingFault {
                        reason: "Invalid".into(),
                        message: format!("subnets of {vpc}: the load balancer stays in its own: {message}"),
                    });
                    standing::subnets(&standing, &network.subnets)
                }
            },
        };
        fault = fault.or_else(|| access::fault(&settings, vpc, &network.node_groups));
        let surroundings = Surroundings {
            vpc: network.vpc.id.clone(),
            blocks: network
                .vpc
                .blocks
                .iter()
                .filter_map(|block| block.parse().ok())
                .collect(),
            outpost: subnets::of_outpost(&network.subnets, &subnets),
            subnets,
            node_groups: network.node_groups.clone(),
            nodes: nodes::instances(&parameters.nodes),
            certificates: if needs_certificates(balancer.listeners.values().map(Arc::as_ref), &settings.ports)
            {
                self.in_acm().await?.to_vec()
            } else {
                Vec::new()
            },
            groups: self.given_groups(&settings).await?,
            limits,
            taken,
        };
        if self.kind() == BalancerKind::Network {
            let request = crate::nlb::request(
                self.cloud(),
                (balancer, &settings),
                (surroundings, &network.subnets, &own),
            )
            .await
            .map_err(|error| about(error, "surroundings of", &balancer.gateway.to_string()))?;
            let look_again = request.look_again.into_iter().chain(room.look_again()).min();
            let mut quotas = request.quotas;
            quotas.push(room.quota);
            return Ok(Request {
                fault: request.fault.or(fault),
                look_again,
                quotas,
                ..request
            });
        }
        let (lowered, waits) = lower_and_wait(balancer, &settings, &surroundings);
        let Surroundings { limits, taken, .. } = &surroundings;
        let fitted = fit(lowered.target, balancer, limits, taken);
        let mut unsupported = lowered.unsupported;
        unsupported.extend(fitted.left_out);
        let mut quotas = quotas(&fitted.needs);
        let certificates = waits.certificates.then_some(Duration::from_secs(FRESH));
        let look_again = certificates.into_iter().chain(room.look_again()).min();
        quotas.push(room.quota);
        Ok(Request {
            target: fitted.target,
            unsupported,
            quotas,
            look_again,
            fault,
        })
    }
}

impl<C: Cloud> ElbDriver<C> {
    async fn network(&self, id: &str) -> Result<Arc<Network>, ProviderError> {
        let now = self.now();
        if let Some(known) = self.networks().get(id, now) {
            return Ok(known);
        }
        let vpc = self
            .cloud()
            .vpc(id)
            .await
            .map_err(|error| about(error, "VPC", id))?;
        let Some(vpc) = vpc else {
            let message = "does not exist in this account and region".to_owned();
            return Err(invalid("VPC", id, message));
        };
        let subnets = self
            .cloud()
            .subnets(id)
            .await
            .map_err(|error| about(error, "subnets of", id))?;
        let given = self
            .cloud()
            .node_groups(self.cluster())
            .await
            .map_err(|error| about(error, "security groups of", id))?;
        let here = given.into_iter().filter(|group| group.vpc == vpc.id);
        let network = Network {
            node_groups: here.map(|group| group.id.0).collect(),
            vpc,
            subnets,
        };
        Ok(self.networks().put(network, now))
    }
}

/// Needs as a plan tells them.
pub(crate) fn quotas(needs: &[Need]) -> Vec<Quota> {
    let quota = |need: &Need| Quota {
        name: need.quota.into(),
        scope: need.scope.into(),
        used: need.used(),
        others: need.others,
        limit: need.limit,
    };
    needs.iter().map(quota).collect()
}

fn about(error: CloudError, kind: &'static str, id: &str) -> ProviderError {
    error.about(Resource { kind, id: id.into() })
}

fn invalid(kind: &'static str, id: &str, message: String) -> ProviderError {
    ProviderError {
        kind: ErrorKind::Invalid,
        resource: Resource { kind, id: id.into() },
        message,
    }
}

/// Texts as a set.
fn set(texts: &[String]) -> BTreeSet<Str> {
    texts.iter().map(|text| text.as_str().into()).collect()
}

/// Texts as a map.
fn map(texts: Option<&BTreeMap<String, String>>) -> BTreeMap<Str, Str> {
    let all = texts.into_iter().flatten();
    all.map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect()
}
