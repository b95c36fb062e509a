//! What the files hold, and what changed since the last look.
//!
//! A file is read again only when its stamp changed. A file that cannot be read keeps what it held before,
//! and an object whose new version is invalid keeps its last good one, as it would in an API server, which
//! refuses the update: a half-written file never takes routes away. A file that is gone takes its objects
//! with it. An object that two files define is taken from the file that comes
//! first, and the second is reported.

use super::scan::{self, Found, Stamp};
use gatewright_core::snapshot::{Change, Kind, Object, ObjectKey};
use gatewright_validation::{Diagnostic, LoadedObject, Validator};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// How the file is called in messages.
    shown: String,
    objects: Vec<Held>,
    diagnostics: Vec<Diagnostic>,
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
    max_file_bytes: u64,
    files: BTreeMap<PathBuf, FileState>,
    objects: BTreeMap<ObjectKey, Arc<Object>>,
}

impl World {
    /// A world that has not looked yet.
    pub fn new(paths: Vec<PathBuf>, validator: Validator, max_file_bytes: u64) -> Self {
        Self {
            paths,
            validator,
            max_file_bytes,
            files: BTreeMap::new(),
            objects: BTreeMap::new(),
        }
    }

    /// How many objects there were at the last look.
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// Looks at the files again. Standard input (`-`) is read at the first look only.
    pub fn look(&mut self) -> Look {
        let mut look = Look::default();
        let (found, errors) = scan::scan(&self.paths);
        look.diagnostics
            .extend(errors.iter().map(|error| Problem::Unreadable(error.to_string())));
        if errors.is_empty() {
            let present: BTreeSet<&Path> = found.iter().map(|file| file.path.as_path()).collect();
            self.files
                .retain(|path, _| path.as_os_str() == "-" || present.contains(path.as_path()));
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
        if self
            .files
            .get(&file.path)
            .is_some_and(|known| known.stamp == Some(file.stamp))
        {
            return false;
        }
        let bytes = std::fs::File::open(&file.path)
            .map_err(|error| error.to_string())
            .and_then(|handle| read_bounded(handle, self.max_file_bytes));
        self.store(
            &file.path,
            &file.path.display().to_string(),
            bytes,
            Some(file.stamp),
        );
        true
    }

    fn store(&mut self, path: &Path, shown: &str, bytes: Result<Vec<u8>, String>, stamp: Option<Stamp>) {
        let last = self
            .files
            .remove(path)
            .map(|last| last.objects)
            .unwrap_or_default();
        let mut state = FileState {
            stamp,
            shown: shown.to_owned(),
            objects: Vec::new(),
            diagnostics: Vec::new(),
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
                keep_last_good(&mut state, last);
            }
            Err(why) => {
                state.unreadable = Some(format!("{shown}: {why}"));
                state.objects = last;
            }
        }
        state.objects.shrink_to_fit();
        self.files.insert(path.to_path_buf(), state);
    }

