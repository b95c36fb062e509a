//! Our own CRDs as YAML, derived from their Rust types.
//!
//! A unit test of `gatewright-crds` compares these files with the types, so they need no entry in the
//! manifest of sums.

use crate::run::{cargo, output, root};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;

/// Where the files are, below `crds/`.
pub const FOLDER: &str = "gatewright";

/// The same files in the Helm chart that installs them, below the repository's root.
const CHART: &str = "deploy/charts/gatewright-crds/templates";

/// Fails when the chart's files are not those below `crds/`.
pub fn check_chart() -> Result<()> {
    for entry in std::fs::read_dir(root().join("crds").join(FOLDER))? {
        let path = entry?.path();
        let name = path.file_name().context("a file has a name")?;
        let copy = root().join(CHART).join(name);
        let same =
            std::fs::read(&copy).is_ok_and(|copied| std::fs::read(&path).is_ok_and(|text| text == copied));
        if !same {
            bail!(
                "{} differs from {}: run `cargo xtask crds generate`",
                copy.display(),
                path.display()
            );
        }
    }
    Ok(())
}

/// Writes one file for each kind; returns their number.
pub fn write() -> Result<usize> {
    let printed = output(&mut cargo(&[
        "run",
        "--quiet",
        "--package",
        "gatewright-crds",
        "--example",
        "own_crds",
    ]))?;
    let folder = root().join("crds").join(FOLDER);
    std::fs::create_dir_all(&folder)?;
    let mut count = 0;
    for line in printed.lines() {
        let crd: serde_json::Value = serde_json::from_str(line)?;
        let plural = super::bundle::text_at(&crd, "/spec/names/plural")?;
        let mut text = String::new();
        writeln!(
            text,
            "# Generated from the Rust type by `cargo xtask crds generate`. Do not edit."
        )?;
        text.push_str(&serde_yaml_ng::to_string(&crd)?);
        let path = folder.join(format!("{plural}.yaml"));
        let chart = root().join(CHART);
        std::fs::create_dir_all(&chart)?;
        for path in [path, chart.join(format!("{plural}.yaml"))] {
            std::fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        count += 1;
    }
    Ok(count)
}
