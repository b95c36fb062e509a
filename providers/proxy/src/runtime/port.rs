//! The compiled configuration of one bound HTTP port: an immutable snapshot.

use crate::http::RequestHead;
use crate::policy::{FilterChain, ListenerFilters, RetryPolicy, SessionPolicy};
use crate::runtime::BackendRuntime;
use arc_swap::ArcSwap;
use gatewright_model::Str;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ObjectName, RouteKey};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The HTTP listeners that share one bound address and port.
#[derive(Debug)]
pub struct HttpPort {
    /// The Gateway.
    pub gateway: ObjectName,
    /// Listener port (not the shifted one).
    pub port: u16,
    /// Whether TLS is terminated on it.
    pub tls: bool,
    /// Listeners, most specific hostname first.
    pub listeners: Vec<Arc<HttpListener>>,
}

impl HttpPort {
    /// A snapshot of the given listeners, in any order.
    pub fn new(gateway: ObjectName, port: u16, tls: bool, mut listeners: Vec<Arc<HttpListener>>) -> Self {
        listeners.sort_by_key(|listener| std::cmp::Reverse(listener.hostname.specificity()));
        Self {
            gateway,
            port,
            tls,
            listeners,
        }
    }

    /// The listener for a lower-case host without port: the one with the most specific matching
    /// hostname, and only that one (listener isolation, Gateway API v1.7.0 `Listener.hostname`).
    pub fn listener(&self, host: &str) -> Option<&Arc<HttpListener>> {
        self.listeners
            .iter()
            .find(|listener| listener.hostname.matches(host))
    }
}

/// One HTTP or HTTPS listener.
#[derive(Debug)]
pub struct HttpListener {
    /// Identity.
    pub key: ListenerKey,
    /// Text of the key, for logs and metrics.
    pub name: Str,
    /// Hostname it serves.
    pub hostname: HostPattern,
    /// Filters that run before routing.
    pub filters: Arc<ListenerFilters>,
    /// Routes attached to it.
    pub routes: RouteTable,
}

impl HttpListener {
    /// The rule for a request to a lower-case host without port, and the path prefix that matched
    /// when it was matched by one.
    pub fn route(&self, head: &RequestHead, host: &str) -> Option<(&Arc<CompiledRule>, Option<&str>)> {
        self.routes.find(head, host)
    }
}

/// Routes in order of precedence.
#[derive(Debug, Default)]
pub struct RouteTable {
    entries: Vec<(HostPattern, Str, Arc<CompiledRule>)>,
}

impl RouteTable {
    /// Prefix matches, the first one that matches wins.
    pub fn new(entries: Vec<(HostPattern, Str, Arc<CompiledRule>)>) -> Self {
        Self { entries }
    }

    fn find(&self, head: &RequestHead, host: &str) -> Option<(&Arc<CompiledRule>, Option<&str>)> {
        self.entries
            .iter()
            .find(|(pattern, prefix, _)| pattern.matches(host) && head.path().starts_with(&**prefix))
            .map(|(_, prefix, rule)| (rule, Some(&**prefix)))
    }
}

/// Which precedence and error rules a route follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteProtocol {
    /// HTTPRoute.
    Http,
    /// GRPCRoute: `Auto` backends are spoken to in HTTP/2, errors are gRPC statuses.
    Grpc,
}

/// One rule of a route, ready to execute.
#[derive(Debug)]
pub struct CompiledRule {
    /// The route.
    pub route: RouteKey,
    /// Text of the route's key, for logs and metrics.
    pub route_name: Str,
    /// Position of the rule in the route.
    pub index: u32,
    /// Name of the rule.
    pub name: Option<Str>,
    /// Kind of route.
    pub protocol: RouteProtocol,
    /// Filters of the rule.
    pub filters: FilterChain,
    /// Backends with their share. Empty without a redirect: answer 500.
    pub backends: Vec<CompiledBackend>,
    /// Sum of the weights.
    pub total_weight: u64,
    /// Whole request over all tries; `None` for no limit.
    pub request_timeout: Option<Duration>,
    /// One try; `None` for no limit.
    pub backend_request_timeout: Option<Duration>,
    /// Retries by policy.
    pub retry: Option<RetryPolicy>,
    /// Session persistence.
    pub session: Option<SessionPolicy>,
    /// The whole rule answers 500: why, in words.
    pub fault: Option<Str>,
}

/// A backend of a rule with its share.
#[derive(Debug)]
pub struct CompiledBackend {
    /// The backend; `None`: the reference is invalid, its share answers 500.
    pub backend: Option<Arc<BackendRuntime>>,
    /// Share relative to the sum.
    pub weight: u32,
    /// Filters of the reference, run after those of the rule.
    pub filters: FilterChain,
    /// Session persistence that belongs to the backend.
    pub session: Option<SessionPolicy>,
}

/// A worker's access to the snapshot of one port. Reading it costs one relaxed load and a
/// non-atomic count.
#[derive(Debug)]
pub struct PortHandle {
    shared: Arc<ArcSwap<HttpPort>>,
    cached: RefCell<Rc<Arc<HttpPort>>>,
    connections: Cell<usize>,
}

impl PortHandle {
    /// A handle for one worker.
    pub fn new(shared: Arc<ArcSwap<HttpPort>>) -> Rc<Self> {
        let cached = RefCell::new(Rc::new(shared.load_full()));
        Rc::new(Self {
            shared,
            cached,
            connections: Cell::new(0),
        })
    }

    /// The snapshot that a request that starts now is served with, from head to end.
    pub fn snapshot(&self) -> Rc<Arc<HttpPort>> {
        let mut cached = self.cached.borrow_mut();
        let current = self.shared.load();
        if !Arc::ptr_eq(&current, &cached) {
            *cached = Rc::new(Arc::clone(&current));
        }
        Rc::clone(&cached)
    }

    /// Connections of this worker on this port.
    pub fn connections(&self) -> &Cell<usize> {
        &self.connections
    }
}
