//! Computing units.

use super::Engine;
use super::pool::hash_of;
use super::state::GatewayState;
use super::unit::Unit;
use crate::backend;
use crate::graph::facts::GatewayFacts;
use crate::graph::gateway::GatewayNode;
use crate::graph::route::{self, Gateways};
use crate::graph::{class, gateway};
use crate::snapshot::{Dep, Kind, ObjectKey, View};
use gatewright_model::Str;
use gatewright_model::key::{BackendKey, ObjectName, RouteKey};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The Gateways as routes find them.
struct Known<'a>(&'a BTreeMap<ObjectName, GatewayState>);

impl Gateways for Known<'_> {
    fn gateway(&self, view: &View<'_>, name: &ObjectName) -> Option<&GatewayFacts> {
        view.note(Dep::Facts(name.clone()));
        self.0.get(name)?.facts.as_deref()
    }
}

impl Engine {
    pub(super) fn evaluate(&mut self, unit: Unit, now: Timestamp) {
        match unit {
            Unit::Class(name) => self.class(name),
            Unit::Gateway(name) => self.gateway(name),
            Unit::Parents(key) => self.parents(key),
            Unit::Rules(key) => self.rules(key),
            Unit::Attachment(key) => self.attachment(&key),
            Unit::Rivals(listener) => self.rivals(&listener),
            Unit::Contribution(key) => self.contribution(&key),
            Unit::Backend(key) => self.backend(key),
            Unit::Policy(key) => self.policy(&key),
            Unit::Balancer(name) => self.build_balancer(&name),
            Unit::Status(key) => self.publish(key, now),
        }
    }

    fn class(&mut self, name: Str) {
        let view = View::new(&self.snapshot);
        let node = class::evaluate(&view, &name, &self.options.profiles);
        let asked = view.asked();
        let unit = Unit::Class(name.clone());
        // A class that is not there is looked at again when it appears.
        let exists = self
            .snapshot
            .get(Kind::GatewayClass, &ObjectName::new("", &name))
            .is_some();
        if exists {
            self.tracker.set(&unit, asked);
        } else {
            self.tracker.forget(&unit);
        }
        if self.classes.get(&name) == node.as_ref() {
            return;
        }
        match node {
            Some(node) => self.classes.insert(name.clone(), node),
            None => self.classes.remove(&name),
        };
        self.mark_users([&Dep::Class(name.clone())]);
        let name = ObjectName::new("", &name);
        self.dirty.insert(Unit::Status(ObjectKey {
            kind: Kind::GatewayClass,
            name,
        }));
    }

    fn gateway(&mut self, name: ObjectName) {
        let view = View::new(&self.snapshot);
        let node = view.gateway(&name).and_then(|object| {
            let class = Str::from(object.spec.gateway_class_name.as_str());
            view.note(Dep::Class(class.clone()));
            let class = self.classes.get(&class)?;
            Some(Arc::new(gateway::evaluate(
                &view,
                object,
                class,
                self.options.backends,
            )))
        });
        let asked = view.asked();
        let unit = Unit::Gateway(name.clone());
        if node.is_none() && self.snapshot.get(Kind::Gateway, &name).is_none() {
            self.tracker.forget(&unit);
        } else {
            self.tracker.set(&unit, asked);
        }
        let before = self.gateways.get(&name).and_then(|state| state.node.clone());
        if before == node {
            return;
        }
        // Statuses of ListenerSets that are no longer the Gateway's are looked at as well.
        self.mark_statuses(&name);
        let facts = node.as_ref().map(|node| Arc::new(GatewayFacts::of(node)));
        let state = self.gateways.entry(name.clone()).or_default();
        let facts_changed = state.facts != facts;
        state.facts = facts;
        state.node.clone_from(&node);
        state.node_changed = true;
        // Parameters are the provider's business, not the model's: equal load balancers may differ in them.
        let parameters = |node: &Option<Arc<GatewayNode>>| node.as_ref().map(|node| node.parameters.clone());
        state.changed.settings |= parameters(&before) != parameters(&node);
        if facts_changed {
            self.mark_users([&Dep::Facts(name.clone())]);
        }
        let backends =
            |node: Option<&Arc<GatewayNode>>| node.map(|node| node.backends.clone()).unwrap_or_default();
        self.exchange_backends(&name, &backends(before.as_ref()), &backends(node.as_ref()));
        if node.is_none() {
            self.programming.remove(&name);
        }
        self.mark_statuses(&name);
        self.dirty.insert(Unit::Balancer(name));
    }

