//! What a load balancer knows of the instances behind it: pods that wait for its word are ready when it finds them
//! healthy (Kubernetes, "Pod readiness").

use gatewright_model::Str;
use gatewright_model::key::ObjectName;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Instances of a Service, as a load balancer has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name in the provider's API.
    pub name: Str,
    /// The Service.
    pub service: ObjectName,
    /// Instances by address. One with several ports is as well as the worst of them.
    pub instances: BTreeMap<IpAddr, Instance>,
}

/// How well an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instance {
    /// It takes requests.
    Healthy,
    /// Not yet: why, in a few words of the provider.
    Waiting(&'static str),
}

impl Pool {
    /// Notes the health of an instance's port.
    pub fn note(&mut self, address: IpAddr, instance: Instance) {
        let known = self.instances.entry(address).or_insert(instance);
        *known = (*known).max(instance);
    }
}
