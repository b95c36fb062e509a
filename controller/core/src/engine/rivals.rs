//! HTTPRoutes and GRPCRoutes on one hostname of a listener.
//!
//! Gateway API v1.6, `GRPCRouteSpec.hostnames`: when a listener has routes of both kinds whose
//! hostnames intersect, exactly one is accepted: the oldest, then the first by "namespace/name"; the
//! other has `Accepted=False`. v1.7 says "MAY reject one", so this is right for both.

use gatewright_model::Str;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{RouteKey, RouteKind};
use rustc_hash::FxHashSet;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A route that a listener would accept.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Identity: of kind HTTP or gRPC.
    pub key: &'a RouteKey,
    /// Age, seconds since the Unix epoch.
    pub created: i64,
    /// Hostnames it would serve there.
    pub hosts: Vec<&'a HostPattern>,
}

/// The routes that lose, each with a hostname that it lost.
pub fn losers(mut candidates: Vec<Candidate<'_>>) -> BTreeMap<RouteKey, HostPattern> {
    candidates.sort_by(|one, other| {
        one.created
            .cmp(&other.created)
            .then_with(|| alphabetical(one.key, other.key))
    });
    let (mut http, mut grpc) = (Hosts::default(), Hosts::default());
    let mut losers = BTreeMap::new();
    for candidate in candidates {
        let (own, others) = match candidate.key.kind {
            RouteKind::Grpc => (&mut grpc, &http),
            _ => (&mut http, &grpc),
        };
        match candidate.hosts.iter().find(|host| others.intersects(host)) {
            Some(lost) => {
                losers.insert(candidate.key.clone(), (*lost).clone());
            }
            None => candidate.hosts.iter().for_each(|host| own.insert(host)),
        }
    }
    losers
}

/// "namespace/name" as one text, then the kind.
fn alphabetical(one: &RouteKey, other: &RouteKey) -> Ordering {
    one.object
        .alphabetical(&other.object)
        .then_with(|| one.kind.cmp(&other.kind))
}

/// Hostnames, ready to answer "does any intersect with this one" in steps of its labels.
#[derive(Debug, Default)]
struct Hosts {
    any: bool,
    exact: FxHashSet<Str>,
    /// Suffixes of wildcards, with leading dot.
    wildcards: FxHashSet<Str>,
    /// Every suffix, with leading dot, that some exact name or wildcard ends with.
    covered: FxHashSet<Str>,
}

impl Hosts {
    fn insert(&mut self, host: &HostPattern) {
        let text = match host {
            HostPattern::Any => {
                self.any = true;
                return;
            }
            HostPattern::Exact(name) => {
                self.exact.insert(name.clone());
                name
            }
            HostPattern::Wildcard(suffix) => {
                self.wildcards.insert(suffix.clone());
                suffix
            }
        };
        for suffix in suffixes(text) {
            if !self.covered.contains(suffix) {
                self.covered.insert(suffix.into());
            }
        }
    }

    fn intersects(&self, host: &HostPattern) -> bool {
        match host {
            HostPattern::Any => self.any || !self.exact.is_empty() || !self.wildcards.is_empty(),
            HostPattern::Exact(name) => {
                self.any
                    || self.exact.contains(name)
                    || suffixes(name).any(|suffix| self.wildcards.contains(suffix))
            }
            HostPattern::Wildcard(suffix) => {
                self.any
                    || self.covered.contains(suffix)
                    || suffixes(suffix).any(|shorter| self.wildcards.contains(shorter))
            }
        }
    }
}

/// The suffixes that start with a dot: `.b.c` and `.c` of `a.b.c`, `.b.c` included of `.b.c` itself.
fn suffixes(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('.').filter_map(|(at, _)| text.get(at..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_model::key::ObjectName;
    use proptest::prelude::*;

    fn pattern() -> impl Strategy<Value = HostPattern> {
        prop_oneof![Just("*".to_owned()), "(\\*\\.)?([ab]\\.){0,3}(c|d)"]
            .prop_map(|text| HostPattern::parse(&text))
    }

    proptest! {
        /// The index says the same as the model's pairwise intersection.
        #[test]
        fn intersection_equals_the_pairwise_one(
            known in prop::collection::vec(pattern(), 0..6),
            asked in pattern(),
        ) {
            let mut hosts = Hosts::default();
            for host in &known {
                hosts.insert(host);
            }
            let slow = known.iter().any(|host| host.intersect(&asked).is_some());
            prop_assert_eq!(hosts.intersects(&asked), slow, "{:?} in {:?}", asked, known);
        }
    }

    fn key(kind: RouteKind, namespace: &str, name: &str) -> RouteKey {
        RouteKey {
            kind,
            object: ObjectName::new(namespace, name),
        }
    }

    #[test]
    fn the_older_kind_wins_and_a_route_that_lost_takes_nothing() {
        let wide = HostPattern::parse("*.example.com");
        let narrow = HostPattern::parse("a.example.com");
        let old = key(RouteKind::Http, "x", "old");
        let lost = key(RouteKind::Grpc, "x", "lost");
        let free = key(RouteKind::Http, "x", "free");
        let candidates = vec![
            Candidate {
                key: &free,
                created: 3,
                hosts: vec![&wide],
            },
            Candidate {
                key: &lost,
                created: 2,
                hosts: vec![&wide],
            },
            Candidate {
                key: &old,
                created: 1,
                hosts: vec![&narrow],
            },
        ];
        // `lost` intersects with the older `old`; `free` would intersect with `lost`, which is out.
        assert_eq!(losers(candidates), BTreeMap::from([(lost, wide)]));
    }

    #[test]
    fn ties_are_broken_by_namespace_and_name_as_one_text() {
        let host = HostPattern::Any;
        let first = key(RouteKind::Grpc, "a-b", "x");
        let second = key(RouteKind::Http, "a", "x");
        let candidates = vec![
            Candidate {
                key: &second,
                created: 1,
                hosts: vec![&host],
            },
            Candidate {
                key: &first,
                created: 1,
                hosts: vec![&host],
            },
        ];
        // "a-b/x" sorts before "a/x".
        assert_eq!(losers(candidates).into_keys().collect::<Vec<_>>(), [second]);
    }
}
