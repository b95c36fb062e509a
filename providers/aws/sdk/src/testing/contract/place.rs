//! An account that nobody used before, and the time that passes in it.
//!
//! Time is AWS's: a pause of the controller lets the simulator's clock jump, and health checks and draining, which are in
//! the machine's time, pass as much faster. So a load balancer may take its 90 seconds, and a run takes none.

use super::client::{Client, Question};
use super::cut::{Cut, Cutting};
use super::{Setup, account_over};
use crate::Account;
use crate::limiter::{Bucket, Figures};
use gatewright_aws_simulator::faults::throttle::Throttling;
use gatewright_aws_simulator::faults::{Effect, Fault, Faults};
use gatewright_aws_simulator::run::Running;
use gatewright_aws_simulator::service::Settings;
use serde_json::Value;
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static ACCOUNTS: AtomicU64 = AtomicU64::new(100_000_000_000);

thread_local! {
    /// Seconds since 1970 by the simulator's clock: drivers ask a plain function.
    static NOW: Cell<u64> = const { Cell::new(0) };
}

/// The clock of drivers.
pub(super) fn now() -> u64 {
    NOW.get()
}

/// How long AWS takes, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) balancer: u64,
    pub(super) interfaces: u64,
    pub(super) security_group: u64,
    pub(super) certificate: u64,
    pub(super) lattice: u64,
    pub(super) trust_store: u64,
    /// How long a call takes.
    pub(super) call: u64,
    /// How old answers to searches by tags are.
    pub(super) tags: Option<u64>,
    /// Whether requests are limited as documented.
    pub(super) limited: bool,
    /// Of this machine for each second of health checks and draining.
    pub(super) second: u64,
}

impl Pace {
    /// Little of everything.
    pub(super) const QUICK: Self = Self {
        balancer: 6_000,
        interfaces: 2_000,
        security_group: 0,
        certificate: 500,
        lattice: 2_000,
        trust_store: 200,
        call: 0,
        tags: None,
        limited: false,
        second: 2,
    };

    /// As in the run of the conformance suite at the pace of AWS; each call takes a tenth of a second.
    pub(super) const AWS: Self = Self {
        balancer: 90_000,
        interfaces: 15_000,
        security_group: 2_000,
        certificate: 5_000,
        lattice: 10_000,
        trust_store: 5_000,
        call: 100,
        tags: Some(3_000),
        limited: true,
        second: 2,
    };

    /// Has a simulator take so long.
    pub(super) fn set(self, simulator: &Running) {
        let mut inner = simulator.simulator.inner();
        inner.settings = Settings {
            load_balancer_provisioning_ms: self.balancer,
            interface_release_ms: self.interfaces,
            security_group_visible_ms: self.security_group,
            certificate_validation_ms: self.certificate,
            lattice_status_ms: self.lattice,
            trust_store_creation_ms: self.trust_store,
            second_ms: self.second,
            ..Settings::default()
        };
        self.trouble(&mut inner.faults);
    }

    /// What always is.
    pub(super) fn trouble(self, faults: &mut Faults) {
        faults.clear();
        if let Some(ms) = self.tags {
            faults.add(Fault {
                service: "tagging".into(),
                operation: "GetResources".into(),
                account: None,
                region: None,
                skip: 0,
                count: None,
                effect: Effect::Stale { ms },
            });
        }
        faults.buckets.set(if self.limited {
            Throttling::documented()
        } else {
            Throttling::default()
        });
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "load balancers active after {} ms, interfaces released after {} ms, security groups known after {} ms, \
             certificates issued after {} ms, trust stores made after {} ms, states of VPC Lattice {} ms, each call \
             {} ms, searches by tags {} ms old, limits of requests {}",
            self.balancer,
            self.interfaces,
            self.security_group,
            self.certificate,
            self.trust_store,
            self.lattice,
            self.call,
            self.tags.unwrap_or_default(),
            if self.limited { "as documented" } else { "off" },
        )
    }
}

/// What an account has, by place.
pub(super) type Contents = BTreeMap<String, Value>;

/// An account that nobody used before.
pub(super) struct Place<'a> {
    pub(super) simulator: &'a Running,
    pub(super) number: String,
    pub(super) pace: Pace,
    /// Backends on this machine.
    pub(super) pods: [SocketAddr; 3],
    /// Who asks all the time, if somebody does.
    client: OnceCell<Client>,
}

impl<'a> Place<'a> {
    pub(super) fn new(simulator: &'a Running, pace: Pace, pods: [SocketAddr; 3]) -> Self {
        Self {
            simulator,
            number: ACCOUNTS.fetch_add(1, Ordering::Relaxed).to_string(),
            pace,
            pods,
            client: OnceCell::new(),
        }
    }

