//! What refers to what, kept current object by object.

use super::object::{Kind, Object, ObjectKey, name_of};
use crate::graph::pods;
use crate::small_set::SmallSet;
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use std::collections::{BTreeMap, BTreeSet};

/// A question that a [`super::View`] answers. Two views with the same answers give the same results.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dep {
    /// One object, or its absence.
    Object(ObjectKey),
    /// All Services of a namespace.
    ServicesIn(Str),
    /// The EndpointSlices of a Service.
    SlicesOf(ObjectName),
    /// The ReferenceGrants of a namespace.
    GrantsIn(Str),
    /// The BackendTLSPolicies that target a Service.
    TlsPoliciesOf(ObjectName),
    /// The XBackendTrafficPolicies that target a backend of a kind.
    TrafficPoliciesOf(Str, ObjectName),
    /// The XTelemetryPolicies that target a Gateway.
    TelemetryPoliciesOf(ObjectName),
    /// The AwsTargetGroupParameters that target a Service.
    TargetGroupsOf(ObjectName),
    /// All Nodes.
    Nodes,
    /// The Pods of a namespace that wait for load balancers.
    PodsIn(Str),
    /// The ListenerSets of a Gateway.
    ListenerSetsOf(ObjectName),
    /// The Gateways with a default scope (GEP-3793).
    DefaultGateways,
    /// The Gateways of a class.
    GatewaysOf(Str),
    /// What was found out about a GatewayClass.
    Class(Str),
    /// What routes need to know of a Gateway, or that it is none of ours.
    Facts(ObjectName),
}

impl Dep {
    /// The kind of the objects that an index lists.
    const fn listed(&self) -> Option<Kind> {
        match self {
            Self::Object(_) | Self::Class(_) | Self::Facts(_) => None,
            Self::ServicesIn(_) => Some(Kind::Service),
            Self::SlicesOf(_) => Some(Kind::EndpointSlice),
            Self::GrantsIn(_) => Some(Kind::ReferenceGrant),
            Self::TlsPoliciesOf(_) => Some(Kind::BackendTlsPolicy),
            Self::TrafficPoliciesOf(..) => Some(Kind::XBackendTrafficPolicy),
            Self::TelemetryPoliciesOf(_) => Some(Kind::XTelemetryPolicy),
            Self::TargetGroupsOf(_) => Some(Kind::AwsTargetGroup),
            Self::Nodes => Some(Kind::Node),
            Self::PodsIn(_) => Some(Kind::Pod),
            Self::ListenerSetsOf(_) => Some(Kind::ListenerSet),
            Self::DefaultGateways | Self::GatewaysOf(_) => Some(Kind::Gateway),
        }
    }
}

/// Objects by question.
#[derive(Debug, Default)]
pub struct Index {
    entries: BTreeMap<Dep, SmallSet<ObjectName>>,
}

impl Index {
    /// Replaces an object and returns the lists whose contents changed.
    pub(super) fn replace(
        &mut self,
        key: &ObjectKey,
        old: Option<&Object>,
        new: Option<&Object>,
    ) -> Vec<Dep> {
        let before = old.map(lists).unwrap_or_default();
        let after = new.map(lists).unwrap_or_default();
        for dep in before.difference(&after) {
            if let Some(names) = self.entries.get_mut(dep) {
                names.remove(&key.name);
                if names.is_empty() {
                    self.entries.remove(dep);
                }
            }
        }
        for dep in after.difference(&before) {
            self.entries
                .entry(dep.clone())
                .or_default()
                .insert(key.name.clone());
        }
        // The list's answer holds the objects themselves: one that stays and differs counts too.
        before.union(&after).cloned().collect()
    }

    /// Gives back room that is reserved for more.
    pub(super) fn compact(&mut self) {
        self.entries = std::mem::take(&mut self.entries).into_iter().collect();
        self.entries.values_mut().for_each(SmallSet::compact);
    }

    /// The kind and names that a question lists.
    pub(super) fn list(&self, dep: &Dep) -> Option<(Kind, &SmallSet<ObjectName>)> {
        Some((dep.listed()?, self.entries.get(dep)?))
    }
}

/// The lists that an object is in.
fn lists(object: &Object) -> BTreeSet<Dep> {
    let name = name_of(object.metadata());
    let here = |target: &str| ObjectName {
        namespace: name.namespace.clone(),
        name: target.into(),
    };
    match object {
        Object::Service(_) => BTreeSet::from([Dep::ServicesIn(name.namespace.clone())]),
        Object::EndpointSlice(slice) => slice
            .metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get("kubernetes.io/service-name"))
            .map(|service| Dep::SlicesOf(here(service)))
            .into_iter()
            .collect(),
        Object::ReferenceGrant(_) => BTreeSet::from([Dep::GrantsIn(name.namespace.clone())]),
        Object::BackendTlsPolicy(policy) => policy
            .spec
            .target_refs
            .iter()
            .map(|target| Dep::TlsPoliciesOf(here(&target.name)))
            .collect(),
        Object::XBackendTrafficPolicy(policy) => policy
            .spec
            .target_refs
            .iter()
            .map(|target| Dep::TrafficPoliciesOf(target.kind.as_str().into(), here(&target.name)))
            .collect(),
        Object::XTelemetryPolicy(policy) => policy
            .spec
            .target_refs
            .iter()
            .map(|target| Dep::TelemetryPoliciesOf(here(&target.name)))
            .collect(),
        Object::AwsTargetGroup(settings) => settings
            .spec
            .target_refs
            .iter()
            .map(|target| Dep::TargetGroupsOf(here(&target.name)))
            .collect(),
        Object::Node(_) => BTreeSet::from([Dep::Nodes]),
        // Of others nothing depends: they are ready when their containers are.
        Object::Pod(pod) if pods::waits(pod) => BTreeSet::from([Dep::PodsIn(name.namespace.clone())]),
        Object::ListenerSet(set) => {
            let parent = &set.spec.parent_ref;
            let namespace = parent.namespace.as_deref().unwrap_or(&name.namespace);
            BTreeSet::from([Dep::ListenerSetsOf(ObjectName::new(namespace, &parent.name))])
        }
        Object::Gateway(gateway) => {
            let mut lists =
                BTreeSet::from([Dep::GatewaysOf(gateway.spec.gateway_class_name.as_str().into())]);
            if gateway.spec.default_scope.is_some() {
                lists.insert(Dep::DefaultGateways);
            }
            lists
        }
        _ => BTreeSet::new(),
    }
}
