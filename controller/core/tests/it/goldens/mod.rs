//! Goldens: one file each, manifests first, then what they must become.
//!
//! A folder may have a `_defaults.yaml`, whose objects are there for each of its files. The last
//! document of a golden starts with `expected:` and is compared as text. It holds, of everything that
//! differs from the defaults alone, the conditions of each status in one line each, what else the
//! statuses say, and the load balancers. `GATEWRIGHT_BLESS=1 cargo test -p gatewright-core goldens`
//! writes it; what it wrote is then read by a person before it is committed.

mod coverage;
mod render;
pub(crate) mod world;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use world::World;

/// Start of the document with the expectation.
const MARKER: &str =
    "---\n# What the manifests above become. Written with GATEWRIGHT_BLESS=1, then reviewed.\nexpected:\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens")
}

/// A golden: its name (`folder/file`), the defaults of its folder, its manifests, and the expectation.
pub(crate) struct Golden {
    pub(crate) name: String,
    path: PathBuf,
    pub(crate) defaults: String,
    pub(crate) manifests: String,
    expected: Option<String>,
}

/// All goldens, by name.
pub(crate) fn all() -> Vec<Golden> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    for folder in folders.into_iter().filter(|path| path.is_dir()) {
        let defaults = fs::read_to_string(folder.join("_defaults.yaml")).unwrap_or_default();
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        for path in files {
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            if path.extension().is_none_or(|extension| extension != "yaml") || stem.starts_with('_') {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let (manifests, expected) = match text.split_once(MARKER) {
                Some((manifests, expected)) => (manifests.to_owned(), Some(expected.to_owned())),
                None => (text, None),
            };
            let folder = folder.file_name().unwrap().to_string_lossy().into_owned();
            found.push(Golden {
                name: format!("{folder}/{stem}"),
                path,
                defaults: defaults.clone(),
                manifests,
                expected,
            });
        }
    }
    found
}

/// What each golden became, computed once for all tests.
fn outcomes() -> &'static [(Golden, Arc<World>, World)] {
    static OUTCOMES: LazyLock<Vec<(Golden, Arc<World>, World)>> = LazyLock::new(|| {
        let mut before: BTreeMap<String, Arc<World>> = BTreeMap::new();
        let with_world = |golden: Golden| {
            let defaults = golden.defaults.clone();
            let before = before
                .entry(defaults)
                .or_insert_with_key(|defaults| Arc::new(world::run(defaults, "")));
            let after = world::run(&golden.defaults, &golden.manifests);
            (golden, Arc::clone(before), after)
        };
        all().into_iter().map(with_world).collect()
    });
    &OUTCOMES
}

#[test]
fn every_golden_becomes_what_it_says() {
    let bless = std::env::var_os("GATEWRIGHT_BLESS").is_some();
    let mut wrong = Vec::new();
    let goldens = outcomes();
    for (golden, before, after) in goldens {
        // Whoever means to show a refusal says so in the name; anywhere else it is a mistake.
        assert!(
            after.refused.is_empty() || golden.name.ends_with("-refused"),
            "{}: {:#?}",
            golden.name,
            after.refused
        );
        let outcome = render::expectation(before, after);
        let expected = golden.expected.as_deref().unwrap_or_default();
        if outcome == expected {
            continue;
        }
        if bless {
            let manifests = golden.manifests.trim_end_matches('\n');
            fs::write(&golden.path, format!("{manifests}\n{MARKER}{outcome}")).unwrap();
        } else {
            wrong.push(format!(
                "{}:\n{}",
                golden.name,
                render::difference(expected, &outcome)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} goldens differ:\n{}",
        wrong.len(),
        goldens.len(),
        wrong.join("\n")
    );
}

/// There is at least one golden for each gateway conformance test, named after it.
#[test]
fn every_gateway_conformance_test_has_its_golden() {
    let names: Vec<String> = all()
        .into_iter()
        .filter_map(|golden| golden.name.strip_prefix("conformance/").map(str::to_owned))
        .collect();
    assert!(names.len() >= 147, "{} goldens", names.len());
    let unblessed: Vec<String> = all()
        .into_iter()
        .filter(|golden| golden.expected.is_none())
        .map(|golden| golden.name)
        .collect();
    assert_eq!(unblessed, Vec::<String>::new(), "goldens without expectation");
}
