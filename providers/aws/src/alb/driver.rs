//! The contract of providers, for load balancers of Elastic Load Balancing.

use super::observed::Observed;
use super::plan::{self, Manner};
use super::prepare::{Certificates, GivenGroups, Networks};
use super::step::Step;
use super::{addresses, apply, bindings, drift, observe, pools};
use crate::cloud::{Cloud, CloudError, Kind};
use crate::owner::{CLUSTER, Owner, PORTS, Tags, gateway_of, shared, value};
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::network::BalancerKind;
use gatewright_core::status::programming::ProgrammingFault;
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use gatewright_provider_api::Provider;
use gatewright_provider_api::contract::{
    Addresses, Binding, Bound, Change, Driver, Leave, Ledger, Lowered, Membership, Plan, Pool, ProviderError,
    Quota, Reads, Resource,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// What does not depend on a Gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The cluster's name: different for each cluster that uses an account and region.
    pub cluster: Str,
    /// How long a replaced load balancer stays after its successor took over. Clients know the new address by
    /// then: names of load balancers are valid for 60 s, and what follows the Gateway's status takes its time.
    pub drain: Duration,
    /// VPC of load balancers whose parameters name none.
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
    /// When to look again although nothing of it changed.
    pub look_again: Option<Duration>,
    /// Why the Gateway is not as asked for although its load balancer serves: an address that it cannot have.
    pub fault: Option<ProgrammingFault>,
}

/// The driver of Application Load Balancers.
pub type AlbDriver<C> = ElbDriver<C>;

/// The driver of load balancers of one kind.
pub struct ElbDriver<C> {
    cloud: C,
    kind: BalancerKind,
    manner: Manner,
    clock: fn() -> u64,
    vpc: Option<Str>,
    networks: Networks,
    certificates: Certificates,
    groups: GivenGroups,
}

impl<C: Cloud> ElbDriver<C> {
    /// A driver of Application Load Balancers.
    pub fn new(cloud: C, settings: Settings, clock: fn() -> u64) -> Self {
        Self::of(BalancerKind::Application, cloud, settings, clock)
    }

    /// A driver for one account and region. The clock tells seconds since 1970.
    pub fn of(kind: BalancerKind, cloud: C, settings: Settings, clock: fn() -> u64) -> Self {
        Self {
            cloud,
            kind,
            manner: Manner {
                cluster: settings.cluster,
                drain_s: settings.drain.as_secs(),
            },
            clock,
            vpc: settings.vpc,
            networks: Networks::default(),
            certificates: Certificates::default(),
            groups: GivenGroups::default(),
        }
    }

    /// The kind of its load balancers.
    pub const fn kind(&self) -> BalancerKind {
        self.kind
    }

    /// The cluster's name.
    pub(super) fn cluster(&self) -> &str {
        &self.manner.cluster
    }

    /// VPC of load balancers whose parameters name none.
    pub(super) fn vpc(&self) -> Option<&str> {
        self.vpc.as_deref()
    }

    /// What was read of VPCs.
    pub(super) const fn networks(&self) -> &Networks {
        &self.networks
    }

