//! The pure core: snapshot to graph to load balancer model and statuses.
//!
//! [`Engine`] is the way in: it takes changes of input objects and gives back what became different,
//! in the load balancers and in the statuses. [`snapshot`] holds the objects, [`graph`] decides who
//! attaches to what, [`translate`], [`backend`], [`policy`] and [`certificate`] read specifications into
//! the model, [`status`] puts the findings into words. Time is an argument; nothing here does IO.

pub mod backend;
pub mod certificate;
pub mod engine;
pub mod graph;
pub mod lookup;
pub mod policy;
mod small_set;
pub mod snapshot;
pub mod status;
#[cfg(test)]
pub(crate) mod testing;
pub mod translate;

pub use engine::{Delta, Engine, EngineOptions};
pub use small_set::SmallSet;
