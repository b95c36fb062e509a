use super::{PickContext, choose_at, pick_with};
use crate::balance::Outcome;
use crate::policy::SessionToken;
use crate::runtime::{EndpointRuntime, EndpointSet};
use gatewright_model::backend::{Endpoint, TrafficDistribution};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

fn endpoint(number: u8, zone: &str, node: &str) -> Endpoint {
    Endpoint {
        address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, number)),
        port: 80,
        for_zones: vec![zone.into()],
        for_nodes: vec![node.into()],
        zone: None,
        node: None,
    }
}

fn set(endpoints: Vec<Endpoint>, distribution: TrafficDistribution) -> EndpointSet {
    let endpoints = endpoints
        .into_iter()
        .map(|endpoint| Arc::new(EndpointRuntime::new(endpoint)))
        .collect();
    EndpointSet::new(endpoints, distribution)
}

fn plain(count: u8) -> EndpointSet {
    set(
        (1..=count)
            .rev()
            .map(|number| endpoint(number, "a", "n"))
            .collect(),
        TrafficDistribution::Any,
    )
}

fn context(now: Instant) -> PickContext<'static> {
    PickContext {
        session: None,
        exclude: &[],
        zone: Some("a"),
        node: Some("n1"),
        now,
    }
}

fn counts(set: &EndpointSet, context: &PickContext<'_>, seed: u64) -> BTreeMap<SocketAddr, u32> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut counts = BTreeMap::new();
    for _ in 0..10_000 {
        let lease = pick_with(set, context, &mut |bound| random.u32(0..bound)).unwrap();
        *counts.entry(lease.endpoint().address).or_default() += 1;
    }
    counts
}

fn eject(set: &EndpointSet, position: usize, now: Instant) {
    for _ in 0..5 {
        set.endpoints[position].health.report(Outcome::ServerError, now);
    }
}

#[test]
fn idle_endpoints_share_evenly_and_nothing_stays_in_flight() {
    let set = plain(5);
    let counts = counts(&set, &context(Instant::now()), 1);
    assert_eq!(counts.len(), 5);
    assert!(
        counts.values().all(|count| (1700..2300).contains(count)),
        "{counts:?}"
    );
    assert!(
        set.endpoints
            .iter()
            .all(|endpoint| endpoint.active.load(Ordering::Relaxed) == 0)
    );
}

#[test]
fn the_loaded_one_of_two_loses() {
    let set = plain(2);
    set.endpoints[0].active.store(10, Ordering::Relaxed);
    let counts = counts(&set, &context(Instant::now()), 2);
    // Only when all draws hit the loaded one does it win: 2 * (1/2)^4 / 2.
    let loaded = counts.get(&set.endpoints[0].address).copied().unwrap_or(0);
    assert!(loaded < 900, "{counts:?}");
}

#[test]
fn least_request_evens_out_held_requests() {
    let set = plain(8);
    let mut random = fastrand::Rng::with_seed(3);
    let context = context(Instant::now());
    let leases: Vec<_> = (0..800)
        .map(|_| pick_with(&set, &context, &mut |bound| random.u32(0..bound)).unwrap())
        .collect();
    for endpoint in &set.endpoints {
        let active = endpoint.active.load(Ordering::Relaxed);
        assert!((95..=105).contains(&active), "{active}");
    }
    drop(leases);
}

#[test]
fn ejected_and_excluded_endpoints_are_left_out() {
    let now = Instant::now();
    let set = plain(4);
    eject(&set, 0, now);
    let excluded = [set.endpoints[1].address];
    let context = PickContext {
        exclude: &excluded,
        ..context(now)
    };
    let counts = counts(&set, &context, 4);
    assert_eq!(
        counts.keys().copied().collect::<Vec<_>>(),
        [set.endpoints[2].address, set.endpoints[3].address]
    );
}

#[test]
fn when_most_are_ejected_all_are_used() {
    let now = Instant::now();
    let set = plain(4);
    for position in 0..4 {
        eject(&set, position, now);
    }
    assert_eq!(counts(&set, &context(now), 5).len(), 4);
    let set = plain(4);
    eject(&set, 0, now);
    eject(&set, 1, now);
    assert_eq!(counts(&set, &context(now), 6).len(), 2, "half is not most");
}

