//! Pods that are ready only when load balancers of clouds find them healthy: [`gatewright_core::graph::pods`].
//!
//! ```text
//! hub -> Book (which Services are behind which Gateways and bindings, which pods wait) -> webhook (new pods get the gate)
//!          |
//!          '-> Keeper -> clouds (how well are the targets?) -> condition of the pod
//! ```
//!
//! A gate that was opened stays open: a load balancer sends nothing to a target that is not well any more, and a pod
//! that is not ready would be taken away from everybody else, too.

mod book;
mod decide;
mod keeper;
#[cfg(test)]
mod tests;

pub use book::{Book, Labels};
pub use keeper::Keeper;
