use super::{HttpRank, PathClass, PathRank, compare_hosts};
use crate::hostname::HostPattern;
use crate::key::{ObjectName, RouteKey, RouteKind};
use crate::route::{PathMatch, RouteHost};
use std::cmp::Ordering;

fn rank() -> HttpRank {
    HttpRank {
        host: host("*", "*"),
        path: PathRank::of(&PathMatch::Prefix("/".into())),
        method: false,
        headers: 0,
        query: 0,
        created: 100,
        route: route("ns", "route"),
        rule: 3,
        match_index: 3,
    }
}

fn route(namespace: &str, name: &str) -> RouteKey {
    RouteKey {
        kind: RouteKind::Http,
        object: ObjectName::new(namespace, name),
    }
}

fn host(effective: &str, original: &str) -> RouteHost {
    RouteHost {
        effective: HostPattern::parse(effective),
        original: HostPattern::parse(original),
    }
}

/// Each step is better than the next although everything less important speaks against it.
#[test]
fn the_first_difference_decides() {
    let worse = rank();
    let prefix = |value: &str| PathRank::of(&PathMatch::Prefix(value.into()));
    let ladder = [
        HttpRank {
            host: host("a.example.com", "a.example.com"),
            ..worse.clone()
        },
        // Same intersection, more specific original (v1.7.0, `HTTPRouteSpec.hostnames`).
        HttpRank {
            host: host("*.b.example.com", "*.b.example.com"),
            ..worse.clone()
        },
        HttpRank {
            host: host("*.b.example.com", "*.com"),
            ..worse.clone()
        },
        HttpRank {
            host: host("*.b.example.com", "*"),
            path: PathRank::of(&PathMatch::Exact("/a".into())),
            ..worse.clone()
        },
        HttpRank {
            host: host("*.example.com", "*.example.com"),
            path: PathRank::of(&PathMatch::Exact("/a".into())),
            ..worse.clone()
        },
        HttpRank {
            path: PathRank::of(&PathMatch::Exact("/a".into())),
            ..worse.clone()
        },
        HttpRank {
            path: PathRank::of(&PathMatch::Regex("/a.*".into())),
            ..worse.clone()
        },
        HttpRank {
            path: PathRank::of(&PathMatch::Regex("/.".into())),
            ..worse.clone()
        },
        HttpRank {
            path: prefix("/abc/d"),
            ..worse.clone()
        },
        HttpRank {
            path: prefix("/abc"),
            method: true,
            headers: 9,
            query: 9,
            created: 1,
            ..worse.clone()
        },
        HttpRank {
            path: PathRank::of(&PathMatch::GrpcMethod("LongMethodName".into())),
            headers: 9,
            ..worse.clone()
        },
        HttpRank {
            method: true,
            ..worse.clone()
        },
        HttpRank {
            headers: 2,
            ..worse.clone()
        },
        HttpRank {
            headers: 1,
            query: 5,
            created: 1,
            ..worse.clone()
        },
        HttpRank {
            query: 2,
            ..worse.clone()
        },
        HttpRank {
            query: 1,
            created: 1,
            ..worse.clone()
        },
        HttpRank {
            created: 99,
            ..worse.clone()
        },
        // `{namespace}/{name}` is one text: '-' sorts before '/'.
        HttpRank {
            route: route("a-b", "z"),
            rule: 9,
            ..worse.clone()
        },
        HttpRank {
            route: route("a", "z"),
            rule: 9,
            ..worse.clone()
        },
        HttpRank {
            rule: 2,
            match_index: 9,
            ..worse.clone()
        },
        HttpRank {
            match_index: 2,
            ..worse.clone()
        },
        worse,
    ];
    for (i, a) in ladder.iter().enumerate() {
        for (j, b) in ladder.iter().enumerate() {
            assert_eq!(a.cmp(b), i.cmp(&j), "{i} and {j}:\n{a:?}\n{b:?}");
        }
    }
}

#[test]
fn a_trailing_slash_of_a_prefix_does_not_count() {
    let a = PathRank::of(&PathMatch::Prefix("/foo/".into()));
    let b = PathRank::of(&PathMatch::Prefix("/foo".into()));
    assert_eq!(a.cmp(&b), Ordering::Equal);
    assert_eq!(PathRank::of(&PathMatch::Prefix("/".into())).class, PathClass::All);
    assert_eq!(PathRank::of(&PathMatch::Prefix("".into())).class, PathClass::All);
    // Percent-encodings count as what they stand for.
    assert_eq!(PathRank::of(&PathMatch::Prefix("/%7Ea".into())).length, 3);
}

#[test]
fn hosts_of_equal_length_tie() {
    assert_eq!(
        compare_hosts(&host("a.example", "a.example"), &host("b.example", "b.example")),
        Ordering::Equal
    );
}
