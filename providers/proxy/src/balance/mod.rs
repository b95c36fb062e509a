//! Which endpoint takes a request.
//!
//! Load and health belong to an endpoint, not to a route or a worker: they are atomics in the
//! [`EndpointRuntime`] that every route and worker shares, and they outlive changes of the endpoint
//! list. Choosing takes no lock and allocates nothing.
//!
//! The choice, in order: the endpoint that a session names; else, of two endpoints drawn at random,
//! the one with fewer requests in flight ("power of two choices"). Only endpoints near the proxy are
//! drawn from when the backend prefers those ([`Near`]) and one of them is usable. Endpoints that
//! failed repeatedly are left out for a while ([`Health`]), unless more than half of the endpoints
//! are: then the fault is likely elsewhere, and all are used.

mod health;
mod near;
mod pick;

pub use health::{Health, Outcome};
pub use near::Near;
pub use pick::{Lease, PickContext, choose_weighted, pick};
