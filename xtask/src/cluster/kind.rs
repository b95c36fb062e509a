//! The same clusters on kind, where Docker runs.

use super::build;
use crate::run::{cache_dir, command, output, root, run};
use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Starts a cluster and applies the objects of these files.
pub(super) fn up(name: &str, bundle: &[PathBuf]) -> Result<()> {
    std::fs::create_dir_all(folder())?;
    run(kind()?
        .args([
            "create",
            "cluster",
            "--wait",
            "120s",
            "--name",
            &full(name),
            "--config",
        ])
        .arg(root().join("deploy/kind/cluster.yaml"))
        .arg("--kubeconfig")
        .arg(kubeconfig(name)))?;
    bundle.iter().try_for_each(|file| apply(name, file))
}

/// Removes a cluster.
pub(super) fn down(name: &str) -> Result<()> {
    run(kind()?
        .args(["delete", "cluster", "--name", &full(name), "--kubeconfig"])
        .arg(kubeconfig(name)))
}

/// Lists the clusters, if this machine has kind.
pub(super) fn status() -> Result<()> {
    match installed() {
        Some(kind) => run(command(kind, &[]).args(["get", "clusters"])),
        None => Ok(()),
    }
}

/// Brings an image to the nodes.
pub(super) fn load(name: &str, archive: &Path) -> Result<()> {
    run(kind()?
        .args(["load", "image-archive", "--name", &full(name)])
        .arg(archive))
}

/// A command, or a shell, that talks to the cluster.
pub(super) fn shell(name: &str, words: &[String]) -> Result<Command> {
    let mut words = words.iter();
    let mut shell = words.next().map_or_else(
        || Command::new(std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into())),
        Command::new,
    );
    shell.args(words).env("KUBECONFIG", kubeconfig(name));
    Ok(shell)
}

/// Applies JSON objects, compressed where the name ends in gz, with the machine's kubectl.
fn apply(name: &str, path: &Path) -> Result<()> {
    let mut file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut objects = Vec::new();
    if path.extension().is_some_and(|ending| ending == "gz") {
        GzDecoder::new(file).read_to_end(&mut objects)?;
    } else {
        file.read_to_end(&mut objects)?;
    }
    let mut kubectl = command(
        "kubectl",
        &["apply", "--server-side", "--filename", "-", "--kubeconfig"],
    )
    .arg(kubeconfig(name))
    .stdin(Stdio::piped())
    .spawn()
    .context("cannot start kubectl")?;
    if let Some(mut input) = kubectl.stdin.take() {
        input.write_all(&objects)?;
    }
    let status = kubectl.wait()?;
    anyhow::ensure!(status.success(), "kubectl apply failed: {status}");
    Ok(())
}

/// kind of the machine, or built from its module.
fn kind() -> Result<Command> {
    match installed() {
        Some(kind) => Ok(command(kind, &[])),
        None => Ok(command(build::ensure_kind()?, &[])),
    }
}

fn installed() -> Option<PathBuf> {
    output(&mut command("kind", &["version"]))
        .ok()
        .map(|_| "kind".into())
}

fn folder() -> PathBuf {
    cache_dir().join("kind")
}

fn kubeconfig(name: &str) -> PathBuf {
    folder().join(format!("{name}.kubeconfig"))
}

/// Name of the cluster as kind knows it.
fn full(name: &str) -> String {
    format!("gatewright-{name}")
}
