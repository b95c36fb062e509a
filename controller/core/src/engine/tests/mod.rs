//! Tests of the engine through its public interface.

mod classes;
mod clock;
mod clouds;
mod gateways;
mod increments;
mod listener_sets;
mod programming;
mod routes;

use serde_json::Value;

/// A class of ours, and a Gateway `gw` of it; `extra` is the rest of its spec.
fn gateway(extra: &str) -> String {
    format!(
        "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: ours, generation: 2}}
spec: {{controllerName: gatewright.dev/software}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, generation: 3}}
spec:
  gatewayClassName: ours
{extra}
---
"
    )
}

/// The status of a listener.
fn listener<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["listeners"]
        .as_array()
        .unwrap()
        .iter()
        .find(|listener| listener["name"] == name)
        .unwrap()
}
