//! The pod of a proxy.

use super::frame::Frame;
use super::{Choice, GRACE_SECONDS, Network, Part};
use crate::names;
use crate::ports::ADMIN;
use gatewright_crds::own::parameters::{AccessLogFormat, Placement, Spread, Toleration};
use gatewright_stream::settings::Transport;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// User and group of a proxy: nobody's in particular.
const USER: u32 = 65_532;

/// CPU that is reserved for a proxy.
const CPU: &str = "20m";

/// CPU that is reserved for one of a number of proxies that follows the load.
const SCALED_CPU: &str = "250m";

/// Memory that is reserved for a proxy.
const MEMORY: &str = "48Mi";

/// Admin ports of proxies on their node's network: one for each Gateway, by name.
const HOST_ADMIN: std::ops::Range<u16> = 19_001..20_000;

/// `spec.template` of a workload.
pub fn template(frame: &Frame<'_>, choice: &Choice<'_>) -> Value {
    let mut annotations = frame.annotations();
    let given = choice.deployment.and_then(|found| found.pod_annotations.as_ref());
    for (key, value) in given.into_iter().flatten() {
        annotations.entry(key.clone()).or_insert_with(|| value.clone());
    }
    let mut labels = frame.labels();
    labels.extend(frame.selector());
    json!({
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": spec(frame, choice),
    })
}

/// The pod; within the `restricted` Pod Security Standard, unless it uses its node's network or ports.
fn spec(frame: &Frame<'_>, choice: &Choice<'_>) -> Value {
    let network = choice.network();
    let mut spec = Map::new();
    let mut set = |name: &str, value: Value| {
        spec.insert(name.to_owned(), value);
    };
    set("serviceAccountName", json!(frame.name()));
    // Its one token is the projected one below.
    set("automountServiceAccountToken", json!(false));
    set("terminationGracePeriodSeconds", json!(GRACE_SECONDS + 15));
    set("securityContext", pod_security(network));
    if network == Network::Host {
        set("hostNetwork", json!(true));
        set("dnsPolicy", json!("ClusterFirstWithHostNet"));
    }
    let image = choice.deployment.and_then(|found| found.image.as_ref());
    let secrets = image.and_then(|image| image.pull_secrets.as_ref());
    if let Some(secrets) = secrets.filter(|secrets| !secrets.is_empty()) {
        let secrets: Vec<Value> = secrets.iter().map(|name| json!({"name": name})).collect();
        set("imagePullSecrets", json!(secrets));
    }
    placement(frame, choice, &mut set);
    set("containers", json!([container(frame, choice)]));
    set(
        "volumes",
        json!([
            {"name": "ca", "configMap": {"name": frame.name()}},
            {"name": "token", "projected": {"sources": [{"serviceAccountToken": {
                "audience": "gatewright.dev/config", "expirationSeconds": 3600, "path": "token",
            }}]}},
            // Private keys are in the configuration: never on a disk.
            {"name": "state", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}},
        ]),
    );
    Value::Object(spec)
}

