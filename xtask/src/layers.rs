//! Dependencies between crates run one way (see `docs/architecture.md`): a wrong import fails here.

use crate::run::{cargo, output};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeSet;

/// Which workspace crates a crate may reach, directly or through others, outside of tests.
const ALLOWED: &[(&str, &[&str])] = &[
    ("gatewright-crds", &[]),
    ("gatewright-validation", &["gatewright-crds"]),
    ("gatewright-model", &[]),
    ("gatewright-core", &["gatewright-crds", "gatewright-model"]),
    (
        "gatewright-provider-api",
        &["gatewright-crds", "gatewright-model", "gatewright-core"],
    ),
    (
        "gatewright-aws-core",
        &[
            "gatewright-crds",
            "gatewright-model",
            "gatewright-core",
            "gatewright-provider-api",
        ],
    ),
    // Written apart from all others: it judges them.
    ("gatewright-aws-simulator", &[]),
    (
        "gatewright-aws",
        &[
            "gatewright-aws-core",
            "gatewright-crds",
            "gatewright-model",
            "gatewright-core",
            "gatewright-provider-api",
        ],
    ),
    (
        "gatewright-aws-sdk",
        &[
            "gatewright-aws",
            "gatewright-aws-core",
            "gatewright-crds",
            "gatewright-model",
            "gatewright-core",
            "gatewright-provider-api",
        ],
    ),
    ("gatewright-proxy", &["gatewright-model"]),
    (
        "gatewright-software",
        &[
            "gatewright-crds",
            "gatewright-model",
            "gatewright-core",
            "gatewright-provider-api",
            "gatewright-stream",
        ],
    ),
    ("gatewright-stream", &["gatewright-model"]),
];

/// Crates that must not be reachable from a pure crate: runtimes, clients, SDKs, sockets.
const IMPURE: &[&str] = &[
    "tokio",
    "hyper",
    "kube-client",
    "kube-runtime",
    "socket2",
    "mio",
    "reqwest",
    "rustls",
];

/// The pure crates.
const PURE: &[&str] = &[
    "gatewright-crds",
    "gatewright-validation",
    "gatewright-model",
    "gatewright-core",
    "gatewright-provider-api",
    "gatewright-aws-core",
];

/// Fails with every wrong dependency named.
pub fn check() -> Result<()> {
    let metadata = output(&mut cargo(&[
        "metadata",
        "--format-version=1",
        "--no-deps",
        "--locked",
    ]))?;
    let members = members(&metadata)?;
    let mut faults = Vec::new();
    for (name, allowed) in ALLOWED {
        // What the crate reaches on its own: in the whole workspace other members switch on more features
        // of shared dependencies.
        let tree = output(&mut cargo(&[
            "tree",
            "--locked",
            "--package",
            name,
            "--edges",
            "normal",
            "--prefix",
            "none",
        ]))?;
        let reached = names(&tree, name);
        faults.extend(
            reached
                .iter()
                .filter(|found| members.contains(**found) && !allowed.contains(*found))
                .map(|found| format!("{name} must not depend on {found}")),
        );
        if PURE.contains(name) {
            faults.extend(
                IMPURE
                    .iter()
                    .filter(|impure| reached.contains(**impure))
                    .map(|impure| format!("{name} is pure and must not depend on {impure}")),
            );
        }
    }
    for member in &members {
        let leaf = [
            "gatewright",
            "gatewright-scenarios",
            "gatewright-traffic",
            "xtask",
        ]
        .contains(&member.as_str());
        if !leaf && !ALLOWED.iter().any(|(name, _)| name == member) {
            faults.push(format!(
                "{member} has no row in xtask/src/layers.rs: say what it may depend on"
            ));
        }
    }
    if faults.is_empty() {
        eprintln!(
            "    layers: {} crates, all dependencies run the right way",
            members.len()
        );
        return Ok(());
    }
    bail!("wrong dependencies:\n  {}", faults.join("\n  "))
}

/// Names of the workspace's crates, from `cargo metadata`.
fn members(metadata: &str) -> Result<BTreeSet<String>> {
    let metadata: Value = serde_json::from_str(metadata).context("cargo metadata")?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let names = packages
        .into_iter()
        .flatten()
        .filter_map(|package| package.get("name").and_then(Value::as_str));
    Ok(names.map(ToOwned::to_owned).collect())
}

/// Crates in the output of `cargo tree --prefix none`, without the root itself.
fn names<'a>(tree: &'a str, root: &str) -> BTreeSet<&'a str> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != root)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn every_crate_of_the_tree_counts_but_the_root() {
        let tree = "a v0.1.0 (/repo/a)\nb v1.2.3\nc v0.4.0 (proc-macro)\nb v1.2.3 (*)\n";
        assert_eq!(names(tree, "a").into_iter().collect::<Vec<_>>(), ["b", "c"]);
    }
}
