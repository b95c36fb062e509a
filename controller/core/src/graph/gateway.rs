//! A Gateway with all of its listeners.

use super::class::{ClassNode, Reach};
use super::listener::{self, ListenerNode};
use super::listener_set::{self, SetNode};
use super::parameters::{self, Parameters, ParametersRef};
use super::{conflict, frontend};
use crate::backend::BackendOptions;
use crate::certificate::{self, CheckedCertificate, TlsHost};
use crate::policy::{certificate_ref, telemetry};
use crate::small_set::SmallSet;
use crate::snapshot::{Dep, View, listed, name_of};
use crate::translate::Refusal;
use gatewright_crds::api::{Gateway, XTelemetryPolicy};
use gatewright_crds::constants::gateway::reason;
use gatewright_model::Str;
use gatewright_model::backend::BackendTarget;
use gatewright_model::balancer::{AddressRequest, Infrastructure};
use gatewright_model::key::{BackendKey, ListenerParent, ObjectName};
use gatewright_model::listener::Protocol;
use gatewright_model::telemetry::Tracing;
use std::sync::Arc;

/// A Gateway of ours and everything that attaches to it except routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayNode {
    /// Namespace and name.
    pub name: ObjectName,
    /// `gatewayClassName`.
    pub class: Str,
    /// Controller name of the class.
    pub controller: Str,
    /// `Accepted=False` for the Gateway as a whole; nothing of it is programmed then.
    pub refused: Option<Refusal>,
    /// Listeners of the Gateway, then of its ListenerSets in order of precedence.
    pub listeners: Vec<ListenerNode>,
    /// ListenerSets that name it, in order of precedence.
    pub sets: Vec<SetNode>,
    /// Client certificate for backends, or why the reference does not resolve.
    pub client_certificate: Option<Result<Arc<CheckedCertificate>, Refusal>>,
    /// Whether some port accepts invalid client certificates.
    pub insecure_frontend: bool,
    /// Requested addresses.
    pub addresses: Vec<AddressRequest>,
    /// Labels and annotations.
    pub infrastructure: Infrastructure,
    /// Tracing, with the collector's backend.
    pub tracing: Option<Arc<Tracing>>,
    /// Backends of the Gateway itself and of its listeners' filters.
    pub backends: SmallSet<BackendKey>,
    /// Whether routes without parents attach (`spec.defaultScope: All`, GEP-3793).
    pub is_default: bool,
    /// Whether the provider judges what routes ask for.
    pub judged: bool,
    /// Settings of the provider, the class' filled in; `None` when they are invalid.
    pub parameters: Option<Parameters>,
}

impl GatewayNode {
    /// Listeners that the Gateway itself or a given ListenerSet declares.
    pub fn listeners_of<'a>(&'a self, parent: &'a ListenerParent) -> impl Iterator<Item = &'a ListenerNode> {
        self.listeners
            .iter()
            .filter(move |listener| listener.key.parent == *parent)
    }
}

