//! Steps of a plan: what each change needs to be carried out.

use crate::cloud::{
    Arn, Attributes, Kind, ListenerSettings, NewGroup, NewTargetGroup, NewTrustStore, Standing,
};
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::access::Ports;
use gatewright_aws_core::alb::Balancer;
use gatewright_aws_core::alb::listener::{CertificateId, Import, Listener};
use gatewright_aws_core::alb::rule::Rule;
use gatewright_aws_core::network::{Ingress, IpAddressType};
use gatewright_aws_core::target_group::{HealthCheck, Target, TargetGroupId};
use gatewright_aws_core::trust_store::{Place, TrustStoreId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What a step refers to: it exists, or an earlier step of the same plan makes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id {
    /// A certificate.
    Certificate(CertificateId),
    /// A trust store.
    TrustStore(TrustStoreId),
    /// The security group.
    SecurityGroup,
    /// The group that load balancers of a cluster share.
    BackendGroup,
    /// A target group.
    TargetGroup(TargetGroupId),
    /// The load balancer.
    Balancer,
    /// A listener, by its port.
    Listener(u16),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(CertificateId::Imported(key)) => write!(f, "certificate of {key}"),
            Self::Certificate(CertificateId::Arn(arn)) => write!(f, "certificate {arn}"),
            Self::TrustStore(id) => write!(f, "trust store {id}"),
            Self::SecurityGroup => f.write_str("security group"),
            Self::BackendGroup => f.write_str("shared security group"),
            Self::TargetGroup(id) => write!(f, "target group {id}"),
            Self::Balancer => f.write_str("load balancer"),
            Self::Listener(port) => write!(f, "listener {port}"),
        }
    }
}

/// ARNs of what a plan refers to: those that exist from the start, those that it makes as it makes them. All steps
/// of one plan share it.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<BTreeMap<Id, Arn>>>);

impl Ledger {
    /// Notes an ARN.
    pub fn note(&self, id: Id, arn: Arn) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, arn);
    }

    /// The ARN.
    pub fn get(&self, id: &Id) -> Option<Arn> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }
}

/// A step with what all of its plan share.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is called.
    pub call: Call,
    /// ARNs.
    pub ledger: Ledger,
}

/// What a step calls: each one writes once, but for those that need two calls of AWS for one thing.
#[derive(Clone, Debug)]
pub enum Call {
    /// A certificate is imported, over this one if there is one.
    Import {
        /// Which.
        id: CertificateId,
        /// Over this one.
        over: Option<Arn>,
        /// The certificate.
        import: Import,
        /// All its tags.
        tags: Tags,
    },
    /// A trust store is made of a bundle, PEM, that is put into S3 before.
    CreateTrustStore(TrustStoreId, NewTrustStore, Str),
    /// A trust store goes, and its bundle before it.
    DeleteTrustStore(Arn, Option<Place>),
    /// The security group is made.
    CreateSecurityGroup(NewGroup),
    /// The security group lets more in.
    Authorize(BTreeSet<Ingress>),
    /// A security group lets less in.
    Revoke(Arn, BTreeSet<Ingress>),
    /// The group that load balancers share is made.
    CreateBackendGroup(NewGroup),
    /// A group of nodes lets it in.
    Admit(Arn, BTreeSet<Ports>),
    /// A group of nodes lets it in no more.
    Refuse(Refusal),
    /// A target group is made.
    CreateTargetGroup(TargetGroupId, NewTargetGroup),
    /// Its health check changes.
    SetHealthCheck(Arn, HealthCheck),
    /// Its attributes change.
    SetTargetGroupAttributes(TargetGroupId, Attributes),
    /// Targets are registered, at most [`CHUNK`].
    Register(Group, BTreeSet<Target>),
    /// Targets are deregistered, at most [`CHUNK`].
    Deregister(Arn, BTreeSet<Target>),
    /// The load balancer is made.
    CreateBalancer(Balancer, Tags),
    /// Its attributes change.
    SetBalancerAttributes(Attributes),
    /// Its subnets change, or what it has in them.
    SetSubnets(Standing),
    /// One that another takes the place of leaves subnets: it stays in these.
    LeaveSubnets(Arn, Standing),
    /// Its security groups change.
    SetSecurityGroups(Balancer),
    /// Its addresses change.
    SetIpAddressType(IpAddressType),
    /// Its public addresses come from this pool, or from AWS again.
    SetIpamPool(Option<Str>),
    /// A web ACL is put in front of it, by ARN.
    AssociateWebAcl(Str),
    /// It is taken away.
    DisassociateWebAcl,
    /// Shield Advanced protects it, with all tags of the protection.
    CreateProtection(Str, Tags),
    /// A protection goes: its id, and the load balancer that it is of.
    DeleteProtection(Str, Arn),
    /// So many units of capacity are reserved for it, or none any more.
    SetCapacity(Option<u32>),
    /// A listener is made.
    CreateListener(Arc<Listener>, Tags),
    /// A listener changes.
    ModifyListener(Arn, Arc<Listener>),
    /// Nobody wants a listener that others have rules on: it answers 404 where they do not.
    CloseListener(Arn, ListenerSettings),
    /// A listener's attributes change.
    SetListenerAttributes(u16, Attributes),
    /// A listener gets a certificate.
    AddCertificate(u16, CertificateId),
    /// A listener lets go of a certificate.
    RemoveCertificate(Arn, Arn),
    /// Rules of a listener change their order.
    SetPriorities(BTreeMap<Arn, u16>),
    /// A rule is made on the listener of this port, with this priority.
    CreateRule {
        /// The listener's port.
        port: u16,
        /// Priority.
        priority: u16,
        /// The rule.
        rule: Rule,
        /// All its tags.
        tags: Tags,
    },
    /// A rule changes.
    ModifyRule(Arn, Rule),
    /// Resources get tags: at most 20, of Elastic Load Balancing, else one.
    AddTags(Kind, Vec<Arn>, Tags),
    /// They lose tags.
    RemoveTags(Kind, Vec<Arn>, BTreeSet<Str>),
    /// It goes.
    Delete(Kind, Arn),
}

/// A group of nodes lets load balancers in no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The group of nodes.
    pub node: Arn,
    /// That of the load balancers.
    pub group: Arn,
    /// Their VPC.
    pub vpc: Str,
    /// Their cluster.
    pub cluster: Str,
    /// Where, unless one of them needs it by then.
    pub ports: BTreeSet<Ports>,
}

/// A target group of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Group {
    /// One that is wanted.
    Wanted(TargetGroupId),
    /// One that another takes the place of.
    Former(Arn),
}

/// Most targets of one call
/// (`RegisterTargets` documents no number; the peers use 200, and larger calls were refused).
pub const CHUNK: usize = 200;
