//! A client of the simulator that knows nothing of it but its ports.

use gatewright_aws_simulator::run::{Options, Running, start};
use gatewright_aws_simulator::service::Settings;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Starts a simulator on free ports whose states last no time.
pub async fn simulator(state: Option<PathBuf>) -> Running {
    let settings = Settings {
        load_balancer_provisioning_ms: 0,
        trust_store_creation_ms: 0,
        second_ms: 10,
        ..Settings::default()
    };
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let options = Options {
        listen: any,
        admin: any,
        dns: None,
        network: "127.64.0.0/10".parse().unwrap(),
        state,
        policy: None,
        settings,
    };
    start(options).await.unwrap()
}

/// A port that nobody has on this machine's first address of load balancers.
pub async fn free_port() -> u16 {
    TcpListener::bind("127.64.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Sends a request and reads the answer: its head and its body.
pub async fn send(to: SocketAddr, request: &str) -> std::io::Result<(String, String)> {
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await??;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok((head.to_owned(), body.to_owned()))
}

/// Calls ELBv2 as a form, signed for an account.
pub async fn call(running: &Running, form: &str) -> String {
    let (head, body) = elb(running.services, form).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{form}: {head} {body}");
    body
}

/// The same, with whatever answer.
pub async fn elb(to: SocketAddr, form: &str) -> (String, String) {
    let body = format!("{form}&Version=2015-12-01");
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=111122223333/20261121/eu-central-1/elasticloadbalancing/aws4_request, \
         SignedHeaders=host, Signature=00\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    send(to, &request).await.unwrap()
}

/// Text of the first element of a name.
pub fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml
        .split_once(&format!("<{name}>"))
        .unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once('<').unwrap().0.to_owned()
}

/// Calls the admin API.
pub async fn admin(running: &Running, method: &str, path: &str, body: &str) -> String {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (head, body) = send(running.admin, &request).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head} {body}");
    body
}

/// Sends a request to a load balancer until it is answered with a status.
pub async fn until(to: SocketAddr, path: &str, status: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n");
    let start = Instant::now();
    loop {
        let answer = send(to, &request).await;
        match answer {
            Ok((head, body)) if head.starts_with(&format!("HTTP/1.1 {status}")) => return body,
            other => assert!(
                start.elapsed() < PATIENCE,
                "no {status} from {to}{path}: {other:?}"
            ),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Subnets of different zones, as EC2's state has them.
pub fn subnets(running: &Running) -> Vec<String> {
    let mut inner = running.simulator.inner();
    let account = inner
        .world
        .accounts
        .entry("111122223333/eu-central-1".to_owned())
        .or_default();
    account.ec2.ensure("111122223333", "eu-central-1");
    let mut zones = std::collections::BTreeSet::new();
    let subnets = account
        .ec2
        .subnets()
        .filter(|subnet| zones.insert(subnet.zone.clone()));
    subnets.map(|subnet| subnet.id.clone()).collect()
}

/// Creates a load balancer; its ARN and address.
pub async fn balancer(running: &Running, name: &str) -> (String, SocketAddr) {
    let subnets = subnets(running);
    let made = call(
        running,
        &format!(
            "Action=CreateLoadBalancer&Name={name}&Subnets.member.1={}&Subnets.member.2={}",
            subnets[0], subnets[1]
        ),
    )
    .await;
    let arn = element(&made, "LoadBalancerArn");
    let address = running.simulator.inner().publisher.told().balancers[&arn].address;
    (arn, SocketAddr::new(address, 0))
}
