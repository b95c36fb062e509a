//! Access log, metrics, traces, error pages.
//!
//! Nothing here makes a request wait. Metrics are counters of one worker each, written without
//! atomic read-modify-write and added up when somebody asks. Log lines and spans go through bounded
//! queues to threads of their own; when a queue is full the entry is dropped and counted.

pub mod dump;
mod error;
mod log;
mod metrics;
mod observer;
pub mod process;
mod record;
pub mod trace;

pub use error::{error_response, grpc_status};
pub use log::{DEFAULT_FIELDS, FIELDS, LogError};
pub use metrics::StreamKind;
pub use observer::{Observer, WorkerObserver};
pub use record::{RequestRecord, ResponseFlag};
pub use trace::{Span, TracePolicy};
