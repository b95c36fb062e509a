//! Tools that the checks need, built once into the cache folder.

use crate::run::{cache_dir, cargo, command, output, root, run};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// A crate from the registry with a binary of the same name.
pub struct CargoTool {
    /// Crate and binary name.
    pub name: &'static str,
    /// Exact version.
    pub version: &'static str,
}

/// Checks licences, bans and sources of dependencies.
pub const CARGO_DENY: CargoTool = CargoTool {
    name: "cargo-deny",
    version: "0.20.2",
};

impl CargoTool {
    /// Path of the binary, built first if it is missing.
    pub fn ensure(&self) -> Result<PathBuf> {
        let home = cache_dir()
            .join("tools")
            .join(format!("{}-{}", self.name, self.version));
        let binary = home.join("bin").join(self.name);
        if !binary.is_file() {
            eprintln!(
                "    building {} {} (once, into the cache folder)",
                self.name, self.version
            );
            let target = cache_dir().join("tools").join("target");
            run(cargo(&[
                "install",
                "--quiet",
                "--locked",
                self.name,
                "--version",
                self.version,
                "--root",
            ])
            .arg(&home)
            .env("CARGO_TARGET_DIR", &target)
            // The repository's pinned toolchain applies; its profile settings do not.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"))?;
            // Build products of a tool are never used again.
            let _ = std::fs::remove_dir_all(&target);
        }
        Ok(binary)
    }
}

/// A Go program of `e2e/tools`, built into the cache folder. Go's own build cache makes a repeated
/// call cheap.
pub fn go_tool(package: &str) -> Result<PathBuf> {
    let folder = cache_dir().join("tools").join("go");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut build = command("go", &["build", "-trimpath", "-o"]);
    build
        .arg(&folder)
        .arg(package)
        .current_dir(root().join("e2e/tools"))
        .env("GOWORK", "off");
    run(&mut build).with_context(|| format!("building {package} (needs the Go toolchain)"))?;
    Ok(folder.join(package.rsplit('/').next().unwrap_or(package)))
}

/// A program of a published Go module, built into the cache folder.
pub fn go_install(package: &str, version: &str) -> Result<PathBuf> {
    let folder = cache_dir().join("tools").join("go");
    let name = package.rsplit('/').next().unwrap_or(package);
    let program = folder.join(format!("{name}-{version}"));
    if !program.is_file() {
        let fresh = tempfile::tempdir()?;
        let mut install = command("go", &["install", "-trimpath", &format!("{package}@{version}")]);
        install
            .env("GOBIN", fresh.path())
            .env("CGO_ENABLED", "0")
            .env("GOWORK", "off")
            .env("GOFLAGS", "-mod=mod");
        run(&mut install).with_context(|| format!("building {package} (needs the Go toolchain)"))?;
        std::fs::create_dir_all(&folder)?;
        std::fs::copy(fresh.path().join(name), &program)?;
    }
    Ok(program)
}

/// Helm, of the version that the charts are tested with.
pub fn helm() -> Result<PathBuf> {
    go_install("helm.sh/helm/v3/cmd/helm", "v3.22.0")
}

/// Folder of a published Go module in Go's cache, fetched when it is missing there.
pub fn go_module(module: &str, version: &str) -> Result<PathBuf> {
    let spec = format!("{module}@{version}");
    let mut download = command("go", &["mod", "download", "-json", &spec]);
    // Outside any module.
    download.current_dir(std::env::temp_dir()).env("GOWORK", "off");
    let found: serde_json::Value = serde_json::from_str(&output(&mut download)?)?;
    let folder = found.get("Dir").and_then(serde_json::Value::as_str);
    folder
        .map(PathBuf::from)
        .with_context(|| format!("`go mod download {spec}` names no folder"))
}

/// The zip of a published Go module in Go's cache, fetched when it is missing there.
///
/// `go mod download` refuses to *use* a module that asks for a newer Go, but it has put the verified zip in the module
/// cache by then, so the zip is what is read.
pub fn go_module_zip(module: &str, version: &str) -> Result<PathBuf> {
    let cache = output(&mut command("go", &["env", "GOMODCACHE"]))
        .with_context(|| format!("the Go toolchain fetches {module}"))?;
    let zip = PathBuf::from(cache.trim())
        .join("cache/download")
        .join(module)
        .join("@v")
        .join(format!("{version}.zip"));
    if zip.is_file() {
        return Ok(zip);
    }
    let spec = format!("{module}@{version}");
    let mut download = command("go", &["mod", "download", &spec]);
    // Outside any module, and never fetching another toolchain.
    download
        .current_dir(std::env::temp_dir())
        .env("GOWORK", "off")
        .env("GOTOOLCHAIN", "local");
    let result = download.output().context("cannot start go")?;
    if !zip.is_file() {
        bail!(
            "`go mod download {spec}` left no {}:\n{}",
            zip.display(),
            String::from_utf8_lossy(&result.stderr)
        );
    }
    Ok(zip)
}
