//! The scenarios.

use super::ends::Ends;
use super::{Injected, Report, World, drive, gateway};
use crate::contract::{Driver, ErrorKind, Outcome, Resource, converge, remove};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Rounds that a world may need until nothing is left to do.
const ROUNDS: usize = 12;

type Inputs<W> = [<<W as World>::Driver as Driver>::Input];

/// What is wanted: a stage, or that the Gateway is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// A stage.
    Stage(usize),
    /// The Gateway is gone.
    Gone,
}

impl Goal {
    /// All goals.
    pub fn all<I>(stages: &[I]) -> Vec<Self> {
        (0..stages.len()).map(Self::Stage).chain([Self::Gone]).collect()
    }

    /// The input of a stage.
    pub fn input<I>(self, stages: &[I]) -> Option<&I> {
        match self {
            Self::Stage(index) => stages.get(index),
            Self::Gone => None,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage(index) => write!(f, "stage {index}"),
            Self::Gone => f.write_str("gone"),
        }
    }
}

/// One run of a new process. `None`: it was killed.
fn once<W: World>(world: &W, goal: Goal, stages: &Inputs<W>) -> Option<Outcome> {
    let driver = world.driver();
    match goal.input(stages) {
        Some(input) => drive(converge(&driver, input)),
        None => drive(remove(&driver, &gateway::<W>(stages)?)),
    }
}

/// Runs until nothing is left to do; a new process each time. The outcome is the last one's.
pub fn settle<W: World>(world: &W, goal: Goal, stages: &Inputs<W>, report: &mut Report) -> Option<Outcome> {
    world.calls().reset();
    let mut last = None;
    for _ in 0..ROUNDS {
        last = once(world, goal, stages);
        if last
            .as_ref()
            .is_some_and(|outcome| outcome.is_converged() && outcome.changes.is_empty())
        {
            break;
        }
    }
    let settled = last
        .as_ref()
        .is_some_and(|outcome| outcome.is_converged() && outcome.changes.is_empty());
    report.check(settled, || {
        let errors: Vec<String> = last
            .iter()
            .flat_map(Outcome::errors)
            .map(ToString::to_string)
            .collect();
        let changes = last.iter().flat_map(|outcome| &outcome.changes);
        let changes: Vec<&str> = changes.map(|change| change.summary.as_str()).collect();
        format!("{goal} does not settle: errors {errors:?}, changes {changes:?}")
    });
    last
}

/// A world after an undisturbed run.
fn settled<W: World>(goal: Goal, stages: &Inputs<W>, report: &mut Report) -> W {
    let world = W::empty();
    settle(&world, goal, stages, report);
    world
}

/// What an undisturbed run leaves.
fn ideal<W: World>(goal: Goal, stages: &Inputs<W>, report: &mut Report) -> BTreeMap<Resource, String> {
    settled::<W>(goal, stages, report).contents()
}

fn compare<W: World>(world: &W, wanted: &BTreeMap<Resource, String>, case: &str, report: &mut Report) {
    let found = world.contents();
    report.check(found == *wanted, || {
        let lacking: Vec<String> = wanted
            .keys()
            .filter(|key| !found.contains_key(key))
            .map(ToString::to_string)
            .collect();
        let leaked: Vec<String> = found
            .keys()
            .filter(|key| !wanted.contains_key(key))
            .map(ToString::to_string)
            .collect();
        let both = wanted
            .iter()
            .filter_map(|(key, value)| Some((key, value, found.get(key)?)));
        let other: Vec<String> = both
            .filter(|(_, wanted, found)| wanted != found)
            .map(|(key, wanted, found)| format!("{key}: {}", around(wanted, found)))
            .collect();
        format!("{case}: lacking {lacking:?}, leaked {leaked:?}, different {other:?}")
    });
}

/// Where two texts part.
fn around(wanted: &str, found: &str) -> String {
    let same = wanted
        .chars()
        .zip(found.chars())
        .take_while(|(one, other)| one == other)
        .count();
    let part = |text: &str| -> String { text.chars().skip(same.saturating_sub(40)).take(120).collect() };
    format!("..{}.. instead of ..{}..", part(found), part(wanted))
}

