//! Listeners and certificates that there is no room for.
//!
//! The Gateway's own listeners come before those of its ListenerSets ("ListenerSet": the Gateway's listeners have
//! precedence, GEP-1713), lower ports before higher ones. A port that is left out is not listened on; a certificate that
//! is left out hurts the hostnames that it is for: their clients are shown the port's default one.

use super::{CERTIFICATES, LISTENERS, others_ports};
use crate::alb::Target;
use crate::alb::listener::CertificateId;
use crate::limits::{AlbLimits, Taken};
use crate::network::SecurityGroups;
use crate::trust_store::TrustStoreId;
use gatewright_model::LoadBalancer;
use gatewright_model::key::ListenerParent;
use gatewright_model::listener::{Listener, ListenerTls};
use gatewright_model::unsupported::Unsupported;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What helps.
const INSTEAD: &str =
    "spread the listeners over several Gateways, or have the quota raised where AWS allows it";

/// The target with as many listeners and certificates as there is room for, and what was left out.
pub(super) fn trim(
    mut target: Target,
    balancer: &LoadBalancer,
    (limits, taken): (&AlbLimits, &Taken),
) -> (Target, Vec<Unsupported>) {
    let mut left_out = Vec::new();
    listeners(&mut target, balancer, (limits, taken), &mut left_out);
    certificates(&mut target, balancer, limits, &mut left_out);
    let stores: BTreeSet<TrustStoreId> = target
        .listeners
        .values()
        .filter_map(|listener| listener.tls.as_ref()?.trust_store().cloned())
        .collect();
    target.trust_stores.retain(|id, _| stores.contains(id));
    (target, left_out)
}

/// Those that come first keep their place.
fn in_precedence(balancer: &LoadBalancer) -> Vec<&Listener> {
    let mut all: Vec<&Listener> = balancer.listeners.values().map(Arc::as_ref).collect();
    all.sort_by_key(|listener| {
        let of_set = matches!(listener.key.parent, ListenerParent::ListenerSet(_));
        (of_set, listener.port, &listener.key)
    });
    all
}

fn listeners(
    target: &mut Target,
    balancer: &LoadBalancer,
    (limits, taken): (&AlbLimits, &Taken),
    left_out: &mut Vec<Unsupported>,
) {
    let quota = limits.listeners;
    let others = others_ports(target, taken).count();
    let most = usize::try_from(quota).map_or(usize::MAX, |quota| quota.saturating_sub(others));
    let needed = target.listeners.len();
    let have = match others {
        0 => String::new(),
        others => format!("others have {others} of it, "),
    };
    if needed <= most {
        return;
    }
    let mut kept: BTreeSet<u16> = BTreeSet::new();
    for listener in in_precedence(balancer) {
        if !target.listeners.contains_key(&listener.port) || kept.contains(&listener.port) {
            continue;
        }
        if kept.len() < most {
            kept.insert(listener.port);
            continue;
        }
        let why = format!(
            "the quota \"{LISTENERS}\" is {quota}, {have}the Gateway needs {needed}; its own listeners come first, then lower \
             ports; the port is not served"
        );
        left_out.push(refusal(listener, ".port", why));
    }
    target.listeners.retain(|port, _| kept.contains(port));
    if let SecurityGroups::Managed(group) = &mut target.balancer.security_groups {
        group
            .ingress
            .retain(|ingress| ingress.is_too_long() || kept.contains(&ingress.port));
    }
}

fn certificates(
    target: &mut Target,
    balancer: &LoadBalancer,
    limits: &AlbLimits,
    left_out: &mut Vec<Unsupported>,
) {
    let tls = || target.listeners.iter();
    let needed: usize = tls()
        .filter_map(|(_, listener)| Some(listener.tls.as_ref()?.others.len()))
        .sum();
    let most = usize::try_from(limits.certificates).unwrap_or(usize::MAX);
    if needed <= most {
        return;
    }
    let mut room = most;
    let mut kept: BTreeSet<(u16, CertificateId)> = BTreeSet::new();
    // Those of listeners that name them, in their order; then those that were found, or named for the whole port.
    let named = in_precedence(balancer).into_iter().flat_map(|listener| {
        let keys = match &listener.tls {
            Some(ListenerTls::Terminate(tls)) => tls.certificates.as_slice(),
            _ => &[],
        };
        let ids = keys.iter().cloned().map(CertificateId::Imported);
        ids.map(move |id| (Some(listener), listener.port, id))
    });
    let found = tls().flat_map(|(port, listener)| {
        let ids = listener.tls.iter().flat_map(|tls| &tls.others);
        let ids = ids.filter(|id| matches!(id, CertificateId::Arn(_)));
        ids.map(|id| (None, *port, id.clone()))
    });
    for (listener, port, id) in named.chain(found) {
        let is_shown = target
            .listeners
            .get(&port)
            .and_then(|listener| listener.tls.as_ref())
            .is_some_and(|tls| tls.others.contains(&id));
        let place = (port, id);
        if !is_shown || kept.contains(&place) {
            continue;
        }
        if room > 0 {
            room -= 1;
            kept.insert(place);
            continue;
        }
        let what = match &place.1 {
            CertificateId::Imported(key) => key.to_string(),
            CertificateId::Arn(arn) => arn.to_string(),
        };
        let why = format!(
            "the quota \"{CERTIFICATES}\" is {most}, the Gateway needs {needed}; {what} is not shown, its clients get the \
             default certificate of port {port}"
        );
        left_out.push(match listener {
            Some(listener) => refusal(listener, ".tls.certificateRefs", why),
            None => Unsupported {
                object: format!("Gateway {}", balancer.gateway).into(),
                field: format!("spec.listeners port {port} certificates").into(),
                why: why.into(),
                alternative: INSTEAD.into(),
                approximated: false,
            },
        });
    }
    for (port, listener) in &mut target.listeners {
        if let Some(tls) = &mut listener.tls {
            tls.others.retain(|id| kept.contains(&(*port, id.clone())));
        }
    }
    let shown: BTreeSet<CertificateId> = target
        .listeners
        .values()
        .filter_map(|listener| listener.tls.as_ref())
        .flat_map(|tls| tls.others.iter().chain([&tls.default]))
        .cloned()
        .collect();
    target.certificates.retain(|id, _| shown.contains(id));
}

fn refusal(listener: &Listener, field: &str, why: String) -> Unsupported {
    let object = match &listener.key.parent {
        ListenerParent::Gateway(object) => format!("Gateway {object}"),
        ListenerParent::ListenerSet(object) => format!("ListenerSet {object}"),
    };
    Unsupported {
        object: object.into(),
        field: format!("spec.listeners[name={}]{field}", listener.key.name).into(),
        why: why.into(),
        alternative: INSTEAD.into(),
        approximated: false,
    }
}
