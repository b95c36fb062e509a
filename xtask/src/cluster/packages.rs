//! What a cluster takes from the machine: root, and programs that Debian packages.

use crate::run::{command, run};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A program, and the Debian package that brings it.
pub(super) struct Need {
    /// Name of the program, or path of a file.
    pub(super) program: &'static str,
    /// Debian package.
    pub(super) package: &'static str,
}

const fn need(program: &'static str, package: &'static str) -> Need {
    Need { program, package }
}

pub(super) const NEEDS: &[Need] = &[
    need("containerd", "containerd"),
    need("ctr", "containerd"),
    need("runc", "runc"),
    need("/usr/lib/cni/ptp", "containernetworking-plugins"),
    need("iptables", "iptables"),
    need("ip6tables", "iptables"),
    need("conntrack", "conntrack"),
    need("nsenter", "util-linux"),
    need("ip", "iproute2"),
];

/// Checks for root, and installs the packages that are missing.
///
/// # Errors
/// Names what is missing where it cannot be installed, and what to do instead.
pub(super) fn ensure() -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").context("clusters need Linux")?;
    if effective_user(&status) != Some(0) {
        bail!("a cluster in namespaces of this machine takes root: run the command as root");
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&search_path()).collect();
    let missing = missing(|need| present(need, &folders));
    if missing.is_empty() {
        return Ok(());
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "a cluster needs the programs of these Debian packages, and this machine has no apt-get \
             to install them with: {}",
            missing.join(", ")
        );
    }
    run(command("apt-get", &["update", "--quiet"]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    run(command(
        "apt-get",
        &["install", "--yes", "--quiet", "--no-install-recommends"],
    )
    .args(&missing)
    .env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Packages of the needs that are not met, each once, in order.
pub(super) fn missing(met: impl Fn(&Need) -> bool) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for need in NEEDS {
        if !met(need) && !packages.contains(&need.package) {
            packages.push(need.package);
        }
    }
    packages
}

fn present(need: &Need, folders: &[PathBuf]) -> bool {
    folders.iter().any(|folder| folder.join(need.program).exists())
}

/// The search path with the folders of system programs, which not every root has in it.
pub(super) fn search_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::join_paths(std::env::split_paths(&path).chain(system)).unwrap_or(path)
}

/// The effective user of /proc/PID/status (proc_pid_status(5): real, effective, saved, file system).
pub(super) fn effective_user(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
