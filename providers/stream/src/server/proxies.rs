//! The proxies of a scope: what they acknowledged and what they refused.

use super::feed::Feed;
use super::outcome::{GatewayOutcome, ListenerFault, Revision};
use crate::key::PartKey;
use crate::wire;
use gatewright_model::Str;
use gatewright_model::key::{ListenerKey, ObjectName};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// Most faults that are kept of one proxy.
const FAULTS: usize = 1024;
/// Longest text of a fault, characters.
const TEXT: usize = 1024;

/// What a proxy could not use of one Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Faults {
    listeners: BTreeMap<ListenerKey, (Str, Str)>,
    refused: BTreeMap<Str, Str>,
}

/// How a proxy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// Connected, in time.
    Up,
    /// Connected, silent for too long.
    Overdue,
    /// The connection broke a moment ago.
    Lost,
}

#[derive(Debug)]
struct Proxy {
    instance: String,
    link: Link,
    /// It serves some configuration.
    serving: bool,
    acked: u64,
    faults: BTreeMap<ObjectName, Faults>,
    /// Ends its stream when dropped.
    _close: oneshot::Sender<()>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Proxies {
    list: BTreeMap<u64, Proxy>,
    /// Parts that were too large to send.
    unsendable: BTreeMap<(ObjectName, PartKey), Str>,
}

/// A proxy that comes.
#[derive(Debug)]
pub struct Arrival {
    /// Its name.
    pub instance: String,
    /// Whether it serves a configuration.
    pub serving: bool,
    /// What it has acknowledged already in this session; 0 for nothing.
    pub acked: u64,
}

impl Proxies {
    /// Adds a proxy. One of the same name that is still there is the same one's former connection,
    /// which ends. The receiver resolves when that happens to this one.
    pub fn join(&mut self, id: u64, arrival: Arrival) -> oneshot::Receiver<()> {
        let former = self
            .list
            .iter()
            .find(|(_, proxy)| proxy.instance == arrival.instance);
        let former = former.map(|(id, _)| *id).and_then(|id| self.list.remove(&id));
        let faults = former.filter(|former| former.acked == arrival.acked);
        let (close, closed) = oneshot::channel();
        self.list.insert(
            id,
            Proxy {
                instance: arrival.instance,
                link: Link::Up,
                serving: arrival.serving,
                acked: arrival.acked,
                faults: faults.map(|former| former.faults).unwrap_or_default(),
                _close: close,
            },
        );
        closed
    }

    /// Number of connections.
    pub fn connected(&self) -> usize {
        self.list
            .values()
            .filter(|proxy| proxy.link != Link::Lost)
            .count()
    }

    /// Whether there is none, not even one that may come back.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Takes an acknowledgement. Tells what was acknowledged before, and the Gateways with other faults.
    pub fn acknowledge(&mut self, id: u64, outcome: &wire::Outcome, newest: u64) -> (u64, Vec<ObjectName>) {
        let Some(proxy) = self.list.get_mut(&id) else {
            return (outcome.revision, Vec::new());
        };
        let before = proxy.acked;
        // A proxy cannot have what was not published.
        proxy.acked = proxy.acked.max(outcome.revision.min(newest));
        let back = proxy.link == Link::Overdue || !proxy.serving;
        proxy.link = Link::Up;
        proxy.serving = true;
        let faults = read(&outcome.faults);
        let mut changed: Vec<ObjectName> = Vec::new();
        for gateway in proxy.faults.keys().chain(faults.keys()) {
            if proxy.faults.get(gateway) != faults.get(gateway) {
                changed.push(gateway.clone());
            }
        }
        proxy.faults = faults;
        (if back { 0 } else { before }, changed)
    }

    /// A proxy is silent for too long.
    pub fn overdue(&mut self, id: u64) {
        if let Some(proxy) = self.list.get_mut(&id) {
            proxy.link = Link::Overdue;
        }
    }

