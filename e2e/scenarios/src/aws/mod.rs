//! The simulated AWS of the cluster: what exists there, what somebody else does to it, and what goes wrong.

mod follow;
mod grpc;
mod place;

pub use follow::Follow;
pub use grpc::{Call, call};
pub use place::{CLASS, LATTICE_CLASS, NETWORK_CLASS, PARAMETERS, Place, web};

use ::http::{Method, Request, StatusCode};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The account and region that the controller works in.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-central-1";

/// Tag that names the Gateway a resource was made for.
const GATEWAY_TAG: &str = "gatewright.dev/gateway";

/// A call of the simulator may take so long.
const LIMIT: Duration = Duration::from_secs(10);

/// The simulator, as `cargo xtask scenarios --provider aws` tells it by the environment.
#[derive(Clone, Debug)]
pub struct Aws {
    services: SocketAddr,
    admin: SocketAddr,
    policy: Value,
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name)
        .with_context(|| format!("{name} is not set: run these by cargo xtask scenarios --provider aws"))
}

impl Aws {
    /// The simulator of the environment.
    ///
    /// # Errors
    /// When the environment names none.
    pub fn connect() -> Result<Self> {
        let policy = variable("GATEWRIGHT_AWS_POLICY")?;
        let policy = std::fs::read_to_string(&policy).with_context(|| format!("cannot read {policy}"))?;
        Ok(Self {
            services: variable("GATEWRIGHT_AWS_SERVICES")?.parse()?,
            admin: variable("GATEWRIGHT_AWS_ADMIN")?.parse()?,
            policy: serde_json::from_str(&policy)?,
        })
    }

    /// A call of the admin API; the body is left out of calls that need none.
    ///
    /// # Errors
    /// With the simulator's words when it refuses.
    pub async fn admin(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/{path}"))
            .header("host", self.admin.to_string())
            .body(Full::new(Bytes::from(body.to_string())))?;
        let (status, text) = send(self.admin, request).await?;
        if !status.is_success() {
            bail!("admin API, {path}: {status}: {text}");
        }
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// A call of Elastic Load Balancing as anybody with the account's credentials makes it; answers its XML.
    ///
    /// # Errors
    /// With AWS's words when it refuses.
    pub async fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
        let mut form = format!("Action={action}&Version=2015-12-01");
        for (name, value) in parameters {
            write!(form, "&{name}={}", escape(value))?;
        }
        let scope = format!("simulated/20260101/{REGION}/elasticloadbalancing/aws4_request");
        let request = Request::post("/")
            .header("host", self.services.to_string())
            .header("content-type", "application/x-www-form-urlencoded")
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
            )
            .body(Full::new(Bytes::from(form)))?;
        let (status, text) = send(self.services, request).await?;
        if !status.is_success() {
            bail!("{action}: {status}: {text}");
        }
        Ok(text)
    }

    /// Everything that the account has.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn account(&self) -> Result<Value> {
        let mut found = self.admin(Method::GET, "inventory", &Value::Null).await?;
        Ok(found[format!("{ACCOUNT}/{REGION}")].take())
    }

    /// ARNs and identifiers of what was made for a Gateway, by its tags.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn owned(&self, gateway: &str) -> Result<Vec<String>> {
        let account = self.account().await?;
        let mut found = Vec::new();
        let tags = account["elb"]["tags"].as_object().into_iter().flatten();
        let marked = tags.filter(|(_, tags)| tags[GATEWAY_TAG] == gateway);
        found.extend(marked.map(|(arn, _)| arn.clone()));
        let tags = account["lattice"]["tags"].as_object().into_iter().flatten();
        let marked = tags.filter(|(_, tags)| tags[GATEWAY_TAG] == gateway);
        found.extend(marked.map(|(arn, _)| arn.clone()));
        for service in ["ec2", "acm"] {
            tagged(&account[service], gateway, service, &mut found);
        }
        Ok(found)
    }

    /// ARN of the one thing of this kind (`loadbalancer`, `listener`, `listener-rule`, `targetgroup`) that was made for a
    /// Gateway.
    ///
    /// # Errors
    /// When there is none.
    pub async fn arn(&self, kind: &str, gateway: &str) -> Result<String> {
        let part = format!(":{kind}/");
        let owned = self.owned(gateway).await?;
        let found = owned.iter().find(|arn| arn.contains(&part)).cloned();
        found.with_context(|| format!("there is no {kind} of {gateway} among {owned:?}"))
    }

    /// Where the service of VPC Lattice with this custom domain serves; none while it does not.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn lattice_address(&self, domain: &str) -> Result<Option<IpAddr>> {
        let account = self.account().await?;
        let services = account["lattice"]["services"].as_object().into_iter().flatten();
        let mut named = services.filter(|(_, service)| service["domain"] == domain);
        let Some((arn, _)) = named.next() else {
            return Ok(None);
        };
        let config = self.admin(Method::GET, "config", &Value::Null).await?;
        let served = &config["balancers"][arn];
        if served["active"] != true {
            return Ok(None);
        }
        let address = served["address"].as_str().context("a service has an address")?;
        Ok(Some(address.parse()?))
    }

    /// Calls since the last time this was asked, by service and operation.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn calls(&self) -> Result<BTreeMap<String, u64>> {
        let found = self.admin(Method::GET, "calls", &Value::Null).await?;
        self.admin(Method::DELETE, "calls", &Value::Null).await?;
        Ok(serde_json::from_value(found["counts"].clone())?)
    }

    /// Adds a fault.
    ///
    /// # Errors
    /// When the simulator refuses.
    pub async fn fault(&self, fault: &Value) -> Result<()> {
        self.admin(Method::POST, "faults", fault).await.map(drop)
    }

    /// Everything as it was: no faults, the documented policy, AWS's quotas.
    ///
    /// # Errors
    /// When the simulator refuses.
    pub async fn calm(&self) -> Result<()> {
        self.admin(Method::DELETE, "faults", &Value::Null).await?;
        self.admin(Method::PUT, "policy", &self.policy).await?;
        self.quota("application-load-balancers", 50).await
    }

    /// Sets a quota by its name in `DescribeAccountLimits`.
    ///
    /// # Errors
    /// When there is no such quota.
    pub async fn quota(&self, name: &str, max: u64) -> Result<()> {
        let path = format!("quotas/{ACCOUNT}/{REGION}");
        self.admin(Method::PUT, &path, &json!({name: max}))
            .await
            .map(drop)
    }

    /// Takes the permission for an action away.
    ///
    /// # Errors
    /// When the simulator refuses.
    pub async fn forbid(&self, action: &str) -> Result<()> {
        let mut policy = self.policy.clone();
        let deny = json!({"Effect": "Deny", "Action": [action], "Resource": ["*"]});
        let statements = policy["Statement"]
            .as_array_mut()
            .context("a policy has statements")?;
        statements.push(deny);
        self.admin(Method::PUT, "policy", &policy).await.map(drop)
    }
}