/// Evaluates a Gateway of one of our classes.
pub fn evaluate(
    view: &View<'_>,
    gateway: &Gateway,
    class: &ClassNode,
    options: BackendOptions,
) -> GatewayNode {
    let name = name_of(&gateway.metadata);
    let spec = &gateway.spec;
    let addresses = requested_addresses(gateway);
    let parameters = parameters_of(view, gateway, class);
    let refused = class
        .refused
        .as_ref()
        .map(|refusal| Refusal {
            reason: reason::INVALID_PARAMETERS,
            message: format!("GatewayClass {}: {}", spec.gateway_class_name, refusal.message),
        })
        .or_else(|| parameters.as_ref().err().cloned())
        .or_else(|| unsupported_address(&addresses, class.reach));
    let config = spec.tls.as_ref().and_then(|tls| tls.frontend.as_deref());
    let evaluate = |parent: &ListenerParent, specs: &[gatewright_crds::api::Listener]| -> Vec<ListenerNode> {
        specs
            .iter()
            .map(|listener| {
                let frontend = frontend::for_port(view, &name.namespace, config, listener.port);
                listener::evaluate(view, parent, listener, frontend.as_ref(), (options, class))
            })
            .collect()
    };
    let rule = listener_set::rule(spec.allowed_listeners.as_ref(), &name.namespace);
    let mut sets = Vec::new();
    let mut groups = vec![evaluate(&ListenerParent::Gateway(name.clone()), &spec.listeners)];
    for set in listener_set::of_gateway(view, &name) {
        let node = listener_set::evaluate(view, set, &rule, refused.as_ref());
        if node.refused.is_none() {
            groups.push(evaluate(
                &ListenerParent::ListenerSet(node.name.clone()),
                &set.spec.listeners,
            ));
        }
        sets.push(node);
    }
    conflict::resolve(&mut groups, class.reach);
    let mut listeners: Vec<ListenerNode> = groups.into_iter().flatten().collect();
    mark_overlaps(&mut listeners);
    let client_certificate = spec
        .tls
        .as_ref()
        .and_then(|tls| tls.backend.as_ref()?.client_certificate_ref.as_ref())
        .map(|reference| certificate_ref::gateway_client_certificate(view, &name.namespace, reference));
    let (tracing, collector) = tracing_of(view, &name, options);
    let backends = listeners
        .iter()
        .flat_map(|listener| listener.backends.iter().cloned())
        .chain(collector)
        .collect();
    let ports = listeners.iter().map(|listener| listener.port).collect();
    GatewayNode {
        class: spec.gateway_class_name.as_str().into(),
        controller: class.controller.clone(),
        refused,
        listeners,
        sets,
        client_certificate,
        insecure_frontend: frontend::is_insecure(config),
        addresses,
        infrastructure: infrastructure(gateway),
        tracing,
        backends,
        judged: class.reach.is_judged(),
        parameters: parameters.ok().map(|found| found.with_ports(&ports)),
        is_default: spec.default_scope == Some(gatewright_crds::api::DefaultScope::All),
        name,
    }
}

/// Tracing as the Gateway's XTelemetryPolicy asks for (GEP-4768), and the collector's backend.
fn tracing_of(
    view: &View<'_>,
    name: &ObjectName,
    options: BackendOptions,
) -> (Option<Arc<Tracing>>, Option<BackendKey>) {
    let policies: Vec<&XTelemetryPolicy> =
        listed!(view, Dep::TelemetryPoliciesOf(name.clone()), XTelemetryPolicy);
    let Some(winner) = telemetry::winner(&policies, name) else {
        return (None, None);
    };
    let (tracing, _) = telemetry::evaluate(view, winner, name, &policies, options);
    let collector = tracing.as_ref().and_then(|tracing| match &tracing.collector {
        Some(BackendTarget::Backend(key)) => Some(key.clone()),
        _ => None,
    });
    (tracing, collector)
}

fn requested_addresses(gateway: &Gateway) -> Vec<AddressRequest> {
    let addresses = gateway.spec.addresses.as_deref().unwrap_or_default();
    addresses
        .iter()
        .map(|address| AddressRequest {
            kind: address.r#type.as_deref().unwrap_or("IPAddress").into(),
            value: address
                .value
                .as_deref()
                .filter(|value| !value.is_empty())
                .map(Into::into),
            routability: address.routability.as_deref().unwrap_or_default().into(),
        })
        .collect()
}

