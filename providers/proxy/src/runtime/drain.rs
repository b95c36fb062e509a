//! Draining: telling the connections of a worker that their listener goes away.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// How far draining has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DrainPhase {
    /// Serving.
    Serving,
    /// Finish the requests in flight, start no new one: `Connection: close`, GOAWAY; idle
    /// connections close now.
    Draining,
    /// Time is up: close.
    Closing,
}

/// One worker's drain signal for a group of connections (a port, a listener, everything).
///
/// Local to a thread: watching costs no lock and no shared cache line.
#[derive(Clone, Debug)]
pub struct DrainSignal(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    phase: Cell<DrainPhase>,
    wakers: RefCell<Vec<Option<Waker>>>,
    free: RefCell<Vec<usize>>,
}

impl Default for DrainSignal {
    fn default() -> Self {
        Self::new()
    }
}

impl DrainSignal {
    /// A signal in phase [`DrainPhase::Serving`].
    pub fn new() -> Self {
        Self(Rc::new(Inner {
            phase: Cell::new(DrainPhase::Serving),
            wakers: RefCell::new(Vec::new()),
            free: RefCell::new(Vec::new()),
        }))
    }

    /// Moves on to a later phase and wakes every watcher. Never moves back.
    pub fn advance(&self, phase: DrainPhase) {
        if phase > self.0.phase.get() {
            self.0.phase.set(phase);
            let wakers: Vec<Waker> = self
                .0
                .wakers
                .borrow_mut()
                .iter_mut()
                .filter_map(Option::take)
                .collect();
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// The phase now.
    pub fn phase(&self) -> DrainPhase {
        self.0.phase.get()
    }

    /// Registers a watcher, one per connection. It counts in [`DrainSignal::watchers`] until dropped.
    pub fn watch(&self) -> DrainWatch {
        let slot = self.0.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut wakers = self.0.wakers.borrow_mut();
            wakers.push(None);
            wakers.len() - 1
        });
        DrainWatch {
            signal: self.clone(),
            slot,
        }
    }

    /// Number of live watchers: connections not yet closed.
    pub fn watchers(&self) -> usize {
        self.0.wakers.borrow().len() - self.0.free.borrow().len()
    }
}

/// A connection's view of a [`DrainSignal`].
#[derive(Debug)]
pub struct DrainWatch {
    signal: DrainSignal,
    slot: usize,
}

impl DrainWatch {
    /// The phase now.
    pub fn phase(&self) -> DrainPhase {
        self.signal.phase()
    }

    /// Ready once the phase is `phase` or later; else wakes the task when it changes.
    pub fn poll_reached(&self, cx: &mut Context<'_>, phase: DrainPhase) -> Poll<()> {
        if self.phase() >= phase {
            return Poll::Ready(());
        }
        if let Some(slot) = self.signal.0.wakers.borrow_mut().get_mut(self.slot) {
            match slot {
                Some(waker) if waker.will_wake(cx.waker()) => {}
                _ => *slot = Some(cx.waker().clone()),
            }
        }
        Poll::Pending
    }

    /// Waits for `phase`.
    pub async fn reached(&self, phase: DrainPhase) {
        std::future::poll_fn(|cx| self.poll_reached(cx, phase)).await;
    }
}

impl Drop for DrainWatch {
    fn drop(&mut self) {
        if let Some(slot) = self.signal.0.wakers.borrow_mut().get_mut(self.slot) {
            *slot = None;
        }
        self.signal.0.free.borrow_mut().push(self.slot);
    }
}
