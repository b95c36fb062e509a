//! The routers of listeners.

use super::condition::{Lookup, Request};
use super::entry::Entry;
use super::segments::{host_steps, path_steps, suffix_key, text_hash};
use super::shards::{Keep, Keyed, ShardMap};
use super::table::HostTable;
use crate::LoadBalancer;
use crate::hostname::HostPattern;
use crate::key::{ListenerKey, RouteKey};
use crate::precedence::{PathRank, compare_hosts, host_text, hosts_on};
use crate::route::{HttpMatch, HttpRoute, HttpRule, RouteHost};
use crate::router::Conditions;
use rustc_hash::FxHasher;
use smallvec::{SmallVec, smallvec};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A route with what each of its rules leads to.
#[derive(Clone, Debug)]
pub struct RoutePayload<P> {
    route: Arc<HttpRoute>,
    payloads: Arc<[P]>,
}

impl<P> RoutePayload<P> {
    /// Asks for the payload of each rule in turn.
    pub fn new(route: Arc<HttpRoute>, payload: impl FnMut(&Arc<HttpRule>) -> P) -> Self {
        let payloads = route.rules.iter().map(payload).collect();
        Self { route, payloads }
    }

    /// The route.
    pub fn route(&self) -> &Arc<HttpRoute> {
        &self.route
    }

    /// What each of its rules leads to, in their order.
    pub fn payloads(&self) -> &[P] {
        &self.payloads
    }
}

/// The rule that serves a request.
#[derive(Debug)]
pub struct Found<'a, P> {
    /// What the rule leads to.
    pub payload: &'a P,
    /// Its route.
    pub route: &'a Arc<HttpRoute>,
    /// The rule.
    pub rule: &'a Arc<HttpRule>,
    /// Position of the match in [`HttpRule::matches`].
    pub match_index: u32,
    /// Hostname of the route that the request matched.
    pub host: &'a RouteHost,
    /// The prefix that the request's path matched, without trailing slash except for `/` itself:
    /// what `ReplacePrefixMatch` replaces. `None` unless the path condition is a prefix.
    pub prefix: Option<&'a str>,
}

impl<'a, P> Found<'a, P> {
    /// The match itself.
    pub fn matched(&self) -> Option<&'a HttpMatch> {
        self.rule.matches.get(self.match_index as usize)
    }
}

/// Index over the HTTPRoutes and GRPCRoutes of one listener. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ListenerRouter<P> {
    inner: Arc<Inner<P>>,
}

#[derive(Clone, Debug)]
struct Inner<P> {
    listener: ListenerKey,
    exact: ShardMap<HostNode<P>>,
    wildcard: ShardMap<HostNode<P>>,
    any: Option<HostNode<P>>,
    routes: ShardMap<RouteNode>,
    /// Most labels of any wildcard, and most segments of any path, ever inserted.
    labels: usize,
    deepest: usize,
}

/// Tables of one effective hostname, one per original hostname, first tried first; never without one.
#[derive(Clone, Debug)]
struct HostNode<P> {
    tables: SmallVec<[Arc<HostTable<P>>; 2]>,
}

impl<P: Clone> Keyed for HostNode<P> {
    type Key = str;

    fn key(&self) -> &str {
        let first = self.tables.first();
        first.map_or("", |table| host_text(&table.host().effective))
    }

    /// Suffixes of wildcards begin with a dot, exact names never do.
    fn hash(key: &str) -> u64 {
        if key.starts_with('.') {
            suffix_key(key).1
        } else {
            text_hash(key)
        }
    }
}

#[derive(Clone, Debug)]
struct RouteNode(Arc<HttpRoute>);

impl Keyed for RouteNode {
    type Key = RouteKey;

    fn key(&self) -> &RouteKey {
        &self.0.key
    }

    fn hash(key: &RouteKey) -> u64 {
        let mut hasher = FxHasher::default();
        key.hash(&mut hasher);
        hasher.finish()
    }
}

impl<P: Clone> HostNode<P> {
    fn new(host: &RouteHost) -> Self {
        Self {
            tables: smallvec![Arc::new(HostTable::new(host.clone()))],
        }
    }

    fn table(&mut self, host: &RouteHost) -> &mut HostTable<P> {
        let position = self.tables.iter().position(|known| known.host() == host);
        let at = position.unwrap_or_else(|| {
            let at = self.tables.partition_point(|table| {
                let known = table.host();
                compare_hosts(known, host).then_with(|| known.cmp(host)).is_lt()
            });
            self.tables.insert(at, Arc::new(HostTable::new(host.clone())));
            at
        });
        // `at` was found or made just now.
        #[allow(clippy::indexing_slicing)]
        Arc::make_mut(&mut self.tables[at])
    }

