//! One serving process: files, engine and data plane, kept in step.

use super::inspect::State;
use super::parameters::GatewayOptions;
use super::place::Placing;
use super::program;
use crate::admin::Inspect;
use crate::input::world::{Look, ObjectChange, Problem, World};
use crate::objects;
use crate::output::conditions::{self, Change as ConditionChange, Row};
use gatewright_core::engine::{BalancerChange, Delta, Engine};
use gatewright_core::snapshot::{Change, Kind, Object, ObjectKey};
use gatewright_model::LoadBalancer;
use gatewright_model::key::ObjectName;
use gatewright_model::unsupported::Unsupported;
use gatewright_provider_api::{Provider, review};
use gatewright_proxy::listen::Proxy;
use gatewright_proxy::runtime::{ApplyReport, ObjectRefusal, Placement};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A serving process.
pub struct Site {
    world: World,
    engine: Engine,
    proxy: Arc<Proxy>,
    placing: Placing,
    options: GatewayOptions,
    balancers: BTreeMap<ObjectName, Arc<LoadBalancer>>,
    rows: BTreeMap<ObjectKey, Vec<Row>>,
    problems: BTreeSet<String>,
    refusals: Vec<ObjectRefusal>,
    notices: BTreeMap<ObjectName, Vec<Unsupported>>,
    state: Arc<State>,
    first: bool,
}

/// What one look at the files led to.
#[derive(Debug, Default)]
pub struct Step {
    /// The first look of the process.
    pub first: bool,
    /// Objects that changed.
    pub changed: usize,
    /// Conditions that changed.
    pub conditions: Vec<ConditionChange>,
    /// All conditions, at the first look.
    pub rows: Vec<Row>,
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
    /// From the look to the data plane's answer.
    pub took: Duration,
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
            engine,
            state: Arc::new(State::new(Arc::clone(&proxy))),
            proxy,
            placing,
            options,
            balancers: BTreeMap::new(),
            rows: BTreeMap::new(),
            problems: BTreeSet::new(),
            refusals: Vec::new(),
            notices: BTreeMap::new(),
            first: true,
        }
    }

    /// What the admin server shows.
    pub fn inspect(&self) -> Arc<dyn Inspect> {
        Arc::clone(&self.state) as Arc<dyn Inspect>
    }

    /// The load balancers served.
    pub fn balancers(&self) -> impl Iterator<Item = &Arc<LoadBalancer>> {
        self.balancers.values()
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
            skipped,
            ..Step::default()
        };
        step.problems = self.new_problems(diagnostics);
        if changes.is_empty() && !first {
            return step;
        }
        let now = jiff::Timestamp::now();
        for change in &changes {
            if let ObjectChange::Delete(id) = change
                && let Some(kind) = Kind::find(&id.group, &id.kind)
            {
                self.rows.remove(&ObjectKey {
                    kind,
                    name: ObjectName::new(&id.namespace, &id.name),
                });
            }
        }
        let changes: Vec<Change> = changes
            .into_iter()
            .filter_map(|change| input(change, &mut step.problems))
            .collect();
        let delta = self.engine.update(changes, now);
        let mut touched = BTreeMap::new();
        self.take(&delta, &mut step, &mut touched);
        step.placements = self
            .balancers
            .values()
            .map(|balancer| Placement {
                options: self
                    .options
                    .of(&balancer.gateway, self.engine.parameters(&balancer.gateway)),
                ..self.placing.place(balancer)
            })
            .collect();
        step.report = self.proxy.apply(&step.placements);
        let known = std::mem::replace(&mut self.refusals, step.report.refusals.clone());
        step.refusals = new_refusals(&known, &step.report.refusals);
        let outcomes = program::outcomes(&step.placements, &step.report);
        let delta = self.engine.set_programming(outcomes, now);
        self.take(&delta, &mut step, &mut touched);
        for (key, before) in &touched {
            let after = self.rows.get(key).map_or(&[][..], Vec::as_slice);
            step.conditions.extend(conditions::changes(before, after));
        }
        if first {
            step.rows = self.rows.values().flatten().cloned().collect();
        }
        step.took = begin.elapsed();
        let objects = objects::shared(&self.engine);
        self.state
            .update(self.balancers.values().cloned().collect(), objects);
        step
    }

    /// Takes over what the engine computed; `touched` gets the conditions that objects had before.
    fn take(&mut self, delta: &Delta, step: &mut Step, touched: &mut BTreeMap<ObjectKey, Vec<Row>>) {
        for change in &delta.balancers {
            let balancer = match change {
                BalancerChange::Changed { balancer, .. } => balancer,
                BalancerChange::Removed(gateway) => {
                    self.balancers.remove(gateway);
                    self.notices.remove(gateway);
                    continue;
                }
            };
            let gateway = &balancer.gateway;
            self.balancers.insert(gateway.clone(), Arc::clone(balancer));
            let provider = Provider::from_controller_name(&balancer.controller).unwrap_or(Provider::Software);
            let found = review(provider, balancer);
            if self.notices.get(gateway).map_or(&[][..], Vec::as_slice) != found {
                step.notices.push((gateway.clone(), provider, found.clone()));
                self.notices.insert(gateway.clone(), found);
            }
        }
        for change in &delta.statuses {
            let key = &change.key;
            let before = self.rows.remove(key).unwrap_or_default();
            let after = self
                .engine
                .snapshot()
                .get(key.kind, &key.name)
                .and_then(|object| objects::object_with(object, Some(&change.status)))
                .map(|object| conditions::rows(&object))
                .unwrap_or_default();
            if !after.is_empty() {
                self.rows.insert(key.clone(), after);
            }
            touched.entry(key.clone()).or_insert(before);
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

/// Refusals that were not there before: each is told once.
fn new_refusals(known: &[ObjectRefusal], now: &[ObjectRefusal]) -> Vec<ObjectRefusal> {
    now.iter()
        .filter(|refusal| !known.contains(refusal))
        .cloned()
        .collect()
}

/// A change of the world as the engine takes it.
pub fn input(change: ObjectChange, problems: &mut Vec<Problem>) -> Option<Change> {
    match change {
        ObjectChange::Upsert(object) => {
            let kind = Kind::find(&object.gvk.group, &object.gvk.kind)?;
            match Object::read(kind, object.value.clone()) {
                Ok(object) => Some(Change::Upsert(Box::new(object))),
                Err(error) => {
                    problems.push(Problem::Unreadable(format!(
                        "{}:{}: {error}",
                        object.source.file, object.source.position.line
                    )));
                    None
                }
            }
        }
        ObjectChange::Delete(id) => {
            let kind = Kind::find(&id.group, &id.kind)?;
            Some(Change::Delete(ObjectKey {
                kind,
                name: ObjectName::new(&id.namespace, &id.name),
            }))
        }
    }
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
        assert_eq!(new_refusals(&[], &[refusal("x")]), [refusal("x")]);
        assert_eq!(new_refusals(&[refusal("x")], &[refusal("x")]), []);
        assert_eq!(new_refusals(&[refusal("x")], &[refusal("y")]), [refusal("y")]);
    }
}
