//! Inputs for tests.

use crate::lower::{Part, Request};
use crate::ports;
use crate::sessions::SessionSecret;
use crate::settings::{Input, Settings};
use gatewright_crds::own::SoftwareGatewayParametersSpec;
use gatewright_model::LoadBalancer;
use gatewright_model::balancer::AddressRequest;
use gatewright_model::key::ObjectName;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::watch;

/// Settings of a controller in namespace `system`.
pub fn settings() -> Settings {
    // The last value stays readable without its sender.
    let (_, authorities) = watch::channel("PEM".to_owned());
    Settings {
        controller: "gatewright.dev/software".to_owned(),
        namespace: "system".to_owned(),
        image: "example.com/proxy:1".to_owned(),
        endpoint: "https://gatewright.system.svc:18443".to_owned(),
        authorities,
        sessions: SessionSecret::new(&[7; SessionSecret::LENGTH]).unwrap(),
        namespaces: Vec::new(),
        cluster_domain: "cluster.local".to_owned(),
    }
}

/// The contract suite's forms of one Gateway.
pub fn balancers() -> Vec<Arc<LoadBalancer>> {
    gatewright_provider_api::suite::fake::stages()
}

/// A Gateway with these parameters.
pub fn input(balancer: &Arc<LoadBalancer>, parameters: Value) -> Input {
    let parameters: SoftwareGatewayParametersSpec = serde_json::from_value(parameters).unwrap();
    Input {
        balancer: Arc::clone(balancer),
        uid: "gateway-uid".to_owned(),
        class_uid: "class-uid".to_owned(),
        parameters: Some(parameters),
    }
}

/// A request for one part of it.
pub fn request(input: Input, part: Part) -> Request {
    let wanted = ports::listeners(&input.balancer);
    let ports = match part {
        Part::Dedicated => ports::dedicated(&wanted, &ports::Ports::new()),
        Part::Tenant => ports::shared("infra/edge", &wanted, &ports::Ports::new(), &[].into()),
        Part::Fleet => ports::Ports::new(),
    };
    Request {
        owner: match part {
            Part::Fleet => ObjectName::new("", &input.balancer.class),
            Part::Dedicated | Part::Tenant => input.balancer.gateway.clone(),
        },
        input,
        part,
        ports,
        authorities: "PEM".to_owned(),
        held: BTreeSet::new(),
    }
}

/// A Gateway with proxies of its own, as the first form.
pub fn dedicated(parameters: Value) -> Request {
    request(input(&balancers()[1], parameters), Part::Dedicated)
}

/// `dedicated` that asks for these addresses.
pub fn asking(parameters: Value, values: &[&str]) -> Request {
    let mut balancer = LoadBalancer::clone(&balancers()[0]);
    balancer.addresses = values
        .iter()
        .map(|value| AddressRequest {
            kind: "IPAddress".into(),
            value: (!value.is_empty()).then(|| (*value).into()),
            routability: "".into(),
        })
        .collect();
    request(input(&Arc::new(balancer), parameters), Part::Dedicated)
}

/// No parameters.
pub fn none() -> Value {
    json!({})
}
