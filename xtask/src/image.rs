//! Static programs, and images from scratch made of them.

use crate::cluster;
use crate::run::{cargo, run};
use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where images come from unless somebody says otherwise.
pub const REGISTRY: &str = "ghcr.io/gatewright";

/// Arguments of `cargo xtask images`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask images && kind load image-archive target/images/controller.tar target/images/proxy.tar
  cargo xtask images --registry registry.example.com/gatewright --tag v0.1.0")]
pub struct Args {
    /// Registry and path of the images' names.
    #[arg(long, default_value = REGISTRY)]
    registry: String,
    /// Their tag; by default the version, with v.
    #[arg(long, default_value = concat!("v", env!("CARGO_PKG_VERSION")))]
    tag: String,
    /// Cargo profile of the programs.
    #[arg(long, default_value = "release")]
    profile: String,
}

/// Writes an image of each part, as `docker save` would, below the target folder.
///
/// # Errors
/// When a build fails.
pub fn run_command(args: &Args) -> Result<()> {
    for part in Part::ALL {
        write(args, part)?;
    }
    Ok(())
}

/// The image of the proxies must be smaller than this, unpacked, in bytes.
const MOST: u64 = 25 << 20;

/// The release's image of the proxies is small enough, as a step of the tests; that of the controller is measured.
///
/// # Errors
/// When it is not, or a build fails.
pub fn check_size() -> Result<()> {
    let args = Args {
        registry: REGISTRY.to_owned(),
        tag: "size".to_owned(),
        profile: "release".to_owned(),
    };
    write(&args, Part::Controller)?;
    small_enough(write(&args, Part::Proxy)?)
}

fn small_enough(size: u64) -> Result<()> {
    let [found, most] = [size, MOST].map(mebibytes);
    ensure!(
        size < MOST,
        "the image of the proxies has {found:.1} MiB, accepted are less than {most:.0} MiB"
    );
    Ok(())
}

/// Writes the image of a part; answers its size unpacked, in bytes.
fn write(args: &Args, part: Part) -> Result<u64> {
    let program = program(part, &args.profile)?;
    let tag = format!("{}/{}:{}", args.registry, part.name(), args.tag);
    let Written { archive, unpacked } = archive(part, &program, &tag)?;
    eprintln!(
        "    {tag}: {} ({:.1} MiB, unpacked {:.1} MiB)",
        archive.display(),
        mebibytes(std::fs::metadata(&archive)?.len()),
        mebibytes(unpacked)
    );
    Ok(unpacked)
}

/// An image that was written.
pub struct Written {
    /// Where it is.
    pub archive: PathBuf,
    /// Its size unpacked, in bytes.
    unpacked: u64,
}

/// Writes the image of a part from its static program, as it is shipped: with the public certificate authorities.
///
/// # Errors
/// When a file cannot be read or written.
pub fn archive(part: Part, program: &Path, tag: &str) -> Result<Written> {
    let folder = target_dir()?.join("images");
    std::fs::create_dir_all(&folder)?;
    let authorities = folder.join("ca-certificates.crt");
    std::fs::write(&authorities, public_authorities()?)?;
    let archive = folder.join(format!("{}.tar", part.name()));
    let image = cluster::Packed {
        program,
        at: None,
        files: &[(AUTHORITIES.to_owned(), authorities.clone())],
        tag,
    };
    cluster::pack(&image, &archive)?;
    let size = |file: &Path| std::fs::metadata(file).map(|about| about.len());
    let unpacked = size(program)? + size(&authorities)?;
    Ok(Written { archive, unpacked })
}

fn mebibytes(size: u64) -> f64 {
    size as f64 / f64::from(1 << 20)
}

/// Where programs look for the public certificate authorities.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Mozilla's authorities, PEM: backends that a BackendTLSPolicy checks with
/// `wellKnownCACertificates: System`.
///
/// # Errors
/// Never; writing to a string does not fail.
pub fn public_authorities() -> Result<String> {
    let mut text = String::new();
    for authority in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let body = base64::engine::general_purpose::STANDARD.encode(authority);
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in body.as_bytes().chunks(64) {
            writeln!(text, "{}", std::str::from_utf8(line)?)?;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    Ok(text)
}

/// What goes into an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The controller, with every provider.
    Controller,
    /// The proxy alone.
    Proxy,
}

impl Part {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Controller, Self::Proxy];

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
    // Named, so that flags for programs do not reach build scripts and macros.
    let host = host()?;
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
        &host,
    ]);
    if part == Part::Proxy {
        build.arg("--no-default-features");
    }
    // The C library is chosen by the last link alone: nothing else has to be compiled for it. Nobody reads symbols
    // in an image from scratch.
    build.args(["--", "-C", "target-feature=+crt-static", "-C", "strip=symbols"]);
    run(&mut build)?;
    let target = target_dir()?;
    let folder = target.join("images").join(part.name());
    std::fs::create_dir_all(&folder)?;
    // The other part's program has the same name.
    let program = folder.join("gatewright");
    // Cargo's own name of the profile's folder.
    let profile = if profile == "dev" { "debug" } else { profile };
    let built = target.join(&host).join(profile).join("gatewright");
    std::fs::copy(&built, &program).with_context(|| format!("copying {}", built.display()))?;
    Ok(program)
}

/// The compiler's name of this machine's kind.
///
/// # Errors
/// When the compiler does not tell.
pub fn host() -> Result<String> {
    let about = crate::run::output(&mut crate::run::command("rustc", &["-vV"]))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(ToOwned::to_owned).context("rustc -vV names no host")
}

/// Cargo's folder of what it builds.
///
/// # Errors
/// When cargo does not tell.
pub fn target_dir() -> Result<PathBuf> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_is_too_large_is_told() {
        small_enough(MOST - 1).unwrap();
        let error = small_enough(MOST + (1 << 19)).unwrap_err().to_string();
        assert_eq!(
            error,
            "the image of the proxies has 25.5 MiB, accepted are less than 25 MiB"
        );
    }
}
