//! What the bundled proxy makes of a request: the router finds the rule, and its filters are the proxy's own.

use super::build::Made;
use super::outcome::{Outcome, Sent, location, shares};
use super::request::{INSIDE, Request};
use gatewright_model::LoadBalancer;
use gatewright_model::backend::BackendTarget;
use gatewright_model::filter::HttpFilter;
use gatewright_model::key::ListenerKey;
use gatewright_model::listener::Listener;
use gatewright_model::route::{HttpRoute, HttpRule};
use gatewright_model::router::{ListenerSelector, RequestView, Router};
use gatewright_proxy::http::{Headers, RequestHead, Scheme, Version};
use gatewright_proxy::policy::{CompiledRedirect, CompiledRewrite};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) struct Routed {
    /// For clients of the networks that some rules are for, and for others.
    inside: Router<()>,
    outside: Router<()>,
    ports: BTreeMap<u16, ListenerSelector<ListenerKey>>,
    listeners: BTreeMap<ListenerKey, Arc<Listener>>,
}

impl Routed {
    pub(super) fn new(made: &Made) -> Self {
        let Made { balancer, settings } = made;
        let mut ports: BTreeMap<u16, Vec<&Listener>> = BTreeMap::new();
        for listener in balancer.listeners.values() {
            ports.entry(listener.port).or_default().push(listener);
        }
        let selector = |(port, listeners): (u16, Vec<&Listener>)| {
            let listeners = listeners.into_iter();
            let selector = listeners
                .map(|listener| (listener.hostname.clone(), listener.key.clone()))
                .collect();
            (port, selector)
        };
        // A rule that is not for a client is as if it were not there.
        let for_others = |route: &Arc<HttpRoute>| {
            let mut route = HttpRoute::clone(route);
            let key = route.key.clone();
            route
                .rules
                .retain(|rule| !settings.routes.contains_key(&(key.clone(), rule.index)));
            (key, Arc::new(route))
        };
        let others = LoadBalancer {
            http_routes: balancer.http_routes.values().map(for_others).collect(),
            ..balancer.clone()
        };
        Self {
            inside: Router::build(balancer, |_, _| ()),
            outside: Router::build(&others, |_, _| ()),
            ports: ports.into_iter().map(selector).collect(),
            listeners: balancer.listeners.clone(),
        }
    }

    /// Ports that something listens on.
    pub(super) fn ports(&self) -> Vec<u16> {
        self.ports.keys().copied().collect()
    }

    pub(super) fn serve(&self, request: &Request) -> Outcome {
        let Some(key) = self.ports[&request.port].select(request.host) else {
            return Outcome::Answered(404);
        };
        let listener = &self.listeners[key];
        // What cannot be asked before lets nobody in.
        if !listener.filters.is_empty() {
            return Outcome::Answered(500);
        }
        let router = if request.client == INSIDE {
            &self.inside
        } else {
            &self.outside
        };
        let view = RequestView {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: &request.headers,
        };
        let found = router
            .listener(key)
            .and_then(|router| router.find(request.host, &view));
        match found {
            Some(found) => outcome(found.rule, found.prefix, listener, request),
            None => Outcome::Answered(404),
        }
    }
}

fn outcome(rule: &HttpRule, prefix: Option<&str>, listener: &Listener, request: &Request) -> Outcome {
    let mut head = RequestHead {
        method: request.method.parse().unwrap(),
        version: Version::H11,
        scheme: if listener.tls.is_some() {
            Scheme::Https
        } else {
            Scheme::Http
        },
        authority: request.host.to_owned(),
        target: request.url(),
        headers: Headers::new(),
        upgrade: None,
        asked: None,
    };
    let mut refused = Vec::new();
    for filter in &rule.filters {
        match filter {
            HttpFilter::Redirect(redirect) => {
                let compiled = CompiledRedirect::compile(redirect, &mut refused);
                let answer = compiled.respond(&head, listener.port, prefix).head;
                return Outcome::Redirected {
                    status: answer.status.as_u16(),
                    location: location(answer.headers.get_str("location").unwrap()),
                };
            }
            HttpFilter::UrlRewrite(rewrite) => {
                CompiledRewrite::compile(rewrite, &mut refused).apply(&mut head, prefix);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, Vec::<String>::new());
    let weights = rule.backends.iter().filter_map(|share| match &share.target {
        BackendTarget::Backend(key) => Some((key.to_string(), u64::from(share.weight))),
        BackendTarget::Invalid(_) => None,
    });
    let shares = shares(weights);
    // "If all entries in BackendRefs are invalid ... receive a 500" (Gateway API v1.7.0, `HTTPRouteRule.backendRefs`).
    if shares.is_empty() {
        return Outcome::Answered(500);
    }
    Outcome::Sent(Sent {
        shares,
        host: head.authority,
        url: head.target,
    })
}
