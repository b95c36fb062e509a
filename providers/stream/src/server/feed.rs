//! The newest form of every part of a scope, in the order of change.

use crate::key::PartKey;
use crate::part::{Content, Digests, Head, Part};
use crate::settings::GatewaySettings;
use crate::wire;
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Removals that are remembered. A proxy that missed an older one starts over.
const TOMBSTONES: usize = 16 * 1024;

/// What a position of the log tells.
#[derive(Clone, Debug)]
pub enum Entry {
    /// The part has this form.
    Part(ObjectName, Arc<Part>),
    /// The part is gone.
    Removed(ObjectName, PartKey),
    /// The Gateway is gone.
    Gone(ObjectName),
}

/// A Gateway of the feed.
#[derive(Debug)]
struct Published {
    balancer: Arc<LoadBalancer>,
    settings: Arc<GatewaySettings>,
    revision: u64,
    positions: HashMap<PartKey, u64>,
}

/// The log of one scope. Every part is in it once, at the position of its last change.
#[derive(Debug, Default)]
pub struct Feed {
    gateways: BTreeMap<ObjectName, Published>,
    log: BTreeMap<u64, Entry>,
    tombstones: BTreeSet<u64>,
    gone: HashMap<ObjectName, u64>,
    by_revision: BTreeMap<u64, ObjectName>,
    floor: u64,
    newest: u64,
    known: bool,
    /// See [`TOMBSTONES`].
    remembered: usize,
}

/// Entries behind a position.
#[derive(Debug)]
pub struct Batch {
    /// With their positions.
    pub entries: Vec<(u64, Entry)>,
    /// The revision that is complete with them; `None` when there are more.
    pub complete: Option<u64>,
}

impl Feed {
    /// An empty feed that begins at a position.
    pub fn new(position: u64) -> Self {
        Self {
            newest: position,
            floor: position,
            remembered: TOMBSTONES,
            ..Self::default()
        }
    }

    /// Whether anything was ever said about it.
    pub const fn is_known(&self) -> bool {
        self.known
    }

    /// Position of the newest change.
    pub const fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether the changes since `position` are all known.
    pub fn reaches(&self, position: u64) -> bool {
        (self.floor..=self.newest).contains(&position)
    }

    /// Whether a reader at `position`, that began with nothing when the newest change was `begun`, may miss
    /// a removal that is forgotten.
    pub fn lost(&self, position: u64, begun: u64) -> bool {
        position > 0 && position.max(begun) < self.floor
    }

    /// Its Gateways.
    pub fn gateways(&self) -> impl Iterator<Item = &ObjectName> {
        self.gateways.keys()
    }

    /// Newest revision of a Gateway.
    pub fn revision(&self, gateway: &ObjectName) -> Option<u64> {
        self.gateways.get(gateway).map(|published| published.revision)
    }

    /// Gateways whose newest revision is in the range `after..=until`.
    pub fn between(&self, after: u64, until: u64) -> impl Iterator<Item = &ObjectName> {
        let range = (after < until).then(|| self.by_revision.range(after + 1..=until));
        range.into_iter().flatten().map(|(_, gateway)| gateway)
    }

