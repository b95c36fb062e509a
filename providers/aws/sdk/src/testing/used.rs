//! Every call that users are asked to allow is one that a driver makes: what no driver needs any more is to leave the list.
//!
//! Gateways of each class are prepared, made, edited in each way that has a call of its own, made again by a process
//! that knows nothing while searches lag behind, and removed. The account whose calls count is the drivers' alone; what
//! users and this test do has another one.

mod elb;
mod lattice;

use super::simulator::{readable, simulator};
use super::{Seen, Setup, account};
use crate::Account;
use crate::calls::{ALL, Grant, Service, policy};
use crate::limiter::{Bucket, Figures};
use gatewright_aws_core::Str;
use gatewright_aws_simulator::faults::{Effect, Fault};
use gatewright_aws_simulator::run::Running;
use gatewright_aws_simulator::state::{self, place};
use gatewright_core::graph::parameters::Parameters;
use gatewright_model::LoadBalancer;
use gatewright_model::balancer::{AddressRequest, Infrastructure};
use gatewright_model::hostname::HostPattern;
use gatewright_model::key::{ListenerKey, ListenerParent, ObjectName};
use gatewright_model::listener::{Listener, ListenerTls, Protocol, TlsTermination};
use gatewright_provider_api::contract;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where Gateways of drivers stand.
struct Ground {
    running: Running,
    users: Account,
    drivers: Account,
    seen: Arc<Seen>,
}

impl Ground {
    async fn new() -> Self {
        let running = simulator(None).await;
        running.simulator.inner().settings.second_ms = 20;
        let url = format!("http://{}", running.services);
        let wide = Figures {
            burst: 10_000,
            per_second: 10_000.0,
        };
        let setup = || Setup {
            raised: Bucket::ALL.map(|bucket| (bucket, wide)).into(),
            ..Setup::default()
        };
        let (users, _) = account(&url, setup());
        let (drivers, seen) = account(&url, setup());
        Self {
            running,
            users,
            drivers,
            seen,
        }
    }

    async fn vpc(&self) -> Str {
        self.users.ec2().vpcs(&[]).await.unwrap()[0].id.as_str().into()
    }

    /// From now on nobody may do more than the policy allows.
    fn restrict(&self) {
        let policy = readable(&policy(Grant::ALL, "aws", Some("test")));
        self.running.simulator.inner().policy = Some(policy);
    }

    /// Searches by tags show what was there now, or what is there.
    fn searches_lag(&self, lag: bool) {
        let mut inner = self.running.simulator.inner();
        inner.faults.clear();
        if lag {
            inner.faults.add(Fault {
                service: "tagging".into(),
                operation: "GetResources".into(),
                account: None,
                region: None,
                skip: 0,
                count: None,
                effect: Effect::Stale { ms: 3_600_000 },
            });
        }
    }

    /// Subnets of the account have IPv6 addresses, too.
    fn with_ipv6(&self) {
        let mut inner = self.running.simulator.inner();
        let here = inner
            .world
            .accounts
            .get_mut(&place("123456789012", "eu-central-1"));
        let account: &mut state::Account = here.unwrap();
        let mut value = serde_json::to_value(&*account).unwrap();
        let subnets = value["ec2"]["subnets"].as_object_mut().unwrap();
        for (number, subnet) in subnets.values_mut().enumerate() {
            subnet["ipv6"] = json!(format!("2001:db8:0:{number:x}::/64"));
        }
        *account = serde_json::from_value(value).unwrap();
    }

    /// Calls of drivers so far.
    fn made(&self) -> BTreeSet<(Service, &'static str)> {
        self.seen.calls()
    }
}

/// A Gateway with a port on which TLS ends, whose certificate is looked for, at an address that is asked for.
fn wanted(protocol: Protocol, parameters: Parameters) -> contract::Request {
    let gateway = ObjectName::new("shop", "prepared");
    let key = ListenerKey {
        parent: ListenerParent::Gateway(gateway.clone()),
        name: "tls".into(),
    };
    let listener = Listener {
        key: key.clone(),
        port: 443,
        protocol,
        hostname: HostPattern::Any,
        tls: Some(ListenerTls::Terminate(TlsTermination {
            certificates: Vec::new(),
            client_validation: None,
            options: BTreeMap::new(),
        })),
        filters: Vec::new(),
    };
    let address = AddressRequest {
        kind: "IPAddress".into(),
        value: Some("203.0.113.7".into()),
        routability: "".into(),
    };
    contract::Request {
        balancer: Arc::new(LoadBalancer {
            gateway,
            class: "c".into(),
            controller: "gatewright.dev/aws".into(),
            addresses: vec![address],
            infrastructure: Infrastructure::default(),
            listeners: BTreeMap::from([(key, Arc::new(listener))]),
            http_routes: BTreeMap::new(),
            stream_routes: BTreeMap::new(),
            backends: BTreeMap::new(),
            certificates: BTreeMap::new(),
            backend_client_certificate: None,
            tracing: None,
        }),
        uid: "".into(),
        parameters,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_listed_call_is_one_that_a_driver_makes() {
    let ground = Ground::new().await;
    Box::pin(elb::lives(&ground)).await;
    Box::pin(lattice::lives(&ground)).await;
    let made = ground.made();
    let unused: Vec<String> = ALL
        .iter()
        // Who the account is, is asked when it is connected.
        .filter(|call| call.service != Service::Sts && !made.contains(&(call.service, call.operation)))
        .map(|call| format!("{} {}", call.service.id(), call.operation))
        .collect();
    assert!(
        unused.is_empty(),
        "no driver makes these calls: take them from the list and the policy, or add here how a Gateway comes to need them: {unused:#?}"
    );
    ground.running.stop().await.unwrap();
}
