//! A service that the AWS Gateway API Controller of another cluster made is taken over while clients call it, by what the policy
//! that is written for users allows.

use super::{HOST, PLAIN, answers, ask, backend, group, place, rule, take_away, target};
use crate::Account;
use crate::testing::until::{PATIENCE, is_settled};
use gatewright_aws::cloud::{Answer, Arn};
use gatewright_aws::lattice::cloud::{
    self, Auth, Kind, Listeners as _, Networks as _, NewListener, NewRule, NewService, NewTargetGroup,
    Resources as _, Services as _, TargetGroups as _,
};
use gatewright_aws::lattice::swept::Swept;
use gatewright_aws::lattice::{LatticeDriver, Request, Settings};
use gatewright_aws::owner::{MANAGED_BY, OFFERED, Tags};
use gatewright_aws::swept::Ages;
use gatewright_aws_core::Str;
use gatewright_aws_core::lattice::settings::Limits;
use gatewright_aws_core::lattice::{
    Action, Adoption, Match, Network, PathMatch, Protocol, ServiceId, Target,
};
use gatewright_aws_core::target_group::TargetGroupId;
use gatewright_aws_simulator::run::Running;
use gatewright_provider_api::contract::converge;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the owner of the account does, whom our policy does not bind.
async fn by_owner<T>(running: &Running, act: impl Future<Output = T>) -> T {
    let ours = running.simulator.inner().policy.take();
    let done = act.await;
    running.simulator.inner().policy = ours;
    done
}