/// Names of the operations that change something, with their counts.
pub fn writes(calls: &BTreeMap<String, u64>) -> BTreeMap<&str, u64> {
    let reads = ["Describe", "Get", "List"];
    let named = calls.iter().map(|(name, count)| {
        let operation = name
            .split_once(':')
            .map_or(name.as_str(), |(_, operation)| operation);
        (operation, *count)
    });
    named
        .filter(|(operation, _)| !reads.iter().any(|read| operation.starts_with(read)))
        .collect()
}

/// Collects what has the Gateway's tag, by the path to it.
fn tagged(value: &Value, gateway: &str, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if members
                .get("tags")
                .is_some_and(|tags| tags[GATEWAY_TAG] == gateway)
            {
                found.push(path.to_owned());
            }
            for (name, member) in members {
                tagged(member, gateway, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| tagged(item, gateway, &format!("{path}/{index}"), found)),
        _ => {}
    }
}

/// Sends a request on a connection of its own.
async fn send(at: SocketAddr, request: Request<Full<Bytes>>) -> Result<(StatusCode, String)> {
    let exchange = async {
        let stream = TcpStream::connect(at).await.context("connecting")?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await.context("sending")?;
        let status = response.status();
        let body = response.into_body().collect().await.context("reading")?;
        Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    };
    timeout(LIMIT, exchange)
        .await
        .with_context(|| format!("no answer from {at} in {} s", LIMIT.as_secs()))?
}

/// A value in a form (`application/x-www-form-urlencoded`).
fn escape(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    value
        .bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_for_a_gateway_is_found_by_its_tag() {
        let account = json!({"groups": {
            "sg-1": {"tags": {GATEWAY_TAG: "n/gw"}},
            "sg-2": {"tags": {GATEWAY_TAG: "n/other"}},
            "sg-3": {"tags": {}},
        }});
        let mut found = Vec::new();
        tagged(&account, "n/gw", "ec2", &mut found);
        assert_eq!(found, ["ec2/groups/sg-1"]);
    }

    #[test]
    fn reads_are_no_writes() {
        let calls = BTreeMap::from([
            ("elbv2:DescribeRules".to_owned(), 7),
            ("tagging:GetResources".to_owned(), 1),
            ("elbv2:ModifyRule".to_owned(), 2),
        ]);
        assert_eq!(writes(&calls), BTreeMap::from([("ModifyRule", 2)]));
        assert_eq!(escape("a:b/c d"), "a%3Ab%2Fc%20d");
    }
}
