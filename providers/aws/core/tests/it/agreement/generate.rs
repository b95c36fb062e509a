//! Random load balancers and requests, of few words so that they meet.

use fastrand::Rng;
use gatewright_model::LoadBalancer;
use gatewright_model::backend::{
    Backend, BackendProtocol, BackendTarget, Endpoints, TrafficDistribution, WeightedBackend,
};
use gatewright_model::balancer::Infrastructure;
use gatewright_model::certificate::{Certificate, Secret};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{
    BackendKey, BackendKind, CertificateKey, ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind,
};
use gatewright_model::listener::{Listener, ListenerTls, Protocol, TlsTermination};
use gatewright_model::route::{
    Attachment, HeaderMatch, HttpMatch, HttpRoute, HttpRule, PathMatch, QueryMatch, RouteHost, Timeouts,
    ValueMatch,
};
use http::HeaderMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Port of all listeners.
pub(super) const PORT: u16 = 443;

pub(super) struct World {
    pub(super) balancer: LoadBalancer,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) host: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) query: Option<&'static str>,
    pub(super) headers: HeaderMap,
}

const PATTERNS: [&str; 9] = [
    "*",
    "*.example.com",
    "*.a.example.com",
    "a.example.com",
    "b.a.example.com",
    "example.com",
    "*.example.org",
    "x.example.org",
    "localhost",
];
const HOSTS: [&str; 9] = [
    "a.example.com",
    "b.a.example.com",
    "c.b.a.example.com",
    "example.com",
    "x.example.org",
    "y.example.org",
    "localhost",
    "other.example.net",
    "z.example.com",
];
const EXACT: [&str; 6] = ["/", "/a", "/a/b", "/a*b", "/s.S/Get", "/x%20y"];
const PREFIX: [&str; 7] = ["/", "/a", "/a/", "/a/b", "/ab", "/a*", "/s.S"];
const REGEX: [&str; 5] = ["/a.*", "/[ab]/?.*", "/a|/b", "/s\\.S/(Get|List)", "^/a/b$"];
const PATHS: [&str; 14] = [
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a/b/c",
    "/ab",
    "/axb",
    "/a*b",
    "/a*",
    "/s.S/Get",
    "/s.S/List",
    "/sxS/Get",
    "/x%20y",
    "/b",
];

fn one<'a, T: ?Sized>(random: &mut Rng, all: &[&'a T]) -> &'a T {
    all[random.usize(..all.len())]
}

fn listener_key(hostname: &str) -> ListenerKey {
    ListenerKey {
        parent: ListenerParent::Gateway(ObjectName::new("shop", "public")),
        name: hostname.replace('*', "any").as_str().into(),
    }
}

pub(super) fn world(random: &mut Rng) -> World {
    let certificate = Certificate {
        key: CertificateKey(ObjectName::new("shop", "c")),
        chain: vec![Arc::from(&[0u8][..])],
        // PKCS#8 of an EC key without content.
        private_key: Secret::new(&[48u8, 16, 2, 1, 0, 48, 9, 6, 7, 42, 134, 72, 206, 61, 2, 1, 4, 0][..]),
        fingerprint: "f".into(),
        names: Vec::new(),
        not_after: 0,
    };
    let hostnames: BTreeSet<&str> = (0..random.usize(1..5)).map(|_| one(random, &PATTERNS)).collect();
    let listener = |hostname: &&str| Listener {
        key: listener_key(hostname),
        port: PORT,
        protocol: Protocol::Https,
        hostname: HostPattern::parse(hostname),
        tls: Some(ListenerTls::Terminate(TlsTermination {
            certificates: vec![certificate.key.clone()],
            client_validation: None,
            options: BTreeMap::new(),
        })),
        filters: Vec::new(),
    };
    let listeners: Vec<Listener> = hostnames.iter().map(listener).collect();
    let mut backends = BTreeMap::new();
    let routes: Vec<HttpRoute> = (0..random.usize(3..12))
        .map(|index| route(index, &listeners, &mut backends, random))
        .filter(|route| !route.attachments.is_empty())
        .collect();
    let balancer = LoadBalancer {
        gateway: ObjectName::new("shop", "public"),
        class: "alb".into(),
        controller: "gatewright.dev/aws-alb".into(),
        addresses: Vec::new(),
        infrastructure: Infrastructure::default(),
        listeners: listeners
            .into_iter()
            .map(|found| (found.key.clone(), Arc::new(found)))
            .collect(),
        http_routes: routes
            .into_iter()
            .map(|found| (found.key.clone(), Arc::new(found)))
            .collect(),
        stream_routes: BTreeMap::new(),
        backends,
        certificates: BTreeMap::from([(certificate.key.clone(), Arc::new(certificate))]),
        backend_client_certificate: None,
        tracing: None,
    };
    World { balancer }
}

