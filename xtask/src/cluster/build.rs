//! The programs and images of a cluster, built once for each state of their sources into the cache
//! folder.

use super::manager_of;
use crate::run::{cache_dir, command, output, root, run};
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// The image of the cluster's DNS server, and of a backend of the conformance suite.
pub(super) const DNS_IMAGE: &str = "registry.k8s.io/coredns/coredns:v1.12.2";
const PAUSE_IMAGE: &str = "registry.k8s.io/pause:3.10";
/// Names under which the manifests of the conformance suite v1.6.3 use one and the same program.
const ECHO_IMAGES: &[&str] = &[
    "registry.k8s.io/gateway-api/echo-basic:v1.5.1",
    "registry.k8s.io/gateway-api/echo-basic:v1.6.0-dev.2",
    "registry.k8s.io/gateway-api/echo-basic:v1.6.0-dev.3",
];
/// Names under which the manifests of the suite v1.7.0 use its echo server. v0.2.0 is pinned but not
/// served by the module proxy, so that v0.1.0 stands in for it in a preview of that suite.
const PREVIEW_ECHO_IMAGES: &[&str] = &[
    "registry.k8s.io/gateway-api/conformance/echo-basic:v0.1.0",
    "registry.k8s.io/gateway-api/conformance/echo-basic:v0.2.0",
];

/// How units are built is part of what they are: another recipe makes other files of the same sources.
const RECIPES: &str = include_str!("build.rs");

/// Builds that nobody has used for so long are removed.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// What was built, and where.
pub(super) struct Built {
    /// Folder of `gwcluster` and the programs of images.
    pub(super) tools: PathBuf,
    /// The program that is every component of Kubernetes, beside its link `kubectl`.
    pub(super) kube: PathBuf,
    /// Images that every cluster gets.
    pub(super) images: Vec<PathBuf>,
}

/// A set of programs of one Go module, rebuilt when one of its sources changes.
pub(super) struct Unit {
    /// Name of its folder in the cache.
    name: &'static str,
    /// Folder of the Go module.
    module: &'static str,
    /// Files and folders of the module that it is built from.
    sources: &'static [&'static str],
}

const KUBE: Unit = Unit {
    name: "kube",
    module: "e2e/cluster",
    sources: &["go.mod", "go.sum", "cmd/kube"],
};

const TOOLS: Unit = Unit {
    name: "tools",
    module: "e2e/cluster",
    sources: &[
        "go.mod",
        "go.sum",
        "cmd/gwcluster",
        "cmd/pause",
        "cmd/cni-ptp",
        "internal",
    ],
};

const KIND: Unit = Unit {
    name: "kind",
    module: "e2e/cluster",
    sources: &["go.mod", "go.sum"],
};

pub(super) const CHECKS: Unit = Unit {
    name: "checks",
    module: "e2e/cluster",
    sources: &["go.mod", "go.sum", "check"],
};

pub(super) const DEPLOY: Unit = Unit {
    name: "deploy",
    module: "e2e/cluster",
    sources: &["go.mod", "go.sum", "deploy", "inside"],
};

pub(super) const STAY: Unit = Unit {
    name: "stay",
    module: "e2e/cluster",
    sources: &["go.mod", "go.sum", "stay", "inside"],
};

const BENCH: Unit = Unit {
    name: "bench",
    module: "e2e/cluster",
    sources: &["go.mod", "go.sum", "bench"],
};

const IMAGES: Unit = Unit {
    name: "images",
    module: "e2e/images",
    sources: &["go.mod", "go.sum", "coredns"],
};

const PREVIEW: Unit = Unit {
    name: "preview",
    module: "e2e/images/preview",
    sources: &["go.mod", "go.sum"],
};

/// A server that decides who may pass, for scenarios.
const AUTHZ: Unit = Unit {
    name: "authz",
    module: "e2e/images/authz",
    sources: &["go.mod", "go.sum", "main.go"],
};

const CERT_MANAGER: Unit = Unit {
    name: "certmanager",
    module: "e2e/ecosystem/certmanager",
    sources: &["go.mod", "go.sum", "main.go"],
};