    /// Somebody asks from now on, by this name at first.
    pub(super) async fn watch(&self, name: &str, question: Question) -> Client {
        let at = self.address(name, question.port);
        let at = at.unwrap_or_else(|| panic!("nothing is called {name}"));
        let client = Client::start(at, question).await;
        self.client.set(client.clone()).expect("nobody asks yet");
        client
    }

    /// The client is told a name.
    pub(super) fn publish(&self, name: &str, port: u16) {
        if let Some(client) = self.client.get()
            && let Some(at) = self.address(name, port)
        {
            client.hear(self.millis(), at);
        }
    }

    /// Where a generated name leads on this machine.
    fn address(&self, name: &str, port: u16) -> Option<SocketAddr> {
        let inner = self.simulator.simulator.inner();
        let mut balancers = inner.publisher.told().balancers.values();
        let named = balancers.find(|balancer| balancer.dns_name.eq_ignore_ascii_case(name))?;
        Some(SocketAddr::new(named.address, port))
    }

    /// A process' way to it, which is not paced.
    pub(super) fn account(&self, cut: &Arc<Cut>) -> Account {
        let wide = Figures {
            burst: 100_000,
            per_second: 100_000.0,
        };
        let setup = Setup {
            answer: Duration::from_secs(5),
            raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
            key: self.number.clone(),
            ..Setup::default()
        };
        if let Some(client) = self.client.get() {
            cut.watch(client);
        }
        let cut = Arc::clone(cut);
        let clock = (Arc::clone(&self.simulator.simulator), self.pace.call);
        let url = format!("http://{}", self.simulator.services);
        account_over(&url, setup, move |inner| Cutting::shared(inner, cut, clock)).0
    }

    /// Milliseconds since 1970 in AWS.
    pub(super) fn millis(&self) -> u64 {
        self.simulator.simulator.clock.now()
    }

    /// Tells drivers the time.
    pub(super) fn tell_time(&self) {
        NOW.set(self.millis() / 1000);
    }

    /// So much time passes.
    pub(super) async fn pass(&self, pause: Duration) {
        let millis = u64::try_from(pause.as_millis()).unwrap();
        let here = (millis * self.pace.second / 1000).max(1);
        tokio::time::sleep(Duration::from_millis(here)).await;
        self.simulator
            .simulator
            .clock
            .advance(millis.saturating_sub(here));
        self.simulator.simulator.publish();
        if let Some(client) = self.client.get() {
            client.follow(self.millis()).await;
        }
    }

    /// What there is, each by its place in the simulator's inventory.
    pub(super) fn contents(&self) -> Contents {
        let inner = self.simulator.simulator.inner();
        let accounts = inner.world.accounts.iter();
        let own = accounts.filter(|(place, _)| place.contains(&self.number));
        let mut contents = Contents::new();
        for (_, account) in own {
            let services = serde_json::to_value(account).unwrap();
            for (service, kinds) in services.as_object().unwrap() {
                for (kind, things) in kinds.as_object().into_iter().flatten() {
                    let at = format!("/{service}/{kind}");
                    if PASSING.contains(&at.as_str()) {
                        continue;
                    }
                    for (id, thing) in things.as_object().into_iter().flatten() {
                        contents.insert(format!("{at}/{id}"), thing.clone());
                    }
                }
            }
        }
        contents
    }

    /// What there is, of whatever kind: numbers by place in the simulator's inventory.
    pub(super) fn shape(&self) -> BTreeMap<String, usize> {
        let inner = self.simulator.simulator.inner();
        let mut shape = BTreeMap::new();
        for (place, account) in &inner.world.accounts {
            if place.contains(&self.number) {
                let value = serde_json::to_value(account).unwrap();
                measure(&value, String::new(), &mut shape);
                for passing in PASSING {
                    shape.remove(passing);
                }
            }
        }
        shape.retain(|_, number| *number > 0);
        shape
    }
}

/// AWS's own: interfaces go a moment after their load balancer; ACM's authority is there once somebody imports; tokens of
/// creations are remembered; and the ends of what goes in VPC Lattice are forgotten by the next call.
const PASSING: [&str; 4] = [
    "/ec2/interfaces",
    "/acm/authority",
    "/lattice/tokens",
    "/lattice/going",
];

/// How many things each collection has, three levels deep: below are the things themselves.
fn measure(value: &Value, at: String, shape: &mut BTreeMap<String, usize>) {
    let Value::Object(members) = value else {
        return;
    };
    for (name, member) in members {
        let at = format!("{at}/{name}");
        match member {
            Value::Array(items) => {
                shape.insert(at, items.len());
            }
            Value::Object(inner) if at.matches('/').count() == 2 => {
                shape.insert(at, inner.len());
            }
            inner => measure(inner, at, shape),
        }
    }
}
