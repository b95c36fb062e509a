//! `gatewright plan` against AWS: the program with AWS's own SDK, the simulator on loopback, a request to the load
//! balancer.

mod accounts;
mod backends;
mod quotas;
mod recorded;
mod subnets;

use gatewright_aws_simulator::run::{self, Options, Running};
use gatewright_aws_simulator::service::Settings;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Where load balancers get their addresses from: the first one has the first.
const NETWORK: &str = "127.85.0.0/16";
const BALANCER: &str = "127.85.0.1:18085";

/// The simulator's VPC in this account and region follows from both.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-central-1";
/// The cluster that its subnets are tagged for.
const CLUSTER: &str = "gatewright";
const VPC: &str = "vpc-025c8101667ce78a2";

const MANIFESTS: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: aws-alb}
spec: {controllerName: gatewright.dev/aws-alb}
---
apiVersion: gatewright.dev/v1alpha1
kind: AwsLoadBalancerParameters
metadata: {name: edge, namespace: shop}
spec: {vpc: VPC, scheme: InternetFacing, tags: {team: network}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: aws-alb
  infrastructure: {parametersRef: {group: gatewright.dev, kind: AwsLoadBalancerParameters, name: edge}}
  listeners: [{name: http, port: 18085, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [shop.example.com]
  rules:
  - matches: [{path: {type: PathPrefix, value: /old}}]
    filters: [{type: RequestRedirect, requestRedirect: {hostname: new.example.com, port: 80, statusCode: 301}}]
  - matches: [{path: {type: PathPrefix, value: /copied}}]
    filters: [{type: RequestMirror, requestMirror: {backendRef: {name: cart, port: 80}}}]
    backendRefs: [{name: cart, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {clusterIP: 10.0.0.1, ports: [{port: 80, targetPort: 8080}]}
";

struct Place {
    simulator: Running,
    folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        Self::at(NETWORK).await
    }

    /// Whose load balancers have addresses of this network.
    async fn at(network: &str) -> Self {
        let options = Options {
            listen: "127.0.0.1:0".parse().unwrap(),
            admin: "127.0.0.1:0".parse().unwrap(),
            dns: None,
            network: network.parse().unwrap(),
            state: None,
            policy: None,
            settings: Settings::default(),
        };
        let place = Self {
            simulator: run::start(options).await.unwrap(),
            folder: TempDir::new().unwrap(),
        };
        place.write(MANIFESTS);
        place
    }

    fn write(&self, manifests: &str) {
        std::fs::write(self.folder.path().join("m.yaml"), manifests.replace("VPC", VPC)).unwrap();
    }

    /// Runs `gatewright plan`: exit code, and everything that it says.
    async fn plan(&self, more: &[&str]) -> (i32, String) {
        let endpoint = format!("http://{}", self.simulator.services);
        let mut command = plan(self.folder.path(), &endpoint);
        command.args(more);
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = run.await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said)
    }
}

fn plan(folder: &Path, endpoint: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatewright"));
    command.arg("plan").arg(folder).env_clear().envs([
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCOUNT),
        ("AWS_SECRET_ACCESS_KEY", "none"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]);
    command
}

/// The head of an answer of the load balancer.
async fn get(path: &'static str) -> String {
    let ask = move || {
        let address: SocketAddr = BALANCER.parse().unwrap();
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: shop.example.com\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.to_lowercase()
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_manifests_to_an_answer_and_to_nothing_left() {
    let place = Place::new().await;
    let cluster = ["--cluster-name", CLUSTER];
    let with =
        |more: &[&'static str]| -> Vec<&str> { cluster.into_iter().chain(more.iter().copied()).collect() };

    let (code, said) = place.plan(&with(&["--output", "json"])).await;
    assert_eq!(code, 2, "{said}");
    let found: Value = serde_json::from_str(&said).unwrap();
    let changes = found["gateways"][0]["changes"].as_array().unwrap();
    let made = |kind: &str| {
        let of = changes
            .iter()
            .filter(|change| change["resource"]["kind"] == *kind);
        of.filter(|change| change["action"] == "create").count()
    };
    assert_eq!((made("load balancer"), made("listener"), made("rule")), (1, 1, 2));
    assert_eq!(
        found["gateways"][0]["unsupported"][0]["field"],
        "spec.rules[1].filters[0]"
    );
    let quotas = found["gateways"][0]["quotas"].as_array().unwrap();
    let rules = quotas
        .iter()
        .find(|quota| quota["name"].as_str().unwrap().starts_with("Rules"))
        .unwrap();
    assert_eq!((&rules["used"], &rules["limit"]), (&2.into(), &100.into()));

    let (code, said) = place.plan(&with(&["--apply", "--timeout", "60s"])).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(".eu-central-1.elb.amazonaws.com"), "{said}");
    let (code, said) = place.plan(&with(&["--output", "summary"])).await;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("0 to create, 0 to update, 0 to replace, 0 to delete; 1 not served"),
        "{said}"
    );

    let answer = get("/old/x").await;
    assert!(answer.starts_with("http/1.1 301"), "{answer}");
    assert!(answer.contains("server: awselb/2.0"), "{answer}");
    assert!(
        answer.contains("location: http://new.example.com:80/old/x"),
        "{answer}"
    );
    assert!(
        get("/copied").await.starts_with("http/1.1 500"),
        "what cannot be served is not served as if it could"
    );
    assert!(get("/other").await.starts_with("http/1.1 404"));

    // An edit of one rule is one change, with the field that differs.
    place.write(&MANIFESTS.replace("new.example.com", "newer.example.com"));
    let (code, said) = place.plan(&with(&[])).await;
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("0 to create, 1 to update") && said.contains("newer.example.com"),
        "{said}"
    );
    assert_eq!(place.plan(&with(&["--apply"])).await.0, 0);
    assert!(
        get("/old/x")
            .await
            .contains("location: http://newer.example.com:80/old/x")
    );

    // A Gateway that is not in the manifests is left alone, unless asked otherwise.
    place.write(&MANIFESTS.replace("name: edge", "name: edge-2"));
    let (_, said) = place
        .plan(&with(&["--gateway", "shop/edge", "--output", "summary"]))
        .await;
    assert!(said.contains("0 Gateways"), "{said}");
    place.write("");
    let (code, said) = place.plan(&with(&["--prune", "--apply"])).await;
    assert_eq!(code, 0, "{said}");
    let (code, said) = place.plan(&with(&["--prune", "--output", "summary"])).await;
    assert_eq!(
        (code, said.contains("0 Gateways")),
        (0, true),
        "nothing is left: {said}"
    );
    place.simulator.stop().await.unwrap();
}

/// What is wrong is said with what to do; nothing is made.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named() {
    let place = Place::new().await;
    let (code, said) = place.plan(&[]).await;
    assert_eq!(code, 74, "{said}");
    assert!(said.contains("--cluster-name"), "{said}");

    place.write(&MANIFESTS.replace("vpc: VPC, ", ""));
    let (code, said) = place.plan(&["--cluster-name", CLUSTER]).await;
    assert_eq!(code, 74, "{said}");
    assert!(
        said.contains("AwsLoadBalancerParameters") && said.contains("--aws-vpc-id"),
        "{said}"
    );
    let (code, said) = place
        .plan(&["--cluster-name", CLUSTER, "--aws-vpc-id", "vpc-0123456789abcdef0"])
        .await;
    assert_eq!(code, 74, "{said}");
    assert!(said.contains("VPC vpc-0123456789abcdef0"), "{said}");

    place.write(&MANIFESTS.replace("vpc: VPC", "vpc: somewhere"));
    let (code, said) = place.plan(&["--cluster-name", CLUSTER]).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("m.yaml:") && said.contains("spec.vpc"), "{said}");

    place.write(&MANIFESTS.replace(
        "vpc: VPC",
        "vpc: VPC, subnets: {ids: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]}",
    ));
    let (code, said) = place.plan(&["--cluster-name", CLUSTER]).await;
    assert_eq!(code, 74, "{said}");
    assert!(
        said.contains("spec.subnets.ids: subnet-0123456789abcdef0 is not in the VPC"),
        "{said}"
    );
    place.simulator.stop().await.unwrap();
}
