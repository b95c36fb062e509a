//! AWS, simulated inside a cluster: its APIs where pods reach them, its load balancers on addresses that everything in the
//! cluster reaches, their names in the cluster's DNS, and the policies of `deploy/aws/iam` enforced.

use crate::cluster::{Cluster, NAMESPACE};
use crate::image;
use crate::run::{cache_dir, cargo, root, run};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The node's address, which pods reach: AWS's APIs, the admin API, and the DNS server of load balancers.
const ENDPOINT: &str = "172.30.0.1:4566";
/// The admin API.
const ADMIN: &str = "172.30.0.1:4567";
const DNS: &str = "172.30.0.1:4553";
/// Load balancers get addresses of this network, which is the node's own.
const BALANCERS: &str = "172.31.0.0/16";
/// The cluster's pods, and so the VPC's range: as with the VPC CNI, pods have addresses of the VPC.
const PODS: &str = "10.244.0.0/16";
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-central-1";
/// Name of the cluster in tags.
const CLUSTER_NAME: &str = "gatewright";
/// Controller name of classes of Application Load Balancers, and of Network Load Balancers.
pub const ALB: &str = "gatewright.dev/aws-alb";
pub const NLB: &str = "gatewright.dev/aws-nlb";
/// Controller name of the class of VPC Lattice.
const LATTICE: &str = "gatewright.dev/aws-lattice";
/// Zones of the names of load balancers, and of services of VPC Lattice.
const ZONES: [&str; 2] = ["amazonaws.com", "on.aws"];

/// How long states last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Pace {
    /// Half a second until a load balancer is active, health checks ten times as often: for tests that run often.
    Quick,
    /// As on AWS, as far as it is documented or known: minutes.
    Aws,
}

impl Pace {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Aws => "aws",
        }
    }

    /// Settings of the simulator, in milliseconds.
    pub fn settings(self) -> Value {
        match self {
            Self::Quick => json!({
                "load_balancer_provisioning_ms": 500,
                "interface_release_ms": 500,
                "security_group_visible_ms": 100,
                "certificate_validation_ms": 500,
                "lattice_status_ms": 300,
                "second_ms": 100,
            }),
            // None of these is documented but the seconds. Load balancers take "a few minutes" to become active.
            Self::Aws => json!({
                "load_balancer_provisioning_ms": 90_000,
                "interface_release_ms": 15_000,
                "security_group_visible_ms": 2_000,
                "certificate_validation_ms": 5_000,
                "lattice_status_ms": 10_000,
                "second_ms": 1000,
            }),
        }
    }

    /// Limits of requests, as the admin API takes them.
    const fn throttling(self) -> &'static str {
        match self {
            Self::Quick => "off",
            Self::Aws => "documented",
        }
    }

    /// How old answers to searches by tags are, in milliseconds.
    const fn stale_ms(self) -> Option<u64> {
        match self {
            Self::Quick => None,
            Self::Aws => Some(3_000),
        }
    }

    /// In words, for reports.
    pub fn told(self) -> String {
        let stale = match self.stale_ms() {
            None => "answers to searches by tags at once".to_owned(),
            Some(ms) => format!("answers to searches by tags {ms} ms old"),
        };
        format!(
            "settings of the simulator {}; limits of requests: {}; {stale}",
            self.settings(),
            self.throttling()
        )
    }
}

/// A simulator that runs in a cluster.
pub struct Aws {
    vpc: String,
    folder: PathBuf,
}

/// Builds the simulator optimised, for measurements that it must not hold up; answers its path.
///
/// # Errors
/// When the build fails.
pub fn build_optimised() -> Result<PathBuf> {
    // As the images are: most of it is compiled for these already.
    let (profile, host) = ("quick-release", image::host()?);
    let package = ["build", "--locked", "--package", "gatewright-aws-simulator"];
    run(&mut cargo(
        &[&package[..], &["--profile", profile, "--target", &host]].concat(),
    ))?;
    let folder = image::target_dir()?.join(host).join(profile);
    let program = folder.join("gatewright-aws-simulator");
    ensure!(program.exists(), "{} was not built", program.display());
    Ok(program)
}

