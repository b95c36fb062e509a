//! Waking up when files change or a signal asks for it.

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecursiveMode, Watcher};
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Changes that come in a burst (an editor's save, a `git checkout`) are taken together: this long
/// without another event, at most [`BURST`].
const QUIET: Duration = Duration::from_millis(15);
/// See [`QUIET`].
const BURST: Duration = Duration::from_millis(250);
/// File systems lose events (network mounts, overflowing queues): look without one this often.
const PERIOD: Duration = Duration::from_secs(10);

/// Why the program wakes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Look at the files again.
    Look,
    /// Look at the files again because a person asked for it (SIGHUP).
    Reload,
    /// End, letting connections finish (SIGTERM, SIGINT).
    Stop,
}

/// The sources of [`Wake`].
pub struct Wakes {
    events: mpsc::Receiver<()>,
    /// Kept running; `None` when files are not watched.
    watcher: Option<notify::RecommendedWatcher>,
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Wakes {
    /// Watches `paths` (unless empty) and the signals. What cannot be watched is reported and found by
    /// the periodic look instead.
    pub fn new(paths: &[PathBuf]) -> std::io::Result<Self> {
        // One pending event says everything: the queue is bounded by collapsing it.
        let (sender, events) = mpsc::channel(1);
        let watched: Vec<&PathBuf> = paths.iter().filter(|path| path.as_os_str() != "-").collect();
        let mut watcher = None;
        if !watched.is_empty() {
            let told = move |event: notify::Result<notify::Event>| {
                if event.map_or(true, |event| matters(event.kind)) {
                    let _ = sender.try_send(());
                }
            };
            // A linked folder may be anywhere and of any size: what happens in it is found by the periodic look.
            let config = notify::Config::default().with_follow_symlinks(false);
            match notify::RecommendedWatcher::new(told, config) {
                Ok(mut started) => {
                    for path in watched {
                        // A file is replaced by renaming: its folder tells, the file itself does not.
                        let (target, mode) = if path.is_dir() {
                            (path.clone(), RecursiveMode::Recursive)
                        } else {
                            let folder = path.parent().map_or(path.clone(), PathBuf::from);
                            (folder, RecursiveMode::NonRecursive)
                        };
                        let target = if target.as_os_str().is_empty() {
                            PathBuf::from(".")
                        } else {
                            target
                        };
                        if let Err(error) = started.watch(&target, mode) {
                            tracing::warn!(path = %target.display(), %error, "cannot watch; looking every {PERIOD:?}");
                        }
                    }
                    watcher = Some(started);
                }
                Err(error) => tracing::warn!(%error, "cannot watch files; looking every {PERIOD:?}"),
            }
        }
        Ok(Self {
            events,
            watcher,
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next reason to wake up.
    pub async fn next(&mut self) -> Wake {
        let watching = self.watcher.is_some();
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Wake::Stop,
            _ = self.interrupt.recv() => Wake::Stop,
            _ = self.hangup.recv() => Wake::Reload,
            Some(()) = self.events.recv(), if watching => {
                self.settle().await;
                Wake::Look
            }
            () = tokio::time::sleep(PERIOD), if watching => Wake::Look,
        }
    }

    /// Waits until a burst of events is over.
    async fn settle(&mut self) {
        let _ = tokio::time::timeout(BURST, async {
            while tokio::time::timeout(QUIET, self.events.recv())
                .await
                .is_ok_and(|event| event.is_some())
            {}
        })
        .await;
    }
}

/// Whether an event may mean that a file has changed. Opening and reading do not, or each look would cause
/// the next one.
const fn matters(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if !matches!(access, AccessKind::Close(AccessMode::Write)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn looking_causes_no_look_and_writing_does() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        std::fs::write(&file, "a").unwrap();
        for path in [dir.path().to_path_buf(), file.clone()] {
            let mut wakes = Wakes::new(&[path]).unwrap();
            for _ in 0..3 {
                assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
                std::fs::read(&file).unwrap();
            }
            let early = tokio::time::timeout(Duration::from_millis(300), wakes.next()).await;
            assert!(early.is_err(), "{early:?}");
            std::fs::write(&file, "b").unwrap();
            let woken = tokio::time::timeout(PERIOD / 2, wakes.next()).await;
            assert_eq!(woken.unwrap(), Wake::Look);
        }
    }

    #[tokio::test]
    async fn a_file_in_a_new_folder_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let mut wakes = Wakes::new(&[dir.path().to_path_buf()]).unwrap();
        std::fs::create_dir(dir.path().join("new")).unwrap();
        assert_eq!(
            tokio::time::timeout(PERIOD / 2, wakes.next()).await.unwrap(),
            Wake::Look
        );
        // The watch on the new folder starts at some time after its creation.
        let seen = async {
            for number in 0.. {
                std::fs::write(dir.path().join("new").join(format!("{number}.yaml")), "a").unwrap();
                if tokio::time::timeout(Duration::from_millis(100), wakes.next())
                    .await
                    .is_ok()
                {
                    break;
                }
            }
        };
        tokio::time::timeout(PERIOD / 2, seen).await.unwrap();
    }
}
