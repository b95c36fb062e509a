//! The contract of providers, for VPC Lattice.

use super::cloud::{Kind, Lattice};
use super::observed::Observed;
use super::step::Step;
use super::{addresses, apply, observe, plan, pools};
use crate::cloud::CloudError;
use crate::owner::{CLUSTER, Owner, Tags, gateway_of, value};
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::{Network, Service, Target};
use gatewright_core::status::programming::ProgrammingFault;
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::{
    Addresses, Change, Driver, Lowered, Plan, Pool, ProviderError, Quota, Reads, Resource,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// What does not depend on a Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The cluster's name: different for each cluster that uses an account and region.
    pub cluster: Str,
    /// VPC of Gateways whose parameters name none.
    pub vpc: Option<Str>,
}

/// A Gateway, lowered with what surrounds it.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is wanted.
    pub target: Target,
    /// What cannot be expressed.
    pub unsupported: Vec<Unsupported>,
    /// What it needs of the account's quotas.
    pub quotas: Vec<Quota>,
    /// Why nobody reaches it, whatever is made.
    pub fault: Option<ProgrammingFault>,
}

/// The driver.
pub struct LatticeDriver<C> {
    cloud: C,
    settings: Settings,
}

impl<C: Lattice> LatticeDriver<C> {
    /// A driver for one account and region.
    pub const fn new(cloud: C, settings: Settings) -> Self {
        Self { cloud, settings }
    }

    /// The account and region.
    pub const fn cloud(&self) -> &C {
        &self.cloud
    }

    /// What does not depend on a Gateway.
    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// What a look asks for, beside the searches by tags, which are made for all Gateways at once: of the network its
/// associations, policy and logs; of a service these and its listeners, of each its rules one by one; of a target group its
/// targets.
fn reads(target: &Target, pace: f64) -> Reads {
    let network = match &target.network {
        Network::Own { .. } => 4 + usize::from(target.vpc.is_some()),
        // It is not ours to look at.
        Network::Given(_) | Network::None => 0,
    };
    let listeners = |service: &Service| {
        let listeners = service.listeners.values();
        listeners.map(|listener| 2 + listener.rules.len()).sum::<usize>()
    };
    let services: usize = target
        .services
        .values()
        .map(|service| 5 + listeners(service))
        .sum();
    let calls = network + services + 2 * target.target_groups.len();
    Reads {
        calls: u64::try_from(calls).unwrap_or(u64::MAX),
        takes: Duration::try_from_secs_f64(calls as f64 / pace).unwrap_or(Duration::MAX),
    }
}

fn about(error: CloudError, what: &str) -> ProviderError {
    error.about(Resource {
        kind: "services of",
        id: what.into(),
    })
}

impl<C: Lattice> Driver for LatticeDriver<C> {
    type Input = Request;
    type Target = Target;
    type Observed = Observed;
    type Step = Step;

    fn provider(&self) -> Provider {
        Provider::AwsLattice
    }

    fn gateway<'a>(&self, request: &'a Request) -> &'a ObjectName {
        &request.target.gateway
    }

    fn lower(&self, request: &Request) -> Lowered<Target> {
        Lowered {
            target: request.target.clone(),
            unsupported: request.unsupported.clone(),
        }
    }

    async fn observe(&self, gateway: &ObjectName) -> Result<Observed, ProviderError> {
        let owner = Owner {
            cluster: self.settings.cluster.clone(),
            gateway: gateway.clone(),
        };
        let observed = observe::observe(&self.cloud, &owner).await;
        observed.map_err(|error| about(error, &gateway.to_string()))
    }

    fn plan(&self, target: Option<&Target>, observed: &Observed) -> Plan<Step> {
        plan::plan(&self.settings.cluster, target, observed)
    }

    async fn apply(&self, change: &Change<Step>) -> Result<(), ProviderError> {
        apply::apply(&self.cloud, change).await
    }

    fn addresses(&self, request: &Request, observed: &Observed) -> Addresses {
        let mut found = addresses::addresses(&request.target, observed);
        if let Some(fault) = &request.fault {
            found.fault = Some(fault.clone());
        }
        found
    }

    fn recheck(&self, request: &Request, observed: &Observed) -> Option<Duration> {
        addresses::recheck(&request.target, observed)
    }

    fn reads(&self, target: &Target) -> Reads {
        reads(target, self.cloud.lattice_pace())
    }

    fn forecast(&self, request: &Request, _: &Target) -> Vec<Quota> {
        request.quotas.clone()
    }

    async fn pools(
        &self,
        gateway: &ObjectName,
        services: &BTreeSet<ObjectName>,
    ) -> Result<Vec<Pool>, ProviderError> {
        let owner = Owner {
            cluster: self.settings.cluster.clone(),
            gateway: gateway.clone(),
        };
        let pools = pools::pools(&self.cloud, &owner, services).await;
        pools.map_err(|error| about(error, &gateway.to_string()))
    }

    async fn owners(&self) -> Result<BTreeSet<ObjectName>, ProviderError> {
        let cluster = &self.settings.cluster;
        let marks = Tags::from([(CLUSTER.into(), value(cluster))]);
        let mut gateways = BTreeSet::new();
        // Certificates are those of other classes as well.
        for kind in [Kind::Network, Kind::Service, Kind::TargetGroup] {
            let found = self
                .cloud
                .find_marked(kind, &marks)
                .await
                .map_err(|error| about(error, cluster))?;
            gateways.extend(found.iter().filter_map(|found| gateway_of(cluster, &found.tags)));
        }
        Ok(gateways)
    }
}
