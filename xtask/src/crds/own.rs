//! Our own CRDs as YAML, derived from their Rust types.
//!
//! A unit test of `gatewright-crds` compares these files with the types, so they need no entry in the
//! manifest of sums.

use crate::run::{cargo, output, root};
use anyhow::{Context, Result};
use std::fmt::Write as _;

/// Where the files are, below `crds/`.
pub const FOLDER: &str = "gatewright";

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
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        count += 1;
    }
    Ok(count)
}