    fn parents(&mut self, key: RouteKey) {
        let view = View::new(&self.snapshot);
        let parents = route::parents(&view, &Known(&self.gateways), &key);
        let asked = view.asked();
        let unit = Unit::Parents(key.clone());
        match &parents {
            Some(_) => self.tracker.set(&unit, asked),
            None => self.tracker.forget(&unit),
        }
        let mut parents = parents.unwrap_or_default();
        let leads_somewhere = !parents.parents.is_empty();
        match self.routes.get(&key) {
            None if !leads_somewhere => return,
            Some(state) if state.parents == parents => return,
            _ => {
                let list = Arc::unwrap_or_clone(std::mem::take(&mut parents.parents));
                parents.parents = self.parents.share(hash_of(&list), list);
                self.routes.entry(key.clone()).or_default().parents = parents;
            }
        }
        let has_rules = self.routes.get(&key).is_some_and(|state| state.rules.is_some());
        if leads_somewhere != has_rules {
            self.dirty.insert(Unit::Rules(key.clone()));
        }
        self.dirty.insert(Unit::Status(ObjectKey::of_route(&key)));
        self.dirty.insert(Unit::Attachment(key));
    }

    fn rules(&mut self, key: RouteKey) {
        let unit = Unit::Rules(key.clone());
        let Some(state) = self.routes.get_mut(&key) else {
            self.tracker.forget(&unit);
            return;
        };
        let rules = if state.parents.parents.is_empty() {
            self.tracker.forget(&unit);
            None
        } else {
            let view = View::new(&self.snapshot);
            let mut rules = route::rules(&view, &key, self.options.backends);
            self.tracker.set(&unit, view.asked());
            if let Some(rules) = &mut rules {
                rules.share(&mut self.texts);
            }
            rules.map(Arc::new)
        };
        if state.rules == rules {
            return;
        }
        state.rules = rules.map(|new| match &state.rules {
            Some(old) => Arc::new(new.reusing(old)),
            None => new,
        });
        self.dirty.insert(Unit::Status(ObjectKey::of_route(&key)));
        self.dirty.insert(Unit::Attachment(key));
    }

    fn backend(&mut self, key: BackendKey) {
        let unit = Unit::Backend(key.clone());
        let Some(state) = self.backends.get_mut(&key) else {
            self.tracker.forget(&unit);
            return;
        };
        if state.gateways.is_empty() && state.routes.is_empty() {
            self.backends.remove(&key);
            self.tracker.forget(&unit);
            return;
        }
        let view = View::new(&self.snapshot);
        let backend::Built { backend, notices } = backend::build(&view, &key, self.options.backends);
        self.tracker.set(&unit, view.asked());
        if state.notices != notices {
            state.notices = notices;
            let routes: BTreeSet<Unit> = state
                .routes
                .iter()
                .map(|route| Unit::Status(ObjectKey::of_route(route)))
                .collect();
            self.dirty.extend(routes);
        }
        if state.backend.as_deref() == Some(&backend) {
            return;
        }
        let certificate = backend
            .tls
            .as_ref()
            .and_then(|tls| tls.client_certificate.clone());
        state.backend = Some(Arc::new(backend));
        for name in &state.gateways {
            if let Some(gateway) = self.gateways.get_mut(name) {
                match &certificate {
                    Some(certificate) => {
                        gateway
                            .backend_certificates
                            .insert(key.clone(), certificate.clone());
                    }
                    None => {
                        gateway.backend_certificates.remove(&key);
                    }
                }
                gateway.changed.backends.insert(key.clone());
            }
            self.dirty.insert(Unit::Balancer(name.clone()));
        }
    }
}
