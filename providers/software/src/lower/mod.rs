//! From a Gateway's load balancer to Kubernetes objects, in the form that is applied. Pure.

mod frame;
mod pod;
mod service;
#[cfg(test)]
mod tests;
mod workload;

use crate::kind::{Key, Kind, Objects};
use crate::names;
use crate::ports::Ports;
use crate::settings::{Input, Settings};
use frame::Frame;
use gatewright_crds::own::SoftwareGatewayParametersSpec;
use gatewright_crds::own::parameters::{Deployment, Service, Workload};
use gatewright_model::key::ObjectName;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Seconds that open connections have to finish when a proxy stops.
const GRACE_SECONDS: u32 = 60;

/// What one run makes.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose objects: a Gateway, or a GatewayClass (without namespace) for its fleet.
    pub owner: ObjectName,
    /// The Gateway, or any one of the class.
    pub input: Input,
    /// Which objects.
    pub part: Part,
    /// Ports of the pods.
    pub ports: Ports,
    /// The authorities of the controller's certificate, PEM.
    pub authorities: String,
    /// Objects that stay as they are for now, whatever is wanted.
    pub held: BTreeSet<Key>,
}

/// Which objects are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of a Gateway with proxies of its own.
    Dedicated,
    /// Those of a Gateway that shares its class' proxies.
    Tenant,
    /// The proxies of a class.
    Fleet,
}

/// Where the proxies open their ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// In the pod, behind a Service.
    Pod,
    /// In the pod, and on the node (`hostPort`).
    HostPorts,
    /// On the node.
    Host,
}

/// Parameters with what a request needs of them.
pub(crate) struct Choice<'a> {
    pub deployment: Option<&'a Deployment>,
    pub service: Option<&'a Service>,
    pub all: Option<&'a SoftwareGatewayParametersSpec>,
}

impl<'a> Choice<'a> {
    pub fn of(input: &'a Input) -> Self {
        let all = input.parameters.as_ref();
        Self {
            deployment: all.and_then(|all| all.deployment.as_deref()),
            service: all.and_then(|all| all.service.as_deref()),
            all,
        }
    }

    pub fn workload(&self) -> Workload {
        self.deployment.and_then(|found| found.kind).unwrap_or_default()
    }

    pub fn network(&self) -> Network {
        let is = |field: fn(&Deployment) -> Option<bool>| self.deployment.and_then(field) == Some(true);
        if is(|found| found.host_network) {
            Network::Host
        } else if is(|found| found.host_ports) {
            Network::HostPorts
        } else {
            Network::Pod
        }
    }
}

/// Where a Gateway's proxies open their ports.
pub fn network(input: &Input) -> Network {
    Choice::of(input).network()
}

/// The Service that a Gateway is reached by, where it has one.
pub fn front(request: &Request, settings: &Settings) -> Key {
    let balancer = &request.input.balancer;
    match request.part {
        Part::Dedicated | Part::Fleet => Key::new(
            Kind::Service,
            &balancer.gateway.namespace,
            &names::object_name(&balancer.gateway.name, &balancer.class),
        ),
        Part::Tenant => Key::new(
            Kind::Service,
            &settings.namespace,
            &names::tenant_name(&balancer.gateway, &balancer.class),
        ),
    }
}

/// The objects wanted.
pub fn lower(request: &Request, settings: &Settings) -> Objects {
    let choice = Choice::of(&request.input);
    let frame = Frame::new(request, settings);
    let mut objects = Objects::new();
    let mut add = |kind: Kind, body| {
        let key = Key::new(kind, frame.namespace(), frame.name());
        objects.insert(key, Arc::new(frame.object(kind, body)));
    };
    if request.part == Part::Tenant {
        let there = front(request, settings);
        add(Kind::Service, json!({"spec": service::front(request, &choice)}));
        let alias = Frame::alias(request, settings);
        let key = Key::new(Kind::Service, alias.namespace(), alias.name());
        let body = json!({"spec": service::alias(&there.name, &settings.cluster_domain)});
        objects.insert(key, Arc::new(alias.object(Kind::Service, body)));
        return objects;
    }
    add(
        Kind::ServiceAccount,
        json!({"automountServiceAccountToken": false}),
    );
    add(Kind::ConfigMap, json!({"data": {"ca.crt": request.authorities}}));
    if request.part == Part::Dedicated && choice.network() == Network::Pod {
        add(Kind::Service, json!({"spec": service::front(request, &choice)}));
    }
    let template = pod::template(&frame, &choice);
    match choice.workload() {
        Workload::Deployment => {
            add(
                Kind::Deployment,
                json!({"spec": workload::deployment(&frame, &choice, template)}),
            );
            // Nodes are drained one proxy at a time; with a DaemonSet they are drained whole.
            let budget = json!({"maxUnavailable": 1, "selector": {"matchLabels": frame.selector()}});
            add(Kind::PodDisruptionBudget, json!({"spec": budget}));
            if let Some(scale) = choice.deployment.and_then(|found| found.autoscaling.as_ref()) {
                let spec = workload::autoscaler(frame.name(), scale);
                add(Kind::HorizontalPodAutoscaler, json!({"spec": spec}));
            }
        }
        Workload::DaemonSet => add(
            Kind::DaemonSet,
            json!({"spec": workload::daemon_set(&frame, &choice, template)}),
        ),
    }
    objects
}
