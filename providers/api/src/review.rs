//! What of one load balancer a provider cannot express, or only roughly.

use crate::feature::Feature;
use crate::provider::Provider;
use crate::support::Support;
use gatewright_model::LoadBalancer;
use gatewright_model::backend::{Backend, BackendProtocol, BackendTarget, Endpoints, WeightedBackend};
use gatewright_model::filter::{HttpFilter, PathModifier};
use gatewright_model::key::{ListenerParent, RouteKind};
use gatewright_model::listener::{ClientValidationMode, Listener, ListenerTls, Protocol};
use gatewright_model::route::{
    HttpMatch, HttpRoute, HttpRule, PathMatch, SessionCarrier, StreamRoute, ValueMatch,
};
use gatewright_model::unsupported::Unsupported;
use std::collections::BTreeSet;

/// Every use of a feature that `provider` does not fully serve, sorted, each once.
pub fn review(provider: Provider, balancer: &LoadBalancer) -> Vec<Unsupported> {
    if provider.serves_everything() {
        return Vec::new();
    }
    let mut review = Review {
        provider,
        found: BTreeSet::new(),
    };
    let gateway = format!("Gateway {}", balancer.gateway);
    if balancer.addresses.iter().any(|address| address.value.is_some()) {
        review.uses(Feature::StaticAddress, &gateway, "spec.addresses");
    }
    if balancer.tracing.is_some() {
        review.uses(Feature::Tracing, &gateway, "XTelemetryPolicy spec.tracing");
    }
    if balancer.backend_client_certificate.is_some() {
        review.uses(
            Feature::BackendClientCertificate,
            &gateway,
            "spec.tls.backend.clientCertificateRef",
        );
    }
    balancer
        .listeners
        .values()
        .for_each(|listener| review.listener(listener));
    balancer
        .http_routes
        .values()
        .for_each(|route| review.http_route(route));
    balancer
        .stream_routes
        .values()
        .for_each(|route| review.stream_route(route));
    balancer
        .backends
        .values()
        .for_each(|backend| review.backend(backend));
    review.found.into_iter().collect()
}

struct Review {
    provider: Provider,
    found: BTreeSet<Unsupported>,
}

impl Review {
    fn uses(&mut self, feature: Feature, object: &str, field: &str) {
        let (why, alternative, approximated) = match self.provider.support(feature) {
            Support::Full => return,
            Support::Approximate { difference } => (difference, "", true),
            Support::None { why, instead } => (why, instead, false),
        };
        self.found.insert(Unsupported {
            object: object.into(),
            field: field.into(),
            why: why.into(),
            alternative: alternative.into(),
            approximated,
        });
    }

    fn listener(&mut self, listener: &Listener) {
        let object = match &listener.key.parent {
            ListenerParent::Gateway(object) => format!("Gateway {object}"),
            ListenerParent::ListenerSet(object) => format!("ListenerSet {object}"),
        };
        let field = |rest: &str| format!("spec.listeners[name={}]{rest}", listener.key.name);
        let feature = match (listener.protocol, &listener.tls) {
            (Protocol::Http, _) => Feature::HttpListener,
            (Protocol::Https, _) => Feature::HttpsListener,
            (Protocol::Tls, Some(ListenerTls::Passthrough)) => Feature::TlsPassthroughListener,
            (Protocol::Tls, _) => Feature::TlsTerminateListener,
            (Protocol::Tcp, _) => Feature::TcpListener,
            (Protocol::Udp, _) => Feature::UdpListener,
        };
        self.uses(feature, &object, &field(".protocol"));
        if !listener.filters.is_empty() {
            self.uses(Feature::ListenerFilters, &object, &field(".filters"));
        }
        if let Some(ListenerTls::Terminate(tls)) = &listener.tls
            && let Some(validation) = &tls.client_validation
        {
            let feature = match validation.mode {
                ClientValidationMode::AllowValidOnly => Feature::ClientValidation,
                ClientValidationMode::AllowInsecureFallback => Feature::ClientValidationFallback,
            };
            self.uses(feature, &object, "spec.tls.frontend");
        }
    }

    fn http_route(&mut self, route: &HttpRoute) {
        let object = format!("{} {}", route.key.kind.as_str(), route.key.object);
        if route.key.kind == RouteKind::Grpc {
            self.uses(Feature::Grpc, &object, "spec");
        }
        for rule in &route.rules {
            let field = format!("spec.rules[{}]", rule.index);
            for (index, condition) in rule.matches.iter().enumerate() {
                self.condition(
                    condition,
                    route.key.kind,
                    &object,
                    &format!("{field}.matches[{index}]"),
                );
            }
            self.rule(rule, &object, &field);
        }
    }

