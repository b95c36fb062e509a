//! The committed manifest of sums: which inputs and generator made which files.

use super::{Files, bundle, has_extension};
use crate::run::root;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where the manifest is, below `crds/`.
const PATH: &str = "generated.json";

/// Folders below `crds/` that hold nothing but generated files.
const FOLDERS: [&str; 2] = ["bundles", "src/api"];

const HINT: &str = "run `cargo xtask crds generate`; generated files are never edited by hand";

/// SHA-256 sums, by path.
#[derive(Serialize, Deserialize, PartialEq)]
pub struct Manifest {
    /// Tool that made the types.
    kopium: String,
    /// Sources of the generator, below the repository root.
    generator: BTreeMap<String, String>,
    /// Files of the Go module, by release and path.
    inputs: BTreeMap<String, String>,
    /// Generated files, below `crds/`.
    outputs: BTreeMap<String, String>,
}

/// Hexadecimal SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn crds() -> PathBuf {
    root().join("crds")
}

impl Manifest {
    /// The manifest of what was just generated.
    pub fn new(inputs: BTreeMap<String, String>, files: &Files) -> Result<Self> {
        Ok(Self {
            kopium: super::kopium::KOPIUM.version.to_owned(),
            generator: generator_sums()?,
            inputs,
            outputs: files
                .iter()
                .map(|(path, bytes)| (path.clone(), sha256(bytes)))
                .collect(),
        })
    }

    /// The committed manifest.
    pub fn read() -> Result<Self> {
        let path = crds().join(PATH);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}: {HINT}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged: {HINT}", path.display()))
    }

    /// Compares the sums with the files on disk and lists every difference.
    pub fn verify(&self) -> Result<()> {
        let mut wrong = Vec::new();
        for (path, sum) in &self.outputs {
            match std::fs::read(crds().join(path)) {
                Ok(bytes) if sha256(&bytes) == *sum => {}
                Ok(_) => wrong.push(format!("crds/{path} was changed after it was generated")),
                Err(error) => wrong.push(format!("crds/{path}: {error}")),
            }
        }
        for folder in FOLDERS {
            for path in files_below(&crds().join(folder))? {
                let path = format!("{folder}/{path}");
                if !self.outputs.contains_key(&path) {
                    wrong.push(format!("crds/{path} is not a generated file"));
                }
            }
        }
        if generator_sums()? != self.generator {
            wrong.push("xtask/src/crds/ changed since the last generation".to_owned());
        }
        if self.kopium != super::kopium::KOPIUM.version {
            wrong.push(format!(
                "types were made with kopium {}, the generator asks for {}",
                self.kopium,
                super::kopium::KOPIUM.version
            ));
        }
        report(&wrong)
    }
}

/// Compares freshly generated files with those on disk; compressed files by what they hold.
pub fn compare(files: &Files, manifest: &Manifest) -> Result<()> {
    let mut wrong = Vec::new();
    for (path, fresh) in files {
        let committed = std::fs::read(crds().join(path)).unwrap_or_default();
        let same = if has_extension(path, "gz") {
            bundle::decompress(fresh)? == bundle::decompress(&committed).unwrap_or_default()
        } else {
            *fresh == committed
        };
        if !same {
            wrong.push(format!("crds/{path} differs from what is generated now"));
        }
    }
    let committed = Manifest::read()?;
    for (path, sum) in &manifest.inputs {
        if committed.inputs.get(path) != Some(sum) {
            wrong.push(format!("input {path} is not the one the files were made from"));
        }
    }
    report(&wrong)
}

/// Replaces all generated files and the manifest.
pub fn write(files: &Files, manifest: &Manifest) -> Result<()> {
    for folder in FOLDERS {
        let path = crds().join(folder);
        if path.exists() {
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot empty {}", path.display()))?;
        }
    }
    for (path, bytes) in files {
        let path = crds().join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut text = serde_json::to_string_pretty(manifest)?;
    text.push('\n');
    std::fs::write(crds().join(PATH), text)?;
    Ok(())
}

fn report(wrong: &[String]) -> Result<()> {
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("generated files drifted:\n  {}\n{HINT}", wrong.join("\n  "))
}

fn generator_sums() -> Result<BTreeMap<String, String>> {
    let folder = Path::new("xtask/src/crds");
    files_below(&root().join(folder))?
        .into_iter()
        .filter(|name| name != "tests.rs")
        .map(|name| {
            let path = folder.join(&name);
            let bytes = std::fs::read(root().join(&path))?;
            Ok((path.display().to_string(), sha256(&bytes)))
        })
        .collect()
}

fn files_below(folder: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("cannot list {}: {HINT}", folder.display()))?
    {
        found.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(found)
}