/// Builds everything a cluster needs.
pub(super) fn ensure() -> Result<Built> {
    let mut built = ensure_tools()?;
    built.kube = unit(&KUBE, |folder| {
        eprintln!("    building Kubernetes (minutes, once)");
        go_build(&KUBE, &folder.join("kube"), "./cmd/kube", &version_flags()?)?;
        std::os::unix::fs::symlink("kube", folder.join("kubectl")).context("linking kubectl")
    })?
    .join("kube");
    let programs = unit(&IMAGES, |folder| {
        let echo = "sigs.k8s.io/gateway-api/conformance/echo-basic";
        go_build(&IMAGES, &folder.join("echo-basic"), echo, "")?;
        go_build(&IMAGES, &folder.join("coredns"), "./coredns", "")?;
        let archive = |name: &str| folder.join(format!("{name}.tar"));
        // The DNS server binds port 53, for which the published image has a file capability.
        pack(
            &built,
            &folder.join("coredns"),
            &archive("coredns"),
            &[DNS_IMAGE],
            "",
        )?;
        pack(
            &built,
            &folder.join("echo-basic"),
            &archive("echo-basic"),
            ECHO_IMAGES,
            "",
        )?;
        let pause = built.tools.join("pause");
        pack(&built, &pause, &archive("pause"), &[PAUSE_IMAGE], "").map(drop)
    })?;
    built.images = ["pause", "coredns", "echo-basic"]
        .map(|name| programs.join(format!("{name}.tar")))
        .to_vec();
    Ok(built)
}

/// The image that only a preview of the suite v1.7.0 needs.
pub(super) fn ensure_preview(built: &Built) -> Result<PathBuf> {
    let folder = unit(&PREVIEW, |folder| {
        let (program, package) = (
            folder.join("echo-basic"),
            "sigs.k8s.io/gateway-api-conformance-images/echo-basic",
        );
        go_build(&PREVIEW, &program, package, "")?;
        pack(
            built,
            &program,
            &folder.join("echo-basic.tar"),
            PREVIEW_ECHO_IMAGES,
            "",
        )
        .map(drop)
    })?;
    Ok(folder.join("echo-basic.tar"))
}

/// Builds only what manages clusters.
pub(super) fn ensure_tools() -> Result<Built> {
    let tools = unit(&TOOLS, |folder| {
        go_build(&TOOLS, &folder.join("gwcluster"), "./cmd/gwcluster", "")?;
        go_build(&TOOLS, &folder.join("cni-ptp"), "./cmd/cni-ptp", "")?;
        go_build(&TOOLS, &folder.join("pause"), "./cmd/pause", "")
    })?;
    Ok(Built {
        tools,
        kube: PathBuf::new(),
        images: Vec::new(),
    })
}

/// Builds tests that run inside a cluster.
pub(super) fn ensure_tests(tests: &Unit, package: &str) -> Result<PathBuf> {
    let folder = unit(tests, |folder| {
        let module = root().join(tests.module);
        let mut build = go(
            &[
                "test",
                "-c",
                "-trimpath",
                "-buildvcs=false",
                "-tags",
                "cluster",
                "-o",
            ],
            &module,
        );
        run(build.arg(folder.join("cluster.test")).arg(package))
    })?;
    Ok(folder.join("cluster.test"))
}

/// Builds the program that measures an installation from inside.
pub(super) fn ensure_bench() -> Result<PathBuf> {
    let folder = unit(&BENCH, |folder| {
        go_build(&BENCH, &folder.join("bench"), "./bench", "")
    })?;
    Ok(folder.join("bench"))
}

/// Builds the authorization server of the scenarios.
pub(super) fn ensure_authz() -> Result<PathBuf> {
    let folder = unit(&AUTHZ, |folder| go_build(&AUTHZ, &folder.join("authz"), ".", ""))?;
    Ok(folder.join("authz"))
}

/// Builds programs of others that work with Gateways. The answer is a folder with them by name, and with the
/// definitions of their kinds.
pub(super) fn ensure_ecosystem() -> Result<PathBuf> {
    let gathered = cache_dir().join("ecosystem");
    fs::create_dir_all(&gathered)?;
    let link = |to: &Path, name: &str| -> Result<()> {
        let from = gathered.join(name);
        match fs::remove_file(&from) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        std::os::unix::fs::symlink(to, &from).with_context(|| format!("linking {}", from.display()))
    };
    let folder = unit(&CERT_MANAGER, |folder| {
        eprintln!("    building cert-manager (minutes, once)");
        go_build(&CERT_MANAGER, &folder.join("certmanager"), ".", "")
    })?;
    link(&folder.join("certmanager"), "certmanager")?;
    let module = "github.com/cert-manager/cert-manager";
    let place = output(&mut go(
        &["list", "-m", "-f", "{{.Dir}}", module],
        &root().join(CERT_MANAGER.module),
    ))?;
    link(
        &Path::new(place.trim()).join("deploy/crds"),
        "certmanager-definitions",
    )?;
    Ok(gathered)
}

