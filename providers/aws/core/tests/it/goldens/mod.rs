//! Goldens: one file each, manifests first, then what they must become on AWS.
//!
//! A folder may have a `_defaults.yaml`, whose objects are there for each of its files. The last document of a golden
//! starts with `expected:` and is compared as text. A line `# settings: strict, instance` sets what parameters would.
//! Goldens of the folders `network` and `network-conformance` become Network Load Balancers, others Application Load Balancers.
//! Goldens of the folders `network-conformance`, `conformance` and `translation` hold no manifests of their own: those of the same name in
//! `controller/core/goldens` are taken, from its folders `conformance` and `features`. `GATEWRIGHT_BLESS=1 cargo test -p gatewright-aws-core goldens` writes
//! what is expected; what it wrote is then read by a person before it is committed.

mod render;
pub(super) mod world;

use gatewright_aws_core::alb::Target;
use gatewright_aws_core::alb::fit::fit;
use gatewright_aws_core::alb::lower::lower;
use gatewright_aws_core::network::BalancerKind;
use gatewright_aws_core::nlb;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Start of the document with the expectation.
const MARKER: &str =
    "---\n# What the manifests above become. Written with GATEWRIGHT_BLESS=1, then reviewed.\nexpected:\n";
/// The same in goldens of the core, whose manifests are used again.
const BORROWED: &str = "# The manifests are those of controller/core/goldens/";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens")
}

fn core() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../controller/core/goldens")
}

struct Golden {
    name: String,
    kind: BalancerKind,
    path: PathBuf,
    defaults: String,
    manifests: String,
    /// What stands in the file in front of the expectation.
    head: String,
    expected: String,
}