    /// Merges the files into one set of objects and works out what changed.
    fn merge(&mut self, look: &mut Look) {
        let mut merged: BTreeMap<&ObjectKey, (&FileState, &Held)> = BTreeMap::new();
        for file in self.files.values() {
            let unreadable = file.unreadable.iter().chain(&file.misshapen);
            look.diagnostics
                .extend(unreadable.cloned().map(Problem::Unreadable));
            look.diagnostics
                .extend(file.diagnostics.iter().cloned().map(Problem::Manifest));
            for (kind, count) in &file.skipped {
                *look.skipped.entry(kind.clone()).or_default() += count;
            }
            for held in &file.objects {
                match merged.entry(&held.key) {
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        entry.insert((file, held));
                    }
                    std::collections::btree_map::Entry::Occupied(entry) => {
                        let (first, kept) = entry.get();
                        look.diagnostics.push(Problem::Duplicate {
                            object: held.key.clone(),
                            kept: first.place(kept),
                            ignored: file.place(held),
                        });
                    }
                }
            }
        }
        for (key, (_, held)) in &merged {
            let same = self
                .objects
                .get(key)
                .is_some_and(|known| Arc::ptr_eq(known, &held.object) || *known == held.object);
            if !same {
                look.changes.push(Change::Upsert(Arc::clone(&held.object)));
            }
        }
        let gone = self.objects.keys().filter(|key| !merged.contains_key(key));
        look.changes.extend(gone.cloned().map(Change::Delete));
        self.objects = merged
            .into_iter()
            .map(|(key, (_, held))| (key.clone(), Arc::clone(&held.object)))
            .collect();
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

/// Reads all bytes, but not more than `limit`.
fn read_bounded(source: impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > limit {
        return Err(format!(
            "larger than the limit of {} MiB; split it or raise --max-file-size",
            limit / (1024 * 1024)
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright_validation::Mode;

    const SERVICE: &str =
        "apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {ports: [{port: 80}]}\n";

    fn world(dir: &Path) -> World {
        let validator = Validator::new(
            gatewright_validation::Bundle::V1_7_0,
            gatewright_validation::Channel::Experimental,
            Mode::Lenient,
        );
        World::new(vec![dir.to_path_buf()], validator, 1024 * 1024)
    }

    fn names(world: &World) -> Vec<String> {
        world
            .objects
            .keys()
            .map(|key| key.name.name.to_string())
            .collect()
    }

    #[test]
    fn only_what_changed_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.yaml"), SERVICE.replace("NAME", "a")).unwrap();
        std::fs::write(dir.path().join("b.yaml"), SERVICE.replace("NAME", "b")).unwrap();
        let mut world = world(dir.path());
        assert_eq!(world.look().changes.len(), 2);
        assert_eq!(world.look().changes.len(), 0);
        std::fs::write(
            dir.path().join("b.yaml"),
            SERVICE.replace("NAME", "b").replace("80", "8080"),
        )
        .unwrap();
        std::fs::remove_file(dir.path().join("a.yaml")).unwrap();
        let look = world.look();
        assert_eq!(
            (look.changes.len(), look.read),
            (2, 1),
            "one edited, one gone, one read"
        );
        assert_eq!(names(&world), ["b"]);
    }

    #[test]
    fn an_invalid_update_keeps_the_last_good_object() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        let two = SERVICE.replace("NAME", "a") + "---\n" + &SERVICE.replace("NAME", "b");
        std::fs::write(&file, &two).unwrap();
        let mut world = world(dir.path());
        world.look();
        for broken in [
            two.replacen("80", "no-number", 1),
            two.replacen("spec: {", "spec: {{", 1),
            "kind: [".to_owned(),
        ] {
            std::fs::write(&file, &broken).unwrap();
            let look = world.look();
            assert!(!look.diagnostics.is_empty(), "{broken}");
            assert_eq!(names(&world), ["a", "b"], "{broken}");
        }
        std::fs::write(&file, SERVICE.replace("NAME", "b")).unwrap();
        world.look();
        assert_eq!(names(&world), ["b"], "a valid file without the object removes it");
    }

    #[test]
    fn an_object_that_two_files_define_is_taken_from_the_first_and_reported() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.yaml"), SERVICE.replace("NAME", "x")).unwrap();
        std::fs::write(
            dir.path().join("b.yaml"),
            SERVICE.replace("NAME", "x").replace("80", "90"),
        )
        .unwrap();
        let mut world = world(dir.path());
        let look = world.look();
        assert_eq!(look.changes.len(), 1);
        let text = look.diagnostics[0].to_string();
        assert!(text.contains("b.yaml:1") && text.contains("a.yaml:1"), "{text}");
    }

    #[test]
    fn a_file_past_the_limit_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.yaml"), vec![b' '; 1024 * 1024 + 1]).unwrap();
        let look = world(dir.path()).look();
        assert!(
            look.diagnostics[0].to_string().contains("limit of 1 MiB"),
            "{}",
            look.diagnostics[0]
        );
    }
}
