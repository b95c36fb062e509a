//! The controller's side: what is published, who receives it, what they made of it.

mod accept;
mod admission;
mod feed;
mod outcome;
mod proxies;
mod session;

pub use admission::{Admission, Denied, Identity};
pub use outcome::{GatewayOutcome, ListenerFault, Revision};

use crate::scope::Scope;
use crate::settings::GatewaySettings;
use feed::Feed;
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use proxies::Proxies;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

/// Bounds of the server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Connected proxies, over all scopes; further ones are told to come back later.
    pub proxies: usize,
    /// A proxy that has not acknowledged for this long what it was sent is not ready; one that lost its
    /// connection is forgotten after it.
    pub silence: Duration,
    /// Bytes of parts in one message; a larger part travels alone.
    pub message: usize,
    /// From the connection to the end of the TLS handshake, and from there to the stream's first message.
    pub handshake: Duration,
    /// [`Admission::authenticate`].
    pub admission: Duration,
    /// Calls of [`Admission::authenticate`] at the same time.
    pub admissions: usize,
    /// Interval of HTTP/2 pings on a connection.
    pub ping: Duration,
    /// Wait for the answer to a ping, before the connection is given up.
    pub pong: Duration,
    /// A stream is ended after this time (plus up to a tenth), so that the proxy connects again with a
    /// new token.
    pub max_age: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            proxies: 2_000,
            silence: Duration::from_secs(5),
            message: 256 * 1024,
            handshake: Duration::from_secs(10),
            admission: Duration::from_secs(10),
            admissions: 16,
            ping: Duration::from_secs(2),
            pong: Duration::from_secs(3),
            max_age: Duration::from_secs(3600),
        }
    }
}

/// The configuration of all Gateways, for the proxies that serve them. A clone is the same server.
///
/// Methods that are not `async` take one lock for a short time and may be called from any thread.
#[derive(Clone, Debug)]
pub struct ConfigServer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: ServerOptions,
    /// Differs for each start: positions of another start mean nothing.
    start: u64,
    state: Mutex<State>,
    opened: watch::Sender<bool>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// The last position given out, over all feeds.
    position: u64,
    last_proxy: u64,
    rooms: BTreeMap<Scope, Room>,
    /// Where each Gateway is published; its outcome is that of the first one.
    scopes: BTreeMap<ObjectName, Vec<Scope>>,
    dirty: BTreeSet<ObjectName>,
}

/// A scope with its proxies.
#[derive(Debug)]
struct Room {
    feed: Feed,
    proxies: Proxies,
    /// Position of the newest change.
    newest: watch::Sender<u64>,
    /// Digest of the feed at a position, computed when a proxy asks.
    digest: Option<(u64, [u8; 32])>,
}

impl Room {
    fn new(position: u64) -> Self {
        Self {
            feed: Feed::new(position),
            proxies: Proxies::default(),
            newest: watch::Sender::new(position),
            digest: None,
        }
    }
}

impl State {
    fn room(&mut self, scope: &Scope) -> &mut Room {
        let position = self.position;
        self.rooms
            .entry(scope.clone())
            .or_insert_with(|| Room::new(position))
    }

    /// Takes a Gateway out of a scope.
    fn withdraw(&mut self, scope: &Scope, gateway: &ObjectName) {
        let Some(room) = self.rooms.get_mut(scope) else {
            return;
        };
        room.proxies.forgive(gateway);
        if room.feed.retract(&mut self.position, gateway) {
            room.newest.send_replace(room.feed.newest());
        }
        self.sweep(scope);
    }

    /// Drops a scope that nobody needs.
    fn sweep(&mut self, scope: &Scope) {
        let unused = |room: &Room| room.feed.gateways().next().is_none() && room.proxies.is_empty();
        if self.rooms.get(scope).is_some_and(unused) {
            self.rooms.remove(scope);
        }
    }

    /// Outcomes of all Gateways of a scope may differ.
    fn touch_all(&mut self, scope: &Scope) {
        if let Some(room) = self.rooms.get(scope) {
            self.dirty.extend(room.feed.gateways().cloned());
        }
    }
}

impl ConfigServer {
    /// A server that nothing was published to.
    pub fn new(options: ServerOptions) -> Self {
        Self(Arc::new(Shared {
            options,
            start: fastrand::u64(..),
            state: Mutex::new(State {
                position: 1,
                last_proxy: 0,
                rooms: BTreeMap::new(),
                scopes: BTreeMap::new(),
                dirty: BTreeSet::new(),
            }),
            opened: watch::Sender::new(false),
            changed: Notify::new(),
        }))
    }