    fn condition(&mut self, condition: &HttpMatch, kind: RouteKind, object: &str, field: &str) {
        if kind == RouteKind::Http {
            let feature = match condition.path {
                PathMatch::Exact(_) => Feature::PathExact,
                PathMatch::Prefix(_) | PathMatch::GrpcMethod(_) => Feature::PathPrefix,
                PathMatch::Regex(_) => Feature::PathRegex,
            };
            self.uses(feature, object, &format!("{field}.path"));
        }
        if condition.method.is_some() {
            self.uses(Feature::Method, object, &format!("{field}.method"));
        }
        for header in &condition.headers {
            let feature = match header.value {
                ValueMatch::Exact(_) => Feature::HeaderExact,
                ValueMatch::Regex(_) => Feature::HeaderRegex,
            };
            self.uses(feature, object, &format!("{field}.headers[{}]", header.name));
        }
        for parameter in &condition.query {
            let feature = match parameter.value {
                ValueMatch::Exact(_) => Feature::QueryExact,
                ValueMatch::Regex(_) => Feature::QueryRegex,
            };
            self.uses(
                feature,
                object,
                &format!("{field}.queryParams[{}]", parameter.name),
            );
        }
    }

    fn rule(&mut self, rule: &HttpRule, object: &str, field: &str) {
        for (index, filter) in rule.filters.iter().enumerate() {
            self.filter(filter, object, &format!("{field}.filters[{index}]"));
        }
        if rule.timeouts.request_ms.is_some_and(|time| time > 0) {
            self.uses(
                Feature::RequestTimeout,
                object,
                &format!("{field}.timeouts.request"),
            );
        }
        if rule.timeouts.backend_request_ms.is_some_and(|time| time > 0) {
            self.uses(
                Feature::BackendTimeout,
                object,
                &format!("{field}.timeouts.backendRequest"),
            );
        }
        if rule.retry.is_some() {
            self.uses(Feature::Retry, object, &format!("{field}.retry"));
        }
        if let Some(session) = &rule.session_persistence {
            self.session(&session.carrier, object, &format!("{field}.sessionPersistence"));
        }
        self.backends(&rule.backends, object, field);
    }

    fn backends(&mut self, backends: &[WeightedBackend], object: &str, field: &str) {
        let served = backends.iter().filter(|backend| backend.weight > 0);
        if served.clone().count() > 1 {
            self.uses(Feature::Weights, object, &format!("{field}.backendRefs"));
            if served
                .clone()
                .any(|backend| matches!(backend.target, BackendTarget::Invalid(_)))
            {
                self.uses(Feature::InvalidShare, object, &format!("{field}.backendRefs"));
            }
        }
        for (index, backend) in backends.iter().enumerate() {
            if !backend.filters.is_empty() {
                self.uses(
                    Feature::BackendFilters,
                    object,
                    &format!("{field}.backendRefs[{index}].filters"),
                );
            }
        }
    }

    fn filter(&mut self, filter: &HttpFilter, object: &str, field: &str) {
        match filter {
            HttpFilter::RequestHeaders(_) => self.uses(Feature::RequestHeaders, object, field),
            HttpFilter::ResponseHeaders(_) => self.uses(Feature::ResponseHeaders, object, field),
            HttpFilter::Cors(_) => self.uses(Feature::Cors, object, field),
            HttpFilter::ExternalAuth(_) => self.uses(Feature::ExternalAuth, object, field),
            HttpFilter::Redirect(redirect) => {
                self.uses(Feature::Redirect, object, field);
                if !matches!(redirect.status, 301 | 302) {
                    self.uses(
                        Feature::RedirectOtherStatus,
                        object,
                        &format!("{field}.requestRedirect.statusCode"),
                    );
                }
                if matches!(redirect.path, Some(PathModifier::ReplacePrefixMatch(_))) {
                    self.uses(
                        Feature::RedirectPrefix,
                        object,
                        &format!("{field}.requestRedirect.path"),
                    );
                }
            }
            HttpFilter::UrlRewrite(rewrite) => {
                if rewrite.hostname.is_some() {
                    self.uses(
                        Feature::RewriteHost,
                        object,
                        &format!("{field}.urlRewrite.hostname"),
                    );
                }
                if rewrite.path.is_some() {
                    self.uses(Feature::RewritePath, object, &format!("{field}.urlRewrite.path"));
                }
            }
            HttpFilter::Mirror(mirror) => {
                self.uses(Feature::Mirror, object, field);
                if mirror.numerator != mirror.denominator {
                    self.uses(Feature::MirrorShare, object, field);
                }
            }
        }
    }

