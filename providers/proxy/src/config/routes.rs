//! HTTPRoutes and GRPCRoutes of one load balancer, compiled rule by rule.

use super::backends::{Backends, Moved};
use super::diff::{Change, changes, compact};
use super::{Refusals, Workshop};
use crate::policy::{FilterChain, RetryPolicy, SessionPolicy};
use crate::runtime::{BackendRuntime, CompiledBackend, CompiledRule, RouteProtocol};
use gatewright_model::LoadBalancer;
use gatewright_model::backend::{BackendTarget, WeightedBackend};
use gatewright_model::key::{BackendKey, ListenerKey, RouteKey, RouteKind};
use gatewright_model::pattern::Pattern;
use gatewright_model::route::{HttpRoute, HttpRule, PathMatch, SessionPersistence, ValueMatch};
use gatewright_model::router::RoutePayload;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What a rule is at run time.
pub(super) type Payload = Arc<CompiledRule>;

/// HTTP routes by key.
#[derive(Debug, Default)]
pub(super) struct HttpRoutes {
    /// The form in use: the newest, or the last that could be compiled.
    entries: BTreeMap<RouteKey, RoutePayload<Payload>>,
    /// Why the newest form of a route, or a part of it, is not in use.
    faults: BTreeMap<RouteKey, String>,
    /// Routes that name a backend which is not there.
    waiting: BTreeSet<RouteKey>,
}

/// Routes of listeners that are made anew.
pub(super) type Attached = BTreeMap<ListenerKey, Vec<RoutePayload<Payload>>>;

/// Changes to the router of one listener.
#[derive(Debug, Default)]
pub(super) struct RouterChange {
    pub(super) upserts: Vec<RoutePayload<Payload>>,
    pub(super) removals: Vec<RouteKey>,
}

impl HttpRoutes {
    /// Compiles what is new, changed, or was waiting for one of the backends in `moved`. Answers what
    /// changes on which listener.
    pub(super) fn update(
        &mut self,
        (old, new): (Option<&LoadBalancer>, &LoadBalancer),
        (backends, moved): (&Backends, &Moved),
        workshop: &Workshop,
    ) -> BTreeMap<ListenerKey, RouterChange> {
        let mut touched: BTreeMap<ListenerKey, RouterChange> = BTreeMap::new();
        let known = self.entries.len();
        let mut waiting = if moved.keys.is_empty() {
            BTreeSet::new()
        } else {
            std::mem::take(&mut self.waiting)
        };
        if !moved.sessions.is_empty() {
            let concerned = self
                .entries
                .iter()
                .filter(|(_, payload)| names_any(payload.route(), &moved.sessions));
            waiting.extend(concerned.map(|(key, _)| key.clone()));
        }
        for change in changes(old.map(|old| &old.http_routes), &new.http_routes) {
            match change {
                Change::Added(key, route) | Change::Changed(key, route) => {
                    let afresh = if waiting.remove(key) {
                        Afresh::Yes
                    } else {
                        Afresh::No
                    };
                    self.compile(route, afresh, (backends, workshop), &mut touched);
                }
                Change::Removed(key, _) => {
                    self.waiting.remove(key);
                    waiting.remove(key);
                    self.faults.remove(key);
                    if let Some(payload) = self.entries.remove(key) {
                        for attachment in &payload.route().attachments {
                            touched
                                .entry(attachment.listener.clone())
                                .or_default()
                                .removals
                                .push(key.clone());
                        }
                    }
                }
            }
        }
        for route in waiting.iter().filter_map(|key| new.http_routes.get(key)) {
            self.compile(route, Afresh::Yes, (backends, workshop), &mut touched);
        }
        compact(known, &mut self.entries);
        touched
    }

    /// Everything attached to any of these listeners, by listener.
    pub(super) fn attached(&self, listeners: &BTreeSet<&ListenerKey>) -> Attached {
        let mut attached = Attached::new();
        if listeners.is_empty() {
            return attached;
        }
        for payload in self.entries.values() {
            let here = payload.route().attachments.iter();
            for attachment in here.filter(|attachment| listeners.contains(&attachment.listener)) {
                let known = attached.entry(attachment.listener.clone()).or_default();
                known.push(payload.clone());
            }
        }
        attached
    }

    /// Says what is not in use and why.
    pub(super) fn report(&self, refusals: &mut Refusals) {
        for (key, fault) in &self.faults {
            refusals.add(key, fault);
        }
    }

    /// Compiles one route, and notes what changes on each listener it is or was attached to.
    fn compile(
        &mut self,
        route: &Arc<HttpRoute>,
        afresh: Afresh,
        (backends, workshop): (&Backends, &Workshop),
        touched: &mut BTreeMap<ListenerKey, RouterChange>,
    ) {
        let key = &route.key;
        let before = self.entries.get(key);
        if let Err(fault) = check_patterns(route) {
            // The last good form stays; a route without one does not exist yet and answers 404.
            let kept = if before.is_some() {
                "; its last good form stays in use"
            } else {
                ""
            };
            self.faults.insert(key.clone(), format!("{fault}{kept}"));
            return;
        }
        let missing = Cell::new(false);
        let compiler = RuleCompiler {
            key,
            name: key.to_string().into(),
            backends,
            workshop,
            missing: &missing,
        };
        let payload = RoutePayload::new(Arc::clone(route), |rule| {
            let known = before.filter(|_| afresh == Afresh::No).and_then(|before| {
                let at = before
                    .route()
                    .rules
                    .iter()
                    .position(|known| Arc::ptr_eq(known, rule))?;
                before.payloads().get(at)
            });
            known.cloned().unwrap_or_else(|| Arc::new(compiler.rule(rule)))
        });
        if missing.get() {
            self.waiting.insert(key.clone());
        } else if afresh == Afresh::Yes {
            self.waiting.remove(key);
        }
        for attachment in &route.attachments {
            touched
                .entry(attachment.listener.clone())
                .or_default()
                .upserts
                .push(payload.clone());
        }
        for former in before.iter().flat_map(|before| &before.route().attachments) {
            if !route
                .attachments
                .iter()
                .any(|attachment| attachment.listener == former.listener)
            {
                touched
                    .entry(former.listener.clone())
                    .or_default()
                    .removals
                    .push(key.clone());
            }
        }
        match not_executable(payload.payloads()) {
            Some(fault) => {
                self.faults.insert(key.clone(), fault);
            }
            None => {
                self.faults.remove(key);
            }
        }
        self.entries.insert(key.clone(), payload);
    }
}

