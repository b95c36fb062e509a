//! What the files hold, and what changed since the last look.
//!
//! A file is read again only when its stamp changed. A file that cannot be read keeps what it held before,
//! and an object whose new version is invalid keeps its last good one, as it would in an API server, which
//! refuses the update: a half-written file never takes routes away. A file that is gone takes its objects
//! with it. An object that two files define is taken from the file that comes
//! first, and the second is reported.

mod merge;

use self::merge::Merged;
use super::read::{self, Bounds};
use super::scan::{self, Found, Sort, Stamp};
use gatewright_core::snapshot::{Change, Kind, Object, ObjectKey};
use gatewright_validation::{Diagnostic, LoadedObject, Validator};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Most diagnostics that are kept for all files together; the rest is counted.
const MAX_DIAGNOSTICS: usize = 50_000;

/// The result of one look.
#[derive(Debug, Default)]
pub struct Look {
    /// Changes since the last look.
    pub changes: Vec<Change>,
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
    /// So many more that they are only counted.
    More {
        /// Errors that are not told.
        errors: usize,
        /// Warnings that are not told.
        warnings: usize,
    },
    /// A reference that attaches an object and leads nowhere.
    Dangling {
        /// The object.
        object: ObjectKey,
        /// Its `file:line`.
        place: String,
        /// The field.
        field: String,
        /// What was found and what there is.
        why: String,
    },
    /// An object that is defined twice.
    Duplicate {
        /// The object.
        object: ObjectKey,
        /// `file:line` of the one that counts.
        kept: String,
        /// `file:line` of the one that does not.
        ignored: String,
    },
}

/// An object of a file. It is the one that whoever was told of it has: a second pointer, not a copy.
struct Held {
    key: ObjectKey,
    object: Arc<Object>,
    /// First line of its document.
    line: u32,
}

struct FileState {
    stamp: Option<Stamp>,
    /// When it was read.
    read: SystemTime,
    /// How the file is called in messages.
    shown: String,
    objects: Vec<Held>,
    diagnostics: Vec<Diagnostic>,
    /// Errors and warnings past [`MAX_DIAGNOSTICS`].
    more: (usize, usize),
    skipped: BTreeMap<String, usize>,
    /// Objects that do not have the shape of their kind.
    misshapen: Vec<String>,
    /// Why the file cannot be read.
    unreadable: Option<String>,
}

impl FileState {
    fn place(&self, held: &Held) -> String {
        format!("{}:{}", self.shown, held.line)
    }

    /// Keeps so many diagnostics and counts the others.
    fn limit_diagnostics(&mut self, most: usize) {
        if self.diagnostics.len() > most {
            let more = self.diagnostics.split_off(most);
            let errors = more.iter().filter(|diagnostic| diagnostic.is_error()).count();
            self.more = (errors, more.len() - errors);
            self.diagnostics.shrink_to_fit();
        }
    }

    /// Takes in an object as the validator lets it through; its JSON is gone afterwards.
    fn take(&mut self, loaded: LoadedObject) {
        let Some(kind) = Kind::find(&loaded.gvk.group, &loaded.gvk.kind) else {
            return;
        };
        let line = loaded.source.position.line;
        match Object::read(kind, loaded.value) {
            Ok(object) => self.objects.push(Held {
                key: object.key(),
                object: Arc::new(object),
                line,
            }),
            Err(error) => self.misshapen.push(format!("{}:{line}: {error}", self.shown)),
        }
    }
}

/// All input files and what they hold.
pub struct World {
    paths: Vec<PathBuf>,
    validator: Validator,
    bounds: Bounds,
    files: BTreeMap<Arc<Path>, FileState>,
    /// Diagnostics in `files`.
    diagnostics: usize,
    /// Files read or gone since the last merge, with the objects that they held at it.
    touched: BTreeMap<Arc<Path>, Vec<ObjectKey>>,
    merged: Merged,
}

impl World {
    /// A world that has not looked yet.
    pub fn new(paths: Vec<PathBuf>, validator: Validator, bounds: Bounds) -> Self {
        Self {
            paths,
            validator,
            bounds,
            files: BTreeMap::new(),
            diagnostics: 0,
            touched: BTreeMap::new(),
            merged: Merged::default(),
        }
    }

    /// How many objects there were at the last look.
    pub fn objects(&self) -> usize {
        self.merged.len()
    }

    /// Where was looked, for when nothing was found there.
    pub fn looked_at(&self) -> String {
        let paths: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
        let files = crate::output::count(self.files.len(), "file");
        format!("{} ({files}; .yaml, .yml and .json count)", paths.join(", "))
    }

    /// Where objects are defined, as `file:line`; the first definition is the one that counts.
    pub fn places(&self, wanted: &BTreeSet<ObjectKey>) -> BTreeMap<ObjectKey, String> {
        wanted
            .iter()
            .filter_map(|key| Some((key.clone(), self.merged.place(key, &self.files)?)))
            .collect()
    }