    fn session(&mut self, carrier: &SessionCarrier, object: &str, field: &str) {
        match carrier {
            SessionCarrier::Cookie { .. } => self.uses(Feature::SessionCookie, object, field),
            SessionCarrier::Header => self.uses(Feature::SessionHeader, object, field),
        }
    }

    fn stream_route(&mut self, route: &StreamRoute) {
        let object = format!("{} {}", route.key.kind.as_str(), route.key.object);
        if route.key.kind == RouteKind::Tls {
            self.uses(Feature::SniRouting, &object, "spec.hostnames");
        }
        self.backends(&route.backends, &object, "spec.rules[0]");
    }

    fn backend(&mut self, backend: &Backend) {
        let object = backend.key.to_string();
        match backend.protocol {
            BackendProtocol::Http2 => self.uses(Feature::Http2Backend, &object, "appProtocol"),
            BackendProtocol::WebSocket => self.uses(Feature::WebSocketBackend, &object, "appProtocol"),
            BackendProtocol::Auto | BackendProtocol::Http1 | BackendProtocol::Stream => {}
        }
        if let Some(tls) = &backend.tls {
            self.uses(Feature::BackendTls, &object, "BackendTLSPolicy");
            if tls.client_certificate.is_some() {
                self.uses(
                    Feature::BackendClientCertificate,
                    &object,
                    "tls.clientCertificateRef",
                );
            }
        }
        if backend.retry_budget.is_some() {
            self.uses(
                Feature::RetryBudget,
                &object,
                "XBackendTrafficPolicy spec.retryConstraint",
            );
        }
        if let Some(session) = &backend.session_persistence {
            self.session(&session.carrier, &object, "sessionPersistence");
        }
        if matches!(backend.endpoints, Endpoints::Dns { .. }) {
            self.uses(Feature::ExternalBackend, &object, "hostname");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_model::filter::{HeaderModifier, Mirror};
    use gatewright_model::key::{ObjectName, RouteKey};
    use gatewright_model::route::{HeaderMatch, Timeouts};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn balancer() -> LoadBalancer {
        let rule = HttpRule {
            index: 3,
            name: None,
            matches: vec![HttpMatch {
                path: PathMatch::Prefix("/".into()),
                method: None,
                headers: vec![HeaderMatch {
                    name: "k".into(),
                    value: ValueMatch::Exact("v".into()),
                }],
                query: Vec::new(),
            }],
            filters: vec![
                HttpFilter::RequestHeaders(HeaderModifier::default().into()),
                HttpFilter::Mirror(
                    Mirror {
                        backend: BackendTarget::Invalid("x".into()),
                        numerator: 1,
                        denominator: 2,
                    }
                    .into(),
                ),
            ],
            backends: Vec::new(),
            timeouts: Timeouts {
                request_ms: Some(1),
                backend_request_ms: Some(0),
            },
            retry: None,
            session_persistence: None,
            fault: None,
        };
        let key = RouteKey {
            kind: RouteKind::Http,
            object: ObjectName::new("ns", "r"),
        };
        let route = HttpRoute {
            key: key.clone(),
            created: 0,
            attachments: Vec::new(),
            rules: vec![Arc::new(rule)],
        };
        LoadBalancer {
            gateway: ObjectName::new("ns", "gw"),
            class: "c".into(),
            controller: "gatewright.dev/aws-alb".into(),
            addresses: Vec::new(),
            infrastructure: gatewright_model::balancer::Infrastructure::default(),
            listeners: BTreeMap::new(),
            http_routes: BTreeMap::from([(key, Arc::new(route))]),
            stream_routes: BTreeMap::new(),
            backends: BTreeMap::new(),
            certificates: BTreeMap::new(),
            backend_client_certificate: None,
            tracing: None,
        }
    }

    #[test]
    fn every_use_is_named_with_its_field_and_a_disabled_timeout_is_no_use() {
        let found = review(Provider::AwsAlb, &balancer());
        let fields: Vec<(&str, bool)> = found
            .iter()
            .map(|item| (&*item.field, item.approximated))
            .collect();
        assert_eq!(
            fields,
            [
                ("spec.rules[3].filters[0]", false),
                ("spec.rules[3].filters[1]", false),
                ("spec.rules[3].matches[0].headers[k]", true),
                ("spec.rules[3].timeouts.request", false),
            ]
        );
        assert!(found.iter().all(|item| &*item.object == "HTTPRoute ns/r"));
    }

    #[test]
    fn the_bundled_proxy_has_no_findings() {
        assert_eq!(review(Provider::Software, &balancer()), []);
    }
}
