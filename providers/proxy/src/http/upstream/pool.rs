//! Pools of upstream connections, one set per worker: nothing here is shared between threads.

use super::dial::dial;
use super::h2::H2Connection;
use super::{UpstreamError, h1::H1Upstream};
use crate::h1::parse::HeadLimits;
use crate::runtime::{AlpnOffer, EndpointRuntime, ProxyOptions, UpstreamTls, WorkerContext};
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How often idle connections are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// What connections can be shared within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    address: SocketAddr,
    /// [`UpstreamTls::identity`], 0 for cleartext.
    tls: u64,
    offer: AlpnOffer,
}

/// Connections to one endpoint.
#[derive(Debug, Default)]
struct Slot {
    /// Idle HTTP/1 connections, the most recently used last.
    idle: Vec<Idle>,
    /// HTTP/2 connections that take streams.
    h2: Vec<H2Connection>,
    /// Open HTTP/1 connections, idle or not.
    open: usize,
    /// Told when the HTTP/2 connection that is being made is there, or is not to be.
    dialing: Option<Rc<Notify>>,
}

#[derive(Debug)]
struct Idle {
    connection: Box<H1Upstream>,
    since: Instant,
}

/// Upstream connections of one worker.
#[derive(Debug)]
pub struct Pools {
    slots: RefCell<FxHashMap<Key, Slot>>,
    /// Whether a task looks after the idle connections.
    swept: Cell<bool>,
    idle_per_endpoint: usize,
    per_endpoint: usize,
    idle: Duration,
    connect: Duration,
    head: HeadLimits,
}

impl Pools {
    /// Empty pools with the limits of the process.
    pub fn new(options: &ProxyOptions) -> Self {
        Self {
            slots: RefCell::default(),
            swept: Cell::new(false),
            idle_per_endpoint: options.limits.upstream_idle_per_endpoint,
            per_endpoint: options.limits.upstream_per_endpoint,
            idle: options.timeouts.upstream_idle,
            connect: options.timeouts.connect,
            head: HeadLimits {
                bytes: options.limits.head_bytes,
                fields: options.limits.head_fields.max(256),
                target: options.limits.target_bytes,
            },
        }
    }

    /// Makes sure that idle connections are looked after, for as long as there are any.
    fn keep_swept(worker: &Rc<WorkerContext>) {
        if worker.pools.swept.replace(true) {
            return;
        }
        let worker = Rc::downgrade(worker);
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                // With its worker, or when nothing is left to look after, the task ends.
                let Some(worker) = worker.upgrade() else { return };
                worker.pools.sweep();
                if worker.pools.slots.borrow().is_empty() {
                    worker.pools.swept.set(false);
                    return;
                }
            }
        });
    }

    /// Closes connections that were idle for too long or that the backend closed.
    fn sweep(&self) {
        let now = Instant::now();
        self.slots.borrow_mut().retain(|_, slot| {
            let before = slot.idle.len();
            slot.idle
                .retain_mut(|idle| now < idle.since + self.idle && idle.connection.is_alive());
            slot.open = slot.open.saturating_sub(before - slot.idle.len());
            slot.h2.retain(|connection| connection.keep(now, self.idle));
            slot.open > 0 || slot.dialing.is_some() || !slot.idle.is_empty() || !slot.h2.is_empty()
        });
    }

    /// Number of connections: idle HTTP/1, open HTTP/1, HTTP/2.
    pub fn counts(&self) -> (usize, usize, usize) {
        self.slots
            .borrow()
            .values()
            .fold((0, 0, 0), |(idle, open, h2), slot| {
                (idle + slot.idle.len(), open + slot.open, h2 + slot.h2.len())
            })
    }

    fn take_idle(&self, key: Key) -> Option<Box<H1Upstream>> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(&key)?;
        while let Some(mut idle) = slot.idle.pop() {
            if Instant::now() < idle.since + self.idle && idle.connection.is_alive() {
                return Some(idle.connection);
            }
            slot.open = slot.open.saturating_sub(1);
        }
        None
    }

    fn take_h2(&self, key: Key) -> Option<H2Connection> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(&key)?;
        slot.h2.retain(H2Connection::is_open);
        slot.h2.iter().find(|connection| connection.has_room()).cloned()
    }

    fn dialing(&self, key: Key) -> Option<Rc<Notify>> {
        self.slots
            .borrow()
            .get(&key)
            .and_then(|slot| slot.dialing.clone())
    }

    fn reserve(&self, key: Key) -> bool {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.entry(key).or_default();
        if slot.open >= self.per_endpoint {
            return false;
        }
        slot.open += 1;
        true
    }

    fn unreserve(&self, key: Key) {
        if let Some(slot) = self.slots.borrow_mut().get_mut(&key) {
            slot.open = slot.open.saturating_sub(1);
        }
    }
}

/// A connection ready for one exchange.
#[derive(Debug)]
pub(crate) enum Wire {
    /// An HTTP/1 connection of our own, until it is given back.
    H1(H1Lease),
    /// A share of an HTTP/2 connection.
    H2(H2Connection),
}

