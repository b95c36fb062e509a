//! A data plane and the configuration that it follows.

use super::backend::Backend;
use crate::traffic::config::{
    Arn, Attributes, Balancer, Certificate, Config, HealthCheck, Kind, Listener, Rule, Target, TargetGroup,
};
use crate::traffic::{Health, Plane, State, TargetHealth, start};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How long something may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct World {
    pub(super) plane: Plane,
    pub(super) health: Arc<Health>,
    pub(super) config: Config,
    pub(super) at: SocketAddr,
    sender: watch::Sender<Arc<Config>>,
}

/// An address that is this process's and this test's own, with a port that is free there.
fn own_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [.., high, low] = (std::process::id() % 0x8000).to_be_bytes();
    let address = Ipv4Addr::new(127, 128 + high, low, u8::try_from(number % 250).unwrap() + 1);
    let listener = std::net::TcpListener::bind((address, 0)).unwrap();
    listener.local_addr().unwrap()
}

impl World {
    /// A load balancer with one HTTP listener and these rules. Rules and groups may name `{tg}`-like plain names.
    pub(super) async fn start(rules: Value) -> Self {
        let at = own_address();
        let (sender, receiver) = watch::channel(Arc::new(Config::default()));
        let health = Arc::new(Health::default());
        let plane = start(receiver, health.clone()).unwrap();
        let balancer = Balancer {
            kind: Kind::Application,
            lattice: None,
            address: at.ip(),
            further: Vec::new(),
            blocks: false,
            dns_name: "lb.elb.amazonaws.com".to_owned(),
            active: true,
            attributes: Attributes::new(),
            listeners: vec![listener(at.port(), "HTTP", rules)],
        };
        let balancers = BTreeMap::from([("lb".to_owned(), Arc::new(balancer))]);
        let config = Config {
            generation: 0,
            balancers,
            target_groups: BTreeMap::new(),
        };
        let mut world = Self {
            plane,
            health,
            config,
            at,
            sender,
        };
        world.publish().await;
        world
    }

    /// Serves the configuration as it is now.
    pub(super) async fn publish(&mut self) {
        self.config.generation += 1;
        self.sender.send_replace(Arc::new(self.config.clone()));
        tokio::time::timeout(PATIENCE, self.plane.settled(self.config.generation))
            .await
            .unwrap();
    }

    pub(super) fn balancer(&mut self) -> &mut Balancer {
        Arc::make_mut(self.config.balancers.get_mut("lb").unwrap())
    }

    pub(super) fn listener(&mut self) -> &mut Listener {
        &mut self.balancer().listeners[0]
    }

    pub(super) fn group(&mut self, arn: &str) -> &mut TargetGroup {
        Arc::make_mut(self.config.target_groups.get_mut(arn).unwrap())
    }

    /// A group of targets, waited for until all are healthy.
    pub(super) async fn healthy_group(&mut self, arn: &str, backends: &[&Backend]) {
        self.add_group(arn, group(backends));
        self.publish().await;
        for backend in backends {
            self.wait_for(arn, backend, State::Healthy).await;
        }
    }

    pub(super) fn add_group(&mut self, arn: &str, group: TargetGroup) {
        self.config.target_groups.insert(arn.to_owned(), Arc::new(group));
    }

    pub(super) fn health_of(&self, arn: &str, backend: &Backend) -> Option<TargetHealth> {
        self.health
            .state(arn, &backend.at.ip().to_string(), backend.at.port())
    }

    pub(super) async fn wait_for(&self, arn: &str, backend: &Backend, state: State) -> TargetHealth {
        let mut last = None;
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            last = self.health_of(arn, backend);
            if let Some(health) = &last
                && health.state == state
            {
                return health.clone();
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("{} never became {state:?}, but is {last:?}", backend.state.name)
    }
}

/// Waits until something holds.
pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

pub(super) fn listener(port: u16, protocol: &str, rules: Value) -> Listener {
    Listener {
        arn: format!("listener-{port}"),
        port,
        protocol: protocol.to_owned(),
        ssl_policy: None,
        alpn: None,
        certificates: Vec::<Certificate>::new(),
        clients: None,
        attributes: Attributes::new(),
        rules: self::rules(rules),
    }
}

pub(super) fn rules(rules: Value) -> Vec<Rule> {
    serde_json::from_value(rules).unwrap()
}

/// A rule that forwards.
pub(super) fn forward(priority: &str, conditions: Value, group: &str) -> Value {
    rule(
        priority,
        conditions,
        json!({"Type": "forward", "TargetGroupArn": group}),
    )
}

/// A default rule that forwards everything.
pub(super) fn all(group: &str) -> Value {
    json!([forward("default", json!([]), group)])
}

pub(super) fn rule(priority: &str, conditions: Value, action: Value) -> Value {
    json!({"RuleArn": format!("rule-{priority}"), "Priority": priority, "Conditions": conditions, "Actions": [action]})
}

pub(super) fn path(value: &str) -> Value {
    json!([{"Field": "path-pattern", "PathPatternConfig": {"Values": [value]}}])
}

/// A group whose checks are quick.
pub(super) fn group(backends: &[&Backend]) -> TargetGroup {
    TargetGroup {
        protocol: "HTTP".to_owned(),
        protocol_version: None,
        health: HealthCheck {
            version: None,
            enabled: true,
            protocol: "HTTP".to_owned(),
            port: None,
            path: "/health".to_owned(),
            interval_ms: 20,
            timeout_ms: 5_000,
            healthy: 2,
            unhealthy: 2,
            http_codes: "200".to_owned(),
            grpc_codes: "12".to_owned(),
        },
        attributes: Attributes::new(),
        functions: None,
        targets: backends.iter().map(|backend| target(backend.at)).collect(),
    }
}

pub(super) fn target(at: SocketAddr) -> Target {
    Target {
        id: at.ip().to_string(),
        port: at.port(),
        server: None,
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        draining: false,
    }
}

pub(super) fn attribute(key: &str, value: &str) -> (Arn, String) {
    (key.to_owned(), value.to_owned())
}
