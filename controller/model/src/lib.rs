//! The provider-neutral load balancer model, and the routing semantics of the Gateway API.
//!
//! One [`LoadBalancer`] describes one Gateway after translation: everything a provider needs to
//! program it and nothing about how Kubernetes expressed it. The model is plain data. It knows no
//! clock, no client, no runtime; two equal inputs give two equal models.
//!
//! **Identity and sharing.** Every part that can change on its own (listener, route, backend,
//! certificate) sits behind an [`std::sync::Arc`] under a stable key. Children name their parents
//! (a route lists the listeners it is attached to), so that changing one Kubernetes object changes
//! one entry, and a consumer finds what changed by comparing pointers first and values second.
//!
//! **Routing semantics exist once**, here: [`hostname`] and [`route`] hold the types, [`router`]
//! the precedence order and the index that both the proxy and the `explain` command execute, and
//! from which cloud providers derive rule priorities.

pub mod address;
pub mod backend;
pub mod balancer;
pub mod certificate;
pub mod explain;
pub mod filter;
pub mod host;
pub mod hostname;
pub mod key;
pub mod listener;
pub mod parts;
pub mod path;
pub mod pattern;
pub mod precedence;
pub mod route;
pub mod router;
pub mod share;
pub mod telemetry;
pub mod unsupported;
pub mod weights;

pub use balancer::LoadBalancer;

/// Shared immutable text: cheap to clone, compared by value.
pub type Str = std::sync::Arc<str>;