    /// The options.
    pub fn options(&self) -> &ServerOptions {
        &self.0.options
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes the newest form of a Gateway for the proxies of `scope`, and for no others: see
    /// [`ConfigServer::publish_for`].
    pub fn publish(
        &self,
        scope: &Scope,
        balancer: &Arc<LoadBalancer>,
        settings: &Arc<GatewaySettings>,
    ) -> Revision {
        self.publish_for(&[(scope.clone(), Arc::clone(settings))], balancer)
    }

    /// Publishes the newest form of a Gateway for the proxies of several scopes, each with settings of its own, and
    /// returns the revision it has with those of the first one, whose outcome is the Gateway's. Parts that
    /// share their allocation with those published before cost a comparison of pointers; equal parts are not
    /// sent. When nothing differs the revision stays the same. From scopes that are not among `places` any
    /// more the Gateway is taken away.
    pub fn publish_for(
        &self,
        places: &[(Scope, Arc<GatewaySettings>)],
        balancer: &Arc<LoadBalancer>,
    ) -> Revision {
        let mut guard = self.state();
        let state = &mut *guard;
        let gateway = &balancer.gateway;
        let scopes: Vec<Scope> = places.iter().map(|(scope, _)| scope.clone()).collect();
        let former = state.scopes.insert(gateway.clone(), scopes.clone());
        let mut differs = former.as_ref().and_then(|former| former.first()) != scopes.first();
        for gone in former
            .into_iter()
            .flatten()
            .filter(|scope| !scopes.contains(scope))
        {
            state.withdraw(&gone, gateway);
        }
        let mut first = None;
        for (scope, settings) in places {
            let mut position = state.position;
            let room = state.room(scope);
            let before = room.feed.revision(gateway);
            let revision = room.feed.publish(&mut position, balancer, settings);
            first.get_or_insert(revision);
            if before != Some(revision) {
                room.proxies.forgive(gateway);
                room.newest.send_replace(room.feed.newest());
                state.position = position;
                differs = true;
            }
        }
        if differs {
            state.dirty.insert(gateway.clone());
            drop(guard);
            self.0.changed.notify_one();
        }
        Revision(first.unwrap_or_default())
    }

    /// Takes a Gateway away from its proxies.
    pub fn retract(&self, gateway: &ObjectName) {
        let mut state = self.state();
        for scope in state.scopes.remove(gateway).into_iter().flatten() {
            state.withdraw(&scope, gateway);
        }
    }

    /// Lets proxies have what is published. Until then they wait and go on serving what they have: call
    /// it once the first complete state is published, so that a controller that starts never takes
    /// anything away.
    pub fn open(&self) {
        self.0.opened.send_replace(true);
    }

    /// Waits until the outcome of some Gateway may differ from what was last taken. Never resolves for
    /// two callers at once.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// The outcomes that may differ since the last call.
    pub fn take_outcomes(&self) -> Vec<GatewayOutcome> {
        let mut state = self.state();
        let dirty = std::mem::take(&mut state.dirty);
        dirty.iter().filter_map(|gateway| find(&state, gateway)).collect()
    }

    /// What became of a Gateway; `None` when it is not published.
    pub fn outcome(&self, gateway: &ObjectName) -> Option<GatewayOutcome> {
        find(&self.state(), gateway)
    }

    /// What became of a Gateway with the proxies of one of its scopes.
    pub fn outcome_in(&self, scope: &Scope, gateway: &ObjectName) -> Option<GatewayOutcome> {
        let state = self.state();
        let room = state.rooms.get(scope)?;
        room.proxies.outcome(gateway, &room.feed)
    }

    /// Number of connected proxies.
    pub fn connected(&self) -> usize {
        let state = self.state();
        state.rooms.values().map(|room| room.proxies.connected()).sum()
    }

    /// Accepts proxies until `shutdown` resolves; then ends their streams. Each new connection takes the
    /// newest TLS configuration (see [`crate::tls::server_config`]).
    pub async fn serve(
        &self,
        listener: TcpListener,
        tls: watch::Receiver<Arc<rustls::ServerConfig>>,
        admission: Arc<dyn Admission>,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        accept::Acceptor::new(self.clone(), tls, admission)
            .run(listener, shutdown)
            .await;
    }
}

fn find(state: &State, gateway: &ObjectName) -> Option<GatewayOutcome> {
    let room = state.rooms.get(state.scopes.get(gateway)?.first()?)?;
    room.proxies.outcome(gateway, &room.feed)
}
