//! `cargo xtask cluster`: real Kubernetes clusters for tests, on this machine or on kind.
//!
//! The work is done by `gwcluster` (Go, `e2e/cluster`); this builds what it needs and calls it.

mod beside;
mod build;
mod check;
mod handle;
mod install;
mod kind;
mod packages;
#[cfg(test)]
mod tests;

pub use handle::{After, Cluster, Place};
pub use install::{Installation, Mode, NAMESPACE};

use crate::run::{cache_dir, command, root, run};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

/// User and group that containers of a program run as.
const USER: &str = "65532:65532";

/// Arguments of `cargo xtask cluster`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

/// Which cluster.
#[derive(clap::Args, Clone)]
struct Target {
    /// Name of the cluster; several can run side by side.
    #[arg(long, default_value = "default")]
    name: String,
    /// Use kind (needs Docker) instead of this machine's namespaces.
    #[arg(long)]
    kind: bool,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Build everything a cluster needs, without starting one.
    Build,
    /// Test clusters themselves: start one, test it from inside, end it, and look for remains.
    Check,
    /// Start a cluster and wait until it is ready.
    Up(Up),
    /// End a cluster and remove everything of it.
    Down {
        #[command(flatten)]
        target: Target,
        /// End every cluster of this machine's namespaces.
        #[arg(long, conflicts_with_all = ["name", "kind"])]
        all: bool,
    },
    /// List the clusters, and how each one's components fare.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run a command (or a shell) inside the cluster, with KUBECONFIG set and kubectl in the path.
    Shell {
        #[command(flatten)]
        target: Target,
        /// The command and its arguments.
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Bring an image to the cluster: a docker-archive, or a static program with `--tag`.
    LoadImage(LoadImage),
    /// Restart, kill (it comes back), stop or start a component, such as `etcd` or `kube-apiserver`.
    Component {
        #[command(flatten)]
        target: Target,
        /// Name of the component; `status` lists them.
        component: String,
        /// restart, kill, stop or start.
        action: String,
    },
    /// Kill the processes of a pod's containers, as a crash would.
    KillPod {
        #[command(flatten)]
        target: Target,
        /// The pod, as NAMESPACE/NAME.
        pod: String,
    },
}

#[derive(clap::Args, Clone)]
struct Up {
    #[command(flatten)]
    target: Target,
    /// Version of the Gateway API's definitions to install, or `none`.
    #[arg(long, default_value = "1.6.3")]
    bundle: String,
    /// Channel of the definitions: standard or experimental.
    #[arg(long, default_value = "experimental")]
    channel: String,
    /// Leave out the cluster's DNS server.
    #[arg(long)]
    no_dns: bool,
    /// Record what the service accounts of a namespace ask the API server for, in logs/audit.log of the
    /// cluster's folder.
    #[arg(long, value_name = "NAMESPACE", conflicts_with = "kind")]
    audit: Option<String>,
    /// Stay, and end the cluster with this command (this machine's namespaces only).
    #[arg(long, conflicts_with = "kind")]
    foreground: bool,
}

#[derive(clap::Args)]
struct LoadImage {
    #[command(flatten)]
    target: Target,
    /// A docker-archive, or a static program.
    file: PathBuf,
    /// Name and tag of the image to make of a program (repeatable).
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// User (uid or uid:gid) that the container of a program runs as.
    #[arg(long, default_value = USER)]
    user: String,
}

/// Makes sure that clusters can run here.
///
/// # Errors
/// Names what the machine lacks, and how to run the tests that need no cluster. What other clusters a command can use, it
/// says itself.
pub fn require() -> Result<()> {
    packages::ensure()
        .context("this machine cannot run a cluster; `cargo xtask test --no-cluster` runs everything else")
}

/// Tests clusters themselves.
///
/// # Errors
/// When a cluster does not start, work or end as it should.
pub fn check() -> Result<()> {
    require()?;
    check::run_checks()
}

/// Runs one action.
///
/// # Errors
/// Says what is missing on the machine, or which command failed.
pub fn run_action(args: &Args) -> Result<()> {
    match &args.action {
        Action::Build => build::ensure().map(|built| eprintln!("built in {}", built.tools.display())),
        Action::Check => check::run_checks(),
        Action::Up(up) if up.target.kind => kind::up(&up.target.name, &bundle(up)?),
        Action::Up(up) => start(up),
        Action::Down { target, .. } if target.kind => kind::down(&target.name),
        Action::Down { all: true, .. } => run(manager()?.args(["down", "--all"])),
        Action::Down { target, .. } => run(on(&mut manager()?, target).arg("down")),
        Action::Status { json } => {
            run(manager()?.arg("status").args(json.then_some("--json")))?;
            kind::status()
        }
        Action::Shell { target, command } if target.kind => {
            become_command(kind::shell(&target.name, command)?)
        }
        Action::Shell { target, command } => {
            let mut shell = manager()?;
            on(&mut shell, target).args(["shell", "--"]).args(command);
            become_command(shell)
        }
        Action::LoadImage(load) => load_image(load),
        Action::Component {
            target,
            component,
            action,
        } => run(on(&mut local(target)?, target).args(["component", component, action])),
        Action::KillPod { target, pod } => run(on(&mut local(target)?, target).args(["kill-pod", pod])),
    }
}

/// Tests that run inside a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tests {
    /// The charts, installed, upgraded and removed.
    Deployment,
    /// No request is lost while everything changes.
    Stay,
}

impl Tests {
    /// Name of their command.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Stay => "stay",
        }
    }
}

