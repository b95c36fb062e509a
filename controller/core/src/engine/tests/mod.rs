//! Tests of the engine through its public interface.

mod clock;
mod gateways;
mod increments;
mod routes;
