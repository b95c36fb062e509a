//! Backends at run time: settings and endpoints that change under running requests, and the load
//! and health that all workers share.

use arc_swap::{ArcSwap, Guard};
use gatewright_model::Str;
use gatewright_model::backend::{BackendProtocol, Endpoint, RetryBudget, TrafficDistribution};
use gatewright_model::key::BackendKey;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock};

/// One backend. Lives as long as any configuration names its key; settings and endpoints are
/// replaced in place, so that a changed EndpointSlice rebuilds no route.
#[derive(Debug)]
pub struct BackendRuntime {
    /// Identity.
    pub key: BackendKey,
    /// Text of the key, for logs and metrics.
    pub name: Str,
    /// Requests and retries, for the retry budget.
    pub retry_budget_state: crate::policy::BudgetState,
    settings: ArcSwap<BackendSettings>,
    endpoints: ArcSwap<EndpointSet>,
}

impl BackendRuntime {
    /// A backend with its first settings and endpoints.
    pub fn new(key: BackendKey, settings: BackendSettings, endpoints: EndpointSet) -> Self {
        let name = key.to_string().into();
        Self {
            key,
            name,
            retry_budget_state: crate::policy::BudgetState::default(),
            settings: ArcSwap::from_pointee(settings),
            endpoints: ArcSwap::from_pointee(endpoints),
        }
    }

    /// Current settings.
    pub fn settings(&self) -> Guard<Arc<BackendSettings>> {
        self.settings.load()
    }

    /// Current endpoints.
    pub fn endpoints(&self) -> Guard<Arc<EndpointSet>> {
        self.endpoints.load()
    }

    /// Replaces the settings for requests that start from now on.
    pub fn set_settings(&self, settings: BackendSettings) {
        self.settings.store(Arc::new(settings));
    }

    /// Replaces the endpoints for requests that start from now on.
    pub fn set_endpoints(&self, endpoints: EndpointSet) {
        self.endpoints.store(Arc::new(endpoints));
    }
}

/// How a backend is spoken to.
#[derive(Debug)]
pub struct BackendSettings {
    /// Protocol.
    pub protocol: BackendProtocol,
    /// TLS, when the backend wants it.
    pub tls: Option<Arc<UpstreamTls>>,
    /// Limit on retries.
    pub retry_budget: Option<RetryBudget>,
    /// Everything sent to it fails with 500: why, in words.
    pub fault: Option<Str>,
}

/// TLS towards a backend, ready to use.
#[derive(Debug)]
pub struct UpstreamTls {
    /// Equal for equal settings (name, trust, client certificate): connections are shared within it.
    pub identity: u64,
    /// Server name to send and, by the configurations' verifiers, to check.
    pub server_name: ServerName<'static>,
    /// Offers `h2` and `http/1.1`.
    pub any: Arc<ClientConfig>,
    /// Offers `http/1.1` only.
    pub h1: Arc<ClientConfig>,
    /// Offers `h2` only.
    pub h2: Arc<ClientConfig>,
    /// Offers no application protocol: for streams.
    pub plain: Arc<ClientConfig>,
}

/// Which application protocols a connection to a backend may offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlpnOffer {
    /// Either.
    Any,
    /// HTTP/1.1 only.
    H1,
    /// HTTP/2 only.
    H2,
}

impl UpstreamTls {
    /// The client configuration for an offer.
    pub fn client(&self, offer: AlpnOffer) -> &Arc<ClientConfig> {
        match offer {
            AlpnOffer::Any => &self.any,
            AlpnOffer::H1 => &self.h1,
            AlpnOffer::H2 => &self.h2,
        }
    }
}

/// The endpoints of a backend, as the balancer sees them.
#[derive(Debug, Default)]
pub struct EndpointSet {
    /// Sorted by address. An endpoint that stays keeps its [`EndpointRuntime`].
    pub endpoints: Vec<Arc<EndpointRuntime>>,
    /// Preference by zone and node.
    pub distribution: TrafficDistribution,
    near: OnceLock<crate::balance::Near>,
}

impl EndpointSet {
    /// A set of endpoints; they are sorted by address.
    pub fn new(mut endpoints: Vec<Arc<EndpointRuntime>>, distribution: TrafficDistribution) -> Self {
        endpoints.sort_by_key(|endpoint| endpoint.address);
        Self {
            endpoints,
            distribution,
            near: OnceLock::new(),
        }
    }

    /// The endpoints near this proxy, worked out once: zone and node do not change while it runs.
    pub(crate) fn near(&self, zone: Option<&str>, node: Option<&str>) -> &crate::balance::Near {
        self.near
            .get_or_init(|| crate::balance::Near::of(self, zone, node))
    }
}

/// One endpoint with the load and health that all routes and workers share.
#[derive(Debug)]
pub struct EndpointRuntime {
    /// Where to connect to.
    pub address: SocketAddr,
    /// As configured.
    pub endpoint: Endpoint,
    /// Requests in flight, over all workers.
    pub active: AtomicU32,
    /// Passive health.
    pub health: crate::balance::Health,
}

impl EndpointRuntime {
    /// A healthy, unused endpoint.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            address: SocketAddr::new(endpoint.address, endpoint.port),
            endpoint,
            active: AtomicU32::new(0),
            health: crate::balance::Health::default(),
        }
    }
}
