//! The contract over the real wire: whatever write is the last one of a process, and whatever answer never comes, the
//! next process leads to what is wanted, and nothing is left over at the end.
//!
//! A connection to the simulator is cut at the write of a chosen number: the process ends there, or gets no answer, each
//! before or after the write took effect. The suite in memory (`gatewright-aws`) does so at every call and in many more
//! forms; this one shows that signing, encoding, retries and reading of errors change nothing about it.

mod cut;

use super::drive::{settle_with, take_away_with, target};
use super::simulator::simulator;
use super::{Setup, account_over};
use crate::limiter::{Bucket, Figures};
use crate::{Account, calls};
use cut::{Cut, How};
use gatewright_aws::alb::{AlbDriver, Request, Settings};
use gatewright_aws::swept::{Ages, Swept};
use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::rule::Action;
use gatewright_aws_core::network::Scheme;
use gatewright_aws_simulator::run::Running;
use gatewright_provider_api::contract::{converge, remove};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is wanted of the Gateway: a form of it, or that it is gone.
type Goal = Option<usize>;

/// From nothing, to another form, to one that must be replaced, and back to nothing from anywhere.
const STEPS: [(Goal, Goal); 5] = [
    (None, Some(0)),
    (Some(0), Some(1)),
    (Some(1), Some(2)),
    (Some(2), None),
    (Some(0), None),
];

/// Cases of one run of the test command.
const SAMPLED: usize = 16;

static ACCOUNTS: AtomicU64 = AtomicU64::new(100_000_000_000);

/// An account that nobody used before.
struct Place<'a> {
    simulator: &'a Running,
    number: String,
}

impl<'a> Place<'a> {
    fn new(simulator: &'a Running) -> Self {
        Self {
            simulator,
            number: ACCOUNTS.fetch_add(1, Ordering::Relaxed).to_string(),
        }
    }

    /// A process' way to it.
    fn account(&self, cut: &Arc<Cut>) -> Account {
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
        let cut = Arc::clone(cut);
        let url = format!("http://{}", self.simulator.services);
        account_over(&url, setup, move |inner| cut::Cutting::shared(inner, cut)).0
    }

    /// What there is, of whatever kind: numbers by place in the simulator's inventory.
    fn shape(&self) -> BTreeMap<String, usize> {
        let inner = self.simulator.simulator.inner();
        let mut shape = BTreeMap::new();
        for (place, account) in &inner.world.accounts {
            if place.contains(&self.number) {
                let value = serde_json::to_value(account).unwrap();
                measure(&value, String::new(), &mut shape);
                // AWS's own, which go a moment after their load balancer.
                shape.remove("/ec2/interfaces");
            }
        }
        shape
    }
}

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

fn process(account: &Account) -> AlbDriver<Swept<Account>> {
    let ages = Ages {
        busy: Duration::ZERO,
        ..Ages::default()
    };
    let settings = Settings {
        cluster: "test".into(),
        drain: Duration::ZERO,
        vpc: None,
    };
    AlbDriver::new(Swept::new(account.clone(), "test", ages), settings, || 0)
}

/// The forms. Certificates are the same in all accounts.
fn forms(first: Target) -> Vec<Target> {
    let mut second = first.clone();
    let listener = second.listeners.get_mut(&8080).unwrap();
    if let Action::Forward(forward) = &mut listener.rules[0].action {
        forward.groups.values_mut().for_each(|weight| *weight = 5);
    }
    listener.rules.pop();
    listener.rules.reverse();
    second.listeners.remove(&8443);
    second.certificates.clear();
    second.trust_stores.clear();
    second.tags.insert("team".into(), "other".into());
    for group in second.target_groups.values_mut() {
        let gone = group.targets.pop_first().unwrap();
        group
            .targets
            .insert(gatewright_aws_core::target_group::Target { port: 9090, ..gone });
    }
    let mut third = second.clone();
    third.balancer.scheme = Scheme::Internal;
    third.balancer.name = "gw-shop-web-internal".into();
    for group in third.target_groups.values_mut() {
        group.name = format!("{}-internal", group.name).into();
    }
    vec![first, second, third]
}

async fn reach(place: &Place<'_>, forms: &[Target], goal: Goal) {
    let account = place.account(&Arc::default());
    let driver = process(&account);
    match goal {
        Some(form) => {
            Box::pin(settle_with(&driver, &forms[form])).await;
        }
        None => Box::pin(take_away_with(&driver, &account, &forms[0])).await,
    }
}

