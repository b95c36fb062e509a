//! Calls that wait for their turn, or are refused because there are too many.

use gatewright_provider_api::contract::ErrorKind;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// Decides when calls are made, as AWS and who heeds its buckets do.
pub trait Turns: Send + Sync + fmt::Debug {
    /// Waits until so many calls of an operation may be made, one after the other.
    ///
    /// # Errors
    /// When one of them is refused.
    fn turn<'a>(
        &'a self,
        operation: &'static str,
        calls: usize,
    ) -> Pin<Box<dyn Future<Output = Result<(), ErrorKind>> + Send + 'a>>;
}