/// `GatewayReasonInvalidParameters`: "the parametersRef ... refers to an object that does not exist or is of a
/// kind that is not supported".
fn parameters_of(view: &View<'_>, gateway: &Gateway, class: &ClassNode) -> Result<Parameters, Refusal> {
    let base = class.parameters.clone();
    let base = base.unwrap_or_else(|| class.accepts.defaults());
    let own = gateway
        .spec
        .infrastructure
        .as_ref()
        .and_then(|found| found.parameters_ref.as_ref());
    let Some(reference) = own else { return Ok(base) };
    let reference = ParametersRef {
        field: "spec.infrastructure.parametersRef",
        group: &reference.group,
        kind: &reference.kind,
        namespace: gateway.metadata.namespace.as_deref().unwrap_or_default(),
        name: &reference.name,
    };
    let refuse = |message| Refusal {
        reason: reason::INVALID_PARAMETERS,
        message,
    };
    let object = ObjectName::new(reference.namespace, reference.name);
    let own = parameters::resolve(view, (&class.controller, class.accepts), reference).map_err(refuse)?;
    parameters::combine(own, &base)
        .map_err(|problem| refuse(format!("spec.infrastructure.parametersRef: {object}: {problem}")))
}

/// `GatewayReasonUnsupportedAddress`: an address type that is not supported. IPAddress is; so is Hostname, as
/// a name of the machine that the data plane must confirm. Where the provider gives the name, only a request for any
/// name can be met.
fn unsupported_address(addresses: &[AddressRequest], reach: Reach) -> Option<Refusal> {
    let supported = |address: &AddressRequest| match reach {
        Reach::Everything => matches!(&*address.kind, "IPAddress" | "Hostname"),
        Reach::HttpByName | Reach::TlsByName => &*address.kind == "Hostname" && address.value.is_none(),
        Reach::Streams => match &*address.kind {
            "Hostname" => address.value.is_none(),
            kind => kind == "IPAddress" && address.value.is_some(),
        },
    };
    let (index, address) = addresses
        .iter()
        .enumerate()
        .find(|(_, address)| !supported(address))?;
    let message = match reach {
        Reach::Everything => format!(
            "spec.addresses[{index}].type: {} is not supported; accepted are IPAddress and Hostname",
            address.kind
        ),
        Reach::Streams => format!(
            "spec.addresses[{index}]: {} {} is not supported; the load balancer has a name that it is given: accepted are \
             type IPAddress with an address that is yours, type Hostname without value, or no address",
            address.kind,
            address.value.as_deref().unwrap_or("of any value")
        ),
        Reach::HttpByName | Reach::TlsByName => format!(
            "spec.addresses[{index}]: {} {} is not supported; the load balancer has a name that it is given: accepted is \
             type Hostname without value, or no address",
            address.kind,
            address.value.as_deref().unwrap_or("of any value")
        ),
    };
    Some(Refusal {
        reason: reason::UNSUPPORTED_ADDRESS,
        message,
    })
}

fn infrastructure(gateway: &Gateway) -> Infrastructure {
    let texts = |map: Option<&std::collections::BTreeMap<String, String>>| {
        map.into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
            .collect()
    };
    let found = gateway.spec.infrastructure.as_ref();
    Infrastructure {
        labels: texts(found.and_then(|found| found.labels.as_ref())),
        annotations: texts(found.and_then(|found| found.annotations.as_ref())),
    }
}

/// `ListenerConditionOverlappingTLSConfig`: on all HTTPS listeners of a port that overlap.
fn mark_overlaps(listeners: &mut [ListenerNode]) {
    let hosts: Vec<TlsHost> = listeners
        .iter()
        .filter(|listener| listener.protocol == Some(Protocol::Https) && listener.conflict.is_none())
        .map(|listener| TlsHost {
            listener: listener.key.clone(),
            port: listener.port,
            hostname: listener.hostname.clone(),
            names: listener
                .model_certificates()
                .flat_map(|certificate| certificate.names.iter().cloned())
                .collect(),
        })
        .collect();
    let found = certificate::overlapping(&hosts);
    for listener in listeners {
        listener.overlap = found.get(&listener.key).map(|overlap| Refusal {
            reason: overlap.kind.reason(),
            message: format!(
                "overlaps with listener {} on port {}: clients may reuse connections between them, so HTTP/2 \
                 requests for another listener's host are answered 421",
                overlap.with, listener.port
            ),
        });
    }
}
