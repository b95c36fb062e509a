//! A place for a scenario on AWS: a namespace, and Gateways that become load balancers.

use super::Aws;
use crate::api::JSON;
use crate::world::{GATEWAY_API, World, condition, has_condition, http_route, until};
use ::http::Method;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use tokio::net::lookup_host;

/// The class of Application Load Balancers in the cluster of these scenarios.
pub const CLASS: &str = "aws-alb";
/// The class of Network Load Balancers there.
pub const NETWORK_CLASS: &str = "aws-nlb";
/// The class of VPC Lattice there.
pub const LATTICE_CLASS: &str = "aws-lattice";
/// `apiVersion` and kind of parameters.
pub const PARAMETERS: (&str, &str) = ("gatewright.dev/v1alpha1", "AwsLoadBalancerParameters");

/// A namespace, and AWS.
pub struct Place {
    /// The namespace.
    pub world: World,
    /// AWS.
    pub aws: Aws,
}

impl Place {
    /// A fresh namespace of this name, and AWS without faults.
    ///
    /// # Errors
    /// When the cluster or the simulator refuses.
    pub async fn new(namespace: &str) -> Result<Self> {
        let place = Self {
            world: World::new(namespace).await?,
            aws: Aws::connect()?,
        };
        place.aws.calm().await?;
        place.clear().await?;
        Ok(place)
    }

    /// Removes Gateways that an earlier scenario left: looking at them would take of AWS's pace.
    async fn clear(&self) -> Result<()> {
        let root = format!("/apis/{GATEWAY_API}");
        let (_, found) = self
            .world
            .api
            .ask(Method::GET, &format!("{root}/gateways"), JSON, Vec::new())
            .await?;
        for gateway in found["items"].as_array().into_iter().flatten() {
            let text = |field: &str| gateway["metadata"][field].as_str().unwrap_or_default();
            let path = format!(
                "{root}/namespaces/{}/gateways/{}",
                text("namespace"),
                text("name")
            );
            self.world
                .api
                .ask(Method::DELETE, &path, JSON, Vec::new())
                .await?;
        }
        Ok(())
    }

    /// The value of the tag of what is made for a Gateway.
    pub fn tag(&self, gateway: &str) -> String {
        format!("{}/{gateway}", self.world.namespace)
    }

    /// Writes a Gateway; `parameters` names AwsLoadBalancerParameters of its own.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn write(&self, name: &str, listeners: Value, parameters: Option<&str>) -> Result<()> {
        let mut spec = json!({"gatewayClassName": CLASS, "listeners": listeners});
        if let Some(parameters) = parameters {
            spec["infrastructure"] = json!({"parametersRef": {
                "group": "gatewright.dev", "kind": PARAMETERS.1, "name": parameters,
            }});
        }
        let gateway =
            json!({"apiVersion": GATEWAY_API, "kind": "Gateway", "metadata": {"name": name}, "spec": spec});
        self.world.apply(&gateway).await.map(drop)
    }

    /// Writes parameters for Gateways of the namespace.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn parameters(&self, name: &str, spec: Value) -> Result<()> {
        let object = json!({
            "apiVersion": PARAMETERS.0, "kind": PARAMETERS.1, "metadata": {"name": name}, "spec": spec,
        });
        self.world.apply(&object).await.map(drop)
    }

    /// A Gateway `gw` with an HTTP listener, its backend `web` with three pods, and a route for this host that answers.
    ///
    /// # Errors
    /// When it does not serve in time.
    pub async fn serving(&self, host: &str) -> Result<SocketAddr> {
        web(&self.world, "web", 3).await?;
        self.write("gw", json!([crate::world::http_listener("http", 80)]), None)
            .await?;
        self.world.apply(&http_route("web", "gw", host, "web")).await?;
        let at = SocketAddr::new(self.address("gw").await?, 80);
        self.world.answers(at, (host, "/"), 200).await?;
        Ok(at)
    }

    /// The hostname of a Gateway, once it is programmed.
    ///
    /// # Errors
    /// When it is not programmed in time.
    pub async fn hostname(&self, gateway: &str) -> Result<String> {
        let found = self
            .world
            .wait((GATEWAY_API, "Gateway", gateway), "to be programmed", |found| {
                has_condition(found.get("status"), "Programmed", "True")
                    && found.pointer("/status/addresses/0/value").is_some()
            })
            .await?;
        hostname(&found).with_context(|| format!("Gateway {gateway} has no hostname: {found}"))
    }

    /// An address that a Gateway's hostname resolves to, by the cluster's DNS.
    ///
    /// # Errors
    /// When it is not programmed or does not resolve in time.
    pub async fn address(&self, gateway: &str) -> Result<IpAddr> {
        let name = self.hostname(gateway).await?;
        let look = async || Ok(resolve(&name).await.map_err(|error| format!("{error:#}")));
        until(&format!("{name} to resolve"), look).await
    }

    /// Waits until `Programmed` of a Gateway is false with a message that holds all these texts; answers the message.
    ///
    /// # Errors
    /// With the last state, after two minutes.
    pub async fn refused(&self, gateway: &str, texts: &[&str]) -> Result<String> {
        let told = |found: &Value| {
            let condition = condition(found.get("status"), "Programmed")?;
            let message = condition["message"].as_str()?;
            let all = texts.iter().all(|text| message.contains(text));
            (condition["status"] == "False" && all).then(|| message.to_owned())
        };
        let what = format!("Programmed=False with {texts:?}");
        let found = self
            .world
            .wait((GATEWAY_API, "Gateway", gateway), &what, |found| {
                told(found).is_some()
            })
            .await?;
        told(&found).context("the message was there")
    }

    /// Waits for an Event on a Gateway with this reason and text; answers its note.
    ///
    /// # Errors
    /// With the Events there are, after two minutes.
    pub async fn event(&self, gateway: &str, (reason, text): (&str, &str)) -> Result<String> {
        let path = format!("/api/v1/namespaces/{}/events", self.world.namespace);
        let look = async || {
            let (_, found) = self.world.api.ask(Method::GET, &path, JSON, Vec::new()).await?;
            let events = found["items"].as_array().into_iter().flatten();
            let about: Vec<(&str, &str)> = events
                .filter(|event| event["involvedObject"]["name"] == gateway)
                .map(|event| {
                    let text = |field: &str| event[field].as_str().unwrap_or_default();
                    (text("reason"), text("message"))
                })
                .collect();
            let hit = about
                .iter()
                .find(|(found, note)| *found == reason && note.contains(text));
            Ok(match hit {
                Some((_, note)) => Ok((*note).to_owned()),
                None => Err(format!("{about:?}")),
            })
        };
        until(
            &format!("an Event {reason} with `{text}` on Gateway {gateway}"),
            look,
        )
        .await
    }

    /// Deletes a Gateway and waits until neither it nor anything that was made for it is left.
    ///
    /// # Errors
    /// With what is left, after two minutes.
    pub async fn delete(&self, gateway: &str) -> Result<()> {
        self.world.delete(GATEWAY_API, "Gateway", gateway).await?;
        self.gone(gateway).await
    }

    /// Waits until neither a Gateway nor anything that was made for it is left.
    ///
    /// # Errors
    /// With what is left, after two minutes.
    pub async fn gone(&self, gateway: &str) -> Result<()> {
        self.world
            .wait((GATEWAY_API, "Gateway", gateway), "to be gone", Value::is_null)
            .await?;
        let tag = self.tag(gateway);
        let owned = self.aws.owned(&tag).await?;
        anyhow::ensure!(owned.is_empty(), "of Gateway {tag} is left: {owned:?}");
        Ok(())
    }
}

