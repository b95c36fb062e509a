//! The webhook that gives new pods the readiness gate of [`super::gates`].
//!
//! The API server asks it about pods in namespaces that opted in; a Service that a load balancer of a cloud uses must
//! select them. Who cannot be asked holds nobody up (`failurePolicy: Ignore`), and nothing is refused here.

mod registration;
mod review;
mod server;
#[cfg(test)]
mod tests;

pub use registration::Registration;
pub use server::serve;
