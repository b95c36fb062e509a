//! Policies and XBackends: the Gateways they take effect on, and what their conditions say there.

use super::Engine;
use super::unit::Unit;
use crate::graph::parameters::Parameters;
use crate::policy::{PolicyVerdict, backend_tls, target_group, telemetry, traffic};
use crate::snapshot::{Dep, Kind, Object, ObjectKey, View, listed};
use crate::status::policy::Ancestor;
use crate::{backend, policy};
use gatewright_crds::api::XTelemetryPolicy;
use gatewright_model::key::{BackendKey, BackendKind, ObjectName};
use std::collections::BTreeSet;

impl Engine {
    pub(super) fn policy(&mut self, key: &ObjectKey) {
        let unit = Unit::Policy(key.clone());
        let view = View::new(&self.snapshot);
        let ancestors = match view.object(key.kind, &key.name) {
            Some(Object::BackendTlsPolicy(found)) => {
                let gateways = backend_tls::targets(found)
                    .flat_map(|service| self.gateways_of(BackendKind::Service, &service))
                    .collect();
                self.ancestors(&gateways, &backend_tls::verdict(&view, found))
            }
            Some(Object::XBackendTrafficPolicy(found)) => {
                let gateways = traffic::targets(found)
                    .flat_map(|(kind, name)| {
                        let kinds: &[BackendKind] = match kind {
                            "XBackend" => &[BackendKind::XBackend],
                            _ => &[BackendKind::Service, BackendKind::ServiceUdp],
                        };
                        let gateways = kinds.iter().flat_map(|kind| self.gateways_of(*kind, &name));
                        gateways.collect::<BTreeSet<_>>()
                    })
                    .collect();
                self.ancestors(&gateways, &traffic::verdict(&view, found))
            }
            Some(Object::XTelemetryPolicy(found)) => self.telemetry(&view, found),
            Some(Object::XBackend(found)) => {
                let gateways = self.gateways_of(BackendKind::XBackend, &key.name);
                let verdict = backend::xbackend_verdict(&view, found, self.options.backends);
                self.ancestors(&gateways, &verdict)
            }
            Some(Object::AwsTargetGroup(found)) => {
                let gateways = target_group::targets(found)
                    .flat_map(|service| self.gateways_of(BackendKind::Service, &service))
                    .filter(|gateway| {
                        view.note(Dep::Facts(gateway.clone()));
                        self.takes_target_groups(gateway)
                    })
                    .collect();
                self.ancestors(&gateways, &target_group::verdict(&view, found))
            }
            _ => {
                self.tracker.forget(&unit);
                if self.policies.remove(key).is_some() {
                    self.dirty.insert(Unit::Status(key.clone()));
                }
                return;
            }
        };
        self.tracker.set(&unit, view.asked());
        if self.policies.get(key) != Some(&ancestors) {
            self.policies.insert(key.clone(), ancestors);
            self.dirty.insert(Unit::Status(key.clone()));
        }
    }

    /// The Gateways that reach any port of an object.
    fn gateways_of(&self, kind: BackendKind, object: &ObjectName) -> BTreeSet<ObjectName> {
        let first = BackendKey {
            kind,
            object: object.clone(),
            port: 0,
        };
        let last = BackendKey {
            kind,
            object: object.clone(),
            port: u16::MAX,
        };
        self.backends
            .range(first..=last)
            .flat_map(|(_, state)| state.gateways.iter().cloned())
            .collect()
    }

    fn ancestors(&self, gateways: &BTreeSet<ObjectName>, verdict: &PolicyVerdict) -> Vec<Ancestor> {
        let ours = gateways.iter().filter_map(|name| {
            let facts = self.gateways.get(name)?.facts.as_ref()?;
            let controller = facts.controller.clone();
            Some(Ancestor {
                gateway: name.clone(),
                controller,
                verdict: verdict.clone(),
            })
        });
        ours.collect()
    }

    /// Whether a Gateway's provider has target groups.
    fn takes_target_groups(&self, gateway: &ObjectName) -> bool {
        let node = self.gateways.get(gateway).and_then(|state| state.node.as_ref());
        node.and_then(|node| node.parameters.as_ref())
            .is_some_and(Parameters::takes_target_groups)
    }

    fn telemetry(&self, view: &View<'_>, found: &XTelemetryPolicy) -> Vec<Ancestor> {
        let targets: BTreeSet<ObjectName> = policy::telemetry::targets(found).collect();
        let ours = targets.into_iter().filter_map(|gateway| {
            view.note(Dep::Facts(gateway.clone()));
            let facts = self.gateways.get(&gateway)?.facts.as_ref()?;
            let dep = Dep::TelemetryPoliciesOf(gateway.clone());
            let policies: Vec<&XTelemetryPolicy> = listed!(view, dep, XTelemetryPolicy);
            let (_, verdict) = telemetry::evaluate(view, found, &gateway, &policies, self.options.backends);
            Some(Ancestor {
                controller: facts.controller.clone(),
                gateway,
                verdict,
            })
        });
        ours.collect()
    }
}

/// Kinds whose status lists Gateways as ancestors.
pub(super) const fn has_ancestors(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::BackendTlsPolicy
            | Kind::XBackendTrafficPolicy
            | Kind::XTelemetryPolicy
            | Kind::XBackend
            | Kind::AwsTargetGroup
    )
}
