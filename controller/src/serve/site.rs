//! One serving process: files, engine and data plane, kept in step.

use super::inspect::State;
use super::parameters::{GatewayOptions, Own};
use super::place::Placing;
use super::program;
use crate::admin::Inspect;
use crate::input::dangling::Dangling;
use crate::input::key_of;
use crate::input::world::{Look, Problem, World};
use crate::output::conditions::{self, Change as ConditionChange, Row};
use gatewright_core::engine::{BalancerChange, Delta, Engine};
use gatewright_core::snapshot::{Change, ObjectKey};
use gatewright_core::status::Status;
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use gatewright_provider_api::{Provider, review};
use gatewright_proxy::listen::Proxy;
use gatewright_proxy::runtime::{ApplyReport, ListenerOutcome, ObjectRefusal, Placement};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often statuses are computed anew because time passes: certificates come near their end.
const REFRESH: Duration = Duration::from_secs(3600);

/// A serving process.
pub struct Site {
    world: World,
    proxy: Arc<Proxy>,
    placing: Placing,
    options: GatewayOptions,
    problems: BTreeSet<String>,
    dangling: Dangling,
    refusals: Vec<ObjectRefusal>,
    failures: Vec<ListenerOutcome>,
    notices: BTreeMap<ObjectName, Vec<Unsupported>>,
    state: Arc<State>,
    first: bool,
    lacks_sockets: bool,
    refreshed: Instant,
}

/// The status of an object before and after a look.
#[derive(Clone, Debug)]
struct Told {
    before: Option<Arc<Status>>,
    after: Arc<Status>,
}

/// What one look at the files led to.
#[derive(Debug, Default)]
pub struct Step {
    /// The first look of the process.
    pub first: bool,
    /// Objects that changed.
    pub changed: usize,
    /// Objects that are gone, among those that changed.
    pub gone: Vec<ObjectKey>,
    /// Where was looked, if nothing at all was found there and the look before did not say so.
    pub empty: Option<String>,
    /// Statuses that changed; all at the first look.
    statuses: BTreeMap<ObjectKey, Told>,
    /// Problems with the files that were not there at the look before.
    pub problems: Vec<Problem>,
    /// Objects of foreign kinds, by kind; told at the first look.
    pub skipped: BTreeMap<String, usize>,
    /// What a cloud could not express of a Gateway that is served here in its stead.
    pub notices: Vec<(ObjectName, Provider, Vec<Unsupported>)>,
    /// Addresses that listeners are bound to.
    pub placements: Vec<Placement>,
    /// What the data plane said.
    pub report: ApplyReport,
    /// What the data plane could not use and did not say at the look before.
    pub refusals: Vec<ObjectRefusal>,
    /// Listeners that are not programmed, and were not for that reason before.
    pub failures: Vec<ListenerOutcome>,
    /// From the look to the data plane's answer.
    pub took: Duration,
}

impl Step {
    /// The conditions of every status that changed, one object after the other: thousands are told without
    /// holding them all.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        self.statuses
            .iter()
            .flat_map(|(key, told)| conditions::rows_of(key, &told.after))
    }

    /// Takes in statuses that changed; of several for one object the last counts.
    fn tell(&mut self, delta: Delta) {
        for change in delta.statuses {
            let told = Told {
                before: change.before,
                after: change.status,
            };
            match self.statuses.entry(change.key) {
                Entry::Vacant(entry) => {
                    entry.insert(told);
                }
                Entry::Occupied(mut entry) => entry.get_mut().after = told.after,
            }
        }
    }

    /// Conditions that changed.
    pub fn conditions(&self) -> impl Iterator<Item = ConditionChange> {
        self.statuses.iter().flat_map(|(key, told)| {
            let before = told
                .before
                .as_deref()
                .map(|before| conditions::rows_of(key, before));
            conditions::changes(
                &before.unwrap_or_default(),
                &conditions::rows_of(key, &told.after),
            )
        })
    }
}

impl Site {
    /// A site with nothing to serve yet.
    pub fn new(
        world: World,
        engine: Engine,
        proxy: Proxy,
        placing: Placing,
        options: GatewayOptions,
    ) -> Self {
        let proxy = Arc::new(proxy);
        Self {
            world,
            state: Arc::new(State::new(Arc::clone(&proxy), engine)),
            proxy,
            placing,
            options,
            problems: BTreeSet::new(),
            dangling: Dangling::default(),
            refusals: Vec::new(),
            failures: Vec::new(),
            notices: BTreeMap::new(),
            first: true,
            lacks_sockets: false,
            refreshed: Instant::now(),
        }
    }

    /// What the admin server shows.
    pub fn inspect(&self) -> Arc<dyn Inspect> {
        Arc::clone(&self.state) as Arc<dyn Inspect>
    }

    /// The load balancers served.
    pub fn balancers(&self) -> Vec<Arc<LoadBalancer>> {
        let engine = self.state.engine();
        engine
            .balancers()
            .map(|(_, balancer)| Arc::clone(balancer))
            .collect()
    }