fn route(
    index: usize,
    listeners: &[Listener],
    backends: &mut BTreeMap<BackendKey, Arc<Backend>>,
    random: &mut Rng,
) -> HttpRoute {
    let kind = if random.u8(..4) == 0 {
        RouteKind::Grpc
    } else {
        RouteKind::Http
    };
    let hostnames: BTreeSet<&str> = (0..random.usize(..3))
        .map(|_| one(random, &PATTERNS[1..]))
        .collect();
    let originals: Vec<HostPattern> = if hostnames.is_empty() {
        vec![HostPattern::Any]
    } else {
        hostnames.iter().map(|name| HostPattern::parse(name)).collect()
    };
    let mut attachments = Vec::new();
    for listener in listeners {
        let host = |original: &HostPattern| {
            Some(RouteHost {
                effective: listener.hostname.intersect(original)?,
                original: original.clone(),
            })
        };
        let hosts: Vec<RouteHost> = originals.iter().filter_map(host).collect();
        if !hosts.is_empty() && random.u8(..4) > 0 {
            attachments.push(Attachment {
                listener: listener.key.clone(),
                hosts,
            });
        }
    }
    let rules = (0..random.u32(1..4)).map(|rule| {
        let key = BackendKey {
            kind: BackendKind::Service,
            object: ObjectName::new("shop", &format!("r{index}-{rule}")),
            port: 80,
        };
        backends.insert(
            key.clone(),
            Arc::new(Backend {
                key: key.clone(),
                protocol: BackendProtocol::Auto,
                tls: None,
                endpoints: Endpoints::Static(Vec::new()),
                node_port: None,
                distribution: TrafficDistribution::Any,
                session_persistence: None,
                retry_budget: None,
                fault: None,
            }),
        );
        Arc::new(HttpRule {
            index: rule,
            name: None,
            matches: (0..random.usize(1..3))
                .map(|_| conditions(kind, random))
                .collect(),
            filters: Vec::new(),
            backends: vec![WeightedBackend {
                target: BackendTarget::Backend(key),
                weight: 1,
                filters: Vec::new(),
            }],
            timeouts: Timeouts::default(),
            retry: None,
            session_persistence: None,
            fault: None,
        })
    });
    HttpRoute {
        rules: rules.collect(),
        key: RouteKey {
            kind,
            object: ObjectName::new("shop", &format!("r{index}")),
        },
        created: random.i64(..3),
        attachments,
    }
}

fn conditions(kind: RouteKind, random: &mut Rng) -> HttpMatch {
    let path = match (kind, random.u8(..6)) {
        (RouteKind::Grpc, 0) => PathMatch::GrpcMethod("Get".into()),
        (RouteKind::Grpc, 1) => PathMatch::Prefix("/s.S".into()),
        (_, 0) => PathMatch::Regex(one(random, &REGEX).into()),
        (_, 1 | 2) => PathMatch::Exact(one(random, &EXACT).into()),
        _ => PathMatch::Prefix(one(random, &PREFIX).into()),
    };
    let header = |name: &str, random: &mut Rng| HeaderMatch {
        name: name.into(),
        value: match random.u8(..3) {
            0 => ValueMatch::Regex("[12]".into()),
            1 => ValueMatch::Exact("*".into()),
            _ => ValueMatch::Exact("1".into()),
        },
    };
    let mut headers = Vec::new();
    for name in ["x-a", "x-b"] {
        if random.u8(..4) == 0 {
            headers.push(header(name, random));
        }
    }
    let grpc = kind == RouteKind::Grpc;
    let query = (!grpc && random.u8(..4) == 0).then(|| QueryMatch {
        name: "q".into(),
        value: ValueMatch::Exact(one(random, &["1", "?", "a,b"]).into()),
    });
    HttpMatch {
        path,
        method: (!grpc && random.u8(..4) == 0).then(|| one(random, &["GET", "POST"]).into()),
        headers,
        query: query.into_iter().collect(),
    }
}

pub(super) fn request(random: &mut Rng) -> Request {
    let mut headers = HeaderMap::new();
    for name in ["x-a", "x-b"] {
        match random.u8(..5) {
            0 => headers.insert(name, "1".parse().unwrap()),
            1 => headers.insert(name, "2".parse().unwrap()),
            2 => headers.insert(name, "*".parse().unwrap()),
            3 => headers.insert(name, "12".parse().unwrap()),
            _ => None,
        };
    }
    let query = match random.u8(..6) {
        0 => Some("q=1"),
        1 => Some("q=?"),
        2 => Some("p=1&q=a,b"),
        3 => Some("q=x&p=1"),
        _ => None,
    };
    Request {
        host: one(random, &HOSTS),
        method: one(random, &["GET", "POST", "PUT"]),
        path: one(random, &PATHS),
        query,
        headers,
    }
}