/// Whether rules that did not change are compiled all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Afresh {
    Yes,
    No,
}

struct RuleCompiler<'a> {
    key: &'a RouteKey,
    name: gatewright_model::Str,
    backends: &'a Backends,
    workshop: &'a Workshop,
    missing: &'a Cell<bool>,
}

impl RuleCompiler<'_> {
    fn rule(&self, rule: &HttpRule) -> CompiledRule {
        let HttpRule {
            index,
            name,
            matches: _,
            filters,
            backends,
            timeouts,
            retry,
            session_persistence,
            fault,
        } = rule;
        let request = match timeouts.request_ms {
            None => self.workshop.options.timeouts.request,
            Some(0) => None,
            Some(limit) => Some(Duration::from_millis(limit)),
        };
        let backend_request = timeouts
            .backend_request_ms
            .filter(|limit| *limit > 0)
            .map(Duration::from_millis);
        CompiledRule {
            route_name: Arc::clone(&self.name),
            index: *index,
            name: name.clone(),
            protocol: match self.key.kind {
                RouteKind::Grpc => RouteProtocol::Grpc,
                _ => RouteProtocol::Http,
            },
            filters: FilterChain::compile(filters, &|key| self.backend(key)),
            total_weight: backends.iter().map(|backend| u64::from(backend.weight)).sum(),
            backends: backends.iter().map(|backend| self.weighted(backend)).collect(),
            request_timeout: request,
            backend_request_timeout: backend_request,
            retry: retry.as_ref().map(|retry| Box::new(RetryPolicy::compile(retry))),
            session: session_persistence
                .as_ref()
                .map(|session| Box::new(self.session(session, &format!("{}#{index}", self.name)))),
            faulty: fault.is_some(),
        }
    }

    fn weighted(&self, backend: &WeightedBackend) -> CompiledBackend {
        let resolved = match &backend.target {
            BackendTarget::Backend(key) => self.backend(key),
            BackendTarget::Invalid(_) => None,
        };
        let session = match &backend.target {
            BackendTarget::Backend(key) => self
                .backends
                .session(key)
                .map(|own| Box::new(self.session(own, &key.to_string()))),
            BackendTarget::Invalid(_) => None,
        };
        CompiledBackend {
            backend: resolved,
            weight: backend.weight,
            filters: FilterChain::compile(&backend.filters, &|key| self.backend(key)),
            session,
        }
    }

    fn session(&self, session: &SessionPersistence, scope: &str) -> SessionPolicy {
        SessionPolicy::compile(session, scope, &self.workshop.options.session_key)
    }

    fn backend(&self, key: &BackendKey) -> Option<Arc<BackendRuntime>> {
        let found = self.backends.get(key).cloned();
        if found.is_none() {
            self.missing.set(true);
        }
        found
    }
}

/// Parts of filters that cannot be executed, in words.
fn not_executable(rules: &[Payload]) -> Option<String> {
    let chains = rules.iter().flat_map(|rule| {
        std::iter::once(&rule.filters).chain(rule.backends.iter().map(|backend| &backend.filters))
    });
    let refused: Vec<&str> = chains
        .flat_map(FilterChain::refused)
        .map(String::as_str)
        .collect();
    (!refused.is_empty()).then(|| refused.join("; "))
}

fn names_any(route: &HttpRoute, keys: &BTreeSet<BackendKey>) -> bool {
    route
        .rules
        .iter()
        .flat_map(|rule| &rule.backends)
        .any(|backend| match &backend.target {
            BackendTarget::Backend(key) => keys.contains(key),
            BackendTarget::Invalid(_) => false,
        })
}

/// Every regular expression of a route must compile.
fn check_patterns(route: &HttpRoute) -> Result<(), String> {
    for rule in &route.rules {
        for (number, condition) in rule.matches.iter().enumerate() {
            let at = |part: &str| format!("spec.rules[{}].matches[{number}].{part}", rule.index);
            let check = |part: &str, text: &str| {
                Pattern::compile(text)
                    .map(drop)
                    .map_err(|error| format!("{}: {error}", at(part)))
            };
            if let PathMatch::Regex(text) = &condition.path {
                check("path.value", text)?;
            }
            for header in &condition.headers {
                if let ValueMatch::Regex(text) = &header.value {
                    check("headers", text)?;
                }
            }
            for query in &condition.query {
                if let ValueMatch::Regex(text) = &query.value {
                    check("queryParams", text)?;
                }
            }
        }
    }
    Ok(())
}
