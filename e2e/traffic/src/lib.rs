//! Harness of the end-to-end tests: the real program on a folder of manifests, real backends and
//! clients, real sockets on loopback.
//!
//! Nothing here sleeps for luck: every wait polls a condition against a deadline.

pub mod bystander;
pub mod client;
pub mod conversation;
pub mod echo;
pub mod gateway;
pub mod grpc;
pub mod manifest;
pub mod origin;
pub mod pki;
pub mod ports;
pub mod raw;
pub mod tls;
pub mod wait;

pub use echo::Echo;
pub use gateway::Gatewright;
pub use origin::Origin;
