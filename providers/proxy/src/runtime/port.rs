//! The compiled configuration of one bound HTTP port: an immutable snapshot.

use crate::http::RequestHead;
use crate::observe::TracePolicy;
use crate::policy::{FilterChain, ListenerFilters, RetryPolicy, SessionPolicy};
use crate::runtime::BackendRuntime;
use arc_swap::ArcSwap;
use gatewright_model::Str;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ObjectName};
use gatewright_model::router::{ListenerRouter, ListenerSelector, Request};
use std::borrow::Cow;
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
    /// Listeners by hostname.
    listeners: ListenerSelector<Arc<HttpListener>>,
    /// Tracing of the Gateway.
    pub tracing: Option<Arc<TracePolicy>>,
}

impl HttpPort {
    /// A snapshot of the given listeners.
    pub fn new(gateway: ObjectName, port: u16, tls: bool, listeners: Vec<Arc<HttpListener>>) -> Self {
        let listeners = listeners
            .into_iter()
            .map(|listener| (listener.hostname.clone(), listener))
            .collect();
        Self {
            gateway,
            port,
            tls,
            listeners,
            tracing: None,
        }
    }

    /// The same with tracing.
    pub fn with_tracing(self, tracing: Option<Arc<TracePolicy>>) -> Self {
        Self { tracing, ..self }
    }

    /// The listener for a lower-case host without port: the one with the most specific matching
    /// hostname, and only that one (listener isolation, Gateway API v1.7.0 `Listener.hostname`).
    pub fn listener(&self, host: &str) -> Option<&Arc<HttpListener>> {
        self.listeners.select(host)
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
    pub router: ListenerRouter<Arc<CompiledRule>>,
}

impl HttpListener {
    /// The rule for a request to a lower-case host without port, and the path prefix that matched
    /// when it was matched by one.
    pub fn route(&self, head: &RequestHead, host: &str) -> Option<(&Arc<CompiledRule>, Option<&str>)> {
        self.router
            .find(host, head)
            .map(|found| (found.payload, found.prefix))
    }
}

impl Request for RequestHead {
    fn method(&self) -> &str {
        self.method.as_str()
    }

    fn path(&self) -> &str {
        Self::path(self)
    }

    fn query(&self) -> Option<&str> {
        Self::query(self)
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        // The host is kept apart from the other fields.
        if name == "host" {
            return Some(Cow::Borrowed(self.authority.as_bytes()));
        }
        self.headers.joined(name)
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
///
/// There are as many as rules, so what few of them have is behind a pointer, and what the model holds is not
/// copied.
#[derive(Debug)]
pub struct CompiledRule {
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
    pub backends: Box<[CompiledBackend]>,
    /// Sum of the weights.
    pub total_weight: u64,
    /// Whole request over all tries; `None` for no limit.
    pub request_timeout: Option<Duration>,
    /// One try; `None` for no limit.
    pub backend_request_timeout: Option<Duration>,
    /// Retries by policy.
    pub retry: Option<Box<RetryPolicy>>,
    /// Session persistence.
    pub session: Option<Box<SessionPolicy>>,
    /// The whole rule answers 500; the model says why.
    pub faulty: bool,
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
    pub session: Option<Box<SessionPolicy>>,
}

/// A worker's access to the snapshot of one port. Reading it costs one relaxed load and a
/// non-atomic count.
#[derive(Debug)]
pub struct PortHandle {
    shared: Arc<ArcSwap<HttpPort>>,
    // Counted without atomics within the worker, and shared with the others once per change.
    #[expect(clippy::redundant_allocation)]
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
