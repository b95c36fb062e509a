//! Finding manifest files below the given paths.
//!
//! Folders are read recursively, files in name order. `.yaml`, `.yml` and `.json` count; hidden
//! entries do not (so a mounted ConfigMap's `..data` folder is not read twice), and a file that is
//! named directly is read whatever its ending. Symbolic links are followed, a folder at most once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use thiserror::Error;

/// Most files that are read; more are an error, not a truncation.
pub const MAX_FILES: usize = 200_000;
/// Most folders that are read: a link to `/` is an error, not a walk through the machine.
pub const MAX_FOLDERS: usize = 20_000;
/// Deepest folder below a given path.
const MAX_DEPTH: usize = 64;

/// A path that cannot be read.
#[derive(Debug, Error)]
pub enum ScanError {
    /// The system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Too many files.
    #[error("{}: more than {MAX_FILES} manifest files; name fewer folders", path.display())]
    TooMany {
        /// Given path.
        path: PathBuf,
    },
    /// Too many folders.
    #[error("{}: more than {MAX_FOLDERS} folders; name fewer, and look for links that lead out of them", path.display())]
    TooManyFolders {
        /// First folder that was left out.
        path: PathBuf,
    },
    /// Too deep.
    #[error("{}: folders nest deeper than {MAX_DEPTH}", path.display())]
    TooDeep {
        /// Folder.
        path: PathBuf,
    },
}

/// Identity of a file's content, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    modified: Option<SystemTime>,
    /// Size in bytes.
    pub len: u64,
    inode: u64,
}

/// Files written this shortly before they were read may be written again without a new stamp: clocks of file
/// systems tick every 1 to 10 ms.
const TICK: Duration = Duration::from_millis(100);

impl Stamp {
    /// Whether the content behind this stamp may have changed since it was read, which was at `read`.
    pub fn may_hide_a_write(&self, read: SystemTime) -> bool {
        self.modified.is_some_and(|modified| modified + TICK > read)
    }

    fn of(metadata: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self {
            modified: metadata.modified().ok(),
            len: metadata.len(),
            inode,
        }
    }
}

/// A manifest file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Path, as given or below a given folder.
    pub path: PathBuf,
    /// Content identity.
    pub stamp: Stamp,
    /// What it is.
    pub sort: Sort,
}

/// What a path that was named leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A regular file.
    Regular,
    /// A pipe or a device, such as the `/dev/fd/63` of a shell's `<(command)`: it can be read once, and it may
    /// keep its reader waiting. Found where it was named itself; in folders such entries do not count.
    Stream,
}

/// All manifest files below `paths`, in order, and what could not be read. `-` is left to the caller.
pub fn scan(paths: &[PathBuf]) -> (Vec<Found>, Vec<ScanError>) {
    let mut scan = Scan::default();
    for path in paths.iter().filter(|path| path.as_os_str() != "-") {
        scan.given(path);
    }
    (scan.found, scan.errors)
}

#[derive(Default)]
struct Scan {
    found: Vec<Found>,
    errors: Vec<ScanError>,
    /// Folders already read, by their real path: a link cycle ends here.
    folders: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
    full: bool,
}

impl Scan {
    fn given(&mut self, path: &Path) {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path, 0),
            Ok(metadata) => self.file(path, &metadata),
            Err(source) => self.errors.push(ScanError::Io {
                path: path.to_path_buf(),
                source,
            }),
        }
    }

    fn folder(&mut self, path: &Path, depth: usize) {
        if depth > MAX_DEPTH {
            self.errors.push(ScanError::TooDeep {
                path: path.to_path_buf(),
            });
            return;
        }
        if self.folders.len() >= MAX_FOLDERS {
            if !std::mem::replace(&mut self.full, true) {
                self.errors.push(ScanError::TooManyFolders {
                    path: path.to_path_buf(),
                });
            }
            return;
        }
        let entries = std::fs::canonicalize(path).and_then(|real| {
            if !self.folders.insert(real) {
                return Ok(Vec::new());
            }
            let mut names = std::fs::read_dir(path)?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<Vec<_>, _>>()?;
            names.sort();
            Ok(names)
        });
        match entries {
            Ok(entries) => entries.iter().for_each(|entry| self.entry(entry, depth)),
            Err(source) => self.errors.push(ScanError::Io {
                path: path.to_path_buf(),
                source,
            }),
        }
    }

    fn entry(&mut self, path: &Path, depth: usize) {
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || self.full {
            return;
        }
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path, depth + 1),
            Ok(metadata) if metadata.is_file() && is_manifest(path) => self.file(path, &metadata),
            Ok(_) => {}
            // Gone between listing and looking: the next look decides.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => self.errors.push(ScanError::Io {
                path: path.to_path_buf(),
                source,
            }),
        }
    }

    fn file(&mut self, path: &Path, metadata: &std::fs::Metadata) {
        if self.found.len() >= MAX_FILES {
            if !std::mem::replace(&mut self.full, true) {
                self.errors.push(ScanError::TooMany {
                    path: path.to_path_buf(),
                });
            }
            return;
        }
        if self.files.insert(path.to_path_buf()) {
            self.found.push(Found {
                path: path.to_path_buf(),
                stamp: Stamp::of(metadata),
                sort: if metadata.is_file() {
                    Sort::Regular
                } else {
                    Sort::Stream
                },
            });
        }
    }
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| {
            ["yaml", "yml", "json"]
                .iter()
                .any(|known| ending.eq_ignore_ascii_case(known))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_in_order_without_hidden_entries_and_link_cycles() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(path("b/.hidden")).unwrap();
        for name in [
            "z.yaml",
            "a.YML",
            "b/c.json",
            "b/.hidden/x.yaml",
            "readme.md",
            ".x.yaml",
        ] {
            std::fs::write(path(name), "").unwrap();
        }
        std::os::unix::fs::symlink(dir.path(), path("b/loop")).unwrap();
        let (found, errors) = scan(&[dir.path().to_path_buf(), path("readme.md"), path("missing")]);
        let names: Vec<_> = found
            .iter()
            .map(|file| file.path.strip_prefix(dir.path()).unwrap())
            .collect();
        assert_eq!(names, ["a.YML", "b/c.json", "z.yaml", "readme.md"].map(Path::new));
        assert_eq!(errors.len(), 1);
        assert!(errors[0].to_string().contains("missing"), "{}", errors[0]);
    }
}