/// An HTTP/1 connection taken from the pool; dropped, it is closed.
#[derive(Debug)]
pub(crate) struct H1Lease {
    connection: Option<Box<H1Upstream>>,
    worker: Rc<WorkerContext>,
    key: Key,
    /// Whether it served a request before: it may have been closed meanwhile.
    pub(crate) reused: bool,
}

impl H1Lease {
    /// The connection.
    pub(crate) fn connection(&mut self) -> Option<&mut H1Upstream> {
        self.connection.as_deref_mut()
    }

    /// The connection, to look at.
    pub(crate) fn peek(&self) -> Option<&H1Upstream> {
        self.connection.as_deref()
    }

    /// Gives a connection back that is at the end of an exchange.
    pub(crate) fn give_back(mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        connection.rest();
        Pools::keep_swept(&self.worker);
        let pools = &self.worker.pools;
        if let Some(slot) = pools.slots.borrow_mut().get_mut(&self.key) {
            if slot.idle.len() < pools.idle_per_endpoint {
                slot.idle.push(Idle {
                    connection,
                    since: Instant::now(),
                });
                return;
            }
            slot.open = slot.open.saturating_sub(1);
        }
    }
}

impl Drop for H1Lease {
    fn drop(&mut self) {
        if self.connection.take().is_some() {
            self.worker.pools.unreserve(self.key);
        }
    }
}

/// Takes a pooled connection to an endpoint, or makes one.
///
/// # Errors
/// When the limit is reached or connecting fails.
pub(crate) async fn acquire(
    worker: &Rc<WorkerContext>,
    endpoint: &EndpointRuntime,
    tls: Option<&Arc<UpstreamTls>>,
    offer: AlpnOffer,
    fresh: Fresh,
) -> Result<Wire, UpstreamError> {
    let pools = &worker.pools;
    let key = Key {
        address: endpoint.address,
        tls: tls.map_or(0, |tls| tls.identity),
        offer,
    };
    let mut announced = None;
    if offer != AlpnOffer::H1 {
        if let Some(connection) = pools.take_h2(key) {
            return Ok(Wire::H2(connection));
        }
        if offer == AlpnOffer::H2 {
            // Requests that come while a connection is being made share it.
            if let Some(dialing) = pools.dialing(key) {
                dialing.notified().await;
                if let Some(connection) = pools.take_h2(key) {
                    return Ok(Wire::H2(connection));
                }
            }
            announced = Some(Announced::new(worker, key));
        }
    }
    if fresh == Fresh::No
        && let Some(connection) = pools.take_idle(key)
    {
        return Ok(Wire::H1(H1Lease {
            connection: Some(connection),
            worker: Rc::clone(worker),
            key,
            reused: true,
        }));
    }
    if !pools.reserve(key) {
        return Err(UpstreamError::Overload);
    }
    // Counted from here on, whatever happens to this future.
    let reservation = Reservation {
        worker,
        key,
        armed: true,
    };
    let net = Box::pin(dial(key.address, tls.map(|tls| (tls, offer)), pools.connect)).await?;
    // Cleartext HTTP/2 by prior knowledge (RFC 9113 section 3.3), else what ALPN picked.
    if net.is_h2() || (tls.is_none() && offer == AlpnOffer::H2) {
        Pools::keep_swept(worker);
        drop(reservation);
        let connection = Box::pin(H2Connection::handshake(net, worker)).await?;
        pools
            .slots
            .borrow_mut()
            .entry(key)
            .or_default()
            .h2
            .push(connection.clone());
        drop(announced);
        return Ok(Wire::H2(connection));
    }
    reservation.keep();
    let connection = Some(Box::new(H1Upstream::new(net, pools.head)));
    Ok(Wire::H1(H1Lease {
        connection,
        worker: Rc::clone(worker),
        key,
        reused: false,
    }))
}

/// An HTTP/2 connection being made; dropped, whoever waits for it is told.
struct Announced<'a> {
    worker: &'a Rc<WorkerContext>,
    key: Key,
    notify: Rc<Notify>,
}

impl<'a> Announced<'a> {
    fn new(worker: &'a Rc<WorkerContext>, key: Key) -> Self {
        let notify = Rc::new(Notify::new());
        worker.pools.slots.borrow_mut().entry(key).or_default().dialing = Some(Rc::clone(&notify));
        Self { worker, key, notify }
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.worker.pools.slots.borrow_mut().get_mut(&self.key)
            && slot
                .dialing
                .as_ref()
                .is_some_and(|dialing| Rc::ptr_eq(dialing, &self.notify))
        {
            slot.dialing = None;
        }
        self.notify.notify_waiters();
    }
}

/// Whether a pooled HTTP/1 connection will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fresh {
    /// Any will do.
    No,
    /// A new one: a pooled one has just failed.
    Yes,
}

struct Reservation<'a> {
    worker: &'a Rc<WorkerContext>,
    key: Key,
    armed: bool,
}

impl Reservation<'_> {
    fn keep(mut self) {
        self.armed = false;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.worker.pools.unreserve(self.key);
        }
    }
}
