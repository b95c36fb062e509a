//! Load balancers put together from the parts that came.

use crate::key::PartKey;
use crate::part::{Content, Digests, PartError};
use crate::settings::GatewaySettings;
use crate::wire;
use gatewright_model::key::{ObjectName, RouteKind};
use gatewright_model::share::Pool;
use gatewright_model::{LoadBalancer, Str};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// Parts that are added before the maps are made anew.
const MANY: usize = 1000;
/// Refused parts that are remembered.
const REFUSED: usize = 1024;

/// A Gateway to serve. Parts that did not change keep their allocation from one configuration to the
/// next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// What to serve.
    pub balancer: Arc<LoadBalancer>,
    /// Where and how.
    pub settings: Arc<GatewaySettings>,
}

/// Bounds on what a controller may make a proxy hold.
#[derive(Clone, Debug)]
pub struct ClientLimits {
    /// One message, bytes.
    pub message: usize,
    /// All parts together in their encoded form, bytes.
    pub bytes: usize,
    /// Number of parts.
    pub parts: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            message: 16 * 1024 * 1024,
            bytes: 512 * 1024 * 1024,
            parts: 1_000_000,
        }
    }
}

/// The controller sent what no controller should.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AssembleError {
    /// Beyond [`ClientLimits::bytes`] or [`ClientLimits::parts`].
    #[error("the configuration has {parts} parts in {bytes} bytes, which is beyond the limit")]
    TooLarge {
        /// Parts.
        parts: usize,
        /// Bytes.
        bytes: usize,
    },
    /// Changes before a greeting, or to a state that this proxy does not have.
    #[error("the controller sent changes to a configuration that this proxy does not have")]
    Order,
}

/// Receives changes and holds the configuration that they lead to.
#[derive(Debug)]
pub struct Assembler {
    limits: ClientLimits,
    tree: Tree,
    /// What parts have in common, over all Gateways.
    pool: Pool,
    /// A complete configuration on its way; it replaces `tree` once it is complete.
    fresh: Option<Tree>,
    greeted: bool,
    session: String,
    revision: u64,
}

#[derive(Debug, Default)]
struct Tree {
    gateways: BTreeMap<ObjectName, Gateway>,
    digests: Digests,
    refused: BTreeMap<(ObjectName, PartKey), Str>,
}

#[derive(Debug)]
struct Gateway {
    balancer: Arc<LoadBalancer>,
    settings: Arc<GatewaySettings>,
    /// Its head has come.
    complete: bool,
    /// Parts that were added since the maps were last made compact.
    added: usize,
}

impl Gateway {
    fn new(name: &ObjectName) -> Self {
        let balancer = LoadBalancer::bare(name.clone(), "", "");
        Self {
            balancer: Arc::new(balancer),
            settings: Arc::default(),
            complete: false,
            added: 0,
        }
    }

    /// Makes the maps anew after many additions: one that grew entry by entry is half empty.
    fn compact(&mut self) {
        fn compact<K: Ord, V>(map: &mut BTreeMap<K, V>) {
            *map = std::mem::take(map).into_iter().collect();
        }
        if self.added < MANY {
            return;
        }
        self.added = 0;
        let balancer = Arc::make_mut(&mut self.balancer);
        compact(&mut balancer.listeners);
        compact(&mut balancer.http_routes);
        compact(&mut balancer.stream_routes);
        compact(&mut balancer.backends);
        compact(&mut balancer.certificates);
    }

    fn put(&mut self, content: Content) {
        // The load balancer in use is shared with the data plane: the first change copies its maps.
        let balancer = match content {
            Content::Settings(settings) => {
                self.settings = settings;
                return;
            }
            _ => Arc::make_mut(&mut self.balancer),
        };
        let new = match content {
            Content::Head(head) => {
                head.put(balancer);
                self.complete = true;
                false
            }
            Content::Listener(part) => balancer.listeners.insert(part.key.clone(), part).is_none(),
            Content::HttpRoute(part) => balancer.http_routes.insert(part.key.clone(), part).is_none(),
            Content::StreamRoute(part) => balancer.stream_routes.insert(part.key.clone(), part).is_none(),
            Content::Backend(part) => balancer.backends.insert(part.key.clone(), part).is_none(),
            Content::Certificate(part) => balancer.certificates.insert(part.key.clone(), part).is_none(),
            Content::Settings(_) => false,
        };
        self.added += usize::from(new);
    }

