//! VPC Lattice as the driver needs it: coarse calls in types of our own. An implementation owes what
//! [`crate::cloud`] says: complete answers, typed errors, a time of its own for each call, one call of AWS for each write.

use crate::cloud::{Answer, Arn};
use crate::owner::Tags;
use crate::swept::PACE;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::Import;
use gatewright_aws_core::lattice::settings::Limits;
use gatewright_aws_core::lattice::{CheckVersion, Health, Match, Protocol};
use gatewright_aws_core::target_group::{Fixed, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

pub use crate::cloud::Tagged;

/// `status` of a target; the words are those of Elastic Load Balancing.
pub use crate::cloud::Health as TargetStatus;

/// Kinds of resources that are found by their tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A certificate that was imported into ACM.
    Certificate,
    /// A service network.
    Network,
    /// A service.
    Service,
    /// A target group.
    TargetGroup,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 4] = [Self::Certificate, Self::Network, Self::Service, Self::TargetGroup];
}

/// Where a resource is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// `CREATE_IN_PROGRESS`, `UPDATE_IN_PROGRESS`.
    Coming,
    /// `ACTIVE`.
    Active,
    /// `DELETE_IN_PROGRESS`.
    Going,
    /// `…_FAILED`: why.
    Failed(Str),
}

/// Whether callers are authenticated: `authType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub enum Auth {
    /// `NONE`.
    #[default]
    None,
    /// `AWS_IAM`.
    Iam,
}

/// A service network that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// `arn`.
    pub arn: Arn,
    /// `name`.
    pub name: Str,
    /// `authType`.
    pub auth: Auth,
}

/// An association of a VPC with a service network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcAssociation {
    /// `arn`.
    pub arn: Arn,
    /// `vpcId`.
    pub vpc: Str,
    /// `serviceNetworkArn`.
    pub network: Arn,
    /// `serviceNetworkName`.
    pub network_name: Str,
    /// `securityGroupIds`. Not told by [`Networks::associations_of_vpc`].
    pub security_groups: BTreeSet<Str>,
    /// `status`.
    pub status: Status,
}

/// An association of a service with a service network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAssociation {
    /// `arn`.
    pub arn: Arn,
    /// `serviceNetworkArn`.
    pub network: Arn,
    /// `status`.
    pub status: Status,
}

/// A service that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `arn`.
    pub arn: Arn,
    /// `name`.
    pub name: Str,
    /// `customDomainName`.
    pub domain: Option<Str>,
    /// `certificateArn`.
    pub certificate: Option<Arn>,
    /// `authType`.
    pub auth: Auth,
    /// `status`.
    pub status: Status,
    /// `dnsEntry.domainName`; empty until it is known.
    pub dns_name: Str,
}

/// A service to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewService {
    /// `name`.
    pub name: Str,
    /// `customDomainName`.
    pub domain: Option<Str>,
    /// `certificateArn`.
    pub certificate: Option<Arn>,
    /// `authType`.
    pub auth: Auth,
    /// `tags`.
    pub tags: Tags,
}

/// A listener that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// `arn`.
    pub arn: Arn,
    /// `name`.
    pub name: Str,
    /// `port`.
    pub port: u16,
    /// `protocol`; none of a kind that AWS added later.
    pub protocol: Option<Protocol>,
    /// `defaultAction`.
    pub default: Action,
}

/// A listener to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewListener {
    /// `name`.
    pub name: Str,
    /// `port`.
    pub port: u16,
    /// `protocol`.
    pub protocol: Protocol,
    /// `defaultAction`.
    pub default: Action,
    /// `tags`.
    pub tags: Tags,
}

/// `RuleAction`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Action {
    /// `forward`, with weights.
    Forward(BTreeMap<Arn, u16>),
    /// `fixedResponse`.
    Fixed(u16),
    /// One that we never make.
    Other,
}

/// A rule that exists, without default ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `arn`.
    pub arn: Arn,
    /// `name`.
    pub name: Str,
    /// `priority`.
    pub priority: u16,
    /// `match`; none of a form that we never make.
    pub conditions: Option<Match>,
    /// `action`.
    pub action: Action,
}

/// A rule to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRule {
    /// `name`.
    pub name: Str,
    /// `priority`, 1 to 2000.
    pub priority: u16,
    /// `match`.
    pub conditions: Match,
    /// `action`.
    pub action: Action,
    /// `tags`.
    pub tags: Tags,
}

/// A target group that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroup {
    /// `arn`.
    pub arn: Arn,
    /// `name`.
    pub name: Str,
    /// `vpcIdentifier`.
    pub vpc: Str,
    /// `ipAddressType`.
    pub ipv6: bool,
    /// Its health check, as far as it is set.
    pub health: SeenHealth,
    /// `status`.
    pub status: Status,
}

