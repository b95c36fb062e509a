//! Static programs for images from scratch.

use crate::run::{cargo, run};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// The target whose C library can be linked statically.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What goes into an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The controller, with every provider.
    Controller,
    /// The proxy alone.
    Proxy,
}

impl Part {
    /// Name of the image below the registry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Proxy => "proxy",
        }
    }
}

/// Builds `gatewright` as one static program and answers its path.
///
/// # Errors
/// When the build fails.
pub fn program(part: Part, profile: &str) -> Result<PathBuf> {
    let mut build = cargo(&[
        "rustc",
        "--locked",
        "--package",
        "gatewright",
        "--bin",
        "gatewright",
        "--profile",
        profile,
        "--target",
        TARGET,
    ]);
    if part == Part::Proxy {
        build.arg("--no-default-features");
    }
    // One target folder for each part: their features differ, and so would every dependency's.
    let folder = target_dir()?.join("images").join(part.name());
    // The C library is chosen by the last link alone: nothing else has to be compiled for it.
    build
        .arg("--target-dir")
        .arg(&folder)
        .args(["--", "-C", "target-feature=+crt-static"]);
    run(&mut build)?;
    Ok(folder.join(TARGET).join(profile).join("gatewright"))
}

fn target_dir() -> Result<PathBuf> {
    let metadata = crate::run::output(&mut cargo(&[
        "metadata",
        "--format-version=1",
        "--no-deps",
        "--locked",
    ]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let folder = metadata
        .get("target_directory")
        .and_then(serde_json::Value::as_str);
    folder
        .map(PathBuf::from)
        .context("cargo metadata names no target folder")
}
