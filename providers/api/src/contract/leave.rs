//! Leave to change things: of several processes one makes changes, and stops when another one may begin.

use super::{BoxFuture, ErrorKind, ProviderError, Resource};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// Who may make changes.
pub trait Lead: Send + Sync {
    /// Whether this process may, now.
    fn holds(&self) -> bool;

    /// Ends when it may no more; at once when it may not.
    fn ended(&self) -> BoxFuture<'static, ()>;
}

/// Whether changes may still be made. Looked at before every single one, and while one is under way: a process that
/// was slow, or cut off, must not go on after another one has begun.
#[derive(Clone, Default)]
pub struct Leave(Option<Arc<dyn Lead>>);

impl fmt::Debug for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leave({})", self.holds())
    }
}

impl Leave {
    /// There is no other process.
    pub const fn always() -> Self {
        Self(None)
    }

    /// As long as somebody leads.
    pub fn of(lead: impl Lead + 'static) -> Self {
        Self(Some(Arc::new(lead)))
    }

    /// Whether changes may be made now.
    pub fn holds(&self) -> bool {
        self.0.as_ref().is_none_or(|lead| lead.holds())
    }

    /// Makes a change. `None`: it was not begun, or it was dropped under way because the leave ended; it may have been
    /// carried out.
    pub async fn during<T>(&self, change: impl Future<Output = T>) -> Option<T> {
        if !self.holds() {
            return None;
        }
        let Some(lead) = &self.0 else {
            return Some(change.await);
        };
        let mut ended = lead.ended();
        let mut change = pin!(change);
        poll_fn(|context| {
            // First: what is ready at the same time is not begun any more.
            if ended.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            change.as_mut().poll(context).map(Some)
        })
        .await
    }

    /// The failure of a change that was not made, or not to its end.
    pub fn superseded(resource: Resource) -> ProviderError {
        ProviderError {
            kind: ErrorKind::Superseded,
            resource,
            message: "this process does not lead any more: another one goes on".to_owned(),
        }
    }
}
