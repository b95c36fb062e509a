//! A route of any kind: its parents, and its translated rules.

use super::attach::{self, Parent, RouteView};
use super::facts::GatewayFacts;
use crate::backend::BackendOptions;
use crate::lookup::Referrer;
use crate::policy::Precedence;
use crate::snapshot::{Dep, Kind, Object, View};
use crate::translate::{self, Refusal, Resolver, RouteFindings};
use gatewright_crds::api::{DefaultScope, ParentReference, RouteStatus};
use gatewright_model::Str;
use gatewright_model::backend::WeightedBackend;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerParent, ObjectName, RouteKey, RouteKind};
use gatewright_model::route::{Attachment, HttpRule};
use gatewright_model::share::Pool;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::sync::Arc;

/// What became of a route's parentRefs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteParents {
    /// Age, seconds since the Unix epoch; without a timestamp the youngest of all.
    pub created: i64,
    /// Parents that are Gateways of ours, in the order written.
    pub parents: Arc<Vec<ParentNode>>,
}

/// One parentRef.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ParentNode {
    /// As written, for the status entry.
    pub reference: ParentReference,
    /// The Gateway it leads to.
    pub gateway: ObjectName,
    /// Controller name of its class.
    pub controller: Str,
    /// Listeners that take the route, or why none does.
    pub outcome: Result<Vec<Attachment>, Refusal>,
}

/// What a route's rules became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRules {
    /// What is served.
    pub rules: Rules,
    /// What translating them found.
    pub findings: RouteFindings,
}

impl RouteRules {
    /// Makes equal texts of routes one. Only rules that nobody else holds yet are changed.
    pub fn share(&mut self, texts: &mut Pool) {
        match &mut self.rules {
            Rules::Http(rules) => texts.share(rules),
            Rules::Stream(backends) => texts.share(backends),
        }
        let backends = std::mem::take(&mut self.findings.backends).into_iter();
        self.findings.backends = backends
            .map(|mut backend| {
                texts.share(&mut backend);
                backend
            })
            .collect();
    }

    /// The same with rules that are equal to older ones being the same allocations, so that whoever
    /// compares by pointer sees which rules changed.
    pub fn reusing(&self, old: &Self) -> Self {
        let rules = match (&self.rules, &old.rules) {
            (Rules::Http(new), Rules::Http(old)) => Rules::Http(
                new.iter()
                    .map(|rule| Arc::clone(old.iter().find(|known| *known == rule).unwrap_or(rule)))
                    .collect(),
            ),
            (rules, _) => rules.clone(),
        };
        Self {
            rules,
            findings: self.findings.clone(),
        }
    }
}

/// Translated rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Of an HTTPRoute or GRPCRoute.
    Http(Vec<Arc<HttpRule>>),
    /// Of a TLSRoute, TCPRoute or UDPRoute.
    Stream(Vec<WeightedBackend>),
}

/// Where a route finds the Gateways that its parentRefs lead to.
pub trait Gateways {
    /// A Gateway of ours; asking is recorded as a dependency of the view's computation.
    fn gateway(&self, view: &View<'_>, name: &ObjectName) -> Option<&GatewayFacts>;
}

/// The parts that all route kinds share.
pub struct Common<'a> {
    /// Kind.
    pub kind: RouteKind,
    /// Metadata.
    pub metadata: &'a ObjectMeta,
    /// `spec.parentRefs`.
    pub parents: &'a [ParentReference],
    /// `spec.hostnames`.
    pub hostnames: &'a [String],
    /// `spec.useDefaultGateways`.
    pub defaults: Option<DefaultScope>,
    /// `status`.
    pub status: Option<&'a RouteStatus>,
}

impl<'a> Common<'a> {
    /// Reads the shared parts of a route object.
    pub fn of(object: &'a Object) -> Option<Self> {
        macro_rules! common {
            ($kind:expr, $route:expr, $hostnames:expr) => {
                Some(Self {
                    kind: $kind,
                    metadata: &$route.metadata,
                    parents: $route.spec.parent_refs.as_deref().unwrap_or_default(),
                    hostnames: $hostnames,
                    defaults: $route.spec.use_default_gateways,
                    status: $route.status.as_ref(),
                })
            };
        }
        match object {
            Object::HttpRoute(route) => {
                common!(
                    RouteKind::Http,
                    route,
                    route.spec.hostnames.as_deref().unwrap_or_default()
                )
            }
            Object::GrpcRoute(route) => {
                common!(
                    RouteKind::Grpc,
                    route,
                    route.spec.hostnames.as_deref().unwrap_or_default()
                )
            }
            Object::TlsRoute(route) => common!(RouteKind::Tls, route, &route.spec.hostnames),
            Object::TcpRoute(route) => common!(RouteKind::Tcp, route, &[]),
            Object::UdpRoute(route) => common!(RouteKind::Udp, route, &[]),
            _ => None,
        }
    }
}

