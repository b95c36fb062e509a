//! Gateways whose class begins to share proxies, or to give each its own: what serves goes only after what takes
//! its place serves.
//!
//! | phase | configuration goes to | addresses are those of | what is done |
//! |---|---|---|---|
//! | preparing | both, the former ones count | the former | the new ones are made, until one is ready and has the configuration; nothing of the former changes |
//! | lingering | both, the new ones count | the new | nothing: clients still come to the addresses they know |
//! | leaving | both, the new ones count | the new | the former are deleted, and finish what they began |
//!
//! A controller that starts in the middle finds both and begins with *preparing* again, which is over as soon as
//! the new proxies are connected. Both serve all the time, so nothing is lost by that.

use crate::addresses;
use crate::cluster::Cluster;
use crate::driver::SoftwareDriver;
use crate::kind::{Key, Kind, Observed};
use crate::lower::{self, Part, Request};
use crate::names;
use crate::plan::{self, is_going, is_workload};
use crate::settings::{Input, Settings};
use gatewright_crds::own::parameters::Mode;
use gatewright_provider_api::contract::{Leave, Outcome};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long the former proxies go on, after the addresses of a Gateway are others: a minute until DNS records are
/// written (external-dns, `--interval`), and five for which they are commonly remembered.
pub const LINGER: Duration = Duration::from_secs(360);

/// How long pods that were told to end may take: their grace period, and what it takes to tell them.
pub const LEAVE: Duration = Duration::from_secs(90);

/// Between two looks at proxies that are being made.
pub const LOOK: Duration = Duration::from_millis(500);

/// How far a Gateway has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The new proxies do not serve yet.
    Preparing,
    /// They do; the former ones go on until then.
    Lingering(Instant),
    /// The former ones are told to end, and are gone by then.
    Leaving(Instant),
}

impl Phase {
    /// Whether the former proxies are those that count.
    pub fn is_preparing(self) -> bool {
        self == Self::Preparing
    }

    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Lingering(_) => "lingering",
            Self::Leaving(_) => "leaving",
        }
    }

    /// When to look again.
    pub fn look(self, now: Instant) -> Instant {
        match self {
            Self::Preparing => now + LOOK,
            Self::Lingering(until) | Self::Leaving(until) => until,
        }
    }
}

/// The other mode.
pub const fn former(mode: Mode) -> Mode {
    match mode {
        Mode::Dedicated => Mode::Shared,
        Mode::Shared => Mode::Dedicated,
    }
}

/// Which part of a Gateway's objects a mode makes.
pub const fn part(mode: Mode) -> Part {
    match mode {
        Mode::Dedicated => Part::Dedicated,
        Mode::Shared => Part::Tenant,
    }
}

/// A Gateway on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The mode it is to have.
    pub to: Mode,
    /// How far it has come.
    pub phase: Phase,
}

/// The way of a Gateway, by what is known of it and what exists; `None` when it has only the proxies it is to have.
pub fn find(
    known: Option<Move>,
    input: &Input,
    (observed, settings): (&Observed, &Settings),
    now: Instant,
) -> Option<Move> {
    let to = input.mode();
    let left = is_left(input, observed, settings);
    let phase = match known {
        Some(Move { to: same, phase }) if same == to => match phase {
            Phase::Leaving(_) => Some(phase),
            Phase::Preparing | Phase::Lingering(_) => left.then_some(phase),
        },
        // Back again: those that were to be made are now those that go, and served nobody yet.
        Some(Move {
            phase: Phase::Preparing,
            ..
        }) => left.then_some(Phase::Lingering(now + LINGER)),
        _ => left.then_some(Phase::Preparing),
    };
    phase.map(|phase| Move { to, phase })
}

/// Whether there are proxies of the other mode, or a way to them.
fn is_left(input: &Input, observed: &Observed, settings: &Settings) -> bool {
    match former(input.mode()) {
        Mode::Dedicated => workload(input, observed).is_some(),
        Mode::Shared => observed
            .objects
            .get(&tenant(input, settings))
            .is_some_and(|service| !is_going(service)),
    }
}