/// Builds kind.
pub(super) fn ensure_kind() -> Result<PathBuf> {
    let folder = unit(&KIND, |folder| {
        go_build(&KIND, &folder.join("kind"), "sigs.k8s.io/kind", "")
    })?;
    Ok(folder.join("kind"))
}

/// Makes an image of a static program and returns the path of its archive.
pub(super) fn pack(
    built: &Built,
    program: &Path,
    archive: &Path,
    tags: &[impl AsRef<str>],
    user: &str,
) -> Result<PathBuf> {
    let mut pack = manager_of(built);
    pack.arg("pack").arg(program).arg("--archive").arg(archive);
    for tag in tags {
        pack.args(["--tag", tag.as_ref()]);
    }
    output(pack.args(["--user", user]))?;
    Ok(archive.to_path_buf())
}

/// Folder of a unit, filled by `fill` unless its sources have been built before.
fn unit(unit: &Unit, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let module = root().join(unit.module);
    let compiler = output(&mut go(&["version"], &module)).context("clusters need the Go toolchain")?;
    let base = cache_dir().join("cluster");
    let folder = base.join(format!(
        "{}-{}",
        unit.name,
        fingerprint(&module, unit.sources, &format!("{compiler}{RECIPES}"))?
    ));
    if !folder.is_dir() {
        fs::create_dir_all(&base)?;
        // Complete or not there: two builds at a time do not see each other's halves.
        let partial = tempfile::Builder::new().prefix(".partial-").tempdir_in(&base)?;
        fill(partial.path())?;
        if let Err(error) = fs::rename(partial.keep(), &folder)
            && !folder.is_dir()
        {
            return Err(error).with_context(|| format!("cannot make {}", folder.display()));
        }
    }
    fs::write(folder.join(".used"), "").with_context(|| format!("cannot write to {}", folder.display()))?;
    prune(&base)?;
    Ok(folder)
}

/// Removes builds that have not been used for long.
fn prune(base: &Path) -> Result<()> {
    let limit = SystemTime::now() - KEPT;
    for entry in fs::read_dir(base)? {
        let folder = entry?.path();
        let used = fs::metadata(folder.join(".used")).and_then(|file| file.modified());
        if used.is_ok_and(|used| used < limit) {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
    }
    Ok(())
}

/// A short hash of the sources' names and contents, and of what they are built with.
pub(super) fn fingerprint(module: &Path, sources: &[&str], compiler: &str) -> Result<String> {
    let mut files = Vec::new();
    for source in sources {
        collect(&module.join(source), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    hash.update(compiler);
    for file in files {
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(module).unwrap_or(&file);
        hash.update(format!("{} {}\n", name.display(), content.len()));
        hash.update(content);
    }
    let start = hash
        .finalize()
        .iter()
        .take(8)
        .fold(0_u64, |start, byte| start << 8 | u64::from(*byte));
    Ok(format!("{start:016x}"))
}

/// Adds a file, or all files below a folder.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}

/// Builds a static program without symbols.
fn go_build(unit: &Unit, to: &Path, package: &str, flags: &str) -> Result<()> {
    let module = root().join(unit.module);
    let mut build = go(&["build", "-trimpath", "-buildvcs=false", "-ldflags"], &module);
    run(build.arg(format!("-s -w {flags}")).arg("-o").arg(to).arg(package))
}

/// The Go tool in a module's folder, set up alike for all builds so that they share their cache.
pub(super) fn go(args: &[&str], module: &Path) -> Command {
    let mut go = command("go", args);
    go.current_dir(module)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off");
    go
}

/// Linker flags that make the components tell the version of the Kubernetes module.
fn version_flags() -> Result<String> {
    let template = "{{.Version}}";
    let module = root().join(KUBE.module);
    let version = output(&mut go(
        &["list", "-m", "-f", template, "k8s.io/kubernetes"],
        &module,
    ))?;
    let version = version.trim();
    let mut parts = version.trim_start_matches('v').split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let package = "k8s.io/component-base/version";
    Ok(format!(
        "-X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor} -X {package}.gitTreeState=clean"
    ))
}
