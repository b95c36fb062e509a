//! Settings of single ports (`listeners[]` of AwsLoadBalancerParameters) that come to nothing: what the port speaks has no place for
//! them, or the Gateway does not have the port.
//!
//! Traffic flows without them, and each is told with what was found and what is accepted. One is no such setting: where the
//! certificates of clients should be checked and cannot be, nobody comes in.

use super::context::Context;
use super::ports::place;
use super::report::{Consequence, Place, Report, Verdict};
use crate::alb::settings::{ClientCertificates, Datagrams, PortSettings, Settings};
use gatewright_model::LoadBalancer;
use gatewright_model::listener::{ClientValidationMode, Listener, ListenerTls, Protocol};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is said where AWS has no way to ask for certificates.
const NO_TLS: &str = "ports of HTTPS, of a class of gatewright.dev/aws-alb";

/// What listeners of one port speak.
#[derive(Default)]
struct Spoken {
    words: BTreeSet<&'static str>,
    /// TLS ends there.
    terminates: bool,
    /// `spec.tls.frontend` has certificates of clients checked.
    checks: bool,
}

impl Spoken {
    /// None where the Gateway has no such port.
    fn of(balancer: &LoadBalancer, port: u16) -> Option<Self> {
        let mut found = Self::default();
        let listeners = balancer.listeners.values().map(Arc::as_ref);
        for listener in listeners.filter(|listener| listener.port == port) {
            found.words.insert(match (listener.protocol, &listener.tls) {
                (Protocol::Http, _) => "HTTP",
                (Protocol::Https, _) => "HTTPS",
                (Protocol::Tls, Some(ListenerTls::Passthrough)) => "TLS that is passed through",
                (Protocol::Tls, _) => "TLS",
                (Protocol::Tcp, _) => "TCP",
                (Protocol::Udp, _) => "UDP",
            });
            if let Some(ListenerTls::Terminate(tls)) = &listener.tls {
                found.terminates = true;
                let validation = tls.client_validation.as_ref();
                found.checks |=
                    validation.is_some_and(|found| found.mode == ClientValidationMode::AllowValidOnly);
            }
        }
        (!found.words.is_empty()).then_some(found)
    }
}

/// Tells of the settings that an Application Load Balancer has no place for. Those of Network Load Balancers alone are told of
/// for any port ([`super::frame`]).
pub(crate) fn review(context: &Context<'_>, report: &mut Report) {
    let mut telling = Telling::new(context, report);
    for (port, settings) in &context.settings.ports {
        let Some(spoken) = Spoken::of(context.balancer, *port) else {
            continue;
        };
        if !spoken.terminates {
            telling.tls((*port, &spoken), settings, "ports of HTTPS");
            telling.clients((*port, &spoken), settings, "ports of HTTPS");
        } else if !spoken.checks && !matches!(settings.clients, ClientCertificates::Verify(_)) {
            let accepted = "where clients' certificates are checked, by mutualTls: Verify or spec.tls.frontend of the Gateway";
            telling.checks((*port, &spoken), settings, accepted);
        }
    }
    telling.strays();
}

/// The same of a Network Load Balancer.
pub(crate) fn review_network(context: &Context<'_>, report: &mut Report) {
    let mut telling = Telling::new(context, report);
    if context.settings.trust_store_bucket.is_some() {
        telling.field("trustStoreBucket", "a bucket", NO_TLS);
    }
    let mut quic = false;
    for (port, settings) in &context.settings.ports {
        let Some(spoken) = Spoken::of(context.balancer, *port) else {
            continue;
        };
        let at = (*port, &spoken);
        quic |= settings.datagrams == Datagrams::Quic && spoken.words.contains("UDP");
        if !spoken.terminates {
            telling.tls(at, settings, "ports of TLS that is terminated");
            if let Some(alpn) = &settings.alpn {
                telling.setting(at, "alpnPolicy", alpn, "ports of TLS that is terminated");
            }
        }
        telling.clients(at, settings, NO_TLS);
        if settings.datagrams == Datagrams::Quic && !spoken.words.contains("UDP") {
            telling.setting(at, "quic", "true", "ports of UDP");
        }
        if let Some(gateway) = &settings.gateway
            && !spoken.words.contains("TCP")
        {
            telling.setting(at, "gateway", &gateway.name, "ports of TCP");
        }
    }
    // "Proxy protocol" of target groups: datagrams of QUIC have no place for it.
    let settings = context.settings;
    let mut targets = settings.services.values().chain([&settings.targets]);
    if quic && targets.any(|targets| targets.proxy_protocol == Some(true)) {
        telling.field("proxyProtocol", "true on a port of QUIC", "ports of TCP and UDP");
    }
    telling.strays();
}