fn read(path: &Path) -> (String, String) {
    let text = fs::read_to_string(path).unwrap_or_default();
    match text.split_once(MARKER) {
        Some((manifests, expected)) => (manifests.to_owned(), expected.to_owned()),
        None => (text, String::new()),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.retain(|path| {
        path.extension().is_some_and(|extension| extension == "yaml")
            && !path.file_name().unwrap().to_string_lossy().starts_with('_')
    });
    found.sort();
    found
}

/// Goldens of this crate's `folder` with the manifests of a folder of the core's.
fn borrowed(folder: &str, from: &str, wanted: fn(&str) -> bool) -> Vec<Golden> {
    let from_path = core().join(from);
    let defaults = fs::read_to_string(from_path.join("_defaults.yaml")).unwrap();
    let stem = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let names = files(&from_path).into_iter().map(|path| stem(&path));
    let golden = |name: String| {
        let path = root().join(folder).join(format!("{name}.yaml"));
        let (manifests, _) = read(&from_path.join(format!("{name}.yaml")));
        Golden {
            kind: kind_of(folder),
            head: format!("{BORROWED}{from}/{name}.yaml.\n"),
            expected: read(&path).1,
            name: format!("{folder}/{name}"),
            path,
            defaults: defaults.clone(),
            manifests,
        }
    };
    names.filter(|name| wanted(name)).map(golden).collect()
}

/// Every test of the suite about HTTPRoutes and GRPCRoutes, and about listeners that serve them.
fn conformance() -> Vec<Golden> {
    borrowed("conformance", "conformance", |name| {
        let listeners = [
            "GatewayHTTPListenerIsolation",
            "GatewayFrontendClientCertificateValidation",
        ];
        name.starts_with("HTTPRoute") || name.starts_with("GRPC") || listeners.contains(&name)
    })
}

/// Every test of the suite about TCPRoutes, UDPRoutes and TLSRoutes.
fn network_conformance() -> Vec<Golden> {
    borrowed("network-conformance", "conformance", |name| {
        ["TCPRoute", "UDPRoute", "TLSRoute"]
            .iter()
            .any(|beginning| name.starts_with(beginning))
            || name == "BackendTLSPolicyTLSRouteTerminate"
    })
}

fn kind_of(folder: &str) -> BalancerKind {
    if folder.starts_with("network") {
        BalancerKind::Network
    } else {
        BalancerKind::Application
    }
}

/// Everything that the core shows of routes, listeners and backends.
fn translation() -> Vec<Golden> {
    borrowed("translation", "features", |name| {
        let beginnings = [
            "backend-",
            "certificate-",
            "filter-",
            "grpc-",
            "listener-set-",
            "policy-tls-",
            "policy-traffic",
            "reference-",
            "route-",
            "rule-",
            "xbackend-",
        ];
        beginnings.iter().any(|beginning| name.starts_with(beginning))
    })
}

fn own(name: &str) -> Vec<Golden> {
    let folder = root().join(name);
    let defaults = fs::read_to_string(folder.join("_defaults.yaml")).unwrap();
    let golden = |path: PathBuf| {
        let (manifests, expected) = read(&path);
        Golden {
            name: format!("{name}/{}", path.file_stem().unwrap().to_string_lossy()),
            kind: kind_of(name),
            path,
            defaults: defaults.clone(),
            head: manifests.clone(),
            manifests,
            expected,
        }
    };
    files(&folder).into_iter().map(golden).collect()
}

fn all() -> Vec<Golden> {
    let mut goldens = own("features");
    goldens.extend(own("network"));
    goldens.extend(network_conformance());
    goldens.extend(conformance());
    goldens.extend(translation());
    goldens
}

/// What the Gateways of all goldens become, with the name of the golden: Application Load Balancers as lowered and as
/// compacted, Network Load Balancers as there is room for.
pub(crate) fn targets() -> Vec<(String, Target)> {
    let mut found = Vec::new();
    let mut before = BTreeMap::new();
    for golden in all() {
        let before = before
            .entry(golden.defaults.clone())
            .or_insert_with(|| world::balancers(&golden.defaults, ""));
        let settings = world::settings(&golden.manifests);
        let after = world::balancers(&golden.defaults, &golden.manifests);
        let changed = after
            .into_iter()
            .filter(|(gateway, balancer)| before.get(gateway) != Some(balancer));
        for (_, balancer) in changed {
            if golden.kind.is_application() {
                let surroundings = world::surroundings(&settings);
                let target = lower(&balancer, &settings, &surroundings).target;
                let fitted = fit(
                    target.clone(),
                    &balancer,
                    &surroundings.limits,
                    &surroundings.taken,
                );
                found.push((golden.name.clone(), target));
                found.push((format!("{}, compacted", golden.name), fitted.target));
            } else {
                let (fitted, _) = nlb::fit::fit(&balancer, &settings, &world::network());
                found.push((golden.name.clone(), fitted.target));
            }
        }
    }
    found
}

#[test]
fn every_golden_becomes_what_it_says() {
    let bless = std::env::var_os("GATEWRIGHT_BLESS").is_some();
    let mut wrong = Vec::new();
    let mut before = BTreeMap::new();
    let goldens = all();
    for golden in &goldens {
        let before = before
            .entry(&golden.defaults)
            .or_insert_with(|| world::balancers(&golden.defaults, ""));
        let after = world::balancers(&golden.defaults, &golden.manifests);
        let settings = world::settings(&golden.manifests);
        let outcome = render::expectation(before, &after, (golden.kind, &settings));
        if outcome == golden.expected {
            continue;
        }
        if bless {
            let head = golden.head.trim_end_matches('\n');
            fs::write(&golden.path, format!("{head}\n{MARKER}{outcome}")).unwrap();
        } else {
            wrong.push(format!(
                "{}:\n{}",
                golden.name,
                difference(&golden.expected, &outcome)
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
    assert!(goldens.len() >= 150, "{} goldens", goldens.len());
}

/// The lines that differ, with a little of what is around them.
fn difference(expected: &str, outcome: &str) -> String {
    let diff = TextDiff::from_lines(expected, outcome);
    let mut shown = String::new();
    for group in diff.grouped_ops(2) {
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => "-",
                ChangeTag::Insert => "+",
                ChangeTag::Equal => " ",
            };
            shown.push_str(sign);
            shown.push_str(change.value());
        }
        shown.push_str("...\n");
    }
    shown
}
