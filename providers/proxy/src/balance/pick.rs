//! The choice of a backend and of an endpoint.

use crate::balance::Outcome;
use crate::policy::SessionToken;
use crate::runtime::{CompiledBackend, EndpointRuntime, EndpointSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Draws before the endpoints are gone through one by one.
const DRAWS: u32 = 4;

/// What the choice of an endpoint depends on.
#[derive(Clone, Copy, Debug)]
pub struct PickContext<'a> {
    /// Session of the request.
    pub session: Option<&'a SessionToken>,
    /// Endpoints that this request has failed on: others are preferred.
    pub exclude: &'a [SocketAddr],
    /// Zone of the proxy.
    pub zone: Option<&'a str>,
    /// Node of the proxy.
    pub node: Option<&'a str>,
    /// Now.
    pub now: Instant,
}

/// An endpoint in use by one request. It counts as in flight until dropped.
#[derive(Debug)]
pub struct Lease {
    endpoint: Arc<EndpointRuntime>,
}

impl Lease {
    fn new(endpoint: &Arc<EndpointRuntime>) -> Self {
        endpoint.active.fetch_add(1, Ordering::Relaxed);
        Self {
            endpoint: Arc::clone(endpoint),
        }
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &Arc<EndpointRuntime> {
        &self.endpoint
    }

    /// Records how the request ended. A request that the client gave up says nothing about the
    /// endpoint and is not reported.
    pub fn report(&self, outcome: Outcome) {
        self.endpoint.health.report(outcome, Instant::now());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.endpoint.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Chooses an endpoint; none only when the set is empty.
pub fn pick(set: &EndpointSet, context: &PickContext<'_>) -> Option<Lease> {
    pick_with(set, context, &mut |bound| fastrand::u32(0..bound))
}

/// [`pick`] with randomness from outside: `draw(n)` gives a number below `n`, evenly.
pub(crate) fn pick_with(
    set: &EndpointSet,
    context: &PickContext<'_>,
    draw: &mut dyn FnMut(u32) -> u32,
) -> Option<Lease> {
    if let [only] = set.endpoints.as_slice() {
        return Some(Lease::new(only));
    }
    let usable = |endpoint: &EndpointRuntime| {
        !endpoint.health.is_ejected(context.now) && !context.exclude.contains(&endpoint.address)
    };
    if let Some(token) = context.session {
        return pick_session(set, token, &usable).map(Lease::new);
    }
    if set.distribution != gatewright_model::backend::TrafficDistribution::Any {
        for group in set.near(context.zone, context.node).groups() {
            let at = |index: u32| {
                let position = group.get(index as usize)?;
                set.endpoints.get(*position as usize)
            };
            if let Some(found) = two_choices(group.len(), &at, &usable, draw) {
                return Some(Lease::new(found));
            }
        }
    }
    let at = |index: u32| set.endpoints.get(index as usize);
    let all = set.endpoints.len();
    let not_excluded = |endpoint: &EndpointRuntime| !context.exclude.contains(&endpoint.address);
    let found = if mostly_ejected(set, context.now, draw) {
        two_choices(all, &at, &not_excluded, draw)
    } else {
        two_choices(all, &at, &usable, draw)
    };
    found
        .or_else(|| two_choices(all, &at, &not_excluded, draw))
        .or_else(|| two_choices(all, &at, &|_| true, draw))
        .map(Lease::new)
}

/// Whether more than half of the endpoints are ejected. Looked at only when one drawn endpoint is:
/// with all healthy, which is the normal case, this is one load.
fn mostly_ejected(set: &EndpointSet, now: Instant, draw: &mut dyn FnMut(u32) -> u32) -> bool {
    let len = set.endpoints.len();
    let Some(sample) = bound(len).and_then(|bound| set.endpoints.get(draw(bound) as usize)) else {
        return false;
    };
    sample.health.is_ejected(now)
        && set
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.health.is_ejected(now))
            .count()
            * 2
            > len
}

/// The less loaded of two usable endpoints drawn at random.
fn two_choices<'a>(
    len: usize,
    at: &dyn Fn(u32) -> Option<&'a Arc<EndpointRuntime>>,
    usable: &dyn Fn(&EndpointRuntime) -> bool,
    draw: &mut dyn FnMut(u32) -> u32,
) -> Option<&'a Arc<EndpointRuntime>> {
    let bound = bound(len)?;
    let mut first: Option<&Arc<EndpointRuntime>> = None;
    for _ in 0..DRAWS {
        let Some(candidate) = at(draw(bound)).filter(|candidate| usable(candidate)) else {
            continue;
        };
        match first {
            None => first = Some(candidate),
            Some(known) if Arc::ptr_eq(known, candidate) => {}
            Some(known) => {
                let lighter = candidate.active.load(Ordering::Relaxed) < known.active.load(Ordering::Relaxed);
                return Some(if lighter { candidate } else { known });
            }
        }
    }
    // Few usable ones among many: start anywhere and take the first.
    first.or_else(|| {
        let start = draw(bound);
        (0..bound)
            .filter_map(|step| at((start + step) % bound))
            .find(|candidate| usable(candidate))
    })
}

/// The session's endpoint while it is usable. Otherwise all requests of the session agree on the
/// next one, on every worker and replica, by rendezvous hashing of the session's identity.
fn pick_session<'a>(
    set: &'a EndpointSet,
    token: &SessionToken,
    usable: &dyn Fn(&EndpointRuntime) -> bool,
) -> Option<&'a Arc<EndpointRuntime>> {
    let own = set
        .endpoints
        .binary_search_by_key(&token.endpoint, |endpoint| endpoint.address)
        .ok()
        .and_then(|position| set.endpoints.get(position));
    own.filter(|endpoint| usable(endpoint))
        .or_else(|| {
            set.endpoints
                .iter()
                .filter(|endpoint| usable(endpoint))
                .max_by_key(|endpoint| rendezvous(token.id, endpoint.address))
        })
        .or_else(|| {
            set.endpoints
                .iter()
                .max_by_key(|endpoint| rendezvous(token.id, endpoint.address))
        })
}

/// Weight of an endpoint for a key (highest random weight hashing): stable over platforms and
/// versions, because replicas compare it.
fn rendezvous(key: u64, address: SocketAddr) -> u64 {
    let mut hash = mix(key ^ u64::from(address.port()));
    match address.ip() {
        std::net::IpAddr::V4(v4) => hash = mix(hash ^ u64::from(v4.to_bits())),
        std::net::IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            hash = mix(hash ^ bits as u64);
            hash = mix(hash ^ (bits >> 64) as u64);
        }
    }
    hash
}

/// The finalizer of SplitMix64.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn bound(len: usize) -> Option<u32> {
    u32::try_from(len).ok().filter(|bound| *bound > 0)
}

/// Chooses a backend by weight; `total` is the sum of the weights. None when nothing has weight.
pub fn choose_weighted(backends: &[CompiledBackend], total: u64) -> Option<&CompiledBackend> {
    match backends {
        [only] => (only.weight > 0).then_some(only),
        _ if total == 0 => None,
        _ => choose_at(backends, |backend| backend.weight, fastrand::u64(0..total)),
    }
}

/// The element that holds `point` when each covers its weight, in order.
fn choose_at<T>(backends: &[T], weight: impl Fn(&T) -> u32, mut point: u64) -> Option<&T> {
    backends.iter().find(|backend| {
        let weight = u64::from(weight(backend));
        if point < weight {
            return true;
        }
        point -= weight;
        false
    })
}

#[cfg(test)]
mod tests;
