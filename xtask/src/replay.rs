//! `cargo xtask replay`: manifests, valid and invalid, sent to a real API server and to the offline validation, whose
//! verdicts must be the same. Results are kept in `docs/development/replay.md`.

use crate::cluster::{self, Cluster};
use crate::run::{built, root};
use crate::tools;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::Path;
use std::time::Instant;

/// Bundles and channels, one cluster each.
const COMBINATIONS: &[(&str, &str)] = &[
    ("v1.6.3", "standard"),
    ("v1.6.3", "experimental"),
    ("v1.7.0", "standard"),
    ("v1.7.0", "experimental"),
];

/// Releases of the Gateway API whose own manifests are replayed, whatever the bundle in the cluster.
const RELEASES: &[&str] = &["v1.6.3", "v1.7.0"];

/// Go modules of those releases, and their folders with manifests: what they are called, and where they lie.
const UPSTREAM: &[(&str, &[(&str, &str)])] = &[
    (
        "sigs.k8s.io/gateway-api",
        &[
            ("examples", "examples"),
            ("invalid examples", "hack/invalid-examples"),
        ],
    ),
    (
        "sigs.k8s.io/gateway-api/conformance",
        &[
            ("suite", "tests"),
            ("suite's base", "base"),
            ("suite's mesh", "mesh"),
        ],
    ),
];

/// Manifests of this repository.
const OWN: &[(&str, &str)] = &[
    ("corpus", "crds/validation/corpus"),
    ("goldens", "controller/core/goldens"),
    ("quickstart", "docs/quickstart"),
    ("quickstart of AWS", "docs/quickstart-aws"),
    ("goldens of AWS", "providers/aws/core/goldens"),
];

/// Arguments of `cargo xtask replay`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask replay
  cargo xtask replay --bundle 1.6.3 --channel standard")]
pub struct Args {
    /// Only this version of the Gateway API's definitions.
    #[arg(long)]
    bundle: Option<String>,
    /// Only this channel of the definitions.
    #[arg(long)]
    channel: Option<String>,
    /// Name of the clusters, one at a time.
    #[arg(long, default_value = "replay")]
    name: String,
}

impl Args {
    /// Everything.
    pub fn all() -> Self {
        Self {
            bundle: None,
            channel: None,
            name: "replay".to_owned(),
        }
    }

    /// The newest definitions with everything, where stored objects are compared too.
    pub fn newest() -> Self {
        Self {
            bundle: Some("v1.7.0".to_owned()),
            channel: Some("experimental".to_owned()),
            ..Self::all()
        }
    }
}

/// Replays everything in a cluster for each bundle and channel.
///
/// # Errors
/// When a verdict differs, or nothing was asked for that exists.
pub fn run_all(args: &Args) -> Result<()> {
    let wanted = |(bundle, channel): &&(&str, &str)| {
        let bundle_fits = args
            .bundle
            .as_deref()
            .is_none_or(|only| only.trim_start_matches('v') == bundle.trim_start_matches('v'));
        bundle_fits && args.channel.as_deref().is_none_or(|only| only == *channel)
    };
    let combinations: Vec<_> = COMBINATIONS.iter().filter(wanted).collect();
    if combinations.is_empty() {
        bail!("there is no such bundle and channel; there are {COMBINATIONS:?}");
    }
    cluster::require()?;
    let program = built("gatewright-replay")?.display().to_string();
    let unpacked = tempfile::tempdir()?;
    let manifests = manifests(unpacked.path())?;
    let cluster = Cluster::here(&args.name);
    let mut failed = Vec::new();
    for (bundle, channel) in combinations {
        let begun = Instant::now();
        cluster.run(&["up", "--no-dns", "--bundle", bundle, "--channel", channel])?;
        let result = replay(&cluster, &program, &manifests, (bundle, channel));
        cluster.run(&["down"])?;
        eprintln!("    {bundle}/{channel} took {} s", begun.elapsed().as_secs());
        if let Err(error) = result {
            failed.push(format!("{bundle}/{channel}: {error:#}"));
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("{}", failed.join("\n"))
}

fn replay(
    cluster: &Cluster,
    program: &str,
    manifests: &[String],
    (bundle, channel): (&str, &str),
) -> Result<()> {
    let own = root().join("crds/gatewright").display().to_string();
    cluster.inside(&["kubectl", "apply", "--server-side", "-f", &own])?;
    cluster.inside(&[
        "kubectl",
        "wait",
        "--for=condition=Established",
        "crd",
        "--all",
        "--timeout=30s",
    ])?;
    let mut line = vec![program, "--bundle", bundle, "--channel", channel];
    for named in manifests {
        line.extend(["--manifests", named]);
    }
    cluster.inside(&line)
}

/// `NAME=FOLDER` of all manifests; those of releases are unpacked into `unpacked`.
fn manifests(unpacked: &Path) -> Result<Vec<String>> {
    let mut found: Vec<String> = OWN
        .iter()
        .map(|(name, folder)| format!("{name}={}", root().join(folder).display()))
        .collect();
    for release in RELEASES {
        for (module, names) in UPSTREAM {
            let prefix = format!("{module}@{release}/");
            let unpacked = unpacked.join(&prefix);
            unpack(&tools::go_module_zip(module, release)?, &prefix, &unpacked)?;
            for (name, folder) in *names {
                let folder = unpacked.join(folder);
                if folder.is_dir() {
                    found.push(format!("{name} {release}={}", folder.display()));
                }
            }
        }
    }
    Ok(found)
}

/// Writes the YAML files of a zip below `folder`.
fn unpack(zip: &Path, prefix: &str, folder: &Path) -> Result<()> {
    let mut archive = zip::ZipArchive::new(File::open(zip)?).with_context(|| zip.display().to_string())?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        // A name that leads out of the archive has no enclosed form.
        let Some(name) = entry.enclosed_name() else {
            continue;
        };
        let Ok(path) = name.strip_prefix(prefix) else {
            continue;
        };
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            std::io::copy(&mut entry, &mut File::create(&path)?)
                .with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}
