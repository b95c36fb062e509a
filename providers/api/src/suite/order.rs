//! Order of creation and deletion.

use super::scenario::{Goal, settle};
use super::{Report, World, drive};
use crate::contract::{Action, Change, Driver, Plan};

/// In every plan, what a change needs comes before it; in every run, kinds are created in the world's
/// order and deleted in reverse, and nothing is deleted before what takes its place is there.
pub fn check<W: World>(stages: &[<W::Driver as Driver>::Input], report: &mut Report) {
    for from in Goal::all(stages) {
        let world = W::empty();
        settle(&world, from, stages, report);
        for to in Goal::all(stages) {
            let driver = world.driver();
            let Some(gateway) = super::gateway::<W>(stages) else {
                return;
            };
            let Some(Ok(observed)) = drive(driver.observe(&gateway)) else {
                report.check(false, || format!("{from} to {to}: cannot be observed"));
                continue;
            };
            let target = to.input(stages).map(|input| driver.lower(input).target);
            let plan = driver.plan(target.as_ref(), &observed);
            needs_first(&plan, &format!("{from} to {to}"), report);
            kinds_in_order::<W>(&plan, &format!("{from} to {to}"), report);
        }
    }
}

fn needs_first<S>(plan: &Plan<S>, case: &str, report: &mut Report) {
    for (index, change) in plan.changes.iter().enumerate() {
        let late = plan
            .changes
            .iter()
            .skip(index)
            .find(|later| change.needs.contains(&later.resource));
        report.check(late.is_none(), || {
            format!(
                "{case}: {} comes before {}, which it needs",
                change.resource,
                change
                    .needs
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        });
        report.check(!change.why.is_empty(), || {
            format!("{case}: {} has no reason", change.resource)
        });
        let silent = matches!(change.action, Action::Update | Action::Replace) && change.fields.is_empty();
        report.check(!silent, || {
            format!("{case}: {} changes and no field is named", change.resource)
        });
    }
}

fn kinds_in_order<W: World>(plan: &Plan<<W::Driver as Driver>::Step>, case: &str, report: &mut Report) {
    type Step<W> = <<W as World>::Driver as Driver>::Step;
    let position =
        |change: &Change<Step<W>>| W::order().iter().position(|kind| *kind == change.resource.kind);
    let of = |wanted: fn(Action) -> bool| -> Vec<Option<usize>> {
        let changes = plan.changes.iter().filter(|change| wanted(change.action));
        changes.map(position).collect()
    };
    let creations = of(|action| action == Action::Create);
    let deletions = of(|action| action == Action::Delete);
    report.check(creations.is_sorted(), || {
        format!("{case}: kinds are created out of order: {creations:?}")
    });
    report.check(deletions.iter().rev().is_sorted(), || {
        format!("{case}: kinds are deleted out of order: {deletions:?}")
    });
    let last_creation = plan
        .changes
        .iter()
        .rposition(|change| change.action == Action::Create);
    let first_deletion = plan
        .changes
        .iter()
        .position(|change| change.action == Action::Delete);
    let destroyed_first = matches!((last_creation, first_deletion), (Some(made), Some(gone)) if gone < made);
    report.check(!destroyed_first, || {
        format!("{case}: something is deleted before all is created")
    });
}