    /// The connection is gone; the proxy may come back.
    pub fn lost(&mut self, id: u64) {
        if let Some(proxy) = self.list.get_mut(&id) {
            proxy.link = Link::Lost;
        }
    }

    /// The proxy is gone. Says whether it was there.
    pub fn leave(&mut self, id: u64) -> bool {
        self.list.remove(&id).is_some()
    }

    /// A part cannot be sent.
    pub fn refuse(&mut self, gateway: ObjectName, key: PartKey, message: &str) {
        if self.unsendable.len() < FAULTS {
            self.unsendable.insert((gateway, key), cut(message));
        }
    }

    /// A part changed or went: it may be sendable now.
    pub fn forgive(&mut self, gateway: &ObjectName) {
        self.unsendable.retain(|(of, _), _| of != gateway);
    }

    /// What they made of a Gateway.
    pub fn outcome(&self, gateway: &ObjectName, feed: &Feed) -> Option<GatewayOutcome> {
        let revision = feed.revision(gateway)?;
        let up = |proxy: &&Proxy| proxy.link == Link::Up && proxy.serving;
        let lost = |proxy: &&Proxy| proxy.link == Link::Lost && proxy.serving;
        let mut counted: Vec<&Proxy> = self.list.values().filter(up).collect();
        if counted.is_empty() {
            counted = self.list.values().filter(lost).collect();
        }
        let mut outcome = GatewayOutcome {
            gateway: gateway.clone(),
            revision: Revision(revision),
            acked: counted.iter().map(|proxy| Revision(proxy.acked)).min(),
            ready: counted.len(),
            waiting: counted.iter().filter(|proxy| proxy.acked < revision).count(),
            unready: self
                .list
                .values()
                .filter(|proxy| proxy.link == Link::Overdue || proxy.link == Link::Up && !proxy.serving)
                .count(),
            listeners: BTreeMap::new(),
            refused: BTreeMap::new(),
        };
        for faults in counted.iter().filter_map(|proxy| proxy.faults.get(gateway)) {
            for (listener, (reason, message)) in &faults.listeners {
                let fault = outcome.listeners.entry(listener.clone());
                let fault = fault.or_insert_with(|| ListenerFault {
                    reason: reason.clone(),
                    message: message.clone(),
                    proxies: 0,
                });
                fault.proxies += 1;
            }
            for (object, message) in &faults.refused {
                let entry = outcome.refused.entry(object.clone());
                entry.or_insert_with(|| message.clone());
            }
        }
        for ((_, key), message) in self.unsendable.iter().filter(|((of, _), _)| of == gateway) {
            outcome.refused.insert(key.to_string().into(), message.clone());
        }
        Some(outcome)
    }
}

/// The faults of a message, bounded.
fn read(list: &[wire::GatewayFaults]) -> BTreeMap<ObjectName, Faults> {
    let mut all: BTreeMap<ObjectName, Faults> = BTreeMap::new();
    let mut left = FAULTS;
    for of in list {
        let gateway = ObjectName::new(&of.namespace, &of.name);
        let mut faults = Faults::default();
        for fault in of.listeners.iter().take(left) {
            let key = fault.listener.as_ref().map(PartKey::from_wire);
            if let Some(Ok(PartKey::Listener(key))) = key {
                let told = (cut(&fault.reason), cut(&fault.message));
                faults.listeners.insert(key, told);
            }
        }
        left = left.saturating_sub(of.listeners.len());
        for refusal in of.refusals.iter().take(left) {
            faults.refused.insert(cut(&refusal.object), cut(&refusal.message));
        }
        left = left.saturating_sub(of.refusals.len());
        if faults != Faults::default() {
            all.insert(gateway, faults);
        }
    }
    all
}

fn cut(text: &str) -> Str {
    match text.char_indices().nth(TEXT) {
        Some((at, _)) => text.get(..at).unwrap_or_default().into(),
        None => text.into(),
    }
}