    /// Looks at the files and brings the data plane and the statuses in step.
    pub fn look(&mut self) -> Step {
        let begin = Instant::now();
        let Look {
            changes,
            diagnostics,
            skipped,
            ..
        } = self.world.look();
        let first = std::mem::take(&mut self.first);
        let mut step = Step {
            first,
            changed: changes.len(),
            gone: changes.iter().filter_map(gone).collect(),
            skipped,
            ..Step::default()
        };
        step.problems = self.new_problems(diagnostics);
        if self.world.objects() == 0 && (first || step.changed > 0) {
            step.empty = Some(self.world.looked_at());
        }
        if changes.is_empty() && !first {
            return step;
        }
        self.update(changes, &mut step, begin);
        step
    }

    /// Whether some listener lacks its socket, which may be had later.
    pub const fn lacks_sockets(&self) -> bool {
        self.lacks_sockets
    }

    /// Tries again to take the sockets that could not be had.
    pub fn retry(&mut self) -> Step {
        let mut step = Step::default();
        self.update(Vec::new(), &mut step, Instant::now());
        step
    }

    /// Brings load balancers, data plane and statuses in step, in this order.
    fn update(&mut self, changes: Vec<Change>, step: &mut Step, begin: Instant) {
        let now = jiff::Timestamp::now();
        let state = Arc::clone(&self.state);
        let mut engine = state.engine();
        let changed = changes.iter().map(key_of).collect();
        let delta = engine.update(changes, now);
        let dangling = self.dangling.follow(engine.snapshot(), &self.world, &changed);
        step.problems.extend(dangling);
        step.placements = engine
            .balancers()
            .map(|(gateway, balancer)| Placement {
                options: self.options.of(
                    gateway,
                    &Own {
                        parameters: engine
                            .parameters(gateway)
                            .and_then(|parameters| parameters.software().cloned()),
                        session_key: None,
                    },
                ),
                ..self.placing.place(balancer)
            })
            .collect();
        step.report = self.proxy.apply(&step.placements);
        let outcomes = program::outcomes(self.placing, &step.placements, &step.report);
        let programmed = engine.set_programming(outcomes, now);
        drop(engine);
        step.took = begin.elapsed();
        state.serving();
        let known = std::mem::replace(&mut self.refusals, step.report.refusals.clone());
        step.refusals = added(&known, &step.report.refusals);
        let failed = step
            .report
            .listeners
            .iter()
            .filter(|outcome| outcome.failure.is_some());
        let failed: Vec<ListenerOutcome> = failed.cloned().collect();
        step.failures = added(&self.failures, &failed);
        self.failures = failed;
        self.lacks_sockets = self.failures.iter().any(program::may_succeed_later);
        for delta in [delta, programmed] {
            self.review(&delta, step);
            step.tell(delta);
        }
    }

    /// How long until statuses that depend on the time are to be computed anew.
    pub fn until_refresh(&self) -> Duration {
        REFRESH.saturating_sub(self.refreshed.elapsed())
    }

    /// Computes statuses anew that depend on the time.
    pub fn refresh(&mut self) -> Step {
        self.refreshed = Instant::now();
        let mut step = Step::default();
        let delta = self.state.engine().refresh(jiff::Timestamp::now());
        step.tell(delta);
        step
    }

    /// Looks at what the clouds could not express of the Gateways that changed.
    fn review(&mut self, delta: &Delta, step: &mut Step) {
        for change in &delta.balancers {
            let balancer = match change {
                BalancerChange::Changed { balancer, .. } => balancer,
                BalancerChange::Removed(gateway) => {
                    self.notices.remove(gateway);
                    continue;
                }
            };
            let gateway = &balancer.gateway;
            let provider = Provider::from_controller_name(&balancer.controller).unwrap_or(Provider::Software);
            let found = review(provider, balancer);
            if self.notices.get(gateway).map_or(&[][..], Vec::as_slice) != found {
                step.notices.push((gateway.clone(), provider, found.clone()));
                self.notices.insert(gateway.clone(), found);
            }
        }
    }

    /// Problems that the look before did not have.
    fn new_problems(&mut self, problems: Vec<Problem>) -> Vec<Problem> {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let known = std::mem::replace(&mut self.problems, texts.iter().cloned().collect());
        problems
            .into_iter()
            .zip(texts)
            .filter(|(_, text)| !known.contains(text))
            .map(|(problem, _)| problem)
            .collect()
    }

    /// Opens the access log's file again, for log rotation.
    pub fn reopen_log(&self) {
        self.proxy.shared().observer.reopen_log();
    }

    /// Lets open connections finish, at most for `grace`.
    pub fn drain(self, grace: Duration) {
        self.state.draining();
        self.proxy.drain(grace);
    }
}

/// The object of a change that takes it away.
fn gone(change: &Change) -> Option<ObjectKey> {
    match change {
        Change::Upsert(_) => None,
        Change::Delete(key) => Some(key.clone()),
    }
}

/// What was not there before: each is told once.
fn added<T: Clone + PartialEq>(known: &[T], now: &[T]) -> Vec<T> {
    now.iter().filter(|one| !known.contains(one)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_once_and_again_when_it_changes() {
        let refusal = |message: &str| ObjectRefusal {
            gateway: ObjectName::new("a", "gw"),
            object: "Gateway a/gw".into(),
            message: message.to_owned(),
        };
        assert_eq!(added(&[], &[refusal("x")]), [refusal("x")]);
        assert_eq!(added(&[refusal("x")], &[refusal("x")]), []);
        assert_eq!(added(&[refusal("x")], &[refusal("y")]), [refusal("y")]);
    }
}
