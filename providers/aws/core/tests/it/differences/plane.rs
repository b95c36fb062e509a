//! What was lowered, served by the simulator's data plane to real requests. It is written from AWS's pages alone and knows
//! nothing of the router.

use crate::wire;
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::listener::{Listener, Transport};
use gatewright_aws_core::alb::rule::Action;
use gatewright_aws_core::network::BalancerKind;
use gatewright_aws_simulator::traffic::config::{
    Balancer, Config, HealthCheck, Kind, Listener as Told, Rule, Target as Pod, TargetGroup,
};
use gatewright_aws_simulator::traffic::{Health, Plane, State, start};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

/// A request to the host of the routes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub path: &'static str,
    pub query: Option<&'static str>,
    pub headers: &'static [(&'static str, &'static str)],
}

/// What a client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    /// The target group whose target answered.
    pub group: Option<String>,
    pub location: Option<String>,
    /// Names of cookies that were set.
    pub cookies: Vec<String>,
}

/// A load balancer that serves. Each of its target groups with targets has one that tells the group's name.
pub(super) struct Served {
    at: SocketAddr,
    _plane: Plane,
    _sender: watch::Sender<Arc<Config>>,
    _targets: JoinSet<()>,
}

/// An address that is this process's and this test's own, with a port that is free there.
fn own_address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [.., high, low] = (std::process::id() % 0x4000).to_be_bytes();
    let address = Ipv4Addr::new(127, 64 + high, low, number.max(1));
    let listener = std::net::TcpListener::bind((address, 0)).unwrap();
    listener.local_addr().unwrap()
}