/// The hostname in a Gateway's status.
pub(super) fn hostname(gateway: &Value) -> Option<String> {
    let address = gateway.pointer("/status/addresses/0")?;
    (address["type"] == "Hostname").then(|| address["value"].as_str().map(str::to_owned))?
}

/// The first IPv4 address of a name.
pub(super) async fn resolve(name: &str) -> Result<IpAddr> {
    let mut found = lookup_host((name, 80)).await?;
    let found = found.find(SocketAddr::is_ipv4);
    found
        .map(|address| address.ip())
        .with_context(|| format!("{name} has no IPv4 address"))
}

/// Makes echo servers that end as servers behind a load balancer do: they take no new work, but serve on for some seconds
/// until the load balancer has heard of it. Their Service has the same name and port 80.
///
/// # Errors
/// When they do not become ready.
pub async fn web(world: &World, name: &str, replicas: usize) -> Result<()> {
    echo(
        world,
        name,
        replicas,
        json!({"port": 80, "targetPort": 3000}),
        &[],
    )
    .await
}

/// As [`web`], for gRPC: the Service has port 8080 with the protocol that the conformance suite gives it.
///
/// # Errors
/// As [`web`].
pub(super) async fn grpc_echo(world: &World, name: &str) -> Result<()> {
    let port = json!({"port": 8080, "targetPort": 3000, "appProtocol": "kubernetes.io/h2c"});
    echo(world, name, 1, port, &[("GRPC_ECHO_SERVER", "1")]).await
}

async fn echo(
    world: &World,
    name: &str,
    replicas: usize,
    port: Value,
    environment: &[(&str, &str)],
) -> Result<()> {
    let labels = json!({"app": name});
    let field = |path: &str| json!({"fieldRef": {"fieldPath": path}});
    let mut variables = vec![
        json!({"name": "POD_NAME", "valueFrom": field("metadata.name")}),
        json!({"name": "NAMESPACE", "valueFrom": field("metadata.namespace")}),
    ];
    variables.extend(
        environment
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value})),
    );
    let container = json!({
        "name": "echo", "image": "registry.k8s.io/gateway-api/echo-basic:v1.5.1",
        "ports": [{"containerPort": 3000}], "env": variables,
        "readinessProbe": {"tcpSocket": {"port": 3000}, "periodSeconds": 1},
        // From the end of the pod's readiness until its process is told to end: deregistration takes place meanwhile.
        "lifecycle": {"preStop": {"sleep": {"seconds": 20}}},
    });
    world
        .apply_all(&[
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                "spec": {
                    "replicas": replicas, "selector": {"matchLabels": labels},
                    // A new pod is looked at by the load balancer, too, before the next old one goes.
                    "minReadySeconds": 3,
                    "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                    "template": {"metadata": {"labels": labels}, "spec": {
                        "terminationGracePeriodSeconds": 25, "containers": [container],
                    }},
                },
            }),
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                "spec": {"selector": labels, "ports": [port]},
            }),
        ])
        .await?;
    world.ready(name, replicas).await
}
