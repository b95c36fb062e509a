//! `cargo xtask deployment`: the charts are installed, upgraded under load, used in every documented way and
//! removed, in a cluster of its own.

use crate::cluster;
use crate::cluster::Cluster;
use crate::image::{self, Part, REGISTRY};
use crate::run::root;
use crate::tools;
use anyhow::Result;
use std::path::PathBuf;
use std::time::Instant;

/// Tags of the images: what is installed, and the release that an upgrade brings.
const TAGS: [&str; 2] = ["dev", "next"];

/// Arguments of `cargo xtask deployment`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask deployment
  cargo xtask deployment --run-test TestInstallationsKeepApart --keep")]
pub struct Args {
    /// Run only the tests that match this pattern (as `go test -run`).
    #[arg(long, value_name = "PATTERN", default_value = ".")]
    run_test: String,
    /// Name of the cluster.
    #[arg(long, default_value = "deployment")]
    name: String,
    /// Leave the cluster running.
    #[arg(long)]
    keep: bool,
    /// Cargo profile of the images.
    #[arg(long, default_value = "quick-release")]
    profile: String,
    /// Folder with finished images, controller.tar and proxy.tar with both tags, in place of new ones.
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
}

impl Args {
    /// All tests, with images of this source.
    pub fn all() -> Self {
        Self {
            run_test: ".".to_owned(),
            name: "deployment".to_owned(),
            keep: false,
            profile: "quick-release".to_owned(),
            images: None,
        }
    }
}

/// Runs the tests.
///
/// # Errors
/// When one fails.
pub fn run_tests(args: &Args) -> Result<()> {
    let helm = tools::helm()?;
    let tests = cluster::deployment_tests()?;
    let mut images = Vec::new();
    for part in [Part::Controller, Part::Proxy] {
        images.push(match &args.images {
            Some(folder) => (part, folder.join(format!("{}.tar", part.name()))),
            None => (part, image::program(part, &args.profile)?),
        });
    }
    let cluster = Cluster {
        name: args.name.clone(),
    };
    cluster.run(&["up"])?;
    let result = load(&cluster, &images, args.images.is_some()).and_then(|()| {
        let begun = Instant::now();
        let set = |name: &str, value: &std::path::Path| format!("{name}={}", value.display());
        let result = cluster.inside(&[
            "env",
            &set("HELM", &helm),
            &set("GATEWRIGHT_ROOT", &root()),
            &tests.display().to_string(),
            "-test.v",
            "-test.failfast",
            "-test.timeout=20m",
            "-test.run",
            &args.run_test,
        ]);
        eprintln!("    the tests took {} s", begun.elapsed().as_secs());
        result
    });
    if !args.keep {
        cluster.run(&["down"])?;
    }
    result
}

fn load(cluster: &Cluster, images: &[(Part, PathBuf)], finished: bool) -> Result<()> {
    for (part, file) in images {
        let file = file.display().to_string();
        if finished {
            cluster.run(&["load-image", &file])?;
            continue;
        }
        let tags = TAGS.map(|tag| format!("{REGISTRY}/{}:{tag}", part.name()));
        let [first, second] = &tags;
        cluster.run(&["load-image", &file, "--tag", first, "--tag", second])?;
    }
    Ok(())
}
