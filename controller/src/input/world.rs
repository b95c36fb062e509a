//! What the files hold, and what changed since the last look.
//!
//! A file is read again only when its stamp changed. A file that cannot be read keeps what it held before
//! (the last good objects), so that a vanishing or half-written file never takes routes away; a file that
//! is gone takes its objects with it. An object that two files define is taken from the file that comes
//! first, and the second is reported.

use super::scan::{self, Found, Stamp};
use gatewright_validation::{Diagnostic, Gvk, LoadedObject, Validator};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Identity of an object across versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectId {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectId {
    fn of(object: &LoadedObject) -> Self {
        let Gvk { group, kind, .. } = &object.gvk;
        Self {
            group: group.clone(),
            kind: kind.clone(),
            namespace: object.namespace.clone().unwrap_or_default(),
            name: object.name.clone(),
        }
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// A change of the world.
#[derive(Clone, Debug)]
pub enum ObjectChange {
    /// The object is new or different.
    Upsert(Arc<LoadedObject>),
    /// The object is gone.
    Delete(ObjectId),
}

/// The result of one look.
#[derive(Debug, Default)]
pub struct Look {
    /// Changes since the last look, in order of identity.
    pub changes: Vec<ObjectChange>,
    /// Everything that is wrong with the files as they are now.
    pub diagnostics: Vec<Problem>,
    /// Objects of kinds that are not ours, by kind.
    pub skipped: BTreeMap<String, usize>,
    /// Files that were read again.
    pub read: usize,
}

/// Something wrong with the input.
#[derive(Clone, Debug)]
pub enum Problem {
    /// Within a manifest.
    Manifest(Diagnostic),
    /// A file or folder that cannot be read; what it held before is kept.
    Unreadable(String),
    /// An object that is defined twice.
    Duplicate {
        /// The object.
        object: ObjectId,
        /// `file:line` of the one that counts.
        kept: String,
        /// `file:line` of the one that does not.
        ignored: String,
    },
}

struct FileState {
    stamp: Option<Stamp>,
    objects: Vec<Arc<LoadedObject>>,
    diagnostics: Vec<Diagnostic>,
    skipped: BTreeMap<String, usize>,
    unreadable: Option<String>,
}

/// All input files and what they hold.
pub struct World {
    paths: Vec<PathBuf>,
    validator: Validator,
    max_file_bytes: u64,
    files: BTreeMap<PathBuf, FileState>,
    objects: BTreeMap<ObjectId, Arc<LoadedObject>>,
}

impl World {
    /// A world that has not looked yet.
    pub fn new(paths: Vec<PathBuf>, validator: Validator, max_file_bytes: u64) -> Self {
        Self { paths, validator, max_file_bytes, files: BTreeMap::new(), objects: BTreeMap::new() }
    }

    /// All objects as of the last look.
    pub fn objects(&self) -> impl Iterator<Item = (&ObjectId, &Arc<LoadedObject>)> {
        self.objects.iter()
    }

    /// Looks at the files again. Standard input (`-`) is read at the first look only.
    pub fn look(&mut self) -> Look {
        let mut look = Look::default();
        let (found, errors) = scan::scan(&self.paths);
        look.diagnostics.extend(errors.iter().map(|error| Problem::Unreadable(error.to_string())));
        if errors.is_empty() {
            let present: BTreeSet<&Path> = found.iter().map(|file| file.path.as_path()).collect();
            self.files.retain(|path, _| path.as_os_str() == "-" || present.contains(path.as_path()));
        }
        for file in &found {
            look.read += usize::from(self.refresh(file));
        }
        if self.paths.iter().any(|path| path.as_os_str() == "-") && !self.files.contains_key(Path::new("-")) {
            let bytes = read_bounded(std::io::stdin().lock(), self.max_file_bytes);
            self.store(Path::new("-"), "standard input", bytes, None);
            look.read += 1;
        }
        self.merge(&mut look);
        look
    }

    /// Reads a file when it changed; says whether it did.
    fn refresh(&mut self, file: &Found) -> bool {
        if self.files.get(&file.path).is_some_and(|known| known.stamp == Some(file.stamp)) {
            return false;
        }
        let bytes = std::fs::File::open(&file.path)
            .map_err(|error| error.to_string())
            .and_then(|handle| read_bounded(handle, self.max_file_bytes));
        self.store(&file.path, &file.path.display().to_string(), bytes, Some(file.stamp));
        true
    }

    fn store(&mut self, path: &Path, shown: &str, bytes: Result<Vec<u8>, String>, stamp: Option<Stamp>) {
        let state = match bytes {
            Ok(bytes) => {
                let loaded = self.validator.load(shown, &bytes);
                FileState {
                    stamp,
                    objects: loaded.objects.into_iter().map(Arc::new).collect(),
                    diagnostics: loaded.diagnostics,
                    skipped: loaded.skipped,
                    unreadable: None,
                }
            }
            Err(why) => {
                let last = self.files.remove(path);
                FileState {
                    stamp,
                    objects: last.map(|last| last.objects).unwrap_or_default(),
                    diagnostics: Vec::new(),
                    skipped: BTreeMap::new(),
                    unreadable: Some(format!("{shown}: {why}")),
                }
            }
        };
        self.files.insert(path.to_path_buf(), state);
    }

    /// Merges the files into one set of objects and works out what changed.
    fn merge(&mut self, look: &mut Look) {
        let mut merged: BTreeMap<ObjectId, Arc<LoadedObject>> = BTreeMap::new();
        for file in self.files.values() {
            look.diagnostics.extend(file.unreadable.clone().map(Problem::Unreadable));
            look.diagnostics.extend(file.diagnostics.iter().cloned().map(Problem::Manifest));
            for (kind, count) in &file.skipped {
                *look.skipped.entry(kind.clone()).or_default() += count;
            }
            for object in &file.objects {
                match merged.entry(ObjectId::of(object)) {
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        entry.insert(Arc::clone(object));
                    }
                    std::collections::btree_map::Entry::Occupied(entry) => {
                        look.diagnostics.push(Problem::Duplicate {
                            object: entry.key().clone(),
                            kept: place(entry.get()),
                            ignored: place(object),
                        });
                    }
                }
            }
        }
        for (id, object) in &merged {
            let same = self
                .objects
                .get(id)
                .is_some_and(|known| Arc::ptr_eq(known, object) || known.value == object.value);
            if !same {
                look.changes.push(ObjectChange::Upsert(Arc::clone(object)));
            }
        }
        let gone = self.objects.keys().filter(|id| !merged.contains_key(id));
        look.changes.extend(gone.cloned().map(ObjectChange::Delete));
        self.objects = merged;
    }
}

fn place(object: &LoadedObject) -> String {
    format!("{}:{}", object.source.file, object.source.line)
}

/// Reads all bytes, but not more than `limit`.
fn read_bounded(source: impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > limit {
        return Err(format!(
            "larger than the limit of {} MiB; split it or raise --max-file-size",
            limit / (1024 * 1024)
        ));
    }
    Ok(bytes)
}
