//! One listener of a Gateway or ListenerSet, on its own: protocol, kinds, TLS.

use super::GROUP;
use super::allowed::NamespaceRule;
use super::class::{ClassNode, Reach};
use super::frontend::Frontend;
use super::listener_filters::{self, Fault};
use super::parameters::ParametersKind;
use crate::backend::BackendOptions;
use crate::lookup::Referrer;
use crate::policy::certificate_ref;
use crate::small_set::SmallSet;
use crate::snapshot::View;
use crate::translate::Refusal;
use gatewright_crds::api::{Listener as Spec, RouteGroupKind, RouteNamespacesFrom, TlsMode};
use gatewright_crds::constants::listener::reason;
use gatewright_model::Str;
use gatewright_model::certificate::Certificate;
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{BackendKey, CertificateKey, ListenerKey, ListenerParent, RouteKind};
use gatewright_model::listener::{Listener, ListenerTls, Protocol, TlsTermination};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A listener and everything that its status says, except for what other listeners and the data plane
/// decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerNode {
    /// Identity.
    pub key: ListenerKey,
    /// Port.
    pub port: u16,
    /// Protocol as written.
    pub protocol_text: Str,
    /// Protocol; `None` when it is none of ours.
    pub protocol: Option<Protocol>,
    /// `tls.mode`, `Terminate` where none is written.
    pub tls_mode: TlsMode,
    /// Hostname.
    pub hostname: HostPattern,
    /// Which namespaces may attach routes.
    pub namespaces: NamespaceRule,
    /// Route kinds that may attach, and `status.listeners[].supportedKinds`.
    pub kinds: Vec<RouteKind>,
    /// `Conflicted=True`: reason and message; the listener is then not accepted either.
    pub conflict: Option<Refusal>,
    /// `Accepted=False`.
    pub refused: Option<Refusal>,
    /// `ResolvedRefs=False`.
    pub unresolved: Option<Refusal>,
    /// `OverlappingTLSConfig=True`.
    pub overlap: Option<Refusal>,
    /// What the owner should know although all is well: certificates about to expire.
    pub certificates: Vec<Arc<crate::certificate::CheckedCertificate>>,
    /// Backends of its filters.
    pub backends: SmallSet<BackendKey>,
    /// What a provider programs; `None` when the listener cannot be programmed.
    pub model: Option<Arc<Listener>>,
}

impl ListenerNode {
    /// Whether routes may attach at all. A listener whose certificate is missing still counts its routes
    /// (`ListenerStatus.attachedRoutes`); one in conflict or of an unknown protocol has none.
    pub fn is_attachable(&self) -> bool {
        self.conflict.is_none() && self.protocol.is_some()
    }

    /// The model's certificates.
    pub fn model_certificates(&self) -> impl Iterator<Item = &Arc<Certificate>> {
        self.certificates.iter().map(|checked| &checked.certificate)
    }
}

