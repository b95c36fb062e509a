//! Who serves a Gateway: what its proxies and the provider are given, and what stays when it is not accepted any more.

use super::Hub;
use crate::cluster::cloud::Existing;
use crate::cluster::protect;
use crate::cluster::provision::Request;
use gatewright_core::engine::{Engine, Parts};
use gatewright_core::snapshot::{Kind, Object, ObjectKey};
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use gatewright_provider_api::contract;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Hub {
    pub(super) fn protect(&self) {
        let ours = |name: &str| name == self.controller || self.out.clouds.serve(name);
        for protect::Protection { class, wanted } in protect::look(&self.engine, ours) {
            let key = ObjectKey {
                kind: Kind::GatewayClass,
                name: ObjectName::new("", &class),
            };
            match (wanted, self.versions.get(&key)) {
                (Some(wanted), Some(version)) => self.out.finalizers.want(key, wanted, version),
                _ => self.out.finalizers.are_right(&key),
            }
        }
        let classes = self.engine.snapshot().all(Kind::GatewayClass);
        let controllers = classes.filter_map(|(_, object)| match &**object {
            Object::GatewayClass(class) => Some(class.spec.controller_name.as_str()),
            _ => None,
        });
        self.out.clouds.set_classes(controllers);
    }

    /// Whether a Gateway exists and its class names a controller of ours, accepted or not.
    pub(super) fn is_ours(&self, gateway: &ObjectName) -> bool {
        let existing = existing(&self.engine, &self.versions, gateway);
        let controller = existing.and_then(|found| found.controller);
        controller.is_some_and(|name| name == self.controller || self.out.clouds.serve(name))
    }

    /// Notes the Gateways whose cloud is to be asked because an object is new, different or gone.
    pub(super) fn touched(&self, key: &ObjectKey, gateways: &mut BTreeSet<ObjectName>) {
        match key.kind {
            Kind::Gateway => {
                gateways.insert(key.name.clone());
            }
            Kind::GatewayClass => gateways.extend(self.of_class(&key.name.name)),
            _ => {}
        }
    }

    fn of_class<'a>(&'a self, class: &'a str) -> impl Iterator<Item = ObjectName> + 'a {
        let gateways = self.engine.snapshot().all(Kind::Gateway);
        gateways
            .filter(move |(_, object)| match &***object {
                Object::Gateway(gateway) => gateway.spec.gateway_class_name == class,
                _ => false,
            })
            .map(|(name, _)| name.clone())
    }

    /// Sees to it that a Gateway that a cloud serves has its finalizer, or may go.
    pub(super) fn look_at_cloud(&mut self, gateway: &ObjectName) {
        match existing(&self.engine, &self.versions, gateway) {
            Some(existing) => self.out.clouds.look(gateway, existing),
            None => self.out.clouds.forget(gateway),
        }
    }

    /// Looks at all Gateways that clouds serve: another process saw to them until now.
    pub(super) fn look_at_clouds(&mut self) {
        let gateways = self.engine.snapshot().all(Kind::Gateway);
        let names: Vec<ObjectName> = gateways.map(|(name, _)| name.clone()).collect();
        for gateway in &names {
            self.look_at_cloud(gateway);
        }
        self.out.clouds.resume();
    }

    /// What an earlier process made for Gateways that are not accepted now is no orphan.
    pub(super) fn keep_refused(&mut self) {
        let gateways = self.engine.snapshot().all(Kind::Gateway);
        let refused: BTreeSet<ObjectName> = gateways
            .map(|(name, _)| name)
            .filter(|name| self.engine.balancer(name).is_none() && self.is_ours(name))
            .cloned()
            .collect();
        for gateway in &refused {
            self.out.provisioner.keep(gateway);
        }
        self.kept.extend(refused);
    }

    /// Lets go of kept Gateways that are gone or another controller's now.
    pub(super) fn release(&mut self) {
        let gone: Vec<ObjectName> = self
            .kept
            .iter()
            .filter(|gateway| !self.is_ours(gateway))
            .cloned()
            .collect();
        for gateway in gone {
            self.kept.remove(&gateway);
            self.remove(&gateway);
        }
    }

    pub(super) fn remove(&mut self, gateway: &ObjectName) {
        self.out.server.retract(gateway);
        self.out.provisioner.remove(gateway);
        self.out.book.forget_gateway(gateway);
        self.infrastructure.remove(gateway);
    }

    /// Gives a load balancer to its proxies, and its outside to the provider; or all of it to its cloud.
    pub(super) fn publish(&mut self, balancer: &Arc<LoadBalancer>, parts: &Parts) -> u64 {
        let gateway = &balancer.gateway;
        if self.out.clouds.serve(&balancer.controller) {
            return self.publish_to_cloud(balancer);
        }
        self.out.book.forget_gateway(gateway);
        let request = self.request(balancer);
        let places = self.out.provisioner.place(&request);
        let revision = self.out.server.publish_for(&places, balancer);
        // Routes and backends are the proxies' business alone.
        if parts.settings || !parts.listeners.is_empty() || !self.infrastructure.contains_key(gateway) {
            self.out.provisioner.put(request);
        }
        revision.0
    }

    fn publish_to_cloud(&mut self, balancer: &Arc<LoadBalancer>) -> u64 {
        let gateway = &balancer.gateway;
        if self.infrastructure.remove(gateway).is_some() {
            // It had a class of proxies before.
            self.out.server.retract(gateway);
            self.out.provisioner.remove(gateway);
        }
        self.out.book.note_gateway(balancer);
        let Some(existing) = existing(&self.engine, &self.versions, gateway) else {
            return 0;
        };
        let request = contract::Request {
            balancer: Arc::clone(balancer),
            uid: existing.meta.uid.as_deref().unwrap_or_default().into(),
            parameters: self.engine.parameters(gateway).unwrap_or_default(),
        };
        self.out.clouds.publish(request, existing)
    }

    fn request(&self, balancer: &Arc<LoadBalancer>) -> Request {
        let key = ObjectKey {
            kind: Kind::Gateway,
            name: balancer.gateway.clone(),
        };
        let object = self.engine.snapshot().get(key.kind, &key.name);
        Request {
            balancer: Arc::clone(balancer),
            uid: object
                .and_then(|object| object.metadata().uid.clone())
                .unwrap_or_default(),
            class_uid: self.uid_of_class(&balancer.class),
            parameters: self
                .engine
                .parameters(&balancer.gateway)
                .and_then(|parameters| parameters.software().cloned()),
        }
    }

    fn uid_of_class(&self, class: &str) -> String {
        let class = self
            .engine
            .snapshot()
            .get(Kind::GatewayClass, &ObjectName::new("", class));
        class
            .and_then(|class| class.metadata().uid.clone())
            .unwrap_or_default()
    }
}

/// A Gateway object as it is.
fn existing<'a>(
    engine: &'a Engine,
    versions: &'a BTreeMap<ObjectKey, String>,
    gateway: &ObjectName,
) -> Option<Existing<'a>> {
    let key = ObjectKey {
        kind: Kind::Gateway,
        name: gateway.clone(),
    };
    let Object::Gateway(object) = &**engine.snapshot().get(key.kind, &key.name)? else {
        return None;
    };
    let class = ObjectName::new("", &object.spec.gateway_class_name);
    let controller = match engine
        .snapshot()
        .get(Kind::GatewayClass, &class)
        .map(|found| &**found)
    {
        Some(Object::GatewayClass(class)) => Some(class.spec.controller_name.as_str()),
        _ => None,
    };
    Some(Existing {
        meta: &object.metadata,
        version: versions.get(&key).map(String::as_str).unwrap_or_default(),
        controller,
    })
}
