//! Names in hand-written pages are names that the code knows.

use crate::run::root;
use std::collections::BTreeSet;

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// All sources below these folders, tests included.
fn sources(folders: &[&str]) -> String {
    let mut text = String::new();
    let mut folders: Vec<_> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                text += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    text
}

/// Words between backticks.
fn code(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn metrics_of_the_page_are_those_of_the_programs() {
    let text = page("operations.md");
    let code_of_programs = sources(&["controller/src", "providers/proxy/src"]);
    let (head, _) = text.split_once("## Alerts").unwrap();
    let named: BTreeSet<&str> = code(head)
        .into_iter()
        .filter(|name| {
            [
                "gatewright_",
                "controller_runtime_",
                "workqueue_",
                "leader_election_",
                "process_",
                "rest_client_",
            ]
            .iter()
            .any(|start| name.starts_with(start))
        })
        .collect();
    assert!(named.len() > 25, "{named:?}");
    for name in &named {
        let short = name.trim_start_matches("gatewright_");
        let bare = short.trim_end_matches("_total");
        let known = [*name, name.trim_end_matches("_total"), short, bare]
            .iter()
            .any(|name| code_of_programs.contains(&format!("\"{name}\"")));
        assert!(known, "{name} is in docs/operations.md and in no program");
    }
    // What is told to be missing is.
    let (_, missing) = head.split_once("these controllers do not,").unwrap();
    let (missing, _) = missing.split_once("Of the proxies,").unwrap();
    let missing: Vec<&str> = missing
        .lines()
        .filter_map(|line| line.strip_prefix("- ")?.split_once(": "))
        .flat_map(|(names, _)| names.split('`').skip(1).step_by(2))
        .collect();
    assert!(missing.len() >= 5, "{missing:?}");
    for name in missing {
        let there = [name, name.trim_end_matches("_total")]
            .iter()
            .any(|name| code_of_programs.contains(&format!("\"{name}\"")));
        assert!(!there, "{name} is missing by docs/operations.md, and there");
    }
    // Alerts ask for metrics that the tables have.
    let (_, alerts) = text.split_once("## Alerts").unwrap();
    let (alerts, _) = alerts.split_once("## Keys").unwrap();
    for word in alerts.split(|char: char| !(char.is_ascii_alphanumeric() || char == '_')) {
        if word.contains('_') && !word.starts_with("no_") && word.ends_with("_total")
            || word.ends_with("_status")
        {
            assert!(named.contains(word), "the alerts ask for {word}");
        }
    }
}

#[test]
fn conditions_and_reasons_of_the_page_are_those_of_the_code() {
    let text = page("troubleshooting.md");
    let known = sources(&[
        "controller/core/src",
        "controller/src/cluster/cloud",
        "crds/src/constants",
        "providers",
    ]);
    let (tables, answers) = text.split_once("## Answers of the proxy").unwrap();
    let rows = tables
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| condition"));
    let mut reasons = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        for condition in cells[1].split('`').skip(1).step_by(2) {
            let (name, state) = condition.split_once('=').unwrap();
            assert!(known.contains(&format!("\"{name}\"")), "no condition {name}");
            assert!(["True", "False", "Unknown"].contains(&state), "{condition}");
        }
        reasons.extend(cells[2].split('`').skip(1).step_by(2));
    }
    for reason in &reasons {
        assert!(known.contains(&format!("\"{reason}\"")), "no reason {reason}");
    }
    for used in [
        "InvalidParameters",
        "PortUnavailable",
        "BackendNotFound",
        "NoResources",
        "NotSupported",
    ] {
        assert!(reasons.contains(used), "{used} is not in docs/troubleshooting.md");
    }
    let flags = std::fs::read_to_string(root().join("providers/proxy/src/observe/record.rs")).unwrap();
    let flags: BTreeSet<&str> = flags
        .lines()
        .filter_map(|line| line.split_once("=> \"")?.1.split_once('"').map(|(flag, _)| flag))
        .filter(|flag| flag.contains('_') || *flag == "overload")
        .collect();
    let told = code(answers);
    for flag in flags {
        assert!(told.contains(flag), "{flag} is not in docs/troubleshooting.md");
    }
}

/// Tests that pages name as evidence exist.
#[test]
fn tests_that_pages_name_are_there() {
    let known = sources(&["providers", "controller", "e2e"]);
    let text = page("aws/troubleshooting.md");
    let (_, table) = text.split_once("## What else can be wrong").unwrap();
    let mut named = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let shown = row.split('|').nth(3).unwrap();
        for test in shown.split('`').skip(1).step_by(2) {
            assert!(known.contains(&format!("fn {test}()")), "there is no test {test}");
            named += 1;
        }
    }
    assert!(named >= 13, "{named} tests are named");
}

/// The page's table of what staying up means has each test of it, and no other.
#[test]
fn tests_of_staying_up_are_those_of_the_page() {
    let text = page("development/full-run.md");
    let (_, section) = text.split_once("## Staying up\n").unwrap();
    let (table, _) = section.split_once("\n## ").unwrap();
    let named: BTreeSet<&str> = code(table)
        .into_iter()
        .filter(|name| name.starts_with("Test"))
        .collect();
    let mut sources = String::new();
    for entry in std::fs::read_dir(root().join("e2e/cluster/stay")).unwrap() {
        sources += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
    }
    let there: BTreeSet<&str> = sources
        .lines()
        .filter_map(|line| line.strip_prefix("func ")?.split_once("(t *testing.T) {"))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("Test"))
        .collect();
    assert_eq!(named, there);
}

/// Fields of ours that pages about migrations name are fields of ours.
#[test]
fn fields_that_migrations_name_are_there() {
    let parameters = page("parameters.md");
    let known: BTreeSet<&str> = code(&parameters);
    for name in ["aws/migration-lbc.md", "aws/migration-lattice.md"] {
        let text = page(name);
        let mut rows = 0;
        for row in text.lines().filter(|line| line.starts_with("| `")) {
            rows += 1;
            let cells: Vec<&str> = row.split(" | ").collect();
            assert!(cells.len() >= 2, "{name}: {row}");
            let ours = cells[1].trim().trim_end_matches('|').trim();
            assert!(!ours.is_empty(), "{name}: nothing is said of {row}");
            // Fields of parameters are written as `field` of the parameters; all others are named with their kind.
            for field in ours.split("parameters: ").skip(1) {
                let field = field.split('`').nth(1).unwrap_or_default();
                assert!(
                    known.contains(field),
                    "{name}: there is no {field} in docs/parameters.md"
                );
            }
        }
        assert!(rows >= 30, "{name} has {rows} rows");
    }
}
