//! Helm charts, and what is rendered from them: a kustomize base, one file to apply, and examples. Rendered
//! files are committed and must be as the charts are.

mod render;
pub mod values;

use crate::run::{output, root};
use crate::tools;
use anyhow::{Context, Result, bail};
use render::{Document, split, whole};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where our own CRDs are generated.
const CRDS: &str = "crds/gatewright";

/// The chart's copies: Helm reads nothing outside of a chart.
const COPIES: &str = "deploy/charts/gatewright-crds/templates";

/// The charts.
const CHARTS: [&str; 2] = ["deploy/charts/gatewright", "deploy/charts/gatewright-crds"];

/// Values for places and purposes, each with what is rendered from it.
const EXAMPLES: &str = "deploy/examples";

/// Where the controller is installed without Helm.
const NAMESPACE: &str = "gatewright-system";

/// What `helm template` takes the cluster for.
const KUBERNETES: &str = "1.34.0";

/// The first line of files that are written here.
const HEAD: &str = "# Rendered from deploy/charts by `cargo xtask charts`. Do not edit.\n";

/// Values that must be refused, and what the refusal names.
const REFUSED: &[(&[&str], &str)] = &[
    (&["replicas=2"], "additional properties 'replicas' not allowed"),
    (&["replicaCount=-1"], "/replicaCount"),
    (&["image.pullPolicy=Sometimes"], "/image/pullPolicy"),
    (&["image.digest=latest"], "/image/digest"),
    (&["controllerName=gatewright"], "/controllerName"),
    (&["metrics.port=80"], "/metrics/port"),
    (&["tracing.collector=https://a:4318"], "/tracing/collector"),
    (&["tracing.sampling=2"], "/tracing/sampling"),
    (&["watchNamespaces={Shop}"], "/watchNamespaces/0"),
    (
        &["aws.callRates.elb.perSecond=1", "aws.callRates.elb.burst=1"],
        "/aws/callRates",
    ),
    (
        &["aws.callRates.elb_modify.perSecond=1"],
        "/aws/callRates/elb_modify",
    ),
    (
        &[
            "aws.callRates.elb_modify.perSecond=0",
            "aws.callRates.elb_modify.burst=1",
        ],
        "/aws/callRates/elb_modify/perSecond",
    ),
    (
        &["gatewayClass.parametersRef.name=a"],
        "/gatewayClass/parametersRef",
    ),
    (
        &[
            "gatewayClass.parametersRef.name=a",
            "gatewayClass.parametersRef.namespace=b",
            "gatewayClass.parameters.mode=Shared",
        ],
        "exclude each other",
    ),
    (
        &["watchNamespaces={shop}", "gatewayClass.parameters.mode=Shared"],
        "not among watchNamespaces",
    ),
    (&["serviceAccount.create=false"], "serviceAccount.name"),
];

/// Arguments of `cargo xtask charts`.
#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail when a file is not as rendered.
    #[arg(long)]
    check: bool,
}

/// Writes what is rendered, or checks it, and the charts themselves.
///
/// # Errors
/// Names the file that differs, what Helm objects to, or the values that it accepts and should not.
pub fn run_command(args: &Args) -> Result<()> {
    let files = files(&Helm::ensure()?)?;
    for (path, text) in &files {
        let file = root().join(path);
        let found = std::fs::read_to_string(&file).unwrap_or_default();
        if found == *text {
            continue;
        }
        if args.check {
            bail!("{path} is out of date: run `cargo xtask charts` and commit the result");
        }
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
        eprintln!("    wrote {path}");
    }
    let stale = stale(&files)?;
    if !stale.is_empty() {
        bail!("nothing is rendered to {} any more: remove it", stale.join(", "));
    }
    eprintln!("    charts: {} files are as rendered", files.len());
    Ok(())
}

/// Checks everything.
///
/// # Errors
/// As [`run_command`].
pub fn check() -> Result<()> {
    run_command(&Args { check: true })
}

