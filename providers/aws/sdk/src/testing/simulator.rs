//! The simulator of AWS, and how an account is found there.

use crate::{AssumeRole, Connector, Settings, Timing};
use gatewright_aws_simulator::iam::Policy;
use gatewright_aws_simulator::run::{self, Options, Running};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

static NETWORK: AtomicU8 = AtomicU8::new(71);

/// The simulator has no service-linked roles, and refuses policies that it does not wholly know.
pub(super) fn readable(policy: &serde_json::Value) -> Policy {
    let mut policy = policy.clone();
    let statements = policy["Statement"].as_array_mut().unwrap();
    statements.retain(|one| one["Action"] != serde_json::json!(["iam:CreateServiceLinkedRole"]));
    Policy::read(&policy.to_string()).unwrap()
}

/// One of its own for a test. It refuses what a policy does not allow.
pub(super) async fn simulator(policy: Option<&serde_json::Value>) -> Running {
    // Load balancers of tests that run at the same time do not want the same addresses and ports.
    let network = NETWORK.fetch_add(1, Ordering::Relaxed);
    let options = Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        admin: "127.0.0.1:0".parse().unwrap(),
        dns: None,
        policy: policy.map(readable),
        network: format!("127.{network}.0.0/16").parse().unwrap(),
        state: None,
        settings: gatewright_aws_simulator::service::Settings::default(),
    };
    run::start(options).await.unwrap()
}

/// The same for a test of many cases, which are not about waiting: what takes AWS minutes takes a moment.
pub(super) async fn prompt(policy: Option<&serde_json::Value>) -> Running {
    let running = simulator(policy).await;
    running.simulator.inner().settings = gatewright_aws_simulator::service::Settings {
        load_balancer_provisioning_ms: 50,
        interface_release_ms: 50,
        certificate_validation_ms: 50,
        trust_store_creation_ms: 50,
        ..gatewright_aws_simulator::service::Settings::default()
    };
    running
}

/// An operation of a JSON protocol that only users call, whatever the policy allows; with region and service of its signature.
pub(super) async fn user(
    running: &Running,
    (region, service): (&str, &str),
    target: &str,
    input: &Value,
) -> Value {
    let policy = running.simulator.inner().policy.take();
    let body = input.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: {target}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/{region}/{service}/aws4_request, SignedHeaders=host, Signature=00\r\n\
         Content-Length: {}\r\n\r\n{body}",
        running.services,
        body.len()
    );
    let mut stream = TcpStream::connect(running.services).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    running.simulator.inner().policy = policy;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap()
}

/// Credentials, region and endpoint from the environment alone, as in a pod: in a process of its own, because an
/// environment is the whole process's.
#[tokio::test]
async fn an_account_is_found_by_the_environment() {
    let simulator = simulator(None).await;
    let program = std::env::current_exe().unwrap();
    let url = format!("http://{}", simulator.services);
    let run = tokio::task::spawn_blocking(move || {
        let mut command = std::process::Command::new(program);
        command
            .args(["--exact", "testing::simulator::child", "--ignored", "--nocapture"])
            .env_clear();
        command.envs([
            ("AWS_ENDPOINT_URL", url.as_str()),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "210987654321"),
            ("AWS_SECRET_ACCESS_KEY", "none"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]);
        command.output().unwrap()
    });
    let output = run.await.unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    simulator.stop().await.unwrap();
}

#[tokio::test]
#[ignore = "run by an_account_is_found_by_the_environment"]
async fn child() {
    let connector = Connector::new(Timing::default(), BTreeMap::new(), Arc::new(()));
    let own = connector.connect(&Settings::default()).await.unwrap();
    assert_eq!(
        (own.region(), own.identity().account.as_str()),
        ("eu-west-1", "210987654321")
    );
    assert!(!own.ec2().vpcs(&[]).await.unwrap().is_empty());

    let settings = Settings {
        region: Some("us-east-1".into()),
        role: Some(AssumeRole {
            arn: "arn:aws:iam::123456789012:role/gatewright".into(),
            external_id: Some("gatewright".into()),
        }),
        ..Settings::default()
    };
    let other = connector.connect(&settings).await.unwrap();
    assert_eq!(
        (other.region(), other.identity().account.as_str()),
        ("us-east-1", "123456789012")
    );
    assert!(
        other.identity().arn.contains("assumed-role/gatewright"),
        "{}",
        other.identity().arn
    );
    assert!(!other.ec2().vpcs(&[]).await.unwrap().is_empty());
}