/// Health check of a group that exists, with all of AWS's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SeenHealth {
    /// `enabled`.
    pub enabled: bool,
    /// `protocol`.
    pub protocol: Option<Str>,
    /// `protocolVersion`.
    pub version: Option<CheckVersion>,
    /// `port`; none for that of the traffic.
    pub port: Option<u16>,
    /// `path`.
    pub path: Option<Str>,
    /// `matcher.httpCode`.
    pub codes: Option<Str>,
    /// `healthCheckIntervalSeconds`.
    pub interval_s: Option<u16>,
    /// `healthCheckTimeoutSeconds`.
    pub timeout_s: Option<u16>,
    /// `healthyThresholdCount`.
    pub healthy: Option<u8>,
    /// `unhealthyThresholdCount`.
    pub unhealthy: Option<u8>,
}

/// A target group to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTargetGroup {
    /// `name`.
    pub name: Str,
    /// What cannot change.
    pub fixed: Fixed,
    /// `vpcIdentifier`.
    pub vpc: Str,
    /// `healthCheck`.
    pub health: Health,
    /// `tags`.
    pub tags: Tags,
}

/// What all kinds of resources have: quotas, tags, and certificates of ACM.
pub trait Resources: Send + Sync {
    /// Quotas. May be some minutes old.
    fn lattice_limits(&self) -> impl Future<Output = Answer<Limits>> + Send;

    /// Calls a second that looks at everything may take.
    fn lattice_pace(&self) -> f64 {
        PACE
    }

    /// Everything of a kind that has all these tags. What was made a moment ago may be missing yet, and what is gone may
    /// still be there.
    fn find_marked(&self, kind: Kind, marks: &Tags) -> impl Future<Output = Answer<Vec<Tagged>>> + Send;

    /// `ListTagsForResource`; none when it does not exist.
    fn tags_of(&self, arn: &Arn) -> impl Future<Output = Answer<Option<Tags>>> + Send;

    /// `TagResource`, of certificates `AddTagsToCertificate`: sets these, leaves others.
    fn tag(&self, kind: Kind, arn: &Arn, tags: &Tags) -> impl Future<Output = Answer<()>> + Send;

    /// `UntagResource`, of certificates `RemoveTagsFromCertificate`.
    fn untag(&self, kind: Kind, arn: &Arn, keys: &BTreeSet<Str>) -> impl Future<Output = Answer<()>> + Send;

    /// `ListCertificates`: those that were imported, by whomever, at most so long ago. A search may not show them yet.
    fn imported_within(&self, age: Duration) -> impl Future<Output = Answer<Vec<Arn>>> + Send;

    /// `ListTagsForCertificate`; none when it does not exist.
    fn imported_tags(&self, arn: &Arn) -> impl Future<Output = Answer<Option<Tags>>> + Send;

    /// `ImportCertificate`: as a new one, or over one that was imported before.
    fn import(
        &self,
        over: Option<&Arn>,
        import: &Import,
        tags: &Tags,
    ) -> impl Future<Output = Answer<Arn>> + Send;

    /// `DeleteCertificate`.
    fn delete_imported(&self, arn: &Arn) -> impl Future<Output = Answer<()>> + Send;
}

/// Service networks and what is associated with them.
pub trait Networks: Send + Sync {
    /// `GetServiceNetwork`; none when it does not exist.
    fn network(&self, arn: &Arn) -> impl Future<Output = Answer<Option<Network>>> + Send;

    /// The network of this name (`ListServiceNetworks`).
    fn network_named(&self, name: &str) -> impl Future<Output = Answer<Option<Arn>>> + Send;

    /// `CreateServiceNetwork`.
    fn create_network(&self, name: &str, auth: Auth, tags: &Tags)
    -> impl Future<Output = Answer<Arn>> + Send;

    /// `UpdateServiceNetwork`.
    fn set_network_auth(&self, arn: &Arn, auth: Auth) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteServiceNetwork`: none of its associations may be left.
    fn delete_network(&self, arn: &Arn) -> impl Future<Output = Answer<()>> + Send;

    /// `ListServiceNetworkVpcAssociations` of a network, with their security groups.
    fn vpc_associations(&self, network: &Arn) -> impl Future<Output = Answer<Vec<VpcAssociation>>> + Send;

    /// `ListServiceNetworkVpcAssociations` of a VPC.
    fn associations_of_vpc(&self, vpc: &str) -> impl Future<Output = Answer<Vec<VpcAssociation>>> + Send;

    /// `CreateServiceNetworkVpcAssociation`.
    fn associate_vpc(
        &self,
        network: &Arn,
        vpc: &str,
        security_groups: &BTreeSet<Str>,
        tags: &Tags,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `UpdateServiceNetworkVpcAssociation`: to exactly these, at least one.
    fn set_association_groups(
        &self,
        arn: &Arn,
        security_groups: &BTreeSet<Str>,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteServiceNetworkVpcAssociation`: begins it.
    fn dissociate_vpc(&self, arn: &Arn) -> impl Future<Output = Answer<()>> + Send;

    /// `ListServiceNetworkServiceAssociations` of a service.
    fn service_associations(
        &self,
        service: &Arn,
    ) -> impl Future<Output = Answer<Vec<ServiceAssociation>>> + Send;