/// Evaluates one listener. `frontend` is the client validation of its Gateway for its port.
pub fn evaluate(
    view: &View<'_>,
    parent: &ListenerParent,
    spec: &Spec,
    frontend: Option<&Frontend>,
    (options, class): (BackendOptions, &ClassNode),
) -> ListenerNode {
    let Spec {
        allowed_routes: _,
        filters,
        hostname,
        name,
        port,
        protocol: protocol_text,
        tls,
    } = spec;
    let (parent_kind, object) = match parent {
        ListenerParent::Gateway(object) => ("Gateway", object),
        ListenerParent::ListenerSet(object) => ("ListenerSet", object),
    };
    let referrer = Referrer::gateway_api(parent_kind, &object.namespace);
    let protocol = parse_protocol(protocol_text).filter(|found| class.reach.protocols().contains(found));
    let supported = protocol.map_or(&[][..], kinds_of);
    let mut node = ListenerNode {
        key: ListenerKey {
            parent: parent.clone(),
            name: name.as_str().into(),
        },
        port: u16::try_from(*port).unwrap_or_default(),
        protocol_text: protocol_text.as_str().into(),
        protocol,
        tls_mode: tls_mode(tls.as_deref()),
        hostname: HostPattern::parse(hostname.as_deref().unwrap_or_default()),
        namespaces: namespace_rule(spec, &object.namespace),
        kinds: supported.to_vec(),
        conflict: None,
        refused: None,
        unresolved: None,
        overlap: None,
        certificates: Vec::new(),
        backends: SmallSet::default(),
        model: None,
    };
    let Some(protocol) = protocol else {
        node.refused = Some(Refusal {
            reason: reason::UNSUPPORTED_PROTOCOL,
            message: match class.reach {
                Reach::Everything => format!(
                    "protocol {protocol_text} is not supported; accepted are HTTP, HTTPS, TLS, TCP and UDP"
                ),
                Reach::Streams => format!(
                    "protocol {protocol_text} is not supported by this class; accepted are TLS, TCP and UDP"
                ),
                Reach::HttpByName => format!(
                    "protocol {protocol_text} is not supported by this class; accepted are HTTP and HTTPS"
                ),
                Reach::TlsByName => format!(
                    "protocol {protocol_text} is not supported by this class; accepted are HTTP, HTTPS and TLS"
                ),
            },
        });
        return node;
    };
    route_kinds(spec, &mut node);
    let asked = (protocol, class.accepts);
    let Ok(tls_model) = tls_settings(view, referrer, asked, tls.as_deref(), &mut node) else {
        return node;
    };
    let Ok(tls_model) = with_client_validation(tls_model, frontend, &mut node) else {
        return node;
    };
    let requests = filters
        .iter()
        .flat_map(|filters| filters.requests.iter().flatten());
    let filters = match listener_filters::read(view, referrer, requests, (protocol, options)) {
        Ok(read) => {
            node.backends.extend(read.backends);
            read.filters
        }
        Err(Fault::Unusable(refusal)) => {
            node.refused = Some(refusal);
            return node;
        }
        Err(Fault::Unresolved(refusal)) => {
            node.unresolved = Some(refusal);
            return node;
        }
    };
    node.model = Some(Arc::new(Listener {
        key: node.key.clone(),
        port: node.port,
        protocol,
        hostname: node.hostname.clone(),
        tls: tls_model,
        filters,
    }));
    node
}

/// The kinds that may attach. `ListenerReasonInvalidRouteKinds`: unknown ones are named, the valid ones stay.
fn route_kinds(spec: &Spec, node: &mut ListenerNode) {
    let wanted = spec
        .allowed_routes
        .as_ref()
        .and_then(|allowed| allowed.kinds.as_ref())
        .filter(|kinds| !kinds.is_empty());
    let Some(wanted) = wanted else { return };
    let supported = std::mem::take(&mut node.kinds);
    let names = |wanted: &RouteGroupKind, kind: &RouteKind| {
        wanted.group.as_deref().unwrap_or(GROUP) == GROUP && wanted.kind == kind.as_str()
    };
    let valid = supported
        .iter()
        .copied()
        .filter(|kind| wanted.iter().any(|wanted| names(wanted, kind)));
    node.kinds = valid.collect();
    let invalid: Vec<String> = wanted
        .iter()
        .filter(|wanted| !supported.iter().any(|kind| names(wanted, kind)))
        .map(|wanted| format!("{}/{}", wanted.group.as_deref().unwrap_or(GROUP), wanted.kind))
        .collect();
    if !invalid.is_empty() {
        let accepted: Vec<&str> = supported.iter().map(|kind| kind.as_str()).collect();
        node.unresolved = Some(Refusal {
            reason: reason::INVALID_ROUTE_KINDS,
            message: format!(
                "allowedRoutes.kinds: {} cannot attach to a listener of protocol {}; accepted are {}",
                invalid.join(", "),
                spec.protocol,
                accepted.join(", ")
            ),
        });
    }
}

/// Adds the validation of client certificates to an HTTPS listener; `Err` when it has no authority left, with the
/// reason left in `node`: such a listener must not accept traffic (`NoValidCACertificate`).
fn with_client_validation(
    tls: Option<ListenerTls>,
    frontend: Option<&Frontend>,
    node: &mut ListenerNode,
) -> Result<Option<ListenerTls>, ()> {
    let (Some(Protocol::Https), Some(frontend), Some(ListenerTls::Terminate(mut terminate))) =
        (node.protocol, frontend, tls.clone())
    else {
        return Ok(tls);
    };
    if let Some(fault) = &frontend.unresolved {
        node.unresolved.get_or_insert_with(|| fault.clone());
    }
    let Some(validation) = &frontend.validation else {
        node.refused.clone_from(&frontend.refused);
        return Err(());
    };
    terminate.client_validation = Some(Arc::clone(validation));
    Ok(Some(ListenerTls::Terminate(terminate)))
}