    /// Takes the newest form of a Gateway; `position` is the last one given out. Tells its revision.
    pub fn publish(
        &mut self,
        position: &mut u64,
        balancer: &Arc<LoadBalancer>,
        settings: &Arc<GatewaySettings>,
    ) -> u64 {
        self.known = true;
        let gateway = &balancer.gateway;
        let before = self.gateways.get(gateway);
        let mut changes = Changes::default();
        let old = before.map(|published| &*published.balancer);
        let head = Head::of(balancer);
        if old.is_none_or(|old| Head::of(old) != head) {
            changes.parts.push(Content::Head(Box::new(head)));
        }
        if before.is_none_or(|published| published.settings != *settings) {
            changes.parts.push(Content::Settings(Arc::clone(settings)));
        }
        // What is named comes before what names it, so that a reader never has to look ahead.
        let of = old.map(|old| &old.certificates);
        changes.compare(
            of,
            &balancer.certificates,
            PartKey::Certificate,
            Content::Certificate,
        );
        let of = old.map(|old| &old.backends);
        changes.compare(of, &balancer.backends, PartKey::Backend, Content::Backend);
        let of = old.map(|old| &old.http_routes);
        changes.compare(of, &balancer.http_routes, PartKey::Route, Content::HttpRoute);
        let of = old.map(|old| &old.stream_routes);
        changes.compare(of, &balancer.stream_routes, PartKey::Route, Content::StreamRoute);
        let of = old.map(|old| &old.listeners);
        changes.compare(of, &balancer.listeners, PartKey::Listener, Content::Listener);

        if let (Some(published), true) = (self.gateways.get_mut(gateway), changes.is_empty()) {
            published.balancer = Arc::clone(balancer);
            return published.revision;
        }
        if let Some(gone) = self.gone.remove(gateway) {
            // Parts of its former life may be known to whoever has not heard of its end.
            self.floor = self.floor.max(gone);
            self.log.remove(&gone);
            self.tombstones.remove(&gone);
        }
        let published = self.gateways.entry(gateway.clone()).or_insert_with(|| Published {
            balancer: Arc::clone(balancer),
            settings: Arc::clone(settings),
            revision: 0,
            positions: HashMap::new(),
        });
        published.balancer = Arc::clone(balancer);
        published.settings = Arc::clone(settings);
        let upserts = changes.parts.into_iter().map(Part::new);
        let upserts = upserts.map(|part| (part.key.clone(), Entry::Part(gateway.clone(), part)));
        let removals = changes.removed.into_iter();
        let removals = removals.map(|key| (key.clone(), Entry::Removed(gateway.clone(), key)));
        for (key, entry) in upserts.chain(removals) {
            *position += 1;
            if let Entry::Removed(..) = entry {
                self.tombstones.insert(*position);
            }
            self.log.insert(*position, entry);
            if let Some(former) = published.positions.insert(key, *position) {
                self.log.remove(&former);
                self.tombstones.remove(&former);
            }
        }
        self.by_revision.remove(&published.revision);
        published.revision = *position;
        self.newest = *position;
        self.by_revision.insert(*position, gateway.clone());
        self.forget();
        *position
    }

    /// Takes a Gateway away. Says whether it was there.
    pub fn retract(&mut self, position: &mut u64, gateway: &ObjectName) -> bool {
        self.known = true;
        let Some(published) = self.gateways.remove(gateway) else {
            return false;
        };
        for former in published.positions.values() {
            self.log.remove(former);
            self.tombstones.remove(former);
        }
        self.by_revision.remove(&published.revision);
        *position += 1;
        self.newest = *position;
        self.log.insert(*position, Entry::Gone(gateway.clone()));
        self.tombstones.insert(*position);
        self.gone.insert(gateway.clone(), *position);
        self.forget();
        true
    }

    /// Forgets the oldest removals beyond the bound.
    fn forget(&mut self) {
        while self.tombstones.len() > self.remembered {
            let Some(oldest) = self.tombstones.pop_first() else {
                return;
            };
            self.floor = self.floor.max(oldest);
            match self.log.remove(&oldest) {
                Some(Entry::Removed(gateway, key)) => {
                    if let Some(published) = self.gateways.get_mut(&gateway) {
                        published.positions.remove(&key);
                    }
                }
                Some(Entry::Gone(gateway)) => {
                    self.gone.remove(&gateway);
                }
                _ => {}
            }
        }
    }

    /// Up to `limit` entries behind `position`.
    pub fn after(&self, position: u64, limit: usize) -> Batch {
        let mut entries = Vec::new();
        for (at, entry) in self.log.range(position.saturating_add(1)..) {
            if entries.len() == limit {
                return Batch {
                    entries,
                    complete: None,
                };
            }
            entries.push((*at, entry.clone()));
        }
        Batch {
            entries,
            complete: Some(self.newest),
        }
    }

    /// Every part there is.
    pub fn parts(&self) -> Vec<(ObjectName, Arc<Part>)> {
        let live = self.log.values().filter_map(|entry| match entry {
            Entry::Part(gateway, part) => Some((gateway.clone(), Arc::clone(part))),
            Entry::Removed(..) | Entry::Gone(_) => None,
        });
        live.collect()
    }
}