    fn remove(&mut self, key: &PartKey) {
        let balancer = match key {
            PartKey::Settings => {
                self.settings = Arc::default();
                return;
            }
            _ => Arc::make_mut(&mut self.balancer),
        };
        match key {
            PartKey::Head => self.complete = false,
            PartKey::Settings => {}
            PartKey::Listener(key) => {
                balancer.listeners.remove(key);
            }
            PartKey::Route(key) if matches!(key.kind, RouteKind::Http | RouteKind::Grpc) => {
                balancer.http_routes.remove(key);
            }
            PartKey::Route(key) => {
                balancer.stream_routes.remove(key);
            }
            PartKey::Backend(key) => {
                balancer.backends.remove(key);
            }
            PartKey::Certificate(key) => {
                balancer.certificates.remove(key);
            }
        }
    }

    fn get(&self, key: &PartKey) -> Option<Content> {
        let balancer = &self.balancer;
        match key {
            PartKey::Head => self.complete.then(|| {
                let head = crate::part::Head::of(balancer);
                Content::Head(Box::new(head))
            }),
            PartKey::Settings => Some(Content::Settings(Arc::clone(&self.settings))),
            PartKey::Listener(key) => balancer.listeners.get(key).cloned().map(Content::Listener),
            PartKey::Route(key) if matches!(key.kind, RouteKind::Http | RouteKind::Grpc) => {
                balancer.http_routes.get(key).cloned().map(Content::HttpRoute)
            }
            PartKey::Route(key) => balancer.stream_routes.get(key).cloned().map(Content::StreamRoute),
            PartKey::Backend(key) => balancer.backends.get(key).cloned().map(Content::Backend),
            PartKey::Certificate(key) => balancer.certificates.get(key).cloned().map(Content::Certificate),
        }
    }
}

impl Assembler {
    /// Holds nothing.
    pub fn new(limits: ClientLimits) -> Self {
        Self {
            limits,
            tree: Tree::default(),
            pool: Pool::default(),
            fresh: None,
            greeted: false,
            session: String::new(),
            revision: 0,
        }
    }

    /// Session of the newest complete configuration; empty when there is none.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Revision of the newest complete configuration in its session.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Makes the revision mean nothing: whoever continues compares the digest.
    pub fn forget_session(&mut self) {
        self.session.clear();
        self.revision = 0;
    }

    /// Digest over what is held.
    pub fn digest(&self) -> [u8; 32] {
        self.tree.digests.total()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.tree.digests.is_empty()
    }

    /// The connection is gone, and with it what was not complete yet. Changes that were already taken
    /// stay: whoever continues from [`Assembler::revision`] sends them again.
    pub fn disconnected(&mut self) {
        self.fresh = None;
        self.greeted = false;
    }

    /// The controller's greeting: what follows begins at `base`, or at nothing when that is 0.
    pub fn welcome(&mut self, welcome: &wire::Welcome) {
        self.greeted = true;
        self.fresh = (welcome.base == 0).then(Tree::default);
        if welcome.base != 0 {
            self.session.clone_from(&welcome.session);
            self.revision = welcome.base;
        } else {
            self.session.clear();
            self.session.push_str(&welcome.session);
            self.revision = 0;
        }
    }

    /// Takes a message's changes. Tells the revision that is complete with them, if one is.
    pub fn take(&mut self, changes: wire::Changes) -> Result<Option<u64>, AssembleError> {
        if !self.greeted {
            return Err(AssembleError::Order);
        }
        let (tree, former) = match &mut self.fresh {
            Some(fresh) => (fresh, Some(&self.tree)),
            None => (&mut self.tree, None),
        };
        for gateway in changes.gateways {
            tree.take(gateway, former, &mut self.pool);
            let (parts, bytes) = (tree.digests.len(), tree.digests.bytes());
            if parts > self.limits.parts || bytes > self.limits.bytes {
                return Err(AssembleError::TooLarge { parts, bytes });
            }
        }
        if let Some(revision) = changes.commit {
            if let Some(fresh) = self.fresh.take() {
                self.tree = fresh;
            }
            self.tree.gateways.values_mut().for_each(Gateway::compact);
            self.revision = revision;
        }
        Ok(changes.commit)
    }

