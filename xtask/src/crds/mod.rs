//! Generated parts of `crds/`: types, bundles, constants and features of the Gateway API.
//!
//! `generate` reads the published Go module of each supported release and writes everything that is
//! derived from it. A manifest of SHA-256 sums ties inputs, generator and outputs together, so that
//! `check` finds a hand edit or a forgotten run in milliseconds; `check --full` generates again.

mod bundle;
mod constants;
mod dedupe;
mod emit;
mod features;
mod kopium;
mod manifest;
mod names;
mod own;
mod source;
#[cfg(test)]
mod tests;

use crate::run::{command, root, run};
use anyhow::{Context, Result, bail};
use manifest::Manifest;
use source::Source;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Releases whose bundles are shipped, oldest first. Types come from the newest.
const RELEASES: [&str; 2] = ["v1.6.3", "v1.7.0"];

/// Arguments of `cargo xtask crds`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Write the generated files of crds/ anew from the published Gateway API releases.
    Generate,
    /// Write the CRDs of our own kinds alone, from their Rust types.
    Own,
    /// Fail if generated files differ from what was generated.
    Check {
        /// Generate again and compare; needs the Go toolchain and, the first time, minutes to build kopium.
        #[arg(long)]
        full: bool,
    },
}

/// Generated files by path below `crds/`.
type Files = BTreeMap<String, Vec<u8>>;

/// Runs `cargo xtask crds …`.
pub fn run_command(args: &Args) -> Result<()> {
    match args.command {
        Command::Generate => {
            let (files, manifest) = generate()?;
            manifest::write(&files, &manifest)?;
            let own = own::write()?;
            eprintln!("wrote {own} of our own CRDs below crds/{}", own::FOLDER);
            eprintln!("wrote {} files below crds/", files.len() + 1);
            Ok(())
        }
        Command::Own => {
            let own = own::write()?;
            eprintln!("wrote {own} of our own CRDs below crds/{}", own::FOLDER);
            Ok(())
        }
        Command::Check { full: false } => check(),
        Command::Check { full: true } => {
            check()?;
            let (files, manifest) = generate()?;
            manifest::compare(&files, &manifest)
        }
    }
}

/// Verifies the committed manifest against the files on disk; takes milliseconds.
pub fn check() -> Result<()> {
    Manifest::read()?.verify()
}

fn generate() -> Result<(Files, Manifest)> {
    let sources: Vec<Source> = RELEASES
        .iter()
        .map(|version| Source::fetch(version))
        .collect::<Result<_>>()?;
    let newest = sources.last().context("no release")?;
    let mut files = Files::new();
    let mut inputs = BTreeMap::new();
    for source in &sources {
        for channel in bundle::CHANNELS {
            for file in bundle::crd_files(source, channel)? {
                inputs.insert(
                    format!("{}/{}", source.version, file.path),
                    manifest::sha256(file.text.as_bytes()),
                );
            }
            let text = bundle::text(source, channel)?;
            files.insert(
                format!("bundles/{}-{channel}.jsonl.gz", source.version),
                bundle::compress(&text)?,
            );
            files.insert(
                format!("bundles/{}-{channel}.policies.jsonl", source.version),
                bundle::policies(source, channel)?.into_bytes(),
            );
        }
        for (path, text) in source.below("", ".go") {
            inputs.insert(
                format!("{}/{path}", source.version),
                manifest::sha256(text.as_bytes()),
            );
        }
    }
    files.insert(
        "bundles/LICENSE".to_owned(),
        newest.file("LICENSE")?.as_bytes().to_vec(),
    );
    for (name, text) in types(newest)? {
        files.insert(format!("src/api/{name}"), text.into_bytes());
    }
    files.insert(
        "src/constants/conditions.rs".to_owned(),
        constants::module(newest)?.into_bytes(),
    );
    files.insert(
        "src/features/table.rs".to_owned(),
        features::module(&sources)?.into_bytes(),
    );
    files.insert("src/kinds/table.rs".to_owned(), kinds(newest)?.into_bytes());
    format(&mut files)?;
    let manifest = Manifest::new(inputs, &files)?;
    Ok((files, manifest))
}

