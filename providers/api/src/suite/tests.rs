//! The suite finds what it is for: each driver here breaks one clause, and the fake breaks none.

use super::fake::{Cloud, FakeDriver, Step, stages};
use super::{Calls, Report, World, run};
use crate::Provider;
use crate::contract::{Action, Addresses, Change, Driver, Lowered, Plan, ProviderError, Resource};
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use std::collections::BTreeMap;
use std::sync::Arc;

#[test]
fn the_fake_keeps_the_contract() {
    let report = run::<Arc<Cloud>>();
    assert_eq!(report.failed, 0, "{report}");
    assert!(report.checks > 1000, "{report}");
}

/// A clause that a driver breaks.
trait Sabotage: Send + Sync + Sized + 'static {
    fn plan(plan: Plan<Step>, target: bool) -> Plan<Step>;
}

struct Broken<S>(Arc<Cloud>, std::marker::PhantomData<S>);
struct BrokenDriver<S>(FakeDriver, std::marker::PhantomData<S>);

impl<S: Sabotage> Driver for BrokenDriver<S> {
    type Input = Arc<LoadBalancer>;
    type Target = <FakeDriver as Driver>::Target;
    type Observed = <FakeDriver as Driver>::Observed;
    type Step = Step;

    fn provider(&self) -> Provider {
        self.0.provider()
    }
    fn gateway<'a>(&self, input: &'a Self::Input) -> &'a ObjectName {
        &input.gateway
    }
    fn lower(&self, input: &Self::Input) -> Lowered<Self::Target> {
        self.0.lower(input)
    }
    async fn observe(&self, gateway: &ObjectName) -> Result<Self::Observed, ProviderError> {
        self.0.observe(gateway).await
    }
    fn plan(&self, target: Option<&Self::Target>, observed: &Self::Observed) -> Plan<Step> {
        S::plan(self.0.plan(target, observed), target.is_some())
    }
    async fn apply(&self, change: &Change<Step>) -> Result<(), ProviderError> {
        self.0.apply(change).await
    }
    fn addresses(&self, input: &Self::Input, observed: &Self::Observed) -> Addresses {
        self.0.addresses(input, observed)
    }
}

impl<S: Sabotage> World for Broken<S> {
    type Driver = BrokenDriver<S>;
    fn empty() -> Self {
        Self(Arc::default(), std::marker::PhantomData)
    }
    fn copy(&self) -> Self {
        Self(self.0.copy(), std::marker::PhantomData)
    }
    fn is_like(&self, other: &Self) -> bool {
        self.0.is_like(&other.0)
    }
    fn driver(&self) -> Self::Driver {
        BrokenDriver(self.0.driver(), std::marker::PhantomData)
    }
    fn stages() -> Vec<Arc<LoadBalancer>> {
        stages()
    }
    fn calls(&self) -> &Calls {
        self.0.calls()
    }
    fn contents(&self) -> BTreeMap<Resource, String> {
        self.0.contents()
    }
    fn plant_foreign(&self) {
        self.0.plant_foreign();
    }
    fn lose(&self, resource: &Resource) {
        self.0.lose(resource);
    }
    fn damage(&self, resource: &Resource) -> bool {
        self.0.damage(resource)
    }
    fn order() -> &'static [&'static str] {
        <Arc<Cloud> as World>::order()
    }
}

fn finds<S: Sabotage>(words: &str) {
    let report: Report = run::<Broken<S>>();
    assert!(
        report.failures.iter().any(|failure| failure.contains(words)),
        "{words:?} is not among: {report}"
    );
}

#[test]
fn a_leak_is_found() {
    struct NeverDeletes;
    impl Sabotage for NeverDeletes {
        fn plan(mut plan: Plan<Step>, _: bool) -> Plan<Step> {
            plan.changes.retain(|change| change.action != Action::Delete);
            plan
        }
    }
    finds::<NeverDeletes>("leaked [\"");
}

#[test]
fn damage_that_stays_is_found() {
    struct NeverUpdates;
    impl Sabotage for NeverUpdates {
        fn plan(mut plan: Plan<Step>, _: bool) -> Plan<Step> {
            plan.changes.retain(|change| change.action != Action::Update);
            plan
        }
    }
    finds::<NeverUpdates>("different [\"");
}

#[test]
fn a_write_without_need_is_found() {
    struct AlwaysWrites;
    impl Sabotage for AlwaysWrites {
        fn plan(mut plan: Plan<Step>, target: bool) -> Plan<Step> {
            if target && plan.is_empty() {
                plan.changes.push(Change {
                    action: Action::Delete,
                    resource: Resource {
                        kind: "pool",
                        id: "nothing".into(),
                    },
                    fields: Vec::new(),
                    why: "to be sure".to_owned(),
                    needs: Vec::new(),
                    step: Step::Delete,
                });
            }
            plan
        }
    }
    finds::<AlwaysWrites>("the second run plans");
}

#[test]
fn destroying_before_creating_is_found() {
    struct Reversed;
    impl Sabotage for Reversed {
        fn plan(mut plan: Plan<Step>, _: bool) -> Plan<Step> {
            plan.changes.sort_by_key(|change| change.action != Action::Delete);
            plan
        }
    }
    finds::<Reversed>("deleted before all is created");
}