impl Aws {
    /// Starts a simulator in a cluster, or takes the one that runs there, with a fresh account.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(cluster: &Cluster, program: &Path, pace: Pace) -> Result<Self> {
        let mut aws = Self {
            vpc: String::new(),
            folder: cache_dir().join("clusters").join(&cluster.name),
        };
        let policy = aws.policy();
        std::fs::write(&policy, served_policy()?)
            .with_context(|| format!("cannot write {}", policy.display()))?;
        let log = aws.folder.join("logs/aws.log");
        // Every address of the network is the node's own: no interface has to have it.
        cluster.inside(&["ip", "route", "replace", "local", BALANCERS, "dev", "lo"])?;
        let script = format!(
            "curl --silent --fail http://{ADMIN}/ready >/dev/null && exit 0
             setsid {program} --listen {ENDPOINT} --admin {ADMIN} --dns {DNS} --network {BALANCERS} --policy {policy} \
                 </dev/null >{log} 2>&1 &
             for _ in $(seq 100); do
                 curl --silent --fail http://{ADMIN}/ready >/dev/null && exit 0
                 sleep 0.1
             done
             cat {log}
             exit 1",
            program = program.display(),
            policy = policy.display(),
            log = log.display(),
        );
        cluster.inside(&["sh", "-c", &script])?;
        set(cluster, "PUT", "settings", &pace.settings())?;
        set(cluster, "DELETE", "faults", &json!({}))?;
        set(cluster, "PUT", "throttling", &json!(pace.throttling()))?;
        if let Some(ms) = pace.stale_ms() {
            let fault = json!({
                "service": "tagging", "operation": "GetResources", "effect": {"kind": "stale", "ms": ms},
            });
            set(cluster, "POST", "faults", &fault)?;
        }
        aws.vpc = Self::network(cluster)?;
        aws.names(cluster)?;
        Ok(aws)
    }

    /// Makes room for this many Application Load Balancers with so many target groups each, whose targets are checked no
    /// more often than on AWS.
    ///
    /// # Errors
    /// When the simulator refuses.
    pub fn make_room(cluster: &Cluster, balancers: usize, groups: usize) -> Result<()> {
        let limits = json!({
            "application-load-balancers": 2 * balancers,
            "target-groups": 2 * balancers * groups,
        });
        set(cluster, "PUT", &format!("quotas/{ACCOUNT}/{REGION}"), &limits)?;
        // Security groups of the region, rules of one, and network interfaces: one in each zone for a load balancer.
        let limits = json!({
            "L-E79EC296": 2 * balancers + 100,
            "L-0EA8095F": 1000,
            "L-DF5E4CA3": 4 * balancers + 100,
        });
        set(
            cluster,
            "PUT",
            &format!("service-quotas/{ACCOUNT}/{REGION}"),
            &limits,
        )?;
        let mut settings = Pace::Quick.settings();
        if let Some(settings) = settings.as_object_mut() {
            settings.insert("second_ms".to_owned(), json!(1000));
        }
        set(cluster, "PUT", "settings", &settings)
    }

    /// Host and port of its admin API, inside the cluster.
    pub const fn admin() -> &'static str {
        ADMIN
    }

    /// Settings of the chart for it (`PATH=VALUE`).
    pub fn chart(&self) -> Vec<String> {
        let mut settings = vec![
            format!("aws.clusterName={CLUSTER_NAME}"),
            format!("aws.albControllerName={ALB}"),
            format!("aws.nlbControllerName={NLB}"),
            format!("aws.latticeControllerName={LATTICE}"),
            format!("aws.vpcId={}", self.vpc),
            format!("aws.region={REGION}"),
        ];
        let environment = [
            ("AWS_ENDPOINT_URL", format!("http://{ENDPOINT}")),
            ("AWS_ACCESS_KEY_ID", "simulated".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "simulated".to_owned()),
        ];
        for (index, (name, value)) in environment.iter().enumerate() {
            settings.push(format!("extraEnv[{index}].name={name}"));
            settings.push(format!("extraEnv[{index}].value={value}"));
        }
        settings
    }

    /// What the scenarios have to know of it (`NAME=VALUE`).
    pub fn environment(&self) -> Vec<String> {
        vec![
            format!("GATEWRIGHT_AWS_SERVICES={ENDPOINT}"),
            format!("GATEWRIGHT_AWS_ADMIN={ADMIN}"),
            format!("GATEWRIGHT_AWS_POLICY={}", self.policy().display()),
        ]
    }

    fn policy(&self) -> PathBuf {
        self.folder.join("aws-policy.json")
    }

    /// Makes a class of this controller name, with parameters.
    ///
    /// # Errors
    /// When the API server refuses.
    pub fn class(
        &self,
        cluster: &Cluster,
        (name, controller): (&str, &str),
        parameters: &Value,
    ) -> Result<()> {
        let of = (controller, "AwsLoadBalancerParameters");
        self.class_of(cluster, name, of, parameters)
    }

    /// Makes a class of VPC Lattice, with parameters.
    ///
    /// # Errors
    /// When the API server refuses.
    pub fn lattice_class(&self, cluster: &Cluster, name: &str, parameters: &Value) -> Result<()> {
        self.class_of(cluster, name, (LATTICE, "AwsLatticeParameters"), parameters)
    }

    /// A service network of VPC Lattice that the VPC is associated with, for classes that share it: that of a Gateway of its
    /// own. Answers its ARN.
    ///
    /// # Errors
    /// When it is not made.
    pub fn lattice_network(&self, cluster: &Cluster) -> Result<String> {
        const NAME: &str = "shared-network";
        self.lattice_class(cluster, NAME, &json!({}))?;
        let gateway = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": {
                "gatewayClassName": NAME, "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
            },
        });
        let file = self.file("network.json", &gateway)?;
        cluster.inside(&["kubectl", "apply", "--filename", &file])?;
        let wait = [
            "wait",
            "--for=condition=Programmed",
            "--timeout=2m",
            "gateway/shared-network",
        ];
        cluster.inside(&[&["kubectl", "--namespace", NAMESPACE][..], &wait].concat())?;
        let inventory = inventory(cluster)?;
        let networks = inventory.pointer(&format!("/{ACCOUNT}~1{REGION}/lattice/networks"));
        let network = networks
            .and_then(Value::as_object)
            .and_then(|networks| networks.keys().next());
        network.cloned().context("the Gateway has no service network")
    }

    fn class_of(
        &self,
        cluster: &Cluster,
        name: &str,
        (controller, kind): (&str, &str),
        parameters: &Value,
    ) -> Result<()> {
        let reference =
            json!({"group": "gatewright.dev", "kind": kind, "name": name, "namespace": NAMESPACE});
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [
            {
                "apiVersion": "gatewright.dev/v1alpha1", "kind": kind,
                "metadata": {"name": name, "namespace": NAMESPACE}, "spec": parameters,
            },
            {
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": name},
                "spec": {"controllerName": controller, "parametersRef": reference},
            },
        ]});
        let file = self.file(&format!("class-{name}.json"), &list)?;
        cluster.inside(&["kubectl", "apply", "--filename", &file])?;
        // Its status says what it serves, which the suite goes by.
        let class = format!("gatewayclass/{name}");
        cluster.inside(&[
            "kubectl",
            "wait",
            "--for=condition=Accepted",
            "--timeout=1m",
            &class,
        ])
    }

    /// A VPC whose subnets the pods are in, as the VPC CNI has it; answers its identifier.
    fn network(cluster: &Cluster) -> Result<String> {
        if let Some(vpc) = vpc_of_pods(cluster)? {
            return Ok(vpc);
        }
        let world = json!({"change": "rebuild", "range": PODS, "cluster": CLUSTER_NAME, "zones": 3});
        set(cluster, "POST", &format!("ec2/{ACCOUNT}/{REGION}"), &world)?;
        vpc_of_pods(cluster)?.context("the simulator made no VPC")
    }

    /// Has the cluster's DNS server ask the simulator for the names of load balancers.
    fn names(&self, cluster: &Cluster) -> Result<()> {
        let map = [
            "kubectl",
            "--namespace",
            "kube-system",
            "get",
            "configmap",
            "coredns",
        ];
        let found = captured(cluster, &[&map[..], &["--output", "json"]].concat())?;
        let found: Value = serde_json::from_str(&found).context("the DNS server's configuration")?;
        let Some(corefile) = found.pointer("/data/Corefile").and_then(Value::as_str) else {
            bail!("ConfigMap kube-system/coredns has no Corefile");
        };
        let missing = ZONES.iter().filter(|zone| !corefile.contains(**zone));
        let blocks: Vec<String> = missing
            .map(|zone| format!("{zone}:53 {{\n    errors\n    forward . {DNS}\n}}\n"))
            .collect();
        if blocks.is_empty() {
            return Ok(());
        }
        let corefile = format!("{corefile}\n{}", blocks.concat());
        let file = self.file("dns.json", &json!({"data": {"Corefile": corefile}}))?;
        let kubectl = ["kubectl", "--namespace", "kube-system"];
        let patch = [
            "patch",
            "configmap",
            "coredns",
            "--type",
            "merge",
            "--patch-file",
            &file,
        ];
        cluster.inside(&[&kubectl[..], &patch].concat())?;
        cluster.inside(&[&kubectl[..], &["rollout", "restart", "deployment/coredns"]].concat())?;
        let wait = ["rollout", "status", "deployment/coredns", "--timeout", "2m"];
        cluster.inside(&[&kubectl[..], &wait].concat())
    }

    fn file(&self, name: &str, content: &Value) -> Result<String> {
        let path = self.folder.join(format!("aws-{name}"));
        std::fs::write(&path, content.to_string())
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path.display().to_string())
    }
}

