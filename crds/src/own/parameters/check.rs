//! What the schema cannot say about parameters.

use super::{Deployment, Mode, Service, SoftwareGatewayParametersSpec};
use k8s_openapi::api::core::v1::Affinity;
use serde_json::Value;
use std::fmt;

/// A field that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path, for example `spec.deployment.placement.affinity`.
    pub field: &'static str,
    /// What was found and what is accepted.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl SoftwareGatewayParametersSpec {
    /// The first value that the API server's validation cannot see through.
    pub fn problem(&self) -> Option<Problem> {
        let affinity = self.deployment.as_ref()?.placement.as_ref()?.affinity.as_ref()?;
        let problem = |message| Problem {
            field: "spec.deployment.placement.affinity",
            message,
        };
        let typed: Affinity = match serde_json::from_value(affinity.clone()) {
            Ok(typed) => typed,
            Err(error) => return Some(problem(format!("is not an affinity of pods: {error}"))),
        };
        let known = serde_json::to_value(typed).unwrap_or_default();
        unknown(affinity, &known, String::new())
            .map(|path| problem(format!("has no field {path}; see the pod's spec.affinity")))
    }

    /// The first field set here that only a GatewayClass may set: it decides over nodes, images and
    /// addresses that belong to the cluster rather than to the Gateway's namespace. Where `class` shares its
    /// proxies, nothing about them is a single Gateway's to say.
    pub fn class_only(&self, class: &Self) -> Option<Problem> {
        let Self {
            mode,
            deployment,
            service,
            access_log,
            proxy_protocol: _,
            forwarding: _,
            limits: _,
            timeouts: _,
        } = self;
        let mut set = vec![("spec.mode", mode.is_some())];
        if let Some(Deployment {
            kind,
            replicas: _,
            autoscaling: _,
            host_network,
            host_ports,
            resources: _,
            placement,
            image,
            pod_annotations: _,
        }) = deployment.as_deref()
        {
            set.extend([
                ("spec.deployment.kind", kind.is_some()),
                ("spec.deployment.hostNetwork", host_network.is_some()),
                ("spec.deployment.hostPorts", host_ports.is_some()),
                ("spec.deployment.placement", placement.is_some()),
                ("spec.deployment.image", image.is_some()),
            ]);
        }
        if let Some(Service {
            external_ips,
            static_addresses,
            ..
        }) = service.as_deref()
        {
            set.extend([
                ("spec.service.externalIPs", external_ips.is_some()),
                ("spec.service.staticAddresses", static_addresses.is_some()),
            ]);
        }
        if class.mode == Some(Mode::Shared) {
            set.push(("spec.deployment", deployment.is_some()));
            set.push(("spec.accessLog", access_log.is_some()));
        }
        set.into_iter().find(|(_, set)| *set).map(|(field, _)| Problem {
            field,
            message: "may be set in the parameters of a GatewayClass only".to_owned(),
        })
    }
}

/// Path of the first field of `given` that `known` lost.
fn unknown(given: &Value, known: &Value, path: String) -> Option<String> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given.iter().find_map(|(name, value)| {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            match known.get(name) {
                Some(known) => unknown(value, known, path),
                None if value.is_null() => None,
                None => Some(path),
            }
        }),
        (Value::Array(given), Value::Array(known)) => given
            .iter()
            .zip(known)
            .enumerate()
            .find_map(|(index, (given, known))| unknown(given, known, format!("{path}[{index}]"))),
        _ => None,
    }
}
