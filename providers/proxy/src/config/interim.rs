//! Interim routing by prefix only.
use crate::config::routes::Payload;
use crate::runtime::RouteTable;
use gatewright_model::key::{ListenerKey, RouteKey};
use gatewright_model::route::{HttpRoute, PathMatch};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct RoutePayload<P> {
    pub(super) route: Arc<HttpRoute>,
    pub(super) payloads: Vec<P>,
}

#[derive(Clone, Debug)]
pub(super) struct ListenerRouter {
    key: ListenerKey,
    routes: BTreeMap<RouteKey, RoutePayload<Payload>>,
}

impl ListenerRouter {
    pub(super) fn new(key: ListenerKey) -> Self {
        Self {
            key,
            routes: BTreeMap::new(),
        }
    }
    pub(super) fn with_changes(
        &self,
        upserts: impl IntoIterator<Item = RoutePayload<Payload>>,
        removals: impl IntoIterator<Item = RouteKey>,
    ) -> Self {
        let mut next = self.clone();
        for key in removals {
            next.routes.remove(&key);
        }
        for payload in upserts {
            next.routes.insert(payload.route.key.clone(), payload);
        }
        next
    }
    pub(super) fn table(&self) -> RouteTable {
        let mut entries = Vec::new();
        for payload in self.routes.values() {
            for attachment in payload
                .route
                .attachments
                .iter()
                .filter(|a| a.listener == self.key)
            {
                for host in &attachment.hosts {
                    for (rule, compiled) in payload.route.rules.iter().zip(&payload.payloads) {
                        for condition in &rule.matches {
                            let (PathMatch::Prefix(path) | PathMatch::Exact(path)) = &condition.path else {
                                continue;
                            };
                            entries.push((host.effective.clone(), path.clone(), Arc::clone(compiled)));
                        }
                    }
                }
            }
        }
        entries.sort_by_key(|(host, path, _)| std::cmp::Reverse((host.specificity(), path.len())));
        RouteTable::new(entries)
    }
}