impl Served {
    /// The listener of a port.
    pub(super) async fn start(target: &Target, port: u16) -> Self {
        let at = own_address();
        let mut targets = JoinSet::new();
        let mut groups = BTreeMap::new();
        let mut pods = Vec::new();
        for (id, wanted) in &target.target_groups {
            let name = id.to_string();
            let mut told = Vec::new();
            if !wanted.targets.is_empty() {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let pod = listener.local_addr().unwrap();
                targets.spawn(answer(listener, name.clone()));
                told.push(Pod {
                    id: pod.ip().to_string(),
                    port: pod.port(),
                    server: None,
                    address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                    draining: false,
                });
                pods.push((name.clone(), pod));
            }
            let attributes = wanted.attributes.iter();
            let protocol = wanted.fixed.protocol.to_string();
            let group = TargetGroup {
                health: checks(&protocol),
                protocol,
                protocol_version: None,
                attributes: attributes
                    .map(|(key, value)| (key.to_string(), value.to_string()))
                    .collect(),
                functions: None,
                targets: told,
            };
            groups.insert(name, Arc::new(group));
        }
        let balancer = Balancer {
            kind: match target.balancer.kind {
                BalancerKind::Application => Kind::Application,
                BalancerKind::Network => Kind::Network,
            },
            lattice: None,
            address: at.ip(),
            further: Vec::new(),
            blocks: false,
            dns_name: "lb.elb.amazonaws.com".to_owned(),
            active: true,
            attributes: BTreeMap::new(),
            listeners: vec![told(target, &target.listeners[&port], at.port())],
        };
        let config = Config {
            generation: 1,
            balancers: BTreeMap::from([("lb".to_owned(), Arc::new(balancer))]),
            target_groups: groups,
        };
        let (sender, receiver) = watch::channel(Arc::new(config));
        let health = Arc::new(Health::default());
        let plane = start(receiver, Arc::clone(&health)).unwrap();
        timeout(PATIENCE, plane.settled(1)).await.unwrap();
        let since = Instant::now();
        let healthy = |(group, pod): &(String, SocketAddr)| {
            let state = health.state(group, &pod.ip().to_string(), pod.port());
            state.is_some_and(|found| found.state == State::Healthy)
        };
        // Groups that no rule uses are not checked.
        let used: Vec<_> = pods
            .iter()
            .filter(|(group, _)| uses(&target.listeners[&port], group))
            .collect();
        while !used.iter().all(|pod| healthy(pod)) {
            assert!(since.elapsed() < PATIENCE, "never healthy: {used:?}");
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(plane.problems(), Vec::new());
        Self {
            at,
            _plane: plane,
            _sender: sender,
            _targets: targets,
        }
    }

    pub(super) async fn ask(&self, asked: Asked) -> Answer {
        self.try_to_ask(asked).await.unwrap()
    }

    /// `None`: the connection was closed without an answer.
    pub(super) async fn try_to_ask(&self, asked: Asked) -> Option<Answer> {
        let Asked { path, query, headers } = asked;
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let mut text = format!("GET {path}{query} HTTP/1.1\r\nhost: a.example.com\r\n");
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("connection: close\r\n\r\n");
        let exchange = async {
            let mut stream = TcpStream::connect(self.at).await.ok()?;
            stream.write_all(text.as_bytes()).await.ok()?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.ok()?;
            String::from_utf8(answer).ok().filter(|answer| !answer.is_empty())
        };
        let answer = timeout(PATIENCE, exchange).await.unwrap();
        answer.map(|answer| read(&answer))
    }
}

fn uses(listener: &Listener, group: &str) -> bool {
    let rules = listener.rules.iter().map(|rule| &rule.action);
    rules.chain([&listener.default]).any(|action| match action {
        Action::Forward(forward) => forward.groups.keys().any(|id| *id.0 == *group),
        Action::Redirect(_) | Action::Fixed(_) => false,
    })
}

fn read(answer: &str) -> Answer {
    let (head, _) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let fields: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let all = |wanted: &str| -> Vec<&str> {
        let found = fields.iter().filter(|(name, _)| name == wanted);
        found.map(|(_, value)| *value).collect()
    };
    let one = |name: &str| all(name).first().map(|value| (*value).to_owned());
    Answer {
        status: status.parse().unwrap(),
        group: one("x-group"),
        location: one("location"),
        cookies: all("set-cookie")
            .into_iter()
            .map(|cookie| cookie.split('=').next().unwrap().to_owned())
            .collect(),
    }
}

/// A target.
async fn answer(listener: TcpListener, group: String) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let text =
            format!("HTTP/1.1 200 OK\r\nx-group: {group}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        tokio::spawn(async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => return,
                }
            }
            let _ = stream.write_all(text.as_bytes()).await;
        });
    }
}

fn checks(protocol: &str) -> HealthCheck {
    HealthCheck {
        version: None,
        enabled: true,
        protocol: protocol.to_owned(),
        port: None,
        path: "/health".to_owned(),
        interval_ms: 20,
        timeout_ms: 5_000,
        healthy: 2,
        unhealthy: 2,
        http_codes: "200".to_owned(),
        grpc_codes: "12".to_owned(),
    }
}

fn told(target: &Target, listener: &Listener, port: u16) -> Told {
    let groups: BTreeMap<_, _> = target
        .target_groups
        .keys()
        .map(|id| (id.clone(), id.to_string()))
        .collect();
    let rules = listener.rules.iter().enumerate().map(|(at, rule)| {
        let mut told = wire::rule(rule, at + 1, "listener", &groups);
        told["RuleArn"] = json!(format!("rule-{at}"));
        told["Priority"] = json!((at + 1).to_string());
        told
    });
    let default = json!({"RuleArn": "default", "Priority": "default", "Conditions": [],
        "Actions": [wire::action(&listener.default, &groups)]});
    let rules = rules.chain([default]);
    Told {
        arn: "listener".to_owned(),
        port,
        protocol: match listener.transport {
            Transport::Http => "HTTP",
            _ => "TCP",
        }
        .to_owned(),
        ssl_policy: None,
        alpn: None,
        certificates: Vec::new(),
        clients: None,
        attributes: BTreeMap::new(),
        rules: rules
            .map(|told| serde_json::from_value::<Rule>(told).unwrap())
            .collect(),
    }
}