/// The workload of a Gateway's own proxies.
pub fn workload<'a>(input: &Input, observed: &'a Observed) -> Option<&'a serde_json::Value> {
    let home = home(input);
    let mut found = observed
        .objects
        .iter()
        .filter(|(key, object)| is_workload(key.kind) && key.name == home.name && !is_going(object));
    found.next().map(|(_, object)| &**object)
}

/// Whether proxies are ready, so that a Service leads to them: an address that was named before would not answer yet.
pub fn has_ready(observed: &Observed) -> bool {
    let mut objects = observed.objects.iter();
    objects.any(|(key, object)| is_workload(key.kind) && plan::has_ready(object) && !is_going(object))
}

/// The Service in the Gateway's own namespace: the way to its own proxies, or the name of the one below.
fn home(input: &Input) -> Key {
    let gateway = &input.balancer.gateway;
    let name = names::object_name(&gateway.name, &input.balancer.class);
    Key::new(Kind::Service, &gateway.namespace, &name)
}

/// The Service that leads to the fleet.
fn tenant(input: &Input, settings: &Settings) -> Key {
    let name = names::tenant_name(&input.balancer.gateway, &input.balancer.class);
    Key::new(Kind::Service, &settings.namespace, &name)
}

/// What must stay as it is in a phase. `serves` says whether the new proxies have the configuration.
fn held(
    phase: Phase,
    input: &Input,
    (observed, serves): (&Observed, bool),
    settings: &Settings,
) -> BTreeSet<Key> {
    let home = home(input);
    match (input.mode(), phase) {
        (_, Phase::Leaving(_)) => BTreeSet::new(),
        (Mode::Shared, _) => {
            let mut held: BTreeSet<Key> = observed
                .objects
                .keys()
                .filter(|key| key.name == home.name)
                .cloned()
                .collect();
            held.insert(home);
            held
        }
        // The name leads to the fleet until somebody else answers to it.
        (Mode::Dedicated, Phase::Preparing) if !serves => [tenant(input, settings), home].into(),
        (Mode::Dedicated, _) => [tenant(input, settings)].into(),
    }
}

/// One step: makes what the phase allows. Answers the outcome, with the addresses that count, and the phase that
/// follows. `request` is the Gateway's in its new mode; `serves` says whether the proxies of that have its
/// configuration in use. Changes are made by `leave` alone.
pub async fn step<C: Cluster>(
    driver: &SoftwareDriver<C>,
    request: Request,
    (phase, serves): (Phase, bool),
    (now, leave): (Instant, &Leave),
) -> (Outcome, Option<Phase>) {
    let phase = match phase {
        Phase::Lingering(until) if now >= until => Phase::Leaving(now + LEAVE),
        Phase::Leaving(until) if now >= until => {
            return (leave.converge(driver, &request).await, None);
        }
        phase => phase,
    };
    let observed = match driver.cluster.observe(&request.owner).await {
        Ok(observed) => observed,
        Err(error) => {
            let outcome = Outcome {
                unread: Some(error),
                ..Outcome::default()
            };
            return (outcome, Some(phase));
        }
    };
    let request = Request {
        held: held(phase, &request.input, (&observed, serves), &driver.settings),
        ..request
    };
    let mut outcome = leave.converge(driver, &request).await;
    let reached = serves && outcome.is_converged() && outcome.addresses.fault.is_none();
    match phase {
        Phase::Preparing if reached => (outcome, Some(Phase::Lingering(now + LINGER))),
        Phase::Preparing => {
            outcome.addresses = standing(&request, &observed, &driver.settings);
            (outcome, Some(phase))
        }
        // What could not be deleted is tried again before time is counted.
        Phase::Leaving(_) if !outcome.is_converged() => (outcome, Some(Phase::Leaving(now + LEAVE))),
        phase => (outcome, Some(phase)),
    }
}

/// The addresses of the former proxies.
fn standing(
    request: &Request,
    observed: &Observed,
    settings: &Settings,
) -> gatewright_provider_api::contract::Addresses {
    let former = Request {
        part: part(former(request.input.mode())),
        ..request.clone()
    };
    let front = lower::front(&former, settings);
    let service = observed.objects.get(&front);
    addresses::standing(&former, service.map(|service| &**service), observed)
}

#[cfg(test)]
mod tests;