    /// The Gateways of the newest complete configuration. Call it after [`Assembler::take`] told that
    /// one is complete.
    pub fn configuration(&self) -> Vec<Assigned> {
        let complete = self.tree.gateways.values().filter(|gateway| gateway.complete);
        let assigned = complete.map(|gateway| Assigned {
            balancer: Arc::clone(&gateway.balancer),
            settings: Arc::clone(&gateway.settings),
        });
        assigned.collect()
    }

    /// Parts that could not be read, with the reason: Gateway, object, message.
    pub fn refused(&self) -> impl Iterator<Item = (&ObjectName, String, &Str)> {
        let refused = self.tree.refused.iter();
        refused.map(|((gateway, key), message)| (gateway, key.to_string(), message))
    }
}

impl Tree {
    fn take(&mut self, changes: wire::GatewayChanges, former: Option<&Self>, pool: &mut Pool) {
        let name = ObjectName::new(&changes.namespace, &changes.name);
        if changes.removed {
            self.forget(&name);
        }
        for part in changes.parts {
            let key = part.key.as_ref().map(PartKey::from_wire);
            let Some(Ok(key)) = key else {
                // A kind of part that only newer programs know: nothing here could use it.
                tracing::warn!(gateway = %name, "a part of an unknown kind is left out");
                continue;
            };
            self.put((&name, key), &part.payload, former, pool);
        }
        for key in changes.removed_parts.iter().flat_map(PartKey::from_wire) {
            self.remove(&name, &key);
        }
    }

    fn put(
        &mut self,
        (name, key): (&ObjectName, PartKey),
        payload: &[u8],
        former: Option<&Self>,
        pool: &mut Pool,
    ) {
        if self.digests.has(name, &key, payload) {
            return;
        }
        self.digests.put(name, &key, payload);
        let known = former.and_then(|former| former.gateways.get(name)?.get(&key));
        let same = former.is_some_and(|former| former.digests.has(name, &key, payload));
        let (known, last_good) = if same { (known, None) } else { (None, known) };
        let decode = || {
            let mut content = Content::decode(&key, payload)?;
            content.share(pool);
            Ok::<_, PartError>(content)
        };
        match known.map_or_else(decode, Ok) {
            Ok(content) => {
                self.refused.remove(&(name.clone(), key));
                self.gateway(name).put(content);
            }
            // The form before stays in use.
            Err(error) => {
                if let Some(content) = last_good {
                    self.gateway(name).put(content);
                }
                if self.refused.len() < REFUSED {
                    self.refused.insert((name.clone(), key), error.to_string().into());
                }
            }
        }
    }

    fn gateway(&mut self, name: &ObjectName) -> &mut Gateway {
        let gateway = self.gateways.entry(name.clone());
        gateway.or_insert_with(|| Gateway::new(name))
    }

    fn remove(&mut self, name: &ObjectName, key: &PartKey) {
        self.digests.remove(name, key);
        self.refused.remove(&(name.clone(), key.clone()));
        if let Some(gateway) = self.gateways.get_mut(name) {
            gateway.remove(key);
        }
    }

    fn forget(&mut self, name: &ObjectName) {
        let digests = &mut self.digests;
        self.refused.retain(|(of, key), _| {
            if of == name {
                digests.remove(of, key);
            }
            of != name
        });
        let Some(gateway) = self.gateways.remove(name) else {
            return;
        };
        let balancer = &gateway.balancer;
        let keys = [PartKey::Head, PartKey::Settings].into_iter();
        let keys = keys
            .chain(balancer.listeners.keys().cloned().map(PartKey::Listener))
            .chain(balancer.http_routes.keys().cloned().map(PartKey::Route))
            .chain(balancer.stream_routes.keys().cloned().map(PartKey::Route))
            .chain(balancer.backends.keys().cloned().map(PartKey::Backend))
            .chain(balancer.certificates.keys().cloned().map(PartKey::Certificate));
        for key in keys {
            self.digests.remove(name, &key);
        }
    }
}

#[cfg(test)]
mod tests;
