//! What a Gateway's services depend on beside it: what users set, and what is found in the account.

use super::{Access, CheckVersion};
use crate::Str;
use crate::alb::settings::{Approximations, Family};
use crate::target_group::HealthCheck;
use gatewright_model::key::ObjectName;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What users set, merged over all levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Name of the cluster, in the tags and names of everything that is made.
    pub cluster: Str,
    /// A service network of somebody else, by id or ARN.
    pub network: Option<Str>,
    /// Whether the VPC is associated with the network.
    pub association: Association,
    /// Whether services are in no network.
    pub standalone: bool,
    /// Security groups of the association.
    pub security_groups: BTreeSet<Str>,
    /// Of the network.
    pub access: Access,
    /// Of single services, by hostname; `*` for the Gateway's own.
    pub services: BTreeMap<Str, ServiceSettings>,
    /// Tags of everything that is made. Labels of the Gateway's `infrastructure` win.
    pub tags: BTreeMap<Str, Str>,
    /// What becomes of what can be served only roughly.
    pub approximations: Approximations,
    /// Address family of pods that have both.
    pub family: Family,
    /// Health checks.
    pub health: HealthSettings,
    /// Health checks of single Services, in place of `health`.
    pub backends: BTreeMap<ObjectName, HealthSettings>,
    /// What the Gateway's own parameters set and those of its class overrule, by path.
    pub overruled: BTreeSet<Str>,
    /// What is set of target groups and comes to nothing.
    pub unfit: BTreeSet<Unfit>,
}

impl Settings {
    /// All defaults.
    pub fn new(cluster: &str) -> Self {
        Self {
            cluster: cluster.into(),
            network: None,
            association: Association::default(),
            standalone: false,
            security_groups: BTreeSet::new(),
            access: Access::default(),
            services: BTreeMap::new(),
            tags: BTreeMap::new(),
            approximations: Approximations::default(),
            family: Family::default(),
            health: HealthSettings::default(),
            backends: BTreeMap::new(),
            overruled: BTreeSet::new(),
            unfit: BTreeSet::new(),
        }
    }
}

/// How targets are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthSettings {
    /// Whether they are. By default those of HTTP/1.1 and HTTP/2, and of Services with a check of their own.
    pub enabled: Option<bool>,
    /// By which version of HTTP; by default that of the targets.
    pub version: Option<CheckVersion>,
    /// All else.
    pub check: HealthCheck,
}

/// A setting that comes to nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unfit {
    /// Object.
    pub object: Str,
    /// Field.
    pub field: Str,
    /// Why.
    pub why: &'static str,
    /// What to do instead.
    pub instead: &'static str,
}

/// Whether a VPC is associated with the service network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Association {
    /// It is, so that its clients reach the services.
    #[default]
    Vpc,
    /// Others see to that.
    None,
}

/// Settings of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Its name, in place of one that follows from cluster, Gateway and hostname.
    pub name: Option<Str>,
    /// Tags, over those of all.
    pub tags: BTreeMap<Str, Str>,
    /// Whether it is in no network, in place of what holds for all.
    pub standalone: Option<bool>,
    /// ARN of a certificate in ACM, in place of those of the Gateway's listeners.
    pub certificate: Option<Str>,
    /// Who may call, and what is logged.
    pub access: Access,
    /// A service that exists, in place of one that is made.
    pub adopt: Option<Adopted>,
}

/// A service that exists and is to be a Gateway's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Its ARN.
    pub arn: Str,
    /// Its name, which cannot change; where there is no such service, its id.
    pub name: Str,
}

/// What is found in the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `vpc-…`, of the clients and the targets.
    pub vpc: Str,
    /// Quotas.
    pub limits: Limits,
}

/// Quotas ("Quotas for Amazon VPC Lattice",
/// <https://docs.aws.amazon.com/vpc-lattice/latest/ug/quotas.html>).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Listeners of a service.
    pub listeners: u32,
    /// Rules of a listener, without its default one. Editions of the page differ: 5 and 10.
    pub rules: u32,
    /// Target groups of a rule (`API_ForwardAction`).
    pub target_groups_per_action: u32,
    /// Targets of a group.
    pub targets: u32,
    /// Services of a network.
    pub services: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            listeners: 2,
            rules: 10,
            target_groups_per_action: 10,
            targets: 1000,
            services: 500,
        }
    }
}
