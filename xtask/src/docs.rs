//! Pages of the documentation that are generated from code.

use crate::run::root;
use anyhow::{Context, Result, bail};

/// Arguments of `cargo xtask docs`.
#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail when a page is out of date.
    #[arg(long)]
    check: bool,
}

impl Args {
    /// Checks only.
    pub const fn check() -> Self {
        Self { check: true }
    }
}

/// A page and what writes it.
type Page = (&'static str, fn() -> Result<String>);

const PAGES: &[Page] = &[
    ("docs/features.md", || {
        Ok(gatewright_provider_api::document::features())
    }),
    ("docs/aws/mapping.md", || {
        Ok(gatewright_provider_api::mapping::aws())
    }),
    ("docs/parameters.md", || {
        Ok(gatewright_crds::own::document::parameters())
    }),
    ("docs/helm-values.md", crate::charts::values::page),
];

/// Writes or checks every page.
pub fn run(args: &Args) -> Result<()> {
    for (path, generate) in PAGES {
        let file = root().join(path);
        let text = generate()?;
        if args.check {
            let found = std::fs::read_to_string(&file).with_context(|| format!("cannot read {path}"))?;
            if found != text {
                bail!("{path} is out of date; run `cargo xtask docs` and commit the result");
            }
        } else {
            std::fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
            eprintln!("    wrote {path}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
