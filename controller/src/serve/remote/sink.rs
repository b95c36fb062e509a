//! Configurations from the controller, put to use.

use super::inspect::State;
use crate::serve::parameters::{GatewayOptions, Own};
use crate::serve::program;
use gatewright_crds::own::SoftwareGatewayParametersSpec;
use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use gatewright_proxy::listen::Proxy;
use gatewright_proxy::listen::socket::Transport;
use gatewright_proxy::runtime::{ApplyReport, Placement, PortMap, ProxyOptions};
use gatewright_stream::client::{Assigned, ListenerFailure, Report, Sink};
use gatewright_stream::{GatewaySettings, Transport as SentTransport};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// How often sockets that could not be had are tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The data plane of this process.
pub struct DataPlane {
    proxy: Arc<Proxy>,
    options: GatewayOptions,
    state: Arc<State>,
    /// Bound when the controller names no address.
    everywhere: Vec<IpAddr>,
    known: BTreeMap<ObjectName, Known>,
}

/// Settings as they were read.
struct Known {
    settings: Arc<GatewaySettings>,
    ports: Arc<PortMap>,
    own: Own,
    /// Why the parameters cannot be used.
    fault: Option<Str>,
}

impl Known {
    fn read(settings: &Arc<GatewaySettings>, before: Option<&Self>) -> Self {
        let ports = settings.ports.iter().map(|mapping| {
            let transport = match mapping.transport {
                SentTransport::Tcp => Transport::Tcp,
                SentTransport::Udp => Transport::Udp,
            };
            ((mapping.listener, transport), mapping.bound)
        });
        let mut fault = None;
        let parameters = settings.parameters.as_deref().and_then(|text| {
            let read: Result<SoftwareGatewayParametersSpec, _> = serde_json::from_str(text);
            read.map_err(|error| fault = Some(error.to_string().into()))
                .ok()
                // What was good before stays in use.
                .or_else(|| before?.own.parameters.clone())
        });
        Self {
            settings: Arc::clone(settings),
            ports: Arc::new(ports.collect()),
            own: Own {
                parameters,
                session_key: settings.session_key.clone(),
            },
            fault,
        }
    }
}

impl DataPlane {
    /// Serves through `proxy`, which was started with `options`.
    pub fn new(proxy: Arc<Proxy>, options: ProxyOptions, state: Arc<State>) -> Self {
        let mut everywhere = vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
        let six = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        // Where the kernel has no IPv6 the address cannot be bound.
        if TcpListener::bind((six, 0)).is_ok() {
            everywhere.push(six);
        }
        Self {
            proxy,
            options: GatewayOptions::new(options),
            state,
            everywhere,
            known: BTreeMap::new(),
        }
    }

    fn place(&mut self, assigned: &Assigned) -> Placement {
        let Assigned { balancer, settings } = assigned;
        let gateway = &balancer.gateway;
        let before = self.known.get(gateway);
        if before.is_none_or(|known| known.settings != *settings) {
            let known = Known::read(settings, before);
            self.known.insert(gateway.clone(), known);
        }
        let known = self.known.get(gateway);
        let options = known.and_then(|known| self.options.of(gateway, &known.own));
        Placement {
            balancer: Arc::clone(balancer),
            addresses: if settings.addresses.is_empty() {
                self.everywhere.clone()
            } else {
                settings.addresses.clone()
            },
            ports: known.map(|known| Arc::clone(&known.ports)).unwrap_or_default(),
            port_offset: 0,
            options,
        }
    }

    fn report(&self, applied: &ApplyReport) -> Report {
        let mut report = Report::default();
        for outcome in &applied.listeners {
            if program::may_succeed_later(outcome) {
                report.again = Some(RETRY);
            }
            if let Some(failure) = &outcome.failure {
                let gateway = report.gateways.entry(outcome.gateway.clone()).or_default();
                let failure = ListenerFailure {
                    reason: program::reason(&failure.reason).into(),
                    message: failure.message.as_str().into(),
                };
                gateway.listeners.insert(outcome.listener.clone(), failure);
            }
        }
        for refusal in &applied.refusals {
            let gateway = report.gateways.entry(refusal.gateway.clone()).or_default();
            let message = refusal.message.as_str().into();
            gateway.refused.insert(refusal.object.clone(), message);
        }
        for (gateway, known) in &self.known {
            if let Some(fault) = &known.fault {
                let gateway = report.gateways.entry(gateway.clone()).or_default();
                let object = "SoftwareGatewayParameters".into();
                gateway.refused.insert(object, fault.clone());
            }
        }
        report
    }
}

impl Sink for DataPlane {
    fn apply(&mut self, configuration: &[Assigned]) -> Report {
        let placements: Vec<Placement> = configuration
            .iter()
            .map(|assigned| self.place(assigned))
            .collect();
        if self.known.len() > placements.len() {
            let stays: BTreeSet<&ObjectName> = placements.iter().map(|p| &p.balancer.gateway).collect();
            self.known.retain(|gateway, _| stays.contains(gateway));
            self.options.retain(|gateway| stays.contains(gateway));
        }
        let applied = self.proxy.apply(&placements);
        let report = self.report(&applied);
        for (gateway, faults) in &report.gateways {
            for (listener, failure) in &faults.listeners {
                tracing::warn!(%gateway, %listener, reason = &*failure.reason, "{}", failure.message);
            }
            for (object, message) in &faults.refused {
                tracing::warn!(%gateway, object = &**object, "{message}");
            }
        }
        let balancers = placements.into_iter().map(|placement| placement.balancer);
        self.state.serving(balancers.collect());
        report
    }
}