/// Digest over parts as [`Feed::parts`] tells them; what cannot be encoded is not sent and not counted.
pub fn digest(parts: &[(ObjectName, Arc<Part>)]) -> [u8; 32] {
    let mut digests = Digests::default();
    for (gateway, part) in parts {
        if let Ok(payload) = part.payload() {
            digests.put(gateway, &part.key, &payload);
        }
    }
    digests.total()
}

/// What differs between two forms of a Gateway.
#[derive(Debug, Default)]
struct Changes {
    parts: Vec<Content>,
    removed: Vec<PartKey>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.removed.is_empty()
    }

    /// Walks two maps side by side; entries that share their allocation are not looked at.
    fn compare<K: Ord + Clone, V: PartialEq>(
        &mut self,
        old: Option<&BTreeMap<K, Arc<V>>>,
        new: &BTreeMap<K, Arc<V>>,
        key: fn(K) -> PartKey,
        content: fn(Arc<V>) -> Content,
    ) {
        let mut old = old.into_iter().flatten().peekable();
        for (name, value) in new {
            // The same allocation is the same part under the same key.
            if let Some((_, known)) = old.peek()
                && Arc::ptr_eq(known, value)
            {
                old.next();
                continue;
            }
            while let Some((former, _)) = old.next_if(|(former, _)| *former < name) {
                self.removed.push(key(former.clone()));
            }
            match old.next_if(|(former, _)| *former == name) {
                Some((_, known)) if Arc::ptr_eq(known, value) || known == value => {}
                _ => self.parts.push(content(Arc::clone(value))),
            }
        }
        self.removed.extend(old.map(|(former, _)| key(former.clone())));
    }
}

/// Makes one message of entries in order, as many as fit into `bytes` (at least one). Tells the
/// message's Gateways, the position of the last entry in it, and what could not be encoded.
pub fn pack(batch: &Batch, bytes: usize, ignore_removals_until: u64) -> Packed {
    let mut packed = Packed::default();
    let mut size = 0;
    for (at, entry) in &batch.entries {
        if size >= bytes {
            return packed;
        }
        match entry {
            Entry::Part(gateway, part) => match part.payload() {
                Ok(payload) if size > 0 && size + payload.len() > bytes => return packed,
                Ok(payload) => {
                    size += payload.len() + 128;
                    packed.of(gateway).parts.push(wire::Part {
                        key: Some(part.key.to_wire()),
                        payload,
                    });
                }
                Err(error) => {
                    let refusal = (gateway.clone(), part.key.clone(), error.to_string());
                    packed.unsendable.push(refusal);
                }
            },
            Entry::Removed(gateway, key) if *at > ignore_removals_until => {
                size += 128;
                packed.of(gateway).removed_parts.push(key.to_wire());
            }
            Entry::Gone(gateway) if *at > ignore_removals_until => {
                size += 128;
                packed.gateways.push(wire::GatewayChanges {
                    removed: true,
                    ..named(gateway)
                });
            }
            Entry::Removed(..) | Entry::Gone(_) => {}
        }
        packed.position = *at;
    }
    packed.all = true;
    packed
}

/// See [`pack`].
#[derive(Debug, Default)]
pub struct Packed {
    /// Content of the message.
    pub gateways: Vec<wire::GatewayChanges>,
    /// Position of the last entry; 0 for none.
    pub position: u64,
    /// Whether all entries are in it.
    pub all: bool,
    /// Parts that cannot be sent: why.
    pub unsendable: Vec<(ObjectName, PartKey, String)>,
}

impl Packed {
    fn of(&mut self, gateway: &ObjectName) -> &mut wire::GatewayChanges {
        let last = self.gateways.last();
        let same =
            last.is_some_and(|last| last.namespace == *gateway.namespace && last.name == *gateway.name);
        if !same {
            self.gateways.push(named(gateway));
        }
        let at = self.gateways.len().saturating_sub(1);
        #[expect(clippy::indexing_slicing)] // Something was pushed if it was empty.
        &mut self.gateways[at]
    }
}

fn named(gateway: &ObjectName) -> wire::GatewayChanges {
    wire::GatewayChanges {
        namespace: gateway.namespace.to_string(),
        name: gateway.name.to_string(),
        ..wire::GatewayChanges::default()
    }
}

#[cfg(test)]
mod tests;
