//! What the files hold, and what changed since the last look.
//!
//! A file is read again only when its stamp changed. A file that cannot be read keeps what it held before,
//! and an object whose new version is invalid keeps its last good one, as it would in an API server, which
//! refuses the update: a half-written file never takes routes away. A file that is gone takes its objects
//! with it. An object that two files define is taken from the file that comes
//! first, and the second is reported.

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
    files: BTreeMap<PathBuf, FileState>,
    /// Diagnostics in `files`.
    diagnostics: usize,
    objects: BTreeMap<ObjectKey, Arc<Object>>,
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
            objects: BTreeMap::new(),
        }
    }

    /// How many objects there were at the last look.
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// Where objects are defined, as `file:line`; the first definition is the one that counts.
    pub fn places(&self, wanted: &BTreeSet<ObjectKey>) -> BTreeMap<ObjectKey, String> {
        let mut places = BTreeMap::new();
        for file in self.files.values() {
            for held in file.objects.iter().filter(|held| wanted.contains(&held.key)) {
                places.entry(held.key.clone()).or_insert_with(|| file.place(held));
            }
        }
        places
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
        self.diagnostics = self.files.values().map(|file| file.diagnostics.len()).sum();
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
        if let Some(known) = self.files.get(&file.path)
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
        let last = self.files.remove(path).map_or_else(Vec::new, |last| {
            self.diagnostics -= last.diagnostics.len();
            last.objects
        });
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
        self.files.insert(path.to_path_buf(), state);
    }

    /// Merges the files into one set of objects and works out what changed.
    fn merge(&mut self, look: &mut Look) {
        let mut merged: BTreeMap<&ObjectKey, (&FileState, &Held)> = BTreeMap::new();
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
        if errors + warnings > 0 {
            look.diagnostics.push(Problem::More { errors, warnings });
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
        let bounds = Bounds {
            file: 1024 * 1024,
            total: 3 * 1024 * 1024,
        };
        World::new(vec![dir.to_path_buf()], validator, bounds)
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

    #[test]
    fn files_past_the_bound_on_all_of_them_are_errors_and_keep_what_they_held() {
        let dir = tempfile::tempdir().unwrap();
        let filler = "#".repeat(1000 * 1024);
        for name in ["a", "b", "c"] {
            std::fs::write(
                dir.path().join(format!("{name}.yaml")),
                SERVICE.replace("NAME", name) + &filler,
            )
            .unwrap();
        }
        let mut world = world(dir.path());
        assert_eq!(world.look().diagnostics.len(), 0);
        std::fs::write(dir.path().join("aa.yaml"), &filler).unwrap();
        // What is behind the bound now is not read again before it changes.
        let c = dir.path().join("c.yaml");
        std::fs::write(&c, SERVICE.replace("NAME", "d") + &filler).unwrap();
        let look = world.look();
        let text = look.diagnostics[0].to_string();
        assert!(text.contains("c.yaml") && text.contains("3 MiB"), "{text}");
        assert_eq!(names(&world), ["a", "b", "c"]);
        std::fs::remove_file(dir.path().join("aa.yaml")).unwrap();
        assert_eq!(world.look().diagnostics.len(), 0);
        assert_eq!(names(&world), ["a", "b", "d"], "read as soon as there is room");
    }

    #[test]
    fn a_second_write_within_one_tick_of_the_file_systems_clock_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        let write = |name: &str, at| {
            std::fs::write(&file, SERVICE.replace("NAME", name)).unwrap();
            let handle = std::fs::File::options().append(true).open(&file).unwrap();
            handle.set_modified(at).unwrap();
        };
        let mut world = world(dir.path());
        let now = SystemTime::now();
        write("a", now);
        world.look();
        write("b", now);
        world.look();
        assert_eq!(names(&world), ["b"]);
    }

    #[test]
    fn a_file_that_vanishes_between_listing_and_reading_takes_its_objects_at_the_next_look() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.yaml"), dir.path().join("b.yaml"));
        std::fs::write(&a, SERVICE.replace("NAME", "a")).unwrap();
        std::fs::write(&b, SERVICE.replace("NAME", "b")).unwrap();
        let mut world = world(dir.path());
        world.look();
        // The listing is of before, the reading of after.
        std::fs::write(&b, SERVICE.replace("NAME", "other-name")).unwrap();
        let (found, _) = scan::scan(&[dir.path().to_path_buf()]);
        std::fs::remove_file(&b).unwrap();
        for file in &found {
            world.refresh(file, 0);
        }
        let mut look = Look::default();
        world.merge(&mut look);
        assert_eq!(names(&world), ["a", "b"], "kept for now");
        assert!(look.diagnostics[0].to_string().contains("b.yaml"));
        let look = world.look();
        assert_eq!(names(&world), ["a"]);
        assert!(look.diagnostics.is_empty(), "{:?}", look.diagnostics);
    }

    #[test]
    fn more_diagnostics_than_are_kept_are_counted_and_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let file = |number: usize| dir.path().join(format!("{number:02}.yaml"));
        // The validator itself keeps 1,000 of a file and one that counts the rest.
        let broken = "---\na: 1\n".repeat(600);
        for number in 0..=MAX_DIAGNOSTICS / 1001 {
            std::fs::write(file(number), &broken).unwrap();
        }
        let mut world = world(dir.path());
        let look = world.look();
        assert_eq!(look.diagnostics.len(), MAX_DIAGNOSTICS + 1);
        let text = look.diagnostics.last().unwrap().to_string();
        assert!(
            text.starts_with("error: and 50 more errors and 0 more warnings"),
            "{text}"
        );
        std::fs::remove_file(file(0)).unwrap();
        std::fs::write(file(49), broken.replace("a: 1", "b: 1")).unwrap();
        assert_eq!(world.look().diagnostics.len(), 49 * 1001);
    }
}
