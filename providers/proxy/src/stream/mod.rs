//! TCP, TLS passthrough and UDP.

pub mod copy;
pub mod targets;
pub mod tcp;
pub mod udp;