/// Listeners of TLS and HTTPS end it where nothing else is asked for (`ListenerTLSConfig.mode`, its default).
fn tls_mode(tls: Option<&gatewright_crds::api::ListenerTlsConfig>) -> TlsMode {
    tls.and_then(|tls| tls.mode).unwrap_or(TlsMode::Terminate)
}

/// TLS of the model; `Err` when the listener cannot be programmed, with the reason left in `node`.
fn tls_settings(
    view: &View<'_>,
    referrer: Referrer<'_>,
    (protocol, parameters): (Protocol, ParametersKind),
    tls: Option<&gatewright_crds::api::ListenerTlsConfig>,
    node: &mut ListenerNode,
) -> Result<Option<ListenerTls>, ()> {
    if !matches!(protocol, Protocol::Https | Protocol::Tls) {
        return Ok(None);
    }
    if tls_mode(tls) == TlsMode::Passthrough {
        if protocol == Protocol::Https {
            node.refused = Some(Refusal {
                reason: reason::UNSUPPORTED_VALUE,
                message: "tls.mode: Passthrough needs protocol TLS; for HTTPS accepted is Terminate"
                    .to_owned(),
            });
            return Err(());
        }
        return Ok(Some(ListenerTls::Passthrough));
    }
    let references = tls
        .and_then(|tls| tls.certificate_refs.as_deref())
        .unwrap_or_default();
    let mut keys: Vec<CertificateKey> = Vec::new();
    for (index, reference) in references.iter().enumerate() {
        match certificate_ref::resolve(view, referrer, reference) {
            Ok(certificate) => {
                keys.push(certificate.certificate.key.clone());
                node.certificates.push(certificate);
            }
            Err(fault) => {
                let mut refusal = fault.into_refusal(reason::INVALID_CERTIFICATE_REF);
                refusal.message = format!("tls.certificateRefs[{index}]: {}", refusal.message);
                node.unresolved.get_or_insert(refusal);
            }
        }
    }
    let found_elsewhere = references.is_empty() && parameters.finds_certificates();
    if keys.is_empty() && !found_elsewhere {
        node.unresolved.get_or_insert_with(|| Refusal {
            reason: reason::INVALID_CERTIFICATE_REF,
            message: "tls.certificateRefs: a terminating listener needs at least one certificate".to_owned(),
        });
        return Err(());
    }
    let options: BTreeMap<Str, Str> = tls
        .and_then(|tls| tls.options.as_ref())
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect();
    Ok(Some(ListenerTls::Terminate(TlsTermination {
        certificates: keys,
        client_validation: None,
        options,
    })))
}

pub(super) fn parse_protocol(text: &str) -> Option<Protocol> {
    match text {
        "HTTP" => Some(Protocol::Http),
        "HTTPS" => Some(Protocol::Https),
        "TLS" => Some(Protocol::Tls),
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        _ => None,
    }
}

/// Route kinds of a protocol (`ListenerStatus.supportedKinds`).
const fn kinds_of(protocol: Protocol) -> &'static [RouteKind] {
    match protocol {
        Protocol::Http | Protocol::Https => &[RouteKind::Http, RouteKind::Grpc],
        Protocol::Tls => &[RouteKind::Tls],
        Protocol::Tcp => &[RouteKind::Tcp],
        Protocol::Udp => &[RouteKind::Udp],
    }
}

fn namespace_rule(spec: &Spec, own: &str) -> NamespaceRule {
    let namespaces = spec
        .allowed_routes
        .as_ref()
        .and_then(|allowed| allowed.namespaces.as_ref());
    match namespaces
        .and_then(|namespaces| namespaces.from)
        .unwrap_or(RouteNamespacesFrom::Same)
    {
        RouteNamespacesFrom::All => NamespaceRule::All,
        RouteNamespacesFrom::Same => NamespaceRule::Same(own.into()),
        RouteNamespacesFrom::Selector => {
            NamespaceRule::Selector(namespaces.and_then(|namespaces| namespaces.selector.as_deref().cloned()))
        }
    }
}
