//! What `apply` takes and answers.

use crate::listen::socket::Transport;
use crate::runtime::ProxyOptions;
use gatewright_model::key::{ListenerKey, ObjectName};
use gatewright_model::{LoadBalancer, Str};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// A load balancer and where its listeners are bound.
#[derive(Clone, Debug)]
pub struct Placement {
    /// What to serve.
    pub balancer: Arc<LoadBalancer>,
    /// Addresses to bind every listener to.
    pub addresses: Vec<IpAddr>,
    /// Ports that are bound in place of a listener's own. Whatever is bound, redirects and
    /// `X-Forwarded-Port` use the listener's port.
    pub ports: Arc<PortMap>,
    /// Added to listener ports that [`Placement::ports`] does not name.
    pub port_offset: u16,
    /// Options of this Gateway's connections, complete; `None` for those of the process. Limits,
    /// timeouts, forwarding and the PROXY protocol count; what belongs to the process (workers, zone,
    /// node, access log, drain times) does not. The same `Arc` means nothing changed.
    pub options: Option<Arc<ProxyOptions>>,
}

/// What is bound for a listener port. TCP and UDP ports of one number are two.
pub type PortMap = BTreeMap<(u16, Transport), u16>;

impl Placement {
    /// The port that is bound for a listener port; `None` when it would be beyond 65535.
    pub fn bound(&self, port: u16, transport: Transport) -> Option<u16> {
        match self.ports.get(&(port, transport)) {
            Some(bound) => Some(*bound),
            None => port.checked_add(self.port_offset),
        }
    }
}

/// What became of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplyReport {
    /// One entry per listener of every load balancer applied.
    pub listeners: Vec<ListenerOutcome>,
    /// Objects that could not be used, each with its reason; they hurt only themselves.
    pub refusals: Vec<ObjectRefusal>,
    /// Addresses that are not this machine's, each with the Gateway that asked for it.
    pub unusable: Vec<(ObjectName, IpAddr)>,
}

/// What became of one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerOutcome {
    /// The Gateway.
    pub gateway: ObjectName,
    /// The listener.
    pub listener: ListenerKey,
    /// `None`: programmed, traffic is accepted.
    pub failure: Option<Failure>,
}

/// Why a listener is not programmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For programs.
    pub reason: FailureReason,
    /// For people: address, port, what is wrong and what to do.
    pub message: String,
}

/// Why a listener is not programmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// Another process holds the address and port.
    PortInUseByOtherProcess,
    /// Another Gateway of this proxy holds the address and port.
    PortInUseByGateway(ObjectName),
    /// The port needs a privilege that the process lacks.
    PermissionDenied,
    /// The address is not one of this machine's.
    AddressNotAvailable,
    /// The listener's own settings cannot be used (certificate, TLS options, port out of range).
    Invalid,
    /// Any other error of the operating system.
    Other,
}

/// An object that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRefusal {
    /// The Gateway it belongs to.
    pub gateway: ObjectName,
    /// The object, as `Kind namespace/name`.
    pub object: Str,
    /// Field and reason.
    pub message: String,
}