    fn drop_empty(&mut self) -> Keep {
        self.tables.retain(|table| !table.is_empty());
        if self.tables.is_empty() {
            Keep::No
        } else {
            Keep::Yes
        }
    }
}

impl<P: Clone> Inner<P> {
    /// Changes the tables of a hostname, made when there are none.
    fn insert_at(&mut self, host: &RouteHost, change: impl FnOnce(&mut HostTable<P>)) {
        let key = host_text(&host.effective);
        let make = || HostNode::new(host);
        let mut deepest = 0;
        let change = |node: &mut HostNode<P>| {
            let table = node.table(host);
            change(table);
            deepest = table.deepest();
        };
        match &host.effective {
            HostPattern::Exact(_) => self.exact.change(key, make, change),
            HostPattern::Wildcard(suffix) => {
                self.labels = self.labels.max(suffix_key(suffix).0);
                self.wildcard.change(key, make, change);
            }
            HostPattern::Any => change(self.any.get_or_insert_with(make)),
        }
        self.deepest = self.deepest.max(deepest);
    }

    fn remove_at(&mut self, host: &RouteHost, change: impl FnOnce(&mut HostTable<P>)) {
        let change = |node: &mut HostNode<P>| {
            change(node.table(host));
            node.drop_empty()
        };
        match &host.effective {
            HostPattern::Exact(name) => self.exact.change_existing(name, change),
            HostPattern::Wildcard(suffix) => self.wildcard.change_existing(suffix, change),
            HostPattern::Any => {
                if self.any.as_mut().map(change) == Some(Keep::No) {
                    self.any = None;
                }
            }
        }
    }

    fn remove(&mut self, key: &RouteKey) {
        let Some(RouteNode(route)) = self.routes.get(key).cloned() else {
            return;
        };
        for host in hosts_on(&route, &self.listener) {
            self.remove_at(&host, |table| {
                for conditions in route.rules.iter().flat_map(|rule| &rule.matches) {
                    table.remove(&conditions.path, key);
                }
            });
        }
        self.routes.change_existing(key, |_| Keep::No);
    }

    fn insert(&mut self, item: &RoutePayload<P>) {
        let route = &item.route;
        let hosts = hosts_on(route, &self.listener);
        if hosts.is_empty() {
            return;
        }
        let mut entries = Vec::new();
        for (rule, payload) in route.rules.iter().zip(&*item.payloads) {
            for (index, conditions) in (0u32..).zip(&rule.matches) {
                entries.push(Entry {
                    route: Arc::clone(route),
                    rule: Arc::clone(rule),
                    compiled: Conditions::compile(conditions).map(Arc::new),
                    payload: payload.clone(),
                    path: PathRank::of(&conditions.path),
                    index,
                    beyond_path: conditions.method.is_some()
                        || !conditions.headers.is_empty()
                        || !conditions.query.is_empty(),
                });
            }
        }
        for host in &hosts {
            self.insert_at(host, |table| {
                for entry in &entries {
                    table.insert(entry.clone());
                }
            });
        }
        let node = RouteNode(Arc::clone(route));
        self.routes.change(&route.key, || node.clone(), |_| {});
    }
}

impl<P: Clone> ListenerRouter<P> {
    /// A router without routes.
    pub fn new(listener: ListenerKey) -> Self {
        Self {
            inner: Arc::new(Inner {
                listener,
                exact: ShardMap::default(),
                wildcard: ShardMap::default(),
                any: None,
                routes: ShardMap::default(),
                labels: 0,
                deepest: 0,
            }),
        }
    }

    /// The listener whose attachments count.
    pub fn listener(&self) -> &ListenerKey {
        &self.inner.listener
    }

    /// Number of routes.
    pub fn len(&self) -> usize {
        self.inner.routes.len()
    }

    /// Whether there is no route.
    pub fn is_empty(&self) -> bool {
        self.inner.routes.is_empty()
    }

