//! What the proxies, the provider and the lease tell: how far the data plane is, and what the statuses say of it.

use super::{ARRIVAL, Hub};
use crate::cluster::cloud;
use crate::cluster::gate::Reached;
use crate::cluster::provision::Provisioned;
use crate::cluster::traces::{self, TRACES};
use gatewright_core::engine::Parts;
use gatewright_core::status::programming::{ListenerOutcome, Programming, ProgrammingFault};
use gatewright_model::key::ObjectName;
use gatewright_stream::server::GatewayOutcome;
use std::collections::BTreeMap;
use std::time::Instant;

impl Hub {
    /// This process begins to lead, or leads no more: then others hear the proxies.
    pub(super) fn take_leadership(&mut self, leads: bool) {
        self.leading = leads;
        self.arrival = leads.then(|| Instant::now() + ARRIVAL);
        if !leads {
            let delta = self.engine.forget_programming(self.clock.now());
            self.pass_on(delta);
        }
        self.protect();
        self.out.clouds.forget_read();
        if leads {
            self.look_at_clouds();
            self.announce_missing();
        }
    }

    /// The proxies had time to arrive: says of which Gateways there is none.
    pub(super) fn take_absence(&mut self) {
        let gateways: Vec<ObjectName> = self.engine.balancers().map(|(name, _)| name.clone()).collect();
        let programmed = gateways.into_iter().filter_map(|gateway| {
            let outcome = self.out.server.outcome(&gateway);
            let programming = self.programming(&gateway, outcome.as_ref())?;
            Some((gateway, programming))
        });
        let programmed = programmed.collect();
        let delta = self.engine.set_programming(programmed, self.clock.now());
        self.pass_on(delta);
    }

    pub(super) fn take_outcomes(&mut self) {
        let mut programmed = BTreeMap::new();
        let mut free = Vec::new();
        for outcome in self.out.server.take_outcomes() {
            let gateway = outcome.gateway.clone();
            if let Some(programming) = self.programming(&gateway, Some(&outcome)) {
                programmed.insert(gateway.clone(), programming);
            }
            free.push((gateway, reached(Some(&outcome))));
        }
        let span = tracing::debug_span!(
            target: TRACES,
            "acknowledge",
            gateways = free.len(),
            statuses = tracing::field::Empty,
        );
        let _entered = span.enter();
        let delta = self.engine.set_programming(programmed, self.clock.now());
        span.record("statuses", delta.statuses.len());
        self.pass_on(delta);
        for (gateway, reached) in free {
            for free in self.gate.reached(&gateway, reached) {
                self.write(free);
            }
        }
    }

    pub(super) fn take_provisioned(&mut self, done: Provisioned) {
        let gateway = done.gateway.clone();
        let Some(balancer) = self.engine.balancer(&gateway).cloned() else {
            return;
        };
        let span = tracing::debug_span!(target: TRACES, "provisioned", %gateway);
        traces::follow(&span, done.origin);
        let _entered = span.enter();
        let moved = done.moved;
        self.infrastructure.insert(gateway.clone(), done);
        if moved {
            self.publish(&balancer, &Parts::default());
        }
        let outcome = self.out.server.outcome(&gateway);
        if let Some(programming) = self.programming(&gateway, outcome.as_ref()) {
            let outcomes = BTreeMap::from([(gateway, programming)]);
            let delta = self.engine.set_programming(outcomes, self.clock.now());
            self.pass_on(delta);
        }
    }

    pub(super) fn take_cloud(&mut self, told: cloud::Told) {
        let gateway = told.gateway.clone();
        let span = tracing::debug_span!(target: TRACES, "provisioned", %gateway);
        traces::follow(&span, told.origin);
        let _entered = span.enter();
        let Some(judgement) = self.out.clouds.take(told) else {
            return;
        };
        for notice in judgement.notices {
            self.announce_of(&gateway, notice);
        }
        if judgement.removed {
            self.look_at_cloud(&gateway);
        }
        let programming = self
            .engine
            .balancer(&gateway)
            .filter(|_| judgement.news && self.leading)
            .and_then(|balancer| self.out.clouds.programming(balancer));
        if let Some(programming) = programming {
            let outcomes = BTreeMap::from([(gateway.clone(), programming)]);
            let delta = self.engine.set_programming(outcomes, self.clock.now());
            self.pass_on(delta);
            let (missing, rough) = self.out.clouds.shortfalls();
            self.out.metrics.shortfalls(missing, rough);
        }
        if let Some(reached) = self.out.clouds.reached(&gateway) {
            for free in self.gate.reached(&gateway, reached) {
                self.write(free);
            }
        }
    }

    /// What the statuses say of the data plane; `None` leaves them as they are: while proxies take over a
    /// change, while somebody else leads, and while the proxies of a Gateway that was programmed may arrive.
    fn programming(&self, gateway: &ObjectName, outcome: Option<&GatewayOutcome>) -> Option<Programming> {
        if self.out.clouds.reached(gateway).is_some() {
            let balancer = self.engine.balancer(gateway)?;
            return self.out.clouds.programming(balancer).filter(|_| self.leading);
        }
        let found = self.found(gateway, outcome)?;
        let good = found.fault.is_none() && self.infrastructure.contains_key(gateway);
        let awaited = self.arrival.is_some() && self.engine.is_programmed(gateway);
        (self.leading && (good || !awaited)).then_some(found)
    }

    /// What is known of the data plane; `None` while proxies take over a change.
    fn found(&self, gateway: &ObjectName, outcome: Option<&GatewayOutcome>) -> Option<Programming> {
        let balancer = self.engine.balancer(gateway)?;
        let infrastructure = self.infrastructure.get(gateway);
        let addresses = infrastructure
            .map(|found| found.addresses.clone())
            .unwrap_or_default();
        let fault = infrastructure.and_then(|found| found.fault.clone());
        let mut programming = Programming {
            addresses,
            fault,
            ..Programming::default()
        };
        let Some(outcome) = outcome.filter(|outcome| outcome.acked.is_some()) else {
            programming.fault.get_or_insert_with(|| ProgrammingFault {
                reason: "Pending".into(),
                message: "no proxy of the Gateway is ready yet".to_owned(),
            });
            return Some(programming);
        };
        if outcome.acked < Some(outcome.revision) {
            return None;
        }
        programming.listeners = balancer
            .listeners
            .keys()
            .map(|key| {
                let result = match outcome.listeners.get(key) {
                    None => ListenerOutcome::Programmed,
                    Some(fault) => ListenerOutcome::Failed {
                        reason: fault.reason.clone(),
                        message: fault.message.to_string(),
                    },
                };
                (key.clone(), result)
            })
            .collect();
        Some(programming)
    }
}

/// Where the data plane of a Gateway is.
pub(super) fn reached(outcome: Option<&GatewayOutcome>) -> Reached {
    match outcome.and_then(|outcome| outcome.acked) {
        None => Reached::Nobody,
        Some(revision) => Reached::Revision(revision.0),
    }
}
