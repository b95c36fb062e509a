//! What the program knows of a random load balancer.

use super::generate::{self, Does, NewPath, OWN, PORTS, World};
use gatewright_aws_core::alb::rule::Transforms;
use gatewright_aws_core::alb::settings::{RouteSettings, Settings};
use gatewright_model::LoadBalancer;
use gatewright_model::backend::{Backend, BackendTarget, Endpoints, WeightedBackend};
use gatewright_model::balancer::Infrastructure;
use gatewright_model::certificate::{Certificate, Secret};
use gatewright_model::filter::{ExternalAuth, ExternalAuthProtocol, HttpFilter, PathModifier, Redirect};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{
    BackendKey, BackendKind, CertificateKey, ListenerKey, ListenerParent, ObjectName, RouteKey, RouteKind,
};
use gatewright_model::listener::{Listener, ListenerFilter, ListenerTls, Protocol, TlsTermination};
use gatewright_model::path::canonical_value;
use gatewright_model::route::{Attachment, HttpMatch, HttpRoute, HttpRule, PathMatch, RouteHost, Timeouts};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A load balancer, and what its parameters ask for: which rules are for certain clients alone.
pub(super) struct Made {
    pub(super) balancer: LoadBalancer,
    pub(super) settings: Settings,
}

impl World {
    /// What it was, the oldest first, and what it is.
    pub(super) fn states(&self) -> Vec<Made> {
        let before = self.before.iter().map(|before| {
            let missing: BTreeSet<usize> = if self.routes.is_empty() {
                BTreeSet::new()
            } else {
                before
                    .missing
                    .iter()
                    .map(|at| at.index(self.routes.len()))
                    .collect()
            };
            let kept = self
                .routes
                .iter()
                .enumerate()
                .filter(|(at, _)| !missing.contains(at));
            let kept = kept.map(|(at, route)| (format!("r{at}"), route));
            let others = before.others.iter().enumerate();
            let others = others.map(|(at, route)| (format!("o{at}"), route));
            made(&self.listeners, kept.chain(others))
        });
        let now = self.routes.iter().enumerate();
        let now = made(&self.listeners, now.map(|(at, route)| (format!("r{at}"), route)));
        before.chain([now]).collect()
    }
}

fn made<'a>(
    listeners: &[generate::Listener],
    routes: impl Iterator<Item = (String, &'a generate::Route)>,
) -> Made {
    let certificate = Certificate {
        key: CertificateKey(ObjectName::new("shop", "c")),
        chain: vec![Arc::from(&[0u8][..])],
        // PKCS#8 of an EC key without content.
        private_key: Secret::new(&[48u8, 16, 2, 1, 0, 48, 9, 6, 7, 42, 134, 72, 206, 61, 2, 1, 4, 0][..]),
        fingerprint: "f".into(),
        names: Vec::new(),
        not_after: 0,
    };
    let listeners: Vec<Listener> = listeners
        .iter()
        .map(|wanted| listener(wanted, &certificate.key))
        .collect();
    let mut made = Made {
        balancer: LoadBalancer {
            gateway: ObjectName::new("shop", "public"),
            class: "alb".into(),
            controller: "gatewright.dev/aws-alb".into(),
            addresses: Vec::new(),
            infrastructure: Infrastructure::default(),
            listeners: BTreeMap::new(),
            http_routes: BTreeMap::new(),
            stream_routes: BTreeMap::new(),
            backends: BTreeMap::new(),
            certificates: BTreeMap::from([(certificate.key.clone(), Arc::new(certificate))]),
            backend_client_certificate: None,
            tracing: None,
        },
        settings: Settings::new("main"),
    };
    for (name, wanted) in routes {
        let attachments = attachments(wanted, &listeners);
        if !attachments.is_empty() {
            made.add_route(&name, wanted, attachments);
        }
    }
    made.balancer.listeners = listeners
        .into_iter()
        .map(|found| (found.key.clone(), Arc::new(found)))
        .collect();
    made
}

fn listener(wanted: &generate::Listener, certificate: &CertificateKey) -> Listener {
    let (port, https) = PORTS[wanted.port];
    let parent = if wanted.of_set {
        ListenerParent::ListenerSet(ObjectName::new("team", "more"))
    } else {
        ListenerParent::Gateway(ObjectName::new("shop", "public"))
    };
    let asked = ExternalAuth {
        backend: BackendTarget::Invalid("not there".into()),
        protocol: ExternalAuthProtocol::Grpc {
            allowed_request_headers: Vec::new(),
        },
        forward_body_limit: 0,
    };
    Listener {
        key: ListenerKey {
            parent,
            name: format!("{port}-{}", wanted.hostname.replace('*', "any"))
                .as_str()
                .into(),
        },
        port,
        protocol: if https { Protocol::Https } else { Protocol::Http },
        hostname: HostPattern::parse(wanted.hostname),
        tls: https.then(|| {
            ListenerTls::Terminate(TlsTermination {
                certificates: vec![certificate.clone()],
                client_validation: None,
                options: BTreeMap::new(),
            })
        }),
        filters: wanted
            .closed
            .then(|| ListenerFilter::ExternalAuth(Arc::new(asked)))
            .into_iter()
            .collect(),
    }
}

