//! TLS of a port: policy, certificates, client certificates.
//!
//! A Gateway listener names Secrets, which are imported into ACM. Where it names none, the certificates are those in
//! ACM that the parameters name for its port, or else those that ACM has for its hostname, or for the hostnames of its
//! routes where it has none of its own. A certificate that is missing, or not issued yet, hurts the hostname that it is
//! for, and nothing else.

use super::certificates;
use super::clients::clients;
use super::context::Context;
use super::listener::Shared;
use super::ports::{Member, Port, place};
use super::report::{Consequence, Place};
use crate::alb::listener::{Certificate, CertificateId, ListenerTls};
use crate::alb::settings::{DEFAULT_SSL_POLICY, PortSettings};
use crate::certificate::{Missing, for_host, of_arn};
use gatewright_model::hostname::HostPattern;
use gatewright_model::listener::{Listener, ListenerTls as Tls};
use std::collections::BTreeSet;

/// What helps where a certificate is missing.
const INSTEAD: &str =
    "name a Secret, or request or import a certificate in ACM; it is looked for again every minute";

/// TLS of a port; none where there is no certificate at all, which is reported. The default certificate is that of its
/// least specific listener.
pub(crate) fn tls(
    port: &Port<'_>,
    settings: &PortSettings,
    context: &Context<'_>,
    shared: &mut Shared<'_>,
) -> Option<ListenerTls> {
    let clients = clients(port, settings, context, shared).ok()?;
    let mut ids: Vec<CertificateId> = Vec::new();
    for member in port.listeners.iter().rev() {
        let Some(Tls::Terminate(tls)) = &member.listener.tls else {
            continue;
        };
        if tls.certificates.is_empty() && settings.certificates.is_empty() {
            ids.extend(discovered(member.listener, context, shared));
        }
        for key in &tls.certificates {
            let Some(certificate) = context.balancer.certificates.get(key) else {
                continue;
            };
            let id = CertificateId::Imported(key.clone());
            match certificates::import(certificate) {
                Ok(import) => {
                    shared
                        .certificates
                        .entry(id.clone())
                        .or_insert(Certificate::Import(import));
                    ids.push(id);
                }
                Err((why, instead)) => {
                    // Others of the port are not touched by it.
                    let place = place(member.listener, Consequence::Ignored).at(".tls.certificateRefs");
                    let why = format!("{key}: {why}");
                    let _ = shared.report.refuse(&place, &why, instead);
                }
            }
        }
    }
    ids.extend(given(port.number, settings, context, shared));
    let Some((default, others)) = ids.split_first() else {
        for member in &port.listeners {
            left_out(member, shared);
        }
        return None;
    };
    for id in &ids {
        if matches!(id, CertificateId::Arn(_)) {
            shared
                .certificates
                .entry(id.clone())
                .or_insert(Certificate::Existing);
        }
    }
    Some(ListenerTls {
        policy: settings
            .ssl_policy
            .clone()
            .unwrap_or_else(|| DEFAULT_SSL_POLICY.into()),
        default: default.clone(),
        others: others.iter().filter(|id| *id != default).cloned().collect(),
        alpn: None,
        clients,
    })
}

fn left_out(member: &Member<'_>, shared: &mut Shared<'_>) {
    let place = place(member.listener, Consequence::ListenerLeftOut).at(".tls.certificateRefs");
    let _ = shared.report.refuse(
        &place,
        "an HTTPS listener needs a certificate, and none of its port has one that can be used",
        INSTEAD,
    );
}

