//! `AwsTargetGroupBinding`: which instances of a Service belong into somebody else's target group.

use super::nodes;
use crate::backend::{BackendOptions, Transport, build, inspect, warming};
use crate::lookup::Lookup;
use crate::snapshot::View;
use gatewright_crds::own::AwsTargetGroupBinding;
use gatewright_model::Str;
use gatewright_model::backend::Endpoints;
use gatewright_model::key::{BackendKey, ObjectName};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Instances of a bound Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instances {
    /// Addresses and ports of pods that take traffic, or wait for a load balancer alone.
    pub pods: BTreeSet<(IpAddr, u16)>,
    /// Nodes that take traffic and have the labels asked for: `spec.providerID` by name.
    pub nodes: BTreeMap<Str, Str>,
    /// Port of nodes that leads to the Service.
    pub node_port: Option<u16>,
}

/// The instances of a binding.
///
/// # Errors
/// Message of `Accepted=False` with reason `InvalidService`.
pub fn instances(
    view: &View<'_>,
    binding: &AwsTargetGroupBinding,
    options: BackendOptions,
) -> Result<Instances, String> {
    let namespace = binding.metadata.namespace.as_deref().unwrap_or_default();
    let bound = &binding.spec.service;
    let name = ObjectName::new(namespace, &bound.name);
    let service = view
        .service(&name)
        .ok_or_else(|| format!("spec.service: Service {name} does not exist"))?;
    // A port that speaks UDP alone is bound as such.
    let transport = match inspect(service, (bound.port, Transport::Udp), options) {
        Ok(_) if inspect(service, (bound.port, Transport::Tcp), options).is_err() => Transport::Udp,
        _ => Transport::Tcp,
    };
    let facts = inspect(service, (bound.port, transport), options)
        .map_err(|fault| format!("spec.service: {fault}"))?;
    let key = BackendKey {
        kind: transport.backend_kind(),
        object: name.clone(),
        port: bound.port,
    };
    let ready = match build(view, &key, options).backend.endpoints {
        Endpoints::Static(endpoints) => endpoints,
        Endpoints::Dns { .. } => {
            return Err(format!(
                "spec.service: Service {name} is of type ExternalName, which has no pods"
            ));
        }
    };
    let waiting = warming(view, &key, options);
    let pods = ready
        .iter()
        .chain(&waiting)
        .map(|endpoint| (endpoint.address, endpoint.port));
    let wanted = binding.spec.node_labels.iter().flatten();
    let wanted: Vec<(&str, &str)> = wanted
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let nodes = match facts.node_port {
        Some(_) => nodes::serving(view),
        None => BTreeMap::new(),
    };
    let nodes = nodes.into_iter().filter(|(_, node)| {
        let has = |(key, value): &(&str, &str)| node.labels.get(*key).is_some_and(|found| &**found == *value);
        wanted.iter().all(has)
    });
    Ok(Instances {
        pods: pods.collect(),
        nodes: nodes.map(|(name, node)| (name, node.provider_id)).collect(),
        node_port: facts.node_port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Kind, Object, Snapshot};
    use crate::testing::upserts;

    const WORLD: &str = "
{apiVersion: v1, kind: Service, metadata: {name: cart}, spec: {type: NodePort, selector: {app: cart}, ports: [{name: a, port: 80, nodePort: 30080}, {name: u, port: 53, protocol: UDP, nodePort: 30053}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: cart-1, labels: {kubernetes.io/service-name: cart}}
addressType: IPv4
ports: [{name: a, port: 8080}, {name: u, port: 5353, protocol: UDP}]
endpoints:
  - {addresses: [10.0.0.1], conditions: {ready: true}}
  - {addresses: [10.0.0.2], conditions: {ready: false}}
---
{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {zone: a}}, spec: {providerID: 'aws:///a/i-1'}, status: {conditions: [{type: Ready, status: 'True'}]}}
---
{apiVersion: v1, kind: Node, metadata: {name: n2, labels: {zone: b}}, spec: {providerID: 'aws:///b/i-2'}, status: {conditions: [{type: Ready, status: 'True'}]}}
---
";

    fn found(spec: &str) -> Result<Instances, String> {
        let mut snapshot = Snapshot::new(true);
        let binding = format!(
            "{{apiVersion: gatewright.dev/v1alpha1, kind: AwsTargetGroupBinding, metadata: {{name: b}}, spec: {spec}}}\n"
        );
        for change in upserts(&format!("{WORLD}{binding}")) {
            snapshot.apply(change);
        }
        let name = ObjectName::new("default", "b");
        let Object::AwsBinding(binding) = &**snapshot.get(Kind::AwsBinding, &name).unwrap() else {
            panic!("no binding");
        };
        instances(&View::new(&snapshot), binding, BackendOptions::default())
    }

    #[test]
    fn pods_that_are_ready_and_nodes_with_the_labels_are_bound() {
        let all = found("{targetGroup: {name: t}, service: {name: cart, port: 80}}").unwrap();
        assert_eq!(all.pods, BTreeSet::from([("10.0.0.1".parse().unwrap(), 8080)]));
        assert_eq!((all.nodes.len(), all.node_port), (2, Some(30080)));
        let some = found("{targetGroup: {name: t}, service: {name: cart, port: 80}, nodeLabels: {zone: b}}")
            .unwrap();
        assert_eq!(some.nodes.keys().map(|name| &**name).collect::<Vec<_>>(), ["n2"]);
        let udp = found("{targetGroup: {name: t}, service: {name: cart, port: 53}}").unwrap();
        assert_eq!(udp.pods, BTreeSet::from([("10.0.0.1".parse().unwrap(), 5353)]));
        assert_eq!(udp.node_port, Some(30053));
    }

    #[test]
    fn a_service_or_port_that_is_not_there_is_named() {
        let error = found("{targetGroup: {name: t}, service: {name: gone, port: 80}}").unwrap_err();
        assert_eq!(error, "spec.service: Service default/gone does not exist");
        let error = found("{targetGroup: {name: t}, service: {name: cart, port: 81}}").unwrap_err();
        assert!(error.contains("has no port 81"), "{error}");
    }
}