/// Whether a listener that checks no certificates may let clients in: not where the parameters want them checked.
pub(crate) fn unchecked(listener: &Listener, settings: &Settings, report: &mut Report) -> Verdict {
    let port = listener.port;
    let wanted = settings.ports.get(&port).map(|settings| &settings.clients);
    if !matches!(wanted, Some(ClientCertificates::Verify(_))) {
        return Verdict::Served;
    }
    let place = place(listener, Consequence::ListenerLeftOut).at(".protocol");
    let why = format!(
        "listeners[port={port}].mutualTls of AwsLoadBalancerParameters: found Verify, accepted on {NO_TLS}, as nobody's certificate is checked here"
    );
    let instead = "give the listener such a port, or leave mutualTls and trustStore out";
    report.refuse(&place, &why, instead)
}

struct Telling<'t> {
    context: &'t Context<'t>,
    report: &'t mut Report,
    gateway: String,
}

impl<'t> Telling<'t> {
    fn new(context: &'t Context<'t>, report: &'t mut Report) -> Self {
        Self {
            context,
            report,
            gateway: format!("Gateway {}", context.balancer.gateway),
        }
    }

    /// Certificates and the policy of TLS.
    fn tls(&mut self, at: (u16, &Spoken), settings: &PortSettings, accepted: &str) {
        if let Some(policy) = &settings.ssl_policy {
            self.setting(at, "sslPolicy", policy, accepted);
        }
        if let Some(first) = settings.certificates.first() {
            self.setting(at, "certificates", first, accepted);
        }
    }

    /// Everything about certificates of clients, but that they are to be checked ([`unchecked`]).
    fn clients(&mut self, at: (u16, &Spoken), settings: &PortSettings, accepted: &str) {
        if settings.clients == ClientCertificates::Passthrough {
            self.setting(at, "mutualTls", "Passthrough", accepted);
        }
        self.checks(at, settings, accepted);
    }

    /// How certificates of clients are checked.
    fn checks(&mut self, at: (u16, &Spoken), settings: &PortSettings, accepted: &str) {
        if settings.ignore_client_expiry {
            self.setting(at, "ignoreClientCertificateExpiry", "true", accepted);
        }
        if settings.advertise_authorities {
            self.setting(at, "advertiseAuthorities", "true", accepted);
        }
    }

    fn setting(&mut self, (port, spoken): (u16, &Spoken), name: &str, found: &str, accepted: &str) {
        let words: Vec<&str> = spoken.words.iter().copied().collect();
        let found = format!("{found} on a port of {}", words.join(" and "));
        self.field(&format!("listeners[port={port}].{name}"), &found, accepted);
    }

    fn field(&mut self, name: &str, found: &str, accepted: &str) {
        let why = format!("found {found}, accepted on {accepted}");
        self.tell(
            name,
            &why,
            "it has no effect: leave it out, or change the listener",
        );
    }

    /// Ports of the Gateway's own parameters that it does not have.
    fn strays(&mut self) {
        let listeners = self.context.balancer.listeners.values();
        let ports: BTreeSet<u16> = listeners.map(|listener| listener.port).collect();
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        for port in &self.context.settings.strays {
            let why = format!(
                "found a port that no listener of the Gateway has, accepted are its ports: {}",
                ports.join(", ")
            );
            self.tell(
                &format!("listeners[port={port}]"),
                &why,
                "correct the port, or leave the entry out",
            );
        }
    }

    fn tell(&mut self, name: &str, why: &str, instead: &str) {
        let field = format!("spec.infrastructure.parametersRef {name}");
        let place = Place::new(&self.gateway, &field, Consequence::Ignored);
        let _ = self.report.refuse(&place, why, instead);
    }
}
