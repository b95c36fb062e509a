//! Routes: from rules as written to rules as the model executes them.
//!
//! Each function takes one route's rules and a [`Resolver`] and returns what can be served together
//! with [`RouteFindings`], from which the conditions follow. Rules that mean nothing (a bad regular
//! expression, filters that exclude one another) are dropped and said so; rules whose references do
//! not resolve stay where they are and answer 500, so that a request never falls through to a rule it
//! was not meant for (test HTTPRouteRuleOrder).
//!
//! Endpoints are not looked at here: a changed EndpointSlice changes a backend, never a route.

mod duration;
mod extension;
mod filters;
mod grpc;
mod http;
mod matches;
mod outcome;
pub mod pattern;
mod reference;
mod rules;
mod session;
mod stream;

pub use duration::{InvalidDuration, milliseconds, seconds};
pub use extension::{At, Extension};
pub use filters::external_auth;
pub use grpc::grpc_rules;
pub use http::http_rules;
pub(crate) use outcome::join;
pub use outcome::{DroppedRule, Extensions, RefFault, Refusal, RouteFindings};
pub(crate) use reference::EXPERIMENTAL_GROUP;
pub use reference::{Reference, Resolver};
pub(crate) use session::session;
pub use stream::stream_backends;

#[cfg(test)]
mod tests;