    /// Looks at the files again. Standard input (`-`) is read at the first look only.
    pub fn look(&mut self) -> Look {
        let mut look = Look::default();
        let (found, errors) = scan::scan(&self.paths);
        look.diagnostics
            .extend(errors.iter().map(|error| Problem::Unreadable(error.to_string())));
        if errors.is_empty() {
            let present: BTreeSet<&Path> = found.iter().map(|file| file.path.as_path()).collect();
            let gone: Vec<Arc<Path>> = self
                .files
                .keys()
                .filter(|path| path.as_os_str() != "-" && !present.contains(&***path))
                .cloned()
                .collect();
            for path in gone {
                self.forget(&path);
            }
        }
        let mut total = 0_u64;
        for file in &found {
            total = total.saturating_add(file.stamp.len);
            look.read += usize::from(self.refresh(file, total));
        }
        if self.paths.iter().any(|path| path.as_os_str() == "-") && !self.files.contains_key(Path::new("-")) {
            let bytes = read::bounded(std::io::stdin().lock(), self.bounds.file);
            self.store(Path::new("-"), "standard input", bytes, None);
            look.read += 1;
        }
        self.merge(&mut look);
        look
    }

    /// Reads a file when it changed; says whether it did. `total` is the size of all files up to this one.
    fn refresh(&mut self, file: &Found, total: u64) -> bool {
        if let Some(known) = self.files.get(file.path.as_path())
            && (file.sort == Sort::Stream
                // What kept it from being read (rights, the size of others) may be over without a new stamp.
                || (known.unreadable.is_none()
                    && known.stamp == Some(file.stamp)
                    && !file.stamp.may_hide_a_write(known.read)))
        {
            return false;
        }
        let bytes = if total > self.bounds.total {
            Err(self.bounds.exceeded())
        } else {
            read::file(&file.path, file.sort, self.bounds.file)
        };
        self.store(
            &file.path,
            &file.path.display().to_string(),
            bytes,
            Some(file.stamp),
        );
        true
    }

    fn store(&mut self, path: &Path, shown: &str, bytes: Result<Vec<u8>, String>, stamp: Option<Stamp>) {
        let read = SystemTime::now();
        let path: Arc<Path> = Arc::from(path);
        let last = self.forget(&path);
        let mut state = FileState {
            stamp,
            read,
            shown: shown.to_owned(),
            objects: Vec::new(),
            diagnostics: Vec::new(),
            more: (0, 0),
            skipped: BTreeMap::new(),
            misshapen: Vec::new(),
            unreadable: None,
        };
        match bytes {
            Ok(bytes) => {
                let loaded = self
                    .validator
                    .load_each(shown, &bytes, &mut |object| state.take(object));
                state.diagnostics = loaded.diagnostics;
                state.skipped = loaded.skipped;
                reuse(&mut state.objects, &last);
                keep_last_good(&mut state, last);
                state.limit_diagnostics(MAX_DIAGNOSTICS.saturating_sub(self.diagnostics));
            }
            Err(why) => {
                state.unreadable = Some(format!("{shown}: {why}"));
                state.objects = last;
            }
        }
        state.objects.shrink_to_fit();
        self.diagnostics += state.diagnostics.len();
        self.files.insert(path, state);
    }

    /// Drops what is known of a file, and returns its objects.
    fn forget(&mut self, path: &Arc<Path>) -> Vec<Held> {
        let last = self.files.remove(path).map_or_else(Vec::new, |last| {
            self.diagnostics -= last.diagnostics.len();
            last.objects
        });
        // A file may be read several times before the next merge: what it held at the last one counts.
        self.touched
            .entry(Arc::clone(path))
            .or_insert_with(|| last.iter().map(|held| held.key.clone()).collect());
        last
    }

    /// Tells what is wrong with the files, and works out what changed.
    fn merge(&mut self, look: &mut Look) {
        let (mut errors, mut warnings) = (0, 0);
        for file in self.files.values() {
            errors += file.more.0;
            warnings += file.more.1;
            let unreadable = file.unreadable.iter().chain(&file.misshapen);
            look.diagnostics
                .extend(unreadable.cloned().map(Problem::Unreadable));
            look.diagnostics
                .extend(file.diagnostics.iter().cloned().map(Problem::Manifest));
            for (kind, count) in &file.skipped {
                *look.skipped.entry(kind.clone()).or_default() += count;
            }
        }
        let touched = std::mem::take(&mut self.touched);
        look.changes = self.merged.update(&self.files, &touched);
        look.diagnostics.extend(self.merged.duplicates(&self.files));
        if errors + warnings > 0 {
            look.diagnostics.push(Problem::More { errors, warnings });
        }
    }
}

/// Takes what is as it was before from before, so that it exists once however often its file is read.
fn reuse(objects: &mut [Held], last: &[Held]) {
    let known: BTreeMap<&ObjectKey, &Arc<Object>> =
        last.iter().map(|held| (&held.key, &held.object)).collect();
    for held in objects {
        if let Some(before) = known.get(&held.key)
            && **before == held.object
        {
            held.object = Arc::clone(before);
        }
    }
}

/// Adds the last good version of every object whose new version was refused. Where an error names no
/// object (malformed YAML), any object that the file held before and does not hold now may be meant.
fn keep_last_good(state: &mut FileState, last: Vec<Held>) {
    let errors: Vec<&Diagnostic> = state
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .collect();
    if errors.is_empty() {
        return;
    }
    let present: BTreeSet<&ObjectKey> = state.objects.iter().map(|held| &held.key).collect();
    let refused = |key: &ObjectKey| {
        errors.iter().any(|error| match &error.object {
            None => true,
            Some(named) => {
                named.kind == key.kind.as_str()
                    && *named.name == *key.name.name
                    && *named.namespace.as_deref().unwrap_or_default() == *key.name.namespace
            }
        })
    };
    let kept: Vec<Held> = last
        .into_iter()
        .filter(|held| !present.contains(&held.key) && refused(&held.key))
        .collect();
    state.objects.extend(kept);
}

#[cfg(test)]
mod tests;