/// A call of the admin API.
fn set(cluster: &Cluster, method: &str, path: &str, body: &Value) -> Result<()> {
    let (url, data) = (format!("http://{ADMIN}/{path}"), body.to_string());
    let line = [
        "curl",
        "--silent",
        "--show-error",
        "--fail-with-body",
        "--output",
        "/dev/null",
    ];
    cluster.inside(&[&line[..], &["--request", method, "--data", &data, &url]].concat())
}

/// Everything that the simulator has.
fn inventory(cluster: &Cluster) -> Result<Value> {
    let url = format!("http://{ADMIN}/inventory");
    let found = captured(cluster, &["curl", "--silent", "--fail", &url])?;
    serde_json::from_str(&found).context("the simulator's inventory")
}

/// The VPC with the pods' range.
fn vpc_of_pods(cluster: &Cluster) -> Result<Option<String>> {
    let found = inventory(cluster)?;
    let vpcs = found
        .get(format!("{ACCOUNT}/{REGION}"))
        .and_then(|account| account.pointer("/ec2/vpcs"))
        .and_then(Value::as_object);
    let mut vpcs = vpcs.into_iter().flatten();
    let found = vpcs.find(|(_, vpc)| vpc.get("cidr").and_then(Value::as_str) == Some(PODS));
    Ok(found.map(|(id, _)| id.clone()))
}

