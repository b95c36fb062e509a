//! Hashes of all the leading parts of a path and of all the trailing parts of a host, in one pass.

use rustc_hash::FxHasher;
use smallvec::SmallVec;
use std::hash::Hasher;

/// Hash of no segment: of the path `/` and of the host pattern `*`.
pub(crate) const EMPTY: u64 = 0x51_7c_c1_b7_27_22_0a_95;

fn fold(hash: u64, segment: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u64(hash);
    hasher.write(segment);
    hasher.finish()
}

/// A part of a text at a boundary between segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// For paths: where the part ends. For hosts: where it begins.
    pub at: usize,
    /// Its hash.
    pub hash: u64,
}

/// Boundaries of one text, shortest part first.
#[derive(Debug)]
pub(crate) struct Steps {
    pub steps: SmallVec<[Step; 12]>,
    /// Whether the last step is the whole text, which `limit` may have cut off.
    pub complete: bool,
}

/// Leading parts of a path: of `/a/b/` these are `/a`, `/a/b`, `/a/b/`; of `/` there is none.
/// At most `limit` parts are looked at.
pub(crate) fn path_steps(path: &str, limit: usize) -> Steps {
    let mut steps = SmallVec::new();
    let rest = path.strip_prefix('/').unwrap_or(path).as_bytes();
    if rest.is_empty() {
        return Steps {
            steps,
            complete: true,
        };
    }
    let (mut hash, mut begin) = (EMPTY, 0);
    let slashes = memchr::memchr_iter(b'/', rest).chain([rest.len()]);
    for end in slashes {
        if steps.len() == limit {
            return Steps {
                steps,
                complete: false,
            };
        }
        hash = fold(hash, rest.get(begin..end).unwrap_or_default());
        steps.push(Step { at: end + 1, hash });
        begin = end + 1;
    }
    Steps {
        steps,
        complete: true,
    }
}

/// Number of steps and hash of a whole path.
pub(crate) fn path_key(path: &str) -> (usize, u64) {
    let steps = path_steps(path, usize::MAX).steps;
    (steps.len(), steps.last().map_or(EMPTY, |step| step.hash))
}

/// Trailing parts of a host that a wildcard can name: of `a.b.example` these are `.example` and
/// `.b.example`. At most `limit` parts are looked at.
pub(crate) fn host_steps(host: &str, limit: usize) -> Steps {
    let mut steps = SmallVec::new();
    let bytes = host.as_bytes();
    let (mut hash, mut end) = (EMPTY, bytes.len());
    for at in memchr::memrchr_iter(b'.', bytes) {
        if steps.len() == limit || at == 0 {
            break;
        }
        hash = fold(hash, bytes.get(at + 1..end).unwrap_or_default());
        steps.push(Step { at, hash });
        end = at;
    }
    Steps {
        steps,
        complete: true,
    }
}

/// Number of labels and hash of a wildcard's suffix, `.b.example`.
pub(crate) fn suffix_key(suffix: &str) -> (usize, u64) {
    let (mut labels, mut hash) = (0, EMPTY);
    for label in suffix.strip_prefix('.').unwrap_or(suffix).rsplit('.') {
        hash = fold(hash, label.as_bytes());
        labels += 1;
    }
    (labels, hash)
}

/// Hash of a whole text.
pub(crate) fn text_hash(text: &str) -> u64 {
    fold(EMPTY, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{host_steps, path_key, path_steps, suffix_key};

    #[test]
    fn parts_of_paths_hash_like_the_whole_of_shorter_paths() {
        let parts = |path: &str| -> Vec<String> {
            let found = path_steps(path, usize::MAX);
            for step in &found.steps {
                assert_eq!(path_key(&path[..step.at]).1, step.hash, "{path}");
            }
            found
                .steps
                .iter()
                .map(|step| path[..step.at].to_owned())
                .collect()
        };
        assert!(parts("/").is_empty());
        assert_eq!(parts("/a"), ["/a"]);
        assert_eq!(parts("/a/"), ["/a", "/a/"]);
        assert_eq!(parts("/a//b"), ["/a", "/a/", "/a//b"]);
        let cut = path_steps("/a/b/c", 2);
        assert_eq!((cut.steps.len(), cut.complete), (2, false));
        assert!(path_steps("/a/b", 2).complete);
        assert!(!path_steps("/a", 0).complete);
    }

    #[test]
    fn parts_of_hosts_hash_like_suffixes() {
        let host = "a.b.example.com";
        let found = host_steps(host, usize::MAX).steps;
        let parts: Vec<&str> = found.iter().map(|step| &host[step.at..]).collect();
        assert_eq!(parts, [".com", ".example.com", ".b.example.com"]);
        for (labels, step) in (1..).zip(&found) {
            assert_eq!(suffix_key(&host[step.at..]), (labels, step.hash));
        }
        assert!(host_steps("", 9).steps.is_empty());
        assert!(host_steps("localhost", 9).steps.is_empty());
    }
}