    /// The routes, in no particular order.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<HttpRoute>> {
        self.inner.routes.values().map(|node| &node.0)
    }

    /// Whether a route is in the index.
    pub fn contains(&self, route: &RouteKey) -> bool {
        self.inner.routes.get(route).is_some()
    }

    /// The router after a change; this one stays as it is.
    ///
    /// Upserts replace what was known of a route; one that is not attached to the listener is
    /// removed. Removals of unknown routes mean nothing. The cost is that of the changed routes plus
    /// a little for each thousand routes.
    pub fn with_changes(
        &self,
        upserts: impl IntoIterator<Item = RoutePayload<P>>,
        removals: impl IntoIterator<Item = RouteKey>,
    ) -> Self {
        let mut inner = (*self.inner).clone();
        for key in removals {
            inner.remove(&key);
        }
        for item in upserts {
            inner.remove(&item.route.key);
            inner.insert(&item);
        }
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The rule that serves a request: the first match in the order of [`crate::precedence`] whose
    /// conditions all hold.
    ///
    /// `host` is in lower case, without port and trailing dot ([`crate::host::parse`]); empty when
    /// the request has none, which only routes for any host serve. That the host belongs to this
    /// listener is the caller's to check ([`super::ListenerSelector`]).
    pub fn find<R: Request>(&self, host: &str, request: &R) -> Option<Found<'_, P>> {
        let inner = &*self.inner;
        let lookup = Lookup::new(request);
        let steps = path_steps(request.path(), inner.deepest);
        let find = |node| find_in(node, &lookup, &steps);
        if !inner.exact.is_empty()
            && let Some(found) = inner.exact.get(host).and_then(find)
        {
            return Some(found);
        }
        if !inner.wildcard.is_empty() {
            let suffixes = host_steps(host, inner.labels).steps;
            for step in suffixes.iter().rev() {
                let suffix = host.get(step.at..).unwrap_or_default();
                let node = inner.wildcard.get_hashed(step.hash, suffix);
                if let Some(found) = node.and_then(find) {
                    return Some(found);
                }
            }
        }
        inner.any.as_ref().and_then(find)
    }
}

fn find_in<'a, P: Clone, R: Request>(
    node: &'a HostNode<P>,
    lookup: &Lookup<'_, R>,
    steps: &super::segments::Steps,
) -> Option<Found<'a, P>> {
    node.tables.iter().find_map(|table| {
        let hit = table.find(lookup, steps)?;
        let entry = hit.entry;
        Some(Found {
            payload: &entry.payload,
            route: &entry.route,
            rule: &entry.rule,
            match_index: entry.index,
            host: table.host(),
            prefix: hit.prefix,
        })
    })
}

/// The routers of all HTTP listeners of one load balancer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Router<P> {
    listeners: BTreeMap<ListenerKey, ListenerRouter<P>>,
}

impl<P> Default for Router<P> {
    fn default() -> Self {
        Self {
            listeners: BTreeMap::new(),
        }
    }
}

impl<P: Clone> Router<P> {
    /// Indexes a load balancer.
    pub fn build(balancer: &LoadBalancer, mut payload: impl FnMut(&HttpRoute, &Arc<HttpRule>) -> P) -> Self {
        let http = balancer.listeners.iter().filter(|(_, l)| l.protocol.is_http());
        let routes = balancer
            .http_routes
            .values()
            .map(|route| RoutePayload::new(Arc::clone(route), |rule| payload(route, rule)));
        Self::default()
            .with_listeners(http.map(|(key, _)| key.clone()))
            .with_changes(routes, [])
    }

    /// The router with exactly these listeners: new ones without routes, others dropped.
    pub fn with_listeners(&self, listeners: impl IntoIterator<Item = ListenerKey>) -> Self {
        let keys: BTreeSet<ListenerKey> = listeners.into_iter().collect();
        let keep = |key: ListenerKey| {
            let known = self.listeners.get(&key).cloned();
            (key.clone(), known.unwrap_or_else(|| ListenerRouter::new(key)))
        };
        Self {
            listeners: keys.into_iter().map(keep).collect(),
        }
    }

    /// The router after a change, see [`ListenerRouter::with_changes`].
    pub fn with_changes(
        &self,
        upserts: impl IntoIterator<Item = RoutePayload<P>>,
        removals: impl IntoIterator<Item = RouteKey>,
    ) -> Self {
        let upserts: Vec<RoutePayload<P>> = upserts.into_iter().collect();
        let removals: Vec<RouteKey> = removals.into_iter().collect();
        let mut next = self.clone();
        for (key, router) in &mut next.listeners {
            let concerns = |item: &&RoutePayload<P>| {
                item.route.attachments.iter().any(|a| a.listener == *key) || router.contains(&item.route.key)
            };
            let changed: Vec<RoutePayload<P>> = upserts.iter().filter(concerns).cloned().collect();
            let gone: Vec<RouteKey> = removals
                .iter()
                .filter(|key| router.contains(key))
                .cloned()
                .collect();
            if !changed.is_empty() || !gone.is_empty() {
                *router = router.with_changes(changed, gone);
            }
        }
        next
    }

    /// The router of one listener.
    pub fn listener(&self, key: &ListenerKey) -> Option<&ListenerRouter<P>> {
        self.listeners.get(key)
    }
}