fn types(source: &Source) -> Result<BTreeMap<String, String>> {
    let binary = kopium::KOPIUM.ensure()?;
    let folder = tempfile::tempdir()?;
    let mut raw = Vec::new();
    for file in bundle::crd_files(source, "experimental")? {
        let kind = bundle::text_at(&file.crd, "/spec/names/kind")?;
        let version = newest_version(&file.crd).with_context(|| format!("CRD of {kind}"))?;
        let path = folder.path().join(format!("{kind}.yaml"));
        std::fs::write(&path, file.text)?;
        raw.push(kopium::types(&binary, &path, &version)?);
    }
    let known = |name: &str| raw.iter().any(|kind| kind.types.contains_key(name));
    let stale = names::stale(&known);
    if !stale.is_empty() {
        bail!(
            "xtask/src/crds/names.rs names types that no longer exist: {}",
            stale.join(", ")
        );
    }
    let classes = dedupe::merge(&raw)?;
    let kinds: Vec<String> = raw.iter().map(|kind| kind.kind.clone()).collect();
    emit::modules(&classes, &kinds, source.version)
}

/// The table of kinds: those of the newest release's experimental channel.
fn kinds(source: &Source) -> Result<String> {
    let mut text = emit::HEADER.to_owned();
    text.push_str(
        "//! The kinds with types in this crate.\n\nuse super::{KindInfo, Scope};\n\n\
         /// All kinds of the Gateway API, sorted by group and kind.\n\
         pub const KINDS: &[KindInfo] = &[\n",
    );
    for file in bundle::crd_files(source, "experimental")? {
        writeln!(
            text,
            "KindInfo {{ group: {:?}, kind: {:?}, plural: {:?}, scope: Scope::{}, version: {:?} }},",
            bundle::text_at(&file.crd, "/spec/group")?,
            bundle::text_at(&file.crd, "/spec/names/kind")?,
            bundle::text_at(&file.crd, "/spec/names/plural")?,
            bundle::text_at(&file.crd, "/spec/scope")?,
            newest_version(&file.crd)?,
        )?;
    }
    text.push_str("];\n");
    Ok(text)
}

/// The served version to take types from: the first stable one, else the storage version.
fn newest_version(crd: &serde_json::Value) -> Result<String> {
    let versions = crd
        .pointer("/spec/versions")
        .and_then(serde_json::Value::as_array)
        .context("no versions")?;
    let flag = |version: &serde_json::Value, name: &str| {
        version.get(name).and_then(serde_json::Value::as_bool) == Some(true)
    };
    versions
        .iter()
        .find(|version| {
            flag(version, "served") && bundle::text_at(version, "/name").is_ok_and(|name| name == "v1")
        })
        .or_else(|| versions.iter().find(|version| flag(version, "storage")))
        .map(|version| bundle::text_at(version, "/name").map(ToOwned::to_owned))
        .context("no storage version")?
}

/// Formats the Rust files among `files` as the repository's other code is.
fn format(files: &mut Files) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut rustfmt = command("rustfmt", &["--edition", "2024", "--config-path"]);
    rustfmt.arg(root().join("rustfmt.toml"));
    let mut written = Vec::new();
    for (number, (path, bytes)) in files
        .iter()
        .filter(|(path, _)| has_extension(path, "rs"))
        .enumerate()
    {
        let file = folder.path().join(number.to_string()).join("generated.rs");
        std::fs::create_dir_all(file.parent().unwrap_or(folder.path()))?;
        std::fs::write(&file, hide_modules(std::str::from_utf8(bytes)?))?;
        rustfmt.arg(&file);
        written.push((path.clone(), file));
    }
    run(&mut rustfmt)?;
    for (path, file) in written {
        let text = std::fs::read_to_string(&file)?.replace(HIDDEN, "");
        files.insert(path, text.into_bytes());
    }
    Ok(())
}

/// Marks a declaration that rustfmt must not follow to another file.
const HIDDEN: &str = "// file: ";

fn hide_modules(text: &str) -> String {
    let mut hidden = String::new();
    for line in text.lines() {
        if line.starts_with("pub mod ") && line.ends_with(';') {
            hidden.push_str(HIDDEN);
        }
        hidden.push_str(line);
        hidden.push('\n');
    }
    hidden
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}