#[test]
fn exclusion_of_all_excludes_none() {
    let set = plain(2);
    let excluded: Vec<_> = set.endpoints.iter().map(|endpoint| endpoint.address).collect();
    let context = PickContext {
        exclude: &excluded,
        ..context(Instant::now())
    };
    assert_eq!(counts(&set, &context, 7).len(), 2);
    let empty = EndpointSet::default();
    assert!(pick_with(&empty, &context, &mut |_| 0).is_none());
}

/// `trafficDistribution`: the zone's endpoints while one is usable, all otherwise.
#[test]
fn near_endpoints_are_preferred_and_overflow_goes_elsewhere() {
    let now = Instant::now();
    let make = |distribution| {
        set(
            vec![
                endpoint(1, "a", "n1"),
                endpoint(2, "a", "n2"),
                endpoint(3, "b", "n3"),
                endpoint(4, "b", "n4"),
            ],
            distribution,
        )
    };
    let last = |set: &EndpointSet| {
        counts(set, &context(now), 8)
            .keys()
            .map(|address| match address.ip() {
                IpAddr::V4(v4) => v4.octets()[3],
                IpAddr::V6(_) => 0,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(last(&make(TrafficDistribution::Any)), [1, 2, 3, 4]);
    let zone = make(TrafficDistribution::PreferSameZone);
    assert_eq!(last(&zone), [1, 2]);
    eject(&zone, 0, now);
    assert_eq!(last(&zone), [2]);
    eject(&zone, 1, now);
    assert_eq!(last(&zone), [3, 4]);
    let node = make(TrafficDistribution::PreferSameNode);
    assert_eq!(last(&node), [1]);
    eject(&node, 0, now);
    assert_eq!(last(&node), [2]);
}

#[test]
fn sessions_stay_and_move_together() {
    let now = Instant::now();
    let set = plain(8);
    let token = SessionToken {
        id: 77,
        endpoint: set.endpoints[3].address,
        created: 0,
        last_used: 0,
    };
    let context = PickContext {
        session: Some(&token),
        ..context(now)
    };
    assert_eq!(
        counts(&set, &context, 9).keys().copied().collect::<Vec<_>>(),
        [set.endpoints[3].address]
    );
    eject(&set, 3, now);
    let moved: Vec<_> = counts(&set, &context, 10).into_keys().collect();
    assert_eq!(moved.len(), 1);
    // Another replica with the same endpoints agrees.
    let replica = plain(8);
    eject(&replica, 3, now);
    assert_eq!(
        counts(&replica, &context, 11).into_keys().collect::<Vec<_>>(),
        moved
    );
}

#[test]
fn sessions_that_move_spread_over_the_rest() {
    let set = plain(8);
    let gone: SocketAddr = "10.9.9.9:80".parse().unwrap();
    let mut spread: BTreeMap<SocketAddr, u32> = BTreeMap::new();
    for id in 0..8000 {
        let token = SessionToken {
            id,
            endpoint: gone,
            created: 0,
            last_used: 0,
        };
        let context = PickContext {
            session: Some(&token),
            ..context(Instant::now())
        };
        let lease = pick_with(&set, &context, &mut |_| 0).unwrap();
        *spread.entry(lease.endpoint().address).or_default() += 1;
    }
    assert_eq!(spread.len(), 8);
    assert!(
        spread.values().all(|count| (850..1150).contains(count)),
        "{spread:?}"
    );
}

/// `BackendRef.weight`: the share is weight / sum; 0 takes nothing.
#[test]
fn weights_are_exact_shares() {
    let weights = [3u32, 0, 5, 2];
    let mut counts = [0u32; 4];
    for point in 0..10 {
        let chosen = choose_at(&weights, |weight| *weight, point).unwrap();
        let index = weights.iter().position(|weight| weight == chosen).unwrap();
        counts[index] += 1;
    }
    assert_eq!(counts, weights);
    assert!(choose_at(&weights, |weight| *weight, 10).is_none());
    assert!(choose_at(&[0u32; 3], |weight| *weight, 0).is_none());
}