/// A second run writes nothing, and neither does a new process' first.
pub fn steady<W: World>(stages: &Inputs<W>, report: &mut Report) {
    for goal in Goal::all(stages) {
        let world = W::empty();
        let driver = world.driver();
        let (first, second) = match goal.input(stages) {
            Some(input) => (drive(converge(&driver, input)), {
                world.calls().reset();
                drive(converge(&driver, input))
            }),
            None => (once(&world, goal, stages), {
                world.calls().reset();
                once(&world, goal, stages)
            }),
        };
        report.check(first.is_some_and(|outcome| outcome.is_converged()), || {
            format!("{goal}: the first run fails")
        });
        report.check(
            second.as_ref().is_some_and(|outcome| outcome.changes.is_empty()),
            || {
                let changes = second.iter().flat_map(|outcome| &outcome.changes);
                let changes: Vec<&str> = changes.map(|change| change.summary.as_str()).collect();
                format!("{goal}: the second run plans {changes:?}")
            },
        );
        report.check(world.calls().writes().is_empty(), || {
            format!("{goal}: the second run writes {:?}", world.calls().writes())
        });
        world.calls().reset();
        once(&world, goal, stages);
        report.check(world.calls().writes().is_empty(), || {
            format!("{goal}: a new process writes {:?}", world.calls().writes())
        });
    }
}

/// From any stage to any other leads to what the other is on its own.
pub fn transitions<W: World>(stages: &Inputs<W>, report: &mut Report) {
    for from in Goal::all(stages) {
        let before = settled::<W>(from, stages, report);
        for to in Goal::all(stages) {
            let wanted = ideal::<W>(to, stages, report);
            let world = before.copy();
            settle(&world, to, stages, report);
            compare(&world, &wanted, &format!("{from} to {to}"), report);
        }
    }
}

/// Whatever is lost or changed behind the driver's back comes back.
pub fn partial<W: World>(stages: &Inputs<W>, report: &mut Report) {
    for goal in Goal::all(stages) {
        let before = settled::<W>(goal, stages, report);
        let wanted = before.contents();
        let resources: Vec<&Resource> = wanted.keys().collect();
        for (index, first) in resources.iter().enumerate() {
            for second in resources.iter().skip(index) {
                let world = before.copy();
                world.lose(first);
                world.lose(second);
                settle(&world, goal, stages, report);
                compare(
                    &world,
                    &wanted,
                    &format!("{goal} without {first} and {second}"),
                    report,
                );
            }
            let world = before.copy();
            if world.damage(first) {
                settle(&world, goal, stages, report);
                compare(&world, &wanted, &format!("{goal} with a changed {first}"), report);
            }
        }
    }
}

/// What is not ours stays as it is, through all stages and removal.
pub fn ownership<W: World>(stages: &Inputs<W>, report: &mut Report) {
    let world = W::empty();
    world.plant_foreign();
    let foreign = world.contents();
    report.check(!foreign.is_empty(), || "the world has nothing foreign".to_owned());
    for goal in Goal::all(stages)
        .into_iter()
        .chain(Goal::all(stages).into_iter().rev())
    {
        let mut wanted = ideal::<W>(goal, stages, report);
        wanted.extend(foreign.clone());
        settle(&world, goal, stages, report);
        compare(&world, &wanted, &format!("{goal} beside what is foreign"), report);
    }
}

/// Number of calls of undisturbed runs until nothing is left to do: what takes the place of something else may
/// need several.
fn calls_of<W: World>(before: &W, to: Goal, stages: &Inputs<W>, report: &mut Report) -> usize {
    let world = before.copy();
    settle(&world, to, stages, report);
    world.calls().made().len()
}