/// Finds out where a route attaches; `None` when it does not exist.
pub fn parents(view: &View<'_>, gateways: &impl Gateways, key: &RouteKey) -> Option<RouteParents> {
    let common = Common::of(view.object(Kind::of_route(key.kind), &key.object)?)?;
    let hostnames: Vec<HostPattern> = common
        .hostnames
        .iter()
        .map(|host| HostPattern::parse(host))
        .collect();
    let namespace = &*key.object.namespace;
    let route = RouteView {
        kind: key.kind,
        namespace,
        hostnames: &hostnames,
    };
    let defaults = default_parents(view, gateways, &common, namespace);
    let mut parents = Vec::with_capacity(common.parents.len() + defaults.len());
    for reference in common.parents.iter().cloned().chain(defaults) {
        let Some(parent) = Parent::read(&reference, namespace) else {
            continue;
        };
        let gateway = leads_to(view, &parent).and_then(|name| gateways.gateway(view, &name));
        let Some(gateway) = gateway else { continue };
        parents.push(ParentNode {
            gateway: gateway.name.clone(),
            controller: gateway.controller.clone(),
            outcome: attach::attach(view, &route, &parent, gateway),
            reference,
        });
    }
    Some(RouteParents {
        created: Precedence::of(common.metadata).created,
        parents: Arc::new(parents),
    })
}

/// Translates a route's rules; `None` when it does not exist.
pub fn rules(view: &View<'_>, key: &RouteKey, options: BackendOptions) -> Option<RouteRules> {
    let object = view.object(Kind::of_route(key.kind), &key.object)?;
    let referrer = Referrer::gateway_api(key.kind.as_str(), &key.object.namespace);
    let resolver = Resolver {
        lookup: view,
        referrer,
        traffic: key.kind,
        options,
    };
    let stream = |rules| {
        let (backends, findings) = translate::stream_backends(rules, &resolver);
        (Rules::Stream(backends), findings)
    };
    let (rules, findings) = match object {
        Object::HttpRoute(route) => {
            let rules = route.spec.rules.as_deref().unwrap_or_default();
            let (rules, findings) = translate::http_rules(rules, &resolver);
            (Rules::Http(rules), findings)
        }
        Object::GrpcRoute(route) => {
            let rules = route.spec.rules.as_deref().unwrap_or_default();
            let (rules, findings) = translate::grpc_rules(rules, &resolver);
            (Rules::Http(rules), findings)
        }
        Object::TlsRoute(route) => stream(&route.spec.rules),
        Object::TcpRoute(route) => stream(&route.spec.rules),
        Object::UdpRoute(route) => stream(&route.spec.rules),
        _ => return None,
    };
    Some(RouteRules { rules, findings })
}

/// The Gateway that a parent leads to, through its ListenerSet where it is one.
fn leads_to(view: &View<'_>, parent: &Parent) -> Option<ObjectName> {
    match &parent.object {
        ListenerParent::Gateway(name) => Some(name.clone()),
        ListenerParent::ListenerSet(name) => {
            let reference = &view.listener_set(name)?.spec.parent_ref;
            let namespace = reference.namespace.as_deref().unwrap_or(&name.namespace);
            Some(ObjectName::new(namespace, &reference.name))
        }
    }
}

/// A route with `useDefaultGateways: All` attaches to every Gateway with `defaultScope: All` that it does
/// not name itself (GEP-3793).
fn default_parents(
    view: &View<'_>,
    gateways: &impl Gateways,
    common: &Common<'_>,
    namespace: &str,
) -> Vec<ParentReference> {
    if common.defaults != Some(DefaultScope::All) {
        return Vec::new();
    }
    let named: Vec<ObjectName> = common
        .parents
        .iter()
        .filter_map(|reference| match Parent::read(reference, namespace)?.object {
            ListenerParent::Gateway(name) => Some(name),
            ListenerParent::ListenerSet(_) => None,
        })
        .collect();
    view.listed(Dep::DefaultGateways)
        .into_iter()
        .map(|object| crate::snapshot::name_of(object.metadata()))
        .filter(|name| {
            !named.contains(name)
                && gateways
                    .gateway(view, name)
                    .is_some_and(|gateway| gateway.is_default)
        })
        .map(|name| ParentReference {
            group: Some(super::GROUP.to_owned()),
            kind: Some("Gateway".to_owned()),
            namespace: Some(name.namespace.to_string()),
            name: name.name.to_string(),
            port: None,
            section_name: None,
        })
        .collect()
}
