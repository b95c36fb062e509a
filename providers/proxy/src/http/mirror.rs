//! Copies of requests sent to mirrors. A mirror never delays or fails the request: it is sent from
//! a task of its own once the request body is known, and its answer is thrown away.

use crate::http::RequestHead;
use crate::http::relay::Replay;
use crate::http::upstream::{FetchLimits, fetch};
use crate::policy::FilterChain;
use crate::runtime::{BackendRuntime, WorkerContext};
use smallvec::SmallVec;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The mirrors that get a copy of one request.
pub(crate) type Mirrors = SmallVec<[Arc<BackendRuntime>; 1]>;

/// Time a mirror has to answer.
const LIMIT: Duration = Duration::from_secs(15);
/// How much of its answer is read, so that its connection can be used again.
const ANSWER: usize = 64 * 1024;

thread_local! {
    static IN_FLIGHT: Cell<usize> = const { Cell::new(0) };
}

/// The mirrors that a request was drawn for.
pub(crate) fn sampled(rule: &FilterChain, backend: &FilterChain) -> Mirrors {
    rule.mirrors()
        .iter()
        .chain(backend.mirrors())
        .filter(|mirror| mirror.sample())
        .filter_map(|mirror| mirror.backend.clone())
        .collect()
}

/// Sends the copies, unless the body was too long to keep or too many are in flight.
pub(crate) fn start(mirrors: Mirrors, head: &RequestHead, replay: &Replay, worker: &Rc<WorkerContext>) {
    if mirrors.is_empty() {
        return;
    }
    let Some(body) = replay.whole() else { return };
    for backend in mirrors {
        if IN_FLIGHT.get() >= worker.options().limits.mirrors_in_flight {
            return;
        }
        let mut head = head.clone();
        head.upgrade = None;
        let (body, worker) = (body.clone(), Rc::clone(worker));
        let in_flight = InFlight::new();
        tokio::task::spawn_local(async move {
            let _in_flight = in_flight;
            let limits = FetchLimits {
                timeout: LIMIT,
                max_body: ANSWER,
                offer: None,
            };
            // Failure is the mirror's own business.
            let _ = fetch(&worker, &backend, head, body, limits).await;
        });
    }
}

struct InFlight;

impl InFlight {
    fn new() -> Self {
        IN_FLIGHT.set(IN_FLIGHT.get() + 1);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        IN_FLIGHT.set(IN_FLIGHT.get().saturating_sub(1));
    }
}
