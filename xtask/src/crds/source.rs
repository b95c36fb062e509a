//! The published Gateway API Go module: fetched by the Go tool, read from its zip.

use super::has_extension;
use crate::tools::go_module_zip;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

/// Module path of the Gateway API.
pub const MODULE: &str = "sigs.k8s.io/gateway-api";

/// Files larger than this are not read: nothing needed comes near it.
const MAX_FILE: u64 = 8 << 20;

/// The text files of one release that generation reads, by path inside the module.
pub struct Source {
    /// Release, for example `v1.7.0`.
    pub version: &'static str,
    files: BTreeMap<String, String>,
}

impl Source {
    /// Fetches the module into Go's cache when it is missing there, then reads what is needed.
    pub fn fetch(version: &'static str) -> Result<Self> {
        let zip = go_module_zip(MODULE, version)?;
        let file = File::open(&zip).with_context(|| format!("cannot open {}", zip.display()))?;
        let mut archive =
            zip::ZipArchive::new(file).with_context(|| format!("cannot read {}", zip.display()))?;
        let prefix = format!("{MODULE}@{version}/");
        let mut files = BTreeMap::new();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            let name = entry.name()?.to_string();
            let Some(path) = name.strip_prefix(&prefix).map(str::to_owned) else {
                continue;
            };
            if !wanted(&path) {
                continue;
            }
            let mut text = String::new();
            entry
                .by_ref()
                .take(MAX_FILE)
                .read_to_string(&mut text)
                .with_context(|| format!("{path} in {}", zip.display()))?;
            files.insert(path, text);
        }
        if files.is_empty() {
            bail!("{} holds nothing below {prefix}", zip.display());
        }
        Ok(Self { version, files })
    }

    /// One file; an error names the release.
    pub fn file(&self, path: &str) -> Result<&str> {
        self.files
            .get(path)
            .map(String::as_str)
            .with_context(|| format!("{MODULE} {} has no {path}", self.version))
    }

    /// Files below `folder` whose name ends in `ending`, sorted by path.
    pub fn below<'a>(&'a self, folder: &'a str, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.starts_with(folder) && path.ends_with(ending))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

fn wanted(path: &str) -> bool {
    path == "LICENSE"
        || (path.starts_with("config/crd/") && has_extension(path, "yaml"))
        || ((path.starts_with("apis/v1/")
            || path.starts_with("apisx/v1alpha1/")
            || path.starts_with("pkg/features/")
            || path.starts_with("pkg/consts/"))
            && has_extension(path, "go")
            && !path.ends_with("_test.go"))
}