/// All rendered files by their path, after the charts were found right.
fn files(helm: &Helm) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for (name, text) in crds()? {
        files.insert(format!("{COPIES}/{name}"), text);
    }
    let crds: String = crds()?
        .into_iter()
        .map(|(_, text)| text)
        .collect::<Vec<_>>()
        .join("---\n");
    for chart in CHARTS {
        helm.lint(chart, &[])?;
    }
    for (values, message) in REFUSED {
        helm.refuses(values, message)?;
    }
    let standard = split(&helm.template(NAMESPACE, &[])?)?;
    let namespace = format!("{HEAD}apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {NAMESPACE}\n");
    let controller = format!("{HEAD}{}", whole(&standard));
    files.insert(
        "deploy/install.yaml".to_owned(),
        [&namespace, &crds, &controller].map(String::as_str).join("---\n"),
    );
    for (name, text) in [
        ("namespace", namespace),
        ("crds", crds),
        ("gatewright", controller),
    ] {
        files.insert(format!("deploy/kustomize/base/{name}.yaml"), text);
    }
    for example in examples()? {
        let name = example
            .file_stem()
            .context("a file has a name")?
            .to_string_lossy()
            .into_owned();
        let values = example.display().to_string();
        helm.lint(CHARTS[0], &["--values", &values])?;
        let documents = split(&helm.template(NAMESPACE, &["--values", &values])?)?;
        files.insert(
            format!("{EXAMPLES}/rendered/{name}.yaml"),
            differences(&standard, &documents)?,
        );
    }
    Ok(files)
}

/// What is rendered otherwise than without any values.
fn differences(standard: &[Document], other: &[Document]) -> Result<String> {
    let mut text = HEAD.to_owned();
    writeln!(text, "# Only what differs from the values' defaults.")?;
    for document in standard {
        if !other.iter().any(|found| found.key == document.key) {
            writeln!(text, "# Not there: {}", document.key)?;
        }
    }
    let changed = other.iter().filter(|document| !standard.contains(document));
    text.push_str(
        &changed
            .map(|document| document.text.as_str())
            .collect::<Vec<_>>()
            .join("---\n"),
    );
    Ok(text)
}

/// Our own CRDs by file name.
fn crds() -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for path in sorted(&root().join(CRDS))? {
        let name = path.file_name().context("a file has a name")?;
        found.push((
            name.to_string_lossy().into_owned(),
            std::fs::read_to_string(&path)?,
        ));
    }
    Ok(found)
}

fn examples() -> Result<Vec<PathBuf>> {
    let mut found = sorted(&root().join(EXAMPLES))?;
    found.retain(|path| path.is_file());
    Ok(found)
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Files in folders of rendered ones that are not among them.
fn stale(files: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let mut stale = Vec::new();
    for folder in [COPIES, "deploy/examples/rendered"] {
        for path in sorted(&root().join(folder))? {
            let name = path.strip_prefix(root())?.display().to_string();
            if !files.contains_key(&name) {
                stale.push(name);
            }
        }
    }
    Ok(stale)
}

/// Helm, of the version that the charts are tested with.
struct Helm(PathBuf);

impl Helm {
    fn ensure() -> Result<Self> {
        tools::helm().map(Self)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = crate::run::command(&self.0, args);
        // Nothing of this machine's own settings and repositories.
        command
            .env("HELM_CACHE_HOME", "/nonexistent")
            .env("HELM_CONFIG_HOME", "/nonexistent")
            .env("HELM_DATA_HOME", "/nonexistent")
            .env_remove("KUBECONFIG");
        command
    }

    fn lint(&self, chart: &str, more: &[&str]) -> Result<()> {
        let mut lint = self.command(&["lint", "--strict", "--quiet", "--kube-version", KUBERNETES, chart]);
        output(lint.args(more)).map(drop)
    }

    fn template(&self, namespace: &str, more: &[&str]) -> Result<String> {
        output(&mut self.rendering(namespace, more))
    }

    fn rendering(&self, namespace: &str, more: &[&str]) -> Command {
        let mut template = self.command(&["template", "gatewright", CHARTS[0], "--namespace", namespace]);
        template.args(["--kube-version", KUBERNETES]).args(more);
        template
    }

    fn refuses(&self, values: &[&str], message: &str) -> Result<()> {
        let mut template = self.rendering(NAMESPACE, &[]);
        for value in values {
            template.args(["--set", value]);
        }
        let answer = template.output().context("cannot start helm")?;
        let said = String::from_utf8_lossy(&answer.stderr);
        if answer.status.success() || !said.contains(message) {
            bail!("values {values:?} must be refused, naming `{message}`; helm said: {said}");
        }
        Ok(())
    }
}