/// The policies that the documentation tells to grant, all parts as one, without what has no meaning for the simulator:
/// it has no service-linked roles.
fn served_policy() -> Result<String> {
    let folder = root().join("deploy/aws/iam");
    let parts = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = Vec::new();
    for part in parts {
        paths.push(part?.path());
    }
    paths.sort();
    let mut all: Vec<Value> = Vec::new();
    for path in paths {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut policy: Value =
            serde_json::from_str(&text).with_context(|| format!("{} is no policy", path.display()))?;
        let statements = policy.get_mut("Statement").and_then(Value::as_array_mut);
        let statements = statements.with_context(|| format!("{} has no statements", path.display()))?;
        all.append(statements);
    }
    let roles = json!(["iam:CreateServiceLinkedRole"]);
    all.retain(|statement| statement.get("Action") != Some(&roles));
    Ok(json!({"Version": "2012-10-17", "Statement": all}).to_string())
}

/// What a command inside a cluster prints.
fn captured(cluster: &Cluster, line: &[&str]) -> Result<String> {
    let mut text = String::new();
    cluster.lines(line, |line| {
        text.push_str(line);
        text.push('\n');
        Ok(())
    })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Pace, served_policy};

    /// What the simulator cannot know is left out, and nothing else.
    #[test]
    fn the_policy_is_the_documented_one_without_roles() {
        let policy = served_policy().unwrap();
        for action in [
            "elasticloadbalancing:CreateRule",
            "ec2:CreateSecurityGroup",
            "acm:ImportCertificate",
            "tag:GetResources",
        ] {
            assert!(policy.contains(action), "{action} in {policy}");
        }
        assert!(!policy.contains("iam:"), "{policy}");
    }

    #[test]
    fn reports_tell_every_delay() {
        let told = Pace::Aws.told();
        for part in [
            "\"load_balancer_provisioning_ms\":90000",
            "documented",
            "3000 ms old",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }
}