/// GRPCRoutes attach to HTTPS alone: elsewhere an ALB serves none.
fn attachments(route: &generate::Route, listeners: &[Listener]) -> Vec<Attachment> {
    let originals: Vec<HostPattern> = if route.hostnames.is_empty() {
        vec![HostPattern::Any]
    } else {
        route
            .hostnames
            .iter()
            .map(|name| HostPattern::parse(name))
            .collect()
    };
    let fits = |listener: &Listener| route.kind == RouteKind::Http || listener.protocol == Protocol::Https;
    let mut attachments = Vec::new();
    for (at, listener) in listeners.iter().enumerate() {
        let host = |original: &HostPattern| {
            Some(RouteHost {
                effective: listener.hostname.intersect(original)?,
                original: original.clone(),
            })
        };
        let hosts: Vec<RouteHost> = originals.iter().filter_map(host).collect();
        if !hosts.is_empty() && fits(listener) && route.attached[at] {
            attachments.push(Attachment {
                listener: listener.key.clone(),
                hosts,
            });
        }
    }
    attachments
}

impl Made {
    fn add_route(&mut self, name: &str, wanted: &generate::Route, attachments: Vec<Attachment>) {
        let key = RouteKey {
            kind: wanted.kind,
            object: ObjectName::new("shop", name),
        };
        let mut rules = Vec::new();
        for (index, rule) in (0u32..).zip(&wanted.rules) {
            if rule.inside {
                let settings = RouteSettings {
                    field: format!("spec.rules[{index}].filters[0].extensionRef")
                        .as_str()
                        .into(),
                    sources: BTreeSet::from(["10.0.0.0/8".parse().unwrap()]),
                    before: None,
                    answer: None,
                    rewrites: Transforms::default(),
                    redirect_query: None,
                };
                self.settings.routes.insert((key.clone(), index), settings);
            }
            rules.push(Arc::new(HttpRule {
                index,
                name: None,
                matches: rule.matches.clone(),
                filters: filters(rule),
                backends: self.backends(rule, &format!("{name}-{index}")),
                timeouts: Timeouts::default(),
                retry: None,
                session_persistence: None,
                fault: None,
            }));
        }
        let route = HttpRoute {
            rules,
            key: key.clone(),
            created: wanted.created,
            attachments,
        };
        self.balancer.http_routes.insert(key, Arc::new(route));
    }

    fn backends(&mut self, rule: &generate::Rule, own: &str) -> Vec<WeightedBackend> {
        let share = |target, weight| WeightedBackend {
            target,
            weight,
            filters: Vec::new(),
        };
        let not_there = || BackendTarget::Invalid("not there".into());
        let shares = match &rule.does {
            Does::Forward { shares, .. } => shares,
            Does::Redirect(_) => return Vec::new(),
            Does::Fail => return vec![share(not_there(), 1)],
        };
        let found = shares.iter().map(|(backend, weight)| {
            let name = match *backend {
                OWN => own.to_owned(),
                number if number < OWN => format!("b{number}"),
                _ => return share(not_there(), *weight),
            };
            let key = BackendKey {
                kind: BackendKind::Service,
                object: ObjectName::new("shop", &name),
                port: 80,
            };
            let made = Backend::bare(key.clone(), Endpoints::Static(Vec::new()));
            self.balancer.backends.insert(key.clone(), Arc::new(made));
            share(BackendTarget::Backend(key), *weight)
        });
        found.collect()
    }
}

fn filters(rule: &generate::Rule) -> Vec<HttpFilter> {
    match &rule.does {
        Does::Forward { rewrite, .. } => {
            let rewrite = rewrite.clone();
            rewrite
                .map(|rewrite| HttpFilter::UrlRewrite(Arc::new(rewrite)))
                .into_iter()
                .collect()
        }
        Does::Redirect(redirect) => vec![HttpFilter::Redirect(Arc::new(Redirect {
            scheme: redirect.https.then(|| "https".into()),
            hostname: redirect.hostname.map(Into::into),
            path: new_path(redirect.path, &rule.matches),
            port: redirect.port,
            status: redirect.status,
        }))],
        Does::Fail => Vec::new(),
    }
}

fn new_path(wanted: NewPath, matches: &[HttpMatch]) -> Option<PathModifier> {
    match wanted {
        NewPath::Same => None,
        NewPath::Whole(path) => Some(PathModifier::ReplaceFullPath(path.into())),
        NewPath::Longer => {
            let prefixes = matches.iter().filter_map(|matched| match &matched.path {
                PathMatch::Prefix(path) => Some(canonical_value(path).trim_end_matches('/').to_owned()),
                _ => None,
            });
            let prefixes: BTreeSet<String> = prefixes.collect();
            let mut prefixes = prefixes.into_iter();
            match (prefixes.next(), prefixes.next()) {
                (Some(prefix), None) => Some(PathModifier::ReplacePrefixMatch(
                    format!("/new{prefix}").as_str().into(),
                )),
                _ => None,
            }
        }
    }
}
