//! Statuses that wait for the data plane: a route is not called accepted before the proxies serve it.
//!
//! A status waits for the revisions of the load balancers that the same change altered. It is let through
//! when every ready proxy has them, when there is no proxy to wait for, or when the wait gets too long
//! (a proxy that does not answer is taken for unready by the configuration server before that).

use super::traces;
use gatewright_core::snapshot::ObjectKey;
use gatewright_core::status::Status;
use gatewright_model::key::ObjectName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for proxies.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Longest wait for the word of a cloud on what it cannot express: its API allows so many calls a second, and a route
/// must not be called accepted before.
pub const JUDGED: Duration = Duration::from_secs(600);

/// Number of a state of one Gateway's configuration.
pub type Revision = u64;

/// Where the data plane of a Gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// No proxy is ready: there is nobody to wait for.
    Nobody,
    /// Every ready proxy has this revision or a later one.
    Revision(Revision),
}

/// A status that need not wait, and what it comes from.
pub type Free = (ObjectKey, Arc<Status>, Option<traces::Context>);

#[derive(Debug)]
struct Held {
    status: Arc<Status>,
    origin: Option<traces::Context>,
    needs: BTreeMap<ObjectName, Revision>,
    until: Instant,
}

/// What a status is held back by.
#[derive(Clone, Copy)]
pub struct Waits<'a> {
    /// Where the data plane of a Gateway is.
    pub reached: &'a dyn Fn(&ObjectName) -> Reached,
    /// What time it is.
    pub now: Instant,
    /// How long it is held back at most.
    pub patience: Duration,
}

/// The waiting statuses.
#[derive(Debug, Default)]
pub struct Gate {
    held: BTreeMap<ObjectKey, Held>,
    /// Which statuses wait for a Gateway.
    by_gateway: BTreeMap<ObjectName, BTreeSet<ObjectKey>>,
}

impl Gate {
    /// Holds a status back until `needs` are met, in place of an older one of the same object, for the time given at
    /// most. Answers it at once when they are met already.
    pub fn hold(
        &mut self,
        key: ObjectKey,
        status: Arc<Status>,
        mut needs: BTreeMap<ObjectName, Revision>,
        waits: Waits<'_>,
    ) -> Option<Free> {
        let Waits {
            reached,
            now,
            patience,
        } = waits;
        let origin = traces::context();
        // What the older status waited for is in the newer one as well.
        let mut until = now + patience;
        if let Some(older) = self.take(&key) {
            until = until.min(older.until);
            for (gateway, revision) in older.needs {
                let need = needs.entry(gateway).or_insert(revision);
                *need = (*need).max(revision);
            }
        }
        needs.retain(|gateway, revision| !met(reached(gateway), *revision));
        if needs.is_empty() {
            return Some((key, status, origin));
        }
        for gateway in needs.keys() {
            self.by_gateway
                .entry(gateway.clone())
                .or_default()
                .insert(key.clone());
        }
        let held = Held {
            status,
            origin,
            needs,
            until,
        };
        self.held.insert(key, held);
        None
    }

    /// The data plane of a Gateway got somewhere: answers what waited for that alone.
    pub fn reached(&mut self, gateway: &ObjectName, reached: Reached) -> Vec<Free> {
        let Some(waiting) = self.by_gateway.get(gateway) else {
            return Vec::new();
        };
        let mut free = Vec::new();
        let mut released = Vec::new();
        for key in waiting {
            let Some(held) = self.held.get_mut(key) else {
                continue;
            };
            if held
                .needs
                .get(gateway)
                .is_some_and(|revision| met(reached, *revision))
            {
                held.needs.remove(gateway);
                released.push(key.clone());
            }
        }
        for key in released {
            if let Some(waiting) = self.by_gateway.get_mut(gateway) {
                waiting.remove(&key);
            }
            if self.held.get(&key).is_some_and(|held| held.needs.is_empty())
                && let Some(held) = self.held.remove(&key)
            {
                free.push((key, held.status, held.origin));
            }
        }
        if self.by_gateway.get(gateway).is_some_and(BTreeSet::is_empty) {
            self.by_gateway.remove(gateway);
        }
        free
    }

