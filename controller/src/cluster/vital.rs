//! Tasks that a controller cannot do without.
//!
//! A panic ends the task it happens in and no other ([ADR 3](../../../docs/adr/0003-panic-policy.md)). Of a connection that is
//! right; a controller that goes on leading without the task that thinks, or writes, would look well and do nothing for ever. So its
//! process ends, Kubernetes starts it anew and counts that, and another one leads once the lease runs out.

use futures_util::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use tokio::task::JoinHandle;

/// Exit code after a panic: an internal error (`EX_SOFTWARE` of sysexits.h).
const SOFTWARE: i32 = 70;

/// Starts a task whose panic ends the process. `name` says in the log which one it was.
pub fn spawn(name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(guarded(name, task, || std::process::exit(SOFTWARE)))
}

async fn guarded(name: &'static str, task: impl Future<Output = ()> + Send, end: impl FnOnce()) {
    // What it left half done is nobody's any more: the process ends.
    if AssertUnwindSafe(task).catch_unwind().await.is_err() {
        tracing::error!(
            task = name,
            "a task that this controller cannot do without panicked, see above: it ends"
        );
        end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn a_panic_ends_the_process_and_an_end_does_not() {
        let ended = AtomicU32::new(0);
        let end = || {
            ended.fetch_add(1, Ordering::Relaxed);
        };
        let times = || ended.load(Ordering::Relaxed);
        guarded("calm", async {}, end).await;
        assert_eq!(times(), 0);
        let wrong = async { assert!(times() > 0, "meant to be so") };
        guarded("wrong", wrong, end).await;
        assert_eq!(times(), 1);
    }
}
