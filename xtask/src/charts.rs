//! Helm charts: our CRDs are in one, as they are below `crds/`.

use crate::run::root;
use anyhow::{Context, Result, bail};

/// Where our own CRDs are generated.
const CRDS: &str = "crds/gatewright";

/// The chart's copies: Helm reads nothing outside of a chart.
const CHART: &str = "deploy/charts/gatewright-crds/templates";

/// Fails when the chart's files are not those below `crds/`.
///
/// # Errors
/// Names the file that differs, and the command that mends it.
pub fn check() -> Result<()> {
    let mut count = 0;
    for entry in std::fs::read_dir(root().join(CRDS))? {
        let path = entry?.path();
        let name = path.file_name().context("a file has a name")?;
        let copy = root().join(CHART).join(name);
        let text = std::fs::read(&path)?;
        if !std::fs::read(&copy).is_ok_and(|copied| copied == text) {
            bail!(
                "{} differs from {}: run `cp {CRDS}/*.yaml {CHART}/`",
                copy.display(),
                path.display()
            );
        }
        count += 1;
    }
    eprintln!("    charts: {count} CRDs are as generated");
    Ok(())
}
