//! `parametersRef` of GatewayClasses and Gateways.

use super::nodes::NodeFacts;
use super::overruled::overruled;
use crate::snapshot::View;
use gatewright_crds::own::aws::{TargetGroupSettings, TargetType};
use gatewright_crds::own::{
    AwsBackendSpec, AwsLatticeParametersSpec, AwsLoadBalancerParametersSpec, AwsRouteParametersSpec,
    AwsTargetGroupParametersSpec, GROUP, SoftwareGatewayParametersSpec,
};
use gatewright_model::Str;
use gatewright_model::backend::Endpoint;
use gatewright_model::certificate::Secret;
use gatewright_model::key::{BackendKey, ObjectName, RouteKey};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the classes of a controller name take as parameters. It follows the provider behind the name and not
/// the name itself: an installation chooses its own, so that several live side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParametersKind {
    /// Nothing.
    #[default]
    None,
    /// `SoftwareGatewayParameters`.
    Software,
    /// `AwsLoadBalancerParameters`.
    AwsAlb,
    /// `AwsLatticeParameters`.
    AwsLattice,
}

impl ParametersKind {
    /// The `kind` that a reference must name; `None`: there is none.
    pub const fn kind(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Software => Some("SoftwareGatewayParameters"),
            Self::AwsAlb => Some("AwsLoadBalancerParameters"),
            Self::AwsLattice => Some("AwsLatticeParameters"),
        }
    }

    /// Whether a terminating listener may name no certificates: the provider then finds some for its hostnames, or its
    /// parameters name them.
    pub const fn finds_certificates(self) -> bool {
        match self {
            Self::None | Self::Software | Self::AwsLattice => false,
            Self::AwsAlb => true,
        }
    }

    /// Parameters in which nothing is set.
    pub fn defaults(self) -> Parameters {
        match self {
            Self::None => Parameters::None,
            Self::Software => Parameters::Software(Box::default()),
            Self::AwsAlb => Parameters::AwsAlb(Arc::default()),
            Self::AwsLattice => Parameters::AwsLattice(Arc::default()),
        }
    }
}

/// Settings of a Gateway's provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Parameters {
    /// The provider has none.
    #[default]
    None,
    /// The bundled proxy.
    Software(Box<SoftwareGatewayParametersSpec>),
    /// Application Load Balancers.
    AwsAlb(Arc<AwsAlb>),
    /// VPC Lattice.
    AwsLattice(Arc<AwsLattice>),
}

/// Settings of VPC Lattice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsLattice {
    /// Network and services.
    pub lattice: AwsLatticeParametersSpec,
    /// What the Gateway's own parameters set and those of its class overrule, by path.
    pub overruled: BTreeSet<Str>,
    /// Of Services with settings of their own.
    pub target_groups: BTreeMap<ObjectName, Arc<AwsTargetGroupParametersSpec>>,
}

/// Settings of an Application Load Balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsAlb {
    /// The load balancer.
    pub balancer: AwsLoadBalancerParametersSpec,
    /// Of Services with settings of their own.
    pub target_groups: BTreeMap<ObjectName, Arc<AwsTargetGroupParametersSpec>>,
    /// Ports that the Gateway's own parameters have settings for, and no listener has, be it one that can be served or
    /// not. Those of its class may have more ports than each of its Gateways.
    pub strays: BTreeSet<u16>,
    /// What the Gateway's own parameters set and those of its class overrule, by path.
    pub overruled: BTreeSet<Str>,
    /// What rules of routes ask for, by route and position of the rule.
    pub routes: BTreeMap<(RouteKey, u32), AwsRoute>,
    /// What their backend references name of our own kinds, by route, position of the rule and of the reference.
    pub backends: BTreeMap<(RouteKey, u32, u32), AwsBackend>,
    /// Nodes that may take traffic, by name; empty where no setting makes nodes targets.
    pub nodes: Arc<BTreeMap<Str, NodeFacts>>,
    /// Instances that are ready as soon as the load balancer finds them healthy ([`super::pods`]), by backend.
    pub warming: Arc<BTreeMap<BackendKey, Vec<Endpoint>>>,
}

/// What a rule of a route asks of an Application Load Balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsRoute {
    /// Path of the field that names it.
    pub field: Str,
    /// The AwsRouteParameters.
    pub object: ObjectName,
    /// What it says.
    pub spec: Arc<AwsRouteParametersSpec>,
    /// The secret of its client, or why there is none; none also where it names none.
    pub client_secret: Option<Result<Secret, Str>>,
}

/// A backend on AWS that a rule of a route names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsBackend {
    /// Path of the field that names it.
    pub field: Str,
    /// The AwsBackend.
    pub object: ObjectName,
    /// What it says.
    pub spec: Arc<AwsBackendSpec>,
}

/// Whether settings make nodes the targets of some backend.
pub fn wants_nodes<'a>(
    balancer: &AwsLoadBalancerParametersSpec,
    mut services: impl Iterator<Item = &'a AwsTargetGroupParametersSpec>,
) -> bool {
    let instance = |settings: &TargetGroupSettings| settings.target_type == Some(TargetType::Instance);
    balancer.target_groups.as_ref().is_some_and(instance)
        || services.any(|service| instance(&service.settings))
}

impl Parameters {
    /// Those of the bundled proxy.
    pub fn software(&self) -> Option<&SoftwareGatewayParametersSpec> {
        match self {
            Self::Software(spec) => Some(spec),
            Self::None | Self::AwsAlb(_) | Self::AwsLattice(_) => None,
        }
    }

