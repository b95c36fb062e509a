//! Reading files within bounds of size and of time.

use super::scan::Sort;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// How long a pipe may keep the program waiting.
const PATIENCE: Duration = Duration::from_secs(10);

const MIB: u64 = 1024 * 1024;

/// Most bytes that are read.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From one file.
    pub file: u64,
    /// From all files.
    pub total: u64,
}

impl Bounds {
    /// From the numbers of MiB that a person gives.
    pub const fn mib(file: u64, total: u64) -> Self {
        Self {
            file: file.saturating_mul(MIB),
            total: total.saturating_mul(MIB),
        }
    }

    /// Why a file past the bound on all of them is not read.
    pub fn exceeded(self) -> String {
        format!(
            "not read: the manifests up to this one are larger than the limit of {} MiB; name fewer or raise \
             --max-total-size",
            self.total / MIB
        )
    }
}

/// The bytes of a file, at most `limit`; otherwise why not, in words.
pub fn file(path: &Path, sort: Sort, limit: u64) -> Result<Vec<u8>, String> {
    match sort {
        Sort::Regular => {
            let handle = std::fs::File::open(path).map_err(|error| error.to_string())?;
            // What stands there now may be something else than what was found; a folder says so by itself.
            match handle.metadata() {
                Ok(metadata) if metadata.is_file() && metadata.len() > limit => Err(too_large(limit)),
                Ok(metadata) if metadata.is_file() || metadata.is_dir() => bounded(handle, limit),
                Ok(_) => Err("is no longer a regular file".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        }
        Sort::Stream => stream(path, limit, PATIENCE),
    }
}

/// Reads all bytes, but not more than `limit`.
pub fn bounded(source: impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > limit {
        return Err(too_large(limit));
    }
    Ok(bytes)
}

fn too_large(limit: u64) -> String {
    format!(
        "larger than the limit of {} MiB; split it or raise --max-file-size",
        limit / MIB
    )
}

/// Reads a pipe, whose other end may never be opened or never be closed, on a thread of its own, which is
/// left to itself when the time is up.
fn stream(path: &Path, limit: u64, patience: Duration) -> Result<Vec<u8>, String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let owned = path.to_path_buf();
    std::thread::Builder::new()
        .name("manifest-pipe".to_owned())
        .spawn(move || {
            let result = std::fs::File::open(owned)
                .map_err(|error| error.to_string())
                .and_then(|handle| bounded(handle, limit));
            let _ = sender.send(result);
        })
        .map_err(|error| error.to_string())?;
    receiver.recv_timeout(patience).unwrap_or_else(|_| {
        Err(format!(
            "a pipe that was not written to its end within {} s; it is not read again",
            patience.as_secs()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe(dir: &Path) -> std::path::PathBuf {
        let path = dir.join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        path
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_is_an_error_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let error = stream(&pipe(dir.path()), 10, Duration::from_millis(20)).unwrap_err();
        assert!(error.starts_with("a pipe that was not written"), "{error}");
    }

    #[test]
    fn a_pipe_is_read_to_its_end_and_not_further_than_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = pipe(dir.path());
        for (text, limit, expected) in [
            ("kind: x", 10, Ok("kind: x")),
            ("kind: xyz", 4, Err("larger than")),
        ] {
            let (to, text) = (path.clone(), text.to_owned());
            let writer = std::thread::spawn(move || std::fs::write(to, text));
            let read = stream(&path, limit, PATIENCE);
            // The reader may be gone before all is written.
            let _ = writer.join().unwrap();
            match expected {
                Ok(expected) => assert_eq!(read.unwrap(), expected.as_bytes()),
                Err(start) => assert!(read.unwrap_err().starts_with(start)),
            }
        }
    }

    #[test]
    fn an_endless_device_ends_at_the_limit() {
        let error = file(Path::new("/dev/zero"), Sort::Stream, MIB).unwrap_err();
        assert!(error.contains("limit of 1 MiB"), "{error}");
    }

    #[test]
    fn bounds_that_no_number_holds_are_the_largest_ones() {
        let bounds = Bounds::mib(u64::MAX, u64::MAX);
        assert_eq!(bounded(&b"abc"[..], bounds.file).unwrap(), b"abc");
    }
}
