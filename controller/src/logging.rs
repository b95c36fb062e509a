//! Logs: structured, filtered by `GATEWRIGHT_LOG` (or `RUST_LOG`), the filter changeable at run time.

use std::sync::OnceLock;
use tracing::Level;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer, Layered, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// A part of the subscriber beside the log, with a filter of its own.
pub type Beside = Box<dyn Layer<Registry> + Send + Sync>;

/// What the log is a part of.
type Below = Layered<Option<Beside>, Registry>;

static HANDLE: OnceLock<reload::Handle<EnvFilter, Below>> = OnceLock::new();

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// For people, on standard error.
    Text,
}

/// Starts logging. `default` is the filter when the environment names none.
pub fn start(format: Format, default: &str) {
    start_beside(format, default, None);
}

/// As [`start`], with something beside the log that sees spans and events as well.
pub fn start_beside(format: Format, default: &str, beside: Option<Beside>) {
    let text = std::env::var("GATEWRIGHT_LOG")
        .or_else(|_| std::env::var("RUST_LOG"))
        .unwrap_or_default();
    let filter = EnvFilter::try_new(if text.is_empty() { default } else { &text })
        .unwrap_or_else(|_| EnvFilter::new(default));
    let (filter, handle) = reload::Layer::new(filter);
    let below = tracing_subscriber::registry().with(beside);
    let started = match format {
        Format::Json => below
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_writer(std::io::stderr)
                    .with_filter(
                        filter.and(filter_fn(|event| !tells_requests(event.target(), *event.level()))),
                    ),
            )
            .try_init(),
        Format::Text => below
            .with(
                fmt::layer()
                    .with_target(false)
                    .with_ansi(colours())
                    .with_writer(std::io::stderr)
                    .with_filter(
                        filter.and(filter_fn(|event| !tells_requests(event.target(), *event.level()))),
                    ),
            )
            .try_init(),
    };
    // A second start (in tests) keeps the first subscriber.
    if started.is_ok() {
        let _ = HANDLE.set(handle);
    }
}

/// Whether an event would show whole requests to clouds, private keys and secrets of clients in them: the SDK of AWS tells
/// them at its finest level. No filter switches that on.
fn tells_requests(target: &str, level: Level) -> bool {
    level == Level::TRACE && (target.starts_with("aws_smithy") || target.starts_with("aws_sdk"))
}

/// Whether standard error takes colours: a terminal, unless `--color` says otherwise.
fn colours() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Replaces the filter.
pub fn set_filter(text: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(text).map_err(|error| {
        format!("found `{text}`: {error}; accepted is, for example, info or gatewright_proxy=debug")
    })?;
    let handle = HANDLE.get().ok_or("logging has not started")?;
    handle.reload(filter).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_with_secrets_are_told_at_no_level() {
        assert!(tells_requests(
            "aws_smithy_runtime::client::orchestrator",
            Level::TRACE
        ));
        assert!(!tells_requests(
            "aws_smithy_runtime::client::orchestrator",
            Level::DEBUG
        ));
        assert!(!tells_requests("gatewright_core", Level::TRACE));
    }
}
