//! Waking up when files change or a signal asks for it.

use notify::{RecursiveMode, Watcher};
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
            match notify::recommended_watcher(move |_| {
                let _ = sender.try_send(());
            }) {
                Ok(mut started) => {
                    for path in watched {
                        // A file is replaced by renaming: its folder tells, the file itself does not.
                        let target = if path.is_file() {
                            path.parent().map_or(path.clone(), PathBuf::from)
                        } else {
                            path.clone()
                        };
                        let target = if target.as_os_str().is_empty() {
                            PathBuf::from(".")
                        } else {
                            target
                        };
                        if let Err(error) = started.watch(&target, RecursiveMode::Recursive) {
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