/// The forms with subnets of this account.
async fn in_place(place: &Place<'_>, forms: &[Target]) -> Vec<Target> {
    let own = target(&place.account(&Arc::default())).await;
    let mut forms = forms.to_vec();
    for form in &mut forms {
        form.balancer.vpc = own.balancer.vpc.clone();
        form.balancer.subnets = own.balancer.subnets.clone();
        for store in form.trust_stores.values_mut() {
            store.place.bucket = format!("gatewright-trust-{}", place.number).into();
        }
    }
    forms
}

/// What an undisturbed run leaves, and how often it writes.
async fn undisturbed(
    simulator: &Running,
    forms: &[Target],
    (from, to): (Goal, Goal),
) -> (BTreeMap<String, usize>, usize) {
    let place = Place::new(simulator);
    let forms = in_place(&place, forms).await;
    Box::pin(reach(&place, &forms, from)).await;
    let cut = Arc::new(Cut::default());
    let account = place.account(&cut);
    let driver = process(&account);
    match to {
        Some(form) => {
            Box::pin(settle_with(&driver, &forms[form])).await;
        }
        None => Box::pin(take_away_with(&driver, &account, &forms[0])).await,
    }
    let shape = place.shape();
    Box::pin(reach(&place, &forms, None)).await;
    (shape, cut.writes())
}

/// One cut connection.
async fn disturbed(
    simulator: &Running,
    forms: &[Target],
    (from, to): (Goal, Goal),
    (at, how): (usize, How),
) -> BTreeMap<String, usize> {
    let place = Place::new(simulator);
    let forms = in_place(&place, forms).await;
    Box::pin(reach(&place, &forms, from)).await;
    let cut = Arc::new(Cut::at(at, how));
    let account = place.account(&cut);
    let driver = process(&account);
    // As often as an undisturbed run may need until it comes to that write.
    for _ in 0..100 {
        let run = async {
            match to {
                Some(form) => {
                    let request = Request {
                        target: forms[form].clone(),
                        unsupported: Vec::new(),
                        quotas: Vec::new(),
                        look_again: None,
                        fault: None,
                    };
                    Box::pin(converge(&driver, &request)).await;
                }
                None => {
                    Box::pin(remove(&driver, &forms[0].gateway)).await;
                }
            }
        };
        tokio::select! {
            () = run => {}
            () = cut.killed() => break,
        }
        if cut.is_hit() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(cut.is_hit(), "{from:?} to {to:?}: write {at} never came");
    Box::pin(reach(&place, &forms, to)).await;
    let shape = place.shape();
    Box::pin(reach(&place, &forms, None)).await;
    shape
}

/// Cuts every `each`th of all cases.
async fn all(each: impl Fn(usize) -> usize) {
    let simulator = simulator(None).await;
    simulator.simulator.inner().settings.load_balancer_provisioning_ms = 20;
    simulator.simulator.inner().settings.interface_release_ms = 20;
    let first = target(&Place::new(&simulator).account(&Arc::default())).await;
    let forms = forms(first);
    let mut cases = Vec::new();
    let mut ideals = Vec::new();
    for (number, step) in STEPS.into_iter().enumerate() {
        let (shape, writes) = Box::pin(undisturbed(&simulator, &forms, step)).await;
        assert!(writes > 2, "{step:?} writes {writes} times");
        for at in 0..writes {
            for how in How::ALL {
                cases.push((number, step, (at, how)));
            }
        }
        ideals.push(shape);
    }
    let each = each(cases.len()).max(1);
    let mut made = 0;
    for (number, step, case) in cases.iter().step_by(each) {
        let shape = Box::pin(disturbed(&simulator, &forms, *step, *case)).await;
        assert_eq!(shape, ideals[*number], "{step:?}, cut {case:?}");
        made += 1;
    }
    println!(
        "{made} of {} cuts of connections: nothing lacking, nothing left",
        cases.len()
    );
    assert!(calls::ALL.len() > 20);
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_process_may_end_at_any_write() {
    // A step that shares no factor with the ways of cutting, so that all of them come.
    Box::pin(all(|cases| (cases / SAMPLED) | 1)).await;
}

#[tokio::test]
#[ignore = "takes minutes; part of `cargo xtask test --full`"]
async fn a_process_may_end_at_every_write() {
    Box::pin(all(|_| 1)).await;
}
