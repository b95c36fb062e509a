//! Leadership, as providers look at it.

use gatewright_provider_api::contract::{BoxFuture, Lead};
use tokio::sync::watch;

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