    /// These settings where set, else `base`'s, or the other way round where a class says so; of another provider there is nothing
    /// to take.
    #[must_use]
    fn over(self, base: &Self) -> Self {
        match (self, base) {
            (Self::Software(mine), Self::Software(base)) => Self::Software(Box::new(mine.over(base))),
            (Self::AwsAlb(mine), Self::AwsAlb(base)) => Self::AwsAlb(Arc::new(AwsAlb {
                strays: mine
                    .balancer
                    .listeners
                    .iter()
                    .flatten()
                    .map(|own| own.port)
                    .collect(),
                overruled: if base.balancer.wins() {
                    overruled(&mine.balancer, &mine.balancer.clone().with_class(&base.balancer))
                } else {
                    BTreeSet::new()
                },
                balancer: mine.balancer.clone().with_class(&base.balancer),
                ..AwsAlb::default()
            })),
            (Self::AwsLattice(mine), Self::AwsLattice(base)) => Self::AwsLattice(Arc::new(AwsLattice {
                overruled: if base.lattice.wins() {
                    overruled(&mine.lattice, &mine.lattice.clone().with_class(&base.lattice))
                } else {
                    BTreeSet::new()
                },
                lattice: mine.lattice.clone().with_class(&base.lattice),
                target_groups: BTreeMap::new(),
            })),
            (mine, _) => mine,
        }
    }

    /// The same for a Gateway with listeners on these ports.
    #[must_use]
    pub fn with_ports(self, ports: &BTreeSet<u16>) -> Self {
        match self {
            Self::AwsAlb(found) if !found.strays.is_empty() => {
                let mut found = AwsAlb::clone(&found);
                found.strays.retain(|port| !ports.contains(port));
                Self::AwsAlb(Arc::new(found))
            }
            other => other,
        }
    }

    /// Whether the provider has target groups, which Services may have settings for.
    pub const fn takes_target_groups(&self) -> bool {
        matches!(self, Self::AwsAlb(_) | Self::AwsLattice(_))
    }

    /// What only a GatewayClass may set, in words.
    fn class_only(&self, class: &Self) -> Option<String> {
        match (self, class) {
            (Self::Software(mine), Self::Software(class)) => {
                mine.class_only(class).map(|problem| problem.to_string())
            }
            (Self::AwsAlb(mine), _) => mine.balancer.class_only().map(for_classes),
            (Self::AwsLattice(mine), _) => mine.lattice.class_only().map(for_classes),
            _ => None,
        }
    }
}

fn for_classes(field: &str) -> String {
    format!("{field}: may be set in the parameters of a GatewayClass, not in those of a Gateway")
}

/// A reference to parameters, the namespace filled in by the caller.
#[derive(Clone, Copy, Debug)]
pub struct ParametersRef<'a> {
    /// Path of the field.
    pub field: &'a str,
    /// Group.
    pub group: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Namespace; empty when a cluster-scoped object was named.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
}

/// Resolves parameters.
///
/// # Errors
/// Message of `Accepted=False` with reason `InvalidParameters`: the kind is not one of the
/// controller's, the object does not exist, or it holds what cannot be used (`GatewayClassSpec.parametersRef`,
/// `GatewayInfrastructure.parametersRef`: "the Gateway/GatewayClass SHOULD be rejected").
pub fn resolve(
    view: &View<'_>,
    (controller, accepted): (&str, ParametersKind),
    reference: ParametersRef<'_>,
) -> Result<Parameters, String> {
    let ParametersRef {
        field,
        group,
        kind,
        namespace,
        name,
    } = reference;
    let Some(expected) = accepted.kind() else {
        return Err(format!(
            "{field}: kind {kind} of group {group} holds no parameters for {controller}; none are accepted"
        ));
    };
    if (group, kind) != (GROUP, expected) {
        return Err(format!(
            "{field}: kind {kind} of group {group} holds no parameters for {controller}; accepted is {expected} of {GROUP}"
        ));
    }
    if namespace.is_empty() {
        return Err(format!(
            "{field}.namespace: is needed, because {expected} is namespaced"
        ));
    }
    let object = ObjectName::new(namespace, name);
    let found = match accepted {
        ParametersKind::None => None,
        ParametersKind::Software => match view.parameters(&object) {
            Some(found) => {
                if let Some(problem) = found.spec.problem() {
                    return Err(format!("{field}: {expected} {object}: {problem}"));
                }
                Some(Parameters::Software(Box::new(found.spec.clone())))
            }
            None => None,
        },
        ParametersKind::AwsAlb => view.aws_balancer(&object).map(|found| {
            Parameters::AwsAlb(Arc::new(AwsAlb {
                balancer: found.spec.clone(),
                ..AwsAlb::default()
            }))
        }),
        ParametersKind::AwsLattice => view.aws_lattice(&object).map(|found| {
            Parameters::AwsLattice(Arc::new(AwsLattice {
                lattice: found.spec.clone(),
                ..AwsLattice::default()
            }))
        }),
    };
    found.ok_or_else(|| format!("{field}: {expected} {object} does not exist"))
}

/// A Gateway's own parameters over those of its class.
///
/// # Errors
/// What the Gateway's set and only a class may set, in words.
pub fn combine(own: Parameters, class: &Parameters) -> Result<Parameters, String> {
    match own.class_only(class) {
        Some(problem) => Err(problem),
        None => Ok(own.over(class)),
    }
}