/// Runs until something happens to this call, and no longer. The outcome is that of the run that made it.
fn until_call<W: World>(world: &W, at: usize, goal: Goal, stages: &Inputs<W>) -> Option<Outcome> {
    let mut last = None;
    for _ in 0..ROUNDS {
        last = once(world, goal, stages);
        if world.calls().made().len() > at {
            break;
        }
    }
    last
}

/// An error at every single call: it is reported by its kind, and the next runs make everything well.
pub fn faults<W: World>(stages: &Inputs<W>, report: &mut Report) {
    let lost = |kind| Injected::Error {
        kind,
        carried_out: false,
    };
    let throttled = ErrorKind::Throttled {
        after: Some(Duration::from_secs(7)),
    };
    let injections = [
        (throttled, lost(throttled)),
        (ErrorKind::Conflict, lost(ErrorKind::Conflict)),
        (ErrorKind::Forbidden, lost(ErrorKind::Forbidden)),
        (ErrorKind::Unavailable, lost(ErrorKind::Unavailable)),
        (ErrorKind::Timeout, lost(ErrorKind::Timeout)),
        (
            ErrorKind::Timeout,
            Injected::Error {
                kind: ErrorKind::Timeout,
                carried_out: true,
            },
        ),
    ];
    for (from, to) in steps(stages) {
        let wanted = ideal::<W>(to, stages, report);
        let before = settled::<W>(from, stages, report);
        let calls = calls_of(&before, to, stages, report);
        let mut ends = Ends::new();
        for (kind, injected) in injections {
            for at in 0..calls {
                let case = format!("{from} to {to}, {injected:?} at call {at}");
                let world = before.copy();
                world.calls().inject(at, injected);
                let outcome = until_call(&world, at, to, stages);
                let told: Vec<ErrorKind> = outcome
                    .iter()
                    .flat_map(Outcome::errors)
                    .map(|error| error.kind)
                    .collect();
                report.check(told.contains(&kind), || {
                    format!("{case}: the errors told are {told:?}")
                });
                if kind == throttled {
                    let pause = outcome.as_ref().and_then(|outcome| outcome.retry_after(1));
                    report.check(pause >= Some(Duration::from_secs(7)), || {
                        format!("{case}: next try after {pause:?}")
                    });
                }
                if ends.is_new(&world) {
                    settle(&world, to, stages, report);
                    compare(&world, &wanted, &case, report);
                }
            }
        }
    }
}

/// A kill before and after every single call: another process makes everything well, towards the same
/// goal, and towards another.
pub fn kills<W: World>(stages: &Inputs<W>, report: &mut Report) {
    for (from, to) in steps(stages) {
        let wanted = ideal::<W>(to, stages, report);
        let gone = ideal::<W>(Goal::Gone, stages, report);
        let before = settled::<W>(from, stages, report);
        let calls = calls_of(&before, to, stages, report);
        let mut ends = Ends::new();
        for at in 0..calls {
            for carried_out in [false, true] {
                let case = format!("{from} to {to}, killed at call {at} (carried out: {carried_out})");
                let world = before.copy();
                world.calls().inject(at, Injected::Kill { carried_out });
                let outcome = until_call(&world, at, to, stages);
                report.check(outcome.is_none(), || format!("{case}: it lives on"));
                if !ends.is_new(&world) {
                    continue;
                }
                let other = world.copy();
                settle(&world, to, stages, report);
                compare(&world, &wanted, &case, report);
                settle(&other, Goal::Gone, stages, report);
                compare(&other, &gone, &format!("{case}, then gone"), report);
            }
        }
    }
}

/// Each stage from nothing, each from the one before, and the way back to nothing.
fn steps<I>(stages: &[I]) -> Vec<(Goal, Goal)> {
    let mut steps = Vec::new();
    for index in 0..stages.len() {
        steps.push((Goal::Gone, Goal::Stage(index)));
        steps.push((Goal::Stage(index), Goal::Gone));
        if index + 1 < stages.len() {
            steps.push((Goal::Stage(index), Goal::Stage(index + 1)));
            steps.push((Goal::Stage(index + 1), Goal::Stage(index)));
        }
    }
    steps
}
