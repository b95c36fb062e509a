//! Dependencies between crates run one way (see `docs/architecture.md`): a wrong import fails here.

use crate::run::{cargo, output};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

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
    ("gatewright-proxy", &["gatewright-model"]),
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
];

/// Fails with every wrong dependency named.
pub fn check() -> Result<()> {
    let metadata = output(&mut cargo(&["metadata", "--format-version=1", "--locked"]))?;
    let graph = Graph::parse(&metadata)?;
    let mut faults = Vec::new();
    for (name, allowed) in ALLOWED {
        let reached = graph.reachable(name);
        faults.extend(
            reached
                .iter()
                .filter(|found| graph.members.contains(**found) && !allowed.contains(*found))
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
    for member in &graph.members {
        let leaf = ["gatewright", "gatewright-traffic", "xtask"].contains(&member.as_str());
        if !leaf && !ALLOWED.iter().any(|(name, _)| name == member) {
            faults.push(format!(
                "{member} has no row in xtask/src/layers.rs: say what it may depend on"
            ));
        }
    }
    if faults.is_empty() {
        eprintln!(
            "    layers: {} crates, all dependencies run the right way",
            graph.members.len()
        );
        return Ok(());
    }
    bail!("wrong dependencies:\n  {}", faults.join("\n  "))
}

/// Normal (not dev, not build) dependencies by crate name.
struct Graph {
    members: BTreeSet<String>,
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn parse(metadata: &str) -> Result<Self> {
        let metadata: Value = serde_json::from_str(metadata).context("cargo metadata")?;
        let names: BTreeMap<&str, &str> = array(&metadata, "packages")
            .filter_map(|package| Some((text(package, "id")?, text(package, "name")?)))
            .collect();
        let members = array(&metadata, "workspace_members")
            .filter_map(|id| names.get(id.as_str()?).map(ToString::to_string))
            .collect();
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in metadata
            .get("resolve")
            .into_iter()
            .flat_map(|resolve| array(resolve, "nodes"))
        {
            let Some(from) = text(node, "id").and_then(|id| names.get(id)) else {
                continue;
            };
            for dependency in array(node, "deps") {
                let normal =
                    array(dependency, "dep_kinds").any(|kind| kind.get("kind").is_none_or(Value::is_null));
                let to = text(dependency, "pkg").and_then(|id| names.get(id));
                if let (true, Some(to)) = (normal, to) {
                    edges
                        .entry((*from).to_owned())
                        .or_default()
                        .insert((*to).to_owned());
                }
            }
        }
        Ok(Self { members, edges })
    }

    fn reachable(&self, from: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open = vec![from];
        while let Some(name) = open.pop() {
            for next in self.edges.get(name).into_iter().flatten() {
                if found.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        found
    }
}

fn array<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::Graph;

    #[test]
    fn dev_dependencies_do_not_count_and_transitive_ones_do() {
        let metadata = r#"{
            "packages": [{"id":"a#1","name":"a"},{"id":"b#1","name":"b"},{"id":"c#1","name":"c"},{"id":"d#1","name":"d"}],
            "workspace_members": ["a#1"],
            "resolve": {"nodes": [
                {"id":"a#1","deps":[{"pkg":"b#1","dep_kinds":[{"kind":null}]},{"pkg":"d#1","dep_kinds":[{"kind":"dev"}]}]},
                {"id":"b#1","deps":[{"pkg":"c#1","dep_kinds":[{"kind":null}]}]}
            ]}
        }"#;
        let graph = Graph::parse(metadata).unwrap();
        assert_eq!(graph.reachable("a").into_iter().collect::<Vec<_>>(), ["b", "c"]);
    }
}
