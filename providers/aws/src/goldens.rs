//! Goldens of this crate: what plans and Events say, word by word. `GATEWRIGHT_BLESS=1` writes them; then they are read.

use gatewright_provider_api::contract::{Change, Drift, Driver, Leave, Outcome, Past};
use gatewright_provider_api::suite::drive;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Compares a text with its golden, by its name below `goldens`, or writes it there. What differs is noted.
pub fn compare(name: &str, found: &str, wrong: &mut Vec<String>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("goldens/{name}.txt"));
    if std::env::var_os("GATEWRIGHT_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
    }
    if std::fs::read_to_string(&path).unwrap_or_default() != found {
        wrong.push(format!("{name}:\n{found}"));
    }
}

/// Nothing differs.
pub fn none(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "GATEWRIGHT_BLESS=1 writes them:\n{}",
        wrong.join("\n")
    );
}

/// The plan of one look, a change a line, each with the priority that a new rule gets and what it waits for.
pub fn plan<D: Driver>(
    driver: &D,
    (gateway, wanted): (&gatewright_model::key::ObjectName, Option<&D::Target>),
    priority: fn(&D::Step) -> Option<u16>,
) -> String {
    let observed = drive(driver.observe(gateway)).unwrap().unwrap();
    let mut text = String::new();
    for Change {
        action,
        resource,
        fields,
        why,
        needs,
        step,
    } in driver.plan(wanted, &observed).changes
    {
        let number = priority(&step);
        let told = Change {
            action,
            resource,
            fields,
            why,
            needs: Vec::new(),
            step: (),
        };
        writeln!(text, "{told}").unwrap();
        if let Some(number) = number {
            writeln!(text, "    priority {number}").unwrap();
        }
        for need in needs {
            writeln!(text, "    after {need}").unwrap();
        }
    }
    text
}

/// Adds what others did, and what the Event of the run says that mends it.
pub fn mended<D: Driver>(text: &mut String, what: &str, (driver, input): (&D, &D::Input)) {
    let mut past = Past::Settled(driver.lower(input).target);
    let outcome: Outcome = drive(Leave::always().converge_after(driver, input, &mut past)).unwrap();
    assert!(outcome.is_converged(), "{what}: {outcome:?}");
    assert_eq!(outcome.drift, Drift::All, "{what}");
    writeln!(text, "{what}").unwrap();
    for change in &outcome.changes {
        writeln!(text, "    {}", change.summary).unwrap();
    }
}