    /// What has waited for too long.
    pub fn overdue(&mut self, now: Instant) -> Vec<Free> {
        let late = self.held.iter().filter(|(_, held)| now >= held.until);
        let keys: Vec<ObjectKey> = late.map(|(key, _)| key.clone()).collect();
        keys.into_iter()
            .filter_map(|key| {
                let held = self.take(&key)?;
                Some((key, held.status, held.origin))
            })
            .collect()
    }

    /// When [`Gate::overdue`] has something to answer next.
    pub fn deadline(&self) -> Option<Instant> {
        self.held.values().map(|held| held.until).min()
    }

    /// Whether a status of the object waits.
    pub fn holds(&self, key: &ObjectKey) -> bool {
        self.held.contains_key(key)
    }

    /// The object has the wanted status, or is gone.
    pub fn cancel(&mut self, key: &ObjectKey) {
        self.take(key);
    }

    fn take(&mut self, key: &ObjectKey) -> Option<Held> {
        let held = self.held.remove(key)?;
        for gateway in held.needs.keys() {
            if let Some(waiting) = self.by_gateway.get_mut(gateway) {
                waiting.remove(key);
                if waiting.is_empty() {
                    self.by_gateway.remove(gateway);
                }
            }
        }
        Some(held)
    }
}

fn met(reached: Reached, needed: Revision) -> bool {
    match reached {
        Reached::Nobody => true,
        Reached::Revision(revision) => revision >= needed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_core::snapshot::Kind;
    use gatewright_crds::api::RouteStatus;

    fn gateway(name: &str) -> ObjectName {
        ObjectName::new("n", name)
    }

    fn route(name: &str) -> ObjectKey {
        ObjectKey {
            kind: Kind::HttpRoute,
            name: gateway(name),
        }
    }

    fn status() -> Arc<Status> {
        Arc::new(Status::Route(RouteStatus::default()))
    }

    fn waits(reached: &dyn Fn(&ObjectName) -> Reached, now: Instant) -> Waits<'_> {
        Waits {
            reached,
            now,
            patience: PATIENCE,
        }
    }

    fn keys(found: Vec<Free>) -> Vec<ObjectKey> {
        found.into_iter().map(|(key, ..)| key).collect()
    }

    #[test]
    fn a_status_waits_for_every_gateway_it_concerns() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        let at = |_: &ObjectName| Reached::Revision(1);
        let needs = BTreeMap::from([(gateway("a"), 2), (gateway("b"), 3), (gateway("c"), 1)]);
        assert!(gate.hold(route("r"), status(), needs, waits(&at, now)).is_none());
        assert_eq!(keys(gate.reached(&gateway("a"), Reached::Revision(2))), []);
        assert_eq!(keys(gate.reached(&gateway("b"), Reached::Revision(2))), []);
        assert_eq!(
            keys(gate.reached(&gateway("b"), Reached::Revision(4))),
            [route("r")]
        );
        assert_eq!(gate.deadline(), None);
        assert!(gate.by_gateway.is_empty());
    }

    #[test]
    fn nobody_is_waited_for_when_no_proxy_is_ready() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        let needs = BTreeMap::from([(gateway("a"), 2)]);
        let free = gate.hold(route("r"), status(), needs, waits(&|_| Reached::Nobody, now));
        assert!(free.is_some());
    }

    #[test]
    fn a_newer_status_waits_for_what_the_older_one_waited_for_and_no_longer_than_it() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        let at = |_: &ObjectName| Reached::Revision(1);
        gate.hold(
            route("r"),
            status(),
            BTreeMap::from([(gateway("a"), 5)]),
            waits(&at, now),
        );
        let later = now + Duration::from_secs(1);
        gate.hold(
            route("r"),
            status(),
            BTreeMap::from([(gateway("a"), 2)]),
            waits(&at, later),
        );
        assert_eq!(keys(gate.reached(&gateway("a"), Reached::Revision(2))), []);
        assert_eq!(gate.deadline(), Some(now + PATIENCE));
        assert_eq!(keys(gate.overdue(now + PATIENCE)), [route("r")]);
        assert!(gate.by_gateway.is_empty());
    }
}
