//! Steps of a plan: what each change needs to be carried out.

use super::cloud::{Auth, Kind, NewTargetGroup};
use crate::cloud::Arn;
use crate::owner::Tags;
use gatewright_aws_core::Str;
use gatewright_aws_core::alb::listener::{CertificateId, Import};
use gatewright_aws_core::lattice::{Action, Health, Listener, Rule, Service, ServiceId};
use gatewright_aws_core::target_group::{Target, TargetGroupId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What a step refers to: it exists, or an earlier step of the same plan makes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id {
    /// A certificate.
    Certificate(CertificateId),
    /// The service network.
    Network,
    /// A service.
    Service(ServiceId),
    /// A listener of a service, by its port.
    Listener(ServiceId, u16),
    /// A target group.
    TargetGroup(TargetGroupId),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(CertificateId::Imported(key)) => write!(f, "certificate of {key}"),
            Self::Certificate(CertificateId::Arn(arn)) => write!(f, "certificate {arn}"),
            Self::Network => f.write_str("service network"),
            Self::Service(id) => write!(f, "service {id}"),
            Self::Listener(id, port) => write!(f, "listener {port} of service {id}"),
            Self::TargetGroup(id) => write!(f, "target group {id}"),
        }
    }
}

/// ARNs of what a plan refers to: those that exist from the start, those that it makes as it makes them. All steps of one
/// plan share it.
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

/// What a step calls: each one writes once.
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
    /// The service network is made.
    CreateNetwork(Str, Auth, Tags),
    /// Its authentication changes.
    SetNetworkAuth(Arn, Auth),
    /// A VPC is associated with the network.
    AssociateVpc(Str, BTreeSet<Str>, Tags),
    /// Security groups of an association change.
    SetGroups(Arn, BTreeSet<Str>),
    /// A VPC is dissociated.
    DissociateVpc(Arn),
    /// A target group is made.
    CreateTargetGroup(TargetGroupId, NewTargetGroup),
    /// Its health check changes.
    SetHealth(Arn, Health),
    /// Targets are registered, at most [`CHUNK`].
    Register(TargetGroupId, BTreeSet<Target>),
    /// Targets are deregistered, at most [`CHUNK`].
    Deregister(Arn, BTreeSet<Target>),
    /// A service is made.
    CreateService(ServiceId, Arc<Service>, Tags),
    /// Its certificate and authentication change.
    UpdateService(Arn, Option<CertificateId>, Auth),
    /// A network or service gets a policy.
    PutPolicy(Id, Str),
    /// It loses its policy.
    DeletePolicy(Arn),
    /// Access logs of a network or service go to a destination.
    LogTo(Id, Str, Tags),
    /// They go there no more.
    StopLog(Arn),
    /// A listener is made on the service.
    CreateListener(ServiceId, u16, Arc<Listener>, Tags),
    /// Its default action changes.
    SetDefault(Arn, Action),
    /// Rules of a listener change their order: at most ten.
    SetPriorities(Arn, BTreeMap<Arn, u16>),
    /// A rule is made.
    CreateRule {
        /// The listener.
        listener: Id,
        /// Name.
        name: Str,
        /// Priority.
        priority: u16,
        /// The rule.
        rule: Rule,
        /// All its tags.
        tags: Tags,
    },
    /// A rule changes.
    UpdateRule(Arn, Rule),
    /// A service is associated with the network: with this one, or with that of the plan.
    AssociateService(ServiceId, Option<Arn>, Tags),
    /// A service is dissociated.
    DissociateService(Arn),
    /// A resource gets tags.
    Tag(Kind, Arn, Tags),
    /// It loses tags.
    Untag(Kind, Arn, BTreeSet<Str>),
    /// It goes.
    Delete(Kind, Arn),
    /// It goes, and the step has failed until it has gone: AWS may give up (`DELETE_FAILED`).
    End(Kind, Arn),
    /// A listener goes.
    DeleteListener(Arn),
    /// A rule goes.
    DeleteRule(Arn),
}

/// Most targets of one call (`API_RegisterTargets`: "Maximum number of 100 items").
pub const CHUNK: usize = 100;

/// Most rules of one call (`API_BatchUpdateRule`).
pub const BATCH: usize = 10;