    /// `CreateServiceNetworkServiceAssociation`.
    fn associate_service(
        &self,
        network: &Arn,
        service: &Arn,
        tags: &Tags,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteServiceNetworkServiceAssociation`: begins it.
    fn dissociate_service(&self, arn: &Arn) -> impl Future<Output = Answer<()>> + Send;
}

/// Services, and who may call and who logs what belongs to a network or service.
pub trait Services: Send + Sync {
    /// `GetService`; none when it does not exist.
    fn service(&self, arn: &Arn) -> impl Future<Output = Answer<Option<Service>>> + Send;

    /// The service of this name (`ListServices`).
    fn service_named(&self, name: &str) -> impl Future<Output = Answer<Option<Arn>>> + Send;

    /// `CreateService`.
    fn create_service(&self, new: &NewService) -> impl Future<Output = Answer<Arn>> + Send;

    /// `UpdateService`: certificate, where one is given, and authentication.
    fn update_service(
        &self,
        arn: &Arn,
        certificate: Option<&Arn>,
        auth: Auth,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteService`, with its listeners and rules: it must not be associated any more.
    fn delete_service(&self, arn: &Arn) -> impl Future<Output = Answer<()>> + Send;

    /// `GetAuthPolicy` of a network or service.
    fn policy(&self, of: &Arn) -> impl Future<Output = Answer<Option<Str>>> + Send;

    /// `PutAuthPolicy`.
    fn put_policy(&self, of: &Arn, policy: &str) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteAuthPolicy`.
    fn delete_policy(&self, of: &Arn) -> impl Future<Output = Answer<()>> + Send;

    /// `ListAccessLogSubscriptions` of a network or service: destinations by ARN.
    fn logs(&self, of: &Arn) -> impl Future<Output = Answer<BTreeMap<Arn, Str>>> + Send;

    /// `CreateAccessLogSubscription`.
    fn log_to(&self, of: &Arn, destination: &str, tags: &Tags) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteAccessLogSubscription`.
    fn stop_log(&self, arn: &Arn) -> impl Future<Output = Answer<()>> + Send;
}

/// Listeners of services and their rules.
pub trait Listeners: Send + Sync {
    /// `ListListeners` and `GetListener`.
    fn listeners_of(&self, service: &Arn) -> impl Future<Output = Answer<Vec<Listener>>> + Send;

    /// `CreateListener`.
    fn create_service_listener(
        &self,
        service: &Arn,
        new: &NewListener,
    ) -> impl Future<Output = Answer<Arn>> + Send;

    /// `UpdateListener`.
    fn set_default(&self, listener: &Arn, action: &Action) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteListener`, with its rules.
    fn delete_service_listener(&self, listener: &Arn) -> impl Future<Output = Answer<()>> + Send;

    /// `ListRules` and `GetRule`, without the default rule.
    fn rules_of(&self, listener: &Arn) -> impl Future<Output = Answer<Vec<Rule>>> + Send;

    /// `CreateRule`.
    fn create_service_rule(&self, listener: &Arn, new: &NewRule) -> impl Future<Output = Answer<()>> + Send;

    /// `UpdateRule`: its match and action.
    fn update_rule(
        &self,
        rule: &Arn,
        conditions: &Match,
        action: &Action,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `BatchUpdateRule`: priorities of at most ten rules, which may swap them.
    fn set_priorities(
        &self,
        listener: &Arn,
        priorities: &BTreeMap<Arn, u16>,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteRule`.
    fn delete_service_rule(&self, rule: &Arn) -> impl Future<Output = Answer<()>> + Send;
}

/// Target groups and their targets.
pub trait TargetGroups: Send + Sync {
    /// `GetTargetGroup`; none when it does not exist.
    fn group(&self, arn: &Arn) -> impl Future<Output = Answer<Option<TargetGroup>>> + Send;

    /// The target group of this name (`ListTargetGroups`).
    fn group_named(&self, name: &str) -> impl Future<Output = Answer<Option<Arn>>> + Send;

    /// `CreateTargetGroup`.
    fn create_group(&self, new: &NewTargetGroup) -> impl Future<Output = Answer<Arn>> + Send;

    /// `UpdateTargetGroup`.
    fn set_health(&self, arn: &Arn, health: &Health) -> impl Future<Output = Answer<()>> + Send;

    /// `DeleteTargetGroup`: no rule may forward to it.
    fn delete_group(&self, arn: &Arn) -> impl Future<Output = Answer<()>> + Send;

    /// `ListTargets`.
    fn targets_of(&self, arn: &Arn) -> impl Future<Output = Answer<BTreeMap<Target, TargetStatus>>> + Send;

    /// `RegisterTargets`: at most 100.
    fn register_targets(
        &self,
        arn: &Arn,
        targets: &BTreeSet<Target>,
    ) -> impl Future<Output = Answer<()>> + Send;

    /// `DeregisterTargets`: at most 100. Those that are not registered do no harm.
    fn deregister_targets(
        &self,
        arn: &Arn,
        targets: &BTreeSet<Target>,
    ) -> impl Future<Output = Answer<()>> + Send;
}

/// VPC Lattice of an account in a region.
pub trait Lattice: Resources + Networks + Services + Listeners + TargetGroups {}

impl<T: Resources + Networks + Services + Listeners + TargetGroups> Lattice for T {}
