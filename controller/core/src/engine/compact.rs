//! Giving back what a large update reserved.
//!
//! Trees and vectors that grow entry by entry are half empty in the end. After an update of many objects they
//! are made anew, full; after a small one nothing is done.

use super::Engine;
use std::collections::BTreeMap;

/// Changes of one update from which on it is worth the time.
pub const MANY: usize = 1000;

/// The same map, without empty places.
pub fn compact<K: Ord, V>(map: &mut BTreeMap<K, V>) {
    *map = std::mem::take(map).into_iter().collect();
}

impl Engine {
    /// Gives back room that nothing needs now.
    pub(super) fn compact(&mut self) {
        self.snapshot.compact();
        self.tracker.compact();
        compact(&mut self.routes);
        compact(&mut self.backends);
        compact(&mut self.statuses);
        for backend in self.backends.values_mut() {
            backend.routes.compact();
        }
        for listener in self.listeners.values_mut() {
            listener.routes.compact();
        }
        for gateway in self.gateways.values_mut() {
            compact(&mut gateway.http_routes);
            compact(&mut gateway.stream_routes);
            compact(&mut gateway.backends);
        }
    }
}
