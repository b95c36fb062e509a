//! The pure core: snapshot to graph to load balancer model and statuses.

pub mod backend;
pub mod certificate;
pub mod lookup;
pub mod policy;
pub mod translate;