    /// What was read of ACM.
    pub(super) const fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// What was read of target groups that others keep.
    pub(super) const fn known_groups(&self) -> &GivenGroups {
        &self.groups
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> u64 {
        (self.clock)()
    }

    /// The account and region.
    pub const fn cloud(&self) -> &C {
        &self.cloud
    }

    /// Gateways of this cluster that something is left of.
    ///
    /// # Errors
    /// When that cannot be read completely.
    pub async fn gateways(&self) -> Result<BTreeSet<ObjectName>, ProviderError> {
        let cluster = &self.manner.cluster;
        let marks = Tags::from([(CLUSTER.into(), value(cluster))]);
        let mut gateways = BTreeSet::new();
        let mut shared_in_use = false;
        for kind in [
            Kind::Balancer,
            Kind::TargetGroup,
            Kind::SecurityGroup,
            Kind::Certificate,
            Kind::TrustStore,
        ] {
            let found = self
                .cloud
                .find(kind, &marks)
                .await
                .map_err(|error| about(error, cluster))?;
            shared_in_use |= found.iter().any(|found| found.tags.contains_key(PORTS));
            gateways.extend(found.iter().filter_map(|found| gateway_of(cluster, &found.tags)));
        }
        // What all share is left of no Gateway as long as one needs it.
        if shared_in_use {
            gateways.remove(&shared());
        }
        Ok(gateways)
    }
}

/// What has a call of its own: of a load balancer its listeners and attributes, of a listener rules, attributes and
/// certificates, of a target group attributes and targets; and tags, for 20 listeners and rules at a time.
fn reads(target: &Target, pace: f64) -> Reads {
    let mut calls = 2;
    let mut tagged = 0;
    for listener in target.listeners.values() {
        let rules = listener.rules.len();
        calls += 2 + rules / 100 + usize::from(listener.tls.is_some());
        tagged += 1 + rules;
    }
    calls += tagged.div_ceil(20) + 2 * target.target_groups.len();
    Reads {
        calls: u64::try_from(calls).unwrap_or(u64::MAX),
        takes: Duration::try_from_secs_f64(calls as f64 / pace).unwrap_or(Duration::MAX),
    }
}

fn about(error: CloudError, what: &str) -> ProviderError {
    error.about(Resource {
        kind: "load balancers of",
        id: what.into(),
    })
}

impl<C: Cloud> Driver for ElbDriver<C> {
    type Input = Request;
    type Target = Target;
    type Observed = Observed;
    type Step = Step;

    fn provider(&self) -> Provider {
        match self.kind {
            BalancerKind::Application => Provider::AwsAlb,
            BalancerKind::Network => Provider::AwsNlb,
        }
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
            cluster: self.manner.cluster.clone(),
            gateway: gateway.clone(),
        };
        let observed = observe::observe(&self.cloud, &owner, (self.clock)()).await;
        observed.map_err(|error| about(error, &gateway.to_string()))
    }

    fn plan(&self, target: Option<&Target>, observed: &Observed) -> Plan<Step> {
        plan::plan(&self.manner, target, observed)
    }

    async fn apply(&self, change: &Change<Step>) -> Result<(), ProviderError> {
        apply::apply(&self.cloud, change).await
    }

    fn addresses(&self, request: &Request, observed: &Observed) -> Addresses {
        let mut addresses = addresses::addresses(&request.target, observed);
        addresses.fault = addresses.fault.or_else(|| request.fault.clone());
        addresses
    }

    fn recheck(&self, request: &Request, observed: &Observed) -> Option<Duration> {
        let busy = addresses::recheck(&request.target, observed, self.manner.drain_s);
        busy.into_iter().chain(request.look_again).min()
    }

    fn is_underway(&self, request: &Request, observed: &Observed) -> bool {
        // Not what is waited for: a certificate, or room in a quota, changes what is wanted when it comes.
        addresses::recheck(&request.target, observed, self.manner.drain_s).is_some()
    }

    fn drift(&self, before: &Target, observed: &Observed) -> Vec<Change<()>> {
        drift::drift(&self.manner, before, observed)
    }

    fn forecast(&self, request: &Request, _: &Target) -> Vec<Quota> {
        request.quotas.clone()
    }

    fn reads(&self, target: &Target) -> Reads {
        reads(target, self.cloud.pace())
    }

    async fn pools(
        &self,
        gateway: &ObjectName,
        services: &BTreeSet<ObjectName>,
    ) -> Result<Vec<Pool>, ProviderError> {
        let owner = Owner {
            cluster: self.manner.cluster.clone(),
            gateway: gateway.clone(),
        };
        let pools = pools::pools(&self.cloud, &owner, services).await;
        pools.map_err(|error| about(error, &gateway.to_string()))
    }

    async fn bound_pool(&self, membership: &Membership) -> Result<Option<Pool>, ProviderError> {
        let pool = pools::bound(&self.cloud, &self.manner.cluster, membership).await;
        pool.map_err(|error| about(error, &membership.group))
    }

    async fn bind(&self, leave: &Leave, binding: &Binding, ledger: &dyn Ledger) -> Bound {
        bindings::bind((&self.cloud, &self.manner.cluster), leave, binding, ledger).await
    }

    async fn owners(&self) -> Result<BTreeSet<ObjectName>, ProviderError> {
        self.gateways().await
    }
}