/// Builds tests that run inside a cluster.
///
/// # Errors
/// When the build fails.
pub fn tests(tests: Tests) -> Result<PathBuf> {
    match tests {
        Tests::Deployment => build::ensure_tests(&build::DEPLOY, "./deploy"),
        Tests::Stay => build::ensure_tests(&build::STAY, "./stay"),
    }
}

/// Builds the program that measures an installation from inside its cluster.
///
/// # Errors
/// When the build fails.
pub fn bench_program() -> Result<PathBuf> {
    build::ensure_bench()
}

/// Builds the authorization server that scenarios run in a cluster.
///
/// # Errors
/// When the build fails.
pub fn authorization_server() -> Result<PathBuf> {
    build::ensure_authz()
}

/// Builds programs of others that work with Gateways, and answers their folder.
///
/// # Errors
/// When a build fails.
pub fn ecosystem() -> Result<PathBuf> {
    build::ensure_ecosystem()
}

/// An image of one program that runs as nobody in particular.
pub struct Packed<'a> {
    /// The program.
    pub program: &'a Path,
    /// Where it lies in the image; by default at / under its own name.
    pub at: Option<&'a str>,
    /// Other files: the path in the image, and on this machine.
    pub files: &'a [(String, PathBuf)],
    /// Name and tag.
    pub tag: &'a str,
}

/// Writes an image as a docker-archive.
///
/// # Errors
/// When a file cannot be read, or the archive not written.
pub fn pack(image: &Packed, archive: &Path) -> Result<()> {
    let mut pack = manager()?;
    pack.arg("pack").arg(image.program).arg("--archive").arg(archive);
    if let Some(at) = image.at {
        pack.args(["--at", at]);
    }
    for (inside, file) in image.files {
        pack.arg("--file").arg(format!("{inside}={}", file.display()));
    }
    run(pack.args(["--tag", image.tag, "--user", USER]))
}

/// Starts a cluster in namespaces of this machine.
fn start(up: &Up) -> Result<()> {
    packages::ensure()?;
    let mut built = build::ensure()?;
    if up.bundle.trim_start_matches('v').starts_with("1.7.") {
        built.images.push(build::ensure_preview(&built)?);
    }
    let mut command = manager_of(&built);
    on(&mut command, &up.target).arg("up");
    command.arg("--kube").arg(&built.kube);
    command.arg("--pod-network").arg(built.tools.join("cni-ptp"));
    for image in &built.images {
        command.arg("--image").arg(image);
    }
    for file in bundle(up)? {
        command.arg("--bundle").arg(file);
    }
    if !up.no_dns {
        command.args(["--dns-image", build::DNS_IMAGE]);
    }
    if let Some(namespace) = &up.audit {
        command.args(["--audit", namespace]);
    }
    command.args(up.foreground.then_some("--foreground"));
    run(&mut command)
}

fn load_image(load: &LoadImage) -> Result<()> {
    let built = build::ensure_tools()?;
    let file = std::path::absolute(&load.file)?;
    if load.target.kind {
        let packed;
        let archive = if load.tags.is_empty() {
            &file
        } else {
            packed = tempfile::tempdir()?;
            &build::pack(
                &built,
                &file,
                &packed.path().join("image.tar"),
                &load.tags,
                &load.user,
            )?
        };
        return kind::load(&load.target.name, archive);
    }
    let mut command = manager_of(&built);
    on(&mut command, &load.target).arg("load-image").arg(&file);
    for tag in &load.tags {
        command.args(["--tag", tag]);
    }
    run(command.args(["--user", &load.user]))
}

/// Files of the definitions asked for, and of the release's admission policies; none if none are wanted.
fn bundle(up: &Up) -> Result<Vec<PathBuf>> {
    if up.bundle == "none" {
        return Ok(Vec::new());
    }
    let folder = root().join("crds/bundles");
    find_bundle(&folder, &up.bundle, &up.channel).map(Vec::from)
}

fn find_bundle(folder: &Path, version: &str, channel: &str) -> Result<[PathBuf; 2]> {
    let version = version.trim_start_matches('v');
    let files =
        ["jsonl.gz", "policies.jsonl"].map(|ending| folder.join(format!("v{version}-{channel}.{ending}")));
    if files.iter().all(|file| file.is_file()) {
        return Ok(files);
    }
    let mut known: Vec<String> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".jsonl.gz").map(str::to_owned))
        .collect();
    known.sort();
    bail!(
        "there is no bundle v{version}-{channel}; there are {} (and `--bundle none`)",
        known.join(", ")
    )
}

/// The manager, built if need be.
fn manager() -> Result<Command> {
    Ok(manager_of(&build::ensure_tools()?))
}

/// The manager, for what kind cannot do.
fn local(target: &Target) -> Result<Command> {
    if target.kind {
        bail!("this works on clusters in namespaces of this machine only, not on kind");
    }
    manager()
}

fn manager_of(built: &build::Built) -> Command {
    let mut manager = command(built.tools.join("gwcluster"), &[]);
    manager.arg("--root").arg(cache_dir().join("clusters"));
    manager.env("PATH", packages::search_path());
    if let Ok(folder) = std::env::current_dir() {
        manager.current_dir(folder);
    }
    manager
}

fn on<'a>(command: &'a mut Command, target: &Target) -> &'a mut Command {
    command.args(["--name", &target.name])
}

/// Runs a command quietly and ends with its exit status.
fn become_command(mut command: Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    exit(status.code().unwrap_or(1))
}