/// Certificates that the parameters name for a port.
fn given(
    port: u16,
    settings: &PortSettings,
    context: &Context<'_>,
    shared: &mut Shared<'_>,
) -> Vec<CertificateId> {
    let gateway = format!("Gateway {}", context.balancer.gateway);
    let mut ids = Vec::new();
    for arn in &settings.certificates {
        match of_arn(&context.surroundings.certificates, arn) {
            Ok(_) => ids.push(CertificateId::Arn(arn.clone())),
            Err(missing) => {
                let field = format!("spec.infrastructure.parametersRef listeners[port={port}].certificates");
                let place = Place::new(&gateway, &field, Consequence::Ignored);
                let why = match missing {
                    Missing::None => format!("{arn} is not in ACM of this account and region"),
                    other => other.to_string(),
                };
                shared.waits.certificates = true;
                let _ = shared.report.refuse(&place, &why, INSTEAD);
            }
        }
    }
    ids
}

/// Certificates that ACM has for a listener.
fn discovered(listener: &Listener, context: &Context<'_>, shared: &mut Shared<'_>) -> Vec<CertificateId> {
    let all = &context.surroundings.certificates;
    let own = listener.hostname.to_string();
    let mut hosts: BTreeSet<String> = match &listener.hostname {
        HostPattern::Exact(_) => BTreeSet::new(),
        HostPattern::Any | HostPattern::Wildcard(_) => hosts_of_routes(listener, context),
    };
    let asked = !matches!(listener.hostname, HostPattern::Any);
    if asked && (hosts.is_empty() || for_host(all, &own).is_ok()) {
        hosts.insert(own);
    }
    if hosts.is_empty() {
        let place = place(listener, Consequence::Ignored).at(".tls.certificateRefs");
        let why =
            "certificates in ACM are found by hostname, and neither the listener nor its routes have one";
        let instead = "name a Secret, a hostname, or certificates in AwsLoadBalancerParameters";
        let _ = shared.report.refuse(&place, why, instead);
        return Vec::new();
    }
    let mut ids = Vec::new();
    let mut missing: Vec<(String, Missing)> = Vec::new();
    for host in hosts {
        match for_host(all, &host) {
            Ok(found) => ids.push(CertificateId::Arn(found.arn.clone())),
            Err(why) => missing.push((host, why)),
        }
    }
    let of_listener = place(listener, Consequence::Ignored);
    let gateway = format!("Gateway {}", context.balancer.gateway);
    shared.waits.certificates |= !missing.is_empty();
    for (host, why) in missing {
        let why = format!("no certificate in ACM can be shown for {host}: {why}");
        // A listener that has one for another host is programmed.
        let place = if ids.is_empty() {
            of_listener.at(".tls.certificateRefs")
        } else {
            let field = format!("spec.listeners host {host}");
            Place::new(&gateway, &field, Consequence::Ignored)
        };
        let _ = shared.report.refuse(&place, &why, INSTEAD);
    }
    ids
}

/// Hostnames that routes serve on a listener.
fn hosts_of_routes(listener: &Listener, context: &Context<'_>) -> BTreeSet<String> {
    let routes = context.balancer.http_routes.values();
    let streams = context.balancer.stream_routes.values();
    routes
        .flat_map(|route| &route.attachments)
        .chain(streams.flat_map(|route| &route.attachments))
        .filter(|attachment| attachment.listener == listener.key)
        .flat_map(|attachment| &attachment.hosts)
        .filter(|host| host.effective != HostPattern::Any)
        .map(|host| host.effective.to_string())
        .collect()
}

/// Whether the listeners of a Gateway depend on what is in ACM.
pub fn needs_certificates<'a>(
    listeners: impl IntoIterator<Item = &'a Listener>,
    ports: &std::collections::BTreeMap<u16, PortSettings>,
) -> bool {
    let named = ports.values().any(|port| !port.certificates.is_empty());
    named
        || listeners
            .into_iter()
            .any(|listener| matches!(&listener.tls, Some(Tls::Terminate(tls)) if tls.certificates.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Str;
    use std::collections::BTreeMap;

    #[test]
    fn acm_is_read_only_where_it_matters() {
        assert!(!needs_certificates([], &BTreeMap::new()));
        let settings = PortSettings {
            certificates: vec![Str::from("arn")],
            ..PortSettings::default()
        };
        assert!(needs_certificates([], &BTreeMap::from([(443, settings)])));
    }
}
