//! The access log: captured by workers, formatted and written by a thread of its own.

mod capture;
mod format;

pub(crate) use capture::Selection;
pub use capture::{DEFAULT_FIELDS, FIELDS};

use crate::observe::RequestRecord;
use crate::runtime::{AccessLogFormat, AccessLogOptions, ForwardingOptions};
use capture::Entry;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use thiserror::Error;

/// Entries that may wait to be written.
const QUEUE: usize = 32 * 1024;
/// Bytes gathered before they are written.
const BATCH: usize = 64 * 1024;
/// Pause of the writer when nothing waits. A sleeping writer costs the workers no wake-up.
const NAP: Duration = Duration::from_millis(5);
/// Pauses after which the writer waits to be woken instead.
const NAPS: u32 = 40;

/// Why the access log cannot be set up.
#[derive(Debug, Error)]
pub enum LogError {
    /// A selected field does not exist.
    #[error("access log field {field:?} is unknown; accepted are {accepted}, and header:NAME")]
    Field {
        /// What was found.
        field: String,
        /// What is accepted.
        accepted: String,
    },
    /// The file cannot be opened.
    #[error("access log {path}: {error}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The writer's thread cannot be started.
    #[error("thread of the access log: {0}")]
    Thread(io::Error),
}

/// The log as workers see it.
#[derive(Clone, Debug)]
pub(crate) struct LogHandle {
    selection: Arc<Selection>,
    queue: SyncSender<Entry>,
}

impl LogHandle {
    /// Queues an entry; `false` when the queue is full.
    pub(crate) fn log(&self, record: &RequestRecord<'_>, forwarding: &ForwardingOptions) -> bool {
        self.queue
            .try_send(self.selection.capture(record, forwarding))
            .is_ok()
    }
}

/// The running log. Dropping it writes what is queued.
#[derive(Debug)]
pub(crate) struct AccessLog {
    handle: LogHandle,
    control: Arc<Control>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Control {
    stop: AtomicBool,
    reopen: AtomicBool,
    failures: AtomicU64,
}

impl AccessLog {
    /// Opens the log and starts its writer.
    pub(crate) fn start(options: &AccessLogOptions) -> Result<Self, LogError> {
        let selection = Arc::new(Selection::new(&options.fields)?);
        let sink = Sink::open(options.path.as_deref())?;
        let (queue, entries) = sync_channel(QUEUE);
        let control = Arc::new(Control::default());
        let writer = Writer {
            entries,
            selection: Arc::clone(&selection),
            format: options.format,
            path: options.path.clone(),
            sink,
            control: Arc::clone(&control),
        };
        let thread = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || writer.run())
            .map_err(LogError::Thread)?;
        Ok(Self {
            handle: LogHandle { selection, queue },
            control,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) fn handle(&self) -> LogHandle {
        self.handle.clone()
    }

    /// Opens the file anew before the next line: it was moved away.
    pub(crate) fn reopen(&self) {
        self.control.reopen.store(true, Ordering::Release);
    }

    /// Batches that could not be written.
    pub(crate) fn failures(&self) -> u64 {
        self.control.failures.load(Ordering::Relaxed)
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.control.stop.store(true, Ordering::Release);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

enum Sink {
    File(File),
    Stdout,
}

impl Sink {
    fn open(path: Option<&Path>) -> Result<Self, LogError> {
        let Some(path) = path else {
            return Ok(Self::Stdout);
        };
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map(Self::File)
            .map_err(|error| LogError::Open {
                path: path.to_owned(),
                error,
            })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.write_all(bytes),
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
        }
    }
}

struct Writer {
    entries: Receiver<Entry>,
    selection: Arc<Selection>,
    format: AccessLogFormat,
    path: Option<PathBuf>,
    sink: Sink,
    control: Arc<Control>,
}

impl Writer {
    fn run(mut self) {
        let mut buffer = Vec::with_capacity(BATCH + 4096);
        let mut naps = 0;
        loop {
            // Read before the queue: what was queued before the stop is still written.
            let stop = self.control.stop.load(Ordering::Acquire);
            match self.entries.try_recv() {
                Ok(entry) => {
                    naps = 0;
                    self.line(&entry, &mut buffer);
                    if buffer.len() >= BATCH {
                        self.write(&mut buffer);
                    }
                    continue;
                }
                Err(TryRecvError::Empty) if !stop => self.write(&mut buffer),
                Err(_) => {
                    self.write(&mut buffer);
                    return;
                }
            }
            if naps < NAPS {
                naps += 1;
                std::thread::sleep(NAP);
                continue;
            }
            match self.entries.recv_timeout(NAP * NAPS) {
                Ok(entry) => {
                    naps = 0;
                    self.line(&entry, &mut buffer);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn line(&self, entry: &Entry, buffer: &mut Vec<u8>) {
        match self.format {
            AccessLogFormat::Json => format::json(&self.selection, entry, buffer),
            AccessLogFormat::Text => format::text(&self.selection, entry, buffer),
        }
    }

    fn write(&mut self, buffer: &mut Vec<u8>) {
        if self.control.reopen.swap(false, Ordering::AcqRel) {
            match Sink::open(self.path.as_deref()) {
                Ok(sink) => self.sink = sink,
                Err(error) => tracing::warn!(%error, "the access log goes on in the old file"),
            }
        }
        if buffer.is_empty() {
            return;
        }
        if let Err(error) = self.sink.write(buffer) {
            // Said once in a while only: a full disk fails every batch.
            if self
                .control
                .failures
                .fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(1000)
            {
                tracing::warn!(%error, "access log entries are lost");
            }
        }
        buffer.clear();
    }
}

#[cfg(test)]
mod tests;