/// AWS refuses what comes before it has set something up.
async fn patiently<T, F: Future<Output = Answer<T>>>(call: impl Fn() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match call().await {
            Ok(done) => return done,
            Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Where a generated name leads on this machine, once it leads anywhere.
async fn leads_to(running: &Running, name: &str) -> IpAddr {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let told = {
            let inner = running.simulator.inner();
            let mut balancers = inner.publisher.told().balancers.values();
            let found = balancers.find(|balancer| balancer.dns_name == name);
            found.map(|balancer| balancer.address)
        };
        if let Some(address) = told {
            return address;
        }
        assert!(Instant::now() < deadline, "nothing is called {name}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

struct Theirs {
    network: Arn,
    service: Arn,
    group: Arn,
}

async fn plant(cloud: &Account, vpc: &Str, at: SocketAddr) -> Theirs {
    let tags = Tags::from([(MANAGED_BY.into(), "123456789012/old/vpc-old".into())]);
    let network = cloud.create_network("shared", Auth::None, &tags).await.unwrap();
    let wanted = group("k8s-shop", at);
    let new = NewTargetGroup {
        name: wanted.name.clone(),
        fixed: wanted.fixed.clone(),
        vpc: vpc.clone(),
        health: wanted.health.clone(),
        tags: tags.clone(),
    };
    let group = cloud.create_group(&new).await.unwrap();
    patiently(|| cloud.register_targets(&group, &wanted.targets)).await;
    let new = NewService {
        name: "shop-default".into(),
        domain: Some(HOST.into()),
        certificate: None,
        auth: Auth::None,
        tags: tags.clone(),
    };
    let service = cloud.create_service(&new).await.unwrap();
    let new = NewListener {
        name: "shop-default-http".into(),
        port: PLAIN,
        protocol: Protocol::Http,
        default: cloud::Action::Fixed(404),
        tags: tags.clone(),
    };
    let listener = patiently(|| cloud.create_service_listener(&service, &new)).await;
    let new = NewRule {
        name: "k8s-everything".into(),
        priority: 1,
        conditions: Match {
            path: Some(PathMatch::Prefix("/".into())),
            ..Match::default()
        },
        action: cloud::Action::Forward(BTreeMap::from([(group.clone(), 1)])),
        tags: tags.clone(),
    };
    patiently(|| cloud.create_service_rule(&listener, &new)).await;
    patiently(|| cloud.associate_service(&network, &service, &tags)).await;
    Theirs {
        network,
        service,
        group,
    }
}

/// A Gateway in the same network with a route of the host.
fn wanted(vpc: &Str, at: SocketAddr, theirs: &Theirs) -> Target {
    let mut target = target(vpc, (at, at));
    target.network = Network::Given(theirs.network.0.clone());
    target.vpc = None;
    target.certificates.clear();
    let first = TargetGroupId("one".into());
    target.target_groups.retain(|id, _| *id == first);
    let host = target.services.get_mut(&ServiceId(HOST.into())).unwrap();
    host.name = "shop-default".into();
    host.certificate = None;
    host.listeners.retain(|port, _| *port == PLAIN);
    let action = Action::Forward(BTreeMap::from([(first, 1)]));
    host.listeners.get_mut(&PLAIN).unwrap().rules = vec![rule(PathMatch::Exact("/one".into()), action)];
    host.adopt = Some(Adoption {
        arn: theirs.service.0.clone(),
        take: None,
    });
    target
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_taken_over_while_clients_call_it() {
    let (running, cloud, _, vpc) = place().await;
    let theirs = by_owner(&running, plant(&cloud, &vpc, backend("old").await)).await;
    let wanted = wanted(&vpc, backend("new").await, &theirs);
    let found = patiently(|| cloud.service(&theirs.service)).await.unwrap();
    let at = SocketAddr::new(leads_to(&running, &found.dns_name).await, PLAIN);
    answers(at, (HOST, "/one"), "200 old").await;

    let settings = Settings {
        cluster: "test".into(),
        vpc: None,
    };
    let ages = Ages {
        busy: Duration::from_millis(20),
        ..Ages::default()
    };
    let driver = LatticeDriver::new(Swept::new(cloud.clone(), "test", ages), settings);
    let limits = Limits::default();
    let refused = driver.adopt(&mut wanted.clone(), &limits).await.unwrap().unwrap();
    assert!(
        refused.message.contains("its owner has not offered it"),
        "{refused:?}"
    );
    let offer = Tags::from([(OFFERED.into(), "test/infra/edge".into())]);
    by_owner(&running, cloud.tag(Kind::Service, &theirs.service, &offer))
        .await
        .unwrap();

    let (heard, ends) = (
        Arc::<Mutex<BTreeSet<String>>>::default(),
        Arc::<AtomicBool>::default(),
    );
    let client = {
        let (heard, ends) = (Arc::clone(&heard), Arc::clone(&ends));
        tokio::spawn(async move {
            while !ends.load(Ordering::Relaxed) {
                if let Some(answer) = ask(at, HOST, "/one").await {
                    heard.lock().unwrap().insert(answer.trim().to_owned());
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    };
    let deadline = Instant::now() + PATIENCE;
    let outcome = loop {
        let mut target = wanted.clone();
        let fault = driver.adopt(&mut target, &limits).await.unwrap();
        assert_eq!(fault, None);
        let request = Request {
            target,
            unsupported: Vec::new(),
            quotas: Vec::new(),
            fault,
        };
        let outcome = Box::pin(converge(&driver, &request)).await;
        if is_settled(&outcome) {
            break outcome;
        }
        assert!(Instant::now() < deadline, "{outcome:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    answers(at, (HOST, "/one"), "200 new").await;
    ends.store(true, Ordering::Relaxed);
    client.await.unwrap();
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard, ["200 new".to_owned(), "200 old".to_owned()].into());

    // Its name is what it was; its former controller knows that it is not its own any more, and keeps its target group.
    assert_eq!(outcome.addresses.names.get(HOST), Some(&found.dns_name));
    assert_eq!(outcome.addresses.fault, None);
    let tags = cloud.tags_of(&theirs.service).await.unwrap().unwrap();
    let of = |key: &str| tags.get(key).map(|value| &**value);
    assert_eq!(of(MANAGED_BY), Some("gatewright.dev/test"));
    assert_eq!(of("gatewright.dev/gateway"), Some("infra/edge"));
    let listeners = cloud.listeners_of(&theirs.service).await.unwrap();
    assert_eq!(listeners.len(), 1);
    assert_eq!(cloud.rules_of(&listeners[0].arn).await.unwrap().len(), 1);
    assert_eq!(cloud.targets_of(&theirs.group).await.unwrap().len(), 1);

    take_away(&driver, &cloud, &wanted).await;
    assert!(cloud.group(&theirs.group).await.unwrap().is_some());
    assert!(cloud.network(&theirs.network).await.unwrap().is_some());
    running.stop().await.unwrap();
}