fn pod_security(network: Network) -> Value {
    let mut context = json!({
        "runAsNonRoot": true,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    // Kubernetes gives added capabilities to the user 0 alone (no ambient ones), and low ports of the node
    // need NET_BIND_SERVICE.
    if let Some(context) = context.as_object_mut().filter(|_| network == Network::Host) {
        context.insert("runAsNonRoot".to_owned(), json!(false));
        context.insert("runAsUser".to_owned(), json!(0));
    }
    context
}

fn container(frame: &Frame<'_>, choice: &Choice<'_>) -> Value {
    let network = choice.network();
    let image = choice.deployment.and_then(|found| found.image.as_ref());
    let reference = image.and_then(|image| image.reference.as_ref());
    let policy = image.and_then(|image| image.pull_policy).unwrap_or_default();
    let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
    let admin = admin_port(frame, network);
    let mut capabilities = json!({"drop": ["ALL"]});
    if let Some(capabilities) = capabilities.as_object_mut().filter(|_| network == Network::Host) {
        capabilities.insert("add".to_owned(), json!(["NET_BIND_SERVICE"]));
    }
    let probe = |path: &str, seconds: u32, failures: u32| {
        json!({
            "httpGet": {"path": path, "port": admin, "scheme": "HTTP"},
            "periodSeconds": seconds,
            "failureThreshold": failures,
        })
    };
    let mut container = json!({
        "name": "proxy",
        "image": reference.unwrap_or(&frame.settings.image),
        "imagePullPolicy": policy.as_str(),
        "args": arguments(frame, choice, admin),
        "env": [
            {"name": "POD_NAME", "valueFrom": field("metadata.name")},
            {"name": "POD_NAMESPACE", "valueFrom": field("metadata.namespace")},
            {"name": "NODE_NAME", "valueFrom": field("spec.nodeName")},
        ],
        "readinessProbe": probe("/readyz", 1, 3),
        "livenessProbe": probe("/livez", 10, 6),
        "resources": resources(choice),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": capabilities,
        },
        "volumeMounts": [
            {"name": "ca", "mountPath": "/etc/gatewright/ca", "readOnly": true},
            {"name": "token", "mountPath": "/var/run/gatewright", "readOnly": true},
            {"name": "state", "mountPath": "/var/lib/gatewright"},
        ],
    });
    if let Some(container) = container
        .as_object_mut()
        .filter(|_| network == Network::HostPorts)
    {
        // Elsewhere ports are not listed, so that a new listener restarts no pod.
        let ports = frame.request.ports.iter().map(|((listener, transport), bound)| {
            let protocol = match transport {
                Transport::Tcp => "TCP",
                Transport::Udp => "UDP",
            };
            json!({"containerPort": bound, "hostPort": listener, "protocol": protocol})
        });
        container.insert("ports".to_owned(), ports.collect());
    }
    container
}

fn admin_port(frame: &Frame<'_>, network: Network) -> u16 {
    if network != Network::Host {
        return ADMIN;
    }
    let hash = names::hash(&frame.request.owner.to_string());
    let number = u32::from_str_radix(&hash, 16).unwrap_or_default();
    HOST_ADMIN.start + (number % u32::from(HOST_ADMIN.end - HOST_ADMIN.start)) as u16
}

fn arguments(frame: &Frame<'_>, choice: &Choice<'_>, admin: u16) -> Vec<String> {
    let balancer = &frame.request.input.balancer;
    let whose = match frame.request.part {
        Part::Dedicated | Part::Tenant => ["--gateway".to_owned(), balancer.gateway.to_string()],
        Part::Fleet => ["--class".to_owned(), balancer.class.to_string()],
    };
    let access_log = choice
        .all
        .and_then(|all| all.access_log.clone())
        .unwrap_or_default();
    let log = match access_log.format.unwrap_or_default() {
        AccessLogFormat::Off => "off",
        AccessLogFormat::Text => "text",
        AccessLogFormat::Json => "json",
    };
    let mut arguments: Vec<String> = [
        "proxy",
        "--controller",
        &frame.settings.endpoint,
        "--controller-ca",
        "/etc/gatewright/ca/ca.crt",
        "--token",
        "/var/run/gatewright/token",
        "--state",
        "/var/lib/gatewright",
        "--admin",
        &format!("[::]:{admin}"),
        "--grace",
        &format!("{GRACE_SECONDS}s"),
        "--access-log",
        log,
    ]
    .map(ToOwned::to_owned)
    .to_vec();
    arguments.extend(whose);
    if let Some(fields) = access_log.fields.filter(|_| log != "off") {
        arguments.extend(["--access-log-fields".to_owned(), fields.join(",")]);
    }
    arguments
}

/// What is reserved unless parameters say otherwise. A request takes some 10 us (`docs/benchmarks.md`): a fiftieth of a
/// core is a thousand requests a second with room to spare, and little enough for many Gateways on a small cluster. More
/// is used where it is free, since nothing is limited. Memory is that of 5,000 routes.
fn resources(choice: &Choice<'_>) -> Value {
    let given = choice.deployment.and_then(|found| found.resources.as_ref());
    let scaled = choice.deployment.is_some_and(|found| found.autoscaling.is_some());
    // An autoscaler aims at a share of the request: that of an idle proxy would be reached at once.
    let cpu = if scaled { SCALED_CPU } else { CPU };
    let requests = given.and_then(|given| given.requests.clone()).unwrap_or_else(|| {
        BTreeMap::from([
            ("cpu".to_owned(), cpu.to_owned()),
            ("memory".to_owned(), MEMORY.to_owned()),
        ])
    });
    let limits = given.and_then(|given| given.limits.clone()).unwrap_or_default();
    json!({"requests": requests, "limits": limits})
}

fn placement(frame: &Frame<'_>, choice: &Choice<'_>, set: &mut impl FnMut(&str, Value)) {
    let placement = choice
        .deployment
        .and_then(|found| found.placement.clone())
        .unwrap_or_default();
    let Placement {
        node_selector,
        tolerations,
        affinity,
        topology_spread,
        priority_class_name,
    } = placement;
    if let Some(selector) = node_selector {
        set("nodeSelector", json!(selector));
    }
    if let Some(tolerations) = tolerations {
        set("tolerations", tolerations.iter().map(toleration).collect());
    }
    if let Some(affinity) = affinity {
        set("affinity", affinity);
    }
    if let Some(name) = priority_class_name {
        set("priorityClassName", json!(name));
    }
    let spread = topology_spread.unwrap_or_else(|| {
        ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
            .map(|key| Spread {
                topology_key: key.to_owned(),
                ..Spread::default()
            })
            .to_vec()
    });
    if !spread.is_empty() {
        let entries = spread.iter().map(|spread| {
            json!({
                "topologyKey": spread.topology_key,
                "maxSkew": spread.max_skew.unwrap_or(1),
                "whenUnsatisfiable": spread.when_unsatisfiable.unwrap_or_default(),
                "labelSelector": {"matchLabels": frame.selector()},
            })
        });
        set("topologySpreadConstraints", entries.collect());
    }
}

fn toleration(given: &Toleration) -> Value {
    // The fields have the names that a pod's have.
    serde_json::to_value(given).unwrap_or_default()
}
