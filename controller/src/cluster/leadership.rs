//! Leadership, as providers look at it.

use gatewright_provider_api::contract::{BoxFuture, Lead};
use std::future::Future;
use tokio::sync::watch;

/// What comes of `work` while `leads` is true; `None` when it is true no more: the work is dropped at that moment, so that
/// nothing of it is sent any more.
pub async fn while_leading<T>(leads: &mut watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = ended(leads) => None,
        done = work => Some(done),
    }
}

/// Also when nobody can say so any more.
async fn ended(leads: &mut watch::Receiver<bool>) {
    let _ = leads.wait_for(|leads| !*leads).await;
}

/// Whether this process leads.
pub struct Leadership(watch::Receiver<bool>);

impl Leadership {
    /// As `leads` says.
    pub const fn new(leads: watch::Receiver<bool>) -> Self {
        Self(leads)
    }
}

impl Lead for Leadership {
    fn holds(&self) -> bool {
        *self.0.borrow()
    }

    fn ended(&self) -> BoxFuture<'static, ()> {
        let mut leads = self.0.clone();
        Box::pin(async move {
            // When nobody says so any more, the process ends.
            let _ = leads.wait_for(|leads| !*leads).await;
        })
    }
}
