//! Tests of the engine through its public interface.

mod gateways;
mod increments;
mod routes;
